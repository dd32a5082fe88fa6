//! Which rows of an array are NULL, asked row by row or piece by piece.

use std::ops::Range;

use datafusion::arrow::array::Array;
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::util::bit_chunk_iterator::UnalignedBitChunk;
use datafusion::arrow::util::bit_iterator::BitIterator;

/// An array's nulls: none where its null buffer marks nothing.
pub(super) struct Validity(Option<NullBuffer>);

impl Validity {
    pub fn of(array: &dyn Array) -> Self {
        Self(array.nulls().filter(|nulls| nulls.null_count() > 0).cloned())
    }

    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.0.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// For each of `rows` whether it has a value; `None` if all of them do.
    pub fn bits(&self, rows: &Range<usize>) -> Option<BitIterator<'_>> {
        let nulls = self.0.as_ref()?;
        let start = nulls.offset() + rows.start;
        let valid = UnalignedBitChunk::new(nulls.validity(), start, rows.len()).count_ones();
        (valid < rows.len()).then(|| BitIterator::new(nulls.validity(), start, rows.len()))
    }
}
