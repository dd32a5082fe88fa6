//! Parquet: footers are read once, when the dataset is opened, and kept; DataFusion's reader does the rest (projection,
//! pruning by filters, one file by several partitions).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::Schema;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{ParquetFileReaderFactory, ParquetSource};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;

use super::pin::{self, PinnedStore};
use super::schema::{self, FileSchema};
use super::source::SourceFile;
use super::table::{FilesTable, Parts};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of the end of a file that are fetched at once: most footers fit.
const FOOTER_HINT: usize = 64 << 10;

/// Footers that are read at once, from a remote store. On disk fewer are as fast; each more is a thread of its own, and a
/// thread that has read files holds memory.
const FOOTERS_AT_ONCE: usize = 16;
const LOCAL_FOOTERS_AT_ONCE: usize = 4;

/// What opening gives.
pub(super) struct OpenedParquet {
    pub table: FilesTable,
    pub rows: u64,
    /// Of each file, in their order.
    pub footers: Vec<Arc<ParquetMetaData>>,
}

pub(super) async fn open(mut parts: Parts) -> Result<OpenedParquet> {
    let files = parts.files();
    let footers: Vec<_> = files.iter().map(|file| read_footer(file.clone())).collect();
    let at_once = if parts.store.is_remote() { FOOTERS_AT_ONCE } else { LOCAL_FOOTERS_AT_ONCE };
    let footers: Vec<Footer> = stream::iter(footers).buffered(at_once).try_collect().await?;
    let names: Vec<String> = files.iter().map(SourceFile::display).collect();
    let schemas: Vec<FileSchema<'_>> =
        names.iter().zip(&footers).map(|(display, footer)| FileSchema { display, schema: &footer.schema }).collect();
    let merged = schema::merge(&schemas)?;
    parts.partitions = parts.partitions.without_columns_of(&merged, |name| schema::in_every_file(&schemas, name))?;
    let rows = footers.iter().map(|footer| footer.rows).sum();
    let kept = footers.iter().map(|footer| Arc::clone(&footer.metadata)).collect();
    let metadata = files.iter().map(|file| file.path.clone()).zip(footers.into_iter().map(|footer| footer.metadata));
    let factory = Arc::new(Readers {
        inner: DefaultParquetFileReaderFactory::new(Arc::clone(&parts.store) as _),
        store: Arc::clone(&parts.store),
        metadata: metadata.collect(),
    });
    let source = ParquetSource::new(parts.table_schema(merged)).with_parquet_file_reader_factory(factory);
    Ok(OpenedParquet { table: FilesTable::new(&parts, Arc::new(source), Some(rows)), rows, footers: kept })
}

struct Footer {
    metadata: Arc<ParquetMetaData>,
    schema: Schema,
    rows: u64,
}

async fn read_footer(file: SourceFile) -> Result<Footer> {
    let object_meta = file.store.objects().iter().find(|object| object.path() == file.path);
    let Some(object) = object_meta else { return Err(foreign(&file.display(), "it is not an input")) };
    let object_meta = pin::meta(&file.path, object);
    let display = &object.display;
    // Header, footer length and magic are 12 bytes.
    if object_meta.size < 12 {
        return Err(foreign(display, &format!("it has {} bytes", object_meta.size)));
    }
    let hint = FOOTER_HINT.min(object_meta.size as usize);
    let metadata = DFParquetMetadata::new(file.store.as_ref(), &object_meta)
        .with_metadata_size_hint(Some(hint))
        .fetch_metadata()
        .await
        .map_err(|error| explain(error, display))?;
    let about = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(about.schema_descr(), about.key_value_metadata())
        .map_err(|error| foreign(display, &error.to_string()))?;
    let rows = metadata.row_groups().iter().map(|group| group.num_rows().max(0) as u64).sum();
    Ok(Footer { metadata, schema, rows })
}

fn explain(error: DataFusionError, display: &str) -> Error {
    match find_store_error(&error) {
        Some(store) => pin::explain(store, display),
        None => foreign(display, &error.strip_backtrace()),
    }
}

fn foreign(display: &str, why: &str) -> Error {
    if why.contains("encrypt") {
        return Error::new(ErrorKind::Data, format!("{display} is encrypted"))
            .hint("write it without Parquet's encryption")
            .source(why.to_string());
    }
    Error::new(ErrorKind::Data, format!("{display} is not a Parquet file (or is cut off)"))
        .hint("check that it was written to its end, and that the connector fits the file")
        .source(why.trim_start_matches("Parquet error: ").to_string())
}

fn find_store_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a object_store::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(store) = error.downcast_ref::<object_store::Error>() {
            return Some(store);
        }
        next = error.source();
    }
    None
}

/// Hands out the footers that were read when the dataset was opened. DataFusion's own cache knows files by their path
/// in a store only, which is not enough for two buckets.
#[derive(Debug)]
struct Readers {
    inner: DefaultParquetFileReaderFactory,
    store: Arc<PinnedStore>,
    metadata: HashMap<Path, Arc<ParquetMetaData>>,
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> PlanResult<Box<dyn AsyncFileReader + Send>> {
        let path = &file.object_meta.location;
        let display = self.store.display(path);
        let metadata = self.metadata.get(path).cloned();
        let inner = self.inner.create_reader(partition, file, hint, metrics)?;
        Ok(Box::new(Reader { inner, metadata, display }))
    }
}

struct Reader {
    inner: Box<dyn AsyncFileReader + Send>,
    metadata: Option<Arc<ParquetMetaData>>,
    display: String,
}

/// So that a changed file is told as such, and by its name.
fn named(error: ParquetError, display: &str) -> ParquetError {
    match find_store_error(&error) {
        Some(store) => ParquetError::External(Box::new(pin::explain(store, display))),
        None => error,
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let Self { inner, display, .. } = self;
        async move { inner.get_bytes(range).await.map_err(|error| named(error, display)) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let Self { inner, display, .. } = self;
        async move { inner.get_byte_ranges(ranges).await.map_err(|error| named(error, display)) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        match &self.metadata {
            Some(metadata) => std::future::ready(Ok(Arc::clone(metadata))).boxed(),
            None => self.inner.get_metadata(options),
        }
    }
}
