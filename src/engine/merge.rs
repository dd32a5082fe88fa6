//! Both sides zipped in key order: in constant memory, and exact. Order is checked on the way; where it ends, what was
//! zipped stays proven, and what is left is handed back.

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::mpsc;

use crate::engine::ordered::{Next, Ordered};
use crate::engine::reconcile::Open;
use crate::engine::window::{Shape, Window};
use crate::engine::zip::{Zipped, rest, zip};
use crate::error::Result;
use crate::side::{BySide, Side};

type Batches = mpsc::Receiver<Result<RecordBatch>>;

/// How far zipping came.
pub enum Merged {
    Whole {
        open: Open,
        /// All rows of each side.
        rows: BySide<u64>,
        /// Keys that stand more than once on a side.
        repeated: u64,
    },
    Broken {
        open: Open,
        /// Rows of each side that were in order.
        rows: BySide<u64>,
        /// Pairs proven equal.
        equal: u64,
        repeated: u64,
        /// What was not zipped: batches at hand, then those still to be read.
        rest: BySide<(Vec<RecordBatch>, Batches)>,
        /// Whose order ended.
        side: Side,
    },
}

/// Where zipping stands in one side's window.
struct Cursor {
    ordered: Ordered,
    window: Option<Window>,
    at: usize,
    ended: bool,
    /// Rows handed out in windows.
    rows: u64,
}

impl Cursor {
    /// Makes sure of a window with rows left, unless the side has ended. False: order has ended.
    async fn fill(&mut self) -> Result<bool> {
        while !self.ended && self.window.as_ref().is_none_or(|window| self.at >= window.rows()) {
            self.window = None;
            match self.ordered.next().await? {
                Next::Window(window) => {
                    self.rows += window.rows() as u64;
                    (self.window, self.at) = (Some(window), 0);
                }
                Next::End => self.ended = true,
                Next::Broken => return Ok(false),
            }
        }
        Ok(true)
    }

    fn into_rest(self) -> (Vec<RecordBatch>, Batches) {
        let left = self.window.filter(|window| self.at < window.rows());
        let left = left.map(|window| window.batch.slice(self.at, window.rows() - self.at));
        let (waiting, batches) = self.ordered.into_rest();
        (left.into_iter().chain(waiting).collect(), batches)
    }
}

/// `limit`: bytes that the rows of one key may take.
pub async fn merge(shapes: &BySide<Shape>, batches: BySide<Batches>, limit: usize, mut open: Open) -> Result<Merged> {
    let cursor = |shape: &Shape, batches| Cursor {
        ordered: Ordered::new(shape.clone(), batches, limit),
        window: None,
        at: 0,
        ended: false,
        rows: 0,
    };
    let mut source = cursor(&shapes.source, batches.source);
    let mut target = cursor(&shapes.target, batches.target);
    let (mut equal, mut repeated) = (0, 0);
    let broken = loop {
        if !source.fill().await? {
            break Side::Source;
        }
        if !target.fill().await? {
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
            (None, None) => return Ok(Merged::Whole { open, rows: BySide::new(source.rows, target.rows), repeated }),
        };
        equal += zipped.equal;
        repeated += zipped.repeated;
        keep(&mut open, &zipped, BySide::new(source.window.as_ref(), target.window.as_ref()))?;
    };
    let rows = BySide::new(source.rows, target.rows);
    let rest = BySide::new(source.into_rest(), target.into_rest());
    Ok(Merged::Broken { open, rows, equal, repeated, rest, side: broken })
}

/// What zipping left open is taken out of its windows.
fn keep(open: &mut Open, zipped: &Zipped, windows: BySide<Option<&Window>>) -> Result<()> {
    let rows = zipped.open();
    for side in Side::BOTH {
        if let (Some(window), false) = (windows.get(side), rows.get(side).is_empty()) {
            let taken = take_record_batch(&window.batch, &UInt32Array::from(rows.get(side).clone()))?;
            open.push(side, &taken)?;
        }
    }
    Ok(())
}
