//! Numbers in the common type: exact ones stay exact, and meet floats at the nearest float.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, PrimitiveArray};
use datafusion::arrow::datatypes::*;

use super::{cast_exactly, overflow};
use crate::error::{Error, ErrorKind, Result};

/// Integers and decimals.
pub(super) fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_decimal()
}

/// The scale of an exact number's type; integers have 0.
fn scale(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal32(_, s)
        | DataType::Decimal64(_, s)
        | DataType::Decimal128(_, s)
        | DataType::Decimal256(_, s) => *s,
        _ => 0,
    }
}

/// A smaller scale would drop digits.
pub(super) fn converts(from: &DataType, to: &DataType) -> bool {
    matches!(to, DataType::Float32 | DataType::Float64) || (is_exact(to) && scale(from) <= scale(to))
}

pub(super) fn to_exact(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    cast_exactly(array, to)
}

pub(super) fn to_float(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    use DataType as T;
    match array.data_type() {
        T::Int8 => round(array.as_primitive::<Int8Type>(), to, f32::from, f64::from),
        T::Int16 => round(array.as_primitive::<Int16Type>(), to, f32::from, f64::from),
        // The language rounds integers to the nearest float, ties to even.
        T::Int32 => round(array.as_primitive::<Int32Type>(), to, |v| v as f32, f64::from),
        T::Int64 => round(array.as_primitive::<Int64Type>(), to, |v| v as f32, |v| v as f64),
        T::UInt8 => round(array.as_primitive::<UInt8Type>(), to, f32::from, f64::from),
        T::UInt16 => round(array.as_primitive::<UInt16Type>(), to, f32::from, f64::from),
        T::UInt32 => round(array.as_primitive::<UInt32Type>(), to, |v| v as f32, f64::from),
        T::UInt64 => round(array.as_primitive::<UInt64Type>(), to, |v| v as f32, |v| v as f64),
        T::Decimal32(_, s) => round_decimal(array.as_primitive::<Decimal32Type>(), *s, to, |v| Some(v.into())),
        T::Decimal64(_, s) => round_decimal(array.as_primitive::<Decimal64Type>(), *s, to, Some),
        T::Decimal128(_, s) => round_decimal(array.as_primitive::<Decimal128Type>(), *s, to, |v| v.try_into().ok()),
        T::Decimal256(_, s) => {
            round_decimal(array.as_primitive::<Decimal256Type>(), *s, to, |v| v.to_i128()?.try_into().ok())
        }
        other => Err(not_a_number(other)),
    }
}

fn not_a_number(data_type: &DataType) -> Error {
    Error::new(ErrorKind::Internal, format!("{data_type} is not a number"))
}

fn round<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    to: &DataType,
    to_f32: impl Fn(T::Native) -> f32,
    to_f64: impl Fn(T::Native) -> f64,
) -> Result<ArrayRef> {
    match to {
        DataType::Float32 => Ok(Arc::new(array.unary::<_, Float32Type>(to_f32))),
        DataType::Float64 => Ok(Arc::new(array.unary::<_, Float64Type>(to_f64))),
        other => Err(not_a_number(other)),
    }
}

/// `small` gives the mantissa if it fits into 64 bits.
fn round_decimal<T: ArrowPrimitiveType<Native: std::fmt::Display>>(
    array: &PrimitiveArray<T>,
    scale: i8,
    to: &DataType,
    small: impl Fn(T::Native) -> Option<i64>,
) -> Result<ArrayRef> {
    let mut text = String::new();
    match to {
        // No decimal is beyond the largest f64.
        DataType::Float64 => {
            let floats = array.iter().map(|v| v.map(|v| nearest_f64(v, small(v), scale, &mut text)));
            Ok(Arc::new(floats.collect::<Float64Array>()))
        }
        // From the digits, not through f64: rounding twice may give the second nearest.
        DataType::Float32 => {
            let mut nearest = |v| {
                let float = spell(v, scale, &mut text).parse().unwrap_or(f32::INFINITY);
                finite(float, v, array.data_type())
            };
            let floats = array.iter().map(|v| v.map(&mut nearest).transpose());
            Ok(Arc::new(floats.collect::<Result<Float32Array>>()?))
        }
        other => Err(not_a_number(other)),
    }
}

/// The f64 nearest to `mantissa / 10^scale`. Both operands of a division being exact, its result is correctly rounded;
/// that is so for 53 bits and for powers up to 10^22. All else goes through its digits, which parsing rounds correctly.
/// `text` is scratch.
fn nearest_f64<M: std::fmt::Display>(mantissa: M, small: Option<i64>, scale: i8, text: &mut String) -> f64 {
    match (small, usize::try_from(scale)) {
        (Some(small), Ok(0)) => small as f64,
        (Some(small), Ok(scale)) if small.unsigned_abs() < 1 << 53 && scale < EXACT_POWERS.len() => {
            small as f64 / EXACT_POWERS[scale]
        }
        // A number's digits always parse.
        _ => spell(mantissa, scale, text).parse().unwrap_or(f64::NAN),
    }
}

/// The powers of ten that an f64 holds exactly.
#[rustfmt::skip]
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

fn spell<M: std::fmt::Display>(mantissa: M, scale: i8, text: &mut String) -> &str {
    text.clear();
    // Writing to a string cannot fail.
    let _ = write!(text, "{mantissa}e{}", -i32::from(scale));
    text
}

/// 10^exponent, if 128 bits hold it.
pub(in crate::sql) fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// A number that is beyond all f32 is no infinity: an error, not a false equal.
fn finite(float: f32, value: impl std::fmt::Display, from: &DataType) -> Result<f32> {
    if float.is_finite() { Ok(float) } else { Err(overflow(value, from, &DataType::Float32)) }
}

/// Wider floats hold narrower ones exactly; an f32 is the nearest to an f64.
pub(super) fn float_to_float(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if let (DataType::Float64, DataType::Float32) = (array.data_type(), to) {
        let floats = array.as_primitive::<Float64Type>();
        let nearest = |v: f64| if v.is_finite() { finite(v as f32, v, &DataType::Float64) } else { Ok(v as f32) };
        return Ok(Arc::new(floats.try_unary::<_, Float32Type, _>(nearest)?));
    }
    cast_exactly(array, to)
}
