//! What is kept of a run until it is finished: `<output>/unfinished/<run_id>/`, in which `run.json` says what it has done. No reader
//! takes it for a result. A record that is written, and not yet told by the ledger, waits there as well.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::dataset::store::{Located, locate};
use crate::error::{Error, ErrorKind, Result};

pub const FOLDER: &str = "unfinished";
pub(super) const DOCUMENT: &str = "run.json";
/// So many runs are named to who asks for one that is not there.
const NAMED: usize = 3;

pub(super) fn folder(located: &Located, run_id: &str) -> Path {
    located.prefix.clone().join(FOLDER).join(run_id)
}

pub(super) fn document(located: &Located, run_id: &str) -> Path {
    folder(located, run_id).join(DOCUMENT)
}

/// A run's record that waits to be put in place.
#[derive(Debug, Clone)]
pub struct Staged {
    pub run_id: String,
    /// The ledger tells of the run's end after this entry, if at all.
    pub after: u64,
    pub path: Path,
}

/// Where the record waits; its name tells from where on to look in the ledger.
pub(super) fn record(located: &Located, run_id: &str, after: u64) -> Path {
    folder(located, run_id).join(format!("record-{after:012}.parquet"))
}

/// The records that wait in an output.
pub async fn staged(located: &Located) -> Result<Vec<Staged>> {
    let folder = located.prefix.clone().join(FOLDER);
    if located.local.as_ref().is_some_and(|root| !root.join(FOLDER).exists()) {
        return Ok(Vec::new());
    }
    let objects: Vec<_> = located.store.list(Some(&folder)).try_collect().await.map_err(|error| {
        Error::new(ErrorKind::Output, format!("the output {} cannot be read", located.display)).source(error)
    })?;
    let of = |path: &Path| {
        let mut parts = path.prefix_match(&folder)?;
        let (run, name) = (parts.next()?.as_ref().to_string(), parts.next()?.as_ref().to_string());
        let after = name.strip_prefix("record-")?.strip_suffix(".parquet")?.parse().ok()?;
        let run_id = uuid::Uuid::parse_str(&run).ok().map(|_| run)?;
        Some(Staged { run_id, after, path: path.clone() })
    };
    Ok(objects.iter().filter_map(|object| of(&object.location)).collect())
}

/// Puts a run's record where readers look; what was kept of the run goes.
pub async fn publish(located: &Located, run_id: &str, record: Bytes) -> Result<()> {
    let path = located.prefix.clone().join("runs").join(format!("{run_id}.parquet"));
    located.store.put(&path, PutPayload::from(record)).await.map_err(|error| {
        let message = format!("the record of the run {run_id} could not be put in its place in {}", located.display);
        Error::new(ErrorKind::Output, message)
            .hint("its end is in the ledger: the next run there puts it in place, or `tieout ledger verify`")
            .source(error)
    })?;
    remove(located, run_id).await;
    Ok(())
}

/// What a run that was cut off has said of itself. A run that is finished, or is not there, is an error.
pub async fn read_unfinished(output: &str, run_id: &str) -> Result<Bytes> {
    let located = locate(output).await?;
    let unreadable = |error| {
        let message = format!("what is kept of the run {run_id} cannot be read from {}", located.display);
        Error::new(ErrorKind::Output, message).source(error)
    };
    // The name becomes a part of a path.
    if uuid::Uuid::parse_str(run_id).is_err() {
        let error = Error::new(ErrorKind::Usage, format!("`{run_id}` is not the id of a run"));
        return Err(error.hint(others(&located).await));
    }
    match located.store.get(&document(&located, run_id)).await {
        Ok(found) => return found.bytes().await.map_err(unreadable),
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(unreadable(error)),
    }
    let record = located.prefix.clone().join("runs").join(format!("{run_id}.parquet"));
    if located.store.head(&record).await.is_ok() {
        let message = format!("the run {run_id} is finished: there is nothing to go on with");
        return Err(Error::new(ErrorKind::Usage, message).hint("run its rules again without --resume"));
    }
    let message = format!("{} holds nothing of a run {run_id}", located.display);
    Err(Error::new(ErrorKind::NotFound, message).hint(others(&located).await))
}

/// Names the newest runs that can be gone on with.
async fn others(located: &Located) -> String {
    let below = located.prefix.clone().join(FOLDER);
    let listed = located.store.list_with_delimiter(Some(&below)).await;
    let mut runs: Vec<String> = listed.map_or_else(
        |_| Vec::new(),
        |listed| listed.common_prefixes.iter().filter_map(|run| Some(run.filename()?.to_string())).collect(),
    );
    // UUIDv7: their order is that of time.
    runs.sort_unstable();
    runs.reverse();
    match runs.len() {
        0 => "no run there was cut off: leave out --resume".to_string(),
        n => {
            let more = if n > NAMED { " ..." } else { "" };
            format!("runs that were cut off there, the last one first: {}{more}", runs[..n.min(NAMED)].join(", "))
        }
    }
}

/// Removes all that is kept of a run, as far as that is possible.
pub(super) async fn remove(located: &Located, run_id: &str) {
    let folder = folder(located, run_id);
    let objects = located.store.list(Some(&folder)).map_ok(|object| object.location).boxed();
    let removed: Result<Vec<_>, _> = located.store.delete_stream(objects).try_collect().await;
    if let Err(error) = removed {
        tracing::debug!(%folder, %error, "what was kept of a run could not be removed");
    }
    remove_folders(located, run_id);
}

/// Of a local disk: the folders, once they are empty.
pub(super) fn remove_folders(located: &Located, run_id: &str) {
    if let Some(root) = &located.local {
        let unfinished = root.join(FOLDER);
        let run = unfinished.join(run_id);
        for folder in [run.join("sums"), run, unfinished] {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Names of rules.
pub(super) type KeptRules = BTreeSet<String>;

/// What this process has put there.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub document: Option<Bytes>,
    /// Those whose tables stay, should the run be cut off.
    pub rules: KeptRules,
}
