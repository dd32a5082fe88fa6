//! A hunt for the false "equal" and the false "different": odd pairs of tables, written out, each with what must be said.

use std::path::Path;

use rstest::rstest;
use tieout::engine::Strategy;
use tieout::project::model::{ColumnRule, MatchRule, Tolerance};

use super::runner::{Way, execute, plain_rule, project};
use crate::support::data;

/// `equal value_mismatch missing_in_target missing_in_source duplicate_key`, by every strategy; they must agree.
fn counts(dir: &Path, rule: &MatchRule) -> [u64; 5] {
    let by = Strategy::ALL.map(|strategy| {
        let out = tempfile::tempdir_in(dir).unwrap();
        let way = Way { strategy, ..Way::default() };
        let report =
            execute(&project(dir, rule.clone()), &way, out.path()).unwrap_or_else(|e| panic!("{strategy}: {e:?}"));
        let rows = report.rows;
        [rows.equal, rows.value_mismatch, rows.missing_in_target, rows.missing_in_source, rows.duplicate_key]
    });
    assert!(by.iter().all(|counts| *counts == by[0]), "{:?} say different things: {by:?}", Strategy::ALL);
    by[0]
}

fn tables(source: &str, target: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    data::parquet(&dir.path().join("source/a.parquet"), source);
    data::parquet(&dir.path().join("target/a.parquet"), target);
    dir
}

#[rstest]
#[case::a_null_key_is_a_key("k:int64, v:int64\nNULL | 1\n1 | 1", "k:int64, v:int64\nNULL | 2\n1 | 1", [1, 1, 0, 0, 0])]
#[case::a_null_key_is_not_zero("k:int64, v:int64\nNULL | 1", "k:int64, v:int64\n0 | 1", [0, 0, 1, 1, 0])]
#[case::a_null_text_is_not_empty("k:utf8, v:int64\nNULL | 1", "k:utf8, v:int64\n'' | 1", [0, 0, 1, 1, 0])]
#[case::null_keys_repeat("k:int64, v:int64\nNULL | 1\nNULL | 2", "k:int64, v:int64\nNULL | 2\nNULL | 3", [1, 0, 0, 0, 2])]
#[case::more_repeats_on_one_side("k:int64, v:int64\n1 | 1\n1 | 1\n1 | 1", "k:int64, v:int64\n1 | 1\n1 | 1", [2, 0, 0, 0, 1])]
#[case::repeats_that_differ("k:int64, v:int64\n1 | 1\n1 | 2", "k:int64, v:int64\n1 | 2\n1 | 1", [2, 0, 0, 0, 0])]
#[case::one_side_is_empty("k:int64, v:int64\n1 | 1\n1 | 1", "k:int64, v:int64", [0, 0, 2, 0, 0])]
#[case::both_sides_are_empty("k:int64, v:int64", "k:int64, v:int64", [0, 0, 0, 0, 0])]
#[case::not_a_number_is_a_key("k:float64, v:int64\nNaN | 1\n-0.0 | 1", "k:float64, v:int64\n0.0 | 2\nNaN | 1", [1, 1, 0, 0, 0])]
#[case::keys_of_other_scales("k:decimal(12,2), v:int64\n1.50 | 1\n2.00 | 1", "k:decimal(14,4), v:int64\n1.5000 | 1\n2.0001 | 1", [1, 0, 1, 1, 0])]
#[case::keys_of_other_zones("k:timestamp(us,UTC), v:int64\n2024-01-01T10:00:00Z | 1", "k:timestamp(ms,+02:00), v:int64\n2024-01-01T12:00:00+02:00 | 1", [1, 0, 0, 0, 0])]
#[case::keys_that_a_coarser_unit_makes_one("k:timestamp(ms), v:int64\n2024-01-01T00:00:00.001 | 1\n2024-01-01T00:00:00.999 | 2", "k:timestamp(s), v:int64\n2024-01-01T00:00:00 | 1", [1, 0, 0, 0, 1])]
#[case::a_large_unsigned_is_not_negative("k:int64, v:uint64\n1 | 18446744073709551615", "k:int64, v:int64\n1 | -1", [0, 1, 0, 0, 0])]
#[case::integers_beyond_floats("k:int64, v:int64\n1 | 9007199254740993", "k:int64, v:decimal(38,2)\n1 | 9007199254740992.00", [0, 1, 0, 0, 0])]
#[case::a_float_meets_its_nearest("k:int64, v:float64\n1 | 0.1\n2 | 0.1", "k:int64, v:decimal(20,18)\n1 | 0.1\n2 | 0.100000000000000100", [1, 1, 0, 0, 0])]
#[case::the_widest_decimals("k:int64, v:decimal(76,0)\n1 | 99999999999999999999999999999999999999999999", "k:int64, v:decimal(38,38)\n1 | 0.1", [0, 1, 0, 0, 0])]
#[case::null_and_empty_lists("k:int64, v:list(int32)\n1 | NULL\n2 | []\n3 | [null]\n4 | NULL", "k:int64, v:list(int32)\n1 | []\n2 | [null]\n3 | [null]\n4 | NULL", [2, 2, 0, 0, 0])]
#[case::null_and_hollow_structs("k:int64, v:struct(x:int32,y:utf8)\n1 | NULL\n2 | {}", "k:int64, v:struct(x:int32,y:utf8)\n1 | {}\n2 | {}", [1, 1, 0, 0, 0])]
#[case::fields_in_another_order("k:int64, v:struct(x:int32,y:int32)\n1 | {\"x\":1,\"y\":2}", "k:int64, v:struct(y:int32,x:int32)\n1 | {\"x\":1,\"y\":2}", [1, 0, 0, 0, 0])]
#[case::fields_that_swapped("k:int64, v:struct(x:int32,y:int32)\n1 | {\"x\":1,\"y\":2}", "k:int64, v:struct(y:int32,x:int32)\n1 | {\"x\":2,\"y\":1}", [0, 1, 0, 0, 0])]
#[case::entries_in_another_order("k:int64, v:map(utf8,int32)\n1 | {\"a\":1,\"b\":2}\n2 | {}", "k:int64, v:map(utf8,int32)\n1 | {\"b\":2,\"a\":1}\n2 | NULL", [1, 1, 0, 0, 0])]
#[case::nested_keys("k:list(int32), v:int64\n[1] | 1\n[] | 1\nNULL | 1", "k:list(int64), v:int64\n[1] | 2\n[] | 1\n[null] | 1", [1, 1, 1, 1, 0])]
#[case::times_as_values("k:time64(us), v:duration(s)\n10:00:00 | 5\n11:00:00 | 5", "k:time32(ms), v:duration(ms)\n10:00:00 | 5000\n11:00:00 | 6000", [1, 1, 0, 0, 0])]
#[case::text_with_zeros("k:int64, v:binary\n1 | 00\n2 | 6100", "k:int64, v:binary\n1 | 0000\n2 | 61", [0, 2, 0, 0, 0])]
#[case::a_null_type("k:int64, v:null\n1 | NULL\n2 | NULL", "k:int64, v:utf8\n1 | NULL\n2 | ''", [1, 1, 0, 0, 0])]
#[case::dictionaries_of_numbers("k:dictionary(utf8), v:dictionary(int64)\na | 1\nNULL | NULL", "k:utf8view, v:int32\na | 1\nNULL | NULL", [2, 0, 0, 0, 0])]
fn odd_pairs(#[case] source: &str, #[case] target: &str, #[case] expected: [u64; 5]) {
    let dir = tables(source, target);
    assert_eq!(counts(dir.path(), &plain_rule(&["k"])), expected);
    // The same rows from the other side.
    let dir = tables(target, source);
    let [equal, mismatch, in_target, in_source, duplicate] = expected;
    assert_eq!(counts(dir.path(), &plain_rule(&["k"])), [equal, mismatch, in_source, in_target, duplicate], "mirrored");
}

/// Cells that move from one column to the next, and bytes that move across the border of a composite key.
#[test]
fn borders_between_columns_count() {
    let dir = tables(
        "a:utf8, b:utf8, c:utf8, d:utf8\nab | c | x | NULL\np | q | NULL | x",
        "a:utf8, b:utf8, c:utf8, d:utf8\na | bc | x | NULL\np | q | x | NULL",
    );
    assert_eq!(counts(dir.path(), &plain_rule(&["a", "b"])), [0, 1, 1, 1, 0]);
    assert_eq!(counts(dir.path(), &plain_rule(&[])), [0, 0, 2, 2, 0]);
}

/// Without a key, rows that stand three times against twice leave one over.
#[test]
fn rows_without_a_key_are_counted() {
    let dir = tables(
        "a:int64, b:float64\n1 | NaN\n1 | NaN\n1 | NaN\nNULL | -0.0",
        "b:float64, a:int32\nNaN | 1\nNaN | 1\n0.0 | NULL",
    );
    assert_eq!(counts(dir.path(), &plain_rule(&[])), [3, 0, 1, 0, 0]);
}

/// Within a tolerance, rows of a repeated key pair off in order; those beyond it are left over; NULL is near nothing.
#[rstest]
#[case("1 | 1.00\n1 | 2.00", "1 | 2.01\n1 | 1.01", [2, 0, 0, 0, 0])]
#[case("1 | 1.00\n1 | 2.00", "1 | 2.02\n1 | 1.01", [1, 0, 0, 0, 2])]
#[case("1 | 1.00\n1 | NULL", "1 | 1.01\n1 | NULL", [2, 0, 0, 0, 0])]
#[case("1 | 1.00\n2 | NULL", "1 | 1.01\n2 | 0.00", [1, 1, 0, 0, 0])]
#[case("1 | 1.00", "1 | 1.01\n1 | 1.00", [1, 0, 0, 0, 1])]
fn tolerance_with_repeated_keys(#[case] source: &str, #[case] target: &str, #[case] expected: [u64; 5]) {
    let dir = tables(&format!("k:int64, v:decimal(12,2)\n{source}"), &format!("k:int64, v:decimal(12,2)\n{target}"));
    let mut rule = plain_rule(&["k"]);
    let tolerance = Some(Tolerance::Absolute("0.01".into()));
    rule.columns.insert("v".into(), ColumnRule { tolerance, ..Default::default() });
    assert_eq!(counts(dir.path(), &rule), expected);
}

/// A table of 400 columns, one cell of which differs, in the last column.
#[test]
fn one_cell_in_many_columns() {
    let head: String = (0..400).map(|i| format!(", c{i}:int64")).collect();
    let row = |last: i32| (0..399).map(|i| format!(" | {i}")).collect::<String>() + &format!(" | {last}");
    let table = |last: i32| format!("k:int64{head}\n1{}\n2{}", row(7), row(last));
    let dir = tables(&table(8), &table(9));
    assert_eq!(counts(dir.path(), &plain_rule(&["k"])), [1, 1, 0, 0, 0]);
}

/// Texts of a megabyte that differ in their last byte only, and one that is a prefix of the other.
#[test]
fn long_texts_are_compared_to_the_end() {
    let long = "x".repeat(1 << 20);
    let dir = tables(
        &format!("k:int64, v:utf8\n1 | {long}a\n2 | {long}\n3 | {long}"),
        &format!("k:int64, v:largeutf8\n1 | {long}b\n2 | {long}x\n3 | {long}"),
    );
    assert_eq!(counts(dir.path(), &plain_rule(&["k"])), [1, 2, 0, 0, 0]);
}

/// Of rows that are equal but look different (-0.0 and 0.0), the same one is left over in whatever order they are read.
#[test]
fn which_of_two_zeros_is_left_over_does_not_depend_on_order() {
    let left = |source: &str| {
        let dir = tables(&format!("k:int64, v:float64\n{source}"), "k:int64, v:float64\n1 | 0.0");
        let out = tempfile::tempdir_in(dir.path()).unwrap();
        execute(&project(dir.path(), plain_rule(&["k"])), &Way::default(), out.path()).unwrap();
        data::rows(&data::read_parquet(&out.path().join("divergences")), &["kind", "side", "source_v"])
    };
    let one = left("1 | 0.0\n1 | -0.0");
    assert_eq!(one.len(), 1);
    assert_eq!(one, left("1 | -0.0\n1 | 0.0"));
}
