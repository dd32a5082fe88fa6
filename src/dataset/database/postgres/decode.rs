//! Rows as `COPY ... (FORMAT binary)` brings them, to batches.
//!
//! The format: <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY>; of the values, what each type's
//! `send` function writes.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::*;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::numeric::Numeric;
use crate::dataset::database::column::{Column, Kind, as_text};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that make a batch, as they came: wide rows make batches of fewer rows.
const BATCH_BYTES: usize = 1 << 20;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Days and microseconds from 1970 to 2000, where PostgreSQL begins to count.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// What collects the rows of a batch.
pub(super) struct Decoders {
    schema: SchemaRef,
    columns: Vec<(String, Decoder)>,
    rows: usize,
    /// That these rows took.
    bytes: usize,
    /// Bytes of a row that has not come in full.
    pending: Vec<u8>,
    begun: bool,
    ended: bool,
}

impl Decoders {
    pub(super) fn new(columns: &[Column], schema: SchemaRef) -> Self {
        let columns = columns.iter().map(|column| (column.name.clone(), Decoder::new(&column.kind))).collect();
        Self { schema, columns, rows: 0, bytes: 0, pending: Vec::new(), begun: false, ended: false }
    }

    /// Whether there is enough for a batch.
    pub(super) fn are_full(&self, rows: usize) -> bool {
        self.rows >= rows || self.bytes >= BATCH_BYTES
    }

    /// Takes in what came. The server sends a row a message, but nothing promises it.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<()> {
        if self.pending.is_empty() {
            let taken = self.take(chunk)?;
            self.pending.extend_from_slice(&chunk[taken..]);
        } else {
            let mut bytes = std::mem::take(&mut self.pending);
            bytes.extend_from_slice(chunk);
            let taken = self.take(&bytes)?;
            bytes.drain(..taken);
            self.pending = bytes;
        }
        Ok(())
    }

    /// Decodes whole rows; the number of bytes that they took.
    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        if !self.begun {
            let Some(header) = bytes.get(..SIGNATURE.len() + 8) else { return Ok(0) };
            let extension = u32::from_be_bytes(header[SIGNATURE.len() + 4..].try_into().unwrap_or_default()) as usize;
            if !header.starts_with(SIGNATURE) || header[SIGNATURE.len()..SIGNATURE.len() + 4] != [0; 4] {
                return Err(broken("it does not begin as it should"));
            }
            if bytes.len() < header.len() + extension {
                return Ok(0);
            }
            at = header.len() + extension;
            self.begun = true;
        }
        while let Some(row) = row_end(&bytes[at..], self.columns.len())? {
            if self.ended {
                return Err(broken("it goes on behind its end"));
            }
            match row {
                RowEnd::Trailer => {
                    self.ended = true;
                    at += 2;
                }
                RowEnd::At(end) => {
                    self.row(&bytes[at..at + end])?;
                    at += end;
                }
            }
        }
        Ok(at)
    }

    /// A row that is all there.
    fn row(&mut self, bytes: &[u8]) -> Result<()> {
        let mut at = 2;
        // A row of no columns is selected as a NULL.
        for (name, decoder) in &mut self.columns {
            let length = i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
            at += 4;
            let value = usize::try_from(length).ok().map(|length| &bytes[at..at + length]);
            at += value.map_or(0, <[u8]>::len);
            decoder.push(value).map_err(|error| of_column(error, name))?;
        }
        self.rows += 1;
        self.bytes += bytes.len();
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(|(_, decoder)| decoder.finish()).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }

    /// The last rows. An error where the end did not come: rows may be missing.
    pub(super) fn end(&mut self) -> Result<RecordBatch> {
        match self.ended && self.pending.is_empty() {
            true => self.finish(),
            false => Err(broken("it ends too early")),
        }
    }
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::Data, format!("what PostgreSQL sends cannot be read: {why}"))
        .hint("look at what stands between tieout and the server")
}

/// A value that its column cannot hold.
fn unfit(what: String) -> Error {
    Error::new(ErrorKind::Data, what)
}

/// An error with the name of its column; where a value is at fault, with the way around it.
fn of_column(error: Error, name: &str) -> Error {
    let error = error.context("column", name);
    match error.hint_text() {
        Some(_) => error,
        None => error.hint(format!("read the column as text: {}", as_text(name))),
    }
}

enum RowEnd {
    At(usize),
    Trailer,
}

/// Where the first row ends; None where it is not all there.
fn row_end(bytes: &[u8], columns: usize) -> Result<Option<RowEnd>> {
    let Some(head) = bytes.get(..2) else { return Ok(None) };
    let count = i16::from_be_bytes([head[0], head[1]]);
    if count == -1 {
        return Ok(Some(RowEnd::Trailer));
    }
    if usize::try_from(count) != Ok(columns.max(1)) {
        return Err(broken("a row has another number of columns"));
    }
    let mut at = 2;
    for _ in 0..count {
        let Some(length) = bytes.get(at..at + 4) else { return Ok(None) };
        let length = i32::from_be_bytes(length.try_into().unwrap_or_default());
        if length < -1 {
            return Err(broken("a value has a negative length"));
        }
        at += 4 + usize::try_from(length).unwrap_or(0);
    }
    Ok((bytes.len() >= at).then_some(RowEnd::At(at)))
}

/// What collects the values of one column.
enum Decoder {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt32(UInt32Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    WideDecimal(Decimal256Builder, u8, i8),
    Number(StringBuilder, String),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder, Option<Arc<str>>),
    Text(StringBuilder),
    Jsonb(StringBuilder),
    Binary(BinaryBuilder),
    Uuid(StringBuilder),
    List { element: Box<Decoder>, offsets: Vec<i32>, valid: NullBufferBuilder, held: i32 },
}

impl Decoder {
    fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Bool => Decoder::Bool(BooleanBuilder::new()),
            Kind::Int8 | Kind::Int16 | Kind::UInt8 => Decoder::Int16(Int16Builder::new()),
            Kind::Int32 | Kind::UInt16 => Decoder::Int32(Int32Builder::new()),
            Kind::Int64 | Kind::UInt64 => Decoder::Int64(Int64Builder::new()),
            Kind::UInt32 => Decoder::UInt32(UInt32Builder::new()),
            Kind::Float32 => Decoder::Float32(Float32Builder::new()),
            Kind::Float64 => Decoder::Float64(Float64Builder::new()),
            Kind::Decimal(p, s) if *p <= 38 => {
                Decoder::Decimal(Decimal128Builder::new().with_data_type(kind.data_type()), *p, *s)
            }
            Kind::Decimal(p, s) => {
                Decoder::WideDecimal(Decimal256Builder::new().with_data_type(kind.data_type()), *p, *s)
            }
            Kind::Number => Decoder::Number(StringBuilder::new(), String::new()),
            Kind::Date => Decoder::Date(Date32Builder::new()),
            Kind::Time => Decoder::Time(Time64MicrosecondBuilder::new()),
            Kind::Timestamp { zoned } => {
                Decoder::Timestamp(TimestampMicrosecondBuilder::new(), zoned.then(|| Arc::from("UTC")))
            }
            Kind::Text => Decoder::Text(StringBuilder::new()),
            Kind::Jsonb => Decoder::Jsonb(StringBuilder::new()),
            Kind::Binary => Decoder::Binary(BinaryBuilder::new()),
            Kind::Uuid => Decoder::Uuid(StringBuilder::new()),
            Kind::List(element) => Decoder::List {
                element: Box::new(Decoder::new(element)),
                offsets: vec![0],
                valid: NullBufferBuilder::new(0),
                held: 0,
            },
        }
    }

    fn push(&mut self, value: Option<&[u8]>) -> Result<()> {
        match self {
            Decoder::Bool(b) => b.append_option(value.map(|v| fixed::<1>(v).map(|[byte]| byte != 0)).transpose()?),
            Decoder::Int16(b) => b.append_option(value.map(|v| fixed(v).map(i16::from_be_bytes)).transpose()?),
            Decoder::Int32(b) => b.append_option(value.map(|v| fixed(v).map(i32::from_be_bytes)).transpose()?),
            Decoder::Int64(b) => b.append_option(value.map(|v| fixed(v).map(i64::from_be_bytes)).transpose()?),
            Decoder::UInt32(b) => b.append_option(value.map(|v| fixed(v).map(u32::from_be_bytes)).transpose()?),
            Decoder::Float32(b) => b.append_option(value.map(|v| fixed(v).map(f32::from_be_bytes)).transpose()?),
            Decoder::Float64(b) => b.append_option(value.map(|v| fixed(v).map(f64::from_be_bytes)).transpose()?),
            Decoder::Decimal(b, p, s) => {
                let (p, s) = (*p, *s);
                b.append_option(value.map(|v| numeric(v, |n| n.scaled(s), (p, s))).transpose()?)
            }
            Decoder::WideDecimal(b, p, s) => {
                let (p, s) = (*p, *s);
                b.append_option(value.map(|v| numeric(v, |n| n.scaled_wide(s), (p, s))).transpose()?)
            }
            Decoder::Number(b, text) => match value {
                Some(value) => {
                    text.clear();
                    Numeric::parse(value).ok_or_else(|| broken("a number is not one"))?.write(text);
                    b.append_value(&text);
                }
                None => b.append_null(),
            },
            Decoder::Date(b) => b.append_option(value.map(|v| fixed(v).map(i32::from_be_bytes).map(date)).transpose()?),
            Decoder::Time(b) => b.append_option(value.map(|v| time(fixed(v).map(i64::from_be_bytes)?)).transpose()?),
            Decoder::Timestamp(b, _) => match value {
                Some(value) => b.append_value(timestamp(fixed(value).map(i64::from_be_bytes)?)?),
                None => b.append_null(),
            },
            Decoder::Text(b) => b.append_option(value.map(text).transpose()?),
            Decoder::Jsonb(b) => match value {
                // The first byte is the version of the format.
                Some([1, json @ ..]) => b.append_value(text(json)?),
                Some(_) => return Err(broken("jsonb has an unknown version")),
                None => b.append_null(),
            },
            Decoder::Binary(b) => b.append_option(value),
            Decoder::Uuid(b) => match value {
                Some(value) => {
                    b.append_value(uuid::Uuid::from_bytes(fixed(value)?).hyphenated().encode_lower(&mut [0; 36]))
                }
                None => b.append_null(),
            },
            Decoder::List { element, offsets, valid, held } => {
                if let Some(value) = value {
                    *held += elements(value, element)?;
                }
                valid.append(value.is_some());
                offsets.push(*held);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Decoder::Bool(b) => Arc::new(b.finish()),
            Decoder::Int16(b) => Arc::new(b.finish()),
            Decoder::Int32(b) => Arc::new(b.finish()),
            Decoder::Int64(b) => Arc::new(b.finish()),
            Decoder::UInt32(b) => Arc::new(b.finish()),
            Decoder::Float32(b) => Arc::new(b.finish()),
            Decoder::Float64(b) => Arc::new(b.finish()),
            Decoder::Decimal(b, ..) => Arc::new(b.finish()),
            Decoder::WideDecimal(b, ..) => Arc::new(b.finish()),
            Decoder::Date(b) => Arc::new(b.finish()),
            Decoder::Time(b) => Arc::new(b.finish()),
            Decoder::Timestamp(b, zone) => Arc::new(b.finish().with_timezone_opt(zone.clone())),
            Decoder::Number(b, _) | Decoder::Text(b) | Decoder::Jsonb(b) | Decoder::Uuid(b) => Arc::new(b.finish()),
            Decoder::Binary(b) => Arc::new(b.finish()),
            Decoder::List { element, offsets, valid, held } => {
                let values = element.finish()?;
                let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
                let offsets = OffsetBuffer::new(std::mem::replace(offsets, vec![0]).into());
                let nulls: Option<NullBuffer> = valid.finish();
                *held = 0;
                Arc::new(ListArray::try_new(field, offsets, values, nulls)?)
            }
        })
    }
}

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| broken("a value has an unknown length"))
}

fn text(value: &[u8]) -> Result<&str> {
    std::str::from_utf8(value).map_err(|_| broken("a text is not UTF-8"))
}

/// A number at a scale; an error where it has none.
fn numeric<T>(value: &[u8], scaled: impl Fn(&Numeric) -> Option<T>, (p, s): (u8, i8)) -> Result<T> {
    let number = Numeric::parse(value).ok_or_else(|| broken("a number is not one"))?;
    scaled(&number).ok_or_else(|| {
        let mut shown = String::new();
        number.write(&mut shown);
        unfit(format!("{shown} is no value of decimal({p},{s})"))
    })
}

/// Days since 1970. The infinities stay what they are: the greatest number, and its negative.
fn date(days: i32) -> i32 {
    match days {
        i32::MAX => i32::MAX,
        i32::MIN => -i32::MAX,
        days => days.saturating_add(EPOCH_DAYS),
    }
}

/// Microseconds since midnight.
fn time(micros: i64) -> Result<i64> {
    match micros {
        DAY_MICROS => Err(unfit("24:00:00 is no time of a day to others".into())),
        micros => Ok(micros),
    }
}

/// Microseconds since 1970.
fn timestamp(micros: i64) -> Result<i64> {
    match micros {
        i64::MAX => Ok(i64::MAX),
        i64::MIN => Ok(-i64::MAX),
        // The greatest number is taken.
        micros => match micros.checked_add(EPOCH_MICROS) {
            Some(micros) if micros != i64::MAX => Ok(micros),
            _ => Err(unfit("a timestamp is later than Arrow's last, which is in January 294247".into())),
        },
    }
}

/// The elements of an array of one dimension: number of dimensions, flags, type; of each dimension length and lower bound; then
/// each element with its length. How many there are.
fn elements(value: &[u8], decoder: &mut Decoder) -> Result<i32> {
    let word = |at: usize| -> Result<i32> {
        Ok(i32::from_be_bytes(fixed(value.get(at..at + 4).ok_or_else(|| broken("an array is cut off"))?)?))
    };
    match word(0)? {
        0 => return Ok(0),
        1 if word(16)? == 1 => {}
        // To PostgreSQL it differs from the same elements that begin at 1.
        1 => return Err(unfit(format!("an array begins at {}, not at 1", word(16)?))),
        dimensions => return Err(unfit(format!("an array has {dimensions} dimensions"))),
    }
    let (count, mut at) = (word(12)?, 20);
    for _ in 0..count {
        let length = word(at)?;
        at += 4;
        let element = match usize::try_from(length) {
            Ok(length) => {
                let element = value.get(at..at + length).ok_or_else(|| broken("an array is cut off"))?;
                at += length;
                Some(element)
            }
            Err(_) => None,
        };
        decoder.push(element)?;
    }
    Ok(count)
}
