//! `to_common(x, 'type')`: a column in the common type of both sides. Values keep their meaning: what would not fit is an
//! error, never another value. Only floats round (to the nearest), and times of a coarser unit (down).

mod nested;
mod number;
#[cfg(test)]
mod tests;
mod time;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

pub(super) use self::number::power_of_ten;
pub(super) use self::time::{Clock, from_ticks, per_second, ticks};
use super::encode::run_picks;
use super::function::Function;
use super::type_text::{map_types, parse_type, plain_type};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn function() -> ScalarUDF {
    Function::new(
        "to_common",
        2..=2,
        |planned| {
            let to = plain_type(&parse_type(planned.text(1)?)?);
            check_common(planned.data_type(0), &to)?;
            Ok(to)
        },
        |call| convert(&call.column(0)?, &call.returns),
    )
    .build()
}

/// Whether `to_common` brings values of one type to another; the error names both.
pub fn check_common(from: &DataType, to: &DataType) -> Result<()> {
    use DataType::*;
    let fine = match (from, to) {
        (Dictionary(_, values), to) => return check_common(values, to),
        (RunEndEncoded(_, values), to) => return check_common(values.data_type(), to),
        (from, to) if from == to => true,
        (Null, _) => true,
        (from, to) if is_text(from) => is_text(to),
        (from, to) if is_binary(from) => is_binary(to),
        (from, to) if number::is_exact(from) => number::converts(from, to),
        (from, to) if from.is_floating() => to.is_floating(),
        (from, to) if from.is_temporal() => time::converts(from, to),
        (List(f) | LargeList(f) | ListView(f) | LargeListView(f) | FixedSizeList(f, _), List(t) | LargeList(t)) => {
            return check_common(f.data_type(), t.data_type());
        }
        (Struct(from), Struct(to)) => {
            // By name, so a name that repeats would hide a field.
            let unique = from.iter().enumerate().all(|(i, f)| from[..i].iter().all(|g| g.name() != f.name()));
            unique
                && from.len() == to.len()
                && to.iter().all(|t| {
                    from.iter().any(|f| f.name() == t.name() && check_common(f.data_type(), t.data_type()).is_ok())
                })
        }
        (Map(from, _), Map(to, _)) => match (map_types(from), map_types(to)) {
            (Some(from), Some(to)) => check_common(from.0, to.0).and_then(|()| check_common(from.1, to.1)).is_ok(),
            _ => false,
        },
        _ => false,
    };
    if fine {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Schema, format!("values of {from} cannot be brought to {to}")))
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Binary | LargeBinary | BinaryView | FixedSizeBinary(_))
}

/// The array in another type; which ones go is what [`check_common`] says.
pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    use DataType::*;
    let array = &unpack(array)?;
    let from = array.data_type();
    if from == to && !has_map(from) {
        return Ok(array.clone());
    }
    match (from, to) {
        (Null, _) => Ok(new_null_array(to, array.len())),
        (from, to) if number::is_exact(from) && to.is_floating() => number::to_float(array, to),
        (from, _) if number::is_exact(from) => number::to_exact(array, to),
        (from, to) if from.is_floating() => number::float_to_float(array, to),
        (from, _) if from.is_temporal() => time::convert(array, to),
        (List(_) | LargeList(_) | ListView(_) | LargeListView(_) | FixedSizeList(..), _) => nested::list(array, to),
        (Struct(_), Struct(fields)) => nested::structs(array.as_struct(), fields),
        (Map(..), Map(..)) => nested::map(array.as_map(), to),
        _ => cast_exactly(array, to),
    }
}

/// The entries of a map may stand in any order, whatever its type.
fn has_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(field) | DataType::LargeList(field) => has_map(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
        _ => false,
    }
}

/// Arrow's own cast, in which what does not fit is an error.
fn cast_exactly(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    check_common(array.data_type(), to)?;
    Ok(cast_with_options(array, to, &CastOptions { safe: false, ..Default::default() })?)
}

/// Dictionaries and runs as the values that they stand for.
pub(super) fn unpack(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            unpack(&take(dictionary.values(), dictionary.keys(), None)?)
        }
        DataType::RunEndEncoded(ends, _) => {
            let (picks, values) = run_picks(array, ends.data_type())?;
            let picks: UInt64Array = picks.into_iter().map(|pick| pick as u64).collect();
            unpack(&take(&values, &picks, None)?)
        }
        _ => Ok(array.clone()),
    }
}

fn overflow(value: impl std::fmt::Display, from: &DataType, to: &DataType) -> Error {
    Error::new(ErrorKind::Data, format!("the value {value} of {from} does not fit into {to}"))
        .hint("compare the column in another type, with an expression on each side")
}
