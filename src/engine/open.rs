//! Rows that `merge` has not proven equal: taken out of their batches, and kept until it is known whether order holds.

use std::sync::Arc;

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

/// Rows that are not proven equal, taken out of their batches: spooled, and remembered by digest should order end.
pub struct Open {
    engine: Arc<Engine>,
    shapes: BySide<Shape>,
    schemas: BySide<SchemaRef>,
    spool: Spool,
    digests: BySide<Digests>,
}

impl Open {
    pub fn new(comparison: &Comparison, schemas: &BySide<SchemaRef>, shapes: &BySide<Shape>) -> Self {
        let schemas = BySide::new(spooled_schema(&schemas.source), spooled_schema(&schemas.target));
        Self {
            engine: comparison.engine.clone(),
            shapes: shapes.clone(),
            spool: comparison.new_spool(schemas.clone()),
            schemas,
            digests: BySide::new(comparison.digests(1), comparison.digests(1)),
        }
    }

    pub fn push(&mut self, side: Side, rows: &RecordBatch) -> Result<()> {
        let shape = self.shapes.get(side);
        let hashes = key_hashes(&shape.keys(rows), rows.num_rows())?;
        let digests = row_digests(&shape.all(rows), rows.num_rows())?;
        let runtime = self.engine.ctx.runtime_env();
        for (hash, digest) in hashes.iter().zip(&digests) {
            self.digests.get_mut(side).push(&runtime, hash & self.engine.hash_mask, *digest)?;
        }
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from(hashes)));
        columns.push(digest_array(digests.into_iter())?);
        self.spool.push(side, RecordBatch::try_new(self.schemas.get(side).clone(), columns)?)
    }

    pub fn into_digests(self) -> BySide<Digests> {
        self.digests
    }

    /// `rows`: all rows of each side.
    pub fn scanned(self, rows: BySide<u64>, repeated_keys: u64) -> Scanned {
        let passed = BySide::new(self.digests.source.tally, self.digests.target.tally);
        let mut tally = passed;
        tally.source.rows = rows.source;
        tally.target.rows = rows.target;
        Scanned {
            tally,
            open: (passed.source.rows + passed.target.rows > 0).then_some((self.spool, passed)),
            repeated_keys,
            strategy: Strategy::Merge,
            ..Scanned::default()
        }
    }
}

fn spooled_schema(schema: &SchemaRef) -> SchemaRef {
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new(HASH, DataType::UInt64, false)));
    fields.push(Arc::new(Field::new(DIGEST, DataType::FixedSizeBinary(16), false)));
    Arc::new(Schema::new(fields))
}
