//! PostgreSQL's errors in our words: what kind they are, what to do, and whether trying again may help.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::error::{Error, ErrorKind};

/// No connection to a server: what it refuses stands in the URL.
pub(super) fn connecting(shown: &str, failure: tokio_postgres::Error) -> Error {
    let doing = format!("cannot connect to {shown}");
    let class = failure.code().map(|state| state.code().get(..2).unwrap_or(""));
    match (class, failure.as_db_error()) {
        (Some("42" | "22" | "55"), Some(told)) => Error::new(ErrorKind::Config, format!("{doing}: {}", told.message()))
            .hint("check the parameters of the URL"),
        _ => error(&doing, failure),
    }
}

/// No connection that joins a snapshot: what else is told to it, the first connection was told as well. So the snapshot is gone, and with
/// it the connection that had it: all is to be read anew.
pub(super) fn joining(shown: &str, failure: Error) -> Error {
    if failure.kind() != ErrorKind::Sql {
        return failure;
    }
    Error::new(ErrorKind::Unavailable, format!("cannot connect to {shown}: the snapshot that is read in is gone"))
        .hint("see that nothing ends the connections of a run, and try again")
        .source(failure.message().to_string())
        .retryable()
}

/// `doing`: what could not be done, such as "the table cannot be read".
pub(super) fn error(doing: &str, failure: tokio_postgres::Error) -> Error {
    let Some(told) = failure.as_db_error() else { return lost(doing, &failure) };
    let state = told.code();
    let class = state.code().get(..2).unwrap_or("");
    let (kind, hint) = match class {
        "28" => (ErrorKind::Permission, "check the user and the password in the URL"),
        "3D" => (ErrorKind::NotFound, "check the name of the database in the URL"),
        _ if *state == SqlState::UNDEFINED_TABLE => {
            (ErrorKind::NotFound, "check the name: as it is stored, with its schema, such as sales.orders")
        }
        _ if *state == SqlState::INVALID_SCHEMA_NAME => (ErrorKind::NotFound, "check the name of the schema"),
        _ if *state == SqlState::UNDEFINED_COLUMN => (ErrorKind::NotFound, "check the names of the columns"),
        _ if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
            (ErrorKind::Permission, "grant the user SELECT on it, and USAGE on its schema")
        }
        _ if *state == SqlState::READ_ONLY_SQL_TRANSACTION => {
            (ErrorKind::Sql, "tieout only reads: a query must not change anything")
        }
        _ if *state == SqlState::QUERY_CANCELED => {
            (ErrorKind::Unavailable, "raise limits.statement_timeout, or compare fewer rows")
        }
        // Text of a database without an encoding (SQL_ASCII).
        _ if *state == SqlState::CHARACTER_NOT_IN_REPERTOIRE || *state == SqlState::UNTRANSLATABLE_CHARACTER => {
            (ErrorKind::Data, "read such text as bytes, by a query: SELECT convert_to(x, 'SQL_ASCII') AS x")
        }
        "42" | "22" => (ErrorKind::Sql, "correct the query"),
        "0A" => (ErrorKind::Sql, "the server cannot do this: write it in another way"),
        "53" => (
            ErrorKind::Unavailable,
            "the server is short of connections, memory or disk: try later, or lower limits.connections",
        ),
        "08" | "40" | "57" | "55" => (ErrorKind::Unavailable, "try again later"),
        _ => (ErrorKind::Data, "see the server's words"),
    };
    let mut message = format!("{doing}: {}", told.message());
    if let Some(detail) = told.detail().filter(|_| class != "28") {
        message.push_str(&format!(" ({detail})"));
    }
    let error = Error::new(kind, message).hint(told.hint().filter(|_| kind == ErrorKind::Sql).unwrap_or(hint));
    // Deadlocks and conflicts with recovery, shutdown and start, too many connections.
    match class {
        "08" | "40" | "53" => error.retryable(),
        "57" if *state != SqlState::QUERY_CANCELED => error.retryable(),
        _ => error,
    }
}

/// No answer of the server's: the way to it is at fault.
fn lost(doing: &str, failure: &tokio_postgres::Error) -> Error {
    // The driver says where it was, its cause says why.
    let (mut why, mut cause) = (failure.to_string(), failure.source());
    while let Some(inner) = cause {
        why = inner.to_string();
        cause = inner.source();
    }
    let text = failure.to_string();
    let unknown_host = why.contains("lookup address") || why.contains("not known");
    let (kind, hint) = match () {
        _ if unknown_host => (ErrorKind::NotFound, "check the host in the URL"),
        _ if text.contains("TLS") || why.contains("certificate") || why.contains("TLS") => {
            (ErrorKind::Permission, "check sslmode and sslrootcert in the URL")
        }
        _ if why.contains("password missing") => {
            (ErrorKind::Permission, "put the password into the URL, or into PGPASSWORD")
        }
        _ if text.contains("password") || text.contains("configuration") => {
            (ErrorKind::Permission, "check the user and the password in the URL")
        }
        _ => (ErrorKind::Unavailable, "see that the server runs and can be reached, and try again"),
    };
    let error = Error::new(kind, format!("{doing}: {why}")).hint(hint);
    if kind == ErrorKind::Unavailable { error.retryable() } else { error }
}

/// The server did not answer in time.
pub(super) fn silent(doing: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{doing}: the server does not answer"))
        .hint("see that the server runs and can be reached; limits.statement_timeout says how long to wait")
}
