//! A replica of PostgreSQL as a side: read in one snapshot like any server, and left alone while it is behind.

use std::time::{Duration, Instant};

use crate::support::postgres::Postgres;
use crate::support::tieout::Tieout;

const RULE: &str = "rules:\n  same: {source: a, target: b, key: [id], recheck: {after: 2s, times: 3}}\n";

/// Until the replica has seen what is committed.
fn wait_for(standby: &Postgres, sql: &str) {
    let start = Instant::now();
    while standby.query(sql) != "t" {
        assert!(start.elapsed() < Duration::from_secs(60), "the replica never came to {sql}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_replica_is_a_side() {
    let primary = Postgres::own();
    let database = primary.database();
    database.sql("CREATE TABLE t AS SELECT i AS id, 'order ' || i AS name FROM generate_series(1, 30000) AS i; ALTER TABLE t ADD PRIMARY KEY (id); ANALYZE t");
    let standby = primary.standby();
    let at = primary.query("SELECT pg_current_wal_lsn()");
    wait_for(&standby, &format!("SELECT pg_last_wal_replay_lsn() >= '{at}'"));

    let tieout = Tieout::new();
    let (source, target) =
        (format!("{}?table=t", database.url()), format!("{}?table=t", database.url_at(standby.port())));
    for strategy in ["pushdown", "digest", "join"] {
        let rule = tieout
            .run(["diff", &source, &target, "--key", "id", "--strategy", strategy, "--format", "json"])
            .exits(0)
            .rule("diff");
        assert_eq!((&rule["strategy"], &rule["rows"]["equal"]), (&strategy.into(), &30_000.into()));
    }

    // While it is behind, nothing is read; what it has not seen yet settles.
    standby.query("SELECT pg_wal_replay_pause()");
    wait_for(&standby, "SELECT pg_get_wal_replay_pause_state() = 'paused'");
    database.sql("INSERT INTO t VALUES (0, 'late')");
    std::thread::sleep(Duration::from_millis(1500));
    let dataset = |name: &str, url: String| {
        format!("  {name}: {{postgres: {{url: \"{url}\", table: t, limits: {{pause_when_lag: 1s}}}}}}\n")
    };
    let datasets = dataset("a", database.url()) + &dataset("b", database.url_at(standby.port()));
    tieout.file("tieout.yaml", &format!("datasets:\n{datasets}{RULE}"));
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(2));
            standby.query("SELECT pg_wal_replay_resume()");
        });
        tieout.run(["run", "--strategy", "digest", "--format", "json", "-v"]).exits(0)
    });
    let rule = ended.rule("same");
    assert!(ended.stderr.contains("waiting for a replica that is behind"), "{}", ended.stderr);
    assert_eq!((&rule["settled"], &rule["rows"]["equal"]), (&1.into(), &30_001.into()), "{rule}");
}
