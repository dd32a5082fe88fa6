//! Rows that `merge` has not proven equal: taken out of their batches, and kept until it is known whether order holds.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_fixed_size_binary_array, as_uint64_array};

use crate::engine::Engine;
use crate::engine::digests::{Digests, Tally, digest_of};
use crate::engine::reconcile::{Comparison, DIGEST, GROUP_SHARE, HASH};
use crate::engine::spool::Spool;
use crate::engine::stretches::Stretches;
use crate::engine::window::Shape;
use crate::error::{Error, ErrorKind, Result};
use crate::side::{BySide, Side};
use crate::sql::{digest_array, key_hashes, row_digests};

/// Open rows of one merge.
pub struct Open {
    shapes: BySide<Shape>,
    schemas: BySide<SchemaRef>,
    waiting: Waiting,
    tally: BySide<Tally>,
    /// Where rows of keys wait that the range before, or after, may hold as well.
    ends: [Option<Seamed>; 2],
}

/// Rows that two merges leave at the cut between them: one stretch, for all that have their keys are there.
type Seamed = Arc<Mutex<Stretches>>;

/// How open rows wait.
pub enum Waiting {
    /// In any order, or to be counted by key hash when a limit stops the run.
    Spool(Box<Spool>),
    /// In key order, one after the other.
    Stretches(Vec<Stretches>),
}

/// To which end of its range a row belongs.
#[derive(Debug, Clone, Copy)]
pub enum At {
    Front,
    Back,
}

impl Open {
    /// For merges of ranges that follow each other.
    pub fn of_ranges(
        comparison: &Comparison,
        schemas: &BySide<SchemaRef>,
        shapes: &BySide<Shape>,
        ranges: usize,
    ) -> Vec<Self> {
        let spooled = |side: Side| spooled_schema(&shapes.get(side).encoded_schema(schemas.get(side)));
        let schemas = BySide::from_fn(spooled);
        let stretches = || comparison.new_stretches(schemas.clone(), ranges);
        let seams: Vec<Seamed> = (1..ranges).map(|_| Arc::new(Mutex::new(stretches().of_a_seam()))).collect();
        let limited = comparison.engine.budget.is_limited();
        let open = |range: usize| Self {
            shapes: shapes.clone(),
            schemas: schemas.clone(),
            waiting: match limited {
                true => Waiting::Spool(Box::new(comparison.new_spool(schemas.clone()))),
                false => Waiting::Stretches(vec![stretches()]),
            },
            tally: BySide::default(),
            ends: [range.checked_sub(1).and_then(|before| seams.get(before).cloned()), seams.get(range).cloned()],
        };
        (0..ranges).map(open).collect()
    }

    pub fn push(&mut self, side: Side, rows: &RecordBatch) -> Result<()> {
        let rows = self.digested(side, rows)?;
        match &mut self.waiting {
            Waiting::Spool(spool) => spool.push(side, rows),
            Waiting::Stretches(stretches) => stretches.iter_mut().try_for_each(|own| own.push(side, &rows)),
        }
    }

    /// Rows that are not to be zipped, for their keys may stand in the next range as well.
    pub fn push_end(&mut self, side: Side, at: At, rows: &RecordBatch) -> Result<()> {
        let rows = self.digested(side, rows)?;
        let [front, back] = &self.ends;
        let seam = match at {
            At::Front => front,
            At::Back => back,
        };
        let none = || Error::new(ErrorKind::Internal, "a row lies at a cut that is none");
        let mut seam = seam.as_ref().ok_or_else(none)?.lock().unwrap_or_else(PoisonError::into_inner);
        seam.push(side, &rows)
    }

    fn digested(&mut self, side: Side, rows: &RecordBatch) -> Result<RecordBatch> {
        let shape = self.shapes.get(side);
        let rows = &shape.encoded(rows)?;
        let hashes = key_hashes(&shape.keys(rows), rows.num_rows())?;
        let digests = row_digests(&shape.all(rows), rows.num_rows())?;
        digests.iter().for_each(|digest| self.tally.get_mut(side).add(*digest));
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from(hashes)));
        columns.push(digest_array(digests.into_iter())?);
        Ok(RecordBatch::try_new(self.schemas.get(side).clone(), columns)?)
    }

    /// The keys of rows that come next are greater than all that came.
    pub fn key_ends(&mut self) -> Result<()> {
        match &mut self.waiting {
            Waiting::Spool(_) => Ok(()),
            Waiting::Stretches(stretches) => stretches.iter_mut().try_for_each(Stretches::key_ends),
        }
    }

    /// What all ranges left open, in their order, with what is at the cuts between them; and its tally.
    pub fn gather(ranges: Vec<Self>) -> Result<(Waiting, BySide<Tally>)> {
        let mut tally = BySide::<Tally>::default();
        let mut all = Vec::new();
        let mut seam: Option<Seamed> = None;
        for Self { waiting, tally: own, ends: [front, back], .. } in ranges {
            drop(front);
            Side::BOTH.iter().for_each(|side| tally.get_mut(*side).merge(*own.get(*side)));
            match waiting {
                // A run that may be stopped has one range.
                Waiting::Spool(spool) => return Ok((Waiting::Spool(spool), tally)),
                Waiting::Stretches(mut stretches) => {
                    all.extend(seam.take().map(unshared).transpose()?);
                    all.append(&mut stretches);
                }
            }
            seam = back;
        }
        Ok((Waiting::Stretches(all), tally))
    }
}

fn unshared(seam: Seamed) -> Result<Stretches> {
    let shared = |_| Error::new(ErrorKind::Internal, "a merge goes on after its end");
    Ok(Arc::try_unwrap(seam).map_err(shared)?.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Waiting {
    pub fn as_spool(&self) -> Option<&Spool> {
        match self {
            Waiting::Spool(spool) => Some(spool),
            Waiting::Stretches(_) => None,
        }
    }

    /// Of rows whose order has ended.
    pub fn into_digests(self, engine: &Engine, mut digests: BySide<Digests>) -> Result<BySide<Digests>> {
        let (runtime, mask) = (engine.ctx.runtime_env(), engine.hash_mask);
        let mut take = |side: Side, rows: &RecordBatch| -> Result<()> {
            let [.., hashes, row_digests] = rows.columns() else { return Ok(()) };
            let (hashes, row_digests) = (as_uint64_array(hashes)?, as_fixed_size_binary_array(row_digests)?);
            for (hash, digest) in hashes.values().iter().zip(row_digests.iter()) {
                digests.get_mut(side).push(&runtime, hash & mask, digest_of(digest)?)?;
            }
            Ok(())
        };
        match self {
            Waiting::Spool(spool) => {
                for group in spool.into_groups(engine.memory / GROUP_SHARE, 1)? {
                    for side in Side::BOTH {
                        group.rows(side)?.iter().try_for_each(|rows| take(side, rows))?;
                    }
                }
            }
            Waiting::Stretches(all) => {
                for stretches in all {
                    for stretch in stretches.into_stretches()? {
                        let rows = stretch.rows()?;
                        take(Side::Source, &rows.source)?;
                        take(Side::Target, &rows.target)?;
                    }
                }
            }
        }
        Ok(digests)
    }
}

fn spooled_schema(schema: &SchemaRef) -> SchemaRef {
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new(HASH, DataType::UInt64, false)));
    fields.push(Arc::new(Field::new(DIGEST, DataType::FixedSizeBinary(16), false)));
    Arc::new(Schema::new(fields))
}
