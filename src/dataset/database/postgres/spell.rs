//! What values of the other side become in a column: the text that PostgreSQL itself would show for them. What it would store as another
//! value is refused, with the reason.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveTime};
use datafusion::arrow::array::{ArrayRef, StringArray};

use super::image::base;
use crate::dataset::Spelled;
use crate::dataset::database::write::number::{Spelling, cannot, digits, modifiers, parsed};
use crate::dataset::database::write::plain::{self, Plain};
use crate::error::Result;

/// Floats are shown with an exponent from these powers of ten on, and below the fourth behind the point.
const DOUBLE_FIXED: i32 = 15;
const REAL_FIXED: i32 = 6;

/// The length that a type of texts has.
fn length(native: &str) -> Option<usize> {
    modifiers(native).first().and_then(|most| usize::try_from(*most).ok())
}

/// Values as a column of a type stores them.
pub(in crate::dataset::database) fn spell(native: &str, values: &ArrayRef) -> Result<Spelled> {
    let (mut images, mut refused) = (Vec::new(), Vec::new());
    for value in plain::plain(values)? {
        let (image, why) = match value {
            Plain::Null => (None, None),
            value => match spelled(native, value) {
                Ok(image) => (Some(image), None),
                Err(why) => (None, Some(why)),
            },
        };
        images.push(image);
        refused.push(why);
    }
    Ok(Spelled { values: Arc::new(StringArray::from(images)), refused })
}

fn spelled(native: &str, value: Plain) -> Spelling {
    let type_of = base(native);
    Ok(match (type_of.as_str(), value) {
        (_, Plain::List(items)) => array(native, items)?,
        ("boolean", Plain::Bool(is)) => if is { "true" } else { "false" }.to_string(),
        ("smallint" | "integer" | "bigint" | "oid", value) => whole(native, &type_of, &value)?,
        ("numeric" | "money", value) => numeric(native, &value)?,
        ("real", value) => real(native, &value)?,
        ("double precision", value) => double(native, &value)?,
        ("text" | "character varying" | "bpchar" | "name" | "citext", value) => text(native, &type_of, value)?,
        ("uuid", Plain::Text(text)) => uuid(text)?,
        ("bytea", Plain::Bytes(bytes)) => format!("\\x{}", hex::encode(bytes)),
        ("date", Plain::Date(date)) => date_text(date),
        ("date", Plain::Timestamp { at, zoned: false }) if at.time() == NaiveTime::MIN => date_text(at.date()),
        ("time without time zone", Plain::Time(time)) => {
            finer(native, plain::fraction_digits(time))?;
            plain::time_text(time)
        }
        ("timestamp without time zone", Plain::Date(date)) => at_text(date.and_time(NaiveTime::MIN)),
        ("timestamp without time zone", Plain::Timestamp { at, zoned: false }) => {
            finer(native, plain::fraction_digits(at.time()))?;
            at_text(at)
        }
        ("timestamp with time zone", Plain::Timestamp { at, zoned: true }) => {
            finer(native, plain::fraction_digits(at.time()))?;
            let text = at_text(at);
            match text.strip_suffix(" BC") {
                Some(text) => format!("{text}+00 BC"),
                None => format!("{text}+00"),
            }
        }
        ("date" | "timestamp without time zone", Plain::Endless { later, zoned: false }) => endless(later),
        ("timestamp with time zone", Plain::Endless { later, zoned: true }) => endless(later),
        (_, Plain::Text(text)) => no_nul(text)?,
        (_, value) => return Err(cannot(native, &value)),
    })
}

/// As an array is shown: <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>.
fn array(native: &str, items: Vec<Plain>) -> Spelling {
    let Some(element) = native.strip_suffix("[]") else { return Err(cannot(native, &Plain::List(items))) };
    let one = |item: Plain| match item {
        Plain::Null => Ok("NULL".to_string()),
        Plain::List(_) => Err(format!("a list of lists cannot be stored in {native}")),
        Plain::Bool(is) if element == "boolean" => Ok(if is { "t" } else { "f" }.to_string()),
        item => {
            let text = spelled(element, item)?;
            // Blanks at the end of char(n) mean nothing, but in an array they are shown.
            let width = if base(element) == "bpchar" { length(element).unwrap_or(0) } else { 0 };
            Ok(in_array(&format!("{text:width$}")))
        }
    };
    let items = items.into_iter().map(one).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(format!("{{{}}}", items.join(",")))
}

fn in_array(text: &str) -> String {
    let special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\' | ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}');
    match text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => text.to_string(),
    }
}

fn finer(native: &str, digits: usize) -> std::result::Result<(), String> {
    let kept = length(native).unwrap_or(6);
    if digits > kept { Err(format!("it is finer than {native} keeps")) } else { Ok(()) }
}

fn whole(native: &str, type_of: &str, value: &Plain) -> Spelling {
    let short = plain::shortened(&digits(native, value)?);
    let integer: i128 = short.parse().map_err(|_| format!("{short} does not fit into {native}"))?;
    let fits = match type_of {
        "smallint" => i16::try_from(integer).is_ok(),
        "integer" => i32::try_from(integer).is_ok(),
        "oid" => u32::try_from(integer).is_ok(),
        _ => i64::try_from(integer).is_ok(),
    };
    if fits { Ok(integer.to_string()) } else { Err(format!("{integer} does not fit into {native}")) }
}

fn numeric(native: &str, value: &Plain) -> Spelling {
    match value {
        Plain::Float(real) if real.is_nan() => return Ok("NaN".into()),
        Plain::Float32(real) if real.is_nan() => return Ok("NaN".into()),
        Plain::Text(text) if ["NaN", "Infinity", "-Infinity"].contains(&text.as_str()) => return Ok(text.clone()),
        _ => {}
    }
    let digits = digits(native, value)?;
    match &modifiers(native)[..] {
        [precision, scale] => plain::scaled(&digits, *precision, *scale),
        [precision] => plain::scaled(&digits, *precision, 0),
        _ if native == "money" => plain::scaled(&digits, 19, 2),
        _ => Some(digits.clone()),
    }
    .ok_or_else(|| format!("{} does not fit into {native}", plain::shortened(&digits)))
}

fn double(native: &str, value: &Plain) -> Spelling {
    let real = match value {
        Plain::Float(real) => *real,
        Plain::Float32(real) => (*real).into(),
        other => parsed(native, other)?,
    };
    Ok(float_text(real, &format!("{real:e}"), DOUBLE_FIXED))
}

fn real(native: &str, value: &Plain) -> Spelling {
    let real = match value {
        Plain::Float32(real) => *real,
        // Compared as the narrower of the two.
        Plain::Float(double) => match *double as f32 {
            real if real.is_infinite() && double.is_finite() => {
                return Err(format!("{double:?} does not fit into {native}"));
            }
            real => real,
        },
        other => parsed::<f32>(native, other)?,
    };
    Ok(float_text(real.into(), &format!("{real:e}"), REAL_FIXED))
}

/// As PostgreSQL shows a float whose digits are the shortest that tell it. `scientific`: such as `1.5e-7`.
fn float_text(real: f64, scientific: &str, fixed: i32) -> String {
    if real.is_nan() {
        return "NaN".into();
    }
    if real.is_infinite() {
        return if real > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    if !(-4..fixed).contains(&exponent) {
        let way = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{way}{:02}", exponent.abs());
    }
    let digits = mantissa.replace('.', "");
    match usize::try_from(exponent) {
        Err(_) => format!("{sign}0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1)),
        Ok(before) if digits.len() <= before + 1 => format!("{sign}{digits:0<width$}", width = before + 1),
        Ok(before) => format!("{sign}{}.{}", &digits[..=before], &digits[before + 1..]),
    }
}

fn text(native: &str, type_of: &str, value: Plain) -> Spelling {
    let Plain::Text(text) = value else { return Err(cannot(native, &value)) };
    let text = no_nul(text)?;
    // Blanks at the end of char(n) mean nothing.
    let text = if type_of == "bpchar" { text.trim_end_matches(' ').to_string() } else { text };
    match length(native) {
        Some(most) if text.chars().count() > most => Err(format!("it is longer than {native}")),
        _ => Ok(text),
    }
}

fn no_nul(text: String) -> Spelling {
    if text.contains('\0') { Err("PostgreSQL stores no NUL character".into()) } else { Ok(text) }
}

/// In lower case with its four lines, whatever people write. What is none is left to the database.
fn uuid(text: String) -> Spelling {
    let hex: String = text.chars().filter(|c| !matches!(c, '-' | '{' | '}')).collect::<String>().to_ascii_lowercase();
    match hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")),
        false => no_nul(text),
    }
}

fn endless(later: bool) -> String {
    if later { "infinity" } else { "-infinity" }.to_string()
}

fn date_text(date: NaiveDate) -> String {
    match date.year() {
        year @ 1.. => format!("{year:04}-{:02}-{:02}", date.month(), date.day()),
        year => format!("{:04}-{:02}-{:02} BC", 1 - year, date.month(), date.day()),
    }
}

fn at_text(at: chrono::NaiveDateTime) -> String {
    let (date, time) = (date_text(at.date()), plain::time_text(at.time()));
    match date.strip_suffix(" BC") {
        Some(date) => format!("{date} {time} BC"),
        None => format!("{date} {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::database::write::number::numeral;

    #[test]
    fn floats_as_the_server_shows_them() {
        let shown = |real: f64| double("double precision", &Plain::Float(real)).unwrap();
        for (real, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (0.0001, "0.0001"),
            (0.00001234, "1.234e-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e300, "1.5e+300"),
            (1e-320, "1e-320"),
        ] {
            assert_eq!(shown(real), text);
        }
        assert_eq!(real("real", &Plain::Float32(123_456.0)).unwrap(), "123456");
        assert_eq!(real("real", &Plain::Float32(1_234_567.0)).unwrap(), "1.234567e+06");
        assert_eq!(real("real", &Plain::Float(1e300)), Err("1e300 does not fit into real".into()));
        let decimal = |digits: &str| Plain::Decimal(digits.into());
        assert!(real("real", &decimal("1e40")).is_err() && real("real", &decimal("1".repeat(40).as_str())).is_err());
        assert!(double("double precision", &decimal("12345678901234567890")).is_err());
        assert_eq!(double("double precision", &decimal("-0.50")), Ok("-0.5".into()));
        assert_eq!(real("real", &decimal("0.1")), Ok("0.1".into()));
    }

    #[test]
    fn texts_that_are_numbers() {
        for (text, number) in [("007.50", "7.50"), (".5", "0.5"), ("5.", "5"), ("-0.0", "0.0"), ("-01", "-1")] {
            assert_eq!(numeral(text).as_deref(), Some(number));
        }
        for text in ["", ".", "-", "1e5", "--1", "1.2.3", " 1", "١"] {
            assert_eq!(numeral(text), None, "{text:?}");
        }
    }
}
