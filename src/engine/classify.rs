//! Open rows, classified: brought into key order and zipped; what meets under a key that stands once on each side is told
//! at once, a key that repeats is left to SQL (`queries/classify.sql`). The strategy `join` leaves all to SQL.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, UInt32Array};
use datafusion::arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool, UnboundedMemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};

use crate::engine::Strategy;
use crate::engine::classified::{Classified, Counts};
use crate::engine::open::Waiting;
use crate::engine::operator::Rest;
use crate::engine::pairs::Pairing;
use crate::engine::reconcile::{Comparison, GROUP_SHARE};
use crate::engine::spool::{Group, Spool};
use crate::engine::stretches::{Stretch, Stretches};
use crate::engine::tasks::{AbortOnDrop, worker_failed};
use crate::engine::window::{Order, Shape, Window, order_of};
use crate::engine::zip::{Zipped, rest as left_over, zip};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::sql::{classify_sql, repeated_sql};
use crate::side::{BySide, Side};

/// Rows that are told at once.
const LOT: usize = 16384;

impl Comparison {
    /// `verified`: by bucket, set for those that are classified. `finish`: whatever time or bytes it takes. Returns the
    /// limit that stopped it.
    pub(super) async fn classify(
        self: &Arc<Self>,
        waiting: Waiting,
        rest: &Rest,
        counts: &mut Counts,
        verified: &mut [bool],
        finish: bool,
    ) -> Result<Option<&'static str>> {
        // What has a limit of divergences stops at a row, and not where several tasks happen to be.
        let alone = self.strategy == Strategy::Join || self.engine.budget.divergences_left().is_some();
        let tasks = if alone { 1 } else { self.engine.threads.max(1) };
        let classifier = |schemas| Classifier::new(self.clone(), schemas, rest.clone(), tasks).map(Arc::new);
        match waiting {
            Waiting::Stretches(all) => {
                counts.spilled_bytes += all.iter().map(Stretches::spilled_bytes).sum::<u64>();
                let Some(schemas) = all.first().map(Stretches::schemas) else { return Ok(None) };
                classifier(schemas)?.stretches(all, counts).await?;
                Ok(None)
            }
            Waiting::Spool(spool) => {
                let classifier = classifier(spool.schemas())?;
                classifier.groups(*spool, counts, verified, finish).await
            }
        }
    }
}

/// What the tasks that classify share.
struct Classifier {
    comparison: Arc<Comparison>,
    schemas: BySide<SchemaRef>,
    shapes: BySide<Shape>,
    /// None: SQL tells all.
    pairing: Option<Pairing>,
    rest: Rest,
    tasks: usize,
}

/// What one task has found: counted, and sent or kept.
struct Findings {
    counts: Counts,
    /// Rows of one stretch are kept until they are all.
    kept: Option<Vec<RecordBatch>>,
}

impl Classifier {
    fn new(comparison: Arc<Comparison>, schemas: BySide<SchemaRef>, rest: Rest, tasks: usize) -> Result<Self> {
        let shapes = schemas.clone().try_map(|_, schema| Shape::new(&comparison.plan, &schema))?;
        let pairing = match comparison.strategy {
            Strategy::Join => None,
            _ => Some(Pairing::new(&comparison.engine.ctx, &comparison.plan, &schemas)?),
        };
        Ok(Self { comparison, schemas, shapes, pairing, rest, tasks })
    }

    /// Stretch by stretch; what is found is sent in key order.
    async fn stretches(self: &Arc<Self>, all: Vec<Stretches>, counts: &mut Counts) -> Result<()> {
        self.rest.comes_in_order();
        let part = counts.of_part(&self.comparison.plan);
        let classify = |stretch: Stretch| {
            let (this, counts) = (self.clone(), part.clone());
            in_task(async move {
                let mut findings = Findings { counts, kept: Some(Vec::new()) };
                this.rows(stretch.rows()?, stretch.of_a_seam, &mut findings, || None).await?;
                Ok((findings.counts, this.rest.arrange(&findings.kept.unwrap_or_default())?))
            })
        };
        let all = all.into_iter().map(Stretches::into_stretches).collect::<Result<Vec<_>>>()?;
        let found = futures::stream::iter(all.into_iter().flatten().map(classify)).buffered(self.tasks + 1);
        let mut found = std::pin::pin!(found);
        while let Some((part, rows)) = found.try_next().await? {
            counts.merge(&part);
            self.rest.send(rows).await?;
        }
        Ok(())
    }

    /// Group by group, in any order. Returns the limit that stopped it.
    async fn groups(
        self: &Arc<Self>,
        spool: Spool,
        counts: &mut Counts,
        verified: &mut [bool],
        finish: bool,
    ) -> Result<Option<&'static str>> {
        let part = counts.of_part(&self.comparison.plan);
        let groups = spool.into_groups(self.group_bytes(), self.tasks)?;
        counts.spilled_bytes += groups.first().map_or(0, Group::spilled_bytes);
        let classify = |group: Group| {
            let (this, counts) = (self.clone(), part.clone());
            in_task(async move {
                let mut findings = Findings { counts, kept: None };
                let buckets = group.buckets.clone();
                let stopped = this.group(group, &mut findings, finish).await?;
                Ok((findings.counts, buckets, stopped))
            })
        };
        let found = futures::stream::iter(groups.into_iter().map(classify)).buffer_unordered(self.tasks);
        let mut found = std::pin::pin!(found);
        let mut by = None;
        while let Some((part, buckets, stopped)) = found.try_next().await? {
            counts.merge(&part);
            match stopped {
                Some(_) => by = by.or(stopped),
                None => verified[buckets].fill(true),
            }
        }
        Ok(by)
    }

    /// What a group may take, so that as many as are classified at once fit.
    fn group_bytes(&self) -> u64 {
        self.comparison.engine.memory / GROUP_SHARE / self.tasks as u64
    }

    async fn group(&self, group: Group, findings: &mut Findings, finish: bool) -> Result<Option<&'static str>> {
        let budget = &self.comparison.engine.budget;
        let reached = || if finish { None } else { budget.reached() };
        if let Some(by) = reached() {
            return Ok(Some(by));
        }
        let rows = BySide::new(group.rows(Side::Source)?, group.rows(Side::Target)?);
        drop(group);
        if self.pairing.is_none() {
            self.by_sql(rows, findings).await?;
            return Ok(reached());
        }
        let rows = rows.try_map(|side, batches| concat_batches(self.schemas.get(side), &batches))?;
        self.rows(rows, findings.counts.strategy == Strategy::Join, findings, reached).await
    }

    /// Rows of both sides: all that have their keys. `anew`: nobody has counted which keys repeat.
    async fn rows(
        &self,
        rows: BySide<RecordBatch>,
        anew: bool,
        findings: &mut Findings,
        reached: impl Fn() -> Option<&'static str>,
    ) -> Result<Option<&'static str>> {
        let windows = rows.try_map(|side, rows| in_order(self.shapes.get(side), rows))?;
        let windows = windows.as_ref();
        for zipped in zip_whole(windows)? {
            if anew {
                findings.counts.repeated_keys += zipped.repeated;
            }
            self.tell(windows, zipped, findings).await?;
            if let Some(by) = reached() {
                return Ok(Some(by));
            }
        }
        Ok(None)
    }

    /// Counts a batch of the classifying statement's shape, and hands on what disagrees: no more than may still be found.
    async fn take(&self, batch: RecordBatch, findings: &mut Findings) -> Result<()> {
        let budget = &self.comparison.engine.budget;
        let mut from = 0;
        while from < batch.num_rows() {
            let left = budget.divergences_left().map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let lot = batch.slice(from, left.min(batch.num_rows() - from));
            if lot.num_rows() == 0 {
                findings.counts.untold = true;
                return Ok(());
            }
            from += lot.num_rows();
            let classified = Classified::new(&self.comparison.plan, lot)?;
            if let Some(diverging) = self.rest.diverging() {
                diverging.take(&classified)?;
            }
            let divergences = findings.counts.take(&classified)?;
            budget.add_divergences(divergences.num_rows() as u64);
            let made = self.rest.make(&divergences)?;
            match &mut findings.kept {
                Some(kept) => kept.push(made),
                None => self.rest.send(made).await?,
            }
        }
        Ok(())
    }

    /// Hands on what zipping told.
    async fn tell(&self, windows: BySide<&Window>, zipped: Zipped, findings: &mut Findings) -> Result<()> {
        let pairs = zipped.pairs.iter().map(|&(s, t)| (Some(s), Some(t)));
        let alone = zipped.only.source.iter().map(|&s| (Some(s), None));
        let alone = alone.chain(zipped.only.target.iter().map(|&t| (None, Some(t))));
        let told: Vec<(Option<u32>, Option<u32>)> = pairs.chain(alone).collect();
        let batches = BySide::new(&windows.source.batch, &windows.target.batch);
        if let Some(pairing) = &self.pairing {
            for lot in told.chunks(LOT) {
                self.take(pairing.classify(batches, lot)?, findings).await?;
            }
        }
        if zipped.groups.is_empty() {
            return Ok(());
        }
        let mut group = BySide::<Vec<RecordBatch>>::default();
        for side in Side::BOTH {
            let rows: UInt32Array = zipped.groups.iter().flat_map(|group| group.get(side).clone()).collect();
            group.get_mut(side).push(take_record_batch(batches.get(side), &rows)?);
        }
        self.by_sql(group, findings).await
    }

    async fn by_sql(&self, group: BySide<Vec<RecordBatch>>, findings: &mut Findings) -> Result<()> {
        let comparison = &self.comparison;
        let ctx = self.classifying_session(&group)?;
        for side in Side::BOTH {
            let table = MemTable::try_new(self.schemas.get(side).clone(), vec![group.get(side).clone()])?;
            ctx.register_table(format!("{side}_rows"), Arc::new(table))?;
        }
        drop(group);
        if comparison.strategy == Strategy::Join {
            let batches = ctx.sql(&repeated_sql(&comparison.plan)?).await?.collect().await?;
            let keys = batches.first().map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
            findings.counts.repeated_keys += keys.unwrap_or_default().unsigned_abs();
        }
        let mut stream = ctx.sql(&classify_sql(&comparison.plan)?).await?.execute_stream().await?;
        while let Some(batch) = stream.next().await.transpose()? {
            self.take(batch, findings).await?;
        }
        Ok(())
    }

    /// A session for the classifying statement: the same functions, its own tables. A group of the size that was asked for
    /// bounds what the statement takes, about half of the memory, so that its many sorts need no share each (a share would
    /// be less than a batch of wide rows). Only a group that one key makes larger has to spill. Batches of wide rows hold
    /// fewer of them.
    fn classifying_session(&self, group: &BySide<Vec<RecordBatch>>) -> Result<SessionContext> {
        let engine = &self.comparison.engine;
        let half = usize::try_from(engine.memory / 8 * 3).unwrap_or(usize::MAX) / self.tasks;
        let batches = || group.source.iter().chain(&group.target);
        let rows = batches().map(RecordBatch::num_rows).sum::<usize>().max(1);
        let bytes = batches().map(RecordBatch::get_array_memory_size).sum::<usize>();
        let pool: Arc<dyn MemoryPool> = match bytes as u64 <= 2 * self.group_bytes() {
            true => Arc::new(UnboundedMemoryPool::default()),
            false => Arc::new(GreedyMemoryPool::new(half)),
        };
        let runtime =
            RuntimeEnvBuilder::from_runtime_env(&engine.ctx.runtime_env()).with_memory_pool(pool).build_arc()?;
        let width = bytes / rows;
        let config = engine.ctx.copied_config();
        let batch_rows = (half / 64 / width.max(1)).max(16).min(config.batch_size());
        let ctx = SessionContext::new_with_config_rt(config.with_batch_size(batch_rows), runtime);
        crate::sql::register(&ctx)?;
        Ok(ctx)
    }
}

/// The future in a task of its own, which ends with it.
async fn in_task<T: Send + 'static>(future: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let task = tokio::spawn(future);
    let _abort = AbortOnDrop(task.abort_handle());
    task.await.map_err(worker_failed)?
}

/// The rows as one window.
fn in_order(shape: &Shape, rows: RecordBatch) -> Result<Window> {
    let window = |rows: RecordBatch, order: Order| match order {
        Order::Unique => Ok(Window::new(shape, rows, None)),
        Order::Repeating(starts) => Ok(Window::new(shape, rows, Some(starts))),
        Order::Broken => Err(Error::new(ErrorKind::Internal, "rows were sorted, but are not in order")),
    };
    let order = order_of(&shape.keys(&rows))?;
    if order != Order::Broken {
        return window(rows, order);
    }
    let keys = shape.keys(&rows);
    let sorted = match keys.as_slice() {
        [key] => lexsort_to_indices(&[SortColumn { values: key.clone(), options: None }], None)?,
        keys => {
            let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
            let encoded = RowConverter::new(fields)?.convert_columns(keys)?;
            let mut numbers: Vec<u32> = (0..u32::try_from(rows.num_rows()).unwrap_or(u32::MAX)).collect();
            numbers.sort_unstable_by(|&a, &b| encoded.row(a as usize).cmp(&encoded.row(b as usize)));
            UInt32Array::from(numbers)
        }
    };
    let rows = take_record_batch(&rows, &sorted)?;
    let order = order_of(&shape.keys(&rows))?;
    window(rows, order)
}

/// Zips both windows to their ends.
fn zip_whole(windows: BySide<&Window>) -> Result<Vec<Zipped>> {
    let mut at = BySide::new(0, 0);
    let mut all = vec![zip(windows, &mut at)?];
    if at.source < windows.source.rows() {
        all.push(left_over(windows.source, at.source, true));
    }
    if at.target < windows.target.rows() {
        all.push(left_over(windows.target, at.target, false));
    }
    Ok(all)
}
