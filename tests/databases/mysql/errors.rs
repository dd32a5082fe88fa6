//! What is said when a server refuses, in these words; and how it is asked: by TLS, by name.

use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use rstest::rstest;

use super::pair::{Pair, away, encoded};
use crate::support::mariadb::{MariaDb, PASSWORD, USER};
use crate::support::tieout::Tieout;

const TABLE: &str = "CREATE TABLE orders (id int PRIMARY KEY, name varchar(9)); INSERT INTO orders VALUES (1, 'a')";

/// The message without what differs from run to run, and the hint.
fn refused(pair: &Pair, url: &str) -> (String, String) {
    let (message, hint) = pair.fails(url, "orders", &["--key", "id"]);
    let port = MariaDb::shared().port();
    (message.replace(&format!("127.0.0.1:{port}"), "SERVER").replace(pair.database.name(), "DATABASE"), hint)
}

#[track_caller]
fn assert_refused(pair: &Pair, url: &str, message: &str, hint: &str) {
    assert_eq!(refused(pair, url), (message.to_string(), hint.to_string()));
}

#[test]
fn names_that_are_not_there() {
    let pair = Pair::new(TABLE);
    let check = |url: &str, message: &str, hint: &str| assert_refused(&pair, url, message, hint);
    check(
        &pair.table("order"),
        "the table order cannot be read: Table 'DATABASE.order' doesn't exist",
        "did you mean orders?",
    );
    check(
        &pair.table("nothing"),
        "the table nothing cannot be read: Table 'DATABASE.nothing' doesn't exist",
        "check the name: as it is stored, with its database, such as sales.orders",
    );
    check(&pair.table("a.b.c"), "the name a.b.c has more than two parts", "write database.table");
    check(
        &pair.query("SELECT nme FROM orders"),
        "the query cannot be planned: Unknown column 'nme' in 'SELECT'",
        "check the names of the columns",
    );
    check(
        &pair.query("SELECT 1 AS a, 2 AS a"),
        "the query cannot be planned: Duplicate column name 'a'",
        "correct the query",
    );
    check(
        &pair.query("SELECT * FROM orders WHERE id = ?"),
        "the query cannot be planned: the query has a parameter, which nothing gives a value",
        "write the value into the query in place of `?` or `:name`",
    );
    let url = pair.table("orders");
    check(
        &url.replace(pair.database.name(), "nowhere"),
        "cannot connect to mysql://SERVER/nowhere: Unknown database 'nowhere'",
        "check the name of the database in the URL",
    );
    let host = url.replace("127.0.0.1", "nowhere.invalid");
    let (message, hint) = refused(&pair, &host);
    assert!(message.contains("failed to lookup address information"), "{message}");
    assert_eq!(hint, "check the host in the URL");
}

#[test]
fn who_may_not() {
    let pair = Pair::new(TABLE);
    let (name, user) = (pair.database.name(), format!("reader_{}", pair.database.name()));
    let url = pair.table("orders");
    assert_refused(
        &pair,
        &url.replace(PASSWORD, "guessed"),
        &format!(
            "cannot connect to mysql://SERVER/DATABASE: Access denied for user '{USER}'@'127.0.0.1' (using password: YES)"
        ),
        "check the user and the password in the URL",
    );
    pair.database.sql(&format!("CREATE USER {user} IDENTIFIED BY '{PASSWORD}'"));
    let as_reader = url.replace(&format!("//{USER}:"), &format!("//{user}:"));
    assert_refused(
        &pair,
        &as_reader,
        "cannot connect to mysql://SERVER/DATABASE: Access denied for user 'reader_DATABASE'@'%' to database 'DATABASE'",
        "grant the user SELECT on the database",
    );
    pair.database.sql(&format!("CREATE TABLE other (id int); GRANT SELECT ON {name}.other TO {user}"));
    assert_refused(
        &pair,
        &as_reader,
        "the table orders cannot be read: SELECT command denied to user 'reader_DATABASE'@'127.0.0.1' for table `DATABASE`.`orders`",
        "grant the user SELECT on it",
    );
    pair.database.sql(&format!("GRANT SELECT (id) ON {name}.orders TO {user}"));
    let (message, hint) = refused(&pair, &as_reader);
    assert!(message.contains("SELECT command denied"), "{message}");
    assert_eq!(hint, "grant the user SELECT on it");
    // Who may read the one table needs nothing else.
    pair.database.sql(&format!("GRANT SELECT ON {name}.orders TO {user}"));
    pair.reconciled(&as_reader, "orders", &["--key", "id"]);

    pair.database.sql(&format!("ALTER USER {user} WITH MAX_USER_CONNECTIONS 1"));
    let (message, hint) = refused(&pair, &as_reader);
    assert!(message.contains("has exceeded the 'max_user_connections' resource (current value: 1)"), "{message}");
    assert_eq!(hint, "the server has no connections to spare: try later, or lower limits.connections");
    pair.database.sql(&format!("DROP USER {user}"));
}

#[test]
fn a_password_of_the_environment() {
    let mut pair = Pair::new(TABLE);
    let url = pair.table("orders").replace(&format!(":{PASSWORD}"), "");
    assert!(pair.fails(&url, &url, &["--key", "id"]).0.contains("(using password: NO)"));
    pair.tieout = Tieout::new().env("MYSQL_PWD", PASSWORD);
    pair.reconciled(&url, &url, &["--key", "id"]);
    pair.reconciled(&url.replace("mysql://", "mariadb://"), &url, &["--key", "id"]);
}

#[rstest]
#[case("", "TLSv1.3")]
#[case("&ssl-mode=disabled", "none")]
#[case("&ssl-mode=REQUIRED", "TLSv1.3")]
#[case("&ssl-ca=CERTIFICATE", "TLSv1.3")]
#[case("&ssl-ca=CERTIFICATE&ssl-mode=verify_identity", "TLSv1.3")]
fn connections_are_encrypted_as_asked(#[case] parameters: &str, #[case] version: &str) {
    let pair = Pair::new("");
    let query = "SELECT variable_name AS name, if(variable_value = '', 'none', variable_value) AS value \
                 FROM information_schema.session_status WHERE variable_name = 'Ssl_version'";
    pair.tieout.file("b.csv", &format!("name,value\nSSL_VERSION,{version}\n"));
    let certificate = encoded(MariaDb::shared().certificate().to_str().unwrap());
    let parameters = parameters.replace("CERTIFICATE", &certificate);
    pair.reconciled(&format!("{}{parameters}", pair.query(query)), "b.csv", &[]);
}

#[test]
fn a_certificate_is_looked_at_as_asked() {
    let pair = Pair::new(TABLE);
    let url = pair.table("orders");
    let certificate = encoded(MariaDb::shared().certificate().to_str().unwrap());
    let hint = "check ssl-mode and ssl-ca in the URL";
    // Nobody knows this authority.
    let (message, told) = refused(&pair, &format!("{url}&ssl-mode=VERIFY_CA"));
    assert!(message.starts_with("cannot connect to ") && message.contains("certificate"), "{message}");
    assert_eq!(told, hint);
    // The same server by an address that its certificate does not hold.
    let other = url.replace(&format!("127.0.0.1:{}", MariaDb::shared().port()), &format!("127.0.0.2:{}", forwarded()));
    pair.reconciled(&format!("{other}&ssl-mode=VERIFY_CA&ssl-ca={certificate}"), "orders", &["--key", "id"]);
    let (message, told) = refused(&pair, &format!("{other}&ssl-mode=VERIFY_IDENTITY&ssl-ca={certificate}"));
    assert!(message.contains("certificate not valid for name \"127.0.0.2\""), "{message}");
    assert_eq!(told, hint);
    // The certificate of another server.
    let other_server = MariaDb::own();
    let stranger = encoded(other_server.certificate().to_str().unwrap());
    let (message, told) = refused(&pair, &format!("{url}&ssl-mode=VERIFY_CA&ssl-ca={stranger}"));
    assert!(message.contains("invalid peer certificate"), "{message}");
    assert_eq!(told, hint);
}

/// The port on 127.0.0.2 behind which the server is, too.
fn forwarded() -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let server = TcpStream::connect(("127.0.0.1", MariaDb::shared().port())).unwrap();
            for (mut from, mut to) in [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))]
                .map(|(from, to)| (from.unwrap(), to.unwrap()))
            {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    port
}

#[test]
fn parameters_of_the_url() {
    let pair = Pair::new(TABLE);
    assert_refused(
        &pair,
        &format!("{}&sslmode=require", pair.table("orders")),
        "the URL mysql://SERVER/DATABASE?sslmode=require cannot be used: it has no parameter `sslmode`, only ssl-mode and ssl-ca",
        "write mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY",
    );
}

#[test]
fn statements_say_who_asks() {
    let pair = Pair::new("");
    let query = pair.query("SELECT count(*) AS n FROM information_schema.processlist WHERE info LIKE '/* tieout **/ %' AND id = connection_id()");
    pair.tieout.file("b.csv", "n\n1\n");
    pair.reconciled(&query, "b.csv", &[]);
}

#[test]
fn a_statement_that_takes_too_long() {
    let pair = Pair::new(
        "CREATE TABLE t AS SELECT seq AS id FROM seq_1_to_10; CREATE VIEW u AS SELECT id FROM t WHERE sleep(5) = 0",
    );
    pair.project(&pair.database.url(), "limits: {statement_timeout: 1s}");
    let start = Instant::now();
    let message = away(pair.tieout.run(["run", "--format", "json"]));
    assert_eq!(message, "rows cannot be read: Query execution was interrupted (max_statement_time exceeded)");
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
