//! Numbers in untyped text: a sign, digits, a fraction, an exponent, and nothing else.

use datafusion::arrow::datatypes::i256;

/// So many digits always fit into an i64, which is quicker to build than 128 bits.
const SMALL_DIGITS: i64 = 18;

/// A number as it stands in text: `digits / 10^scale`, digits being those before and after the point.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) struct Digits<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Digits<'a> {
    /// `[+-] digits [. digits] [e [+-] digits]`; the digits before or after the point may be missing, not both.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let negative = sign(&mut rest);
        let whole = digits(&mut rest);
        let mut fraction: &[u8] = &[];
        if let [b'.', after @ ..] = rest {
            rest = after;
            fraction = digits(&mut rest);
        }
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut exponent = 0;
        if let [b'e' | b'E', after @ ..] = rest {
            rest = after;
            let negative = sign(&mut rest);
            let written = digits(&mut rest);
            if written.is_empty() {
                return None;
            }
            // Past this, a number is zero or fits nowhere, whatever the exponent.
            let magnitude = written.iter().fold(0, |n: i64, d| (n * 10 + i64::from(d - b'0')).min(1 << 40));
            exponent = if negative { -magnitude } else { magnitude };
        }
        rest.is_empty().then_some(Self { negative, whole, fraction, exponent })
    }

    /// The mantissa at `scale`, if the number is a whole multiple of `10^-scale` and fits.
    pub fn at_scale<M: Accumulate>(&self, scale: i8) -> Option<M> {
        // Digits from here on, counted from the first, stand below the last one that the scale keeps.
        let kept = self.whole.len() as i64 + self.exponent + i64::from(scale);
        if kept <= SMALL_DIGITS {
            return M::small(self.small(kept)?);
        }
        let mut mantissa = M::ZERO;
        let mut count = 0;
        for digit in self.whole.iter().chain(self.fraction) {
            if count < kept {
                mantissa = mantissa.push(digit - b'0', self.negative)?;
            } else if *digit != b'0' {
                return None;
            }
            count += 1;
        }
        while count < kept && mantissa != M::ZERO {
            mantissa = mantissa.push(0, self.negative)?;
            count += 1;
        }
        Some(mantissa)
    }

    /// The mantissa of the first `kept` digits, no more than 18, with zeros behind; none if one after them is not zero.
    fn small(&self, kept: i64) -> Option<i64> {
        let (mut mantissa, mut count) = (0, 0);
        for digit in self.whole.iter().chain(self.fraction) {
            if count < kept {
                mantissa = mantissa * 10 + i64::from(digit - b'0');
            } else if *digit != b'0' {
                return None;
            }
            count += 1;
        }
        for _ in count..kept {
            mantissa *= 10;
        }
        Some(if self.negative { -mantissa } else { mantissa })
    }

    /// The only form of the number: no exponent, no superfluous zeros. None if that is longer than any database has.
    pub fn plain(&self) -> Option<String> {
        const LONGEST: i64 = 200_000;
        let digits: Vec<u8> = self.whole.iter().chain(self.fraction).copied().collect();
        let start = digits.iter().position(|digit| *digit != b'0');
        let end = digits.iter().rposition(|digit| *digit != b'0');
        let (Some(start), Some(end)) = (start, end) else { return Some("0".into()) };
        // Where the point stands, counted from the first digit that is kept.
        let point = self.whole.len() as i64 + self.exponent - start as i64;
        if point.abs() > LONGEST {
            return None;
        }
        let kept = digits[start..=end].iter().map(|digit| char::from(*digit));
        let mut text = String::with_capacity(kept.len() + 3);
        text.push_str(if self.negative { "-" } else { "" });
        if point <= 0 {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
        }
        let count = kept.len() as i64;
        for (n, digit) in (0..).zip(kept) {
            if n == point && n > 0 {
                text.push('.');
            }
            text.push(digit);
        }
        text.extend(std::iter::repeat_n('0', (point - count).max(0) as usize));
        Some(text)
    }

    /// The smallest scale, not negative, at which the number is whole, without its trailing zeros.
    pub fn scale(&self) -> i64 {
        let all = self.whole.iter().chain(self.fraction);
        let zeros = all.rev().take_while(|&&digit| digit == b'0').count() as i64;
        (self.fraction.len() as i64 - self.exponent - zeros).max(0)
    }
}

fn sign(rest: &mut &[u8]) -> bool {
    match *rest {
        [sign @ (b'+' | b'-'), after @ ..] => {
            *rest = after;
            *sign == b'-'
        }
        _ => false,
    }
}

fn digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    digits
}

/// An integer that is built digit by digit; negative numbers count down, so that the least one is reached.
pub(in crate::sql) trait Accumulate: Copy + PartialEq {
    const ZERO: Self;
    fn small(value: i64) -> Option<Self>;
    fn push(self, digit: u8, negative: bool) -> Option<Self>;
}

macro_rules! accumulate {
    ($($type:ty),*) => {$(
        impl Accumulate for $type {
            const ZERO: Self = 0;

            #[inline]
            fn small(value: i64) -> Option<Self> {
                value.try_into().ok()
            }

            #[inline]
            fn push(self, digit: u8, negative: bool) -> Option<Self> {
                let longer = self.checked_mul(10)?;
                // A single digit fits every integer.
                if negative { longer.checked_sub(digit as $type) } else { longer.checked_add(digit as $type) }
            }
        }
    )*};
}

accumulate!(i8, i16, i32, i64, i128, u8, u16, u32, u64);

impl Accumulate for i256 {
    const ZERO: Self = i256::ZERO;

    fn small(value: i64) -> Option<Self> {
        Some(value.into())
    }

    fn push(self, digit: u8, negative: bool) -> Option<Self> {
        let longer = self.checked_mul(i256::from(10i64))?;
        let digit = i256::from(i64::from(digit));
        if negative { longer.checked_sub(digit) } else { longer.checked_add(digit) }
    }
}

/// The nearest f64. `NaN`, `inf` and `infinity` in any case; digits that are beyond all floats are unreadable, not infinite.
pub(super) fn float(text: &str) -> Option<f64> {
    match Digits::parse(text) {
        Some(_) => text.parse().ok().filter(|float: &f64| float.is_finite()),
        None => special(text),
    }
}

/// The nearest f32, as [`float`].
pub(super) fn float32(text: &str) -> Option<f32> {
    match Digits::parse(text) {
        Some(_) => text.parse().ok().filter(|float: &f32| float.is_finite()),
        None => special(text).map(|float| float as f32),
    }
}

fn special(text: &str) -> Option<f64> {
    let (negative, word) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let infinity = if negative { f64::NEG_INFINITY } else { f64::INFINITY };
    match word {
        _ if word.eq_ignore_ascii_case("nan") => Some(f64::NAN),
        _ if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity") => Some(infinity),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, scale: i8) -> Option<i64> {
        Digits::parse(text)?.at_scale(scale)
    }

    #[test]
    fn numbers_have_one_form() {
        for (text, plain) in [
            ("1.50", Some("1.5")),
            ("0012", Some("12")),
            ("-0.0", Some("0")),
            ("+1e3", Some("1000")),
            ("15E-1", Some("1.5")),
            (".5", Some("0.5")),
            ("-120", Some("-120")),
            ("-1.2e2", Some("-120")),
            ("1e-3", Some("0.001")),
            ("100.001", Some("100.001")),
            ("0.10", Some("0.1")),
            ("0e999999999", Some("0")),
            ("1e999999999", None),
        ] {
            assert_eq!(Digits::parse(text).unwrap().plain().as_deref(), plain, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_by_value() {
        for (text, scale, value) in [
            ("7", 0, 7),
            ("7.0", 0, 7),
            ("007", 0, 7),
            ("+7", 0, 7),
            ("-7", 0, -7),
            ("-0", 0, 0),
            ("1e3", 0, 1000),
            ("1E+3", 0, 1000),
            ("1500e-2", 0, 15),
            ("1.5", 2, 150),
            ("1.50", 2, 150),
            ("1.500", 2, 150),
            (".5", 1, 5),
            ("5.", 0, 5),
            ("0e99999999999999", 0, 0),
            ("0.000e-99999999999", 2, 0),
            ("1200", -2, 12),
            ("9223372036854775807", 0, i64::MAX),
            ("-9223372036854775808", 0, i64::MIN),
            ("0.0015e3", 1, 15),
        ] {
            assert_eq!(at(text, scale), Some(value), "{text}");
        }
    }

    #[test]
    fn digits_beyond_the_scale_are_not_dropped() {
        for (text, scale) in [("1.505", 2), ("7.5", 0), ("15e-1", 0), ("1201", -2), ("1e-99999999", 3), ("1e19", 0)] {
            assert_eq!(at(text, scale), None, "{text}");
        }
        assert_eq!(at("9223372036854775808", 0), None);
    }

    #[test]
    fn what_is_no_number_is_unreadable() {
        for text in [
            "", " ", "-", "+", ".", "e5", "1e", "1e+", " 7", "7 ", "1,000", "1_000", "0x10", "--1", "+-1", "1.2.3",
            "1e1.5", "٧", "NaN", "½",
        ] {
            assert!(Digits::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn unsigned_integers_stop_at_zero() {
        assert_eq!(Digits::parse("-1").and_then(|d| d.at_scale::<u8>(0)), None);
        assert_eq!(Digits::parse("-0").and_then(|d| d.at_scale::<u8>(0)), Some(0));
        assert_eq!(Digits::parse("256").and_then(|d| d.at_scale::<u8>(0)), None);
        assert_eq!(Digits::parse("255.0").and_then(|d| d.at_scale::<u8>(0)), Some(255));
    }

    #[test]
    fn floats_are_the_nearest() {
        assert_eq!(float("0.1"), Some(0.1));
        assert_eq!(float("+1e3"), Some(1000.0));
        assert_eq!(float("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(float("INF"), Some(f64::INFINITY));
        assert!(float("nan").is_some_and(f64::is_nan));
        for text in ["1e999", "", "infinit", " 1", "1d", "0x1p3"] {
            assert_eq!(float(text), None, "{text}");
        }
        assert_eq!(float32("1e39"), None);
        assert_eq!(float32("16777217"), Some(16_777_216.0));
    }

    #[test]
    fn the_scale_is_the_smallest() {
        for (text, scale) in
            [("1.50", 1), ("100", 0), ("1e-3", 3), ("10e-3", 2), ("0.00", 0), ("1e5", 0), ("1.25e1", 1)]
        {
            assert_eq!(Digits::parse(text).map(|d| d.scale()), Some(scale), "{text}");
        }
    }
}
