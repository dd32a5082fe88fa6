//! Networks and servers that fail under a run: it ends in time, with an error that says why, and never with a verdict.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::tie::Pair;
use crate::support::postgres::{Database, Postgres};
use crate::support::proxy::Proxy;
use crate::support::tieout::{Finished, Tieout};

const TABLE: &str = "
    CREATE TABLE t (id int PRIMARY KEY, x text);
    INSERT INTO t SELECT n, repeat('x', 500) || n FROM generate_series(1, 20000) n;
";

/// A comparison of a table with itself, by way of the proxy.
struct Behind {
    pair: Pair,
    proxy: Proxy,
}

impl Behind {
    fn new() -> Self {
        Self { pair: Pair::new(TABLE), proxy: Proxy::to(Postgres::shared().port()) }
    }

    fn args(&self, strategy: &str, parameters: &str, more: &[&str]) -> Vec<String> {
        let side = || format!("{}?table=t{parameters}", self.pair.database.url_at(self.proxy.port()));
        let mut args: Vec<String> = ["diff".into(), side(), side()].into();
        args.extend(["--key", "id", "--format", "json", "--out", "out", "--strategy", strategy].map(String::from));
        args.extend(more.iter().map(|arg| arg.to_string()));
        args
    }

    fn diff(&self, strategy: &str, parameters: &str, more: &[&str]) -> Finished {
        self.pair.tieout.run(self.args(strategy, parameters, more))
    }

    /// The error of a run that found no verdict, in time, and left nothing.
    #[track_caller]
    fn fails(&self, finished: Finished, start: Instant, most: Duration) -> (String, String) {
        assert!(start.elapsed() < most, "{:?}", start.elapsed());
        fails(&self.pair.tieout, finished)
    }
}

#[track_caller]
fn fails(tieout: &Tieout, finished: Finished) -> (String, String) {
    let finished = finished.exits(2);
    let error = finished.json()["error"].clone();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_string();
    let records = tieout.path("out/runs");
    assert!(!records.exists() || std::fs::read_dir(records).unwrap().next().is_none(), "a record is left");
    let divergences = tieout.path("out/divergences/rule=diff");
    assert!(!divergences.exists() || std::fs::read_dir(divergences).unwrap().next().is_none(), "a table is left");
    (text("message"), text("hint"))
}

#[test]
fn a_connection_that_is_cut_gives_no_verdict() {
    let behind = Behind::new();
    // In the middle of the greeting, of what is known of the table, of rows, and of checksums.
    for (strategy, bytes) in [("merge", 10), ("digest", 2_000_000), ("pushdown", 3000)] {
        behind.proxy.heal();
        behind.proxy.cut_after(bytes);
        let start = Instant::now();
        let finished = behind.diff(strategy, "&sslmode=disable", &[]);
        let (message, hint) = behind.fails(finished, start, Duration::from_secs(60));
        assert_eq!(hint, "see that the server runs and can be reached, and try again", "{message}");
    }
}

#[test]
fn a_connection_that_is_cut_once_gives_an_error_or_what_is_right() {
    let behind = Behind::new();
    for bytes in [10, 3000, 2_000_000, 8_000_000] {
        behind.proxy.cut_once_after(bytes);
        let finished = behind.diff("digest", "", &[]);
        match finished.code {
            Some(0) => assert_eq!(finished.rule("diff")["rows"]["equal"], 20000),
            _ => drop(fails(&behind.pair.tieout, finished)),
        }
    }
}

#[test]
fn what_hangs_is_left_when_its_time_is_over() {
    let behind = Behind::new();
    // The time of a statement, and ten seconds for the network.
    for bytes in [0, 3000, 2_000_000] {
        behind.proxy.heal();
        behind.proxy.hang_after(bytes);
        let start = Instant::now();
        let finished = behind.diff("digest", "&connect_timeout=1", &["--option", "limits.statement_timeout=500ms"]);
        let (message, _) = behind.fails(finished, start, Duration::from_secs(60));
        assert!(message.contains("the server does not answer"), "{message}");
    }
}

#[test]
fn bytes_that_change_on_the_way_are_refused_by_tls() {
    let behind = Behind::new();
    for offset in [200, 3000, 100_000, 5_000_000] {
        behind.proxy.heal();
        behind.proxy.corrupt_at(offset);
        // It is read again.
        let finished = behind.diff("digest", "&sslmode=require", &[]);
        match finished.code {
            Some(0) => assert_eq!(finished.rule("diff")["rows"]["equal"], 20000),
            _ => drop(fails(&behind.pair.tieout, finished)),
        }
    }
    // Without TLS, what no longer has PostgreSQL's form is refused; a value that became another cannot be told.
    for offset in (150_000..150_600).step_by(97) {
        behind.proxy.heal();
        behind.proxy.corrupt_at(offset);
        // A length that became another is waited for.
        let timeout = ["--option", "limits.statement_timeout=2s"];
        let code = behind.diff("digest", "&sslmode=disable", &timeout).code;
        assert!(matches!(code, Some(1 | 2)), "{offset}: {code:?}");
        let _ = std::fs::remove_dir_all(behind.pair.tieout.path("out"));
    }
}

/// A comparison that takes long enough to be disturbed.
fn slow(tieout: &Tieout, database: &Database) -> Child {
    let query = "SELECT%20id,%20x,%20pg_sleep(0.001)::text%20AS%20y%20FROM%20t%20WHERE%20id%20<=%202000";
    let side = format!("{}?query={query}", database.url());
    let args = ["diff", &side, &side, "--key", "id", "--columns", "x", "--format", "json", "--out", "out"];
    let mut child = tieout.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tieout' AND query LIKE '%pg_sleep%'";
    while database.query(running) == "0" {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn a_server_that_is_stopped_gives_no_verdict_and_another_run_does() {
    let mut server = Postgres::own();
    let database = server.database();
    database.sql(TABLE);
    let tieout = Tieout::new();
    let child = slow(&tieout, &database);
    let start = Instant::now();
    server.stop();
    let (message, _) = fails(&tieout, Finished::of_child(child));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(!message.is_empty());

    let table = format!("{}?table=t", database.url());
    let args = ["diff", &table, &table, "--key", "id", "--format", "json", "--out", "out"];
    let (message, hint) = fails(&tieout, tieout.run(args));
    assert!(message.contains("Connection refused"), "{message}");
    assert_eq!(hint, "see that the server runs and can be reached, and try again");
    server.restart();
    assert_eq!(tieout.run(args).exits(0).rule("diff")["rows"]["equal"], 20000);
}

#[test]
fn a_backend_that_is_ended_is_replaced_with_its_snapshot() {
    let pair = Pair::new(TABLE);
    let child = slow(&pair.tieout, &pair.database);
    let ours = "FROM pg_stat_activity WHERE application_name = 'tieout' AND datname = current_database()";
    pair.database.sql(&format!("SELECT pg_terminate_backend(pid) {ours}"));
    // All is read again, in another snapshot.
    let rule = Finished::of_child(child).exits(0).rule("diff");
    assert_eq!(rule["rows"]["equal"], 2000);
    let note = "a connection was lost on the way: the database was read in a later snapshot than the run began with";
    assert_eq!(rule["notes"][0], note);
}

#[test]
fn a_backend_that_is_ended_while_others_join_its_snapshot_is_replaced_or_told_of() {
    let pair = Pair::new(TABLE);
    let side = format!("{}?table=t", pair.database.url());
    for _ in 0..6 {
        let args = ["diff", &side, &side, "--key", "id", "--strategy", "digest", "--format", "json", "--out", "out"];
        let child = pair.tieout.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The first connection, as soon as another one comes to join its snapshot.
        pair.database.sql(
            "DO $$ DECLARE ended bool; BEGIN FOR n IN 1..100000 LOOP PERFORM pg_stat_clear_snapshot();
             SELECT pg_terminate_backend((array_agg(pid ORDER BY backend_start))[1]) INTO ended FROM pg_stat_activity
             WHERE application_name = 'tieout' AND datname = current_database() HAVING count(*) > 1;
             EXIT WHEN ended; END LOOP; END $$",
        );
        let finished = Finished::of_child(child);
        match finished.code {
            Some(0) => assert_eq!(finished.rule("diff")["rows"]["equal"], 20000),
            // It was lost before there was anything to read anew.
            _ => assert_eq!(finished.exits(2).json()["error"]["kind"], "unavailable"),
        }
    }
}

#[test]
fn a_server_without_room_is_told() {
    let pair = Pair::new(TABLE);
    let user = format!("few_{}", pair.database.name());
    pair.database
        .sql(&format!("CREATE ROLE {user} LOGIN PASSWORD 'pw' CONNECTION LIMIT 1; GRANT SELECT ON t TO {user}"));
    let url = pair.table("t");
    let url = format!("postgres://{user}:pw@{}", url.split_once('@').unwrap().1);
    let (message, hint) = pair.fails(&url, &url, &["--key", "id", "--strategy", "digest"]);
    assert!(message.contains("too many connections for role"), "{message}");
    assert_eq!(hint, "the server is short of connections, memory or disk: try later, or lower limits.connections");
    pair.reconciled(&url, &url, &["--key", "id", "--strategy", "digest", "--option", "limits.connections=1"]);
    pair.database.sql(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}
