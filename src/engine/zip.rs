//! Two windows in key order, zipped: rows that agree are counted, the others told. Whole stretches of rows are compared
//! column by column; a key that repeats is looked at as a group.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array};

use crate::engine::window::{Comparator, Window};
use crate::error::Result;
use crate::side::BySide;

/// Stretches shorter than this on average are gathered before they are compared.
const SHORT: usize = 48;
/// Rows whose keys are compared at once: the fewest, the most.
const STEP: Range<usize> = 32..8192;

/// What zipping two windows told.
#[derive(Debug, Default)]
pub struct Zipped {
    /// Pairs that are equal in every value.
    pub equal: u64,
    /// Keys that stand more than once on a side.
    pub repeated: u64,
    /// Pairs of one key that differ, by row number in their windows.
    pub pairs: Vec<(u32, u32)>,
    /// Rows whose key, theirs alone, the other side lacks.
    pub only: BySide<Vec<u32>>,
    /// Groups of one key with more rows than one on a side, not all of them equal in their order.
    pub groups: Vec<BySide<Range<u32>>>,
}

impl Zipped {
    /// Rows of the windows that are not proven equal, in order.
    pub fn open(&self) -> BySide<Vec<u32>> {
        let mut open = self.only.clone();
        open.source.extend(self.pairs.iter().map(|pair| pair.0));
        open.target.extend(self.pairs.iter().map(|pair| pair.1));
        for group in &self.groups {
            open.source.extend(group.source.clone());
            open.target.extend(group.target.clone());
        }
        open.source.sort_unstable();
        open.target.sort_unstable();
        open
    }
}

/// Zips from the rows `at` on until one window ends; moves `at` there.
pub fn zip(windows: BySide<&Window>, at: &mut BySide<usize>) -> Result<Zipped> {
    let mut zipped = Zipped::default();
    let comparator = windows.source.comparator(windows.target)?;
    if windows.source.starts.is_none() && windows.target.starts.is_none() {
        zip_rows(windows, at, &comparator, &mut zipped)?;
    } else {
        zip_groups(windows, at, &comparator, &mut zipped)?;
    }
    Ok(zipped)
}

/// All rows from `at` on, which the other side has nothing for.
pub fn rest(window: &Window, at: usize, of_source: bool) -> Zipped {
    let mut zipped = Zipped::default();
    let empty = |range: Range<u32>| if of_source { BySide::new(range, 0..0) } else { BySide::new(0..0, range) };
    for group in groups(window, at) {
        if group.len() == 1 {
            let only = if of_source { &mut zipped.only.source } else { &mut zipped.only.target };
            only.push(group.start);
        } else {
            zipped.repeated += 1;
            zipped.groups.push(empty(group));
        }
    }
    zipped
}

/// The groups of one key from row `at` on, which is the start of one.
fn groups(window: &Window, at: usize) -> Box<dyn Iterator<Item = Range<u32>> + '_> {
    let number = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
    match &window.starts {
        None => Box::new((number(at)..number(window.rows())).map(|row| row..row + 1)),
        Some(starts) => {
            let first = starts.partition_point(|&start| start < number(at));
            Box::new(starts[first..].windows(2).map(|ends| ends[0]..ends[1]))
        }
    }
}

/// No key repeats within a window.
fn zip_rows(windows: BySide<&Window>, at: &mut BySide<usize>, keys: &Comparator, zipped: &mut Zipped) -> Result<()> {
    let BySide { source, target } = windows;
    let (mut s, mut t) = (at.source, at.target);
    let mut stretches: Vec<(usize, usize, usize)> = Vec::new();
    let mut step = STEP.start * 8;
    while s < source.rows() && t < target.rows() {
        let most = step.min(source.rows() - s).min(target.rows() - t);
        let same = if step > STEP.start { source.same_keys(s, target, t, most)? } else { walk(keys, s, t, most) };
        if same > 0 {
            stretches.push((s, t, same));
            (s, t) = (s + same, t + same);
        }
        if same == most {
            step = (step * 2).min(STEP.end);
            continue;
        }
        step = (step / 2).max(STEP.start);
        match keys.compare(s, t) {
            Ordering::Less => {
                zipped.only.source.push(number(s));
                s += 1;
            }
            Ordering::Greater => {
                zipped.only.target.push(number(t));
                t += 1;
            }
            Ordering::Equal => {}
        }
    }
    *at = BySide::new(s, t);
    compare(windows, &stretches, zipped)
}

fn number(row: usize) -> u32 {
    // A window holds far fewer rows.
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// Where keys hardly ever agree in long stretches, row by row is cheaper than column by column.
fn walk(keys: &Comparator, s: usize, t: usize, most: usize) -> usize {
    (0..most).take_while(|&i| keys.compare(s + i, t + i).is_eq()).count()
}

/// Compares the values of stretches of pairs.
fn compare(windows: BySide<&Window>, stretches: &[(usize, usize, usize)], zipped: &mut Zipped) -> Result<()> {
    let rows: usize = stretches.iter().map(|stretch| stretch.2).sum();
    if rows == 0 {
        return Ok(());
    }
    zipped.equal += rows as u64;
    let mut differ = |s: usize, t: usize| {
        zipped.equal -= 1;
        zipped.pairs.push((number(s), number(t)));
    };
    if rows / stretches.len() >= SHORT {
        for &(s, t, count) in stretches {
            let differing = windows.source.differing(s, windows.target, t, count)?;
            differing.iter().flat_map(|rows| rows.set_indices()).for_each(|i| differ(s + i, t + i));
        }
        return Ok(());
    }
    let pairs: Vec<(usize, usize)> =
        stretches.iter().flat_map(|&(s, t, count)| (0..count).map(move |i| (s + i, t + i))).collect();
    let differing = gathered(windows, &pairs)?;
    differing.iter().flat_map(|rows| rows.set_indices()).for_each(|i| differ(pairs[i].0, pairs[i].1));
    Ok(())
}

fn gathered(
    windows: BySide<&Window>,
    pairs: &[(usize, usize)],
) -> Result<Option<datafusion::arrow::buffer::BooleanBuffer>> {
    let s: ArrayRef = Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| number(pair.0))));
    let t: ArrayRef = Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| number(pair.1))));
    windows.source.differing_at(&s, windows.target, &t)
}

/// Keys may repeat: group by group.
fn zip_groups(windows: BySide<&Window>, at: &mut BySide<usize>, keys: &Comparator, zipped: &mut Zipped) -> Result<()> {
    let mut sources = groups(windows.source, at.source).peekable();
    let mut targets = groups(windows.target, at.target).peekable();
    // Rows to compare, and by group where they start.
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let mut paired: Vec<(BySide<Range<u32>>, usize)> = Vec::new();
    while let (Some(s), Some(t)) = (sources.peek().cloned(), targets.peek().cloned()) {
        let order = keys.compare(s.start as usize, t.start as usize);
        let group = match order {
            Ordering::Less => BySide::new(s.clone(), 0..0),
            Ordering::Greater => BySide::new(0..0, t.clone()),
            Ordering::Equal => BySide::new(s.clone(), t.clone()),
        };
        if order.is_le() {
            sources.next();
            at.source = s.end as usize;
        }
        if order.is_ge() {
            targets.next();
            at.target = t.end as usize;
        }
        let sizes = (group.source.len(), group.target.len());
        zipped.repeated += u64::from(sizes.0 > 1 || sizes.1 > 1);
        match sizes {
            (1, 0) => zipped.only.source.push(group.source.start),
            (0, 1) => zipped.only.target.push(group.target.start),
            (s, t) if s == t => {
                paired.push((group.clone(), pairs.len()));
                pairs.extend(group.source.zip(group.target).map(|(s, t)| (s as usize, t as usize)));
            }
            _ => zipped.groups.push(group),
        }
    }
    if pairs.is_empty() {
        return Ok(());
    }
    let differing = gathered(windows, &pairs)?;
    for (group, start) in paired {
        let rows = group.source.len();
        let differs = |i: usize| differing.as_ref().is_some_and(|differing| differing.value(i));
        if !(start..start + rows).any(differs) {
            zipped.equal += rows as u64;
        } else if rows == 1 {
            zipped.pairs.push((group.source.start, group.target.start));
        } else {
            zipped.groups.push(group);
        }
    }
    Ok(())
}
