//! A match, executed. Every strategy comes to the same end: some rows are proven equal, those left open are spooled,
//! classified, and counted. `join` leaves all rows open; `digest` those whose digests do not agree, which it fetches in a
//! second read; `bytes` does the same with what is left once equal bytes are cancelled; `merge` leaves those that have no
//! equal partner when both sides are zipped in key order.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_fixed_size_binary_array;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use tokio::sync::mpsc;

use crate::engine::agreed::Agreed;
use crate::engine::budget::{by_hash, nothing, untold};
use crate::engine::bytes::{Cancelled, Done};
use crate::engine::classified::Counts;
use crate::engine::digests::{Digests, Found, Tally, compare, digest_of};
use crate::engine::open::Waiting;
use crate::engine::operator::Rest;
use crate::engine::ranges::Cuts;
use crate::engine::remembered::{Remembered, files_with_suspects};
use crate::engine::since::compare_keeping;
use crate::engine::spool::Spool;
use crate::engine::stretches::Stretches;
use crate::engine::suspects::{Known, Suspects};
use crate::engine::tasks::{AbortOnDrop, collect_digests, forward, join_all, worker_failed};
use crate::engine::{Engine, Strategy};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::MatchPlan;
use crate::side::{BySide, Side};
use crate::verdict::{Coverage, Guarantee};

/// What a side's rows are followed by where they are spooled.
pub const HASH: &str = "#hash";
pub const DIGEST: &str = "#digest";
/// This part of the memory is what one group of rows to classify may take; the statement holds several copies of it.
pub const GROUP_SHARE: u64 = 24;
/// About what a batch of a scan takes.
const BATCH_BYTES: u64 = 4 << 20;
/// Segments of the key hashes.
pub const BUCKETS: usize = 256;

/// One match by one strategy, with what it may use.
pub struct Comparison {
    pub engine: Arc<Engine>,
    pub plan: Arc<MatchPlan>,
    pub strategy: Strategy,
    /// Equality must be proven by value.
    pub exact: bool,
    /// Rows of both sides that were found to be the same bytes, and are not scanned.
    pub cancelled: Option<Cancelled>,
    /// Why databases were not asked for checksums, where that was wanted.
    pub declined: Option<String>,
    /// Files whose digests are remembered, or will be.
    pub remembered: Option<Remembered>,
    /// Where both sides are cut, so that `merge` zips several ranges of keys at once.
    pub cuts: Option<Cuts>,
    /// What the plans that fetch ask.
    pub suspects: Arc<Known>,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule={}, strategy={}", self.plan.rule, self.strategy)
    }
}

/// What was scanned, and what is known of it.
#[derive(Default)]
pub struct Scanned {
    /// All rows of each side; the checksum is of those that have a digest.
    pub tally: BySide<Tally>,
    /// Rows that may differ, and their tally.
    pub open: Option<(Waiting, BySide<Tally>)>,
    /// Their key hashes; without `open`, the rows are still to be fetched.
    pub suspects: Option<Arc<Suspects>>,
    /// The files that they are in, by number, where that is known.
    pub files: Option<BySide<Vec<usize>>>,
    pub repeated_keys: u64,
    pub spilled_bytes: u64,
    /// Rows of the source that are proven equal, and the limit that stopped the scan before its end.
    pub equal: u64,
    pub stopped: Option<Coverage>,
    /// Key hashes that no row is open of, where that is to be remembered.
    pub agreed: Option<Agreed>,
    /// The strategy that came to the end.
    pub strategy: Strategy,
    /// Why another strategy came to the end than began.
    pub why: Option<String>,
}

impl Scanned {
    /// All rows are open.
    fn all(spool: Spool, tally: BySide<Tally>) -> Self {
        let open = Some((Waiting::Spool(Box::new(spool)), tally));
        Self { tally, open, strategy: Strategy::Join, ..Self::default() }
    }
}

impl Comparison {
    pub fn new(engine: Arc<Engine>, plan: Arc<MatchPlan>, strategy: Strategy, exact: bool) -> Self {
        Self {
            engine,
            plan,
            strategy,
            exact,
            cancelled: None,
            declined: None,
            remembered: None,
            cuts: None,
            suspects: Arc::default(),
        }
    }

    /// Batches of wide rows hold fewer of them: what is compared should still be in the processor's cache, and few batches
    /// wait beside each other.
    pub(super) fn narrowed(&self, context: Arc<TaskContext>) -> Arc<TaskContext> {
        let width = |side: Side| self.plan.sides.get(side).opened.as_ref().map_or(1, |opened| opened.row_bytes());
        let width = width(Side::Source).max(width(Side::Target));
        let rows = usize::try_from(BATCH_BYTES / width).unwrap_or(usize::MAX).max(64);
        match rows < context.session_config().batch_size() {
            true => {
                let config = context.session_config().clone().with_batch_size(rows);
                self.engine.session_with(|_| config).task_ctx()
            }
            false => context,
        }
    }

    /// Rows of each side that are done before any is scanned, where so many were `scanned`.
    fn cancelled(&self, scanned: BySide<u64>) -> Result<BySide<u64>> {
        match self.cancelled.as_ref().map(|cancelled| cancelled.done) {
            None => Ok(BySide::default()),
            Some(Done::Rows(rows)) => Ok(BySide::new(rows, rows)),
            Some(Done::AllOf(all)) => all.try_map(|side, all| {
                all.checked_sub(*scanned.get(side)).ok_or_else(|| {
                    let message = format!("conservation does not hold: the database counts {all} rows, and gives more");
                    Error::new(ErrorKind::Internal, message).hint("this is no verdict; please report it")
                })
            }),
        }
    }

    /// The plans that fetch the rows of suspects: from the files that hold any, where that is known; else from all that
    /// was not proven to be apart from them.
    pub(super) async fn fetch(&self, files: Option<BySide<Vec<usize>>>) -> Result<BySide<Arc<dyn ExecutionPlan>>> {
        if let Some(files) = files {
            return self.fetch_from(files).await;
        }
        let plan = match &self.cancelled {
            Some(cancelled) if cancelled.apart => &cancelled.plan,
            _ => self.plan.as_ref(),
        };
        let source = self.engine.fetch(plan, Side::Source, &self.suspects).await?;
        Ok(BySide::new(source, self.engine.fetch(plan, Side::Target, &self.suspects).await?))
    }

    /// Compares both sides. All that disagrees is sent to `rest`; the counts are exact, and guarded by conservation: if
    /// they do not hold, this is an error, never a verdict.
    pub async fn run(
        self: &Arc<Self>,
        inputs: BySide<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
        rest: &Rest,
    ) -> Result<Counts> {
        let context = self.narrowed(context);
        let mut scanned = match self.strategy {
            Strategy::Join => self.scan_all(&inputs, &context).await?,
            Strategy::Pushdown if self.cancelled.is_some() => {
                let open = self.scan_all(&inputs, &context).await?;
                Scanned { strategy: Strategy::Pushdown, ..open }
            }
            Strategy::Digest | Strategy::Bytes | Strategy::Pushdown => self.scan_digests(&inputs, &context).await?,
            Strategy::Merge => self.merge(&inputs, &context).await?,
        };
        let cancelled = self.cancelled(scanned.tally.map(|tally| tally.rows))?;
        for side in Side::BOTH {
            scanned.tally.get_mut(side).rows += cancelled.get(side);
            if scanned.stopped.is_none() {
                self.check_metadata(side, scanned.tally.get(side).rows)?;
            }
        }
        let mut counts = Counts::new(&self.plan, scanned.tally, scanned.strategy);
        counts.repeated_keys = scanned.repeated_keys;
        counts.spilled_bytes = scanned.spilled_bytes;
        counts.why = scanned.why;
        let by_value = match self.cancelled.as_ref().map(|cancelled| cancelled.done) {
            // The database compared values; what it left open, we do.
            Some(Done::AllOf(_)) => true,
            // All rows are the same bytes.
            Some(Done::Rows(rows)) => {
                self.strategy == Strategy::Bytes && rows > 0 && cancelled == scanned.tally.map(|tally| tally.rows)
            }
            None => false,
        };
        if by_value {
            counts.guarantee = Guarantee::Exact;
        }
        // Segments that nothing more needs to be known of.
        let mut verified = vec![scanned.suspects.is_some(); BUCKETS];
        if let Some(suspects) = &scanned.suspects {
            verified = suspects.marked(BUCKETS).into_iter().map(|marked| !marked).collect();
        }
        let open = match (scanned.open, scanned.suspects) {
            (None, Some(suspects)) => {
                self.suspects.set(suspects);
                let fetch = self.fetch(scanned.files).await?;
                let (spool, tally) = self.spool(&fetch, &context, false).await?;
                Some((Waiting::Spool(Box::new(spool)), tally))
            }
            (open, _) => open,
        };
        let spool = open.as_ref().and_then(|(waiting, _)| waiting.as_spool());
        let residue =
            scanned.agreed.and_then(|agreed| self.left_over(agreed, spool, scanned.tally, scanned.repeated_keys));
        let mut passed = BySide::default();
        let mut stopped = scanned.stopped;
        let by_keys = stopped.is_some();
        if let Some((waiting, tally)) = open {
            passed = tally;
            // What a limit has stopped already is brought to its end.
            let by = match stopped.is_some() {
                true => None,
                false => self.engine.budget.reached(),
            };
            let by = match by {
                Some(by) => Some(by),
                None => self.classify(waiting, rest, &mut counts, &mut verified, stopped.is_some()).await?,
            };
            stopped = stopped.or(by.map(|by| by_hash(by, &verified)));
        }
        match stopped {
            Some(_) if counts.untold => counts.stopped(untold(by_keys), scanned.equal),
            Some(coverage) => counts.stopped(coverage, scanned.equal),
            None => {
                counts.conserved(passed)?;
                if let Some(residue) = residue {
                    self.keep(residue?).await;
                }
            }
        }
        Ok(counts)
    }

    async fn scan_all(&self, inputs: &BySide<Arc<dyn ExecutionPlan>>, context: &Arc<TaskContext>) -> Result<Scanned> {
        let scans = inputs.clone();
        let (spool, tally) = self.spool(&scans, context, true).await?;
        Ok(self.all_open(spool, tally))
    }

    async fn scan_digests(
        &self,
        inputs: &BySide<Arc<dyn ExecutionPlan>>,
        context: &Arc<TaskContext>,
    ) -> Result<Scanned> {
        if let Some(remembered) = &self.remembered {
            return self.compare_files(remembered, inputs, context).await;
        }
        let mut sides = BySide::<Vec<(usize, Digests)>>::default();
        for turn in self.turns(inputs) {
            let collected = turn.iter().map(|&side| self.collect(side, inputs.get(side), context));
            for (side, digests) in turn.iter().zip(futures::future::join_all(collected).await) {
                *sides.get_mut(*side) = digests?.into_iter().enumerate().collect();
            }
        }
        let mut scanned = self.compare_digests(sides, false).await?;
        if self.declined.is_some() {
            scanned.why = self.declined.clone();
        }
        if self.strategy == Strategy::Bytes && self.cancelled.is_none() {
            scanned.why = Some("nothing stands on both sides in the same bytes; digests are compared".into());
        }
        Ok(scanned)
    }

    async fn collect(
        &self,
        side: Side,
        input: &Arc<dyn ExecutionPlan>,
        context: &Arc<TaskContext>,
    ) -> Result<Vec<Digests>> {
        let streams = execute_stream_partitioned(input.clone(), context.clone())?;
        let parts = streams.len();
        let collect = |stream| collect_digests(self.engine.clone(), stream, self.digests(parts));
        let tasks = streams.into_iter().map(collect).collect();
        join_all(tasks).await.map_err(|error| error.context("side", side.as_str()))
    }

    /// Which sides are read at once: one after the other, unless that would leave threads with nothing to do.
    fn turns(&self, inputs: &BySide<Arc<dyn ExecutionPlan>>) -> Vec<&'static [Side]> {
        let readers = inputs.as_ref().map(|input| readers(input.as_ref()));
        match readers.source + readers.target <= self.engine.threads {
            true => vec![&Side::BOTH],
            false => vec![&[Side::Source], &[Side::Target]],
        }
    }

    /// All rows are open; if a limit was reached, they may not even be all.
    pub(super) fn all_open(&self, spool: Spool, tally: BySide<Tally>) -> Scanned {
        match self.engine.budget.reached() {
            Some(by) => Scanned { tally, stopped: Some(nothing(by)), strategy: Strategy::Join, ..Scanned::default() },
            None => Scanned::all(spool, tally),
        }
    }

    /// How far digests came when a limit was reached.
    pub(super) fn stopped_scan(&self, sides: &BySide<Vec<(usize, Digests)>>, tally: BySide<Tally>) -> Option<Scanned> {
        let stopped = sides.source.iter().chain(&sides.target).any(|(_, digests)| digests.stopped);
        let by = self.engine.budget.reached().filter(|_| stopped)?;
        Some(Scanned { tally, stopped: Some(nothing(by)), strategy: self.strategy, ..Scanned::default() })
    }

    /// `by_file`: the digests are of files, by number, of which those that hold suspects are told; and what agrees.
    pub(super) async fn compare_digests(&self, sides: BySide<Vec<(usize, Digests)>>, by_file: bool) -> Result<Scanned> {
        let mut tally = BySide::<Tally>::default();
        for side in Side::BOTH {
            sides.get(side).iter().for_each(|(_, digests)| tally.get_mut(side).merge(digests.tally));
        }
        if let Some(stopped) = self.stopped_scan(&sides, tally) {
            return Ok(stopped);
        }
        let spilled_bytes = sides.source.iter().chain(&sides.target).map(|(_, digests)| digests.spilled_bytes()).sum();
        let suspects = Suspects::for_rows(tally.source.rows.max(tally.target.rows));
        let runtime = self.engine.ctx.runtime_env();
        let (suspects, found, files, agreed) = tokio::task::spawn_blocking(move || {
            let refs = sides.as_ref().map(|side| side.iter().map(|(_, digests)| digests).collect::<Vec<_>>());
            if !by_file {
                let found = compare(&runtime, &refs, &suspects)?;
                return Ok((suspects, found, None, None));
            }
            let (found, agreed) = compare_keeping(&runtime, &refs, &suspects)?;
            let files = sides.as_ref().try_map(|_, files| files_with_suspects(files, &suspects))?;
            Ok::<_, Error>((suspects, found, Some(files), agreed))
        })
        .await
        .map_err(worker_failed)??;
        let Found { suspects: rows, repeated } = found;
        Ok(Scanned {
            tally,
            open: None,
            suspects: (rows != BySide::new(0, 0)).then(|| Arc::new(suspects)),
            files,
            agreed,
            repeated_keys: repeated,
            spilled_bytes,
            equal: tally.source.rows.saturating_sub(rows.source) + self.cancelled(BySide::default())?.source,
            stopped: None,
            strategy: if self.cancelled.is_some() { Strategy::Bytes } else { Strategy::Digest },
            why: None,
        })
    }

    pub fn digests(&self, tasks: usize) -> Digests {
        self.engine.digests(&self.plan, tasks)
    }

    pub fn new_spool(&self, schemas: BySide<SchemaRef>) -> Spool {
        let limit = usize::try_from(self.engine.memory / GROUP_SHARE).unwrap_or(usize::MAX);
        Spool::new(self.engine.ctx.runtime_env(), self.engine.progress.clone(), schemas, HASH, limit, BUCKETS)
    }

    /// For rows that come in key order, in one of `parts` places. One stretch at a time is classified: what waits may take
    /// more than a group.
    pub fn new_stretches(&self, schemas: BySide<SchemaRef>, parts: usize) -> Stretches {
        let limit = usize::try_from(self.engine.memory / 8).unwrap_or(usize::MAX) / parts.max(1);
        Stretches::new(self.engine.ctx.runtime_env(), self.engine.progress.clone(), schemas, limit)
    }

    /// Reads both sides in full width; returns the rows and their tally.
    pub(super) async fn spool(
        &self,
        plans: &BySide<Arc<dyn ExecutionPlan>>,
        context: &Arc<TaskContext>,
        counting: bool,
    ) -> Result<(Spool, BySide<Tally>)> {
        let mut spool = self.new_spool(plans.as_ref().map(|plan| plan.schema()));
        let tally = self.fill(&mut spool, plans, context, counting).await?;
        Ok((spool, tally))
    }

    pub(super) async fn fill(
        &self,
        spool: &mut Spool,
        plans: &BySide<Arc<dyn ExecutionPlan>>,
        context: &Arc<TaskContext>,
        counting: bool,
    ) -> Result<BySide<Tally>> {
        let mut tally = BySide::<Tally>::default();
        for turn in self.turns(plans) {
            // The streams run in their own tasks; here one place takes their batches in.
            let (sender, mut receiver) = mpsc::channel::<(Side, RecordBatch)>(2);
            let mut tasks = Vec::new();
            for &side in turn {
                let streams = execute_stream_partitioned(plans.get(side).clone(), context.clone())?;
                let forwards = streams.into_iter().map(|stream| forward(side, stream, sender.clone())).collect();
                let task = tokio::spawn(join_all(forwards));
                tasks.push((AbortOnDrop(task.abort_handle()), task));
            }
            drop(sender);
            while let Some((side, batch)) = receiver.recv().await {
                add_digests(&batch, tally.get_mut(side))?;
                if counting {
                    self.engine.progress.add_rows(batch.num_rows() as u64);
                }
                spool.push(side, batch)?;
                if self.engine.budget.reached().is_some() {
                    return Ok(tally);
                }
            }
            // Of two errors, the source's is told.
            for (_abort, task) in tasks {
                task.await.map_err(worker_failed)??;
            }
        }
        Ok(tally)
    }

    /// Rows that were read must be the rows that the files say they hold.
    fn check_metadata(&self, side: Side, read: u64) -> Result<()> {
        match self.plan.sides.get(side).exact_rows {
            Some(rows) if rows != read => Err(Error::new(
                ErrorKind::Internal,
                format!("conservation does not hold: {read} rows were read, the files hold {rows}"),
            )
            .context("side", side.as_str())
            .hint("this is no verdict; please report it")),
            _ => Ok(()),
        }
    }
}

/// How many tasks read what a plan begins with, however its rows are distributed after that.
fn readers(plan: &dyn ExecutionPlan) -> usize {
    match plan.children().as_slice() {
        [] => plan.properties().output_partitioning().partition_count(),
        children => children.iter().map(|child| readers(child.as_ref())).sum(),
    }
}

/// Rows with a digest.
pub(super) fn add_digests(rows: &RecordBatch, tally: &mut Tally) -> Result<()> {
    let digests = rows.column_by_name(DIGEST).map(|c| as_fixed_size_binary_array(c)).transpose()?;
    digests.iter().flat_map(|digests| digests.iter()).try_for_each(|digest| {
        tally.add(digest_of(digest)?);
        Ok(())
    })
}

impl Engine {
    /// What one of `tasks` tasks collects in. A quarter of the memory is for the digests of both sides; what is left is
    /// for reading and comparing them.
    pub(super) fn digests(&self, plan: &MatchPlan, tasks: usize) -> Digests {
        let limit = usize::try_from(self.memory / 8).unwrap_or(usize::MAX) / tasks.max(1);
        Digests::new(&self.ctx.runtime_env(), &self.progress, self.digest_partitions(plan), limit)
    }

    /// Enough that one partition of both sides fits beside everything else.
    fn digest_partitions(&self, plan: &MatchPlan) -> usize {
        let sides = &plan.sides;
        let rows = sides.source.exact_rows.unwrap_or(0) + sides.target.exact_rows.unwrap_or(0);
        let unknown = sides.source.exact_rows.is_none() || sides.target.exact_rows.is_none();
        let wanted = (rows * 24).div_ceil((self.memory / 16).max(1 << 20));
        wanted.max(if unknown { 256 } else { 16 }).next_power_of_two().min(4096) as usize
    }
}
