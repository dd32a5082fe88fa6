//! Images of PostgreSQL's cells: the text that the type itself writes, under settings that every session here has, and reads again.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{ArrayRef, StringArray};

use crate::dataset::database::relation::quoted;
use crate::dataset::database::write::plain::{self, Plain};
use crate::dataset::{Spelled, WritableColumn};
use crate::error::Result;
use crate::project::model::System;

/// What is selected for an image.
pub(in crate::dataset::database) fn select(column: &WritableColumn) -> String {
    as_text(&quoted(System::Postgres, &column.name), &column.native)
}

/// A cell as its image. How money is written depends on the server, and how it is set.
pub(in crate::dataset::database) fn as_text(cell: &str, native: &str) -> String {
    if native == "money" { format!("{cell}::numeric::text") } else { format!("{cell}::text") }
}

/// A text as a value of the type. An explicit cast to a type with a length would cut what is longer, so it goes to the type without one; storing it
/// then finds what does not fit.
pub(in crate::dataset::database) fn of_text(text: &str, native: &str) -> String {
    if native == "money" { format!("({text}::numeric)::money") } else { format!("({text})::{}", base(native)) }
}

/// The type without what stands in parentheses.
fn base(native: &str) -> String {
    let (element, array) = match native.strip_suffix("[]") {
        Some(element) => (element, "[]"),
        None => (native, ""),
    };
    let bare = match element.find('(').zip(element.find(')')) {
        Some((open, close)) if !element.starts_with('"') && open < close => {
            format!("{}{}", &element[..open], &element[close + 1..])
        }
        _ => element.to_string(),
    };
    let bare = match bare.as_str() {
        "character" => "bpchar".to_string(),
        "bit" => "varbit".to_string(),
        interval if interval.starts_with("interval ") => "interval".to_string(),
        other => other.to_string(),
    };
    bare + array
}

/// The numbers in a type's parentheses.
fn modifiers(native: &str) -> Vec<usize> {
    let inside = native.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    inside.map(|(inside, _)| inside.split(',').filter_map(|n| n.trim().parse().ok()).collect()).unwrap_or_default()
}

/// Values as a column of a type stores them.
pub(in crate::dataset::database) fn spell(native: &str, values: &ArrayRef) -> Result<Spelled> {
    let (mut images, mut refused) = (Vec::new(), Vec::new());
    for value in plain::plain(values)? {
        let (image, why) = match spelled(native, value) {
            Ok(image) => (image, None),
            Err(why) => (None, Some(why)),
        };
        images.push(image);
        refused.push(why);
    }
    Ok(Spelled { values: Arc::new(StringArray::from(images)), refused })
}

fn spelled(native: &str, value: Plain) -> std::result::Result<Option<String>, String> {
    let type_of = base(native);
    let image = match (type_of.as_str(), value) {
        (_, Plain::Null) => return Ok(None),
        (_, Plain::Other(what)) => return Err(format!("{what} cannot be stored in {native}")),
        ("boolean", Plain::Bool(is)) => if is { "true" } else { "false" }.to_string(),
        ("smallint" | "integer" | "bigint" | "oid", value) => whole(native, &type_of, &value)?,
        ("numeric" | "money", value) => numeric(native, value)?,
        ("real", value) => real(native, value)?,
        ("double precision", value) => double(native, value)?,
        ("text" | "character varying" | "bpchar" | "name" | "citext", value) => text(native, &type_of, value)?,
        ("bytea", Plain::Bytes(bytes)) => format!("\\x{}", hex::encode(bytes)),
        ("date", Plain::Date(date)) => date_text(date),
        ("date", Plain::Timestamp { at, zoned: false }) if at.time() == chrono::NaiveTime::MIN => date_text(at.date()),
        ("time without time zone", Plain::Time(time)) => {
            finer(native, plain::fraction_digits(time), 6)?;
            plain::time_text(time)
        }
        ("timestamp without time zone", Plain::Date(date)) => at_text(date.and_time(chrono::NaiveTime::MIN)),
        ("timestamp without time zone", Plain::Timestamp { at, zoned: false }) => {
            finer(native, plain::fraction_digits(at.time()), 6)?;
            at_text(at)
        }
        ("timestamp with time zone", Plain::Timestamp { at, zoned: true }) => {
            finer(native, plain::fraction_digits(at.time()), 6)?;
            let text = at_text(at);
            match text.strip_suffix(" BC") {
                Some(text) => format!("{text}+00 BC"),
                None => format!("{text}+00"),
            }
        }
        (_, Plain::Text(text)) => no_nul(text)?,
        (_, value) => return Err(format!("{} cannot be stored in {native}", kind_of(&value))),
    };
    Ok(Some(image))
}

fn kind_of(value: &Plain) -> &'static str {
    match value {
        Plain::Null => "NULL",
        Plain::Bool(_) => "a boolean",
        Plain::Int(_) => "a whole number",
        Plain::Float(_) | Plain::Float32(_) => "a float",
        Plain::Decimal(_) => "a decimal",
        Plain::Text(_) => "a text",
        Plain::Bytes(_) => "bytes",
        Plain::Date(_) => "a date",
        Plain::Time(_) => "a time",
        Plain::Timestamp { zoned: true, .. } => "a time with a zone",
        Plain::Timestamp { .. } => "a time without a zone",
        Plain::Other(_) => "a value",
    }
}

fn finer(native: &str, digits: usize, most: usize) -> std::result::Result<(), String> {
    let kept = modifiers(native).first().copied().unwrap_or(most);
    if digits > kept { Err(format!("it is finer than {native} keeps")) } else { Ok(()) }
}

/// A number in digits, if that is what it is.
fn digits(value: &Plain) -> Option<String> {
    match value {
        Plain::Int(integer) => Some(integer.to_string()),
        Plain::Decimal(digits) => Some(digits.clone()),
        Plain::Float(real) => plain::float_digits(*real),
        Plain::Float32(real) => real.is_finite().then(|| format!("{real}")),
        Plain::Text(text) => {
            let fits = !text.is_empty() && text.trim_start_matches('-').chars().all(|c| c.is_ascii_digit() || c == '.');
            (fits && text.parse::<f64>().is_ok()).then(|| text.clone())
        }
        _ => None,
    }
}

fn whole(native: &str, type_of: &str, value: &Plain) -> std::result::Result<String, String> {
    let digits = digits(value).ok_or_else(|| format!("{} cannot be stored in {native}", kind_of(value)))?;
    let short = plain::shortened(&digits);
    let integer: i128 = short.parse().map_err(|_| format!("{short} does not fit into {native}"))?;
    let fits = match type_of {
        "smallint" => i16::try_from(integer).is_ok(),
        "integer" => i32::try_from(integer).is_ok(),
        "oid" => u32::try_from(integer).is_ok(),
        _ => i64::try_from(integer).is_ok(),
    };
    if fits { Ok(integer.to_string()) } else { Err(format!("{integer} does not fit into {native}")) }
}

fn numeric(native: &str, value: Plain) -> std::result::Result<String, String> {
    let special = match &value {
        Plain::Float(real) if real.is_nan() => Some("NaN"),
        Plain::Float32(real) if real.is_nan() => Some("NaN"),
        Plain::Text(text) if ["NaN", "Infinity", "-Infinity"].contains(&text.as_str()) => return Ok(text.clone()),
        _ => None,
    };
    if let Some(special) = special {
        return Ok(special.into());
    }
    let digits = digits(&value).ok_or_else(|| format!("{} cannot be stored in {native}", kind_of(&value)))?;
    match &modifiers(native)[..] {
        [precision, scale] => plain::scaled(&digits, *precision, *scale),
        [precision] => plain::scaled(&digits, *precision, 0),
        _ if native == "money" => plain::scaled(&digits, 19, 2),
        _ => Some(digits.clone()),
    }
    .ok_or_else(|| format!("{} does not fit into {native}", plain::shortened(&digits)))
}

fn float_text(real: f64, shortest: String) -> String {
    match real {
        _ if real.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => shortest,
    }
}

fn double(native: &str, value: Plain) -> std::result::Result<String, String> {
    let real = match value {
        Plain::Float(real) => real,
        Plain::Float32(real) => real.into(),
        other => {
            let digits = digits(&other).ok_or_else(|| format!("{} cannot be stored in {native}", kind_of(&other)))?;
            let real: f64 = digits.parse().map_err(|_| format!("{digits} does not fit into {native}"))?;
            kept(&digits, format!("{real}"), native)?;
            real
        }
    };
    Ok(float_text(real, format!("{real:?}")))
}

fn real(native: &str, value: Plain) -> std::result::Result<String, String> {
    let real = match value {
        Plain::Float32(real) => real,
        // Compared as the narrower of the two.
        Plain::Float(real) if real.is_finite() && !(real as f32).is_finite() => {
            return Err(format!("{real:?} does not fit into {native}"));
        }
        Plain::Float(real) => real as f32,
        other => {
            let digits = digits(&other).ok_or_else(|| format!("{} cannot be stored in {native}", kind_of(&other)))?;
            let real: f32 = digits.parse().map_err(|_| format!("{digits} does not fit into {native}"))?;
            kept(&digits, format!("{real}"), native)?;
            real
        }
    };
    Ok(float_text(real.into(), format!("{real:?}")))
}

/// Whether a float holds the very number that was meant.
fn kept(digits: &str, float: String, native: &str) -> std::result::Result<(), String> {
    let (wanted, short) = (plain::shortened(digits), plain::shortened(&float));
    let wanted = wanted.trim_start_matches('-').trim_start_matches('0');
    match wanted == short.trim_start_matches('-').trim_start_matches('0') {
        true => Ok(()),
        false => Err(format!("{digits} does not fit into {native}, which would keep {float}")),
    }
}

fn text(native: &str, type_of: &str, value: Plain) -> std::result::Result<String, String> {
    let Plain::Text(text) = value else { return Err(format!("{} cannot be stored in {native}", kind_of(&value))) };
    let text = no_nul(text)?;
    // Blanks at the end of char(n) mean nothing.
    let text = if type_of == "bpchar" { text.trim_end_matches(' ').to_string() } else { text };
    match modifiers(native).first() {
        Some(most) if text.chars().count() > *most => Err(format!("it is longer than {native}")),
        _ => Ok(text),
    }
}

fn no_nul(text: String) -> std::result::Result<String, String> {
    if text.contains('\0') { Err("PostgreSQL stores no NUL character".into()) } else { Ok(text) }
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

    #[test]
    fn types_without_what_would_cut_values() {
        for (native, expected) in [
            ("numeric(12,2)", "numeric"),
            ("character varying(5)", "character varying"),
            ("character(5)", "bpchar"),
            ("bit(3)", "varbit"),
            ("timestamp(3) without time zone", "timestamp without time zone"),
            ("numeric(12,2)[]", "numeric[]"),
            ("interval year to month", "interval"),
            ("shop.mood", "shop.mood"),
        ] {
            assert_eq!(base(native), expected);
        }
    }

    #[test]
    fn values_as_columns_store_them() {
        let decimal = |digits: &str| Plain::Decimal(digits.into());
        assert_eq!(spelled("numeric(10,2)", decimal("1.500")), Ok(Some("1.50".into())));
        assert_eq!(spelled("numeric(10,2)", decimal("1.505")), Err("1.505 does not fit into numeric(10,2)".into()));
        assert_eq!(spelled("smallint", Plain::Int(300)), Ok(Some("300".into())));
        assert_eq!(spelled("smallint", Plain::Int(40_000)), Err("40000 does not fit into smallint".into()));
        assert_eq!(
            spelled("character varying(5)", Plain::Text("abcdef".into())),
            Err("it is longer than character varying(5)".into())
        );
        assert_eq!(spelled("double precision", Plain::Float(0.1)), Ok(Some("0.1".into())));
        assert_eq!(spelled("double precision", Plain::Float(f64::NAN)), Ok(Some("NaN".into())));
        assert_eq!(spelled("real", Plain::Float(1e300)), Err("1e300 does not fit into real".into()));
        assert!(spelled("real", decimal("1e40")).is_err());
        assert!(spelled("double precision", decimal("12345678901234567890")).is_err());
        assert_eq!(spelled("double precision", decimal("-0.50")), Ok(Some("-0.5".into())));
        assert_eq!(spelled("real", decimal("0.1")), Ok(Some("0.1".into())));
        let at = chrono::DateTime::from_timestamp(0, 500_000_000).unwrap().naive_utc();
        let stored = spelled("timestamp with time zone", Plain::Timestamp { at, zoned: true });
        assert_eq!(stored, Ok(Some("1970-01-01 00:00:00.5+00".into())));
        assert!(spelled("timestamp with time zone", Plain::Timestamp { at, zoned: false }).is_err());
        assert!(spelled("timestamp(0) without time zone", Plain::Timestamp { at, zoned: false }).is_err());
    }
}
