//! DataFusion's file scan for the formats that we read ourselves: a Format turns one file into batches, a FormatSource
//! makes a plan of it. Files are read whole, each by one partition; idle partitions take files from busy ones.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{PhysicalExpr, apply_expression_roots};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::ObjectStore;

use super::pin::PinnedStore;
use super::source::SourceFile;
use crate::error::Result;

pub(super) type Batches = BoxStream<'static, Result<RecordBatch>>;

/// How one file becomes batches.
#[async_trait]
pub(super) trait Format: fmt::Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// The rows of the file with exactly the columns of `schema`: some of the table's, found by name; those that the
    /// file lacks are NULL. Batches have `batch_size` rows, or fewer.
    async fn read(&self, file: SourceFile, schema: SchemaRef, batch_size: usize) -> Result<Batches>;
}

#[derive(Debug, Clone)]
pub(super) struct FormatSource {
    format: Arc<dyn Format>,
    store: Arc<PinnedStore>,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl FormatSource {
    pub(super) fn new(format: Arc<dyn Format>, store: Arc<PinnedStore>, table_schema: TableSchema) -> Self {
        let projection = SplitProjection::unprojected(&table_schema);
        // The scan sets the session's batch size before it opens a file.
        let batch_size = 8192;
        Self { format, store, table_schema, projection, batch_size, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl FileSource for FormatSource {
    /// The session's store is the one we hold; holding it keeps its type.
    fn create_file_opener(
        &self,
        _: Arc<dyn ObjectStore>,
        _: &FileScanConfig,
        _: usize,
    ) -> PlanResult<Arc<dyn FileOpener>> {
        let file_schema = self.table_schema.file_schema();
        let opener = Opener {
            format: Arc::clone(&self.format),
            store: Arc::clone(&self.store),
            schema: Arc::new(file_schema.project(&self.projection.file_indices)?),
            batch_size: self.batch_size,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), file_schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> PlanResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.format.name()
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

struct Opener {
    format: Arc<dyn Format>,
    store: Arc<PinnedStore>,
    schema: SchemaRef,
    batch_size: usize,
}

impl FileOpener for Opener {
    fn open(&self, file: PartitionedFile) -> PlanResult<FileOpenFuture> {
        let format = Arc::clone(&self.format);
        let source = SourceFile { store: Arc::clone(&self.store), path: file.object_meta.location };
        let (schema, batch_size) = (Arc::clone(&self.schema), self.batch_size);
        Ok(Box::pin(async move {
            let batches = format.read(source, schema, batch_size).await?;
            Ok(batches.map_err(DataFusionError::from).boxed())
        }))
    }
}
