//! One Parquet file, its columns encoded side by side: tasks take some columns each, and see every batch.

use std::io::Write;
use std::ops::Range;

use aws_lc_rs::digest::{Context, SHA256};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::file::writer::SerializedFileWriter;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::divergence::stored::RuleOutput;
use crate::error::{Error, ErrorKind, Result};

/// Rows of a row group, at most.
const GROUP_ROWS: usize = 1 << 20;
/// Encoded bytes are gathered to pieces of about this size.
const PIECE_BYTES: usize = 1 << 20;
/// Batches that wait for a task.
const BATCHES_AHEAD: usize = 4;

/// A divergence table in the making.
pub struct TableWriter<'a> {
    output: &'a RuleOutput,
    sink: BufWriter,
    /// Of the bytes as they are handed to the sink.
    hash: Context,
    rows: u64,
    bytes: u64,
    file: SerializedFileWriter<Pieces>,
    columns: ArrowRowGroupWriterFactory,
    shares: Shares,
    /// Bytes of rows that a row group takes: encoded, it is held in memory.
    group_bytes: usize,
    /// Full row groups so far.
    groups: usize,
    /// The row group that takes rows, and the one before, which may still be encoded.
    group: Option<Group>,
    before: Option<Group>,
}

/// A row group in the making.
struct Group {
    rows: usize,
    bytes: usize,
    /// One a task; dropped when the row group is full.
    senders: Vec<mpsc::Sender<RecordBatch>>,
    encodings: Vec<Encoding>,
}

/// Gives the chunks of some columns, each with its place among all.
type Encoding = JoinHandle<ParquetResult<Vec<(usize, ArrowColumnChunk)>>>;

impl<'a> TableWriter<'a> {
    pub fn open(output: &'a RuleOutput, schema: &SchemaRef, threads: usize, group_bytes: usize) -> Result<Self> {
        let level = ZstdLevel::try_new(1).map_err(|error| output.error(error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            // No id is like another: neither a dictionary nor a least and a greatest one help any reader.
            .set_column_dictionary_enabled("divergence_id".into(), false)
            .set_column_statistics_enabled("divergence_id".into(), EnabledStatistics::None)
            .set_created_by(format!("tieout {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer = ArrowWriter::try_new(Pieces::default(), schema.clone(), Some(properties));
        let parts = writer.and_then(ArrowWriter::into_serialized_writer);
        let (file, columns) = parts.map_err(|error| output.error(error))?;
        let sink = BufWriter::new(output.store(), output.part());
        let shares = Shares::new(&file, schema, threads);
        Ok(Self {
            output,
            sink,
            hash: Context::new(&SHA256),
            rows: 0,
            bytes: 0,
            file,
            columns,
            shares,
            group_bytes,
            group: None,
            groups: 0,
            before: None,
        })
    }

    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut rest = batch.clone();
        self.rows += batch.num_rows() as u64;
        while rest.num_rows() > 0 {
            let group = match &mut self.group {
                Some(group) => group,
                none => none
                    .insert(self.shares.start(&self.columns, self.groups).map_err(|error| self.output.error(error))?),
            };
            let lot = rest.slice(0, rest.num_rows().min(GROUP_ROWS - group.rows));
            rest = rest.slice(lot.num_rows(), rest.num_rows() - lot.num_rows());
            group.push(&lot).await;
            if group.rows == GROUP_ROWS || group.bytes >= self.group_bytes {
                self.finish_before().await?;
                self.before = self.group.take();
                self.groups += 1;
                self.before.iter_mut().for_each(|group| group.senders.clear());
            }
        }
        Ok(())
    }

    /// Writes what is left, and the footer.
    pub async fn close(mut self) -> Result<()> {
        self.finish_before().await?;
        self.before = self.group.take();
        self.finish_before().await?;
        self.file.finish().map_err(|error| self.output.error(error))?;
        self.flush().await?;
        self.sink.shutdown().await.map_err(|error| self.output.error(error))?;
        self.output.wrote(hex::encode(self.hash.finish()), self.bytes, self.rows);
        Ok(())
    }

    /// Appends the row group before to the file, once it is encoded.
    async fn finish_before(&mut self) -> Result<()> {
        let Some(group) = self.before.take() else { return Ok(()) };
        let mut chunks = Vec::new();
        drop(group.senders);
        for encoding in group.encodings {
            let encoded = encoding.await.map_err(encoder_failed)?;
            chunks.extend(encoded.map_err(|error| self.output.error(error))?);
        }
        chunks.sort_by_key(|(place, _)| *place);
        let append = |file: &mut SerializedFileWriter<Pieces>| {
            let mut group = file.next_row_group()?;
            chunks.into_iter().try_for_each(|(_, chunk)| chunk.append_to_row_group(&mut group))?;
            group.close()
        };
        append(&mut self.file).map_err(|error| self.output.error(error))?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        for piece in std::mem::take(&mut self.file.inner_mut().0) {
            self.hash.update(&piece);
            self.bytes += piece.len() as u64;
            self.sink.put(piece.into()).await.map_err(|error| self.output.error(error))?;
        }
        Ok(())
    }
}

/// Encoded bytes, in pieces that are handed on as they are.
#[derive(Default)]
struct Pieces(Vec<Vec<u8>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.last_mut() {
            Some(piece) if piece.len() + bytes.len() <= piece.capacity() => piece.extend_from_slice(bytes),
            _ => {
                let mut piece = Vec::with_capacity(PIECE_BYTES.max(bytes.len()));
                piece.extend_from_slice(bytes);
                self.0.push(piece);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Group {
    async fn push(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.columns().iter().map(sliced_bytes).sum::<usize>();
        for sender in &self.senders {
            // A task that has failed says so when it is waited for.
            let _ = sender.send(batch.clone()).await;
        }
    }
}

/// What of its buffers an array uses.
fn sliced_bytes(column: &ArrayRef) -> usize {
    column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
}

/// Which columns each task encodes.
struct Shares {
    schema: SchemaRef,
    /// By field, the leaves that Parquet stores.
    leaves: Vec<Range<usize>>,
    tasks: usize,
}

impl Shares {
    fn new(file: &SerializedFileWriter<Pieces>, schema: &SchemaRef, threads: usize) -> Self {
        let roots: Vec<usize> =
            (0..file.schema_descr().num_columns()).map(|leaf| file.schema_descr().get_column_root_idx(leaf)).collect();
        let leaves = |field| roots.partition_point(|&root| root < field)..roots.partition_point(|&root| root <= field);
        // More tasks than threads: some columns cost more than others.
        let tasks = (threads * 4).min(schema.fields().len()).max(1);
        Self { schema: schema.clone(), leaves: (0..schema.fields().len()).map(leaves).collect(), tasks }
    }

    /// The tasks that encode the next row group.
    fn start(&self, columns: &ArrowRowGroupWriterFactory, number: usize) -> ParquetResult<Group> {
        let mut writers: Vec<Option<ArrowColumnWriter>> =
            columns.create_column_writers(number)?.into_iter().map(Some).collect();
        let mut group = Group { rows: 0, bytes: 0, senders: Vec::new(), encodings: Vec::new() };
        for task in 0..self.tasks {
            let fields = (task..self.schema.fields().len()).step_by(self.tasks);
            let share = fields.map(|field| {
                let leaves = self.leaves[field].clone();
                let writers = leaves.filter_map(|leaf| Some((leaf, writers[leaf].take()?))).collect();
                Column { at: field, field: self.schema.fields()[field].clone(), writers }
            });
            let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
            group.encodings.push(tokio::spawn(encode(share.collect(), receiver)));
            group.senders.push(sender);
        }
        Ok(group)
    }
}

/// A column of the table, and what encodes its leaves.
struct Column {
    at: usize,
    field: FieldRef,
    writers: Vec<(usize, ArrowColumnWriter)>,
}

async fn encode(
    mut share: Vec<Column>,
    mut batches: mpsc::Receiver<RecordBatch>,
) -> ParquetResult<Vec<(usize, ArrowColumnChunk)>> {
    while let Some(batch) = batches.recv().await {
        for column in &mut share {
            let leaves = compute_leaves(&column.field, batch.column(column.at))?;
            for (leaf, (_, writer)) in leaves.iter().zip(&mut column.writers) {
                writer.write(leaf)?;
            }
        }
    }
    let writers = share.into_iter().flat_map(|column| column.writers);
    writers.map(|(leaf, writer)| Ok((leaf, writer.close()?))).collect()
}

fn encoder_failed(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a task that encodes the divergence table panicked").source(error)
}
