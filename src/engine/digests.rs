//! The digests of one side: per row 24 bytes, a 64-bit hash of the key and the 128-bit digest of the row, partitioned by
//! key hash; in memory as long as the pool gives some, then on disk.

use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;

use crate::engine::segments::SegmentFile;
use crate::engine::suspects::Suspects;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::side::BySide;

/// Key hash, then the digest's high and low half: ordered by key hash, then by digest.
pub type Entry = [u64; 3];

pub const ENTRY_BYTES: usize = size_of::<Entry>();
/// A partition grows by pieces of this many rows.
const PIECE: usize = 4096;

/// Rows and the order-independent sum of their digests: equal for equal multisets of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub rows: u64,
    /// Sum of the rows' digests modulo 2^128.
    pub checksum: u128,
}

impl Tally {
    pub fn add(&mut self, digest: u128) {
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(digest);
    }

    pub fn merge(&mut self, other: Tally) {
        self.rows += other.rows;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }

    /// What is left when `other`, a part of it, is taken away.
    pub fn less(self, other: Tally) -> Option<Tally> {
        let rows = self.rows.checked_sub(other.rows)?;
        Some(Tally { rows, checksum: self.checksum.wrapping_sub(other.checksum) })
    }
}

/// A digest as SQL hands it over: 16 bytes, big endian.
pub fn digest_of(bytes: Option<&[u8]>) -> Result<u128> {
    let bytes = bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    bytes.map(u128::from_be_bytes).ok_or_else(|| Error::new(ErrorKind::Internal, "a row has no digest"))
}

/// What one scanning task collects.
pub struct Digests {
    partitions: Vec<Vec<Vec<Entry>>>,
    shift: u32,
    spilled: Option<SegmentFile>,
    reservation: MemoryReservation,
    /// Bytes that may stay in memory, so that comparing finds room beside it.
    limit: usize,
    pub tally: Tally,
    /// Rows are missing: a limit was reached.
    pub stopped: bool,
    progress: Arc<Progress>,
}

impl Digests {
    /// `partitions`: a power of two of at least 2. `limit`: bytes that may stay in memory.
    pub fn new(runtime: &RuntimeEnv, progress: &Arc<Progress>, partitions: usize, limit: usize) -> Self {
        let consumer = MemoryConsumer::new("row digests").with_can_spill(true);
        Self {
            partitions: vec![Vec::new(); partitions],
            shift: 64 - partitions.trailing_zeros(),
            spilled: None,
            reservation: consumer.register(&runtime.memory_pool),
            limit,
            tally: Tally::default(),
            stopped: false,
            progress: progress.clone(),
        }
    }

    pub fn push(&mut self, runtime: &RuntimeEnv, hash: u64, digest: u128) -> Result<()> {
        self.tally.add(digest);
        let partition = (hash >> self.shift) as usize;
        let full = self.partitions[partition].last().is_none_or(|piece| piece.len() == piece.capacity());
        if full {
            self.make_room(runtime, partition)?;
        }
        let entry = [hash, (digest >> 64) as u64, digest as u64];
        match self.partitions[partition].last_mut() {
            Some(piece) => piece.push(entry),
            None => return Err(Error::new(ErrorKind::Internal, "no room was made for a digest")),
        }
        Ok(())
    }

    /// A new piece for the partition; small ones first, so that small inputs stay small.
    fn make_room(&mut self, runtime: &RuntimeEnv, partition: usize) -> Result<()> {
        let pieces = self.partitions[partition].len();
        let rows = (64 << (2 * pieces.min(3))).min(PIECE);
        let bytes = rows * ENTRY_BYTES;
        if self.reservation.size() + bytes > self.limit || self.reservation.try_grow(bytes).is_err() {
            self.spill(runtime)?;
            self.reservation.try_grow(bytes)?;
        }
        self.partitions[partition].push(Vec::with_capacity(rows));
        Ok(())
    }

    fn spill(&mut self, runtime: &RuntimeEnv) -> Result<()> {
        let count = self.partitions.len();
        let file = match &mut self.spilled {
            Some(file) => file,
            none => none.insert(SegmentFile::create(runtime, &self.progress, count, "row digests")?),
        };
        let mut bytes = Vec::new();
        for (partition, pieces) in self.partitions.iter_mut().enumerate() {
            bytes.clear();
            for entry in pieces.drain(..).flatten() {
                entry.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
            }
            if !bytes.is_empty() {
                file.append(partition, &bytes)?;
            }
        }
        self.reservation.free();
        Ok(())
    }

    /// Takes entries in as `sorted_bytes` gives them; a part of one at the end is left out.
    pub fn push_bytes(&mut self, runtime: &RuntimeEnv, bytes: &[u8]) -> Result<()> {
        for [hash, high, low] in bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(entry) {
            self.push(runtime, hash, u128::from(high) << 64 | u128::from(low))?;
        }
        Ok(())
    }

    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// The entries of a partition, in order: three little endian integers each.
    pub fn sorted_bytes(&self, partition: usize) -> Result<Vec<u8>> {
        let mut entries = Vec::with_capacity(self.partition_rows(partition));
        self.collect(partition, &mut entries)?;
        entries.sort_unstable();
        let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
        entries.iter().flatten().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        Ok(bytes)
    }

    /// Whether any row may be one of the suspects.
    pub fn holds_any(&self, suspects: &Suspects) -> Result<bool> {
        let mut entries = Vec::new();
        for partition in 0..self.partitions.len() {
            entries.clear();
            self.collect(partition, &mut entries)?;
            if entries.iter().any(|entry| suspects.may_contain(entry[0])) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub fn spilled_bytes(&self) -> u64 {
        self.spilled.as_ref().map_or(0, SegmentFile::len)
    }

    fn partition_rows(&self, partition: usize) -> usize {
        let spilled = self.spilled.as_ref().map_or(0, |file| file.bucket_len(partition));
        self.partitions[partition].iter().map(Vec::len).sum::<usize>() + spilled as usize / ENTRY_BYTES
    }

    fn collect(&self, partition: usize, into: &mut Vec<Entry>) -> Result<()> {
        self.partitions[partition].iter().for_each(|piece| into.extend_from_slice(piece));
        let Some(file) = &self.spilled else { return Ok(()) };
        for segment in file.read(partition) {
            let segment = segment?;
            into.extend(segment.as_chunks::<ENTRY_BYTES>().0.iter().map(entry));
        }
        Ok(())
    }
}

pub fn entry(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let words = bytes.as_chunks::<8>().0;
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]), u64::from_le_bytes(words[2])]
}

/// The rows of both sides under one key hash, each in order.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    pub hash: u64,
    pub source: &'a [Entry],
    pub target: &'a [Entry],
}

impl Group<'_> {
    /// Two groups of rows under one key hash agree if they are the same multiset of digests. A key hash that two keys share
    /// can only make a suspect of rows that agree: their digests are compared, never the hash alone.
    pub fn agrees(&self) -> bool {
        self.source == self.target
    }

    /// Whether the key hash stands more than once on a side.
    pub fn repeats(&self) -> bool {
        self.source.len() > 1 || self.target.len() > 1
    }
}

/// What comparing the digests found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows under a key hash that does not agree.
    pub suspects: BySide<u64>,
    /// Key hashes that stand more than once on a side.
    pub repeated: u64,
}

impl Found {
    /// Marks the group's key hash if its rows do not agree.
    pub fn take(&mut self, group: &Group<'_>, suspects: &Suspects) {
        if !group.agrees() {
            suspects.mark(group.hash);
            self.suspects.source += group.source.len() as u64;
            self.suspects.target += group.target.len() as u64;
        }
        self.repeated += u64::from(group.repeats());
    }

    pub fn merge(&mut self, other: Found) {
        self.suspects.source += other.suspects.source;
        self.suspects.target += other.suspects.target;
        self.repeated += other.repeated;
    }
}

/// Marks the key hashes whose rows do not agree.
pub fn compare(runtime: &RuntimeEnv, sides: &BySide<Vec<&Digests>>, suspects: &Suspects) -> Result<Found> {
    let mut total = Found::default();
    for found in walk(runtime, sides, |found: &mut Found, group| found.take(&group, suspects))? {
        total.merge(found);
    }
    Ok(total)
}

/// Visits the groups of all key hashes. What each partition's groups came to is returned in the order of the hashes, in
/// which those of a partition are visited.
pub fn walk<T: Default + Send>(
    runtime: &RuntimeEnv,
    sides: &BySide<Vec<&Digests>>,
    visit: impl Fn(&mut T, Group<'_>) + Sync,
) -> Result<Vec<T>> {
    let partitions = sides.source.iter().chain(&sides.target).map(|d| d.partitions.len()).max().unwrap_or(0);
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get()).min(partitions.max(1));
    let visit = &visit;
    let results: Vec<Result<Vec<(usize, T)>>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || {
                    let consumer = MemoryConsumer::new("digests of a partition");
                    let reservation = consumer.register(&runtime.memory_pool);
                    let own = (worker..partitions).step_by(workers);
                    own.map(|partition| Ok((partition, walk_partition(sides, partition, &reservation, visit)?)))
                        .collect()
                })
            })
            .collect();
        let panicked = || Err(Error::new(ErrorKind::Internal, "a worker that compares digests panicked"));
        handles.into_iter().map(|handle| handle.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut all = Vec::with_capacity(partitions);
    for found in results {
        all.append(&mut found?);
    }
    all.sort_unstable_by_key(|(partition, _)| *partition);
    Ok(all.into_iter().map(|(_, found)| found).collect())
}

fn walk_partition<T: Default>(
    sides: &BySide<Vec<&Digests>>,
    partition: usize,
    reservation: &MemoryReservation,
    visit: &impl Fn(&mut T, Group<'_>),
) -> Result<T> {
    let rows = |digests: &[&Digests]| digests.iter().map(|d| d.partition_rows(partition)).sum::<usize>();
    let bytes = (rows(&sides.source) + rows(&sides.target)) * ENTRY_BYTES;
    reservation.try_resize(bytes)?;
    let load = |digests: &[&Digests]| -> Result<Vec<Entry>> {
        let mut entries = Vec::with_capacity(rows(digests));
        digests.iter().try_for_each(|d| d.collect(partition, &mut entries))?;
        entries.sort_unstable();
        Ok(entries)
    };
    let (source, target) = (load(&sides.source)?, load(&sides.target)?);
    let mut found = T::default();
    groups(&source, &target, |group| visit(&mut found, group));
    reservation.free();
    Ok(found)
}

/// Visits the groups of key hashes; the entries are in order.
pub fn groups<'a>(mut source: &'a [Entry], mut target: &'a [Entry], mut visit: impl FnMut(Group<'a>)) {
    while let Some(hash) = [source.first(), target.first()].into_iter().flatten().map(|entry| entry[0]).min() {
        let (s_group, s_rest) = source.split_at(group_end(source, hash));
        let (t_group, t_rest) = target.split_at(group_end(target, hash));
        visit(Group { hash, source: s_group, target: t_group });
        (source, target) = (s_rest, t_rest);
    }
}

/// Groups are short: a walk finds their end sooner than a search.
fn group_end(entries: &[Entry], hash: u64) -> usize {
    entries.iter().take_while(|entry| entry[0] == hash).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    fn digests(runtime: &RuntimeEnv, rows: &[(u64, u128)]) -> Vec<Digests> {
        let mut digests = Digests::new(runtime, &Arc::default(), 4, usize::MAX);
        rows.iter().for_each(|(hash, digest)| digests.push(runtime, *hash, *digest).unwrap());
        vec![digests]
    }

    fn suspects_of(source: &[(u64, u128)], target: &[(u64, u128)]) -> BySide<u64> {
        let runtime = RuntimeEnv::default();
        let (source, target) = (digests(&runtime, source), digests(&runtime, target));
        let sides = BySide::new(source.iter().collect(), target.iter().collect());
        compare(&runtime, &sides, &Suspects::for_rows(16)).unwrap().suspects
    }

    #[test]
    fn equal_multisets_are_no_suspects_in_any_order() {
        assert_eq!(suspects_of(&[(1, 7), (1, 8), (9, 1)], &[(9, 1), (1, 8), (1, 7)]), BySide::new(0, 0));
    }

    #[test]
    fn colliding_key_hashes_hide_nothing() {
        // Two keys under one hash; one of them changed: all rows of the hash are suspects.
        assert_eq!(suspects_of(&[(1, 7), (1, 8)], &[(1, 7), (1, 9)]), BySide::new(2, 2));
        // Digests that sum up to the same.
        assert_eq!(suspects_of(&[(1, 1), (1, 4)], &[(1, 2), (1, 3)]), BySide::new(2, 2));
    }

    #[test]
    fn repeats_count() {
        assert_eq!(suspects_of(&[(1, 7), (1, 7)], &[(1, 7)]), BySide::new(2, 1));
        assert_eq!(suspects_of(&[], &[(u64::MAX, 7)]), BySide::new(0, 1));
    }

    #[test]
    fn spilling_changes_nothing() {
        let pool = Arc::new(GreedyMemoryPool::new(1 << 20));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build().unwrap();
        let spread = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut source = Digests::new(&runtime, &Arc::default(), 64, 64 * ENTRY_BYTES * 4);
        (0..5000u64).for_each(|i| source.push(&runtime, spread(i), u128::from(i)).unwrap());
        let mut target = Digests::new(&runtime, &Arc::default(), 64, 64 * ENTRY_BYTES * 4);
        (0..5000u64).rev().for_each(|i| target.push(&runtime, spread(i), u128::from(i / 4999)).unwrap());
        assert!(source.spilled_bytes() > 0 && target.spilled_bytes() > 0);
        let found = compare(&runtime, &BySide::new(vec![&source], vec![&target]), &Suspects::for_rows(5000)).unwrap();
        // Row 0 alone agrees.
        assert_eq!(found, Found { suspects: BySide::new(4999, 4999), repeated: 0 });
    }
}
