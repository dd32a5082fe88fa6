//! Images of MySQL's cells: a text for each value, from which a literal makes the very same value again.
//!
//! A collation, blanks that fill up, a float's six digits: what MySQL finds equal need not be the same. So images are compared
//! byte for byte, and what is found by an index is looked at once more.

use crate::dataset::WritableColumn;
use crate::dataset::database::relation::{literal, quoted};
use crate::project::model::System;

/// Character sets each of whose texts is another one in UTF-8, and back.
const FAITHFUL: [&str; 4] = ["utf8mb4", "utf8mb3", "utf8", "latin1"];
/// What stands between a type and its character set, where that is another one.
const CHARSET: &str = " character set ";

/// How the cells of a type are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Digits, without a sign for the bits of `bit(n)`.
    Number,
    /// As a number: the text of year 0 is 2000.
    Year,
    /// As many digits as it takes to read it back; a `float` those of the double that it is.
    Float,
    Text,
    /// A text that may be none of its members, since some mode let that pass.
    Enum,
    /// What has a text of its own, which is read again as the same value.
    Told,
    /// In hexadecimal digits.
    Bytes,
}

/// The type as it is named in full. `utf8mb4`, and what is a part of it, goes without saying.
pub(super) fn native(column_type: &str, charset: Option<&str>) -> String {
    match charset.filter(|charset| !FAITHFUL.contains(charset)) {
        Some(charset) => format!("{column_type}{CHARSET}{charset}"),
        None => column_type.to_string(),
    }
}

pub(super) fn is_known(native: &str) -> bool {
    form(native).is_some()
}

/// The first word of the type.
pub(super) fn base(native: &str) -> &str {
    native.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()
}

/// The character set that has to be named. Members of an enumeration may hold the same words, but end in a quote.
fn charset(native: &str) -> Option<&str> {
    let (_, charset) = native.rsplit_once(CHARSET)?;
    charset.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(charset)
}

pub(super) fn form(native: &str) -> Option<Form> {
    Some(match base(native) {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "bit" => Form::Number,
        "year" => Form::Year,
        "float" | "double" => Form::Float,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "set" => Form::Text,
        "enum" => Form::Enum,
        "date" | "datetime" | "timestamp" | "time" | "json" | "uuid" | "inet4" | "inet6" => Form::Told,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Form::Bytes,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => Form::Bytes,
        _ => return None,
    })
}

/// What is selected for an image.
pub(in crate::dataset::database) fn select(column: &WritableColumn) -> String {
    as_text(&quoted(System::Mysql, &column.name), &column.native)
}

/// A cell as its image.
pub(in crate::dataset::database) fn as_text(cell: &str, native: &str) -> String {
    match form(native) {
        // Without the zeros that fill it up.
        Some(Form::Number | Form::Year) if base(native) != "decimal" || native.ends_with("zerofill") => {
            format!("CAST({cell} + 0 AS CHAR)")
        }
        Some(Form::Float) => format!("CAST({cell} * 1e0 AS CHAR)"),
        Some(Form::Text) => text(cell, native),
        Some(Form::Enum) => format!("IF({cell} + 0 = 0, _utf8mb4 x'00', {})", text(cell, native)),
        Some(Form::Bytes) => format!("LOWER(HEX({cell}))"),
        _ => format!("CAST({cell} AS CHAR)"),
    }
}

/// In UTF-8; of a character set in which several bytes stand for one character, or for none, the bytes where they are not what
/// comes back.
fn text(cell: &str, native: &str) -> String {
    let utf8 = format!("CONVERT({cell} USING utf8mb4)");
    match charset(native) {
        None => utf8,
        Some(charset) => format!(
            "IF(CAST(CONVERT({utf8} USING {charset}) AS BINARY) <=> CAST({cell} AS BINARY) \
             AND INSTR(CAST({utf8} AS BINARY), x'00') = 0, {utf8}, CONCAT(_utf8mb4 x'00', HEX({cell})))"
        ),
    }
}

/// An image as a literal, for a column of the type.
pub(in crate::dataset::database) fn of_text(image: &str, native: &str) -> String {
    let is_hex = |text: &str| text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (form(native), image.strip_prefix('\0')) {
        (Some(Form::Number | Form::Year), _) if is_number(image) => image.to_string(),
        // Without an exponent it is a decimal, which has 30 digits after the point.
        (Some(Form::Float), _) if is_number(image) => format!("{image}e0"),
        (Some(Form::Float), _) if is_float(image) => image.to_string(),
        (Some(Form::Bytes), _) if is_hex(image) => format!("x'{image}'"),
        (Some(Form::Text | Form::Enum), Some(bytes)) if is_hex(bytes) && !bytes.is_empty() => match charset(native) {
            Some(charset) => format!("_{charset} x'{bytes}'"),
            None => quote(image),
        },
        // No value: the server refuses it, if it is told to.
        (Some(Form::Enum), Some("")) => "''".to_string(),
        _ => quote(image),
    }
}

/// The same text whatever the mode of the server, and the character set of the connection.
fn quote(text: &str) -> String {
    match text.contains(|c: char| c == '\\' || c.is_control()) {
        true => format!("_utf8mb4 x'{}'", hex::encode(text)),
        false if text.is_ascii() => literal(text),
        false => format!("_utf8mb4{}", literal(text)),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let are = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    are(whole) && are(part)
}

fn is_float(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once('e') else { return false };
    let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    is_number(number) && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// That a cell is still what it was.
pub(in crate::dataset::database) fn unchanged(name: &str, image: Option<&str>, native: &str) -> String {
    match image {
        None => format!("{name} IS NULL"),
        // The same number is the same value.
        Some(image) if is_exact(native) => format!("{name} = {}", of_text(image, native)),
        Some(image) => format!("CAST({} AS BINARY) = {}", as_text(name, native), quote(image)),
    }
}

/// Where an index finds the cell, and others perhaps that MySQL takes for equal.
pub(super) fn near(name: &str, image: Option<&str>, native: &str) -> String {
    match (image, form(native)) {
        (None, _) => format!("{name} IS NULL"),
        (Some(image), Some(Form::Year)) => format!("{name} + 0 = {}", of_text(image, native)),
        (Some("\0"), Some(Form::Enum)) => format!("{name} + 0 = 0"),
        (Some(image), _) => format!("{name} = {}", of_text(image, native)),
    }
}

/// Whether what an index finds is the cell, and nothing else.
pub(super) fn is_exact(native: &str) -> bool {
    form(native) == Some(Form::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_literal_is_depends_on_no_setting() {
        for (image, native, expected) in [
            ("1.50", "decimal(10,2)", "1.50"),
            ("-3", "int(11)", "-3"),
            ("1; DROP TABLE t", "int(11)", "'1; DROP TABLE t'"),
            ("0.1", "double", "0.1e0"),
            ("5e-324", "double", "5e-324"),
            ("1e", "float", "'1e'"),
            ("it's", "varchar(9)", "'it''s'"),
            ("né", "varchar(9)", "_utf8mb4'né'"),
            ("a\\b", "varchar(9)", "_utf8mb4 x'615c62'"),
            ("a\0b", "text", "_utf8mb4 x'610062'"),
            ("00ff", "blob", "x'00ff'"),
            ("x'; DROP", "blob", "'x''; DROP'"),
            ("\0ed40", "varchar(9) character set cp932", "_cp932 x'ed40'"),
            ("\0", "enum('a')", "''"),
        ] {
            assert_eq!(of_text(image, native), expected, "{image:?} {native}");
        }
    }

    #[test]
    fn types_are_told_from_their_members() {
        assert_eq!(charset("enum('a character set b')"), None);
        assert_eq!(charset("varchar(10) character set cp932"), Some("cp932"));
        assert_eq!(native("varchar(10)", Some("latin1")), "varchar(10)");
        assert_eq!(form("int(6) unsigned zerofill"), Some(Form::Number));
        assert_eq!(form("vector(3)"), None);
    }
}
