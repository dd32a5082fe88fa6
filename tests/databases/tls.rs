//! Encrypted connections: each `sslmode` of PostgreSQL's asks what it says of the server, and gets it or refuses.

use super::tie::Pair;
use crate::support::postgres::Postgres;

/// Connections of this run that were encrypted, as the server saw it.
const ENCRYPTED: &str = "SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()";

fn pair() -> Pair {
    Pair::new("CREATE TABLE t AS SELECT true AS ssl; CREATE TABLE f AS SELECT false AS ssl")
}

/// The query by another host, and with these parameters.
fn query(pair: &Pair, host: &str, parameters: &str) -> String {
    let url = pair.query(ENCRYPTED).replace("127.0.0.1", host);
    format!("{url}&{parameters}")
}

fn certificate() -> String {
    Postgres::shared().certificate().display().to_string()
}

#[test]
fn a_connection_is_as_encrypted_as_its_mode_says() {
    let pair = pair();
    let root = format!("sslrootcert={}", certificate());
    let verify_ca = format!("sslmode=verify-ca&{root}");
    let verify_full = format!("sslmode=verify-full&{root}");
    let required = format!("sslmode=require&{root}");
    for mode in ["", "sslmode=prefer", "sslmode=require", &required, &verify_ca, &verify_full] {
        pair.reconciled("t", &query(&pair, "127.0.0.1", mode), &[]);
        pair.reconciled("t", &query(&pair, "localhost", mode), &[]);
    }
    pair.reconciled("f", &query(&pair, "127.0.0.1", "sslmode=disable"), &[]);
    // By its socket, where nothing is encrypted.
    let server = Postgres::shared();
    let folder = server.folder().display().to_string().replace('/', "%2F");
    let socket = query(&pair, "127.0.0.1", "")
        .replace(&format!("127.0.0.1:{}", server.port()), &format!("{folder}:{}", server.port()));
    pair.reconciled("f", &socket, &[]);
}

#[test]
fn a_server_that_is_not_the_one_is_refused() {
    let pair = pair();
    // The certificate is for localhost and 127.0.0.1, and signs itself.
    let root = format!("sslrootcert={}", certificate());
    pair.reconciled("t", &query(&pair, "db.example", &format!("hostaddr=127.0.0.1&sslmode=verify-ca&{root}")), &[]);
    let refused = |host: &str, parameters: &str| {
        let (message, hint) = pair.fails("t", &query(&pair, host, parameters), &[]);
        assert_eq!(hint, "check sslmode and sslrootcert in the URL", "{message}");
        message
    };
    let said = refused("db.example", &format!("hostaddr=127.0.0.1&sslmode=verify-full&{root}"));
    assert!(said.contains("not valid for name"), "{said}");
    let said = refused("127.0.0.1", "sslmode=verify-full");
    assert!(said.contains("invalid peer certificate"), "{said}");
    let other = Postgres::own();
    let other = format!("sslrootcert={}", other.certificate().display());
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = refused("127.0.0.1", &format!("sslmode={mode}&{other}"));
        assert!(said.contains("invalid peer certificate"), "{said}");
    }
    pair.tieout.file("none.pem", "nothing\n");
    let (said, hint) = pair.fails("t", &query(&pair, "127.0.0.1", "sslmode=verify-ca&sslrootcert=none.pem"), &[]);
    assert!(said.starts_with("the certificates in none.pem cannot be read: there is none"), "{said}");
    assert_eq!(hint, "sslrootcert names a PEM file with the certificate of the authority");
}
