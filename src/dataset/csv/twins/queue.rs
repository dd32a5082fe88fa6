//! The source's records that wait for their turn, and the hashes of those that found a twin.

use std::collections::VecDeque;

use bytes::Bytes;

use super::index::Index;

/// Whole records, at least one, and nothing else but blank lines.
pub(super) struct Block {
    pub bytes: Bytes,
    pub index: Index,
}

impl Block {
    fn start(&self, record: usize) -> usize {
        match record.checked_sub(1) {
            Some(before) => self.index.ends[before] as usize,
            None => self.index.start,
        }
    }

    fn end(&self, record: usize) -> usize {
        self.index.ends[record] as usize
    }

    /// A record without its line end.
    fn record(&self, record: usize) -> &[u8] {
        content(&self.bytes[self.start(record)..self.end(record)])
    }
}

/// Without the line ends behind it: a record itself cannot end with one, since a quote would follow.
pub(super) fn content(record: &[u8]) -> &[u8] {
    let length = record.iter().rposition(|byte| !is_line_end(*byte)).map_or(0, |last| last + 1);
    &record[..length]
}

pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[derive(Default)]
pub(super) struct Queue {
    blocks: VecDeque<Block>,
    /// The next record of the first block, and how many of its keys are kept, at the front of them.
    at: usize,
    kept: usize,
    /// What waits.
    pub records: usize,
    pub bytes: usize,
    /// What went.
    pub passed: u64,
    /// No block will follow.
    pub ended: bool,
    /// The hashes of the keys of all records that were cancelled.
    pub hashes: Vec<Vec<u64>>,
    /// Bytes that these hold.
    pub held: usize,
}

impl Queue {
    pub(super) fn push(&mut self, block: Block) {
        self.records += block.index.ends.len();
        self.bytes += block.bytes.len() - block.start(0);
        self.blocks.push_back(block);
    }

    /// The bytes from the next record to the end of its block.
    pub(super) fn stretch(&self) -> &[u8] {
        self.blocks.front().map_or(&[], |block| &block.bytes[block.start(self.at)..])
    }

    /// How many of the next records lie whole, with their line end, in the first `length` bytes of the stretch; and the
    /// bytes of these.
    pub(super) fn whole(&self, length: usize) -> (usize, usize) {
        let Some(block) = self.blocks.front() else { return (0, 0) };
        let start = block.start(self.at);
        let mut records = block.index.ends[self.at..].partition_point(|end| *end as usize <= start + length);
        let ends = |records: usize| block.end(self.at + records - 1);
        // At the end of the file, a line end may be missing: then it is not yet known that the other record ends, too.
        if records > 0 && !block.bytes[..ends(records)].last().is_some_and(|byte| is_line_end(*byte)) {
            records -= 1;
        }
        (records, if records == 0 { 0 } else { ends(records) - start })
    }

    /// Up to `count` of the next records, without their line ends.
    pub(super) fn window(&self, count: usize) -> Vec<&[u8]> {
        let mut window = Vec::with_capacity(count);
        let mut from = self.at;
        for block in &self.blocks {
            let to = block.index.ends.len().min(from + count - window.len());
            window.extend((from..to).map(|record| block.record(record)));
            from = 0;
            if window.len() == count {
                break;
            }
        }
        window
    }

    pub(super) fn first(&self) -> Option<(&[u8], u64)> {
        self.blocks.front().map(|block| (block.record(self.at), block.index.keys[self.at]))
    }

    /// The next records have a twin. They must lie in one block.
    pub(super) fn cancel(&mut self, count: usize) {
        if let Some(block) = self.blocks.front_mut() {
            block.index.keys.copy_within(self.at..self.at + count, self.kept);
            self.kept += count;
        }
        self.go(count);
    }

    /// The next record is left over.
    pub(super) fn pass(&mut self) {
        self.go(1);
    }

    fn go(&mut self, count: usize) {
        let Some(block) = self.blocks.front() else { return };
        let gone = block.end(self.at + count - 1) - block.start(self.at);
        self.records -= count;
        self.bytes -= gone;
        self.passed += gone as u64;
        self.at += count;
        if self.at < block.index.ends.len() {
            return;
        }
        let mut keys = self.blocks.pop_front().map_or_else(Vec::new, |block| block.index.keys);
        keys.truncate(self.kept);
        keys.shrink_to_fit();
        (self.at, self.kept) = (0, 0);
        self.add_hashes(keys);
    }

    pub(super) fn add_hashes(&mut self, hashes: Vec<u64>) {
        self.held += size_of::<Vec<u64>>() + hashes.capacity() * size_of::<u64>();
        self.hashes.push(hashes);
    }
}
