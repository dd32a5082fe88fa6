//! What a run found: the RunReport, which `report` renders and the run record stores. Its JSON is a contract
//! (docs/reference, section "JSON summary").

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::engine::Strategy;
use crate::progress::{Counters, Task, per_second};
use crate::project::model::Severity;
use crate::side::BySide;
pub use crate::verdict::{ColumnCounts, Coverage, Guarantee, Outcome, RowCounts, SchemaDifferences, TypeDiffers};

/// One run of some rules.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// UUIDv7.
    pub run_id: String,
    pub outcome: Outcome,
    pub started_at: DateTime<Utc>,
    pub elapsed_ms: u64,
    pub rules: Vec<RuleReport>,
}

/// What one rule found. The JSON holds what the contract names; the rest is for the text report and the run record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleReport {
    pub rule: String,
    /// `match`, `totals` or `sql`.
    #[serde(deserialize_with = "word")]
    pub kind: Word,
    pub outcome: Outcome,
    pub guarantee: Guarantee,
    /// The one that came to the end: `bytes`, `merge`, `digest`, `join`; for a `sql` rule `query`.
    #[serde(deserialize_with = "word")]
    pub strategy: Word,
    /// Why this strategy.
    pub why: String,
    pub work: Work,
    #[serde(skip)]
    pub severity: Severity,
    #[serde(skip)]
    pub owner: Option<String>,
    pub rows: RowCounts,
    /// Divergences that were gone when their keys were read again; none where they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<u64>,
    /// Of the divergences, those that do not count, for somebody acknowledged them.
    #[serde(
        skip_deserializing,
        skip_serializing_if = "Acknowledged::is_none",
        serialize_with = "Acknowledged::serialize_all"
    )]
    pub acknowledged: Acknowledged,
    /// Every compared column but the key, in the source's order.
    pub columns: Vec<ColumnCounts>,
    pub schema: SchemaDifferences,
    /// What a reader should know of how it was compared, in whole sentences.
    pub notes: Vec<String>,
    /// Set where a limit stopped the comparison: then counts and table hold what was found by then.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub coverage: Option<Coverage>,
    /// Where the divergence table is; none where nothing was written.
    pub divergences: Option<String>,
    /// The error budget and what was used of it; none without one.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub allow: Option<AllowUsed>,
    #[serde(skip)]
    pub elapsed_ms: u64,
    /// Names of the key columns.
    #[serde(skip)]
    pub key: Vec<String>,
    /// The datasets' names (paths, for `diff`), secrets removed. None for a `sql` rule.
    #[serde(skip)]
    pub datasets: Option<BySide<String>>,
    /// The first divergences in the order of the table, for people; at most `--limit`.
    #[serde(skip)]
    pub sample: Option<datafusion::arrow::record_batch::RecordBatch>,
}

/// A kind of rule, or what compared it.
pub type Word = &'static str;

fn word<'de, D: Deserializer<'de>>(words: D) -> Result<Word, D::Error> {
    let word = String::deserialize(words)?;
    let strategies = Strategy::ALL.into_iter().map(Strategy::as_str);
    let known = ["match", "totals", "sql", "query"].into_iter().chain(strategies).find(|known| *known == word);
    known.ok_or_else(|| serde::de::Error::custom(format!("`{word}` is no kind of rule and no strategy")))
}

/// What it took.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Work {
    /// Rows of both sides before filters, as metadata tells; none where it does not.
    pub estimated_rows: Option<u64>,
    /// As stored. Bytes that are read twice count twice; headers and footers do not count.
    pub bytes_read: u64,
    /// Rows that came out of the files; those that are read twice count once.
    #[serde(skip)]
    pub rows_read: u64,
    pub rows_per_second: u64,
    pub bytes_per_second: u64,
    /// Written to temporary files.
    pub spilled_bytes: u64,
}

impl Work {
    /// At the end of the rule: what the counters tell.
    pub fn finish(&mut self, task: &Task, counters: Counters) {
        let (done, time) = (counters.since(task.before), task.started.elapsed());
        self.bytes_read = done.bytes_read;
        self.rows_per_second = per_second(self.rows_read, time);
        self.bytes_per_second = per_second(done.bytes_read, time);
        self.spilled_bytes += done.spilled_bytes;
    }
}

/// Divergences that were acknowledged, and do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Of rows.
    pub rows: u64,
    /// Of columns that cannot be compared.
    pub schema: u64,
}

impl Acknowledged {
    pub fn all(&self) -> u64 {
        self.rows + self.schema
    }

    pub fn is_none(&self) -> bool {
        self.all() == 0
    }

    fn serialize_all<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.all())
    }
}

/// The error budget, and what was used of it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AllowUsed {
    pub rows: Option<u64>,
    pub rate: Option<f64>,
    /// How long a divergence may be open.
    #[serde(rename = "age_ms", serialize_with = "milliseconds")]
    pub age: Option<Duration>,
    pub used_rows: u64,
    pub used_rate: f64,
    /// How long the oldest is open; none where there is no age in the budget.
    #[serde(rename = "used_age_ms", serialize_with = "milliseconds")]
    pub used_age: Option<Duration>,
}

fn milliseconds<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).serialize(to)
}
