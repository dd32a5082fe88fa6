//! Records into batches of text columns: only the columns that are asked for are built. Also the one place that knows
//! what a NULL cell is.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray, new_null_array};
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::lines::Records;
use super::tokenizer::Span;
use crate::error::{Error, ErrorKind, Result};

/// A batch ends early when one of its columns holds this much text.
pub(super) const LARGEST_COLUMN: usize = 64 << 20;

/// Builds batches of one file.
pub(super) struct Decoder {
    records: Records,
    schema: SchemaRef,
    /// The file's field of each column; None where the file lacks it.
    fields: Vec<Option<usize>>,
    /// Fields of every record, and of what that number comes.
    width: usize,
    width_of: &'static str,
    quote: u8,
    null: Arc<[String]>,
    batch_size: usize,
}

/// What the decoder needs besides the records.
pub(super) struct Layout {
    pub schema: SchemaRef,
    pub fields: Vec<Option<usize>>,
    pub width: usize,
    pub width_of: &'static str,
    pub quote: u8,
    pub null: Arc<[String]>,
    pub batch_size: usize,
}

impl Decoder {
    pub(super) fn new(records: Records, layout: Layout) -> Self {
        let Layout { schema, fields, width, width_of, quote, null, batch_size } = layout;
        Self { records, schema, fields, width, width_of, quote, null, batch_size: batch_size.max(1) }
    }

    /// The next batch; None at the end of the file.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut columns: Vec<Column> = self.fields.iter().map(|_| Column::new(self.batch_size)).collect();
        let mut rows = 0;
        loop {
            let full = self.append(&mut columns, &mut rows)?;
            if full || !self.records.fill().await? {
                break;
            }
        }
        if rows == 0 { Ok(None) } else { self.finish(columns, rows).map(Some) }
    }

    /// Takes the records that are in memory; true when the batch is full.
    fn append(&mut self, columns: &mut [Column], rows: &mut usize) -> Result<bool> {
        while let Some(record) = self.records.next_buffered()? {
            if record.spans.len() != self.width {
                let (line, found) = (record.line, record.spans.len());
                return Err(ragged(&self.records, line, found, self.width, self.width_of));
            }
            let mut largest = 0;
            for (column, field) in columns.iter_mut().zip(&self.fields) {
                if let Some(field) = field {
                    column.push(record.buffer, record.spans[*field], self.quote, &self.null);
                    largest = largest.max(column.size());
                }
            }
            *rows += 1;
            if *rows == self.batch_size || largest > LARGEST_COLUMN {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn finish(&self, columns: Vec<Column>, rows: usize) -> Result<RecordBatch> {
        let types = self.schema.fields().iter().map(|field| field.data_type());
        let arrays = columns.into_iter().zip(&self.fields).zip(types).map(|((column, field), data_type)| match field {
            Some(_) => column.finish(),
            None => Ok(new_null_array(data_type, rows)),
        });
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

fn ragged(records: &Records, line: u64, found: usize, width: usize, width_of: &str) -> Error {
    records
        .error(line, &format!("{found} fields, but {width_of} has {width}"))
        .hint("check `delimiter` and `quote`; a field that holds the delimiter must stand in quotes")
}

/// One text column in the making.
pub(super) struct Column {
    offsets: Vec<i32>,
    values: Vec<u8>,
    valid: Vec<bool>,
    nulls: usize,
}

impl Column {
    pub(super) fn new(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, values: Vec::with_capacity(rows * 8), valid: Vec::with_capacity(rows), nulls: 0 }
    }

    /// Bytes of text.
    pub(super) fn size(&self) -> usize {
        self.values.len()
    }

    pub(super) fn push(&mut self, buffer: &[u8], span: Span, quote: u8, null: &[String]) {
        let start = self.values.len();
        let text = &buffer[span.start..span.end];
        if span.doubled {
            unescape(text, quote, &mut self.values);
        } else {
            self.values.extend_from_slice(text);
        }
        let is_null = is_null(&self.values[start..], null);
        if is_null {
            self.values.truncate(start);
            self.nulls += 1;
        }
        self.valid.push(!is_null);
        // A batch ends long before: LARGEST_COLUMN, and one record of at most as much.
        self.offsets.push(self.values.len() as i32);
    }

    pub(super) fn finish(self) -> Result<ArrayRef> {
        let nulls = (self.nulls > 0).then(|| NullBuffer::from(self.valid));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let array = StringArray::try_new(offsets, Buffer::from_vec(self.values), nulls);
        let array = array.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        Ok(Arc::new(array))
    }
}

/// `text` without quotes, unescaped.
pub(super) fn is_null(text: &[u8], null: &[String]) -> bool {
    text.is_empty() || null.iter().any(|name| name.as_bytes() == text)
}

pub(super) fn unescape(text: &[u8], quote: u8, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == quote) {
        out.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}
