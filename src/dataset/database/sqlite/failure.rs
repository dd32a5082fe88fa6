//! SQLite's errors in our words: what kind they are, and what to do.

use rusqlite::{Error as Failure, ErrorCode, ffi};

use crate::error::{Error, ErrorKind};

/// `doing`: what could not be done, such as "rows cannot be read".
pub(super) fn error(doing: &str, failure: Failure) -> Error {
    let (code, text) = match &failure {
        Failure::SqliteFailure(code, text) => (*code, text.clone().unwrap_or_else(|| code.to_string())),
        Failure::SqlInputError { error, msg, .. } => (*error, msg.clone()),
        Failure::MultipleStatement => {
            let message = format!("{doing}: it is more than one statement");
            return Error::new(ErrorKind::Sql, message).hint("write one SELECT");
        }
        _ => return Error::new(ErrorKind::Data, doing).source(failure),
    };
    let (kind, hint) = match code.code {
        ErrorCode::NotADatabase => {
            (ErrorKind::Data, "check the path; a file that is encrypted must be decrypted first")
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
            ErrorKind::Unavailable,
            "another process is writing: try again when it has ended, or read a copy of the file",
        ),
        ErrorCode::DatabaseCorrupt => {
            (ErrorKind::Data, "the file is damaged: `PRAGMA integrity_check` says where; restore it from a backup")
        }
        ErrorCode::ReadOnly => {
            (ErrorKind::Data, "a writer left it unfinished: open it once with a program that may write, or read a copy")
        }
        ErrorCode::CannotOpen => (
            ErrorKind::Permission,
            "see that the file, its -wal and its folder can be read, and the folder written in WAL mode; or read a copy",
        ),
        ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            (ErrorKind::Permission, "give this user the right to read the file")
        }
        ErrorCode::OperationInterrupted => (ErrorKind::Unavailable, "the statement was ended before its time"),
        ErrorCode::OutOfMemory | ErrorCode::TooBig => (ErrorKind::Resources, "read fewer rows, or smaller values"),
        ErrorCode::DiskFull => (ErrorKind::Resources, "SQLite sorts on disk: free some space, or set SQLITE_TMPDIR"),
        ErrorCode::SystemIoFailure => (ErrorKind::Data, "see that the disk behind the file works"),
        _ => (ErrorKind::Sql, "correct the query"),
    };
    // SQLite repeats the path.
    let text = if code.code == ErrorCode::CannotOpen { "it, or a file beside it, must not be read" } else { &text };
    Error::new(kind, format!("{doing}: {text}")).hint(hint)
}

/// Whether a lock of somebody else's stands in the way.
pub(super) fn is_busy(failure: &Failure) -> bool {
    matches!(failure.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether SQLite could not make the files that it needs beside one in WAL mode.
pub(super) fn needs_folder(failure: &Failure) -> bool {
    let extended = failure.sqlite_error().map(|error| error.extended_code);
    matches!(failure.sqlite_error_code(), Some(ErrorCode::CannotOpen))
        || matches!(
            extended,
            Some(ffi::SQLITE_READONLY_CANTINIT | ffi::SQLITE_READONLY_DIRECTORY | ffi::SQLITE_READONLY_RECOVERY)
        )
}
