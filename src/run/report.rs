//! What a run found: the RunReport, which `report` renders and the run record stores. Its JSON is a contract
//! (docs/reference, section "JSON summary").

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::project::model::Severity;
use crate::side::BySide;
pub use crate::verdict::{ColumnCounts, Guarantee, Outcome, RowCounts, SchemaDifferences, TypeDiffers};

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

#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    pub rule: String,
    /// `match`, `totals` or `sql`.
    pub kind: &'static str,
    pub outcome: Outcome,
    pub guarantee: Guarantee,
    /// `join`, `digest`; for a `sql` rule `query`.
    pub strategy: &'static str,
    pub severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    pub rows: RowCounts,
    /// Every compared column but the key, in the source's order.
    pub columns: Vec<ColumnCounts>,
    pub schema: SchemaDifferences,
    /// What a reader should know of how it was compared, in whole sentences.
    pub notes: Vec<String>,
    /// Where the divergence table is; none where nothing was written.
    pub divergences: Option<String>,
    /// The error budget and what was used of it; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<AllowUsed>,
    pub elapsed_ms: u64,
    /// Names of the key columns.
    pub key: Vec<String>,
    /// The datasets' names (paths, for `diff`), secrets removed. None for a `sql` rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasets: Option<BySide<String>>,
    /// The first divergences in the order of the table, for people; at most `--limit`. Not part of the JSON.
    #[serde(skip)]
    pub sample: Option<datafusion::arrow::record_batch::RecordBatch>,
}

#[derive(Debug, Clone, Serialize)]
pub struct AllowUsed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    pub used_rows: u64,
    #[serde(serialize_with = "short")]
    pub used_rate: f64,
}

fn short<S: Serializer>(rate: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((rate * 1e9).round() / 1e9)
}
