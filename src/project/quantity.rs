//! Quantities as people write them: tolerances, durations, rates. Digits are kept as text, so that 0.005 stays 0.005.

use std::time::Duration;

use super::model::Tolerance;
use crate::error::{Error, ErrorKind, Result};

/// `0.01` absolute, `1%` relative, `2s` for times.
pub fn parse_tolerance(text: &str) -> Result<Tolerance> {
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return Err(Error::new(ErrorKind::Config, format!("the tolerance `{text}` is negative"))
            .hint("a tolerance is a distance: write it without the sign"));
    }
    if let Some(percent) = trimmed.strip_suffix('%')
        && let Some(digits) = plain_decimal(percent.trim_end(), -2)
    {
        return Ok(Tolerance::Relative(digits));
    }
    if let Some(digits) = plain_decimal(trimmed, 0) {
        return Ok(Tolerance::Absolute(digits));
    }
    parse_duration(trimmed).map(Tolerance::Duration).map_err(|_| {
        Error::new(ErrorKind::Config, format!("`{text}` is not a tolerance"))
            .hint("write 0.01 (absolute), 1% (relative), or 500ms, 2s, 15m, 1h, 2d for times")
    })
}

/// `500ms`, `2s`, `15m`, `1h`, `2d`; also `us`, `ns`, `w`, fractions (`1.5h`), and several in a row (`1h30m`).
pub fn parse_duration(text: &str) -> Result<Duration> {
    duration(text.trim()).ok_or_else(|| {
        Error::new(ErrorKind::Config, format!("`{text}` is not a duration"))
            .hint("write a number and its unit: 500ms, 2s, 15m, 1h, 2d")
    })
}

/// As it could be written: `7d`, `1h30m`, `250ms`.
pub fn duration_text(duration: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let (mut rest, mut text) = (duration.as_nanos(), String::new());
    for (unit, nanoseconds) in UNITS {
        if rest >= nanoseconds {
            text.push_str(&format!("{}{unit}", rest / nanoseconds));
            rest %= nanoseconds;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, 0u128);
    while !rest.is_empty() {
        let unit_at = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, tail) = rest.split_at(unit_at);
        let unit_end = tail.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        let nanoseconds: u128 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return None,
        };
        total = total.checked_add(times(number, nanoseconds)?)?;
        rest = next.trim_start();
    }
    let seconds = u64::try_from(total / 1_000_000_000).ok()?;
    // The longest time that Arrow's nanoseconds can hold, 292 years.
    (!text.is_empty() && total <= i64::MAX as u128).then(|| Duration::new(seconds, (total % 1_000_000_000) as u32))
}

/// `number * unit` exactly; none when it is finer than a nanosecond or not a number.
fn times(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.ends_with('.') || whole.is_empty() || fraction.len() > 18 {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10u128.pow(fraction.len() as u32);
    let product = digits.checked_mul(unit)?;
    (product % scale == 0).then(|| product / scale)
}

/// A share from 0 to 1: `0.0001` or `0.01%`.
pub(super) fn parse_rate(text: &str) -> Result<f64> {
    let trimmed = text.trim();
    let digits = match trimmed.strip_suffix('%') {
        Some(percent) => plain_decimal(percent.trim_end(), -2),
        None => plain_decimal(trimmed, 0),
    };
    match digits.and_then(|digits| digits.parse::<f64>().ok()) {
        Some(rate) if rate <= 1.0 => Ok(rate),
        _ => Err(Error::new(ErrorKind::Config, format!("`{text}` is not a rate"))
            .hint("a rate is a share of the rows, from 0 to 1: write 0.0001 or 0.01%")),
    }
}

/// A count of rows, with `_` between digits if liked.
pub(super) fn parse_rows(text: &str) -> Result<u64> {
    let digits = text.trim().replace('_', "");
    match digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>()) {
        Some(Ok(rows)) => Ok(rows),
        _ => Err(Error::new(ErrorKind::Config, format!("`{text}` is not a number of rows"))
            .hint("write a whole number, such as 10")),
    }
}

/// How often keys are read again.
pub(super) fn parse_looks(text: &str) -> Result<u32> {
    match text.trim().parse::<u32>() {
        Ok(times) if times > 0 => Ok(times),
        _ => Err(Error::new(ErrorKind::Config, format!("`{text}` is not how often keys can be read again"))
            .hint("write a whole number from 1 on")),
    }
}

/// An unsigned decimal number, written without exponent and superfluous zeros, times ten to the `shift`.
fn plain_decimal(text: &str, shift: i32) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let mantissa = mantissa.strip_prefix('+').unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // More than 76 digits fit no type; the bound also keeps `1e999999999` from filling the memory.
    let exponent = exponent.checked_add(shift).filter(|exponent| exponent.abs() <= 400)?;
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let padded = match point {
        ..=0 => format!("{}{digits}", "0".repeat((1 - point) as usize)),
        _ => format!("{digits}{}", "0".repeat((point as usize).saturating_sub(digits.len()))),
    };
    let (whole, fraction) = padded.split_at(point.max(1) as usize);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("7d")]
    #[case("1h30m")]
    #[case("250ms")]
    #[case("1d2h3m4s5ms6us7ns")]
    fn a_duration_is_told_as_it_is_written(#[case] text: &str) {
        assert_eq!(duration_text(parse_duration(text).unwrap()), text);
    }

    use rstest::rstest;

    #[rstest]
    #[case("0.005", Tolerance::Absolute("0.005".into()))]
    #[case("1e-3", Tolerance::Absolute("0.001".into()))]
    #[case("1.50", Tolerance::Absolute("1.5".into()))]
    #[case("0", Tolerance::Absolute("0".into()))]
    #[case("007", Tolerance::Absolute("7".into()))]
    #[case(".5", Tolerance::Absolute("0.5".into()))]
    #[case("12e2", Tolerance::Absolute("1200".into()))]
    #[case("1.234e1", Tolerance::Absolute("12.34".into()))]
    #[case("12345678901234567890.123456789", Tolerance::Absolute("12345678901234567890.123456789".into()))]
    #[case("1%", Tolerance::Relative("0.01".into()))]
    #[case("0.05 %", Tolerance::Relative("0.0005".into()))]
    #[case("150%", Tolerance::Relative("1.5".into()))]
    #[case("2s", Tolerance::Duration(Duration::from_secs(2)))]
    #[case("500ms", Tolerance::Duration(Duration::from_millis(500)))]
    #[case("15m", Tolerance::Duration(Duration::from_secs(900)))]
    #[case("1h30m", Tolerance::Duration(Duration::from_secs(5400)))]
    #[case("1.5h", Tolerance::Duration(Duration::from_secs(5400)))]
    #[case("2d", Tolerance::Duration(Duration::from_secs(172800)))]
    fn tolerances(#[case] text: &str, #[case] expected: Tolerance) {
        assert_eq!(parse_tolerance(text).unwrap(), expected);
    }

    #[rstest]
    #[case("-0.01", "the tolerance `-0.01` is negative")]
    #[case("abc", "`abc` is not a tolerance")]
    #[case("", "`` is not a tolerance")]
    #[case(".", "`.` is not a tolerance")]
    #[case("NaN", "`NaN` is not a tolerance")]
    #[case("inf", "`inf` is not a tolerance")]
    #[case("1e999999999", "`1e999999999` is not a tolerance")]
    #[case("0.5ns", "`0.5ns` is not a tolerance")]
    #[case("300000d", "`300000d` is not a tolerance")]
    fn no_tolerances(#[case] text: &str, #[case] message: &str) {
        assert_eq!(parse_tolerance(text).unwrap_err().message(), message);
    }

    #[rstest]
    #[case("0.01%", Some(0.0001))]
    #[case("1", Some(1.0))]
    #[case("1.5", None)]
    #[case("-0.1", None)]
    #[case("101%", None)]
    fn rates(#[case] text: &str, #[case] expected: Option<f64>) {
        assert_eq!(parse_rate(text).ok(), expected);
    }
}
