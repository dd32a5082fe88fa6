//! The session of a run: a coordinator, which holds the snapshot and answers small questions, and readers that join it.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::record_batch::RecordBatch;
use futures::StreamExt;
use minijinja::context;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_postgres::CancelToken;

use super::connection::{Connection, FAREWELL};
use super::decode::Decoders;
use super::describe;
use super::url::Target;
use crate::dataset::database::pace::Pace;
use crate::dataset::database::relation::{full_name, literal, rendered};
use crate::dataset::database::session::{BatchSender, Described, Moment, Scan, Session, TextRows};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, SourceLimits, System, TextOptions};

/// How often a replica that is behind is asked again.
const LAG_PAUSE: Duration = Duration::from_secs(1);
/// How often, and how long apart, it is looked whether enough time has passed for the log to be on disk.
const FLUSHES: usize = 8;
const FLUSH_PAUSE: Duration = Duration::from_millis(200);
/// Messages that are looked at without waiting in between.
const READY: usize = 1024;
/// The number of the connection that keeps the snapshot.
const COORDINATOR: usize = 0;
/// How long all connections may have rows that nobody takes, while somebody waits for a connection.
const STALL: Duration = Duration::from_secs(10);

pub(super) struct PostgresSession {
    target: Target,
    limits: SourceLimits,
    /// As `server_version_num` has it: 150018.
    version: u32,
    moment: Moment,
    /// The name by which readers join it.
    snapshot: String,
    coordinator: AsyncMutex<Connection>,
    /// Readers that have nothing to do.
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    /// Ends what a connection is doing: the coordinator's, and those of readers at work, by number.
    running: Mutex<Vec<(usize, CancelToken)>>,
    /// What tells the server that a statement was left before its end.
    farewells: Mutex<JoinSet<()>>,
    pace: Pace,
    /// Batches that were taken.
    taken: AtomicU64,
    /// Scans whose next batch nobody takes yet.
    stuck: AtomicUsize,
}

impl fmt::Debug for PostgresSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresSession({}, {})", self.target.shown, self.moment.version)
    }
}

impl PostgresSession {
    pub(super) async fn open(target: Target, limits: SourceLimits) -> Result<Self> {
        let (coordinator, facts) = Connection::open(&target, limits.statement_timeout, None).await?;
        let facts = facts.into_iter().next().unwrap_or_default();
        let [Some(version), lsn, Some(transactions), Some(snapshot)] = &facts[..] else {
            let message = format!("{} does not tell its version and snapshot", target.shown);
            return Err(Error::new(ErrorKind::Data, message).hint("tieout reads PostgreSQL 10 and later"));
        };
        let lsn = lsn.as_deref().unwrap_or("unknown");
        Ok(Self {
            version: version.parse().unwrap_or(0),
            moment: Moment { at: Utc::now(), version: format!("lsn {lsn}, snapshot {transactions}") },
            snapshot: snapshot.clone(),
            running: Mutex::new(vec![(COORDINATOR, coordinator.client.cancel_token())]),
            coordinator: AsyncMutex::new(coordinator),
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(readers(&limits))),
            farewells: Mutex::default(),
            taken: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
            pace: Pace::new(limits.rows_per_second),
            limits,
            target,
        })
    }

    /// Waits while a replica is too far behind, or the replicas of this server are.
    async fn keep_up(&self, connection: &Connection) -> Result<()> {
        let Some(most) = self.limits.pause_when_lag else { return Ok(()) };
        let sql = rendered(include_str!("../../../../queries/catalog/postgres_lag.sql"), context! {})?;
        loop {
            let rows = connection.rows("cannot ask how far replicas are behind", &sql).await?;
            let lag: f64 = rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(0.0);
            if lag <= most.as_secs_f64() {
                return Ok(());
            }
            tracing::info!(seconds = lag, "waiting for a replica that is behind");
            tokio::time::sleep(LAG_PAUSE).await;
        }
    }

    /// A place among those who read. Scans that wait for each other would wait for ever: one that gets its place only when
    /// another ends, whose rows nobody takes before this one has some.
    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        loop {
            let taken = self.taken.load(SeqCst);
            match tokio::time::timeout(STALL, self.permits.clone().acquire_owned()).await {
                Ok(Ok(permit)) => return Ok(permit),
                Ok(Err(_)) => return Err(Error::new(ErrorKind::Internal, "the session is closed")),
                Err(_) if self.stuck.load(SeqCst) < readers(&self.limits) => {}
                Err(_) if self.taken.load(SeqCst) != taken => {}
                Err(_) => {
                    let (most, at) = (self.limits.connections, &self.target.shown);
                    let message = format!("more is read at the same time than {most} connections to {at} allow");
                    return Err(Error::new(ErrorKind::Unavailable, message)
                        .hint(format!("raise limits.connections: to {} at least", most.max(2) + 1)));
                }
            }
        }
    }

    /// A connection in the snapshot, for one statement.
    async fn reader(&self, permit: OwnedSemaphorePermit) -> Result<Reader<'_>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&self.target, self.limits.statement_timeout, Some(&self.snapshot)).await?.0,
        };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let number = running.last().map_or(COORDINATOR, |(number, _)| *number) + 1;
        running.push((number, connection.client.cancel_token()));
        Ok(Reader { session: self, number, connection: Some(connection), _permit: permit })
    }

    /// Copies rows out of a connection. False: nobody listens any more, and the statement may still run.
    async fn copy(&self, connection: &Connection, scan: &Scan, sender: &BatchSender) -> Result<bool> {
        let doing = "rows cannot be read";
        self.keep_up(connection).await?;
        let sql = format!("COPY ({}) TO STDOUT (FORMAT binary)", scan.sql);
        tracing::debug!(%sql, "reading from PostgreSQL");
        connection.begin().await?;
        let stream = connection.within(doing, connection.client.copy_out(&sql)).await?;
        // A row is a message, and many come at once.
        let mut messages = Box::pin(stream.ready_chunks(READY));
        let batch_rows = self.pace.batch_rows(scan.batch_rows);
        let mut decoders = Decoders::new(&scan.columns, scan.schema.clone());
        loop {
            let Some(ready) = connection.within(doing, async { Ok(messages.next().await) }).await? else { break };
            let mut bytes = 0;
            for message in ready {
                let message = message.map_err(|error| connection.failed(doing, error))?;
                bytes += message.len();
                decoders.push(&message)?;
                if decoders.are_full(batch_rows) && !self.send(decoders.finish()?, sender).await {
                    return Ok(false);
                }
            }
            scan.progress.add_bytes(bytes as u64);
        }
        connection.done();
        let rest = decoders.end()?;
        Ok(rest.num_rows() == 0 || self.send(rest, sender).await)
    }

    async fn send(&self, batch: RecordBatch, sender: &BatchSender) -> bool {
        self.pace.pass(batch.num_rows()).await;
        let _stuck = Stuck::of(&self.stuck);
        let sent = sender.send(Ok(batch)).await;
        self.taken.fetch_add(1, SeqCst);
        sent.is_ok()
    }

    fn is_alone(&self) -> bool {
        self.limits.connections < 2
    }
}

/// One of the connections is the coordinator's, unless it is the only one.
fn readers(limits: &SourceLimits) -> usize {
    limits.connections.saturating_sub(1).max(1)
}

/// A scan that waits for its rows to be taken.
struct Stuck<'a>(&'a AtomicUsize);

impl<'a> Stuck<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Stuck<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A connection with a statement. Left before the statement's end, it is cancelled on the server and not used again.
struct Reader<'a> {
    session: &'a PostgresSession,
    number: usize,
    connection: Option<Connection>,
    _permit: OwnedSemaphorePermit,
}

impl Reader<'_> {
    async fn copy(mut self, scan: &Scan, sender: &BatchSender) -> Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        if self.session.copy(connection, scan, sender).await? {
            self.give_back();
        }
        Ok(())
    }

    async fn rows(mut self, doing: &str, sql: &str) -> Result<TextRows> {
        let Some(connection) = &self.connection else { return Ok(Vec::new()) };
        let rows = connection.rows(doing, sql).await?;
        self.give_back();
        Ok(rows)
    }

    /// Nothing runs on it: another one may have it.
    fn give_back(&mut self) {
        self.session.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut running = self.session.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|(number, _)| *number != self.number);
        let Some(connection) = self.connection.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut farewells = self.session.farewells.lock().unwrap_or_else(PoisonError::into_inner);
            // The connection lives until the server knows.
            farewells.spawn_on(async move { connection.cancel().await }, &runtime);
        }
    }
}

#[async_trait]
impl Session for PostgresSession {
    fn system(&self) -> System {
        System::Postgres
    }

    fn moment(&self) -> Moment {
        self.moment.clone()
    }

    fn is_alive(&self) -> bool {
        // One that is at work is there.
        self.coordinator.try_lock().map_or(true, |coordinator| !coordinator.client.is_closed())
    }

    fn connections(&self) -> usize {
        readers(&self.limits)
    }

    async fn describe(&self, relation: &DatabaseRelation, text: &TextOptions) -> Result<Described> {
        let coordinator = self.coordinator.lock().await;
        describe::describe(&coordinator, relation, text, self.version, self.connections()).await
    }

    async fn identity(&self, relation: &DatabaseRelation) -> Result<Option<String>> {
        let DatabaseRelation::Table(parts) = relation else { return Ok(None) };
        let table = literal(&full_name(System::Postgres, parts));
        let sql = rendered(include_str!("../../../../queries/catalog/postgres_identity.sql"), context! { table })?;
        for _ in 0..FLUSHES {
            let rows = match self.rows(&sql).await {
                Ok(rows) => rows,
                // Not everybody may ask who the server is.
                Err(error) if self.is_alive() && error.kind() != ErrorKind::Unavailable => {
                    tracing::debug!(%error, "it cannot be told by what the rows of a table are the same");
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            match rows.first().map(Vec::as_slice) {
                Some([Some(identity), Some(flushed)]) if flushed == "t" => return Ok(Some(identity.clone())),
                Some(_) => tokio::time::sleep(FLUSH_PAUSE).await,
                None => break,
            }
        }
        Ok(None)
    }

    async fn read(&self, scan: Scan, sender: &BatchSender) -> Result<()> {
        let permit = self.permit().await?;
        if self.is_alone() {
            let coordinator = self.coordinator.lock().await;
            self.copy(&coordinator, &scan, sender).await?;
            return Ok(());
        }
        self.reader(permit).await?.copy(&scan, sender).await
    }

    async fn rows(&self, sql: &str) -> Result<TextRows> {
        tracing::debug!(%sql, "asking PostgreSQL");
        let doing = "the database cannot answer";
        // A question of the other side may take long.
        match self.coordinator.try_lock() {
            Ok(coordinator) => coordinator.rows(doing, sql).await,
            Err(_) if self.is_alone() => self.coordinator.lock().await.rows(doing, sql).await,
            Err(_) => self.reader(self.permit().await?).await?.rows(doing, sql).await,
        }
    }

    async fn close(&self) {
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        if self.coordinator.try_lock().is_ok_and(|coordinator| coordinator.is_at_rest()) {
            running.retain(|(number, _)| *number != COORDINATOR);
        }
        let cancel = running.iter().map(|(_, token)| token.cancel_query(self.target.tls.clone()));
        let farewells = std::mem::take(&mut *self.farewells.lock().unwrap_or_else(PoisonError::into_inner));
        let all = futures::future::join(futures::future::join_all(cancel), farewells.join_all());
        let _ = tokio::time::timeout(FAREWELL, all).await;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
