//! The identity of a divergence: the same for the same rule and key in every run, whatever the kind and the width of the
//! key's type.
//!
//! Format, version 1: xxh3_128, 32 hex digits, over length-prefixed parts: `tieout.divergence.1`, the rule's name, the
//! key's values in canonical encoding by value, the text of each key cell that could not be read; rows left over of a key
//! that repeats, and rows without a key, add their side and ordinal. A schema mismatch: `tieout.schema.1`, rule, column.

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringArray};

use crate::error::Result;
use crate::sql::{Mode, digest_id, encode_rows};

/// The ids of a batch. `residues`: the unreadable text of each key column, where it has any; `ordinals`: NULL where the key alone
/// identifies the row.
pub fn divergence_ids(
    rule: &str,
    keys: &[ArrayRef],
    residues: &[(usize, StringArray)],
    sides: &StringArray,
    ordinals: &Int64Array,
) -> Result<StringArray> {
    let rows = sides.len();
    let encoded = encode_rows(keys, rows, Mode::ByValue)?;
    let ids = (0..rows).map(|row| {
        let mut parts: Vec<Vec<u8>> = vec![b"tieout.divergence.1".to_vec(), rule.into(), encoded.row(row).to_vec()];
        for (column, texts) in residues.iter().filter(|(_, texts)| texts.is_valid(row)) {
            parts.push(format!("text {column} {}", texts.value(row)).into_bytes());
        }
        if ordinals.is_valid(row) {
            parts.push(format!("{} {}", sides.value(row), ordinals.value(row)).into_bytes());
        }
        digest_id(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    });
    Ok(StringArray::from_iter_values(ids))
}

pub fn schema_id(rule: &str, column: &str) -> String {
    digest_id(&[b"tieout.schema.1", rule.as_bytes(), column.as_bytes()])
}
