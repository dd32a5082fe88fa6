//! Old divergence tables go; what is open, since when, and that all is as it was written, is told as before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::support::data;
use crate::support::tieout::Tieout;

/// Rows with these ids differ.
fn run(tieout: &Tieout, differ: &BTreeSet<u64>, more: &[&str]) -> String {
    let rows = |changed: bool| {
        let value = |id: &u64| if changed && differ.contains(id) { 7 } else { 0 };
        (0..30).fold("id,v\n".to_string(), |csv, id| csv + &format!("{id},{}\n", value(&id)))
    };
    tieout.file("s.csv", &rows(false));
    tieout.file("t.csv", &rows(true));
    let done = tieout.run([&["run", "--format", "json"], more].concat());
    assert!(matches!(done.code, Some(0 | 1)), "{}", done.stderr);
    done.json()["run_id"].as_str().unwrap().to_string()
}

fn project() -> Tieout {
    let tieout = Tieout::new();
    tieout.file(
        "tieout.yaml",
        "datasets: {s: {csv: s.csv}, t: {csv: t.csv}}\nrules:\n  r: {source: s, target: t, key: id}\n  odd-name: {source: s, target: t, key: id}\n",
    );
    tieout
}

fn expire(tieout: &Tieout, more: &[&str]) -> Value {
    tieout.run([&["expire", "--keep", "0s", "--format", "json"], more].concat()).exits(0).json()
}

fn tables(tieout: &Tieout, folder: &str, rule: &str) -> BTreeSet<String> {
    let runs = fs::read_dir(tieout.path(&format!("out/{folder}/rule={rule}"))).into_iter().flatten();
    runs.map(|run| run.unwrap().file_name().to_string_lossy().trim_start_matches("run=").to_string()).collect()
}

fn verifies(tieout: &Tieout) -> String {
    tieout.run(["ledger", "verify"]).exits(0).stdout
}

/// What is open and since which run, kept beside by the test.
#[test]
fn what_is_open_is_told_as_before() {
    let tieout = project();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 33) % below
    };
    let mut differ = BTreeSet::new();
    let mut open: BTreeMap<u64, String> = BTreeMap::new();
    let mut whole_runs = Vec::new();
    for n in 0..12 {
        for id in 0..30 {
            if next(3) == 0 {
                if next(2) == 0 {
                    differ.insert(id)
                } else {
                    differ.remove(&id)
                };
            }
        }
        if n == 6 {
            differ.clear();
        }
        let partial = n > 0 && next(3) == 0 && differ.len() > 1;
        let id = run(&tieout, &differ, if partial { &["--max-divergences", "1"] } else { &[] });
        let table = data::read_parquet(&tieout.path(&format!("out/divergences/rule=r/run={id}")));
        let found: BTreeSet<u64> = data::rows(&table, &["id"]).iter().map(|row| row.parse().unwrap()).collect();
        open.retain(|row, _| partial || found.contains(row));
        for row in found {
            open.entry(row).or_insert_with(|| id.clone());
        }
        if !partial {
            whole_runs.push(id.clone());
        }
        if n % 2 == 1 {
            expire(&tieout, &[]);
            let left = tables(&tieout, "divergences", "r");
            assert_eq!(left.first(), whole_runs.last(), "run {n}");
            assert_eq!(expire(&tieout, &[])["rules"], serde_json::json!([]), "once is enough");
        }
        let said = verifies(&tieout);
        assert!(!said.contains("expired"), "{said}");
        let query = "SELECT h.id, r.run_id FROM history.r h JOIN runs r ON r.started_at = h.open_since AND r.rule = 'r' \
                     WHERE state <> 'resolved' ORDER BY CAST(h.id AS INT)";
        let told = tieout.run(["sql", query, "--format", "csv"]).exits(0).stdout;
        let expected: Vec<String> = open.iter().map(|(row, run)| format!("{row},{run}")).collect();
        assert_eq!(told.lines().skip(1).collect::<Vec<_>>(), expected, "run {n}");
        let status = tieout.run(["status", "--format", "json"]).json();
        assert_eq!(status["rules"][0]["open"], open.len() as u64, "run {n}");
    }
    // Every run is still there, with its counts.
    let history = tieout.run(["history", "r", "--format", "json"]).exits(0).json();
    let runs = history["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 12);
    assert!(runs.iter().any(|run| run["expired"] == true && run["divergences"].as_u64() > Some(0)));
    let text = tieout.run(["history", "r"]).exits(0).stdout;
    assert!(text.contains("  expired  "), "{text}");
    let shown = tieout.run(["ledger", "show"]).exits(0).stdout;
    assert!(shown.contains("expired: 2 rules"), "{shown}");
}

#[test]
fn nothing_goes_that_should_stay() {
    let tieout = project();
    let first = run(&tieout, &BTreeSet::from([1, 2]), &[]);
    let second = run(&tieout, &BTreeSet::from([2]), &[]);
    let all = (tables(&tieout, "divergences", "r"), tables(&tieout, "open", "odd-name"));
    // Younger than that, or only asked.
    let told = tieout.run(["expire", "--keep", "1d"]).exits(0).stdout;
    assert!(told.starts_with("nothing to expire: no table is from before "), "{told}");
    let told = tieout.run(["expire", "--keep", "0s", "--dry-run"]).exits(0).stdout;
    assert!(told.starts_with("odd-name: tables of 1 run, 1 file (") && told.ends_with(" would go\n"), "{told}");
    assert_eq!((tables(&tieout, "divergences", "r"), tables(&tieout, "open", "odd-name")), all);
    let old = fs::read(tieout.path(&format!("out/divergences/rule=r/run={first}/part-0.parquet"))).unwrap();
    let told = expire(&tieout, &[]);
    assert_eq!((&told["rules"][1]["rule"], &told["rules"][1]["until"]), (&"r".into(), &second.as_str().into()));
    assert_eq!(told["entry"], 6);
    assert_eq!(tables(&tieout, "divergences", "r"), BTreeSet::from([second.clone()]));
    // Of the first run it is kept what was open after it.
    assert_eq!(tables(&tieout, "open", "r"), BTreeSet::from([first.clone(), second.clone()]));
    let refused = tieout.run(["compare", &first, &second]).exits(2).stderr;
    assert!(refused.contains("are expired") && refused.contains("tieout history"), "{refused}");
    // What expired must not come back unseen, nor may what is kept go.
    let kept = tieout.path(&format!("out/divergences/rule=r/run={second}/part-0.parquet"));
    let gone = tieout.path(&format!("out/divergences/rule=r/run={first}/part-0.parquet"));
    fs::create_dir_all(gone.parent().unwrap()).unwrap();
    fs::copy(&kept, &gone).unwrap();
    let found = tieout.run(["ledger", "verify"]).exits(1).stdout;
    assert!(found.contains("is expired, and what is there now is something else"), "{found}");
    fs::write(&gone, &old).unwrap();
    assert!(verifies(&tieout).contains("note: 1 files are expired and still there: `tieout expire` removes them"));
    expire(&tieout, &[]);
    assert!(!gone.exists());
    for kept in [kept, tieout.path(&format!("out/open/rule=r/run={first}/part-0.parquet"))] {
        let bytes = fs::read(&kept).unwrap();
        fs::remove_file(&kept).unwrap();
        assert!(tieout.run(["ledger", "verify"]).exits(1).stdout.contains("was removed"));
        fs::write(&kept, bytes).unwrap();
    }
    verifies(&tieout);
}

#[test]
fn what_cannot_be_expired() {
    let tieout = project();
    for (args, why) in [
        (&["expire"][..], "--keep"),
        (&["expire", "--keep", "soon"], "it is not a duration: write 90d, 12w or 36h"),
        (&["expire", "--keep", "1d", "--out", ""], "--out is empty"),
    ] {
        let refused = tieout.run(args).exits(2).stderr;
        assert!(refused.contains(why), "{refused}");
    }
    // Where nothing ran, nothing is begun.
    let told = tieout.run(["expire", "--keep", "0s"]).exits(0).stdout;
    assert!(told.starts_with("nothing to expire"), "{told}");
    assert!(!tieout.path("out").exists());
    // Without a run that looked at everything, nothing is resolved.
    for _ in 0..2 {
        tieout.file("s.csv", "id,v\n1,1\n2,2\n");
        tieout.file("t.csv", "id,v\n1,2\n2,3\n");
        tieout.run(["run", "r", "--max-divergences", "1"]);
    }
    assert_eq!(expire(&tieout, &[])["rules"], serde_json::json!([]));
    assert_eq!(tables(&tieout, "divergences", "r").len(), 2);
}

/// Where nobody kept what was open before the tables that are left, an age is not guessed.
#[test]
fn what_is_not_known_is_not_believed() {
    let tieout = project();
    let yaml = fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    tieout.file("tieout.yaml", &yaml.replace("key: id}", "key: id, allow: {age: 1h}}"));
    let runs: Vec<String> = (0..3).map(|_| run(&tieout, &BTreeSet::from([1]), &[])).collect();
    expire(&tieout, &[]);
    fs::remove_dir_all(tieout.path(&format!("out/open/rule=r/run={}", runs[1]))).unwrap();
    fs::remove_dir_all(tieout.path(&format!("out/open/rule=r/run={}", runs[2]))).unwrap();
    let rule = tieout.run(["run", "--format", "json"]).exits(1).rule("r");
    assert!(rule["notes"].to_string().contains("cannot be told: a table of an earlier run is gone"), "{rule}");
}
