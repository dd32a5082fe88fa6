//! What a run found: the RunReport, which `report` renders and the run record stores. Its JSON is a contract
//! (docs/reference, section "JSON summary").

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::project::model::Severity;
use crate::side::BySide;

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

/// Ordered from good to bad: the outcome of a run is the worst of its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Reconciled,
    Inconclusive,
    Diverged,
}

/// How equality was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Guarantee {
    Exact,
    Digest128,
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

/// Exact counts, whatever `--limit` says. `source + target = 2 equal + 2 value_mismatch + missing + duplicate_key`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows read on the side, after filters.
    pub source: u64,
    pub target: u64,
    /// Pairs.
    pub equal: u64,
    /// Pairs.
    pub value_mismatch: u64,
    pub missing_in_target: u64,
    pub missing_in_source: u64,
    /// Rows left over, on either side, of keys that repeat.
    pub duplicate_key: u64,
    /// Rows returned by a `sql` rule.
    #[serde(skip_serializing_if = "is_zero")]
    pub rule_violation: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl RowCounts {
    /// Rows of the divergence table, without schema mismatches.
    pub fn divergences(&self) -> u64 {
        self.value_mismatch + self.missing_in_target + self.missing_in_source + self.duplicate_key + self.rule_violation
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnCounts {
    pub column: String,
    /// Rows whose cells differ.
    pub value_mismatch: u64,
    /// Cells that differ within the tolerance, also in rows that mismatch elsewhere.
    pub within_tolerance: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SchemaDifferences {
    pub only_in_source: Vec<String>,
    pub only_in_target: Vec<String>,
    /// Columns of one name whose types cannot be compared.
    pub type_differs: Vec<TypeDiffers>,
}

impl SchemaDifferences {
    pub fn len(&self) -> usize {
        self.only_in_source.len() + self.only_in_target.len() + self.type_differs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeDiffers {
    pub column: String,
    #[serde(flatten)]
    pub types: BySide<String>,
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
