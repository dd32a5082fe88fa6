//! Keys that diverge, kept while they are found, so that their rows can be looked at again: 128 bits of each, as
//! `row_digest` gives them, and what of the counts is theirs.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::{cast, is_not_null, kernels::zip::zip};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use crate::engine::Engine;
use crate::engine::classified::Classified;
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::field::{self, column};
use crate::side::{BySide, Side};
use crate::sql::row_digests;

/// So many keys are named one by one to a database; where there are more, all of its rows are looked at.
const NAMED: usize = 1000;
/// What a divergence takes here, with room to grow.
const BYTES: usize = 48;

/// Takes in what is classified.
pub struct Diverging {
    plan: Arc<MatchPlan>,
    found: Mutex<Found>,
}

struct Found {
    /// Of the key of each divergence.
    keys: Vec<u128>,
    /// Rows left over of keys that repeat, and how often their key stands in the source.
    duplicates: BySide<u64>,
    in_source: Vec<(u128, u64)>,
    /// By value column: cells within the tolerance, in rows that diverge; and in others of keys that repeat.
    near: Vec<u64>,
    near_beside: Vec<(u128, usize)>,
    /// The keys themselves, as long as they are few whole numbers.
    numbers: Option<Vec<Option<i64>>>,
    memory: MemoryReservation,
}

/// The keys that diverge, all of them.
pub struct Diverged {
    /// In order, each once; and how many divergences it has.
    keys: Vec<u128>,
    divergences: Vec<u32>,
    /// Pairs under these keys that are equal all the same: the keys repeat.
    pub equal: u64,
    /// Rows left over of keys that repeat.
    pub duplicates: BySide<u64>,
    /// By value column: cells under these keys that are within the tolerance.
    pub within_tolerance: Vec<u64>,
    numbers: Option<Vec<Option<i64>>>,
    /// As long as the keys are held.
    _memory: MemoryReservation,
}

impl Diverging {
    pub fn new(engine: &Engine, plan: &Arc<MatchPlan>) -> Self {
        let memory = MemoryConsumer::new("keys that diverge").register(&engine.ctx.runtime_env().memory_pool);
        let whole = plan.key.len() == 1 && plan.key[0].common.data_type.is_integer();
        let found = Found {
            keys: Vec::new(),
            duplicates: BySide::default(),
            in_source: Vec::new(),
            near: vec![0; plan.values.len()],
            near_beside: Vec::new(),
            numbers: whole.then(Vec::new),
            memory,
        };
        Self { plan: plan.clone(), found: Mutex::new(found) }
    }

    pub fn take(&self, classified: &Classified) -> Result<()> {
        let batch = &classified.batch;
        let keys = key_digests(&self.plan, batch)?;
        let count = |name: &str| batch.column_by_name(name).map(|column| column.as_primitive::<Int64Type>().clone());
        let (in_source, in_target) = (count(field::IN_SOURCE), count(field::IN_TARGET));
        let sides = cast(column(batch, field::SIDE)?, &DataType::Utf8)?;
        let sides = sides.as_string::<i32>();
        let set = |flags: &BooleanArray, row: usize| flags.is_valid(row) && flags.value(row);
        let differs = |row| classified.differs.iter().any(|flags| set(flags, row));
        let diverge: Vec<bool> =
            (0..batch.num_rows()).map(|row| classified.kind.value(row) != "pair" || differs(row)).collect();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.memory.try_grow(diverge.iter().filter(|diverges| **diverges).count() * BYTES)?;
        for (row, &key) in keys.iter().enumerate() {
            let near = classified.near.iter().enumerate();
            let near = near.filter(|(_, flags)| flags.as_ref().is_some_and(|flags| set(flags, row)));
            if diverge[row] {
                found.keys.push(key);
                near.for_each(|(n, _)| found.near[n] += 1);
            } else if [&in_source, &in_target].into_iter().flatten().any(|times| times.value(row) > 1) {
                found.near_beside.extend(near.map(|(n, _)| (key, n)));
            }
            if classified.kind.value(row) == "duplicate_key" {
                let times = in_source.as_ref().map_or(0, |times| times.value(row).unsigned_abs());
                found.in_source.push((key, times));
                let side = if sides.value(row) == Side::Source.as_str() { Side::Source } else { Side::Target };
                *found.duplicates.get_mut(side) += 1;
            }
        }
        found.name(column(batch, &field::key(0))?, &diverge)
    }

    /// What was taken in.
    pub fn finish(&self) -> Result<Diverged> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = std::mem::take(&mut found.keys);
        keys.sort_unstable();
        let divergences = keys.chunk_by(|a, b| a == b).map(|same| u32::try_from(same.len()).unwrap_or(u32::MAX));
        let divergences: Vec<u32> = divergences.collect();
        keys.dedup();
        let mut in_source = std::mem::take(&mut found.in_source);
        in_source.sort_unstable();
        in_source.dedup();
        let in_source: u64 = in_source.iter().map(|(_, times)| times).sum();
        let equal = in_source.checked_sub(found.duplicates.source).ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "conservation does not hold: more rows of a key are left over than there are",
            )
            .hint("this is no verdict; please report it")
        })?;
        let mut within_tolerance = std::mem::take(&mut found.near);
        for (key, n) in std::mem::take(&mut found.near_beside) {
            within_tolerance[n] += u64::from(keys.binary_search(&key).is_ok());
        }
        Ok(Diverged {
            keys,
            divergences,
            equal,
            duplicates: found.duplicates,
            within_tolerance,
            numbers: found.numbers.take(),
            _memory: found.memory.take(),
        })
    }
}

impl Found {
    fn name(&mut self, keys: &ArrayRef, diverge: &[bool]) -> Result<()> {
        let Some(numbers) = &mut self.numbers else { return Ok(()) };
        let wide = cast(keys, &DataType::Int64)?;
        let wide = wide.as_primitive::<Int64Type>();
        for row in (0..keys.len()).filter(|&row| diverge[row]) {
            // One that is greater than any `i64` is not told.
            if numbers.len() == NAMED || keys.is_valid(row) && wide.is_null(row) {
                self.numbers = None;
                return Ok(());
            }
            numbers.push(wide.is_valid(row).then(|| wide.value(row)));
        }
        Ok(())
    }
}

impl Diverged {
    /// Of keys by their digests. `numbers`: the keys themselves, where they are whole numbers.
    pub fn of_digests(engine: &Engine, mut keys: Vec<u128>, numbers: Option<Vec<Option<i64>>>) -> Result<Self> {
        let memory = MemoryConsumer::new("keys to look at").register(&engine.ctx.runtime_env().memory_pool);
        memory.try_grow(keys.len() * BYTES)?;
        keys.sort_unstable();
        keys.dedup();
        Ok(Self {
            divergences: vec![1; keys.len()],
            keys,
            equal: 0,
            duplicates: BySide::default(),
            within_tolerance: Vec::new(),
            numbers: numbers.filter(|numbers| numbers.len() <= NAMED),
            _memory: memory,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn contains(&self, key: u128) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// The keys, where they are few whole numbers.
    pub fn numbers(&self) -> Option<&[Option<i64>]> {
        self.numbers.as_deref()
    }

    /// How many of these divergences are gone in `later`, which is what a look at their keys found; there, a key has as many
    /// as it has here, or fewer, and what is more is new. An error if it found other keys.
    pub fn gone(&self, later: &Diverged) -> Result<u64> {
        let mut gone: u64 = self.divergences.iter().map(|&n| u64::from(n)).sum();
        for (key, &now) in later.keys.iter().zip(&later.divergences) {
            let at = self.keys.binary_search(key).map_err(|_| {
                Error::new(ErrorKind::Internal, "a key diverges that was not to be looked at again")
                    .hint("this is no verdict; please report it")
            })?;
            gone -= u64::from(now.min(self.divergences[at]));
        }
        Ok(gone)
    }
}

/// 128 bits of the key of each row that was classified: as `row_digest` gives them over what is compared of the rows.
fn key_digests(plan: &MatchPlan, batch: &RecordBatch) -> Result<Vec<u128>> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (i, key) in plan.key.iter().enumerate() {
        columns.push(column(batch, &field::key_order(i))?.clone());
        if key.has_residue() {
            let text = |side| Ok::<_, Error>(cast(column(batch, &field::residue(side, 'k', i))?, &DataType::Utf8)?);
            let (source, target) = (text(Side::Source)?, text(Side::Target)?);
            // Of the side that has the row; of both, they are the same.
            columns.push(zip(&is_not_null(&source)?, &source, &target)?);
        }
    }
    row_digests(&columns, batch.num_rows())
}
