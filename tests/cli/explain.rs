//! `--explain`: how rules would be compared, told without comparing them; and what a run tells of its work.

use super::project;
use crate::bad_input::tree;
use crate::support::tieout::Tieout;

/// The plan's files without the folder of the test: paths in plans begin without a slash.
fn placed(tieout: &Tieout, text: &str) -> String {
    text.replace(tieout.dir().to_str().unwrap().trim_start_matches('/'), "DIR")
}

/// Sizes of Parquet files change with its writer.
fn sized(text: &str) -> String {
    let unsized_line = |line: &str| match line.split_once("2 rows  ") {
        Some((before, _)) if line.trim_start().starts_with("target") => format!("{before}2 rows  SIZE  1 file"),
        _ => line.to_string(),
    };
    text.lines().map(unsized_line).collect::<Vec<_>>().join("\n")
}

#[test]
fn text_for_people() {
    let tieout = project();
    let finished = tieout.run(["run", "--explain", "--threads", "2"]).exits(0);
    insta::assert_snapshot!(sized(&placed(&tieout, &finished.stdout)));
    assert_eq!(finished.stderr, "");
    let brief = tieout.run(["run", "--explain", "-q", "--threads", "2"]).exits(0).stdout;
    assert_eq!(
        brief,
        "lines: strategy merge, guarantee exact\n\
         day-end.sums: strategy digest, guarantee digest128\n\
         large: query\n"
    );
}

#[test]
fn the_json_document() {
    let tieout = project();
    let finished = tieout.run(["run", "lines", "large", "--explain", "--threads", "2", "--format", "json"]).exits(0);
    let bytes = finished.rule("lines")["estimate"]["target"]["bytes"].to_string();
    insta::assert_snapshot!(placed(&tieout, &finished.stdout).replace(&bytes, "BYTES"));
}

#[test]
fn it_follows_the_flags() {
    let tieout = project();
    let explained = |flags: &[&str]| {
        let args = ["run", "lines", "--explain", "--format", "json"].iter().chain(flags);
        let rule = tieout.run(args).exits(0).rule("lines");
        (rule["strategy"].as_str().unwrap().to_string(), rule["guarantee"].as_str().unwrap().to_string(), rule)
    };
    for (strategy, guarantee) in [("merge", "exact"), ("digest", "digest128"), ("join", "exact")] {
        let (chosen, given, rule) = explained(&["--strategy", strategy, "--memory", "64MiB"]);
        assert_eq!((chosen.as_str(), given.as_str()), (strategy, guarantee));
        assert_eq!((&rule["why"], &rule["rejected"]), (&"asked for by --strategy".into(), &serde_json::json!([])));
        let plan = rule["plan"].as_str().unwrap();
        assert!(plan.starts_with(&format!("ReconcileExec: rule=lines, strategy={strategy}")), "{plan}");
        assert_eq!(plan.matches("DataSourceExec").count(), 2, "{plan}");
    }
    assert_eq!(explained(&["--guarantee", "exact", "--threads", "1"]).1, "exact");
    let refused = tieout.run(["run", "--explain", "--guarantee", "exact", "--strategy", "digest"]).exits(2);
    assert!(refused.stderr.contains("does not give the guarantee `exact`"), "{}", refused.stderr);
}

#[test]
fn nothing_is_compared_or_written() {
    let tieout = project();
    let before = tree(tieout.dir());
    tieout.run(["run", "--explain", "--out", "out"]).exits(0);
    tieout.run(["diff", "bank.csv", "ledger.parquet", "-k", "id", "--explain", "--out", "out"]).exits(0);
    assert_eq!(tree(tieout.dir()), before);
    // What only reading would show: the cell of a declared column that holds no number.
    tieout.file("bank.csv", "id,name,amount\none,Ann,1.50\n");
    tieout.run(["run", "day-end.sums", "--explain"]).exits(0);
    tieout.run(["run", "lines", "--explain", "--format", "json"]).exits(0);
}

#[test]
fn errors_are_those_of_a_run() {
    let tieout = project();
    tieout.file("queries/wrong.sql", "SELECT no_such FROM bank\n");
    for args in
        [vec!["run", "--explain"], vec!["run", "nothing", "--explain"], vec!["diff", "bank.csv", "no.csv", "--explain"]]
    {
        let explained = tieout.run(&args).exits(2);
        let run = tieout.run(args.iter().filter(|arg| **arg != "--explain")).exits(2);
        assert_eq!(explained.stderr, run.stderr);
        assert_eq!(explained.stdout, "");
    }
}

/// A value that a parameter has is not shown, whatever the planner folds it into.
#[test]
fn parameters_stand_in_plans_by_name() {
    let tieout = project();
    tieout.file(
        "tieout.yaml",
        "\
params: {who: {text: s3cret}, most: {int: 31337}, day: {date: 2026-02-03}}
datasets:
  bank: {csv: {path: bank.csv, columns: {id: int64, amount: \"decimal(9,2)\"}}}
  ledger: {parquet: {path: ledger.parquet}}
rules:
  lines: {source: bank, target: ledger, key: [id], where: \"name <> concat($who, 'x')\"}
",
    );
    tieout.file("queries/large.sql", "-- key: id\nSELECT id FROM ledger WHERE id > $most + 1 AND $day < now()\n");
    tieout.file("queries/first.sql", "-- key: id\nSELECT id FROM ledger LIMIT $most\n");
    let finished = tieout.run(["run", "--explain", "--format", "json"]).exits(0);
    for value in ["s3cret", "31337", "31338", "2026-02-03"] {
        assert!(!finished.stdout.contains(value), "{}", finished.stdout);
    }
    let plan = |rule: &str| finished.rule(rule)["plan"].as_str().unwrap().to_string();
    assert!(plan("lines").contains("$who"), "{}", plan("lines"));
    assert!(plan("large").contains("$most"), "{}", plan("large"));
    assert_eq!(plan("first"), "not shown: it depends on the values of parameters");
    tieout.run(["run"]).exits(1);
}

#[test]
fn a_run_tells_of_its_work() {
    let tieout = project();
    let run = tieout.run(["run", "--format", "json"]).exits(1);
    let work = |rule: &str| run.rule(rule)["work"].clone();
    let bank = std::fs::metadata(tieout.path("bank.csv")).unwrap().len();
    let lines = work("lines");
    assert!(lines["estimated_rows"].is_null(), "the rows of a text are not known before it is read: {lines}");
    assert!(lines["bytes_read"].as_u64().unwrap() > bank, "{lines}");
    for rate in ["rows_per_second", "bytes_per_second"] {
        assert!(lines[rate].as_u64().unwrap() > 0, "{lines}");
    }
    assert_eq!(lines["spilled_bytes"], 0);
    assert_eq!(work("large")["bytes_read"], bank);
    assert_eq!(run.rule("large")["why"], "every row that the query returns is a divergence");

    let same = ["diff", "ledger.parquet", "ledger.parquet", "-k", "id", "--format", "json"];
    for strategy in ["merge", "digest", "join"] {
        let rule = tieout.run(same.iter().chain(&["--strategy", strategy])).exits(0).rule("diff");
        assert_eq!((&rule["work"]["estimated_rows"], &rule["why"]), (&4.into(), &"asked for by --strategy".into()));
    }
}

/// Where rows are not in the order that was hoped for, the reason is told.
#[test]
fn why_another_strategy_came_to_the_end() {
    let tieout = Tieout::new();
    let line = |n: u32| format!("{{\"id\": {n}}}\n");
    tieout.file("a.ndjson", &[1, 2, 3].map(line).concat());
    tieout.file("b.ndjson", &[1, 3, 2].map(line).concat());
    let rule = tieout.run(["diff", "a.ndjson", "b.ndjson", "-k", "id", "--format", "json"]).exits(0).rule("diff");
    assert_eq!(rule["strategy"], "digest");
    assert!(rule["why"].as_str().unwrap().contains("not in key order"), "{rule}");
}

#[test]
fn what_was_spilled_is_told() {
    let tieout = Tieout::new();
    let row = |n: u32| format!("{n},{}\n", "x".repeat(4000));
    let rows = (1..=4000).map(row).collect::<String>();
    tieout.file("a.csv", &format!("id,text\n{rows}"));
    tieout.file("b.csv", &format!("id,text\n{rows}"));
    let args = ["diff", "a.csv", "b.csv", "-k", "id", "--memory", "64MiB", "--strategy", "join", "--format", "json"];
    let work = tieout.run(args).exits(0).rule("diff")["work"].clone();
    assert!(work["spilled_bytes"].as_u64().unwrap() > 4000 * 4000, "{work}");
}
