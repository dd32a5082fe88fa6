//! PostgreSQL's `numeric` in binary: digits to the base 10,000.
//!
//! The format is that of `numeric_send` in src/backend/utils/adt/numeric.c: number of digits, weight of the first one (as a
//! power of 10,000), sign, digits behind the point that are shown; then the digits, each an i16.

use datafusion::arrow::datatypes::i256;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// A number as it comes; None where the bytes are not one.
#[derive(Debug)]
pub(super) struct Numeric<'a> {
    weight: i32,
    sign: u16,
    /// Two bytes each.
    digits: &'a [u8],
}

impl<'a> Numeric<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        let (count, weight, sign) = (word(0)?, word(2)?, word(4)?);
        let digits = bytes.get(8..).filter(|digits| digits.len() == 2 * usize::from(count))?;
        let known = [0, NEGATIVE, NAN, INFINITY, MINUS_INFINITY].contains(&sign);
        known.then_some(Self { weight: i32::from(weight as i16), sign, digits })
    }

    fn digits(&self) -> impl DoubleEndedIterator<Item = u16> + ExactSizeIterator + '_ {
        self.digits.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    /// NaN and the infinities by their names.
    fn special(&self) -> Option<&'static str> {
        match self.sign {
            NAN => Some("NaN"),
            INFINITY => Some("Infinity"),
            MINUS_INFINITY => Some("-Infinity"),
            _ => None,
        }
    }

    /// The number times 10 to the `scale`; None where that is no whole number of 38 digits, or no number at all.
    pub(super) fn scaled(&self, scale: i8) -> Option<i128> {
        let mut value: i128 = 0;
        for digit in self.digits() {
            value = value.checked_mul(10_000)?.checked_add(i128::from(digit))?;
        }
        let shift = self.shift(scale)?;
        let value = match u32::try_from(shift) {
            Ok(up) => value.checked_mul(10i128.checked_pow(up)?)?,
            Err(_) => {
                let down = 10i128.checked_pow(shift.unsigned_abs())?;
                (value % down == 0).then(|| value / down)?
            }
        };
        Some(if self.sign == NEGATIVE { -value } else { value })
    }

    /// The same for 76 digits.
    pub(super) fn scaled_wide(&self, scale: i8) -> Option<i256> {
        let ten = i256::from_i128(10);
        let mut value = i256::ZERO;
        for digit in self.digits() {
            value = value.checked_mul(i256::from_i128(10_000))?.checked_add(i256::from_i128(i128::from(digit)))?;
        }
        let shift = self.shift(scale)?;
        let value = match u32::try_from(shift) {
            Ok(up) => value.checked_mul(ten.checked_pow(up)?)?,
            Err(_) => {
                let down = ten.checked_pow(shift.unsigned_abs())?;
                (value.checked_rem(down)? == i256::ZERO).then(|| value.checked_div(down))??
            }
        };
        Some(if self.sign == NEGATIVE { value.wrapping_neg() } else { value })
    }

    /// How far the digits, taken as one whole number, are to be shifted for this scale, in decimal places.
    fn shift(&self, scale: i8) -> Option<i32> {
        if self.special().is_some() {
            return None;
        }
        match self.digits().len() {
            0 => Some(0),
            count => Some(4 * (self.weight + 1 - i32::try_from(count).ok()?) + i32::from(scale)),
        }
    }

    /// The number in decimal, without superfluous zeros: equal numbers are equal texts.
    pub(super) fn write(&self, out: &mut String) {
        use std::fmt::Write;
        if let Some(special) = self.special() {
            out.push_str(special);
            return;
        }
        let digits: Vec<u16> = self.digits().collect();
        if digits.iter().all(|digit| *digit == 0) {
            out.push('0');
            return;
        }
        if self.sign == NEGATIVE {
            out.push('-');
        }
        let digit =
            |power: i32| usize::try_from(self.weight - power).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
        let start = out.len();
        for power in (0..=self.weight).rev() {
            let _ = match out.len() == start {
                true if digit(power) == 0 => Ok(()),
                true => write!(out, "{}", digit(power)),
                false => write!(out, "{:04}", digit(power)),
            };
        }
        if out.len() == start {
            out.push('0');
        }
        let last = self.weight + 1 - digits.len() as i32;
        if last < 0 {
            out.push('.');
            for power in (last..0).rev() {
                let _ = write!(out, "{:04}", digit(power));
            }
            let kept = out.trim_end_matches('0').trim_end_matches('.').len();
            out.truncate(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let head = [digits.len() as u16, weight as u16, sign, 0];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[rstest::rstest]
    #[case(0, 0, &[], "0", Some(0))]
    #[case(0, 0, &[12], "12", Some(1200))]
    #[case(1, 0, &[1, 5], "10005", Some(1_000_500))]
    #[case(1, NEGATIVE, &[12], "-120000", Some(-12_000_000))]
    #[case(0, 0, &[1, 5000], "1.5", Some(150))]
    #[case(0, 0, &[1, 50], "1.005", None)]
    #[case(-1, NEGATIVE, &[100], "-0.01", Some(-1))]
    #[case(-2, 0, &[1], "0.00000001", None)]
    #[case(-2, 0, &[1000], "0.00001", None)]
    #[case(0, NAN, &[], "NaN", None)]
    #[case(0, MINUS_INFINITY, &[], "-Infinity", None)]
    fn numbers(
        #[case] weight: i16,
        #[case] sign: u16,
        #[case] digits: &[u16],
        #[case] text: &str,
        #[case] cents: Option<i128>,
    ) {
        let bytes = bytes(weight, sign, digits);
        let number = Numeric::parse(&bytes).unwrap();
        let mut shown = String::new();
        number.write(&mut shown);
        assert_eq!((shown.as_str(), number.scaled(2)), (text, cents));
        assert_eq!(number.scaled_wide(2), cents.map(i256::from_i128));
    }

    #[test]
    fn what_is_no_number() {
        assert!(Numeric::parse(&[0, 1, 0, 0, 0, 0, 0, 0]).is_none());
        assert!(Numeric::parse(&bytes(0, 7, &[])).is_none());
        assert!(Numeric::parse(&[]).is_none());
    }
}
