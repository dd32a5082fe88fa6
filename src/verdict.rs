//! The words of a verdict: outcome, guarantee, kinds and counts. Data without behaviour, for every room.

use serde::{Deserialize, Serialize};

use crate::side::BySide;

/// Ordered from good to bad: the outcome of a run is the worst of its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Reconciled,
    Inconclusive,
    Diverged,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Reconciled => "reconciled",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Diverged => "diverged",
        }
    }
}

/// How equality was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guarantee {
    /// Value by value.
    Exact,
    /// Rows that were found equal agree in 128 bits of digest; every divergence is verified value by value.
    Digest128,
    /// Nothing was compared.
    None,
}

impl Guarantee {
    pub fn as_str(self) -> &'static str {
        match self {
            Guarantee::Exact => "exact",
            Guarantee::Digest128 => "digest128",
            Guarantee::None => "none",
        }
    }
}

/// The kind of one divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    MissingInTarget,
    MissingInSource,
    ValueMismatch,
    DuplicateKey,
    SchemaMismatch,
    RuleViolation,
}

impl Kind {
    pub const ALL: [Kind; 6] = [
        Kind::MissingInTarget,
        Kind::MissingInSource,
        Kind::ValueMismatch,
        Kind::DuplicateKey,
        Kind::SchemaMismatch,
        Kind::RuleViolation,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::MissingInTarget => "missing_in_target",
            Kind::MissingInSource => "missing_in_source",
            Kind::ValueMismatch => "value_mismatch",
            Kind::DuplicateKey => "duplicate_key",
            Kind::SchemaMismatch => "schema_mismatch",
            Kind::RuleViolation => "rule_violation",
        }
    }
}

/// Exact counts, whatever `--limit` says.
/// `source + target = 2 * (equal + value_mismatch) + missing_in_target + missing_in_source + duplicate_key`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "is_zero")]
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnCounts {
    pub column: String,
    /// Rows whose cells differ.
    pub value_mismatch: u64,
    /// Cells that differ within the tolerance, also in rows that mismatch elsewhere.
    pub within_tolerance: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeDiffers {
    pub column: String,
    #[serde(flatten)]
    pub types: BySide<String>,
}

/// What a run that stopped at a limit had verified. Together the segments are all rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// `max_time`, `max_divergences` or `max_bytes`.
    pub stopped_by: &'static str,
    pub segments: Vec<Segment>,
}

/// A set of rows chosen by their key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub by: Segments,
    /// The bounds; none: open. A key's `from` is not part of the segment, its `to` is; of key hashes (16 hexadecimal
    /// digits) it is the other way round.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Every row of it was compared, and what disagrees was reported.
    pub verified: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segments {
    Key,
    KeyHash,
}
