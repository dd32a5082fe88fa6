//! Images of SQLite's cells: literals of SQL, which tell the storage class and every byte. 1, 1.0, '1' and x'31' are four values.

use datafusion::arrow::array::{ArrayRef, StringArray};
use rusqlite::types::{Value, ValueRef};

use crate::dataset::Spelled;
use crate::dataset::database::write::plain::{self, Plain};
use crate::error::{Error, ErrorKind, Result};

/// A text that no literal can hold: with a NUL character, or not UTF-8.
const BYTES_AS_TEXT: (&str, &str) = ("CAST(x'", "' AS TEXT)");

/// None: NULL.
pub(in crate::dataset::database) fn image(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(integer) => Some(integer.to_string()),
        ValueRef::Real(real) if real == f64::INFINITY => Some("9e999".into()),
        ValueRef::Real(real) if real == f64::NEG_INFINITY => Some("-9e999".into()),
        ValueRef::Real(real) => Some(format!("{real:?}")),
        ValueRef::Text(text) => Some(match std::str::from_utf8(text) {
            Ok(text) if !text.contains('\0') => text_image(text),
            _ => format!("{}{}{}", BYTES_AS_TEXT.0, hex::encode(text), BYTES_AS_TEXT.1),
        }),
        ValueRef::Blob(blob) => Some(format!("x'{}'", hex::encode(blob))),
    }
}

/// What is selected for an image: the cell itself, of which this process makes it.
pub(in crate::dataset::database) fn select(column: &crate::dataset::WritableColumn) -> String {
    use crate::dataset::database::relation::{ALIAS, quoted};
    format!("{ALIAS}.{}", quoted(crate::project::model::System::Sqlite, &column.name))
}

fn text_image(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The value of an image, to be bound.
pub(in crate::dataset::database) fn value(image: Option<&str>) -> Result<Value> {
    let Some(image) = image else { return Ok(Value::Null) };
    let broken = || Error::new(ErrorKind::Data, "an image of a cell is no literal").hint("plan anew");
    let bytes = |digits: &str| hex::decode(digits).map_err(|_| broken());
    if let Some(rest) = image.strip_prefix(BYTES_AS_TEXT.0) {
        let bytes = bytes(rest.strip_suffix(BYTES_AS_TEXT.1).ok_or_else(broken)?)?;
        // What is not UTF-8 is made by SQLite itself; see `expression`.
        return match String::from_utf8(bytes) {
            Ok(text) => Ok(Value::Text(text)),
            Err(error) => Ok(Value::Blob(error.into_bytes())),
        };
    }
    if let Some(rest) = image.strip_prefix("x'") {
        return Ok(Value::Blob(bytes(rest.strip_suffix('\'').ok_or_else(broken)?)?));
    }
    if let Some(rest) = image.strip_prefix('\'') {
        return Ok(Value::Text(rest.strip_suffix('\'').ok_or_else(broken)?.replace("''", "'")));
    }
    match image {
        "9e999" => return Ok(Value::Real(f64::INFINITY)),
        "-9e999" => return Ok(Value::Real(f64::NEG_INFINITY)),
        _ => {}
    }
    if let Ok(integer) = image.parse::<i64>() {
        return Ok(Value::Integer(integer));
    }
    image.parse::<f64>().map(Value::Real).map_err(|_| broken())
}

/// Whether an image is of a text that is not UTF-8, which cannot be bound as one.
pub(in crate::dataset::database) fn is_broken_text(image: Option<&str>) -> bool {
    let digits = image.and_then(|image| image.strip_prefix(BYTES_AS_TEXT.0)?.strip_suffix(BYTES_AS_TEXT.1));
    digits.is_some_and(|digits| hex::decode(digits).is_ok_and(|bytes| String::from_utf8(bytes).is_err()))
}

/// What SQLite makes of a value in a column of a declared type:
/// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

fn affinity(declared: &str) -> Affinity {
    let upper = declared.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    if has("INT") {
        Affinity::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || upper.is_empty() {
        Affinity::Blob
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// Values as a column of a declared type stores them.
pub(in crate::dataset::database) fn spell(declared: &str, values: &ArrayRef) -> Result<Spelled> {
    let affinity = affinity(declared);
    let (mut images, mut refused) = (Vec::new(), Vec::new());
    for value in plain::plain(values)? {
        match spelled(affinity, declared, value) {
            Ok(image) => {
                images.push(image);
                refused.push(None);
            }
            Err(why) => {
                images.push(None);
                refused.push(Some(why));
            }
        }
    }
    Ok(Spelled { values: std::sync::Arc::new(StringArray::from(images)), refused })
}

fn spelled(affinity: Affinity, declared: &str, value: Plain) -> std::result::Result<Option<String>, String> {
    let image = match value {
        Plain::Null => return Ok(None),
        Plain::Bool(is) if affinity == Affinity::Text => text_image(if is { "true" } else { "false" }),
        Plain::Bool(is) => number(affinity, declared, if is { "1" } else { "0" })?,
        Plain::Int(integer) => number(affinity, declared, &integer.to_string())?,
        Plain::Decimal(digits) => match affinity {
            Affinity::Text => text_image(&digits),
            _ => number(affinity, declared, &digits)?,
        },
        Plain::Float(real) => float(affinity, real)?,
        Plain::Float32(real) => float(affinity, real.into())?,
        Plain::Text(text) => text_of(affinity, declared, &text)?,
        Plain::Bytes(bytes) => format!("x'{}'", hex::encode(bytes)),
        Plain::Date(date) if plain::is_common_year(date) => text_image(&date.format("%Y-%m-%d").to_string()),
        Plain::Time(time) => text_image(&plain::time_text(time)),
        Plain::Timestamp { at, zoned } if plain::is_common_year(at.date()) => {
            text_image(&format!("{}{}", plain::timestamp_text(at), if zoned { "Z" } else { "" }))
        }
        Plain::Date(_) | Plain::Timestamp { .. } => return Err("the year has not four digits".into()),
        value @ (Plain::Endless { .. } | Plain::List(_) | Plain::Other(_)) => {
            return Err(format!("{} cannot be stored in SQLite", value.what()));
        }
    };
    Ok(Some(image))
}

/// A number in digits.
fn number(affinity: Affinity, declared: &str, digits: &str) -> std::result::Result<String, String> {
    let short = plain::shortened(digits);
    let whole = short.parse::<i64>().ok();
    match affinity {
        Affinity::Text => Ok(text_image(&short)),
        Affinity::Integer | Affinity::Numeric | Affinity::Blob if whole.is_some() => {
            Ok(whole.map_or(short, |whole| whole.to_string()))
        }
        Affinity::Blob if digits.contains('.') => Ok(text_image(&short)),
        _ => {
            // It becomes a float: only if that is the very number.
            let real: f64 = short.parse().map_err(|_| format!("{short} is no number"))?;
            match plain::float_digits(real).is_some_and(|same| plain::shortened(&same) == short) {
                true => Ok(format!("{real:?}")),
                false => Err(format!("{short} does not fit into {declared}: SQLite would keep {real}")),
            }
        }
    }
}

fn float(affinity: Affinity, real: f64) -> std::result::Result<String, String> {
    if real.is_nan() {
        return Err("SQLite stores NaN as NULL".into());
    }
    Ok(match affinity {
        Affinity::Text => text_image(&format!("{real:?}")),
        // As far as a whole number holds it.
        Affinity::Integer | Affinity::Numeric if (real as i64) as f64 == real && real.abs() < 9.2e18 => {
            (real as i64).to_string()
        }
        Affinity::Real if real == 0.0 => "0.0".into(),
        _ => image(ValueRef::Real(real)).unwrap_or_default(),
    })
}

/// A text; in a column of numbers, one that looks like a number becomes one.
fn text_of(affinity: Affinity, declared: &str, text: &str) -> std::result::Result<String, String> {
    let plain_text = || image(ValueRef::Text(text.as_bytes())).unwrap_or_default();
    if matches!(affinity, Affinity::Text | Affinity::Blob) {
        return Ok(plain_text());
    }
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let looks = !trimmed.is_empty()
        && trimmed.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && trimmed.parse::<f64>().is_ok();
    match looks {
        true if trimmed.contains(['e', 'E']) => Err(format!("{text:?} would become another number in {declared}")),
        true => number(affinity, declared, trimmed.trim_start_matches('+')),
        false => Ok(plain_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_as_the_same_value() {
        let all = [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Integer(7),
            Value::Real(7.0),
            Value::Real(0.1),
            Value::Real(-0.0),
            Value::Real(1e300),
            Value::Real(5e-324),
            Value::Real(f64::INFINITY),
            Value::Text("it's".into()),
            Value::Text(String::new()),
            Value::Text("x'00'".into()),
            Value::Text("CAST(x'00' AS TEXT)".into()),
            Value::Text("a\0b".into()),
            Value::Blob(vec![0, 255]),
            Value::Blob(Vec::new()),
        ];
        let mut seen = std::collections::HashSet::new();
        for one in all {
            let image = image(ValueRef::from(&one));
            assert_eq!(value(image.as_deref()).unwrap(), one, "{image:?}");
            assert!(seen.insert(image));
        }
        assert!(is_broken_text(image(ValueRef::Text(&[255])).as_deref()));
    }

    #[test]
    fn values_as_columns_store_them() {
        let spelled = |declared: &str, value| spelled(affinity(declared), declared, value).map(Option::unwrap);
        let decimal = |digits: &str| Plain::Decimal(digits.into());
        assert_eq!(spelled("DECIMAL(10,2)", decimal("12.50")).unwrap(), "12.5");
        assert_eq!(spelled("DECIMAL(10,2)", decimal("12.00")).unwrap(), "12");
        assert_eq!(spelled("REAL", decimal("12.00")).unwrap(), "12.0");
        assert_eq!(spelled("TEXT", decimal("12.00")).unwrap(), "'12.00'");
        assert!(spelled("NUMERIC", decimal("12345678901234567.89")).unwrap_err().contains("does not fit"));
        assert_eq!(spelled("INTEGER", Plain::Float(3.0)).unwrap(), "3");
        assert_eq!(spelled("REAL", Plain::Int(3)).unwrap(), "3.0");
        assert_eq!(spelled("INTEGER", Plain::Float(1e17)).unwrap(), "100000000000000000");
        assert_eq!(spelled("INTEGER", Plain::Float(-0.0)).unwrap(), "0");
        assert_eq!(spelled("NUMERIC", Plain::Text("007".into())).unwrap(), "7");
        assert_eq!(spelled("INTEGER", Plain::Text("2024-01-31".into())).unwrap(), "'2024-01-31'");
        assert_eq!(spelled("NUMERIC", Plain::Text(" 12.0".into())).unwrap(), "12");
        assert_eq!(spelled("BOOLEAN", Plain::Bool(true)).unwrap(), "1");
    }
}
