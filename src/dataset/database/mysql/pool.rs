//! The connections of a session: lent for one statement each, and taken back, or ended, however that ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{self, Connection, FAREWELL};
use super::failure;
use super::url::Target;
use crate::error::{Error, ErrorKind, Result};

#[derive(Debug)]
pub(super) struct Pool {
    target: Target,
    timeout: Duration,
    /// How many there were in the beginning. One that is lost is not replaced: another would see another snapshot.
    size: usize,
    idle: Mutex<Vec<Connection>>,
    /// The numbers of those that are lent.
    lent: Mutex<Vec<u32>>,
    /// One for each that is not lost.
    permits: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(target: Target, timeout: Duration, connections: Vec<Connection>) -> Self {
        let size = connections.len();
        Self {
            target,
            timeout,
            size,
            idle: Mutex::new(connections),
            lent: Mutex::default(),
            permits: Arc::new(Semaphore::new(size)),
        }
    }

    pub(super) async fn lend(self: &Arc<Self>) -> Result<Lent> {
        // Statements that wait for each other would wait for ever.
        let waiting = tokio::time::timeout(self.timeout, self.permits.clone().acquire_owned()).await;
        let permit = match waiting {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => {
                let message = format!("the connections to {} were lost", self.target.shown);
                return Err(Error::new(ErrorKind::Unavailable, message).hint("run again, for a new snapshot"));
            }
            Err(_) => {
                let all = match self.size {
                    1 => "the only connection".to_string(),
                    size => format!("all {size} connections"),
                };
                let message = format!("{all} to {} stayed busy", self.target.shown);
                return Err(Error::new(ErrorKind::Unavailable, message).hint("raise limits.connections"));
            }
        };
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lent = Lent { pool: self.clone(), connection, permit: Some(permit) };
        // After the end of the session.
        let id = lent.connection()?.id();
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).extend(id);
        Ok(lent)
    }

    /// Ends what runs, and disconnects.
    pub(super) async fn close(&self) {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !lent.is_empty() {
            let _ = tokio::time::timeout(FAREWELL, connection::kill(&self.target, "CONNECTION", &lent)).await;
        }
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        futures::future::join_all(idle.into_iter().map(Connection::close)).await;
    }

    fn returned(&self, id: Option<u32>) {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).retain(|lent| Some(*lent) != id);
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
        let Some(connection) = self.connection.take() else { return };
        self.pool.returned(connection.id());
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(connection), Some(permit)) = (self.connection.take(), self.permit.take()) else { return };
        let pool = self.pool.clone();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(leave(pool, connection, permit))),
            Err(_) => lose(&pool, connection, permit),
        }
    }
}

async fn leave(pool: Arc<Pool>, mut connection: Connection, permit: OwnedSemaphorePermit) {
    let ids: Vec<u32> = connection.id().into_iter().collect();
    let killed = tokio::time::timeout(FAREWELL, connection::kill(&pool.target, "QUERY", &ids)).await;
    let recovered = matches!(killed, Ok(Ok(()))) && connection.recover().await;
    tracing::debug!(?ids, recovered, "a statement was left before its end");
    if recovered {
        pool.returned(connection.id());
        pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    } else {
        lose(&pool, connection, permit);
    }
}

fn lose(pool: &Pool, connection: Connection, permit: OwnedSemaphorePermit) {
    pool.returned(connection.id());
    drop(connection);
    permit.forget();
    let idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
    let lent = pool.lent.lock().unwrap_or_else(PoisonError::into_inner).len();
    if idle + lent == 0 {
        pool.permits.close();
    }
}
