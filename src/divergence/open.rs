//! What is open of a rule after a run, and since when: `<output>/open/rule=<rule>/run=<run_id>/part-0.parquet`, a row a divergence. A run
//! makes it of what the run before it left open, and of its own divergences; so nobody has to look at all tables to tell it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::kernels::aggregate::min;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext, col, lit};
use futures::TryStreamExt;
use minijinja::context;
use object_store::path::Path;

use crate::dataset::store::Located;
use crate::divergence::earlier::{Back, Earlier};
use crate::divergence::lives::Lives;
use crate::divergence::output::Output;
use crate::divergence::reader::{Results, Width, part_of, table_at};
use crate::divergence::recorded::{Recorded, Standing};
use crate::divergence::schema::head;
use crate::divergence::stored::Table;
use crate::divergence::table::TableWriter;
use crate::divergence::write::pool_bytes;
use crate::error::Result;
use crate::rule::sql::render;

/// Bytes that a join by hash takes for a row, about. Where that is too much, rows are sorted, on disk if they must be.
const HASHED_BYTES: u64 = 192;

/// A rule that a run has compared.
pub struct Stood<'a> {
    pub rule: &'a str,
    pub started: DateTime<Utc>,
    /// Whether it resolves what it did not find.
    pub whole: bool,
    /// Rows of its divergence table.
    pub found: u64,
    /// What is open for longer is counted.
    pub age: Option<TimeDelta>,
}

/// A step from what was open before a run to what is open after it.
struct Step {
    started: DateTime<Utc>,
    whole: bool,
    found: u64,
    table: Option<Path>,
}

/// Tells what is open after the run, and how much of it for longer than `age`; writes the table. None where that cannot be told: a table
/// of an earlier run is gone.
pub async fn stand(
    ctx: &SessionContext,
    output: &Output,
    earlier: &mut Earlier,
    run: Stood<'_>,
) -> Result<Option<(Standing, u64)>> {
    let located = output.located();
    let back = earlier.of(run.rule);
    let mut standing = Standing { earlier: earlier.mark().to_string(), ..Standing::default() };
    if run.whole && run.found == 0 {
        return Ok(Some((standing, 0)));
    }
    let planner = SessionContext::new();
    let Some((before, mut steps, mut rows)) = before(ctx, located, run.rule, back).await? else { return Ok(None) };
    let table = (run.found > 0).then(|| output.divergences(run.rule));
    steps.push(Step { started: run.started, whole: run.whole, found: run.found, table });
    rows += steps.iter().map(|step| step.found).sum::<u64>();
    if rows == 0 {
        return Ok(Some((standing, 0)));
    }
    planner.register_table("before", before)?;
    let plan = plan(ctx, &planner, located, &steps).await?;
    let frame =
        if rows.saturating_mul(HASHED_BYTES) > pool_bytes(ctx) as u64 / 4 { by_sorting(ctx) } else { ctx.clone() };
    let mut batches = frame.execute_logical_plan(plan).await?.execute_stream().await?;
    let rule_output = output.open_of(run.rule);
    let threads = ctx.copied_config().target_partitions();
    let mut writer = TableWriter::open(&rule_output, &open_schema(), threads, pool_bytes(ctx) / 4)?;
    let since = run.age.map(|age| (run.started - age).timestamp_micros());
    let mut overdue = 0;
    while let Some(batch) = batches.try_next().await? {
        let batch = RecordBatch::try_new(open_schema(), batch.columns().to_vec())?;
        let moments = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        standing.open += batch.num_rows() as u64;
        let oldest = min(moments).and_then(DateTime::from_timestamp_micros);
        standing.open_since = standing.open_since.into_iter().chain(oldest).min();
        overdue += since.map_or(0, |since| moments.values().iter().filter(|at| **at < since).count() as u64);
        writer.write(&batch).await?;
    }
    writer.close().await?;
    Ok(Some((standing, overdue)))
}

/// What was open before the runs that are to be caught up with, these runs, and how many rows the first has.
async fn before(
    ctx: &SessionContext,
    located: &Located,
    rule: &str,
    back: Back,
) -> Result<Option<(Arc<dyn TableProvider>, Vec<Step>, u64)>> {
    let nothing = || Arc::new(EmptyTable::new(open_schema())) as Arc<dyn TableProvider>;
    // Nothing before a whole run that found nothing is open.
    let fresh = back.runs.iter().rposition(|run| run.is_whole() && run.divergences() == 0);
    let last = back.runs.last().or(back.base.as_ref()).map(|run| run.run_id.clone()).unwrap_or_default();
    let all = async || {
        let all = from_all_tables(ctx, located, rule, &last).await?;
        Ok(all.map(|(table, rows)| (table.unwrap_or_else(nothing), Vec::new(), rows)))
    };
    if fresh.is_none() && back.is_long() {
        return all().await;
    }
    let mut steps = Vec::new();
    for run in back.runs.iter().skip(fresh.map_or(0, |at| at + 1)) {
        let table = match run.divergences() {
            0 => None,
            _ => match part_of(located, Table::Divergences, rule, &run.run_id).await? {
                // It is expired: what was open after the last such run is kept.
                None => return all().await,
                table => table,
            },
        };
        steps.push(Step { started: run.started_at, whole: run.is_whole(), found: run.divergences(), table });
    }
    let open = |run: &Recorded| run.standing.as_ref().map_or(0, |standing| standing.open);
    let base = back.base.filter(|base| fresh.is_none() && open(base) > 0);
    let Some(base) = base else { return Ok(Some((nothing(), steps, 0))) };
    let Some(path) = part_of(located, Table::Open, rule, &base.run_id).await? else { return all().await };
    Ok(Some((table_at(ctx, located, path, open_schema())?, steps, open(&base))))
}

/// From all divergence tables, as `history.<rule>` tells it.
async fn from_all_tables(
    ctx: &SessionContext,
    located: &Located,
    rule: &str,
    last: &str,
) -> Result<Option<(Option<Arc<dyn TableProvider>>, u64)>> {
    let results = Results::read_at(located.clone()).await?;
    let recorded = results.recorded()?;
    let runs: Vec<&Recorded> = recorded.iter().filter(|run| run.rule == rule && run.run_id.as_str() <= last).collect();
    let Some(tables) = results.sightings(ctx, rule, &runs, Width::Identity).await? else {
        // Nothing is there: nothing was found, or all of it is gone.
        return Ok(runs.iter().all(|run| run.divergences() == 0).then_some((None, 0)));
    };
    if !tables.expired.is_empty() && tables.base.is_none() {
        return Ok(None);
    }
    let rows = runs.iter().map(|run| run.divergences()).max().unwrap_or(0);
    let lives = Lives::of(rule, Default::default(), results.runs_until(last)?, tables).await?;
    Ok(Some((Some(open_of(ctx, &lives).await?.into_view()), rows)))
}

/// What no whole run resolved.
async fn open_of(ctx: &SessionContext, lives: &Lives) -> Result<DataFrame> {
    let all = ctx.read_table(lives.last_seen().await?)?;
    Ok(all.filter(col("state").not_eq(lit("resolved")))?.select(vec![col("divergence_id"), col("open_since")])?)
}

async fn plan(
    ctx: &SessionContext,
    planner: &SessionContext,
    located: &Located,
    steps: &[Step],
) -> Result<LogicalPlan> {
    let found = Arc::new(Schema::new(head()));
    for (at, step) in steps.iter().enumerate() {
        let table: Arc<dyn TableProvider> = match &step.table {
            Some(path) => table_at(ctx, located, path.clone(), found.clone())?,
            None => Arc::new(EmptyTable::new(found.clone())),
        };
        planner.register_table(format!("found_{}", at + 1), table)?;
    }
    let runs = steps.iter().map(|step| context! { started => moment_sql(step.started), whole => step.whole });
    let sql = render("history/open", context! { runs => runs.collect::<Vec<_>>() })?;
    Ok(planner.state().create_logical_plan(&sql).await?)
}

fn moment_sql(at: DateTime<Utc>) -> String {
    format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", at.timestamp_micros())
}

/// The same session, in which joins sort: they spill. With one partition, the planner would join by hash all the same.
fn by_sorting(ctx: &SessionContext) -> SessionContext {
    // An id of 32 letters, two moments, and what Arrow keeps beside them.
    const WIDTH: usize = 128;
    let config = in_sorted_order(ctx.copied_config().with_target_partitions(2), WIDTH);
    SessionContext::new_with_config_rt(config, ctx.runtime_env())
}

/// The same configuration, in which tables are joined in sorted order: that spills. Batches are short enough that a merge holds two of
/// each of two runs in what a sort can count on, at `width` bytes a row.
pub fn in_sorted_order(mut config: SessionConfig, width: usize) -> SessionConfig {
    let options = config.options_mut();
    options.optimizer.prefer_hash_join = false;
    let rows = options.execution.sort_spill_reservation_bytes / 8 / width;
    let rows = rows.max(16).min(config.batch_size());
    config.with_batch_size(rows)
}

pub(super) fn open_schema() -> SchemaRef {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("divergence_id", DataType::Utf8, true),
        Field::new("open_since", moment, true),
    ]))
}
