//! Both sides of a rule, opened to look at some keys: what diverges of them by now, and the rows themselves. Nothing is written.
//! -> [`Look`]

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;

use crate::dataset::{Input, Opened, Writable};
use crate::divergence::{Assembler, DivergenceSchema};
use crate::engine::digests::digest_of;
use crate::engine::{Diverged, Engine, Strategy, named};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Project, Rule, RuleKind};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::shown_keys_sql;
use crate::run::match_rule::emit;
use crate::run::planned::{Plan, Planned};
use crate::run::{RunOptions, engine, of_rule};
use crate::side::{BySide, Side};

/// A match rule with a key, its datasets open.
pub struct Look {
    engine: Arc<Engine>,
    pub plan: Arc<MatchPlan>,
    pub datasets: BySide<String>,
    pub schema: DivergenceSchema,
    assembler: Arc<Assembler>,
}

impl Look {
    /// Opens what the rule reads, as it is now.
    pub async fn open(project: &Project, rule: &Rule, run_id: &str, options: &RunOptions) -> Result<Self> {
        let RuleKind::Match(matching) = &rule.kind else {
            let error = Error::new(ErrorKind::Config, format!("the rule `{}` does not compare rows", rule.name));
            return Err(error.hint("only divergences of a match rule, which has a key, can be repaired"));
        };
        if matching.key.is_empty() {
            let error = Error::new(ErrorKind::Config, format!("the rule `{}` has no key", rule.name));
            return Err(error.hint("a row is repaired by its key: add key: and the columns that identify a row"));
        }
        let engine = engine(project, options, None)?;
        let planned = Planned::of(&engine, rule, Utc::now()).await.map_err(|error| of_rule(error, rule))?;
        let Plan::Match(plan) = planned.plan else {
            return Err(Error::new(ErrorKind::Internal, "a match rule has no plan"));
        };
        let assembler = Arc::new(Assembler::new(run_id, plan.clone()));
        let schema = assembler.schema.clone();
        Ok(Self { engine, plan, datasets: matching.dataset.clone(), schema, assembler })
    }

    /// Where statements can be planned, with what the rule reads.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub async fn opened(&self, side: Side) -> Result<Arc<Opened>> {
        let name = self.datasets.get(side);
        self.engine.catalog.open(name).await?.ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("`{name}` is a view: its rows are those of other datasets"))
                .context("side", side.as_str())
                .hint("repair a rule over the dataset below it")
        })
    }

    pub async fn inputs(&self) -> Result<BySide<Vec<Input>>> {
        let source = self.engine.catalog.inputs(&self.datasets.source).await?;
        Ok(BySide::new(source, self.engine.catalog.inputs(&self.datasets.target).await?))
    }

    /// The keys of rows of a divergence table. None where they cannot be told from what stands there: then all is read.
    pub async fn keys(&self, rows: &[RecordBatch]) -> Result<Option<Arc<Diverged>>> {
        const TABLE: &str = "#repair_keys";
        let (mut batches, mut whole) = (Vec::new(), None);
        let fields = self.schema.keys.iter().zip(&self.plan.key);
        let fields = fields.map(|(name, column)| Field::new(name, column.common.data_type.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        for batch in rows {
            let columns = schema.fields().iter().map(|field| {
                let column = batch.column_by_name(field.name()).ok_or_else(|| changed(field.name()))?;
                Ok(cast(column, field.data_type())?)
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            if let [one] = &columns[..]
                && one.data_type().is_integer()
            {
                let wide = cast(one, &DataType::Int64)?;
                let wide = wide.as_primitive::<Int64Type>();
                let fits = (0..wide.len()).all(|row| wide.is_valid(row) || one.is_null(row));
                let numbers: &mut Option<Vec<Option<i64>>> = whole.get_or_insert(Some(Vec::new()));
                match (numbers.as_mut(), fits) {
                    (Some(numbers), true) => numbers.extend(wide.iter()),
                    _ => *numbers = None,
                }
            }
            batches.push(RecordBatch::try_new(schema.clone(), columns)?);
        }
        let Some(sql) = shown_keys_sql(&self.plan, &format!("\"{TABLE}\""), &self.schema.keys)? else {
            return Ok(None);
        };
        self.engine.ctx.register_table(format!("\"{TABLE}\""), Arc::new(MemTable::try_new(schema, vec![batches])?))?;
        let digests = async { Ok::<_, Error>(self.engine.sql(&sql).await?.collect().await?) }.await;
        self.engine.ctx.deregister_table(format!("\"{TABLE}\""))?;
        let mut keys = Vec::new();
        for batch in digests? {
            for digest in batch.column(0).as_fixed_size_binary().iter() {
                keys.push(digest_of(digest)?);
            }
        }
        Ok(Some(Arc::new(Diverged::of_digests(&self.engine, keys, whole.flatten())?)))
    }

    /// What diverges of these keys, or of all, as rows of the divergence table. `instead`: read in place of that side's dataset.
    pub async fn divergences(
        &self,
        keys: Option<&Arc<Diverged>>,
        instead: Option<(Side, Arc<dyn TableProvider>)>,
    ) -> Result<Vec<RecordBatch>> {
        const TABLE: &str = "\"#repair_instead\"";
        let mut plan = self.plan.as_ref().clone();
        if let Some((side, table)) = instead {
            self.engine.ctx.register_table(TABLE, table)?;
            let of_side = plan.sides.get_mut(side);
            (of_side.from, of_side.opened, of_side.exact_rows) = (TABLE.to_string(), None, None);
        }
        let plan = Arc::new(plan);
        let found = async {
            let emit = emit(self.assembler.clone(), None);
            let operator = match keys {
                Some(keys) => self.engine.again(&plan, keys, emit).await?,
                None => self.engine.operator(&plan, Strategy::Digest, false, emit).await?,
            };
            let mut rows = operator.execute(0, self.engine.ctx.task_ctx())?;
            let columns: Vec<usize> = (0..self.schema.schema.fields().len()).collect();
            let mut batches = Vec::new();
            while let Some(batch) = rows.try_next().await? {
                batches.push(batch.project(&columns)?);
            }
            // That all rows were looked at is shown by now.
            operator.counts()?;
            Ok(batches)
        }
        .await;
        let _ = self.engine.ctx.deregister_table(TABLE);
        found
    }

    /// The rows of one side under these keys, or all: what is compared, and with it columns of `table` (or of the dataset) as they are, each by the
    /// name that `carried` gives it. Without `filtered`, rows that the rule leaves out as well.
    pub async fn rows(
        &self,
        side: Side,
        keys: Option<&Arc<Diverged>>,
        images: Option<&Writable>,
        carried: Vec<(String, String)>,
        filtered: bool,
    ) -> Result<Vec<RecordBatch>> {
        let mut plan = self.plan.as_ref().clone();
        plan.sides.get_mut(side).carried = carried;
        let restricted = keys.and_then(|keys| named(&self.plan, side, keys));
        let table = match (images, restricted) {
            (Some(images), restricted) => Some(self.opened(side).await?.images(images, restricted)?),
            (None, Some(restricted)) => Some(Arc::new(restricted) as Arc<dyn TableProvider>),
            (None, None) => None,
        };
        self.engine.rows_of_side(&plan, side, keys, table, filtered).await
    }
}

fn changed(column: &str) -> Error {
    Error::new(ErrorKind::Changed, format!("the divergences have no column {column:?}: the key changed since"))
        .hint("run the rule again, and plan then")
}
