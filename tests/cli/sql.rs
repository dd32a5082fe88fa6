//! `tieout sql`: one statement or several, over datasets and past results.

use super::project;
use crate::support::tieout::Tieout;

#[test]
fn over_datasets() {
    let tieout = project();
    let query = "SELECT b.id, b.name, l.name AS other FROM bank b LEFT JOIN ledger l ON b.id = l.id ORDER BY b.id";
    let table = tieout.run(["sql", query]).exits(0);
    insta::assert_snapshot!(table.stdout, @"
    id  name  other
    --  ----  -----
     1  Ann   Ann
     2  Bob   Rob
     3  Eve   NULL
    (3 rows)
    ");
    assert_eq!(
        tieout.run(["sql", query, "--format", "csv"]).exits(0).stdout,
        "id,name,other\n1,Ann,Ann\n2,Bob,Rob\n3,Eve,\n"
    );
    let json = tieout.run(["sql", query, "--format", "json"]).exits(0).json();
    assert_eq!(json[2], serde_json::json!({"id": 3, "name": "Eve", "other": null}));
}

#[test]
fn from_standard_input() {
    let tieout = project();
    let script = "-- two of them\nSELECT count(*) AS n FROM bank;\nSELECT ';' AS c\n";
    let finished = tieout.run_with_input(["sql", "--format", "csv"], script).exits(0);
    assert_eq!(finished.stdout, "n\n3\nc\n;\n");
    assert_eq!(finished.stderr, "", "no prompt where nobody sits");
}

#[test]
fn over_past_results() {
    let tieout = project();
    let none = tieout.run(["sql", "SELECT count(*) AS n FROM runs", "--format", "csv"]).exits(0);
    assert_eq!(none.stdout, "n\n0\n");
    tieout.run(["run", "-q"]).exits(1);
    tieout.run(["run", "-q"]).exits(1);
    let csv = |query: &str| tieout.run(["sql", query, "--format", "csv"]).exits(0).stdout;
    assert_eq!(
        csv("SELECT rule, count(*) AS runs, min(outcome) AS outcome FROM runs GROUP BY rule ORDER BY rule"),
        "rule,runs,outcome\nday-end.sums,2,diverged\nlarge,2,diverged\nlines,2,diverged\n"
    );
    assert_eq!(
        csv("SELECT id, kind, source_name, target_name FROM divergences.lines
             WHERE run_id = (SELECT max(run_id) FROM runs) ORDER BY id"),
        "id,kind,source_name,target_name\n2,value_mismatch,Bob,Rob\n3,missing_in_target,Eve,\n"
    );
    // The same divergence has the same identity in both runs.
    assert_eq!(
        csv("SELECT count(*) AS n, count(DISTINCT divergence_id) AS ids FROM divergences.lines"),
        "n,ids\n4,2\n"
    );
    // Names with dots and dashes, in quotes.
    assert_eq!(csv("SELECT count(*) AS n FROM divergences.\"day-end.sums\""), "n\n2\n");
}

#[test]
fn what_cannot_be_answered() {
    let tieout = project();
    let told = |query: &str| tieout.run(["sql", query]).exits(2).stderr;
    insta::assert_snapshot!(told("SELECT nme FROM bank"), @"
    error: there is no column `nme`
    hint: did you mean `name`?
    ");
    insta::assert_snapshot!(told("SELECT * FROM bnak"), @"
    error: there is no table `bnak`
    hint: `SHOW TABLES` lists what there is
    ");
    let shown = tieout.run(["sql", "SHOW TABLES", "--format", "csv"]).exits(0).stdout;
    assert!(shown.contains("bank") && shown.contains("ledger"), "{shown}");
    // Nothing that is there is changed, and no file comes.
    let before = crate::bad_input::tree(tieout.dir());
    for change in
        ["DROP TABLE bank", "INSERT INTO bank VALUES (1, 'x', 2)", "COPY (SELECT 1) TO 'x.csv'", "DELETE FROM bank"]
    {
        tieout.run(["sql", change]).exits(2);
    }
    assert_eq!(crate::bad_input::tree(tieout.dir()), before);
}

#[test]
fn without_a_project() {
    let tieout = Tieout::new();
    assert_eq!(tieout.run(["sql", "SELECT 1 + 1 AS two", "--format", "csv"]).exits(0).stdout, "two\n2\n");
    tieout.run(["sql", "SELECT 1", "--project", "nowhere"]).exits(2);
}
