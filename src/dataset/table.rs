//! The table that plans read: exactly the pinned files, never listed again.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::scalar::ScalarValue;

use super::hive::Partitions;
use super::pin::{self, PinnedStore};
use super::source::SourceFile;

/// What every connector starts from.
#[derive(Debug)]
pub(super) struct Parts {
    pub store: Arc<PinnedStore>,
    pub partitions: Partitions,
}

impl Parts {
    pub(super) fn files(&self) -> Vec<SourceFile> {
        let file = |path| SourceFile { store: Arc::clone(&self.store), path };
        self.store.objects().iter().map(|object| file(object.path())).collect()
    }

    /// The columns of the files, then the partitions.
    pub(super) fn table_schema(&self, file_schema: Schema) -> TableSchema {
        let partitions: Fields = self.partitions.fields.iter().cloned().collect();
        TableSchema::builder(Arc::new(file_schema)).with_table_partition_cols(partitions).build()
    }

    fn partitioned_files(&self) -> Vec<PartitionedFile> {
        let objects = self.store.objects().iter();
        let with_values = objects.zip(&self.partitions.values).map(|(object, values)| {
            let meta = pin::meta(&object.path(), object);
            PartitionedFile::new_from_meta(meta).with_partition_values(values.clone())
        });
        with_values.collect()
    }
}

#[derive(Clone)]
pub(super) struct FilesTable {
    store: Arc<PinnedStore>,
    source: Arc<dyn FileSource>,
    schema: SchemaRef,
    files: Vec<PartitionedFile>,
    rows: Option<u64>,
    /// The partitions, where they are given: in this order, as long as the session does not distribute work anew.
    partitions: Option<Vec<Vec<PartitionedFile>>>,
}

impl std::fmt::Debug for FilesTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FilesTable({}, {} files)", self.source.file_type(), self.files.len())
    }
}

impl FilesTable {
    pub(super) fn new(parts: &Parts, source: Arc<dyn FileSource>, rows: Option<u64>) -> Self {
        let schema = Arc::clone(source.table_schema().table_schema());
        Self {
            store: Arc::clone(&parts.store),
            source,
            schema,
            files: parts.partitioned_files(),
            rows,
            partitions: None,
        }
    }

    pub(super) fn files(&self) -> &[PartitionedFile] {
        &self.files
    }

    /// The values of a file's partition columns.
    pub(super) fn partition_values(&self, file: usize) -> &[ScalarValue] {
        &self.files[file].partition_values
    }

    /// Whether the column comes from the files' paths.
    pub(super) fn is_partition(&self, column: &str) -> bool {
        self.source.table_schema().table_partition_cols().iter().any(|field| field.name() == column)
    }

    /// A table of some of the files, or of parts of them.
    pub(super) fn with_files(&self, files: Vec<PartitionedFile>, rows: Option<u64>) -> Self {
        Self { files, rows, ..self.clone() }
    }

    /// A table of the files of these numbers. `by_file`: it is scanned with a partition a file.
    pub(super) fn of_files(&self, numbers: &[usize], by_file: bool) -> Self {
        let files: Vec<_> = numbers.iter().map(|&number| self.files[number].clone()).collect();
        let partitions = by_file.then(|| files.iter().map(|file| vec![file.clone()]).collect());
        Self { files, rows: None, partitions, ..self.clone() }
    }

    /// The same rows in these partitions.
    pub(super) fn apart(&self, partitions: Vec<Vec<PartitionedFile>>) -> Self {
        Self { partitions: Some(partitions), ..self.clone() }
    }

    /// Only the number of rows: minima and maxima of footers can be wrong, and an aggregate that is answered from
    /// them would compare hearsay. Row groups are still pruned by them where a filter stands.
    fn table_statistics(&self) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(rows) = self.rows {
            statistics.num_rows = Precision::Exact(rows as usize);
        }
        statistics
    }
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters stay above the scan, from where the optimizer hands them to the Parquet reader for pruning.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.table_statistics())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
            return Ok(Arc::new(EmptyExec::new(Arc::new(self.schema.project(&columns)?))));
        }
        let partitions = state.config_options().execution.target_partitions;
        let groups = match &self.partitions {
            Some(partitions) => partitions.iter().cloned().map(FileGroup::new).collect(),
            None => FileGroup::new(self.files.clone()).split_files(partitions.max(1)),
        };
        let config = FileScanConfigBuilder::new(self.store.url().clone(), Arc::clone(&self.source))
            .with_file_groups(groups)
            .with_statistics(self.table_statistics())
            .with_limit(limit)
            // A partition that is to be known by itself must not read another one's files.
            .with_preserve_order(self.partitions.is_some())
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
