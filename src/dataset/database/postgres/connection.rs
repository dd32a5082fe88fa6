//! One connection: a transaction that only reads, in the run's snapshot. It outlives a statement that fails or is left
//! before its end: there is a savepoint to go back to.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use minijinja::context;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use super::url::Target;
use crate::dataset::database::relation::rendered;
use crate::dataset::database::session::TextRows;
use crate::error::{Error, Result};

/// How long the server may be silent beyond the time that a statement may take: as long again, within these bounds.
const LEAST_GRACE: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(10);
/// How long the server may take to be told that a statement is to end.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Connection {
    pub client: Client,
    /// Moves bytes between the client and the server; ends with either.
    task: JoinHandle<()>,
    timeout: Duration,
    tls: MakeRustlsConnect,
    last: Mutex<Last>,
}

/// What became of the last statement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Last {
    Done,
    /// By the server's word: the transaction waits to be rolled back.
    Failed,
    /// It is under way, or nobody waited for its end: it may still run.
    Begun,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({:?})", self.client)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Connects and begins the transaction; tries again where that may help. `snapshot`: the exported one to join.
    pub(super) async fn open(target: &Target, timeout: Duration, snapshot: Option<&str>) -> Result<(Self, TextRows)> {
        let attempt = || Self::attempt(target, timeout, snapshot);
        let opened = attempt.retry(patience()).when(Error::is_retryable).await;
        match snapshot {
            Some(_) => opened.map_err(|error| failure::joining(&target.shown, error)),
            None => opened,
        }
    }

    async fn attempt(target: &Target, timeout: Duration, snapshot: Option<&str>) -> Result<(Self, TextRows)> {
        let doing = format!("cannot connect to {}", target.shown);
        let connecting = target.config.connect(target.tls.clone());
        let waiting = target.config.get_connect_timeout().copied().unwrap_or(GRACE);
        // The driver's own limit is for the socket alone.
        let connected =
            tokio::time::timeout(waiting, connecting).await.map_err(|_| failure::silent(&doing).retryable())?;
        let (client, connection) = connected.map_err(|error| failure::connecting(&target.shown, error))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        let tls = target.tls.clone();
        let connection = Self { client, task, timeout, tls, last: Mutex::new(Last::Done) };
        let rows = connection.rows(&doing, &begin(timeout, snapshot)?).await?;
        Ok((connection, rows))
    }

    /// Runs statements that need no parameters; the rows of all of them.
    pub(super) async fn rows(&self, doing: &str, sql: &str) -> Result<TextRows> {
        self.begin().await?;
        let messages = self.within(doing, self.client.simple_query(sql)).await?;
        self.done();
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|n| row.get(n).map(str::to_string)).collect()),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// What a query would return: it is planned, not run.
    pub(super) async fn prepare(&self, doing: &str, sql: &str) -> Result<Statement> {
        self.begin().await?;
        let statement = self.within(doing, self.client.prepare(sql)).await?;
        self.done();
        Ok(statement)
    }

    /// Comes before each statement: ends what was left of the last one.
    pub(super) async fn begin(&self) -> Result<()> {
        let last = std::mem::replace(&mut *self.last.lock().unwrap_or_else(PoisonError::into_inner), Last::Begun);
        if last == Last::Begun {
            self.cancel().await;
        }
        if last != Last::Done {
            let back = self.client.batch_execute("ROLLBACK TO SAVEPOINT tieout");
            self.within("the last statement cannot be ended", back).await?;
        }
        Ok(())
    }

    /// The statement came to its end.
    pub(super) fn done(&self) {
        self.now(Last::Done);
    }

    /// Whether nothing runs on the server for it.
    pub(super) fn is_at_rest(&self) -> bool {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) != Last::Begun
    }

    /// The statement came to its end by an error.
    pub(super) fn failed(&self, doing: &str, error: tokio_postgres::Error) -> Error {
        self.now(Last::Failed);
        failure::error(doing, error)
    }

    fn now(&self, last: Last) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// Asks the server to end what it does for this connection.
    pub(super) async fn cancel(&self) {
        let told = tokio::time::timeout(FAREWELL, self.client.cancel_token().cancel_query(self.tls.clone())).await;
        tracing::debug!(told = told.is_ok(), "a statement is left before its end");
    }

    /// Waits for the server no longer than a statement may take, and a little.
    pub(super) async fn within<T>(
        &self,
        doing: &str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        match tokio::time::timeout(self.timeout.saturating_add(self.timeout.clamp(LEAST_GRACE, GRACE)), answer).await {
            Ok(answer) => answer.map_err(|error| self.failed(doing, error)),
            Err(_) => Err(failure::silent(doing)),
        }
    }
}

/// Three more attempts, over about ten seconds.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(Duration::from_millis(500)).with_max_times(3).with_jitter()
}

/// What every connection begins with. Texts have one form, whatever the server's settings; a client that is gone is
/// noticed, where the server can. The first connection tells the facts of the session: version, position in the log, snapshot and its name.
fn begin(timeout: Duration, snapshot: Option<&str>) -> Result<String> {
    let join = snapshot.map(|name| format!("SET TRANSACTION SNAPSHOT '{name}';")).unwrap_or_default();
    let facts = match snapshot {
        Some(_) => String::new(),
        None => rendered(include_str!("../../../../queries/catalog/postgres_session.sql"), context! {})? + ";",
    };
    Ok(format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {join} \
         SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'iso_8601'; \
         SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 3; {facts} \
         SELECT set_config(name, '2s', true) FROM pg_settings WHERE name = 'client_connection_check_interval' \
         AND version() ~ 'linux'; SAVEPOINT tieout",
        timeout.as_millis().min(i32::MAX as u128)
    ))
}
