//! The ledger of an output: one chain whatever happens, and nothing changed unseen. How much is tried can be raised by variables
//! of the environment, for a longer look.

mod edits;
mod kills;
mod many;
mod seals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::tieout::Tieout;

/// `default`, unless the environment names another number.
fn size(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{variable}: {n}")))
}

/// Two rules over files of a few rows: `lines` diverges, `same` does not.
fn project() -> Tieout {
    let tieout = Tieout::new().env("TIEOUT_ACTOR", "ann");
    write_project(&tieout, "out", 40);
    tieout
}

fn write_project(tieout: &Tieout, output: &str, rows: u64) {
    tieout.file(
        "tieout.yaml",
        &format!(
            "output: {output}\ndatasets:\n  a: {{csv: {{path: a.csv}}}}\n  b: {{csv: {{path: b.csv}}}}\nrules:\n  lines: {{source: a, target: b, key: [id]}}\n  same: {{source: a, target: a, key: [id]}}\n"
        ),
    );
    let csv = |step: u64| (0..rows).fold("id,name\n".to_string(), |csv, n| csv + &format!("{},name {n}\n", n * step));
    fs::write(tieout.path("a.csv"), csv(2)).unwrap();
    fs::write(tieout.path("b.csv"), csv(3)).unwrap();
}

/// The entries as they are stored, by number.
fn entries(tieout: &Tieout, args: &[&str]) -> Vec<Value> {
    let lines = tieout.run([&["ledger", "export"], args].concat()).exits(0).stdout;
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["event"]["type"].as_str().unwrap()).collect()
}

fn entry(tieout: &Tieout, number: u64) -> PathBuf {
    tieout.path(&format!("out/ledger/{number:012}.json"))
}

/// As everybody's own tool takes it.
fn sha256sum(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_string()
}

fn verifies(tieout: &Tieout) -> String {
    tieout.run(["ledger", "verify"]).exits(0).stdout
}

#[test]
fn a_run_in_the_ledger() {
    let tieout = project();
    let run = tieout.run(["run", "--format", "json"]).exits(1).json();
    let id = run["run_id"].as_str().unwrap();
    let entries = entries(&tieout, &[]);
    assert_eq!(kinds(&entries), ["begun", "run_started", "run_finished"]);
    for (number, entry) in (1..).zip(&entries) {
        assert_eq!((&entry["version"], &entry["number"], &entry["actor"]), (&1.into(), &number.into(), &"ann".into()));
        assert_eq!(entry["tieout"], env!("CARGO_PKG_VERSION"));
        let before = (number > 1).then(|| sha256sum(&self::entry(&tieout, number - 1)));
        assert_eq!(entry["previous"], serde_json::json!(before));
        assert!(entry["at"].as_str().unwrap().ends_with('Z'), "{entry}");
    }
    let started = &entries[1]["event"];
    assert_eq!((&started["run_id"], &started["rules"][0]["rule"]), (&id.into(), &"lines".into()));
    let finished = &entries[2]["event"];
    assert_eq!((&finished["run_id"], &finished["outcome"]), (&id.into(), &"diverged".into()));
    let lines = &finished["rules"][0];
    assert_eq!((&lines["rule"], &lines["outcome"]), (&"lines".into(), &"diverged".into()));
    assert_eq!(lines["version"], started["rules"][0]["version"]);
    assert_eq!(lines["rows"], run["rules"][0]["rows"]);
    assert_eq!(lines["source_inputs"][0]["size"], fs::metadata(tieout.path("a.csv")).unwrap().len());
    for (file, rows) in [(&lines["table"], 65), (&finished["rules"][1]["table"], 0), (&finished["record"], 2)] {
        let path = tieout.path("out").join(file["path"].as_str().unwrap());
        assert_eq!(file["sha256"].as_str().unwrap(), sha256sum(&path));
        assert_eq!(file["bytes"], fs::metadata(&path).unwrap().len());
        assert_eq!(file["rows"], rows, "{file}");
    }
    assert!(!tieout.path("out/unfinished").exists());

    let shown = tieout.run(["ledger", "show"]).exits(0).stdout;
    let shown: Vec<&str> = shown.lines().collect();
    assert_eq!(shown.len(), 3);
    assert!(shown[2].ends_with(&format!("ann  run {id} finished: diverged, 65 divergences")), "{shown:?}");
    assert_eq!(tieout.run(["ledger", "show", "--limit", "1"]).exits(0).stdout.lines().count(), 1);
    let document = tieout.run(["ledger", "show", "--format", "json", "--out", "out"]).exits(0).json();
    assert_eq!(document, Value::Array(entries));
    let said = verifies(&tieout);
    assert!(said.starts_with("3 entries, 4 files (") && said.ends_with("): all is as it was written\n"), "{said}");
    let told = tieout.run(["ledger", "verify", "--format", "json"]).exits(0).json();
    assert_eq!((&told["head"], &told["wrong"]), (&3.into(), &serde_json::json!([])));
    assert_eq!(told["hash"].as_str().unwrap(), sha256sum(&entry(&tieout, 3)));
}

#[test]
fn diff_writes_to_it_too() {
    let tieout = project();
    tieout.run(["diff", "a.csv", "b.csv", "-k", "id", "--out", "other"]).exits(1);
    let entries = entries(&tieout, &["--out", "other"]);
    assert_eq!(kinds(&entries), ["begun", "run_started", "run_finished"]);
    assert_eq!(entries[2]["event"]["rules"][0]["rule"], "diff");
    // Without an output there is nothing to write to.
    tieout.run(["diff", "a.csv", "b.csv", "-k", "id"]).exits(1);
    assert!(!tieout.path("out").exists());
}

#[test]
fn an_error_and_its_kind() {
    let tieout = project();
    tieout.file("b.csv", "id,name\n1,x\n2\n");
    tieout.run(["run", "-q"]).exits(2);
    let entries = entries(&tieout, &[]);
    assert_eq!(kinds(&entries), ["begun", "run_started", "run_cancelled"]);
    assert_eq!(entries[2]["event"]["why"], "data");
    assert_eq!(entries[2]["event"]["run_id"], entries[1]["event"]["run_id"]);
    verifies(&tieout);
    assert!(!tieout.path("out/divergences").exists() && !tieout.path("out/runs").exists());
}

#[test]
fn what_is_no_ledger() {
    let tieout = project();
    for command in [&["ledger", "verify"][..], &["ledger", "seal", "--key", "k"]] {
        tieout.run(["keys", "new", "k"]);
        let ended = tieout.run(command).exits(2);
        assert!(ended.stderr.contains(" has no ledger"), "{}", ended.stderr);
    }
    assert_eq!(tieout.run(["ledger", "show"]).exits(0).stdout, "");
    // All of it was removed, and is missed.
    tieout.run(["run", "-q"]).exits(1);
    fs::remove_dir_all(tieout.path("out/ledger")).unwrap();
    let ended = tieout.run(["ledger", "verify"]).exits(2);
    assert!(ended.stderr.contains("or the ledger was removed"), "{}", ended.stderr);
    let hash = "0".repeat(64);
    let ended = tieout.run(["ledger", "verify", "--project", ".", "--expect", &format!("3:{hash}")]).exits(1);
    assert!(ended.stdout.contains("ledger/000000000003.json: was removed"), "{}", ended.stdout);
    let elsewhere = Tieout::new().run(["ledger", "show"]).exits(2);
    assert!(elsewhere.stderr.contains("name the output with --out"), "{}", elsewhere.stderr);
}

#[test]
fn an_output_of_another_kind() {
    let tieout = project();
    tieout.run(["run", "-q"]).exits(1);
    let marker = tieout.path("out/_tieout.json");
    for (content, words) in [
        ("{\"store\": \"tieout\", \"version\": 2}", "is of version 2, which this version of tieout does not know"),
        ("{\"store\": \"else\", \"version\": 1}", "is not what tieout writes"),
        ("", "is not what tieout writes"),
    ] {
        fs::write(&marker, content).unwrap();
        for command in [&["run"][..], &["ledger", "verify"]] {
            let ended = tieout.run(command).exits(2);
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
            assert_eq!(fs::read_to_string(&marker).unwrap(), content);
        }
    }
    assert_eq!(entries(&tieout, &[]).len(), 3);
}

/// Results from before there was a ledger are no tampering; that they change, is.
#[test]
fn what_was_there_before_the_ledger() {
    let tieout = project();
    tieout.run(["run", "-q"]).exits(1);
    fs::remove_dir_all(tieout.path("out/ledger")).unwrap();
    tieout.run(["run", "-q"]).exits(1);
    let first = &entries(&tieout, &[])[0]["event"]["before"];
    assert_eq!(first.as_array().unwrap().len(), 4, "{first}");
    assert!(verifies(&tieout).contains("note: 4 files are from before the ledger"));
    let record =
        first.as_array().unwrap().iter().find_map(|file| file["path"].as_str().filter(|p| p.starts_with("runs/")));
    let record = record.unwrap();
    fs::remove_file(tieout.path("out").join(record)).unwrap();
    let ended = tieout.run(["ledger", "verify"]).exits(1);
    assert!(ended.stdout.starts_with(&format!("{record}: was removed")), "{}", ended.stdout);
}
