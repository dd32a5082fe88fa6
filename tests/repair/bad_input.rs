//! What cannot be repaired: a clear error, exit code 2, and nothing changed.

use rusqlite::Connection;

use super::sqlite::{DATASETS, dump};
use super::{AUTO, Given, planned};
use crate::support::tieout::Tieout;

const SOURCE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 1), (2, 2)";
const TARGET: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 5)";
const RULE: &str = "key: [id]\n    repair: {authority: source}";

fn tables(source: &str, target: &str, rule: &str) -> Tieout {
    let tieout = Tieout::new();
    Connection::open(tieout.path("a.db")).unwrap().execute_batch(source).unwrap();
    Connection::open(tieout.path("b.db")).unwrap().execute_batch(target).unwrap();
    Given { source: DATASETS[0], target: DATASETS[1], rule, rest: AUTO }.write(&tieout);
    tieout
}

fn refused(tieout: &Tieout, args: &[&str], what: &str) {
    let ended = tieout.run(args).exits(2);
    assert!(ended.stderr.contains(what), "{args:?}: {}", ended.stderr);
}

#[test]
fn before_there_is_a_plan() {
    let tieout = tables(SOURCE, TARGET, RULE);
    refused(&tieout, &["repair", "plan", "r"], "never ran");
    tieout.run(["run", "-q"]).exits(1);
    refused(&tieout, &["repair", "plan", "q"], "there is no run of a rule `q`");
    refused(&tieout, &["repair", "plan", "r", "--where", "nonsense ="], "--where");
    refused(&tieout, &["repair", "plan", "r", "--run", "01234567"], "there is no run");
    refused(&tieout, &["repair", "plan", "r", "--kind", "missing"], "the kinds are");
    refused(&tieout, &["repair", "show", "abc"], "too little of a plan's digest");
    refused(&tieout, &["repair", "show", "0123456789"], "nothing is planned yet");
    let none = tieout.run(["repair", "plan", "r", "--where", "id = 77"]).exits(0).stdout;
    assert!(none.contains("there is nothing to repair"), "{none}");
    tieout.run(["repair", "history"]).exits(0);

    let tieout = tables(SOURCE, TARGET, "key: [id]");
    tieout.run(["run", "-q"]).exits(1);
    refused(&tieout, &["repair", "plan", "r"], "nothing tells which side of `r` is right");
    tieout.run(["repair", "plan", "r", "--authority", "source"]).exits(0);

    let keyless = TARGET.replace("INTEGER PRIMARY KEY", "INTEGER");
    let tieout = tables(SOURCE, &keyless, RULE);
    tieout.run(["run", "-q"]).exits(1);
    refused(&tieout, &["repair", "plan", "r"], "has no unique key");

    let view = format!("{} ; ALTER TABLE t RENAME TO u; CREATE VIEW t AS SELECT * FROM u", TARGET);
    let tieout = tables(SOURCE, &view, RULE);
    tieout.run(["run", "-q"]).exits(1);
    refused(&tieout, &["repair", "plan", "r"], "is a view");
}

#[test]
fn a_plan_of_what_has_changed_since() {
    let tieout = tables(SOURCE, TARGET, RULE);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let before = dump(&tieout.path("b.db"));
    let project = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    for (from, to, what) in [
        ("key: [id]", "key: [id]\n    where: id > 0", "the rule `r` changed since the plan was made"),
        ("  r:\n", "  r2:\n", "has no rule `r` any more"),
        ("path: b.db", "path: c.db", "no SQLite database"),
    ] {
        std::fs::write(tieout.path("tieout.yaml"), project.replace(from, to)).unwrap();
        refused(&tieout, &["repair", "apply", &plan], what);
        assert_eq!(dump(&tieout.path("b.db")), before);
    }
    std::fs::write(tieout.path("tieout.yaml"), &project).unwrap();
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    connection.execute_batch("ALTER TABLE t ADD COLUMN more TEXT").unwrap();
    refused(&tieout, &["repair", "apply", &plan], "the table changed since the plan was made");
    connection.execute_batch("ALTER TABLE t DROP COLUMN more").unwrap();
    refused(&tieout, &["repair", "revert", &plan], "nothing was changed by the plan");
    refused(&tieout, &["repair", "export", &plan, "--to", "tieout.yaml"], "cannot be written");
    // As statements, in another program.
    let sql = tieout.run(["repair", "export", &plan]).exits(0).stdout;
    connection.execute_batch(&sql).unwrap();
    tieout.run(["run", "-q"]).exits(0);
    tieout.run(["repair", "export", &plan, "--format", "parquet", "--to", "plan.parquet"]).exits(0);
    assert!(std::fs::metadata(tieout.path("plan.parquet")).unwrap().len() > 100);
    assert!(
        tieout
            .run(["repair", "export", &plan, "--format", "csv"])
            .exits(0)
            .stdout
            .starts_with("\"n\",\"divergence_id\"")
    );
}

#[test]
fn files_of_other_kinds_cannot_be_repaired_and_that_is_said() {
    let tieout = Tieout::new();
    tieout.parquet("a.parquet", "id:int64, n:int64\n1 | 1");
    tieout.file("b.ndjson", "{\"id\": 1, \"n\": 2}\n");
    Given { source: "parquet: a.parquet", target: "ndjson: b.ndjson", rule: RULE, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    refused(&tieout, &["repair", "plan", "r"], "ndjson cannot be written anew");
}
