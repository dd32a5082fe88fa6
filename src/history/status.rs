//! How all rules stand: the last outcome of each, where its counts go, what is open and since when.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use datafusion::functions_aggregate::expr_fn::{count, min};
use datafusion::prelude::{col, lit};
use serde::Serialize;

use crate::divergence::Recorded;
use crate::error::Result;
use crate::history::Past;
use crate::history::rows::Rows;
use crate::project::model::{Allow, Project};
use crate::verdict::Outcome;

/// Runs that a trend shows.
const TREND: usize = 10;

/// Its JSON is a contract (docs/reference, page "History").
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The project's, in its order; without a project, all that ever ran, by name.
    pub rules: Vec<RuleStatus>,
    /// Rules that ran, and are none of the project's.
    pub others: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RuleStatus {
    pub rule: String,
    /// None for a rule that never ran.
    pub last: Option<Last>,
    /// Divergences of the last ten runs, the newest at the end; none where a run did not look at everything.
    pub trend: Vec<Option<u64>>,
    /// Divergences that no whole run resolved.
    pub open: u64,
    /// Of what the last run found, what did not count, for it was acknowledged.
    pub acknowledged: u64,
    /// Since when the oldest of them is open.
    pub oldest: Option<DateTime<Utc>>,
    /// None without an error budget.
    pub budget: Option<BudgetUsed>,
}

/// The last run of a rule.
#[derive(Debug, Clone, Serialize)]
pub struct Last {
    pub run_id: String,
    pub started_at: DateTime<Utc>,
    pub outcome: Outcome,
    pub stopped_by: Option<String>,
}

/// The project's error budget, and what the last run used of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BudgetUsed {
    pub rows: Option<u64>,
    pub rate: Option<f64>,
    /// How long a divergence may be open, in milliseconds.
    pub age_ms: Option<u64>,
    pub used_rows: u64,
    pub used_rate: f64,
    /// For how long the oldest was, when the run started.
    pub used_age_ms: u64,
}

impl Status {
    /// The worst of the last outcomes; none where nothing ran.
    pub fn outcome(&self) -> Option<Outcome> {
        self.rules.iter().filter_map(|rule| rule.last.as_ref()).map(|last| last.outcome).max()
    }
}

impl Past {
    pub async fn status(&self, project: Option<&Project>) -> Result<Status> {
        let ran: BTreeSet<&str> = self.recorded.iter().map(|recorded| recorded.rule.as_str()).collect();
        let named: Vec<(&str, Option<Allow>)> = match project {
            Some(project) => project.rules.iter().map(|rule| (rule.name.as_str(), Some(rule.allow))).collect(),
            None => ran.iter().map(|name| (*name, None)).collect(),
        };
        let mut rules = Vec::new();
        for (name, allow) in &named {
            rules.push(self.rule_status(name, *allow).await?);
        }
        let is_other = |name: &&str| !named.iter().any(|(known, _)| known == name);
        Ok(Status { rules, others: ran.iter().copied().filter(is_other).map(String::from).collect() })
    }

    async fn rule_status(&self, rule: &str, allow: Option<Allow>) -> Result<RuleStatus> {
        let runs = self.of_rule(rule);
        let last = runs.last();
        let (open, oldest) = self.open_and_oldest(rule, &runs).await?;
        let found = |run: &&Recorded| run.is_whole().then(|| run.divergences());
        Ok(RuleStatus {
            rule: rule.to_string(),
            trend: runs.iter().skip(runs.len().saturating_sub(TREND)).map(found).collect(),
            open,
            acknowledged: last.map_or(0, |last| last.acknowledged),
            oldest,
            budget: last.zip(allow).and_then(|(last, allow)| budget(last, oldest, allow)),
            last: last.map(|last| Last {
                run_id: last.run_id.clone(),
                started_at: last.started_at,
                outcome: last.outcome,
                stopped_by: last.stopped_by.clone(),
            }),
        })
    }

    async fn open_and_oldest(&self, rule: &str, runs: &[&Recorded]) -> Result<(u64, Option<DateTime<Utc>>)> {
        // The last run tells, unless another one came in between later.
        if let Some((last, standing)) = runs.last().and_then(|last| Some((last, last.standing.as_ref()?)))
            && self.mark_of(&last.run_id) == Some(standing.earlier.as_str())
        {
            return Ok((standing.open, standing.open_since));
        }
        // Only what the last whole run found, and those after it, can be open: often nothing, which the records tell.
        let since = runs.iter().rposition(|run| run.is_whole()).unwrap_or(0);
        if runs[since..].iter().all(|run| run.divergences() == 0) {
            return Ok((0, None));
        }
        let Some(lives) = self.lives(rule, runs).await? else { return Ok((0, None)) };
        let figures = vec![count(lit(1)).alias("divergences"), min(col("open_since")).alias("oldest")];
        let rows = Rows::of(self.what_is_open(&lives).await?.aggregate(Vec::new(), figures)?).await?;
        match rows.len() {
            0 => Ok((0, None)),
            _ => Ok((rows.count("divergences", 0)?, rows.moment("oldest", 0)?)),
        }
    }
}

/// As a run counts it: divergences a row of the larger side, but for those that are acknowledged.
pub(super) fn budget(last: &Recorded, oldest: Option<DateTime<Utc>>, allow: Allow) -> Option<BudgetUsed> {
    let acknowledged = last.acknowledged.saturating_sub(last.acknowledged_schema_mismatch);
    let used_rows = last.rows.divergences().saturating_sub(acknowledged);
    let larger = last.rows.source.max(last.rows.target).max(last.rows.rule_violation);
    let used_rate = if larger == 0 { 0.0 } else { used_rows as f64 / larger as f64 };
    let Allow { rows, rate, age } = allow;
    let age_ms = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let used_age = oldest.map_or(0, |oldest| (last.started_at - oldest).num_milliseconds());
    let used_age_ms = u64::try_from(used_age).unwrap_or(0);
    allow.is_some().then_some(BudgetUsed { rows, rate, age_ms, used_rows, used_rate, used_age_ms })
}
