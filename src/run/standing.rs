//! How rules stand at the end of a run: what is open after it, and whether any of it has been for longer than the budget allows.

use chrono::TimeDelta;

use crate::divergence::{Earlier, Output, Standing, Stood, stand};
use crate::error::Result;
use crate::run::execute::{Compared, Execution, note_on_budget};
use crate::run::report::RuleReport;
use crate::verdict::Outcome;

/// How the note ends on divergences that are beyond the budget's age.
pub const TOO_OLD: &str = "open for longer than the budget's age";

impl Execution<'_> {
    /// Fills in what is open after the run; a budget's age is known only then.
    pub async fn stand(&self, compared: &mut [Compared<'_>]) -> Result<()> {
        let Some(output) = self.output else {
            compared.iter_mut().for_each(|one| without_past(&mut one.report, "no results are written"));
            return Ok(());
        };
        let rules: Vec<&str> = compared.iter().map(|one| one.rule.name.as_str()).collect();
        let mut earlier = Earlier::than(output.located(), self.run_id, &rules).await?;
        for one in compared {
            one.report.notes.extend(doubts(&earlier, one));
            let Some((standing, overdue)) = self.stand_rule(output, &mut earlier, one).await? else {
                without_past(&mut one.report, "a table of an earlier run is gone");
                continue;
            };
            weigh(&mut one.report, self.started - standing.open_since.unwrap_or(self.started), overdue);
            (one.standing, one.overdue) = (Some(standing), Some(overdue));
        }
        Ok(())
    }

    async fn stand_rule(
        &self,
        output: &Output,
        earlier: &mut Earlier,
        compared: &Compared<'_>,
    ) -> Result<Option<(Standing, u64)>> {
        let report = &compared.report;
        let run = Stood {
            rule: &compared.rule.name,
            started: self.started,
            whole: report.outcome != Outcome::Inconclusive && report.coverage.is_none(),
            found: report.rows.divergences() + report.schema.len() as u64,
            age: compared.rule.allow.age.and_then(|age| TimeDelta::from_std(age).ok()),
        };
        let stood = stand(&self.engine.ctx, output, earlier, run).await;
        stood.map_err(|error| error.context("rule", &compared.rule.name))
    }
}

/// Where history may not be what it looks like.
fn doubts(earlier: &Earlier, compared: &Compared<'_>) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some((run, at)) = earlier.to_come() {
        let at = at.format("%Y-%m-%d %H:%M:%SZ");
        doubts.push(format!(
            "the run {run} of this output has started at {at}, which is still to come: a clock was wrong, and history orders runs by it"
        ));
    }
    let datasets = compared.report.datasets.as_ref();
    let now = [datasets.map(|names| names.source.as_str()), datasets.map(|names| names.target.as_str())];
    let last = earlier.last(&compared.rule.name).map(|last| last.datasets.each_ref().map(Option::as_deref));
    // `diff` compares now these files, now those.
    if compared.rule.location.is_some() && last.is_some_and(|last| last != now) {
        let name = |name: Option<&str>| format!("`{}`", name.unwrap_or("a query"));
        let names: Vec<String> = last.into_iter().flatten().map(name).collect();
        doubts.push(format!(
            "the last run of this rule compared other datasets ({}): give each project an output of its own",
            names.join(" and ")
        ));
    }
    doubts
}

/// Divergences that are open for too long are beyond the budget.
fn weigh(report: &mut RuleReport, oldest: TimeDelta, overdue: u64) {
    let Some(allow) = report.allow.as_mut().filter(|allow| allow.age.is_some()) else { return };
    allow.used_age = oldest.to_std().ok();
    if overdue > 0 {
        let are = if overdue == 1 { "divergence is" } else { "divergences are" };
        exceed(report, format!("{overdue} {are} {TOO_OLD}"));
    }
}

/// Nothing is known of the past.
fn without_past(report: &mut RuleReport, why: &str) {
    if report.allow.as_ref().is_some_and(|allow| allow.age.is_some()) && report.rows.divergences() > 0 {
        exceed(report, format!("for how long divergences are open cannot be told: {why}"));
    }
}

fn exceed(report: &mut RuleReport, why: String) {
    if report.outcome == Outcome::Reconciled {
        let within = note_on_budget(report.outcome, report.allow.as_ref());
        report.notes.retain(|note| Some(note) != within.as_ref());
        report.outcome = Outcome::Diverged;
    }
    report.notes.push(why);
}
