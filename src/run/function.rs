//! `reconcile(source, target, key...)`: a match as a table of a query. Its rows are those of a divergence table.

use std::sync::{Arc, Mutex, Weak};

use chrono::Utc;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::divergence::{Assembler, assemble_schema_differences};
use crate::engine::{Engine, Strategy};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::MatchRule;
use crate::rule::resolve::resolve;
use crate::run::planned::relations;
use crate::side::BySide;

const USAGE: &str = "write reconcile('source dataset', 'target dataset', 'key column', ...)";

/// Makes `reconcile()` known to the engine's session. The session does not keep the engine alive.
pub fn register(engine: &Arc<Engine>) {
    let function = Reconcile { engine: Arc::downgrade(engine), kept: Mutex::default() };
    engine.ctx.register_udtf("reconcile", Arc::new(function));
}

/// Lets the session keep its engine: for a session that is handed out by itself.
pub fn keep(ctx: &SessionContext, engine: Arc<Engine>) {
    let function = Reconcile { engine: Arc::downgrade(&engine), kept: Mutex::new(Some(engine)) };
    ctx.register_udtf("reconcile", Arc::new(function));
}

struct Reconcile {
    engine: Weak<Engine>,
    kept: Mutex<Option<Arc<Engine>>>,
}

impl std::fmt::Debug for Reconcile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconcile").field("kept", &self.kept.lock().is_ok_and(|kept| kept.is_some())).finish()
    }
}

impl TableFunctionImpl for Reconcile {
    fn call_with_args(&self, args: TableFunctionArgs) -> DataFusionResult<Arc<dyn TableProvider>> {
        let names = args.exprs().iter().map(text).collect::<Result<Vec<_>>>()?;
        let engine = self.engine.upgrade().ok_or_else(|| Error::new(ErrorKind::Internal, "the session is gone"))?;
        // Planning is synchronous here, opening a dataset is not.
        let comparison = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(Comparison::plan(engine, names))
        })?;
        let schema = comparison.schema.clone();
        Ok(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(comparison)])?))
    }
}

fn text(argument: &Expr) -> Result<String> {
    match argument {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Ok(text.clone()),
        Expr::Column(column) => Ok(column.flat_name()),
        other => Err(Error::new(ErrorKind::Sql, format!("reconcile() takes names, not {other}")).hint(USAGE)),
    }
}

/// A planned match that runs when it is read.
struct Comparison {
    engine: Arc<Engine>,
    assembler: Arc<Assembler>,
    first: Option<RecordBatch>,
    schema: SchemaRef,
    plan: Arc<crate::rule::plan::MatchPlan>,
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Comparison").field("rule", &self.plan.rule).finish_non_exhaustive()
    }
}

impl Comparison {
    async fn plan(engine: Arc<Engine>, names: Vec<String>) -> Result<Self> {
        let [source, target, key @ ..] = names.as_slice() else {
            return Err(Error::new(ErrorKind::Sql, "reconcile() needs a source and a target").hint(USAGE));
        };
        let dataset = BySide::new(source.clone(), target.clone());
        let relations = relations(&engine, &dataset, true).await?;
        let rule = MatchRule {
            dataset,
            key: key.to_vec(),
            filter: None,
            side_filter: BySide::default(),
            columns: Default::default(),
            only: None,
            map: Default::default(),
            settle: None,
        };
        let plan = Arc::new(resolve(&engine.ctx, "reconcile", &rule, relations, Utc::now()).await?);
        let run_id = uuid::Uuid::now_v7().to_string();
        let assembler = Arc::new(Assembler::new(&run_id, plan.clone()));
        let schema = assembler.schema.schema.clone();
        let first = assemble_schema_differences(&run_id, "reconcile", &schema, &plan.schema)?;
        Ok(Self { engine, assembler, first, schema, plan })
    }
}

impl PartitionStream for Comparison {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (send, receive) = mpsc::channel::<DataFusionResult<RecordBatch>>(2);
        let (engine, plan, assembler) = (self.engine.clone(), self.plan.clone(), self.assembler.clone());
        let first = self.first.clone();
        let task = tokio::spawn(async move {
            let (rest_in, mut rest) = mpsc::channel(2);
            let forward = async {
                if let Some(first) = first {
                    send.send(Ok(first)).await.map_err(|_| hung_up())?;
                }
                while let Some(batch) = rest.recv().await {
                    let columns: Vec<usize> = (0..assembler.schema.schema.fields().len()).collect();
                    let batch = assembler.assemble(&batch)?.project(&columns)?;
                    send.send(Ok(batch)).await.map_err(|_| hung_up())?;
                }
                Ok(())
            };
            let result = tokio::try_join!(engine.reconcile(&plan, Strategy::Digest, rest_in), forward);
            if let Err(error) = result {
                // Nobody listens any more: nobody misses it.
                let _ = send.send(Err(DataFusionError::from(error))).await;
            }
        });
        let stream = futures::stream::unfold(Some((receive, Abort(task))), |state| async move {
            let (mut receive, mut task) = state?;
            match receive.recv().await {
                Some(next) => Some((next, Some((receive, task)))),
                // The end is an end only if the comparison came to it.
                None => {
                    let panicked = (&mut task.0).await.err()?;
                    let error = Error::new(ErrorKind::Internal, "a worker panicked").source(panicked);
                    Some((Err(error.into()), None))
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream.boxed()))
    }
}

fn hung_up() -> Error {
    Error::new(ErrorKind::Interrupted, "the reader of reconcile() stopped")
}

/// Ends the comparison when its reader goes.
struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}
