//! What people said of divergences, when all rules are compared: acknowledged ones stay in the table and in the counts, and do not count
//! towards the outcome. -> [`Compared`], concluded anew
//!
//! This comes last, so that it holds for rules that were looked at again, and for those that were compared before the run was cut off.

use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use futures::TryStreamExt;

use crate::divergence::{ACK_ENDS, AckFile, Acks, Asker, Output, Stamp, acks_unreadable};
use crate::error::{Error, ErrorKind, Result};
use crate::run::execute::{Compared, Execution, decide, note_on_budget};
use crate::run::match_rule::{conclude, is_too_young, outcome_of_part};
use crate::run::of_rule;
use crate::run::recheck::recheck_of;
use crate::run::report::{Acknowledged, AllowUsed, RuleReport};
use crate::run::standing::TOO_OLD;
use crate::verdict::{Kind, Outcome, RowCounts};

/// Concludes every rule by what was acknowledged of it by now.
pub async fn heed(execution: &Execution<'_>, compared: &mut [Compared<'_>]) -> Result<()> {
    let Some(output) = execution.output else { return Ok(()) };
    let acks = output.acks().await?;
    for one in compared {
        let rule = one.rule;
        execution.heed_rule(output, &acks, one).await.map_err(|error| of_rule(error, rule))?;
    }
    Ok(())
}

/// How many acknowledgements ended, by the words of [`ACK_ENDS`].
#[derive(Default)]
struct Ended([u64; ACK_ENDS.len()]);

impl Ended {
    /// Said once: by the run that found it.
    fn note(&self) -> Option<String> {
        let told = ["withdrawn", "expired", "of changed values", "resolved"];
        let parts: Vec<String> =
            self.0.iter().zip(told).filter(|(n, _)| **n > 0).map(|(n, words)| format!("{n} {words}")).collect();
        (!parts.is_empty()).then(|| format!("acknowledgements that ended: {}", parts.join(", ")))
    }
}

impl Execution<'_> {
    async fn heed_rule(&self, output: &Output, acks: &Acks, one: &mut Compared<'_>) -> Result<()> {
        let ctx = &self.engine.ctx;
        let name = &one.rule.name;
        let Some(given) = acks.table(ctx, name)? else { return Ok(()) };
        let names = one.report.datasets.as_ref();
        let datasets = [names.map(|names| names.source.clone()), names.map(|names| names.target.clone())];
        let Some(found) = output.found(ctx, name, &one.report.key, datasets).await? else { return Ok(()) };
        let report = &one.report;
        let whole = report.coverage.is_none()
            && report.outcome != Outcome::Inconclusive
            && !is_too_young(one.rule, &report.rows);
        let unreadable = |error: datafusion::error::DataFusionError| acks_unreadable(name, error);
        let asker = Asker::new(ctx)?;
        let rows = asker.ctx.read_table(given.clone())?.count().await.map_err(unreadable)? as u64;
        let all = report.rows.divergences().saturating_add(rows);
        let told = asker.heeded(given, found, self.started, whole).await;
        let told = told.map_err(|error| acks_unreadable(name, error))?;
        let place = output.ended(name);
        let stamp = Stamp { at: self.started, run_id: Some(self.run_id.to_string()), ..Stamp::default() };
        let mut file = AckFile::new(ctx, &place, stamp);
        let (mut acknowledged, mut ended) = (Acknowledged::default(), Ended::default());
        for part in asker.in_parts(told, all)? {
            let mut told = part.execute_stream().await.map_err(unreadable)?;
            while let Some(batch) = told.try_next().await.map_err(unreadable)? {
                file.write(&count(&batch, &mut acknowledged, &mut ended)?).await?;
            }
        }
        file.close().await?;
        one.acknowledge(acknowledged, ended.note())
    }
}

/// Counts the rows; the answer are those of acknowledgements that ended.
fn count(batch: &RecordBatch, acknowledged: &mut Acknowledged, ended: &mut Ended) -> Result<RecordBatch> {
    let text = |name: &str| match batch.column_by_name(name) {
        Some(column) => Ok(cast(column, &DataType::Utf8)?),
        None => Err(Error::new(ErrorKind::Internal, format!("acknowledgements are told without `{name}`"))),
    };
    let (kinds, ends) = (text("kind")?, text("ended")?);
    let (kinds, ends) = (kinds.as_string::<i32>(), ends.as_string::<i32>());
    for row in 0..batch.num_rows() {
        let end = ends.is_valid(row).then(|| ACK_ENDS.iter().position(|end| *end == ends.value(row))).flatten();
        match end {
            Some(end) => ended.0[end] += 1,
            None if kinds.value(row) == Kind::SchemaMismatch.as_str() => acknowledged.schema += 1,
            None => acknowledged.rows += 1,
        }
    }
    let is_end: BooleanArray = (0..batch.num_rows()).map(|row| Some(ends.is_valid(row))).collect();
    Ok(filter_record_batch(batch, &is_end)?)
}

impl Compared<'_> {
    fn acknowledge(&mut self, acknowledged: Acknowledged, ended: Option<String>) -> Result<()> {
        let (rule, report) = (self.rule, &mut self.report);
        // What is left is what counts: less than nothing there cannot be.
        let broken = || {
            Error::new(ErrorKind::Internal, "more divergences are acknowledged than were found")
                .hint("this is no verdict; please report it")
        };
        let left = report.rows.divergences().checked_sub(acknowledged.rows).ok_or_else(broken)?;
        let schema = (report.schema.len() as u64).checked_sub(acknowledged.schema).ok_or_else(broken)?;
        if acknowledged != Acknowledged::default() {
            let before = verdict_notes(self, Acknowledged::default());
            let after = verdict_notes(self, acknowledged);
            let report = &mut self.report;
            report.notes.retain(|note| !before.contains(note));
            report.notes.extend(after);
            let used_age = report.allow.and_then(|allow| allow.used_age);
            let allow = decide(rule, &report.rows, &report.schema, acknowledged).1;
            report.allow = allow.map(|allow| AllowUsed { used_age, ..allow });
            self.report.outcome = outcome(self, left, schema, acknowledged);
            if self.report.outcome == Outcome::Reconciled {
                self.report.notes.retain(|note| !note.ends_with(TOO_OLD));
            }
            self.report.acknowledged = acknowledged;
        }
        self.report.notes.extend(ended);
        Ok(())
    }
}

/// What is said of the outcome where nothing is acknowledged but this.
fn verdict_notes(compared: &Compared<'_>, acknowledged: Acknowledged) -> Vec<String> {
    let Compared { rule, report, .. } = compared;
    match (&report.coverage, report.kind) {
        (Some(_), _) => Vec::new(),
        (None, "sql") => {
            let (outcome, allow) = decide(rule, &report.rows, &report.schema, acknowledged);
            note_on_budget(outcome, allow.as_ref()).into_iter().collect()
        }
        (None, _) => conclude(rule, &report.rows, &report.schema, acknowledged).2,
    }
}

/// A doubt stays a doubt; what diverged is as good as what is left of it.
fn outcome(compared: &Compared<'_>, left: u64, schema: u64, acknowledged: Acknowledged) -> Outcome {
    let Compared { rule, report, .. } = compared;
    match (report.outcome, &report.coverage) {
        (Outcome::Diverged, None) => {
            let outcome = match report.kind {
                "sql" => decide(rule, &report.rows, &report.schema, acknowledged).0,
                _ => conclude(rule, &report.rows, &report.schema, acknowledged).0,
            };
            // Which of those that are too old are acknowledged is not told apart: in doubt, they count.
            let may_be_old = rule.allow.age.is_some() && compared.overdue != Some(0) && left > 0;
            if may_be_old { Outcome::Diverged } else { outcome }
        }
        (Outcome::Diverged, Some(coverage)) => {
            // What was not looked at again may have settled.
            let proven = if recheck_of(rule).is_some() { 0 } else { left };
            let proven = RowCounts { rule_violation: proven, ..RowCounts::default() };
            outcome_of_part(&proven, coverage, schema > 0, &rule.allow)
        }
        (outcome, _) => outcome,
    }
}

impl RuleReport {
    /// Divergences that count.
    pub fn counting(&self) -> u64 {
        (self.rows.divergences() + self.schema.len() as u64).saturating_sub(self.acknowledged.all())
    }
}
