//! A match, executed: two scans, what may differ is spooled, classified by SQL, and counted. The strategies differ only in
//! what is spooled: `join` all rows, `digest` only those whose digests do not agree.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_fixed_size_binary_array, as_uint64_array};
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool, UnboundedMemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::{DataFrame, SessionContext, col};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use crate::engine::classified::{Classified, Counts};
use crate::engine::digests::{Digests, Found, Tally, compare, digest_of};
use crate::engine::spool::Spool;
use crate::engine::suspects::{Suspects, is_suspect};
use crate::engine::{Engine, Strategy};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::{classify_sql, digested_sql, repeated_sql};
use crate::side::{BySide, Side};

const HASH: &str = "#hash";
/// This part of the memory is what one group of rows to classify may take; the statement holds several copies of it.
const GROUP_SHARE: u64 = 24;
const DIGEST: &str = "#digest";

/// Where what is left over goes: batches as `classify` returns them, without rows that are equal after all.
pub type RestSender = mpsc::Sender<RecordBatch>;

impl Engine {
    /// Compares both sides of the plan. All that disagrees is sent to `rest`; the counts are exact, and guarded by
    /// conservation: if they do not hold, this is an error, never a verdict.
    pub async fn reconcile(&self, plan: &MatchPlan, strategy: Strategy, rest: RestSender) -> Result<Counts> {
        let scanned = match strategy {
            Strategy::Join => None,
            Strategy::Digest => {
                let found = self.scan_digests(plan).await?;
                for side in Side::BOTH {
                    check_metadata(plan, side, found.tally.get(side).rows)?;
                }
                Some(found)
            }
        };
        let agreed = scanned.as_ref().is_some_and(|found| found.found.suspects == BySide::new(0, 0));
        let spooled = match (&scanned, agreed) {
            (Some(_), true) => None,
            (Some(found), false) => Some(self.spool(plan, Some(found.suspects.clone())).await?),
            (None, _) => Some(self.spool(plan, None).await?),
        };
        let (spool, passed) = match spooled {
            Some((spool, tally)) => (Some(spool), tally),
            None => (None, BySide::default()),
        };
        let tally = scanned.as_ref().map_or(passed, |found| found.tally);
        if scanned.is_none() {
            for side in Side::BOTH {
                check_metadata(plan, side, tally.get(side).rows)?;
            }
        }
        let mut counts = Counts::new(plan, tally);
        if let Some(spool) = spool {
            counts.spilled_bytes += spool.spilled_bytes();
            self.classify(plan, spool, rest, strategy, &mut counts).await?;
        }
        if let Some(scanned) = scanned {
            counts.spilled_bytes += scanned.spilled_bytes;
            counts.repeated_keys = scanned.found.repeated;
        }
        counts.conserved(passed, strategy)?;
        Ok(counts)
    }

    async fn scan_digests(&self, plan: &MatchPlan) -> Result<Scanned> {
        let mut sides = BySide::<Vec<Digests>>::default();
        let mut tally = BySide::<Tally>::default();
        let partitions = self.digest_partitions(plan);
        for side in Side::BOTH {
            let frame = self.sql(&digested_sql(plan, side, false)?).await?;
            let streams = streams(frame).await?;
            // A quarter of the memory for the digests of both sides; what is left is for reading and comparing them.
            let limit = usize::try_from(self.memory / 8).unwrap_or(usize::MAX) / streams.len().max(1);
            let collect = |stream| self.collect_digests(stream, partitions, limit);
            let tasks: Vec<_> = streams.into_iter().map(collect).collect();
            for digests in join_all(tasks).await.map_err(|error| error.context("side", side.as_str()))? {
                tally.get_mut(side).merge(digests.tally);
                sides.get_mut(side).push(digests);
            }
        }
        let spilled_bytes = sides.source.iter().chain(&sides.target).map(Digests::spilled_bytes).sum();
        let suspects = Suspects::for_rows(tally.source.rows.max(tally.target.rows));
        let runtime = self.ctx.runtime_env();
        let (suspects, found) = tokio::task::spawn_blocking(move || {
            let found = compare(&runtime, &sides, &suspects)?;
            Ok::<_, Error>((suspects, found))
        })
        .await
        .map_err(worker_failed)??;
        Ok(Scanned { tally, suspects: Arc::new(suspects), found, spilled_bytes })
    }

    /// Enough that one partition of both sides fits beside everything else.
    fn digest_partitions(&self, plan: &MatchPlan) -> usize {
        let rows = plan.sides.source.exact_rows.unwrap_or(0) + plan.sides.target.exact_rows.unwrap_or(0);
        let unknown = plan.sides.source.exact_rows.is_none() || plan.sides.target.exact_rows.is_none();
        let wanted = (rows * 24).div_ceil((self.memory / 16).max(1 << 20));
        wanted.max(if unknown { 256 } else { 16 }).next_power_of_two().min(4096) as usize
    }

    fn collect_digests(
        &self,
        mut stream: SendableRecordBatchStream,
        partitions: usize,
        limit: usize,
    ) -> impl Future<Output = Result<Digests>> + Send + 'static {
        let (runtime, progress, hash_mask) = (self.ctx.runtime_env(), self.progress.clone(), self.hash_mask);
        async move {
            let mut digests = Digests::new(&runtime, partitions, limit);
            while let Some(batch) = stream.try_next().await? {
                let hashes = as_uint64_array(batch.column(0))?;
                let row_digests = as_fixed_size_binary_array(batch.column(1))?;
                for (hash, digest) in hashes.values().iter().zip(row_digests.iter()) {
                    digests.push(&runtime, hash & hash_mask, digest_of(digest)?)?;
                }
                progress.add_rows(batch.num_rows() as u64);
            }
            Ok(digests)
        }
    }

    /// Reads both sides in full width, those rows that may differ; returns them and their tally.
    async fn spool(&self, plan: &MatchPlan, suspects: Option<Arc<Suspects>>) -> Result<(Spool, BySide<Tally>)> {
        let mut frames = Vec::new();
        for side in Side::BOTH {
            let frame = self.sql(&digested_sql(plan, side, true)?).await?;
            frames.push(match &suspects {
                Some(suspects) => {
                    let hash = match self.hash_mask {
                        u64::MAX => col(format!("\"{HASH}\"")),
                        mask => datafusion::prelude::binary_expr(
                            col(format!("\"{HASH}\"")),
                            datafusion::logical_expr::Operator::BitwiseAnd,
                            datafusion::prelude::lit(mask),
                        ),
                    };
                    frame.filter(is_suspect(suspects.clone()).call(vec![hash]))?
                }
                None => frame,
            });
        }
        let schemas: Vec<SchemaRef> = frames.iter().map(|frame| Arc::new(frame.schema().as_arrow().clone())).collect();
        let schemas = BySide::new(schemas[0].clone(), schemas[1].clone());
        let limit = usize::try_from(self.memory / GROUP_SHARE).unwrap_or(usize::MAX);
        let mut spool = Spool::new(self.ctx.runtime_env(), schemas, HASH, limit, 256);
        let mut tally = BySide::<Tally>::default();
        for (side, frame) in Side::BOTH.into_iter().zip(frames) {
            let counting = suspects.is_none();
            let streams = streams(frame).await?;
            // The streams run in their own tasks; here one place takes their batches in.
            let (sender, mut receiver) = mpsc::channel::<RecordBatch>(2);
            let tasks: Vec<_> = streams.into_iter().map(|stream| forward(stream, sender.clone())).collect();
            drop(sender);
            let tasks = tokio::spawn(join_all(tasks));
            let _abort = AbortOnDrop(tasks.abort_handle());
            while let Some(batch) = receiver.recv().await {
                let digests = batch.column_by_name(DIGEST).map(|c| as_fixed_size_binary_array(c)).transpose()?;
                for digest in digests.iter().flat_map(|digests| digests.iter()) {
                    tally.get_mut(side).add(digest_of(digest)?);
                }
                if counting {
                    self.progress.add_rows(batch.num_rows() as u64);
                }
                spool.push(side, batch)?;
            }
            tasks.await.map_err(worker_failed)?.map_err(|error| error.context("side", side.as_str()))?;
        }
        Ok((spool, tally))
    }

    async fn classify(
        &self,
        plan: &MatchPlan,
        spool: Spool,
        rest: RestSender,
        strategy: Strategy,
        counts: &mut Counts,
    ) -> Result<()> {
        let sql = classify_sql(plan)?;
        let mut groups = spool.into_groups(self.memory / GROUP_SHARE)?;
        while let Some(group) = groups.next_group()? {
            let ctx = self.classifying_session(&group)?;
            for side in Side::BOTH {
                let table = MemTable::try_new(groups.schema(side), vec![group.get(side).clone()])?;
                ctx.register_table(format!("{side}_rows"), Arc::new(table))?;
            }
            drop(group);
            if strategy == Strategy::Join {
                let batches = ctx.sql(&repeated_sql(plan)?).await?.collect().await?;
                let keys = batches.first().map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
                counts.repeated_keys += keys.unwrap_or_default().unsigned_abs();
            }
            let mut stream = ctx.sql(&sql).await?.execute_stream().await?;
            while let Some(batch) = stream.next().await.transpose()? {
                let batch = counts.take(&Classified::new(plan, batch)?)?;
                if batch.num_rows() > 0 && rest.send(batch).await.is_err() {
                    return Err(Error::new(ErrorKind::Output, "the divergences could not be handed over"));
                }
            }
        }
        Ok(())
    }

    /// A session for the classifying statement: the same functions, its own tables. A group of the size that was asked for
    /// bounds what the statement takes, about half of the memory, so that its many sorts need no share each (a share would
    /// be less than a batch of wide rows). Only a group that one key makes larger has to spill. Batches of wide rows hold
    /// fewer of them.
    fn classifying_session(&self, group: &BySide<Vec<RecordBatch>>) -> Result<SessionContext> {
        let half = usize::try_from(self.memory / 8 * 3).unwrap_or(usize::MAX);
        let batches = || group.source.iter().chain(&group.target);
        let rows = batches().map(RecordBatch::num_rows).sum::<usize>().max(1);
        let bytes = batches().map(RecordBatch::get_array_memory_size).sum::<usize>();
        let pool: Arc<dyn MemoryPool> = match bytes as u64 <= 2 * self.memory / GROUP_SHARE {
            true => Arc::new(UnboundedMemoryPool::default()),
            false => Arc::new(GreedyMemoryPool::new(half)),
        };
        let runtime =
            RuntimeEnvBuilder::from_runtime_env(&self.ctx.runtime_env()).with_memory_pool(pool).build_arc()?;
        let width = bytes / rows;
        let config = self.ctx.copied_config();
        let batch_rows = (half / 64 / width.max(1)).max(16).min(config.batch_size());
        let ctx = SessionContext::new_with_config_rt(config.with_batch_size(batch_rows), runtime);
        crate::sql::register(&ctx)?;
        Ok(ctx)
    }
}

/// What the first scan of `digest` found.
struct Scanned {
    tally: BySide<Tally>,
    suspects: Arc<Suspects>,
    found: Found,
    spilled_bytes: u64,
}

/// Rows that were read must be the rows that the files say they hold.
fn check_metadata(plan: &MatchPlan, side: Side, read: u64) -> Result<()> {
    match plan.sides.get(side).exact_rows {
        Some(rows) if rows != read => Err(Error::new(
            ErrorKind::Internal,
            format!("conservation does not hold: {read} rows were read, the files hold {rows}"),
        )
        .context("side", side.as_str())
        .hint("this is no verdict; please report it")),
        _ => Ok(()),
    }
}

async fn streams(frame: DataFrame) -> Result<Vec<SendableRecordBatchStream>> {
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    Ok(execute_stream_partitioned(plan, context)?)
}

async fn forward(mut stream: SendableRecordBatchStream, sender: mpsc::Sender<RecordBatch>) -> Result<()> {
    while let Some(batch) = stream.try_next().await? {
        if sender.send(batch).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Each future in a task of its own; the first error, or a panic, ends all.
async fn join_all<T: Send + 'static>(futures: Vec<impl Future<Output = Result<T>> + Send + 'static>) -> Result<Vec<T>> {
    let mut tasks = tokio::task::JoinSet::new();
    futures.into_iter().for_each(|future| drop(tasks.spawn(future)));
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(worker_failed)??);
    }
    Ok(results)
}

fn worker_failed(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a worker panicked").source(error)
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
