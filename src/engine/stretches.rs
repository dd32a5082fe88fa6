//! Open rows that come in key order, and wait in it: stretch by stretch, in memory as long as the pool gives some, then on
//! disk. A stretch holds all rows of its keys, of both sides; those of the next are greater.

use std::sync::Arc;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;

use crate::engine::segments::SegmentFile;
use crate::engine::spooled::{compact, from_ipc, plain_schema, to_ipc};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::side::{BySide, Side};

/// Rows of a side that are enough for a stretch.
const LOT_ROWS: usize = 8192;

pub struct Stretches {
    runtime: Arc<RuntimeEnv>,
    progress: Arc<Progress>,
    schemas: BySide<SchemaRef>,
    /// What the next stretch is made of.
    pending: BySide<Vec<RecordBatch>>,
    pending_bytes: usize,
    reservation: MemoryReservation,
    /// Bytes that may stay in memory, and those that do.
    limit: usize,
    held: usize,
    file: Option<SegmentFile>,
    on_disk: usize,
    places: Vec<Place>,
    /// See [`Stretch::of_a_seam`].
    of_a_seam: bool,
}

enum Place {
    /// What was reserved is given back with the rows.
    Memory { rows: BySide<RecordBatch>, _room: MemoryReservation },
    /// The number of its segments, one a side. The target's lacks these columns: they are the source's.
    Disk { number: usize, same: Vec<usize> },
}

impl Stretches {
    pub fn new(runtime: Arc<RuntimeEnv>, progress: Arc<Progress>, schemas: BySide<SchemaRef>, limit: usize) -> Self {
        let consumer = MemoryConsumer::new("rows to classify").with_can_spill(true);
        let reservation = consumer.register(&runtime.memory_pool);
        let (schemas, pending) = (schemas.map(plain_schema), BySide::default());
        Self {
            runtime,
            progress,
            schemas,
            pending,
            pending_bytes: 0,
            reservation,
            limit,
            held: 0,
            file: None,
            on_disk: 0,
            places: Vec::new(),
            of_a_seam: false,
        }
    }

    /// For rows that no merge zips: all of them are one stretch, and not in order.
    pub fn of_a_seam(self) -> Self {
        Self { of_a_seam: true, ..self }
    }

    pub fn push(&mut self, side: Side, batch: &RecordBatch) -> Result<()> {
        let batch = compact(batch)?;
        self.pending_bytes += batch.get_array_memory_size();
        self.pending.get_mut(side).push(batch);
        Ok(())
    }

    /// The keys that come next are greater than all that came: here a stretch may end.
    pub fn key_ends(&mut self) -> Result<()> {
        let rows = |batches: &Vec<RecordBatch>| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let rows = rows(&self.pending.source).max(rows(&self.pending.target));
        match rows >= LOT_ROWS || self.pending_bytes >= self.limit / 8 {
            true => self.end_stretch(),
            false => Ok(()),
        }
    }

    fn end_stretch(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        if pending.source.is_empty() && pending.target.is_empty() {
            return Ok(());
        }
        let rows = pending.try_map(|side, batches| match batches.as_slice() {
            [batch] => Ok(batch.clone()),
            batches => concat_batches(self.schemas.get(side), batches),
        })?;
        let same = same_columns(&rows);
        let own: Vec<usize> = (0..rows.target.num_columns()).filter(|column| !same.contains(column)).collect();
        let own = rows.target.project(&own)?;
        let bytes = rows.source.get_array_memory_size() + own.get_array_memory_size();
        if self.held + bytes <= self.limit && self.reservation.try_grow(bytes).is_ok() {
            self.held += bytes;
            let rows = BySide { target: with_columns(&own, &rows.source, &same)?, source: rows.source };
            self.places.push(Place::Memory { rows, _room: self.reservation.split(bytes) });
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(SegmentFile::create(&self.runtime, &self.progress, 2, "rows to classify")?),
        };
        file.append(0, &to_ipc(&rows.source)?)?;
        file.append(1, &to_ipc(&own)?)?;
        self.places.push(Place::Disk { number: self.on_disk, same });
        self.on_disk += 1;
        Ok(())
    }

    pub fn schemas(&self) -> BySide<SchemaRef> {
        self.schemas.clone()
    }

    pub fn spilled_bytes(&self) -> u64 {
        self.file.as_ref().map_or(0, SegmentFile::len)
    }

    /// What came, in key order.
    pub fn into_stretches(mut self) -> Result<impl Iterator<Item = Stretch>> {
        self.end_stretch()?;
        let file = self.file.map(Arc::new);
        let of_a_seam = self.of_a_seam;
        Ok(self.places.into_iter().map(move |place| Stretch { place, file: file.clone(), of_a_seam }))
    }
}

/// Rows of both sides, in key order.
pub struct Stretch {
    place: Place,
    file: Option<Arc<SegmentFile>>,
    /// Its rows were not zipped, and may be in any order among themselves.
    pub of_a_seam: bool,
}

impl Stretch {
    pub fn rows(&self) -> Result<BySide<RecordBatch>> {
        match (&self.place, &self.file) {
            (Place::Memory { rows, .. }, _) => Ok(rows.clone()),
            (Place::Disk { number, same }, Some(file)) => {
                let source = from_ipc(file.segment(0, *number)?)?;
                let target = with_columns(&from_ipc(file.segment(1, *number)?)?, &source, same)?;
                Ok(BySide::new(source, target))
            }
            (Place::Disk { .. }, None) => Err(Error::new(ErrorKind::Internal, "rows were spilled to no file")),
        }
    }
}

/// Columns whose cells are the same on both sides, row by row: where rows differ, most of their columns do not.
fn same_columns(rows: &BySide<RecordBatch>) -> Vec<usize> {
    let BySide { source, target } = rows;
    if source.num_rows() != target.num_rows() || source.num_columns() != target.num_columns() {
        return Vec::new();
    }
    let same = |column: &usize| {
        let (source_field, target_field) = (source.schema_ref().field(*column), target.schema_ref().field(*column));
        source_field == target_field && source.column(*column) == target.column(*column)
    };
    (0..source.num_columns()).filter(same).collect()
}

/// `rows`, with the columns `same` of `from` put in at their places.
fn with_columns(rows: &RecordBatch, from: &RecordBatch, same: &[usize]) -> Result<RecordBatch> {
    if same.is_empty() {
        return Ok(rows.clone());
    }
    let (mut fields, mut columns) = (rows.schema().fields().to_vec(), rows.columns().to_vec());
    for &at in same {
        fields.insert(at, from.schema_ref().fields()[at].clone());
        columns.insert(at, from.column(at).clone());
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, rows.schema().metadata().clone())), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{AsArray, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type};

    fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
        let schema =
            Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("text", DataType::Utf8View, true)]);
        let texts = ids.clone().map(|id| format!("a text longer than a view holds inline {id}"));
        let texts = StringViewArray::from_iter_values(texts);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from_iter_values(ids)), Arc::new(texts)])
            .unwrap()
    }

    /// 30,000 keys; every thousandth stands in the target, too, and twice.
    fn stretches(limit: usize) -> (u64, Vec<BySide<Vec<i64>>>) {
        let schema = batch(0..0).schema();
        let mut stretches = Stretches::new(Arc::default(), Arc::default(), BySide::new(schema.clone(), schema), limit);
        for start in (0..30_000).step_by(100) {
            stretches.push(Side::Source, &batch(start..start + 100)).unwrap();
            if start % 1000 == 0 {
                stretches.push(Side::Target, &batch(start..start + 1)).unwrap();
                stretches.push(Side::Target, &batch(start..start + 1)).unwrap();
            }
            stretches.key_ends().unwrap();
        }
        let spilled = stretches.spilled_bytes();
        let ids = |rows: RecordBatch| rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        (spilled, stretches.into_stretches().unwrap().map(|stretch| stretch.rows().unwrap().map(ids)).collect())
    }

    #[test]
    fn columns_that_are_the_same_are_kept_once() {
        let other = |batch: &RecordBatch| {
            let texts =
                StringViewArray::from_iter_values((0..batch.num_rows()).map(|row| format!("another text {row}")));
            RecordBatch::try_new(batch.schema(), vec![batch.column(0).clone(), Arc::new(texts)]).unwrap()
        };
        let rows = |batch: &RecordBatch| compact(batch).unwrap();
        let source = batch(0..10_000);
        for (target, same) in [(source.clone(), 2), (other(&source), 1), (batch(1..10_001), 0), (batch(0..9_999), 0)] {
            for limit in [usize::MAX, 0] {
                let schemas = BySide::new(source.schema(), source.schema());
                let mut stretches = Stretches::new(Arc::default(), Arc::default(), schemas, limit);
                stretches.push(Side::Source, &source).unwrap();
                stretches.push(Side::Target, &target).unwrap();
                stretches.key_ends().unwrap();
                let stretch = stretches.into_stretches().unwrap().next().unwrap();
                let back = stretch.rows().unwrap();
                assert_eq!((&back.source, &back.target), (&rows(&source), &rows(&target)));
                let shared = (0..2).filter(|i| Arc::ptr_eq(back.source.column(*i), back.target.column(*i)));
                assert_eq!(shared.count(), same);
            }
        }
    }

    #[test]
    fn rows_come_back_in_order_and_keys_are_whole() {
        for (limit, on_disk) in [(usize::MAX, false), (200_000, true), (0, true)] {
            let (spilled, stretches) = stretches(limit);
            assert_eq!(spilled > 0, on_disk, "{limit}");
            assert!(stretches.len() > 1);
            let of = |side: Side| stretches.iter().flat_map(|s| s.get(side).clone()).collect::<Vec<_>>();
            assert_eq!(of(Side::Source), (0..30_000).collect::<Vec<_>>());
            assert_eq!(of(Side::Target), (0..30_000).step_by(1000).flat_map(|id| [id, id]).collect::<Vec<_>>());
            for stretch in &stretches {
                assert!(stretch.target.iter().all(|id| stretch.source.contains(id)), "a key is torn apart");
            }
        }
    }
}
