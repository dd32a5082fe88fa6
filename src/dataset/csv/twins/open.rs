//! Records that are left over, of one side, in the order of the file.

use std::collections::HashMap;

use crate::side::BySide;

/// What a record costs besides its bytes: its end, its key, and a place in the map in which they are cancelled.
const OVERHEAD: usize = 96;

#[derive(Default)]
pub(super) struct Open {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    pub keys: Vec<u64>,
}

impl Open {
    /// `record`: without its line end.
    pub(super) fn push(&mut self, record: &[u8], key: u64) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
        self.keys.push(key);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes that these records hold, now and as batches.
    pub(super) fn held(&self) -> usize {
        2 * self.bytes.capacity() + OVERHEAD * self.len()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Without the records that are marked.
    fn without(&self, gone: &[bool]) -> Self {
        let mut rest = Self::default();
        for ((record, key), gone) in self.records().zip(&self.keys).zip(gone) {
            if !gone {
                rest.push(record, *key);
            }
        }
        rest
    }
}

/// Cancels the records of one side against those of the other, one for one, wherever they stand. Answers the keys of
/// those that are gone.
pub(super) fn cancel(open: &mut BySide<Open>) -> Vec<u64> {
    let target: Vec<&[u8]> = open.target.records().collect();
    // The first of the target's equal records, and behind each the next one.
    let mut first: HashMap<&[u8], usize> = HashMap::with_capacity(target.len());
    let mut next = vec![None; target.len()];
    for (n, record) in target.iter().enumerate().rev() {
        next[n] = first.insert(record, n);
    }
    let mut gone = BySide::new(vec![false; open.source.len()], vec![false; target.len()]);
    let mut keys = Vec::new();
    for ((record, key), gone_source) in open.source.records().zip(&open.source.keys).zip(&mut gone.source) {
        let Some(twin) = first.remove(record) else { continue };
        if let Some(next) = next[twin] {
            first.insert(record, next);
        }
        (*gone_source, gone.target[twin]) = (true, true);
        keys.push(*key);
    }
    if !keys.is_empty() {
        *open = BySide::new(open.source.without(&gone.source), open.target.without(&gone.target));
    }
    keys
}
