//! Changing rows of a table: transactions that lock rows, look at them, and change them only where they are still what they were.
//!
//! Nothing here decides what is to be changed: `repair` does. What a statement is stands in `queries/repair/`.

pub mod number;
pub mod plain;
pub mod spoken;
mod table;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind};

/// A row as it is stored: the text of each cell in the order of the table's columns, NULL as None.
pub type Image = Vec<Option<String>>;

/// How hard the database may be worked.
#[derive(Debug, Clone, Copy)]
pub struct WriteLimits {
    /// How long a statement may wait for a lock.
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Insert,
    Update,
    Delete,
}

/// Rows that are changed by one statement.
#[derive(Debug)]
pub struct Changes<'a> {
    pub change: Change,
    /// Columns by which a row is found, as places in the table's columns: no two rows have the same. Of an insert, they may be empty.
    pub address: &'a [usize],
    /// Columns that are given a value, in every row the same ones. None of a delete.
    pub set: &'a [usize],
    /// Before and after; None where there is no row. Only the columns of `set` are taken from what comes after.
    pub rows: Vec<(Option<&'a Image>, Option<&'a Image>)>,
}

/// Why a statement, or the end of a transaction, did not come to what was wanted. The transaction is to be rolled back.
#[derive(Debug)]
pub enum Failure {
    /// The database refuses these rows: a constraint, a trigger, a value that does not fit, a right that is missing for them. In its own
    /// words, with no value that could be a secret beyond what it tells.
    Refused(String),
    /// Somebody else is at these rows: a deadlock, a lock that was waited for too long, a transaction that cannot be put in order. It may be
    /// tried again.
    Busy(String),
    /// The connection is gone. After `commit`, it is not known whether it took place.
    Lost(Error),
    /// Anything else; trying again does not help.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

/// A failure where nothing was begun yet.
pub fn ended(failure: Failure) -> Error {
    match failure {
        Failure::Lost(error) | Failure::Error(error) => error,
        Failure::Refused(why) | Failure::Busy(why) => {
            Error::new(ErrorKind::Unavailable, format!("the database refuses: {why}")).hint("try again later")
        }
    }
}

pub type Outcome<T> = std::result::Result<T, Failure>;

/// A connection that changes one table.
#[async_trait]
pub trait Writer: fmt::Debug + Send {
    async fn begin(&mut self) -> Outcome<()>;

    /// Makes a point to go back to, of which there is one at most; only within a transaction.
    async fn savepoint(&mut self) -> Outcome<()>;

    /// Undoes all since the savepoint.
    async fn back_to_savepoint(&mut self) -> Outcome<()>;

    /// The rows at these addresses, in any order, locked against others until the transaction ends. `address`: as in [`Changes`]. A
    /// NULL is found by NULL.
    async fn rows(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<Vec<Image>>;

    /// Makes the changes by one statement, and tells how many rows it changed: rows that are no longer what they were are left alone
    /// by the statement itself.
    async fn change(&mut self, changes: &Changes<'_>) -> Outcome<u64>;

    /// Inserts one row and tells its image, where the database itself gives it what tells it from others.
    async fn insert_one(&mut self, set: &[usize], after: &Image) -> Outcome<Image>;

    /// Looks now at what would be looked at when the transaction ends.
    async fn check(&mut self) -> Outcome<()>;

    /// The rows at these addresses in the columns of the dataset's table, as it is read for a comparison.
    async fn typed(&mut self, address: &[usize], at: &[Vec<Option<String>>]) -> Outcome<RecordBatch>;

    async fn commit(&mut self) -> Outcome<()>;

    async fn rollback(&mut self) -> Outcome<()>;

    /// Ends the connection; what was not committed is undone.
    async fn close(self: Box<Self>);
}
