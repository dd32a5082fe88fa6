//! What people said of divergences: acknowledgements, which take them out of the verdict, and what ended them. -> [`Acks`]
//!
//! `<output>/acks/rule=<rule>/<id>.parquet` is what somebody acknowledged, or took back; `run=<run_id>/part-0.parquet` beside it,
//! acknowledgements that a run found to have ended. One schema for all: a row gives an acknowledgement, or ends one, by its id and
//! the divergence's. Which came first is no matter, so any number of people may write at once.

mod ask;
mod digest;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

pub use ask::{Asker, Sighted};
pub use write::{AckFile, Stamp};

use crate::dataset::store::Located;
use crate::divergence::reader::files_table;
use crate::error::{Error, ErrorKind, Result};

pub const FOLDER: &str = "acks";

/// How an acknowledgement ended, as it is written.
pub const ENDS: [&str; 4] = ["withdrawn", "expired", "changed", "resolved"];

/// The files that count, by rule.
pub struct Acks {
    located: Located,
    files: BTreeMap<String, Vec<Path>>,
}

impl Acks {
    /// Of an output that nobody acknowledged anything in: nothing. What a run found counts once the run has a record.
    pub async fn read(located: &Located) -> Result<Self> {
        let folder = located.prefix.clone().join(FOLDER);
        let mut files: BTreeMap<String, Vec<Path>> = BTreeMap::new();
        let mut of_runs: Vec<(String, String, Path)> = Vec::new();
        for path in list(located, &folder).await? {
            match place(&folder, &path) {
                Some((rule, None)) => files.entry(rule).or_default().push(path),
                Some((rule, Some(run))) => of_runs.push((rule, run, path)),
                None => tracing::debug!(%path, "is no file of acknowledgements"),
            }
        }
        if !of_runs.is_empty() {
            let records = located.prefix.clone().join("runs");
            let records: BTreeSet<Path> = list(located, &records).await?.into_iter().collect();
            for (rule, run, path) in of_runs {
                if records.contains(&crate::divergence::unfinished::published(located, &run)) {
                    files.entry(rule).or_default().push(path);
                }
            }
        }
        Ok(Self { located: located.clone(), files })
    }

    /// Rules of whose divergences anything was acknowledged.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// All rows of a rule; none where nothing was acknowledged.
    pub fn table(&self, ctx: &SessionContext, rule: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.files.get(rule) {
            Some(paths) => Ok(Some(files_table(ctx, &self.located, paths, ack_schema())?)),
            None => Ok(None),
        }
    }
}

/// An error of reading what was acknowledged: what is not known does not count, so there is no verdict without it.
pub fn unreadable(rule: &str, error: impl Into<Error>) -> Error {
    let error: Error = error.into();
    if matches!(error.kind(), ErrorKind::Resources | ErrorKind::Interrupted) {
        return error;
    }
    Error::new(ErrorKind::Data, format!("what was acknowledged of the rule `{rule}` cannot be read"))
        .hint("`tieout ledger verify` names the files that were changed")
        .source(error)
}

async fn list(located: &Located, folder: &Path) -> Result<Vec<Path>> {
    let objects = located.store.list(Some(folder)).map_ok(|object| object.location).try_collect().await;
    objects.map_err(|error| {
        Error::new(ErrorKind::Output, format!("the output {} cannot be read", located.display)).source(error)
    })
}

/// The rule of a file below `folder`, and the run that wrote it, if it was a run.
fn place(folder: &Path, path: &Path) -> Option<(String, Option<String>)> {
    let parts: Vec<_> = path.prefix_match(folder)?.map(|part| part.as_ref().to_string()).collect();
    let rule = parts.first()?.strip_prefix("rule=")?.to_string();
    match &parts[1..] {
        [file] if file.ends_with(".parquet") => Some((rule, None)),
        [run, file] if file.ends_with(".parquet") => Some((rule, Some(run.strip_prefix("run=")?.to_string()))),
        _ => None,
    }
}

/// The columns of every file of acknowledgements.
pub fn ack_schema() -> SchemaRef {
    let text = |name: &str, nullable: bool| Field::new(name, DataType::Utf8, nullable);
    let moment = |name: &str, nullable: bool| {
        Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), nullable)
    };
    Arc::new(Schema::new(vec![
        text("ack_id", false),
        text("divergence_id", false),
        text("kind", false),
        Field::new("digest", DataType::FixedSizeBinary(16), false),
        text("ended", true),
        moment("at", false),
        text("actor", true),
        text("note", true),
        moment("until", true),
        text("run_id", true),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_their_places() {
        let folder = Path::from("out/acks");
        let of = |path: &str| place(&folder, &Path::from(path));
        assert_eq!(of("out/acks/rule=r/x.parquet"), Some(("r".into(), None)));
        assert_eq!(of("out/acks/rule=r/run=1/part-0.parquet"), Some(("r".into(), Some("1".into()))));
        for other in
            ["out/acks/x.parquet", "out/acks/rule=r/x.txt", "out/acks/rule=r/a/b/x.parquet", "out/acks/r/x.parquet"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
