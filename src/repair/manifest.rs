//! The manifest of a plan: what it is about, what it was made from, and who may allow it. Its SHA-256 is the plan's name, so nothing of it
//! can change; it holds the hash of the table of actions, so nothing of that can either.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::dataset::{Input, Writable};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::sha256;
use crate::project::model::Decide;

/// Of the manifest's form.
const VERSION: u32 = 1;

/// Its JSON is a contract (docs/reference, page "Repair").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u32,
    pub rule: String,
    /// Of the rule's text when the plan was made.
    pub rule_version: String,
    /// The run whose divergences it is about.
    pub run_id: String,
    pub planned_at: DateTime<Utc>,
    pub proposed_by: String,
    /// The side that is changed, its dataset, and what is behind it.
    pub side: String,
    pub dataset: String,
    pub connector: String,
    pub table: String,
    /// As statements name it, quoted.
    pub named: String,
    /// Columns whose values the database always gives, though a new row may be told another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<String>,
    /// Columns that an update changes if it gives them no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<String>,
    /// All columns of the table, as images have them.
    pub columns: Vec<Stored>,
    /// Columns by which a row is found.
    pub address: Vec<String>,
    /// Which side is right.
    pub authority: String,
    /// Rows of the table as far as the run knows.
    pub table_rows: Option<u64>,
    pub counts: Counts,
    pub at_stake: Option<AtStake>,
    /// The strictest decision on any of its actions, and why.
    pub decide: Decide,
    pub why: Vec<String>,
    pub notes: Vec<String>,
    /// What runs when rows of the table change: it may change others. Never by itself, then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// The plan whose changes it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
    /// Of both sides, as they were read.
    pub source_inputs: Vec<Input>,
    pub target_inputs: Vec<Input>,
    /// SHA-256 of `actions.parquet`.
    pub actions: String,
}

/// A column as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    pub name: String,
    /// The type as the system names it.
    #[serde(rename = "type")]
    pub native: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub insert: u64,
    pub update: u64,
    pub delete: u64,
    pub refused: u64,
}

impl Counts {
    /// Rows that are changed.
    pub fn all(&self) -> u64 {
        self.insert + self.update + self.delete
    }
}

/// What is at stake in all actions together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtStake {
    pub column: String,
    /// The sum of what each action changes, without signs, as a decimal; none: of some action it is not known.
    pub sum: Option<String>,
}

impl Manifest {
    pub fn version() -> u32 {
        VERSION
    }

    /// As it is stored; its SHA-256 is the plan's name.
    pub fn encode(&self) -> Result<(Bytes, String)> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new(ErrorKind::Internal, "a plan cannot be written").source(error))?;
        let digest = sha256(&text);
        Ok((text.into(), digest))
    }

    /// From what is stored under the name of `plan`.
    pub fn decode(plan: &str, bytes: &[u8]) -> Result<Self> {
        let changed = |what: String| {
            Error::new(ErrorKind::Changed, format!("the plan {} {what}", short(plan)))
                .hint("nothing is done with it; `tieout ledger verify` tells what was changed; plan anew")
        };
        if sha256(bytes) != plan {
            return Err(changed("was changed after it was made".into()));
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| changed(format!("cannot be read: {error}")))?;
        match manifest.version <= VERSION {
            true => Ok(manifest),
            false => Err(changed("was made by a newer version of tieout".into())),
        }
    }

    /// An error where the table is no longer what the plan was made for.
    pub fn check_table(&self, writable: &Writable) -> Result<()> {
        let now: Vec<Stored> = stored(writable);
        if now == self.columns {
            return Ok(());
        }
        let differs = |columns: &[Stored], other: &[Stored]| columns.iter().find(|one| !other.contains(one)).cloned();
        let what = match (differs(&self.columns, &now), differs(&now, &self.columns)) {
            (Some(Stored { name, native }), _) => format!("the column {name:?} was of the type {native}"),
            (None, Some(Stored { name, .. })) => format!("the column {name:?} is new"),
            (None, None) => "the order of its columns".to_string(),
        };
        Err(Error::new(ErrorKind::Changed, format!("the table changed since the plan was made: {what}"))
            .context("dataset", self.dataset.clone())
            .hint("run the rule again and plan anew"))
    }
}

/// The columns of a table as a manifest names them.
pub fn stored(writable: &Writable) -> Vec<Stored> {
    let column =
        |column: &crate::dataset::WritableColumn| Stored { name: column.name.clone(), native: column.native.clone() };
    writable.columns.iter().map(column).collect()
}

/// As much of a plan's digest as is shown to people.
pub fn short(plan: &str) -> &str {
    plan.get(..12).unwrap_or(plan)
}

/// Units of 10^-9 as a decimal, without superfluous zeros.
pub fn decimal(units: i128) -> String {
    const ONE: u128 = 10u128.pow(super::action::SCALE as u32);
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let fraction = format!("{:09}", units % ONE);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{}", units / ONE),
        digits => format!("{sign}{}.{digits}", units / ONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_as_decimals() {
        assert_eq!(decimal(0), "0");
        assert_eq!(decimal(1_500_000_000), "1.5");
        assert_eq!(decimal(-1), "-0.000000001");
        assert_eq!(decimal(12_000_000_000), "12");
    }
}
