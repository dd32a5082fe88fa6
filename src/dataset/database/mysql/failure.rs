//! MySQL's errors in our words: what kind they are, what to do, and whether trying again may help.
//!
//! Numbers up to 1899 mean the same in MySQL and MariaDB; of the later ones, each is one of theirs alone.

use std::error::Error as _;
use std::io::ErrorKind as IoKind;

use mysql_async::{DriverError, Error as Failure, IoError, ServerError};

use crate::error::{Error, ErrorKind};

/// A relation that is not there.
pub(super) const NO_SUCH_TABLE: u16 = 1146;
/// A statement that this server does not have.
pub(super) const SYNTAX: u16 = 1064;

/// `doing`: what could not be done, such as "rows cannot be read".
pub(super) fn error(doing: &str, failure: Failure) -> Error {
    match failure {
        Failure::Server(told) => refused(doing, &told),
        Failure::Driver(driver) => of_driver(doing, &driver),
        failure => lost(doing, &failure),
    }
}

/// What the server itself says.
fn refused(doing: &str, told: &ServerError) -> Error {
    let (kind, hint) = match told.code {
        1045 | 1698 => (ErrorKind::Permission, "check the user and the password in the URL"),
        1044 => (ErrorKind::Permission, "grant the user SELECT on the database"),
        1049 => (ErrorKind::NotFound, "check the name of the database in the URL"),
        NO_SUCH_TABLE => {
            (ErrorKind::NotFound, "check the name: as it is stored, with its database, such as sales.orders")
        }
        1054 => (ErrorKind::NotFound, "check the names of the columns"),
        1142 | 1143 | 1370 => (ErrorKind::Permission, "grant the user SELECT on it"),
        1227 => (ErrorKind::Permission, "grant the user the privilege that is named"),
        1290 | 1792 | 1836 => (ErrorKind::Sql, "tieout only reads: a query must not change anything"),
        // The time-outs of MariaDB and of MySQL.
        1969 | 3024 => (ErrorKind::Unavailable, "raise limits.statement_timeout, or compare fewer rows"),
        1040 | 1203 | 1226 => {
            (ErrorKind::Unavailable, "the server has no connections to spare: try later, or lower limits.connections")
        }
        1412 => (ErrorKind::Changed, "run again once the table is no longer altered"),
        1037 | 1038 | 1041 | 1021 | 1114 => {
            (ErrorKind::Unavailable, "the server is short of memory or disk: try later, or compare fewer rows")
        }
        // Locks, shutdown, killed statements and connections, hosts that are blocked.
        1053 | 1077 | 1079 | 1129 | 1152..=1161 | 1205 | 1213 | 1317 | 1927 => {
            (ErrorKind::Unavailable, "try again later")
        }
        SYNTAX | 1052 | 1060 | 1055..=1056 | 1109 | 1140 | 1222 | 1248 | 1305 | 1356 | 1582 => {
            (ErrorKind::Sql, "correct the query")
        }
        _ => (ErrorKind::Data, "see the server's words"),
    };
    let error = Error::new(kind, format!("{doing}: {}", told.message)).hint(hint);
    match told.code {
        1040 | 1053 | 1077 | 1079 | 1152..=1161 | 1203 | 1205 | 1213 | 1927 => error.retryable(),
        _ => error,
    }
}

/// What the driver cannot go on with.
fn of_driver(doing: &str, driver: &DriverError) -> Error {
    match driver {
        DriverError::ConnectionClosed | DriverError::PoolDisconnected => {
            unreachable(doing, "the connection was closed")
        }
        DriverError::NoClientSslFlagFromServer => {
            Error::new(ErrorKind::Permission, format!("{doing}: the server does not offer TLS"))
                .hint("check ssl-mode in the URL")
        }
        DriverError::UnknownAuthPlugin { .. }
        | DriverError::CleartextPluginDisabled
        | DriverError::MysqlOldPasswordDisabled => Error::new(
            ErrorKind::Permission,
            format!("{doing}: the server asks for the password in a way that is not supported: {driver}"),
        )
        .hint("give the user a password of mysql_native_password, caching_sha2_password or ed25519"),
        DriverError::Params(_) | DriverError::MixedParams | DriverError::StmtParamsMismatch { .. } => {
            Error::new(ErrorKind::Sql, format!("{doing}: the query has a parameter, which nothing gives a value"))
                .hint("write the value into the query in place of `?` or `:name`")
        }
        // Their text may show the bytes that came.
        DriverError::UnexpectedPacket { .. } => broken(doing, "a packet is not what it should be"),
        driver => broken(doing, &driver.to_string()),
    }
}

/// No answer of the server's: the way to it is at fault.
fn lost(doing: &str, failure: &Failure) -> Error {
    // The driver says where it was, its cause says why.
    let (mut why, mut cause) = (failure.to_string(), failure.source());
    while let Some(inner) = cause {
        why = inner.to_string();
        cause = inner.source();
    }
    if why.contains("lookup address") || why.contains("not known") {
        return Error::new(ErrorKind::NotFound, format!("{doing}: {why}")).hint("check the host in the URL");
    }
    let kind = match failure {
        Failure::Io(IoError::Io(io)) => Some(io.kind()),
        _ => None,
    };
    // The second: in the middle of a packet.
    if kind == Some(IoKind::UnexpectedEof) || why == "bytes remaining on stream" {
        return unreachable(doing, "the connection was closed");
    }
    if is_tls(failure) {
        return Error::new(ErrorKind::Permission, format!("{doing}: {why}"))
            .hint("check ssl-mode and ssl-ca in the URL");
    }
    match kind {
        None | Some(IoKind::InvalidData | IoKind::Other) => broken(doing, &why),
        Some(_) => unreachable(doing, &why),
    }
}

/// TLS tells what it found wrong through the socket that it stands for.
fn is_tls(failure: &Failure) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(failure);
    while let Some(error) = next {
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<mysql_async::TlsError>() || inside.is_some_and(|inside| inside.is::<rustls::Error>()) {
            return true;
        }
        next = error.source();
    }
    false
}

fn unreachable(doing: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{doing}: {why}"))
        .hint("see that the server runs and can be reached, and try again")
        .retryable()
}

/// Bytes that are not MySQL's.
pub(super) fn broken(doing: &str, why: &str) -> Error {
    Error::new(ErrorKind::Data, format!("{doing}: what the server sends cannot be read: {why}"))
        .hint("look at what stands between tieout and the server, or use ssl-mode=REQUIRED")
}

/// The server did not answer in time.
pub(super) fn silent(doing: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{doing}: the server does not answer"))
        .hint("see that the server runs and can be reached; limits.statement_timeout says how long to wait")
}
