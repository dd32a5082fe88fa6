//! Encoders of text and binary, however Arrow stores it: a tag, the length in bytes, the bytes.

use std::hint::select_unpredictable;
use std::ops::Range;

use datafusion::arrow::array::{
    Array, ArrayRef, FixedSizeBinaryArray, GenericByteArray, GenericByteViewArray, OffsetSizeTrait,
};
use datafusion::arrow::buffer::{Buffer, ScalarBuffer};
use datafusion::arrow::datatypes::{ByteArrayType, ByteViewType};
use datafusion::arrow::util::bit_iterator::BitIterator;

use super::column::Encode;
use super::piece::{Extent, Piece, SPARE};
use super::plain::{Nulls, tag_if};
use super::validity::Validity;
use crate::error::{Error, ErrorKind, Result};

/// Tag and length.
const HEAD: usize = 5;

/// A value's bytes, and what stands around them: a copy may go on past their end.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub source: &'a [u8],
    pub start: usize,
    pub length: usize,
}

impl<'a> Run<'a> {
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        &self.source[self.start..self.start + self.length]
    }

    /// Copies the bytes, and whatever follows them, to `out`, which takes `WIDE`.
    #[inline(always)]
    pub fn copy_wide<const WIDE: usize>(self, out: &mut [u8]) {
        match self.source.get(self.start..self.start + WIDE) {
            Some(wide) => out.copy_from_slice(wide),
            None => copy_at_end(self.source, self.start, self.length, out),
        }
    }
}

/// Copies a value that ends where its source ends, or not far before. Out of line, or the compiler makes one copy, of a
/// variable size, of this and the other.
#[cold]
#[inline(never)]
fn copy_at_end(source: &[u8], start: usize, length: usize, out: &mut [u8]) {
    out[..length].copy_from_slice(&source[start..start + length]);
}

/// An array whose values are bytes, or text as its UTF-8.
pub(super) trait ByteArray: Send + Sync {
    fn run(&self, row: usize) -> Run<'_>;

    /// The runs of rows that all have a value.
    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = Run<'_>>;

    /// Their lengths, which 32 bits hold.
    fn lengths(&self, rows: Range<usize>) -> impl Iterator<Item = u32> + Clone;

    /// The runs of rows of which some are NULL, and whether they are not. Under a NULL, any run may stand, but one that can
    /// be read.
    #[inline]
    fn nullable_runs(&self, rows: Range<usize>, valid: BitIterator) -> impl Iterator<Item = (Run<'_>, bool)> {
        self.runs(rows).zip(valid)
    }

    /// Their lengths; under a NULL, any.
    #[inline]
    fn nullable_lengths(&self, rows: Range<usize>, _valid: BitIterator) -> impl Iterator<Item = u32> + Clone {
        self.lengths(rows)
    }

    /// Where values of up to 12 bytes stand as a length (u32) and the bytes: the encoding but for the tag.
    fn inline(&self) -> Option<&[u128]> {
        None
    }
}

impl<T: ByteArrayType> ByteArray for GenericByteArray<T> {
    #[inline]
    fn run(&self, row: usize) -> Run<'_> {
        let offsets = self.value_offsets();
        between(self.value_data(), &offsets[row..row + 2])
    }

    #[inline]
    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = Run<'_>> {
        let source = self.value_data();
        self.value_offsets()[rows.start..=rows.end].windows(2).map(|pair| between(source, pair))
    }

    #[inline]
    fn lengths(&self, rows: Range<usize>) -> impl Iterator<Item = u32> + Clone {
        self.value_offsets()[rows.start..=rows.end].windows(2).map(|pair| length(pair) as u32)
    }
}

#[inline]
fn between<'a, O: OffsetSizeTrait>(source: &'a [u8], pair: &[O]) -> Run<'a> {
    Run { source, start: pair[0].as_usize(), length: length(pair) }
}

#[inline]
fn length<O: OffsetSizeTrait>(pair: &[O]) -> usize {
    (pair[1] - pair[0]).as_usize()
}

/// An array of views.
pub(super) struct Views {
    views: ScalarBuffer<u128>,
    /// The views themselves, for what stands in them, and then the array's buffers.
    sources: Vec<Buffer>,
}

/// Bytes of a value that its view itself can hold.
const INLINE: usize = 12;

impl Views {
    pub fn new<T: ByteViewType>(array: &GenericByteViewArray<T>) -> Self {
        let sources = std::iter::once(array.views().inner()).chain(array.data_buffers()).cloned().collect();
        Self { views: array.views().clone(), sources }
    }

    /// Without a branch: long and short values come in no order that a processor could foresee.
    #[inline]
    fn resolve(&self, row: usize, view: u128) -> Run<'_> {
        let length = view as u32 as usize;
        let (buffer, offset) = ((view >> 64) as u32 as usize, (view >> 96) as u32 as usize);
        let inline = length <= INLINE;
        let source = select_unpredictable(inline, 0, buffer + 1);
        let start = select_unpredictable(inline, row * 16 + 4, offset);
        Run { source: self.sources[source].as_slice(), start, length }
    }
}

impl ByteArray for Views {
    #[inline]
    fn run(&self, row: usize) -> Run<'_> {
        self.resolve(row, self.views[row])
    }

    #[inline]
    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = Run<'_>> {
        let views = &self.views[rows.clone()];
        rows.zip(views).map(|(row, &view)| self.resolve(row, view))
    }

    #[inline]
    fn lengths(&self, rows: Range<usize>) -> impl Iterator<Item = u32> + Clone {
        self.views[rows].iter().map(|&view| view as u32)
    }

    #[inline]
    fn nullable_runs(&self, rows: Range<usize>, valid: BitIterator) -> impl Iterator<Item = (Run<'_>, bool)> {
        let views = &self.views[rows.clone()];
        rows.zip(views).zip(valid).map(|((row, &view), valid)| (self.resolve(row, view_if(valid, view)), valid))
    }

    #[inline]
    fn nullable_lengths(&self, rows: Range<usize>, valid: BitIterator) -> impl Iterator<Item = u32> + Clone {
        self.views[rows].iter().zip(valid).map(|(&view, valid)| view_if(valid, view) as u32)
    }

    fn inline(&self) -> Option<&[u128]> {
        Some(&self.views)
    }
}

/// A view under a NULL may point nowhere: the empty one is taken in its place.
#[inline]
fn view_if(valid: bool, view: u128) -> u128 {
    view & u128::from(valid).wrapping_neg()
}

/// Values of one size.
pub(super) struct Records {
    values: Buffer,
    size: usize,
}

impl Records {
    pub fn new(array: &FixedSizeBinaryArray) -> Self {
        // Arrow's sizes are not negative.
        Self { values: array.values().clone(), size: usize::try_from(array.value_length()).unwrap_or(0) }
    }
}

impl ByteArray for Records {
    #[inline]
    fn run(&self, row: usize) -> Run<'_> {
        Run { source: self.values.as_slice(), start: row * self.size, length: self.size }
    }

    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = Run<'_>> {
        rows.map(|row| self.run(row))
    }

    fn lengths(&self, rows: Range<usize>) -> impl Iterator<Item = u32> + Clone {
        rows.map(|_| self.size as u32)
    }
}

/// Text or binary: `array` holds the values.
pub(super) struct Bytes<A> {
    array: A,
    nulls: Validity,
    tag: u8,
}

impl<A: ByteArray> Bytes<A> {
    /// `values` are those of `array`.
    pub fn new(array: &ArrayRef, values: A, tag: u8) -> Result<Self> {
        let nulls = Validity::of(array);
        // Only then can a value be longer than its length field says.
        if array.get_buffer_memory_size() > u32::MAX as usize {
            for row in (0..array.len()).filter(|&row| !nulls.is_null(row)) {
                length_field(values.run(row).length)?;
            }
        }
        Ok(Self { array: values, nulls, tag })
    }

    /// Appends the runs of `rows`, none of which is longer than `WIDE`; with copies of that size.
    fn write_wide<const WIDE: usize>(&self, rows: Range<usize>, extent: Extent, piece: &mut Piece) {
        const { assert!(HEAD + WIDE <= SPARE) };
        self.write_runs(rows, extent, piece, |out, run, tag| {
            let out = &mut out[..HEAD + WIDE];
            out[..HEAD].copy_from_slice(&head_of(tag, run.length));
            run.copy_wide::<WIDE>(&mut out[HEAD..]);
            HEAD + run.length
        });
    }

    /// Appends the runs of `rows`: `put` writes one of them with this tag, and returns where it ends.
    fn write_runs(
        &self,
        rows: Range<usize>,
        extent: Extent,
        piece: &mut Piece,
        put: impl Fn(&mut [u8], Run, u8) -> usize,
    ) {
        match self.nulls.bits(&rows) {
            None => piece.put(extent, self.array.runs(rows), |out, run| put(out, run, self.tag)),
            Some(valid) => piece.put(extent, self.array.nullable_runs(rows, valid), |out, (run, valid)| {
                // The length of what stands under a NULL means nothing.
                let length = select_unpredictable(valid, run.length, 0);
                let end = put(out, Run { length, ..run }, tag_if(valid, self.tag));
                select_unpredictable(valid, end, 1)
            }),
        }
    }

    /// Appends views that hold their values themselves.
    fn write_inline(&self, views: &[u128], rows: Range<usize>, extent: Extent, piece: &mut Piece) {
        let put = |out: &mut [u8], view: u128, valid: bool| {
            out[0] = tag_if(valid, self.tag);
            out[1..17].copy_from_slice(&view.to_le_bytes());
            select_unpredictable(valid, HEAD + view as u32 as usize, 1)
        };
        let views = views[rows.clone()].iter();
        match self.nulls.bits(&rows) {
            None => piece.put(extent, views, |out, &view| put(out, view, true)),
            Some(valid) => {
                piece.put(extent, views.zip(valid), |out, (&view, valid)| put(out, view_if(valid, view), valid))
            }
        }
    }
}

impl<A: ByteArray> Encode for Bytes<A> {
    #[inline]
    fn length(&self, row: usize) -> usize {
        if self.nulls.is_null(row) { 1 } else { HEAD + self.array.run(row).length }
    }

    #[inline]
    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if self.nulls.is_null(row) {
            return Nulls.write(row, out);
        }
        put_bytes(self.tag, self.array.run(row).bytes(), out)
    }

    fn extent(&self, rows: Range<usize>) -> Extent {
        match self.nulls.bits(&rows) {
            None => match bound(self.array.lengths(rows)) {
                (length, true) => Extent::Constant(HEAD + length),
                (bound, false) => Extent::UpTo(HEAD + bound),
            },
            Some(valid) => Extent::UpTo(HEAD + bound(self.array.nullable_lengths(rows, valid)).0),
        }
    }

    fn write_rows(&self, rows: Range<usize>, extent: Extent, piece: &mut Piece) {
        match (extent.longest() - HEAD, self.array.inline()) {
            (..=INLINE, Some(views)) => self.write_inline(views, rows, extent, piece),
            (..=16, _) => self.write_wide::<16>(rows, extent, piece),
            (..=32, _) => self.write_wide::<32>(rows, extent, piece),
            (..=64, _) => self.write_wide::<64>(rows, extent, piece),
            _ => self.write_runs(rows, extent, piece, |out, run, tag| put_bytes(tag, run.bytes(), out)),
        }
    }
}

/// What none of `lengths` exceeds, and whether all of them are that.
#[inline(always)]
fn bound(lengths: impl Iterator<Item = u32> + Clone) -> (usize, bool) {
    // Bits that any of them has, and in which any two differ: found for less than a maximum, and less than twice as large.
    let first = lengths.clone().next().unwrap_or(0);
    let (bits, differing) =
        lengths.clone().fold((0, 0), |(bits, differing), length| (bits | length, differing | (length ^ first)));
    let bound = if bits < 1 << 12 { bits } else { lengths.max().unwrap_or(0) };
    (bound as usize, differing == 0)
}

#[inline]
pub(super) fn put_bytes(tag: u8, value: &[u8], out: &mut [u8]) -> usize {
    let end = HEAD + value.len();
    let out = &mut out[..end];
    out[..HEAD].copy_from_slice(&head_of(tag, value.len()));
    out[HEAD..].copy_from_slice(value);
    end
}

/// The length was checked when the encoder was made, so the cast loses nothing.
#[inline]
fn head_of(tag: u8, length: usize) -> [u8; HEAD] {
    let [a, b, c, d] = (length as u32).to_le_bytes();
    [tag, a, b, c, d]
}

/// A length or count as the format holds it.
pub(super) fn length_field(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| {
        Error::new(ErrorKind::Data, format!("a value of {length} bytes or elements is too long for a digest"))
    })
}
