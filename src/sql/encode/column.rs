//! One column, ready to be encoded: the [`Encode`] trait, and the choice of its implementation by type.

use std::ops::Range;

use datafusion::arrow::array::{AnyDictionaryArray, Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::*;

use super::nested::{ListEncoder, MapEncoder, Picked, StructEncoder, run_picks};
use super::number::Numbers;
use super::piece::{Extent, Piece};
use super::plain::*;
use super::text::{Bytes, Records, Views};
use super::{Mode, check_encodable};
use crate::error::{Error, ErrorKind, Result};

/// Tags of the format; see the table in the parent module.
pub(super) mod tag {
    pub const NULL: u8 = 0x00;
    pub const BOOLEAN: u8 = 0x01;
    pub const NUMBER: u8 = 0x02;
    pub const FLOAT: u8 = 0x03;
    pub const TEXT: u8 = 0x04;
    pub const BINARY: u8 = 0x05;
    pub const TIMESTAMP: u8 = 0x06;
    pub const ZONED: u8 = 0x07;
    pub const DATE: u8 = 0x08;
    pub const TIME: u8 = 0x09;
    pub const DURATION: u8 = 0x0a;
    pub const INTERVAL: u8 = 0x0b;
    pub const LIST: u8 = 0x10;
    pub const STRUCT: u8 = 0x11;
    pub const MAP: u8 = 0x12;
}

/// One column's values as bytes. The loops over many rows are default methods: each implementation gets its own copy of
/// them, in which `length` and `write` are known and inlined.
pub(super) trait Encode: Send + Sync {
    /// Bytes of the value at `row`.
    fn length(&self, row: usize) -> usize;

    /// Writes the value at `row` to the front of `out`; returns the bytes written, which are `length(row)`. No others are
    /// touched.
    fn write(&self, row: usize, out: &mut [u8]) -> usize;

    /// The length of all these values together.
    fn lengths(&self, rows: Range<usize>) -> usize {
        rows.map(|row| self.length(row)).sum()
    }

    /// Writes these values one after the other, as `write` does.
    fn write_all(&self, rows: Range<usize>, out: &mut [u8]) -> usize {
        rows.fold(0, |end, row| end + self.write(row, &mut out[end..]))
    }

    /// What the values of these rows take at the most. Never empty rows.
    fn extent(&self, rows: Range<usize>) -> Extent {
        Extent::UpTo(rows.map(|row| self.length(row)).max().unwrap_or(0))
    }

    /// Appends the values of `rows` to those of the piece; `extent` is theirs, or that of more rows around them.
    fn write_rows(&self, rows: Range<usize>, extent: Extent, piece: &mut Piece) {
        piece.put(extent, rows, |out, row| self.write(row, out));
    }
}

/// The encoder of an array of any encodable type.
pub(super) fn encoder(array: &ArrayRef, mode: Mode) -> Result<Box<dyn Encode>> {
    use DataType as T;
    check_encodable(array.data_type())?;
    Ok(match array.data_type() {
        T::Null => Box::new(Nulls),
        T::Boolean => Box::new(Booleans::new(array.as_boolean())),
        T::Int8 => integers::<Int8Type>(array),
        T::Int16 => integers::<Int16Type>(array),
        T::Int32 => integers::<Int32Type>(array),
        T::Int64 => integers::<Int64Type>(array),
        T::UInt8 => integers::<UInt8Type>(array),
        T::UInt16 => integers::<UInt16Type>(array),
        T::UInt32 => integers::<UInt32Type>(array),
        T::UInt64 => Box::new(Numbers::new(array.as_primitive::<UInt64Type>(), 0, mode, i128::from)),
        T::Decimal32(_, s) => Box::new(Numbers::new(array.as_primitive::<Decimal32Type>(), *s, mode, i128::from)),
        T::Decimal64(_, s) => Box::new(Numbers::new(array.as_primitive::<Decimal64Type>(), *s, mode, i128::from)),
        // By value, 128 bits may be too few to multiply a negative scale out.
        T::Decimal128(_, s) if *s < 0 => {
            Box::new(Numbers::new(array.as_primitive::<Decimal128Type>(), *s, mode, i256::from))
        }
        T::Decimal128(_, s) => Box::new(Numbers::new(array.as_primitive::<Decimal128Type>(), *s, mode, i128::from)),
        T::Decimal256(_, s) => Box::new(Numbers::new(array.as_primitive::<Decimal256Type>(), *s, mode, i256::from)),
        T::Float16 => Box::new(Fixed::new(array.as_primitive::<Float16Type>(), |v| float(v.into()))),
        T::Float32 => Box::new(Fixed::new(array.as_primitive::<Float32Type>(), |v| float(v.into()))),
        T::Float64 => Box::new(Fixed::new(array.as_primitive::<Float64Type>(), float)),
        T::Utf8 => Box::new(Bytes::new(array, array.as_string::<i32>().clone(), tag::TEXT)?),
        T::LargeUtf8 => Box::new(Bytes::new(array, array.as_string::<i64>().clone(), tag::TEXT)?),
        T::Utf8View => Box::new(Bytes::new(array, Views::new(array.as_string_view()), tag::TEXT)?),
        T::Binary => Box::new(Bytes::new(array, array.as_binary::<i32>().clone(), tag::BINARY)?),
        T::LargeBinary => Box::new(Bytes::new(array, array.as_binary::<i64>().clone(), tag::BINARY)?),
        T::BinaryView => Box::new(Bytes::new(array, Views::new(array.as_binary_view()), tag::BINARY)?),
        T::FixedSizeBinary(_) => Box::new(Bytes::new(array, Records::new(array.as_fixed_size_binary()), tag::BINARY)?),
        T::Timestamp(..) | T::Date32 | T::Date64 | T::Time32(_) | T::Time64(_) | T::Duration(_) | T::Interval(_) => {
            time_encoder(array, mode)?
        }
        T::List(_) | T::LargeList(_) | T::FixedSizeList(..) | T::ListView(_) | T::LargeListView(_) => {
            Box::new(ListEncoder::new(array, mode)?)
        }
        T::Struct(_) => Box::new(StructEncoder::new(array.as_struct(), mode)?),
        T::Map(..) => Box::new(MapEncoder::new(array.as_map(), mode)?),
        T::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            Box::new(Picked::new(dictionary_picks(dictionary), encoder(dictionary.values(), mode)?))
        }
        T::RunEndEncoded(ends, _) => {
            let (picks, values) = run_picks(array, ends.data_type())?;
            Box::new(Picked::new(picks.into_iter().map(Some).collect(), encoder(&values, mode)?))
        }
        other => return Err(Error::new(ErrorKind::Schema, format!("values of type {other} have no digest"))),
    })
}

/// Which value each row of a dictionary has.
fn dictionary_picks(dictionary: &dyn AnyDictionaryArray) -> Vec<Option<usize>> {
    // Without values, every row is NULL.
    if dictionary.values().is_empty() {
        return vec![None; dictionary.len()];
    }
    let nulls = dictionary.keys().nulls();
    let picks = dictionary.normalized_keys().into_iter().enumerate();
    picks.map(|(row, pick)| nulls.is_none_or(|nulls| nulls.is_valid(row)).then_some(pick)).collect()
}

fn integers<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &ArrayRef) -> Box<dyn Encode> {
    Box::new(Fixed::new(array.as_primitive::<T>(), |value| number(value.into(), 0)))
}

fn time_encoder(array: &ArrayRef, mode: Mode) -> Result<Box<dyn Encode>> {
    use DataType as T;
    use TimeUnit::*;
    Ok(match array.data_type() {
        T::Timestamp(unit, zone) => {
            let tag = if zone.is_some() { tag::ZONED } else { tag::TIMESTAMP };
            match unit {
                Second => instants::<TimestampSecondType>(array, tag, *unit, mode),
                Millisecond => instants::<TimestampMillisecondType>(array, tag, *unit, mode),
                Microsecond => instants::<TimestampMicrosecondType>(array, tag, *unit, mode),
                Nanosecond => instants::<TimestampNanosecondType>(array, tag, *unit, mode),
            }
        }
        T::Date32 => {
            Box::new(Fixed::new(array.as_primitive::<Date32Type>(), |days| date(i64::from(days) * 86_400_000)))
        }
        T::Date64 => Box::new(Fixed::new(array.as_primitive::<Date64Type>(), date)),
        T::Time32(Second) => instants::<Time32SecondType>(array, tag::TIME, Second, mode),
        T::Time32(Millisecond) => instants::<Time32MillisecondType>(array, tag::TIME, Millisecond, mode),
        T::Time64(Microsecond) => instants::<Time64MicrosecondType>(array, tag::TIME, Microsecond, mode),
        T::Time64(Nanosecond) => instants::<Time64NanosecondType>(array, tag::TIME, Nanosecond, mode),
        T::Duration(Second) => instants::<DurationSecondType>(array, tag::DURATION, Second, mode),
        T::Duration(Millisecond) => instants::<DurationMillisecondType>(array, tag::DURATION, Millisecond, mode),
        T::Duration(Microsecond) => instants::<DurationMicrosecondType>(array, tag::DURATION, Microsecond, mode),
        T::Duration(Nanosecond) => instants::<DurationNanosecondType>(array, tag::DURATION, Nanosecond, mode),
        T::Interval(IntervalUnit::YearMonth) => {
            Box::new(Fixed::new(array.as_primitive::<IntervalYearMonthType>(), |months| interval(months, 0, 0)))
        }
        T::Interval(IntervalUnit::DayTime) => Box::new(Fixed::new(array.as_primitive::<IntervalDayTimeType>(), |v| {
            interval(0, v.days, i64::from(v.milliseconds) * 1_000_000)
        })),
        T::Interval(IntervalUnit::MonthDayNano) => {
            Box::new(Fixed::new(array.as_primitive::<IntervalMonthDayNanoType>(), |v| {
                interval(v.months, v.days, v.nanoseconds)
            }))
        }
        other => return Err(Error::new(ErrorKind::Internal, format!("{other} is not a time"))),
    })
}

fn instants<T>(array: &ArrayRef, tag: u8, unit: TimeUnit, mode: Mode) -> Box<dyn Encode>
where
    T: ArrowPrimitiveType<Native: Into<i64>>,
{
    let (array, digits) = (array.as_primitive::<T>(), digits(unit));
    match mode {
        Mode::AsTyped => Box::new(Fixed::new(array, move |value| instant(tag, digits, value.into()))),
        Mode::ByValue => Box::new(Fixed::new(array, move |value| shortest_instant(tag, digits, value.into()))),
    }
}
