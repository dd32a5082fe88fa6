//! Repair of SQLite files.

use rusqlite::Connection;

use super::cases::{Key, case};
use super::{AUTO, Given, applied, next, planned, reverted, verified};
use crate::support::tieout::Tieout;

fn value(column: usize, seed: &mut u64) -> String {
    let n = next(seed);
    if n.is_multiple_of(7) {
        return "NULL".into();
    }
    match column {
        0 => format!("{}.{:02}", n % 1000, n % 100),
        1 => ["'a'", "'A'", "'a '", "''", "'it''s'", "'né'"][(n % 6) as usize].to_string(),
        2 => format!("'2024-02-{:02} 10:00:0{}'", n % 28 + 1, n % 10),
        3 => ["0.1", "-2.5", "1e300", "3.0"][(n % 4) as usize].to_string(),
        4 => ["x''", "x'00ff'", "x'41'"][(n % 3) as usize].to_string(),
        _ => (n % 2).to_string(),
    }
}

fn table(key: Key) -> &'static str {
    let (id, key) = match key {
        Key::Primary => ("INTEGER PRIMARY KEY", ""),
        Key::Composite => ("INTEGER", ", PRIMARY KEY (a, b)"),
        Key::Surrogate | Key::Repeated => ("INTEGER PRIMARY KEY", ""),
    };
    Box::leak(
        format!(
            "CREATE TABLE t (id {id}, a INTEGER NOT NULL, b TEXT, amount DECIMAL(12,2), name TEXT, at DATETIME, real REAL, raw BLOB, flag BOOLEAN{key});"
        )
        .into_boxed_str(),
    )
}

pub fn dump(path: &std::path::Path) -> Vec<Vec<rusqlite::types::Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT * FROM t ORDER BY 1").unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|n| row.get(n)).collect()).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

pub const DATASETS: [&str; 2] = ["sqlite: {path: a.db, table: t}", "sqlite: {path: b.db, table: t}"];

#[test]
fn random_tables_agree_after_it_and_are_what_they_were_after_a_revert() {
    let mut seen = std::collections::HashMap::new();
    for seed in 0..super::cases() {
        let case = case(seed, 6, &value);
        let tieout = Tieout::new();
        for (side, file) in ["a.db", "b.db"].into_iter().enumerate() {
            let connection = Connection::open(tieout.path(file)).unwrap();
            connection.execute_batch(&(table(case.key).to_string() + &case.inserts(side, "t"))).unwrap();
        }
        Given { source: DATASETS[0], target: DATASETS[1], rule: case.key.rule(), rest: AUTO }.write(&tieout);
        let before = dump(&tieout.path("b.db"));
        let run = tieout.run(["run", "--format", "json"]).json();
        if run["outcome"] == "reconciled" {
            continue;
        }
        for kind in ["value_mismatch", "missing_in_target", "missing_in_source", "duplicate_key"] {
            *seen.entry(kind).or_insert(0) += run["rules"][0]["rows"][kind].as_u64().unwrap();
        }
        let plan = planned(&tieout);
        let rehearsed = tieout.run(["repair", "apply", &plan, "--dry-run", "--format", "json"]).exits(0).json();
        assert_eq!(rehearsed["outcome"], "repaired", "seed {seed}: {rehearsed:#}");
        assert_eq!(dump(&tieout.path("b.db")), before, "seed {seed}: a dry run has changed something");
        let told = applied(&tieout, &plan);
        assert_eq!(told["outcome"], "repaired", "seed {seed} {:?}: {told:#}", case.key);
        tieout.run(["run", "-q"]).exits(0);
        let after = dump(&tieout.path("b.db"));
        let twice = applied(&tieout, &plan);
        assert_eq!(twice["outcome"], "repaired", "seed {seed} {:?}: {twice:#}", case.key);
        assert_eq!(dump(&tieout.path("b.db")), after, "seed {seed}: applied twice");
        let back = reverted(&tieout, &plan);
        assert_eq!(back["outcome"], "reverted", "seed {seed} {:?}: {back:#}", case.key);
        assert_eq!(dump(&tieout.path("b.db")), before, "seed {seed}: the revert left something else");
        let again = reverted(&tieout, back["plan"].as_str().unwrap());
        assert_eq!(again["outcome"], "reverted", "seed {seed}: {again:#}");
        assert_eq!(dump(&tieout.path("b.db")), after, "seed {seed}: a revert that is taken back");
        verified(&tieout);
    }
    assert!(seen.len() == 4 && seen.values().all(|n| *n > 0), "{seen:?}");
}

fn two(source: &str, target: &str, rule: &str, rest: &str) -> Tieout {
    let tieout = Tieout::new();
    Connection::open(tieout.path("a.db")).unwrap().execute_batch(source).unwrap();
    Connection::open(tieout.path("b.db")).unwrap().execute_batch(target).unwrap();
    Given { source: DATASETS[0], target: DATASETS[1], rule, rest }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    tieout
}

const T: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT UNIQUE, boss INTEGER REFERENCES t (id));";

#[test]
fn chains_of_unique_values_and_rows_that_refer_to_each_other_are_done_in_order() {
    let source = format!(
        "{T} INSERT INTO t VALUES (1, 'b', NULL), (2, 'c', NULL), (3, 'd', NULL), (6, 'x', 5), (5, 'y', 4), (4, 'z', NULL)"
    );
    let target =
        format!("{T} INSERT INTO t VALUES (1, 'a', NULL), (2, 'b', NULL), (3, 'c', NULL), (8, 'd', NULL), (9, 'q', 8)");
    let tieout = two(&source, &target, "key: [id]\n    repair: {authority: source}", AUTO);
    let before = dump(&tieout.path("b.db"));
    let plan = planned(&tieout);
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    assert_eq!(dump(&tieout.path("b.db")), dump(&tieout.path("a.db")));
    assert_eq!(reverted(&tieout, &plan)["outcome"], "reverted");
    assert_eq!(dump(&tieout.path("b.db")), before);
}

#[test]
fn a_swap_is_refused_with_its_reason_and_the_rest_is_done() {
    let source = format!("{T} INSERT INTO t VALUES (1, 'b', NULL), (2, 'a', NULL), (3, 'new', NULL)");
    let target = format!("{T} INSERT INTO t VALUES (1, 'a', NULL), (2, 'b', NULL), (3, 'old', NULL)");
    let tieout = two(&source, &target, "key: [id]\n    repair: {authority: source}", AUTO);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    assert_eq!(
        (told["plans"][0]["counts"]["update"].clone(), told["plans"][0]["counts"]["refused"].clone()),
        (1.into(), 2.into())
    );
    let plan = told["plans"][0]["plan"].as_str().unwrap();
    assert!(tieout.run(["repair", "show", plan]).exits(0).stdout.contains("(a swap)"));
    let told = tieout.run(["repair", "apply", plan, "--format", "json"]).exits(1).json();
    assert_eq!((told["outcome"].clone(), told["rows"]["applied"].clone()), ("partly".into(), 1.into()));
}

#[test]
fn what_would_take_other_rows_with_it_or_is_generated_is_refused() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, twice INTEGER GENERATED ALWAYS AS (n * 2) STORED);";
    let child = "CREATE TABLE child (t INTEGER REFERENCES t (id) ON DELETE CASCADE);";
    let source = format!("{table} INSERT INTO t (id, n) VALUES (1, 1), (2, 2)");
    let target =
        format!("{table} {child} INSERT INTO t (id, n) VALUES (1, 1), (2, 3), (4, 4); INSERT INTO child VALUES (4)");
    let tieout = two(&source, &target, "key: [id]\n    repair: {authority: source}", AUTO);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    let plan = told["plans"][0]["plan"].as_str().unwrap();
    let shown = tieout.run(["repair", "show", plan]).exits(0).stdout;
    assert!(shown.contains("rows of child would change with it"), "{shown}");
    assert!(shown.contains("twice is generated"), "{shown}");
    let count: i64 = Connection::open(tieout.path("b.db"))
        .unwrap()
        .query_row("SELECT count(*) FROM child", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_column_that_the_database_moves_with_another_is_looked_at() {
    let source =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, twice INTEGER); INSERT INTO t VALUES (1, 5, 6), (2, 4, 8)";
    let generated =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, twice INTEGER GENERATED ALWAYS AS (n * 2) STORED);
                     INSERT INTO t (id, n) VALUES (1, 3), (2, 4)";
    let trigger = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, twice INTEGER); INSERT INTO t VALUES (1, 3, 6), (2, 4, 8);
                   CREATE TRIGGER twice AFTER UPDATE OF n ON t BEGIN UPDATE t SET twice = NEW.n * 2 WHERE id = NEW.id; END";
    for target in [generated, trigger] {
        let tieout = two(source, target, "key: [id]\n    repair: {authority: source}", AUTO);
        let plan = planned(&tieout);
        for way in [&["--dry-run"][..], &[]] {
            let apply = ["repair", "apply", &plan, "--format", "json"];
            let told = tieout.run(apply.iter().chain(way).copied()).exits(1).json();
            assert_eq!(
                (told["outcome"].clone(), told["still_diverging"].clone()),
                ("failed".into(), 1.into()),
                "{told:#}"
            );
        }
        tieout.run(["run", "-q"]).exits(1);
        assert_eq!(reverted(&tieout, &plan)["outcome"], "reverted");
    }
}

#[test]
fn what_would_change_with_a_row_only_since_the_plan_was_made_is_not_changed() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER);";
    let child = "CREATE TABLE child (t INTEGER REFERENCES t (id) ON DELETE CASCADE ON UPDATE CASCADE); INSERT INTO child VALUES (9)";
    let trigger = "CREATE TRIGGER new BEFORE UPDATE ON t BEGIN SELECT 1; END";
    for (later, words) in [
        (child, "rows of child would change with those of the plan"),
        (trigger, "the trigger new runs on the table by now"),
    ] {
        let source = format!("{table} INSERT INTO t VALUES (1, 1)");
        let target = format!("{table} INSERT INTO t VALUES (1, 2), (9, 9)");
        let tieout = two(&source, &target, "key: [id]\n    repair: {authority: source}", AUTO);
        let plan = planned(&tieout);
        let before = dump(&tieout.path("b.db"));
        Connection::open(tieout.path("b.db")).unwrap().execute_batch(later).unwrap();
        for way in [&["--dry-run"][..], &[]] {
            let stderr = tieout.run(["repair", "apply", &plan].iter().chain(way).copied()).exits(2).stderr;
            assert!(stderr.contains(words), "{stderr}");
        }
        assert_eq!(dump(&tieout.path("b.db")), before);
    }
}

#[test]
fn a_constraint_is_told_of_its_row_and_the_others_are_changed() {
    let target = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER CHECK (n < 100)); INSERT INTO t VALUES (1, 1), (2, 1), (3, 1), (4, 1)";
    let source =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 2), (2, 200), (3, 2), (5, 300)";
    let tieout = two(source, target, "key: [id]\n    repair: {authority: source}", AUTO);
    let plan = planned(&tieout);
    let dry = tieout.run(["repair", "apply", &plan, "--dry-run", "--format", "json"]).exits(1).json();
    let told = applied(&tieout, &plan);
    for told in [dry, told] {
        assert_eq!(told["outcome"], "partly");
        assert_eq!((told["rows"]["applied"].clone(), told["rows"]["failed"].clone()), (3.into(), 2.into()), "{told:#}");
        assert!(told["unrepaired"][0]["why"].as_str().unwrap().contains("CHECK constraint failed"), "{told:#}");
    }
    tieout.run(["repair", "history", &plan]).exits(0);
    verified(&tieout);
}

#[test]
fn which_side_is_right_row_by_row_and_column_by_column() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, name TEXT, phone TEXT);";
    let source =
        format!("{table} INSERT INTO t VALUES (1, 5, 's', 'x'), (2, 5, 's', 'x'), (3, 5, 's', 'y'), (4, 1, 's', 'x')");
    let target = format!("{table} INSERT INTO t VALUES (1, 6, 't', 'x'), (2, 4, 't', 'x'), (3, 5, 't', 'y')");
    let newer = "key: [id]\n    repair: {authority: {newer: at, missing: source}}";
    let tieout = two(&source, &target, newer, AUTO);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    let sides: Vec<&str> =
        told["plans"].as_array().unwrap().iter().map(|plan| plan["side"].as_str().unwrap()).collect();
    assert_eq!(sides, ["source", "target"]);
    assert_eq!(told["undecided"]["`at` is the same on both sides"], 1, "{told:#}");
    for plan in told["plans"].as_array().unwrap() {
        assert_eq!(applied(&tieout, plan["plan"].as_str().unwrap())["outcome"], "repaired");
    }
    let run = tieout.run(["run", "--format", "json"]).exits(1).json();
    assert_eq!(run["rules"][0]["rows"]["value_mismatch"], 1);

    let columns = "key: [id]\n    repair: {authority: {otherwise: source, columns: {name: target}}}";
    let tieout = two(&source, &target, columns, AUTO);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    for plan in told["plans"].as_array().unwrap() {
        assert_eq!(applied(&tieout, plan["plan"].as_str().unwrap())["outcome"], "repaired", "{plan:#}");
    }
    tieout.run(["run", "-q"]).exits(0);

    let sql = "key: [id]\n    repair: {authority: \"CASE WHEN source_at >= target_at THEN 'source' WHEN source_at < target_at THEN 'target' END\"}";
    let tieout = two(&source, &target, sql, AUTO);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    assert_eq!(
        (told["plans"].as_array().unwrap().len(), told["undecided"]["`authority` gives NULL"].clone()),
        (2, 1.into())
    );
}

#[test]
fn no_row_gives_way_to_another() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT UNIQUE ON CONFLICT REPLACE);";
    let source = format!("{table} INSERT INTO t VALUES (1, 'z'), (2, 'b')");
    let target = format!("{table} INSERT INTO t VALUES (2, 'a'), (3, 'b'), (4, 'z')");
    let tieout = two(&source, &target, "key: [id]\n    where: id < 3\n    repair: {authority: source}", AUTO);
    let told = applied(&tieout, &planned(&tieout));
    assert_eq!(told["rows"]["failed"], 2, "{told:#}");
    assert_eq!(dump(&tieout.path("b.db")).len(), 3);
}

#[test]
fn what_the_filters_leave_out_is_not_written_over() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, status TEXT);";
    let source = format!("{table} INSERT INTO t VALUES (1, 'live'), (2, 'live'), (3, 'draft')");
    let target = format!("{table} INSERT INTO t VALUES (1, 'live'), (2, 'draft'), (3, 'live')");
    let tieout =
        two(&source, &target, "key: [id]\n    where: \"status <> 'draft'\"\n    repair: {authority: source}", AUTO);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    assert_eq!(told["plans"][0]["counts"]["refused"], 2, "{told:#}");
    let shown = tieout.run(["repair", "show", told["plans"][0]["plan"].as_str().unwrap()]).exits(0).stdout;
    assert!(shown.contains("which the rule's filters leave out"), "{shown}");
}

#[test]
fn a_row_whose_key_the_database_gives_is_made_once_whatever_happens_to_it() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT, n INTEGER, note TEXT);";
    let source = format!("{table} INSERT INTO t VALUES (1, 'a', 1, NULL), (2, 'b', 2, NULL)");
    let rule = "key: [code]\n    columns: {id: {ignore: true}, note: {ignore: true}}\n    repair: {authority: source}";
    let tieout = two(&source, &format!("{table} INSERT INTO t VALUES (7, 'a', 1, NULL)"), rule, AUTO);
    let plan = planned(&tieout);
    assert_eq!(applied(&tieout, &plan)["rows"]["applied"], 1);
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    let rows = || dump(&tieout.path("b.db")).len();
    for (sql, outcome) in [
        ("UPDATE t SET note = 'by hand' WHERE code = 'b'", "applied"),
        ("UPDATE t SET n = 5 WHERE code = 'b'", "stale"),
    ] {
        connection.execute_batch(sql).unwrap();
        let told = applied(&tieout, &plan);
        assert_eq!((told["rows"][outcome].clone(), rows()), (1.into(), 2), "{sql}: {told:#}");
    }
    // Somebody else was faster, with another value.
    let tieout = two(&source, &format!("{table} INSERT INTO t VALUES (7, 'a', 1, NULL)"), rule, AUTO);
    let plan = planned(&tieout);
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    connection.execute_batch("INSERT INTO t VALUES (50, 'b', 77, NULL)").unwrap();
    assert_eq!(applied(&tieout, &plan)["rows"]["stale"], 1);
    assert_eq!(dump(&tieout.path("b.db")).len(), 2);
}

#[test]
fn what_was_refused_when_it_was_to_be_committed_is_nobody_s_to_take_back() {
    let parent = "CREATE TABLE parent (id INTEGER PRIMARY KEY);";
    let table =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);";
    let plain = "CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER);";
    let source = format!("{plain} INSERT INTO t VALUES (1, NULL), (2, 7), (3, NULL)");
    let target = format!("{parent} {table} INSERT INTO t VALUES (4, NULL)");
    let tieout = two(&source, &target, "key: [id]\n    repair: {authority: source}", AUTO);
    let plan = planned(&tieout);
    let told = applied(&tieout, &plan);
    assert_eq!((told["rows"]["applied"].clone(), told["rows"]["failed"].clone()), (3.into(), 1.into()), "{told:#}");
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    connection.execute_batch("INSERT INTO parent VALUES (7); INSERT INTO t VALUES (2, 7)").unwrap();
    let back = reverted(&tieout, &plan);
    assert_eq!(back["rows"]["applied"], 3, "{back:#}");
    let left: Vec<i64> = dump(&tieout.path("b.db"))
        .iter()
        .map(|row| match row[0] {
            rusqlite::types::Value::Integer(id) => id,
            _ => panic!("an id is none"),
        })
        .collect();
    assert_eq!(left, [2, 4]);
    verified(&tieout);
}

#[test]
fn a_row_comes_back_to_the_key_that_a_new_row_has_taken() {
    let tieout = Tieout::new();
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, n INTEGER);";
    for (file, rows) in [("a.db", "(1, 'a', 1), (9, 'new', 2)"), ("b.db", "(1, 'a', 1), (2, 'old', 3)")] {
        let connection = Connection::open(tieout.path(file)).unwrap();
        connection.execute_batch(&format!("{table} INSERT INTO t VALUES {rows}")).unwrap();
    }
    let rule = "key: [k]\n    columns: {id: {ignore: true}}\n    repair: {authority: source}";
    Given { source: DATASETS[0], target: DATASETS[1], rule, rest: AUTO }.write(&tieout);
    let before = dump(&tieout.path("b.db"));
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    // One at a time, so that the old row is gone when the new one gets its key.
    tieout.run(["repair", "apply", &plan, "--batch", "1"]).exits(0);
    let taken: i64 = Connection::open(tieout.path("b.db"))
        .unwrap()
        .query_row("SELECT id FROM t WHERE k = 'new'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(taken, 2);
    let back = reverted(&tieout, &plan);
    assert_eq!(back["outcome"], "reverted", "{back:#}");
    assert_eq!(dump(&tieout.path("b.db")), before);
    verified(&tieout);
}

#[test]
fn in_place_is_for_files() {
    let tieout = Tieout::new();
    for (file, n) in [("a.db", 1), ("b.db", 2)] {
        let connection = Connection::open(tieout.path(file)).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, {n})"
            ))
            .unwrap();
    }
    let rule = "key: [id]\n    repair: {authority: source}";
    Given { source: DATASETS[0], target: DATASETS[1], rule, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let told = tieout.run(["repair", "apply", &plan, "--in-place"]).exits(2).stderr;
    assert!(told.contains("rows of a database are always changed where they are"), "{told}");
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
}
