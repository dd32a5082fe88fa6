//! Untyped text as values: `read_text`, `text_residue` and `read_strict`.
//!
//! Text is read by value ("7.0" is 7, "1e3" is 1000) and exactly: what the type cannot hold ("1.505" in two digits) is as
//! unreadable as what is no value at all. Only floats take the nearest.

mod number;
mod reader;
mod time;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

pub(super) use self::number::Digits;
pub use self::reader::check_readable;
use self::reader::read;
pub(super) use self::time::offset;
use super::function::{Call, Function, Planned};
use super::type_text::{parse_type, plain_type, type_text};
use super::zone::Zone;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        // The value of a text, NULL if it is unreadable.
        Function::new("read_text", 2..=3, target, |call| {
            let (texts, target) = (texts(call)?, target_of(call)?);
            read(&texts, &target, zone(call)?.as_ref())
        })
        .build(),
        // The text, where it is unreadable.
        Function::new("text_residue", 2..=3, |planned| target(planned).map(|_| DataType::Utf8View), text_residue)
            .build(),
        // The value of a text, which must be readable; the third argument says where it stands.
        Function::new("read_strict", 3..=3, strict_target, read_strict).build(),
    ]
}

fn target(planned: &Planned) -> Result<DataType> {
    let target = strict_target(planned)?;
    if planned.len() == 3 {
        Zone::parse(planned.text(2)?)?;
    }
    Ok(target)
}

fn strict_target(planned: &Planned) -> Result<DataType> {
    let from = plain_type(planned.data_type(0));
    if !matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null) {
        return Err(Error::new(ErrorKind::Sql, format!("only text can be read as another type, not {from}")));
    }
    let target = plain_type(&parse_type(planned.text(1)?)?);
    check_readable(&target)?;
    Ok(target)
}

fn target_of(call: &Call) -> Result<DataType> {
    Ok(plain_type(&parse_type(call.text(1)?)?))
}

fn zone(call: &Call) -> Result<Option<Zone>> {
    call.optional_text(2)?.map(Zone::parse).transpose()
}

/// The first argument, whatever kind of text it is.
fn texts(call: &Call) -> Result<StringViewArray> {
    text_column(&call.column(0)?)
}

/// Any column of text as views; the text itself is shared where Arrow can.
pub(super) fn text_column(column: &ArrayRef) -> Result<StringViewArray> {
    let column = super::common::unpack(column)?;
    Ok(cast(&column, &DataType::Utf8View)?.as_string_view().clone())
}

/// Texts of any kind as a type that text can be read as, exactly; what is unreadable is NULL. Zoned times name their zone.
pub fn read_texts(texts: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let (texts, plain) = (text_column(texts)?, plain_type(to));
    let values = read(&texts, &plain, None)?;
    Ok(if *to == plain { values } else { cast(&values, to)? })
}

fn text_residue(call: &Call) -> Result<ArrayRef> {
    let texts = texts(call)?;
    let values = read(&texts, &target_of(call)?, zone(call)?.as_ref())?;
    if values.null_count() == texts.null_count() {
        return Ok(Arc::new(StringViewArray::new_null(texts.len())));
    }
    let mut residue = StringViewBuilder::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        residue.append_option(text.filter(|_| values.is_null(row)));
    }
    Ok(Arc::new(residue.finish()))
}

fn read_strict(call: &Call) -> Result<ArrayRef> {
    let (texts, target) = (texts(call)?, target_of(call)?);
    let values = read(&texts, &target, None)?;
    if values.null_count() > texts.null_count() {
        let unreadable = texts.iter().enumerate().find_map(|(row, text)| text.filter(|_| values.is_null(row)));
        return Err(unreadable_cell(unreadable.unwrap_or_default(), call.text(2)?, &target));
    }
    Ok(values)
}

/// The cell may be long, and may be anything; the error shows its beginning.
fn unreadable_cell(text: &str, label: &str, target: &DataType) -> Error {
    let shown: String = text.chars().take(80).collect();
    let shown = if shown.len() < text.len() { format!("{shown}...") } else { shown };
    let name = match target {
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => {
            format!("decimal({p}, {s})")
        }
        other => type_text(other),
    };
    Error::new(ErrorKind::Data, format!("`{shown}` in {label} cannot be read as {name}"))
        .hint("declare a type that holds every cell of the column, or leave its type out")
}
