//! What past runs tell, over time: the history of a rule, two runs compared, and how all rules stand. From the records and divergence
//! tables of an output -> [`RuleHistory`], [`Comparison`], [`Status`], which `report` renders.
//!
//! No dataset is opened here, and nothing is written.

mod acknowledged;
mod acks;
mod compare;
mod dossier;
mod find;
mod rows;
mod rule;
mod sample;
mod show;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;

use crate::divergence::{Lives, Recorded, Results, Width, marks};
use crate::engine::{Engine, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Project;

pub use acknowledged::Listed;
pub use acks::Life;
pub use compare::{Compared, Comparison, RunStart};
pub use dossier::{Dossier, Extent, RuleDossier, Subject};
pub use find::{Among, Named};
pub use rule::{Oldest, Open, RuleHistory, RunLine};
pub use sample::{Lived, Sample};
pub use show::{DivergenceShown, Found, RuleShown, RunShown, Said, Shown, Step};
pub use status::{BudgetUsed, Last, RuleStatus, Status};

/// The runs of an output, and a session to ask their tables in.
#[derive(Clone)]
pub struct Past {
    /// As it was named, with secrets.
    output: String,
    results: Results,
    /// By the start of the runs.
    recorded: Vec<Recorded>,
    /// Of each run, by id: which ones stand before it.
    marks: BTreeMap<String, String>,
    ctx: SessionContext,
}

impl Past {
    /// An output that is not there yet has no runs.
    pub async fn open(output: &str, limits: &Limits) -> Result<Self> {
        let results = Results::read(output).await?;
        let recorded = results.recorded()?;
        let ids: BTreeSet<&str> = recorded.iter().map(|one| one.run_id.as_str()).collect();
        let marks = ids.iter().map(|id| id.to_string()).zip(marks(ids.iter().copied())).collect();
        let engine = Engine::new(&Project::default(), limits, Arc::default(), Arc::default())?;
        Ok(Self { output: output.to_string(), results, recorded, marks, ctx: engine.ctx.clone() })
    }

    /// An error where a run found something, and its table is no longer kept.
    pub async fn check_kept(&self, rule: &str, runs: impl Iterator<Item = &Recorded>) -> Result<()> {
        let runs: Vec<&Recorded> = runs.filter(|run| run.divergences() > 0).collect();
        match self.results.first_gone(rule, &runs).await? {
            None => Ok(()),
            Some(run) => Err(Error::new(
                ErrorKind::NotFound,
                format!("the divergences of `{rule}` in the run {run} are expired"),
            )
            .hint("their counts are kept: `tieout history` tells them")),
        }
    }

    fn mark_of(&self, run_id: &str) -> Option<&str> {
        self.marks.get(run_id).map(String::as_str)
    }

    pub fn results(&self) -> &Results {
        &self.results
    }

    /// Where its tables can be asked.
    pub fn session(&self) -> &SessionContext {
        &self.ctx
    }

    /// Rules that ran, by name.
    pub fn rules(&self) -> BTreeSet<&str> {
        self.recorded.iter().map(|recorded| recorded.rule.as_str()).collect()
    }

    /// The runs of a rule, the oldest first; none of one that never ran.
    fn of_rule(&self, rule: &str) -> Vec<&Recorded> {
        self.recorded.iter().filter(|recorded| recorded.rule == rule).collect()
    }

    /// The views over what the runs of a rule found; none where they found nothing.
    async fn lives(&self, rule: &str, runs: &[&Recorded]) -> Result<Option<Lives>> {
        match self.results.sightings(&self.ctx, rule, runs, Width::Identity).await? {
            Some(tables) => Ok(Some(Lives::of(rule, Default::default(), self.results.runs()?, tables).await?)),
            None => Ok(None),
        }
    }

    /// What these runs of a rule found; none where no run wrote a table.
    pub async fn table(&self, rule: &str, runs: &[&str], width: Width) -> Result<Option<Arc<dyn TableProvider>>> {
        self.results.table(&self.ctx, rule, runs, width).await
    }
}
