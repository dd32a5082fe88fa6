//! The session of a run: a pool of connections in one snapshot. SQLite's calls block, so each statement runs on a thread of
//! its own, and is interrupted when nobody waits for it any more.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::record_batch::RecordBatch;
use rusqlite::{Connection, InterruptHandle};
use tokio::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::decode::{self, Decoders};
use super::file::DatabaseFile;
use super::snapshot::Snapshot;
use super::{describe, failure};
use crate::dataset::database::pace::Pace;
use crate::dataset::database::relation::literal;
use crate::dataset::database::session::{BatchSender, Described, Moment, Scan, Session, TextRows};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, SourceLimits, System, TextOptions};

pub(super) struct SqliteSession {
    pool: Arc<Pool>,
    moment: Moment,
    limits: SourceLimits,
    pace: Pace,
}

struct Pool {
    idle: Mutex<Vec<Reader>>,
    /// Of all connections.
    interrupts: Vec<Arc<InterruptHandle>>,
    permits: Arc<Semaphore>,
    immutable: bool,
    file: DatabaseFile,
}

struct Reader {
    connection: Connection,
    interrupt: Arc<InterruptHandle>,
}

/// A connection at work; it goes back into the pool, in its snapshot.
struct Lease {
    reader: Option<Reader>,
    /// Whether the work is done. Who interrupts holds it, so as not to meet the next one's work.
    done: Arc<Mutex<bool>>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done = true;
        // An error may have ended the transaction, and with it the snapshot.
        let reader = self.reader.take().filter(|reader| !reader.connection.is_autocommit());
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(reader);
    }
}

/// Interrupts work for which nobody waits any more.
struct Waiting {
    interrupt: Arc<InterruptHandle>,
    done: Arc<Mutex<bool>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if !*done {
            self.interrupt.interrupt();
        }
    }
}

impl fmt::Debug for SqliteSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteSession({}, {})", self.pool.file.path.display(), self.moment.version)
    }
}

impl SqliteSession {
    pub(super) async fn open(path: PathBuf, limits: SourceLimits) -> Result<Self> {
        let opened = blocking(move || {
            let file = DatabaseFile::find(path)?;
            let snapshot = Snapshot::take(&file)?;
            Ok((file, snapshot))
        });
        let (file, snapshot) = opened.await?;
        let readers: Vec<Reader> = snapshot
            .connections
            .into_iter()
            .map(|connection| Reader { interrupt: Arc::new(connection.get_interrupt_handle()), connection })
            .collect();
        let pool = Pool {
            interrupts: readers.iter().map(|reader| Arc::clone(&reader.interrupt)).collect(),
            permits: Arc::new(Semaphore::new(readers.len())),
            idle: Mutex::new(readers),
            immutable: snapshot.immutable,
            file,
        };
        let moment = Moment { at: Utc::now(), version: snapshot.version };
        Ok(Self { pool: Arc::new(pool), moment, limits, pace: Pace::new(limits.rows_per_second) })
    }

    /// Does something with a connection, on a thread where it may block.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Pool) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shown = self.pool.file.path.display();
        // Statements that wait for each other would wait for ever.
        let permit = tokio::time::timeout(self.limits.statement_timeout, self.pool.permits.clone().acquire_owned());
        let Ok(Ok(permit)) = permit.await else {
            let message = format!("all {} connections to {shown} are busy", self.pool.interrupts.len());
            return Err(Error::new(ErrorKind::Unavailable, message).hint("read fewer of its tables at the same time"));
        };
        let reader = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(reader) = reader else {
            let message = format!("the connections to {shown} were lost");
            return Err(Error::new(ErrorKind::Unavailable, message).hint("run again"));
        };
        let done = Arc::new(Mutex::new(false));
        let _waiting = Waiting { interrupt: Arc::clone(&reader.interrupt), done: Arc::clone(&done) };
        let lease = Lease { reader: Some(reader), done, pool: Arc::clone(&self.pool), _permit: permit };
        blocking(move || match &lease.reader {
            Some(reader) => work(&reader.connection, &lease.pool),
            None => Err(Error::new(ErrorKind::Internal, "a connection was lent twice")),
        })
        .await
    }

    /// The same with an end: SQLite itself knows no time-out.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Pool) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match tokio::time::timeout(self.limits.statement_timeout, self.work(work)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.timed_out()),
        }
    }

    fn timed_out(&self) -> Error {
        let seconds = self.limits.statement_timeout.as_secs_f64();
        let message = format!("{} gave no rows for {seconds} seconds", self.pool.file.path.display());
        Error::new(ErrorKind::Unavailable, message).hint("compare fewer rows, or help the query by an index")
    }
}

/// A thread for what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended
        .map_err(|error| Error::new(ErrorKind::Internal, "a thread that read from SQLite ended early").source(error))?
}

/// Sends the rows of a statement until it ends, or nobody takes them.
fn read(connection: &Connection, pool: &Pool, scan: &Scan, made: &mpsc::Sender<RecordBatch>) -> Result<()> {
    let failed = |failure| failure::error("rows cannot be read", failure);
    let mut decoders = Decoders::new(&scan.columns, scan.schema.clone(), scan.batch_rows);
    let mut statement = connection.prepare(&scan.sql).map_err(failed)?;
    let mut rows = statement.raw_query();
    let send = |decoders: &mut Decoders| -> Result<bool> {
        let (batch, bytes) = decoders.finish()?;
        scan.progress.add_bytes(bytes as u64);
        Ok(batch.num_rows() == 0 || made.blocking_send(batch).is_ok())
    };
    while let Some(row) = rows.next().map_err(failed)? {
        decoders.push(row)?;
        if decoders.is_full() && !send(&mut decoders)? {
            return Ok(());
        }
    }
    send(&mut decoders)?;
    if pool.immutable { pool.file.check_unchanged() } else { Ok(()) }
}

#[async_trait]
impl Session for SqliteSession {
    fn system(&self) -> System {
        System::Sqlite
    }

    fn moment(&self) -> Moment {
        self.moment.clone()
    }

    fn is_alive(&self) -> bool {
        // A connection that is at work is there.
        let at_work = self.pool.permits.available_permits() < self.connections();
        at_work || !self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn connections(&self) -> usize {
        self.pool.interrupts.len()
    }

    async fn describe(&self, relation: &DatabaseRelation, text: &TextOptions) -> Result<Described> {
        let (relation, text) = (relation.clone(), text.clone());
        self.ask(move |connection, _| describe::describe(connection, &relation, &text)).await
    }

    async fn identity(&self, relation: &DatabaseRelation) -> Result<Option<String>> {
        let DatabaseRelation::Table(parts) = relation else { return Ok(None) };
        // What a view gives, or a virtual table, may depend on more than the file.
        let name = literal(parts.last().map_or("", String::as_str));
        let stored = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0";
        let rows = self.rows(&format!("{stored} AND name = {name} COLLATE NOCASE")).await?;
        Ok(self.pool.file.identity().filter(|_| !rows.is_empty()))
    }

    async fn read(&self, mut scan: Scan, sender: &BatchSender) -> Result<()> {
        tracing::debug!(sql = %scan.sql, "reading from SQLite");
        scan.batch_rows = self.pace.batch_rows(scan.batch_rows);
        let (made, mut batches) = mpsc::channel(1);
        let reading = self.work(move |connection, pool| read(connection, pool, &scan, &made));
        tokio::pin!(reading);
        let mut ended = None;
        loop {
            let until = Instant::now().checked_add(self.limits.statement_timeout);
            let until = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400 * 365));
            tokio::select! {
                result = &mut reading, if ended.is_none() => ended = Some(result),
                batch = batches.recv() => match (batch, ended.take()) {
                    (Some(batch), before) => {
                        ended = before;
                        self.pace.pass(batch.num_rows()).await;
                        if sender.send(Ok(batch)).await.is_err() {
                            return Ok(());
                        }
                    }
                    (None, Some(result)) => return result,
                    (None, None) => return reading.await,
                },
                () = tokio::time::sleep_until(until) => return Err(self.timed_out()),
            }
        }
    }

    async fn rows(&self, sql: &str) -> Result<TextRows> {
        tracing::debug!(%sql, "asking SQLite");
        let sql = sql.to_string();
        self.ask(move |connection, _| {
            let failed = |failure| failure::error("the database cannot answer", failure);
            let mut statement = connection.prepare(&sql).map_err(failed)?;
            let columns = statement.column_count();
            let (mut rows, mut answer) = (statement.raw_query(), Vec::new());
            while let Some(row) = rows.next().map_err(failed)? {
                let cells = (0..columns).map(|n| decode::text(row.get_ref(n).map_err(failed)?));
                answer.push(cells.collect::<Result<_>>()?);
            }
            Ok(answer)
        })
        .await
    }

    async fn close(&self) {
        for interrupt in &self.pool.interrupts {
            interrupt.interrupt();
        }
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::super::snapshot::READERS;
    use super::*;
    use crate::dataset::database::column::{Column, Kind};

    /// Counts without an end.
    const ENDLESS: &str = "WITH RECURSIVE k(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM k) SELECT id FROM k";

    async fn session(dir: &tempfile::TempDir, timeout: Duration) -> SqliteSession {
        let path = dir.path().join("t.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)")
            .unwrap();
        let limits = SourceLimits { statement_timeout: timeout, ..SourceLimits::default() };
        SqliteSession::open(path, limits).await.unwrap()
    }

    fn scan(sql: &str) -> Scan {
        Scan {
            sql: sql.to_string(),
            columns: vec![Column::new("id", "id".into(), Kind::Int64, "INTEGER")],
            schema: Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)])),
            batch_rows: 100,
            progress: Arc::default(),
        }
    }

    /// All connections have come back.
    async fn all_idle(session: &SqliteSession) -> bool {
        for _ in 0..500 {
            if session.pool.idle.lock().unwrap().len() == READERS {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    #[tokio::test]
    async fn a_statement_ends_when_its_time_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(&dir, Duration::from_millis(200)).await;
        let (sender, _rows) = mpsc::channel(1);
        let error = session.read(scan(&format!("SELECT count(*) FROM ({ENDLESS})")), &sender).await.unwrap_err();
        assert!(error.message().ends_with("gave no rows for 0.2 seconds"), "{error}");
        assert!(session.rows(&format!("SELECT max(id) FROM ({ENDLESS})")).await.is_err());
        assert!(all_idle(&session).await);
        assert_eq!(session.rows("SELECT 1, NULL, x'ff', 0.1").await.unwrap()[0].len(), 4);
    }

    #[tokio::test]
    async fn a_statement_ends_when_nobody_listens() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(&dir, Duration::from_secs(60)).await;
        let (sender, mut rows) = mpsc::channel(1);
        {
            let reading = session.read(scan(ENDLESS), &sender);
            tokio::pin!(reading);
            tokio::select! {
                _ = &mut reading => panic!("it has no end"),
                batch = rows.recv() => assert_eq!(batch.unwrap().unwrap().num_rows(), 100),
            }
        }
        assert!(all_idle(&session).await);
        drop(rows);
        session.read(scan(ENDLESS), &sender).await.unwrap();
        assert!(all_idle(&session).await);
    }

    #[tokio::test]
    async fn what_is_committed_later_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
        let session = session(&dir, Duration::from_secs(60)).await;
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        for _ in 0..READERS {
            let counted = session.rows("SELECT count(*) FROM t").await.unwrap();
            assert_eq!(counted, [[Some("0".to_string())]]);
            // Each connection in turn.
            session.pool.idle.lock().unwrap().rotate_left(1);
        }
        drop(session);
        let later = SqliteSession::open(path, SourceLimits::default()).await.unwrap();
        assert_eq!(later.rows("SELECT count(*) FROM t").await.unwrap(), [[Some("1".to_string())]]);
    }
}
