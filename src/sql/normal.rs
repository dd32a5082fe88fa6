//! Spellings that a rule may declare equal: white space around (`trim_unicode`), case (`lower_unicode`), composition
//! (`nfc`), JSON's (`json_value`); and forms in which SQL's own `=` means what tieout means: `plain_float`, `canonical_value`.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use datafusion::logical_expr::ScalarUDF;
use half::f16;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::common::unpack;
use super::encode::{Mode, Rows, check_encodable, encode_rows};
use super::function::{Call, Function, Planned};
use super::text::{Digits, text_column};
use super::type_text::plain_type;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        // Unicode's White_Space at both ends.
        Function::new("trim_unicode", 1..=1, text_type, |call| rewrite(call, |text| text.trim().into())).build(),
        Function::new("lower_unicode", 1..=1, text_type, |call| rewrite(call, lower)).build(),
        Function::new("nfc", 1..=1, text_type, |call| rewrite(call, nfc)).build(),
        // As `nfc`, and compatible characters as the one that they stand for.
        Function::new("nfkc", 1..=1, text_type, |call| rewrite(call, nfkc)).build(),
        // The only form of a number; what is none stays as it is.
        Function::new("plain_number", 1..=1, text_type, |call| rewrite(call, number)).build(),
        // One text for all JSON of one value.
        Function::new("json_value", 1..=1, text_type, |call| rewrite(call, super::json::canonical)).build(),
        // One NaN, one zero.
        Function::new("plain_float", 1..=1, float_type, plain_float).build(),
        // The canonical encoding, so that nested values can be compared.
        Function::new("canonical_value", 1..=1, canonical_type, canonical_value).build(),
    ]
}

fn text_type(planned: &Planned) -> Result<DataType> {
    match plain_type(planned.data_type(0)) {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Ok(DataType::Utf8View),
        other => Err(Error::new(
            ErrorKind::Schema,
            format!("`trim`, `ignore_case`, `nfc` and `json` are for text, not {other}"),
        )),
    }
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return text.into();
    }
    text.to_lowercase().into()
}

fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text.into();
    }
    text.nfc().collect::<String>().into()
}

fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    text.nfkc().collect::<String>().into()
}

fn number(text: &str) -> Cow<'_, str> {
    match Digits::parse(text).and_then(|number| number.plain()) {
        Some(plain) if plain != text => plain.into(),
        _ => text.into(),
    }
}

/// Texts through `rewrite`; a column that it leaves as it is is handed on.
fn rewrite(call: &Call, rewrite: impl Fn(&str) -> Cow<'_, str>) -> Result<ArrayRef> {
    let texts = text_column(&call.column(0)?)?;
    let same = |text: &str| matches!(rewrite(text), Cow::Borrowed(same) if same.len() == text.len());
    let Some(first) = texts.iter().position(|text| text.is_some_and(|text| !same(text))) else {
        return Ok(Arc::new(texts));
    };
    let mut rewritten = StringViewBuilder::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        match text {
            Some(text) if row < first => rewritten.append_value(text),
            Some(text) => rewritten.append_value(rewrite(text)),
            None => rewritten.append_null(),
        }
    }
    let rewritten: StringViewArray = rewritten.finish();
    Ok(Arc::new(rewritten))
}

fn float_type(planned: &Planned) -> Result<DataType> {
    match plain_type(planned.data_type(0)) {
        float @ (DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Null) => Ok(float),
        other => Err(Error::new(ErrorKind::Schema, format!("plain_float() is for floats, not {other}"))),
    }
}

fn plain_float(call: &Call) -> Result<ArrayRef> {
    let column = unpack(&call.column(0)?)?;
    // Adding zero turns -0.0 into 0.0 and leaves every other number alone.
    Ok(match column.data_type() {
        DataType::Float16 => Arc::new(column.as_primitive::<Float16Type>().unary::<_, Float16Type>(|v| {
            if v.is_nan() {
                f16::NAN
            } else if v == f16::ZERO {
                f16::ZERO
            } else {
                v
            }
        })),
        DataType::Float32 => Arc::new(
            column
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|v| if v.is_nan() { f32::NAN } else { v + 0.0 }),
        ),
        DataType::Float64 => Arc::new(
            column
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|v| if v.is_nan() { f64::NAN } else { v + 0.0 }),
        ),
        _ => column,
    })
}

fn canonical_type(planned: &Planned) -> Result<DataType> {
    check_encodable(planned.data_type(0))?;
    Ok(DataType::Binary)
}

fn canonical_value(call: &Call) -> Result<ArrayRef> {
    canonical(&call.column(0)?)
}

/// The canonical encoding of each value, as the SQL function `canonical_value` gives it.
pub fn canonical(column: &ArrayRef) -> Result<ArrayRef> {
    let Rows { buffer, offsets } = encode_rows(std::slice::from_ref(column), column.len(), Mode::AsTyped)?;
    let large = |_| Error::new(ErrorKind::Resources, "a batch of nested values is larger than 2 GiB");
    let offsets = offsets.into_iter().map(i32::try_from).collect::<Result<Vec<_>, _>>().map_err(large)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(BinaryArray::try_new(offsets, Buffer::from_vec(buffer), column.logical_nulls())?))
}
