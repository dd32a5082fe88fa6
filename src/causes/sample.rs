//! One scan of a run's table: exact counts, and samples to look for causes in.
//!
//! A sample keeps the rows whose divergence ids are lowest. Ids are digests, so that this is a random choice, the same in every
//! read and in any order of rows; and each column has a sample of its own mismatches, be they ever so few.

use std::collections::{BTreeMap, HashMap};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{cast, concat, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::DataFrame;
use futures::StreamExt;

use crate::causes::shape::{Shape, lists, plain_columns, texts};
use crate::error::Result;
use crate::side::Side;
use crate::verdict::Kind;

/// Cells of all samples together, about; of each column at least and at most.
const CELLS: usize = 400_000;
const LEAST: usize = 512;
const MOST: usize = 4096;

/// Bytes of all samples together, about.
const BYTES: usize = 64 << 20;

/// What stands on one side only, or is left over there.
pub type Standing = (Kind, Side);

pub struct Samples {
    /// Of each column its mismatches: divergence id, source cell, target cell.
    pub cells: Vec<Bottom>,
    /// All columns of rows of one kind, by the side where they stand; mismatches stand on both.
    pub rows: BTreeMap<Standing, Bottom>,
    /// Of all columns of the table.
    pub types: Vec<DataType>,
    /// Whether a cell of the run could not be read: it is NULL in the table, and is not.
    pub unreadable: bool,
}

/// The rows with the lowest ids.
pub struct Bottom {
    most: usize,
    bytes: usize,
    /// Rows above it are none of the lowest.
    highest: u64,
    hashes: Vec<u64>,
    chunks: Vec<Vec<ArrayRef>>,
    /// Rows that were offered.
    pub seen: u64,
}

impl Bottom {
    fn new(most: usize, bytes: usize) -> Self {
        Self { most, bytes, highest: u64::MAX, hashes: Vec::new(), chunks: Vec::new(), seen: 0 }
    }

    fn offer(&mut self, columns: &[&ArrayRef], rows: &[(u32, u64)]) -> Result<()> {
        let low: Vec<(u32, u64)> = rows.iter().copied().filter(|(_, hash)| *hash <= self.highest).collect();
        if low.is_empty() {
            return Ok(());
        }
        let indices = UInt32Array::from_iter_values(low.iter().map(|(row, _)| *row));
        self.chunks.resize(columns.len(), Vec::new());
        for (chunks, column) in self.chunks.iter_mut().zip(columns) {
            chunks.push(take(column, &indices, None)?);
        }
        self.hashes.extend(low.iter().map(|(_, hash)| *hash));
        while self.hashes.len() > 2 * self.most || self.hashes.len() > LEAST / 8 && self.held() > self.bytes {
            if self.hashes.len() <= self.most {
                self.most = self.hashes.len() / 2;
            }
            self.compact()?;
        }
        Ok(())
    }

    fn held(&self) -> usize {
        self.chunks.iter().flatten().map(|chunk| chunk.get_buffer_memory_size()).sum()
    }

    /// Leaves the lowest ones, in the order of their ids.
    fn compact(&mut self) -> Result<()> {
        let mut order: Vec<u32> = (0..self.hashes.len() as u32).collect();
        order.sort_by_key(|row| self.hashes[*row as usize]);
        order.truncate(self.most);
        let hashes: Vec<u64> = order.iter().map(|row| self.hashes[*row as usize]).collect();
        let order = UInt32Array::from(order);
        for chunks in &mut self.chunks {
            let all = concat(&chunks.iter().map(|chunk| chunk.as_ref()).collect::<Vec<_>>())?;
            *chunks = vec![take(&all, &order, None)?];
        }
        self.highest = if hashes.len() < self.most { u64::MAX } else { hashes.last().copied().unwrap_or(u64::MAX) };
        self.hashes = hashes;
        Ok(())
    }

    /// One array a column; none where nothing was offered.
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.compact()?;
        Ok(self.chunks.iter().filter_map(|chunks| chunks.first().cloned()).collect())
    }
}

/// Reads all rows of `table` once.
pub async fn sample(table: DataFrame, shape: &Shape) -> Result<Samples> {
    let columns = shape.pairs.len().max(1);
    let most = (CELLS / columns).clamp(LEAST, MOST);
    let bytes = (BYTES / 2 / columns).max(64 << 10);
    let mut samples = Samples {
        cells: shape.pairs.iter().map(|_| Bottom::new(most, bytes)).collect(),
        rows: BTreeMap::new(),
        types: table.schema().fields().iter().map(|field| field.data_type().clone()).collect(),
        unreadable: false,
    };
    let by_name: HashMap<&str, usize> =
        shape.pairs.iter().enumerate().map(|(at, pair)| (pair.name.as_str(), at)).collect();
    let mut stream = table.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        samples.take_in(&batch?, shape, &by_name, most)?;
    }
    Ok(samples)
}

impl Samples {
    fn take_in(
        &mut self,
        batch: &RecordBatch,
        shape: &Shape,
        by_name: &HashMap<&str, usize>,
        most: usize,
    ) -> Result<()> {
        let [ids, kinds, sides] = ["divergence_id", "kind", "side"].map(|name| texts(batch, name));
        let (ids, kinds, sides) = (ids?, kinds?, sides?);
        let (kinds, sides) = (kinds.as_string::<i32>(), sides.as_string::<i32>());
        let hash = hashes(ids.as_string::<i32>());
        let columns = plain_columns(batch)?;
        let unreadable = lists(batch, "unreadable")?.map_or_else(Vec::new, |(_, ranges)| ranges);
        let is_readable = |row: usize| unreadable.get(row).is_none_or(|cells| cells.is_empty());
        self.unreadable |= !(0..batch.num_rows()).all(is_readable);
        let mut standing: BTreeMap<Standing, Vec<(u32, u64)>> = BTreeMap::new();
        for (row, hash) in hash.iter().enumerate() {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == kinds.value(row));
            let side = if sides.value(row) == "target" { Side::Target } else { Side::Source };
            if let Some(kind) = kind {
                standing.entry((kind, side)).or_default().push((row as u32, *hash));
            }
        }
        for (at, rows) in standing {
            let bottom = self.rows.entry(at).or_insert_with(|| Bottom::new(most / 2, BYTES / 8));
            bottom.seen += rows.len() as u64;
            bottom.offer(&columns.iter().collect::<Vec<_>>(), &rows)?;
        }
        let Some((changed, ranges)) = lists(batch, "changed_columns")? else { return Ok(()) };
        let changed = cast(&changed, &DataType::Utf8)?;
        let changed: Vec<Option<usize>> =
            changed.as_string::<i32>().iter().map(|name| by_name.get(name?).copied()).collect();
        let mut mismatches: Vec<Vec<(u32, u64)>> = vec![Vec::new(); shape.pairs.len()];
        for row in (0..batch.num_rows()).filter(|row| kinds.value(*row) == Kind::ValueMismatch.as_str()) {
            for at in changed[ranges[row].clone()].iter().flatten() {
                self.cells[*at].seen += 1;
                // What could not be read is no NULL to learn from.
                if is_readable(row) {
                    mismatches[*at].push((row as u32, hash[row]));
                }
            }
        }
        for ((bottom, pair), rows) in self.cells.iter_mut().zip(&shape.pairs).zip(mismatches) {
            bottom.offer(&[&ids, &columns[pair.at.source], &columns[pair.at.target]], &rows)?;
        }
        Ok(())
    }

    /// Rows of the table of that kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.rows.iter().filter(|((of, _), _)| *of == kind).map(|(_, bottom)| bottom.seen).sum()
    }
}

/// The first half of each id, which is 32 hexadecimal digits.
fn hashes(ids: &datafusion::arrow::array::StringArray) -> Vec<u64> {
    let digit = |byte: u8| u64::from((byte & 15) + 9 * (byte >> 6));
    ids.iter().map(|id| id.unwrap_or_default().bytes().take(16).fold(0, |hash, byte| hash << 4 | digit(byte))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn the_first_half_of_an_id_is_its_hash() {
        let ids = StringArray::from(vec!["0123456789abcdef0000000000000000", "ffffffffffffffff0000000000000000"]);
        assert_eq!(hashes(&ids), [0x0123_4567_89ab_cdef, u64::MAX]);
    }

    #[test]
    fn the_lowest_stay_however_they_come() {
        let hash = |n: i64| (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut expected: Vec<i64> = (0..50_000).collect();
        expected.sort_by_key(|n| hash(*n));
        expected.truncate(100);
        for size in [1, 7, 8192] {
            let mut bottom = Bottom::new(100, usize::MAX);
            let all: Vec<i64> = if size == 7 { (0..50_000).rev().collect() } else { (0..50_000).collect() };
            for part in all.chunks(size) {
                let column: ArrayRef = Arc::new(Int64Array::from(part.to_vec()));
                let rows: Vec<(u32, u64)> = part.iter().enumerate().map(|(at, n)| (at as u32, hash(*n))).collect();
                bottom.offer(&[&column], &rows).unwrap();
            }
            let kept = bottom.finish().unwrap();
            assert_eq!(kept[0].as_primitive::<Int64Type>().values(), expected.as_slice(), "in batches of {size}");
        }
    }

    #[test]
    fn large_cells_make_a_smaller_sample() {
        let mut bottom = Bottom::new(4096, 1 << 20);
        for part in 0..40u64 {
            let column: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(10_000); 50]));
            let rows: Vec<(u32, u64)> = (0..50u32).map(|row| (row, part * 50 + u64::from(row))).collect();
            bottom.offer(&[&column], &rows).unwrap();
            assert!(bottom.held() <= 3 << 20, "{}", bottom.held());
        }
        let rows = bottom.finish().unwrap()[0].len();
        assert!((50..=200).contains(&rows), "{rows}");
    }
}
