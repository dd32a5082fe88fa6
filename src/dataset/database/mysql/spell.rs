//! What values of the other side become in a column: the text that MySQL itself would show for them. What it would store as another
//! value, cut short or rounded without a word, is refused, with the reason.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, Timelike};
use datafusion::arrow::array::{ArrayRef, StringArray};

use super::image::base;
use crate::dataset::Spelled;
use crate::dataset::database::write::number::{Spelling, cannot, digits, modifiers, parsed};
use crate::dataset::database::write::plain::{self, Plain};
use crate::error::Result;

/// Floats are shown with an exponent from this power of ten on, and below its negative.
const FIXED: i32 = 15;

/// Values as a column of a type stores them.
pub(in crate::dataset::database) fn spell(native: &str, values: &ArrayRef) -> Result<Spelled> {
    let (mut images, mut refused) = (Vec::new(), Vec::new());
    for value in plain::plain(values)? {
        let (image, why) = match value {
            Plain::Null => (None, None),
            value => match spelled(native, &value) {
                Ok(image) => (Some(image), None),
                Err(why) => (None, Some(why)),
            },
        };
        images.push(image);
        refused.push(why);
    }
    Ok(Spelled { values: Arc::new(StringArray::from(images)), refused })
}

fn spelled(native: &str, value: &Plain) -> Spelling {
    match (base(native), value) {
        ("tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year", value) => whole(native, value),
        ("decimal", value) => decimal(native, value),
        ("float", value) => float(native, value),
        ("double", value) => double(native, value),
        ("char" | "varchar", Plain::Text(text)) => bounded(native, text),
        (
            "tinytext" | "text" | "mediumtext" | "longtext" | "json" | "enum" | "set" | "inet4" | "inet6",
            Plain::Text(text),
        ) => Ok(text.clone()),
        ("uuid", Plain::Text(text)) => Ok(text.to_ascii_lowercase()),
        ("binary" | "varbinary", Plain::Bytes(bytes)) => binary(native, bytes),
        ("tinyblob" | "blob" | "mediumblob" | "longblob", Plain::Bytes(bytes)) => Ok(hex::encode(bytes)),
        ("date" | "datetime" | "timestamp" | "time", value) => clock(native, value),
        (_, value) => Err(cannot(native, value)),
    }
}

fn does_not_fit(number: &str, native: &str) -> String {
    format!("{number} does not fit into {native}")
}

fn is_unsigned(native: &str) -> bool {
    // Members of no number.
    native.contains(" unsigned")
}

fn whole(native: &str, value: &Plain) -> Spelling {
    let digits = match value {
        Plain::Bool(is) if matches!(base(native), "tinyint" | "bit") => i32::from(*is).to_string(),
        value => digits(native, value)?,
    };
    let short = plain::shortened(&digits);
    let integer: i128 = short.parse().map_err(|_| does_not_fit(&short, native))?;
    let bits = match base(native) {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        "bit" => modifiers(native).first().copied().unwrap_or(1),
        // What a year can be.
        _ => {
            return match integer {
                0 | 1901..=2155 => Ok(integer.to_string()),
                _ => Err(does_not_fit(&short, native)),
            };
        }
    };
    let fits = match is_unsigned(native) || base(native) == "bit" {
        true => (0..1 << bits).contains(&integer),
        false => (-(1 << (bits - 1))..1 << (bits - 1)).contains(&integer),
    };
    if fits { Ok(integer.to_string()) } else { Err(does_not_fit(&short, native)) }
}

fn decimal(native: &str, value: &Plain) -> Spelling {
    let digits = digits(native, value)?;
    let (precision, scale) = match modifiers(native)[..] {
        [precision, scale] => (precision, scale),
        [precision] => (precision, 0),
        _ => (10, 0),
    };
    match plain::scaled(&digits, precision, scale) {
        Some(digits) if !(is_unsigned(native) && digits.starts_with('-')) => Ok(digits),
        _ => Err(does_not_fit(&plain::shortened(&digits), native)),
    }
}

fn double(native: &str, value: &Plain) -> Spelling {
    let real = match value {
        Plain::Float(real) => *real,
        Plain::Float32(real) => (*real).into(),
        other => parsed(native, other)?,
    };
    float_text(real, native)
}

fn float(native: &str, value: &Plain) -> Spelling {
    let real = match value {
        Plain::Float32(real) => *real,
        // Compared as the narrower of the two.
        Plain::Float(double) => match *double as f32 {
            real if real.is_infinite() && double.is_finite() => {
                return Err(does_not_fit(&format!("{double:?}"), native));
            }
            real => real,
        },
        other => parsed::<f32>(native, other)?,
    };
    float_text(real.into(), native)
}

/// As MySQL shows a float whose digits are the shortest that tell it. Nobody tells its zeros apart.
fn float_text(real: f64, native: &str) -> Spelling {
    if !real.is_finite() {
        return Err(format!("{real} cannot be stored in {native}"));
    }
    if real < 0.0 && is_unsigned(native) {
        return Err(does_not_fit(&format!("{real:?}"), native));
    }
    let scientific = format!("{real:e}");
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    Ok(match (-FIXED..FIXED).contains(&exponent) {
        _ if real == 0.0 => "0".to_string(),
        true => format!("{real}"),
        false => scientific,
    })
}

fn length(native: &str) -> Option<usize> {
    modifiers(native).first().and_then(|most| usize::try_from(*most).ok())
}

fn bounded(native: &str, text: &str) -> Spelling {
    if base(native) == "char" && text.ends_with(' ') {
        return Err(format!("{native} keeps no blanks at the end"));
    }
    match length(native).unwrap_or(1) {
        most if text.chars().count() > most => Err(format!("it is longer than {native}")),
        _ => Ok(text.to_string()),
    }
}

fn binary(native: &str, bytes: &[u8]) -> Spelling {
    let most = length(native).unwrap_or(1);
    match bytes.len() {
        length if length > most => Err(format!("it is longer than {native}")),
        length if length < most && base(native) == "binary" => {
            Err(format!("it is shorter than {native}, which would fill it up with zeros"))
        }
        _ => Ok(hex::encode(bytes)),
    }
}

/// A date, a time, or both.
fn clock(native: &str, value: &Plain) -> Spelling {
    let at = |at: NaiveDateTime| match at.year() {
        0..=9999 => Ok(format!("{} {}", at.date().format("%Y-%m-%d"), fraction(native, at.time())?)),
        _ => Err(format!("its year does not fit into {native}")),
    };
    match (base(native), value) {
        ("date", Plain::Date(date)) => Ok(at(date.and_time(NaiveTime::MIN))?[..10].to_string()),
        ("date", Plain::Timestamp { at: moment, zoned: false }) if moment.time() == NaiveTime::MIN => {
            Ok(at(*moment)?[..10].to_string())
        }
        ("datetime", Plain::Date(date)) => at(date.and_time(NaiveTime::MIN)),
        ("datetime", Plain::Timestamp { at: moment, zoned: false }) => at(*moment),
        ("timestamp", Plain::Timestamp { at: moment, zoned: true }) => at(*moment),
        ("time", Plain::Time(time)) => fraction(native, *time),
        (_, Plain::Text(text)) => told(native, text),
        (_, value) => Err(cannot(native, value)),
    }
}

/// With as many digits after the second as the column keeps.
fn fraction(native: &str, time: NaiveTime) -> Spelling {
    let kept = length(native).unwrap_or(0);
    if base(native) != "date" && plain::fraction_digits(time) > kept {
        return Err(format!("it is finer than {native} keeps"));
    }
    let digits = format!("{:09}", time.nanosecond() % 1_000_000_000);
    let whole = time.format("%H:%M:%S");
    Ok(if kept == 0 { whole.to_string() } else { format!("{whole}.{}", &digits[..kept.min(9)]) })
}

/// A text that another table of MySQL, or a file, has for a date or a time: those that are none elsewhere stay what they are.
fn told(native: &str, text: &str) -> Spelling {
    let wrong = || format!("{text} does not fit into {native}");
    let text = text.trim();
    let text = match (base(native), DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1))) {
        // An instant, in UTC.
        ("timestamp", Ok(at)) => return clock(native, &Plain::Timestamp { at: at.naive_utc(), zoned: true }),
        _ => text.replacen('T', " ", 1),
    };
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (Some(date), Some(time)),
        None if base(native) == "time" => (None, Some(text.as_str())),
        None => (Some(text.as_str()), None),
    };
    if date.is_some_and(|date| !has_form(date, "0000-00-00")) || (base(native) == "time") != date.is_none() {
        return Err(wrong());
    }
    let time = match time {
        Some(time) => told_time(native, time).ok_or_else(wrong)?,
        None => fraction(native, NaiveTime::MIN)?,
    };
    match (base(native), date) {
        ("date", Some(date)) if time.trim_matches(['0', ':', '.']).is_empty() => Ok(date.to_string()),
        ("date", _) => Err(wrong()),
        (_, Some(date)) => Ok(format!("{date} {time}")),
        (_, None) => Ok(time),
    }
}

/// `hh:mm:ss`, of `time` up to three digits of hours with a sign; after the second as many digits as the column keeps.
fn told_time(native: &str, time: &str) -> Option<String> {
    let (whole, part) = time.split_once('.').unwrap_or((time, ""));
    let (sign, hours) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let long = base(native) == "time" && has_form(hours, "000:00:00");
    if !(long || has_form(hours, "00:00:00")) || (!sign.is_empty() && base(native) != "time") {
        return None;
    }
    let (kept, part) = (length(native).unwrap_or(0), part.trim_end_matches('0'));
    if part.len() > kept || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if kept == 0 { whole.to_string() } else { format!("{whole}.{part:0<kept$}") })
}

/// Digits where the form has a 0, and else its own characters.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(one, form): (u8, u8)| if form == b'0' { one.is_ascii_digit() } else { one == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn text(text: &str) -> Plain {
        Plain::Text(text.into())
    }

    #[test]
    fn numbers() {
        let decimal = |digits: &str| Plain::Decimal(digits.into());
        for (native, value, expected) in [
            ("tinyint(1)", Plain::Bool(true), Ok("1")),
            ("tinyint(4)", Plain::Int(-128), Ok("-128")),
            ("tinyint(4)", Plain::Int(128), Err("128 does not fit into tinyint(4)")),
            ("tinyint(3) unsigned", Plain::Int(-1), Err("-1 does not fit into tinyint(3) unsigned")),
            ("bigint(20) unsigned", Plain::Int(u64::MAX.into()), Ok("18446744073709551615")),
            ("mediumint(9)", Plain::Int(8_388_608), Err("8388608 does not fit into mediumint(9)")),
            ("bit(5)", Plain::Int(31), Ok("31")),
            ("bit(5)", Plain::Int(32), Err("32 does not fit into bit(5)")),
            ("year(4)", Plain::Int(1900), Err("1900 does not fit into year(4)")),
            ("int(11)", decimal("7.00"), Ok("7")),
            ("int(11)", decimal("7.10"), Err("7.1 does not fit into int(11)")),
            ("decimal(10,2)", decimal("1.500"), Ok("1.50")),
            ("decimal(10,2)", decimal("1.505"), Err("1.505 does not fit into decimal(10,2)")),
            ("decimal(10,2) unsigned", decimal("-1"), Err("-1 does not fit into decimal(10,2) unsigned")),
            ("double", Plain::Float(1e15), Ok("1e15")),
            ("double", Plain::Float(123_456_789_012_345.0), Ok("123456789012345")),
            ("double", Plain::Float(1e-15), Ok("0.000000000000001")),
            ("double", Plain::Float(1e-16), Ok("1e-16")),
            ("double", Plain::Float(-0.0), Ok("0")),
            ("double", Plain::Float(f64::NAN), Err("NaN cannot be stored in double")),
            ("float", Plain::Float32(0.1), Ok("0.10000000149011612")),
            ("float", Plain::Float(1e300), Err("1e300 does not fit into float")),
        ] {
            assert_eq!(spelled(native, &value), expected.map(String::from).map_err(String::from), "{native} {value:?}");
        }
    }

    #[test]
    fn dates_and_times() {
        let at = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap().and_hms_micro_opt(1, 2, 3, 500_000).unwrap();
        let (plain, zoned) = (Plain::Timestamp { at, zoned: false }, Plain::Timestamp { at, zoned: true });
        for (native, value, expected) in [
            ("datetime(3)", &plain, Ok("2024-02-29 01:02:03.500")),
            ("datetime(6)", &plain, Ok("2024-02-29 01:02:03.500000")),
            ("datetime", &plain, Err("it is finer than datetime keeps")),
            ("timestamp(1)", &zoned, Ok("2024-02-29 01:02:03.5")),
            ("timestamp(1)", &plain, Err("a time without a zone cannot be stored in timestamp(1)")),
            ("datetime(1)", &zoned, Err("a time with a zone cannot be stored in datetime(1)")),
            ("date", &plain, Err("a time without a zone cannot be stored in date")),
            ("date", &text("0000-00-00"), Ok("0000-00-00")),
            ("date", &text("2024-02-29 00:00:00"), Ok("2024-02-29")),
            ("date", &text("2024-02-29 00:00:01"), Err("2024-02-29 00:00:01 does not fit into date")),
            ("date", &text("29.2.2024"), Err("29.2.2024 does not fit into date")),
            ("datetime(3)", &text("2024-02-29T01:02:03.25"), Ok("2024-02-29 01:02:03.250")),
            ("datetime", &text("2024-02-29"), Ok("2024-02-29 00:00:00")),
            ("timestamp", &text("2024-02-29 01:02:03+00:00"), Ok("2024-02-29 01:02:03")),
            ("timestamp", &text("2024-02-29T01:02:03+02:00"), Ok("2024-02-28 23:02:03")),
            ("timestamp", &text("0000-00-00 00:00:00"), Ok("0000-00-00 00:00:00")),
            (
                "datetime",
                &text("2024-02-29 01:02:03+02:00"),
                Err("2024-02-29 01:02:03+02:00 does not fit into datetime"),
            ),
            ("time(2)", &text("-838:59:59.5"), Ok("-838:59:59.50")),
            ("time", &text("1:00"), Err("1:00 does not fit into time")),
        ] {
            assert_eq!(spelled(native, value), expected.map(String::from).map_err(String::from), "{native} {value:?}");
        }
    }

    #[test]
    fn texts_and_bytes() {
        for (native, value, expected) in [
            ("varchar(3)", text("né "), Ok("né ")),
            ("varchar(3)", text("abcd"), Err("it is longer than varchar(3)")),
            ("char(3)", text("a "), Err("char(3) keeps no blanks at the end")),
            ("varbinary(2)", Plain::Bytes(vec![1]), Ok("01")),
            (
                "binary(2)",
                Plain::Bytes(vec![1]),
                Err("it is shorter than binary(2), which would fill it up with zeros"),
            ),
            ("blob", text("a"), Err("a text cannot be stored in blob")),
            ("point", text("POINT(1 2)"), Err("a text cannot be stored in point")),
        ] {
            assert_eq!(spelled(native, &value), expected.map(String::from).map_err(String::from), "{native} {value:?}");
        }
    }
}
