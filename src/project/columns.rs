//! What a match rule says of single columns, and which of it contradicts itself.

use std::collections::BTreeMap;

use chrono_tz::{TZ_VARIANTS, Tz};

use super::model::ColumnRule;
use super::quantity::parse_tolerance;
use super::raw::RawColumn;
use super::rules::Scope;
use super::source::Source;
use super::words::nearest;
use super::yaml::{Entries, Given, Text};
use crate::error::{Error, ErrorKind, Result};
use crate::side::BySide;

pub(crate) fn resolve(
    scope: &Scope,
    raw: &Entries<RawColumn>,
    key: &[String],
    only: Option<&[String]>,
) -> Result<BTreeMap<String, ColumnRule>> {
    let mut columns = BTreeMap::new();
    for (name, raw) in &raw.0 {
        let column = column(scope, name, raw).map_err(|error| error.context("column", name.raw()))?;
        check(scope.source, name, raw, &column, key, only)?;
        columns.insert(name.raw().to_string(), column);
    }
    Ok(columns)
}

fn column(scope: &Scope, name: &Text, raw: &RawColumn) -> Result<ColumnRule> {
    let source = scope.source;
    let expression = |given: &Given<Text>, side: &str| {
        given
            .0
            .as_ref()
            .map(|text| source.expression(text, &format!("columns.{}.{side}", name.raw()), scope.params))
            .transpose()
    };
    Ok(ColumnRule {
        expression: BySide::new(expression(&raw.source, "source")?, expression(&raw.target, "target")?),
        tolerance: raw.tolerance.0.as_ref().map(|text| source.parsed(&text.0, parse_tolerance)).transpose()?,
        trim: source.flag(&raw.trim),
        ignore_case: source.flag(&raw.ignore_case),
        nfc: source.flag(&raw.nfc),
        json: source.flag(&raw.json),
        timezone: raw.timezone.0.as_ref().map(|text| source.parsed(text, parse_timezone)).transpose()?,
        ignore: source.flag(&raw.ignore),
        location: source.at(name),
    })
}

fn check(
    source: &Source,
    name: &Text,
    raw: &RawColumn,
    column: &ColumnRule,
    key: &[String],
    only: Option<&[String]>,
) -> Result<()> {
    let is = |list: &[String]| list.iter().any(|known| known == name.raw());
    let wrong = |place: &Text, message: String, hint: &str| Err(source.error(place, message).hint(hint));
    let column_name = name.raw();
    if let Some(tolerance) = &raw.tolerance.0 {
        if key.is_empty() {
            return wrong(
                &tolerance.0,
                "a tolerance needs a key".into(),
                "add key: and the columns that identify a row",
            );
        }
        if is(key) {
            let message = format!("the key column `{column_name}` cannot have a tolerance");
            return wrong(&tolerance.0, message, "key columns are compared exactly; remove the tolerance");
        }
    }
    if column.json && (column.ignore_case || column.nfc) {
        let message = format!("`{column_name}` is compared as JSON, by value: `ignore_case` and `nfc` are for text");
        return wrong(name, message, "remove `json`, or the other options");
    }
    if !column.ignore {
        return Ok(());
    }
    if is(key) {
        return wrong(
            name,
            format!("the key column `{column_name}` cannot be ignored"),
            "take it out of the key, or do not ignore it",
        );
    }
    if only.is_some_and(is) {
        return wrong(name, format!("`{column_name}` stands in `only`, and is ignored"), "remove one of the two");
    }
    let formatted = column.trim || column.ignore_case || column.nfc || column.json || column.timezone.is_some();
    match column.tolerance.is_some() || formatted {
        true => wrong(
            name,
            format!("`{column_name}` is ignored, so its other options have no effect"),
            "remove `ignore`, or the other options",
        ),
        false => Ok(()),
    }
}

/// An IANA zone, or an offset such as +02:00.
pub fn parse_timezone(text: &str) -> Result<String> {
    let zone = text.trim();
    if is_offset(zone) || zone.parse::<Tz>().is_ok() {
        return Ok(zone.to_string());
    }
    let hint = match nearest(zone, TZ_VARIANTS.iter().map(|zone| zone.name())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a name such as Europe/Berlin, UTC, or an offset such as +02:00".to_string(),
    };
    Err(Error::new(ErrorKind::Config, format!("unknown time zone `{text}`")).hint(hint))
}

/// `+02:00`: what Arrow reads as well.
fn is_offset(zone: &str) -> bool {
    let Some((hours, minutes)) = zone.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let below = |part: &str, limit: u32| {
        part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) && part.parse::<u32>().is_ok_and(|n| n < limit)
    };
    below(hours, 24) && below(minutes, 60)
}
