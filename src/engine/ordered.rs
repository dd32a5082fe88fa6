//! The rows of one side as windows in key order, made of batches as they come. That they are in order is checked, row by
//! row; where it ends, what has been read is handed on.

use std::cmp::Ordering;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use futures::stream::BoxStream;

use crate::engine::bounds::{Bounds, Placed};
use crate::engine::open::At;
use crate::engine::window::{Comparator, Order, Shape, Window, order_of};
use crate::error::Result;

/// The rows of one side, as they are read.
pub type Batches = BoxStream<'static, Result<RecordBatch>>;

/// Reads one side.
pub struct Ordered {
    shape: Shape,
    bounds: Bounds,
    batches: Batches,
    /// Rows of the last key that was read: the next batch may go on with it.
    tail: Vec<RecordBatch>,
    /// Bytes that the rows of one key may take; more are taken for rows that are not in order.
    limit: usize,
    /// Windows that are ready, the next one last.
    ready: Vec<Window>,
    /// Rows that are not to be zipped.
    open: Vec<(At, RecordBatch)>,
    /// Batches that are not in order with what was before them.
    unordered: Option<RecordBatch>,
    ended: bool,
    /// Rows read so far.
    pub rows: u64,
}

/// What comes next.
pub enum Next {
    Window(Window),
    /// Rows whose keys may stand in the range before or after as well: not to be zipped.
    Open(At, RecordBatch),
    /// The side's rows end.
    End,
    /// From here on, rows are not in key order, or not where they are said to be.
    Broken,
}

impl Ordered {
    pub fn new(shape: Shape, bounds: Bounds, batches: Batches, limit: usize) -> Self {
        let (tail, ready, open) = (Vec::new(), Vec::new(), Vec::new());
        Self { shape, bounds, batches, tail, limit, ready, open, unordered: None, ended: false, rows: 0 }
    }

    pub async fn next(&mut self) -> Result<Next> {
        loop {
            if let Some(window) = self.ready.pop() {
                return Ok(Next::Window(window));
            }
            if let Some((at, open)) = self.open.pop() {
                return Ok(Next::Open(at, open));
            }
            if self.unordered.is_some() {
                return Ok(Next::Broken);
            }
            if self.ended {
                return Ok(Next::End);
            }
            match self.batches.try_next().await? {
                Some(batch) => {
                    self.rows += batch.num_rows() as u64;
                    if batch.num_rows() > 0 {
                        self.place(batch)?;
                    }
                }
                None => {
                    self.ended = true;
                    if let Some(window) = self.tail_window()? {
                        self.ready.push(window);
                    }
                }
            }
        }
    }

    /// All that has not been handed out as a window: at once what waits here, then what is still to be read.
    pub fn into_rest(mut self) -> (Vec<RecordBatch>, Batches) {
        let mut waiting: Vec<RecordBatch> = self.ready.drain(..).rev().map(|window| window.batch).collect();
        waiting.append(&mut self.tail);
        waiting.extend(self.open.drain(..).map(|(_, rows)| rows));
        waiting.extend(self.unordered.take());
        (waiting, self.batches)
    }

    fn place(&mut self, batch: RecordBatch) -> Result<()> {
        let Some(first) = self.shape.keys(&batch).into_iter().next() else { return self.take(batch) };
        match self.bounds.place(&first, batch)? {
            Placed::Inside(batch) => self.take(batch),
            Placed::Split(inside, open) => {
                self.open.extend(open.into_iter().filter(|(_, rows)| rows.num_rows() > 0));
                match inside.num_rows() {
                    0 => Ok(()),
                    _ => self.take(inside),
                }
            }
            Placed::Outside(batch) => {
                self.unordered = Some(batch);
                Ok(())
            }
        }
    }

    fn take(&mut self, batch: RecordBatch) -> Result<()> {
        let keys = self.shape.keys(&batch);
        let order = order_of(&keys)?;
        if order == Order::Broken || !self.follows(&keys)? {
            self.unordered = Some(batch);
            return Ok(());
        }
        let rows = batch.num_rows();
        let starts = match order {
            Order::Repeating(starts) => Some(starts),
            _ => None,
        };
        let first_end = starts.as_ref().map_or(1, |starts| starts[1] as usize);
        let last_start = starts.as_ref().map_or(rows - 1, |starts| starts[starts.len() - 2] as usize);
        let mut from = 0;
        let mut windows = Vec::new();
        if self.goes_on(&keys)? {
            self.tail.push(batch.slice(0, first_end));
            if first_end == rows {
                let bytes: usize = self.tail.iter().map(RecordBatch::get_array_memory_size).sum();
                if bytes > self.limit {
                    self.unordered = self.tail.pop();
                }
                return Ok(());
            }
            from = first_end;
        }
        windows.extend(self.tail_window()?);
        if from < last_start {
            let starts = starts.map(|starts| {
                let within = |start: &&u32| (from..=last_start).contains(&(**start as usize));
                starts.iter().filter(within).map(|start| start - from as u32).collect::<Vec<u32>>()
            });
            let repeats = |starts: &Vec<u32>| starts.len() - 1 < last_start - from;
            windows.push(Window::new(&self.shape, batch.slice(from, last_start - from), starts.filter(repeats)));
        }
        // Rows with memory of their own: a slice would keep the whole batch.
        self.tail.push(concat_batches(&batch.schema(), [&batch.slice(last_start, rows - last_start)])?);
        self.ready.extend(windows.into_iter().rev());
        Ok(())
    }

    /// The rows of the last key as a window: no more of them can come.
    fn tail_window(&mut self) -> Result<Option<Window>> {
        let Some(first) = self.tail.first() else { return Ok(None) };
        let batch = concat_batches(&first.schema(), &self.tail)?;
        self.tail.clear();
        let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        Ok(Some(Window::new(&self.shape, batch, (rows > 1).then(|| vec![0, rows]))))
    }

    /// Whether the batch's first key is not less than the last one read.
    fn follows(&self, keys: &[ArrayRef]) -> Result<bool> {
        Ok(self.compare_to_tail(keys)?.is_none_or(Ordering::is_le))
    }

    /// Whether the batch's first key is the last one read.
    fn goes_on(&self, keys: &[ArrayRef]) -> Result<bool> {
        Ok(self.compare_to_tail(keys)?.is_some_and(Ordering::is_eq))
    }

    fn compare_to_tail(&self, keys: &[ArrayRef]) -> Result<Option<Ordering>> {
        let Some(tail) = self.tail.first() else { return Ok(None) };
        Ok(Some(Comparator::new(&self.shape.keys(tail), keys)?.compare(0, 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;
    use futures::StreamExt;
    use std::sync::Arc;

    fn batch(keys: &[i64]) -> RecordBatch {
        RecordBatch::try_from_iter([("k", Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef)]).unwrap()
    }

    /// The groups of every window, and whether order broke.
    async fn read(batches: &[&[i64]]) -> (Vec<Vec<i64>>, Option<Vec<i64>>) {
        let batches: Vec<Result<RecordBatch>> = batches.iter().map(|keys| Ok(batch(keys))).collect();
        let batches = futures::stream::iter(batches).boxed();
        let mut ordered = Ordered::new(Shape::of(vec![0], vec![]), Bounds::default(), batches, usize::MAX);
        let keys = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        let mut groups = Vec::new();
        loop {
            match ordered.next().await.unwrap() {
                Next::Window(window) => {
                    let rows = keys(&window.batch);
                    match &window.starts {
                        Some(starts) => groups
                            .extend(starts.windows(2).map(|ends| rows[ends[0] as usize..ends[1] as usize].to_vec())),
                        None => groups.extend(rows.iter().map(|key| vec![*key])),
                    }
                }
                Next::Open(..) => panic!("there are no bounds"),
                Next::End => return (groups, None),
                Next::Broken => {
                    let (waiting, _) = ordered.into_rest();
                    return (groups, Some(waiting.iter().flat_map(keys).collect()));
                }
            }
        }
    }

    #[tokio::test]
    async fn groups_are_whole_however_batches_are_cut() {
        let rows = [1, 1, 2, 3, 3, 3, 3, 4, 5, 5];
        let expected = vec![vec![1, 1], vec![2], vec![3, 3, 3, 3], vec![4], vec![5, 5]];
        for size in 1..=rows.len() {
            let batches: Vec<&[i64]> = rows.chunks(size).collect();
            assert_eq!(read(&batches).await, (expected.clone(), None), "batches of {size}");
        }
    }

    #[tokio::test]
    async fn where_order_ends_nothing_is_lost() {
        let (groups, rest) = read(&[&[1, 2, 3], &[4, 5], &[5, 6, 2]]).await;
        assert_eq!(groups, [[1], [2], [3], [4]]);
        assert_eq!(rest, Some(vec![5, 5, 6, 2]));
        assert_eq!(read(&[&[2, 1]]).await, (vec![], Some(vec![2, 1])));
    }
}
