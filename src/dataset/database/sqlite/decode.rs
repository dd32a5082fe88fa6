//! Rows of SQLite to batches. What a cell is (its storage class) is the cell's own; what its column expects, the column's.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::failure;
use crate::dataset::database::IMAGE;
use crate::dataset::database::TEXT_OF;
use crate::dataset::database::column::{Column, Kind};
use crate::error::{Error, ErrorKind, Result};

/// A batch is full with so many bytes, however few rows they are.
const BATCH_BYTES: usize = 8 << 20;

/// What collects the rows of a batch.
pub(super) struct Decoders {
    schema: SchemaRef,
    columns: Vec<(String, Decoder)>,
    rows: usize,
    bytes: usize,
    batch_rows: usize,
}

impl Decoders {
    pub(super) fn new(columns: &[Column], schema: SchemaRef, batch_rows: usize) -> Self {
        let columns = columns.iter().map(|column| (column.name.clone(), Decoder::new(column))).collect();
        Self { schema, columns, rows: 0, bytes: 0, batch_rows }
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<()> {
        // A row of no columns is selected as a NULL.
        for (n, (name, decoder)) in self.columns.iter_mut().enumerate() {
            let value = row.get_ref(n).map_err(|failure| failure::error("a cell cannot be read", failure))?;
            self.bytes += match value {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
                _ => 8,
            };
            decoder.push(value).map_err(|what| {
                let (message, hint) = what.said(name);
                Error::new(ErrorKind::Data, message).context("column", name.clone()).hint(hint)
            })?;
        }
        self.rows += 1;
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= self.batch_rows || self.bytes >= BATCH_BYTES
    }

    /// The batch, and the bytes of its cells.
    pub(super) fn finish(&mut self) -> Result<(RecordBatch, usize)> {
        let arrays = self.columns.iter_mut().map(|(_, decoder)| decoder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        let bytes = std::mem::take(&mut self.bytes);
        Ok((RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?, bytes))
    }
}

/// What collects the cells of one column.
enum Decoder {
    Int64(Int64Builder),
    Float64(Float64Builder),
    Binary(BinaryBuilder),
    Text(StringBuilder, Form, String),
    /// Of every cell the literal that tells it from all others.
    Image(StringBuilder),
}

/// How cells become text.
#[derive(Clone, Copy)]
enum Form {
    /// A text as it is, numbers in digits. A blob has no text that no other cell could have.
    Plain,
    /// The same where they are to be read as another type: a blob is shown as a literal of SQL, which cannot be read; and so is
    /// a text that looks like one.
    Typed,
    /// To be read as bytes: blobs in hexadecimal digits; anything else in a way that cannot be read.
    Bytes,
}

/// Why a cell does not fit its column.
enum Unfit {
    NotUtf8,
    BlobAsText(usize),
    NotKept(&'static str),
}

impl Unfit {
    fn said(&self, column: &str) -> (String, String) {
        match self {
            Unfit::NotUtf8 => (
                "a text is not UTF-8".into(),
                format!("read its bytes by a query: SELECT CAST({column} AS BLOB) AS {column} ..."),
            ),
            Unfit::BlobAsText(length) => (
                format!("a cell is a BLOB of {length} bytes, where the column is read as text"),
                format!(
                    "say what it is by a query: SELECT hex({column}) ..., or CAST({column} AS BLOB) AS {column} ..."
                ),
            ),
            Unfit::NotKept(expected) => (
                format!("a cell is not {expected}, which SQLite should see to"),
                "the file is damaged: `PRAGMA integrity_check` says where".into(),
            ),
        }
    }
}

impl Decoder {
    fn new(column: &Column) -> Self {
        let form = match column.field.metadata().get(TEXT_OF).map(|declared| declared.parse::<DataType>()) {
            Some(Ok(DataType::Binary | DataType::LargeBinary | DataType::BinaryView)) => Form::Bytes,
            Some(Ok(DataType::FixedSizeBinary(_))) => Form::Bytes,
            Some(Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)) | Some(Err(_)) | None => Form::Plain,
            Some(Ok(_)) => Form::Typed,
        };
        match column.kind {
            _ if column.field.metadata().contains_key(IMAGE) => Decoder::Image(StringBuilder::new()),
            Kind::Int64 => Decoder::Int64(Int64Builder::new()),
            Kind::Float64 => Decoder::Float64(Float64Builder::new()),
            Kind::Binary => Decoder::Binary(BinaryBuilder::new()),
            _ => Decoder::Text(StringBuilder::new(), form, String::new()),
        }
    }

    fn push(&mut self, value: ValueRef<'_>) -> Result<(), Unfit> {
        match (self, value) {
            (Decoder::Image(b), value) => b.append_option(super::image::image(value)),
            (Decoder::Int64(b), ValueRef::Null) => b.append_null(),
            (Decoder::Int64(b), ValueRef::Integer(integer)) => b.append_value(integer),
            (Decoder::Int64(_), _) => return Err(Unfit::NotKept("an integer")),
            (Decoder::Float64(b), ValueRef::Null) => b.append_null(),
            (Decoder::Float64(b), ValueRef::Real(real)) => b.append_value(real),
            (Decoder::Float64(_), _) => return Err(Unfit::NotKept("a real number")),
            (Decoder::Binary(b), ValueRef::Null) => b.append_null(),
            (Decoder::Binary(b), ValueRef::Blob(bytes)) => b.append_value(bytes),
            (Decoder::Binary(_), _) => return Err(Unfit::NotKept("a BLOB")),
            (Decoder::Text(b, ..), ValueRef::Null) => b.append_null(),
            (Decoder::Text(b, Form::Plain | Form::Typed, _), ValueRef::Text(bytes)) if !is_literal(bytes) => {
                b.append_value(std::str::from_utf8(bytes).map_err(|_| Unfit::NotUtf8)?)
            }
            (Decoder::Text(b, form, shown), value) => {
                shown.clear();
                write(shown, value, *form)?;
                b.append_value(&shown);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Decoder::Int64(b) => Arc::new(b.finish()),
            Decoder::Float64(b) => Arc::new(b.finish()),
            Decoder::Binary(b) => Arc::new(b.finish()),
            Decoder::Text(b, ..) | Decoder::Image(b) => Arc::new(b.finish()),
        }
    }
}

/// Whether a text begins as the literal of a text or a blob does.
fn is_literal(text: &[u8]) -> bool {
    matches!(text, [b'\'', ..] | [b'x', b'\'', ..])
}

fn write(out: &mut String, value: ValueRef<'_>, form: Form) -> Result<(), Unfit> {
    use std::fmt::Write as _;
    // Writing to a string does not fail.
    let _ = match (value, form) {
        (ValueRef::Null, _) => Ok(()),
        (ValueRef::Integer(integer), Form::Bytes) => write!(out, "integer {integer}"),
        (ValueRef::Real(real), Form::Bytes) => write!(out, "real {real:?}"),
        (ValueRef::Integer(integer), _) => write!(out, "{integer}"),
        // The shortest text that is read as the same number.
        (ValueRef::Real(real), _) => write!(out, "{real:?}"),
        (ValueRef::Text(text), form) => {
            let text = std::str::from_utf8(text).map_err(|_| Unfit::NotUtf8)?;
            match form {
                Form::Plain => out.write_str(text),
                Form::Typed | Form::Bytes => write!(out, "'{}'", text.replace('\'', "''")),
            }
        }
        (ValueRef::Blob(blob), Form::Plain) => return Err(Unfit::BlobAsText(blob.len())),
        (ValueRef::Blob(blob), Form::Bytes) => hex(out, blob),
        (ValueRef::Blob(blob), Form::Typed) => {
            out.push_str("x'");
            let _ = hex(out, blob);
            out.write_str("'")
        }
    };
    Ok(())
}

fn hex(out: &mut String, bytes: &[u8]) -> std::fmt::Result {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    Ok(())
}

/// A cell as text, for small questions.
pub(super) fn text(value: ValueRef<'_>) -> Result<Option<String>> {
    if let ValueRef::Null = value {
        return Ok(None);
    }
    let form = if let ValueRef::Blob(_) = value { Form::Typed } else { Form::Plain };
    let mut out = String::new();
    write(&mut out, value, form).map_err(|_| Error::new(ErrorKind::Data, "a text is not UTF-8"))?;
    Ok(Some(out))
}
