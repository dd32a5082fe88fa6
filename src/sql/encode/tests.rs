//! The format held fast byte by byte; injectivity and independence of storage over random rows.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::*;
use proptest::prelude::*;

use super::*;
use crate::sql::digest::{digest_id, key_hashes, row_digests};

fn encoded(column: ArrayRef, mode: Mode) -> Vec<Vec<u8>> {
    let rows = column.len();
    let encoded = encode_rows(&[column], rows, mode).unwrap_or_else(|e| panic!("{e}"));
    (0..rows).map(|row| encoded.row(row).to_vec()).collect()
}

fn typed(column: impl Array + 'static) -> Vec<Vec<u8>> {
    encoded(Arc::new(column), Mode::AsTyped)
}

fn by_value(column: impl Array + 'static) -> Vec<Vec<u8>> {
    encoded(Arc::new(column), Mode::ByValue)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_format_never_changes() {
    let int = PrimitiveArray::<Int16Type>::from(vec![Some(-2), None]);
    assert_eq!(typed(int).iter().map(|b| hex(b)).collect::<Vec<_>>(), ["020008feffffffffffffff", "00"]);
    for (column, expected) in [
        (Arc::new(BooleanArray::from(vec![true])) as ArrayRef, "0101"),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), "020010ffffffffffffffff0000000000000000"),
        (
            Arc::new(Decimal128Array::from(vec![700]).with_data_type(DataType::Decimal128(10, 2))),
            "020208bc02000000000000",
        ),
        (Arc::new(Float32Array::from(vec![-0.0])), "030000000000000000"),
        (Arc::new(Float64Array::from(vec![-f64::NAN])), "03000000000000f87f"),
        (Arc::new(Float64Array::from(vec![1.5])), "03000000000000f83f"),
        (Arc::new(StringArray::from(vec!["né"])), "04030000006ec3a9"),
        (Arc::new(BinaryArray::from_vec(vec![b"\x00\xff"])), "050200000000ff"),
        (Arc::new(TimestampMillisecondArray::from(vec![-1])), "0603ffffffffffffffff"),
        (Arc::new(TimestampSecondArray::from(vec![1]).with_timezone("Europe/Berlin")), "07000100000000000000"),
        (Arc::new(Date32Array::from(vec![1])), "08005c260500000000"),
        (Arc::new(Date64Array::from(vec![86_400_000])), "08005c260500000000"),
        (Arc::new(Time64NanosecondArray::from(vec![1])), "09090100000000000000"),
        (Arc::new(DurationMicrosecondArray::from(vec![1])), "0a060100000000000000"),
        (Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(1, 1)])), "0b000000000100000040420f0000000000"),
        (Arc::new(NullArray::new(1)), "00"),
        (
            Arc::new(ListArray::from_iter_primitive::<Int8Type, _, _>(vec![Some(vec![Some(1), None])])),
            "1002000000020008010000000000000000",
        ),
        (
            Arc::new(StructArray::from(vec![(
                Arc::new(Field::new("a", DataType::Null, true)),
                Arc::new(NullArray::new(1)) as ArrayRef,
            )])),
            "110100000004010000006100",
        ),
    ] {
        assert_eq!(hex(&encoded(column.clone(), Mode::AsTyped)[0]), expected, "{}", column.data_type());
    }
}

#[test]
fn digests_never_change() {
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(vec![Some(1), None])), Arc::new(StringArray::from(vec![Some("a"), Some("")]))];
    let digests = row_digests(&columns, 2).unwrap_or_else(|e| panic!("{e}"));
    let rows = encode_rows(&columns, 2, Mode::AsTyped).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(hex(rows.row(0)), "0200080100000000000000040100000061");
    assert_eq!(hex(rows.row(1)), "000400000000");
    let shown: Vec<String> = digests.iter().map(|digest| format!("{digest:032x}")).collect();
    let hashes: Vec<String> =
        key_hashes(&columns, 2).unwrap_or_else(|e| panic!("{e}")).iter().map(|hash| format!("{hash:016x}")).collect();
    assert_eq!(shown, DIGESTS);
    assert_eq!(hashes, HASHES);
    assert_eq!(digest_id(&[b"rule", b""]), ID);
    assert_ne!(digest_id(&[b"rule"]), digest_id(&[b"ru", b"le"]));
}

// Computed apart from this crate, by Python's `xxhash`, over the bytes that the test above spells out.
const DIGESTS: [&str; 2] = ["2e491f6d3750d7e44e8841c64ea6c6e7", "73c28237d319b3f0408283e203298f4d"];
const HASHES: [&str; 2] = ["02ed21de151e2af1", "0d6c33bf4bd95dc5"];
const ID: &str = "32c3e5fa994eedb697347ac2249daf4e";

#[test]
fn by_value_types_make_no_difference() {
    let seven = by_value(Int8Array::from(vec![7, 70, 0]));
    assert_eq!(seven, by_value(UInt64Array::from(vec![7, 70, 0])));
    let decimal =
        |values: Vec<i128>, scale| Decimal128Array::from(values).with_data_type(DataType::Decimal128(38, scale));
    assert_eq!(seven, by_value(decimal(vec![700, 7000, 0], 2)));
    assert_eq!(by_value(decimal(vec![7, 0], -1)), by_value(Int64Array::from(vec![70, 0])));
    let wide = Decimal256Array::from(vec![i256::from(7_000i64)]).with_data_type(DataType::Decimal256(76, 3));
    assert_eq!(by_value(wide), seven[..1]);
    let huge = |value: i64, scale| {
        Decimal256Array::from(vec![i256::from(value)]).with_data_type(DataType::Decimal256(76, scale))
    };
    assert_eq!(by_value(huge(7, -100)), by_value(huge(70, -99)));
    assert_eq!(by_value(decimal(vec![7], -100)), by_value(huge(70, -99)));
    assert_eq!(by_value(Float32Array::from(vec![0.5])), by_value(Float64Array::from(vec![0.5])));
    assert_eq!(
        by_value(TimestampSecondArray::from(vec![-3])),
        by_value(TimestampNanosecondArray::from(vec![-3_000_000_000]))
    );
    assert_eq!(by_value(Date32Array::from(vec![-1])), by_value(Date64Array::from(vec![-86_400_000])));
    assert_ne!(by_value(decimal(vec![705], 2)), seven[..1]);
}

#[test]
fn neighbours_do_not_run_into_each_other() {
    let encode = |a: &str, b: &str| {
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![a])), Arc::new(StringArray::from(vec![b]))];
        encode_rows(&columns, 1, Mode::AsTyped).unwrap_or_else(|e| panic!("{e}")).buffer
    };
    assert_ne!(encode("ab", "c"), encode("a", "bc"));
    assert_ne!(encode("", "a"), encode("a", ""));
}

#[test]
fn fields_go_by_name_and_entries_by_key() {
    let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, true));
    let column = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let ab = StructArray::from(vec![(field("a"), column(1)), (field("b"), column(2))]);
    let ba = StructArray::from(vec![(field("b"), column(2)), (field("a"), column(1))]);
    assert_eq!(typed(ab), typed(ba));
    let map = |entries: &[(&str, i32)]| {
        let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for (key, value) in entries {
            builder.keys().append_value(key);
            builder.values().append_value(*value);
        }
        builder.append(true).unwrap_or_else(|e| panic!("{e}"));
        builder.finish()
    };
    assert_eq!(typed(map(&[("a", 1), ("bb", 2)])), typed(map(&[("bb", 2), ("a", 1)])));
    assert_ne!(typed(map(&[("a", 2), ("bb", 1)])), typed(map(&[("bb", 2), ("a", 1)])));
}

#[test]
fn what_stands_under_a_null_leaves_no_trace() {
    let nulls = || Some(NullBuffer::from(vec![true, false]));
    let garbage = Int64Array::new(ScalarBuffer::from(vec![1, 99]), nulls());
    assert_eq!(typed(garbage), typed(Int64Array::from(vec![Some(1), None])));
    let field = Arc::new(Field::new_list_field(DataType::Int64, true));
    let values = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let list = ListArray::new(field, OffsetBuffer::from_lengths([1, 2]), values, nulls());
    assert_eq!(typed(list), typed(ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)]), None])));
}

#[test]
fn a_dictionary_may_have_no_values() {
    let keys = Int8Array::from(vec![None, None]);
    let empty = DictionaryArray::new(keys, Arc::new(StringArray::from(Vec::<&str>::new())));
    assert_eq!(typed(empty), [[0], [0]]);
}

#[test]
fn unions_are_refused_by_name() {
    let union = DataType::Union(UnionFields::empty(), UnionMode::Sparse);
    let nested = DataType::List(Arc::new(Field::new_list_field(union, true)));
    let error = check_encodable(&nested).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("Union"), "{error}");
}

/// What `encode_rows` has to yield, value by value.
fn one_by_one(columns: &[ArrayRef], rows: usize, mode: Mode) -> Vec<Vec<u8>> {
    let encoders: Vec<_> =
        columns.iter().map(|column| encoder(column, mode).unwrap_or_else(|e| panic!("{e}"))).collect();
    let row = |row: usize| {
        let values = encoders.iter().map(|values| {
            let mut bytes = vec![0xee; values.length(row)];
            assert_eq!(values.write(row, &mut bytes), bytes.len());
            bytes
        });
        values.collect::<Vec<_>>().concat()
    };
    (0..rows).map(row).collect()
}

fn assert_pieces_agree(columns: &[ArrayRef], rows: usize) {
    for mode in [Mode::AsTyped, Mode::ByValue] {
        let encoded = encode_rows(columns, rows, mode).unwrap_or_else(|e| panic!("{e}"));
        let expected = one_by_one(columns, rows, mode);
        assert_eq!(encoded.buffer, expected.concat());
        assert!((0..rows).all(|row| encoded.row(row) == expected[row]));
    }
}

/// Columns for every loop over a piece: each kind of value, of constant and of any length, around the widths of copies.
fn columns_of_all_loops(rows: usize) -> Vec<ArrayRef> {
    let count = i64::try_from(rows).unwrap_or_default();
    let ints = Int64Array::from_iter_values(0..count);
    let decimals = |factor: i128| Decimal128Array::from_iter_values((0..i128::from(count)).map(|i| (i - 5) * factor));
    let wide = (0..count).map(|i| i256::from(i).wrapping_mul(i256::from(i64::MAX)).wrapping_mul(i256::from(i64::MIN)));
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(ints),
        Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(row % 3 == 0)))),
        Arc::new(decimals(10)),
        Arc::new(decimals(i128::from(i64::MAX) / 100)),
        Arc::new(decimals(1 << 90)),
        Arc::new(decimals(100).with_data_type(DataType::Decimal128(38, -3))),
        Arc::new(Decimal256Array::from_iter_values(wide)),
        Arc::new(TimestampMicrosecondArray::from_iter_values((0..count).map(|i| i * 500))),
        Arc::new(NullArray::new(rows)),
        Arc::new(FixedSizeBinaryArray::new(20, Buffer::from_vec(vec![7u8; 20 * rows]), None)),
        Arc::new(ListArray::from_iter_primitive::<Int8Type, _, _>((0..rows).map(|row| Some(vec![None; row % 4])))),
    ];
    for longest in [0, 1, 12, 13, 16, 17, 32, 33, 64, 65, 300] {
        let texts = StringArray::from_iter_values((0..rows).map(|row| "x".repeat(row * 7 % (longest + 1))));
        let constant = StringArray::from_iter_values(vec!["y".repeat(longest); rows]);
        for texts in [texts, constant].map(|texts| Arc::new(texts) as ArrayRef) {
            columns.push(cast(&texts, &DataType::Utf8View).unwrap_or_else(|e| panic!("{e}")));
            columns.push(texts);
        }
    }
    columns
}

/// Some values made NULL, without a trace of it in what stands under them.
fn with_nulls(column: &ArrayRef, valid: impl Fn(usize) -> bool) -> ArrayRef {
    if column.data_type().is_null() {
        return column.clone();
    }
    let nulls = NullBuffer::from_iter((0..column.len()).map(valid));
    let data = column.to_data().into_builder().nulls(Some(nulls)).build();
    make_array(data.unwrap_or_else(|e| panic!("{e}")))
}

#[test]
fn pieces_hold_what_single_values_do() {
    for rows in [0, 1, 127, 128, 129, 400] {
        let plain = columns_of_all_loops(rows);
        let some: Vec<ArrayRef> = plain.iter().map(|column| with_nulls(column, |row| row % 3 != 1)).collect();
        let late: Vec<ArrayRef> = plain.iter().map(|column| with_nulls(column, |row| row < 128)).collect();
        let none: Vec<ArrayRef> = plain.iter().map(|column| with_nulls(column, |_| false)).collect();
        for columns in [&plain, &some, &late, &none] {
            assert_pieces_agree(columns, rows);
            let cut = rows / 3;
            let sliced: Vec<ArrayRef> = columns.iter().map(|column| column.slice(cut, rows - cut)).collect();
            assert_pieces_agree(&sliced, rows - cut);
            // Alone, and last of a row: what a wide copy leaves behind would stand in the next one.
            for column in columns {
                assert_pieces_agree(std::slice::from_ref(column), rows);
                assert_pieces_agree(&[columns[0].clone(), column.clone()], rows);
            }
        }
    }
    assert_eq!(encode_rows(&[], 300, Mode::AsTyped).map(|rows| rows.len()).ok(), Some(300));
}

#[test]
fn a_piece_shrinks_for_a_long_value_and_grows_again() {
    let texts = (0..900).map(|row| "x".repeat(if row == 300 { 2 << 20 } else { row % 90 }));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    assert_pieces_agree(&[Arc::new(Int64Array::from_iter_values(0..900)), texts.clone(), texts], 900);
}

/// A column of one random type, and for each row a text that is equal for equal values only: the oracle.
fn columns(rows: usize) -> impl Strategy<Value = (ArrayRef, Vec<String>)> {
    let ints = prop::collection::vec(prop::option::of(-3i64..3), rows);
    let texts = prop::collection::vec(prop::option::of("[ab\u{0}é]{0,3}"), rows);
    let floats = prop::collection::vec(
        prop::option::of(prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), Just(-f64::NAN), -2.0..2.0]),
        rows,
    );
    let lists = prop::collection::vec(prop::option::of(prop::collection::vec(prop::option::of(-1i32..2), 0..3)), rows);
    prop_oneof![
        ints.prop_map(|v| {
            let shown = v.iter().map(|v| format!("{v:?}")).collect();
            (Arc::new(Int64Array::from(v)) as ArrayRef, shown)
        }),
        texts.prop_map(|v| {
            let shown = v.iter().map(|v| format!("{v:?}")).collect();
            (Arc::new(StringArray::from(v)) as ArrayRef, shown)
        }),
        floats.prop_map(|v| {
            let plain = |v: f64| if v.is_nan() { "NaN".to_owned() } else { format!("{:?}", v + 0.0) };
            let shown = v.iter().map(|v| format!("{:?}", v.map(plain))).collect();
            (Arc::new(Float64Array::from(v)) as ArrayRef, shown)
        }),
        lists.prop_map(|v| {
            let shown = v.iter().map(|v| format!("{v:?}")).collect();
            (Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(v)) as ArrayRef, shown)
        }),
    ]
}

/// Other ways to store the same values.
fn stored_otherwise(column: &ArrayRef) -> Vec<ArrayRef> {
    let cast = |column: &ArrayRef, to| cast(column, &to).unwrap_or_else(|e| panic!("{e}"));
    let dictionary = |values| DataType::Dictionary(Box::new(DataType::UInt16), Box::new(values));
    match column.data_type() {
        DataType::Int64 => vec![cast(column, DataType::Int8), cast(column, dictionary(DataType::Int64)), runs(column)],
        DataType::Utf8 => vec![
            cast(column, DataType::LargeUtf8),
            cast(column, DataType::Utf8View),
            cast(column, dictionary(DataType::Utf8)),
            runs(column),
        ],
        DataType::List(_) => {
            let field = Arc::new(Field::new_list_field(DataType::Int32, true));
            vec![
                cast(column, DataType::LargeList(field.clone())),
                cast(column, DataType::ListView(field.clone())),
                cast(column, DataType::LargeListView(field)),
            ]
        }
        _ => vec![],
    }
}

/// One run a value.
fn runs(column: &ArrayRef) -> ArrayRef {
    let ends = Int32Array::from_iter_values(1..=i32::try_from(column.len()).unwrap_or_default());
    Arc::new(RunArray::<Int32Type>::try_new(&ends, column).unwrap_or_else(|e| panic!("{e}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn rows_encode_alike_if_and_only_if_they_are_equal(
        columns in (1usize..8).prop_flat_map(|rows| prop::collection::vec(columns(rows), 1..4)),
    ) {
        let rows = columns[0].0.len();
        let arrays: Vec<ArrayRef> = columns.iter().map(|column| column.0.clone()).collect();
        let encoded = encode_rows(&arrays, rows, Mode::AsTyped)?;
        for a in 0..rows {
            for b in 0..rows {
                let equal = columns.iter().all(|(_, shown)| shown[a] == shown[b]);
                prop_assert_eq!(encoded.row(a) == encoded.row(b), equal);
            }
        }
    }

    #[test]
    fn storage_and_slices_leave_no_trace((column, _) in columns(9), start in 0usize..9, count in 0usize..9) {
        let expected = encoded(column.clone(), Mode::AsTyped);
        let count = count.min(9 - start);
        let twice = concat(&[&column, &column])?;
        prop_assert_eq!(&encoded(twice.slice(9, 9), Mode::AsTyped), &expected);
        for stored in stored_otherwise(&column).into_iter().chain([column]) {
            prop_assert_eq!(&encoded(stored.clone(), Mode::AsTyped), &expected);
            prop_assert_eq!(&encoded(stored.slice(start, count), Mode::AsTyped)[..], &expected[start..start + count]);
        }
    }

    /// Pieces are cut where they are cut.
    #[test]
    fn digests_are_of_rows_not_of_pieces(values in prop::collection::vec(prop::option::of("[a-z]{0,9}"), 1500)) {
        let column: ArrayRef = Arc::new(StringArray::from(values));
        let all = row_digests(std::slice::from_ref(&column), 1500)?;
        let parts = [column.slice(0, 700), column.slice(700, 800)];
        let apart: Vec<u128> = parts.iter().map(|part| row_digests(std::slice::from_ref(part), part.len()))
            .collect::<Result<Vec<_>>>()?.concat();
        prop_assert_eq!(all, apart);
    }
}
