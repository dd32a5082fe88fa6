//! Both sides in one database: rows that have no identical twin on the other side are found there, by value.
//!
//! It needs a key that no row shares with another one, which a primary key promises: then a row of one side has at most one
//! counterpart, and what is left over of both sides is all that differs.

use super::column::{Column, Kind};
use super::mysql;
use super::relation::{ALIAS, quoted};
use super::table::DatabaseTable;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::System;

/// The name of the other side.
const OTHER: &str = "other";

/// A column by its names on both sides.
type Pair<'a> = (&'a str, &'a str);

impl DatabaseTable {
    /// Why rows cannot be told from those of the other table in the database; None: they can.
    pub fn cannot_join(&self, other: &DatabaseTable, key: &[Pair], values: &[Pair]) -> Option<String> {
        // SQLite is read in this process: nothing would travel less.
        if !self.shares_session(other) || self.system() == System::Sqlite {
            return Some("the sides are not in one database".into());
        }
        let is_primary = |table: &DatabaseTable, mut names: Vec<&str>| {
            let mut primary: Vec<&str> = table.primary_key().iter().map(String::as_str).collect();
            primary.sort_unstable();
            names.sort_unstable();
            !names.is_empty() && primary == names
        };
        let (mine, theirs) = key.iter().copied().unzip();
        if !is_primary(self, mine) || !is_primary(other, theirs) {
            return Some("the key is not the primary key of both tables".into());
        }
        let alike = |(mine, theirs): &Pair| match (self.column(mine), other.column(theirs)) {
            (Some(mine), Some(theirs)) => {
                let read = |column: &Column| {
                    self.system() == System::Postgres || column.select == quoted(self.system(), &column.name)
                };
                let same = mine.kind == theirs.kind && mine.field.metadata() == theirs.field.metadata();
                same && read(mine) && read(theirs)
            }
            _ => false,
        };
        let unlike = key.iter().chain(values).find(|pair| !alike(pair));
        if let Some((name, _)) = unlike {
            return Some(format!("{name:?} is of another type on the other side"));
        }
        // To MySQL texts of one collation may be equal though their bytes differ, and no index serves what is asked of the bytes.
        let text = |(name, _): &&Pair| self.system() == System::Mysql && self.column(name).is_some_and(mysql::is_text);
        key.iter()
            .find(text)
            .map(|(name, _)| format!("the key {name:?} is text, of which MySQL's index is by collation"))
    }

    /// The rows that have no identical twin in the other table.
    pub fn without_twin(&self, other: &DatabaseTable, key: &[Pair], values: &[Pair]) -> Result<DatabaseTable> {
        let mut conditions = Vec::new();
        for (n, (mine, theirs)) in key.iter().chain(values).enumerate() {
            let is_key = n < key.len();
            let equal = match (is_key || self.never_null(mine) && other.never_null(theirs), self.system()) {
                (true, _) => "=",
                (false, System::Mysql) => "<=>",
                (false, System::Postgres | System::Sqlite) => "IS NOT DISTINCT FROM",
            };
            let value = self.value(mine, ALIAS)?;
            conditions.push(format!("{} {equal} {value}", other.value(theirs, OTHER)?));
            // A boolean that is none is an error to who reads it: it must be read.
            if self.system() == System::Mysql && self.column(mine).is_some_and(|column| column.kind == Kind::Bool) {
                conditions.push(format!("COALESCE({value} IN (0, 1), TRUE)"));
            }
        }
        let from = format!("{}{OTHER}", other.from().strip_suffix(ALIAS).unwrap_or_default());
        Ok(self.restricted(format!("NOT EXISTS (SELECT 1 FROM {from} WHERE {})", conditions.join(" AND "))))
    }

    /// A value so that equality in the database is ours: text byte by byte, whatever its collation says.
    fn value(&self, name: &str, alias: &str) -> Result<String> {
        let unknown = || Error::new(ErrorKind::Internal, format!("there is no column {name:?}"));
        let column = self.column(name).ok_or_else(unknown)?;
        let Column { select, kind, .. } = column;
        let plain = quoted(self.system(), name);
        if self.system() == System::Mysql {
            let value = format!("{alias}.{plain}");
            return Ok(if mysql::is_text(column) { mysql::bytes(column, &value) } else { value });
        }
        let value = select.replacen(&plain, &format!("{alias}.{plain}"), 1);
        Ok(match kind {
            Kind::Text | Kind::Jsonb if value.ends_with("::text") => format!("{value} COLLATE \"C\""),
            Kind::Text | Kind::Jsonb => format!("{value}::text COLLATE \"C\""),
            _ => value,
        })
    }

    /// How many rows it has in this snapshot.
    pub async fn count(&self) -> Result<u64> {
        let rows = self.ask(&format!("SELECT count(*) FROM {}", self.from())).await?;
        let count = rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
        count.ok_or_else(|| Error::new(ErrorKind::Data, "the database does not tell how many rows there are"))
    }
}
