//! A Parquet file written anew with some rows changed, dropped or added: in the same schema, metadata, compression and encodings.
//! Row groups without such a row are copied as they are; the others are decoded and encoded a batch at a time. What was written is
//! read back and compared with what it should be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use datafusion::parquet::basic::Encoding;
use datafusion::parquet::bloom_filter::Sbbf;
use datafusion::parquet::column::writer::ColumnCloseResult;
use datafusion::parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
};
use datafusion::parquet::file::page_index::column_index::ColumnIndexMetaData;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use xxhash_rust::xxh3::Xxh3;

use super::spell::there_and_back;
use crate::error::{Error, ErrorKind, Result};

const BATCH: usize = 8192;
/// Rows that a row group takes at least before new rows begin another one.
const GROUP: u64 = 128 << 10;

/// What is to be done to one file.
pub(super) struct FileEdits {
    pub display: String,
    /// Rows after their changes, in the columns of the table without those of the path.
    pub after: RecordBatch,
    /// By the number of the row in the file: its row in `after`; None: it goes.
    pub rows: BTreeMap<u64, Option<usize>>,
    /// Rows of `after` that come to the end.
    pub appended: Vec<usize>,
    /// Columns whose values change in some row.
    pub changed: Vec<String>,
    /// Only the schema is taken over.
    pub from_schema: bool,
}

type Writer = SerializedFileWriter<BufWriter<File>>;

/// Writes `original`, a whole file that nobody else changes, anew to `out`.
pub(super) fn edited(original: &File, edits: &FileEdits, out: File) -> Result<()> {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    let metadata = Arc::new(reader.parse_and_finish(original).map_err(broken)?);
    let arrow = ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new()).map_err(broken)?;
    super::describe::check_layout(metadata.file_metadata(), &edits.display)?;
    let after = in_file(&edits.after, arrow.schema(), edits)?;
    let job = Job { original, edits, metadata, arrow, after };
    let written = out.try_clone().map_err(|error| unwritten(&error))?;
    job.write(out)?;
    job.check(&written)
}

struct Job<'a> {
    original: &'a File,
    edits: &'a FileEdits,
    metadata: Arc<ParquetMetaData>,
    arrow: ArrowReaderMetadata,
    /// In the columns and types of the file.
    after: RecordBatch,
}

impl Job<'_> {
    fn schema(&self) -> &SchemaRef {
        self.arrow.schema()
    }

    /// The rows of each row group.
    fn groups(&self) -> Vec<Range<u64>> {
        let mut at = 0;
        let groups = match self.edits.from_schema {
            true => &[],
            false => self.metadata.row_groups(),
        };
        let range = |rows: i64| {
            let range = at..at + rows.max(0) as u64;
            at = range.end;
            range
        };
        groups.iter().map(|group| group.num_rows()).map(range).collect()
    }

    fn write(&self, out: File) -> Result<()> {
        let root = self.metadata.file_metadata().schema_descr().root_schema_ptr();
        let out = BufWriter::with_capacity(1 << 20, out);
        let mut writer = SerializedFileWriter::new(out, root, Arc::new(self.properties())).map_err(broken)?;
        let groups = self.groups();
        let largest = groups.iter().map(|group| group.end - group.start).max().unwrap_or_default().max(GROUP);
        let mut appended = self.edits.appended.as_slice();
        for (n, rows) in groups.iter().enumerate() {
            let last = n + 1 == groups.len();
            let fits = last && rows.end - rows.start + appended.len() as u64 <= largest;
            let (own, later) = if fits { (appended, &appended[..0]) } else { (&appended[..0], appended) };
            appended = later;
            let gone = self.edits.rows.range(rows.clone()).filter(|(_, row)| row.is_none()).count() as u64;
            if self.edits.rows.range(rows.clone()).next().is_none() && own.is_empty() {
                self.take_over(&mut writer, n)?;
            } else if rows.end - rows.start - gone + own.len() as u64 > 0 {
                self.group(&mut writer, Some((n, rows.clone())), own)?;
            }
        }
        for rows in appended.chunks(largest as usize) {
            self.group(&mut writer, None, rows)?;
        }
        let out = writer.into_inner().map_err(broken)?;
        out.into_inner().map(drop).map_err(|error| unwritten(error.error()))
    }

    /// A row group as it is, with its indexes and filters.
    fn take_over(&self, writer: &mut Writer, group: usize) -> Result<()> {
        let columns = self.metadata.column_index().and_then(|index| index.get(group));
        let offsets = self.metadata.offset_index().and_then(|index| index.get(group));
        let about = self.metadata.row_group(group);
        let mut to = writer.next_row_group().map_err(broken)?;
        for (n, column) in about.columns().iter().enumerate() {
            let index = columns.and_then(|columns| columns.get(n)).cloned();
            let close = ColumnCloseResult {
                bytes_written: column.compressed_size().max(0) as u64,
                rows_written: about.num_rows().max(0) as u64,
                metadata: column.clone(),
                bloom_filter: Sbbf::read_from_column_chunk(column, self.original).map_err(broken)?,
                column_index: index.filter(|index| !matches!(index, ColumnIndexMetaData::NONE)),
                offset_index: offsets.and_then(|offsets| offsets.get(n)).cloned(),
            };
            to.append_column(self.original, close).map_err(broken)?;
        }
        to.close().map(drop).map_err(broken)
    }

    /// A row group of the changed rows of one, and of new ones.
    fn group(&self, writer: &mut Writer, from: Option<(usize, Range<u64>)>, appended: &[usize]) -> Result<()> {
        let factory = ArrowRowGroupWriterFactory::new(writer, Arc::clone(self.schema()));
        let number = from.as_ref().map_or(self.metadata.num_row_groups(), |(n, _)| *n);
        let mut columns = factory.create_column_writers(number).map_err(broken)?;
        if let Some((n, rows)) = from {
            let mut at = rows.start;
            for batch in self.read(self.original, self.arrow.clone(), vec![n])? {
                let batch = batch?;
                let length = batch.num_rows() as u64;
                encode(&mut columns, &self.changed(batch, at)?)?;
                at += length;
            }
        }
        encode(&mut columns, &self.new_rows(appended)?)?;
        let mut to: SerializedRowGroupWriter<'_, _> = writer.next_row_group().map_err(broken)?;
        for column in columns {
            column.close().and_then(|chunk| chunk.append_to_row_group(&mut to)).map_err(broken)?;
        }
        to.close().map(drop).map_err(broken)
    }

    fn read(
        &self,
        file: &File,
        about: ArrowReaderMetadata,
        groups: Vec<usize>,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let file = file.try_clone().map_err(|error| unwritten(&error))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, about);
        let reader = reader.with_row_groups(groups).with_batch_size(BATCH).build().map_err(broken)?;
        Ok(reader.map(|batch| Ok(batch?)))
    }

    /// A batch whose first row has the number `at`, with its changes.
    fn changed(&self, batch: RecordBatch, at: u64) -> Result<RecordBatch> {
        let end = at + batch.num_rows() as u64;
        if self.edits.rows.range(at..end).next().is_none() {
            return Ok(batch);
        }
        let place = |row: u64| match self.edits.rows.get(&row) {
            None => Some((0, (row - at) as usize)),
            Some(after) => after.map(|after| (1, after)),
        };
        let places: Vec<(usize, usize)> = (at..end).filter_map(place).collect();
        gathered(self.schema(), &[&batch, &self.after], &places)
    }

    fn new_rows(&self, rows: &[usize]) -> Result<RecordBatch> {
        gathered(self.schema(), &[&self.after], &rows.iter().map(|row| (0, *row)).collect::<Vec<_>>())
    }

    /// What was written must read as what was wanted, row for row.
    fn check(&self, copy: &File) -> Result<()> {
        let about = ArrowReaderMetadata::load(copy, ArrowReaderOptions::new()).map_err(broken)?;
        let mut wanted = Sum::new(self.schema())?;
        if !self.edits.from_schema {
            let mut at = 0;
            let all = (0..self.metadata.num_row_groups()).collect();
            for batch in self.read(self.original, self.arrow.clone(), all)? {
                let batch = batch?;
                let length = batch.num_rows() as u64;
                wanted.add(&self.changed(batch, at)?)?;
                at += length;
            }
        }
        wanted.add(&self.new_rows(&self.edits.appended)?)?;
        let mut found = Sum::new(self.schema())?;
        let all = (0..about.metadata().num_row_groups()).collect();
        for batch in self.read(copy, about, all)? {
            found.add(&batch?)?;
        }
        if wanted.told() == found.told() {
            return Ok(());
        }
        let display = &self.edits.display;
        Err(Error::new(ErrorKind::Internal, format!("the corrected copy of {display} does not read as it should"))
            .hint("nothing was put in place; please report it"))
    }

    /// As the file was written.
    fn properties(&self) -> WriterProperties {
        let about = self.metadata.file_metadata();
        let mut properties = WriterProperties::builder()
            .set_key_value_metadata(about.key_value_metadata().cloned())
            .set_offset_index_disabled(self.metadata.offset_index().is_none())
            .set_sorting_columns(self.sorting());
        let groups = self.metadata.row_groups();
        for n in 0..about.schema_descr().num_columns() {
            let chunks: Vec<&ColumnChunkMetaData> = groups.iter().map(|group| group.column(n)).collect();
            let Some(first) = chunks.first() else { continue };
            let path = first.column_path().clone();
            let any = |is: &dyn Fn(&ColumnChunkMetaData) -> bool| chunks.iter().any(|chunk| is(chunk));
            let indexed = self.metadata.column_index().is_some_and(|index| {
                index.iter().any(|group| group.get(n).is_some_and(|one| !matches!(one, ColumnIndexMetaData::NONE)))
            });
            let statistics = match (indexed, any(&|chunk| chunk.statistics().is_some())) {
                (true, _) => EnabledStatistics::Page,
                (false, true) => EnabledStatistics::Chunk,
                (false, false) => EnabledStatistics::None,
            };
            properties = properties
                .set_column_compression(path.clone(), first.compression())
                .set_column_dictionary_enabled(path.clone(), any(&|chunk| chunk.encodings().any(is_dictionary)))
                .set_column_statistics_enabled(path.clone(), statistics)
                .set_column_bloom_filter_enabled(path.clone(), any(&|chunk| chunk.bloom_filter_offset().is_some()));
            if let Some(encoding) = chunks.iter().flat_map(|chunk| chunk.encodings()).find(|one| is_special(*one)) {
                properties = properties.set_column_encoding(path, encoding);
            }
        }
        properties.build()
    }

    /// The order of rows that the file claims, where it still holds.
    fn sorting(&self) -> Option<Vec<datafusion::parquet::file::metadata::SortingColumn>> {
        let mut groups = self.metadata.row_groups().iter().map(|group| group.sorting_columns());
        let claimed = groups.next()??;
        let columns = self.metadata.file_metadata().schema_descr();
        let touched = claimed.iter().any(|by| {
            let path = columns.column(by.column_idx.max(0) as usize).path().clone();
            path.parts().first().is_none_or(|root| self.edits.changed.contains(root))
        });
        let holds = self.edits.appended.is_empty() && !touched && groups.all(|other| other == Some(claimed));
        holds.then(|| claimed.clone())
    }
}

fn is_dictionary(encoding: Encoding) -> bool {
    let old = Encoding::PLAIN_DICTIONARY;
    encoding == Encoding::RLE_DICTIONARY || encoding == old
}

/// Of values, and not what is taken anyway.
fn is_special(encoding: Encoding) -> bool {
    use Encoding::*;
    matches!(encoding, DELTA_BINARY_PACKED | DELTA_LENGTH_BYTE_ARRAY | DELTA_BYTE_ARRAY | BYTE_STREAM_SPLIT)
}

fn encode(columns: &mut [ArrowColumnWriter], batch: &RecordBatch) -> Result<()> {
    if batch.num_rows() == 0 {
        return Ok(());
    }
    let mut columns = columns.iter_mut();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        for leaf in compute_leaves(field, column).map_err(broken)? {
            let Some(writer) = columns.next() else {
                return Err(Error::new(ErrorKind::Internal, "a row has more columns than its file"));
            };
            writer.write(&leaf).map_err(broken)?;
        }
    }
    Ok(())
}

/// Rows of batches with these columns, in the schema of the file.
fn gathered(schema: &SchemaRef, batches: &[&RecordBatch], places: &[(usize, usize)]) -> Result<RecordBatch> {
    let column = |n: usize| {
        let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(n).as_ref()).collect();
        interleave(&columns, places)
    };
    let columns = (0..schema.fields().len()).map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Rows in the columns and types of the file. Those of the dataset may be wider: then what is used must fit.
fn in_file(rows: &RecordBatch, schema: &SchemaRef, edits: &FileEdits) -> Result<RecordBatch> {
    let used: Vec<usize> = edits.rows.values().flatten().chain(&edits.appended).copied().collect();
    let refuse = |name: &str, why: &str| {
        let message = format!("a row does not fit into {}: {name:?} {why}", edits.display);
        Err(Error::new(ErrorKind::Data, message)
            .hint("the files of the dataset differ in their columns; leave the row out of the repair"))
    };
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let lacking = schema.column_with_name(field.name()).is_none();
        if lacking && used.iter().any(|row| column.is_valid(*row)) {
            return refuse(field.name(), "is no column of it");
        }
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = match rows.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            Some(column) => {
                let stored = there_and_back(column, field.data_type())?;
                if used.iter().any(|row| column.is_valid(*row) && stored.is_null(*row)) {
                    return refuse(field.name(), &format!("is kept there in {}", field.data_type()));
                }
                stored
            }
            None => new_null_array(field.data_type(), rows.num_rows()),
        };
        if !field.is_nullable() && used.iter().any(|row| column.is_null(*row)) {
            return refuse(field.name(), "holds no NULL there");
        }
        columns.push(column);
    }
    // Rows that are not used may be NULL in any column.
    let loose = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let loose = Arc::new(Schema::new(loose.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(loose, columns, &options)?)
}

/// What a sequence of rows comes to.
struct Sum {
    converter: RowConverter,
    hash: Xxh3,
    rows: u64,
}

impl Sum {
    fn new(schema: &SchemaRef) -> Result<Self> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        Ok(Self { converter: RowConverter::new(fields.collect())?, hash: Xxh3::new(), rows: 0 })
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = self.converter.convert_columns(batch.columns())?;
        for row in rows.iter() {
            self.hash.update(&(row.as_ref().len() as u64).to_le_bytes());
            self.hash.update(row.as_ref());
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn told(&self) -> (u64, u128) {
        (self.rows, self.hash.digest128())
    }
}

fn broken(error: datafusion::parquet::errors::ParquetError) -> Error {
    Error::new(ErrorKind::Data, "a Parquet file cannot be written anew").source(error.to_string())
}

fn unwritten(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Output, "a corrected copy cannot be written").source(error.to_string())
}
