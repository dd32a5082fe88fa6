//! Corrected copies of files: only those with rows that change are written anew, and the originals stay.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use serde::{Deserialize, Serialize};

use super::store::Located;
use super::{Opened, Spelled, Writable};
use crate::error::{Error, ErrorKind, Result};

/// One row that is to change: its image before and after, in the columns of the table; none: there is no row. `n`-th of both tables.
#[derive(Debug, Clone)]
pub struct FileChanges {
    /// Columns as images have them; a row of NULLs where `has_before` does not hold.
    pub before: RecordBatch,
    pub has_before: Vec<bool>,
    pub after: RecordBatch,
    pub has_after: Vec<bool>,
}

/// What became of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    Applied,
    /// There is such a row as wanted already, and none as before.
    Done,
    /// There is none as before.
    Stale,
}

/// A file that was written anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// The original, without secrets; none of a file that is new.
    pub original: Option<String>,
    /// The copy, below the place that was named.
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
    pub rows: u64,
    pub changed: u64,
}

impl Opened {
    pub(super) fn writable_files(&self) -> Result<Writable> {
        Err(Error::new(ErrorKind::Internal, "not written yet"))
    }

    pub(super) fn file_images(&self) -> Result<Arc<dyn TableProvider>> {
        Err(Error::new(ErrorKind::Internal, "not written yet"))
    }

    pub(super) fn spell_in_files(&self, _: &Writable, _: usize, _: &ArrayRef) -> Result<Spelled> {
        Err(Error::new(ErrorKind::Internal, "not written yet"))
    }

    /// Writes the files that hold rows to change anew, below `to`; or, with nowhere to write, only tells which.
    pub async fn rewrite(&self, _: &FileChanges, _: Option<&Located>) -> Result<(Vec<Rewritten>, Vec<Copied>)> {
        Err(Error::new(ErrorKind::Internal, "not written yet"))
    }
}
