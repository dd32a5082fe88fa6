//! Encoders of values of a fixed width: booleans, integers, floats and times.

use std::ops::Range;

use datafusion::arrow::array::{BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::{BooleanBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::*;
use datafusion::arrow::util::bit_iterator::BitIterator;

use super::column::{Encode, tag};
use super::piece::{Extent, Piece};
use super::validity::Validity;

pub(super) struct Nulls;

impl Encode for Nulls {
    fn length(&self, _row: usize) -> usize {
        1
    }

    fn write(&self, _row: usize, out: &mut [u8]) -> usize {
        out[0] = tag::NULL;
        1
    }

    fn extent(&self, _rows: Range<usize>) -> Extent {
        Extent::Constant(1)
    }
}

pub(super) struct Booleans {
    values: BooleanBuffer,
    nulls: Validity,
}

impl Booleans {
    pub fn new(array: &BooleanArray) -> Self {
        Self { nulls: Validity::of(array), values: array.values().clone() }
    }
}

impl Encode for Booleans {
    fn length(&self, row: usize) -> usize {
        if self.nulls.is_null(row) { 1 } else { 2 }
    }

    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if self.nulls.is_null(row) {
            return Nulls.write(row, out);
        }
        out[..2].copy_from_slice(&boolean(self.values.value(row)));
        2
    }

    fn extent(&self, rows: Range<usize>) -> Extent {
        fixed_extent(&self.nulls, &rows, 2)
    }

    fn write_rows(&self, rows: Range<usize>, extent: Extent, piece: &mut Piece) {
        let values = BitIterator::new(self.values.values(), self.values.offset() + rows.start, rows.len());
        put_fixed(piece, extent, &self.nulls, rows, values.map(boolean));
    }
}

/// Values of `N` bytes each, tag included: `bytes` makes them, of any value without a panic.
pub(super) struct Fixed<T: ArrowPrimitiveType, F, const N: usize> {
    values: ScalarBuffer<T::Native>,
    nulls: Validity,
    bytes: F,
}

impl<T: ArrowPrimitiveType, F: Fn(T::Native) -> [u8; N], const N: usize> Fixed<T, F, N> {
    pub fn new(array: &PrimitiveArray<T>, bytes: F) -> Self {
        Self { values: array.values().clone(), nulls: Validity::of(array), bytes }
    }
}

impl<T, F, const N: usize> Encode for Fixed<T, F, N>
where
    T: ArrowPrimitiveType,
    F: Fn(T::Native) -> [u8; N] + Send + Sync,
{
    #[inline]
    fn length(&self, row: usize) -> usize {
        if self.nulls.is_null(row) { 1 } else { N }
    }

    #[inline]
    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if self.nulls.is_null(row) {
            return Nulls.write(row, out);
        }
        out[..N].copy_from_slice(&(self.bytes)(self.values[row]));
        N
    }

    fn extent(&self, rows: Range<usize>) -> Extent {
        fixed_extent(&self.nulls, &rows, N)
    }

    fn write_rows(&self, rows: Range<usize>, extent: Extent, piece: &mut Piece) {
        let values = self.values[rows.clone()].iter().map(|&value| (self.bytes)(value));
        put_fixed(piece, extent, &self.nulls, rows, values);
    }
}

/// Of values that all take `length` bytes, unless they are NULL.
pub(super) fn fixed_extent(nulls: &Validity, rows: &Range<usize>, length: usize) -> Extent {
    match nulls.bits(rows) {
        None => Extent::Constant(length),
        Some(_) => Extent::UpTo(length),
    }
}

/// Appends values of `N` bytes, NULL where there is none. `values` may yield anything under a NULL.
#[inline(always)]
pub(super) fn put_fixed<const N: usize>(
    piece: &mut Piece,
    extent: Extent,
    nulls: &Validity,
    rows: Range<usize>,
    values: impl Iterator<Item = [u8; N]>,
) {
    match nulls.bits(&rows) {
        None => piece.put(extent, values, |out, bytes| {
            out[..N].copy_from_slice(&bytes);
            N
        }),
        // Nulls come in no order that a processor could foresee, so there is no branch on them.
        Some(valid) => piece.put(extent, values.zip(valid), |out, (mut bytes, valid)| {
            bytes[0] = tag_if(valid, bytes[0]);
            out[..N].copy_from_slice(&bytes);
            1 + usize::from(valid) * (N - 1)
        }),
    }
}

/// The tag, or that of NULL; without a branch.
#[inline]
pub(super) fn tag_if(valid: bool, tag: u8) -> u8 {
    tag & u8::from(valid).wrapping_neg()
}

#[inline]
fn boolean(value: bool) -> [u8; 2] {
    [tag::BOOLEAN, u8::from(value)]
}

/// `head`, then eight bytes: the layout of most fixed values.
#[inline]
pub(super) fn eight<const H: usize, const N: usize>(head: [u8; H], tail: [u8; 8]) -> [u8; N] {
    const { assert!(H + 8 == N) };
    let mut bytes = [0; N];
    bytes[..H].copy_from_slice(&head);
    bytes[H..].copy_from_slice(&tail);
    bytes
}

/// An integer, or a decimal's mantissa and scale, that fits into 64 bits with a sign.
#[inline]
pub(super) fn number(value: i64, scale: i8) -> [u8; 11] {
    // The cast keeps the bits: a scale is one byte with a sign.
    eight([tag::NUMBER, scale as u8, 8], value.to_le_bytes())
}

#[inline]
pub(super) fn float(value: f64) -> [u8; 9] {
    // Adding zero turns -0.0 into 0.0 and leaves every other number alone.
    let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { (value + 0.0).to_bits() };
    eight([tag::FLOAT], bits.to_le_bytes())
}

#[inline]
pub(super) fn date(milliseconds: i64) -> [u8; 9] {
    eight([tag::DATE], milliseconds.to_le_bytes())
}

pub(super) fn interval(months: i32, days: i32, nanoseconds: i64) -> [u8; 17] {
    let mut bytes = [0; 17];
    bytes[0] = tag::INTERVAL;
    bytes[1..5].copy_from_slice(&months.to_le_bytes());
    bytes[5..9].copy_from_slice(&days.to_le_bytes());
    bytes[9..].copy_from_slice(&nanoseconds.to_le_bytes());
    bytes
}

/// Decimal digits of a unit.
pub(super) fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// A timestamp, time of day or duration.
#[inline]
pub(super) fn instant(tag: u8, digits: u8, value: i64) -> [u8; 10] {
    eight([tag, digits], value.to_le_bytes())
}

/// The same by value: digits are dropped in threes while they are zeros.
#[inline]
pub(super) fn shortest_instant(tag: u8, mut digits: u8, mut value: i64) -> [u8; 10] {
    while digits > 0 && value % 1000 == 0 {
        value /= 1000;
        digits -= 3;
    }
    instant(tag, digits, value)
}
