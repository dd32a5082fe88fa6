//! Rows that `merge` has not proven equal: taken out of their batches, and kept until it is known whether order holds.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use crate::engine::digests::Digests;
use crate::engine::reconcile::{Comparison, DIGEST, HASH, Scanned};
use crate::engine::spool::Spool;
use crate::engine::window::Shape;
use crate::engine::{Engine, Strategy};
use crate::error::Result;
use crate::side::{BySide, Side};
use crate::sql::{digest_array, key_hashes, row_digests};

/// Rows that are not proven equal, taken out of their batches: spooled, and remembered by digest should order end. Several
/// merges may share it.
pub struct Open {
    engine: Arc<Engine>,
    shapes: BySide<Shape>,
    schemas: BySide<SchemaRef>,
    rows: Mutex<Rows>,
}

struct Rows {
    spool: Spool,
    digests: BySide<Digests>,
    /// Key hashes of what no merge zips.
    unzipped: BySide<Vec<u64>>,
}

impl Open {
    /// `tasks`: that collect digests beside each other, should order end.
    pub fn new(comparison: &Comparison, schemas: &BySide<SchemaRef>, shapes: &BySide<Shape>, tasks: usize) -> Self {
        let spooled = |side: Side| spooled_schema(&shapes.get(side).encoded_schema(schemas.get(side)));
        let schemas = BySide::from_fn(spooled);
        let rows = Rows {
            spool: comparison.new_spool(schemas.clone()),
            digests: BySide::from_fn(|_| comparison.digests(tasks)),
            unzipped: BySide::default(),
        };
        Self { engine: comparison.engine.clone(), shapes: shapes.clone(), schemas, rows: Mutex::new(rows) }
    }

    pub fn push(&self, side: Side, rows: &RecordBatch) -> Result<()> {
        self.take(side, rows, false)
    }

    /// Rows that stand at the end of a range.
    pub fn push_unzipped(&self, side: Side, rows: &RecordBatch) -> Result<()> {
        self.take(side, rows, true)
    }

    fn take(&self, side: Side, rows: &RecordBatch, unzipped: bool) -> Result<()> {
        let shape = self.shapes.get(side);
        let rows = &shape.encoded(rows)?;
        let hashes = key_hashes(&shape.keys(rows), rows.num_rows())?;
        let digests = row_digests(&shape.all(rows), rows.num_rows())?;
        let mut columns = rows.columns().to_vec();
        let digest_column = digest_array(digests.iter().copied())?;
        columns.push(Arc::new(UInt64Array::from(hashes.clone())));
        columns.push(digest_column);
        let batch = RecordBatch::try_new(self.schemas.get(side).clone(), columns)?;
        let runtime = self.engine.ctx.runtime_env();
        let mut kept = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for (hash, digest) in hashes.iter().zip(digests) {
            kept.digests.get_mut(side).push(&runtime, hash & self.engine.hash_mask, digest)?;
        }
        if unzipped {
            kept.unzipped.get_mut(side).extend(hashes);
        }
        kept.spool.push(side, batch)
    }

    pub fn into_digests(self) -> BySide<Digests> {
        self.rows.into_inner().unwrap_or_else(PoisonError::into_inner).digests
    }

    /// `rows`: all rows of each side. `repeated`: keys that zipping saw more than once.
    pub fn scanned(self, rows: BySide<u64>, repeated: u64) -> Scanned {
        let Rows { spool, digests, unzipped } = self.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        let passed = digests.map(|digests| digests.tally);
        let mut tally = passed;
        tally.source.rows = rows.source;
        tally.target.rows = rows.target;
        Scanned {
            tally,
            open: (passed.source.rows + passed.target.rows > 0).then_some((spool, passed)),
            repeated_keys: repeated + repeating(unzipped),
            strategy: Strategy::Merge,
            ..Scanned::default()
        }
    }
}

/// How many keys stand more than once on a side.
fn repeating(hashes: BySide<Vec<u64>>) -> u64 {
    let twice = |mut hashes: Vec<u64>| -> Vec<u64> {
        hashes.sort_unstable();
        hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
    };
    let BySide { source, target } = hashes.map(twice);
    source.into_iter().chain(target).collect::<HashSet<u64>>().len() as u64
}

fn spooled_schema(schema: &SchemaRef) -> SchemaRef {
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new(HASH, DataType::UInt64, false)));
    fields.push(Arc::new(Field::new(DIGEST, DataType::FixedSizeBinary(16), false)));
    Arc::new(Schema::new(fields))
}
