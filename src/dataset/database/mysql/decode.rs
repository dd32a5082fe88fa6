//! Rows as the binary protocol brings them, to batches. Dates and times become the text that MySQL has for them, since some of
//! them are no dates anywhere else: `0000-00-00`, `2024-02-00`, `838:59:59`.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use mysql_async::consts::ColumnType;
use mysql_async::{Column as WireColumn, Row, Value};

use super::{decimal, failure};
use crate::dataset::database::column::{Column, Kind, as_text, declared};
use crate::error::{Error, ErrorKind, Result};

/// Rows that are larger than usual make smaller batches.
const BATCH_BYTES: u64 = 1 << 20;

/// What collects the rows of a batch.
pub(super) struct Decoders {
    schema: SchemaRef,
    columns: Vec<(String, Decoder)>,
    rows: usize,
    bytes: u64,
}

impl Decoders {
    /// `wire`: the columns as the result has them. A row of no columns is selected as a NULL.
    pub(super) fn new(columns: &[Column], schema: SchemaRef, wire: &[WireColumn]) -> Result<Self> {
        if wire.len() != columns.len().max(1) {
            return Err(broken("a row has another number of columns"));
        }
        let columns = columns.iter().zip(wire);
        let columns = columns.map(|(column, wire)| (column.name.clone(), Decoder::new(&column.kind, wire))).collect();
        Ok(Self { schema, columns, rows: 0, bytes: 0 })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether there is enough for a batch.
    pub(super) fn are_full(&self, rows: usize) -> bool {
        self.rows >= rows || self.bytes >= BATCH_BYTES
    }

    /// About how many bytes came since the last time.
    pub(super) fn take_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn push(&mut self, row: &Row) -> Result<()> {
        for (n, (name, decoder)) in self.columns.iter_mut().enumerate() {
            let value = row.as_ref(n).ok_or_else(|| broken("a row has too few values"))?;
            self.bytes += value.bin_len();
            decoder.push(value, name).map_err(|error| error.context("column", name.clone()))?;
        }
        self.rows += 1;
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(|(_, decoder)| decoder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }
}

fn broken(why: &str) -> Error {
    failure::broken("rows cannot be read", why)
}

/// What collects the values of one column.
enum Decoder {
    Bool(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt8(UInt8Builder),
    UInt16(UInt16Builder),
    UInt32(UInt32Builder),
    UInt64(UInt64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    WideDecimal(Decimal256Builder, u8, i8),
    Text(StringBuilder, Clock),
    Binary(BinaryBuilder),
}

/// What is written of an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Clock {
    Date,
    DateTime,
    /// In UTC, which is the time zone of the session.
    Instant,
}

impl Decoder {
    fn new(kind: &Kind, wire: &WireColumn) -> Self {
        match kind {
            Kind::Bool => Decoder::Bool(BooleanBuilder::new()),
            Kind::Int8 => Decoder::Int8(Int8Builder::new()),
            Kind::Int16 => Decoder::Int16(Int16Builder::new()),
            Kind::Int32 => Decoder::Int32(Int32Builder::new()),
            Kind::Int64 => Decoder::Int64(Int64Builder::new()),
            Kind::UInt8 => Decoder::UInt8(UInt8Builder::new()),
            Kind::UInt16 => Decoder::UInt16(UInt16Builder::new()),
            Kind::UInt32 => Decoder::UInt32(UInt32Builder::new()),
            Kind::UInt64 => Decoder::UInt64(UInt64Builder::new()),
            Kind::Float32 => Decoder::Float32(Float32Builder::new()),
            Kind::Float64 => Decoder::Float64(Float64Builder::new()),
            Kind::Decimal(p, s) if *p <= 38 => {
                Decoder::Decimal(Decimal128Builder::new().with_data_type(kind.data_type()), *p, *s)
            }
            Kind::Decimal(p, s) => {
                Decoder::WideDecimal(Decimal256Builder::new().with_data_type(kind.data_type()), *p, *s)
            }
            Kind::Binary => Decoder::Binary(BinaryBuilder::new()),
            // Of the other kinds, MySQL has text only.
            _ => {
                let clock = match wire.column_type() {
                    ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE => Clock::Date,
                    ColumnType::MYSQL_TYPE_TIMESTAMP => Clock::Instant,
                    _ => Clock::DateTime,
                };
                Decoder::Text(StringBuilder::new(), clock)
            }
        }
    }

    fn push(&mut self, value: &Value, name: &str) -> Result<()> {
        macro_rules! integer {
            ($builder:expr) => {
                match value {
                    Value::NULL => $builder.append_null(),
                    value => $builder.append_value(
                        integer(value).and_then(|n| n.try_into().ok()).ok_or_else(|| broken("an integer is none"))?,
                    ),
                }
            };
        }
        match (self, value) {
            (Decoder::Bool(b), Value::NULL) => b.append_null(),
            (Decoder::Bool(b), value) => b.append_value(boolean(value, name)?),
            (Decoder::Int8(b), _) => integer!(b),
            (Decoder::Int16(b), _) => integer!(b),
            (Decoder::Int32(b), _) => integer!(b),
            (Decoder::Int64(b), _) => integer!(b),
            (Decoder::UInt8(b), _) => integer!(b),
            (Decoder::UInt16(b), _) => integer!(b),
            (Decoder::UInt32(b), _) => integer!(b),
            (Decoder::UInt64(b), _) => integer!(b),
            (Decoder::Float32(b), Value::NULL) => b.append_null(),
            (Decoder::Float32(b), Value::Float(n)) => b.append_value(*n),
            (Decoder::Float64(b), Value::NULL) => b.append_null(),
            (Decoder::Float64(b), Value::Double(n)) => b.append_value(*n),
            (Decoder::Decimal(b, ..), Value::NULL) => b.append_null(),
            (Decoder::Decimal(b, p, s), Value::Bytes(text)) => {
                b.append_value(decimal::narrow(text, *p, *s).ok_or_else(|| no_decimal(text, *p, *s, name))?);
            }
            (Decoder::WideDecimal(b, ..), Value::NULL) => b.append_null(),
            (Decoder::WideDecimal(b, p, s), Value::Bytes(text)) => {
                b.append_value(decimal::wide(text, *p, *s).ok_or_else(|| no_decimal(text, *p, *s, name))?);
            }
            (Decoder::Text(b, _), Value::NULL) => b.append_null(),
            (Decoder::Text(b, _), Value::Bytes(bytes)) => {
                b.append_value(std::str::from_utf8(bytes).map_err(|_| no_text(name))?);
            }
            (Decoder::Text(b, clock), value) => {
                write(b, value, *clock).map_err(|_| broken("a text is none"))?;
                b.append_value("");
            }
            (Decoder::Binary(b), Value::NULL) => b.append_null(),
            (Decoder::Binary(b), Value::Bytes(bytes)) => b.append_value(bytes),
            _ => return Err(broken("a value is of another type than its column")),
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Decoder::Bool(b) => Arc::new(b.finish()),
            Decoder::Int8(b) => Arc::new(b.finish()),
            Decoder::Int16(b) => Arc::new(b.finish()),
            Decoder::Int32(b) => Arc::new(b.finish()),
            Decoder::Int64(b) => Arc::new(b.finish()),
            Decoder::UInt8(b) => Arc::new(b.finish()),
            Decoder::UInt16(b) => Arc::new(b.finish()),
            Decoder::UInt32(b) => Arc::new(b.finish()),
            Decoder::UInt64(b) => Arc::new(b.finish()),
            Decoder::Float32(b) => Arc::new(b.finish()),
            Decoder::Float64(b) => Arc::new(b.finish()),
            Decoder::Decimal(b, ..) => Arc::new(b.finish()),
            Decoder::WideDecimal(b, ..) => Arc::new(b.finish()),
            Decoder::Text(b, _) => Arc::new(b.finish()),
            Decoder::Binary(b) => Arc::new(b.finish()),
        }
    }
}

/// An integer; the bits of a `bit(n)` are one, the highest first.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some(i128::from(*n)),
        Value::UInt(n) => Some(i128::from(*n)),
        Value::Bytes(bits) if bits.len() <= 8 => {
            Some(bits.iter().fold(0, |number, byte| number << 8 | i128::from(*byte)))
        }
        _ => None,
    }
}

fn boolean(value: &Value, name: &str) -> Result<bool> {
    match integer(value) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(other) => Err(Error::new(
            ErrorKind::Data,
            format!("the column {name:?} is a boolean to MySQL, tinyint(1), but it holds {other}"),
        )
        .hint(format!("read it as a number: {}", declared(name, "tinyint")))),
        None => Err(broken("a boolean is none")),
    }
}

fn no_decimal(text: &[u8], precision: u8, scale: i8, name: &str) -> Error {
    let shown = String::from_utf8_lossy(text);
    Error::new(ErrorKind::Data, format!("{shown} is no value of decimal({precision},{scale})"))
        .hint(format!("read it as text: {}", as_text(name)))
}

fn no_text(name: &str) -> Error {
    Error::new(ErrorKind::Data, format!("the column {name:?} holds bytes that are not UTF-8"))
        .hint(format!("read it as bytes: {}", declared(name, "binary")))
}

/// Numbers with as many digits as it takes to read them back as they are. Dates and times in ISO 8601, with microseconds
/// where there are any, so that the same value is the same text whatever the precision of its column.
fn write(out: &mut impl Write, value: &Value, clock: Clock) -> std::fmt::Result {
    match *value {
        Value::Int(n) => write!(out, "{n}"),
        Value::UInt(n) => write!(out, "{n}"),
        Value::Float(n) => write!(out, "{n}"),
        Value::Double(n) => write!(out, "{n}"),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let mut text = *b"0000-00-00 00:00:00.000000";
            for (number, place) in [
                (u32::from(year), 0..4),
                (u32::from(month), 5..7),
                (u32::from(day), 8..10),
                (u32::from(hour), 11..13),
                (u32::from(minute), 14..16),
                (u32::from(second), 17..19),
                (micros, 20..26),
            ] {
                digits(number, &mut text[place]);
            }
            let end = match (clock, micros) {
                (Clock::Date, _) => 10,
                (_, 0) => 19,
                _ => 26,
            };
            out.write_str(std::str::from_utf8(&text[..end]).map_err(|_| std::fmt::Error)?)?;
            // The zero of a timestamp is no instant.
            match clock == Clock::Instant && (year, month, day) != (0, 0, 0) {
                true => out.write_str("+00:00"),
                false => Ok(()),
            }
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let hours = u64::from(days) * 24 + u64::from(hours);
            write!(out, "{}{hours:02}:{minutes:02}:{seconds:02}", if negative { "-" } else { "" })?;
            match micros {
                0 => Ok(()),
                micros => write!(out, ".{micros:06}"),
            }
        }
        Value::NULL | Value::Bytes(_) => Err(std::fmt::Error),
    }
}

/// As many of a number's last digits as there is room for.
fn digits(mut number: u32, room: &mut [u8]) {
    for place in room.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Value::Date(2024, 1, 2, 0, 0, 0, 0), Clock::Date, "2024-01-02")]
    #[case(Value::Date(0, 0, 0, 0, 0, 0, 0), Clock::Date, "0000-00-00")]
    #[case(Value::Date(2024, 0, 1, 0, 0, 0, 0), Clock::Date, "2024-00-01")]
    #[case(Value::Date(2024, 1, 2, 3, 4, 5, 6), Clock::DateTime, "2024-01-02 03:04:05.000006")]
    #[case(Value::Date(9999, 12, 31, 23, 59, 59, 999_999), Clock::DateTime, "9999-12-31 23:59:59.999999")]
    #[case(Value::Date(2024, 1, 2, 0, 0, 0, 0), Clock::DateTime, "2024-01-02 00:00:00")]
    #[case(Value::Date(0, 0, 0, 0, 0, 0, 0), Clock::DateTime, "0000-00-00 00:00:00")]
    #[case(Value::Date(2024, 1, 2, 3, 4, 5, 0), Clock::Instant, "2024-01-02 03:04:05+00:00")]
    #[case(Value::Date(0, 0, 0, 0, 0, 0, 0), Clock::Instant, "0000-00-00 00:00:00")]
    #[case(Value::Time(false, 0, 1, 2, 3, 0), Clock::DateTime, "01:02:03")]
    #[case(Value::Time(true, 34, 22, 59, 59, 5), Clock::DateTime, "-838:59:59.000005")]
    #[case(Value::Float(0.1), Clock::DateTime, "0.1")]
    #[case(Value::Float(16_777_216.0), Clock::DateTime, "16777216")]
    #[case(Value::Double(0.1 + 0.2), Clock::DateTime, "0.30000000000000004")]
    #[case(Value::UInt(u64::MAX), Clock::DateTime, "18446744073709551615")]
    fn values_as_text(#[case] value: Value, #[case] clock: Clock, #[case] text: &str) {
        let mut out = String::new();
        write(&mut out, &value, clock).unwrap();
        assert_eq!(out, text);
    }

    #[test]
    fn bits_are_numbers() {
        assert_eq!(integer(&Value::Bytes(vec![1, 0])), Some(256));
        assert_eq!(integer(&Value::Bytes(vec![0xff; 8])), Some(i128::from(u64::MAX)));
        assert_eq!(integer(&Value::Bytes(vec![0; 9])), None);
    }

    #[test]
    fn a_boolean_is_zero_or_one() {
        assert!(boolean(&Value::Int(1), "flag").unwrap());
        assert!(!boolean(&Value::Bytes(vec![0]), "flag").unwrap());
        let error = boolean(&Value::Int(2), "flag").unwrap_err();
        assert_eq!(error.message(), "the column \"flag\" is a boolean to MySQL, tinyint(1), but it holds 2");
        assert_eq!(
            error.hint_text(),
            Some("read it as a number: columns: {flag: tinyint} (--option columns.flag=tinyint)")
        );
    }
}
