//! What a run found: the RunReport, which `report` renders and the run record stores. Its JSON is a contract
//! (docs/reference, section "JSON summary").

use chrono::{DateTime, Utc};
use serde::Serialize;

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
#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    pub rule: String,
    /// `match`, `totals` or `sql`.
    pub kind: &'static str,
    pub outcome: Outcome,
    pub guarantee: Guarantee,
    /// `join`, `digest`; for a `sql` rule `query`.
    pub strategy: &'static str,
    #[serde(skip)]
    pub severity: Severity,
    #[serde(skip)]
    pub owner: Option<String>,
    pub rows: RowCounts,
    /// Every compared column but the key, in the source's order.
    pub columns: Vec<ColumnCounts>,
    pub schema: SchemaDifferences,
    /// What a reader should know of how it was compared, in whole sentences.
    pub notes: Vec<String>,
    /// Set where a limit stopped the comparison: then counts and table hold what was found by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// Where the divergence table is; none where nothing was written.
    pub divergences: Option<String>,
    /// The error budget and what was used of it; none without one.
    #[serde(skip)]
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

#[derive(Debug, Clone, Copy)]
pub struct AllowUsed {
    pub rows: Option<u64>,
    pub rate: Option<f64>,
    pub used_rows: u64,
    pub used_rate: f64,
}
