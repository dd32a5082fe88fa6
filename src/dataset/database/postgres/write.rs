//! Changing rows of a table of PostgreSQL: one connection, whose statements lock rows, compare whole images, and change them.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error as PgFailure, SimpleQueryMessage};

use super::decode::Decoders;
use super::failure;
use super::image::{as_text, of_text};
use super::url::Target;
use crate::dataset::Writable;
use crate::dataset::database::column::Column;
use crate::dataset::database::relation::{literal, quoted};
use crate::dataset::database::write::{Change, Changes, Failure, Image, Outcome, WriteLimits, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::System;

/// How long the server may be silent beyond the time that a statement may take.
const GRACE: Duration = Duration::from_secs(10);
const GRANT: &str = "grant the user SELECT, INSERT, UPDATE and DELETE on the table";
const PRIMARY: &str = "name the primary server, and a user who may write";

pub(in crate::dataset::database) struct PostgresWriter {
    client: Client,
    task: JoinHandle<()>,
    timeout: Duration,
    writable: Writable,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl fmt::Debug for PostgresWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresWriter({})", self.writable.table)
    }
}

impl Drop for PostgresWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Texts have one form, whatever the server's settings: those that images are read under. A batch looks at its rows several times, and so
/// finds them in memory: pages that lie apart cost little more than those that follow each other, and an index is worth its way.
fn settings(limits: WriteLimits) -> String {
    let millis = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "SET default_transaction_isolation = 'read committed'; SET lock_timeout = {}; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = 0; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; \
         SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 3; \
         SET xmloption = 'content'; SET random_page_cost = 1.1; SET standard_conforming_strings = on; \
         SELECT current_setting('transaction_read_only'), pg_is_in_recovery()::text",
        millis(limits.lock_timeout),
        millis(limits.statement_timeout)
    )
}

pub(in crate::dataset::database) async fn open(
    location: &str,
    writable: &Writable,
    columns: Vec<Column>,
    schema: SchemaRef,
    limits: WriteLimits,
) -> Result<PostgresWriter> {
    let target = Target::parse(location)?;
    let doing = format!("cannot connect to {}", target.shown);
    let connecting = target.config.connect(target.tls.clone());
    let waiting = target.config.get_connect_timeout().copied().unwrap_or(GRACE);
    let connected = tokio::time::timeout(waiting, connecting).await.map_err(|_| failure::silent(&doing))?;
    let (client, connection) = connected.map_err(|error| failure::connecting(&target.shown, error))?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to PostgreSQL ended");
        }
    });
    let timeout = limits.statement_timeout.saturating_add(GRACE);
    let mut writer = PostgresWriter { client, task, timeout, writable: writable.clone(), columns, schema };
    let table = literal(&writable.table);
    let told = writer.texts(&settings(limits)).await.map_err(crate::dataset::database::write::ended)?;
    if told.iter().flatten().flatten().any(|is| is == "on" || is == "true") {
        let message = format!("{} only lets read: nothing can be repaired there", target.shown);
        return Err(Error::new(ErrorKind::Permission, message).hint(PRIMARY));
    }
    let may = ["INSERT", "UPDATE", "DELETE"].map(|right| format!("has_table_privilege({table}, '{right}')::text"));
    let may = writer.texts(&format!("SELECT {}", may.join(", "))).await;
    let may = may.map_err(crate::dataset::database::write::ended)?;
    if may.iter().flatten().flatten().any(|is| is == "false") {
        let message = format!("{} must not be changed by this user", writable.table);
        return Err(Error::new(ErrorKind::Permission, message).hint(format!("{GRANT}; nothing was changed")));
    }
    Ok(writer)
}

/// What the server says, as what it means for these rows. A trigger may raise whatever it likes: so what is no word on the server
/// itself is one on the rows.
fn failed(error: PgFailure) -> Failure {
    const DOING: &str = "rows cannot be changed";
    let Some(told) = error.as_db_error() else { return Failure::Lost(failure::error(DOING, error)) };
    let state = told.code();
    let words = match told.constraint() {
        Some(name) => format!("{} ({name})", told.message()),
        None => told.message().to_string(),
    };
    // Rights on the table itself are looked at there; policies for rows, and triggers, have the same code.
    let is_right = told.routine().is_some_and(|routine| routine.starts_with("aclcheck_error"));
    match state.code().get(..2).unwrap_or("") {
        _ if *state == SqlState::LOCK_NOT_AVAILABLE => Failure::Busy("another transaction has the row locked".into()),
        _ if *state == SqlState::QUERY_CANCELED => Failure::Busy(words),
        "40" => Failure::Busy(words),
        "08" | "57" => Failure::Lost(failure::error(DOING, error)),
        _ if *state == SqlState::READ_ONLY_SQL_TRANSACTION => {
            Failure::Error(Error::new(ErrorKind::Permission, words).hint(PRIMARY))
        }
        _ if *state == SqlState::INSUFFICIENT_PRIVILEGE && is_right => {
            Failure::Error(Error::new(ErrorKind::Permission, words).hint(GRANT))
        }
        // The state of the transaction, the server's means, and a statement of ours that it does not understand.
        "25" | "53" | "58" | "XX" | "F0" => Failure::Error(failure::error(DOING, error)),
        _ if *state == SqlState::SYNTAX_ERROR => Failure::Error(failure::error(DOING, error)),
        _ => Failure::Refused(words),
    }
}

impl PostgresWriter {
    async fn within<T>(&self, answer: impl Future<Output = std::result::Result<T, PgFailure>>) -> Outcome<T> {
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(Failure::Lost(failure::silent("rows cannot be changed"))),
        }
    }

    async fn texts(&mut self, sql: &str) -> Outcome<Vec<Image>> {
        let messages = self.within(self.client.simple_query(sql)).await?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|n| row.get(n).map(str::to_string)).collect()),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// Rows that a statement changed.
    async fn count(&mut self, sql: &str) -> Outcome<u64> {
        let messages = self.within(self.client.simple_query(sql)).await?;
        let counts = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::CommandComplete(count) => Some(count),
            _ => None,
        });
        Ok(counts.sum())
    }

    fn name(&self, n: usize) -> String {
        quoted(System::Postgres, &self.writable.columns[n].name)
    }

    fn native(&self, n: usize) -> &str {
        &self.writable.columns[n].native
    }

    fn images(&self, of: &str) -> String {
        let image = |n: usize| as_text(&format!("{of}.{}", self.name(n)), self.native(n));
        (0..self.writable.columns.len()).map(image).collect::<Vec<_>>().join(", ")
    }

    /// Rows of texts: `(VALUES ('1', NULL), ...) AS v (c0, c1)`.
    fn values<'a>(&self, rows: impl Iterator<Item = Vec<Option<&'a str>>>, width: usize) -> String {
        let cell = |cell: Option<&str>| cell.map_or("NULL".to_string(), literal);
        let row = |row: Vec<Option<&str>>| format!("({})", row.into_iter().map(cell).collect::<Vec<_>>().join(", "));
        let rows = rows.map(row).collect::<Vec<_>>().join(",\n  ");
        let names = (0..width).map(|n| format!("c{n}")).collect::<Vec<_>>().join(", ");
        format!("(VALUES\n  {rows}\n) AS v ({names})")
    }

    /// The columns of the address, beside the values from `c<first>` on. `null`: which of them are NULL in these rows.
    fn at(&self, address: &[usize], null: &[bool]) -> String {
        let one = |(place, n): (usize, &usize)| match null[place] {
            true => format!("t.{} IS NULL", self.name(*n)),
            // A NULL among the values makes all of them texts.
            false => format!("t.{} = {}", self.name(*n), of_text(&format!("v.c{place}::text"), self.native(*n))),
        };
        address.iter().enumerate().map(one).collect::<Vec<_>>().join(" AND ")
    }

    /// The whole image, byte for byte, whatever collation a column has.
    fn unchanged(&self, first: usize) -> String {
        let same = |n: usize| {
            let stored = as_text(&format!("t.{}", self.name(n)), self.native(n));
            format!("{stored} COLLATE \"C\" IS NOT DISTINCT FROM v.c{}::text", first + n)
        };
        (0..self.writable.columns.len()).map(same).collect::<Vec<_>>().join(" AND ")
    }

    /// One statement for rows whose addresses are NULL in the same places.
    fn statement(&self, changes: &Changes<'_>, rows: &[(Option<&Image>, Option<&Image>)], null: &[bool]) -> String {
        let (table, width) = (&self.writable.table, self.writable.columns.len());
        let cells = |row: &(Option<&'_ Image>, Option<&'_ Image>)| -> Vec<Option<String>> {
            let after = changes.set.iter().map(|n| row.1.and_then(|image| image[*n].clone()));
            let before = row.0.map(|image| {
                let at = changes.address.iter().map(|n| image[*n].clone());
                (at.collect::<Vec<_>>(), image.clone())
            });
            match before {
                Some((at, image)) => at.into_iter().chain(image).chain(after).collect(),
                None => after.collect(),
            }
        };
        let rows: Vec<Vec<Option<String>>> = rows.iter().map(cells).collect();
        let texts = rows.iter().map(|row| row.iter().map(Option::as_deref).collect::<Vec<_>>());
        let (addresses, sets) = (changes.address.len(), changes.set.len());
        match changes.change {
            Change::Insert => {
                let names = changes.set.iter().map(|n| self.name(*n)).collect::<Vec<_>>().join(", ");
                let given = changes.set.iter().enumerate();
                let given = given.map(|(c, n)| of_text(&format!("v.c{c}::text"), self.native(*n)));
                let given = given.collect::<Vec<_>>().join(", ");
                let fixed = changes.set.iter().any(|n| self.writable.columns[*n].fixed.is_some());
                let overriding = if fixed { " OVERRIDING SYSTEM VALUE" } else { "" };
                format!("INSERT INTO {table} ({names}){overriding}\nSELECT {given} FROM {}", self.values(texts, sets))
            }
            Change::Update => {
                let first = addresses + width;
                let given = changes.set.iter().enumerate().map(|(c, n)| {
                    format!("{} = {}", self.name(*n), of_text(&format!("v.c{}::text", first + c), self.native(*n)))
                });
                format!(
                    "UPDATE {table} AS t SET {}\nFROM {}\nWHERE {} AND {}",
                    given.collect::<Vec<_>>().join(", "),
                    self.values(texts, first + sets),
                    self.at(changes.address, null),
                    self.unchanged(addresses)
                )
            }
            Change::Delete => format!(
                "DELETE FROM {table} AS t USING {}\nWHERE {} AND {}",
                self.values(texts, addresses + width),
                self.at(changes.address, null),
                self.unchanged(addresses)
            ),
        }
    }
}

/// Which cells of an address are NULL.
fn nulls(at: impl Iterator<Item = bool>) -> Vec<bool> {
    at.collect()
}

#[async_trait]
impl Writer for PostgresWriter {
    async fn begin(&mut self) -> Outcome<()> {
        let hash = xxhash_rust::xxh3::xxh3_64(format!("tieout repair {}", self.writable.table).as_bytes()) as i64;
        // A transaction whose connection was cut may still be on its way to its end: what it comes to must be seen by this one.
        self.count(&format!("BEGIN; SELECT pg_advisory_xact_lock({hash}); SET CONSTRAINTS ALL DEFERRED"))
            .await
            .map(drop)
    }

    async fn savepoint(&mut self) -> Outcome<()> {
        self.count("SAVEPOINT tieout").await.map(drop)
    }

    async fn back_to_savepoint(&mut self) -> Outcome<()> {
        self.count("ROLLBACK TO SAVEPOINT tieout").await.map(drop)
    }

    async fn rows(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<Vec<Image>> {
        let mut found = Vec::new();
        let mut patterns: Vec<Vec<bool>> = at.iter().map(|at| nulls(at.iter().map(Option::is_none))).collect();
        patterns.sort();
        patterns.dedup();
        for null in patterns {
            let some = at.iter().filter(|at| nulls(at.iter().map(Option::is_none)) == null);
            let values = self.values(some.map(|at| at.iter().map(Option::as_deref).collect()), address.len());
            let table = &self.writable.table;
            let sql = format!(
                "SELECT {} FROM {table} AS t WHERE EXISTS (SELECT FROM {values} WHERE {}) FOR UPDATE OF t",
                self.images("t"),
                self.at(address, &null)
            );
            found.extend(self.texts(&sql).await?);
        }
        Ok(found)
    }

    async fn change(&mut self, changes: &Changes<'_>) -> Outcome<u64> {
        let null_of = |row: &(Option<&Image>, Option<&Image>)| {
            nulls(changes.address.iter().map(|n| row.0.is_some_and(|image| image[*n].is_none())))
        };
        let mut patterns: Vec<Vec<bool>> = changes.rows.iter().map(null_of).collect();
        patterns.sort();
        patterns.dedup();
        let mut changed = 0;
        for null in patterns {
            let some: Vec<_> = changes.rows.iter().filter(|row| null_of(row) == null).copied().collect();
            let sql = self.statement(changes, &some, &null);
            changed += self.count(&sql).await?;
        }
        Ok(changed)
    }

    async fn insert_one(&mut self, set: &[usize], after: &Image) -> Outcome<Image> {
        let changes = Changes { change: Change::Insert, address: &[], set, rows: Vec::new() };
        let table = &self.writable.table;
        let images = self.images(table);
        let sql = match set.is_empty() {
            true => format!("INSERT INTO {table} DEFAULT VALUES RETURNING {images}"),
            false => format!("{} RETURNING {images}", self.statement(&changes, &[(None, Some(after))], &[])),
        };
        let rows = self.texts(&sql).await?;
        rows.into_iter().next().ok_or_else(|| Failure::Refused("the row was not inserted".into()))
    }

    async fn check(&mut self) -> Outcome<()> {
        self.count("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED").await.map(drop)
    }

    async fn typed(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<RecordBatch> {
        let mut patterns: Vec<Vec<bool>> = at.iter().map(|at| nulls(at.iter().map(Option::is_none))).collect();
        patterns.sort();
        patterns.dedup();
        let mut batches = Vec::new();
        for null in patterns {
            let some = at.iter().filter(|at| nulls(at.iter().map(Option::is_none)) == null);
            let values = self.values(some.map(|at| at.iter().map(Option::as_deref).collect()), address.len());
            let selected: Vec<&str> = self.columns.iter().map(|column| column.select.as_str()).collect();
            let sql = format!(
                "COPY (SELECT {} FROM {} AS t WHERE EXISTS (SELECT FROM {values} WHERE {})) TO STDOUT (FORMAT binary)",
                selected.join(", "),
                self.writable.table,
                self.at(address, &null)
            );
            let read = async {
                let stream = self.client.copy_out(&sql).await?;
                stream.try_collect::<Vec<_>>().await
            };
            let messages = self.within(read).await?;
            let mut decoders = Decoders::new(&self.columns, self.schema.clone());
            for message in &messages {
                decoders.push(message)?;
            }
            batches.push(decoders.end()?);
        }
        Ok(concat_batches(&self.schema, &batches).map_err(Error::from)?)
    }

    async fn commit(&mut self) -> Outcome<()> {
        self.count("COMMIT").await.map(drop)
    }

    async fn rollback(&mut self) -> Outcome<()> {
        self.count("ROLLBACK").await.map(drop)
    }

    /// What drops the client ends the connection, and with it what was not committed.
    async fn close(self: Box<Self>) {}
}
