//! Reads a column of text as a type; what is unreadable becomes NULL.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryBuilder, BinaryViewBuilder, BooleanArray, FixedSizeBinaryBuilder, Int64Array,
    LargeBinaryBuilder, PrimitiveArray, StringViewArray, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::*;

use super::number::{Accumulate, Digits, float, float32};
use super::time::{date, infinite, time_of_day, timestamp, zoned_timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::common::from_ticks;
use crate::sql::zone::Zone;

/// Whether text can be read as this type; the error names it.
pub fn check_readable(data_type: &DataType) -> Result<()> {
    use DataType::*;
    let fine = match data_type {
        Null | Boolean | Float32 | Float64 | Utf8 | LargeUtf8 | Utf8View => true,
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => true,
        Timestamp(..) | Date32 | Date64 | Time32(_) | Time64(_) => true,
        other => other.is_integer() || other.is_decimal(),
    };
    if fine { Ok(()) } else { Err(Error::new(ErrorKind::Schema, format!("text cannot be read as {data_type}"))) }
}

/// `zone`: what a text without a zone means, where the type has one.
pub(super) fn read(texts: &StringViewArray, to: &DataType, zone: Option<&Zone>) -> Result<ArrayRef> {
    use DataType as T;
    Ok(match to {
        T::Null => new_null_array(to, texts.len()),
        T::Utf8View => Arc::new(texts.clone()),
        T::Utf8 | T::LargeUtf8 => cast(texts, to)?,
        T::Boolean => Arc::new(texts.iter().map(|text| text.and_then(boolean)).collect::<BooleanArray>()),
        T::Int8 => exact::<Int8Type>(texts, 0, to),
        T::Int16 => exact::<Int16Type>(texts, 0, to),
        T::Int32 => exact::<Int32Type>(texts, 0, to),
        T::Int64 => exact::<Int64Type>(texts, 0, to),
        T::UInt8 => exact::<UInt8Type>(texts, 0, to),
        T::UInt16 => exact::<UInt16Type>(texts, 0, to),
        T::UInt32 => exact::<UInt32Type>(texts, 0, to),
        T::UInt64 => exact::<UInt64Type>(texts, 0, to),
        T::Decimal32(precision, scale) => decimal::<Decimal32Type>(texts, *precision, *scale, to),
        T::Decimal64(precision, scale) => decimal::<Decimal64Type>(texts, *precision, *scale, to),
        T::Decimal128(precision, scale) => decimal::<Decimal128Type>(texts, *precision, *scale, to),
        T::Decimal256(precision, scale) => decimal::<Decimal256Type>(texts, *precision, *scale, to),
        T::Float32 => primitive::<Float32Type>(texts, to, float32),
        T::Float64 => primitive::<Float64Type>(texts, to, float),
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => binary(texts, to)?,
        _ => time(texts, to, zone)?,
    })
}

fn primitive<T: ArrowPrimitiveType>(
    texts: &StringViewArray,
    to: &DataType,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> ArrayRef {
    let values: PrimitiveArray<T> = texts.iter().map(|text| text.and_then(&parse)).collect();
    Arc::new(values.with_data_type(to.clone()))
}

fn exact<T: ArrowPrimitiveType<Native: Accumulate>>(texts: &StringViewArray, scale: i8, to: &DataType) -> ArrayRef {
    primitive::<T>(texts, to, |text| Digits::parse(text)?.at_scale(scale))
}

fn decimal<T: DecimalType<Native: Accumulate>>(
    texts: &StringViewArray,
    precision: u8,
    scale: i8,
    to: &DataType,
) -> ArrayRef {
    primitive::<T>(texts, to, |text| {
        let mantissa = Digits::parse(text)?.at_scale(scale)?;
        T::is_valid_decimal_precision(mantissa, precision).then_some(mantissa)
    })
}

fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "t", "1"]) {
        Some(true)
    } else if is(["false", "f", "0"]) {
        Some(false)
    } else {
        None
    }
}

fn time(texts: &StringViewArray, to: &DataType, zone: Option<&Zone>) -> Result<ArrayRef> {
    use DataType as T;
    let read = |parse: &dyn Fn(&str) -> Option<i64>| {
        let ticks: Int64Array = texts.iter().map(|text| text.and_then(parse)).collect();
        from_ticks(&ticks, to)
    };
    match to {
        T::Date32 => read(&|text| date(text).or_else(|| Some(infinite(text)? * i64::from(i32::MAX)))),
        T::Date64 => read(&|text| date(text)?.checked_mul(86_400_000)),
        T::Time32(unit) | T::Time64(unit) => read(&|text| time_of_day(text, *unit)),
        T::Timestamp(TimeUnit::Microsecond, zoned) => read(&|text| {
            let time = match zoned {
                Some(_) => zoned_timestamp(text, TimeUnit::Microsecond, zone),
                None => timestamp(text, TimeUnit::Microsecond),
            };
            time.or_else(|| Some(infinite(text)? * i64::MAX))
        }),
        T::Timestamp(unit, None) => read(&|text| timestamp(text, *unit)),
        T::Timestamp(unit, Some(_)) => read(&|text| zoned_timestamp(text, *unit, zone)),
        other => Err(Error::new(ErrorKind::Schema, format!("text cannot be read as {other}"))),
    }
}

/// Hexadecimal digits, two a byte, after `\x`, `0x` or nothing: as databases write bytes into text.
fn hex(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    bytes.clear();
    let digits = text.strip_prefix("\\x").or_else(|| text.strip_prefix("0x")).unwrap_or(text).as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    for pair in digits.chunks_exact(2) {
        bytes.push(nibble(pair[0])? << 4 | nibble(pair[1])?);
    }
    Some(())
}

fn binary(texts: &StringViewArray, to: &DataType) -> Result<ArrayRef> {
    let mut bytes = Vec::new();
    macro_rules! build {
        ($builder:expr) => {{
            let mut builder = $builder;
            for text in texts {
                match text.and_then(|text| hex(text, &mut bytes)) {
                    Some(()) => builder.append_value(&bytes),
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    Ok(match to {
        DataType::Binary => build!(BinaryBuilder::new()),
        DataType::LargeBinary => build!(LargeBinaryBuilder::new()),
        DataType::FixedSizeBinary(width) => {
            let mut builder = FixedSizeBinaryBuilder::with_capacity(texts.len(), *width);
            for text in texts {
                match text.and_then(|text| hex(text, &mut bytes)) {
                    Some(()) if i32::try_from(bytes.len()) == Ok(*width) => builder.append_value(&bytes)?,
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        _ => build!(BinaryViewBuilder::new()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text is read as, in Arrow's own words; none if it is unreadable.
    fn shown(text: &str, to: &str) -> Option<String> {
        let to = crate::sql::parse_type(to).unwrap_or_else(|e| panic!("{e}"));
        let column = read(&StringViewArray::from(vec![text]), &to, None).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(column.data_type(), &to);
        let options = Default::default();
        let formatter = datafusion::arrow::util::display::ArrayFormatter::try_new(&column, &options);
        column.is_valid(0).then(|| formatter.unwrap_or_else(|e| panic!("{e}")).value(0).to_string())
    }

    #[test]
    fn text_is_read_by_value_and_exactly() {
        for (text, to, expected) in [
            ("7.0", "Int64", Some("7")),
            ("300", "UInt8", None),
            ("1.505", "Decimal128(12, 2)", None),
            ("1.500", "Decimal128(12, 2)", Some("1.50")),
            ("99.99", "Decimal32(4, 2)", Some("99.99")),
            ("100.00", "Decimal32(4, 2)", None),
            (
                "-1e70",
                "Decimal256(76, 2)",
                Some("-10000000000000000000000000000000000000000000000000000000000000000000000.00"),
            ),
            ("1e75", "Decimal256(76, 2)", None),
            ("0.1", "Float64", Some("0.1")),
            ("TRUE", "Boolean", Some("true")),
            ("T", "Boolean", Some("true")),
            ("0", "Boolean", Some("false")),
            ("yes", "Boolean", None),
            ("2024-02-29", "Date32", Some("2024-02-29")),
            ("2024-02-29", "Date64", Some("2024-02-29T00:00:00")),
            ("2024-02-29T00:00", "Date32", None),
            ("23:59:59.5", "Time32(ms)", Some("23:59:59.500")),
            ("2024-02-29 12:30", "Timestamp(µs)", Some("2024-02-29T12:30:00")),
            ("2024-02-29 12:30Z", "Timestamp(µs)", None),
            ("2024-02-29 12:30+01", "Timestamp(s, \"UTC\")", Some("2024-02-29T11:30:00Z")),
            ("\\xDEad", "Binary", Some("dead")),
            ("0xdead", "FixedSizeBinary(2)", Some("dead")),
            ("dea", "BinaryView", None),
            ("dead00", "FixedSizeBinary(2)", None),
            ("", "LargeBinary", Some("")),
            ("zz", "Binary", None),
            (" x ", "Utf8", Some(" x ")),
            (" x ", "Utf8View", Some(" x ")),
        ] {
            assert_eq!(shown(text, to).as_deref(), expected, "{text} as {to}");
        }
    }

    #[test]
    fn nested_types_are_not_read() {
        assert!(check_readable(&DataType::Duration(TimeUnit::Second)).is_err());
        assert!(check_readable(&DataType::Struct(Fields::empty())).is_err());
    }
}
