//! A match (or totals) rule, executed: the engine compares, the divergence room assembles, sorts and writes.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use tokio::sync::mpsc;

use crate::divergence::{Assembler, Found, Written, assemble_schema_differences, write_sorted};
use crate::engine::classified::Counts;
use crate::engine::{Choice, Emit, Make, ReconcileExec, spilled_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Allow, Rule, RuleKind};
use crate::rule::plan::MatchPlan;
use crate::run::execute::{Execution, decide, note_on_budget};
use crate::run::planned::Planned;
use crate::run::report::{RuleReport, Work};
use crate::side::BySide;
use crate::verdict::{Coverage, Outcome, RowCounts, Segments};

impl Execution<'_> {
    pub async fn match_rule(&self, planned: &Planned<'_>, plan: &Arc<MatchPlan>) -> Result<RuleReport> {
        let rule = planned.rule;
        let assembler = Arc::new(Assembler::new(self.run_id, plan.clone()));
        let output = self.output.map(|output| output.rule(&rule.name));
        let first = assemble_schema_differences(self.run_id, &rule.name, &assembler.schema.schema, &plan.schema)?;
        let choice = planned.choice(self.engine, self.strategy, self.exact).await?.ok_or_else(no_choice)?;
        tracing::info!(rule = rule.name, strategy = choice.strategy.as_str(), why = choice.why, "planned");
        let operator = self.engine.operator(plan, choice.strategy, self.exact, emit(assembler.clone())).await?;
        let (sender, batches) = mpsc::channel(2);
        let found = Found {
            table: assembler.schema.schema.clone(),
            sortable: assembler.sortable.clone(),
            order: assembler.order.clone(),
            first,
            batches,
            in_order: operator.in_order(),
        };
        let write = write_sorted(&self.engine.ctx, found, output.as_ref(), self.limit);
        let compare = self.compare(&operator, &choice, sender);
        let ((counts, mut work), written) = tokio::try_join!(compare, write)?;
        self.check_written(&counts, &written, plan)?;
        work.spilled_bytes += written.sort.as_deref().map_or(0, spilled_bytes);
        let (mut outcome, allow) = decide(rule, &counts.rows, &plan.schema);
        let mut notes = plan.notes.clone();
        notes.extend(assembler.schema.notes.iter().cloned());
        notes.extend(note_on_keys(plan, &counts));
        if counts.coverage.is_none() {
            notes.extend(note_on_budget(outcome, allow.as_ref()));
        }
        if let Some(coverage) = &counts.coverage {
            outcome = outcome_of_part(&counts.rows, coverage, !plan.schema.is_empty(), &rule.allow);
            notes.push(note_on_coverage(coverage));
        } else if counts.rows.source == 0 && counts.rows.target == 0 {
            // Rows that are too young were not looked at: that is a doubt, not a match.
            if outcome == Outcome::Reconciled && settles(rule) {
                outcome = Outcome::Inconclusive;
                notes.push("no row is old enough to be compared yet".into());
            } else {
                notes.push("there are no rows on either side".into());
            }
        }
        Ok(RuleReport {
            rule: rule.name.clone(),
            kind: planned.kind(),
            outcome,
            guarantee: counts.guarantee,
            strategy: counts.strategy.as_str(),
            why: why(&choice, &counts),
            work,
            severity: rule.severity,
            owner: rule.owner.clone(),
            rows: counts.rows,
            columns: counts.columns,
            schema: plan.schema.clone(),
            notes,
            coverage: counts.coverage,
            divergences: output.map(|output| output.display().to_string()),
            allow,
            elapsed_ms: 0,
            key: if plan.keyed { assembler.schema.keys.clone() } else { Vec::new() },
            datasets: planned.datasets.cloned(),
            sample: written.sample,
        })
    }

    /// Runs the engine and hands on what it leaves over, as divergence batches. The channel is closed only once the
    /// counts are proven, so that a table is never completed for a run that fails.
    async fn compare(
        &self,
        operator: &ReconcileExec,
        choice: &Choice,
        out: mpsc::Sender<Result<RecordBatch>>,
    ) -> Result<(Counts, Work)> {
        let mut divergences = operator.execute(0, self.engine.ctx.task_ctx())?;
        while let Some(batch) = divergences.try_next().await? {
            if out.send(Ok(batch)).await.is_err() {
                return Err(Error::new(ErrorKind::Output, "the writer of the divergence table stopped"));
            }
        }
        let counts = operator.counts()?;
        let BySide { source, target } = &choice.estimate;
        let work = Work {
            estimated_rows: source.rows.zip(target.rows).map(|(source, target)| source + target),
            // Rows that a strategy read again, because the first one did not come to the end, count once.
            rows_read: operator.scanned_rows().max(counts.rows.source + counts.rows.target),
            spilled_bytes: spilled_bytes(operator),
            ..Work::default()
        };
        Ok((counts, work))
    }

    /// What was counted is what was written.
    fn check_written(&self, counts: &Counts, written: &Written, plan: &MatchPlan) -> Result<()> {
        let expected = counts.rows.divergences() + plan.schema.len() as u64;
        if self.output.is_some() && written.rows != expected {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("conservation does not hold: {expected} divergences were counted, {} written", written.rows),
            )
            .hint("this is no verdict; please report it"));
        }
        Ok(())
    }
}

/// What a part proves: divergences beyond the budget stay what they are, whatever the rest holds; nothing else does.
pub fn outcome_of_part(rows: &RowCounts, coverage: &Coverage, schema_differs: bool, allow: &Allow) -> Outcome {
    // Up to a key, a row that is missing may still come, should a side not be in order after all; and so may an equal
    // partner of a row that differs.
    let by_key = coverage.segments.iter().any(|segment| segment.by == Segments::Key);
    let proven = if by_key { 0 } else { rows.divergences() };
    // A rate is known only once all rows are.
    let beyond = allow.rate.is_none() && proven > allow.rows.unwrap_or(0);
    if schema_differs || beyond { Outcome::Diverged } else { Outcome::Inconclusive }
}

pub fn note_on_coverage(coverage: &Coverage) -> String {
    let flag = coverage.stopped_by.replace('_', "-");
    let verified = coverage.segments.iter().filter(|segment| segment.verified).count();
    let last = coverage.segments.iter().find(|segment| segment.verified && segment.by == Segments::Key);
    match (verified, last.and_then(|segment| segment.to.as_ref())) {
        (0, _) => format!("stopped by --{flag} before any segment was verified"),
        (_, Some(key)) => format!("stopped by --{flag}: rows are verified up to the key {key}, in key order"),
        _ => {
            let all = coverage.segments.len();
            format!(
                "stopped by --{flag}: {verified} of {all} segments of key hashes are verified, see coverage in the JSON"
            )
        }
    }
}

/// What disagrees becomes batches of the divergence table.
pub fn emit(assembler: Arc<Assembler>) -> Emit {
    let arrange = assembler.by_key.then(|| {
        let assembler = assembler.clone();
        Arc::new(move |batch: &RecordBatch| assembler.arrange(batch)) as Make
    });
    Emit { schema: assembler.sortable.clone(), arrange, make: Arc::new(move |batch| assembler.assemble(batch)) }
}

/// Why the strategy that came to the end is the one.
fn why(choice: &Choice, counts: &Counts) -> String {
    match &counts.why {
        Some(why) => why.clone(),
        None if counts.strategy == choice.strategy => choice.why.clone(),
        None => format!("`{}` was begun, but the rows are not in key order", choice.strategy),
    }
}

pub fn no_choice() -> Error {
    Error::new(ErrorKind::Internal, "a rule without a strategy")
}

fn settles(rule: &Rule) -> bool {
    match &rule.kind {
        RuleKind::Match(rule) => rule.settle.is_some(),
        RuleKind::Totals(rule) => rule.settle.is_some(),
        RuleKind::Sql(_) => false,
    }
}

fn note_on_keys(plan: &MatchPlan, counts: &Counts) -> Option<String> {
    let keys = counts.repeated_keys;
    let none_left = counts.rows.duplicate_key == 0;
    (plan.keyed && keys > 0 && none_left).then(|| match keys {
        1 => "1 key stands more than once on a side; rows of one key pair off one by one".to_string(),
        _ => format!("{keys} keys stand more than once on a side; rows of one key pair off one by one"),
    })
}
