//! Which divergences are meant: those that a run has found of a rule, less what was acknowledged.

use std::collections::HashSet;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::JoinType;
use datafusion::prelude::{col, lit};

use crate::divergence::Width;
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::project::check_condition;
use crate::repair::MOST;
use crate::repair::plan::Ask;
use crate::side::BySide;
use crate::verdict::Kind;

/// What a run has found, as far as it is meant.
pub struct Chosen {
    pub run_id: String,
    /// Of the divergence table.
    pub rows: RecordBatch,
    pub ids: HashSet<String>,
    /// Rows of both sides, as the run counted them.
    pub table_rows: BySide<u64>,
    /// Left out, for somebody acknowledged them.
    pub acknowledged: u64,
}

/// None where nothing is meant.
pub async fn choose(past: &Past, ask: &Ask, known: &[&str]) -> Result<Option<Chosen>> {
    let runs = past.rule(&ask.rule, known)?;
    let run = match &ask.run {
        Some(text) => {
            let id = past.run(text)?;
            runs.iter().find(|run| run.run_id == id).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("the run {id} did not compare `{}`", ask.rule))
            })?
        }
        // One that could not compare tells nothing of what diverges.
        None => {
            let telling = runs.iter().rev().find(|run| run.is_whole() || run.divergences() > 0);
            telling.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("no run has compared `{}` to its end yet", ask.rule))
                    .hint("run it again: `tieout run`")
            })?
        }
    };
    past.check_kept(&ask.rule, std::iter::once(*run)).await?;
    let Some(table) = past.table(&ask.rule, &[&run.run_id], Width::Full).await? else { return Ok(None) };
    let ctx = past.session();
    let mut rows = ctx.read_table(table)?.filter(col("kind").not_eq(lit(Kind::SchemaMismatch.as_str())))?;
    if !ask.kinds.is_empty() {
        let kinds = ask.kinds.iter().map(|kind| lit(kind.as_str())).collect();
        rows = rows.filter(col("kind").in_list(kinds, false))?;
    }
    if let Some(condition) = &ask.condition {
        let of_flag = |error: Error| error.context("flag", "--where");
        check_condition(condition).map_err(of_flag)?;
        const TABLE: &str = "divergences_to_repair";
        ctx.register_table(TABLE, rows.into_view())?;
        // The line's end ends a comment in the condition.
        let filtered = ctx.sql(&format!("SELECT * FROM {TABLE} WHERE ({condition}\n)")).await;
        rows = filtered.map_err(|error| of_flag(error.into()))?;
    }
    let all = rows.clone().count().await? as u64;
    if let Some(said) = past.acknowledgements_in_force(&ask.rule).await? {
        let said = ctx.read_table(said)?.select(vec![col("divergence_id").alias("acknowledged_id")])?;
        rows = rows.join(said, JoinType::LeftAnti, &["divergence_id"], &["acknowledged_id"], None)?;
    }
    let schema = std::sync::Arc::new(rows.schema().as_arrow().clone());
    // One more than there may be tells that there are more.
    let rows = concat_batches(&schema, &rows.limit(0, Some(MOST + 1))?.collect().await?)?;
    if rows.num_rows() > MOST {
        let message = format!("the run {} has more than {MOST} divergences to repair", run.run_id);
        return Err(
            Error::new(ErrorKind::Usage, message).hint("plan them part by part: --where \"order_id < 1000000\"")
        );
    }
    let ids = cast(crate::repair::plan::column(&rows, "divergence_id")?, &DataType::Utf8)?;
    let ids: HashSet<String> = ids.as_string::<i32>().iter().flatten().map(str::to_string).collect();
    let acknowledged = all - rows.num_rows() as u64;
    if rows.num_rows() == 0 && acknowledged == 0 {
        return Ok(None);
    }
    let table_rows = BySide::new(run.rows.source, run.rows.target);
    Ok(Some(Chosen { run_id: run.run_id.clone(), rows, ids, table_rows, acknowledged }))
}
