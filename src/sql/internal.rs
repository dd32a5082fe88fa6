//! What only the engine's own statements use: `key_hash` and `value_bytes`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BinaryBuilder, UInt64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

use super::digest::key_hashes;
use super::encode::{Mode, check_encodable, encode_rows};
use super::function::{Call, Function, Planned};
use crate::error::Result;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        // 64 bits of a key; NULL is a value like any other.
        Function::new("key_hash", 1..=usize::MAX, hash_type, key_hash).never_null().build(),
        // The canonical encoding by value: equal for equal numbers and instants of any type.
        Function::new("value_bytes", 1..=1, bytes_type, value_bytes).build(),
    ]
}

fn hash_type(planned: &Planned) -> Result<DataType> {
    planned.data_types().try_for_each(check_encodable)?;
    Ok(DataType::UInt64)
}

fn key_hash(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(UInt64Array::from(key_hashes(&call.columns(call.len())?, call.rows)?)))
}

fn bytes_type(planned: &Planned) -> Result<DataType> {
    check_encodable(planned.data_type(0))?;
    Ok(DataType::Binary)
}

fn value_bytes(call: &Call) -> Result<ArrayRef> {
    let column = call.column(0)?;
    let encoded = encode_rows(std::slice::from_ref(&column), call.rows, Mode::ByValue)?;
    let mut bytes = BinaryBuilder::new();
    for row in 0..call.rows {
        match column.is_null(row) {
            true => bytes.append_null(),
            false => bytes.append_value(encoded.row(row)),
        }
    }
    Ok(Arc::new(bytes.finish()))
}
