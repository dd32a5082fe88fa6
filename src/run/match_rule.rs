//! A match (or totals) rule, executed: the engine compares, the divergence room assembles, sorts and writes.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use tokio::sync::mpsc;

use crate::divergence::{Assembler, Found, Written, assemble_schema_differences, write_sorted};
use crate::engine::classified::Counts;
use crate::engine::{Choice, Diverging, Emit, Make, ReconcileExec, spilled_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Allow, Rule, RuleKind};
use crate::rule::plan::MatchPlan;
use crate::run::execute::{Execution, decide, note_on_budget};
use crate::run::planned::Planned;
use crate::run::recheck::{Again, NOTHING_CHANGES, recheck_of};
use crate::run::report::{Acknowledged, AllowUsed, RuleReport, Work};
use crate::side::{BySide, Side};
use crate::verdict::{Coverage, Outcome, RowCounts, SchemaDifferences, Segments};

impl Execution<'_> {
    /// With what is to be looked at again, if anything is.
    pub async fn match_rule(
        &self,
        planned: &Planned<'_>,
        plan: &Arc<MatchPlan>,
    ) -> Result<(RuleReport, Option<Again>)> {
        let rule = planned.rule;
        let assembler = Arc::new(Assembler::new(self.run_id, plan.clone()));
        let output = self.output.map(|output| output.rule(&rule.name));
        let choice = planned.choice(self.engine, self.strategy, self.exact).await?.ok_or_else(no_choice)?;
        tracing::info!(rule = rule.name, strategy = choice.strategy.as_str(), why = choice.why, "planned");
        let diverging = recheck_of(rule).map(|recheck| (recheck, Arc::new(Diverging::new(self.engine, plan))));
        let emit = emit(assembler.clone(), diverging.as_ref().map(|(_, diverging)| diverging.clone()));
        let operator = self.engine.operator(plan, choice.strategy, self.exact, emit).await?;
        let (counts, written) = self.carry_out(plan, &assembler, &operator, true).await?;
        let BySide { source, target } = &choice.estimate;
        let work = Work {
            estimated_rows: source.rows.zip(target.rows).map(|(source, target)| source + target),
            ..work_of(&operator, &counts, &written)
        };
        let mut notes = plan.notes.clone();
        notes.extend(assembler.schema.notes.iter().cloned());
        let databases =
            Side::BOTH.map(|side| plan.sides.get(side).opened.as_ref().and_then(|opened| opened.database()));
        notes.extend(databases.into_iter().flatten().filter_map(|table| table.doubt().map(str::to_string)));
        notes.extend(note_on_keys(plan, &counts));
        let mut again = None;
        if let (Some((recheck, diverging)), None) = (diverging, &counts.coverage) {
            let diverged = diverging.finish()?;
            match self.may_settle(planned).await? {
                _ if diverged.is_empty() => {}
                true => again = Some(Again::new(recheck, plan, &assembler, diverged, notes.len())),
                false => notes.push(NOTHING_CHANGES.into()),
            }
        }
        let (outcome, allow, more) = match &counts.coverage {
            None => conclude(rule, &counts.rows, &plan.schema, Acknowledged::default()),
            Some(coverage) => {
                let (_, allow) = decide(rule, &counts.rows, &plan.schema, Acknowledged::default());
                let schema_differs = !plan.schema.is_empty();
                // What was not looked at again may have settled.
                let proven = match recheck_of(rule) {
                    Some(_) => RowCounts::default(),
                    None => counts.rows,
                };
                let outcome = outcome_of_part(&proven, coverage, schema_differs, &rule.allow);
                (outcome, allow, vec![note_on_coverage(coverage)])
            }
        };
        notes.extend(more);
        let report = RuleReport {
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
            settled: None,
            acknowledged: Acknowledged::default(),
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
        };
        Ok((report, again))
    }

    /// Executes the operator, and writes the table of what it leaves over. `part`: what a limit has stopped is a result too.
    pub async fn carry_out(
        &self,
        plan: &MatchPlan,
        assembler: &Assembler,
        operator: &ReconcileExec,
        part: bool,
    ) -> Result<(Counts, Written)> {
        let output = self.output.map(|output| output.rule(&plan.rule));
        let (sender, batches) = mpsc::channel(2);
        let found = Found {
            table: assembler.schema.schema.clone(),
            sortable: assembler.sortable.clone(),
            order: assembler.order.clone(),
            first: assemble_schema_differences(self.run_id, &plan.rule, &assembler.schema.schema, &plan.schema)?,
            batches,
            in_order: operator.in_order(),
        };
        let write = write_sorted(&self.engine.ctx, found, output.as_ref(), self.limit);
        let (counts, written) = tokio::try_join!(self.compare(operator, sender, part), write)?;
        self.check_written(&counts, &written, plan)?;
        Ok((counts, written))
    }

    /// Runs the engine and hands on what it leaves over, as divergence batches. The channel is closed only once the
    /// counts are proven, so that a table is never completed for a run that fails.
    async fn compare(
        &self,
        operator: &ReconcileExec,
        out: mpsc::Sender<Result<RecordBatch>>,
        part: bool,
    ) -> Result<Counts> {
        let mut divergences = operator.execute(0, self.engine.ctx.task_ctx())?;
        while let Some(batch) = divergences.try_next().await? {
            if out.send(Ok(batch)).await.is_err() {
                return Err(Error::new(ErrorKind::Output, "the writer of the divergence table stopped"));
            }
        }
        let counts = operator.counts()?;
        match &counts.coverage {
            Some(coverage) if !part => Err(Error::new(ErrorKind::Interrupted, note_on_coverage(coverage))),
            _ => Ok(counts),
        }
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

/// What it took to carry it out.
pub fn work_of(operator: &ReconcileExec, counts: &Counts, written: &Written) -> Work {
    Work {
        // Rows that a strategy read again, because the first one did not come to the end, count once.
        rows_read: operator.scanned_rows().max(counts.rows.source + counts.rows.target),
        spilled_bytes: spilled_bytes(operator) + written.sort.as_deref().map_or(0, spilled_bytes),
        ..Work::default()
    }
}

/// The outcome by the counts of all rows, what was used of the budget, and what a reader should be told of it.
pub fn conclude(
    rule: &Rule,
    rows: &RowCounts,
    schema: &SchemaDifferences,
    acknowledged: Acknowledged,
) -> (Outcome, Option<AllowUsed>, Vec<String>) {
    let (mut outcome, allow) = decide(rule, rows, schema, acknowledged);
    let mut notes: Vec<String> = note_on_budget(outcome, allow.as_ref()).into_iter().collect();
    if rows.source == 0 && rows.target == 0 {
        if outcome == Outcome::Reconciled && is_too_young(rule, rows) {
            outcome = Outcome::Inconclusive;
            notes.push("no row is old enough to be compared yet".into());
        } else {
            notes.push("there are no rows on either side".into());
        }
    }
    (outcome, allow, notes)
}

/// Rows that are too young were not looked at: that is a doubt, not a match.
pub fn is_too_young(rule: &Rule, rows: &RowCounts) -> bool {
    rows.source == 0 && rows.target == 0 && settles(rule)
}

/// What a part proves: divergences beyond the budget stay what they are, whatever the rest holds; nothing else does.
pub fn outcome_of_part(rows: &RowCounts, coverage: &Coverage, schema_differs: bool, allow: &Allow) -> Outcome {
    // Up to a key, a row that is missing may still come, should a side not be in order after all; and so may an equal
    // partner of a row that differs.
    let by_key = coverage.segments.iter().any(|segment| segment.by == Segments::Key);
    let proven = if by_key { 0 } else { rows.divergences() };
    // A rate is known only once all rows are.
    let rows = allow.rows.unwrap_or(if allow.age.is_some() { u64::MAX } else { 0 });
    let beyond = allow.rate.is_none() && proven > rows;
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

/// What disagrees becomes batches of the divergence table; its keys go to `diverging` as well.
pub fn emit(assembler: Arc<Assembler>, diverging: Option<Arc<Diverging>>) -> Emit {
    let arrange = assembler.by_key.then(|| {
        let assembler = assembler.clone();
        Arc::new(move |batch: &RecordBatch| assembler.arrange(batch)) as Make
    });
    let schema = assembler.sortable.clone();
    Emit { schema, arrange, make: Arc::new(move |batch| assembler.assemble(batch)), diverging }
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
