//! The reconcile operator: DataFusion's plan of a match. Its inputs are the plans that read both sides; its rows are what
//! disagrees.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};

use tokio::sync::mpsc;

use crate::engine::classified::Counts;
use crate::engine::diverging::Diverging;
use crate::engine::metered;
use crate::engine::reconcile::Comparison;
use crate::error::{Error, ErrorKind, Result};
use crate::side::BySide;

pub type Make = Arc<dyn Fn(&RecordBatch) -> Result<RecordBatch> + Send + Sync>;

/// What becomes of a batch of the classifying statement's shape: the operator's output.
#[derive(Clone)]
pub struct Emit {
    pub schema: SchemaRef,
    pub make: Make,
    /// Brings rows of the output in order, if there is one that begins with the compared key.
    pub arrange: Option<Make>,
    /// Where keys that diverge are kept, if they are.
    pub diverging: Option<Arc<Diverging>>,
}

/// Takes in what disagrees, and hands it on.
#[derive(Clone)]
pub struct Rest {
    emit: Emit,
    out: mpsc::Sender<DataFusionResult<RecordBatch>>,
    in_order: Arc<AtomicBool>,
}

impl Rest {
    /// The output's rows, of the classifying statement's.
    pub fn make(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        (self.emit.make)(batch)
    }

    /// Where keys that diverge are kept.
    pub fn diverging(&self) -> Option<&Diverging> {
        self.emit.diverging.as_deref()
    }

    /// The rows of one stretch of keys, in order if the output has one.
    pub fn arrange(&self, batches: &[RecordBatch]) -> Result<RecordBatch> {
        let rows = match batches {
            [batch] => batch.clone(),
            batches => concat_batches(&self.emit.schema, batches)?,
        };
        self.emit.arrange.as_ref().map_or_else(|| Ok(rows.clone()), |arrange| arrange(&rows))
    }

    /// From the first row on, what is sent is in order, if the output has one.
    pub fn comes_in_order(&self) {
        self.in_order.store(self.emit.arrange.is_some(), Relaxed);
    }

    pub async fn send(&self, made: RecordBatch) -> Result<()> {
        if made.num_rows() == 0 {
            return Ok(());
        }
        let stopped = |_| Error::new(ErrorKind::Interrupted, "the reader of what disagrees stopped");
        self.out.send(Ok(made)).await.map_err(stopped)
    }
}

/// Compares all partitions of its inputs; one partition comes out.
pub struct ReconcileExec {
    comparison: Arc<Comparison>,
    inputs: BySide<Arc<dyn ExecutionPlan>>,
    emit: Emit,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// Set when all rows have come out.
    counts: Arc<OnceLock<Counts>>,
    in_order: Arc<AtomicBool>,
}

impl ReconcileExec {
    pub fn new(comparison: Comparison, inputs: BySide<Arc<dyn ExecutionPlan>>, emit: Emit) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(emit.schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            comparison: Arc::new(comparison),
            inputs,
            emit,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            counts: Arc::default(),
            in_order: Arc::default(),
        }
    }

    /// What was counted; an error as long as rows come out.
    pub fn counts(&self) -> Result<Counts> {
        let none = || Error::new(ErrorKind::Internal, "a comparison has not come to its end");
        self.counts.get().cloned().ok_or_else(none)
    }

    /// Set before the first batch comes out, if all come in the output's order.
    pub fn in_order(&self) -> Arc<AtomicBool> {
        self.in_order.clone()
    }

    /// Rows of both sides that came out of the files, each once.
    pub fn scanned_rows(&self) -> u64 {
        [&self.inputs.source, &self.inputs.target].map(|input| metered::scanned_rows(input.as_ref())).iter().sum()
    }
}

impl fmt::Debug for ReconcileExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconcileExec").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl DisplayAs for ReconcileExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReconcileExec: {}", self.comparison)
    }
}

impl ExecutionPlan for ReconcileExec {
    fn name(&self) -> &'static str {
        "ReconcileExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// The plans that scan source and target, as the strategy needs them. How the rows of suspects are fetched is planned
    /// once it is known which they are.
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.inputs.source, &self.inputs.target]
    }

    /// Partitions are compared among themselves: more of them would only cost.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let Ok([source, target]) = <[_; 2]>::try_from(children) else {
            return Err(DataFusionError::Internal("ReconcileExec has two inputs".into()));
        };
        Ok(Arc::new(Self {
            comparison: self.comparison.clone(),
            inputs: BySide::new(source, target),
            emit: self.emit.clone(),
            properties: self.properties.clone(),
            metrics: ExecutionPlanMetricsSet::new(),
            counts: self.counts.clone(),
            in_order: self.in_order.clone(),
        }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let mut builder = RecordBatchReceiverStreamBuilder::new(self.emit.schema.clone(), 2);
        let rest = Rest { emit: self.emit.clone(), out: builder.tx(), in_order: self.in_order.clone() };
        let (comparison, inputs, counts) = (self.comparison.clone(), self.inputs.clone(), self.counts.clone());
        let metrics = |name: &'static str| MetricBuilder::new(&self.metrics).global_counter(name);
        let (compared, spilled) = (metrics("compared_rows"), metrics("spilled_bytes"));
        builder.spawn(async move {
            let found = comparison.run(inputs, context, &rest).await?;
            compared.add(usize::try_from(found.rows.source + found.rows.target).unwrap_or(usize::MAX));
            spilled.add(usize::try_from(found.spilled_bytes).unwrap_or(usize::MAX));
            counts.get_or_init(|| found);
            Ok(())
        });
        Ok(builder.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
