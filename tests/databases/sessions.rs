//! What a run is to the server: connections that only read, that say who they are, that are no more than allowed, that all see
//! one moment, and that are gone when the run is.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::tie::{Pair, STRATEGIES};
use crate::support::proxy::Proxy;
use crate::support::tieout::Finished;

/// A table that is read in pieces, some of whose rows were updated and deleted.
const PIECES: &str = "
    CREATE TABLE big (id int, x text);
    INSERT INTO big SELECT n, repeat('x', 500) || n FROM generate_series(1, 60000) n;
    UPDATE big SET x = x || 'u' WHERE id % 7 = 0; DELETE FROM big WHERE id % 11 = 0;
    INSERT INTO big SELECT n, 'late' FROM generate_series(100001, 101000) n;
    CREATE TABLE same AS SELECT * FROM big ORDER BY id DESC;
";

/// What another connection sees of the runs in this database.
fn activity(pair: &Pair, what: &str) -> String {
    pair.database.query(&format!(
        "SELECT {what} FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tieout'
         AND backend_type = 'client backend'"
    ))
}

fn start(pair: &Pair, args: &[&str]) -> Child {
    pair.tieout.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn wait_for(mut what: impl FnMut() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(30), "it does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn every_row_is_read_once_however_many_read() {
    let pair = Pair::new(PIECES);
    let count = pair.database.query("SELECT count(*) FROM big");
    for (connections, strategy) in ["1", "2", "4", "9"].iter().flat_map(|n| STRATEGIES.map(|strategy| (n, strategy))) {
        let option = format!("limits.connections={connections}");
        let args = ["--option", &option, "--threads", "8", "--strategy", strategy, "--key", "id"];
        // It reads both sides at once, and one connection keeps the snapshot.
        if *connections == "1" && strategy == "merge" {
            let (message, hint) = pair.fails("big", "same", &args);
            assert!(
                message.starts_with("more is read at the same time than 1 connections to postgres://"),
                "{message}"
            );
            assert_eq!(hint, "raise limits.connections: to 3 at least");
        } else if *connections != "2" || strategy != "merge" {
            let rule = pair.reconciled("big", "same", &args);
            assert_eq!(rule["rows"]["equal"].to_string(), count, "{connections} {strategy}");
        }
    }
}

#[test]
fn no_more_connections_than_allowed_that_say_who_they_are() {
    let pair = Pair::new(PIECES);
    pair.tieout.file(
        "tieout.yaml",
        &format!(
            "
        datasets:
          big: {{postgres: {{url: \"{0}\", table: big, limits: {{connections: 3, rows_per_second: 40000}}}}}}
          same: {{postgres: {{url: \"{0}\", table: same, limits: {{connections: 2}}}}}}
        rules:
          r: {{source: big, target: same, key: id}}
        ",
            pair.database.url()
        ),
    );
    let mut child = start(&pair, &["run", "--threads", "8"]);
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(activity(&pair, "count(*)").parse().unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // The strictest of both counts for both.
    assert_eq!(most, 2);
}

#[test]
fn a_query_that_writes_is_refused() {
    let pair = Pair::new(
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE SEQUENCE s;
         CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (2) RETURNING id';",
    );
    for query in ["SELECT writes() AS id", "SELECT nextval('s')::int AS id"] {
        let (message, hint) = pair.fails(&pair.query(query), "t", &["--key", "id"]);
        assert!(message.contains("in a read-only transaction"), "{message}");
        assert_eq!(hint, "tieout only reads: a query must not change anything");
    }
    for query in [
        "DELETE FROM t RETURNING id",
        "SELECT 1 AS id; DELETE FROM t",
        "SELECT 1 AS id) AS x; COMMIT; DELETE FROM t; --",
    ] {
        let (message, _) = pair.fails(&pair.query(query), "t", &["--key", "id"]);
        assert!(message.starts_with("the query cannot be planned: "), "{message}");
    }
    assert_eq!(pair.database.query("SELECT count(*) FROM t"), "1");
}

#[test]
fn a_statement_has_its_time() {
    let pair = Pair::new("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    let (message, hint) = pair.fails(
        &pair.query("SELECT id, pg_sleep(30)::text FROM t"),
        "t",
        &["--key", "id", "--option", "limits.statement_timeout=300ms"],
    );
    assert!(message.starts_with("rows cannot be read: canceling statement due to statement timeout"), "{message}");
    assert_eq!(hint, "raise limits.statement_timeout, or compare fewer rows");
}

#[test]
fn all_is_seen_in_one_moment_and_the_run_says_which() {
    let pair = Pair::new(PIECES);
    pair.tieout.file(
        "tieout.yaml",
        &format!(
            "
        output: out
        datasets:
          big: {{postgres: {{url: \"{0}\", table: big, limits: {{rows_per_second: 60000}}}}}}
          same: {{postgres: {{url: \"{0}\", table: same}}}}
        rules:
          first: {{source: big, target: same, key: id}}
          second: {{source: same, target: big, key: id}}
        ",
            pair.database.url()
        ),
    );
    for strategy in STRATEGIES {
        let child = start(&pair, &["run", "--format", "json", "--strategy", strategy]);
        // The snapshot is taken before the first row is read; what is committed from then on is not seen.
        wait_for(|| activity(&pair, "count(*) FILTER (WHERE query LIKE '%big%')") != "0");
        pair.database.sql("UPDATE big SET x = 'later' WHERE id % 5 = 0; INSERT INTO big VALUES (-1, ''); DELETE FROM same WHERE id < 100; VACUUM same");
        Finished::of_child(child).exits(0);
        pair.database.sql("DROP TABLE big, same");
        pair.database.sql(PIECES);
    }
    let recorded = pair
        .tieout
        .run(["sql", "SELECT DISTINCT source_inputs, target_inputs FROM runs", "--format", "json"])
        .exits(0)
        .stdout;
    let recorded: serde_json::Value = serde_json::from_str(&recorded).unwrap();
    let text = recorded[0].to_string();
    assert!(text.contains("lsn 0/") && text.contains("snapshot "), "{text}");
    assert!(text.contains("?table=big") && text.contains("?table=same"), "{text}");
}

#[test]
fn ctrl_c_ends_the_statement_on_the_server() {
    let pair = Pair::new(PIECES);
    let slow = pair.query("SELECT id, x, pg_sleep(0.1)::text FROM big");
    let waits = pair.query("SELECT count(*) AS id, max(pg_sleep(600)::text) FROM big");
    for source in [slow, waits] {
        for connections in ["limits.connections=1", "limits.connections=4"] {
            let same = pair.table("same");
            let args =
                ["diff", &source, &same, "--key", "id", "--columns", "id", "--out", "out", "--option", connections];
            let child = start(&pair, &args);
            wait_for(|| activity(&pair, "count(*) FILTER (WHERE state = 'active' AND query LIKE '%pg_sleep%')") != "0");
            let stop = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(stop.success());
            let start = Instant::now();
            Finished::of_child(child).exits(130);
            wait_for(|| activity(&pair, "count(*)") == "0");
            assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
            assert!(!pair.tieout.has_results());
        }
    }
}

#[test]
fn a_run_that_needs_few_rows_leaves_the_rest() {
    let pair = Pair::new(PIECES);
    pair.tieout.file(
        "tieout.yaml",
        &format!(
            "
        datasets:
          big: {{postgres: {{url: \"{}\", query: \"SELECT * FROM big, generate_series(1, 1000)\"}}}}
        ",
            pair.database.url()
        ),
    );
    let start = Instant::now();
    let sql = "SELECT id FROM (SELECT id, x FROM big WHERE x <> 'none') LIMIT 3; SELECT count(*) FROM (SELECT * FROM big LIMIT 10)";
    pair.tieout.run(["sql", sql, "--format", "csv"]).exits(0);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    wait_for(|| activity(&pair, "count(*)") == "0");
}

#[test]
fn a_network_far_away_is_asked_seldom() {
    let pair = Pair::new(PIECES);
    let proxy = Proxy::to(crate::support::postgres::Postgres::shared().port());
    let url = |table: &str| format!("{}?table={table}", pair.database.url_at(proxy.port()));
    let run = |strategy: &str| -> Finished {
        pair.diff(&url("big"), &url("same"), &["--key", "id", "--strategy", strategy]).exits(0)
    };
    run("digest");
    let traffic = proxy.traffic();
    assert!(traffic.connections <= 4, "{traffic:?}");
    assert!(traffic.round_trips <= 60, "{traffic:?}");
}
