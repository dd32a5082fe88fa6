//! Changing rows of a SQLite file: one connection, which has the file to itself from the beginning of a transaction to its end.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use rusqlite::{Connection, Error as SqliteFailure, ErrorCode, OpenFlags, params_from_iter};

use super::decode::Decoders;
use super::{failure, image};
use crate::dataset::Writable;
use crate::dataset::database::column::Column;
use crate::dataset::database::relation::quoted;
use crate::dataset::database::write::{Change, Changes, Failure, Image, Outcome, WriteLimits, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::System;

pub(in crate::dataset::database) struct SqliteWriter {
    /// None while it is at work, and after it was lost.
    connection: Option<Connection>,
    table: Table,
}

#[derive(Clone)]
struct Table {
    writable: Writable,
    /// As the dataset reads it.
    columns: Vec<Column>,
    schema: SchemaRef,
    from: String,
}

impl fmt::Debug for SqliteWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteWriter({})", self.table.writable.table)
    }
}

impl SqliteWriter {
    pub(in crate::dataset::database) async fn open(
        path: PathBuf,
        writable: &Writable,
        columns: Vec<Column>,
        schema: SchemaRef,
        from: String,
        limits: WriteLimits,
    ) -> Result<Self> {
        let table = Table { writable: writable.clone(), columns, schema, from };
        let shown = path.display().to_string();
        let opened = tokio::task::spawn_blocking(move || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(limits.lock_timeout)?;
            connection
                .execute_batch("PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = OFF; PRAGMA cache_spill = OFF")?;
            // (Pages of a transaction that went to disk early would wait for every reader of the file.)
            // Whether it can be written to at all; nothing is.
            connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
            Ok(connection)
        });
        let opened =
            opened.await.map_err(|error| Error::new(ErrorKind::Internal, "a thread ended early").source(error))?;
        let connection = opened.map_err(|error| unwritable(&shown, error))?;
        Ok(Self { connection: Some(connection), table })
    }

    /// Does something on a thread where it may block.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection, &Table) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let Some(mut connection) = self.connection.take() else {
            let error = Error::new(ErrorKind::Unavailable, "the connection to SQLite was lost");
            return Err(Failure::Lost(error));
        };
        let table = self.table.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&mut connection, &table);
            (done, connection)
        });
        match done.await {
            Ok((done, connection)) => {
                self.connection = Some(connection);
                done
            }
            Err(error) => Err(Failure::Error(Error::new(ErrorKind::Internal, "a thread ended early").source(error))),
        }
    }

    async fn simply(&mut self, sql: &'static str) -> Outcome<()> {
        self.work(move |connection, _| connection.execute_batch(sql).map_err(failed)).await
    }
}

fn unwritable(shown: &str, error: SqliteFailure) -> Error {
    let hint =
        "see that the file and its folder can be written by this user, and that no other process keeps it locked";
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::new(ErrorKind::Unavailable, format!("{shown} is locked by another process"))
                .hint("try again when it has ended")
        }
        _ => Error::new(ErrorKind::Permission, format!("{shown} cannot be written to")).hint(hint).source(error),
    }
}

fn failed(error: SqliteFailure) -> Failure {
    let text = || match &error {
        SqliteFailure::SqliteFailure(_, Some(text)) => text.clone(),
        other => other.to_string(),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => Failure::Refused(text()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Failure::Busy("another process has the file locked".into())
        }
        Some(ErrorCode::ReadOnly) => Failure::Error(
            Error::new(ErrorKind::Permission, format!("the file cannot be written to: {}", text()))
                .hint("see that the file and its folder can be written by this user"),
        ),
        _ => Failure::Error(failure::error("rows cannot be changed", error)),
    }
}

impl Table {
    fn name(&self, n: usize) -> String {
        quoted(System::Sqlite, &self.writable.columns[n].name)
    }

    fn listed(&self, columns: impl Iterator<Item = usize>, each: impl Fn(String) -> String, with: &str) -> String {
        columns.map(|n| each(self.name(n))).collect::<Vec<_>>().join(with)
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.writable.columns.len()
    }

    fn images(&self) -> String {
        self.listed(self.all(), |name| name, ", ")
    }

    fn row(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<Image> {
        (0..columns).map(|n| Ok(image::image(row.get_ref(n)?))).collect()
    }

    fn at(&self, address: &[usize]) -> String {
        self.listed(address.iter().copied(), |name| format!("{name} IS ?"), " AND ")
    }

    /// The storage class and every byte, whatever the column's collation.
    fn unchanged(&self) -> String {
        let same = |name: String| format!("{name} IS ? COLLATE BINARY AND typeof({name}) = ?");
        self.listed(self.all(), same, " AND ")
    }

    /// `OR ABORT`, for a table may say by itself that another row gives way: `UNIQUE ON CONFLICT REPLACE`.
    fn statement(&self, change: Change, address: &[usize], set: &[usize]) -> String {
        let table = &self.writable.table;
        match change {
            Change::Insert if set.is_empty() => format!("INSERT OR ABORT INTO {table} DEFAULT VALUES"),
            Change::Insert => {
                let names = self.listed(set.iter().copied(), |name| name, ", ");
                let values = vec!["?"; set.len()].join(", ");
                format!("INSERT OR ABORT INTO {table} ({names}) VALUES ({values})")
            }
            Change::Update => {
                let given = self.listed(set.iter().copied(), |name| format!("{name} = ?"), ", ");
                format!("UPDATE OR ABORT {table} SET {given} WHERE {} AND {}", self.at(address), self.unchanged())
            }
            Change::Delete => format!("DELETE FROM {table} WHERE {} AND {}", self.at(address), self.unchanged()),
        }
    }
}

/// The values of some cells; of a text that is no UTF-8, nothing can be bound.
fn bound(image: &Image, columns: impl Iterator<Item = usize>, values: &mut Vec<rusqlite::types::Value>) -> Outcome<()> {
    for n in columns {
        let cell = image.get(n).and_then(|cell| cell.as_deref());
        if image::is_broken_text(cell) {
            return Err(Failure::Refused("a text that is not UTF-8 cannot be written".into()));
        }
        values.push(image::value(cell)?);
    }
    Ok(())
}

fn class(image: Option<&str>) -> Outcome<&'static str> {
    use rusqlite::types::Value;
    Ok(match image::value(image)? {
        Value::Null => "null",
        Value::Integer(_) => "integer",
        Value::Real(_) => "real",
        Value::Text(_) => "text",
        Value::Blob(_) => "blob",
    })
}

#[async_trait]
impl Writer for SqliteWriter {
    async fn begin(&mut self) -> Outcome<()> {
        self.simply("BEGIN IMMEDIATE").await
    }

    async fn savepoint(&mut self) -> Outcome<()> {
        self.simply("SAVEPOINT tieout").await
    }

    async fn back_to_savepoint(&mut self) -> Outcome<()> {
        self.simply("ROLLBACK TO tieout").await
    }

    async fn rows(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<Vec<Image>> {
        let (address, at) = (address.to_vec(), at.to_vec());
        self.work(move |connection, table| {
            let sql = format!("SELECT {} FROM {} WHERE {}", table.images(), table.writable.table, table.at(&address));
            let mut statement = connection.prepare(&sql).map_err(failed)?;
            let mut found = Vec::new();
            for place in at {
                let mut values = Vec::new();
                bound(&place, 0..address.len(), &mut values)?;
                let columns = table.writable.columns.len();
                let rows =
                    statement.query_map(params_from_iter(values), |row| Table::row(row, columns)).map_err(failed)?;
                for row in rows {
                    let image = row.map_err(failed)?;
                    // A collation, or an affinity, may find more than was asked for.
                    if address.iter().zip(&place).all(|(n, cell)| image[*n] == *cell) {
                        found.push(image);
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    async fn change(&mut self, changes: &Changes<'_>) -> Outcome<u64> {
        let (change, address, set) = (changes.change, changes.address.to_vec(), changes.set.to_vec());
        let mut all = Vec::with_capacity(changes.rows.len());
        for (before, after) in &changes.rows {
            let mut values = Vec::new();
            if let Some(after) = after {
                bound(after, set.iter().copied(), &mut values)?;
            }
            if let Some(before) = before {
                bound(before, address.iter().copied(), &mut values)?;
                for (n, cell) in before.iter().enumerate() {
                    bound(before, std::iter::once(n), &mut values)?;
                    values.push(rusqlite::types::Value::Text(class(cell.as_deref())?.into()));
                }
            }
            all.push(values);
        }
        self.work(move |connection, table| {
            let sql = table.statement(change, &address, &set);
            let mut statement = connection.prepare(&sql).map_err(failed)?;
            let mut changed = 0;
            for values in all {
                changed += statement.execute(params_from_iter(values)).map_err(failed)? as u64;
            }
            Ok(changed)
        })
        .await
    }

    async fn insert_one(&mut self, set: &[usize], after: &Image) -> Outcome<Image> {
        let set = set.to_vec();
        let mut values = Vec::new();
        bound(after, set.iter().copied(), &mut values)?;
        self.work(move |connection, table| {
            let sql = format!("{} RETURNING {}", table.statement(Change::Insert, &[], &set), table.images());
            let columns = table.writable.columns.len();
            let mut statement = connection.prepare(&sql).map_err(failed)?;
            statement.query_row(params_from_iter(values), |row| Table::row(row, columns)).map_err(failed)
        })
        .await
    }

    /// Deferred foreign keys are looked at by `COMMIT`, which does not take place if one does not hold.
    async fn check(&mut self) -> Outcome<()> {
        Ok(())
    }

    async fn typed(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<RecordBatch> {
        let (address, at) = (address.to_vec(), at.to_vec());
        self.work(move |connection, table| {
            let selected = table.columns.iter().map(|column| column.select.clone());
            let selected: Vec<String> = selected.chain(address.iter().map(|n| table.name(*n))).collect();
            let sql = format!("SELECT {} FROM {} WHERE {}", selected.join(", "), table.from, table.at(&address));
            let mut statement = connection.prepare(&sql).map_err(failed)?;
            let mut batches = Vec::new();
            for place in at {
                let mut values = Vec::new();
                bound(&place, 0..address.len(), &mut values)?;
                let mut decoders = Decoders::new(&table.columns, table.schema.clone(), usize::MAX);
                let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
                while let Some(row) = rows.next().map_err(failed)? {
                    // A collation, or an affinity, may find more than was asked for.
                    let mut is = true;
                    for (n, cell) in place.iter().enumerate() {
                        let stored = row.get_ref(table.columns.len() + n).map_err(failed)?;
                        is &= image::image(stored) == *cell;
                    }
                    if is {
                        decoders.push(row)?;
                    }
                }
                batches.push(decoders.finish()?.0);
            }
            Ok(concat_batches(&table.schema, &batches).map_err(Error::from)?)
        })
        .await
    }

    async fn commit(&mut self) -> Outcome<()> {
        self.simply("COMMIT").await
    }

    async fn rollback(&mut self) -> Outcome<()> {
        self.work(|connection, _| match connection.is_autocommit() {
            true => Ok(()),
            false => connection.execute_batch("ROLLBACK").map_err(failed),
        })
        .await
    }

    async fn close(mut self: Box<Self>) {
        if let Some(connection) = self.connection.take() {
            let _ = tokio::task::spawn_blocking(move || drop(connection)).await;
        }
    }
}
