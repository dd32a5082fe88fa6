//! One connection: its settings, what it asks for, and how it ends.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use mysql_async::prelude::Queryable;
use mysql_async::{
    BinaryProtocol, Column as WireColumn, Conn, DriverError, Error as Failure, IoError, QueryResult, Row, Value,
};

use super::failure;
use super::url::Target;
use crate::dataset::database::session::TextRows;
use crate::error::{Error, Result};

/// How long the server may be silent beyond the time that a statement may take.
const GRACE: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take over what is asked of it in passing: ending a statement, saying goodbye.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);
/// How long a connection may wait for its turn in a run, and the server for a reader that is slow.
const PATIENCE_SECONDS: u64 = 86_400;

#[derive(Debug)]
pub(super) struct Connection {
    /// None once it is closed.
    conn: Option<Conn>,
    timeout: Duration,
}

impl Drop for Connection {
    /// The driver would first read all that the server still has to say. Outside of the runtime it cannot.
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        std::thread::spawn(move || drop(conn));
    }
}

impl Connection {
    /// Connects and makes the settings, and runs what is given with them; tries again where that may help.
    pub(super) async fn open(target: &Target, timeout: Duration, then: &str) -> Result<(Self, TextRows)> {
        let attempt = || Self::attempt(target, timeout, then);
        attempt.retry(patience()).when(Error::is_retryable).await
    }

    async fn attempt(target: &Target, timeout: Duration, then: &str) -> Result<(Self, TextRows)> {
        let doing = format!("cannot connect to {}", target.shown);
        let mut connection = Self { conn: Some(connect(target).await?), timeout };
        let rows = connection.rows(&doing, &format!("{}; {then}", settings(timeout))).await?;
        Ok((connection, rows))
    }

    /// The number by which the server knows it.
    pub(super) fn id(&self) -> Option<u32> {
        self.conn.as_ref().map(Conn::id)
    }

    fn conn(&mut self, doing: &str) -> Result<&mut Conn> {
        self.conn.as_mut().ok_or_else(|| failure::error(doing, DriverError::ConnectionClosed.into()))
    }

    /// Runs statements, with semicolons between them; the rows of all of them as text.
    pub(super) async fn rows(&mut self, doing: &str, sql: &str) -> Result<TextRows> {
        let rows = self.raw_rows(doing, sql).await?;
        let cells = |row: Row| row.unwrap_raw().into_iter().map(|value| text(doing, value.unwrap_or(Value::NULL)));
        rows.into_iter().map(|row| cells(row).collect()).collect()
    }

    /// The same, with the names of columns.
    pub(super) async fn raw_rows(&mut self, doing: &str, sql: &str) -> Result<Vec<Row>> {
        let timeout = self.timeout;
        let conn = self.conn(doing)?;
        let all = async {
            let mut result = conn.query_iter(sql).await?;
            let mut rows = Vec::new();
            while !result.is_empty() {
                rows.extend(result.collect::<Row>().await?);
            }
            result.drop_result().await?;
            Ok(rows)
        };
        within(timeout, doing, all).await
    }

    /// Runs statements that change rows, with semicolons between them, and tells what the server says of them.
    pub(super) async fn carry_out(&mut self, sql: &str) -> std::result::Result<Carried, Failure> {
        let timeout = self.timeout.saturating_add(GRACE);
        let conn = self.conn.as_mut().ok_or(DriverError::ConnectionClosed)?;
        let all = async {
            let mut result = conn.query_iter(sql).await?;
            let mut carried = Carried::default();
            loop {
                carried.changed += result.affected_rows();
                carried.given = result.last_insert_id();
                if result.is_empty() {
                    break;
                }
                carried.rows.extend(result.collect::<Row>().await?);
            }
            result.drop_result().await?;
            Ok(carried)
        };
        match tokio::time::timeout(timeout, all).await {
            Ok(carried) => carried,
            Err(_) => Err(Failure::Io(IoError::Io(std::io::ErrorKind::TimedOut.into()))),
        }
    }

    /// The columns that a statement would return.
    pub(super) async fn columns(&mut self, doing: &str, sql: &str) -> Result<Vec<WireColumn>> {
        let timeout = self.timeout;
        let conn = self.conn(doing)?;
        let prepared = async {
            let statement = conn.prep(signed(sql)).await?;
            let (columns, parameters) = (statement.columns().to_vec(), statement.num_params());
            conn.close(statement).await?;
            match parameters {
                0 => Ok(columns),
                required => Err(DriverError::StmtParamsMismatch { required, supplied: 0 }.into()),
            }
        };
        within(timeout, doing, prepared).await
    }

    /// Runs a statement whose rows are taken as they come.
    pub(super) async fn stream<'a>(&'a mut self, doing: &'a str, sql: &str) -> Result<Rows<'a>> {
        let timeout = self.timeout;
        let conn = self.conn(doing)?;
        let result = within(timeout, doing, conn.exec_iter(signed(sql), ())).await?;
        Ok(Rows { result, doing, timeout })
    }

    /// Takes what is left of a statement that was ended on the server. True: the connection is still in its transaction.
    pub(super) async fn recover(&mut self) -> bool {
        let Some(conn) = self.conn.as_mut().filter(|conn| !conn.is_disconnected()) else { return false };
        let ask = async {
            // This, or what is read before it, fails of the same order that ended the statement.
            let _ = conn.query_drop("DO 0").await;
            // MySQL does not tell.
            conn.query_first::<u8, _>("SELECT @@in_transaction").await
        };
        matches!(tokio::time::timeout(FAREWELL, ask).await, Ok(Ok(Some(1))))
    }

    /// Says goodbye, so that the server does not take it for a client that was lost.
    pub(super) async fn close(mut self) {
        if let Some(conn) = self.conn.take() {
            let _ = tokio::time::timeout(FAREWELL, conn.disconnect()).await;
        }
    }
}

/// What came of statements that change rows.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub rows: Vec<Row>,
    /// How many rows were changed by all of them, or found to be as wanted.
    pub changed: u64,
    /// What the database counted up for the last of them.
    pub given: Option<u64>,
}

/// The rows of a statement. Dropped before the last of them, the statement may still run.
pub(super) struct Rows<'a> {
    result: QueryResult<'a, 'static, BinaryProtocol>,
    doing: &'a str,
    timeout: Duration,
}

impl Rows<'_> {
    pub(super) fn columns(&self) -> &[WireColumn] {
        self.result.columns_ref()
    }

    pub(super) async fn next(&mut self) -> Result<Option<Row>> {
        let mut next = pin!(self.result.next());
        // Most rows are there already: a clock for each of them would take as long as the rest.
        match futures::poll!(next.as_mut()) {
            Poll::Ready(row) => row.map_err(|error| failure::error(self.doing, error)),
            Poll::Pending => within(self.timeout, self.doing, next).await,
        }
    }
}

/// Ends statements, or whole connections, of these numbers.
pub(super) async fn kill(target: &Target, what: &str, ids: &[u32]) -> Result<()> {
    let mut killer = Connection { conn: Some(connect(target).await?), timeout: FAREWELL };
    for id in ids {
        // One that has ended meanwhile is an error.
        let _ = killer.rows("cannot end a statement", &format!("KILL {what} {id}")).await;
    }
    killer.close().await;
    Ok(())
}

async fn connect(target: &Target) -> Result<Conn> {
    let doing = format!("cannot connect to {}", target.shown);
    let connecting = async {
        match (Conn::new(target.opts.clone()).await, &target.plain) {
            (Err(Failure::Driver(DriverError::NoClientSslFlagFromServer)), Some(plain)) => {
                Conn::new(plain.clone()).await
            }
            (connected, _) => connected,
        }
    };
    let connected = tokio::time::timeout(CONNECT, connecting).await;
    connected.map_err(|_| failure::silent(&doing))?.map_err(|error| failure::error(&doing, error))
}

/// Waits for the server no longer than a statement may take, and a little.
async fn within<T>(timeout: Duration, doing: &str, answer: impl Future<Output = Result<T, Failure>>) -> Result<T> {
    match tokio::time::timeout(timeout.saturating_add(GRACE), answer).await {
        Ok(answer) => answer.map_err(|error| failure::error(doing, error)),
        Err(_) => Err(failure::silent(doing)),
    }
}

/// Names the statement in the server's lists. The driver looks for parameters like `:name`, but not in comments, of which
/// this one does not end for it.
pub(super) fn signed(sql: &str) -> String {
    format!("/* tieout **/ {sql}")
}

pub(super) fn text(doing: &str, value: Value) -> Result<Option<String>> {
    match value {
        Value::NULL => Ok(None),
        Value::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(failure::broken(doing, "a text is not UTF-8")),
        },
        _ => Err(failure::broken(doing, "a text is none")),
    }
}

/// Three more attempts, over about ten seconds.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(Duration::from_millis(500)).with_max_times(3).with_jitter()
}

/// What every connection begins with. The server's own `sql_mode` holds but for two things: a backslash is a character like
/// others, and char(n) comes without the blanks that fill it up. What would cut results short in silence is off, and so is
/// what ends connections that wait. What stands in `/*M!` is MariaDB's alone, and what stands in `/*!50708` MySQL's, since
/// MariaDB passes over what MySQL 5.7 brought.
fn settings(timeout: Duration) -> String {
    let millis = timeout.as_millis().clamp(1, u128::from(u32::MAX));
    format!(
        "SET NAMES utf8mb4; \
         SET SESSION sql_mode = CONCAT('NO_BACKSLASH_ESCAPES,', REPLACE(@@sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', '')), \
         time_zone = '+00:00', sql_select_limit = 18446744073709551615, group_concat_max_len = 1073741824, \
         wait_timeout = {PATIENCE_SECONDS}, net_write_timeout = {PATIENCE_SECONDS} \
         /*M!100300 , max_statement_time = {}, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0 */ \
         /*!50708 , max_execution_time = {millis} */; \
         SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        millis as f64 / 1000.0
    )
}
