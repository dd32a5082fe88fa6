//! Values of any type as a column of files keeps them: exactly, or refused with the reason.
//!
//! Text is read as rules read it, by value and exactly. Other values are brought to the column's type and back again: what does not
//! come back the same is refused. CSV takes the text that reads back as the value.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, UInt64Array, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options, take};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::describe::is_text;
use crate::dataset::{Opened, Spelled, Writable, WritableColumn};
use crate::error::Result;
use crate::sql::{check_readable, parse_type, read_texts};

/// Characters of a value that a reason shows.
const SHOWN: usize = 80;

impl Opened {
    /// Values of any type as a column of the files keeps them.
    pub fn spell_in_files(&self, writable: &Writable, column: usize, values: &ArrayRef) -> Result<Spelled> {
        let files = self.rewritable()?;
        let column = &writable.columns[column];
        let values = unpacked(values)?;
        let mut spelled = match &files.csv {
            _ if files.table.is_partition(&column.name) => in_path(&values)?,
            Some(csv) => in_csv(&values, &csv.options().null, column)?,
            None => typed(&values, &column.image)?,
        };
        if column.never_null {
            for row in (0..values.len()).filter(|row| values.is_null(*row)) {
                spelled.refused[row] = Some(format!("NULL does not fit into {}, which holds none", column.name));
            }
        }
        Ok(spelled)
    }
}

/// The values of a dictionary or of runs, one a row.
fn unpacked(values: &ArrayRef) -> Result<ArrayRef> {
    Ok(match values.data_type() {
        DataType::Dictionary(_, plain) => cast(values, plain)?,
        DataType::RunEndEncoded(_, plain) => cast(values, plain.data_type())?,
        _ => Arc::clone(values),
    })
}

pub(super) fn typed(values: &ArrayRef, to: &DataType) -> Result<Spelled> {
    if let DataType::Dictionary(_, of) = to {
        let Spelled { values, refused } = typed(values, of)?;
        return Ok(Spelled { values: cast(&values, to)?, refused });
    }
    let from = values.data_type();
    let found = match (is_text(from), is_text(to)) {
        _ if from == to => Arc::clone(values),
        _ if *from == DataType::Null => new_null_array(to, values.len()),
        (true, true) => cast(values, to)?,
        (true, false) if check_readable(to).is_ok() => read_exactly(values, to)?,
        (false, true) => cast(&texts(values)?, to)?,
        (false, false) if akin(from, to) => there_and_back(values, to)?,
        _ => new_null_array(to, values.len()),
    };
    settled(values, found, |row| format!("{} does not fit into {to}", shown(values, row)))
}

fn in_csv(values: &ArrayRef, null: &[String], column: &WritableColumn) -> Result<Spelled> {
    let mut found = texts(values)?;
    let declared = parse_type(&column.native).ok().filter(|declared| check_readable(declared).is_ok());
    if let Some(declared) = declared.filter(|declared| !is_text(declared)) {
        let read = read_texts(&found, &declared)?;
        found = keep(&found, |row| read.is_valid(row))?;
    }
    let as_null = |text: &str| text.is_empty() || null.iter().any(|name| name == text);
    let written = found.as_string::<i32>().clone();
    let fine = keep(&found, |row| {
        written.is_valid(row) && !as_null(written.value(row)) && !written.value(row).contains('\0')
    })?;
    settled(values, cast(&fine, &column.image)?, |row| {
        let value = shown(values, row);
        match written.is_valid(row) {
            true if as_null(written.value(row)) => format!("the text {value:?} would be read as NULL"),
            true => "a text with a NUL character cannot be written".to_string(),
            false if column.native == "text" => {
                format!("{value} ({}) has no text that reads back as it", values.data_type())
            }
            false => format!("{value} does not fit into {}", column.native),
        }
    })
}

/// A segment of a path can be any text but the one that stands for NULL.
fn in_path(values: &ArrayRef) -> Result<Spelled> {
    let written = texts(values)?;
    let written = written.as_string::<i32>();
    let found = keep(&(Arc::new(written.clone()) as ArrayRef), |row| {
        written.is_valid(row) && written.value(row) != crate::dataset::hive::NULL && !written.value(row).contains('\0')
    })?;
    settled(values, found, |row| format!("{} cannot stand in a path", shown(values, row)))
}

/// What is NULL though the value is not was refused.
fn settled(values: &ArrayRef, found: ArrayRef, why: impl Fn(usize) -> String) -> Result<Spelled> {
    let refused = (0..values.len()).map(|row| (values.is_valid(row) && found.is_null(row)).then(|| why(row)));
    Ok(Spelled { refused: refused.collect(), values: found })
}

fn keep(values: &ArrayRef, fine: impl Fn(usize) -> bool) -> Result<ArrayRef> {
    let rows = (0..values.len()).map(|row| fine(row).then_some(row as u64)).collect::<UInt64Array>();
    Ok(take(values, &rows, None)?)
}

/// The text that reads back as each value; NULL where there is none.
fn texts(values: &ArrayRef) -> Result<ArrayRef> {
    let from = values.data_type();
    let found: ArrayRef = match from {
        DataType::Float32 => {
            let texts = values.as_primitive::<Float32Type>().iter().map(|value| value.map(|value| value.to_string()));
            Arc::new(texts.collect::<StringArray>())
        }
        DataType::Float64 => {
            let texts = values.as_primitive::<Float64Type>().iter().map(|value| value.map(|value| value.to_string()));
            Arc::new(texts.collect::<StringArray>())
        }
        from if is_text(from) => return Ok(cast(values, &DataType::Utf8)?),
        // Bytes could be written in several ways, none of which says that it is one.
        from if check_readable(from).is_err() || is_bytes(from) => new_null_array(&DataType::Utf8, values.len()),
        _ => cast(values, &DataType::Utf8)?,
    };
    if check_readable(from).is_err() {
        return Ok(found);
    }
    let same = same(values, &read_texts(&found, from)?)?;
    keep(&found, |row| same[row])
}

/// Texts as another type. A float takes the nearest number: it must be written as this text, or one of the same digits.
fn read_exactly(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let found = read_texts(values, to)?;
    if !matches!(to, DataType::Float32 | DataType::Float64) {
        return Ok(found);
    }
    let (given, kept) = (cast(values, &DataType::Utf8)?, texts(&found)?);
    let (given, kept) = (given.as_string::<i32>(), kept.as_string::<i32>());
    keep(&found, |row| {
        let (digits, other) = (digits(given.value(row)), digits(kept.value(row)));
        given.is_valid(row) && kept.is_valid(row) && digits == other
    })
}

/// Sign, digits without zeros around them, and the power of ten of the last one; None of what is no number: `NaN`.
fn digits(text: &str) -> Option<(bool, String, i64)> {
    let text = text.trim();
    let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, number) = match number.as_bytes().first() {
        Some(b'-') => (true, &number[1..]),
        Some(b'+') => (false, &number[1..]),
        _ => (false, number),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let all = format!("{whole}{part}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = all.trim_end_matches('0');
    let power = power.parse::<i64>().ok()? - part.len() as i64 + (all.len() - kept.len()) as i64;
    let kept = kept.trim_start_matches('0');
    Some((negative, kept.to_string(), if kept.is_empty() { 0 } else { power }))
}

/// Types whose values mean the same where both hold them: numbers, points in time with or without a zone, bytes.
fn akin(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    let number = |t: &DataType| t.is_integer() || t.is_decimal() || matches!(t, Float16 | Float32 | Float64);
    let day = |t: &DataType| matches!(t, Date32 | Date64 | Timestamp(_, None));
    let time = |t: &DataType| matches!(t, Time32(_) | Time64(_));
    match (from, to) {
        (Timestamp(_, Some(_)), Timestamp(_, Some(_))) | (Duration(_), Duration(_)) => true,
        (List(from) | LargeList(from), List(to) | LargeList(to)) => {
            is_text(from.data_type()) && is_text(to.data_type())
                || from.data_type() == to.data_type()
                || akin(from.data_type(), to.data_type())
        }
        (Struct(from), Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| {
                    let (a, b) = (from.data_type(), to.data_type());
                    from.name() == to.name() && (a == b || is_text(a) && is_text(b) || akin(a, b))
                })
        }
        (from, to) => {
            [number(from) && number(to), day(from) && day(to), time(from) && time(to), is_bytes(from) && is_bytes(to)]
                .contains(&true)
        }
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Binary | LargeBinary | BinaryView | FixedSizeBinary(_))
}

/// In the other type, where the values come back from it unchanged; NULL elsewhere.
pub(super) fn there_and_back(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let Ok(there) = cast_with_options(values, to, &safe) else { return Ok(new_null_array(to, values.len())) };
    let Ok(back) = cast_with_options(&there, values.data_type(), &safe) else {
        return Ok(new_null_array(to, values.len()));
    };
    let same = same(values, &back)?;
    keep(&there, |row| same[row])
}

/// By row: whether both are the same, bit for bit.
fn same(a: &ArrayRef, b: &ArrayRef) -> Result<Vec<bool>> {
    let converter = RowConverter::new(vec![SortField::new(a.data_type().clone())])?;
    let b = if b.data_type() == a.data_type() { Arc::clone(b) } else { cast(b, a.data_type())? };
    let (a, b) = (converter.convert_columns(&[Arc::clone(a)])?, converter.convert_columns(&[b])?);
    Ok(a.iter().zip(b.iter()).map(|(a, b)| a == b).collect())
}

/// The beginning of a value.
fn shown(values: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default().with_null("NULL");
    let text = ArrayFormatter::try_new(values, &options).map(|values| values.value(row).to_string());
    let text = text.map_or_else(|_| Cow::from("a value"), Cow::from);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
#[path = "spell_tests.rs"]
mod tests;
