//! Limits of a run: it stops in order, tells what it had verified, and says nothing of what it had not.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::data;
use crate::support::tieout::{Finished, Tieout};

const ROWS: i64 = 30_000;
const STRATEGIES: [&str; 4] = ["join", "digest", "merge", "bytes"];

/// 30,000 rows, of which each hundredth differs; three are missing on each side. Batches are read one by one.
fn project() -> Tieout {
    let tieout = Tieout::new();
    for (side, name) in [(0, "s"), (1, "t")] {
        let ids = (0..ROWS).filter(|id| id % 10_000 != side + 1);
        let rows: Vec<(i64, i64)> = ids.map(|id| (id, id % 9 + if id % 100 == 50 { side } else { 0 })).collect();
        let lines =
            |rows: &[(i64, i64)], between| rows.iter().map(|(id, v)| format!("{id}{between}{v}\n")).collect::<String>();
        tieout.file(&format!("{name}.csv"), &format!("id,v\n{}", lines(&rows, ",")));
        let batches: Vec<_> =
            rows.chunks(2500).map(|rows| data::batch(&format!("id:int64, v:int64\n{}", lines(rows, "|")))).collect();
        data::write_parquet(&tieout.path(&format!("{name}.parquet")), &batches);
    }
    tieout.file(
        "tieout.yaml",
        "datasets:\n  s: {parquet: s.parquet}\n  t: {parquet: t.parquet}\n  c: {csv: s.csv}\n  d: {csv: t.csv}\nrules:\n  \
         r: {source: s, target: t, key: id}\n  text: {source: c, target: d, key: id}\n  \
         sums: {source: s, target: t, group_by: {g: 'id % 500'}, totals: {n: count(*), sum: sum(v)}}\n",
    );
    tieout.file("queries/odd.sql", "-- key: id\nSELECT id, v FROM s WHERE id % 1000 = 3\n");
    tieout
}

fn run(tieout: &Tieout, rule: &str, more: &[&str]) -> Finished {
    let _ = fs::remove_dir_all(tieout.path("out"));
    let args = ["run", rule, "--format", "json", "--out", "out"];
    tieout.run(args.iter().chain(more))
}

fn ids(tieout: &Tieout, rule: &str) -> BTreeSet<String> {
    let table = data::read_parquet(&tieout.path(&format!("out/divergences/rule={rule}")));
    data::rows(&table, &["divergence_id", "kind", "side"]).into_iter().collect()
}

fn divergences(rule: &Value) -> u64 {
    let kinds = ["value_mismatch", "missing_in_target", "missing_in_source", "duplicate_key", "rule_violation"];
    kinds.iter().map(|kind| rule["rows"][kind].as_u64().unwrap_or(0)).sum()
}

/// The segments cover all keys, in order, without a gap, and no two neighbours say the same.
fn check_segments(rule: &Value) {
    let segments = rule["coverage"]["segments"].as_array().unwrap();
    assert!(!segments.is_empty());
    assert_eq!(segments[0]["from"], Value::Null, "{rule}");
    assert_eq!(segments[segments.len() - 1]["to"], Value::Null, "{rule}");
    for pair in segments.windows(2) {
        assert!(pair[0]["to"].is_string() && pair[0]["to"] == pair[1]["from"], "{rule}");
        assert_ne!(pair[0]["verified"], pair[1]["verified"], "{rule}");
        assert_eq!(pair[0]["by"], pair[1]["by"], "{rule}");
    }
}

/// Whatever the limit: the exit code is that of a part, and what is told is part of what a whole run tells.
#[test]
fn a_run_that_stops_tells_a_part_of_the_truth() {
    let tieout = project();
    for rule in ["r", "text", "sums", "odd"] {
        let whole = run(&tieout, rule, &["--strategy", "join"]).exits(1).rule(rule);
        assert!(whole["coverage"].is_null(), "{whole}");
        let all = ids(&tieout, rule);
        let full = divergences(&whole);
        assert_eq!(all.len() as u64, full);
        for strategy in STRATEGIES {
            for limit in [
                ["--max-bytes", "1B"],
                ["--max-bytes", "30KB"],
                ["--max-bytes", "100KB"],
                ["--max-time", "1ms"],
                ["--max-time", "30ms"],
                ["--max-divergences", "1"],
                ["--max-divergences", "7"],
            ] {
                let told = |what: &str| format!("{rule} {strategy} {limit:?}: {what}");
                let finished = run(&tieout, rule, &[&["--strategy", strategy], &limit[..]].concat());
                assert!(matches!(finished.code, Some(1 | 3)), "{}", told(&finished.stdout));
                let part = finished.rule(rule);
                let some = ids(&tieout, rule);
                assert!(some.is_subset(&all), "{}", told(&format!("{some:?}")));
                assert_eq!(some.len() as u64, divergences(&part), "{}", told("counted and written"));
                if part["coverage"].is_null() {
                    assert_eq!((finished.code, some.len()), (Some(1), all.len()), "{}", told("it came to its end"));
                    continue;
                }
                check_segments(&part);
                let flag = limit[0].trim_start_matches("--").replace('-', "_");
                assert_eq!(part["coverage"]["stopped_by"].as_str(), Some(flag.as_str()), "{}", told("stopped_by"));
                assert!(part["rows"]["equal"].as_u64() <= whole["rows"]["equal"].as_u64(), "{}", told("equal"));
                let outcome = if finished.code == Some(1) { "diverged" } else { "inconclusive" };
                assert_eq!(part["outcome"], outcome, "{}", told("outcome"));
                assert!(finished.code == Some(3) || !some.is_empty(), "{}", told("diverged by what?"));
                verified_holds_all(&part, rule, &tieout, &all);
                let record = data::read_parquet(&tieout.path("out/runs"));
                assert_eq!(data::rows(&record, &["stopped_by"]), [flag]);
                let segments = data::rows(&record, &["segments"]);
                let count = part["coverage"]["segments"].as_array().unwrap().len();
                assert_eq!(segments[0].matches("by: ").count(), count, "{segments:?}");
                let notes = part["notes"].to_string();
                assert!(notes.contains(&format!("stopped by {}", limit[0])), "{notes}");
            }
        }
    }
}

/// Of the keys up to the one that is verified, all divergences are in the table.
fn verified_holds_all(part: &Value, rule: &str, tieout: &Tieout, all: &BTreeSet<String>) {
    let segment = &part["coverage"]["segments"][0];
    if rule == "odd" || segment["by"] != "key" || segment["verified"] != true {
        return;
    }
    let last: i64 = segment["to"].as_str().unwrap().parse().unwrap();
    let key = if rule == "sums" { "g" } else { "id" };
    let found = data::rows(&data::read_parquet(&tieout.path(&format!("out/divergences/rule={rule}"))), &[key]);
    if rule == "r" {
        let expected = (0..=last).filter(|id| id % 100 == 50 || matches!(id % 10_000, 1 | 2)).count();
        assert_eq!(found.len(), expected, "up to {last}: {found:?}");
    } else if rule == "sums" {
        assert!(found.len() <= all.len());
        let expected = all.len() as i64;
        assert!(last < 499 || found.len() as i64 == expected, "{last}: {found:?}");
    }
}

/// As many as were allowed, and no more.
#[test]
fn so_many_divergences_are_found() {
    let tieout = project();
    for rule in ["r", "text", "odd"] {
        for strategy in STRATEGIES {
            for most in [1, 2, 13] {
                let limit = most.to_string();
                let part = run(&tieout, rule, &["--strategy", strategy, "--max-divergences", &limit]).rule(rule);
                assert_eq!(divergences(&part), most, "{rule} {strategy}: {part}");
            }
        }
    }
}

/// A limit that is not reached changes nothing but the clock.
#[test]
fn a_limit_that_is_not_reached() {
    let tieout = project();
    for rule in ["r", "text", "sums", "odd"] {
        for strategy in STRATEGIES {
            let told = |rule: &Value| {
                let parts = ["outcome", "rows", "columns", "notes", "coverage", "strategy", "why", "guarantee"];
                parts.map(|part| rule[part].clone())
            };
            let whole = told(&run(&tieout, rule, &["--strategy", strategy]).exits(1).rule(rule));
            let all = ids(&tieout, rule);
            let far = ["--max-time", "1h", "--max-bytes", "1TB", "--max-divergences", "1000000"];
            let limited = run(&tieout, rule, &[&["--strategy", strategy], &far[..]].concat()).exits(1).rule(rule);
            assert_eq!(told(&limited), whole);
            assert_eq!(ids(&tieout, rule), all);
        }
    }
}

/// What is left to later rules is nothing: they are inconclusive, and say so, a query that was not run too.
#[test]
fn rules_behind_the_limit_are_inconclusive() {
    let tieout = project();
    for strategy in STRATEGIES {
        let run = tieout.run(["run", "--format", "json", "--strategy", strategy, "--max-divergences", "3"]);
        let rules = run.json()["rules"].as_array().unwrap().clone();
        assert_eq!(rules.len(), 4);
        let outcome = if rules[0]["coverage"]["segments"][0]["by"] == "key" { "inconclusive" } else { "diverged" };
        assert_eq!((&rules[0]["outcome"], divergences(&rules[0])), (&outcome.into(), 3), "{}", rules[0]);
        for rule in &rules[1..] {
            assert_eq!((&rule["outcome"], divergences(rule)), (&"inconclusive".into(), 0), "{strategy}: {rule}");
            let verified = rule["coverage"]["segments"].as_array().unwrap().iter().any(|s| s["verified"] == true);
            assert!(!verified || rule["rows"]["equal"].as_u64() > Some(0), "{rule}");
        }
    }
    // A query that was not run has read nothing.
    let run =
        tieout.run(["run", "r", "odd", "--format", "json", "--strategy", "digest", "--max-divergences", "3"]).exits(1);
    assert_eq!(run.rule("odd")["work"]["bytes_read"], 0, "{}", run.rule("odd"));
}

/// In key order, a row that differs may still find its partner behind the limit, should order end there: that is a doubt.
#[test]
fn what_order_has_not_proven_is_no_divergence() {
    let tieout = Tieout::new();
    for (name, early, late) in [("s", "a", "b"), ("t", "b", "a")] {
        let v = |id| if id == 5 { early } else { "v" };
        let rows: String = (0..30_000).map(|id| format!("{id:06},{}\n", v(id))).collect();
        tieout.file(&format!("{name}.csv"), &format!("id,v\n{rows}000005,{late}\n"));
    }
    tieout.file(
        "tieout.yaml",
        "datasets: {s: {csv: s.csv}, t: {csv: t.csv}}\nrules: {r: {source: s, target: t, key: id}}\n",
    );
    run(&tieout, "r", &["--strategy", "join"]).exits(0);
    run(&tieout, "r", &["--strategy", "merge"]).exits(0);
    for limit in [["--max-bytes", "1B"], ["--max-divergences", "1"]] {
        let part = run(&tieout, "r", &[&["--strategy", "merge"], &limit[..]].concat()).exits(3).rule("r");
        assert_eq!(part["rows"]["value_mismatch"], 1, "{part}");
    }
}

/// The error budget is not stretched by a limit: within it, a part proves nothing; beyond it, it does.
#[test]
fn the_error_budget_of_a_part() {
    let tieout = project();
    let yaml = fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    for (allow, most, code, outcome) in [
        ("{rows: 5}", "3", 3, "inconclusive"),
        ("{rows: 5}", "5", 3, "inconclusive"),
        ("{rows: 5}", "6", 1, "diverged"),
        ("{rate: 0.5}", "6", 3, "inconclusive"),
        ("{rate: 0.000001}", "6", 3, "inconclusive"),
        ("{rows: 100000}", "1000000", 0, "reconciled"),
    ] {
        let allowed = yaml.replace(
            "r: {source: s, target: t, key: id}",
            &format!("r: {{source: s, target: t, key: id, allow: {allow}}}"),
        );
        tieout.file("tieout.yaml", &allowed);
        for strategy in ["digest", "join", "bytes"] {
            let part = run(&tieout, "r", &["--strategy", strategy, "--max-divergences", most]).exits(code).rule("r");
            assert_eq!(part["outcome"], outcome, "{allow} {strategy}");
            let within = part["notes"].to_string().contains("within the budget");
            assert_eq!(within, code == 0, "{}", part["notes"]);
        }
    }
}

#[test]
fn the_text_tells_it() {
    let tieout = project();
    let run = tieout.run(["run", "r", "--strategy", "digest", "--max-divergences", "3"]).exits(1);
    assert!(run.stdout.contains("stopped by --max-divergences"), "{}", run.stdout);
    let run = tieout.run(["run", "odd", "--max-divergences", "3"]).exits(1);
    assert!(run.stdout.contains("stopped by --max-divergences"), "{}", run.stdout);
    let run = tieout.run(["run", "r", "--strategy", "join", "--max-bytes", "1B"]).exits(3);
    assert!(run.stdout.contains("stopped by --max-bytes before any segment was verified"), "{}", run.stdout);
}
