//! Arrow IPC: the file format, whose footer says where the batches are, and the stream format. Which of them a file
//! is in, its first bytes say.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::convert::fb_to_schema;
use datafusion::arrow::ipc::reader::{FileDecoder, StreamDecoder, read_footer_length};
use datafusion::arrow::ipc::{Block, MetadataVersion, root_as_footer, root_as_message};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;

use super::pin;
use super::scan::{Batches, Format, FormatSource};
use super::schema::{self, FileSchema};
use super::source::SourceFile;
use super::table::{FilesTable, Parts};
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8] = b"ARROW1";

/// Footer length and magic at the end of a file.
const TRAILER: u64 = 10;

#[derive(Debug)]
struct Ipc;

/// What a file says of itself before its rows are read.
struct Head {
    schema: SchemaRef,
    /// None for a stream, which tells only at its end.
    rows: Option<u64>,
}

/// The table, and the number of its rows if all files say it.
pub(super) async fn open(mut parts: Parts) -> Result<(FilesTable, Option<u64>)> {
    let files = parts.files();
    let heads: Vec<_> = files.iter().map(|file| head(file.clone())).collect();
    let heads: Vec<Head> = stream::iter(heads).buffered(16).try_collect().await?;
    let names: Vec<String> = files.iter().map(SourceFile::display).collect();
    let each: Vec<FileSchema<'_>> =
        names.iter().zip(&heads).map(|(display, head)| FileSchema { display, schema: &head.schema }).collect();
    let merged = schema::merge(&each)?;
    parts.partitions = parts.partitions.without_columns_of(&merged, |name| schema::in_every_file(&each, name))?;
    let rows = heads.iter().map(|head| head.rows).sum();
    let source = FormatSource::new(Arc::new(Ipc), Arc::clone(&parts.store), parts.table_schema(merged));
    Ok((FilesTable::new(&parts, Arc::new(source), rows), rows))
}

async fn head(file: SourceFile) -> Result<Head> {
    if is_file_format(&file).await? {
        let footer = Footer::read(&file).await?;
        let rows = footer.rows(&file).await?;
        return Ok(Head { schema: footer.schema, rows: Some(rows) });
    }
    let display = file.display();
    let mut batches = StreamBatches::new(&file);
    batches.next().await?;
    let schema = batches.decoder.schema().ok_or_else(|| foreign(&display, "it holds no schema"))?;
    Ok(Head { schema, rows: None })
}

async fn is_file_format(file: &SourceFile) -> Result<bool> {
    let size = size(file);
    if size < 8 {
        return Err(foreign(&file.display(), &format!("it has {size} bytes")));
    }
    let start = bytes(file, 0, MAGIC.len() as u64).await?;
    Ok(start.as_slice() == MAGIC)
}

fn size(file: &SourceFile) -> u64 {
    file.store.objects().iter().find(|object| object.path() == file.path).map_or(0, |object| object.meta.size)
}

async fn bytes(file: &SourceFile, start: u64, end: u64) -> Result<Buffer> {
    let found = file.store.get_range(&file.path, start..end).await;
    found.map(Buffer::from).map_err(|error| pin::explain(&error, &file.display()))
}

fn foreign(display: &str, why: &str) -> Error {
    Error::new(ErrorKind::Data, format!("{display} is not an Arrow IPC file or stream (or is cut off)"))
        .hint("check that it was written to its end, and that the connector fits the file")
        .source(why.to_string())
}

struct Footer {
    schema: SchemaRef,
    version: MetadataVersion,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
    /// Where the footer begins: no block may reach further.
    end: u64,
}

impl Footer {
    async fn read(file: &SourceFile) -> Result<Self> {
        let (size, display) = (size(file), file.display());
        let cut = || foreign(&display, "the footer is missing");
        let trailer_at = size.checked_sub(TRAILER).ok_or_else(cut)?;
        let trailer = bytes(file, trailer_at, size).await?;
        let trailer: [u8; TRAILER as usize] = trailer.as_slice().try_into().map_err(|_| cut())?;
        let length = read_footer_length(trailer).map_err(|error| foreign(&display, &error.to_string()))?;
        let end = trailer_at.checked_sub(length as u64).ok_or_else(cut)?;
        let buffer = bytes(file, end, trailer_at).await?;
        let footer = root_as_footer(&buffer).map_err(|error| foreign(&display, &error.to_string()))?;
        let schema = footer.schema().ok_or_else(cut)?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err(Error::new(ErrorKind::Data, format!("{display} is written in another byte order")));
        }
        Ok(Self {
            schema: Arc::new(fb_to_schema(schema)),
            version: footer.version(),
            dictionaries: footer.dictionaries().map_or_else(Vec::new, blocks_of),
            batches: footer.recordBatches().map_or_else(Vec::new, blocks_of),
            end,
        })
    }

    /// Summed up from the headers of the batches.
    async fn rows(&self, file: &SourceFile) -> Result<u64> {
        let headers: Vec<_> = self
            .batches
            .iter()
            .map(|block| async move {
                let display = file.display();
                let (start, _) = self.range(block, &display)?;
                let header = bytes(file, start, start + block.metaDataLength() as u64).await?;
                let prefix = if header.starts_with(&[0xff; 4]) { 8 } else { 4 };
                let message = header.get(prefix..).and_then(|header| root_as_message(header).ok());
                let rows = message.and_then(|message| message.header_as_record_batch()).map(|batch| batch.length());
                rows.and_then(|rows| u64::try_from(rows).ok()).ok_or_else(|| foreign(&display, "a batch has no header"))
            })
            .collect();
        stream::iter(headers).buffered(16).try_fold(0, |sum, rows| async move { Ok(sum + rows) }).await
    }

    fn range(&self, block: &Block, display: &str) -> Result<(u64, u64)> {
        let part = |value: i64| u64::try_from(value).ok();
        // A header has at least its length and a mark in front.
        let header = part(block.metaDataLength().into()).filter(|length| *length >= 8);
        let parts = part(block.offset()).zip(header).zip(part(block.bodyLength()));
        let range =
            parts.and_then(|((start, header), body)| Some((start, start.checked_add(header)?.checked_add(body)?)));
        range.filter(|(_, end)| *end <= self.end).ok_or_else(|| foreign(display, "a block lies outside of the file"))
    }

    async fn block(&self, file: &SourceFile, block: &Block) -> Result<Buffer> {
        let (start, end) = self.range(block, &file.display())?;
        bytes(file, start, end).await
    }

    async fn decoder(&self, file: &SourceFile) -> Result<FileDecoder> {
        let mut decoder = FileDecoder::new(Arc::clone(&self.schema), self.version);
        for block in &self.dictionaries {
            let buffer = self.block(file, block).await?;
            decoder.read_dictionary(block, &buffer).map_err(|error| unreadable(&error, &file.display()))?;
        }
        Ok(decoder)
    }
}

fn blocks_of<'a>(found: impl IntoIterator<Item = &'a Block>) -> Vec<Block> {
    found.into_iter().copied().collect()
}

fn unreadable(error: &ArrowError, display: &str) -> Error {
    Error::new(ErrorKind::Data, format!("{display} cannot be read as Arrow IPC: {error}"))
}

/// The batches of a file in the stream format.
struct StreamBatches {
    display: String,
    bytes: BoxStream<'static, Result<bytes::Bytes>>,
    decoder: StreamDecoder,
    piece: Buffer,
}

impl StreamBatches {
    fn new(file: &SourceFile) -> Self {
        let piece = Buffer::from(Vec::<u8>::new());
        Self { display: file.display(), bytes: file.bytes(), decoder: StreamDecoder::new(), piece }
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let batch =
                self.decoder.decode(&mut self.piece).map_err(|error| foreign(&self.display, &error.to_string()))?;
            if batch.is_some() {
                return Ok(batch);
            }
            match self.bytes.try_next().await? {
                Some(piece) => self.piece = Buffer::from(piece),
                None => {
                    self.decoder.finish().map_err(|error| foreign(&self.display, &error.to_string()))?;
                    return Ok(None);
                }
            }
        }
    }
}

#[async_trait]
impl Format for Ipc {
    fn name(&self) -> &'static str {
        "arrow"
    }

    async fn read(&self, file: SourceFile, schema: SchemaRef, batch_size: usize) -> Result<Batches> {
        let display = file.display();
        let batches = if is_file_format(&file).await? { file_batches(file).await? } else { stream_batches(&file) };
        let adapted = batches.map(move |batch| {
            let batch = adapt(&batch?, &schema).map_err(|error| unreadable(&error, &display))?;
            Ok::<_, Error>(stream::iter(slices(&batch, batch_size).into_iter().map(Ok)))
        });
        Ok(adapted.try_flatten().boxed())
    }
}

fn stream_batches(file: &SourceFile) -> Batches {
    let batches = StreamBatches::new(file);
    stream::try_unfold(batches, |mut batches| async move {
        Ok::<_, Error>(batches.next().await?.map(|batch| (batch, batches)))
    })
    .boxed()
}

async fn file_batches(file: SourceFile) -> Result<Batches> {
    let footer = Footer::read(&file).await?;
    let decoder = footer.decoder(&file).await?;
    let state = (footer, decoder, file, 0);
    let batches = stream::try_unfold(state, |(footer, decoder, file, at)| async move {
        let Some(block) = footer.batches.get(at).copied() else { return Ok::<_, Error>(None) };
        let buffer = footer.block(&file, &block).await?;
        let batch = decoder.read_record_batch(&block, &buffer).map_err(|error| unreadable(&error, &file.display()))?;
        Ok(Some((batch, (footer, decoder, file, at + 1))))
    });
    Ok(batches.try_filter_map(|batch| async move { Ok(batch) }).boxed())
}

/// The columns of `schema`, found by name and cast to the common type of all files.
fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let from: &Schema = &batch.schema();
    let columns = schema.fields().iter().map(|field| match from.column_with_name(field.name()) {
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        Some((at, _)) if batch.column(at).data_type() == field.data_type() => Ok(Arc::clone(batch.column(at))),
        Some((at, _)) => cast(batch.column(at), field.data_type()),
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// A file may hold one batch of a million rows.
fn slices(batch: &RecordBatch, rows: usize) -> Vec<RecordBatch> {
    let rows = rows.max(1);
    (0..batch.num_rows()).step_by(rows).map(|at| batch.slice(at, rows.min(batch.num_rows() - at))).collect()
}
