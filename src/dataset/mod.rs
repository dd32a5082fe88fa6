//! The systems behind datasets: one file or folder per connector, each of which makes a [`TableProvider`] over pinned
//! inputs. Only this room opens data systems.
//!
//! The walk: [`store`] finds the object store behind a location, `listing` lists what lies there, `pin` remembers the
//! exact version of each object and refuses any other, a connector (`parquet`, `csv`, `ndjson`, `arrow`) reads schemas
//! and rows, `schema` and `hive` make one schema of them, and `table` is what DataFusion's plans read.

mod arrow;
mod csv;
mod database;
mod declared;
mod glob;
mod hive;
mod identical;
mod listing;
mod ndjson;
mod order;
mod parquet;
mod percent;
mod pin;
mod ranges;
mod redact;
mod rewrite;
mod scan;
mod schema;
mod source;
pub mod store;
mod table;
#[cfg(test)]
mod tests;
mod writable;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::datatypes::Field;
use datafusion::catalog::TableProvider;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use self::csv::CsvFiles;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::project::model::{self as project, Connector, Dataset, Files};
pub use database::{
    Change, Changes, DatabaseTable, Databases, Failure, Grid, Image, Request, SegmentBy, Segments, Sum, WriteLimits,
    Writer, ended, spoken,
};
pub use identical::{Alike, Identical, identical};
use listing::Listing;
pub use order::KeyOrder;
use pin::PinnedStore;
pub use ranges::{Ranges, Seam, ranges};
pub use rewrite::{Copied, FileChanges, Replaced, Rewritten};
use table::{FilesTable, Parts};
pub use writable::{Dependent, Parent, Spelled, Unique, Writable, WritableColumn, image_name};

/// Key in a field's metadata: the column is text without a type of its own (a CSV cell, a Hive partition, a JSON
/// string). The value is the declared type as [`DataType`](datafusion::arrow::datatypes::DataType) displays it, or ""
/// where none is declared.
pub const TEXT_OF: &str = "tieout.text_of";

/// Value of [`TEXT_OF`] for numbers of any length that no type declares, each written in only one way.
pub const ANY_NUMBER: &str = "number";

/// Value of [`TEXT_OF`] for what a database tells apart though it has one text, such as the number 12 and the bytes that are
/// written so in hexadecimal digits.
pub const ANY_VALUE: &str = "value";

/// A dataset, opened: what plans read, and what exactly was pinned.
#[derive(Debug, Clone)]
pub struct Opened {
    pub name: String,
    pub table: Arc<dyn TableProvider>,
    pub inputs: Vec<Input>,
    /// Exact, from the metadata of all files (Parquet, Arrow IPC files); None where only reading tells.
    pub rows: Option<u64>,
    /// What reads it: `parquet`, `csv`, `postgres` ...
    pub connector: &'static str,
    behind: Behind,
}

/// What stands behind a dataset.
#[derive(Debug, Clone)]
enum Behind {
    Files(OpenedFiles),
    Database(Arc<DatabaseTable>),
}

#[derive(Debug, Clone)]
struct OpenedFiles {
    /// Before they were listed.
    at: DateTime<Utc>,
    store: Arc<PinnedStore>,
    table: FilesTable,
    sorted_by: Vec<String>,
    /// Of Parquet files, in their order.
    footers: Vec<Arc<ParquetMetaData>>,
    csv: Option<Arc<CsvFiles>>,
}

/// One object, or table of a database, as it was when the dataset was opened.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Input {
    /// Without user info and without the values of a query.
    pub url: String,
    /// Bytes, as stored; of a database, 0.
    pub size: u64,
    /// Of a database, when the snapshot was taken.
    pub last_modified: DateTime<Utc>,
    pub e_tag: Option<String>,
    /// Of an object, its version; of a database, the snapshot that all was read in: `lsn 0/16B3748` ...
    pub version: Option<String>,
}

/// A file that was written just before it was listed may be written again within the clock's grain, and look the same:
/// ETags of local files, and of some servers, are made of time and size.
const SETTLED: TimeDelta = TimeDelta::seconds(3);

impl Input {
    /// Whether a file that was listed after `listed` can still become another one and look the same.
    pub fn is_settled(&self, listed: DateTime<Utc>) -> bool {
        listed - self.last_modified >= SETTLED
    }

    /// Which file it is, in which version, as far as that can be told.
    pub fn identity(&self) -> Option<Vec<String>> {
        let Self { url, size, last_modified, e_tag, version } = self;
        if e_tag.is_none() && version.is_none() && last_modified.timestamp() <= 0 {
            return None;
        }
        // The values of a query are not in the URL: they may be secret, and they may say which file it is.
        if url.starts_with("http") && url.contains('?') {
            return None;
        }
        let text = |option: &Option<String>| option.clone().unwrap_or_default();
        Some(vec![url.clone(), size.to_string(), last_modified.to_rfc3339(), text(e_tag), text(version)])
    }
}

/// Opens a dataset: lists and pins its objects, reads headers, footers or schemas, and registers a store for them in
/// the session. A [`Connector::Sql`] is a view, which the caller registers: an error here.
pub async fn open(
    session: &SessionContext,
    dataset: &Dataset,
    databases: &Databases,
    progress: &Arc<Progress>,
) -> Result<Opened> {
    // Before anything is listed.
    let at = Utc::now();
    let opened = match &dataset.connector {
        Connector::Database(from) => open_database(&dataset.name, from, databases, progress).await,
        _ => open_files(session, dataset, progress, at).await,
    };
    opened.map_err(|error| error.context("dataset", &dataset.name))
}

async fn open_database(
    name: &str,
    from: &project::Database,
    databases: &Databases,
    progress: &Arc<Progress>,
) -> Result<Opened> {
    let table = Arc::new(DatabaseTable::open(databases, from, progress).await?);
    Ok(Opened {
        name: name.to_string(),
        inputs: vec![table.input()],
        table: Arc::clone(&table) as _,
        rows: None,
        connector: from.system.as_str(),
        behind: Behind::Database(table),
    })
}

async fn open_files(
    session: &SessionContext,
    dataset: &Dataset,
    progress: &Arc<Progress>,
    at: DateTime<Utc>,
) -> Result<Opened> {
    let (path, kind) = match &dataset.connector {
        Connector::Parquet(files) => (&files.path, listing::Kind::Parquet),
        Connector::Csv(files, _) => (&files.path, listing::Kind::Csv),
        Connector::Ndjson(files, _) => (&files.path, listing::Kind::Ndjson),
        Connector::Arrow(files) => (&files.path, listing::Kind::Arrow),
        Connector::Database(_) | Connector::Sql(_) => return Err(no_files()),
    };
    let listing = listing::list(path, kind).await?;
    open_listed(session, dataset, listing, progress, at).await
}

fn no_files() -> Error {
    Error::new(ErrorKind::Internal, "only datasets of files have files to open")
}

/// The dataset, of these files.
async fn open_listed(
    session: &SessionContext,
    dataset: &Dataset,
    listing: Listing,
    progress: &Arc<Progress>,
    at: DateTime<Utc>,
) -> Result<Opened> {
    let (files, connector) = match &dataset.connector {
        Connector::Parquet(files) => (files, "parquet"),
        Connector::Csv(files, _) => (files, "csv"),
        Connector::Ndjson(files, _) => (files, "ndjson"),
        Connector::Arrow(files) => (files, "arrow"),
        Connector::Database(_) | Connector::Sql(_) => return Err(no_files()),
    };
    let Files { compression, sorted_by, .. } = files;
    let store = Arc::new(PinnedStore::new(listing, Arc::clone(progress))?);
    let partitions = hive::partitions(store.objects())?;
    let read_twice = matches!(dataset.connector, Connector::Ndjson(..));
    if read_twice {
        store.start_counting();
    }
    let parts = Parts { store: Arc::clone(&store), partitions };
    let (mut footers, mut csv) = (Vec::new(), None);
    let (table, rows) = match &dataset.connector {
        Connector::Parquet(_) => {
            let opened = parquet::open(parts).await?;
            footers = opened.footers;
            (opened.table, Some(opened.rows))
        }
        Connector::Csv(_, options) => {
            let (table, files) = csv::open(parts, options, *compression).await?;
            csv = Some(Arc::new(files));
            (table, None)
        }
        Connector::Ndjson(_, options) => (ndjson::open(parts, options, *compression).await?, None),
        Connector::Arrow(_) => arrow::open(parts).await?,
        Connector::Database(_) | Connector::Sql(_) => return Err(no_files()),
    };
    session.runtime_env().register_object_store(store.url().as_ref(), Arc::clone(&store) as _);
    store.start_counting();
    let inputs = store.objects().iter().map(|object| object.input()).collect();
    Ok(Opened {
        name: dataset.name.clone(),
        table: Arc::new(table.clone()),
        inputs,
        rows,
        connector,
        behind: Behind::Files(OpenedFiles { at, store, table, sorted_by: sorted_by.clone(), footers, csv }),
    })
}

impl Opened {
    /// The files that it reads; none of a database.
    fn files(&self) -> Option<&OpenedFiles> {
        match &self.behind {
            Behind::Files(files) => Some(files),
            Behind::Database(_) => None,
        }
    }

    /// Of Parquet files, in their order; of anything else, none.
    fn footers(&self) -> &[Arc<ParquetMetaData>] {
        self.files().map_or(&[], |files| &files.footers)
    }

    /// The table of a database that it reads, if it does.
    pub fn database(&self) -> Option<&Arc<DatabaseTable>> {
        match &self.behind {
            Behind::Database(table) => Some(table),
            Behind::Files(_) => None,
        }
    }

    /// Whether the system behind it answers, as far as is known. Files are always there.
    pub fn is_alive(&self) -> bool {
        self.database().is_none_or(|table| table.is_alive())
    }

    /// Whether it reads files, which stay as they are.
    pub fn is_files(&self) -> bool {
        self.files().is_some()
    }

    /// What is known of the order of its rows by `columns`.
    pub fn order(&self, columns: &[&str]) -> KeyOrder {
        let Some(files) = self.files() else { return KeyOrder::Unknown };
        match files.sorted_by.starts_with(&columns.iter().map(|column| column.to_string()).collect::<Vec<_>>()) {
            true => KeyOrder::Declared,
            false => order::of_parquet(&files.footers, columns),
        }
    }

    /// About how many bytes a row takes in memory: by the types of its columns, and what Parquet says of the others.
    pub fn row_bytes(&self) -> u64 {
        /// A text or list of unknown length.
        const UNKNOWN: u64 = 32;
        let schema = self.table.schema();
        let rows = self.rows.filter(|rows| *rows > 0 && !self.footers().is_empty());
        let stored = |name: &str| -> u64 {
            let groups = self.footers().iter().flat_map(|footer| footer.row_groups());
            let chunks = groups.flat_map(|group| group.columns());
            let of_column = chunks.filter(|chunk| chunk.column_path().parts().first().is_some_and(|part| part == name));
            of_column.map(|chunk| chunk.uncompressed_size().max(0) as u64).sum()
        };
        let width = |field: &Arc<Field>| match (field.data_type().primitive_width(), rows) {
            (Some(width), _) => width as u64,
            (None, Some(rows)) => stored(field.name()) / rows + 16,
            (None, None) => UNKNOWN,
        };
        schema.fields().iter().map(width).sum::<u64>().max(1)
    }

    /// Rows of the input of this number, where its metadata tells.
    pub fn rows_of(&self, number: usize) -> Option<u64> {
        let footer = self.footers().get(number)?;
        Some(footer.row_groups().iter().map(|group| group.num_rows().max(0) as u64).sum())
    }

    /// A table of the inputs of these numbers; of a database, all of it. `by_file`: with a partition each.
    pub fn of_files(&self, numbers: &[usize], by_file: bool) -> Arc<dyn TableProvider> {
        match self.files() {
            Some(files) => Arc::new(files.table.of_files(numbers, by_file)),
            None => Arc::clone(&self.table),
        }
    }

    /// How a file becomes rows: the connector with its options, and the columns as all files together have them.
    pub fn reading(&self) -> String {
        format!(
            "{} {:?} {:?}",
            self.connector,
            self.table.schema(),
            self.files().and_then(|files| files.csv.as_ref()).map(|csv| csv.options())
        )
    }

    /// Whether reading it waits for a network.
    pub fn is_remote(&self) -> bool {
        self.files().is_none_or(|files| files.store.is_remote())
    }

    /// Bytes of all files, as stored; of a database, 0.
    pub fn bytes(&self) -> u64 {
        self.inputs.iter().map(|input| input.size).sum()
    }

    /// By what its rows can be told: where two openings, in this process or another, have the same text, all rows are the
    /// same. None: that cannot be shown.
    pub async fn identity(&self) -> Result<Option<String>> {
        let Some(files) = self.files() else {
            return match self.database() {
                Some(table) => table.identity().await,
                None => Ok(None),
            };
        };
        let settled = self.inputs.iter().all(|input| input.is_settled(files.at));
        let inputs: Option<Vec<_>> = self.inputs.iter().map(Input::identity).collect();
        Ok(inputs.filter(|_| settled).map(|inputs| format!("{} {inputs:?}", self.reading())))
    }

    /// Looks at every input again: an error of kind `Changed` that names the first object that is no longer what was
    /// pinned. Local files can be changed in place while a stream is open, which no precondition sees.
    pub async fn verify_unchanged(&self) -> Result<()> {
        // A database is read in one snapshot.
        let Some(files) = self.files() else { return Ok(()) };
        files.store.verify_unchanged().await.map_err(|error| error.context("dataset", &self.name))
    }
}
