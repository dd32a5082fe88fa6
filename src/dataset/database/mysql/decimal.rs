//! Decimals from the text in which MySQL sends them: `-12.3400`.

use datafusion::arrow::datatypes::i256;

/// The number in units of `10^-scale`; None where it is no number, or has more digits than the precision and scale allow.
pub(super) fn narrow(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (mut number, mut digits) = (0i128, 0usize);
    let negative = each_digit(text, scale, |digit| {
        digits += usize::from(digits > 0 || digit > 0);
        // 38 digits fit; more are refused below, whatever they overflow to.
        number = number.wrapping_mul(10).wrapping_add(i128::from(digit));
    })?;
    (digits <= usize::from(precision.min(38))).then_some(if negative { -number } else { number })
}

/// The same for up to 76 digits.
pub(super) fn wide(text: &[u8], precision: u8, scale: i8) -> Option<i256> {
    let mut digits = String::with_capacity(text.len() + 1);
    let negative = each_digit(text, scale, |digit| {
        if digit > 0 || !digits.is_empty() {
            digits.push(char::from(b'0' + digit));
        }
    })?;
    if digits.len() > usize::from(precision.min(76)) {
        return None;
    }
    let number = if digits.is_empty() { i256::ZERO } else { i256::from_string(&digits)? };
    Some(if negative { number.wrapping_neg() } else { number })
}

/// Gives each digit down to the scale, which are zeros where the text ends before. True: the number is negative. None: it is
/// none, or has digits behind the scale that are not zero.
fn each_digit(text: &[u8], scale: i8, mut give: impl FnMut(u8)) -> Option<bool> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (whole, fraction) = (&text[..point], text.get(point + 1..).unwrap_or_default());
    if !whole.iter().chain(fraction).all(u8::is_ascii_digit) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let scale = usize::try_from(scale).ok()?;
    let (kept, beyond) = fraction.split_at(fraction.len().min(scale));
    if beyond.iter().any(|byte| *byte != b'0') {
        return None;
    }
    whole.iter().chain(kept).for_each(|byte| give(byte - b'0'));
    (kept.len()..scale).for_each(|_| give(0));
    Some(negative)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("12.34", 4, 2, Some(1234))]
    #[case("-12.3400", 12, 2, Some(-1234))]
    #[case("0.00", 3, 2, Some(0))]
    #[case("-0.00", 3, 2, Some(0))]
    #[case("7", 5, 3, Some(7000))]
    #[case(".5", 5, 1, Some(5))]
    #[case("000123", 3, 0, Some(123))]
    #[case("99999999999999999999999999999999999999", 38, 0, Some(99_999_999_999_999_999_999_999_999_999_999_999_999))]
    #[case("100000000000000000000000000000000000000", 38, 0, None)]
    #[case("12.345", 12, 2, None)]
    #[case("1234", 3, 0, None)]
    #[case("1e3", 12, 2, None)]
    #[case("", 12, 2, None)]
    #[case("-", 12, 2, None)]
    #[case(".", 12, 2, None)]
    fn numbers_at_a_scale(#[case] text: &str, #[case] precision: u8, #[case] scale: i8, #[case] number: Option<i128>) {
        assert_eq!(narrow(text.as_bytes(), precision, scale), number);
        assert_eq!(wide(text.as_bytes(), precision, scale), number.map(i256::from_i128));
    }

    #[test]
    fn sixty_five_digits() {
        let text = "-99999999999999999999999999999999999.999999999999999999999999999999";
        let number = wide(text.as_bytes(), 65, 30).unwrap();
        assert_eq!(number.to_string(), text.replace('.', ""));
        assert_eq!(wide(text.as_bytes(), 64, 30), None);
    }
}
