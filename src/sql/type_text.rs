//! Types as text in SQL: `to_common(x, 'Decimal128(12, 2)')`.
//!
//! Plain types are written as Arrow prints them. Arrow's own parser does not read back every nested type that Arrow
//! prints (quotes in names, metadata), so those have a notation of their own: `List(T)`, `LargeList(T)`,
//! `Struct("name": T, ...)` with `"` doubled inside a name, and `Map(K, V)`. Encodings are left out: a dictionary is
//! written as its values' type, and all fields can be NULL.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};

use crate::error::{Error, ErrorKind, Result};

/// The text of a type; [`parse_type`] gives [`plain_type`] of it back.
pub fn type_text(data_type: &DataType) -> String {
    use DataType::*;
    match data_type {
        Dictionary(_, values) => type_text(values),
        RunEndEncoded(_, values) => type_text(values.data_type()),
        List(field) | ListView(field) | FixedSizeList(field, _) => format!("List({})", type_text(field.data_type())),
        LargeList(field) | LargeListView(field) => format!("LargeList({})", type_text(field.data_type())),
        Struct(fields) => {
            let fields = fields
                .iter()
                .map(|field| format!("\"{}\": {}", field.name().replace('"', "\"\""), type_text(field.data_type())));
            format!("Struct({})", fields.collect::<Vec<_>>().join(", "))
        }
        Map(entries, _) => match map_types(entries) {
            Some((key, value)) => format!("Map({}, {})", type_text(key), type_text(value)),
            None => data_type.to_string(),
        },
        plain => plain.to_string(),
    }
}

/// The type that stands for all that differ from it in storage only; nested fields have standard names and can be NULL.
pub fn plain_type(data_type: &DataType) -> DataType {
    use DataType::*;
    match data_type {
        Dictionary(_, values) => plain_type(values),
        RunEndEncoded(_, values) => plain_type(values.data_type()),
        List(field) | ListView(field) | FixedSizeList(field, _) => list_of(plain_type(field.data_type())),
        LargeList(field) | LargeListView(field) => {
            LargeList(Arc::new(Field::new_list_field(plain_type(field.data_type()), true)))
        }
        Struct(fields) => {
            Struct(fields.iter().map(|field| Field::new(field.name(), plain_type(field.data_type()), true)).collect())
        }
        Map(entries, _) => match map_types(entries) {
            Some((key, value)) => map_of(plain_type(key), plain_type(value)),
            None => data_type.clone(),
        },
        plain => plain.clone(),
    }
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

fn map_of(key: DataType, value: DataType) -> DataType {
    let entries = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

/// The types of a map's keys and values.
pub(super) fn map_types(entries: &Field) -> Option<(&DataType, &DataType)> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Some((fields[0].data_type(), fields[1].data_type())),
        _ => None,
    }
}

pub fn parse_type(text: &str) -> Result<DataType> {
    let mut rest = text;
    let data_type = parse(&mut rest).filter(|_| rest.trim().is_empty());
    data_type.ok_or_else(|| Error::new(ErrorKind::Sql, format!("`{text}` is not a type")))
}

/// Takes a type off the front of `rest`.
fn parse(rest: &mut &str) -> Option<DataType> {
    *rest = rest.trim_start();
    let end = rest.find(['(', ',', ')']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    match name.trim_end() {
        "List" | "LargeList" => {
            *rest = after;
            take(rest, "(")?;
            let element = parse(rest)?;
            take(rest, ")")?;
            let field = Arc::new(Field::new_list_field(element, true));
            Some(if name.starts_with("Large") { DataType::LargeList(field) } else { DataType::List(field) })
        }
        "Map" => {
            *rest = after;
            take(rest, "(")?;
            let key = parse(rest)?;
            take(rest, ",")?;
            let value = parse(rest)?;
            take(rest, ")")?;
            Some(map_of(key, value))
        }
        "Struct" => {
            *rest = after;
            parse_struct(rest)
        }
        _ => {
            // A plain type ends with its own parentheses, if it has any; a zone's name inside them holds none.
            let end = if after.starts_with('(') { end + after.find(')')? + 1 } else { end };
            let (plain, after) = rest.split_at(end);
            *rest = after;
            plain.trim_end().parse().ok()
        }
    }
}

fn parse_struct(rest: &mut &str) -> Option<DataType> {
    take(rest, "(")?;
    let mut fields = Vec::new();
    if take(rest, ")").is_some() {
        return Some(DataType::Struct(Fields::empty()));
    }
    loop {
        let name = quoted(rest)?;
        take(rest, ":")?;
        fields.push(Field::new(name, parse(rest)?, true));
        if take(rest, ")").is_some() {
            return Some(DataType::Struct(fields.into()));
        }
        take(rest, ",")?;
    }
}

fn take(rest: &mut &str, token: &str) -> Option<()> {
    *rest = rest.trim_start().strip_prefix(token)?;
    Some(())
}

/// A name in double quotes, in which `""` stands for one.
fn quoted(rest: &mut &str) -> Option<String> {
    take(rest, "\"")?;
    let mut name = String::new();
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        *rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                *rest = after;
            }
            None => return Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, DataType)]) -> DataType {
        DataType::Struct(fields.iter().map(|(name, t)| Field::new(*name, t.clone(), true)).collect())
    }

    #[test]
    fn every_type_reads_back() {
        use datafusion::arrow::datatypes::{IntervalUnit, TimeUnit};
        let zone = Some("Europe/Berlin".into());
        let odd = fields(&[("a \"b\", (c): 'd' \\", DataType::Utf8), ("", DataType::Date32)]);
        for data_type in [
            DataType::Null,
            DataType::Int64,
            DataType::Decimal128(12, 2),
            DataType::Decimal256(76, -3),
            DataType::FixedSizeBinary(16),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamp(TimeUnit::Microsecond, zone),
            DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())),
            DataType::Time32(TimeUnit::Millisecond),
            DataType::Duration(TimeUnit::Nanosecond),
            DataType::Interval(IntervalUnit::MonthDayNano),
            list_of(list_of(odd.clone())),
            map_of(DataType::Utf8View, odd.clone()),
            fields(&[]),
            fields(&[("x", map_of(DataType::Int8, list_of(DataType::Decimal128(3, 1)))), ("y", odd)]),
        ] {
            let text = type_text(&data_type);
            assert_eq!(parse_type(&text).unwrap_or_else(|e| panic!("{e}")), data_type, "{text}");
            assert_eq!(plain_type(&data_type), data_type);
        }
    }

    #[test]
    fn storage_leaves_no_trace() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        assert_eq!(type_text(&dictionary), "Utf8");
        let odd = DataType::FixedSizeList(Arc::new(Field::new("element", dictionary, false)), 3);
        assert_eq!(parse_type(&type_text(&odd)).ok(), Some(plain_type(&odd)));
    }

    #[test]
    fn what_is_no_type_is_an_error() {
        for text in ["", "Int", "List(Int64", "Struct(\"a\" Int64)", "Int64)", "Map(Int64)", "Decimal128(99, 1)"] {
            assert!(parse_type(text).is_err(), "{text}");
        }
    }
}
