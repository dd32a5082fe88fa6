//! The identity of a divergence: the same for the same rule and key in every run, whatever the kind and the width of the
//! key's type.
//!
//! Format, version 1: xxh3_128, 32 hex digits, over length-prefixed parts: `tieout.divergence.1`, the rule's name, the
//! key's values in canonical encoding by value, the text of each key cell that could not be read; rows left over of a key
//! that repeats, and rows without a key, add their side and ordinal. A schema mismatch: `tieout.schema.1`, rule, column.

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringArray, StringBuilder};

use crate::error::Result;
use crate::sql::{IdBytes, Mode, digest_id, encode_rows};

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
    let mut parts = IdBytes::beginning(&[b"tieout.divergence.1", rule.as_bytes()]);
    let (mut id, mut ids) = (String::new(), StringBuilder::with_capacity(rows, rows * 32));
    for row in 0..rows {
        parts.begin_again();
        parts.push(encoded.row(row));
        for (column, texts) in residues.iter().filter(|(_, texts)| texts.is_valid(row)) {
            parts.push(format!("text {column} {}", texts.value(row)).as_bytes());
        }
        if ordinals.is_valid(row) {
            parts.push(format!("{} {}", sides.value(row), ordinals.value(row)).as_bytes());
        }
        id.clear();
        parts.write_id(&mut id);
        ids.append_value(&id);
    }
    Ok(ids.finish())
}

pub fn schema_id(rule: &str, column: &str) -> String {
    digest_id(&[b"tieout.schema.1", rule.as_bytes(), column.as_bytes()])
}
