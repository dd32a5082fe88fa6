//! The command: what it says, in text and JSON, of which run, and what it refuses.

use std::fmt::Write as _;

use serde_json::json;

use crate::causes::table::{causes, check_predicates};
use crate::support::tieout::Tieout;

/// Lines of an order: `l_discount` of every fifth row is 0.01 higher in target, every tenth row is missing.
fn lineitem(tieout: &Tieout) {
    let (mut source, mut target) = ("id,l_discount,l_comment\n".to_string(), "id,l_discount,l_comment\n".to_string());
    for id in 1..=300u32 {
        let cents = id * 7 % 11;
        let comment = format!("comment {}", id * 7919 % 1000);
        writeln!(source, "{id},0.{cents:02},{comment}").unwrap();
        let (higher, upper) = (id % 5 == 0, id % 15 == 1);
        let comment = if upper { comment.to_uppercase() } else { comment };
        if id % 10 != 3 {
            writeln!(target, "{id},0.{:02},{comment}", if higher { cents + 1 } else { cents }).unwrap();
        }
    }
    tieout.file("s.csv", &source);
    tieout.file("t.csv", &target);
    let columns = "columns: {id: int, l_discount: \"decimal(15,2)\"}";
    let datasets = format!("s: {{csv: {{path: s.csv, {columns}}}}}\n  t: {{csv: {{path: t.csv, {columns}}}}}");
    let rules = "  lines: {source: s, target: t, key: id}\n  never: {source: s, target: s, key: id}\n";
    tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n{rules}"));
}

#[test]
fn the_discount_is_higher() {
    let tieout = Tieout::new();
    lineitem(&tieout);
    let run = tieout.run(["run", "lines", "--format", "json"]).exits(1).json();
    let id = run["run_id"].as_str().unwrap();
    let text = tieout.run(["causes", "lines"]).exits(0).stdout.replace(id, "RUN");
    let (head, rest) = text.split_once('\n').unwrap();
    assert!(head.starts_with("lines: 110 divergences in the run RUN of 20"), "{head}");
    insta::assert_snapshot!(rest, @r#"

      60 of 80 mismatches: `l_discount` is 0.01 higher in target (all of the column's)
        WHERE run_id = 'RUN' AND kind = 'value_mismatch' AND array_has(changed_columns, 'l_discount') AND "target_l_discount" - "source_l_discount" = 0.01

      20 of 80 mismatches: `l_comment` differs only in upper and lower case (all of the column's)
        WHERE run_id = 'RUN' AND kind = 'value_mismatch' AND array_has(changed_columns, 'l_comment') AND lower_unicode("source_l_comment") = lower_unicode("target_l_comment")

      not explained           rows  of
      rows missing in target    30  30
    "#);
    let told = causes(&tieout, "lines");
    check_predicates(&tieout, "lines", &told);
    assert_eq!(told["causes"][0]["sentence"], "60 of 80 mismatches: `l_discount` is 0.01 higher in target");
    assert_eq!((&told["run_id"], &told["more"], &told["stopped_by"]), (&json!(id), &json!(0), &json!(null)));
    let one = tieout.run(["causes", "lines", "--limit", "1", "--format", "json"]).exits(0).json();
    assert_eq!((one["causes"].as_array().unwrap().len(), &one["more"]), (1, &json!(1)));
    assert!(tieout.run(["causes", "lines", "--limit", "1"]).exits(0).stdout.contains("1 more; --limit shows them"));
}

#[test]
fn the_run_is_the_last_that_found_something() {
    let tieout = Tieout::new();
    lineitem(&tieout);
    let run = |more: &[&str], code| {
        let args = ["run", "lines", "--format", "json"];
        tieout.run(args.iter().chain(more)).exits(code).json()["run_id"].as_str().unwrap().to_string()
    };
    let first = run(&["--max-divergences", "1"], 1);
    let told = causes(&tieout, "lines");
    assert_eq!((&told["run_id"], &told["stopped_by"]), (&json!(first), &json!("max_divergences")));
    assert!(tieout.run(["causes", "lines"]).exits(0).stdout.contains("note: max_divergences stopped this run"));
    let second = run(&[], 1);
    std::fs::copy(tieout.path("s.csv"), tieout.path("t.csv")).unwrap();
    let third = run(&[], 0);
    assert_eq!(causes(&tieout, "lines")["run_id"], second);
    // One that found nothing has no causes.
    let told = tieout.run(["causes", "lines", "--run", &third, "--format", "json"]).exits(0).json();
    assert_eq!((&told["run_id"], &told["causes"], &told["unexplained"]), (&json!(third), &json!([]), &json!([])));
    let said = tieout.run(["causes", "lines", "--run", &third]).exits(0).stdout;
    assert!(said.starts_with("lines: 0 divergences in the run"), "{said}");
}

#[test]
fn what_is_not_there_is_refused() {
    let tieout = Tieout::new();
    lineitem(&tieout);
    tieout.run(["run", "lines", "-q"]).exits(1);
    let refused = |args: &[&str]| tieout.run(["causes"].iter().chain(args)).exits(2).stderr;
    assert!(refused(&["line"]).contains("did you mean `lines`?"));
    assert!(refused(&["never"]).contains("the rule `never` never ran"));
    assert!(refused(&["lines", "--run", "00000000"]).contains("there is no run `00000000`"));
    tieout.run(["run", "never", "-q"]).exits(0);
    let runs = tieout.run(["sql", "--format", "csv", "SELECT run_id FROM runs WHERE rule = 'never'"]).exits(0).stdout;
    let other = refused(&["lines", "--run", runs.lines().nth(1).unwrap()]);
    assert!(other.contains("was not one of the rule `lines`"), "{other}");
}

/// The rows of a `sql` rule have no two sides; a cell that could not be read is no NULL; and NULL is no text.
#[test]
fn what_cannot_be_explained_is_said_to_be_so() {
    let tieout = Tieout::new();
    let rows = |cell: fn(u32) -> String| (1..=40).fold("id,v\n".to_string(), |text, id| text + &format!("{id},{}\n", cell(id)));
    tieout.file("s.csv", &rows(|id| if id < 30 { "?".into() } else { String::new() }));
    tieout.file("t.csv", &rows(|_| "0".into()));
    let columns = "columns: {id: int, v: int}";
    let datasets = format!("s: {{csv: {{path: s.csv, {columns}}}}}\n  t: {{csv: {{path: t.csv, {columns}}}}}");
    tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n  v: {{source: s, target: t, key: id}}\n"));
    tieout.file("queries/zero.sql", "SELECT * FROM t WHERE v = 0");
    tieout.run(["run", "-q"]).exits(1);
    let told = causes(&tieout, "v");
    check_predicates(&tieout, "v", &told);
    assert_eq!(told["causes"][0]["cause"], "null_against", "{told:#}");
    assert_eq!((&told["causes"][0]["rows"], &told["causes"][0]["of"]), (&json!(11), &json!(40)), "{told:#}");
    assert_eq!(told["unexplained"][0]["rows"], 29, "{told:#}");
    let told = causes(&tieout, "zero");
    assert_eq!((&told["causes"], &told["unexplained"][0]["kind"]), (&json!([]), &json!("rule_violation")), "{told:#}");
}

/// A replica that is a day late: each target is what its source was in the run before.
#[test]
fn a_target_may_be_stale() {
    let tieout = Tieout::new();
    let value = |id: u32, day: u32| (id * 7919 + 1).wrapping_mul(day * 104_729 + 3) >> 12;
    let rows = |cell: &dyn Fn(u32) -> u32| (1..=400).fold("id,v\n".to_string(), |text, id| text + &format!("{id},{}\n", cell(id)));
    let columns = "columns: {id: int, v: int}";
    let datasets = format!("s: {{csv: {{path: s.csv, {columns}}}}}\n  t: {{csv: {{path: t.csv, {columns}}}}}");
    tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n  v: {{source: s, target: t, key: id}}\n"));
    for day in 1..=3 {
        tieout.file("s.csv", &rows(&|id| value(id, day)));
        // Three of four rows are noise.
        tieout.file("t.csv", &rows(&|id| if id % 4 == 0 { value(id, day - 1) } else { value(id * 3, day + 50) }));
        tieout.run(["run", "-q"]).exits(1);
    }
    let runs = tieout.run(["sql", "--format", "csv", "SELECT run_id FROM runs ORDER BY started_at"]).exits(0).stdout;
    let told = causes(&tieout, "v");
    check_predicates(&tieout, "v", &told);
    let [cause] = told["causes"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!((&cause["cause"], &cause["rows"]), (&json!("stale"), &json!(100)), "{told:#}");
    assert_eq!(cause["earlier_run"], runs.lines().nth(2).unwrap());
    // Nothing came before the first run.
    let first = tieout.run(["causes", "v", "--run", runs.lines().nth(1).unwrap(), "--format", "json"]).exits(0).json();
    assert_eq!(first["causes"], json!([]), "{first:#}");
}
