//! Both sides of a run see one moment, whatever is written meanwhile.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::pair::{Pair, READING, away};
use crate::support::data;
use crate::support::mariadb::MariaDb;
use crate::support::tieout::Finished;

const TABLES: &str = "CREATE TABLE t AS SELECT seq AS id, repeat('x', 1000) AS name FROM seq_1_to_20000; CREATE VIEW u AS SELECT * FROM t";

fn start(pair: &Pair) -> Child {
    let mut command = pair.tieout.command(READING);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Finished {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// What the record says of the source that the run saw.
fn version(pair: &Pair) -> String {
    let records = data::rows(&data::read_parquet(&pair.tieout.path("out/runs")), &["source_inputs"]);
    let (_, version) = records.last().expect("a run").split_once("version: ").expect("a version");
    version.trim_end_matches(['}', ']']).to_string()
}

/// Waits until the database is read.
fn wait_for_reader(pair: &Pair) {
    let start = Instant::now();
    let reading =
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '/* tieout%FROM `t`%' AND db = database()";
    while pair.database.query(reading) == "0" {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody reads");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_written_after_the_beginning_is_not_seen() {
    for connections in [2, 4] {
        let pair = Pair::new(TABLES);
        pair.project(&pair.database.url(), &format!("limits: {{connections: {connections}, rows_per_second: 10000}}"));
        let mut run = start(&pair);
        wait_for_reader(&pair);
        pair.database.sql("UPDATE t SET name = 'y' WHERE id % 2 = 0; DELETE FROM t WHERE id % 3 = 0; INSERT INTO t VALUES (99999, 'z')");
        assert!(run.try_wait().unwrap().is_none(), "it was written while the run went on");
        let finished = ended(run).exits(0);
        assert_eq!(finished.rule("same")["rows"]["equal"], 20_000);
        let version = version(&pair);
        assert!(version.contains("MariaDB") && version.contains(", binary log binlog.0"), "{version}");
        assert!(!version.contains("could not be shown"), "{version}");
    }
}

/// Writes to both tables, each time in one transaction, as fast as one client can, while the runs go on.
fn under_writes(server: &MariaDb, user: Option<&str>, runs: usize) -> Vec<String> {
    let pair = Pair::on(
        server,
        "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, name varchar(9)) ENGINE=InnoDB; CREATE TABLE u LIKE t",
    );
    let mut url = pair.database.url();
    if let Some(user) = user {
        pair.database.sql(&format!(
            "CREATE OR REPLACE USER {user} IDENTIFIED BY '{user}'; GRANT SELECT ON {}.* TO {user}",
            pair.database.name()
        ));
        let (_, at) = url.split_once('@').unwrap();
        url = format!("mysql://{user}:{user}@{at}");
    }
    pair.project(&url, "limits: {connections: 4}");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let writes = "BEGIN; INSERT INTO t (name) VALUES ('a'); INSERT INTO u (name) VALUES ('a'); COMMIT;\n";
                pair.database.sql(&writes.repeat(200));
            }
        });
        let mut versions = Vec::new();
        for _ in 0..runs {
            let finished = pair.tieout.run(READING);
            if finished.code == Some(0) {
                versions.push(version(&pair));
            } else {
                stop.store(true, Relaxed);
            }
            finished.exits(0);
            std::fs::remove_dir_all(pair.tieout.path("out")).unwrap();
        }
        stop.store(true, Relaxed);
        versions
    })
}

#[test]
fn all_connections_see_the_same_under_writes() {
    for version in under_writes(MariaDb::shared(), None, 5) {
        assert!(!version.contains("could not be shown"), "{version}");
    }
}

#[test]
fn without_a_binary_log_a_lock_shows_that_all_see_the_same() {
    let server = MariaDb::own_with(&["--skip-log-bin"]);
    for version in under_writes(&server, None, 5) {
        assert!(version.ends_with(", no binary log"), "{version}");
    }
    // Who may not lock is told.
    let pair = Pair::on(&server, TABLES);
    pair.database.sql(&format!(
        "CREATE USER reader IDENTIFIED BY 'reader'; GRANT SELECT ON {}.* TO reader",
        pair.database.name()
    ));
    let (_, at) = pair.database.url().split_once('@').map(|(user, at)| (user.to_string(), at.to_string())).unwrap();
    pair.project(&format!("mysql://reader:reader@{at}"), "");
    pair.tieout.run(READING).exits(0);
    assert!(version(&pair).ends_with(", no binary log, and it could not be shown that all connections see the same"));
}

#[test]
fn writers_wait_for_nobody() {
    let pair = Pair::new(TABLES);
    pair.project(&pair.database.url(), "limits: {connections: 2, rows_per_second: 10000}");
    let run = start(&pair);
    wait_for_reader(&pair);
    let start = Instant::now();
    pair.database.sql("UPDATE t SET name = 'y'");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    ended(run).exits(0);
}

#[test]
fn too_few_connections_are_told() {
    let pair = Pair::new(
        "CREATE TABLE t AS SELECT seq AS id, repeat('x', 100) AS name FROM seq_1_to_300000; CREATE VIEW u AS SELECT * FROM t",
    );
    // One after the other is well, at the same time is not.
    pair.project(&pair.database.url(), "limits: {connections: 1}");
    for strategy in ["digest", "merge"] {
        let finished = pair.tieout.run(["run", "--strategy", strategy, "--format", "json"]);
        if finished.code != Some(0) {
            let message = away(finished);
            assert!(message.starts_with("more is read at the same time than 1 connections to mysql://"), "{message}");
        }
    }
}

#[test]
fn a_server_that_is_no_replica_is_not_waited_for() {
    let pair = Pair::new(TABLES);
    pair.project(&pair.database.url(), "limits: {pause_when_lag: 1s}");
    pair.tieout.run(READING).exits(0);
}

/// Rows are left unread: the statements that would bring them end on the server, and their connections are lent again.
#[test]
fn nobody_listens_any_more() {
    let pair = Pair::new("CREATE TABLE t AS SELECT seq AS id FROM seq_1_to_1000");
    let url = pair.database.url();
    let endless = "SELECT a.seq AS id FROM seq_1_to_100000 a, seq_1_to_100000 b";
    let datasets = format!(
        "datasets:\n  t: {{mysql: {{url: \"{url}\", table: t, limits: {{connections: 2, statement_timeout: 30s}}}}}}\n  \
         endless: {{mysql: {{url: \"{url}\", query: \"{endless}\"}}}}\n"
    );
    pair.tieout.file("tieout.yaml", &datasets);
    let left = "SELECT count(*) FROM t JOIN (SELECT id FROM endless LIMIT 10000) AS e ON t.id = e.id;\n\
                SELECT t.id FROM t JOIN endless AS e ON t.id = e.id LIMIT 1;\n";
    let both = "SELECT 'both ' || count(*) AS n FROM t JOIN t AS u ON t.id = u.id;\n";
    let finished = pair.tieout.run_with_input(["sql"], &format!("{}{both}", left.repeat(3))).exits(0);
    assert!(finished.stdout.contains("both 1000"), "{}{}", finished.stdout, finished.stderr);
    let left = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()";
    let start = Instant::now();
    while pair.database.query(left) != "0" {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", pair.database.query("SHOW PROCESSLIST"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_interrupted_ends_on_the_server() {
    let endless = "CREATE TABLE t AS SELECT seq AS id FROM seq_1_to_10;
        CREATE VIEW u AS SELECT sum(a.seq * b.seq * c.seq) AS id FROM seq_1_to_10000 a, seq_1_to_10000 b, seq_1_to_10000 c";
    let pair = Pair::new(endless);
    pair.project(&pair.database.url(), "limits: {connections: 2}");
    let run = start(&pair);
    let running =
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '/* tieout%FROM `u`%' AND db = database()";
    let begun = Instant::now();
    while pair.database.query(running) == "0" {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody reads");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    ended(run).exits(130);
    let begun = Instant::now();
    while pair.database.query(running) != "0" {
        assert!(begun.elapsed() < Duration::from_secs(5), "it runs on");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What is not read in the snapshot is said.
#[test]
fn an_engine_without_snapshots_is_named() {
    let pair = Pair::new(
        "CREATE TABLE t (id INT PRIMARY KEY) ENGINE = MyISAM; CREATE TABLE u (id INT PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)",
    );
    let rule = pair.reconciled("t", "u", &["--key", "id"]);
    let note = "t is kept by MyISAM, which has no snapshots: what is changed meanwhile may be seen in part";
    assert_eq!(rule["notes"], serde_json::json!([note]));
}
