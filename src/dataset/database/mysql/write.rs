//! Changing rows of a table of MySQL or MariaDB: one connection, whose statements lock rows, compare whole images, and change them.
//!
//! Each row has a statement of its own, which an index serves whatever the key is made of; as many as fit go to the server together,
//! and take one round trip.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use mysql_async::{Error as MysqlFailure, Row, ServerError, Value};

use super::catalog::{self, Extra};
use super::connection::{Carried, Connection, text};
use super::decode::Decoders;
use super::url::Target;
use super::{failure, image};
use crate::dataset::Writable;
use crate::dataset::database::column::Column;
use crate::dataset::database::relation::{literal, quoted};
use crate::dataset::database::write::{Change, Changes, Failure, Image, Outcome, WriteLimits, Writer, ended};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::System;

const DOING: &str = "rows cannot be changed";
/// About how many bytes of statements go to the server at once: a part of the least packet that servers take by default.
const TOGETHER: usize = 1 << 20;
/// How many rows are looked up by one statement, each of whose rows is compared with all that are looked for.
const LOOKED_UP: usize = 100;
/// Nothing is cut short, rounded off at a limit or replaced in silence; what was there can be put back, dates of no calendar too.
const MODE: &str =
    "STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES";
/// What stands before statements that people carry out.
pub(in crate::dataset::database) const SPOKEN: &str = "SET NAMES utf8mb4; SET SESSION time_zone = '+00:00', \
     sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES';\n";

pub(in crate::dataset::database) struct MysqlWriter {
    connection: Connection,
    table: Table,
    /// By which the server lets one writer of a table be at work at a time.
    lock: String,
    lock_timeout: Duration,
    /// The longest statement that the server takes.
    longest: usize,
}

/// A table, and how statements name what is in it.
struct Table {
    writable: Writable,
    extras: Vec<Extra>,
    /// As the dataset reads it.
    columns: Vec<Column>,
    schema: SchemaRef,
    from: String,
}

impl fmt::Debug for MysqlWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MysqlWriter({})", self.table.writable.table)
    }
}

/// What holds for a connection that writes, whatever those that read have. `lock_wait_timeout` waits for tables that are altered.
fn settings(limits: WriteLimits) -> String {
    let seconds = limits.lock_timeout.as_secs_f64().ceil().clamp(1.0, 1_000_000.0);
    format!(
        "SET SESSION sql_mode = '{MODE}', innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}, \
         foreign_key_checks = 1, unique_checks = 1, sql_auto_is_null = 0, sql_safe_updates = 0, autocommit = 1, \
         completion_type = 'NO_CHAIN' /*M!100300 , idle_write_transaction_timeout = 0, check_constraint_checks = 1 */; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE"
    )
}

pub(in crate::dataset::database) async fn open(
    location: &str,
    writable: &Writable,
    columns: Vec<Column>,
    schema: SchemaRef,
    from: String,
    limits: WriteLimits,
) -> Result<MysqlWriter> {
    let target = Target::parse(location)?.counting_found_rows();
    let asked = format!("{}; SELECT @@max_allowed_packet", settings(limits));
    let (mut connection, told) = Connection::open(&target, limits.statement_timeout, &asked).await?;
    let longest = told.last().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(TOGETHER);
    let [schema_name, name] = parts(&writable.table);
    let extras = catalog::extras(&connection.rows(DOING, &catalog::columns(&schema_name, &name)?).await?);
    if extras.len() != writable.columns.len() {
        let message = format!("the table {} was altered", writable.table);
        return Err(Error::new(ErrorKind::Changed, message).hint("plan anew"));
    }
    let hash = xxhash_rust::xxh3::xxh3_64(writable.table.as_bytes());
    let table = Table { writable: writable.clone(), extras, columns, schema, from };
    let mut writer = MysqlWriter {
        connection,
        table,
        lock: format!("tieout repair {hash:016x}"),
        lock_timeout: limits.lock_timeout,
        longest,
    };
    writer.may_write(&target.shown).await?;
    Ok(writer)
}

/// The database and the name in a name with its quotes.
fn parts(table: &str) -> [String; 2] {
    let (schema, name) = table.split_once("`.`").unwrap_or(("", table));
    let (schema, name) = (schema.strip_prefix('`').unwrap_or(schema), name.strip_suffix('`').unwrap_or(name));
    [schema, name].map(|part| part.replace("``", "`"))
}

fn failed(error: MysqlFailure) -> Failure {
    let MysqlFailure::Server(told) = &error else { return Failure::Lost(failure::error(DOING, error)) };
    let permission = |hint: &str| Failure::Error(Error::new(ErrorKind::Permission, told.message.clone()).hint(hint));
    match told.code {
        1205 => Failure::Busy("another transaction has the row locked".into()),
        // Deadlocks, rows that moved on, statements that took too long or were ended.
        1213 | 1020 | 1317 | 1969 | 3024 | 3572 | 1637 => Failure::Busy(told.message.clone()),
        1053 | 1077 | 1079 | 1152..=1161 | 1927 | 4031 => Failure::Lost(failure::error(DOING, error)),
        1290 | 1792 | 1836 | 3100 => permission("name the primary server, and a user who may write"),
        1044 | 1142 | 1143 | 1227 | 1370 => permission("grant the user SELECT, INSERT, UPDATE and DELETE on the table"),
        _ if is_refused(told) => Failure::Refused(told.message.clone()),
        _ => Failure::Error(failure::error(DOING, error)),
    }
}

/// A constraint, a value that does not fit, a trigger in words of its own: it is the row that the server does not take.
fn is_refused(told: &ServerError) -> bool {
    // Which have no class of their own: letters that its character set does not have, no value where one is needed, what is cut short, members, partitions, checks, JSON, geometry.
    let general = [
        1267, 1270, 1271, 1364, 1265, 1366, 1411, 1416, 1442, 1525, 1526, 1643, 1748, 1761, 1762, 3140, 3819, 4025,
        4038, 4078, 1030, 1118, 1139, 1414, 1329, 1146, 1054, 1305, 1172, 1242, 1365, 1690, 1048, 1136, 1292, 1413,
        1264,
    ];
    ["22", "23", "44", "45", "21"].iter().any(|class| told.state.starts_with(class)) || general.contains(&told.code)
}

impl Table {
    fn all(&self) -> std::ops::Range<usize> {
        0..self.writable.columns.len()
    }

    fn name(&self, n: usize) -> String {
        quoted(System::Mysql, &self.writable.columns[n].name)
    }

    fn native(&self, n: usize) -> &str {
        &self.writable.columns[n].native
    }

    fn images(&self) -> String {
        let image = |n: usize| image::as_text(&self.name(n), self.native(n));
        self.all().map(image).collect::<Vec<_>>().join(", ")
    }

    fn value(&self, n: usize, cell: Option<&str>) -> String {
        cell.map_or_else(|| "NULL".to_string(), |cell| image::of_text(cell, self.native(n)))
    }

    fn unchanged(&self, n: usize, cell: Option<&str>) -> String {
        image::unchanged(&self.name(n), cell, self.native(n))
    }

    /// The cell, as an index finds it, and as it is.
    fn is(&self, n: usize, cell: Option<&str>) -> String {
        let near = image::near(&self.name(n), cell, self.native(n));
        match cell.is_none() || image::is_exact(self.native(n)) {
            true => near,
            false => format!("{near} AND {}", self.unchanged(n, cell)),
        }
    }

    /// Rows at some of these addresses.
    fn at(&self, address: &[usize], at: &[Vec<Option<String>>]) -> String {
        if let ([n], true) = (address, at.iter().flatten().all(Option::is_some))
            && image::is_exact(self.native(*n))
        {
            let values = at.iter().map(|at| self.value(*n, at[0].as_deref())).collect::<Vec<_>>().join(", ");
            return format!("{} IN ({values})", self.name(*n));
        }
        let one = |cells: &Vec<Option<String>>| {
            let is = address.iter().zip(cells).map(|(n, cell)| self.is(*n, cell.as_deref()));
            format!("({})", is.collect::<Vec<_>>().join(" AND "))
        };
        at.iter().map(one).collect::<Vec<_>>().join(" OR ")
    }

    /// The row of this image, and no other.
    fn row(&self, address: &[usize], image: &Image) -> String {
        let near = address.iter().filter(|n| image[**n].is_some() && !image::is_exact(self.native(**n)));
        let near = near.map(|n| image::near(&self.name(*n), image[*n].as_deref(), self.native(*n)));
        let same = self.all().map(|n| self.unchanged(n, image[n].as_deref()));
        near.chain(same).collect::<Vec<_>>().join(" AND ")
    }

    /// `(values)` of a new row.
    fn given(&self, set: &[usize], after: &Image) -> String {
        let values = set.iter().map(|n| self.value(*n, after[*n].as_deref()));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    }

    fn insert(&self, set: &[usize]) -> String {
        let names = set.iter().map(|n| self.name(*n)).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {} ({names}) VALUES ", self.writable.table)
    }

    fn update(&self, address: &[usize], set: &[usize], before: &Image, after: &Image) -> String {
        let given = set.iter().map(|n| format!("{} = {}", self.name(*n), self.value(*n, after[*n].as_deref())));
        // What would become the time of the change is asked to stay what it is: nobody planned it.
        let kept = self.all().filter(|n| self.extras[*n].touched && !set.contains(n));
        let kept = kept.map(|n| format!("{0} = {0}", self.name(n)));
        let given = given.chain(kept).collect::<Vec<_>>().join(", ");
        format!("UPDATE {} SET {given} WHERE {}", self.writable.table, self.row(address, before))
    }

    fn delete(&self, address: &[usize], before: &Image) -> String {
        format!("DELETE FROM {} WHERE {}", self.writable.table, self.row(address, before))
    }

    /// The statements of these changes; of new rows, one for as many as go together.
    fn statements(&self, changes: &Changes<'_>) -> Vec<String> {
        let mut statements: Vec<String> = Vec::new();
        for row in &changes.rows {
            match (changes.change, row) {
                (Change::Update, (Some(before), Some(after))) => {
                    statements.push(self.update(changes.address, changes.set, before, after));
                }
                (Change::Delete, (Some(before), _)) => statements.push(self.delete(changes.address, before)),
                (Change::Insert, (_, Some(after))) => {
                    let given = self.given(changes.set, after);
                    match statements.last_mut().filter(|last| last.len() + given.len() < TOGETHER) {
                        Some(last) => last.push_str(&format!(", {given}")),
                        None => statements.push(self.insert(changes.set) + &given),
                    }
                }
                _ => {}
            }
        }
        statements
    }
}

impl MysqlWriter {
    async fn carry_out(&mut self, sql: &str) -> Outcome<Carried> {
        // The server would end the connection.
        if sql.len() + 64 > self.longest {
            return Err(Failure::Refused(format!(
                "it is longer than the server's max_allowed_packet, {}",
                self.longest
            )));
        }
        self.connection.carry_out(sql).await.map_err(failed)
    }

    /// The same for many, as many at once as go together.
    async fn all(&mut self, statements: &[String]) -> Outcome<Carried> {
        let together = TOGETHER.min(self.longest / 2);
        let (mut came, mut next) = (Carried::default(), String::new());
        let mut waiting = statements.iter().peekable();
        while let Some(statement) = waiting.next() {
            if !next.is_empty() {
                next.push_str("; ");
            }
            next.push_str(statement);
            if waiting.peek().is_none_or(|one| next.len() + one.len() > together) {
                let some = self.carry_out(&std::mem::take(&mut next)).await?;
                came.changed += some.changed;
                came.rows.extend(some.rows);
            }
        }
        Ok(came)
    }

    async fn simply(&mut self, sql: &str) -> Outcome<()> {
        self.carry_out(sql).await.map(drop)
    }

    /// Statements that would change nothing are allowed, or not, like those that do.
    async fn may_write(&mut self, shown: &str) -> Result<()> {
        let table = &self.table.writable.table;
        // All that can be given: some may have to be.
        let given = self.table.all().filter(|n| self.table.writable.columns[*n].generated.is_none());
        let given: Vec<String> = given.map(|n| self.table.name(n)).collect();
        let names = given.join(", ");
        let Some(name) = given.first() else {
            return Err(Error::new(ErrorKind::Config, format!("{table} has no column that could be written")));
        };
        let tried = format!(
            "START TRANSACTION; UPDATE {table} SET {name} = {name} WHERE FALSE; DELETE FROM {table} WHERE FALSE; \
             INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE FALSE; ROLLBACK"
        );
        match self.connection.carry_out(&tried).await {
            Ok(_) => Ok(()),
            Err(MysqlFailure::Server(told)) if matches!(told.code, 1290 | 1792 | 1836 | 3100) => {
                let message = format!("{shown} only lets read: nothing can be repaired there");
                Err(Error::new(ErrorKind::Permission, message)
                    .hint("name the primary server, and a user who may write"))
            }
            Err(MysqlFailure::Server(told)) if matches!(told.code, 1044 | 1142 | 1143 | 1227 | 1370) => {
                let message = format!("{table} must not be changed by this user: {}", told.message);
                Err(Error::new(ErrorKind::Permission, message)
                    .hint("grant the user SELECT, INSERT, UPDATE and DELETE on the table; nothing was changed"))
            }
            Err(other) => Err(ended(failed(other))),
        }
    }

    fn image(&self, row: Row) -> Outcome<Image> {
        let cells = row.unwrap_raw().into_iter().map(|value| text(DOING, value.unwrap_or(Value::NULL)));
        Ok(cells.collect::<Result<Image>>()?)
    }

    fn select(&self, what: &str, condition: &str, end: &str) -> String {
        format!("SELECT {what} FROM {} WHERE {condition}{end}", self.table.writable.table)
    }
}

#[async_trait]
impl Writer for MysqlWriter {
    /// A transaction whose connection was cut may still be on its way to its end: what it comes to must be seen by this one.
    async fn begin(&mut self) -> Outcome<()> {
        let ask = format!("SELECT GET_LOCK({}, {})", literal(&self.lock), self.lock_timeout.as_secs_f64().ceil());
        let told = self.carry_out(&ask).await?;
        let got = told.rows.into_iter().next().map(|row| self.image(row)).transpose()?;
        match got.as_ref().and_then(|row| row.first()?.as_deref()) {
            Some("1") => self.simply("START TRANSACTION READ WRITE").await,
            _ => Err(Failure::Busy("another writer has the table locked".into())),
        }
    }

    async fn savepoint(&mut self) -> Outcome<()> {
        self.simply("SAVEPOINT tieout").await
    }

    async fn back_to_savepoint(&mut self) -> Outcome<()> {
        self.simply("ROLLBACK TO SAVEPOINT tieout").await
    }

    async fn rows(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<Vec<Image>> {
        let images = self.table.images();
        let one = |at: &[Vec<Option<String>>]| self.select(&images, &self.table.at(address, at), " FOR UPDATE");
        let statements: Vec<String> = at.chunks(LOOKED_UP).map(one).collect();
        let found = self.all(&statements).await?;
        found.rows.into_iter().map(|row| self.image(row)).collect()
    }

    async fn change(&mut self, changes: &Changes<'_>) -> Outcome<u64> {
        let statements = self.table.statements(changes);
        Ok(self.all(&statements).await?.changed)
    }

    async fn insert_one(&mut self, set: &[usize], after: &Image) -> Outcome<Image> {
        let counted = self.table.all().find(|n| self.table.extras[*n].counted);
        let Some(counted) = counted else {
            return Err(Failure::Refused("MySQL does not tell by what the new row is told from others".into()));
        };
        let statement = self.table.insert(set) + &self.table.given(set, after);
        let given = self.carry_out(&statement).await?.given;
        let place = match set.contains(&counted) {
            true => after[counted].clone(),
            false => given.filter(|given| *given > 0).map(|given| given.to_string()),
        };
        let condition = self.table.is(counted, place.as_deref());
        let found = self.carry_out(&self.select(&self.table.images(), &condition, "")).await?;
        let row = found.rows.into_iter().next().ok_or_else(|| Failure::Refused("the row was not inserted".into()))?;
        self.image(row)
    }

    /// Every constraint was looked at by the statement that touched it.
    async fn check(&mut self) -> Outcome<()> {
        Ok(())
    }

    async fn typed(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<RecordBatch> {
        let selected: Vec<&str> = self.table.columns.iter().map(|column| column.select.as_str()).collect();
        let mut batches = Vec::new();
        for some in at.chunks(LOOKED_UP) {
            let condition = self.table.at(address, some);
            let sql = format!("SELECT {} FROM {} WHERE {condition}", selected.join(", "), self.table.from);
            let lost = |error: Error| match error.is_retryable() {
                true => Failure::Lost(error),
                false => Failure::Error(error),
            };
            let mut rows = self.connection.stream(DOING, &sql).await.map_err(lost)?;
            let mut decoders = Decoders::new(&self.table.columns, self.table.schema.clone(), rows.columns())?;
            while let Some(row) = rows.next().await.map_err(lost)? {
                decoders.push(&row)?;
            }
            batches.push(decoders.finish()?);
        }
        Ok(concat_batches(&self.table.schema, &batches).map_err(Error::from)?)
    }

    async fn commit(&mut self) -> Outcome<()> {
        // Alone: what is told of it must be about nothing else. A commit that is ended may have been one.
        self.connection.carry_out("COMMIT").await.map_err(|error| match error {
            MysqlFailure::Server(ServerError { code: 1317 | 1969 | 3024, .. }) => {
                Failure::Lost(failure::error(DOING, error))
            }
            error => failed(error),
        })?;
        // Who comes next waits for it; a connection that ends gives it up.
        let _ = self.simply(&format!("DO RELEASE_LOCK({})", literal(&self.lock))).await;
        Ok(())
    }

    async fn rollback(&mut self) -> Outcome<()> {
        let free = format!("ROLLBACK; DO RELEASE_LOCK({})", literal(&self.lock));
        self.simply(&free).await
    }

    async fn close(self: Box<Self>) {
        self.connection.close().await;
    }
}
