//! What the tests of databases stand on: PostgreSQL and MariaDB answer, offer TLS, stop and start, and leave nothing behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::mariadb::{self, MariaDb};
use crate::support::postgres::{self, Postgres};
use crate::support::tieout::Finished;

/// A client that stays connected for a minute, once it is.
fn stays(mut client: Command, connected: impl Fn() -> bool) -> std::process::Child {
    let client = client.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !connected() {
        std::thread::sleep(Duration::from_millis(10));
    }
    client
}

/// What a test fails with.
fn failure(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("it fails");
    panic.downcast_ref::<String>().expect("it says why").clone()
}

#[test]
fn postgres_answers() {
    let database = Postgres::shared().database();
    database.sql("CREATE TABLE t (id int, name text);\nCOPY t FROM STDIN;\n1\tJosé\n2\t\\N\n\\.\n");
    assert_eq!(database.query("SELECT * FROM t ORDER BY id"), "1|José\n2|");
    assert_eq!(database.query("SHOW wal_level; SHOW timezone; SHOW server_encoding"), "logical\nUTC\nUTF8");
    let said = failure(|| database.sql("SELECT 1;\nSELECT nothing"));
    assert!(said.contains("column \"nothing\" does not exist"), "{said}");
}

#[test]
fn mariadb_answers() {
    let database = MariaDb::shared().database();
    database.sql("CREATE TABLE t (id int, name text);\nINSERT INTO t VALUES (1, 'José'), (2, NULL);");
    assert_eq!(database.query("SELECT * FROM t ORDER BY id"), "1\tJosé\n2\tNULL");
    assert_eq!(
        database.query("SELECT @@log_bin, @@binlog_format, @@time_zone, @@character_set_database"),
        "1\tROW\t+00:00\tutf8mb4"
    );
    let said = failure(|| database.sql("SELECT 1;\nSELECT nothing"));
    assert!(said.contains("Unknown column 'nothing'"), "{said}");
}

#[test]
fn postgres_offers_tls_and_asks_for_the_password() {
    let server = Postgres::shared();
    let database = server.database();
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let ask = |options: &str| {
        let url = format!("{}?{options}", database.url());
        Finished::of(postgres::psql(&url), Some(encrypted)).exits(0).stdout
    };
    assert_eq!(ask("sslmode=require"), "t\n");
    assert_eq!(ask("sslmode=disable"), "f\n");
    assert_eq!(ask(&format!("sslmode=verify-full&sslrootcert={}", server.certificate().display())), "t\n");
    // By its socket.
    let (folder, port) = (server.folder(), server.port());
    assert_eq!(ask(&format!("host={}&port={port}", folder.display())), "f\n");

    let url = database.url().replace(postgres::PASSWORD, "guessed");
    let refused = Finished::of(postgres::psql(&url), Some("SELECT 1")).exits(2);
    assert!(refused.stderr.contains("password authentication failed"), "{}", refused.stderr);
}

#[test]
fn mariadb_offers_tls_and_asks_for_the_password() {
    let server = MariaDb::shared();
    let database = server.database();
    let ask = |options: &[&str]| {
        let mut client = mariadb::client(server.port(), database.name());
        client.args(options);
        Finished::of(client, Some("SHOW STATUS LIKE 'Ssl_version'"))
    };
    let authority = format!("--ssl-ca={}", server.certificate().display());
    let encrypted = ask(&[&authority, "--ssl-verify-server-cert"]).exits(0);
    assert_eq!(encrypted.stdout, "Ssl_version\tTLSv1.3\n");
    assert_eq!(ask(&["--skip-ssl"]).exits(0).stdout, "Ssl_version\t\n");
    let socket = format!("--socket={}", server.socket().display());
    ask(&["--protocol=socket", &socket]).exits(0);

    let refused = ask(&["--password=guessed"]).exits(1);
    assert!(refused.stderr.contains("Access denied"), "{}", refused.stderr);
}

#[test]
fn a_postgres_database_is_gone_with_its_value_though_a_client_is_connected() {
    let server = Postgres::shared();
    let (database, other) = (server.database(), server.database());
    let exists = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name());
    let connected = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", database.name());
    let mut client = postgres::psql(&database.url());
    client.args(["-c", "SELECT pg_sleep(60)"]);
    let mut client = stays(client, || other.query(&connected) == "1");
    assert_eq!(other.query(&exists), "1");
    drop(database);
    assert_eq!(other.query(&exists), "0");
    assert!(!client.wait().unwrap().success());
}

#[test]
fn a_mariadb_database_is_gone_with_its_value_though_a_client_holds_a_lock() {
    let server = MariaDb::shared();
    let (database, other) = (server.database(), server.database());
    database.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1);");
    let exists = format!("SELECT count(*) FROM information_schema.schemata WHERE schema_name = '{}'", database.name());
    let sleeps = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%' AND db";
    let mut client = mariadb::client(server.port(), database.name());
    client.args(["-e", "BEGIN; SELECT * FROM t FOR UPDATE; SELECT SLEEP(60)"]);
    let mut client = stays(client, || other.query(&format!("{sleeps} = '{}'", database.name())) == "1");
    assert_eq!(other.query(&exists), "1");
    drop(database);
    assert_eq!(other.query(&exists), "0");
    assert!(!client.wait().unwrap().success());
}

#[test]
fn postgres_of_a_test_stops_and_starts_again_with_its_rows() {
    let mut server = Postgres::own();
    let database = server.database();
    database.sql("CREATE TABLE t AS SELECT 7 AS id");
    server.stop();
    assert!(failure(|| database.sql("SELECT 1")).contains("Connection refused"));
    server.restart();
    assert_eq!(database.query("SELECT id FROM t"), "7");

    let folder = server.folder();
    drop((database, server));
    assert_disappears(&folder);
}

#[test]
fn mariadb_of_a_test_stops_and_starts_again_with_its_rows() {
    let mut server = MariaDb::own();
    let database = server.database();
    database.sql("CREATE TABLE t AS SELECT 7 AS id");
    server.stop();
    assert!(failure(|| database.sql("SELECT 1")).contains("Can't connect"));
    server.restart();
    assert_eq!(database.query("SELECT id FROM t"), "7");

    let folder = server.socket().parent().unwrap().to_path_buf();
    drop((database, server));
    assert_disappears(&folder);
}

fn assert_disappears(folder: &std::path::Path) {
    for _ in 0..500 {
        if !folder.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} stays", folder.display());
}
