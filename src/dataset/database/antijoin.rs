//! Both sides in one database: rows that have no identical twin on the other side are found there, by value.
//!
//! It needs a key that no row shares with another one, which a primary key promises: then a row of one side has at most one
//! counterpart, and what is left over of both sides is all that differs.

use super::column::{Column, Kind};
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
        if !self.shares_session(other) || self.system() != System::Postgres {
            return Some("the sides are not in one database of PostgreSQL".into());
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
            (Some(mine), Some(theirs)) => mine.kind == theirs.kind && mine.field.metadata() == theirs.field.metadata(),
            _ => false,
        };
        let unlike = key.iter().chain(values).find(|pair| !alike(pair));
        unlike.map(|(name, _)| format!("{name:?} is of another type on the other side"))
    }

    /// The rows that have no identical twin in the other table.
    pub fn without_twin(&self, other: &DatabaseTable, key: &[Pair], values: &[Pair]) -> Result<DatabaseTable> {
        let mut conditions = Vec::new();
        for (mine, theirs) in key.iter().chain(values) {
            let is_key = conditions.len() < key.len();
            let equal = match is_key || self.never_null(mine) && other.never_null(theirs) {
                true => "=",
                false => "IS NOT DISTINCT FROM",
            };
            conditions.push(format!("{} {equal} {}", other.value(theirs, OTHER)?, self.value(mine, ALIAS)?));
        }
        let from = format!("{}{OTHER}", other.from().strip_suffix(ALIAS).unwrap_or_default());
        Ok(self.restricted(format!("NOT EXISTS (SELECT FROM {from} WHERE {})", conditions.join(" AND "))))
    }

    /// A value so that equality in the database is ours: text byte by byte, whatever its collation says.
    fn value(&self, name: &str, alias: &str) -> Result<String> {
        let unknown = || Error::new(ErrorKind::Internal, format!("there is no column {name:?}"));
        let Column { select, kind, .. } = self.column(name).ok_or_else(unknown)?;
        let plain = quoted(self.system(), name);
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
