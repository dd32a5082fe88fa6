//! Encoders of values that hold no others: numbers, text, bytes and times.

use datafusion::arrow::array::{
    Array, BooleanArray, FixedSizeBinaryArray, GenericByteArray, GenericByteViewArray, PrimitiveArray,
};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::*;

use super::Mode;
use super::column::{Encode, tag};
use crate::error::{Error, ErrorKind, Result};

#[inline]
pub(super) fn is_null(nulls: &Option<NullBuffer>, row: usize) -> bool {
    nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
}

/// The null buffer, unless it marks nothing.
pub(super) fn nulls_of(array: &dyn Array) -> Option<NullBuffer> {
    array.nulls().filter(|nulls| nulls.null_count() > 0).cloned()
}

pub(super) struct Nulls;

impl Encode for Nulls {
    fn length(&self, _row: usize) -> usize {
        1
    }

    fn write(&self, _row: usize, out: &mut [u8]) -> usize {
        out[0] = tag::NULL;
        1
    }

    fn constant(&self) -> Option<usize> {
        Some(1)
    }
}

pub(super) struct Booleans {
    array: BooleanArray,
    nulls: Option<NullBuffer>,
}

impl Booleans {
    pub fn new(array: &BooleanArray) -> Self {
        Self { nulls: nulls_of(array), array: array.clone() }
    }
}

impl Encode for Booleans {
    fn length(&self, row: usize) -> usize {
        if is_null(&self.nulls, row) { 1 } else { 2 }
    }

    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if is_null(&self.nulls, row) {
            return Nulls.write(row, out);
        }
        out[..2].copy_from_slice(&[tag::BOOLEAN, u8::from(self.array.value(row))]);
        2
    }

    fn constant(&self) -> Option<usize> {
        self.nulls.is_none().then_some(2)
    }
}

/// Values of `N` bytes each, tag included: `bytes` makes them.
pub(super) struct Fixed<T: ArrowPrimitiveType, F, const N: usize> {
    values: ScalarBuffer<T::Native>,
    nulls: Option<NullBuffer>,
    bytes: F,
}

impl<T: ArrowPrimitiveType, F: Fn(T::Native) -> [u8; N], const N: usize> Fixed<T, F, N> {
    pub fn new(array: &PrimitiveArray<T>, bytes: F) -> Self {
        Self { values: array.values().clone(), nulls: nulls_of(array), bytes }
    }
}

impl<T, F, const N: usize> Encode for Fixed<T, F, N>
where
    T: ArrowPrimitiveType,
    F: Fn(T::Native) -> [u8; N] + Send + Sync,
{
    #[inline]
    fn length(&self, row: usize) -> usize {
        if is_null(&self.nulls, row) { 1 } else { N }
    }

    #[inline]
    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if is_null(&self.nulls, row) {
            out[0] = tag::NULL;
            return 1;
        }
        out[..N].copy_from_slice(&(self.bytes)(self.values[row]));
        N
    }

    fn constant(&self) -> Option<usize> {
        self.nulls.is_none().then_some(N)
    }
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

/// An integer that fits into 64 bits with a sign.
#[inline]
pub(super) fn integer(value: i64) -> [u8; 11] {
    eight([tag::NUMBER, 0, 8], value.to_le_bytes())
}

#[inline]
pub(super) fn float(value: f64) -> [u8; 9] {
    // Adding zero turns -0.0 into 0.0 and leaves every other number alone.
    let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { (value + 0.0).to_bits() };
    eight([tag::FLOAT], bits.to_le_bytes())
}

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

/// Timestamps, times of day and durations. By value, a unit's digits are dropped in threes while they are zeros.
#[inline]
pub(super) fn instant(tag: u8, unit: TimeUnit, mode: Mode, mut value: i64) -> [u8; 10] {
    let mut digits = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    while mode == Mode::ByValue && digits > 0 && value % 1000 == 0 {
        value /= 1000;
        digits -= 3;
    }
    eight([tag, digits], value.to_le_bytes())
}

/// Integers and decimals whose mantissa may need more than 64 bits: `widen` gives the mantissa.
pub(super) struct Numbers<T: ArrowPrimitiveType, F> {
    values: ScalarBuffer<T::Native>,
    nulls: Option<NullBuffer>,
    scale: i8,
    mode: Mode,
    widen: F,
}

impl<T: ArrowPrimitiveType, F> Numbers<T, F> {
    pub fn new(array: &PrimitiveArray<T>, scale: i8, mode: Mode, widen: F) -> Self {
        Self { values: array.values().clone(), nulls: nulls_of(array), scale, mode, widen }
    }

    /// Mantissa and scale as they are encoded.
    #[inline]
    fn number<M: Mantissa>(&self, row: usize) -> (M, i8)
    where
        F: Fn(T::Native) -> M,
    {
        let mantissa = (self.widen)(self.values[row]);
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
        if is_null(&self.nulls, row) { 1 } else { 3 + self.number(row).0.width() }
    }

    #[inline]
    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if is_null(&self.nulls, row) {
            out[0] = tag::NULL;
            return 1;
        }
        let (mantissa, scale) = self.number(row);
        let width = mantissa.width();
        // The cast keeps the bits: a scale is one byte with a sign.
        out[..3].copy_from_slice(&[tag::NUMBER, scale as u8, width as u8]);
        mantissa.put(&mut out[3..3 + width]);
        3 + width
    }
}

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
    /// Writes the low `out.len()` bytes.
    fn put(self, out: &mut [u8]);
    fn is_zero(self) -> bool;
    /// A tenth of it, if that is whole.
    fn without_zero(self) -> Option<Self>;
    fn with_zero(self) -> Option<Self>;
}

impl Mantissa for i128 {
    #[inline]
    fn width(self) -> usize {
        if i64::try_from(self).is_ok() { 8 } else { 16 }
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

/// An array whose values are bytes, or text as its UTF-8.
pub(super) trait ByteArray: Array {
    fn bytes(&self, row: usize) -> &[u8];
}

impl<T: ByteArrayType> ByteArray for GenericByteArray<T> {
    #[inline]
    fn bytes(&self, row: usize) -> &[u8] {
        self.value(row).as_ref()
    }
}

impl<T: ByteViewType> ByteArray for GenericByteViewArray<T> {
    #[inline]
    fn bytes(&self, row: usize) -> &[u8] {
        self.value(row).as_ref()
    }
}

impl ByteArray for FixedSizeBinaryArray {
    fn bytes(&self, row: usize) -> &[u8] {
        self.value(row)
    }
}

/// Text and binary: a tag, the length in bytes, the bytes.
pub(super) struct Bytes<A> {
    array: A,
    nulls: Option<NullBuffer>,
    tag: u8,
}

impl<A: ByteArray> Bytes<A> {
    pub fn new(array: A, tag: u8) -> Result<Self> {
        let nulls = nulls_of(&array);
        // Only then can a value be longer than its length field says.
        if array.get_buffer_memory_size() > u32::MAX as usize {
            for row in (0..array.len()).filter(|&row| !is_null(&nulls, row)) {
                length_field(array.bytes(row).len())?;
            }
        }
        Ok(Self { array, nulls, tag })
    }
}

impl<A: ByteArray> Encode for Bytes<A> {
    #[inline]
    fn length(&self, row: usize) -> usize {
        if is_null(&self.nulls, row) { 1 } else { 5 + self.array.bytes(row).len() }
    }

    #[inline]
    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if is_null(&self.nulls, row) {
            out[0] = tag::NULL;
            return 1;
        }
        put_bytes(self.tag, self.array.bytes(row), out)
    }
}

/// The length was checked when the encoder was made, so the cast loses nothing.
#[inline]
pub(super) fn put_bytes(tag: u8, value: &[u8], out: &mut [u8]) -> usize {
    let end = 5 + value.len();
    let out = &mut out[..end];
    out[0] = tag;
    out[1..5].copy_from_slice(&(value.len() as u32).to_le_bytes());
    out[5..].copy_from_slice(value);
    end
}

/// A length or count as the format holds it.
pub(super) fn length_field(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| {
        Error::new(ErrorKind::Data, format!("a value of {length} bytes or elements is too long for a digest"))
    })
}
