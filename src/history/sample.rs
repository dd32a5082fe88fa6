//! Some of a run's divergences, of every kind, with what became of each until then.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::prelude::{SessionConfig, SessionContext, col, lit};
use futures::StreamExt;

use crate::divergence::{Recorded, Width};
use crate::error::Result;
use crate::history::Past;
use crate::history::rows::Rows;
use crate::verdict::Kind;

/// Rows that are decoded at once: cells may be long.
const BATCH: usize = 64;
/// Of all rows together, in memory.
const BYTES: usize = 32 << 20;

#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// In the schema of the divergence table: the first rows of each kind, without schema mismatches. None where there are no
    /// such rows.
    pub rows: Option<RecordBatch>,
    /// The table is no longer there.
    pub gone: bool,
    /// How many there are of what `rows` shows some.
    pub of: u64,
    /// By divergence.
    pub lives: BTreeMap<String, Lived>,
}

/// What became of a divergence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lived {
    pub state: String,
    /// Since when it is open: of one that was resolved and came back, since then.
    pub open_since: DateTime<Utc>,
    pub runs_seen: u64,
}

impl Past {
    /// At most `limit` divergences of a rule in a run.
    pub(super) async fn sample(&self, run: &Recorded, limit: usize) -> Result<Sample> {
        let of = run.rows.divergences();
        let nothing = Sample { of, ..Sample::default() };
        if of == 0 || limit == 0 {
            return Ok(nothing);
        }
        // One partition keeps the order of the table; filters are asked while it is decoded, so that a rare kind is found fast.
        let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH);
        config.options_mut().execution.parquet.pushdown_filters = true;
        let ctx = SessionContext::new_with_config_rt(config, self.ctx.runtime_env());
        let Some(table) = self.results.table(&ctx, &run.rule, &[&run.run_id], Width::Full).await? else {
            return Ok(Sample { gone: true, ..nothing });
        };
        let schema = table.schema();
        let shares = shares(run, limit);
        let mut batches = Vec::new();
        for (kind, share) in &shares {
            let mut room = BYTES / shares.len();
            let some = ctx.read_table(table.clone())?.filter(col("kind").eq(lit(kind.as_str())))?;
            let mut stream = some.limit(0, Some(*share))?.execute_stream().await?;
            while let Some(batch) = stream.next().await.transpose()?.filter(|_| room > 0) {
                room = room.saturating_sub(bytes_of(&batch)?);
                batches.push(batch);
            }
        }
        let rows = concat_batches(&schema, &batches)?;
        let lives = self.lives_of(run, &rows).await?;
        Ok(Sample { rows: (rows.num_rows() > 0).then_some(rows), gone: false, of, lives })
    }

    async fn lives_of(&self, run: &Recorded, rows: &RecordBatch) -> Result<BTreeMap<String, Lived>> {
        let mut found = BTreeMap::new();
        let Some(lives) = self.lives(&run.rule, &self.of_rule(&run.rule)).await? else { return Ok(found) };
        let Some(ids) = rows.column_by_name("divergence_id").filter(|ids| !ids.is_empty()) else { return Ok(found) };
        let ids = cast(ids, &DataType::Utf8)?;
        let wanted = ids.as_string::<i32>().iter().flatten().map(lit).collect();
        let frame =
            self.ctx.read_table(lives.last_seen().await?)?.filter(col("divergence_id").in_list(wanted, false))?;
        let told = Rows::of(frame.select_columns(&["divergence_id", "state", "open_since", "runs_seen"])?).await?;
        for row in 0..told.len() {
            let open_since = told.moment("open_since", row)?.unwrap_or(run.started_at);
            let life = Lived { state: told.text("state", row)?, open_since, runs_seen: told.count("runs_seen", row)? };
            found.insert(told.text("divergence_id", row)?, life);
        }
        Ok(found)
    }
}

/// What the rows themselves take: arrays may have room for more.
fn bytes_of(batch: &RecordBatch) -> Result<usize> {
    let columns = batch.columns().iter();
    Ok(columns.map(|column| column.to_data().get_slice_memory_size()).sum::<std::result::Result<usize, _>>()?)
}

/// How many of each kind are shown: as evenly as there are any.
fn shares(run: &Recorded, limit: usize) -> Vec<(Kind, usize)> {
    let rows = &run.rows;
    let mut kinds = [
        (Kind::ValueMismatch, rows.value_mismatch),
        (Kind::MissingInTarget, rows.missing_in_target),
        (Kind::MissingInSource, rows.missing_in_source),
        (Kind::DuplicateKey, rows.duplicate_key),
        (Kind::RuleViolation, rows.rule_violation),
    ]
    .map(|(kind, n)| (kind, usize::try_from(n).unwrap_or(usize::MAX), 0));
    let mut left = limit;
    // Rare kinds first: what they leave over is for the others.
    let mut order: Vec<usize> = (0..kinds.len()).filter(|at| kinds[*at].1 > 0).collect();
    order.sort_by_key(|at| kinds[*at].1);
    for (done, at) in order.iter().enumerate() {
        let even = left.div_ceil(order.len() - done);
        kinds[*at].2 = kinds[*at].1.min(even);
        left -= kinds[*at].2;
    }
    kinds.into_iter().filter(|(_, _, share)| *share > 0).map(|(kind, _, share)| (kind, share)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Outcome, RowCounts};

    #[test]
    fn a_rare_kind_is_shown_and_all_the_room_is_used() {
        let rows = RowCounts {
            value_mismatch: 1_000_000,
            missing_in_target: 3,
            missing_in_source: 400,
            ..RowCounts::default()
        };
        let run = Recorded {
            run_id: String::new(),
            rule: String::new(),
            started_at: DateTime::UNIX_EPOCH,
            outcome: Outcome::Diverged,
            stopped_by: None,
            rows,
            schema_mismatch: 0,
            acknowledged: 0,
            acknowledged_schema_mismatch: 0,
            key: Vec::new(),
            datasets: [None, None],
            standing: None,
        };
        let of = |limit| shares(&run, limit).into_iter().map(|(kind, n)| (kind.as_str(), n)).collect::<Vec<_>>();
        assert_eq!(of(500), [("value_mismatch", 248), ("missing_in_target", 3), ("missing_in_source", 249)]);
        assert_eq!(of(2), [("missing_in_target", 1), ("missing_in_source", 1)]);
        assert_eq!(of(0), []);
        assert_eq!(of(10_000), [("value_mismatch", 9597), ("missing_in_target", 3), ("missing_in_source", 400)]);
    }
}
