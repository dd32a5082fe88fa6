//! Types declared under `columns:` for a format without types: each must name a column that is there.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;

use crate::error::{Error, ErrorKind, Result};

/// Refuses a declared column that is in none of the files, with the nearest name as hint.
pub(super) fn check<'a>(types: &BTreeMap<String, DataType>, columns: impl Iterator<Item = &'a String>) -> Result<()> {
    let columns: Vec<&String> = columns.collect();
    let Some(unknown) = types.keys().find(|name| !columns.contains(name)) else { return Ok(()) };
    let error = Error::new(ErrorKind::NotFound, format!("`columns:` declares {unknown:?}, which no file has"));
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &unknown.to_lowercase());
    let nearest = columns.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Err(match nearest {
        Some(nearest) if likeness(nearest) > 0.7 => error.hint(format!("did you mean {nearest:?}?")),
        _ => {
            let names: Vec<&str> = columns.iter().take(20).map(|name| name.as_str()).collect();
            error.hint(format!("the columns are {}", names.join(", ")))
        }
    })
}
