//! Values in the [`Form`] that databases write them in.

use std::io::Write;

use chrono::{DateTime, Datelike, NaiveDate};
use datafusion::arrow::array::*;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::*;

use super::form::Form;
use crate::error::Result;

/// The values of one column.
pub(super) struct Writer {
    values: Values,
    /// Text of cells that could not be read: no value of any form is written so.
    unread: Option<StringArray>,
    has_length: bool,
}

enum Values {
    Integer(Int64Array),
    Decimal(Decimal256Array, usize, bool),
    SmallDecimal(Decimal128Array, usize, bool),
    Boolean(BooleanArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    /// Microseconds, rounded down to so many.
    Timestamp(TimestampMicrosecondArray, i64),
    Float32(Float32Array),
    Float64(Float64Array),
    Text(StringArray),
    Binary(BinaryArray),
}

impl Writer {
    pub(super) fn new(form: Form, column: &ArrayRef, unread: Option<ArrayRef>) -> Result<Self> {
        let as_type = |data_type: &DataType| -> Result<ArrayRef> { Ok(cast(column, data_type)?) };
        let values = match form {
            Form::Integer => match column.data_type() {
                DataType::UInt64 => {
                    Values::SmallDecimal(as_type(&DataType::Decimal128(20, 0))?.as_primitive().clone(), 0, false)
                }
                t if t.is_decimal() => decimal(column, 0, false)?,
                _ => Values::Integer(as_type(&DataType::Int64)?.as_primitive().clone()),
            },
            Form::Decimal(scale) => decimal(column, scale, false)?,
            Form::Number => match column.data_type() {
                // Text is in this form already.
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                    Values::Text(as_type(&DataType::Utf8)?.as_string::<i32>().clone())
                }
                t => decimal(column, scale_of(t), true)?,
            },
            Form::Boolean => Values::Boolean(as_type(&DataType::Boolean)?.as_boolean().clone()),
            Form::Date => Values::Date(as_type(&DataType::Date32)?.as_primitive().clone()),
            Form::Time => Values::Time(as_type(&DataType::Time64(TimeUnit::Microsecond))?.as_primitive().clone()),
            Form::Timestamp(unit) => {
                let values = as_type(&DataType::Timestamp(TimeUnit::Microsecond, None))?;
                let round = match unit {
                    TimeUnit::Second => 1_000_000,
                    TimeUnit::Millisecond => 1_000,
                    _ => 1,
                };
                Values::Timestamp(values.as_primitive().clone(), round)
            }
            Form::Float32 => Values::Float32(as_type(&DataType::Float32)?.as_primitive().clone()),
            Form::Float64 => Values::Float64(as_type(&DataType::Float64)?.as_primitive().clone()),
            Form::Text => Values::Text(as_type(&DataType::Utf8)?.as_string::<i32>().clone()),
            Form::Binary => Values::Binary(as_type(&DataType::Binary)?.as_binary::<i32>().clone()),
        };
        let unread = unread.map(|unread| cast(&unread, &DataType::Utf8)).transpose()?;
        Ok(Self {
            values,
            unread: unread.map(|unread| unread.as_string::<i32>().clone()),
            has_length: form.has_length(),
        })
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(unread) = self.unread.as_ref().filter(|unread| unread.is_valid(row)) {
            // A Vec takes everything.
            let _ = write!(out, "?{}|", unread.value(row));
            return;
        }
        if self.values.array().is_null(row) {
            if self.has_length {
                out.push(b'|');
            }
            return;
        }
        let _ = match &self.values {
            Values::Integer(values) => write!(out, "{}", values.value(row)),
            Values::SmallDecimal(values, scale, minimal) => {
                number(values.value(row).to_string(), *scale, *minimal, out);
                Ok(())
            }
            Values::Decimal(values, scale, minimal) => {
                number(values.value(row).to_string(), *scale, *minimal, out);
                Ok(())
            }
            Values::Boolean(values) => write!(out, "{}", u8::from(values.value(row))),
            Values::Date(values) => match values.value(row) {
                i32::MAX => write!(out, "infinity"),
                days if days == -i32::MAX => write!(out, "-infinity"),
                days => date(i64::from(days), out),
            },
            Values::Time(values) => time(values.value(row), out),
            Values::Timestamp(values, round) => match values.value(row) {
                i64::MAX => write!(out, "infinity"),
                micros if micros == -i64::MAX => write!(out, "-infinity"),
                micros => {
                    let micros = micros.div_euclid(*round).saturating_mul(*round);
                    let day = date(micros.div_euclid(86_400_000_000), out);
                    out.push(b' ');
                    day.and(time(micros.rem_euclid(86_400_000_000), out))
                }
            },
            Values::Float32(values) => match values.value(row) {
                value if value.is_nan() => write!(out, "nan"),
                value => write!(out, "{:08x}", (value + 0.0).to_bits()),
            },
            Values::Float64(values) => match values.value(row) {
                value if value.is_nan() => write!(out, "nan"),
                value => write!(out, "{:016x}", (value + 0.0).to_bits()),
            },
            Values::Text(values) if self.has_length => write!(out, "{}|{}", values.value(row).len(), values.value(row)),
            Values::Text(values) => write!(out, "{}", values.value(row)),
            Values::Binary(values) => {
                let bytes = values.value(row);
                let _ = write!(out, "{}|", 2 * bytes.len());
                bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
        };
    }
}

impl Values {
    fn array(&self) -> &dyn Array {
        match self {
            Values::Integer(values) => values,
            Values::Decimal(values, ..) => values,
            Values::SmallDecimal(values, ..) => values,
            Values::Boolean(values) => values,
            Values::Date(values) => values,
            Values::Time(values) => values,
            Values::Timestamp(values, _) => values,
            Values::Float32(values) => values,
            Values::Float64(values) => values,
            Values::Text(values) => values,
            Values::Binary(values) => values,
        }
    }
}

fn scale_of(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => (*scale).max(0),
        _ => 0,
    }
}

/// At a scale that loses nothing.
fn decimal(column: &ArrayRef, scale: i8, minimal: bool) -> Result<Values> {
    let places = usize::try_from(scale).unwrap_or(0);
    Ok(match column.data_type() {
        DataType::Decimal128(_, own) if *own == scale => {
            Values::SmallDecimal(column.as_primitive().clone(), places, minimal)
        }
        _ => Values::Decimal(cast(column, &DataType::Decimal256(76, scale))?.as_primitive().clone(), places, minimal),
    })
}

/// A whole number with its last `scale` digits behind a point.
fn number(digits: String, scale: usize, minimal: bool, out: &mut Vec<u8>) {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let fraction = if minimal { fraction.trim_end_matches('0') } else { fraction };
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(whole.as_bytes());
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

/// Years beyond four digits are written as no database writes them: such rows are fetched, and compared by value.
fn date(days: i64, out: &mut Vec<u8>) -> std::io::Result<()> {
    let date: Option<NaiveDate> = days
        .checked_mul(86_400)
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map(|at| at.date_naive())
        .filter(|date| (1..=9999).contains(&date.year()));
    match date {
        Some(date) => write!(out, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
        None => write!(out, "day {days}"),
    }
}

/// Microseconds since midnight.
fn time(micros: i64, out: &mut Vec<u8>) -> std::io::Result<()> {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    if fraction == 0 {
        return Ok(());
    }
    let text = format!("{fraction:06}");
    write!(out, ".{}", text.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn written(form: Form, column: ArrayRef) -> Vec<String> {
        let rows = column.len();
        let writer = Writer::new(form, &column, None).unwrap();
        let text = |row| {
            let mut out = Vec::new();
            writer.write(row, &mut out);
            String::from_utf8(out).unwrap()
        };
        (0..rows).map(text).collect()
    }

    #[test]
    fn numbers() {
        let cents =
            Decimal128Array::from(vec![Some(150), Some(-5), Some(0), None]).with_precision_and_scale(12, 2).unwrap();
        assert_eq!(written(Form::Decimal(2), Arc::new(cents.clone())), ["1.50", "-0.05", "0.00", ""]);
        assert_eq!(written(Form::Decimal(3), Arc::new(cents.clone())), ["1.500", "-0.050", "0.000", ""]);
        assert_eq!(written(Form::Number, Arc::new(cents)), ["1.5", "-0.05", "0", ""]);
        assert_eq!(written(Form::Number, Arc::new(Int32Array::from(vec![100]))), ["100"]);
        assert_eq!(written(Form::Integer, Arc::new(UInt64Array::from(vec![u64::MAX]))), ["18446744073709551615"]);
    }

    #[test]
    fn times() {
        let days = Date32Array::from(vec![0, -719_162, 2_932_896, i32::MAX, -i32::MAX, 2_932_897]);
        let expected = ["1970-01-01", "0001-01-01", "9999-12-31", "infinity", "-infinity", "day 2932897"];
        assert_eq!(written(Form::Date, Arc::new(days)), expected);
        let micros = TimestampMicrosecondArray::from(vec![Some(-1), Some(1_500_000), Some(i64::MAX), None]);
        let second = written(Form::Timestamp(TimeUnit::Second), Arc::new(micros.clone()));
        assert_eq!(second, ["1969-12-31 23:59:59", "1970-01-01 00:00:01", "infinity", ""]);
        let micro = written(Form::Timestamp(TimeUnit::Microsecond), Arc::new(micros));
        assert_eq!(micro, ["1969-12-31 23:59:59.999999", "1970-01-01 00:00:01.5", "infinity", ""]);
    }

    #[test]
    fn texts_have_their_length_in_front() {
        let text = StringArray::from(vec![Some("a|b"), Some(""), None, Some("ü")]);
        assert_eq!(written(Form::Text, Arc::new(text)), ["3|a|b", "0|", "|", "2|ü"]);
        let bytes = BinaryArray::from(vec![Some(&b"\x00\xff"[..]), Some(b""), None]);
        assert_eq!(written(Form::Binary, Arc::new(bytes)), ["4|00ff", "0|", "|"]);
        assert_eq!(
            written(Form::Float64, Arc::new(Float64Array::from(vec![-0.0, f64::NAN]))),
            ["0000000000000000", "nan"]
        );
    }
}
