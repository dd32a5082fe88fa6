//! Rows that `merge` has not proven equal: taken out of their batches, and kept until it is known whether order holds.

use std::sync::Arc;

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_fixed_size_binary_array, as_uint64_array};

use crate::engine::digests::{Digests, Tally, digest_of};
use crate::engine::reconcile::{Comparison, DIGEST, GROUP_SHARE, HASH, Scanned};
use crate::engine::spool::Spool;
use crate::engine::stretches::Stretches;
use crate::engine::window::Shape;
use crate::engine::{Engine, Strategy};
use crate::error::Result;
use crate::rule::plan::MatchPlan;
use crate::side::{BySide, Side};
use crate::sql::{digest_array, key_hashes, row_digests};

/// Rows that are not proven equal, taken out of their batches.
pub struct Open {
    engine: Arc<Engine>,
    plan: Arc<MatchPlan>,
    shapes: BySide<Shape>,
    schemas: BySide<SchemaRef>,
    waiting: Waiting,
    tally: BySide<Tally>,
}

/// How open rows wait.
pub enum Waiting {
    /// In any order, or to be counted by key hash when a limit stops the run.
    Spool(Spool),
    /// In key order.
    Stretches(Stretches),
}

impl Open {
    pub fn new(comparison: &Comparison, schemas: &BySide<SchemaRef>, shapes: &BySide<Shape>) -> Self {
        let schemas = BySide::new(spooled_schema(&schemas.source), spooled_schema(&schemas.target));
        let waiting = match comparison.engine.budget.is_limited() {
            true => Waiting::Spool(comparison.new_spool(schemas.clone())),
            false => Waiting::Stretches(comparison.new_stretches(schemas.clone())),
        };
        Self {
            engine: comparison.engine.clone(),
            plan: comparison.plan.clone(),
            shapes: shapes.clone(),
            waiting,
            schemas,
            tally: BySide::default(),
        }
    }

    pub fn push(&mut self, side: Side, rows: &RecordBatch) -> Result<()> {
        let shape = self.shapes.get(side);
        let hashes = key_hashes(&shape.keys(rows), rows.num_rows())?;
        let digests = row_digests(&shape.all(rows), rows.num_rows())?;
        digests.iter().for_each(|digest| self.tally.get_mut(side).add(*digest));
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from(hashes)));
        columns.push(digest_array(digests.into_iter())?);
        let rows = RecordBatch::try_new(self.schemas.get(side).clone(), columns)?;
        match &mut self.waiting {
            Waiting::Spool(spool) => spool.push(side, rows),
            Waiting::Stretches(stretches) => stretches.push(side, &rows),
        }
    }

    /// The keys of rows that come next are greater than all that came.
    pub fn key_ends(&mut self) -> Result<()> {
        match &mut self.waiting {
            Waiting::Spool(_) => Ok(()),
            Waiting::Stretches(stretches) => stretches.key_ends(),
        }
    }

    /// Of rows whose order has ended.
    pub fn into_digests(self) -> Result<BySide<Digests>> {
        let (runtime, mask) = (self.engine.ctx.runtime_env(), self.engine.hash_mask);
        let mut digests = BySide::from_fn(|_| self.engine.digests(&self.plan, 1));
        let mut take = |side: Side, rows: &RecordBatch| -> Result<()> {
            let [.., hashes, row_digests] = rows.columns() else { return Ok(()) };
            let (hashes, row_digests) = (as_uint64_array(hashes)?, as_fixed_size_binary_array(row_digests)?);
            for (hash, digest) in hashes.values().iter().zip(row_digests.iter()) {
                digests.get_mut(side).push(&runtime, hash & mask, digest_of(digest)?)?;
            }
            Ok(())
        };
        match self.waiting {
            Waiting::Spool(spool) => {
                for group in spool.into_groups(self.engine.memory / GROUP_SHARE, 1)? {
                    for side in Side::BOTH {
                        group.rows(side)?.iter().try_for_each(|rows| take(side, rows))?;
                    }
                }
            }
            Waiting::Stretches(stretches) => {
                for stretch in stretches.into_stretches()? {
                    let rows = stretch.rows()?;
                    take(Side::Source, &rows.source)?;
                    take(Side::Target, &rows.target)?;
                }
            }
        }
        Ok(digests)
    }

    /// `rows`: all rows of each side.
    pub fn scanned(self, rows: BySide<u64>, repeated_keys: u64) -> Scanned {
        let passed = self.tally;
        let mut tally = passed;
        tally.source.rows = rows.source;
        tally.target.rows = rows.target;
        Scanned {
            tally,
            open: (passed.source.rows + passed.target.rows > 0).then_some((self.waiting, passed)),
            suspects: None,
            files: None,
            repeated_keys,
            spilled_bytes: 0,
            equal: 0,
            stopped: None,
            strategy: Strategy::Merge,
            why: None,
        }
    }
}

fn spooled_schema(schema: &SchemaRef) -> SchemaRef {
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new(HASH, DataType::UInt64, false)));
    fields.push(Arc::new(Field::new(DIGEST, DataType::FixedSizeBinary(16), false)));
    Arc::new(Schema::new(fields))
}
