//! Both sides zipped in key order: in constant memory, and exact. Order is checked on the way; where it ends, what was
//! zipped stays proven, and what is left is handed back.

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::record_batch::RecordBatch;

use crate::engine::bounds::Bounds;
use crate::engine::open::Open;
use crate::engine::ordered::{Batches, Next, Ordered};
use crate::engine::window::{Shape, Window};
use crate::engine::zip::{Zipped, rest, zip};
use crate::error::Result;
use crate::side::{BySide, Side};

/// How far zipping came.
#[derive(Default)]
pub struct Merged {
    /// Rows of each side that were in order: zipped, or left open.
    pub rows: BySide<u64>,
    /// Pairs proven equal.
    pub equal: u64,
    /// Keys that stand more than once on a side.
    pub repeated: u64,
    pub end: End,
}

/// Where zipping ended.
#[derive(Default)]
pub enum End {
    /// Where both sides do.
    #[default]
    Whole,
    /// At a limit.
    Stopped {
        by: &'static str,
        /// The last key that was zipped, as text.
        last: Option<String>,
    },
    /// Where order does.
    Broken {
        /// Whose.
        side: Side,
        /// What was not zipped: batches at hand, then those still to be read.
        rest: BySide<(Vec<RecordBatch>, Batches)>,
    },
}

/// Where zipping stands in one side's window.
struct Cursor {
    ordered: Ordered,
    window: Option<Window>,
    at: usize,
    ended: bool,
    /// Rows handed out.
    rows: u64,
}

impl Cursor {
    /// Makes sure of a window with rows left, unless the side has ended; what is not to be zipped goes to `open`. False:
    /// order has ended.
    async fn fill(&mut self, side: Side, open: &mut Open) -> Result<bool> {
        while !self.ended && self.window.as_ref().is_none_or(|window| self.at >= window.rows()) {
            self.window = None;
            match self.ordered.next().await? {
                Next::Window(window) => {
                    self.rows += window.rows() as u64;
                    (self.window, self.at) = (Some(window), 0);
                }
                Next::Open(at, batch) => {
                    self.rows += batch.num_rows() as u64;
                    open.push_end(side, at, &batch)?;
                }
                Next::End => self.ended = true,
                Next::Broken => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Rows zipped so far.
    fn zipped(&self) -> u64 {
        let waiting = self.window.as_ref().map_or(0, |window| window.rows() - self.at);
        self.rows - waiting as u64
    }

    /// The window and row that was zipped last, if it is at hand.
    fn last(&self) -> Option<(&Window, usize)> {
        Some((self.window.as_ref()?, self.at.checked_sub(1)?))
    }

    fn into_rest(self) -> (Vec<RecordBatch>, Batches) {
        let left = self.window.filter(|window| self.at < window.rows());
        let left = left.map(|window| window.batch.slice(self.at, window.rows() - self.at));
        let (waiting, batches) = self.ordered.into_rest();
        (left.into_iter().chain(waiting).collect(), batches)
    }
}

/// Zips the rows within `bounds`; what is not proven equal goes to `open`.
///
/// `limit`: bytes that the rows of one key may take.
/// `reached`: given the rows that are open, the limit that ends it.
pub async fn merge(
    shapes: BySide<Shape>,
    bounds: Bounds,
    batches: BySide<Batches>,
    limit: usize,
    open: &mut Open,
    reached: impl Fn(u64) -> Option<&'static str>,
) -> Result<Merged> {
    let cursor = |shape: Shape, batches| Cursor {
        ordered: Ordered::new(shape, bounds.clone(), batches, limit),
        window: None,
        at: 0,
        ended: false,
        rows: 0,
    };
    let mut source = cursor(shapes.source, batches.source);
    let mut target = cursor(shapes.target, batches.target);
    let (mut equal, mut repeated, mut told) = (0, 0, 0);
    let broken = loop {
        if !source.fill(Side::Source, open).await? {
            break Side::Source;
        }
        if !target.fill(Side::Target, open).await? {
            break Side::Target;
        }
        let zipped = match (&source.window, &target.window) {
            (Some(s), Some(t)) => {
                let mut at = BySide::new(source.at, target.at);
                let zipped = zip(BySide::new(s, t), &mut at)?;
                (source.at, target.at) = (at.source, at.target);
                zipped
            }
            (Some(window), None) => {
                let zipped = rest(window, source.at, true);
                source.at = window.rows();
                zipped
            }
            (None, Some(window)) => {
                let zipped = rest(window, target.at, false);
                target.at = window.rows();
                zipped
            }
            (None, None) => {
                let rows = BySide::new(source.rows, target.rows);
                return Ok(Merged { rows, equal, repeated, end: End::Whole });
            }
        };
        equal += zipped.equal;
        repeated += zipped.repeated;
        told += (zipped.pairs.len() + zipped.only.source.len() + zipped.only.target.len()) as u64;
        keep(open, &zipped, BySide::new(source.window.as_ref(), target.window.as_ref()))?;
        if let Some(by) = reached(told) {
            let last = last_key(&source, &target)?;
            let rows = BySide::new(source.zipped(), target.zipped());
            return Ok(Merged { rows, equal, repeated, end: End::Stopped { by, last } });
        }
    };
    let rows = BySide::new(source.rows, target.rows);
    let rest = BySide::new(source.into_rest(), target.into_rest());
    Ok(Merged { rows, equal, repeated, end: End::Broken { side: broken, rest } })
}

/// The greater of the keys that were zipped last.
fn last_key(source: &Cursor, target: &Cursor) -> Result<Option<String>> {
    let last = match (source.last(), target.last()) {
        (Some((s, at)), Some((t, there))) => match s.comparator(t)?.compare(at, there).is_ge() {
            true => Some((s, at)),
            false => Some((t, there)),
        },
        (one, other) => one.or(other),
    };
    last.map(|(window, row)| window.key_text(row)).transpose()
}

/// What zipping left open is taken out of its windows.
fn keep(open: &mut Open, zipped: &Zipped, windows: BySide<Option<&Window>>) -> Result<()> {
    let rows = zipped.open();
    for side in Side::BOTH {
        let rows = rows.get(side);
        let (Some(window), Some(&first), Some(&last)) = (windows.get(side), rows.first(), rows.last()) else {
            continue;
        };
        let (first, span) = (first as usize, (last - first) as usize + 1);
        // A slice keeps its window alive: it pays where it is most of it.
        let taken = match span == rows.len() && span * 2 >= window.rows() {
            true => window.batch.slice(first, span),
            false => take_record_batch(&window.batch, &UInt32Array::from(rows.clone()))?,
        };
        open.push(side, &taken)?;
    }
    open.key_ends()
}
