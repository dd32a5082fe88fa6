//! Corrected copies of files: only those with rows that change are written anew, and the originals stay.
//!
//! The walk: [`sought`] reads all files once and finds, in their order, the rows that are to change; `copy` writes the files that
//! hold some (`parquet` what it is told of row groups, [`super::csv`] what it is told of lines), `keep` puts a file where nothing
//! is lost by it, `in_place` puts a copy where the original is. `describe` and `spell` tell which rows there can be.

mod copy;
mod corrected;
mod describe;
mod in_place;
mod keep;
mod parquet;
mod sought;
mod spell;

use std::collections::BTreeSet;

use datafusion::arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

pub use self::in_place::Replaced;
use super::store::Located;
use super::{Opened, OpenedFiles};
use crate::error::{Error, ErrorKind, Result};
use sought::{Found, Sought};

/// One row that is to change: its image before and after, in the columns of the table; none: there is no row. `n`-th of both tables.
#[derive(Debug, Clone)]
pub struct FileChanges {
    /// Columns as images have them; a row of NULLs where `has_before` does not hold.
    pub before: RecordBatch,
    pub has_before: Vec<bool>,
    pub after: RecordBatch,
    pub has_after: Vec<bool>,
    /// Columns that make a row's key, by their places: a row that is to go and is not there was changed if another one has its key.
    pub key: Vec<usize>,
    /// New rows come only where no row has the same cells; else they come whatever is there.
    pub only_new: bool,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewritten {
    Applied,
    /// There is such a row as wanted already, and none as before; of a deletion, there is none as before.
    Done,
    /// There is none as before.
    Stale,
    /// Its file cannot hold it, and why.
    Unfit(String),
}

/// A file that was written anew, or would be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// The original, without secrets; none of a file that is new.
    pub original: Option<String>,
    /// The copy, below the place that was named: the path that the original has below the dataset's place.
    pub path: String,
    /// Of the copy, in hexadecimal digits; empty where none was written.
    pub sha256: String,
    pub bytes: u64,
    pub rows: u64,
    /// Rows that were changed, deleted and inserted.
    pub changed: u64,
}

impl FileChanges {
    fn len(&self) -> usize {
        self.has_before.len()
    }
}

/// What is to be done to one file.
#[derive(Debug, Default)]
struct Edits {
    /// Rows by their number in the file: the change that takes each.
    taken: std::collections::BTreeMap<u64, usize>,
    /// Changes whose rows come to its end.
    appended: Vec<usize>,
}

/// Changes, with what is known of them before any file is looked at.
struct Wanted<'a> {
    changes: &'a FileChanges,
    /// By change: the columns whose image differs.
    differ: Vec<BTreeSet<usize>>,
}

impl Opened {
    /// Writes the files that hold rows to change anew, below `to`; or, with nowhere to write, only tells which. A change takes the
    /// first row, in the order of the files, whose image is the one before.
    pub async fn rewrite(&self, changes: &FileChanges, to: Option<&Located>) -> Result<(Vec<Rewritten>, Vec<Copied>)> {
        let told = async {
            let files = self.rewritable()?;
            let sought = Sought::new(&files.table, changes)?;
            let Found { wanted, fates, edits, rows } = sought.find(files).await?;
            let copies = copy::copies(files, &wanted, &edits, &rows, to).await?;
            Ok((fates, copies))
        };
        told.await.map_err(|error: Error| error.context("dataset", &self.name))
    }

    /// The files, where they are of a kind that can be written anew.
    fn rewritable(&self) -> Result<&OpenedFiles> {
        match self.files() {
            Some(files) if matches!(self.connector, "parquet" | "csv") => Ok(files),
            _ => Err(Error::new(ErrorKind::Config, format!("{} cannot be written anew", self.connector))
                .hint("corrected copies are written of Parquet and CSV files")),
        }
    }
}
