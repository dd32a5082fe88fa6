//! `reconcile(source, target, key...)`: a match as a table of a query. Its rows are those of a divergence table.

use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionContext;

use crate::divergence::{Assembler, assemble_schema_differences};
use crate::engine::{Emit, Engine, choose};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::MatchRule;
use crate::rule::plan::MatchPlan;
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
        Ok(Arc::new(comparison))
    }
}

fn text(argument: &Expr) -> Result<String> {
    match argument {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Ok(text.clone()),
        Expr::Column(column) => Ok(column.flat_name()),
        other => Err(Error::new(ErrorKind::Sql, format!("reconcile() takes names, not {other}")).hint(USAGE)),
    }
}

/// A planned match, as a table.
struct Comparison {
    engine: Arc<Engine>,
    assembler: Arc<Assembler>,
    first: Option<RecordBatch>,
    schema: SchemaRef,
    plan: Arc<MatchPlan>,
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
            recheck: None,
        };
        let plan = Arc::new(resolve(&engine.ctx, "reconcile", &rule, relations, Utc::now()).await?);
        let run_id = uuid::Uuid::now_v7().to_string();
        let assembler = Arc::new(Assembler::new(&run_id, plan.clone()));
        let schema = assembler.schema.schema.clone();
        let first = assemble_schema_differences(&run_id, "reconcile", &schema, &plan.schema)?;
        Ok(Self { engine, assembler, first, schema, plan })
    }
}

#[async_trait]
impl TableProvider for Comparison {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// The reconcile operator; columns that cannot be compared come first.
    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = projection.unwrap_or(&all).clone();
        let schema = Arc::new(self.schema.project(&columns)?);
        let (assembler, picked) = (self.assembler.clone(), columns.clone());
        let make = move |batch: &RecordBatch| Ok(assembler.assemble(batch)?.project(&picked)?);
        let emit = Emit { schema: schema.clone(), make: Arc::new(make), arrange: None, diverging: None };
        let strategy = choose(&self.plan, self.engine.wish(None, false)).strategy;
        let operator: Arc<dyn ExecutionPlan> = Arc::new(self.engine.operator(&self.plan, strategy, false, emit).await?);
        let Some(first) = &self.first else { return Ok(operator) };
        let first = MemorySourceConfig::try_new_exec(&[vec![first.project(&columns)?]], schema, None)?;
        UnionExec::try_new(vec![first, operator])
    }
}
