//! After a difference: the nearest records ahead that are the same again.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::super::tokenizer::Tokenizer;
use super::places::{Place, Places};
use super::queue::Queue;
use super::rope::Rope;
use super::{Sizes, Stop};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// So many records of the source have none; then comes one that is the same as the last of these of the target.
    Twins { source: usize, target: Vec<Place> },
    /// None of these has a twin near by; as many of the source have none.
    Nothing { target: Vec<Place> },
    /// The target's bytes hold no whole record.
    Starved,
}

/// How the window grows, and how many records are compared each with each before hashes pay.
const FIRST: usize = 2;
const GROWTH: usize = 8;
const FEW: usize = 16;

/// Bytes that are looked at first.
const GLANCE: usize = 2 << 10;

/// There must be a record of the source.
pub(super) fn meet(source: &Queue, target: &Rope, tokenizer: &Tokenizer, sizes: &Sizes) -> Result<Meeting, Stop> {
    let mut places = Places::new(tokenizer);
    let mut glance = GLANCE;
    let mut count = FIRST.min(sizes.records);
    loop {
        let ours = source.window(count);
        let mut text = places.find(target, glance, count)?;
        while places.found.len() < count && text.len() < target.bytes {
            // A few large records are enough.
            if glance >= sizes.bytes && !places.found.is_empty() {
                break;
            }
            glance *= GROWTH;
            text = places.find(target, glance, count)?;
        }
        let theirs: Vec<&[u8]> = places.found.iter().map(|place| &text[place.start..place.end]).collect();
        if let Some((source, last)) = nearest(&ours, &theirs) {
            places.found.truncate(last + 1);
            return Ok(Meeting::Twins { source, target: places.found });
        }
        if count >= sizes.records || (ours.len() < count && theirs.len() < count) {
            // As many of one side as of the other: changed rows stay side by side.
            places.found.truncate(ours.len());
            let none = places.found.is_empty();
            return Ok(if none { Meeting::Starved } else { Meeting::Nothing { target: places.found } });
        }
        count = (count * GROWTH).min(sizes.records);
    }
}

/// The equal records with the fewest others before them.
fn nearest(ours: &[&[u8]], theirs: &[&[u8]]) -> Option<(usize, usize)> {
    if ours.len().max(theirs.len()) <= FEW {
        let diagonal = |sum: usize| (0..=sum).map(move |n| (n, sum - n));
        return (0..ours.len() + theirs.len())
            .flat_map(diagonal)
            .filter(|(n, m)| *n < ours.len() && *m < theirs.len())
            .find(|(n, m)| ours[*n] == theirs[*m]);
    }
    let mut first: HashMap<u64, usize> = HashMap::with_capacity(ours.len());
    for (n, record) in ours.iter().enumerate() {
        first.entry(xxh3_64(record)).or_insert(n);
    }
    let mut best = None;
    for (m, record) in theirs.iter().enumerate() {
        if best.is_some_and(|(n, other)| m >= n + other) {
            break;
        }
        let found = first.get(&xxh3_64(record)).filter(|n| ours[**n] == *record);
        if let Some(n) = found
            && best.is_none_or(|(before, other)| n + m < before + other)
        {
            best = Some((*n, m));
        }
    }
    best
}
