//! What values become in columns of files: the same value, or nothing.

use datafusion::arrow::array::{
    BinaryArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::TimeUnit;
use datafusion::arrow::util::display::array_value_to_string;

use super::*;

fn texts_of(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

/// Each value as the column keeps it; `-`: refused.
fn kept(values: ArrayRef, to: &DataType) -> Vec<String> {
    shown_of(&typed(&values, to).unwrap())
}

fn shown_of(spelled: &Spelled) -> Vec<String> {
    let cell = |row: usize| match (&spelled.refused[row], spelled.values.is_null(row)) {
        (Some(_), true) => "-".to_string(),
        (None, true) => "NULL".to_string(),
        (None, false) => array_value_to_string(&spelled.values, row).unwrap(),
        (Some(why), false) => panic!("refused and given: {why}"),
    };
    (0..spelled.values.len()).map(cell).collect()
}

fn in_text(values: ArrayRef, native: &str) -> Vec<String> {
    let column = WritableColumn {
        name: "c".into(),
        native: native.into(),
        image: DataType::Utf8,
        never_null: false,
        generated: None,
        fixed: None,
        has_default: false,
        touched: false,
    };
    shown_of(&in_csv(&values, &["NA".to_string()], &column).unwrap())
}

#[test]
fn numbers_keep_every_digit_or_are_refused() {
    let decimals = Decimal128Array::from(vec![1_505, 1_500, -1, i128::MAX]).with_precision_and_scale(38, 3).unwrap();
    let decimals: ArrayRef = Arc::new(decimals);
    assert_eq!(kept(decimals.clone(), &DataType::Decimal128(10, 2)), ["-", "1.50", "-", "-"]);
    assert_eq!(kept(decimals, &DataType::Int32), ["-", "-", "-", "-"]);
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![Some(1 << 53), Some((1 << 53) + 1), Some(-1), None]));
    assert_eq!(kept(whole.clone(), &DataType::Float64), ["9007199254740992.0", "-", "-1.0", "NULL"]);
    assert_eq!(kept(whole.clone(), &DataType::UInt8), ["-", "-", "-", "NULL"]);
    assert_eq!(kept(whole, &DataType::Utf8), ["9007199254740992", "9007199254740993", "-1", "NULL"]);
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 0.5, -0.0, f64::NAN, 1e300]));
    assert_eq!(kept(floats.clone(), &DataType::Float32), ["-", "0.5", "-0.0", "NaN", "-"]);
    assert_eq!(kept(floats, &DataType::Int64), ["-", "-", "-", "-", "-"]);
    let narrow: ArrayRef = Arc::new(Float32Array::from(vec![0.1_f32, 16_777_216.0]));
    assert_eq!(kept(narrow, &DataType::Float64), ["0.10000000149011612", "16777216.0"]);
}

#[test]
fn texts_are_read_by_value_and_exactly() {
    let texts = texts_of(&["1.50", "1.505", "x", "1e2", ""]);
    assert_eq!(kept(texts.clone(), &DataType::Decimal128(10, 2)), ["1.50", "-", "-", "100.00", "-"]);
    assert_eq!(kept(texts_of(&["0.1", "1e400", "0.1000000000000000055"]), &DataType::Float64), ["0.1", "-", "-"]);
    let days = kept(texts_of(&["2024-02-29", "2023-02-29"]), &DataType::Date32);
    assert_eq!(days, ["2024-02-29", "-"]);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    assert_eq!(kept(texts, &dictionary), ["1.50", "1.505", "x", "1e2", ""]);
}

#[test]
fn times_are_no_finer_than_the_column_and_zones_are_not_made_up() {
    let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, 1_500_001]));
    let seconds = DataType::Timestamp(TimeUnit::Millisecond, None);
    assert_eq!(kept(at.clone(), &seconds), ["1970-01-01T00:00:01.500", "-"]);
    assert_eq!(kept(at.clone(), &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))), ["-", "-"]);
    assert_eq!(kept(at, &DataType::Date32), ["-", "-"]);
    let day: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    assert_eq!(kept(day, &DataType::Timestamp(TimeUnit::Second, None)), ["1970-01-02T00:00:00"]);
}

#[test]
fn csv_takes_what_reads_back_as_the_value() {
    assert_eq!(in_text(texts_of(&["a", "", "NA", "a\0b", " NA"]), "text"), ["a", "-", "-", "-", " NA"]);
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"ab"[..]]));
    assert_eq!(in_text(bytes, "text"), ["-"]);
    let decimals = Decimal128Array::from(vec![1_505]).with_precision_and_scale(10, 3).unwrap();
    assert_eq!(in_text(Arc::new(decimals.clone()), "text"), ["1.505"]);
    assert_eq!(in_text(Arc::new(decimals), "Decimal128(10, 2)"), ["-"]);
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 1e300, f64::NAN]));
    assert_eq!(in_text(floats.clone(), "Float64")[..2], ["0.1".to_string(), format!("1{}", "0".repeat(300))]);
}
