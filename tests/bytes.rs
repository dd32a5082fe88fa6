//! The strategy `bytes` over files that are mostly the same: what is cancelled unread changes nothing in what is found.

use std::path::Path;

use rstest::rstest;
use serde_json::Value;

use crate::support::data;
use crate::support::tieout::Tieout;

/// What a run by a strategy found, and which strategy came to the end.
fn found(tieout: &Tieout, strategy: &str) -> (Value, String) {
    let out = format!("out-{strategy}");
    let run = tieout.run(["run", "--format", "json", "--strategy", strategy, "--out", &out]);
    assert!(matches!(run.code, Some(0 | 1)), "{strategy}\n{}\n{}", run.stdout, run.stderr);
    let rule = run.rule("r");
    let table = data::read_parquet(&tieout.path(&format!("{out}/divergences/rule=r")));
    let mut ids = data::rows(&table, &["divergence_id", "kind", "side"]);
    ids.sort();
    let told =
        serde_json::json!({"rows": rule["rows"], "columns": rule["columns"], "outcome": rule["outcome"], "ids": ids});
    (told, rule["strategy"].as_str().unwrap().to_string())
}

/// `equal value_mismatch missing_in_target missing_in_source duplicate_key`, by `bytes` as by `join`; something was cancelled.
#[track_caller]
fn counts(tieout: &Tieout) -> [u64; 5] {
    let (by_join, _) = found(tieout, "join");
    let (by_bytes, strategy) = found(tieout, "bytes");
    assert_eq!(by_bytes, by_join);
    assert_eq!(strategy, "bytes", "nothing was cancelled");
    let kinds = ["equal", "value_mismatch", "missing_in_target", "missing_in_source", "duplicate_key"];
    kinds.map(|kind| by_join["rows"][kind].as_u64().unwrap())
}

fn yaml(tieout: &Tieout, connector: &str, options: &str, rule: &str) {
    let dataset = |name: &str| format!("{name}: {{{connector}: {{path: {name}{options}}}}}");
    let datasets = format!("datasets:\n  {}\n  {}", dataset("s"), dataset("t"));
    tieout.file("tieout.yaml", &format!("{datasets}\nrules:\n  r: {{source: s, target: t{rule}}}\n"));
}

fn parquet(path: &Path, groups: &[&str]) {
    let batches: Vec<_> = groups.iter().map(|rows| data::batch(&format!("k:int64, v:int64\n{rows}"))).collect();
    data::write_row_groups(path, &batches);
}

const GROUPS: [&str; 4] = ["1|1\n2|2\n3|3", "4|4\n5|5\n5|6", "6|6\nNULL|7\n7|7", "8|8\n9|9\n1|1"];

/// Both sides are the same files, but for one row group of the target's second.
#[rstest]
#[case::a_value("6|6\nNULL|7\n7|8", [23, 1, 0, 0, 0])]
#[case::of_a_null_key("6|6\nNULL|8\n7|7", [23, 1, 0, 0, 0])]
#[case::a_key_of_another_group("6|6\nNULL|7\n1|1", [23, 0, 1, 0, 1])]
#[case::a_key_of_another_group_and_file("6|6\nNULL|7\n21|1", [23, 0, 1, 0, 1])]
#[case::rows_in_another_order("7|7\nNULL|7\n6|6", [24, 0, 0, 0, 0])]
#[case::one_less("6|6\n7|7", [23, 0, 1, 0, 0])]
#[case::a_repeated_key_loses_its_twin("6|6\nNULL|7\n5|5", [23, 0, 1, 0, 1])]
fn one_row_group_differs(#[case] changed: &str, #[case] expected: [u64; 5]) {
    let others = ["21|1\n22|2\n23|3", "24|4\n25|5\n26|6", "27|7\n28|8\n29|9", "30|1\n31|2\n32|3"];
    for names in [["a", "b"], ["x", "y"]] {
        let tieout = Tieout::new();
        parquet(&tieout.path("s/a.parquet"), &others);
        parquet(&tieout.path("s/b.parquet"), &GROUPS);
        parquet(&tieout.path(&format!("t/{}.parquet", names[0])), &others);
        let mut groups = GROUPS;
        groups[2] = changed;
        parquet(&tieout.path(&format!("t/{}.parquet", names[1])), &groups);
        yaml(&tieout, "parquet", "", ", key: k");
        assert_eq!(counts(&tieout), expected);
    }
}

/// Files of one name and size whose content differs, and one that moved to another name.
#[test]
fn names_and_sizes_prove_nothing() {
    let tieout = Tieout::new();
    for (side, values) in [("s", [1, 2]), ("t", [2, 1])] {
        for (name, value) in ["a", "b"].iter().zip(values) {
            let first = format!("{}|{value}\n{}|5", value * 10, value * 10 + 1);
            parquet(&tieout.path(&format!("{side}/{name}.parquet")), &[&first]);
        }
        parquet(&tieout.path(&format!("{side}/c.parquet")), &["100|1\n101|1"]);
    }
    let size = |name: &str| std::fs::metadata(tieout.path(name)).unwrap().len();
    assert_eq!(size("s/a.parquet"), size("t/a.parquet"));
    yaml(&tieout, "parquet", "", ", key: k");
    assert_eq!(counts(&tieout), [6, 0, 0, 0, 0]);
    parquet(&tieout.path("t/a.parquet"), &["20|2\n21|6"]);
    assert_eq!(counts(&tieout), [5, 1, 0, 0, 0]);
}

fn csv(source: &str, target: &str, options: &str, rule: &str) -> Tieout {
    let tieout = Tieout::new();
    for (side, rows) in [("s", source), ("t", target)] {
        std::fs::create_dir(tieout.path(side)).unwrap();
        std::fs::write(tieout.path(&format!("{side}/a.csv")), format!("k,v\n{rows}")).unwrap();
    }
    yaml(&tieout, "csv", options, rule);
    tieout
}

#[rstest]
#[case::moved_lines("1,a\n2,b\n3,c\n4,d\n", "4,d\n1,a\n3,c\n2,b\n", [4, 0, 0, 0, 0])]
#[case::a_moved_line_that_changed("1,a\n2,b\n3,c\n4,d\n", "4,x\n1,a\n3,c\n2,b\n", [3, 1, 0, 0, 0])]
#[case::quotes("1,a\n2,b\n3,c\n", "\"1\",a\n2,\"b\"\n3,c\n", [3, 0, 0, 0, 0])]
#[case::quotes_and_nulls("1,\n2,b\n3,c\n", "1,\"\"\n2,b\n\"3\",d\n", [2, 1, 0, 0, 0])]
#[case::line_ends("1,a\r\n2,b\r\n3,c", "1,a\n2,b\n\n3,c\n", [3, 0, 0, 0, 0])]
#[case::a_key_that_repeats_behind_equal_lines("1,a\n2,b\n", "1,a\n2,b\n1,x\n", [2, 0, 0, 0, 1])]
#[case::the_same_in_quotes("1,a\n2,b\n", "1,a\n2,b\n\"1\",x\n", [2, 0, 0, 0, 1])]
#[case::repeats_that_pair_off_otherwise("1,a\n1,b\n2,c\n1,d\n", "1,a\n1,d\n2,c\n1,x\n", [3, 0, 0, 0, 2])]
#[case::a_null_key_in_two_spellings(",a\n2,b\n", ",a\n2,b\n\"\",x\n", [2, 0, 0, 0, 1])]
#[case::a_whole_line_twice("1,a\n1,a\n2,b\n", "1,a\n2,b\n", [2, 0, 0, 0, 1])]
#[case::one_side_longer("1,a\n2,b\n", "1,a\n2,b\n3,c\n4,d\n", [2, 0, 0, 2, 0])]
fn lines(#[case] source: &str, #[case] target: &str, #[case] expected: [u64; 5]) {
    assert_eq!(counts(&csv(source, target, "", ", key: k")), expected);
    let [equal, mismatch, in_target, in_source, duplicate] = expected;
    let mirrored = [equal, mismatch, in_source, in_target, duplicate];
    assert_eq!(counts(&csv(target, source, "", ", key: k")), mirrored, "mirrored");
}

/// A key that is read or normalised may be one key in several spellings, of which some are cancelled.
#[rstest]
#[case::numbers(", columns: {k: bigint}", "", "1,a\n2,b\n", "1,a\n2,b\n01,x\n", [2, 0, 0, 0, 1])]
#[case::decimals(", columns: {k: 'decimal(9,2)'}", "", "1.0,a\n2,b\n", "1.0,a\n2,b\n1,x\n", [2, 0, 0, 0, 1])]
#[case::unreadable(", columns: {k: bigint}", "", "x,a\n2,b\n", "x,a\n2,b\nx,c\n", [2, 0, 0, 0, 1])]
#[case::unreadable_values(", columns: {v: bigint}", "", "1,x\n2,2\n3,3\n", "1,x\n2,02\n3,4\n", [2, 1, 0, 0, 0])]
#[case::case_of_letters("", ", columns: {k: {ignore_case: true}}", "a,1\nb,2\n", "a,1\nb,2\nA,3\n", [2, 0, 0, 0, 1])]
#[case::blanks("", ", columns: {k: {trim: true}}", "a,1\nb,2\n", "a,1\nb,2\n a,3\n", [2, 0, 0, 0, 1])]
#[case::names_of_null(", 'null': [NA]", "", ",1\nb,2\n", ",1\nb,2\nNA,3\n", [2, 0, 0, 0, 1])]
#[case::tolerance("", ", columns: {v: {tolerance: 1}}", "1,1\n2,2\n3,3\n", "1,1\n2,3\n3,5\n", [2, 1, 0, 0, 0])]
#[case::tolerance_and_repeats("", ", columns: {v: {tolerance: 1}}", "1,1\n1,5\n", "1,1\n1,6\n1,9\n", [2, 0, 0, 0, 1])]
fn keys_that_are_read(
    #[case] options: &str,
    #[case] columns: &str,
    #[case] source: &str,
    #[case] target: &str,
    #[case] expected: [u64; 5],
) {
    assert_eq!(counts(&csv(source, target, options, &format!(", key: k{columns}"))), expected);
}

/// Rows without a key; and keys that stand in one file of a folder and in another.
#[test]
fn rows_without_a_key_and_folders() {
    assert_eq!(counts(&csv("1,a\n1,a\n2,b\n", "1,a\n2,b\n3,c\n", "", "")), [2, 0, 1, 1, 0]);
    let tieout = csv("1,a\n2,b\n", "1,a\n2,b\n", "", ", key: k");
    for (side, rows) in [("s", "1,x\n5,e\n"), ("t", "1,y\n5,e\n")] {
        tieout.file(&format!("{side}/b.csv"), &format!("k,v\n{rows}"));
    }
    // Key 1 stands twice on each side: one pair is equal, the others are left over.
    assert_eq!(counts(&tieout), [3, 0, 0, 0, 2]);
    tieout.file("t/b.csv", "k,v\n");
    assert_eq!(counts(&tieout), [2, 0, 1, 0, 1]);
}

/// Files that hold a header only.
#[test]
fn headers_only() {
    for (source, target, expected) in [("", "", [0; 5]), ("1,a\n", "", [0, 0, 1, 0, 0]), ("", "1,a\n", [0, 0, 0, 1, 0])]
    {
        let tieout = csv(source, target, "", ", key: k");
        let (by_join, _) = found(&tieout, "join");
        assert_eq!(found(&tieout, "bytes").0, by_join);
        assert_eq!(by_join["rows"]["missing_in_target"], expected[2]);
        assert_eq!(by_join["rows"]["missing_in_source"], expected[3]);
    }
}

/// What is no CSV is the same error, though both sides hold the same bytes.
#[rstest]
#[case::too_many_fields("1,a\n2,b,c\n3,d\n")]
#[case::too_few_fields("1,a\n2\n3,d\n")]
#[case::text_behind_a_quote("1,a\n2,\"b\"x\n3,d\n")]
#[case::an_open_quote("1,a\n2,\"b\n3,d\n")]
fn a_faulty_line_on_both_sides(#[case] rows: &str) {
    for (source, target) in [(rows, rows), (rows, "1,a\n3,d\n"), ("1,a\n3,d\n", rows)] {
        let tieout = csv(source, target, "", ", key: k");
        let said = |strategy| tieout.run(["run", "--strategy", strategy]).exits(2).stderr;
        assert_eq!(said("bytes"), said("digest"));
        assert!(said("bytes").contains("a.csv"), "{}", said("bytes"));
    }
}
