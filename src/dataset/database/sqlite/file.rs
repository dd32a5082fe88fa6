//! The file of a database, beside SQLite's own view of it: what is wrong where it cannot be one, and what its header says.
//!
//! The header: <https://www.sqlite.org/fileformat2.html#the_database_header>.

use std::fs::{File, Metadata};
use std::io::{ErrorKind as IoKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};

const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

#[derive(Debug)]
pub(super) struct DatabaseFile {
    pub path: PathBuf,
    pub wal_mode: bool,
    stamp: Stamp,
    /// Open until the last connection is closed: POSIX takes all locks of a process off a file with the first descriptor of
    /// it that is closed.
    held: File,
}

/// What of a file changes when it is written to.
#[derive(Debug, PartialEq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    wal: u64,
}

impl DatabaseFile {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let metadata = path.metadata().map_err(|error| refused(&path, error))?;
        let error =
            |kind, what: &str, hint: &str| Err(Error::new(kind, format!("{} {what}", path.display())).hint(hint));
        if metadata.is_dir() {
            return error(ErrorKind::Data, "is a folder, not a SQLite database", "name the file in it");
        }
        if !metadata.is_file() {
            return error(ErrorKind::Data, "is not a file", "name the file of the database");
        }
        if metadata.len() == 0 {
            return error(ErrorKind::Data, "is empty: it is a SQLite database without a table", "check the path");
        }
        let mut held = File::open(&path).map_err(|error| refused(&path, error))?;
        let header = header(&mut held).map_err(|error| refused(&path, error))?;
        if !header.starts_with(MAGIC) {
            let hint = "check the path; a file that is encrypted must be decrypted first";
            return error(ErrorKind::Data, "is not a SQLite database", hint);
        }
        let stamp = Stamp::of(&path, &metadata);
        Ok(Self { wal_mode: header[19] == 2, path, stamp, held })
    }

    /// Counts the transactions that changed the file, but for those in WAL mode.
    pub(super) fn change_counter(&mut self) -> Result<u32> {
        let header = header(&mut self.held).map_err(|error| refused(&self.path, error))?;
        Ok(u32::from_be_bytes([header[24], header[25], header[26], header[27]]))
    }

    /// Bytes of the write-ahead log; 0 where there is none.
    pub(super) fn wal_size(&self) -> u64 {
        wal_size(&self.path)
    }

    /// An error where the file is not what it was when it was opened: for reading without locks.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let metadata = self.path.metadata().map_err(|error| refused(&self.path, error))?;
        match Stamp::of(&self.path, &metadata) == self.stamp {
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

impl Stamp {
    fn of(path: &Path, metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok(), wal: wal_size(path) }
    }
}

fn wal_size(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().map_or(0, |log| log.len())
}

/// The file's first bytes, zeros behind its end.
fn header(file: &mut File) -> std::io::Result<[u8; HEADER]> {
    let (mut header, mut at) = ([0; HEADER], 0);
    file.seek(SeekFrom::Start(0))?;
    while at < HEADER {
        match file.read(&mut header[at..]) {
            Ok(0) => break,
            Ok(read) => at += read,
            Err(error) if error.kind() == IoKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(header)
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
