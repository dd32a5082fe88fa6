//! One run over planned rules: each is compared, its divergences written, its report and record made.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::dataset::Input;
use crate::divergence::{Output, RunRecord, Standing};
use crate::engine::{Engine, Strategy};
use crate::error::{Error, Result};
use crate::project::duration_text;
use crate::project::model::{Allow, Rule};
use crate::run::planned::{Plan, Planned};
use crate::run::recheck::Again;
use crate::run::report::{Acknowledged, AllowUsed, RuleReport};
use crate::run::unavailable;
use crate::side::Side;
use crate::verdict::{Outcome, RowCounts, SchemaDifferences};

/// What all rules of a run share.
pub struct Execution<'a> {
    pub engine: &'a Arc<Engine>,
    pub run_id: &'a str,
    pub started: DateTime<Utc>,
    /// Asked for; else the planner chooses.
    pub strategy: Option<Strategy>,
    /// Equality must be proven by value.
    pub exact: bool,
    pub limit: usize,
    pub output: Option<&'a Output>,
}

/// A rule that was compared, or could not be.
pub struct Compared<'a> {
    pub rule: &'a Rule,
    pub report: RuleReport,
    /// What was read of the source and of the target.
    pub inputs: [Vec<Input>; 2],
    /// Where what diverges is to be looked at again.
    pub again: Option<Again>,
    /// What is open after the run, once that is known.
    pub standing: Option<Standing>,
    /// How much of it is open for longer than the budget allows; none where that is not known.
    pub overdue: Option<u64>,
}

impl Compared<'_> {
    /// Says it, however often the rule is looked at again.
    pub fn note(&mut self, note: &str) {
        match &mut self.again {
            Some(again) => self.report.notes.insert(again.keep_note(), note.into()),
            None => self.report.notes.push(note.into()),
        }
    }
}

impl Execution<'_> {
    /// A rule that could not be compared.
    pub async fn unavailable<'r>(&self, rule: &'r Rule, error: &Error) -> Compared<'r> {
        self.forget(rule).await;
        Compared {
            rule,
            report: unavailable::report(rule, error),
            inputs: Default::default(),
            again: None,
            standing: None,
            overdue: None,
        }
    }

    /// Removes what was written of a rule that failed.
    pub async fn forget(&self, rule: &Rule) {
        if let Some(output) = self.output {
            output.forget(&rule.name).await;
        }
    }

    /// Compares one rule. Its table is written, not yet visible.
    pub async fn rule<'r>(&self, planned: &Planned<'r>) -> Result<Compared<'r>> {
        let progress = &self.engine.progress;
        let task = progress.begin(&planned.rule.name, planned.rows(), planned.bytes(self.engine).await?);
        let report = match &planned.plan {
            Plan::Match(plan) => self.match_rule(planned, plan).await,
            Plan::Sql(sql) => self.sql_rule(planned, sql).await.map(|report| (report, None)),
        };
        let (mut report, again) = report.map_err(|error| of_dataset(error, planned))?;
        let inputs = self.inputs(planned).await?;
        report.elapsed_ms = u64::try_from(task.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        report.work.finish(&task, progress.counters());
        Ok(Compared { rule: planned.rule, report, inputs, again, standing: None, overdue: None })
    }

    /// The inputs of both sides, still as they were pinned.
    pub async fn inputs(&self, planned: &Planned<'_>) -> Result<[Vec<Input>; 2]> {
        let catalog = &self.engine.catalog;
        match (planned.datasets, &planned.plan) {
            (Some(datasets), _) => {
                let unchanged = |name| catalog.verify_unchanged(name);
                let (source, target) =
                    futures::future::join(unchanged(&datasets.source), unchanged(&datasets.target)).await;
                source.and(target)?;
                Ok([catalog.inputs(&datasets.source).await?, catalog.inputs(&datasets.target).await?])
            }
            (None, Plan::Sql(sql)) => {
                let mut inputs = Vec::new();
                for name in catalog.references(&sql.query.sql)? {
                    catalog.verify_unchanged(&name).await?;
                    inputs.extend(catalog.inputs(&name).await?);
                }
                Ok([inputs, Vec::new()])
            }
            (None, Plan::Match(_)) => Ok([Vec::new(), Vec::new()]),
        }
    }

    /// The run's record of a rule.
    pub fn record(&self, compared: &Compared<'_>) -> RunRecord {
        let Compared { rule, report, inputs: [source_inputs, target_inputs], standing, .. } = compared;
        let severity = format!("{:?}", report.severity).to_lowercase();
        RunRecord {
            run_id: self.run_id.to_string(),
            rule: report.rule.clone(),
            kind: report.kind.to_string(),
            outcome: report.outcome.as_str().to_string(),
            guarantee: report.guarantee.as_str().to_string(),
            strategy: report.strategy.to_string(),
            severity,
            owner: report.owner.clone(),
            started_at: self.started,
            elapsed_ms: report.elapsed_ms,
            rows: report.rows.into(),
            settled: report.settled,
            acknowledged: report.acknowledged.all(),
            acknowledged_schema_mismatch: report.acknowledged.schema,
            columns: report.columns.clone(),
            schema_mismatch: 0,
            only_in_source: Vec::new(),
            only_in_target: Vec::new(),
            type_differs: Vec::new(),
            notes: report.notes.clone(),
            stopped_by: report.coverage.as_ref().map(|coverage| coverage.stopped_by.to_string()),
            segments: report.coverage.iter().flat_map(|coverage| coverage.segments.clone()).collect(),
            open: standing.as_ref().map(|standing| standing.open),
            open_since: standing.as_ref().and_then(|standing| standing.open_since),
            earlier_runs: standing.as_ref().map(|standing| standing.earlier.clone()),
            divergences: format!("divergences/rule={}/run={}/", report.rule, self.run_id),
            key: report.key.clone(),
            source: report.datasets.as_ref().map(|datasets| datasets.source.clone()),
            target: report.datasets.as_ref().map(|datasets| datasets.target.clone()),
            source_inputs: source_inputs.clone(),
            target_inputs: target_inputs.clone(),
            rule_version: rule.version.clone(),
            digest_version: 1,
            tieout_version: env!("CARGO_PKG_VERSION").to_string(),
        }
        .with_schema(&report.schema)
    }
}

/// Says that a rule with divergences is reconciled all the same.
pub fn note_on_budget(outcome: Outcome, used: Option<&AllowUsed>) -> Option<String> {
    let used = used.filter(|used| outcome == Outcome::Reconciled && used.used_rows > 0)?;
    let rows = used.rows.map(|rows| format!("{rows} rows"));
    let rate = used.rate.map(|rate| format!("a rate of {rate}"));
    let age = used.age.map(|age| format!("an age of {}", duration_text(age)));
    let budget: Vec<String> = rows.into_iter().chain(rate).chain(age).collect();
    Some(format!("divergences: {}, within the budget of {}", used.used_rows, budget.join(" and ")))
}

/// While rows are read, only the side is known.
pub fn of_dataset(error: Error, planned: &Planned<'_>) -> Error {
    let named = |side: Side| error.contexts().iter().any(|(name, value)| *name == "side" && value == side.as_str());
    match (planned.datasets, Side::BOTH.into_iter().find(|side| named(*side))) {
        (Some(datasets), Some(side)) => error.context("dataset", datasets.get(side).clone()),
        _ => error,
    }
}

/// The outcome under the rule's budget, and what was used of it. Columns that differ are never within a budget; what is acknowledged uses
/// nothing of it.
pub fn decide(
    rule: &Rule,
    rows: &RowCounts,
    schema: &SchemaDifferences,
    acknowledged: Acknowledged,
) -> (Outcome, Option<AllowUsed>) {
    let used_rows = rows.divergences().saturating_sub(acknowledged.rows);
    let larger = rows.source.max(rows.target).max(rows.rule_violation);
    let used_rate = if larger == 0 { 0.0 } else { used_rows as f64 / larger as f64 };
    let allow = &rule.allow;
    // Whether anything is too old is known at the end of the run.
    let within = allow.is_some()
        && allow.rows.is_none_or(|rows| used_rows <= rows)
        && allow.rate.is_none_or(|rate| used_rows as f64 <= rate * larger as f64);
    let columns_agree = schema.len() as u64 <= acknowledged.schema;
    let outcome = match columns_agree && (used_rows == 0 || within) {
        true => Outcome::Reconciled,
        false => Outcome::Diverged,
    };
    let Allow { rows, rate, age } = *allow;
    let used = AllowUsed { rows, rate, age, used_rows, used_rate, used_age: None };
    (outcome, allow.is_some().then_some(used))
}
