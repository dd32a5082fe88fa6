//! The file of a database, beside SQLite's own view of it: what is wrong where it cannot be one, and whether it changes.
//!
//! It is looked at and never opened here: POSIX takes all locks of a process off a file with the first descriptor of it that
//! is closed, SQLite's own included.

use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::dataset::listing::local_inode;
use crate::error::{Error, ErrorKind, Result};

/// Within the grain of a clock, a file may be written to twice.
const SETTLED: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct DatabaseFile {
    pub path: PathBuf,
    /// Where it is, whatever links lead there: SQLite puts its log beside it.
    real: PathBuf,
    stamp: Stamp,
    /// Before it was looked at.
    found: SystemTime,
}

/// What of a file changes when it is written to.
#[derive(Debug, PartialEq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    inode: (u64, i128),
    beside: u64,
    /// When the write-ahead log was last written to; None where there is none, or nothing in it.
    logged: Option<SystemTime>,
    /// Which file it is. Its inode changes without a write: SQLite itself, as root, sets its owner whenever it opens it.
    log_inode: Option<u64>,
}

impl DatabaseFile {
    pub(super) fn find(path: PathBuf) -> Result<Self> {
        let found = SystemTime::now();
        let metadata = path.metadata().map_err(|error| refused(&path, error))?;
        let error =
            |what: &str, hint: &str| Err(Error::new(ErrorKind::Data, format!("{} {what}", path.display())).hint(hint));
        if metadata.is_dir() {
            return error("is a folder, not a SQLite database", "name the file in it");
        }
        if !metadata.is_file() {
            return error("is not a file", "name the file of the database");
        }
        if metadata.len() == 0 {
            return error("is empty: it is a SQLite database without a table", "check the path");
        }
        let real = path.canonicalize().map_err(|error| refused(&path, error))?;
        let stamp = stamp(&real)?;
        Ok(Self { path, real, stamp, found })
    }

    /// Whether all there is to know stands in the file itself: no write-ahead log, and no journal of what is to be undone.
    pub(super) fn is_whole(&self) -> bool {
        beside(&self.real) == 0
    }

    /// When it was last written to; in WAL mode, when its log was last moved into it.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.stamp.modified
    }

    /// By what its rows can be told; None where it was written to just before it was found, and may be again without a sign
    /// of it.
    pub(super) fn identity(&self) -> Option<String> {
        let last = self.stamp.modified?.max(self.stamp.logged.unwrap_or(SystemTime::UNIX_EPOCH));
        let settled = self.found.duration_since(last).is_ok_and(|age| age >= SETTLED);
        settled.then(|| format!("{} {:?}", self.real.display(), self.stamp))
    }

    /// An error where the file is not what it was when it was found: for reading without locks.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        match stamp(&self.real)? == self.stamp {
            true => Ok(()),
            false => {
                let message = format!("{} changed while it was read", self.path.display());
                let hint = "its folder cannot be written, so that SQLite cannot lock it: read a copy";
                Err(Error::new(ErrorKind::Changed, message).hint(hint))
            }
        }
    }

    /// As SQLite's URIs have it, for a file that nobody changes.
    pub(super) fn immutable_uri(&self) -> String {
        let path = self.path.to_string_lossy();
        let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        format!("file:{escaped}?immutable=1")
    }
}

fn stamp(path: &Path) -> Result<Stamp> {
    let metadata = path.metadata().map_err(|error| refused(path, error))?;
    let log = named(path, "-wal").metadata().ok().filter(|log| log.len() > 0);
    Ok(Stamp {
        size: metadata.len(),
        modified: metadata.modified().ok(),
        inode: local_inode(&metadata),
        beside: beside(path),
        logged: log.as_ref().and_then(|log| log.modified().ok()),
        log_inode: log.as_ref().map(|log| local_inode(log).0),
    })
}

/// What SQLite puts beside the file.
fn named(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Bytes in the write-ahead log and in the journal.
fn beside(path: &Path) -> u64 {
    let size = |ending: &str| named(path, ending).metadata().map_or(0, |file| file.len());
    size("-wal") + size("-journal")
}

fn refused(path: &Path, error: std::io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        IoKind::NotFound => Error::new(ErrorKind::NotFound, format!("there is no SQLite database at {shown}"))
            .hint("check the path; a relative one counts from the project's folder, or where `tieout diff` is run"),
        IoKind::PermissionDenied => Error::new(ErrorKind::Permission, format!("{shown} must not be read"))
            .hint("give this user the right to read the file, and to enter its folder"),
        IoKind::NotADirectory => Error::new(ErrorKind::NotFound, format!("there is no SQLite database at {shown}"))
            .hint("a part of the path is a file, not a folder"),
        _ => Error::new(ErrorKind::Data, format!("{shown} cannot be read")).source(error),
    }
}
