//! Rows of both sides that wait to be classified: in memory as long as the pool gives some, then on disk, in buckets by
//! key hash, so that each bucket can be classified by itself in the memory there is.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::compute::interleave_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_uint64_array;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;

use crate::engine::segments::SegmentFile;
use crate::engine::spooled::{compact, from_ipc, plain_schema, to_ipc};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::side::{BySide, Side};

/// Rows are distributed to buckets in lots of about this size, so that segments on disk are not tiny.
const LOT_BYTES: usize = 32 << 20;
/// Rows that a group in memory has at least, if there is another.
const SHARE_ROWS: usize = 16 << 10;

pub struct Spool {
    runtime: Arc<RuntimeEnv>,
    progress: Arc<Progress>,
    sides: BySide<Rows>,
    reservation: MemoryReservation,
    /// What may stay in memory before all goes to disk.
    limit: usize,
    buckets: usize,
    hash_column: String,
}

struct Rows {
    schema: SchemaRef,
    pending: Vec<RecordBatch>,
    pending_bytes: usize,
    file: Option<SegmentFile>,
}

impl Spool {
    /// `hash_column` holds the key hash (UInt64) of each row. `limit`: bytes that may stay in memory.
    pub fn new(
        runtime: Arc<RuntimeEnv>,
        progress: Arc<Progress>,
        schemas: BySide<SchemaRef>,
        hash_column: &str,
        limit: usize,
        buckets: usize,
    ) -> Self {
        let consumer = MemoryConsumer::new("rows to classify").with_can_spill(true);
        let reservation = consumer.register(&runtime.memory_pool);
        let rows = |schema| Rows { schema: plain_schema(schema), pending: Vec::new(), pending_bytes: 0, file: None };
        let hash_column = hash_column.to_string();
        Self { runtime, progress, sides: schemas.map(rows), reservation, limit, buckets, hash_column }
    }

    pub fn push(&mut self, side: Side, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = compact(&batch)?;
        let bytes = batch.get_array_memory_size();
        let fits = self.reservation.size() + bytes <= self.limit && self.reservation.try_grow(bytes).is_ok();
        let rows = self.sides.get_mut(side);
        rows.pending.push(batch);
        rows.pending_bytes += bytes;
        // Once on disk, rows gather to a lot before they are distributed.
        if !fits || rows.file.is_some() && rows.pending_bytes >= LOT_BYTES.min(self.limit / 4) {
            self.spill(Side::Source)?;
            self.spill(Side::Target)?;
            self.reservation.free();
        }
        Ok(())
    }

    fn spill(&mut self, side: Side) -> Result<()> {
        let rows = self.sides.get_mut(side);
        if rows.file.is_none() {
            rows.file = Some(SegmentFile::create(&self.runtime, &self.progress, self.buckets, "rows to classify")?);
        }
        let lot = std::mem::take(&mut rows.pending);
        rows.pending_bytes = 0;
        let mut distributed = vec![Vec::new(); self.buckets];
        for (number, batch) in lot.iter().enumerate() {
            for (row, hash) in self.hashes(batch)?.values().iter().enumerate() {
                distributed[bucket_of(*hash, self.buckets)].push((number, row));
            }
        }
        let lot: Vec<&RecordBatch> = lot.iter().collect();
        let file = self.sides.get_mut(side).file.as_mut();
        let file = file.ok_or_else(|| Error::new(ErrorKind::Internal, "rows are spilled without a file"))?;
        for (bucket, rows) in distributed.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            file.append(bucket, &to_ipc(&interleave_record_batch(&lot, rows)?)?)?;
        }
        Ok(())
    }

    pub fn schema(&self, side: Side) -> &SchemaRef {
        &self.sides.get(side).schema
    }

    /// All rows, where none had to go to disk.
    pub fn in_memory(&self) -> Option<BySide<&[RecordBatch]>> {
        let rows = self.sides.as_ref();
        let on_disk = rows.source.file.is_some() || rows.target.file.is_some();
        (!on_disk).then(|| rows.map(|rows| rows.pending.as_slice()))
    }

    fn hashes<'a>(&self, rows: &'a RecordBatch) -> Result<&'a UInt64Array> {
        let hashes = rows.column_by_name(&self.hash_column).map(|column| as_uint64_array(column)).transpose()?;
        hashes.ok_or_else(|| Error::new(ErrorKind::Internal, "rows to classify have no key hash"))
    }

    /// The rows in groups that fit together into about `bytes` each; every key is whole in one group. What waits in memory
    /// is one group of a `share`th or more, as far as it has rows enough.
    pub fn into_groups(mut self, bytes: u64, shares: usize) -> Result<Vec<Group>> {
        let on_disk = Side::BOTH.iter().any(|side| self.sides.get(*side).file.is_some());
        let ranges = match on_disk {
            true => {
                self.spill(Side::Source)?;
                self.spill(Side::Target)?;
                self.reservation.free();
                self.ranges(bytes)
            }
            false => self.even_ranges(shares),
        };
        let spool = Arc::new(self);
        Ok(ranges.into_iter().map(|buckets| Group { spool: spool.clone(), buckets }).collect())
    }

    /// Buckets on disk that are together no more than `bytes`, as far as that can be.
    fn ranges(&self, bytes: u64) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let (mut start, mut held) = (0, 0);
        for bucket in 0..self.buckets {
            let of = |side: Side| self.sides.get(side).file.as_ref().map_or(0, |file| file.bucket_len(bucket));
            let size = of(Side::Source) + of(Side::Target);
            if held > 0 && held + size > bytes {
                ranges.push(start..bucket);
                (start, held) = (bucket, 0);
            }
            held += size;
        }
        ranges.push(start..self.buckets);
        ranges
    }

    /// As many as `shares`, but none of a few rows.
    fn even_ranges(&self, shares: usize) -> Vec<Range<usize>> {
        let rows = |side: Side| self.sides.get(side).pending.iter().map(RecordBatch::num_rows).sum::<usize>();
        let shares = (rows(Side::Source).max(rows(Side::Target)) / SHARE_ROWS).min(shares).max(1);
        (0..shares).map(|share| share * self.buckets / shares..(share + 1) * self.buckets / shares).collect()
    }

    fn spilled_bytes(&self) -> u64 {
        let files = Side::BOTH.iter().filter_map(|side| self.sides.get(*side).file.as_ref());
        files.map(SegmentFile::len).sum()
    }

    pub fn schemas(&self) -> BySide<SchemaRef> {
        self.sides.as_ref().map(|rows| rows.schema.clone())
    }
}

/// A part of the spooled rows.
pub struct Group {
    spool: Arc<Spool>,
    pub buckets: Range<usize>,
}

impl Group {
    /// By the whole spool.
    pub fn spilled_bytes(&self) -> u64 {
        self.spool.spilled_bytes()
    }

    pub fn rows(&self, side: Side) -> Result<Vec<RecordBatch>> {
        let rows = self.spool.sides.get(side);
        let Some(file) = &rows.file else { return self.pending(&rows.pending) };
        self.buckets.clone().flat_map(|bucket| file.read(bucket)).map(|segment| from_ipc(segment?)).collect()
    }

    /// What of the rows that wait in memory is in its buckets.
    fn pending(&self, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        if batches.is_empty() || self.buckets == (0..self.spool.buckets) {
            return Ok(batches.to_vec());
        }
        let mut picked = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            let rows = self.spool.hashes(batch)?.values().iter().enumerate();
            let here = rows.filter(|(_, hash)| self.buckets.contains(&bucket_of(**hash, self.spool.buckets)));
            picked.extend(here.map(|(row, _)| (number, row)));
        }
        Ok(vec![interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &picked)?])
    }
}

/// Buckets are ranges of the hash.
fn bucket_of(hash: u64, buckets: usize) -> usize {
    ((u128::from(hash) * buckets as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    fn batch(hashes: Vec<u64>) -> RecordBatch {
        let texts: Vec<String> = hashes.iter().map(|h| format!("a text longer than a view holds inline {h}")).collect();
        let ids: Vec<i64> = hashes.iter().map(|h| *h as i64).collect();
        let schema = Schema::new(vec![
            Field::new("#hash", DataType::UInt64, false),
            Field::new("id", DataType::Int64, true),
            Field::new("text", DataType::Utf8View, true),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(hashes)),
            Arc::new(Int64Array::from(ids)),
            Arc::new(StringViewArray::from_iter_values(texts)),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    fn ids(limit: usize, group_bytes: u64, shares: usize) -> (usize, Vec<i64>) {
        let schema = batch(vec![]).schema();
        let runtime = Arc::new(RuntimeEnv::default());
        let mut spool = Spool::new(runtime, Arc::default(), BySide::new(schema.clone(), schema), "#hash", limit, 8);
        for i in 0..2000u64 {
            let hashes = (0..50).map(|j| (i * 50 + j).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            spool.push(if i % 2 == 0 { Side::Source } else { Side::Target }, batch(hashes)).unwrap();
        }
        let groups = spool.into_groups(group_bytes, shares).unwrap();
        let mut ids = Vec::new();
        for group in &groups {
            for batch in Side::BOTH.into_iter().flat_map(|side| group.rows(side).unwrap()) {
                let hashes: &UInt64Array = batch.column(0).as_primitive();
                assert!(hashes.values().iter().all(|hash| group.buckets.contains(&bucket_of(*hash, 8))));
                let column: &Int64Array = batch.column(1).as_primitive();
                ids.extend(column.values());
            }
        }
        ids.sort_unstable();
        (groups.len(), ids)
    }

    #[test]
    fn every_row_comes_back_from_memory_and_from_disk() {
        let (one, in_memory) = ids(usize::MAX, u64::MAX, 1);
        let (few, shared) = ids(usize::MAX, u64::MAX, 3);
        let (many, on_disk) = ids(1_000_000, 1_000_000, 1);
        assert_eq!((one, few), (1, 3));
        assert!(many > 1, "{many} groups");
        assert_eq!(in_memory.len(), 100_000);
        assert_eq!(in_memory, on_disk);
        assert_eq!(in_memory, shared);
    }
}
