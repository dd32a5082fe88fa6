//! The examples do what their READMEs say: the same commands, and the counts of the tables in them.

use std::collections::BTreeMap;

use crate::support::postgres::Postgres;
use crate::support::tieout::{Finished, Tieout};
use crate::support::{data, python, root, venv, weed};

const KINDS: [&str; 5] =
    ["value_mismatch", "missing_in_target", "missing_in_source", "duplicate_key", "rule_violation"];

/// The table of counts in an example's README: rule -> head -> cell.
fn expected(example: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let readme = std::fs::read_to_string(root().join("examples").join(example).join("README.md")).unwrap();
    let mut lines = readme
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>());
    let head = lines.next().expect("the README has a table");
    assert_eq!(head[0], "rule");
    let rows = lines.skip(1).map(|row| (row[0].clone(), head.iter().cloned().zip(row).collect()));
    rows.collect()
}

/// Compares the JSON summary with the README, and the divergence tables (where they lie on this machine) with both.
#[track_caller]
fn check(example: &str, finished: &Finished, tieout: &Tieout) {
    let expected = expected(example);
    let summary = finished.json();
    let rules = summary["rules"].as_array().unwrap();
    assert_eq!(rules.len(), expected.len(), "{summary:#}");
    for rule in rules {
        let name = rule["rule"].as_str().unwrap();
        let expected = &expected[name];
        assert_eq!(rule["outcome"], expected["outcome"].as_str(), "{rule:#}");
        for count in KINDS.iter().chain(&["source", "target", "equal"]) {
            // Blank: the README says nothing of it. Absent in the summary: none.
            if let Ok(wanted) = expected[*count].parse::<u64>() {
                assert_eq!(rule["rows"][*count].as_u64().unwrap_or(0), wanted, "{count} of {rule:#}");
            }
        }
        let schema = ["only_in_source", "only_in_target", "type_differs"]
            .map(|list| rule["schema"][list].as_array().map_or(0, |list| list.len()));
        let schema_mismatch = schema.iter().sum::<usize>();
        assert_eq!(schema_mismatch.to_string(), expected["schema_mismatch"], "{rule:#}");

        let path = rule["divergences"].as_str().unwrap_or_else(|| panic!("no table of {rule:#}"));
        if !path.contains("://") {
            let table = data::read_parquet(&tieout.path(path));
            let kinds = data::rows(&table, &["kind"]);
            for kind in KINDS.iter().chain(&["schema_mismatch"]) {
                let rows = kinds.iter().filter(|row| row == kind).count();
                assert_eq!(rows.to_string(), expected[*kind], "rows of {kind} in {path}");
            }
        }
    }
}

fn column(rule: &serde_json::Value, name: &str) -> (u64, u64) {
    let columns = rule["columns"].as_array().unwrap();
    let column = columns.iter().find(|column| column["column"] == name).unwrap_or_else(|| panic!("{name}: {rule:#}"));
    (column["value_mismatch"].as_u64().unwrap(), column["within_tolerance"].as_u64().unwrap())
}

#[test]
fn quickstart() {
    let tieout = Tieout::in_example("quickstart");
    let finished = tieout.run(["run", "--format", "json"]).exits(1);
    check("quickstart", &finished, &tieout);

    let bank = finished.rule("bank_statement");
    assert_eq!(column(&bank, "amount"), (3, 4));
    assert_eq!(column(&bank, "customer"), (1, 0));
    assert_eq!(column(&bank, "currency"), (1, 0));
    assert_eq!(column(&bank, "value_date"), (1, 0));
    assert_eq!(bank["schema"]["only_in_target"], serde_json::json!(["purpose"]));

    let table = data::read_parquet(&tieout.path(bank["divergences"].as_str().unwrap()));
    let rows = data::rows(&table, &["payment_id", "kind", "unreadable"]);
    let unreadable = rows.iter().find(|row| row.starts_with("P-1085")).unwrap();
    assert!(unreadable.contains("249,00"), "{unreadable}");
    let ids: Vec<&str> = rows.iter().map(|row| row.split(" | ").next().unwrap()).collect();
    for id in ["P-0998", "P-1008", "P-1017", "P-1030", "P-1042", "P-1058", "P-1071", "P-1085", "P-1099", "P-1103"] {
        assert_eq!(ids.iter().filter(|found| **found == id).count(), 1, "{id} in {rows:#?}");
    }

    let violations = finished.rule("unbalanced_entries");
    let table = data::read_parquet(&tieout.path(violations["divergences"].as_str().unwrap()));
    assert_eq!(
        data::rows(&table, &["entry_id", "payment_id", "difference"]),
        ["500050 | P-1050 | -5.00", "500077 | P-1077 | 0.10"]
    );
}

/// The data in the repository is what its script makes. (Parquet by value: its bytes depend on the library's version.)
#[test]
fn quickstart_data_is_made_by_its_script() {
    let tieout = Tieout::in_example("quickstart");
    std::fs::remove_dir_all(tieout.path("data")).unwrap();
    python::run_file(&tieout.path("make_data.py"), [""; 0]);
    let committed = root().join("examples/quickstart/data");
    for file in ["payments.ndjson", "bank/2026-03-first.csv", "bank/2026-03-second.csv"] {
        let (ours, made) = (committed.join(file), tieout.path("data").join(file));
        assert_eq!(std::fs::read_to_string(ours).unwrap(), std::fs::read_to_string(made).unwrap(), "{file}");
    }
    let ledger = |dir: &std::path::Path| data::rows(&data::read_parquet(&dir.join("ledger.parquet")), &[]);
    assert_eq!(ledger(&committed), ledger(&tieout.path("data")));
}

#[test]
fn migration() {
    let database = Postgres::shared().database();
    let tieout = Tieout::in_example("migration").env("SHOP_URL", database.url());
    database.sql(&std::fs::read_to_string(tieout.path("shop.sql")).unwrap());
    let finished = tieout.run(["run", "--format", "json"]).exits(1);
    check("migration", &finished, &tieout);
    let orders = finished.rule("orders");
    let differ = ["amount", "placed_at", "status", "note", "customer"].map(|name| column(&orders, name).0);
    assert_eq!(differ, [3, 2, 1, 2, 0]);
    // The data in the repository is what its script makes.
    let made = tieout.path("made");
    python::run_file(&tieout.path("make_data.py"), [&made]);
    let rows = |folder: &std::path::Path| data::rows(&data::read_parquet(&folder.join("orders.parquet")), &[]);
    assert_eq!(rows(&root().join("examples/migration/lake")), rows(&made));
}

#[test]
fn flights() {
    let tieout = Tieout::in_example("flights").env("FLIGHTS_DATA", "data");
    let planted = python::run_file(&tieout.path("prepare.py"), [tieout.path("data")]);
    let planted: serde_json::Value = serde_json::from_str(&planted).unwrap();
    let finished = tieout.run(["run", "--format", "json"]).exits(1);
    check("flights", &finished, &tieout);

    let copy = finished.rule("copy");
    for kind in ["value_mismatch", "missing_in_target", "missing_in_source", "duplicate_key", "source", "target"] {
        assert_eq!(copy["rows"][kind], planted[kind], "{kind} of {copy:#}");
    }
    for name in ["arr_delay", "tailnum", "dest", "minute"] {
        assert_eq!(column(&copy, name).0, planted[name], "{name} of {copy:#}");
    }
    assert_eq!(column(&copy, "distance"), (0, planted["distance within tolerance"].as_u64().unwrap()));

    // The README's command without a project gives the same counts.
    let diff = tieout.run([
        "diff",
        "data/flights.parquet",
        "data/changed.parquet",
        "--key=month,day,carrier,flight,origin",
        "--tolerance=distance=0.5",
        "--format=json",
    ]);
    assert_eq!(diff.exits(1).rule("diff")["rows"], copy["rows"]);
}

#[test]
fn object_storage() {
    let weed = weed::weed();
    let bucket = weed.bucket();
    let tieout = Tieout::in_example("object_storage")
        .envs(weed.env())
        .env("BUCKET", &bucket)
        .env("SUMMARY", "summary.json")
        .env("RETRIES", "0");
    python::run_file(&tieout.path("make_data.py"), [tieout.path("data")]);
    weed.upload(&tieout.path("data"), &bucket, "");

    let batch = Finished::of(tieout.program(&tieout.path("batch.sh"), [""; 0]), None).exits(1);
    assert!(batch.stdout.contains("DIVERGED"), "{}", batch.stdout);
    let stdout = std::fs::read_to_string(tieout.path("summary.json")).unwrap();
    let finished = Finished { code: Some(1), stdout, stderr: batch.stderr };
    check("object_storage", &finished, &tieout);

    // What the bucket holds is what was reported, and each run has its record.
    weed.download(&bucket, "tieout", &tieout.path("result"));
    for (rule, rows) in [("orders", 8), ("orders_budget", 5)] {
        let folder = tieout.path(&format!("result/tieout/divergences/rule={rule}"));
        assert_eq!(data::read_parquet(&folder).num_rows(), rows, "{rule}");
    }
    assert_eq!(data::read_parquet(&tieout.path("result/tieout/runs")).num_rows(), 2);

    // One rule that is reconciled ends the batch with 0; a bucket that is not there is an error, never a verdict.
    let quiet = Finished::of(tieout.program(&tieout.path("batch.sh"), ["orders_budget"]), None).exits(0);
    assert_eq!(quiet.stdout, "batch: reconciled\n");
    let mut command = tieout.program(&tieout.path("batch.sh"), [""; 0]);
    command.env("BUCKET", "tieout-nowhere");
    Finished::of(command, None).exits(2);
}

#[test]
fn history() {
    let tieout = Tieout::in_example("history").env("PYTHON", venv("python"));
    let told = Finished::of(tieout.program(&tieout.path("thirty.sh"), [""; 0]), None).exits(0).stdout;
    assert!(told.starts_with("wrote tieout-report.html, "), "{told}");
    let finished = tieout.run(["run", "--format", "json", "--out", "again"]).exits(1);
    check("history", &finished, &tieout);
    assert_eq!((column(&finished.rule("prices"), "price").0, column(&finished.rule("prices"), "name").0), (102, 50));

    let told = tieout.run(["history", "prices", "--limit", "30", "--format", "json"]).exits(0).json();
    let runs = told["runs"].as_array().unwrap();
    let of = |day: usize, state: &str| runs[day - 1][state].as_u64().unwrap();
    assert_eq!(runs.len(), 30);
    // The release, its end, its return; and the names that are mended.
    assert!(
        of(7, "new") > 80 && of(14, "resolved") > 80 && of(21, "reopened") > 80 && of(27, "resolved") > 30,
        "{told:#}"
    );
    assert!((2..30).all(|day| of(day, "resolved") > 0), "{told:#}");

    let page = std::fs::read_to_string(tieout.path("tieout-report.html")).unwrap();
    assert!(page.contains("2 of 3 rules DIVERGED") && page.contains("P-77-OLD"), "{page}");
    // One of thirty runs shows what was known then.
    let first = runs[6]["run_id"].as_str().unwrap();
    let then = tieout.run(["report", first, "--format", "markdown"]).exits(0).stdout;
    assert!(then.contains(" new |") && !then.contains("resolved"), "{then}");
}

#[test]
fn repair() {
    let tieout = Tieout::in_example("repair");
    python::run_file(&tieout.path("make_data.py"), [tieout.dir()]);
    let finished = tieout.run(["run", "--format", "json", "--out", "first"]).exits(1);
    check("repair", &finished, &tieout);
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_tieout")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let tieout = tieout.env("PYTHON", venv("python")).env("PATH", path);
    let told = Finished::of(tieout.program(&tieout.path("repair.sh"), [""; 0]), None).exits(0).stdout;
    for part in [
        "rows: applied 7",
        "refused 1",
        "approved by anna",
        "499 of 500 rows equal",
        "reverted",
        "all is as it was written",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// The README shows it: it is there, and no load.
#[test]
fn the_picture_of_the_report_is_small() {
    let picture = std::fs::read(root().join("examples/history/report.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() < 300_000, "{} bytes", picture.len());
}

#[test]
fn notebook() {
    let tieout = Tieout::in_example("quickstart");
    // Two runs, so that the notebook must choose the later one.
    tieout.run(["run", "--quiet"]).exits(1);
    tieout.run(["run", "--quiet"]).exits(1);
    let mut command = tieout.program(&venv("jupyter-nbconvert"), ["--to", "notebook", "--execute", "--stdout"]);
    command.arg(root().join("examples/notebook/divergences.ipynb")).env("TIEOUT_OUT", tieout.path("out"));
    let executed = Finished::of(command, None).exits(0).json();
    let cells = executed["cells"].as_array().unwrap();
    let plots = cells.iter().flat_map(|cell| cell["outputs"].as_array().into_iter().flatten());
    assert_eq!(plots.filter(|output| output["data"]["image/png"].is_string()).count(), 2);
}

/// Results, run by hand, belong to nobody's commit.
#[test]
fn the_notebook_is_committed_without_results() {
    let text = std::fs::read_to_string(root().join("examples/notebook/divergences.ipynb")).unwrap();
    let notebook: serde_json::Value = serde_json::from_str(&text).unwrap();
    for cell in notebook["cells"].as_array().unwrap() {
        assert!(cell["outputs"].as_array().is_none_or(|outputs| outputs.is_empty()), "{cell:#}");
    }
}
