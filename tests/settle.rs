//! Late data: what is too young is left out on both sides; where nothing else is there, the verdict is a doubt.

use crate::support::tieout::Tieout;

fn project(rows: [&str; 2]) -> Tieout {
    let tieout = Tieout::new();
    tieout.file(
        "tieout.yaml",
        "\
datasets:
  a: {csv: {path: a.csv, columns: {id: int, at: timestamp}}}
  b: {csv: {path: b.csv, columns: {id: int, at: timestamp}}}
rules:
  late: {source: a, target: b, key: id, settle: {column: at, for: 15m}}
",
    );
    for (name, rows) in ["a.csv", "b.csv"].iter().zip(rows) {
        tieout.file(name, &format!("id,at\n{rows}"));
    }
    tieout
}

#[test]
fn young_rows_are_left_out_on_both_sides() {
    let tieout = project(["1,2020-01-01\n2,2999-01-01\n", "1,2020-01-01\n3,2999-01-01\n"]);
    let rule = tieout.run(["run", "--format", "json"]).exits(0).rule("late");
    assert_eq!((&rule["rows"]["source"], &rule["rows"]["equal"]), (&1.into(), &1.into()), "{rule}");
    assert!(rule["notes"][0].as_str().is_some_and(|note| note.contains("are left out on both sides")), "{rule}");
}

#[test]
fn where_no_row_is_old_enough_nothing_is_proven() {
    let tieout = project(["2,2999-01-01\n", "3,2999-01-01\n"]);
    let finished = tieout.run(["run", "--format", "json"]).exits(3);
    assert_eq!(finished.json()["outcome"], "inconclusive");
    assert_eq!(finished.rule("late")["outcome"], "inconclusive");
}
