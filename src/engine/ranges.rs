//! The strategy `merge`, run: where both sides can be cut at the same keys, each range of keys is zipped by a task of its
//! own; else all rows by one. Where order ends, what was zipped stays proven, and the rest goes on by digests, or by value.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::{Semaphore, mpsc};

use crate::dataset::{Ranges, ranges};
use crate::engine::bounds::Bounds;
use crate::engine::budget::by_key;
use crate::engine::digests::Digests;
use crate::engine::merge::{End, Merged, merge};
use crate::engine::open::Open;
use crate::engine::ordered::Batches;
use crate::engine::reconcile::{Comparison, GROUP_SHARE, Scanned};
use crate::engine::remembered::StandIn;
use crate::engine::suspects::Suspects;
use crate::engine::tasks::{collect_rest, join_all};
use crate::engine::window::Shape;
use crate::engine::{Engine, Strategy};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::{MatchPlan, ReadFrom};
use crate::rule::sql::zipped_sql;
use crate::side::{BySide, Side};

/// Ranges for each thread: so that none has nothing to do while another still works.
const RANGES_A_THREAD: usize = 2;
/// The same where reading waits for a network: all of them are read at once.
const REMOTE_RANGES_A_THREAD: usize = 4;

/// The merges that run beside each other.
pub struct Cuts {
    ranges: Ranges,
    context: Arc<TaskContext>,
    /// How many of them run at once.
    at_once: usize,
}

impl Engine {
    /// The plans that read both sides with a partition for each range of keys. None: all rows are one range.
    pub(super) async fn cut(&self, plan: &MatchPlan) -> Result<Option<(Cuts, BySide<Arc<dyn ExecutionPlan>>)>> {
        // Where a limit stops it, one place tells how far it came.
        if self.threads < 2 || self.budget.is_limited() {
            return Ok(None);
        }
        let Some((first, opened)) = first_key(plan) else { return Ok(None) };
        let (mut most, mut at_once) = (self.threads * RANGES_A_THREAD, self.threads);
        // What is decoded at once must not take what the memory is for.
        let decoded = opened.source.group_bytes() + opened.target.group_bytes();
        let fits = |ranges: usize| decoded * ranges as u64 <= self.memory / 16;
        if !fits(at_once) {
            return Ok(None);
        }
        let remote = self.threads * REMOTE_RANGES_A_THREAD;
        if (opened.source.is_remote() || opened.target.is_remote()) && fits(remote) {
            (most, at_once) = (remote, remote);
        }
        let Some(ranges) = ranges(opened.source, opened.target, first, most, self.range_rows) else { return Ok(None) };
        let apart = |partitions: usize| {
            self.session_with(|config| {
                let mut config = config.with_target_partitions(partitions).with_round_robin_repartition(false);
                config.options_mut().optimizer.repartition_file_scans = false;
                config.options_mut().execution.enable_file_stream_work_stealing = false;
                config
            })
        };
        let partitions = ranges.seams.len() + 1;
        let ctx = apart(partitions);
        let mut inputs = Vec::new();
        for side in Side::BOTH {
            let (_stand_in, cut) = StandIn::of_table(self, plan, side, ranges.tables.get(side).clone())?;
            let scan = self.physical(&ctx, &zipped_sql(&cut, side)?, None).await?;
            if scan.properties().output_partitioning().partition_count() != partitions {
                return Ok(None);
            }
            inputs.push(scan);
        }
        let (Some(target), Some(source)) = (inputs.pop(), inputs.pop()) else { return Ok(None) };
        Ok(Some((Cuts { ranges, context: apart(1).task_ctx(), at_once }, BySide::new(source, target))))
    }
}

/// The first column of the key, where it is compared as both sides' files hold it.
fn first_key(plan: &MatchPlan) -> Option<((&str, &str), BySide<&crate::dataset::Opened>)> {
    let column = plan.key.first().filter(|column| plan.keyed && !column.normal.any() && !column.has_residue())?;
    let BySide { source, target } = &column.read;
    if source.stored != target.stored || column.common.data_type != source.stored || column.has_cmp() {
        return None;
    }
    let (ReadFrom::Column(s), ReadFrom::Column(t)) = (&source.from, &target.from) else { return None };
    let opened = BySide::new(plan.sides.source.opened.as_deref()?, plan.sides.target.opened.as_deref()?);
    Some(((s, t), opened))
}

impl Comparison {
    /// `merge`, and what it could not zip by digests.
    pub(super) async fn merge(
        &self,
        inputs: &BySide<Arc<dyn ExecutionPlan>>,
        context: &Arc<TaskContext>,
    ) -> Result<Scanned> {
        let schemas = BySide::new(inputs.source.schema(), inputs.target.schema());
        let shapes = schemas.clone().try_map(|_, schema| Shape::new(&self.plan, &schema))?;
        let merges = match &self.cuts {
            Some(cuts) => self.merges(inputs, cuts, &shapes)?,
            None => vec![(Bounds::default(), self.whole(inputs, context)?)],
        };
        let tasks = merges.len();
        let open = Open::of_ranges(self, &schemas, &shapes, tasks);
        let limit = usize::try_from(self.engine.memory / GROUP_SHARE).unwrap_or(usize::MAX) / tasks;
        // Where nothing is tolerated, each row that is told is a divergence.
        let exact = self.plan.values.iter().all(|column| column.tolerance.is_none());
        let slots = Arc::new(Semaphore::new(self.cuts.as_ref().map_or(1, |cuts| cuts.at_once)));
        let run = |(number, ((bounds, batches), mut open)): (usize, ((Bounds, BySide<Batches>), Open))| {
            let (shapes, slots) = (shapes.clone(), slots.clone());
            let budget = self.engine.budget.clone();
            async move {
                let _slot = slots.acquire().await.map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
                let reached = |told: u64| match budget.divergences_left() {
                    Some(left) if exact && told >= left => Some("max_divergences"),
                    _ => budget.reached(),
                };
                let merged = merge(shapes, bounds, batches, limit, &mut open, reached).await?;
                Ok((number, merged, open))
            }
        };
        let mut merged = join_all(merges.into_iter().zip(open).enumerate().map(run).collect()).await?;
        merged.sort_by_key(|(number, ..)| *number);
        let (merged, open) = merged.into_iter().map(|(_, merged, open)| (merged, open)).unzip();
        self.merged(merged, open, shapes, context).await
    }

    /// All merges have come to their end.
    async fn merged(
        &self,
        merged: Vec<Merged>,
        open: Vec<Open>,
        shapes: BySide<Shape>,
        context: &Arc<TaskContext>,
    ) -> Result<Scanned> {
        let (mut rows, mut equal, mut repeated) = (BySide::new(0, 0), 0, 0);
        let (mut broken, mut rests, mut stopped) = (None, Vec::new(), None);
        for (number, merged) in merged.into_iter().enumerate() {
            rows.source += merged.rows.source;
            rows.target += merged.rows.target;
            equal += merged.equal;
            repeated += merged.repeated;
            match merged.end {
                End::Whole => {}
                End::Stopped { by, last } => stopped = Some(by_key(by, last)),
                End::Broken { side, rest } => {
                    let before = self.cuts.as_ref().map_or(0, |cuts| *cuts.ranges.before[number].get(side));
                    broken.get_or_insert((side, before + merged.rows.get(side) + 1));
                    rests.push(rest);
                }
            }
        }
        let Some((side, row)) = broken else {
            let equal = if stopped.is_some() { equal } else { 0 };
            let (waiting, passed) = Open::gather(open)?;
            let mut tally = passed;
            (tally.source.rows, tally.target.rows) = (rows.source, rows.target);
            let open = (passed.source.rows + passed.target.rows > 0).then_some((waiting, passed));
            let strategy = Strategy::Merge;
            return Ok(Scanned {
                tally,
                open,
                repeated_keys: repeated,
                equal,
                stopped,
                strategy,
                ..Scanned::default()
            });
        };
        if self.exact {
            drop((open, rests));
            let why = format!("the {side} is not in key order from row {row} on; all rows are compared by value");
            self.suspects.set(Arc::new(Suspects::all()));
            let fetch = self.fetch(None).await?;
            let (spool, tally) = self.spool(&fetch, context, false).await?;
            return Ok(Scanned { why: Some(why), ..self.all_open(spool, tally) });
        }
        let why = format!("the {side} is not in key order from row {row} on; from there, digests are compared");
        let parts = rests.len() + 1;
        let digests = BySide::from_fn(|_| self.digests(parts));
        let open = Open::gather(open)?.0.into_digests(&self.engine, digests)?;
        let sides = self.digest_rest(rests, open, &shapes).await?;
        let mut scanned = self.compare_digests(sides, false).await?;
        // What was zipped before stays proven: pairs of equal rows, taken away from both sides alike, change nothing in
        // what is left over.
        for side in Side::BOTH {
            scanned.tally.get_mut(side).rows += equal;
        }
        scanned.repeated_keys += repeated;
        scanned.why = Some(why);
        Ok(scanned)
    }

    /// The digests of what was left open, and of all that was not zipped.
    async fn digest_rest(
        &self,
        rests: Vec<BySide<(Vec<RecordBatch>, Batches)>>,
        open: BySide<Digests>,
        shapes: &BySide<Shape>,
    ) -> Result<BySide<Vec<(usize, Digests)>>> {
        let parts = rests.len() + 1;
        let mut tasks = Vec::new();
        for BySide { source, target } in rests {
            for (side, (waiting, batches)) in [(Side::Source, source), (Side::Target, target)] {
                let (engine, shape, digests) = (self.engine.clone(), shapes.get(side).clone(), self.digests(parts));
                tasks.push(async move {
                    let digests = collect_rest(engine, waiting, batches, shape, digests).await;
                    Ok((side, digests.map_err(|error| error.context("side", side.as_str()))?))
                });
            }
        }
        let mut sides = open.map(|digests| vec![(0, digests)]);
        for (side, digests) in join_all(tasks).await? {
            sides.get_mut(side).push((0, digests));
        }
        Ok(sides)
    }

    /// One merge for each range: its rows are zipped where they are decoded.
    fn merges(
        &self,
        inputs: &BySide<Arc<dyn ExecutionPlan>>,
        cuts: &Cuts,
        shapes: &BySide<Shape>,
    ) -> Result<Vec<(Bounds, BySide<Batches>)>> {
        let data_type = shapes.source.first_key_type(&inputs.source.schema())?;
        let bounds = Bounds::between(&cuts.ranges.seams, &data_type)?;
        let of_range = |(partition, bounds): (usize, Bounds)| {
            let streams = inputs.clone().try_map(|side, plan| {
                let stream = plan.execute(partition, self.narrowed(cuts.context.clone()))?;
                Ok::<_, Error>(self.batches(stream, side))
            })?;
            Ok((bounds, streams))
        };
        bounds.into_iter().enumerate().map(of_range).collect()
    }

    /// All rows of both sides, one partition after the other, read ahead in tasks of their own.
    fn whole(&self, inputs: &BySide<Arc<dyn ExecutionPlan>>, context: &Arc<TaskContext>) -> Result<BySide<Batches>> {
        inputs.clone().try_map(|side, plan| {
            let partitions = plan.properties().output_partitioning().partition_count();
            let streams = (0..partitions).map(|partition| Ok(plan.execute(partition, context.clone())?));
            let streams = streams.collect::<Result<Vec<_>>>()?;
            let batches = streams.into_iter().map(|stream| self.batches(stream, side));
            Ok(ahead(stream::iter(batches.collect::<Vec<_>>()).flatten().boxed()))
        })
    }

    fn batches(&self, stream: SendableRecordBatchStream, side: Side) -> Batches {
        let progress = self.engine.progress.clone();
        let read = stream.inspect_ok(move |batch| progress.add_rows(batch.num_rows() as u64));
        read.map_err(move |error| Error::from(error).context("side", side.as_str())).boxed()
    }
}

/// The same batches, read ahead in a task of its own.
fn ahead(mut batches: BoxStream<'static, Result<RecordBatch>>) -> Batches {
    let (sender, mut receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Some(next) = batches.next().await {
            let failed = next.is_err();
            if sender.send(next).await.is_err() || failed {
                return;
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
}
