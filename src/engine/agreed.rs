//! The key hashes whose rows agreed, as a set of their first 48 bits: 4 bytes each. It may hold more than was put in, by
//! chance (one in 2^48 for each that was), never less.

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};

/// By the first 16 bits.
const BUCKETS: usize = 1 << 16;

#[derive(Debug, Default, Clone)]
pub struct Agreed {
    /// Where each bucket ends in `rests`; empty if there is nothing in any.
    ends: Vec<u32>,
    /// The 32 bits that follow, by bucket, in order; little endian, as they are stored.
    rests: Bytes,
}

/// Hashes in order, as one partition gives them.
#[derive(Debug, Default)]
pub struct Part {
    /// How many of a bucket.
    runs: Vec<(u16, u32)>,
    last: u32,
    rests: Vec<u8>,
}

type Rest = [u8; Agreed::WIDTH];

fn place(hash: u64) -> (u16, u32) {
    ((hash >> 48) as u16, (hash >> 16) as u32)
}

impl Part {
    /// `hash` is none that comes before the last one.
    pub fn push(&mut self, hash: u64) {
        let (bucket, rest) = place(hash);
        match self.runs.last_mut() {
            Some((last, _)) if *last == bucket && self.last == rest => return,
            Some((last, count)) if *last == bucket => *count += 1,
            _ => self.runs.push((bucket, 1)),
        }
        self.last = rest;
        self.rests.extend_from_slice(&rest.to_le_bytes());
    }
}

impl Agreed {
    /// Bytes of each hash.
    pub const WIDTH: usize = size_of::<u32>();

    pub fn of_parts(parts: Vec<Part>) -> Self {
        let mut counts = vec![0; BUCKETS];
        let mut rests = Vec::with_capacity(parts.iter().map(|part| part.rests.len()).sum());
        for part in parts {
            part.runs.iter().for_each(|(bucket, count)| counts[usize::from(*bucket)] += count);
            rests.extend_from_slice(&part.rests);
        }
        Self::new(&counts, rests)
    }

    fn new(counts: &[u32], rests: Vec<u8>) -> Self {
        let ends = counts.iter().scan(0, |end, count| {
            *end += count;
            Some(*end)
        });
        Self { ends: ends.collect(), rests: rests.into() }
    }

    pub fn len(&self) -> usize {
        self.rests.len() / Self::WIDTH
    }

    fn bucket(&self, bucket: usize) -> &[Rest] {
        let end = |bucket: usize| self.ends.get(bucket).map_or(0, |end| *end as usize);
        let start = bucket.checked_sub(1).map_or(0, end);
        &self.rests.as_chunks().0[start..end(bucket)]
    }

    pub fn may_contain(&self, hash: u64) -> bool {
        let (bucket, rest) = place(hash);
        self.bucket(usize::from(bucket)).binary_search_by_key(&rest, |rest| u32::from_le_bytes(*rest)).is_ok()
    }

    /// With some more, which are in order.
    pub fn with(&self, more: &[u64]) -> Self {
        let mut counts = Vec::with_capacity(BUCKETS);
        let mut rests = Vec::with_capacity(self.rests.len() + more.len() * Self::WIDTH);
        let mut more = more.iter().map(|hash| place(*hash)).peekable();
        for bucket in 0..BUCKETS {
            let before = rests.len();
            let mut own = self.bucket(bucket);
            let mut last = None;
            while let Some((_, rest)) = more.next_if(|(place, _)| usize::from(*place) == bucket) {
                let (less, others) = own.split_at(own.partition_point(|own| u32::from_le_bytes(*own) < rest));
                rests.extend_from_slice(less.as_flattened());
                own = others.strip_prefix(&[rest.to_le_bytes()]).unwrap_or(others);
                if last != Some(rest) {
                    rests.extend_from_slice(&rest.to_le_bytes());
                }
                last = Some(rest);
            }
            rests.extend_from_slice(own.as_flattened());
            counts.push(((rests.len() - before) / Self::WIDTH) as u32);
        }
        Self::new(&counts, rests)
    }

    /// How long what `to_bytes` gives of so many hashes is; None: of more than there can be.
    pub fn bytes_of(hashes: u64) -> Option<u64> {
        u32::try_from(hashes).ok().map(|hashes| (BUCKETS as u64 + u64::from(hashes)) * Self::WIDTH as u64)
    }

    /// The ends of the buckets; and what follows the first 16 bits of each hash. Little endian.
    pub fn to_bytes(&self) -> [Bytes; 2] {
        let ends = (0..BUCKETS).map(|bucket| self.ends.get(bucket).copied().unwrap_or(0));
        let ends: Vec<u8> = ends.flat_map(u32::to_le_bytes).collect();
        [ends.into(), self.rests.clone()]
    }

    /// Of both, one after the other.
    pub fn from_bytes(mut bytes: Bytes) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::Data, "its hashes are out of order");
        if bytes.len() < BUCKETS * Self::WIDTH {
            return Err(wrong());
        }
        let ends = bytes.split_to(BUCKETS * Self::WIDTH);
        let ends: Vec<u32> = ends.as_chunks().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
        match ends.is_sorted() && ends.last().map(|end| *end as usize * Self::WIDTH) == Some(bytes.len()) {
            true => Ok(Self { ends, rests: bytes }),
            false => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agreed(hashes: &[u64]) -> Agreed {
        // As partitions give them: each in order, one after the other.
        let parts = [0, 1].map(|half| {
            let mut part = Part::default();
            hashes.iter().filter(|hash| *hash >> 63 == half).for_each(|hash| part.push(*hash));
            part
        });
        Agreed::of_parts(parts.into())
    }

    /// Few buckets, few rests, and what is below them.
    fn hashes() -> impl Strategy<Value = Vec<u64>> {
        let hash = (0..3u64, 0..5u64, 0..3u64).prop_map(|(bucket, rest, below)| {
            [0, 1 << 48, u64::MAX << 48][bucket as usize]
                | [0, 1, 7, 1 << 31, (1 << 32) - 1][rest as usize] << 16
                | below
        });
        proptest::collection::vec(hash, 0..40).prop_map(|mut hashes| {
            hashes.sort_unstable();
            hashes
        })
    }

    proptest! {
        #[test]
        fn holds_what_was_put_in_and_nothing_with_other_prefixes(a in hashes(), b in hashes(), asked in hashes()) {
            let both = agreed(&a).with(&b);
            let bytes = both.to_bytes().concat();
            prop_assert_eq!(Agreed::bytes_of(both.len() as u64), Some(bytes.len() as u64));
            let read = Agreed::from_bytes(bytes.into()).unwrap();
            for hash in asked.iter().chain(&a).chain(&b) {
                let prefix = |other: &&u64| **other >> 16 == hash >> 16;
                let inside = a.iter().chain(&b).any(|other| prefix(&other));
                prop_assert_eq!(both.may_contain(*hash), inside);
                prop_assert_eq!(read.may_contain(*hash), inside);
                prop_assert_eq!(agreed(&a).may_contain(*hash), a.iter().any(|other| prefix(&other)));
            }
            let mut prefixes: Vec<u64> = a.iter().chain(&b).map(|hash| hash >> 16).collect();
            prefixes.sort_unstable();
            prefixes.dedup();
            prop_assert_eq!(read.len(), prefixes.len());
        }
    }

    #[test]
    fn what_is_out_of_order_is_refused() {
        let bytes = agreed(&[1 << 16, 2 << 48]).to_bytes().concat();
        let read = |bytes: &[u8]| Agreed::from_bytes(Bytes::copy_from_slice(bytes));
        assert!(read(&bytes).is_ok());
        assert!(read(&bytes[..bytes.len() - 4]).is_err() && read(&bytes[..100]).is_err());
        let mut wild = bytes.clone();
        wild[3] = 255;
        assert!(read(&wild).is_err());
        assert!(!Agreed::default().may_contain(0));
    }
}
