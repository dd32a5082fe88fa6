//! Why rows disagree: the divergences of one run of a rule, grouped by what explains them -> [`Causes`].
//!
//! One scan takes samples (`sample`), in which relations between the two cells of a column are looked for (`text`, `number`, `time`,
//! `null`, `swap`, `absent`, `stale`) and held against chance (`trial`, `chance`); a second one counts in all rows what may be a cause (`tally`), and
//! what explains enough of what nothing before it does is one (`choose`). A cause's SQL is what was counted, to the letter.
//!
//! Nothing but divergence tables is read: of rows that agree nothing is known here.

mod absent;
mod candidate;
mod chance;
mod choose;
mod find;
mod float;
mod kind;
mod literal;
mod null;
mod number;
mod sample;
mod shape;
mod stale;
mod swap;
mod tally;
mod text;
mod time;
mod trial;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::divergence::{Recorded, Width};
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::verdict::{Outcome, RowCounts};

pub use kind::{Cause, CauseKind, Unexplained};

/// What explains the divergences of one rule in one run. Its JSON is a contract (docs/reference, page "Causes").
#[derive(Debug, Clone, Serialize)]
pub struct Causes {
    pub rule: String,
    pub run_id: String,
    pub started_at: DateTime<Utc>,
    pub outcome: Outcome,
    /// A limit stopped the run: there may be more divergences, and others.
    pub stopped_by: Option<String>,
    pub rows: RowCounts,
    /// Those that explain most come first. No cell is in two of them.
    pub causes: Vec<Cause>,
    /// Causes that explain less than these, and are left out.
    pub more: usize,
    /// What is in no group, by column, or by the side where rows stand.
    pub unexplained: Vec<Unexplained>,
}

/// Which run is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub rule: &'a str,
    /// The beginning of a run's id. None: the last run that found something, or else the last one.
    pub run: Option<&'a str>,
    /// Causes that are told, at most.
    pub limit: usize,
    /// The project's rules, some of which may never have run.
    pub known: &'a [&'a str],
}

/// The causes of what a run found.
pub async fn causes(past: &Past, question: Question<'_>) -> Result<Causes> {
    let runs = past.rule(question.rule, question.known)?;
    let run =
        match question.run {
            Some(text) => {
                let run_id = past.run(text)?;
                let found = runs.iter().find(|run| run.run_id == run_id);
                *found.ok_or_else(|| {
                    let error = format!("the run {run_id} was not one of the rule `{}`", question.rule);
                    Error::new(ErrorKind::NotFound, error)
                        .hint(format!("`tieout history {}` lists its runs", question.rule))
                })?
            }
            None => {
                runs.iter().rev().find(|run| run.divergences() > 0).or(runs.last()).copied().ok_or_else(|| {
                    Error::new(ErrorKind::Internal, format!("the rule `{}` has no run", question.rule))
                })?
            }
        };
    past.check_kept(&run.rule, std::iter::once(run)).await?;
    let earlier = &runs[..runs.iter().position(|one| one.run_id == run.run_id).unwrap_or(0)];
    let (mut causes, unexplained) = match past.table(&run.rule, &[&run.run_id], Width::Full).await? {
        Some(table) if run.divergences() > 0 => find::find(past, table, run, earlier).await?,
        _ => (Vec::new(), Vec::new()),
    };
    let more = causes.len().saturating_sub(question.limit);
    causes.truncate(question.limit);
    let Recorded { rule, run_id, started_at, outcome, stopped_by, rows, .. } = run.clone();
    Ok(Causes { rule, run_id, started_at, outcome, stopped_by, rows, causes, more, unexplained })
}
