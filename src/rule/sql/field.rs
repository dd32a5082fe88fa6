//! Names of the classifying statement's columns, so that the rooms that read its result agree with the one that writes it.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::side::Side;

pub const KIND: &str = "kind";
pub const SIDE: &str = "side";
pub const ORDINAL: &str = "ordinal";
pub const SOURCE_DIGEST: &str = "source_digest";
pub const TARGET_DIGEST: &str = "target_digest";

/// How often the key of a row stands on each side. Only where SQL classifies, which is where keys repeat.
pub const IN_SOURCE: &str = "in_source";
pub const IN_TARGET: &str = "in_target";

/// The column of that name.
pub fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let missing = || Error::new(ErrorKind::Internal, format!("the classifying statement has no column {name}"));
    batch.column_by_name(name).ok_or_else(missing)
}

/// The i-th key column, in the common type.
pub fn key(i: usize) -> String {
    format!("key{i}")
}

/// What orders the i-th key column.
pub fn key_order(i: usize) -> String {
    format!("order{i}")
}

/// The unreadable text of the i-th key (`k`) or value (`v`) column.
pub fn residue(side: Side, role: char, i: usize) -> String {
    format!("{side}_text_{role}{i}")
}

pub fn own(side: Side, i: usize) -> String {
    format!("{side}{i}")
}

pub fn differs(i: usize) -> String {
    format!("differs{i}")
}

pub fn near(i: usize) -> String {
    format!("near{i}")
}
