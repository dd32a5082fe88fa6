//! A bad network does what it is told: a client of PostgreSQL behind the proxy waits, is cut off, hangs, or reads what was not
//! sent; and what went through is counted.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::postgres::{Database, Postgres, psql};
use crate::support::proxy::{Proxy, Traffic};

fn start() -> (Database, Proxy) {
    let server = Postgres::shared();
    (server.database(), Proxy::to(server.port()))
}

/// The client behind the proxy, which asks in plain text unless it is told otherwise.
fn client(database: &Database, proxy: &Proxy, sql: &[&str]) -> Command {
    encrypted(database, proxy, "disable", sql)
}

fn encrypted(database: &Database, proxy: &Proxy, sslmode: &str, sql: &[&str]) -> Command {
    let mut client = psql(&format!("{}?sslmode={sslmode}", database.url_at(proxy.port())));
    client.args(sql.iter().flat_map(|sql| ["-c", *sql])).stdin(Stdio::null());
    client
}

fn output(mut client: Command) -> Output {
    client.output().unwrap()
}

/// What the client printed.
#[track_caller]
fn answer(client: Command) -> String {
    let output = output(client);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_goes_through_is_counted() {
    let (database, proxy) = start();
    assert_eq!(proxy.traffic(), Traffic::default());
    assert_eq!(answer(client(&database, &proxy, &["SELECT 1"])), "1\n");
    let one = proxy.traffic();
    assert_eq!(one.connections, 1);
    assert!(one.to_server > 100 && one.from_server > 100, "{one:?}");

    assert_eq!(answer(client(&database, &proxy, &["SELECT 1", "SELECT repeat('x', 100000)"])).len(), 100_003);
    let two = proxy.traffic();
    assert_eq!(two.connections, 2);
    assert_eq!(two.round_trips, 2 * one.round_trips + 1, "one more query is one more question");
    assert!(two.from_server > 2 * one.from_server + 100_000, "{two:?}");
}

#[test]
fn delay_is_added_to_each_round_trip() {
    let (database, proxy) = start();
    let delay = Duration::from_millis(30);
    proxy.set_delay(delay);
    let start = Instant::now();
    answer(client(&database, &proxy, &["SELECT 1", "SELECT 2"]));
    let traffic = proxy.traffic();
    assert!(traffic.round_trips >= 4, "{traffic:?}");
    assert!(start.elapsed() >= 2 * delay * traffic.round_trips as u32, "{traffic:?} in {:?}", start.elapsed());
}

#[test]
fn delay_leaves_throughput() {
    let (database, proxy) = start();
    proxy.set_delay(Duration::from_millis(100));
    let start = Instant::now();
    assert_eq!(answer(client(&database, &proxy, &["SELECT repeat('x', 30000000)"])).len(), 30_000_001);
    // A tenth of a second for each piece of 64 KiB would be 45 seconds.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn connections_are_cut_after_exactly_so_many_bytes() {
    let (database, proxy) = start();
    let rows = ["SELECT repeat('x', 100000)"];
    proxy.cut_after(50_000);
    let cut = output(client(&database, &proxy, &rows));
    assert!(!cut.status.success());
    assert!(String::from_utf8_lossy(&cut.stderr).contains("closed the connection"), "{cut:?}");
    assert_eq!(proxy.traffic().from_server, 50_000);
    assert!(!output(client(&database, &proxy, &rows)).status.success(), "and new ones are refused");
    proxy.heal();
    assert_eq!(answer(client(&database, &proxy, &rows)).len(), 100_001);

    proxy.cut_once_after(50_000);
    assert!(!output(client(&database, &proxy, &rows)).status.success());
    assert_eq!(answer(client(&database, &proxy, &rows)).len(), 100_001);
    proxy.refuse();
    assert!(!output(client(&database, &proxy, &rows)).status.success());
}

#[test]
fn an_open_connection_is_cut() {
    let (database, proxy) = start();
    let mut sleeps = client(&database, &proxy, &["SELECT 1", "SELECT pg_sleep(60)"]);
    let mut sleeps = sleeps.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let connected = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", database.name());
    // The one who asks is connected too.
    while database.query(&connected) != "2" {
        std::thread::sleep(Duration::from_millis(10));
    }
    proxy.cut();
    assert!(!sleeps.wait().unwrap().success());
    assert_eq!(answer(client(&database, &proxy, &["SELECT 1"])), "1\n");
}

#[test]
fn some_bytes_are_others() {
    let (database, proxy) = start();
    let rows = ["SELECT repeat('x', 100000)"];
    proxy.corrupt_at(50_000);
    let read = output(client(&database, &proxy, &rows)).stdout;
    assert_eq!(read.len(), 100_001);
    let others: Vec<u8> = read[..100_000].iter().copied().filter(|byte| *byte != b'x').collect();
    assert_eq!(others, [b'y'; 16]);

    assert_eq!(answer(encrypted(&database, &proxy, "require", &rows)).len(), 100_001);
    proxy.corrupt_at(50_000);
    assert!(!output(encrypted(&database, &proxy, "require", &rows)).status.success(), "TLS tells");
}

#[test]
fn what_hangs_goes_on_when_it_is_healed() {
    let (database, proxy) = start();
    let hangs = [|proxy: &Proxy| proxy.hang(), |proxy: &Proxy| proxy.hang_after(50_000)];
    for hang in hangs {
        hang(&proxy);
        let mut client = client(&database, &proxy, &["SELECT repeat('x', 100000)"]);
        let mut client = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(client.try_wait().unwrap().is_none());
        proxy.heal();
        assert_eq!(client.wait_with_output().unwrap().stdout.len(), 100_001);
    }
}
