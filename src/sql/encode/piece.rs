//! Where rows are encoded before they are hashed: few rows at a time, all at the same distance from each other, so that
//! their bytes stay in the processor's cache and a column of constant length goes to the same place in each of them.
//!
//! ```text
//! stride       |-----------------------------------|-----------------------------------|--
//! row          [column][column][column] spare      [column][column] spare              [column
//! cursor                               ^                           ^
//! ```
//!
//! A write may touch up to [`SPARE`] bytes more than count: a copy of fixed size costs less than one of the right size.
//! What it leaves behind the cursor is written over by the next column, or is never read.

/// Bytes behind a row's longest encoding that belong to no other row.
pub(super) const SPARE: usize = 72;

/// Rows in a piece, if they are not long.
const ROWS: usize = 128;

/// Bytes that a piece spans, if it has more than one row; what its rows leave free of it is not touched.
const SPAN: usize = 1 << 20;

/// What the encodings of some of a column's values take, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Each of them.
    Constant(usize),
    /// None of them takes more.
    UpTo(usize),
}

impl Extent {
    pub fn longest(self) -> usize {
        match self {
            Self::Constant(length) | Self::UpTo(length) => length,
        }
    }
}

/// The rows that are being encoded.
#[derive(Debug, Default)]
pub(super) struct Piece {
    buffer: Vec<u8>,
    /// From the beginning of a row to that of the next.
    stride: usize,
    /// How far each row has come, without `shared`.
    cursors: Vec<usize>,
    /// What columns of constant length have added to every row since the cursors moved.
    shared: usize,
    /// Whether all cursors are zero.
    level: bool,
}

impl Piece {
    /// How many rows to measure for the piece that follows this one: not many more than were found to fit.
    pub fn next_rows(&self) -> usize {
        if self.cursors.is_empty() { ROWS } else { ROWS.min(2 * self.cursors.len()) }
    }

    /// Makes room for rows of up to `longest` bytes, empty as yet; for `rows` of them or as many as fit, which it returns.
    pub fn begin(&mut self, rows: usize, longest: usize) -> usize {
        self.stride = longest + SPARE;
        let rows = rows.min((SPAN / self.stride).max(1));
        // What earlier rows left behind is written over.
        if self.buffer.len() < rows * self.stride {
            self.buffer.resize(rows * self.stride, 0);
        }
        self.cursors.clear();
        self.cursors.resize(rows, 0);
        self.shared = 0;
        self.level = true;
        rows
    }

    /// Appends one of `values` to each row. `put` writes it to the front of the bytes it is given, of which there are
    /// [`SPARE`] more than the extent's longest, and returns how many of them count: those of a constant extent.
    #[inline(always)]
    pub fn put<T>(&mut self, extent: Extent, values: impl Iterator<Item = T>, put: impl Fn(&mut [u8], T) -> usize) {
        let rows = self.buffer.chunks_exact_mut(self.stride).zip(&mut self.cursors).zip(values);
        let shared = self.shared;
        match extent {
            Extent::Constant(length) => {
                if self.level {
                    rows.for_each(|((row, _), value)| {
                        put(&mut row[shared..], value);
                    });
                } else {
                    rows.for_each(|((row, cursor), value)| {
                        put(&mut row[*cursor + shared..], value);
                    });
                }
                self.shared += length;
            }
            Extent::UpTo(_) => {
                rows.for_each(|((row, cursor), value)| {
                    let end = *cursor + shared;
                    *cursor = end + put(&mut row[end..], value);
                });
                self.shared = 0;
                self.level = false;
            }
        }
    }

    /// The rows, as far as they have come.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let rows = self.buffer.chunks_exact(self.stride).zip(&self.cursors);
        rows.map(|(row, cursor)| &row[..cursor + self.shared])
    }
}
