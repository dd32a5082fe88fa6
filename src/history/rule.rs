//! The history of one rule: what each run found and resolved, and what is open now.

use chrono::{DateTime, Utc};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{DataFrame, col, lit};
use serde::Serialize;

use crate::divergence::Lives;
use crate::error::Result;
use crate::history::Past;
use crate::history::rows::Rows;
use crate::verdict::Outcome;

/// All runs of a rule. Its JSON is a contract (docs/reference, page "History").
#[derive(Debug, Clone, Serialize)]
pub struct RuleHistory {
    pub rule: String,
    /// The last runs, the newest at the end.
    pub runs: Vec<RunLine>,
    /// Runs before these.
    pub earlier_runs: usize,
    pub open: Vec<Open>,
    /// Divergences that are acknowledged by now.
    pub in_force: u64,
    /// Of what is open; none where nothing is.
    pub oldest: Option<Oldest>,
}

/// What one run found of the rule.
#[derive(Debug, Clone, Serialize)]
pub struct RunLine {
    pub run_id: String,
    pub started_at: DateTime<Utc>,
    pub outcome: Outcome,
    /// The limit that stopped it: it resolves nothing.
    pub stopped_by: Option<String>,
    /// `new`, `reopened` and `persisting` are these, by what they were then.
    pub divergences: u64,
    /// Of these, those that did not count.
    pub acknowledged: u64,
    pub new: u64,
    pub reopened: u64,
    pub persisting: u64,
    /// Seen before, and gone in this run.
    pub resolved: u64,
    /// Its table is no longer kept: what of its divergences was new is not known, nor, but for the last such run, what it resolved.
    pub expired: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    pub state: String,
    pub kind: String,
    pub divergences: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Oldest {
    pub divergence_id: String,
    pub kind: String,
    pub state: String,
    pub first_seen: DateTime<Utc>,
    /// Since when it is open: of one that was resolved and came back, since then.
    pub open_since: DateTime<Utc>,
}

/// In the order in which they are told.
const STATES: [&str; 3] = ["new", "reopened", "persisting"];

impl Past {
    /// The last `limit` runs of the rule. `known`: the project's rules.
    pub async fn history(&self, rule: &str, limit: usize, known: &[&str]) -> Result<RuleHistory> {
        let recorded = self.rule(rule, known)?;
        let line = |run: &&crate::divergence::Recorded| RunLine {
            run_id: run.run_id.clone(),
            started_at: run.started_at,
            outcome: run.outcome,
            stopped_by: run.stopped_by.clone(),
            divergences: run.divergences(),
            acknowledged: run.acknowledged,
            new: 0,
            reopened: 0,
            persisting: 0,
            resolved: 0,
            expired: false,
        };
        let mut runs: Vec<RunLine> = recorded.iter().map(line).collect();
        let (mut open, mut oldest) = (Vec::new(), None);
        if let Some(lives) = self.lives(rule, &recorded).await? {
            runs.iter_mut().for_each(|run| run.expired = lives.expired.contains(&run.run_id));
            self.fill(&lives, &mut runs).await?;
            open = self.open_by_kind(&lives).await?;
            oldest = self.oldest(&lives).await?;
        }
        let earlier_runs = runs.len().saturating_sub(limit);
        runs.drain(..earlier_runs);
        let in_force = self.in_force(rule).await?;
        Ok(RuleHistory { rule: rule.to_string(), runs, earlier_runs, open, in_force, oldest })
    }

    /// Counts what each run found, and what it resolved.
    async fn fill(&self, lives: &Lives, runs: &mut [RunLine]) -> Result<()> {
        let found = Rows::of(self.ctx.read_table(lives.by_run().await?)?).await?;
        // Runs are numbered from 1.
        let at = |n: u64| usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
        for row in 0..found.len() {
            let (n, count) = (found.count("n", row)?, found.count("divergences", row)?);
            if let Some(run) = at(n).and_then(|at| runs.get_mut(at)) {
                match found.text("state", row)?.as_str() {
                    "new" => run.new += count,
                    "reopened" => run.reopened += count,
                    "expired" => {}
                    _ => run.persisting += count,
                }
            }
            let resolver = found.number("resolved_by", row)?.and_then(at);
            if let Some(run) = resolver.and_then(|at| runs.get_mut(at)) {
                run.resolved += count;
            }
        }
        Ok(())
    }

    async fn open_by_kind(&self, lives: &Lives) -> Result<Vec<Open>> {
        let groups = vec![col("state"), col("kind")];
        let frame = self.what_is_open(lives).await?.aggregate(groups, vec![count(lit(1)).alias("divergences")])?;
        let rows = Rows::of(frame).await?;
        let one = |row| {
            let divergences = rows.count("divergences", row)?;
            Ok(Open { state: rows.text("state", row)?, kind: rows.text("kind", row)?, divergences })
        };
        let mut open = (0..rows.len()).map(one).collect::<Result<Vec<Open>>>()?;
        let place = |open: &Open| STATES.iter().position(|state| *state == open.state);
        open.sort_by(|a, b| (place(a), &a.kind).cmp(&(place(b), &b.kind)));
        Ok(open)
    }

    async fn oldest(&self, lives: &Lives) -> Result<Option<Oldest>> {
        let order = vec![col("open_since").sort(true, false), col("divergence_id").sort(true, false)];
        let rows = Rows::of(self.what_is_open(lives).await?.sort(order)?.limit(0, Some(1))?).await?;
        let moment = |name| (rows.len() > 0).then(|| rows.moment(name, 0)).transpose().map(Option::flatten);
        let Some((first_seen, open_since)) = moment("first_seen")?.zip(moment("open_since")?) else {
            return Ok(None);
        };
        Ok(Some(Oldest {
            divergence_id: rows.text("divergence_id", 0)?,
            kind: rows.text("kind", 0)?,
            state: rows.text("state", 0)?,
            first_seen,
            open_since,
        }))
    }

    /// All that no whole run resolved.
    pub(super) async fn what_is_open(&self, lives: &Lives) -> Result<DataFrame> {
        Ok(self.ctx.read_table(lives.last_seen().await?)?.filter(col("state").not_eq(lit("resolved")))?)
    }
}
