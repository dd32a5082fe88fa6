//! Parameters: typed values for the placeholders `$name`, declared in the project file, overridden on the command line.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::source::{Source, is_identifier};
use super::types::parse_type;
use super::words::did_you_mean;
use super::yaml::{Entries, Quantity};
use crate::error::{Error, ErrorKind, Result};

pub(crate) fn resolve(
    source: &Source,
    raw: &Entries<Entries<Quantity>>,
    overrides: &[(String, String)],
) -> Result<BTreeMap<String, ScalarValue>> {
    let mut params = BTreeMap::new();
    for (name, typed) in &raw.0 {
        let within = |error: Error| error.context("parameter", name.raw());
        if !is_identifier(name.raw()) {
            return Err(source
                .error(name, format!("`{}` cannot be the name of a parameter", name.raw()))
                .hint("use letters, digits and `_`, so that SQL reads it as $name"));
        }
        let [(type_name, text)] = typed.0.as_slice() else {
            return Err(within(source.error(name, "a parameter is one type and one value"))
                .hint(format!("write {}: {{date: 2026-01-31}}", name.raw())));
        };
        let data_type = source.parsed(type_name, parse_type).map_err(within)?;
        let value = match overrides.iter().rev().find(|(given, _)| given == name.raw()) {
            Some((_, value)) => scalar(value, &data_type).map_err(within)?,
            None => source.parsed(&text.0, |value| scalar(value, &data_type)).map_err(within)?,
        };
        params.insert(name.raw().to_string(), value);
    }
    match overrides.iter().find(|(name, _)| !params.contains_key(name)) {
        Some((name, _)) => Err(Error::new(ErrorKind::Usage, format!("the project declares no parameter `{name}`"))
            .hint(did_you_mean(name, params.keys().map(String::as_str), "parameters"))),
        None => Ok(params),
    }
}

fn scalar(text: &str, data_type: &DataType) -> Result<ScalarValue> {
    let wrong = || {
        Error::new(ErrorKind::Config, format!("`{text}` is not a value of this type"))
            .hint(format!("the declared type is read as {data_type}"))
    };
    let trimmed = if *data_type == DataType::Utf8 { text } else { text.trim() };
    // Arrow rounds what is too fine; a parameter says what it says.
    if let DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) = data_type {
        let fraction = trimmed.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
        if fraction.len() > *scale as usize || trimmed.contains(['e', 'E']) {
            return Err(wrong());
        }
    }
    match ScalarValue::try_from_string(trimmed.to_string(), data_type) {
        Ok(value) if !value.is_null() => Ok(value),
        _ => Err(wrong()),
    }
}
