//! The canonical encoding, version 1: the bytes that digests are taken of. It is a format, the same on every machine and
//! for ever; a change of a single byte is a new version.
//!
//! A row's encoding is the concatenation of its values'. Each value delimits itself, so no two rows share an encoding.
//!
//! | Value | Bytes; all integers little endian |
//! |---|---|
//! | NULL | `00` |
//! | boolean | `01`, then `00` or `01` |
//! | integer or decimal of any width | `02`, scale (i8, 0 for integers), n = 8, 16 or 32 (the smallest that holds it), n bytes of two's complement |
//! | float of any width | `03`, f64 bits; -0.0 as 0.0, every NaN as `7ff8000000000000` |
//! | text | `04`, length (u32), UTF-8 |
//! | binary | `05`, length (u32), bytes |
//! | timestamp without, with a zone | `06`, `07`: decimal digits of the unit (u8: 0, 3, 6, 9), i64 since 1970 (UTC if zoned) |
//! | date | `08`, i64 milliseconds since 1970-01-01 |
//! | time of day, duration | `09`, `0a`: decimal digits of the unit (u8), i64 |
//! | interval | `0b`, months (i32), days (i32), nanoseconds (i64) |
//! | list | `10`, count (u32), elements |
//! | struct | `11`, count (u32), then name (as text) and value of each field, sorted by name |
//! | map | `12`, count (u32), then key and value of each entry, sorted by the key's encoding |
//!
//! How Arrow stores a value (dictionary, run-end, view, 64-bit offsets) leaves no trace. [`Mode::ByValue`] normalises
//! numbers and times besides, so that 7 and 7.00 agree whatever their types.

mod column;
mod nested;
mod plain;
#[cfg(test)]
mod tests;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use self::column::{Encode, encoder};
pub(super) use self::nested::{list_ranges, run_picks};
use crate::error::{Error, ErrorKind, Result};

/// How much of a value's type stays in its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Scales and units stay as they are: for columns that have been brought to a common type. The fast one.
    AsTyped,
    /// Trailing zeros of a fraction and of a unit's digits are dropped: equal values of different types agree.
    ByValue,
}

/// The encodings of many rows, end to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    pub buffer: Vec<u8>,
    /// Where each row begins, and the end of the last: one more than there are rows.
    pub offsets: Vec<usize>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn row(&self, index: usize) -> &[u8] {
        &self.buffer[self.offsets[index]..self.offsets[index + 1]]
    }
}

/// Encodes `rows` rows of `columns`, in this order of columns.
pub fn encode_rows(columns: &[ArrayRef], rows: usize, mode: Mode) -> Result<Rows> {
    let encoder = RowEncoder::new(columns, mode)?;
    let mut encoded = Rows { buffer: Vec::new(), offsets: Vec::new() };
    let mut scratch = Vec::new();
    encoder.encode(0, rows, &mut encoded, &mut scratch);
    Ok(encoded)
}

/// Whether values of this type have an encoding; unions have none. The error names the type.
pub fn check_encodable(data_type: &DataType) -> Result<()> {
    use DataType::*;
    match data_type {
        Union(..) => Err(Error::new(ErrorKind::Schema, format!("values of type {data_type} have no digest"))
            .hint("leave the column out, or cast it to a type that does")),
        List(field) | LargeList(field) | FixedSizeList(field, _) | ListView(field) | LargeListView(field) => {
            check_encodable(field.data_type())
        }
        Map(field, _) => check_encodable(field.data_type()),
        Struct(fields) => fields.iter().try_for_each(|field| check_encodable(field.data_type())),
        Dictionary(_, values) => check_encodable(values),
        RunEndEncoded(_, values) => check_encodable(values.data_type()),
        _ => Ok(()),
    }
}

/// The columns of one batch, made ready to be encoded in pieces.
pub struct RowEncoder {
    columns: Vec<Box<dyn Encode>>,
    /// Bytes that every row takes, from the columns whose values all have one length.
    fixed: usize,
}

impl RowEncoder {
    pub fn new(columns: &[ArrayRef], mode: Mode) -> Result<Self> {
        let columns = columns.iter().map(|column| encoder(column, mode)).collect::<Result<Vec<_>>>()?;
        let fixed = columns.iter().filter_map(|column| column.constant()).sum();
        Ok(Self { columns, fixed })
    }

    /// Encodes `count` rows from `start` on, replacing what is in `out`. Two passes, column by column: the lengths, then
    /// each column's values at every row's cursor.
    pub fn encode(&self, start: usize, count: usize, out: &mut Rows, cursors: &mut Vec<usize>) {
        cursors.clear();
        cursors.resize(count, self.fixed);
        for column in &self.columns {
            if column.constant().is_none() {
                column.add_lengths(start, cursors);
            }
        }
        out.offsets.clear();
        let mut end = 0;
        for cursor in cursors.iter_mut() {
            let length = *cursor;
            out.offsets.push(end);
            *cursor = end;
            end += length;
        }
        out.offsets.push(end);
        // What an earlier piece left behind is written over, so only growth is zeroed.
        out.buffer.resize(end, 0);
        for column in &self.columns {
            column.write_rows(start, &mut out.buffer, cursors);
        }
    }
}
