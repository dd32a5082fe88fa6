//! Others write while a plan is carried out, processes are killed, and two come at once: nobody's change is lost, every row is changed
//! once at most.

use std::time::Duration;

use rusqlite::Connection;

use super::sqlite::DATASETS;
use super::{AUTO, Given, applied, planned, verified};
use crate::support::postgres::Postgres;
use crate::support::tieout::{Finished, Tieout};

/// Rows from 1 on; in the target, all of them are off by one, and it is logged when they are changed.
fn tables(rows: u32) -> Tieout {
    let tieout = Tieout::new();
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE log (id INTEGER);";
    let numbers = format!("WITH RECURSIVE k(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM k WHERE id < {rows})");
    let count = "CREATE TRIGGER count AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (NEW.id); END;";
    for (file, off, trigger) in [("a.db", 0, ""), ("b.db", 1, count)] {
        let sql = format!(
            "PRAGMA journal_mode = WAL; {table} {trigger} {numbers} INSERT INTO t (id, n) SELECT id, id + {off} FROM k"
        );
        Connection::open(tieout.path(file)).unwrap().execute_batch(&sql).unwrap();
    }
    let rule = "key: [id]\n    repair: {authority: source}";
    Given { source: DATASETS[0], target: DATASETS[1], rule, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    tieout
}

/// Rows that were changed once, and no more.
const ONCE: &str = "SELECT count(*) FROM (SELECT id FROM log GROUP BY id HAVING count(*) = 1)";

fn ask(tieout: &Tieout, sql: &str) -> i64 {
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_row_that_was_killed_over_is_changed_once_whatever_the_instant() {
    let kills: u64 = std::env::var("TIEOUT_REPAIR_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let tieout = tables(600);
    let plan = planned(&tieout);
    let mut ended = false;
    for kill in 0..kills {
        let mut child = tieout.command(["repair", "apply", &plan, "--batch", "20", "-q"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(40 + kill * 23 % 160));
        let _ = child.kill();
        ended |= child.wait().unwrap().success();
    }
    let _ = ended;
    let told = applied(&tieout, &plan);
    assert_eq!(told["outcome"], "repaired", "{told:#}");
    assert_eq!(told["rows"]["applied"], 600);
    assert_eq!(ask(&tieout, "SELECT count(*) FROM t WHERE n = id"), 600);
    assert_eq!(ask(&tieout, ONCE), 600);
    tieout.run(["run", "-q"]).exits(0);
    // And back, killed as well.
    for kill in 0..kills {
        let mut child = tieout.command(["repair", "revert", &plan, "--batch", "20", "-q"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(40 + kill * 31 % 160));
        let _ = child.kill();
        let _ = child.wait();
    }
    super::reverted(&tieout, &plan);
    assert_eq!(ask(&tieout, "SELECT count(*) FROM t WHERE n = id + 1"), 600);
    assert_eq!(ask(&tieout, "SELECT count(*) FROM (SELECT id FROM log GROUP BY id HAVING count(*) = 2)"), 600);
    verified(&tieout);
}

#[test]
fn two_at_once_are_one() {
    let tieout = tables(4000);
    let plan = planned(&tieout);
    let args = ["repair", "apply", &plan, "--batch", "50", "--rows-per-second", "4000"];
    let first = tieout.command(args).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    let second = tieout.run(args).exits(2);
    assert!(second.stderr.contains("is being carried out by another process"), "{}", second.stderr);
    Finished::of_child(first).exits(0);
    assert_eq!(ask(&tieout, "SELECT count(*) FROM t WHERE n = id"), 4000);
    assert_eq!(ask(&tieout, ONCE), 4000);
}

#[test]
fn a_writer_loses_none_of_its_changes_and_each_is_told() {
    let database = Postgres::shared().database();
    database.sql(
        "CREATE TABLE s AS SELECT id, id AS n FROM generate_series(1, 10000) AS id;
         CREATE TABLE t AS SELECT id, id + 1 AS n FROM generate_series(1, 10000) AS id;
         ALTER TABLE s ADD PRIMARY KEY (id); ALTER TABLE t ADD PRIMARY KEY (id)",
    );
    let tieout = Tieout::new();
    let url = database.url();
    let [source, target] = ["s", "t"].map(|name| format!("postgres: {{url: \"{url}\", table: {name}}}"));
    Given { source: &source, target: &target, rule: "key: [id]\n    repair: {authority: source}", rest: AUTO }
        .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let args = ["repair", "apply", &plan, "--batch", "200", "--rows-per-second", "5000", "--format", "json"];
    let child = tieout.command(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
    // One row of ten, from the end to the beginning: those that the plan has come to already are changed after it.
    for from in (0..10).rev() {
        let changed =
            format!("UPDATE t SET n = -id WHERE id % 10 = 0 AND id > {} AND id <= {}", from * 1000, (from + 1) * 1000);
        database.sql(&changed);
    }
    let told = Finished::of_child(child).exits(1).json();
    assert_eq!(database.query("SELECT count(*) FROM t WHERE id % 10 = 0 AND n = -id").trim(), "1000");
    assert_eq!(database.query("SELECT count(*) FROM t WHERE id % 10 <> 0 AND n = id").trim(), "9000");
    let stale = told["rows"]["stale"].as_u64().unwrap_or(0);
    // Those that were changed after the plan had written them are told by looking again.
    assert_eq!(stale + told["still_diverging"].as_u64().unwrap(), 1000, "{told:#}");
    assert!(stale > 0, "{told:#}");
    assert_eq!(told["outcome"], "partly");
    let back = super::reverted(&tieout, &plan);
    assert_eq!(database.query("SELECT count(*) FROM t WHERE id % 10 = 0 AND n = -id").trim(), "1000", "{back:#}");
    assert_eq!(database.query("SELECT count(*) FROM t WHERE id % 10 <> 0 AND n = id + 1").trim(), "9000");
    verified(&tieout);
}

#[test]
fn connections_that_are_cut_change_no_row_twice() {
    let cuts: u64 = std::env::var("TIEOUT_REPAIR_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let database = Postgres::shared().database();
    database.sql(
        "CREATE TABLE s AS SELECT id, id AS n, id::text AS name FROM generate_series(1, 3000) AS id;
         CREATE TABLE t (id int, n int, name text, made int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
         INSERT INTO t (id, n, name) SELECT id, id + 1, id::text FROM generate_series(1, 2000) AS id;
         CREATE TABLE log (id int);
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END';
         CREATE TRIGGER tell AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tell()",
    );
    let tieout = Tieout::new();
    let url = database.url();
    let [source, target] = ["s", "t"].map(|name| format!("postgres: {{url: \"{url}\", table: {name}}}"));
    let rule = "key: [id]\n    columns: {made: {ignore: true}}\n    repair: {authority: source}";
    Given { source: &source, target: &target, rule, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let mut cut = 0;
    while cut < cuts {
        let args = ["repair", "apply", &plan, "--batch", "50", "--rows-per-second", "3000"];
        let mut child = tieout
            .command(args)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(60 + cut * 7 % 50));
            let name = database.name();
            let sql = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'tieout'"
            );
            cut += database.query(&sql).trim().parse::<u64>().unwrap();
            if cut >= cuts {
                let _ = child.wait();
            }
        }
        if database.query("SELECT count(*) FROM t WHERE n = id").trim() == "3000" {
            break;
        }
    }
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    assert_eq!(database.query("SELECT count(*) || ' ' || count(DISTINCT id) FROM t WHERE n = id").trim(), "3000 3000");
    assert_eq!(database.query("SELECT count(*) || ' ' || count(DISTINCT id) FROM log").trim(), "3000 3000");
    verified(&tieout);
}
