//! Acknowledged divergences: they stay visible and do not count, until a date, or until anything about them changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::data;
use crate::support::tieout::Tieout;

const RULE: &str = "source: s, target: t, key: id";
const NOTE: [&str; 2] = ["--note", "known"];

/// Writes both sides, each as text in CSV, and a project with the one rule `r: {rule}`.
fn write(tieout: &Tieout, rule: &str, source: &str, target: &str) {
    tieout.file("s.csv", source);
    tieout.file("t.csv", target);
    let side = |name: &str, text: &str| {
        let types = [("id", "int"), ("v", "int"), ("w", "int"), ("at", "timestamp")];
        let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        let columns = types.into_iter().filter(|(name, _)| header.contains(name));
        let columns: Vec<String> = columns.map(|(name, kind)| format!("{name}: {kind}")).collect();
        format!("{name}: {{csv: {{path: {name}.csv, columns: {{{}}}}}}}", columns.join(", "))
    };
    tieout.file(
        "tieout.yaml",
        &format!("datasets:\n  {}\n  {}\nrules:\n  r: {{{rule}}}\n", side("s", source), side("t", target)),
    );
}

fn csv(rows: impl IntoIterator<Item = (i64, i64)>) -> String {
    rows.into_iter().fold("id,v\n".to_string(), |mut text, (id, v)| {
        let _ = writeln!(text, "{id},{v}");
        text
    })
}

/// Ids 1 to 4: 1 and 2 differ, 3 is missing in the target, 4 agrees.
fn project() -> Tieout {
    let tieout = Tieout::new().env("TIEOUT_ACTOR", "ann");
    write(&tieout, RULE, &csv([(1, 1), (2, 2), (3, 3), (4, 4)]), &csv([(1, 10), (2, 20), (4, 4)]));
    tieout
}

fn run(tieout: &Tieout, more: &[&str], code: i32) -> Value {
    tieout.run(["run", "--format", "json"].iter().chain(more)).exits(code).rule("r")
}

fn ack(tieout: &Tieout, args: &[&str]) -> Value {
    tieout.run(["ack", "--format", "json"].iter().chain(args)).exits(0).json()
}

fn ack_where(tieout: &Tieout, condition: &str) -> Value {
    ack(tieout, &["--rule", "r", "--where", condition, NOTE[0], NOTE[1]])
}

fn refused(tieout: &Tieout, args: &[&str]) -> String {
    let entries = ledger(tieout).len();
    let ended = tieout.run(["ack"].iter().chain(args)).exits(2);
    assert_eq!(ledger(tieout).len(), entries, "{args:?}");
    assert!(!tieout.path("out/unfinished").exists());
    ended.stderr
}

fn list(tieout: &Tieout) -> Vec<Value> {
    tieout.run(["ack", "--list", "--format", "json"]).exits(0).json().as_array().unwrap().clone()
}

/// `[in_force, withdrawn, expired, changed, resolved]` of the acknowledgement at this place.
fn became(tieout: &Tieout, at: usize) -> [u64; 5] {
    let one = &list(tieout)[at];
    ["in_force", "withdrawn", "expired", "changed", "resolved"].map(|name| one[name].as_u64().unwrap())
}

fn sql(tieout: &Tieout, query: &str) -> String {
    tieout.run(["sql", "--format", "csv", query]).exits(0).stdout
}

fn id_of(tieout: &Tieout, id: i64) -> String {
    let found = sql(tieout, &format!("SELECT divergence_id FROM history.r WHERE id = {id}"));
    found.lines().nth(1).unwrap().to_string()
}

fn ledger(tieout: &Tieout) -> Vec<Value> {
    let ended = tieout.run(["ledger", "export"]);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn verifies(tieout: &Tieout) {
    let ended = tieout.run(["ledger", "verify"]).exits(0);
    assert!(!ended.stdout.contains("note:"), "{}", ended.stdout);
}

#[test]
fn what_is_acknowledged_does_not_count() {
    let tieout = project();
    run(&tieout, &[], 1);
    let given = ack_where(&tieout, "kind = 'value_mismatch'");
    assert_eq!((given[0]["divergences"].as_u64(), given[0]["rule"].as_str()), (Some(2), Some("r")));
    assert_eq!(given[0]["kinds"], serde_json::json!([{"kind": "value_mismatch", "divergences": 2}]));
    let report = run(&tieout, &[], 1);
    assert_eq!((&report["acknowledged"], &report["rows"]["value_mismatch"]), (&2.into(), &2.into()));
    assert_eq!(sql(&tieout, "SELECT count(*) AS n FROM divergences.r"), "n\n6\n", "they stay in the table");
    let third = id_of(&tieout, 3);
    let given = ack(&tieout, &[&third[..8].to_uppercase(), NOTE[0], NOTE[1]]);
    assert_eq!(given[0]["kinds"][0]["kind"], "missing_in_target");
    let report = run(&tieout, &[], 0);
    assert_eq!((&report["acknowledged"], &report["outcome"]), (&3.into(), &"reconciled".into()));
    let said = tieout.run(["run"]).exits(0).stdout;
    assert!(said.starts_with("r: reconciled, 1 of 4 rows equal (25.00 %), 3 acknowledged\n"), "{said}");
    assert!(said.contains("  acknowledged       3  of these; they do not count"), "{said}");
    let told = "SELECT outcome, acknowledged, acknowledged_schema_mismatch AS schema FROM runs ORDER BY started_at";
    assert_eq!(
        sql(&tieout, told),
        "outcome,acknowledged,schema\ndiverged,0,0\ndiverged,2,0\nreconciled,3,0\nreconciled,3,0\n"
    );
    // Who looks back sees it too.
    let status = tieout.run(["status", "--format", "json"]).exits(0).json();
    assert_eq!((&status["rules"][0]["open"], &status["rules"][0]["acknowledged"]), (&3.into(), &3.into()));
    assert!(tieout.run(["status"]).exits(0).stdout.lines().next().unwrap().contains("open  acknowledged"));
    let history = tieout.run(["history", "r", "--format", "json"]).exits(0).json();
    assert_eq!((&history["in_force"], &history["runs"][1]["acknowledged"]), (&3.into(), &2.into()));
    assert!(tieout.run(["history", "r"]).exits(0).stdout.contains("  acknowledged: 3 divergences;"));
    verifies(&tieout);
}

#[test]
fn whatever_changes_counts_again() {
    let source = csv([(1, 1), (2, 2), (3, 3), (4, 4)]);
    // What becomes of the target; what is left of three that were acknowledged.
    let cases: [(&str, &str, u64, [u64; 5]); 6] = [
        ("another value", "id,v\n1,11\n2,20\n4,4\n", 2, [2, 0, 0, 1, 0]),
        ("another kind", "id,v\n1,10\n4,4\n", 2, [2, 0, 0, 1, 0]),
        ("one is mended", "id,v\n1,1\n2,20\n4,4\n", 2, [2, 0, 0, 0, 1]),
        ("one more", "id,v\n1,10\n2,20\n4,5\n", 3, [3, 0, 0, 0, 0]),
        ("a column more", "id,v,w\n1,10,0\n2,20,0\n4,4,0\n", 3, [3, 0, 0, 0, 0]),
        ("another type", "id,v\n1,10\n2,20\n4,4\n", 0, [0, 0, 0, 3, 0]),
    ];
    for (what, target, left, became_of) in cases {
        let tieout = project();
        run(&tieout, &[], 1);
        ack_where(&tieout, "true");
        run(&tieout, &[], 0);
        write(&tieout, RULE, &source, target);
        if what == "another type" {
            let yaml = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
            tieout.file("tieout.yaml", &yaml.replace("v: int", "v: \"decimal(12,2)\""));
        }
        let whole = left == 2 && became_of[4] == 1;
        let report = run(&tieout, &[], if whole { 0 } else { 1 });
        assert_eq!(report["acknowledged"].as_u64().unwrap_or(0), left, "{what}: {report:#}");
        assert_eq!(became(&tieout, 0), became_of, "{what}");
        let notes = |report: &Value| report["notes"].to_string().matches("acknowledgements that ended").count();
        assert_eq!(notes(&report), usize::from(became_of[0] < 3), "{what}: {report:#}");
        // That is said once; and what is back as it was counts as well.
        write(&tieout, RULE, &source, &csv([(1, 10), (2, 20), (4, 4)]));
        let back = run(&tieout, &[], if became_of[0] == 3 { 0 } else { 1 });
        assert_eq!(notes(&back), 0, "{what}: {back:#}");
        assert_eq!(back["acknowledged"].as_u64().unwrap_or(0), became_of[0], "{what}: {back:#}");
        verifies(&tieout);
    }
}

/// Columns that came on both sides are part of what was not known when it was acknowledged.
#[test]
fn a_column_that_comes_on_both_sides() {
    let tieout = project();
    run(&tieout, &[], 1);
    ack_where(&tieout, "true");
    let more =
        |rows: &[(i64, i64)]| rows.iter().fold("id,v,w\n".to_string(), |text, (id, v)| text + &format!("{id},{v},7\n"));
    write(&tieout, RULE, &more(&[(1, 1), (2, 2), (3, 3), (4, 4)]), &more(&[(1, 10), (2, 20), (4, 4)]));
    let report = run(&tieout, &[], 1);
    assert_eq!(report["acknowledged"], Value::Null);
    assert_eq!(became(&tieout, 0), [0, 0, 0, 3, 0]);
}

#[test]
fn until_a_moment() {
    let tieout = project();
    run(&tieout, &[], 1);
    let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(3);
    let until = soon.to_rfc3339();
    ack(&tieout, &["--rule", "r", "--where", "true", "--note", "for a moment", "--until", &until]);
    assert_eq!(run(&tieout, &[], 0)["acknowledged"], 3);
    let left = (soon - chrono::Utc::now()).to_std().unwrap_or_default();
    std::thread::sleep(left + Duration::from_millis(20));
    assert_eq!(became(&tieout, 0), [0, 0, 3, 0, 0], "also before any run has seen it");
    let report = run(&tieout, &[], 1);
    assert_eq!(report["acknowledged"], Value::Null);
    assert!(report["notes"].to_string().contains("acknowledgements that ended: 3 expired"), "{report:#}");
    assert!(!run(&tieout, &[], 1)["notes"].to_string().contains("ended"));
    assert_eq!(became(&tieout, 0), [0, 0, 3, 0, 0]);
    // A longer one counts beside it.
    ack(&tieout, &["--rule", "r", "--where", "true", "--note", "for longer", "--until", "2999-12-31"]);
    run(&tieout, &[], 0);
    let said = tieout.run(["ack", "--list"]).exits(0).stdout;
    assert!(said.contains("2999-12-31") && said.contains("3 expired"), "{said}");
}

#[test]
fn what_is_taken_back_counts_again() {
    let tieout = project();
    run(&tieout, &[], 1);
    ack_where(&tieout, "true");
    ack_where(&tieout, "id = 1");
    run(&tieout, &[], 0);
    let first = id_of(&tieout, 1);
    let back = ack(&tieout, &[&first, "--withdraw", "--note", "it was none of these"]);
    assert_eq!(back[0]["divergences"], 2, "both acknowledgements of it");
    assert_eq!(run(&tieout, &[], 1)["acknowledged"], 2);
    assert_eq!((became(&tieout, 0), became(&tieout, 1)), ([2, 1, 0, 0, 0], [0, 1, 0, 0, 0]));
    let none = refused(&tieout, &[&first, "--withdraw", "--note", "again"]);
    assert!(none.contains("there is no acknowledged divergence"), "{none}");
    // It can be acknowledged again.
    ack(&tieout, &[&first, NOTE[0], NOTE[1]]);
    run(&tieout, &[], 0);
    ack(&tieout, &["--rule", "r", "--where", "id > 1", "--withdraw", NOTE[0], NOTE[1]]);
    assert_eq!(run(&tieout, &[], 1)["acknowledged"], 1);
    let shown = tieout.run(["ledger", "show"]).exits(0).stdout;
    assert!(shown.contains("ann  acknowledged 3 divergences of r: known\n"), "{shown}");
    assert!(
        shown.contains("ann  withdrew what was acknowledged of 2 divergences of r: it was none of these\n"),
        "{shown}"
    );
    let told = "SELECT a.state, ended_by, ended_note FROM acks.r a JOIN history.r h USING (divergence_id) WHERE h.id = 1 ORDER BY acknowledged_at";
    let lines = "withdrawn,ann,it was none of these\n";
    assert_eq!(sql(&tieout, told), format!("state,ended_by,ended_note\n{lines}{lines}in_force,,\n"));
    verifies(&tieout);
}

/// Of an error budget, only what is not acknowledged is used.
#[test]
fn budgets() {
    let tieout = project();
    let rule = "source: s, target: t, key: id, allow: {rows: 1, rate: 0.25}";
    write(&tieout, rule, &csv([(1, 1), (2, 2), (3, 3), (4, 4)]), &csv([(1, 10), (2, 20), (4, 4)]));
    let report = run(&tieout, &[], 1);
    let used = |report: &Value| (report["allow"]["used_rows"].clone(), report["allow"]["used_rate"].clone());
    assert_eq!(used(&report), (3.into(), 0.75.into()));
    ack_where(&tieout, "id < 3");
    let report = run(&tieout, &[], 0);
    assert_eq!(used(&report), (1.into(), 0.25.into()));
    assert_eq!(report["notes"], serde_json::json!(["divergences: 1, within the budget of 1 rows and a rate of 0.25"]));
    let said = tieout.run(["run", "-q"]).exits(0).stdout;
    assert_eq!(said, "r: reconciled, 1 of 4 rows equal (25.00 %), 2 acknowledged, within the error budget\n");
    let status = tieout.run(["status", "--format", "json"]).exits(0).json();
    assert_eq!(status["rules"][0]["budget"]["used_rows"], 1);
    ack_where(&tieout, "id = 3");
    let report = run(&tieout, &[], 0);
    assert_eq!((&report["allow"]["used_rows"], &report["notes"]), (&0.into(), &serde_json::json!([])));
}

/// Where some are open for too long, it is not told apart which of these are acknowledged: others count, until all are.
#[test]
fn budgets_of_age() {
    let tieout = project();
    let rule = "source: s, target: t, key: id, allow: {age: 1s}";
    write(&tieout, rule, &csv([(1, 1), (2, 2), (3, 3), (4, 4)]), &csv([(1, 10), (2, 20), (4, 4)]));
    run(&tieout, &[], 0);
    std::thread::sleep(Duration::from_millis(1100));
    run(&tieout, &[], 1);
    ack_where(&tieout, "id < 3");
    let report = run(&tieout, &[], 1);
    assert_eq!((&report["acknowledged"], &report["allow"]["used_rows"]), (&2.into(), &1.into()));
    assert!(report["allow"]["used_age_ms"].as_u64().unwrap() > 1000, "{report:#}");
    ack_where(&tieout, "id = 3");
    assert_eq!(run(&tieout, &[], 0)["acknowledged"], 3);
}

#[test]
fn columns_that_cannot_be_compared() {
    let tieout = project();
    write(&tieout, RULE, "id,v,w\n1,1,1\n2,2,2\n", "id,v\n1,1\n2,2\n");
    run(&tieout, &[], 1);
    ack_where(&tieout, "kind = 'schema_mismatch'");
    let report = run(&tieout, &[], 0);
    assert_eq!((&report["acknowledged"], &report["outcome"]), (&1.into(), &"reconciled".into()));
    // Not in the place of a row that differs, nor of another column.
    write(&tieout, RULE, "id,v,w\n1,1,1\n2,2,2\n", "id,v\n1,1\n2,9\n");
    assert_eq!(run(&tieout, &[], 1)["acknowledged"], 1);
    write(&tieout, RULE, "id,v,at\n1,1,2026-01-01T00:00:00\n2,2,\n", "id,v\n1,1\n2,2\n");
    assert_eq!(run(&tieout, &[], 1)["acknowledged"], Value::Null);
    // On the other side, it is another matter.
    write(&tieout, RULE, "id,v,w\n1,1,1\n2,2,2\n", "id,v\n1,1\n2,2\n");
    run(&tieout, &[], 1);
    ack_where(&tieout, "kind = 'schema_mismatch'");
    run(&tieout, &[], 0);
    write(&tieout, RULE, "id,v\n1,1\n2,2\n", "id,v,w\n1,1,1\n2,2,2\n");
    assert_eq!(run(&tieout, &[], 1)["acknowledged"], Value::Null);
}

/// Rows of a query, with and without a key; and groups of a `totals` rule.
#[test]
fn other_kinds_of_rules() {
    let tieout = project();
    let query = |head: &str, v: i64| {
        tieout.file("queries/r.sql", &format!("{head}SELECT id, v, {v} AS w FROM s WHERE id < 3\n"));
    };
    let datasets = "datasets:\n  s: {csv: {path: s.csv, columns: {id: int, v: int}}}\n";
    for (head, again) in [("-- key: id\n", [0, 1]), ("", [0, 1])] {
        let _ = std::fs::remove_dir_all(tieout.path("out"));
        tieout.file("tieout.yaml", datasets);
        query(head, 1);
        run(&tieout, &[], 1);
        ack_where(&tieout, "id IN (1, 2)");
        assert_eq!(run(&tieout, &[], again[0])["acknowledged"], 2);
        query(head, 2);
        assert_eq!(run(&tieout, &[], again[1])["acknowledged"], Value::Null, "{head}");
    }
    std::fs::remove_dir_all(tieout.path("queries")).unwrap();
    std::fs::remove_dir_all(tieout.path("out")).unwrap();
    let totals = "source: s, target: t, group_by: {g: \"id % 2\"}, totals: {n: \"count(*)\", sum: \"sum(v)\"}";
    write(&tieout, totals, &csv([(1, 1), (2, 2), (3, 3), (4, 4)]), &csv([(1, 10), (2, 2), (3, 3), (4, 4)]));
    run(&tieout, &[], 1);
    ack_where(&tieout, "g = 1");
    run(&tieout, &[], 0);
    write(&tieout, totals, &csv([(1, 1), (2, 2), (3, 3), (4, 4)]), &csv([(1, 11), (2, 2), (3, 3), (4, 4)]));
    run(&tieout, &[], 1);
}

/// A part of the rows proves nothing about the others.
#[test]
fn runs_that_were_stopped() {
    let tieout = project();
    run(&tieout, &[], 1);
    ack_where(&tieout, "true");
    let stopped = run(&tieout, &["--max-divergences", "1"], 3);
    assert_eq!((&stopped["outcome"], &stopped["acknowledged"]), (&"inconclusive".into(), &1.into()));
    assert_eq!(became(&tieout, 0), [3, 0, 0, 0, 0], "what it did not find is not gone");
    run(&tieout, &[], 0);
}

#[test]
fn ids_and_conditions_that_mean_nothing() {
    let tieout = project();
    let nothing = tieout.run(["ack", "0123456789", NOTE[0], NOTE[1]]).exits(2).stderr;
    assert!(nothing.contains("there is no open divergence `0123456789`"), "{nothing}");
    assert!(!tieout.path("out").exists(), "nothing is written");
    assert_eq!(tieout.run(["ack", "--list"]).exits(0).stdout, "Nothing is acknowledged here.\n");
    run(&tieout, &[], 1);
    let first = id_of(&tieout, 1);
    let note = |args: &[&str]| refused(&tieout, &[args, &NOTE[..]].concat());
    let mut near = first.clone();
    near.replace_range(9..10, if near.as_bytes()[9] == b'0' { "1" } else { "0" });
    assert!(note(&[&near]).contains(&format!("did you mean `{first}` of `r`?")));
    assert!(note(&[&near[..10]]).contains(&format!("did you mean `{first}` of `r`?")));
    assert!(note(&[&first[..7]]).contains("is too little of a divergence's id"));
    assert!(note(&["zzzzzzzzzzzz"]).contains("there is no open divergence `zzzzzzzzzzzz`"));
    assert!(note(&["it's \u{1b}[2J \"%_"]).contains("there is no open divergence"));
    // Of several, one that is not there keeps all from being acknowledged.
    assert!(note(&[&first, "zzzzzzzzzzzz"]).contains("zzzzzzzzzzzz"));
    assert!(note(&[&first, "--rule", "x"]).contains("there is no run of a rule `x`"));
    let condition = |sql: &str| note(&["--rule", "r", "--where", sql]);
    assert!(condition("id = 4711").contains("no open divergence of `r` is meant"));
    assert!(condition("idd = 1").contains("did you mean"), "{}", condition("idd = 1"));
    assert!(condition("id =").contains("the SQL does not parse"));
    assert!(condition("true) OR (true").contains("the SQL does not parse"));
    assert!(condition("id = $x").contains("the parameter `$x` is not declared"));
    assert!(condition("id + 1").contains("the condition is neither true nor false"));
    assert!(!condition("FALSE -- nothing").is_empty());
    assert!(note(&["--where", "true"]).contains("--rule"));
    assert!(refused(&tieout, &[&first]).contains("--note"));
    assert!(refused(&tieout, &[&first, "--note", " "]).contains("--note is empty"));
    assert!(note(&[&first, "--until", "2020-01-01"]).contains("is past"));
    assert!(note(&[&first, "--until", "soon"]).contains("neither a day nor an instant"));
    assert!(refused(&tieout, &["--list", "--rule", "x"]).contains("there is no run of a rule `x`"));
    // What is resolved is not open.
    write(&tieout, RULE, &csv([(1, 1), (2, 2)]), &csv([(1, 1), (2, 20)]));
    run(&tieout, &[], 1);
    assert!(note(&[&first]).contains("there is no open divergence"));
    let json = tieout.run(["ack", "zzzzzzzzzzzz", "--format", "json", NOTE[0], NOTE[1]]).exits(2).json();
    assert_eq!(json["error"]["kind"], "not_found");
}

/// Ids of two divergences that begin alike: made, for eight letters are many.
#[test]
fn several_that_begin_alike() {
    use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
    let tieout = project();
    let report = run(&tieout, &[], 1);
    let table = tieout.path(report["divergences"].as_str().unwrap()).join("part-0.parquet");
    let batch = data::read_parquet(&table);
    let ids: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["0123456789a", "0123456789b", "0123456789c"]));
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns =
        columns.map(|(field, column)| if field.name() == "divergence_id" { ids.clone() } else { column.clone() });
    data::write_parquet(&table, &[RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()]);
    let said = refused(&tieout, &["0123456789", NOTE[0], NOTE[1]]);
    assert!(said.contains("several divergences begin with `0123456789`"), "{said}");
    assert!(said.contains("say which one: `0123456789a`, `0123456789b`, `0123456789c`"), "{said}");
}

/// Divergences of two rules in one command.
#[test]
fn ids_of_several_rules() {
    let tieout = project();
    let yaml = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    tieout.file("tieout.yaml", &format!("{yaml}  other: {{{RULE}}}\n"));
    run(&tieout, &[], 1);
    let other = sql(&tieout, "SELECT divergence_id FROM history.other WHERE id = 1");
    let (first, other) = (id_of(&tieout, 1), other.lines().nth(1).unwrap());
    let given = ack(&tieout, &[&first, other, &first, NOTE[0], NOTE[1]]);
    let rules: Vec<&str> = given.as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["other", "r"]);
    let summary = tieout.run(["run", "--format", "json"]).exits(1);
    assert_eq!((&summary.rule("r")["acknowledged"], &summary.rule("other")["acknowledged"]), (&1.into(), &1.into()));
    verifies(&tieout);
}

/// Against acknowledgements that are kept here, over runs with random values, of which some look at a part only.
#[test]
fn random_words_agree_with_an_oracle() {
    for seed in [1u64, 2, 3, 4] {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 33) % below
        };
        let tieout = project();
        const IDS: i64 = 60;
        let mut offsets = vec![Some(0i64); IDS as usize];
        // The acknowledgements in force: what was acknowledged, by id.
        let mut in_force: Vec<(i64, Option<i64>)> = Vec::new();
        let (mut reconciled, mut counted) = (0, 0);
        for n in 0..14 {
            // Some runs find what the one before found.
            if n % 3 != 2 {
                for offset in &mut offsets {
                    if next(4) == 0 {
                        *offset = [Some(0), Some(1), Some(2), None][next(4) as usize];
                    }
                }
            }
            let source = csv((0..IDS).map(|id| (id, id)));
            let target = (0..IDS).filter_map(|id| Some((id, id + offsets[id as usize]?)));
            write(&tieout, RULE, &source, &csv(target));
            let found: BTreeMap<i64, Option<i64>> =
                (0..IDS).map(|id| (id, offsets[id as usize])).filter(|(_, offset)| *offset != Some(0)).collect();
            let ended: BTreeSet<i64> =
                in_force.iter().filter(|(id, was)| found.get(id) != Some(was)).map(|(id, _)| *id).collect();
            in_force.retain(|(id, was)| found.get(id) == Some(was));
            let heeded: BTreeSet<i64> = in_force.iter().map(|(id, _)| *id).collect();
            let report = run(&tieout, &[], if heeded.len() == found.len() { 0 } else { 1 });
            reconciled += usize::from(heeded.len() == found.len() && !found.is_empty());
            counted += heeded.len();
            assert_eq!(report["acknowledged"].as_u64().unwrap_or(0), heeded.len() as u64, "seed {seed}, run {n}");
            assert_eq!(
                report["notes"].to_string().contains("ended"),
                !ended.is_empty(),
                "seed {seed}, run {n}: {report:#}"
            );
            // Somebody acknowledges some, or all; somebody takes some back.
            let (modulo, rest) = if n % 3 == 1 { (1, 0) } else { (2 + next(4) as i64, next(3) as i64) };
            let meant: Vec<i64> = found.keys().copied().filter(|id| id % modulo == rest).collect();
            if !meant.is_empty() {
                ack_where(&tieout, &format!("id % {modulo} = {rest}"));
                in_force.extend(meant.iter().map(|id| (*id, found[id])));
            }
            if n % 3 == 0 && in_force.iter().any(|(id, _)| id % 3 == 1) {
                ack(&tieout, &["--rule", "r", "--where", "id % 3 = 1", "--withdraw", NOTE[0], NOTE[1]]);
                in_force.retain(|(id, _)| id % 3 != 1);
            }
            let told: u64 = list(&tieout).iter().map(|one| one["in_force"].as_u64().unwrap()).sum();
            assert_eq!(told, in_force.len() as u64, "seed {seed}, run {n}");
        }
        assert!(reconciled > 1 && counted > 50, "seed {seed}: {reconciled} {counted}");
        verifies(&tieout);
    }
}

/// Eight at once, and runs beside them: nothing is lost, and the chain is one.
#[test]
fn many_at_once() {
    let tieout = Tieout::new();
    write(&tieout, RULE, &csv((0..40).map(|id| (id, 0))), &csv((0..40).map(|id| (id, 1))));
    run(&tieout, &[], 1);
    std::thread::scope(|scope| {
        for process in 0..8 {
            let tieout = &tieout;
            scope.spawn(move || {
                for n in 0..5 {
                    let condition = format!("id = {}", process * 5 + n);
                    let args = ["ack", "--rule", "r", "--where", &condition, "--note", "one of many", "--threads", "1"];
                    let mut command = tieout.command(args);
                    command.env("TIEOUT_ACTOR", format!("process {process}"));
                    let ended = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
                    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
                }
            });
        }
        // Runs see some of them, each as a whole.
        scope.spawn(|| {
            for _ in 0..4 {
                let ended = tieout.run(["run", "--format", "json", "--threads", "1"]);
                assert!(matches!(ended.code, Some(0 | 1)), "{}", ended.stderr);
                let report = ended.rule("r");
                let acknowledged = report["acknowledged"].as_u64().unwrap_or(0);
                assert_eq!(report["outcome"], if acknowledged == 40 { "reconciled" } else { "diverged" });
            }
        });
    });
    assert_eq!(run(&tieout, &[], 0)["acknowledged"], 40);
    let entries = ledger(&tieout);
    let acks = entries.iter().filter(|entry| entry["event"]["type"] == "acknowledged");
    let actors: BTreeSet<String> = acks.clone().map(|entry| entry["actor"].to_string()).collect();
    assert_eq!((acks.count(), actors.len()), (40, 8));
    assert!(!tieout.path("out/unfinished").exists());
    verifies(&tieout);
}

/// Killed after the ledger tells of it, and before it is in its place: the next that comes by completes it. Killed before, it never was.
#[test]
fn cut_off_on_the_way() {
    let tieout = project();
    run(&tieout, &[], 1);
    for command in
        [&["ledger", "verify"][..], &["run", "-q"], &["ack", "--rule", "r", "--where", "id = 1", "--note", "n"]]
    {
        let given = ack_where(&tieout, "true");
        let file = tieout.path("out").join(given[0]["file"].as_str().unwrap());
        let (id, entry) = (given[0]["ack_id"].as_str().unwrap(), given[0]["entry"].as_u64().unwrap());
        let waiting = tieout.path(&format!("out/unfinished/acks/{id}-{:012}.parquet", entry - 1));
        let unsaid =
            tieout.path(&format!("out/unfinished/acks/01987b2e-5a4f-7cc3-b0a1-5d1f0c2e9a77-{entry:012}.parquet"));
        std::fs::create_dir_all(waiting.parent().unwrap()).unwrap();
        std::fs::copy(&file, &unsaid).unwrap();
        std::fs::rename(&file, &waiting).unwrap();
        let ended = tieout.run(command);
        assert!(matches!(ended.code, Some(0 | 1)), "{command:?}: {}", ended.stderr);
        assert!(file.exists() && !waiting.exists() && unsaid.exists(), "{command:?}");
        std::fs::remove_dir_all(tieout.path("out/unfinished")).unwrap();
        verifies(&tieout);
        ack(&tieout, &["--rule", "r", "--where", "true", "--withdraw", NOTE[0], NOTE[1]]);
    }
}

/// Files that were changed, removed or put there by hand are named; and a run does not go by what it cannot read.
#[test]
fn files_that_somebody_changed() {
    let tieout = project();
    run(&tieout, &[], 1);
    let given = ack_where(&tieout, "true");
    let path = given[0]["file"].as_str().unwrap();
    let file = tieout.path("out").join(path);
    let whole = std::fs::read(&file).unwrap();
    let wrong = || {
        let json = tieout.run(["ledger", "verify", "--format", "json"]).exits(1).json();
        let wrong = json["wrong"].as_array().unwrap().clone();
        assert_eq!(wrong.len(), 1, "{json:#}");
        (wrong[0]["path"].as_str().unwrap().to_string(), wrong[0]["wrong"].as_str().unwrap().to_string())
    };
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(wrong().0, path);
    let said = tieout.run(["run", "-q"]).exits(2).stderr;
    assert!(said.contains("what was acknowledged of the rule `r` cannot be read"), "{said}");
    assert_eq!(sql(&tieout, "SELECT count(*) AS n FROM runs"), "n\n1\n", "no run is visible");
    tieout.run(["ack", "--list"]).exits(2);
    std::fs::remove_file(&file).unwrap();
    assert!(wrong().1.starts_with("was removed"), "{:?}", wrong());
    std::fs::write(&file, &whole).unwrap();
    let forged = file.with_file_name("01987b2e-5a4f-7cc3-b0a1-5d1f0c2e9a77.parquet");
    std::fs::write(&forged, &whole).unwrap();
    assert!(wrong().1.starts_with("is named by no entry"), "{:?}", wrong());
    std::fs::remove_file(&forged).unwrap();
    // What a run found to have ended is named by the run's own entry.
    write(&tieout, RULE, &csv([(1, 1)]), &csv([(1, 10)]));
    run(&tieout, &[], 0);
    let ended = ledger(&tieout).last().unwrap()["event"]["rules"][0]["ended"].clone();
    assert_eq!(ended["rows"], 2);
    std::fs::remove_file(tieout.path("out").join(ended["path"].as_str().unwrap())).unwrap();
    assert_eq!(wrong().0, ended["path"].as_str().unwrap());
}

/// Results from before there was a ledger: it begins with the acknowledgement.
#[test]
fn older_results() {
    let tieout = project();
    run(&tieout, &[], 1);
    std::fs::remove_dir_all(tieout.path("out/ledger")).unwrap();
    ack_where(&tieout, "true");
    let kinds: Vec<Value> = ledger(&tieout).iter().map(|entry| entry["event"]["type"].clone()).collect();
    assert_eq!(kinds, ["begun", "acknowledged"]);
    assert_eq!(run(&tieout, &[], 0)["acknowledged"], 3);
    tieout.run(["ledger", "verify"]).exits(0);
    tieout.file("out/_tieout.json", "{\"store\": \"tieout\", \"version\": 2}\n");
    let said = tieout.run(["ack", "--rule", "r", "--where", "true", NOTE[0], NOTE[1]]).exits(2).stderr;
    assert!(said.contains("is of version 2"), "{said}");
}

/// Two projects that write to one store share the rules of one name: what the other does not find as it was has ended.
#[test]
fn two_projects_in_one_store() {
    let (one, two) = (project(), project());
    let out = one.path("out").display().to_string();
    let there = ["--out", out.as_str()];
    run(&one, &[], 1);
    ack_where(&one, "true");
    assert_eq!(run(&two, &there, 0)["acknowledged"], 3, "the same divergences");
    write(&two, RULE, &csv([(1, 1), (2, 2)]), &csv([(1, 10), (2, 21)]));
    let report = run(&two, &there, 1);
    assert_eq!(report["acknowledged"], 1);
    assert_eq!(run(&one, &[], 1)["acknowledged"], 1, "what counts again for one counts for both");
    // Rules of other names have nothing in common.
    let yaml = std::fs::read_to_string(two.path("tieout.yaml")).unwrap();
    two.file("tieout.yaml", &yaml.replace("  r: {", "  q: {"));
    let report = two.run(["run", "--format", "json", "--out", &out]).exits(1).rule("q");
    assert_eq!(report["acknowledged"], Value::Null);
    verifies(&one);
}

/// What is acknowledged while a run is at work counts for it, if it is there when the run concludes.
#[test]
fn while_a_run_is_at_work() {
    let tieout = project();
    run(&tieout, &[], 1);
    let slow = "SELECT x.value AS n FROM generate_series(1, 100000) AS x CROSS JOIN generate_series(1, 20000) AS y
         WHERE x.value + y.value < 0\n";
    tieout.file("queries/slow.sql", slow);
    let child =
        tieout.command(["run", "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while ledger(&tieout).last().unwrap()["event"]["type"] != "run_started" || ledger(&tieout).len() < 4 {
        assert!(start.elapsed() < Duration::from_secs(60));
    }
    ack_where(&tieout, "id = 1");
    assert_eq!(ledger(&tieout).last().unwrap()["event"]["type"], "acknowledged", "the run is still at work");
    let ended = crate::support::tieout::Finished::of_child(child).exits(1);
    assert_eq!(ended.rule("r")["acknowledged"], 1);
    verifies(&tieout);
}

/// A rule that was compared before the run was cut off is concluded by what is acknowledged when it goes on.
#[test]
fn a_run_that_goes_on() {
    let tieout = project();
    let rows = 60_000;
    write(&tieout, RULE, &csv((0..rows).map(|id| (id, 0))), &csv((0..rows).map(|id| (id, 1))));
    run(&tieout, &[], 1);
    ack_where(&tieout, "true");
    let slow = |most: u64| {
        let query = format!(
            "SELECT x.value AS n FROM generate_series(1, {most}) AS x CROSS JOIN generate_series(1, {most}) AS y
             WHERE x.value + y.value < 0\n"
        );
        tieout.file("queries/slow.sql", &query);
    };
    for (withdrawn, code, acknowledged) in [(false, 0, Value::from(rows)), (true, 1, Value::Null)] {
        slow(1_000_000);
        // Files are believed to be the same only some seconds after they were written.
        std::thread::sleep(Duration::from_millis(4200));
        let child = tieout.command(["run", "-q"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let id = kept(&tieout);
        let _ = std::process::Command::new("kill").args(["-KILL", &child.id().to_string()]).status();
        let _ = child.wait_with_output();
        if withdrawn {
            ack(&tieout, &["--rule", "r", "--where", "true", "--withdraw", NOTE[0], NOTE[1]]);
        }
        slow(1);
        let ended = tieout.run(["run", "--resume", &id, "--format", "json"]).exits(code);
        let report = ended.rule("r");
        assert!(report["notes"].to_string().contains("was compared before the run was cut off"), "{report:#}");
        assert_eq!(report["acknowledged"], acknowledged);
        verifies(&tieout);
    }
}

/// Until the rule `r` is kept; the run's id.
fn kept(tieout: &Tieout) -> String {
    let start = Instant::now();
    loop {
        for folder in std::fs::read_dir(tieout.path("out/unfinished")).into_iter().flatten().flatten() {
            let document = std::fs::read_to_string(folder.path().join("run.json")).unwrap_or_default();
            if document.contains("\"rule\":\"r\"") {
                return folder.file_name().to_string_lossy().into_owned();
            }
        }
        assert!(start.elapsed() < Duration::from_secs(60), "nothing was kept");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// More than memory holds: what is acknowledged is sorted, on disk where it has to be.
#[test]
fn a_million_in_little_memory() {
    let tieout = project();
    let rows: i64 = std::env::var("TIEOUT_ACKS").map_or(200_000, |n| n.parse().unwrap());
    let memory = if rows > 500_000 { "256MiB" } else { "128MiB" };
    write(&tieout, RULE, &csv((0..rows).map(|id| (id, id))), &csv((0..rows).map(|id| (id, id + 1))));
    run(&tieout, &["--memory", memory], 1);
    let clock = Instant::now();
    let given = ack(&tieout, &["--rule", "r", "--where", "true", "--note", "all", "--memory", memory]);
    assert_eq!(given[0]["divergences"], rows);
    let acked = clock.elapsed();
    let clock = Instant::now();
    assert_eq!(run(&tieout, &["--memory", memory], 0)["acknowledged"], rows);
    println!("{rows}: acknowledged in {acked:?}, run in {:?}", clock.elapsed());
    assert_eq!(run(&tieout, &["--memory", memory, "--threads", "1"], 0)["acknowledged"], rows);
    write(&tieout, RULE, &csv((0..rows).map(|id| (id, id))), &csv((0..rows).map(|id| (id, id + 1 + id % 2))));
    assert_eq!(run(&tieout, &["--memory", memory], 1)["acknowledged"], rows / 2);
    assert_eq!(became(&tieout, 0), [rows as u64 / 2, 0, 0, rows as u64 / 2, 0]);
}

/// Columns of other types cannot be compared for another reason.
#[test]
fn a_column_of_another_type_that_cannot_be_compared() {
    let tieout = Tieout::new();
    let project = |target: &str, cells: [&str; 2]| {
        tieout.file("s.csv", "id,x\n1,1\n2,2\n");
        tieout.file("t.csv", &format!("id,x\n1,{}\n2,{}\n", cells[0], cells[1]));
        let dataset =
            |name: &str, kind: &str| format!("{name}: {{csv: {{path: {name}.csv, columns: {{id: int, x: {kind}}}}}}}");
        let (s, t) = (dataset("s", "int"), dataset("t", target));
        tieout
            .file("tieout.yaml", &format!("datasets:\n  {s}\n  {t}\nrules:\n  r: {{source: s, target: t, key: id}}\n"));
    };
    project("date", ["2026-01-01", "2026-01-02"]);
    tieout.run(["run", "-q"]).exits(1);
    tieout.run(["ack", "--rule", "r", "--where", "true", "--note", "known"]).exits(0);
    tieout.run(["run", "-q"]).exits(0);
    project("boolean", ["true", "false"]);
    let text = tieout.run(["run"]).exits(1).stdout;
    assert!(text.contains("acknowledgements that ended: 1 of changed values"), "{text}");
}

/// `diff` of other files is about something else, though its rule has the same name.
#[test]
fn other_datasets_under_one_name() {
    let tieout = Tieout::new();
    for (name, text) in
        [("a", "id,v\n1,1\n2,2\n"), ("b", "id,v\n1,1\n"), ("c", "id,v\n7,9\n2,2\n"), ("d", "id,v\n7,9\n")]
    {
        tieout.file(&format!("{name}.csv"), text);
    }
    let diff = |source: &str, target: &str| tieout.run(["diff", source, target, "--key", "id", "--out", "out", "-q"]);
    diff("a.csv", "b.csv").exits(1);
    tieout.run(["ack", "--rule", "diff", "--where", "true", "--note", "known", "--out", "out"]).exits(0);
    diff("a.csv", "b.csv").exits(0);
    diff("c.csv", "d.csv").exits(1);
}
