//! What values of the other side become in a column: exactly the text that the server itself would write, or a reason.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::Int32Type;

use super::{Target, database};
use crate::databases::types::{CASES, TYPES};

/// What cannot be said in a value of Arrow's: arrays of domains, whose elements are checked by a type of people's own.
const NOT: &[&str] = &["positives"];

#[test]
fn values_that_are_read_are_spelled_as_the_server_spells_them() {
    let columns: Vec<String> = CASES.iter().map(|case| format!("{} {}", case.name, case.typ)).collect();
    let list = |other: bool| {
        CASES.iter().map(|case| if other { case.other } else { case.value }).collect::<Vec<_>>().join(", ")
    };
    let database = database(&format!(
        "{TYPES} CREATE TABLE t (id int PRIMARY KEY, {});
         INSERT INTO t VALUES (1, {}), (2, {}); INSERT INTO t VALUES (3)",
        columns.join(", "),
        list(false),
        list(true)
    ));
    let target = Target::new(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let mut wrong = Vec::new();
    for id in ["1", "2", "3"] {
        let image = hand.row(id);
        let address = target.columns(&["id"]);
        let at = [vec![Some(id.to_string())]];
        let typed = target.runtime.block_on(hand.writer.typed(&address, &at)).unwrap();
        for case in CASES {
            let n = target.column(case.name);
            let spelled = target.spell(case.name, typed.column_by_name(case.name).unwrap().clone());
            let text = spelled.values.as_string::<i32>();
            let wanted = text.is_valid(0).then(|| text.value(0));
            if NOT.contains(&case.name) && image[n].is_some() {
                assert!(spelled.refused[0].is_some(), "{}", case.name);
                continue;
            }
            // Numbers of any length are read without their zeros.
            let same = match case.name {
                "free" => target.writable.same(n, wanted, image[n].as_deref()),
                "numbers" => wanted.map(str::to_string) == image[n].as_ref().map(|text| text.replace("1.0,", "1,")),
                _ => wanted == image[n].as_deref(),
            };
            if !same || spelled.refused[0].is_some() {
                wrong.push(format!("{} {id}: {wanted:?} {:?} {:?}", case.name, image[n], spelled.refused[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each value of an array: its text, or why it cannot be stored.
#[track_caller]
fn told(target: &Target, column: &str, values: impl Array + 'static) -> Vec<String> {
    let spelled = target.spell(column, Arc::new(values));
    let text = spelled.values.as_string::<i32>();
    let one = |row: usize| match (&spelled.refused[row], text.is_valid(row)) {
        (Some(why), false) => format!("! {why}"),
        (Some(why), true) => panic!("{why}, and yet a value"),
        (None, true) => text.value(row).to_string(),
        (None, false) => "NULL".to_string(),
    };
    (0..spelled.refused.len()).map(one).collect()
}

const TYPED: &str = "
    CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN dearer AS price CHECK (value > 0); CREATE DOMAIN word AS varchar(3);
    CREATE TABLE t (id int PRIMARY KEY, i2 smallint, i8 bigint, n numeric(10,2), coarse numeric(5,-2), fine numeric(2,4), free numeric,
        r real, d float8, v varchar(5), c char(5), b bytea, u uuid, flag bool, day date, at timestamp(3), zoned timestamptz, clock time(0),
        dear dearer, word word, ints int[], words varchar(3)[], texts text[], chars char(3)[], j jsonb, m money)";

#[test]
fn what_would_be_stored_as_another_value_is_refused() {
    let database = database(TYPED);
    let target = Target::new(&database, "t");
    let decimals = |values: &[i128], scale: i8| {
        Decimal128Array::from(values.to_vec()).with_precision_and_scale(38, scale).unwrap()
    };
    assert_eq!(
        told(&target, "i2", Int64Array::from(vec![300, -32_768, 32_768])),
        ["300", "-32768", "! 32768 does not fit into smallint"]
    );
    assert_eq!(
        told(&target, "i8", UInt64Array::from(vec![u64::MAX])),
        ["! 18446744073709551615 does not fit into bigint"]
    );
    assert_eq!(told(&target, "i8", Float64Array::from(vec![1.5, 3.0])), ["! 1.5 does not fit into bigint", "3"]);
    assert_eq!(
        told(&target, "n", decimals(&[1_505, 1_500, 99_999_999_990, -10, 100_000_000_000], 3)),
        [
            "! 1.505 does not fit into numeric(10,2)",
            "1.50",
            "99999999.99",
            "-0.01",
            "! 100000000 does not fit into numeric(10,2)"
        ]
    );
    assert_eq!(
        told(&target, "coarse", decimals(&[12_300, 12_345, 1_234_500, 12_345_600], 0)),
        ["12300", "! 12345 does not fit into numeric(5,-2)", "1234500", "! 12345600 does not fit into numeric(5,-2)"]
    );
    assert_eq!(
        told(&target, "fine", decimals(&[12, 99, 100, 0], 4)),
        ["0.0012", "0.0099", "! 0.01 does not fit into numeric(2,4)", "0.0000"]
    );
    assert_eq!(
        told(&target, "free", StringArray::from(vec!["007.50", "-0.0", "NaN", ".5"])),
        ["7.50", "0.0", "NaN", "0.5"]
    );
    assert_eq!(
        told(
            &target,
            "d",
            Float64Array::from(vec![
                1.0,
                -0.0,
                0.1,
                1e15,
                123456789012345.0,
                1e-5,
                1e-4,
                1e300,
                f64::NAN,
                f64::NEG_INFINITY
            ])
        ),
        ["1", "-0", "0.1", "1e+15", "123456789012345", "1e-05", "0.0001", "1e+300", "NaN", "-Infinity"]
    );
    assert_eq!(
        told(&target, "d", Int64Array::from(vec![9_007_199_254_740_992, 9_007_199_254_740_993])),
        [
            "9.007199254740992e+15",
            "! 9007199254740993 does not fit into double precision, which would keep 9007199254740992"
        ]
    );
    assert_eq!(
        told(&target, "r", Float32Array::from(vec![1.0, 1e6, 123456.0, 0.1, 1e-45])),
        ["1", "1e+06", "123456", "0.1", "1e-45"]
    );
    assert_eq!(
        told(&target, "v", StringArray::from(vec!["abcdef", "äöüßé", "ab ", "a\0b"])),
        ["! it is longer than character varying(5)", "äöüßé", "ab ", "! PostgreSQL stores no NUL character"]
    );
    assert_eq!(
        told(&target, "c", StringArray::from(vec!["ab   ", "ab        ", " b", "abcdef"])),
        ["ab", "ab", " b", "! it is longer than character(5)"]
    );
    assert_eq!(told(&target, "b", BinaryArray::from(vec![&b"\x00\xff"[..], b""])), ["\\x00ff", "\\x"]);
    assert_eq!(
        told(&target, "u", StringArray::from(vec!["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"])),
        ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]
    );
    assert_eq!(told(&target, "flag", BooleanArray::from(vec![Some(true), None])), ["true", "NULL"]);
    assert_eq!(told(&target, "m", decimals(&[-105, 1_234_500], 2)), ["-1.05", "12345.00"]);
    assert_eq!(
        told(&target, "dear", decimals(&[1_505, 1_500], 3)),
        ["! 1.505 does not fit into numeric(10,2)", "1.50"]
    );
    assert_eq!(
        told(&target, "word", StringArray::from(vec!["abc", "abcd"])),
        ["abc", "! it is longer than character varying(3)"]
    );
}

#[test]
fn times_keep_their_zone_or_have_none_and_are_no_finer_than_the_column() {
    let database = database(TYPED);
    let target = Target::new(&database, "t");
    let micros = |values: &[i64]| TimestampMicrosecondArray::from(values.to_vec());
    let zoned = |values: &[i64]| micros(values).with_timezone("Europe/Berlin");
    assert_eq!(
        told(&target, "at", micros(&[0, 1_000, 1, i64::MAX, -i64::MAX])),
        [
            "1970-01-01 00:00:00",
            "1970-01-01 00:00:00.001",
            "! it is finer than timestamp(3) without time zone keeps",
            "infinity",
            "-infinity"
        ]
    );
    assert_eq!(
        told(&target, "at", zoned(&[0])),
        ["! a time with a zone cannot be stored in timestamp(3) without time zone"]
    );
    assert_eq!(
        told(&target, "zoned", micros(&[0])),
        ["! a time without a zone cannot be stored in timestamp with time zone"]
    );
    assert_eq!(
        told(&target, "zoned", zoned(&[500_000, -63_517_824_000_000_000])),
        ["1970-01-01 00:00:00.5+00", "0044-03-15 00:00:00+00 BC"]
    );
    assert_eq!(
        told(&target, "zoned", TimestampNanosecondArray::from(vec![1, 1_000]).with_timezone("UTC")),
        ["! it is finer than timestamp with time zone keeps", "1970-01-01 00:00:00.000001+00"]
    );
    assert_eq!(
        told(&target, "day", Date32Array::from(vec![0, i32::MAX, -i32::MAX, -719_529])),
        ["1970-01-01", "infinity", "-infinity", "0002-12-31 BC"]
    );
    assert_eq!(
        told(&target, "day", micros(&[86_400_000_000, 1])),
        ["1970-01-02", "! a time without a zone cannot be stored in date"]
    );
    assert_eq!(
        told(&target, "clock", Time64MicrosecondArray::from(vec![3_600_000_000, 1])),
        ["01:00:00", "! it is finer than time(0) without time zone keeps"]
    );
}

#[test]
fn lists_are_written_as_arrays() {
    let database = database(TYPED);
    let target = Target::new(&database, "t");
    let ints = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
    assert_eq!(told(&target, "ints", ints), ["{1,NULL}", "{}", "NULL"]);
    let lists = |lists: &[&[&str]]| {
        let mut words = ListBuilder::new(StringBuilder::new());
        for list in lists {
            list.iter().for_each(|word| words.values().append_value(word));
            words.append(true);
        }
        words.finish()
    };
    assert_eq!(
        told(&target, "words", lists(&[&["a,b", "Nul", "", "a\"b", "\\", " x", "{", "é"], &["abcd"], &["a\0"]])),
        [
            r#"{"a,b",Nul,"","a\"b","\\"," x","{",é}"#,
            "! it is longer than character varying(3)",
            "! PostgreSQL stores no NUL character"
        ]
    );
    assert_eq!(told(&target, "texts", lists(&[&["NULL", "null"]])), [r#"{"NULL","null"}"#]);
    // A blank at the end of char(n) means nothing, but it is shown in an array.
    assert_eq!(told(&target, "chars", lists(&[&["a", "abc"]])), [r#"{"a  ",abc}"#]);
    let mut grid = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
    grid.values().values().append_value(1);
    grid.values().append(true);
    grid.append(true);
    assert_eq!(told(&target, "ints", grid.finish()), ["! a list of lists cannot be stored in integer[]"]);
    assert_eq!(told(&target, "i8", lists(&[&["1"]])), ["! a list cannot be stored in bigint"]);
}
