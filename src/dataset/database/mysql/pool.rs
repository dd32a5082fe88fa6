//! The connections of a session: lent for one statement each, and taken back, or ended, however that ends.

use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::connection::{self, Connection, FAREWELL};
use super::failure;
use super::url::Target;
use crate::error::{Error, ErrorKind, Result};

/// How long all connections may have rows that nobody takes, while somebody waits for a connection.
const STALL: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Pool {
    target: Target,
    /// How many there were in the beginning. One that is lost is not replaced: another would see another snapshot.
    size: usize,
    idle: Mutex<Vec<Connection>>,
    /// The numbers of those that are lent.
    lent: Mutex<Vec<u32>>,
    /// What ends statements on the server that were left.
    farewells: Mutex<JoinSet<()>>,
    /// One for each that is not lost.
    permits: Arc<Semaphore>,
    /// Batches that were taken.
    taken: AtomicU64,
    /// Readers whose next batch nobody takes yet.
    stuck: AtomicUsize,
}

impl Pool {
    pub(super) fn new(target: Target, connections: Vec<Connection>) -> Self {
        let size = connections.len();
        Self {
            target,
            size,
            idle: Mutex::new(connections),
            lent: Mutex::default(),
            farewells: Mutex::default(),
            permits: Arc::new(Semaphore::new(size)),
            taken: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
        }
    }

    /// Whether all connections are there.
    pub(super) fn is_whole(&self) -> bool {
        self.left() == self.size
    }

    fn left(&self) -> usize {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        idle + self.lent.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) async fn lend(self: &Arc<Self>) -> Result<Lent> {
        let permit = self.permit().await?;
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lent = Lent { pool: self.clone(), connection, permit: Some(permit) };
        // After the end of the session there is none.
        let id = lent.connection()?.id();
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).extend(id);
        Ok(lent)
    }

    /// Statements that wait for each other would wait for ever: one that gets its place only when another ends, whose rows
    /// nobody takes before this one has some.
    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        loop {
            let taken = self.taken.load(SeqCst);
            match tokio::time::timeout(STALL, self.permits.clone().acquire_owned()).await {
                Ok(Ok(permit)) => return Ok(permit),
                Ok(Err(_)) => {
                    let message = format!("the connections to {} were lost", self.target.shown);
                    return Err(Error::new(ErrorKind::Unavailable, message).hint("run again").retryable());
                }
                Err(_) if self.stuck.load(SeqCst) < self.left() => {}
                Err(_) if self.taken.load(SeqCst) != taken => {}
                Err(_) => {
                    let (most, at) = (self.size, &self.target.shown);
                    let message = format!("more is read at the same time than {most} connections to {at} allow");
                    return Err(Error::new(ErrorKind::Unavailable, message)
                        .hint(format!("raise limits.connections: to {} at least", most + 1)));
                }
            }
        }
    }

    /// Waits until what is sent is taken.
    pub(super) async fn taken<T>(&self, sending: impl Future<Output = T>) -> T {
        let _stuck = Stuck::of(&self.stuck);
        let sent = sending.await;
        self.taken.fetch_add(1, SeqCst);
        sent
    }

    /// Ends what runs, and disconnects.
    pub(super) async fn close(&self) {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let farewells = std::mem::take(&mut *self.farewells.lock().unwrap_or_else(PoisonError::into_inner));
        let ending = async {
            if !lent.is_empty() {
                let _ = connection::kill(&self.target, "CONNECTION", &lent).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, futures::future::join(ending, farewells.join_all())).await;
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        futures::future::join_all(idle.into_iter().map(Connection::close)).await;
    }

    fn back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    fn lose(&self, permit: OwnedSemaphorePermit) {
        permit.forget();
        if self.left() == 0 {
            self.permits.close();
        }
    }
}

/// A reader that waits for its rows to be taken.
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

/// A connection with a statement. Dropped before the statement's end, it is ended on the server; the connection is lent
/// again where it can be shown to be in its snapshot still.
pub(super) struct Lent {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lent {
    pub(super) fn connection(&mut self) -> Result<&mut Connection> {
        self.connection.as_mut().ok_or_else(|| failure::silent("the session has ended"))
    }

    /// After the end of the statement.
    pub(super) fn give_back(mut self) {
        if let Some(connection) = self.take() {
            self.pool.back(connection);
        }
    }

    fn take(&mut self) -> Option<Connection> {
        let connection = self.connection.take()?;
        self.pool.lent.lock().unwrap_or_else(PoisonError::into_inner).retain(|lent| Some(*lent) != connection.id());
        Some(connection)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(connection), Some(permit)) = (self.take(), self.permit.take()) else { return };
        let pool = self.pool.clone();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let mut farewells = self.pool.farewells.lock().unwrap_or_else(PoisonError::into_inner);
                // Those that have ended.
                while farewells.try_join_next().is_some() {}
                farewells.spawn_on(leave(pool, connection, permit), &runtime);
            }
            Err(_) => pool.lose(permit),
        }
    }
}

async fn leave(pool: Arc<Pool>, mut connection: Connection, permit: OwnedSemaphorePermit) {
    let ids: Vec<u32> = connection.id().into_iter().collect();
    let killed = tokio::time::timeout(FAREWELL, connection::kill(&pool.target, "QUERY", &ids)).await;
    let recovered = matches!(killed, Ok(Ok(()))) && connection.recover().await;
    tracing::debug!(?ids, recovered, "a statement was left before its end");
    match recovered {
        true => pool.back(connection),
        false => pool.lose(permit),
    }
}
