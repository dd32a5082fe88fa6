//! One thing in full: how a rule stands, what a run was, or the whole life of a divergence. -> [`Shown`]

use chrono::{DateTime, Utc};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::prelude::{col, lit};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

use crate::divergence::{Recorded, RunRecord, Width};
use crate::error::{Error, ErrorKind, Result};
use crate::history::acknowledged::Listed;
use crate::history::find::Named;
use crate::history::rows::Rows;
use crate::history::rule::{Oldest, Open};
use crate::history::status::{BudgetUsed, budget};
use crate::history::{Life, Past};
use crate::ledger::{Entry, Ledger};
use crate::project::model::Project;
use crate::project::nearest;
use crate::verdict::Outcome;

/// Tables that are asked at once.
const AT_ONCE: usize = 4;

/// What a name was that somebody asked for.
pub enum Shown {
    Rule(Box<RuleShown>),
    Run(RunShown),
    Divergence(Box<DivergenceShown>),
}

/// Where a rule stands. Its JSON is a contract (docs/reference, page "History"), as is that of a run.
#[derive(Debug, Serialize)]
pub struct RuleShown {
    pub rule: String,
    pub runs: usize,
    /// The last run of it.
    pub last: RunRecord,
    /// The project's error budget, and what the last run used of it.
    pub budget: Option<BudgetUsed>,
    pub open: Vec<Open>,
    pub oldest: Option<Oldest>,
    pub acknowledgements: Vec<Listed>,
}

/// What a run was.
#[derive(Debug, Serialize)]
pub struct RunShown {
    pub run_id: String,
    pub started_at: DateTime<Utc>,
    /// The worst of its rules.
    pub outcome: Outcome,
    pub rules: Vec<RunRecord>,
    /// The entries of the ledger that tell of it; those that cannot be read are for `ledger verify`.
    pub ledger: Vec<Entry>,
}

/// The life of a divergence.
pub struct DivergenceShown {
    pub rule: String,
    pub divergence_id: String,
    /// `new`, `persisting`, `reopened` or `resolved`.
    pub state: String,
    pub first_seen: DateTime<Utc>,
    pub runs_seen: u64,
    /// Runs in which anything happened to it, in their order.
    pub life: Vec<Step>,
    pub acknowledgements: Vec<Said>,
}

/// What a run found of a divergence.
pub struct Step {
    pub run_id: String,
    pub started_at: DateTime<Utc>,
    pub found: Found,
    /// Names of the key columns in that run's table.
    pub key: Vec<String>,
}

pub enum Found {
    /// Its row of the divergence table.
    Seen(RecordBatch),
    /// Everything was looked at, and it was gone.
    Resolved,
}

/// Whether a run's table has a divergence.
enum Looked {
    There(RecordBatch),
    Gone,
    /// The table is no longer kept.
    Expired,
}

/// An acknowledgement of one divergence, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    pub ack_id: String,
    pub state: String,
    pub at: DateTime<Utc>,
    pub by: String,
    pub note: String,
    pub until: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Who took it back, and why; empty where nobody did.
    pub ended_by: String,
    pub ended_note: String,
}

impl Past {
    /// What is called `name`: a rule; else the run or the divergence whose id begins so.
    pub async fn show(&self, name: &str, project: Option<&Project>) -> Result<Shown> {
        let known: Vec<&str> =
            project.iter().flat_map(|project| &project.rules).map(|rule| rule.name.as_str()).collect();
        if known.contains(&name) || self.rules().contains(name) {
            return Ok(Shown::Rule(Box::new(self.show_rule(name, project, &known).await?)));
        }
        let wanted = name.to_lowercase();
        let enough = wanted.chars().count() >= 8;
        let runs: Vec<&str> = self.run_ids().into_iter().filter(|id| enough && id.starts_with(&wanted)).collect();
        // No id of a divergence has a dash.
        let found = if enough && !wanted.contains('-') { self.divergences(&wanted).await? } else { Vec::new() };
        match (runs.as_slice(), found.as_slice()) {
            ([run], []) => Ok(Shown::Run(self.show_run(run).await?)),
            ([], [one]) => Ok(Shown::Divergence(Box::new(self.show_divergence(one).await?))),
            ([], []) => Err(self.nothing_called(name, &wanted, &known).await?),
            (runs, found) => {
                // Of runs, the last ones are the likeliest to be meant.
                let ids: Vec<String> = (runs.iter().rev().map(|run| format!("the run `{run}`")))
                    .chain(found.iter().map(|one| format!("the divergence `{}` of `{}`", one.divergence_id, one.rule)))
                    .take(10)
                    .collect();
                let error = Error::new(ErrorKind::Usage, format!("several ids begin with `{name}`"));
                Err(error.hint(format!("say which one: {}", ids.join(", "))))
            }
        }
    }

    /// Divergences that begin so; what is open first, for that is asked for most, and found soonest.
    async fn divergences(&self, wanted: &str) -> Result<Vec<Named>> {
        let mut open: Vec<(String, Life)> = Vec::new();
        for rule in self.rules() {
            open.extend(self.open_divergences(rule).await?.map(|table| (rule.to_string(), table)));
        }
        let found = self.beginning(wanted, &open).await?;
        // A whole id has no other.
        match found.as_slice() {
            [one] if one.divergence_id == wanted => Ok(found),
            _ => self.beginning(wanted, &self.all_sightings().await?).await,
        }
    }

    /// Every divergence that any rule ever had, as often as it was seen.
    async fn all_sightings(&self) -> Result<Vec<(String, Life)>> {
        let mut all = Vec::new();
        for rule in self.rules() {
            let runs = self.of_rule(rule);
            let found = runs.iter().filter(|run| run.divergences() > 0).map(|run| run.run_id.as_str());
            let table = self.table(rule, &found.collect::<Vec<_>>(), Width::Identity).await?;
            all.extend(table.map(|table| (rule.to_string(), table)));
        }
        Ok(all)
    }

    async fn nothing_called(&self, name: &str, wanted: &str, known: &[&str]) -> Result<Error> {
        let place = self.results.location();
        let error = Error::new(ErrorKind::NotFound, format!("there is no rule, run or divergence `{name}` in {place}"));
        let begins = |id: &str| id.get(..wanted.len()).unwrap_or(id).to_string();
        // What is near, as much of it as was typed; and what to say of it.
        let mut near: Vec<(String, String)> = Vec::new();
        near.extend(
            known
                .iter()
                .chain(&self.rules().into_iter().collect::<Vec<_>>())
                .map(|rule| (rule.to_string(), format!("did you mean the rule `{rule}`?"))),
        );
        near.extend(self.run_ids().iter().map(|run| (begins(run), format!("did you mean the run `{run}`?"))));
        // What is far from any id is not sought among all of them.
        let is_id =
            wanted.chars().count() >= 8 && wanted.chars().filter(char::is_ascii_hexdigit).count() * 2 > wanted.len();
        if is_id && let Some(one) = self.nearest_divergence(wanted, &self.all_sightings().await?).await? {
            let words = format!("did you mean the divergence `{}` of `{}`?", one.divergence_id, one.rule);
            near.push((begins(&one.divergence_id), words));
        }
        let best = nearest(wanted, near.iter().map(|(begins, _)| begins.as_str())).map(str::to_string);
        let words = best.and_then(|best| near.into_iter().find(|(begins, _)| *begins == best)).map(|(_, words)| words);
        Ok(error
            .hint(words.unwrap_or_else(|| "`tieout status` shows the rules, `tieout history RULE` their runs".into())))
    }

    async fn show_rule(&self, rule: &str, project: Option<&Project>, known: &[&str]) -> Result<RuleShown> {
        let runs = self.rule(rule, known)?;
        let last = runs.last().ok_or_else(|| missing(rule))?;
        let record = self.results.records(&last.run_id, Some(rule))?.into_iter().next().ok_or_else(|| missing(rule))?;
        let allow =
            project.and_then(|project| project.rules.iter().find(|one| one.name == rule)).map(|rule| rule.allow);
        let history = self.history(rule, 0, known).await?;
        Ok(RuleShown {
            rule: rule.to_string(),
            runs: runs.len(),
            budget: allow
                .and_then(|allow| budget(last, history.oldest.as_ref().map(|oldest| oldest.open_since), allow)),
            last: record,
            open: history.open,
            oldest: history.oldest,
            acknowledgements: self.acknowledged(Some(rule), known).await?,
        })
    }

    async fn show_run(&self, run_id: &str) -> Result<RunShown> {
        let of_run = || self.recorded.iter().filter(|one| one.run_id == run_id);
        let mut ledger = Vec::new();
        let wanted = |_, stored: &[u8]| {
            // Most entries are of other runs: they are not taken apart.
            if let Some(entry) = contains(stored, run_id.as_bytes()).then(|| Entry::decode(stored).ok()).flatten()
                && entry.event.run_id() == Some(run_id)
            {
                ledger.push(entry);
            }
            Ok(true)
        };
        Ledger::of(self.results.located()).each(wanted).await?;
        Ok(RunShown {
            run_id: run_id.to_string(),
            started_at: of_run().map(|one| one.started_at).next().unwrap_or_default(),
            outcome: of_run().map(|one| one.outcome).max().unwrap_or(Outcome::Inconclusive),
            rules: self.results.records(run_id, None)?,
            ledger,
        })
    }

    async fn show_divergence(&self, named: &Named) -> Result<DivergenceShown> {
        let Named { rule, divergence_id } = named;
        let runs = self.of_rule(rule);
        let lives = self.lives(rule, &runs).await?.ok_or_else(|| missing(divergence_id))?;
        let this =
            self.ctx.read_table(lives.last_seen().await?)?.filter(col("divergence_id").eq(lit(divergence_id)))?;
        let this = Rows::of(this.select_columns(&["state", "first_seen", "runs_seen"])?).await?;
        if this.len() != 1 {
            return Err(missing(divergence_id));
        }
        let seen = futures::stream::iter(&runs).map(|run| self.row_of(run, divergence_id)).buffered(AT_ONCE);
        let seen: Vec<Looked> = seen.try_collect().await?;
        let mut life: Vec<Step> = Vec::new();
        for (run, row) in runs.iter().zip(seen) {
            let is_open = matches!(life.last(), Some(Step { found: Found::Seen(_), .. }));
            let found = match row {
                Looked::There(row) => Found::Seen(row),
                Looked::Gone if is_open && run.is_whole() => Found::Resolved,
                Looked::Gone | Looked::Expired => continue,
            };
            let Recorded { run_id, started_at, key, .. } = (*run).clone();
            life.push(Step { run_id, started_at, found, key });
        }
        Ok(DivergenceShown {
            rule: rule.clone(),
            divergence_id: divergence_id.clone(),
            state: this.text("state", 0)?,
            first_seen: this.moment("first_seen", 0)?.unwrap_or_default(),
            runs_seen: this.count("runs_seen", 0)?,
            life,
            acknowledgements: self.said_of(rule, divergence_id).await?,
        })
    }

    /// The row of a divergence in the table of a run.
    async fn row_of(&self, run: &Recorded, divergence_id: &str) -> Result<Looked> {
        if run.divergences() == 0 {
            return Ok(Looked::Gone);
        }
        let Some(table) = self.table(&run.rule, &[&run.run_id], Width::Full).await? else { return Ok(Looked::Expired) };
        let rows =
            self.ctx.read_table(table)?.filter(col("divergence_id").eq(lit(divergence_id)))?.limit(0, Some(1))?;
        let schema = std::sync::Arc::new(rows.schema().as_arrow().clone());
        let row = concat_batches(&schema, &rows.collect().await?)?;
        Ok(if row.num_rows() > 0 { Looked::There(row) } else { Looked::Gone })
    }

    async fn said_of(&self, rule: &str, divergence_id: &str) -> Result<Vec<Said>> {
        let Some(lives) = self.acknowledgements(rule).await? else { return Ok(Vec::new()) };
        let rows = self.ctx.read_table(lives)?.filter(col("divergence_id").eq(lit(divergence_id)))?;
        let order = vec![col("acknowledged_at").sort(true, false), col("ack_id").sort(true, false)];
        let rows = Rows::of(rows.sort(order)?).await?;
        let said = |row| {
            Ok(Said {
                ack_id: rows.text("ack_id", row)?,
                state: rows.text("state", row)?,
                at: rows.moment("acknowledged_at", row)?.unwrap_or_default(),
                by: rows.text("acknowledged_by", row)?,
                note: rows.text("note", row)?,
                until: rows.moment("until", row)?,
                ended_at: rows.moment("ended_at", row)?,
                ended_by: rows.text("ended_by", row)?,
                ended_note: rows.text("ended_note", row)?,
            })
        };
        (0..rows.len()).map(said).collect()
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn missing(what: &str) -> Error {
    Error::new(ErrorKind::Data, format!("`{what}` is gone from the results while they were read"))
        .hint("run it again; `tieout ledger verify` tells what was removed")
}
