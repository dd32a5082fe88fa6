//! From the checksums of large segments to the few small ones whose rows have to be looked at.

use std::collections::BTreeSet;

use super::forms::Pushed;
use super::kept::KeptSums;
use super::{MOST_SEGMENTS, Summing, Sums, broken};
use crate::dataset::{Grid, SegmentBy, Segments};
use crate::error::Result;
use crate::side::{BySide, Side};

/// Rows that a segment has at first, about; and so many segments at most.
const ROWS: u64 = 96;
const FIRST_SEGMENTS: u64 = 32_768;
/// In so many parts a segment that differs is split.
const SPLIT: i64 = 16;
/// Rows that are better fetched than looked at again.
const FEW_ROWS: u64 = 1024;
/// Bits of a key's hash.
const HASH_BITS: u32 = 60;

/// What is left of the segments.
pub(super) struct Narrowed {
    pub grid: Grid,
    pub segments: Segments,
    /// Rows of all other segments, as many on each side.
    pub agreed: u64,
    /// Rows of these.
    pub open: BySide<u64>,
}

/// None where so much differs that all rows are better read, and why.
pub(super) async fn narrow(
    pushed: &Pushed,
    summing: &BySide<Summing>,
    mut grid: Grid,
    kept: Option<&KeptSums>,
) -> Result<Result<Narrowed, String>> {
    let (mut within, mut agreed) = (None::<(Grid, Segments)>, 0);
    let mut all = None;
    loop {
        let sums = sums(pushed, summing, grid, within.as_ref(), kept).await?;
        let (differing, same) = compare(&sums);
        agreed += same;
        let open = sums.as_ref().map(|sums| rows_of(sums, &differing));
        let total = *all.get_or_insert(sums.as_ref().map(|sums| sums.values().map(|sum| sum.rows).sum::<u64>()));
        let largest = open.source.max(open.target);
        if within.is_none() && largest > FEW_ROWS && 2 * largest > total.source.max(total.target) {
            return Ok(Err("most segments differ: all rows are read".into()));
        }
        // Without an index, each look reads all rows again.
        let enough = grid.step == 1 || !pushed.indexed || largest <= FEW_ROWS.max(4 * differing.len() as u64);
        if enough {
            if total.source.checked_sub(agreed) != Some(open.source)
                || total.target.checked_sub(agreed) != Some(open.target)
            {
                return Err(broken("segments that agree do not hold the same number of rows"));
            }
            return Ok(match differing.len() > MOST_SEGMENTS {
                true => Err("too many segments differ: all rows are read".into()),
                false => Ok(Narrowed { grid, segments: differing, agreed, open }),
            });
        }
        within = Some((grid, differing));
        grid.step = (grid.step / SPLIT).max(1);
    }
}

/// The segments of hashes.
pub(super) fn hash_grid(summing: &BySide<Summing>) -> Grid {
    let step = (1u64 << HASH_BITS) / first_segments(summing).next_power_of_two();
    Grid { low: 0, step: step as i64 }
}

/// The first segments; None where keys are too far apart. Steps are powers of two, so that segments of a finer grid lie inside
/// those of a coarser one.
pub(super) async fn first_grid(pushed: &Pushed, summing: &BySide<Summing>) -> Result<Option<Grid>> {
    if let SegmentBy::Hash(_) = pushed.by {
        return Ok(Some(hash_grid(summing)));
    }
    let bounds = |side: Side| async move {
        let bounds = match summing.get(side) {
            Summing::Database(table) => table.bounds(pushed.first_key(side)).await,
            Summing::Local(local) => local.bounds().await,
        };
        bounds.map_err(|error| error.context("side", side.as_str()))
    };
    let (source, target) = futures::future::join(bounds(Side::Source), bounds(Side::Target)).await;
    let found: Vec<(i64, i64)> = [source?, target?].into_iter().flatten().collect();
    let Some(low) = found.iter().map(|(low, _)| *low).min() else { return Ok(Some(Grid { low: 0, step: 1 })) };
    let high = found.iter().map(|(_, high)| *high).max().unwrap_or(low);
    // The last segment must end within 64 bits.
    let width = high.checked_sub(low).filter(|width| *width < i64::MAX / 4 && high < i64::MAX / 2);
    Ok(width.map(|width| Grid { low, step: (width as u64 / first_segments(summing) + 1).next_power_of_two() as i64 }))
}

fn first_segments(summing: &BySide<Summing>) -> u64 {
    (estimated_rows(summing) / ROWS).clamp(1, FIRST_SEGMENTS)
}

fn estimated_rows(summing: &BySide<Summing>) -> u64 {
    let estimate = |side: Side| match summing.get(side) {
        Summing::Database(table) => table.estimated_rows(),
        Summing::Local(_) => None,
    };
    Side::BOTH.into_iter().filter_map(estimate).max().unwrap_or(1_000_000)
}

async fn sums(
    pushed: &Pushed,
    summing: &BySide<Summing>,
    grid: Grid,
    within: Option<&(Grid, Segments)>,
    kept: Option<&KeptSums>,
) -> Result<BySide<Sums>> {
    let of_side = |side: Side| async move {
        let summing = summing.get(side);
        let sums = match kept {
            Some(kept) => kept.sums(summing, pushed, side, grid, within).await,
            None => summing.sums(pushed, side, grid, within).await,
        };
        sums.map_err(|error| error.context("side", side.as_str()))
    };
    // Both sides compute at once; of two errors, the source's is told.
    let (source, target) = futures::future::join(of_side(Side::Source), of_side(Side::Target)).await;
    Ok(BySide::new(source?, target?))
}

/// The segments that differ, and the rows of those that do not.
fn compare(sums: &BySide<Sums>) -> (Segments, u64) {
    let (mut differing, mut same) = (BTreeSet::new(), 0);
    let segments: BTreeSet<Option<i64>> = sums.source.keys().chain(sums.target.keys()).copied().collect();
    for segment in segments {
        let of_side = sums.as_ref().map(|sums| sums.get(&segment).copied().unwrap_or_default());
        match of_side.source == of_side.target {
            true => same += of_side.source.rows,
            false => {
                differing.insert(segment);
            }
        }
    }
    (differing, same)
}

fn rows_of(sums: &Sums, segments: &Segments) -> u64 {
    segments.iter().filter_map(|segment| sums.get(segment)).map(|sum| sum.rows).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dataset::Sum;

    #[test]
    fn segments_differ_by_count_or_checksum() {
        let sum = |rows, low| Sum { rows, halves: [0, low] };
        let source = BTreeMap::from([(Some(0), sum(2, 7)), (Some(1), sum(1, 3)), (None, sum(1, 1))]);
        let target = BTreeMap::from([(Some(0), sum(2, 7)), (Some(1), sum(1, 4)), (Some(2), sum(5, 9))]);
        let (differing, same) = compare(&BySide::new(source.clone(), target));
        assert_eq!((differing, same), ([None, Some(1), Some(2)].into(), 2));
        assert_eq!(rows_of(&source, &[None, Some(0)].into()), 3);
    }
}
