//! Encoders of integers and decimals whose mantissa may need more than 64 bits.

use std::ops::Range;

use datafusion::arrow::array::PrimitiveArray;
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::datatypes::*;

use super::Mode;
use super::column::{Encode, tag};
use super::piece::{Extent, Piece};
use super::plain::{Nulls, fixed_extent, number, put_fixed, tag_if};
use super::validity::Validity;

/// Integers and decimals whose mantissa may need more than 64 bits: `widen` gives the mantissa.
pub(super) struct Numbers<T: ArrowPrimitiveType, F> {
    values: ScalarBuffer<T::Native>,
    nulls: Validity,
    scale: i8,
    mode: Mode,
    widen: F,
}

impl<T: ArrowPrimitiveType, F> Numbers<T, F> {
    pub fn new(array: &PrimitiveArray<T>, scale: i8, mode: Mode, widen: F) -> Self {
        Self { values: array.values().clone(), nulls: Validity::of(array), scale, mode, widen }
    }

    /// Mantissa and scale as they are encoded.
    #[inline]
    fn number<M: Mantissa>(&self, value: T::Native) -> (M, i8)
    where
        F: Fn(T::Native) -> M,
    {
        let mantissa = (self.widen)(value);
        match self.mode {
            Mode::AsTyped => (mantissa, self.scale),
            Mode::ByValue => normalise(mantissa, self.scale),
        }
    }
}

impl<T, M, F> Encode for Numbers<T, F>
where
    T: ArrowPrimitiveType,
    M: Mantissa,
    F: Fn(T::Native) -> M + Send + Sync,
{
    #[inline]
    fn length(&self, row: usize) -> usize {
        if self.nulls.is_null(row) { 1 } else { 3 + self.number(self.values[row]).0.width() }
    }

    #[inline]
    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if self.nulls.is_null(row) {
            return Nulls.write(row, out);
        }
        let (mantissa, scale) = self.number(self.values[row]);
        let width = mantissa.width();
        // The cast keeps the bits: a scale is one byte with a sign.
        out[..3].copy_from_slice(&[tag::NUMBER, scale as u8, width as u8]);
        mantissa.put(&mut out[3..3 + width]);
        3 + width
    }

    fn extent(&self, rows: Range<usize>) -> Extent {
        // A mantissa of 64 bits becomes no wider, unless a scale is to be multiplied out.
        let narrows = self.mode == Mode::AsTyped || self.scale >= 0;
        // Without a stop at the first wide one, several are looked at in one instruction.
        if narrows && self.values[rows.clone()].iter().fold(true, |all, &value| all & (self.widen)(value).is_narrow()) {
            return fixed_extent(&self.nulls, &rows, NARROW);
        }
        Extent::UpTo(3 + M::WIDEST)
    }

    fn write_rows(&self, rows: Range<usize>, extent: Extent, piece: &mut Piece) {
        let values = &self.values[rows.clone()];
        if extent.longest() == NARROW {
            let values = values.iter().map(|&value| (self.widen)(value).low());
            return match self.mode {
                Mode::AsTyped => put_fixed(piece, extent, &self.nulls, rows, values.map(|v| number(v, self.scale))),
                Mode::ByValue => put_fixed(
                    piece,
                    extent,
                    &self.nulls,
                    rows,
                    values.map(|v| {
                        let (mantissa, scale) = normalise(i128::from(v), self.scale);
                        number(mantissa.low(), scale)
                    }),
                ),
            };
        }
        let put = |out: &mut [u8], value: T::Native, valid: bool| {
            let (mantissa, scale) = self.number(value);
            let width = mantissa.width();
            out[..3].copy_from_slice(&[tag_if(valid, tag::NUMBER), scale as u8, width as u8]);
            mantissa.put(&mut out[3..3 + M::WIDEST]);
            1 + usize::from(valid) * (2 + width)
        };
        match self.nulls.bits(&rows) {
            None => piece.put(extent, values.iter(), |out, &value| put(out, value, true)),
            Some(valid) => piece.put(extent, values.iter().zip(valid), |out, (&value, valid)| put(out, value, valid)),
        }
    }
}

/// Bytes of a number whose mantissa has 64 bits.
const NARROW: usize = 11;

/// The same number with the smallest scale that is not negative. A negative scale is multiplied out as far as 256 bits
/// reach; what is left of it then is the same for every spelling of the number.
fn normalise<M: Mantissa>(mut mantissa: M, mut scale: i8) -> (M, i8) {
    while scale > 0 {
        let Some(shorter) = mantissa.without_zero() else { break };
        mantissa = shorter;
        scale -= 1;
    }
    if mantissa.is_zero() {
        return (mantissa, 0);
    }
    while scale < 0 {
        let Some(longer) = mantissa.with_zero() else { break };
        mantissa = longer;
        scale += 1;
    }
    (mantissa, scale)
}

/// An integer of 128 or 256 bits.
pub(super) trait Mantissa: Copy {
    /// 8, 16 or 32: the fewest bytes that hold it.
    fn width(self) -> usize;
    /// The most that `width` may be.
    const WIDEST: usize;
    /// Whether `width` is 8.
    fn is_narrow(self) -> bool;
    /// The low 64 bits.
    fn low(self) -> i64;
    /// Writes the low `out.len()` bytes.
    fn put(self, out: &mut [u8]);
    fn is_zero(self) -> bool;
    /// A tenth of it, if that is whole.
    fn without_zero(self) -> Option<Self>;
    fn with_zero(self) -> Option<Self>;
}

impl Mantissa for i128 {
    const WIDEST: usize = 16;

    #[inline]
    fn is_narrow(self) -> bool {
        // No comparison of 128 bits: the upper half has to repeat the sign of the lower one.
        (self >> 64) as i64 == (self as i64) >> 63
    }

    #[inline]
    fn low(self) -> i64 {
        self as i64
    }

    #[inline]
    fn width(self) -> usize {
        if self.is_narrow() { 8 } else { 16 }
    }

    #[inline]
    fn put(self, out: &mut [u8]) {
        out.copy_from_slice(&self.to_le_bytes()[..out.len()]);
    }

    fn is_zero(self) -> bool {
        self == 0
    }

    fn without_zero(self) -> Option<Self> {
        // Division of 64 bits is several times cheaper.
        match i64::try_from(self) {
            Ok(small) => (small % 10 == 0).then_some((small / 10).into()),
            Err(_) => (self % 10 == 0).then_some(self / 10),
        }
    }

    fn with_zero(self) -> Option<Self> {
        self.checked_mul(10)
    }
}

impl Mantissa for i256 {
    const WIDEST: usize = 32;

    #[inline]
    fn is_narrow(self) -> bool {
        self.to_i128().is_some_and(Mantissa::is_narrow)
    }

    #[inline]
    fn low(self) -> i64 {
        self.as_i128() as i64
    }

    fn width(self) -> usize {
        self.to_i128().map_or(32, Mantissa::width)
    }

    fn put(self, out: &mut [u8]) {
        out.copy_from_slice(&self.to_le_bytes()[..out.len()]);
    }

    fn is_zero(self) -> bool {
        self == i256::ZERO
    }

    fn without_zero(self) -> Option<Self> {
        let ten = i256::from(10i64);
        (self.wrapping_rem(ten) == i256::ZERO).then_some(self.wrapping_div(ten))
    }

    fn with_zero(self) -> Option<Self> {
        self.checked_mul(i256::from(10i64))
    }
}
