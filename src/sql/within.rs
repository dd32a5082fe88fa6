//! `within(source, target, kind, amount)`: whether two values are equal within a tolerance; never NULL.
//!
//! `kind` is `absolute` (`abs(s - t) <= a`), `relative` (`abs(s - t) <= a * max(abs(s), abs(t))`) or `duration` (for
//! times; the amount in nanoseconds). All are inclusive. Integers and decimals are compared exactly, in 128 bits where
//! they suffice and in as many as it takes where they do not; floats as f64. NULL and NULL, NaN and NaN are equal.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal256Array, Int64Array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, i256};
use datafusion::logical_expr::ScalarUDF;
use num_bigint::BigInt;

use super::common::{Clock, convert, power_of_ten, ticks, unpack};
use super::function::{Call, Function, Planned};
use super::text::Digits;
use super::type_text::plain_type;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn function() -> ScalarUDF {
    Function::new("within", 4..=4, returns, compute).never_null().build()
}

fn returns(planned: &Planned) -> Result<DataType> {
    let tolerance = Tolerance::parse(planned.text(2)?, planned.text(3)?)?;
    line(&plain_type(planned.data_type(0)), &plain_type(planned.data_type(1)), &tolerance)?;
    Ok(DataType::Boolean)
}

fn compute(call: &Call) -> Result<ArrayRef> {
    let (source, target) = (unpack(&call.column(0)?)?, unpack(&call.column(1)?)?);
    let tolerance = Tolerance::parse(call.text(2)?, call.text(3)?)?;
    let within = match line(source.data_type(), target.data_type(), &tolerance)? {
        Line::Nothing => rows(&source, &target, |_| false),
        Line::Exact => exact(&source, &target, &tolerance)?,
        Line::Floats => floats(&source, &target, &tolerance)?,
        Line::Times(source_clock, target_clock) => {
            let (s, t) = (ticks(&source)?, ticks(&target)?);
            times((&s, source_clock), (&t, target_clock), &tolerance)
        }
    };
    Ok(Arc::new(within))
}

enum Kind {
    Absolute,
    Relative,
    Duration,
}

/// `mantissa / 10^scale`, not negative.
struct Tolerance {
    kind: Kind,
    mantissa: i256,
    scale: i8,
    /// The nearest float.
    float: f64,
}

impl Tolerance {
    fn parse(kind: &str, amount: &str) -> Result<Self> {
        let kind = match kind {
            "absolute" => Kind::Absolute,
            "relative" => Kind::Relative,
            "duration" => Kind::Duration,
            _ => {
                return Err(Error::new(ErrorKind::Sql, format!("`{kind}` is not a kind of tolerance"))
                    .hint("it is `absolute`, `relative` or `duration`"));
            }
        };
        let bad = || {
            Error::new(ErrorKind::Config, format!("`{amount}` cannot be a tolerance"))
                .hint("write a decimal number that is not negative, e.g. 0.005")
        };
        let digits = Digits::parse(amount).ok_or_else(bad)?;
        let scale = i8::try_from(digits.scale()).map_err(|_| bad())?;
        let mantissa: i256 = digits.at_scale(scale).filter(|m: &i256| !m.is_negative()).ok_or_else(bad)?;
        let float: f64 = amount.parse().map_err(|_| bad())?;
        if matches!(kind, Kind::Duration) && scale > 0 {
            return Err(bad());
        }
        Ok(Self { kind, mantissa, scale, float })
    }
}

/// On which line two values have a difference.
enum Line {
    /// One side is NULL throughout.
    Nothing,
    Exact,
    Floats,
    Times(Clock, Clock),
}

fn line(source: &DataType, target: &DataType, tolerance: &Tolerance) -> Result<Line> {
    let exact = |t: &DataType| t.is_integer() || t.is_decimal();
    let number = |t: &DataType| exact(t) || t.is_floating();
    let duration = matches!(tolerance.kind, Kind::Duration);
    match (Clock::of(source), Clock::of(target)) {
        _ if source.is_null() || target.is_null() => Ok(Line::Nothing),
        (Some(s), Some(t)) if s.compares(t) && duration => Ok(Line::Times(s, t)),
        (None, None) if exact(source) && exact(target) && !duration => Ok(Line::Exact),
        (None, None) if number(source) && number(target) && !duration => Ok(Line::Floats),
        _ => Err(Error::new(
            ErrorKind::Schema,
            format!("{source} and {target} have no difference to hold against this tolerance"),
        )
        .hint("a number is for numbers (0.005, 1%), a duration for times (2s)")),
    }
}

/// `within` for each row on which both sides have a value.
fn rows(source: &dyn Array, target: &dyn Array, within: impl Fn(usize) -> bool) -> BooleanArray {
    let (s, t) = (source.logical_nulls(), target.logical_nulls());
    let present =
        |nulls: &Option<datafusion::arrow::buffer::NullBuffer>, row| nulls.as_ref().is_none_or(|n| n.is_valid(row));
    let equal = (0..source.len()).map(|row| match (present(&s, row), present(&t, row)) {
        (true, true) => within(row),
        (source, target) => source == target,
    });
    BooleanArray::new(equal.collect(), None)
}

fn floats(source: &ArrayRef, target: &ArrayRef, tolerance: &Tolerance) -> Result<BooleanArray> {
    let (source, target) = (convert(source, &DataType::Float64)?, convert(target, &DataType::Float64)?);
    let (s, t) = (source.as_primitive::<Float64Type>(), target.as_primitive::<Float64Type>());
    Ok(rows(&source, &target, |row| floats_within(s.value(row), t.value(row), tolerance)))
}

fn floats_within(s: f64, t: f64, tolerance: &Tolerance) -> bool {
    if s == t || (s.is_nan() && t.is_nan()) {
        return true;
    }
    // No amount reaches from a number to infinity, though `inf <= r * inf` would say so.
    if !s.is_finite() || !t.is_finite() {
        return false;
    }
    let bound = match tolerance.kind {
        Kind::Relative => tolerance.float * s.abs().max(t.abs()),
        _ => tolerance.float,
    };
    (s - t).abs() <= bound
}

fn times(source: (&Int64Array, Clock), target: (&Int64Array, Clock), tolerance: &Tolerance) -> BooleanArray {
    let (source_unit, target_unit) = (source.1.nanoseconds(), target.1.nanoseconds());
    // No two times are further apart than 128 bits of nanoseconds.
    let amount = tolerance.mantissa.to_i128().unwrap_or(i128::MAX);
    rows(source.0, target.0, |row| {
        let s = i128::from(source.0.value(row)) * source_unit;
        let t = i128::from(target.0.value(row)) * target_unit;
        (s - t).abs() <= amount
    })
}

/// Integers or decimals, as their mantissas in the narrowest of two widths.
enum Mantissas {
    Narrow(ArrayRef),
    Wide(Decimal256Array),
}

impl Mantissas {
    /// And their scale.
    fn of(array: &ArrayRef) -> Result<(Self, i8)> {
        let exactly = |to| cast_with_options(array, &to, &CastOptions { safe: false, ..Default::default() });
        Ok(match array.data_type() {
            DataType::Decimal256(_, scale) => (Mantissas::Wide(array.as_primitive::<Decimal256Type>().clone()), *scale),
            DataType::Decimal128(_, scale) => (Mantissas::Narrow(array.clone()), *scale),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
                (Mantissas::Narrow(exactly(DataType::Decimal128(38, *scale))?), *scale)
            }
            _ => (Mantissas::Narrow(exactly(DataType::Decimal128(38, 0))?), 0),
        })
    }

    fn small(&self, row: usize) -> Option<i128> {
        match self {
            Mantissas::Narrow(array) => Some(array.as_primitive::<Decimal128Type>().value(row)),
            Mantissas::Wide(array) => array.value(row).to_i128(),
        }
    }

    fn big(&self, row: usize) -> BigInt {
        match self {
            Mantissas::Narrow(array) => array.as_primitive::<Decimal128Type>().value(row).into(),
            Mantissas::Wide(array) => BigInt::from_signed_bytes_le(&array.value(row).to_le_bytes()),
        }
    }
}

fn exact(source: &ArrayRef, target: &ArrayRef, tolerance: &Tolerance) -> Result<BooleanArray> {
    let ((s, s_scale), (t, t_scale)) = (Mantissas::of(source)?, Mantissas::of(target)?);
    let scales = Scales::new(s_scale, t_scale, tolerance);
    let (small, big) = (scales.small(tolerance), scales.big(tolerance));
    Ok(rows(source, target, |row| {
        let quick = match (&small, s.small(row), t.small(row)) {
            (Some(factors), Some(s), Some(t)) => factors.within(s, t),
            _ => None,
        };
        quick.unwrap_or_else(|| big.within(s.big(row), t.big(row)))
    }))
}

/// Powers of ten that bring both sides and the tolerance to one scale.
struct Scales {
    source: u32,
    target: u32,
    amount: u32,
    /// Of a relative tolerance: what the difference is multiplied by, since the amount is a fraction of the values.
    difference: u32,
}

impl Scales {
    fn new(source: i8, target: i8, tolerance: &Tolerance) -> Self {
        let relative = matches!(tolerance.kind, Kind::Relative);
        let common = if relative { source.max(target) } else { source.max(target).max(tolerance.scale) };
        let up = |scale: i8| u32::from(common.abs_diff(scale));
        Self {
            source: up(source),
            target: up(target),
            amount: if relative { 0 } else { up(tolerance.scale) },
            difference: if relative { tolerance.scale.unsigned_abs().into() } else { 0 },
        }
    }

    fn small(&self, tolerance: &Tolerance) -> Option<Factors<i128>> {
        Some(Factors {
            source: power_of_ten(self.source)?,
            target: power_of_ten(self.target)?,
            difference: power_of_ten(self.difference)?,
            amount: tolerance.mantissa.to_i128()?.checked_mul(power_of_ten(self.amount)?)?,
            relative: matches!(tolerance.kind, Kind::Relative),
        })
    }

    fn big(&self, tolerance: &Tolerance) -> Factors<BigInt> {
        let power = |exponent| BigInt::from(10).pow(exponent);
        Factors {
            source: power(self.source),
            target: power(self.target),
            difference: power(self.difference),
            amount: BigInt::from_signed_bytes_le(&tolerance.mantissa.to_le_bytes()) * power(self.amount),
            relative: matches!(tolerance.kind, Kind::Relative),
        }
    }
}

struct Factors<N> {
    source: N,
    target: N,
    difference: N,
    amount: N,
    relative: bool,
}

impl Factors<i128> {
    /// None if 128 bits do not suffice.
    fn within(&self, s: i128, t: i128) -> Option<bool> {
        let (s, t) = (s.checked_mul(self.source)?, t.checked_mul(self.target)?);
        let difference = s.checked_sub(t)?.checked_abs()?.checked_mul(self.difference)?;
        let bound = match self.relative {
            true => self.amount.checked_mul(s.checked_abs()?.max(t.checked_abs()?))?,
            false => self.amount,
        };
        Some(difference <= bound)
    }
}

impl Factors<BigInt> {
    fn within(&self, s: BigInt, t: BigInt) -> bool {
        let (s, t) = (s * &self.source, t * &self.target);
        let difference = (&s - &t).magnitude() * self.difference.magnitude();
        match self.relative {
            true => difference <= self.amount.magnitude() * s.magnitude().max(t.magnitude()),
            false => &difference <= self.amount.magnitude(),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::*;
    use proptest::prelude::*;

    use super::*;

    fn tolerance(kind: &str, amount: &str) -> Tolerance {
        Tolerance::parse(kind, amount).unwrap_or_else(|e| panic!("{e}"))
    }

    fn decimals(value: i128, scale: i8) -> ArrayRef {
        Arc::new(Decimal128Array::from(vec![value]).with_data_type(DataType::Decimal128(38, scale)))
    }

    fn one(source: &ArrayRef, target: &ArrayRef, kind: &str, amount: &str) -> bool {
        exact(source, target, &tolerance(kind, amount)).unwrap_or_else(|e| panic!("{e}")).value(0)
    }

    #[test]
    fn a_tolerance_is_inclusive_and_exact() {
        let (a, b) = (decimals(110, 2), decimals(1000, 3));
        assert!(one(&a, &b, "absolute", "0.1"));
        assert!(!one(&a, &b, "absolute", "0.0999999999999999999999999999999"));
        assert!(one(&decimals(100, 0), &decimals(99, 0), "relative", "0.01"));
        assert!(!one(&decimals(100, 0), &decimals(98, 0), "relative", "0.01"));
        assert!(one(&decimals(i128::MAX / 2, -10), &decimals(i128::MAX / 2 - 1, -10), "absolute", "1e10"));
        assert!(!one(&decimals(i128::MAX / 2, 0), &decimals(-(i128::MAX / 2), 38), "absolute", "1e30"));
    }

    #[test]
    fn infinity_is_near_nothing() {
        let any = tolerance("relative", "1");
        assert!(!floats_within(f64::INFINITY, 5.0, &any));
        assert!(!floats_within(f64::INFINITY, f64::NEG_INFINITY, &any));
        assert!(floats_within(f64::INFINITY, f64::INFINITY, &any));
        assert!(floats_within(f64::NAN, f64::NAN, &any));
        assert!(!floats_within(f64::NAN, 1.0, &any));
        assert!(floats_within(0.0, -0.0, &tolerance("absolute", "0")));
        assert!(floats_within(1.0, 1.5, &tolerance("absolute", "0.5")));
    }

    #[test]
    fn nulls_are_equal_to_nulls_only() {
        let s: ArrayRef = Arc::new(Int64Array::from(vec![None, None, Some(1), Some(1)]));
        let t: ArrayRef = Arc::new(UInt64Array::from(vec![None, Some(1), None, Some(2)]));
        let within = exact(&s, &t, &tolerance("absolute", "1")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(within, BooleanArray::from(vec![true, false, false, true]));
    }

    #[test]
    fn times_of_any_unit_are_compared_in_nanoseconds() {
        let (s, t) = (Int64Array::from(vec![1, i64::MAX]), Int64Array::from(vec![3_000_000_001, i64::MIN]));
        let clock = |unit| Clock::Duration(unit);
        use datafusion::arrow::datatypes::TimeUnit::*;
        let run = |amount| times((&s, clock(Second)), (&t, clock(Nanosecond)), &tolerance("duration", amount));
        assert_eq!(run("2000000001"), BooleanArray::from(vec![true, false]));
        assert_eq!(run("2000000000"), BooleanArray::from(vec![false, false]));
    }

    #[test]
    fn what_is_no_tolerance_is_an_error() {
        for (kind, amount) in
            [("absolute", "-1"), ("absolute", "x"), ("about", "1"), ("duration", "0.5"), ("absolute", "inf")]
        {
            assert!(Tolerance::parse(kind, amount).is_err(), "{kind} {amount}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Whatever the width that it takes, the answer is that of unbounded integers.
        #[test]
        fn narrow_and_wide_agree(
            s in any::<i128>(), t in any::<i128>(), near in -20i128..20, close: bool,
            shift in 0u32..127, s_scale in -4i8..38, t_scale in -4i8..38,
            amount in 0u64..1000, amount_scale in 0usize..6, relative: bool,
        ) {
            let s = s >> shift;
            let (t, t_scale) = if close { (s.saturating_add(near), s_scale) } else { (t >> shift, t_scale) };
            let amount = format!("{amount}e-{amount_scale}");
            let tolerance = tolerance(if relative { "relative" } else { "absolute" }, &amount);
            let scales = Scales::new(s_scale, t_scale, &tolerance);
            // The oracle brings all to scale 50 and beyond.
            let up = |value: i128, scale: i8| BigInt::from(value) * BigInt::from(10).pow(u32::try_from(50 - i32::from(scale)).unwrap_or(0));
            let (os, ot) = (up(s, s_scale), up(t, t_scale));
            let oa = BigInt::from_signed_bytes_le(&tolerance.mantissa.to_le_bytes())
                * BigInt::from(10).pow(u32::try_from(50 - i32::from(tolerance.scale)).unwrap_or(0));
            let difference = (&os - &ot).magnitude().clone();
            let expected = if relative {
                difference * BigInt::from(10).pow(50).magnitude() <= oa.magnitude() * os.magnitude().max(ot.magnitude())
            } else {
                difference <= *oa.magnitude()
            };
            prop_assert_eq!(scales.big(&tolerance).within(s.into(), t.into()), expected);
            if let Some(small) = scales.small(&tolerance).and_then(|factors| factors.within(s, t)) {
                prop_assert_eq!(small, expected);
            }
        }
    }
}
