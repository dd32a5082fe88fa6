//! One database in one run: connections that see the same snapshot, and what can be asked over them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::mpsc::Sender;

use super::column::Column;
use crate::error::Result;
use crate::progress::Progress;
use crate::project::model::{DatabaseRelation, System, TextOptions};
use crate::sql::Hash;

/// The state of the database that all statements of a run see.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub at: DateTime<Utc>,
    /// In the system's own words: `lsn 0/16B3748, snapshot 00000003-0000001B-1`.
    pub version: String,
}

/// A relation as the database describes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Described {
    /// What stands behind FROM: a quoted name, or the query with an alias.
    pub from: String,
    pub columns: Vec<Column>,
    /// About how many rows it has, by the database's own statistics.
    pub estimated_rows: Option<u64>,
    /// Conditions that cut it in pieces, each row in exactly one, which may be read at once. Empty: it is read as a whole.
    pub pieces: Vec<String>,
    /// The columns of its primary key, in order.
    pub primary_key: Vec<String>,
    /// Columns that cannot be NULL.
    pub never_null: Vec<String>,
    /// Why what is read may not be of one moment.
    pub doubt: Option<String>,
    /// How long the database takes to answer a small question.
    pub latency: std::time::Duration,
    /// The digests that it can compute, the cheapest first; none where its texts are not UTF-8.
    pub hashes: Vec<Hash>,
}

/// One read.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    pub sql: String,
    pub columns: Vec<Column>,
    pub schema: SchemaRef,
    pub batch_rows: usize,
    pub progress: Arc<Progress>,
}

pub(super) type BatchSender = Sender<datafusion::error::Result<RecordBatch>>;

/// Rows of text, NULL as None.
pub(super) type TextRows = Vec<Vec<Option<String>>>;

#[async_trait]
pub(super) trait Session: fmt::Debug + Send + Sync {
    fn system(&self) -> System;

    fn moment(&self) -> Moment;

    /// Whether the snapshot is still there, as far as is known.
    fn is_alive(&self) -> bool {
        true
    }

    /// The most connections that it opens.
    fn connections(&self) -> usize;

    async fn describe(&self, relation: &DatabaseRelation, text: &TextOptions) -> Result<Described>;

    /// By what the rows of the relation can be told: where two sessions say the same, in this process or another, they see
    /// the same rows. None: that cannot be shown.
    async fn identity(&self, relation: &DatabaseRelation) -> Result<Option<String>>;

    /// Runs the statement and sends its rows as they come, in batches. Ends early, and ends the statement on the server, when
    /// nobody listens any more.
    async fn read(&self, scan: Scan, sender: &BatchSender) -> Result<()>;

    /// The rows of a statement with a small result, as text.
    async fn rows(&self, sql: &str) -> Result<TextRows>;

    /// Ends what runs on the server, and disconnects.
    async fn close(&self);
}
