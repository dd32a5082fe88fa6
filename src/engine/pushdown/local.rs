//! Checksums of a side that no database computes, made as databases make them.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_fixed_size_binary_array;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream_partitioned;
use futures::TryStreamExt;

use super::forms::Pushed;
use crate::dataset::{Grid, Opened, SegmentBy, Segments, Sum};
use crate::engine::Engine;
use crate::engine::digests::digest_of;
use crate::engine::remembered::is_fixed;
use crate::engine::tasks::join_all;
use crate::error::{Error, Result};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::{compared, local_checksum_sql};
use crate::side::Side;

pub(super) struct Local {
    engine: Arc<Engine>,
    side: Side,
    opened: Option<Arc<Opened>>,
    sql: String,
    /// The expression of `k`.
    k: String,
}

impl Local {
    pub(super) fn new(engine: &Arc<Engine>, plan: &MatchPlan, pushed: &Pushed, side: Side) -> Result<Self> {
        let keys = compared(&plan.key);
        let k = match pushed.by {
            SegmentBy::Key => format!("CAST({} AS BIGINT)", keys[0]),
            SegmentBy::Hash(count) => {
                format!("segment_hash('{}', '{}', {})", pushed.hash, pushed.words(count), keys.join(", "))
            }
        };
        let words = pushed.words(pushed.forms.len());
        let sql = local_checksum_sql(plan, side, &k, &pushed.hash.to_string(), &words)?;
        Ok(Self { engine: engine.clone(), side, opened: plan.sides.get(side).opened.clone(), sql, k })
    }

    /// The least and the greatest `k`.
    pub(super) async fn bounds(&self) -> Result<Option<(i64, i64)>> {
        let sql = format!("SELECT min(\"#k\"), max(\"#k\") FROM ({}) AS keys", self.sql);
        let batches = self.engine.sql(&sql).await?.collect().await?;
        let bound = |n: usize| {
            let column = batches.first()?.column(n).as_primitive_opt::<Int64Type>()?;
            column.is_valid(0).then(|| column.value(0))
        };
        Ok(bound(0).zip(bound(1)))
    }

    /// Counts and checksums of all segments that have rows.
    pub(super) async fn sums(
        &self,
        grid: Grid,
        within: Option<&(Grid, Segments)>,
    ) -> Result<BTreeMap<Option<i64>, Sum>> {
        let sql = self.rows(within);
        let plan = self.engine.physical(&self.engine.ctx, &sql, None).await?;
        let streams = execute_stream_partitioned(plan, self.engine.ctx.task_ctx())?;
        let tasks = streams.into_iter().map(|stream| sum(stream, grid)).collect();
        let parts = join_all(tasks).await.map_err(|error| error.context("side", self.side.as_str()))?;
        let mut sums = BTreeMap::<Option<i64>, Sum>::new();
        for (segment, part) in parts.into_iter().flatten() {
            let sum = sums.entry(segment).or_default();
            sum.rows += part.rows;
            sum.halves[0] = sum.halves[0].wrapping_add(part.halves[0]);
            sum.halves[1] = sum.halves[1].wrapping_add(part.halves[1]);
        }
        Ok(sums)
    }

    /// Digests are made only of rows that are looked at.
    fn rows(&self, within: Option<&(Grid, Segments)>) -> String {
        match within {
            Some((grid, segments)) => format!("{} WHERE {}", self.sql, self.condition(*grid, segments)),
            None => self.sql.clone(),
        }
    }

    /// All that checksums depend on besides the files.
    pub(super) fn statement(&self, grid: Grid, within: Option<&(Grid, Segments)>) -> String {
        let sql = self.rows(within);
        format!("{sql}\n{grid:?}\n{}", self.engine.params.told(&sql).join(", "))
    }

    /// By what the rows can be told; None: not by the dataset alone, or not at all.
    pub(super) async fn identity(&self) -> Result<Option<String>> {
        let Some(opened) = &self.opened else { return Ok(None) };
        let frame = self.engine.sql(&self.sql).await?;
        match is_fixed(frame.logical_plan())? {
            true => opened.identity().await,
            false => Ok(None),
        }
    }

    /// The condition that a row is in one of the segments, over what is compared.
    pub(super) fn condition(&self, grid: Grid, segments: &Segments) -> String {
        let divided = format!("(({} - {}) / {})", self.k, grid.low, grid.step);
        grid.condition(&self.k, segments, false).replace("floor_div", &divided)
    }
}

async fn sum(mut stream: SendableRecordBatchStream, grid: Grid) -> Result<std::collections::HashMap<Option<i64>, Sum>> {
    let mut sums = std::collections::HashMap::new();
    while let Some(batch) = stream.try_next().await? {
        add(&batch, grid, &mut sums)?;
    }
    Ok(sums)
}

fn add(batch: &RecordBatch, grid: Grid, sums: &mut std::collections::HashMap<Option<i64>, Sum>) -> Result<()> {
    let keys = batch.column(0).as_primitive::<Int64Type>();
    let digests = as_fixed_size_binary_array(batch.column(1)).map_err(Error::from)?;
    for (row, digest) in digests.iter().enumerate() {
        let k = keys.is_valid(row).then(|| keys.value(row));
        sums.entry(k.map(|k| grid.segment(k).unwrap_or(-1))).or_default().add(digest_of(digest)?);
    }
    Ok(())
}
