//! `segment(key, ..., n)`: the number of the segment that a key falls into.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::digest::key_hashes;
use super::encode::check_encodable;
use super::function::{Call, Function, Planned};
use super::row_digest::SECTION;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn function() -> ScalarUDF {
    Function::new("segment", 2..=usize::MAX, returns, compute).never_null().documented(documentation()).build()
}

fn returns(planned: &Planned) -> Result<DataType> {
    let keys = planned.len().checked_sub(1).filter(|&keys| keys > 0).ok_or_else(no_key)?;
    planned.data_types().take(keys).try_for_each(check_encodable)?;
    // An expression of literals is folded later; what it comes to is checked then.
    planned.literal(keys).map(count).transpose()?;
    if !planned.data_type(keys).is_integer() && !planned.data_type(keys).is_null() {
        return Err(bad_count());
    }
    Ok(DataType::Int64)
}

fn compute(call: &Call) -> Result<ArrayRef> {
    let keys = call.len() - 1;
    let count = count(call.literal(keys).ok_or_else(bad_count)?)?;
    let hashes = key_hashes(&call.columns(keys)?, call.rows)?;
    Ok(Arc::new(hashes.into_iter().map(|hash| pick(hash, count)).collect::<Int64Array>()))
}

/// Multiply and shift: even over 0..count without a division.
fn pick(hash: u64, count: u64) -> i64 {
    // Less than `count`, which came from an i64.
    ((u128::from(hash) * u128::from(count)) >> 64) as i64
}

fn count(value: &ScalarValue) -> Result<u64> {
    let value = value.cast_to(&DataType::Int64).map_err(|_| bad_count())?;
    match value {
        ScalarValue::Int64(Some(count)) if count > 0 => Ok(count.unsigned_abs()),
        _ => Err(bad_count()),
    }
}

fn bad_count() -> Error {
    Error::new(ErrorKind::Sql, "the last argument of segment() must be a whole number above zero")
        .hint("write the number of segments last, e.g. segment(order_id, 64)")
}

fn no_key() -> Error {
    Error::new(ErrorKind::Sql, "segment() needs a key and the number of segments").hint("e.g. segment(order_id, 64)")
}

fn documentation() -> Documentation {
    Documentation::builder(
        SECTION,
        "The segment, from 0 to n - 1, that a key falls into. Equal keys fall into the same segment in every table, on \
         every machine; keys spread evenly.",
        "segment(key, ..., n)",
    )
    .with_sql_example(
        "Which part of two tables differs:\n```sql\n> select segment(order_id, 64) as part, checksum(row_digest(*)) from \
         orders group by part;\n```",
    )
    .with_argument("key", "The columns that identify a row, of any type but unions")
    .with_argument("n", "The number of segments, a whole number above zero")
    .build()
}
