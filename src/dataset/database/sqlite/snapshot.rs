//! Connections that all read the same state of a file.
//!
//! A connection in a read transaction keeps the state that it saw first: in WAL mode by its place in the log, otherwise
//! by a lock that lets nobody commit. That several of them see the same one is told by a further connection, which is in no
//! transaction: SQLite's `data_version` of it changes with every commit of anybody else. If it is the same before the first
//! of them began and after the last did, nobody has committed in between; if not, they begin anew.
//!
//! (Statements on a single connection would need no such proof, but could not be read at the same time.)

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::{Connection, OpenFlags};

use super::failure;
use super::file::DatabaseFile;
use crate::error::{Error, ErrorKind, Result};

/// Statements that can be read at the same time: each side of a rule, and the tables of views over several of them. A
/// connection that has nothing to do costs next to nothing; but the fewer there are, the sooner they agree.
pub(super) const READERS: usize = 16;
const FEWEST: usize = 4;
/// How long others may keep the file locked, or commit all the time.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Snapshot {
    pub connections: Vec<Connection>,
    /// For the run's record.
    pub version: String,
    /// Read without any lock; see [`DatabaseFile::check_unchanged`].
    pub immutable: bool,
}

impl Snapshot {
    pub(super) fn take(file: &DatabaseFile) -> Result<Self> {
        let failed = |failure| failure::error(&format!("{} cannot be opened", file.path.display()), failure);
        let (connections, immutable) = match Self::begin(file, false) {
            // In WAL mode SQLite needs to make files in the folder. Where it may not, and the file is all there is, that is read.
            Err(failure) if failure::needs_folder(&failure) && file.is_whole() => {
                let whole = Self::begin(file, true).map_err(|_| failed(failure))?;
                (whole, true)
            }
            begun => (begun.map_err(failed)?, false),
        };
        let Some(connections) = connections else {
            let message =
                format!("{} is written to all the time: no two readings of it are the same", file.path.display());
            return Err(Error::new(ErrorKind::Unavailable, message).hint("try again later, or read a copy of the file"));
        };
        let version = connections.first().map_or(Ok(String::new()), |first| version(first, file)).map_err(failed)?;
        Ok(Self { connections, version, immutable })
    }

    /// None where it was changed all the time.
    fn begin(file: &DatabaseFile, immutable: bool) -> rusqlite::Result<Option<Vec<Connection>>> {
        let probe = open(file, immutable)?;
        let mut connections = (0..READERS).map(|_| open(file, immutable)).collect::<rusqlite::Result<Vec<_>>>()?;
        let until = Instant::now() + PATIENCE;
        loop {
            let late = Instant::now() >= until;
            match Self::attempt(&probe, &connections) {
                Ok(true) => return Ok(Some(connections)),
                Ok(false) if late => return Ok(None),
                Ok(false) => connections.truncate((connections.len() / 2).max(FEWEST)),
                Err(failure) if late || !failure::is_busy(&failure) => return Err(failure),
                Err(_) => {}
            }
            // A writer may be waiting for just these readers.
            for connection in connections.iter().filter(|connection| !connection.is_autocommit()) {
                connection.execute_batch("ROLLBACK")?;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether nobody has committed while the transactions began.
    fn attempt(probe: &Connection, connections: &[Connection]) -> rusqlite::Result<bool> {
        let version = || probe.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0));
        let before = version()?;
        for connection in connections {
            // BEGIN alone takes no lock.
            connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")?;
        }
        Ok(version()? == before)
    }
}

/// A connection that cannot change the file, and creates none.
fn open(file: &DatabaseFile, immutable: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match immutable {
        true => Connection::open_with_flags(file.immutable_uri(), flags | OpenFlags::SQLITE_OPEN_URI),
        false => Connection::open_with_flags(&file.path, flags),
    }?;
    // `Snapshot::begin` waits, and gives way between its attempts.
    connection.busy_timeout(Duration::ZERO)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// What a reader of the run's record can tell the state by. (SQLite's counters of changes stand in the file's header, which it
/// does not show, and do not count in WAL mode.)
fn version(connection: &Connection, file: &DatabaseFile) -> rusqlite::Result<String> {
    let number = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    let (schema, pages, free) = (number("schema_version")?, number("page_count")?, number("freelist_count")?);
    let modified = file.modified().map(|at| DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Micros, true));
    let modified = modified.map(|at| format!(", file of {at}")).unwrap_or_default();
    Ok(format!("schema version {schema}, {pages} pages, {free} of them free, journal mode {mode}{modified}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;

    /// All connections see one state, while somebody commits as fast as they can.
    #[rstest::rstest]
    #[case("WAL")]
    #[case("DELETE")]
    fn all_connections_see_one_state(#[case] mode: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let writer = Connection::open(&path).unwrap();
        let begin = "PRAGMA synchronous = OFF; CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)";
        writer.execute_batch(&format!("PRAGMA journal_mode = {mode}; {begin}")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Relaxed) {
                let _ = writer.execute_batch("UPDATE t SET n = n + 1");
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        let mut states = Vec::new();
        for _ in 0..30 {
            let snapshot = Snapshot::take(&DatabaseFile::find(path.clone()).unwrap()).unwrap();
            let state =
                |connection: &Connection| connection.query_row("SELECT n FROM t", [], |row| row.get(0)).unwrap();
            let seen: Vec<i64> = snapshot.connections.iter().map(state).collect();
            assert!(seen.iter().all(|n| *n == seen[0]), "{seen:?}");
            states.push(seen[0]);
            drop(snapshot);
            std::thread::sleep(Duration::from_millis(2));
        }
        stop.store(true, Relaxed);
        thread.join().unwrap();
        states.dedup();
        assert!(states.len() > 1, "nothing was written meanwhile");
    }
}
