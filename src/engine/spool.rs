//! Rows of both sides that wait to be classified: in memory as long as the pool gives some, then on disk, in buckets by
//! key hash, so that each bucket can be classified by itself in the memory there is.

use std::io::Cursor;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use datafusion::arrow::compute::{cast, concat_batches, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_uint64_array;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;

use crate::engine::segments::SegmentFile;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::side::{BySide, Side};

/// Rows are distributed to buckets in lots of about this size, so that segments on disk are not tiny.
const LOT_BYTES: usize = 32 << 20;

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
        let file = match &mut rows.file {
            Some(file) => file,
            none => none.insert(SegmentFile::create(&self.runtime, &self.progress, self.buckets, "rows to classify")?),
        };
        if rows.pending.is_empty() {
            return Ok(());
        }
        let lot = concat_batches(&rows.schema, &rows.pending)?;
        rows.pending.clear();
        rows.pending_bytes = 0;
        let hashes = lot.column_by_name(&self.hash_column).map(|column| as_uint64_array(column)).transpose()?;
        let hashes = hashes.ok_or_else(|| Error::new(ErrorKind::Internal, "rows to classify have no key hash"))?;
        for (bucket, indices) in distribute(hashes, self.buckets).into_iter().enumerate() {
            if !indices.is_empty() {
                let part = take_record_batch(&lot, &UInt32Array::from(indices))?;
                file.append(bucket, &to_ipc(&part)?)?;
            }
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

    /// The rows in groups that fit together into about `bytes`; every key is whole in one group.
    pub fn into_groups(mut self, bytes: u64) -> Result<Groups> {
        let on_disk = Side::BOTH.iter().any(|side| self.sides.get(*side).file.is_some());
        if !on_disk {
            // One group, of what waits in memory.
            return Ok(Groups { spool: self, ranges: std::iter::once(0..0).collect(), next: 0 });
        }
        self.spill(Side::Source)?;
        self.spill(Side::Target)?;
        self.reservation.free();
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
        Ok(Groups { spool: self, ranges, next: 0 })
    }
}

/// The spooled rows, group by group.
pub struct Groups {
    spool: Spool,
    ranges: Vec<std::ops::Range<usize>>,
    next: usize,
}

impl Groups {
    pub fn spilled_bytes(&self) -> u64 {
        let files = Side::BOTH.iter().filter_map(|side| self.spool.sides.get(*side).file.as_ref());
        files.map(SegmentFile::len).sum()
    }

    /// The buckets of the group that came last.
    pub fn buckets(&self) -> std::ops::Range<usize> {
        match self.next.checked_sub(1).and_then(|last| self.ranges.get(last)) {
            Some(range) if !range.is_empty() => range.clone(),
            // Nothing was spilled: one group is all.
            Some(_) => 0..self.spool.buckets,
            None => 0..0,
        }
    }

    pub fn schema(&self, side: Side) -> SchemaRef {
        self.spool.sides.get(side).schema.clone()
    }

    /// The next group's rows, or None after the last.
    pub fn next_group(&mut self) -> Result<Option<BySide<Vec<RecordBatch>>>> {
        let Some(range) = self.ranges.get(self.next).cloned() else { return Ok(None) };
        self.next += 1;
        let mut group = BySide::<Vec<RecordBatch>>::default();
        for side in Side::BOTH {
            let rows = self.spool.sides.get_mut(side);
            group.get_mut(side).append(&mut rows.pending);
            let Some(file) = &rows.file else { continue };
            for bucket in range.clone() {
                for segment in file.read(bucket) {
                    for batch in StreamReader::try_new(Cursor::new(segment?), None)? {
                        group.get_mut(side).push(batch?);
                    }
                }
            }
        }
        Ok(Some(group))
    }
}

/// Row numbers by bucket. Buckets are ranges of the hash.
fn distribute(hashes: &UInt64Array, buckets: usize) -> Vec<Vec<u32>> {
    let mut rows = vec![Vec::with_capacity(hashes.len() / buckets + 1); buckets];
    for (row, hash) in (0u32..).zip(hashes.values()) {
        rows[((u128::from(*hash) * buckets as u128) >> 64) as usize].push(row);
    }
    rows
}

fn to_ipc(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// Views keep the buffers alive that they were cut from, and each slice counts as all of them; spooled text and bytes are
/// plain.
fn plain_schema(schema: SchemaRef) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8View => Arc::new(field.as_ref().clone().with_data_type(DataType::LargeUtf8)),
        DataType::BinaryView => Arc::new(field.as_ref().clone().with_data_type(DataType::LargeBinary)),
        _ => field.clone(),
    };
    Arc::new(Schema::new_with_metadata(
        schema.fields().iter().map(field).collect::<Fields>(),
        schema.metadata().clone(),
    ))
}

/// The batch in the plain schema.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = plain_schema(batch.schema());
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let same = column.data_type() == field.data_type();
        if same { Ok(column.clone()) } else { cast(column, field.data_type()) }
    });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<Vec<ArrayRef>, _>>()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{AsArray, Int64Array, StringViewArray};

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

    fn ids(limit: usize, group_bytes: u64) -> (usize, Vec<i64>) {
        let schema = batch(vec![]).schema();
        let runtime = Arc::new(RuntimeEnv::default());
        let mut spool = Spool::new(runtime, Arc::default(), BySide::new(schema.clone(), schema), "#hash", limit, 8);
        for i in 0..100u64 {
            let hashes = (0..50).map(|j| (i * 50 + j).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            spool.push(if i % 2 == 0 { Side::Source } else { Side::Target }, batch(hashes)).unwrap();
        }
        let mut groups = spool.into_groups(group_bytes).unwrap();
        let (mut count, mut ids) = (0, Vec::new());
        while let Some(group) = groups.next_group().unwrap() {
            count += 1;
            for batch in group.source.iter().chain(&group.target) {
                let column: &Int64Array = batch.column(1).as_primitive();
                ids.extend(column.values());
            }
        }
        ids.sort_unstable();
        (count, ids)
    }

    #[test]
    fn every_row_comes_back_from_memory_and_from_disk() {
        let (one, in_memory) = ids(usize::MAX, u64::MAX);
        let (many, on_disk) = ids(100_000, 100_000);
        assert_eq!(one, 1);
        assert!(many > 1, "{many} groups");
        assert_eq!(in_memory.len(), 5000);
        assert_eq!(in_memory, on_disk);
    }
}
