//! The strategy `digest` with a cache: files whose digests are remembered are not scanned, others are scanned one by one
//! and remembered. Only files that hold a suspect are read again.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::ExecutionPlan;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::dataset::Opened;
use crate::engine::Engine;
use crate::engine::cache::{Cache, Name};
use crate::engine::catalog::table_name;
use crate::engine::digests::Digests;
use crate::engine::reconcile::Comparison;
use crate::engine::suspects::Suspects;
use crate::engine::tasks::{collect_digests, worker_failed};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::digested_sql;
use crate::side::{BySide, Side};

/// A match of which some files are remembered.
pub struct Remembered {
    cache: Arc<Cache>,
    sides: BySide<Files>,
    /// In which the files are scanned: no task takes a file from another.
    context: Arc<TaskContext>,
}

/// The files of one side.
struct Files {
    opened: Arc<Opened>,
    /// By file; None where its version cannot be told.
    names: Vec<Option<Name>>,
    /// By number, taken when the comparison runs.
    known: Mutex<Vec<(usize, Digests)>>,
    /// To be scanned: the partitions of the side's plan, in their order.
    new: Vec<usize>,
}

/// A table that stands in for a side's, as long as a statement is planned.
pub(super) struct StandIn<'a> {
    engine: &'a Engine,
    name: String,
}

impl<'a> StandIn<'a> {
    /// The plan over some files of the side.
    fn of_files(
        engine: &'a Engine,
        plan: &MatchPlan,
        side: Side,
        files: &[usize],
        by_file: bool,
    ) -> Result<Option<(Self, MatchPlan)>> {
        let Some(opened) = &plan.sides.get(side).opened else { return Ok(None) };
        Self::of_table(engine, plan, side, opened.of_files(files, by_file)).map(Some)
    }

    /// The plan over another table for the side.
    pub(super) fn of_table(
        engine: &'a Engine,
        plan: &MatchPlan,
        side: Side,
        table: Arc<dyn TableProvider>,
    ) -> Result<(Self, MatchPlan)> {
        let name = table_name(&format!("#stand_in_{side}_{}", plan.rule));
        engine.ctx.register_table(name.as_str(), table)?;
        let mut plan = plan.clone();
        plan.sides.get_mut(side).from = name.clone();
        Ok((Self { engine, name }, plan))
    }
}

impl Drop for StandIn<'_> {
    fn drop(&mut self) {
        // It is our own; there is nothing to do if it is gone.
        let _ = self.engine.ctx.deregister_table(self.name.as_str());
    }
}

impl Engine {
    /// What of the match is remembered, and the plans that scan the rest. None: a side is not made of files alone.
    pub(super) async fn remembered(
        &self,
        plan: &MatchPlan,
        cache: &Arc<Cache>,
    ) -> Result<Option<(Remembered, BySide<Arc<dyn ExecutionPlan>>)>> {
        let (mut sides, mut inputs) = (Vec::new(), Vec::new());
        let apart = |partitions: usize| {
            self.session_with(|config| {
                let mut config = config.with_target_partitions(partitions).with_round_robin_repartition(false);
                config.options_mut().optimizer.repartition_file_scans = false;
                config.options_mut().execution.enable_file_stream_work_stealing = false;
                config
            })
        };
        for side in Side::BOTH {
            let Some(opened) = plan.sides.get(side).opened.clone() else { return Ok(None) };
            let names = self.names(plan, side, &opened).await?;
            let tasks = opened.inputs.len() * 2;
            let slots = Arc::new(Semaphore::new(self.threads.max(1)));
            let mut loads = JoinSet::new();
            for (number, name) in names.iter().enumerate() {
                let Some(name) = name.clone() else { continue };
                let (cache, runtime, slots) = (cache.clone(), self.ctx.runtime_env(), slots.clone());
                let digests = self.digests(plan, tasks);
                loads.spawn(async move {
                    let _slot = slots.acquire().await.ok()?;
                    Some((number, cache.load(&name, &runtime, digests).await?))
                });
            }
            let mut known = Vec::new();
            while let Some(loaded) = loads.join_next().await {
                known.extend(loaded.map_err(worker_failed)?);
            }
            let new: Vec<usize> = (0..names.len()).filter(|n| !known.iter().any(|(number, _)| number == n)).collect();
            let Some((_stand_in, narrowed)) = StandIn::of_files(self, plan, side, &new, true)? else { return Ok(None) };
            let ctx = apart(new.len().max(1));
            let scan = self.physical(&ctx, &digested_sql(&narrowed, side, false)?, None).await?;
            if !new.is_empty() && scan.properties().output_partitioning().partition_count() != new.len() {
                return Ok(None);
            }
            let rows: u64 = known.iter().map(|(_, digests)| digests.tally.rows).sum();
            self.progress.add_rows(rows);
            inputs.push(scan);
            sides.push(Files { opened, names, known: Mutex::new(known), new });
        }
        let (Some(t_files), Some(t_input)) = (sides.pop(), inputs.pop()) else { return Ok(None) };
        let (Some(s_files), Some(s_input)) = (sides.pop(), inputs.pop()) else { return Ok(None) };
        let context = apart(1).task_ctx();
        let remembered = Remembered { cache: cache.clone(), sides: BySide::new(s_files, t_files), context };
        Ok(Some((remembered, BySide::new(s_input, t_input))))
    }

    /// What is remembered is what the side's statement makes of a file: with its columns, filters and types.
    async fn names(&self, plan: &MatchPlan, side: Side, opened: &Opened) -> Result<Vec<Option<Name>>> {
        // What now() or random() gave is not what it will give.
        let frame = self.sql(&digested_sql(plan, side, false)?).await?;
        if !is_fixed(frame.logical_plan())? {
            return Ok(vec![None; opened.inputs.len()]);
        }
        let mut neutral = plan.clone();
        neutral.sides.get_mut(side).from = "input".into();
        let columns = plan.key.iter().chain(&plan.values);
        let types: Vec<String> =
            columns.map(|column| format!("{} {:?}", column.common.data_type, column.read.get(side).stored)).collect();
        let sql = digested_sql(&neutral, side, false)?;
        let statement = format!(
            "digest 1\n{sql}\n{}\n{}\n{:x}\n{}",
            self.params.told(&sql).join(", "),
            types.join(", "),
            self.hash_mask,
            opened.reading()
        );
        Ok(opened.inputs.iter().map(|input| Name::of(input, &statement)).collect())
    }
}

impl Comparison {
    /// The digests of all files, and to which of them they belong.
    pub(super) async fn scan_files(
        &self,
        remembered: &Remembered,
        inputs: &BySide<Arc<dyn ExecutionPlan>>,
    ) -> Result<BySide<Vec<(usize, Digests)>>> {
        let slots = Arc::new(Semaphore::new(self.engine.threads.max(1)));
        let mut tasks = JoinSet::new();
        for side in Side::BOTH {
            let files = remembered.sides.get(side);
            let parts = files.opened.inputs.len() * 2;
            for (partition, &number) in files.new.iter().enumerate() {
                let (scan, slots) = (inputs.get(side).clone(), slots.clone());
                let context = remembered.context.clone();
                let (engine, cache, digests) =
                    (self.engine.clone(), remembered.cache.clone(), self.engine.digests(&self.plan, parts));
                let (name, input) = (files.names[number].clone(), files.opened.inputs[number].clone());
                let rows = files.opened.rows_of(number).filter(|_| self.plan.sides.get(side).exact_rows.is_some());
                tasks.spawn(async move {
                    let _slot = slots.acquire().await.map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
                    let stream = scan.execute(partition, context)?;
                    let digests = collect_digests(engine, stream, digests).await;
                    let digests = digests.map_err(|error| error.context("side", side.as_str()))?;
                    if let (Some(name), false) = (name, digests.stopped) {
                        // What is remembered of a file must be this file's: a plan that mixed files would show here.
                        if rows.is_some_and(|rows| rows != digests.tally.rows) {
                            return Err(Error::new(ErrorKind::Internal, "a file's rows were mixed with another's"));
                        }
                        cache.save(&name, &input, &digests).await;
                    }
                    Ok::<_, Error>((side, number, digests))
                });
            }
        }
        let mut found = BySide::<Vec<(usize, Digests)>>::default();
        for side in Side::BOTH {
            let known = &remembered.sides.get(side).known;
            found.get_mut(side).append(&mut known.lock().unwrap_or_else(PoisonError::into_inner));
        }
        while let Some(done) = tasks.join_next().await {
            let (side, number, digests) = done.map_err(worker_failed)??;
            found.get_mut(side).push((number, digests));
        }
        Ok(found)
    }

    /// The plans that fetch suspects from the files that hold any.
    pub(super) async fn fetch_from(&self, files: BySide<Vec<usize>>) -> Result<BySide<Arc<dyn ExecutionPlan>>> {
        let source = self.fetch_side(Side::Source, &files.source).await?;
        Ok(BySide::new(source, self.fetch_side(Side::Target, &files.target).await?))
    }

    async fn fetch_side(&self, side: Side, files: &[usize]) -> Result<Arc<dyn ExecutionPlan>> {
        match StandIn::of_files(&self.engine, &self.plan, side, files, false)? {
            Some((_stand_in, narrowed)) => self.engine.fetch(&narrowed, side, &self.suspects).await,
            None => self.engine.fetch(&self.plan, side, &self.suspects).await,
        }
    }
}

/// Whether the plan gives the same rows of the same files at any time.
fn is_fixed(plan: &LogicalPlan) -> Result<bool> {
    let mut fixed = true;
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expression| {
            expression.apply(|expression| {
                if let Expr::ScalarFunction(function) = expression {
                    fixed &= function.func.signature().volatility == Volatility::Immutable;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(fixed)
}

/// The files that hold a suspect.
pub(super) fn files_with_suspects(files: &[(usize, Digests)], suspects: &Suspects) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for (number, digests) in files {
        if digests.holds_any(suspects)? {
            found.push(*number);
        }
    }
    found.sort_unstable();
    Ok(found)
}
