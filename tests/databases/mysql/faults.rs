//! Bad networks, and servers that end in the middle: an error, in time, and no verdict.

use std::time::{Duration, Instant};

use super::pair::{Pair, READING, away};
use crate::support::mariadb::MariaDb;
use crate::support::proxy::Proxy;
use crate::support::tieout::Finished;

/// About 5 MB a side.
const TABLES: &str = "CREATE TABLE t AS SELECT seq AS id, repeat('x', 100) AS name FROM seq_1_to_50000; CREATE TABLE u AS SELECT * FROM t";

/// Two tables behind a proxy.
fn behind(parameters: &str, options: &str) -> (Pair, Proxy) {
    let server = MariaDb::shared();
    let (pair, proxy) = (Pair::new(TABLES), Proxy::to(server.port()));
    pair.project(&format!("{}{parameters}", pair.database.url_at(proxy.port())), options);
    (pair, proxy)
}

/// What a run says, and that it says it in time.
#[track_caller]
fn run(pair: &Pair, within: Duration) -> Finished {
    let start = Instant::now();
    let finished = pair.tieout.run(READING);
    assert!(start.elapsed() < within, "{:?}", start.elapsed());
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    finished
}

#[test]
fn a_connection_that_is_cut() {
    for parameters in ["", "?ssl-mode=DISABLED"] {
        let (pair, proxy) = behind(parameters, "limits: {connections: 2}");
        proxy.cut_after(2_000_000);
        let message = away(run(&pair, Duration::from_secs(60)));
        assert!(message.starts_with("cannot connect to mysql://127.0.0.1:"), "{message}");
        proxy.heal();
        let rule = run(&pair, Duration::from_secs(60)).exits(0).rule("same");
        assert_eq!(rule["notes"], serde_json::json!([]), "{rule}");

        // It comes back, in another snapshot.
        proxy.cut_once_after(2_000_000);
        let rule = run(&pair, Duration::from_secs(60)).exits(0).rule("same");
        assert_eq!(rule["rows"]["equal"], 50_000);
        let note = rule["notes"][0].as_str().unwrap_or_default();
        assert!(note.contains("in a later snapshot than the run began with"), "{rule}");
    }
}

#[test]
fn a_connection_that_is_cut_in_the_beginning_is_tried_again() {
    let (pair, proxy) = behind("", "limits: {connections: 2}");
    proxy.cut_once_after(20);
    run(&pair, Duration::from_secs(60)).exits(0);
    proxy.refuse();
    let message = away(run(&pair, Duration::from_secs(60)));
    assert!(message.starts_with("cannot connect to mysql://127.0.0.1:"), "{message}");
}

#[test]
fn a_network_that_hangs() {
    for bytes in [0, 200, 2_000_000] {
        let (pair, proxy) = behind("", "limits: {connections: 2, statement_timeout: 2s}");
        proxy.hang_after(bytes);
        let message = away(run(&pair, Duration::from_secs(40)));
        assert!(message.contains(": the server does not answer"), "{message}");
    }
}

/// What is encrypted cannot be another without being seen. What is not may be read as what it is not, but it is read as
/// something: an error, or a divergence. Before the rows of a connection, what is another may be of no account, or be asked for
/// again; how many bytes that is depends on what else the server does, for snapshots are taken until they agree.
#[test]
fn bytes_that_are_others() {
    const ROWS: u64 = 1_000_000;
    let offsets =
        [4, 10, 60, 90, 110, 200, 400, 900, 1100, 1150, 1200, 1250, 1300, 5_000, 100_001, 1_000_003, 2_000_005];
    let pair = Pair::new(TABLES);
    for parameters in ["", "?ssl-mode=DISABLED"] {
        for offset in offsets {
            // Nothing that a run before left on its way goes through this one.
            let proxy = Proxy::to(MariaDb::shared().port());
            let url = format!("{}{parameters}", pair.database.url_at(proxy.port()));
            pair.project(&url, "limits: {connections: 2, statement_timeout: 1s}");
            proxy.corrupt_at(offset);
            let finished = run(&pair, Duration::from_secs(90));
            match finished.code {
                Some(0) if offset < ROWS => assert_eq!(finished.rule("same")["rows"]["equal"], 50_000),
                Some(1) if !parameters.is_empty() => {}
                Some(2 | 3) => {}
                code => panic!("{code:?} at {offset}{parameters}: {}{}", finished.stdout, finished.stderr),
            }
        }
    }
}

#[test]
fn a_server_that_ends_in_the_middle() {
    let mut server = MariaDb::own();
    // More than what is on its way at any time.
    let large = "CREATE TABLE t AS SELECT seq AS id, repeat('x', 2000) AS name FROM seq_1_to_40000; CREATE VIEW u AS SELECT * FROM t";
    let pair = Pair::on(&server, large);
    pair.project(&pair.database.url(), "limits: {rows_per_second: 10000}");
    let mut run = pair.tieout.command(READING);
    let run = run.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    server.stop();
    let output = run.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let finished = Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    let message = away(finished);
    assert!(message.contains("Connection refused"), "{message}");
    server.restart();
    pair.project(&pair.database.url(), "");
    pair.tieout.run(READING).exits(0);
}
