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
mod number;
mod piece;
mod plain;
#[cfg(test)]
mod tests;
mod text;
mod validity;

use std::ops::Range;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use self::column::{Encode, encoder};
pub(super) use self::nested::{list_ranges, run_picks};
use self::piece::{Extent, Piece};
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
    let mut encoded = Rows { buffer: Vec::new(), offsets: Vec::with_capacity(rows + 1) };
    encoded.offsets.push(0);
    RowEncoder::new(columns, mode)?.for_each_row(rows, |row| {
        encoded.buffer.extend_from_slice(row);
        encoded.offsets.push(encoded.buffer.len());
    });
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
pub(super) struct RowEncoder(Vec<Box<dyn Encode>>);

impl RowEncoder {
    pub fn new(columns: &[ArrayRef], mode: Mode) -> Result<Self> {
        Ok(Self(columns.iter().map(|column| encoder(column, mode)).collect::<Result<_>>()?))
    }

    /// Shows the encoding of each row, in their order.
    pub fn for_each_row(&self, rows: usize, mut visit: impl FnMut(&[u8])) {
        let (mut piece, mut extents, mut start) = (Piece::default(), Vec::new(), 0);
        while start < rows {
            start += self.encode(start..rows, &mut piece, &mut extents);
            piece.rows().for_each(&mut visit);
        }
    }

    /// Encodes the first of `rows` into a piece, column by column; returns how many it holds.
    fn encode(&self, rows: Range<usize>, piece: &mut Piece, extents: &mut Vec<Extent>) -> usize {
        let measured = rows.start..rows.end.min(rows.start + piece.next_rows());
        extents.clear();
        extents.extend(self.0.iter().map(|column| column.extent(measured.clone())));
        let count = piece.begin(measured.len(), extents.iter().map(|extent| extent.longest()).sum());
        for (column, extent) in self.0.iter().zip(extents) {
            column.write_rows(rows.start..rows.start + count, *extent, piece);
        }
        count
    }
}
