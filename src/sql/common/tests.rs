//! Values in the common type, against what their texts say.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::*;
use proptest::prelude::*;

use super::*;

fn converted(array: impl Array + 'static, to: DataType) -> ArrayRef {
    let array: ArrayRef = Arc::new(array);
    check_common(array.data_type(), &to).unwrap_or_else(|e| panic!("{e}"));
    convert(&array, &to).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(array: impl Array + 'static, to: DataType) -> bool {
    let array: ArrayRef = Arc::new(array);
    convert(&array, &to).is_err()
}

const SECONDS: DataType = DataType::Timestamp(TimeUnit::Second, None);
const NANOSECONDS: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

#[test]
fn coarser_times_are_rounded_down() {
    let times = TimestampMillisecondArray::from(vec![Some(-1), Some(-1000), Some(999), None]);
    let expected = TimestampSecondArray::from(vec![Some(-1), Some(-1), Some(0), None]);
    assert_eq!(converted(times, SECONDS).as_primitive::<TimestampSecondType>(), &expected);
    let times = Time64NanosecondArray::from(vec![86_399_999_999_999]);
    let to = DataType::Time32(TimeUnit::Millisecond);
    assert_eq!(converted(times, to).as_primitive::<Time32MillisecondType>().value(0), 86_399_999);
    let times = DurationNanosecondArray::from(vec![-1]);
    let to = DataType::Duration(TimeUnit::Second);
    assert_eq!(converted(times, to).as_primitive::<DurationSecondType>().value(0), -1);
}

#[test]
fn what_does_not_fit_is_an_error() {
    assert!(refused(TimestampSecondArray::from(vec![9_223_372_037]), NANOSECONDS));
    assert!(refused(Date32Array::from(vec![200_000]), NANOSECONDS));
    assert!(!refused(Date32Array::from(vec![100_000]), NANOSECONDS));
    assert!(refused(Int64Array::from(vec![1000]), DataType::Decimal128(3, 0)));
    assert!(refused(Int64Array::from(vec![-1]), DataType::UInt64));
    assert!(refused(Float64Array::from(vec![1e300]), DataType::Float32));
    assert!(!refused(Float64Array::from(vec![f64::INFINITY, 1e38]), DataType::Float32));
    // NULLs and what stands under them always fit.
    let nulls = Some(NullBuffer::from(vec![false]));
    assert!(!refused(Date32Array::new(vec![200_000].into(), nulls), NANOSECONDS));
}

/// A struct with two fields of one name.
fn twins(data_type: DataType) -> DataType {
    DataType::Struct([data_type.clone(), data_type].map(|t| Field::new("a", t, true)).into_iter().collect())
}

#[test]
fn what_would_lose_something_is_refused() {
    let zoned = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    for (from, to) in [
        (DataType::Decimal128(10, 2), DataType::Decimal128(10, 1)),
        (DataType::Decimal128(10, 2), DataType::Int64),
        (DataType::Float64, DataType::Int64),
        (SECONDS, zoned.clone()),
        (zoned.clone(), SECONDS),
        (DataType::Date32, zoned),
        (SECONDS, DataType::Date32),
        (DataType::Boolean, DataType::Int64),
        (twins(DataType::Int32), twins(DataType::Int64)),
        (DataType::Utf8, DataType::Binary),
        (DataType::Int64, DataType::Utf8),
        (DataType::Time32(TimeUnit::Second), DataType::Duration(TimeUnit::Second)),
    ] {
        assert!(check_common(&from, &to).is_err(), "{from} to {to}");
    }
}

#[test]
fn a_date_is_its_midnight() {
    let midnight = converted(Date32Array::from(vec![-1]), SECONDS);
    assert_eq!(midnight.as_primitive::<TimestampSecondType>().value(0), -86_400);
    let midnight = converted(Date64Array::from(vec![-86_400_000]), DataType::Date32);
    assert_eq!(midnight.as_primitive::<Date32Type>().value(0), -1);
}

#[test]
fn exact_numbers_meet_floats_at_the_nearest() {
    let decimals = Decimal128Array::from(vec![1, 9_007_199_254_740_993, 123_456_789_012_345_678_901])
        .with_data_type(DataType::Decimal128(38, 1));
    let expected: [f64; 3] = [0.1, 900_719_925_474_099.3, 12_345_678_901_234_567_890.1];
    assert_eq!(converted(decimals, DataType::Float64).as_primitive::<Float64Type>().values()[..], expected);
    // Rounded by way of f64, this would be 16777216.
    let decimals = Decimal128Array::from(vec![16_777_217_000_000_000_001]).with_data_type(DataType::Decimal128(38, 12));
    assert_eq!(converted(decimals, DataType::Float32).as_primitive::<Float32Type>().value(0), 16_777_218.0);
}

#[test]
fn dictionaries_and_runs_are_unpacked() {
    let dictionary: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
    let texts = converted(dictionary.slice(1, 2), DataType::Utf8View);
    assert_eq!(texts.as_string_view(), &StringViewArray::from(vec![None, Some("a")]));
    let runs: RunArray<Int32Type> = vec![Some("a"), Some("a"), None].into_iter().collect();
    let texts = converted(runs.slice(1, 2), DataType::Utf8);
    assert_eq!(texts.as_string::<i32>(), &StringArray::from(vec![Some("a"), None]));
}

#[test]
fn nested_values_are_converted_deep() {
    let field = |name: &str, t| Arc::new(Field::new(name, t, true));
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![1, 200_000]));
    let ints: ArrayRef = Arc::new(Int8Array::from(vec![1, 2]));
    // The second struct is NULL; the date under it would not fit.
    let structs = StructArray::new(
        vec![field("d", DataType::Date32), field("n", DataType::Int8)].into(),
        vec![dates, ints],
        Some(NullBuffer::from(vec![true, false])),
    );
    let to_fields: Fields = vec![field("n", DataType::Int64), field("d", NANOSECONDS)].into();
    let to = DataType::Struct(to_fields.clone());
    let list = ListArray::new(
        field("element", structs.data_type().clone()),
        OffsetBuffer::from_lengths([2]),
        Arc::new(structs),
        None,
    );
    let to_list = DataType::LargeList(Arc::new(Field::new_list_field(to, true)));
    let list = converted(list, to_list.clone());
    assert_eq!(list.data_type(), &to_list);
    let structs = list.as_list::<i64>().value(0);
    assert_eq!(structs.as_struct().column(0).as_primitive::<Int64Type>().value(0), 1);
    assert_eq!(structs.as_struct().column(1).as_primitive::<TimestampNanosecondType>().value(0), 86_400_000_000_000);
    assert!(structs.is_null(1));
}

#[test]
fn a_maps_entries_are_sorted_by_key() {
    let mut builder = MapBuilder::new(None, Int32Builder::new(), Int32Builder::new());
    for (key, value) in [(2, 20), (1, 10)] {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(true).unwrap_or_else(|e| panic!("{e}"));
    builder.append(false).unwrap_or_else(|e| panic!("{e}"));
    let to = parse_type("Map(Int64, Float64)").unwrap_or_else(|e| panic!("{e}"));
    let map = converted(builder.finish(), to);
    let map = map.as_map();
    assert_eq!(map.keys().as_primitive::<Int64Type>().values()[..], [1, 2]);
    assert_eq!(map.values().as_primitive::<Float64Type>().values()[..], [10.0, 20.0]);
    assert!(map.is_null(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The oracle: the decimal's digits, parsed.
    #[test]
    fn decimals_become_the_nearest_float(mantissa in any::<i128>(), shift in 0u32..127, scale in -5i8..38) {
        let mantissa = (mantissa >> shift) % 10i128.pow(38);
        let array = Decimal128Array::from(vec![mantissa]).with_data_type(DataType::Decimal128(38, scale));
        let expected: f64 = format!("{mantissa}e{}", -i32::from(scale)).parse().unwrap_or(f64::NAN);
        prop_assert_eq!(converted(array, DataType::Float64).as_primitive::<Float64Type>().value(0), expected);
    }

    /// The oracle: the text of a number does not change when it is widened, but for zeros behind.
    #[test]
    fn exact_numbers_stay_exact(value in any::<i64>(), scale in 0i8..10, more in 0i8..20) {
        let array = Decimal64Array::from(vec![value % 10i64.pow(18)]).with_data_type(DataType::Decimal64(18, scale));
        let shown = array.value_as_string(0);
        let wide = converted(array, DataType::Decimal256(76, scale + more));
        let wide = wide.as_primitive::<Decimal256Type>().value_as_string(0);
        let zeros = "0".repeat(usize::try_from(more).unwrap_or(0));
        let expected = if scale == 0 && more > 0 { format!("{shown}.{zeros}") } else { format!("{shown}{zeros}") };
        prop_assert_eq!(wide, expected);
    }
}
