//! The plan that reads a relation: a statement a partition.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;

use super::session::{Scan, Session};

#[derive(Debug)]
pub(super) struct DatabaseExec {
    session: Arc<dyn Session>,
    scans: Vec<Scan>,
    schema: SchemaRef,
    relation: String,
    properties: Arc<PlanProperties>,
}

impl DatabaseExec {
    pub(super) fn new(session: Arc<dyn Session>, scans: Vec<Scan>, schema: SchemaRef, relation: String) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(scans.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { session, scans, schema, relation, properties: Arc::new(properties) }
    }
}

impl DisplayAs for DatabaseExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let system = self.session.system().as_str();
        write!(
            f,
            "DatabaseExec: {system} {}, readers={}, columns=[{}]",
            self.relation,
            self.scans.len(),
            columns.join(", ")
        )
    }
}

impl ExecutionPlan for DatabaseExec {
    fn name(&self) -> &str {
        "DatabaseExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> PlanResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let (session, mut scan) = (Arc::clone(&self.session), self.scans[partition].clone());
        // What runs may ask for other batches than what was planned.
        scan.batch_rows = context.session_config().batch_size();
        let schema = self.schema.clone();
        // Only when its rows are asked for: until then it would keep a connection from others that are waited for.
        let start = async move {
            let mut builder = RecordBatchReceiverStream::builder(schema, 2);
            let sender = builder.tx();
            builder.spawn(async move { session.read(scan, &sender).await.map_err(DataFusionError::from) });
            builder.build()
        };
        let rows = futures::stream::once(start).flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows)))
    }
}
