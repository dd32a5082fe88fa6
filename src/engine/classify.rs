//! Open rows, classified: brought into key order and zipped; what meets under a key that stands once on each side is told
//! at once, a key that repeats is left to SQL (`queries/classify.sql`). The strategy `join` leaves all to SQL.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, UInt32Array};
use datafusion::arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool, UnboundedMemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use crate::engine::Strategy;
use crate::engine::classified::{Classified, Counts};
use crate::engine::operator::Rest;
use crate::engine::pairs::Pairing;
use crate::engine::reconcile::{Comparison, GROUP_SHARE};
use crate::engine::spool::Spool;
use crate::engine::window::{Order, Shape, Window, order_of};
use crate::engine::zip::{Zipped, rest as left_over, zip};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::sql::{classify_sql, repeated_sql};
use crate::side::{BySide, Side};

/// Rows that are told at once.
const LOT: usize = 8192;

impl Comparison {
    /// `verified`: by bucket, set for those that are classified. `finish`: whatever time or bytes it takes. Returns the
    /// limit that stopped it.
    pub(super) async fn classify(
        &self,
        spool: Spool,
        rest: &Rest,
        counts: &mut Counts,
        verified: &mut [bool],
        finish: bool,
    ) -> Result<Option<&'static str>> {
        let budget = &self.engine.budget;
        let reached = || if finish { None } else { budget.reached() };
        let mut groups = spool.into_groups(self.engine.memory / GROUP_SHARE)?;
        counts.spilled_bytes += groups.spilled_bytes();
        let schemas = BySide::new(groups.schema(Side::Source), groups.schema(Side::Target));
        let shapes = schemas.clone().try_map(|_, schema| Shape::new(&self.plan, &schema))?;
        let pairing = match self.strategy {
            Strategy::Join => None,
            _ => Some(Pairing::new(&self.engine.ctx, &self.plan, &schemas)?),
        };
        while let Some(group) = groups.next_group()? {
            let Some(pairing) = &pairing else {
                self.classify_by_sql(group, &schemas, rest, counts).await?;
                if let Some(by) = reached() {
                    return Ok(Some(by));
                }
                verified[groups.buckets()].fill(true);
                continue;
            };
            let mut sides = Vec::new();
            for (side, batches) in [(Side::Source, group.source), (Side::Target, group.target)] {
                let rows = concat_batches(schemas.get(side), &batches)?;
                drop(batches);
                sides.push(in_order(shapes.get(side), rows)?);
            }
            let windows = BySide::new(&sides[0], &sides[1]);
            for zipped in zip_whole(windows)? {
                if counts.strategy == Strategy::Join {
                    counts.repeated_keys += zipped.repeated;
                }
                self.tell(pairing, windows, zipped, rest, counts).await?;
                if let Some(by) = reached() {
                    return Ok(Some(by));
                }
            }
            verified[groups.buckets()].fill(true);
        }
        Ok(None)
    }

    /// Counts a batch of the classifying statement's shape, and sends on what disagrees: no more than may still be found.
    async fn take(&self, batch: RecordBatch, rest: &Rest, counts: &mut Counts) -> Result<()> {
        let budget = &self.engine.budget;
        let mut from = 0;
        while from < batch.num_rows() {
            let left = budget.divergences_left().map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let lot = batch.slice(from, left.min(batch.num_rows() - from));
            if lot.num_rows() == 0 {
                counts.untold = true;
                return Ok(());
            }
            from += lot.num_rows();
            let divergences = counts.take(&Classified::new(&self.plan, lot)?)?;
            budget.add_divergences(divergences.num_rows() as u64);
            rest.send(&divergences).await?;
        }
        Ok(())
    }

    /// Sends on what zipping told.
    async fn tell(
        &self,
        pairing: &Pairing,
        windows: BySide<&Window>,
        zipped: Zipped,
        rest: &Rest,
        counts: &mut Counts,
    ) -> Result<()> {
        let pairs = zipped.pairs.iter().map(|&(s, t)| (Some(s), Some(t)));
        let alone = zipped.only.source.iter().map(|&s| (Some(s), None));
        let alone = alone.chain(zipped.only.target.iter().map(|&t| (None, Some(t))));
        let told: Vec<(Option<u32>, Option<u32>)> = pairs.chain(alone).collect();
        let batches = BySide::new(&windows.source.batch, &windows.target.batch);
        for lot in told.chunks(LOT) {
            self.take(pairing.classify(batches, lot)?, rest, counts).await?;
        }
        if zipped.groups.is_empty() {
            return Ok(());
        }
        let mut group = BySide::<Vec<RecordBatch>>::default();
        for side in Side::BOTH {
            let rows: UInt32Array = zipped.groups.iter().flat_map(|group| group.get(side).clone()).collect();
            group.get_mut(side).push(take_record_batch(batches.get(side), &rows)?);
        }
        let schemas = BySide::new(batches.source.schema(), batches.target.schema());
        self.classify_by_sql(group, &schemas, rest, counts).await
    }

    async fn classify_by_sql(
        &self,
        group: BySide<Vec<RecordBatch>>,
        schemas: &BySide<datafusion::arrow::datatypes::SchemaRef>,
        rest: &Rest,
        counts: &mut Counts,
    ) -> Result<()> {
        let ctx = self.classifying_session(&group)?;
        for side in Side::BOTH {
            let table = MemTable::try_new(schemas.get(side).clone(), vec![group.get(side).clone()])?;
            ctx.register_table(format!("{side}_rows"), Arc::new(table))?;
        }
        drop(group);
        if self.strategy == Strategy::Join {
            let batches = ctx.sql(&repeated_sql(&self.plan)?).await?.collect().await?;
            let keys = batches.first().map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
            counts.repeated_keys += keys.unwrap_or_default().unsigned_abs();
        }
        let mut stream = ctx.sql(&classify_sql(&self.plan)?).await?.execute_stream().await?;
        while let Some(batch) = stream.next().await.transpose()? {
            self.take(batch, rest, counts).await?;
        }
        Ok(())
    }

    /// A session for the classifying statement: the same functions, its own tables. A group of the size that was asked for
    /// bounds what the statement takes, about half of the memory, so that its many sorts need no share each (a share would
    /// be less than a batch of wide rows). Only a group that one key makes larger has to spill. Batches of wide rows hold
    /// fewer of them.
    fn classifying_session(&self, group: &BySide<Vec<RecordBatch>>) -> Result<SessionContext> {
        let memory = self.engine.memory;
        let half = usize::try_from(memory / 8 * 3).unwrap_or(usize::MAX);
        let batches = || group.source.iter().chain(&group.target);
        let rows = batches().map(RecordBatch::num_rows).sum::<usize>().max(1);
        let bytes = batches().map(RecordBatch::get_array_memory_size).sum::<usize>();
        let pool: Arc<dyn MemoryPool> = match bytes as u64 <= 2 * memory / GROUP_SHARE {
            true => Arc::new(UnboundedMemoryPool::default()),
            false => Arc::new(GreedyMemoryPool::new(half)),
        };
        let runtime =
            RuntimeEnvBuilder::from_runtime_env(&self.engine.ctx.runtime_env()).with_memory_pool(pool).build_arc()?;
        let width = bytes / rows;
        let config = self.engine.ctx.copied_config();
        let batch_rows = (half / 64 / width.max(1)).max(16).min(config.batch_size());
        let ctx = SessionContext::new_with_config_rt(config.with_batch_size(batch_rows), runtime);
        crate::sql::register(&ctx)?;
        Ok(ctx)
    }
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
