//! What the record of a run says of one rule, as far as its history needs it.

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{TimestampMicrosecondType, UInt64Type};
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::verdict::{Outcome, RowCounts};

/// One rule in one run.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub run_id: String,
    pub rule: String,
    pub started_at: DateTime<Utc>,
    pub outcome: Outcome,
    /// The limit that stopped it, if one did.
    pub stopped_by: Option<String>,
    pub rows: RowCounts,
    pub schema_mismatch: u64,
    /// Divergences that did not count, for they were acknowledged; and of these, schema mismatches.
    pub acknowledged: u64,
    pub acknowledged_schema_mismatch: u64,
    /// Names of the key columns in the divergence table.
    pub key: Vec<String>,
    /// The datasets of source and target; none of a `sql` rule.
    pub datasets: [Option<String>; 2],
    /// What is open after the run; none of one that an older version wrote.
    pub standing: Option<Standing>,
}

/// What is open of a rule after a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub open: u64,
    /// Since when the oldest of it is; none where nothing is.
    pub open_since: Option<DateTime<Utc>>,
    /// Tells which runs this takes for the earlier ones: see `divergence::earlier`.
    pub earlier: String,
}

impl Recorded {
    /// Whether the run looked at everything: only then is what it did not find resolved.
    pub fn is_whole(&self) -> bool {
        self.outcome != Outcome::Inconclusive && self.stopped_by.is_none()
    }

    /// Rows of the divergence table.
    pub fn divergences(&self) -> u64 {
        self.rows.divergences() + self.schema_mismatch
    }
}

/// All of `batches`, which are in the schema of the runs table, ordered by the start of the runs.
pub fn recorded(batches: &[RecordBatch]) -> Result<Vec<Recorded>> {
    let mut all = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            all.push(one(batch, row)?);
        }
    }
    all.sort_by(|a, b| (a.started_at, &a.run_id, &a.rule).cmp(&(b.started_at, &b.run_id, &b.rule)));
    Ok(all)
}

fn one(batch: &RecordBatch, row: usize) -> Result<Recorded> {
    let missing = |name: &str| Error::new(ErrorKind::Data, format!("a run's record says nothing of `{name}`"));
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
    let text = |name: &str| Ok::<_, Error>(text_of(column(name)?, row));
    let count = |name: &str| {
        let numbers = column(name)?.as_primitive::<UInt64Type>();
        Ok::<_, Error>(if numbers.is_valid(row) { numbers.value(row) } else { 0 })
    };
    let run_id = text("run_id")?.ok_or_else(|| missing("run_id"))?;
    let outcome = match text("outcome")?.as_deref() {
        Some("reconciled") => Outcome::Reconciled,
        Some("inconclusive") => Outcome::Inconclusive,
        Some("diverged") => Outcome::Diverged,
        other => {
            let other = other.unwrap_or_default();
            return Err(Error::new(
                ErrorKind::Data,
                format!("the run {run_id} has an outcome that is not known: `{other}`"),
            )
            .hint("a newer version of tieout wrote it: use that one"));
        }
    };
    let micros = column("started_at")?.as_primitive::<TimestampMicrosecondType>().value(row);
    Ok(Recorded {
        rule: text("rule")?.ok_or_else(|| missing("rule"))?,
        started_at: DateTime::from_timestamp_micros(micros).ok_or_else(|| missing("started_at"))?,
        outcome,
        stopped_by: text("stopped_by")?,
        rows: RowCounts {
            source: count("source_rows")?,
            target: count("target_rows")?,
            equal: count("equal")?,
            value_mismatch: count("value_mismatch")?,
            missing_in_target: count("missing_in_target")?,
            missing_in_source: count("missing_in_source")?,
            duplicate_key: count("duplicate_key")?,
            rule_violation: count("rule_violation")?,
        },
        schema_mismatch: count("schema_mismatch")?,
        acknowledged: count("acknowledged")?,
        acknowledged_schema_mismatch: count("acknowledged_schema_mismatch")?,
        key: texts_of(column("key")?, row),
        datasets: [text("source")?, text("target")?],
        standing: standing(batch, row)?,
        run_id,
    })
}

fn standing(batch: &RecordBatch, row: usize) -> Result<Option<Standing>> {
    let column = |name: &str| batch.column_by_name(name).filter(|column| column.is_valid(row));
    let Some((open, earlier)) = column("open").zip(column("earlier_runs")) else { return Ok(None) };
    let since = column("open_since").map(|since| since.as_primitive::<TimestampMicrosecondType>().value(row));
    Ok(Some(Standing {
        open: open.as_primitive::<UInt64Type>().value(row),
        open_since: since.and_then(DateTime::from_timestamp_micros),
        earlier: text_of(earlier, row).unwrap_or_default(),
    }))
}

fn text_of(column: &ArrayRef, row: usize) -> Option<String> {
    let texts = column.as_string::<i32>();
    texts.is_valid(row).then(|| texts.value(row).to_string())
}

fn texts_of(column: &ArrayRef, row: usize) -> Vec<String> {
    let lists = column.as_list::<i32>();
    if lists.is_null(row) {
        return Vec::new();
    }
    lists.value(row).as_string::<i32>().iter().flatten().map(String::from).collect()
}
