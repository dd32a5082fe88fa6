//! Arrow values taken apart, whatever array holds them, for systems that write them each in its own way.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};
use datafusion::arrow::array::*;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::*;

use crate::error::Result;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Plain {
    Null,
    Bool(bool),
    /// A whole number.
    Int(i128),
    Float(f64),
    Float32(f32),
    /// Digits with a point, as many after it as the type has.
    Decimal(String),
    Text(String),
    Bytes(Vec<u8>),
    Date(NaiveDate),
    Time(NaiveTime),
    Timestamp {
        at: chrono::NaiveDateTime,
        zoned: bool,
    },
    /// A date or a time that never comes (see [`Kind`](crate::dataset::database::column::Kind)), or was always over.
    Endless {
        later: bool,
        zoned: bool,
    },
    List(Vec<Plain>),
    /// Nothing that a cell of a database could hold from here.
    Other(String),
}

impl Plain {
    /// What it is, for messages, which show no value.
    pub fn what(&self) -> &str {
        match self {
            Plain::Null => "NULL",
            Plain::Bool(_) => "a boolean",
            Plain::Int(_) => "a whole number",
            Plain::Float(_) | Plain::Float32(_) => "a float",
            Plain::Decimal(_) => "a decimal",
            Plain::Text(_) => "a text",
            Plain::Bytes(_) => "bytes",
            Plain::Date(_) => "a date",
            Plain::Time(_) => "a time",
            Plain::Timestamp { zoned: true, .. } => "a time with a zone",
            Plain::Timestamp { .. } => "a time without a zone",
            Plain::Endless { .. } => "a time without an end",
            Plain::List(_) => "a list",
            Plain::Other(what) => what,
        }
    }
}

/// All values of an array.
pub fn plain(values: &ArrayRef) -> Result<Vec<Plain>> {
    let values = match values.data_type() {
        DataType::Dictionary(_, value) => cast(values, value)?,
        DataType::RunEndEncoded(_, value) => cast(values, value.data_type())?,
        DataType::LargeUtf8 | DataType::Utf8View => cast(values, &DataType::Utf8)?,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => cast(values, &DataType::Binary)?,
        DataType::Float16 => cast(values, &DataType::Float32)?,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => cast(values, &DataType::Decimal128(*p, *s))?,
        DataType::Date64 => cast(values, &DataType::Date32)?,
        _ => values.clone(),
    };
    (0..values.len()).map(|row| Ok(if values.is_null(row) { Plain::Null } else { one(&values, row)? })).collect()
}

fn one(values: &ArrayRef, row: usize) -> Result<Plain> {
    use DataType as T;
    let far = || Plain::Other("a time that is too far away".into());
    Ok(match values.data_type() {
        T::Null => Plain::Null,
        T::Boolean => Plain::Bool(values.as_boolean().value(row)),
        T::Int8 => Plain::Int(values.as_primitive::<Int8Type>().value(row).into()),
        T::Int16 => Plain::Int(values.as_primitive::<Int16Type>().value(row).into()),
        T::Int32 => Plain::Int(values.as_primitive::<Int32Type>().value(row).into()),
        T::Int64 => Plain::Int(values.as_primitive::<Int64Type>().value(row).into()),
        T::UInt8 => Plain::Int(values.as_primitive::<UInt8Type>().value(row).into()),
        T::UInt16 => Plain::Int(values.as_primitive::<UInt16Type>().value(row).into()),
        T::UInt32 => Plain::Int(values.as_primitive::<UInt32Type>().value(row).into()),
        T::UInt64 => Plain::Int(values.as_primitive::<UInt64Type>().value(row).into()),
        T::Float32 => Plain::Float32(values.as_primitive::<Float32Type>().value(row)),
        T::Float64 => Plain::Float(values.as_primitive::<Float64Type>().value(row)),
        T::Decimal128(..) => Plain::Decimal(values.as_primitive::<Decimal128Type>().value_as_string(row)),
        T::Decimal256(..) => Plain::Decimal(values.as_primitive::<Decimal256Type>().value_as_string(row)),
        T::Utf8 => Plain::Text(values.as_string::<i32>().value(row).to_string()),
        T::Binary => Plain::Bytes(values.as_binary::<i32>().value(row).to_vec()),
        T::Date32 => {
            let days = values.as_primitive::<Date32Type>().value(row);
            if days == i32::MAX || days == -i32::MAX {
                return Ok(Plain::Endless { later: days > 0, zoned: false });
            }
            let date = NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163));
            date.map_or_else(far, Plain::Date)
        }
        T::Time32(_) | T::Time64(_) => {
            let nanos = cast(values, &T::Time64(TimeUnit::Nanosecond))?;
            let nanos = nanos.as_primitive::<Time64NanosecondType>().value(row);
            let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
            match (u32::try_from(seconds), u32::try_from(rest)) {
                (Ok(seconds), Ok(rest)) => {
                    NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest).map_or_else(far, Plain::Time)
                }
                _ => far(),
            }
        }
        T::Timestamp(TimeUnit::Microsecond, zone) if is_endless(values, row) => {
            let later = values.as_primitive::<TimestampMicrosecondType>().value(row) > 0;
            Plain::Endless { later, zoned: zone.is_some() }
        }
        T::List(_) => Plain::List(plain(&values.as_list::<i32>().value(row))?),
        T::LargeList(_) => Plain::List(plain(&values.as_list::<i64>().value(row))?),
        T::FixedSizeList(..) => Plain::List(plain(&values.as_fixed_size_list().value(row))?),
        T::Timestamp(unit, zone) => {
            let (count, each) = match unit {
                TimeUnit::Second => (values.as_primitive::<TimestampSecondType>().value(row), 1),
                TimeUnit::Millisecond => (values.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
                TimeUnit::Microsecond => (values.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000),
                TimeUnit::Nanosecond => (values.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000),
            };
            let nanos = count.rem_euclid(each) * (1_000_000_000 / each);
            let at = u32::try_from(nanos).ok().and_then(|n| DateTime::from_timestamp(count.div_euclid(each), n));
            at.map_or_else(far, |at| Plain::Timestamp { at: at.naive_utc(), zoned: zone.is_some() })
        }
        other => Plain::Other(format!("a value of the type {other}")),
    })
}

fn is_endless(values: &ArrayRef, row: usize) -> bool {
    let micros = values.as_primitive::<TimestampMicrosecondType>().value(row);
    micros == i64::MAX || micros == -i64::MAX
}

/// The years that people write with four digits.
pub fn is_common_year(date: NaiveDate) -> bool {
    (1..=9999).contains(&date.year())
}

/// `12:30:00`, `12:30:00.5`: digits after the second as far as they are not zero.
pub fn time_text(time: NaiveTime) -> String {
    let text = time.format("%H:%M:%S").to_string();
    text + &fraction(time.nanosecond() % 1_000_000_000)
}

/// `2024-01-31 12:30:00.5`.
pub fn timestamp_text(at: chrono::NaiveDateTime) -> String {
    format!("{} {}", at.date().format("%Y-%m-%d"), time_text(at.time()))
}

fn fraction(nanos: u32) -> String {
    match nanos {
        0 => String::new(),
        _ => format!(".{nanos:09}").trim_end_matches('0').to_string(),
    }
}

/// Digits after the second.
pub fn fraction_digits(time: NaiveTime) -> usize {
    fraction(time.nanosecond() % 1_000_000_000).len().saturating_sub(1)
}

/// A decimal without zeros at its end, or a point: `12.5`, `12`, `-0.01`; zero has no sign.
pub fn shortened(digits: &str) -> String {
    let short = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    if short == "-0" { "0".into() } else { short.into() }
}

/// The digits with exactly so many after the point; none where digits would be lost, or there are more than `precision` in all. Of a
/// scale below zero, so many before the point are zero; of one above the precision, the first ones after it.
pub fn scaled(digits: &str, precision: i32, scale: i32) -> Option<String> {
    let short = shortened(digits);
    let (whole, part) = short.split_once('.').unwrap_or((&short, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let whole = whole.trim_start_matches('0');
    let count = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
    let zeros = |zeros: &str, rest: &str| count(zeros) - count(rest);
    // The places of the first digit and the last one that is not zero; the one before the point is 0.
    let (first, last) = match (whole, part) {
        ("", "") => (i32::MIN, i32::MAX),
        ("", part) => (-1 - zeros(part, part.trim_start_matches('0')), -count(part)),
        (whole, "") => (count(whole) - 1, zeros(whole, whole.trim_end_matches('0'))),
        (whole, part) => (count(whole) - 1, -count(part)),
    };
    if first >= precision - scale || last < -scale {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match usize::try_from(scale) {
        Ok(scale @ 1..) => format!("{sign}{whole}.{part:0<scale$}"),
        _ => format!("{sign}{whole}"),
    })
}

/// The number that a float is, in digits; none where it is none.
pub fn float_digits(value: f64) -> Option<String> {
    value.is_finite().then(|| format!("{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_all_their_digits_or_are_none() {
        assert_eq!(scaled("1.50", 10, 2).as_deref(), Some("1.50"));
        assert_eq!(scaled("1.500", 10, 2).as_deref(), Some("1.50"));
        assert_eq!(scaled("1.505", 10, 2), None);
        assert_eq!(scaled("-0.00", 10, 2).as_deref(), Some("0.00"));
        assert_eq!(scaled("12345678.9", 10, 2).as_deref(), Some("12345678.90"));
        assert_eq!(scaled("123456789", 10, 2), None);
        assert_eq!(scaled("0.25", 2, 2).as_deref(), Some("0.25"));
        assert_eq!(scaled("7", 3, 0).as_deref(), Some("7"));
        assert_eq!(scaled("12300", 5, -2).as_deref(), Some("12300"));
        assert_eq!(scaled("1234500", 5, -2).as_deref(), Some("1234500"));
        assert_eq!(scaled("12345600", 5, -2), None);
        assert_eq!(scaled("12345", 5, -2), None);
        assert_eq!(scaled("0.5", 5, -2), None);
        assert_eq!(scaled("0.0012", 2, 4).as_deref(), Some("0.0012"));
        assert_eq!(scaled("-0.0100", 2, 4), None);
        assert_eq!(scaled("0", 2, 4).as_deref(), Some("0.0000"));
        assert_eq!(shortened("100"), "100");
    }
}
