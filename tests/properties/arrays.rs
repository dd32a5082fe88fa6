//! Values to Arrow arrays of any type, and back.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::*;

use super::value::Value;

const DAY: i128 = 86_400_000_000_000;

pub fn nanos(unit: &TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// How many nanoseconds one count of a temporal type is.
fn tick(to: &DataType) -> Option<i128> {
    Some(match to {
        DataType::Date32 => DAY,
        DataType::Date64 => 1_000_000,
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) | DataType::Duration(unit) => {
            nanos(unit)
        }
        _ => return None,
    })
}

/// An array of the type; panics if a value does not fit.
pub fn array(to: &DataType, values: &[Value]) -> ArrayRef {
    let nulls = || NullBuffer::from_iter(values.iter().map(|v| *v != Value::Null));
    match to {
        DataType::Null => new_null_array(to, values.len()),
        DataType::Boolean => Arc::new(
            values
                .iter()
                .map(|v| {
                    or_null(v, |v| match v {
                        Value::Bool(b) => *b,
                        other => panic!("{other:?} is no bool"),
                    })
                })
                .collect::<BooleanArray>(),
        ),
        DataType::Utf8 => Arc::new(
            values
                .iter()
                .map(|v| {
                    or_null(v, |v| match v {
                        Value::Text(text) => text.clone(),
                        other => panic!("{other:?} is no text"),
                    })
                })
                .collect::<StringArray>(),
        ),
        DataType::Binary => Arc::new(BinaryArray::from_iter(values.iter().map(|v| {
            or_null(v, |v| match v {
                Value::Bytes(bytes) => bytes.clone(),
                other => panic!("{other:?} is no binary"),
            })
        }))),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats = values.iter().map(|v| {
                or_null(v, |v| match v {
                    Value::Float(x) => *x,
                    number => number.nearest(),
                })
            });
            cast(Arc::new(floats.collect::<Float64Array>()), to)
        }
        DataType::Decimal256(p, s) => {
            let wide = values.iter().map(|v| or_null(v, |v| i256::from_i128(unscaled(v, *s))));
            Arc::new(wide.collect::<Decimal256Array>().with_precision_and_scale(*p, *s).unwrap())
        }
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
            let numbers = values.iter().map(|v| or_null(v, |v| unscaled(v, *s)));
            let numbers = numbers.collect::<Decimal128Array>().with_precision_and_scale(*p, *s).unwrap();
            cast(Arc::new(numbers), to)
        }
        DataType::UInt64 => Arc::new(
            values
                .iter()
                .map(|v| or_null(v, |v| u64::try_from(unscaled(v, 0)).expect("fits")))
                .collect::<UInt64Array>(),
        ),
        to if to.is_integer() => {
            let numbers = values.iter().map(|v| or_null(v, |v| i64::try_from(unscaled(v, 0)).expect("fits")));
            cast(Arc::new(numbers.collect::<Int64Array>()), to)
        }
        DataType::Date32 | DataType::Time32(_) => {
            let ticks = values.iter().map(|v| or_null(v, |v| i32::try_from(count(v, to)).expect("fits")));
            cast(Arc::new(ticks.collect::<Int32Array>()), to)
        }
        to if tick(to).is_some() => {
            let ticks = values.iter().map(|v| or_null(v, |v| i64::try_from(count(v, to)).expect("fits")));
            cast(Arc::new(ticks.collect::<Int64Array>()), to)
        }
        DataType::List(item) => {
            let lists: Vec<&[Value]> = values
                .iter()
                .map(|v| match v {
                    Value::List(items) => items.as_slice(),
                    _ => &[],
                })
                .collect();
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(|l| l.len()));
            let items = array(item.data_type(), &lists.concat());
            Arc::new(ListArray::new(item.clone(), offsets, items, Some(nulls())))
        }
        DataType::Struct(fields) => {
            let field = |i: usize, v: &Value| match v {
                Value::Struct(values) => values[i].clone(),
                _ => Value::Null,
            };
            let columns = fields
                .iter()
                .enumerate()
                .map(|(i, f)| array(f.data_type(), &values.iter().map(|v| field(i, v)).collect::<Vec<_>>()));
            Arc::new(StructArray::new(fields.clone(), columns.collect(), Some(nulls())))
        }
        DataType::Map(entries, _) => {
            let maps: Vec<&[(Value, Value)]> = values
                .iter()
                .map(|v| match v {
                    Value::Map(entries) => entries.as_slice(),
                    _ => &[],
                })
                .collect();
            let offsets = OffsetBuffer::from_lengths(maps.iter().map(|m| m.len()));
            let DataType::Struct(fields) = entries.data_type() else { panic!("a map of {entries}") };
            let (keys, of): (Vec<Value>, Vec<Value>) = maps.concat().into_iter().unzip();
            let columns = vec![array(fields[0].data_type(), &keys), array(fields[1].data_type(), &of)];
            let entries_of = StructArray::new(fields.clone(), columns, None);
            Arc::new(MapArray::new(entries.clone(), offsets, entries_of, Some(nulls()), false))
        }
        other => panic!("no {other} here"),
    }
}

fn or_null<T>(value: &Value, read: impl Fn(&Value) -> T) -> Option<T> {
    (*value != Value::Null).then(|| read(value))
}

fn unscaled(value: &Value, scale: i8) -> i128 {
    match value {
        Value::Num(n, from) if *from <= scale => n * 10i128.pow((scale - from) as u32),
        other => panic!("{other:?} does not fit scale {scale}"),
    }
}

fn count(value: &Value, to: &DataType) -> i128 {
    match value {
        Value::Time(ns) => ns.div_euclid(tick(to).expect("a temporal type")),
        other => panic!("{other:?} is no time"),
    }
}

/// The cast; what does not fit panics instead of becoming NULL.
pub fn cast(array: ArrayRef, to: &DataType) -> ArrayRef {
    cast_with_options(&array, to, &CastOptions { safe: false, ..Default::default() })
        .unwrap_or_else(|e| panic!("{} as {to}: {e}", array.data_type()))
}

/// The values of any array.
pub fn values(array: &ArrayRef) -> Vec<Value> {
    (0..array.len()).map(|row| value(array, row)).collect()
}

fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) || array.data_type().is_null() {
        return Value::Null;
    }
    let one = |array: &ArrayRef, to: &DataType| cast(array.slice(row, 1), to);
    let integer = |array: &ArrayRef| one(array, &DataType::Int64).as_primitive::<Int64Type>().value(0);
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Value::Text(one(array, &DataType::Utf8).as_string::<i32>().value(0).to_string())
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Value::Bytes(one(array, &DataType::Binary).as_binary::<i32>().value(0).to_vec())
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            Value::Float(one(array, &DataType::Float64).as_primitive::<Float64Type>().value(0))
        }
        DataType::UInt64 => Value::Num(array.as_primitive::<UInt64Type>().value(row).into(), 0),
        DataType::Decimal256(_, s) => {
            Value::Num(array.as_primitive::<Decimal256Type>().value(row).to_i128().expect("fits 128 bits"), *s)
        }
        DataType::Decimal32(_, s) | DataType::Decimal64(_, s) | DataType::Decimal128(_, s) => {
            Value::Num(one(array, &DataType::Decimal128(38, *s)).as_primitive::<Decimal128Type>().value(0), *s)
        }
        kind if kind.is_integer() => Value::Num(integer(array).into(), 0),
        kind if tick(kind).is_some() => {
            let narrow = matches!(kind, DataType::Date32 | DataType::Time32(_));
            let ticks = match narrow {
                true => one(array, &DataType::Int32).as_primitive::<Int32Type>().value(0).into(),
                false => integer(array),
            };
            Value::Time(i128::from(ticks) * tick(kind).expect("a temporal type"))
        }
        DataType::Dictionary(_, of) => value(&one(array, of), 0),
        DataType::List(_) => Value::List(values(&array.as_list::<i32>().value(row))),
        DataType::LargeList(_) => Value::List(values(&array.as_list::<i64>().value(row))),
        DataType::Struct(_) => Value::Struct(array.as_struct().columns().iter().map(|c| value(c, row)).collect()),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            Value::Map(values(entries.column(0)).into_iter().zip(values(entries.column(1))).collect())
        }
        other => panic!("no {other} here"),
    }
}
