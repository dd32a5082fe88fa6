//! People's word on divergences: acknowledging them, and taking that back. -> [`Given`]
//!
//! What is acknowledged goes where a run looks for it in three steps, as a run's record does: it is put below `unfinished/`, the ledger tells
//! of it, and it moves to `acks/`. Nothing is ever changed there: what is taken back is a file of its own.

mod choose;
mod give;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use give::{acknowledge, withdraw};

/// Which divergences are meant.
#[derive(Debug, Clone)]
pub enum Choice {
    /// By as much of each id as only one has; of one rule, or of any.
    Ids { ids: Vec<String>, rule: Option<String> },
    /// Those of a rule that fulfil a condition over the columns of `history.<rule>`.
    Where { rule: String, condition: String },
}

/// What is said of them.
#[derive(Debug, Clone)]
pub struct Word {
    pub note: String,
    /// From then on, they count again.
    pub until: Option<DateTime<Utc>>,
}

/// What was acknowledged of a rule, or taken back. Its JSON is a contract (docs/reference, page "Acknowledging").
#[derive(Debug, Clone, Serialize)]
pub struct Given {
    pub ack_id: String,
    pub rule: String,
    pub divergences: u64,
    pub kinds: Vec<OfKind>,
    pub note: String,
    pub until: Option<DateTime<Utc>>,
    /// The number of the ledger's entry that tells of it.
    pub entry: u64,
    /// Below the output.
    pub file: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct OfKind {
    pub kind: String,
    pub divergences: u64,
}
