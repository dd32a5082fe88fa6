//! Numbers as columns of numbers take them: in digits, and only where they stay the very numbers that they are.

use super::plain::{self, Plain};

/// A text, or why there is none.
pub type Spelling = std::result::Result<String, String>;

/// The numbers in a type's parentheses.
pub fn modifiers(native: &str) -> Vec<i32> {
    let inside = native.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    inside.map(|(inside, _)| inside.split(',').filter_map(|n| n.trim().parse().ok()).collect()).unwrap_or_default()
}

pub fn cannot(native: &str, value: &Plain) -> String {
    format!("{} cannot be stored in {native}", value.what())
}

/// A number in digits, if that is what it is.
pub fn digits(native: &str, value: &Plain) -> Spelling {
    match value {
        Plain::Int(integer) => Some(integer.to_string()),
        Plain::Decimal(digits) => Some(digits.clone()),
        Plain::Float(real) => plain::float_digits(*real),
        Plain::Float32(real) => real.is_finite().then(|| format!("{real}")),
        Plain::Text(text) => numeral(text),
        _ => None,
    }
    .ok_or_else(|| cannot(native, value))
}

/// A text that is a number, with all of its digits behind the point, and none before it that mean nothing.
pub fn numeral(text: &str) -> Option<String> {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, part) = rest.split_once('.').unwrap_or((rest, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let is_zero = whole == "0" && part.bytes().all(|byte| byte == b'0');
    let (sign, point) = (if is_zero { "" } else { sign }, if part.is_empty() { "" } else { "." });
    Some(format!("{sign}{whole}{point}{part}"))
}

/// A number as a float, which must hold the very number that was meant.
pub fn parsed<T: std::str::FromStr + std::fmt::Display>(native: &str, value: &Plain) -> std::result::Result<T, String> {
    let digits = digits(native, value)?;
    let real: T = digits.parse().map_err(|_| format!("{digits} does not fit into {native}"))?;
    // Infinity has no digits.
    match numeral(&plain::shortened(&real.to_string())) {
        Some(kept) if numeral(&plain::shortened(&digits)).as_ref() == Some(&kept) => Ok(real),
        _ => Err(format!("{digits} does not fit into {native}, which would keep {real}")),
    }
}
