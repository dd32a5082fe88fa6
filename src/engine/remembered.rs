//! The strategy `digest` with a cache: files whose digests are remembered are not scanned, others are scanned one by one
//! and remembered. Only files that hold a suspect are read again. Where it is remembered what some of the files left over,
//! only the others are looked at (`since.rs`).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::dataset::Opened;
use crate::engine::cache::{Cache, Name};
use crate::engine::catalog::table_name;
use crate::engine::digests::Digests;
use crate::engine::reconcile::Comparison;
use crate::engine::residue::{Residue, Sets, Shelf};
use crate::engine::suspects::{Known, Suspects};
use crate::engine::tasks::{collect_digests, worker_failed};
use crate::engine::{Engine, Strategy, since};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::digested_sql;
use crate::side::{BySide, Side};

/// A match of which some files are remembered.
pub struct Remembered {
    pub(super) cache: Arc<Cache>,
    pub(super) sides: BySide<Files>,
    /// In which the files are scanned: no task takes a file from another.
    context: Arc<TaskContext>,
    /// What residues are kept of: the statements of both sides.
    pub(super) statement: Name,
    /// The residues that are kept.
    pub(super) shelf: Shelf,
    /// What the files that are neither known nor new left over.
    pub(super) residue: Option<Arc<Residue>>,
}

/// What is looked for in a cache.
struct Sought {
    opened: BySide<Arc<Opened>>,
    names: BySide<Vec<Option<Name>>>,
    statement: Name,
    shelf: Shelf,
}

fn sets(names: &BySide<Vec<Option<Name>>>) -> Sets {
    names.as_ref().map(|names| names.iter().flatten().cloned().collect())
}

/// The files of one side.
pub(super) struct Files {
    pub(super) opened: Arc<Opened>,
    /// By file; None where its version cannot be told.
    pub(super) names: Vec<Option<Name>>,
    /// By number, taken when the comparison runs.
    known: Mutex<Vec<(usize, Digests)>>,
    /// To be scanned: the partitions of the side's plan, in their order.
    new: Vec<usize>,
    /// How many files have digests to be compared.
    count: usize,
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
    /// `by_residue`: what files left over may stand for them.
    pub(super) async fn remembered(
        &self,
        plan: &MatchPlan,
        cache: &Arc<Cache>,
        by_residue: bool,
    ) -> Result<Option<(Remembered, BySide<Arc<dyn ExecutionPlan>>)>> {
        let Some(Sought { opened, names, statement, shelf }) = self.sought(plan, cache).await? else { return Ok(None) };
        let residue = match by_residue {
            true => cache.residue(&statement, &shelf, &sets(&names), &self.ctx.runtime_env()).await.map(Arc::new),
            false => None,
        };
        let (BySide { source: s_opened, target: t_opened }, BySide { source: s_names, target: t_names }) =
            (opened, names);
        let of_side =
            async |side, opened, names| self.files(plan, cache, side, opened, names, residue.as_deref()).await;
        let Some((s_files, s_input)) = of_side(Side::Source, s_opened, s_names).await? else { return Ok(None) };
        let Some((t_files, t_input)) = of_side(Side::Target, t_opened, t_names).await? else { return Ok(None) };
        let sides = BySide::new(s_files, t_files);
        let context = self.apart(1).task_ctx();
        let remembered = Remembered { cache: cache.clone(), sides, context, statement, shelf, residue };
        Ok(Some((remembered, BySide::new(s_input, t_input))))
    }

    /// Under which names files are kept, and what is there of their residues. None: a side is not made of files alone.
    async fn sought(&self, plan: &MatchPlan, cache: &Cache) -> Result<Option<Sought>> {
        let BySide { source: Some(source), target: Some(target) } = plan.sides.as_ref().map(|side| side.opened.clone())
        else {
            return Ok(None);
        };
        let (s_names, s_statement) = self.names(plan, Side::Source, &source).await?;
        let (t_names, t_statement) = self.names(plan, Side::Target, &target).await?;
        let (opened, names) = (BySide::new(source, target), BySide::new(s_names, t_names));
        let statement = Name::of_parts(&["residue 1", &s_statement, &t_statement]);
        let shelf = match names.source.iter().chain(&names.target).any(Option::is_some) {
            true => cache.shelf(&statement).await,
            false => Shelf::default(),
        };
        Ok(Some(Sought { opened, names, statement, shelf }))
    }

    /// What a run would say of files that are remembered by what they left over; None: it would not use that.
    pub async fn foreseen(&self, plan: &MatchPlan, strategy: Strategy) -> Result<Option<String>> {
        let (Strategy::Digest, Some(cache)) = (strategy, &self.cache) else { return Ok(None) };
        let Some(sought) = self.sought(plan, cache).await? else { return Ok(None) };
        let Some(files) = sought.shelf.most(&sets(&sought.names)) else { return Ok(None) };
        let all = sought.names.source.len() + sought.names.target.len();
        let old = files.source.len() + files.target.len();
        Ok(Some(since::why(old, all - old)))
    }

    /// In which a partition stays what it is.
    fn apart(&self, partitions: usize) -> SessionContext {
        self.session_with(|config| {
            let mut config = config.with_target_partitions(partitions).with_round_robin_repartition(false);
            config.options_mut().optimizer.repartition_file_scans = false;
            config.options_mut().execution.enable_file_stream_work_stealing = false;
            config
        })
    }

    /// The files of a side, and the plan that scans those that nothing is known of. None: it would mix them.
    async fn files(
        &self,
        plan: &MatchPlan,
        cache: &Arc<Cache>,
        side: Side,
        opened: Arc<Opened>,
        names: Vec<Option<Name>>,
        residue: Option<&Residue>,
    ) -> Result<Option<(Files, Arc<dyn ExecutionPlan>)>> {
        let left_over = |name: &Option<Name>| {
            name.as_ref().zip(residue).is_some_and(|(name, residue)| residue.files.get(side).contains(name))
        };
        let open: Vec<usize> = (0..names.len()).filter(|&number| !left_over(&names[number])).collect();
        let known = self.known(plan, cache, &names, &open).await?;
        let is_known = |number: &usize| known.iter().any(|(other, _)| number == other);
        let new: Vec<usize> = open.iter().copied().filter(|number| !is_known(number)).collect();
        let Some((_stand_in, narrowed)) = StandIn::of_files(self, plan, side, &new, true)? else { return Ok(None) };
        let ctx = self.apart(new.len().max(1));
        let scan = self.physical(&ctx, &digested_sql(&narrowed, side, false)?, None).await?;
        if !new.is_empty() && scan.properties().output_partitioning().partition_count() != new.len() {
            return Ok(None);
        }
        let rows: u64 = known.iter().map(|(_, digests)| digests.tally.rows).sum();
        self.progress.add_rows(rows + residue.map_or(0, |residue| residue.tally.get(side).rows));
        Ok(Some((Files { opened, names, known: Mutex::new(known), new, count: open.len() }, scan)))
    }

    /// The digests of those of the `open` files that are remembered.
    async fn known(
        &self,
        plan: &MatchPlan,
        cache: &Arc<Cache>,
        names: &[Option<Name>],
        open: &[usize],
    ) -> Result<Vec<(usize, Digests)>> {
        let slots = Arc::new(Semaphore::new(self.threads.max(1)));
        let mut loads = JoinSet::new();
        for &number in open {
            let Some(name) = names[number].clone() else { continue };
            let (cache, runtime, slots) = (cache.clone(), self.ctx.runtime_env(), slots.clone());
            let digests = self.digests(plan, open.len() * 2);
            loads.spawn(async move {
                let _slot = slots.acquire().await.ok()?;
                Some((number, cache.load(&name, &runtime, digests).await?))
            });
        }
        let mut known = Vec::new();
        while let Some(loaded) = loads.join_next().await {
            known.extend(loaded.map_err(worker_failed)?);
        }
        Ok(known)
    }

    /// What is remembered is what the side's statement makes of a file: with its columns, filters and types.
    async fn names(&self, plan: &MatchPlan, side: Side, opened: &Opened) -> Result<(Vec<Option<Name>>, String)> {
        // What now() or random() gave is not what it will give.
        let frame = self.sql(&digested_sql(plan, side, false)?).await?;
        if !is_fixed(frame.logical_plan())? {
            return Ok((vec![None; opened.inputs.len()], String::new()));
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
        Ok((opened.inputs.iter().map(|input| Name::of(input, &statement)).collect(), statement))
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
            let parts = files.count * 2;
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
        let source = self.fetch_side(Side::Source, &files.source, &self.suspects).await?;
        Ok(BySide::new(source, self.fetch_side(Side::Target, &files.target, &self.suspects).await?))
    }

    pub(super) async fn fetch_side(
        &self,
        side: Side,
        files: &[usize],
        suspects: &Arc<Known>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match StandIn::of_files(&self.engine, &self.plan, side, files, false)? {
            Some((_stand_in, narrowed)) => self.engine.fetch(&narrowed, side, suspects).await,
            None => self.engine.fetch(&self.plan, side, suspects).await,
        }
    }
}

impl Remembered {
    /// The files of both sides under their names. None: one has none, or could still change unseen.
    pub(super) fn files(&self) -> Option<Sets> {
        let set = |side: Side| {
            let files = self.sides.get(side);
            let settled = files.opened.inputs.iter().all(|input| self.cache.settled(input));
            let names = files.names.iter().cloned().collect::<Option<BTreeSet<Name>>>();
            names.filter(|names| settled && names.len() == files.opened.inputs.len())
        };
        Some(Sets::new(set(Side::Source)?, set(Side::Target)?))
    }
}

/// Whether the plan gives the same rows of the same rows at any time: whatever the time, and whatever other rows there are.
pub(super) fn is_fixed(plan: &LogicalPlan) -> Result<bool> {
    let (mut fixed, mut tables) = (true, 0);
    plan.apply_with_subqueries(|plan| {
        // A subquery may look at another dataset, or at other files of this one.
        tables += usize::from(matches!(plan, LogicalPlan::TableScan(_)));
        plan.apply_expressions(|expression| {
            expression.apply(|expression| {
                if let Expr::ScalarFunction(function) = expression {
                    fixed &= function.func.signature().volatility == Volatility::Immutable;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(fixed && tables == 1)
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
