//! Automatic repair: after a run, what the policy allows by itself is planned and carried out, within limits; all else waits as a plan.

use chrono::{TimeDelta, Utc};
use serde::Serialize;

use crate::error::Result;
use crate::history::Past;
use crate::project::model::{Decide, Project};
use crate::repair::apply::{Applied, Manner, Work, apply, of_rule};
use crate::repair::plan::{Ask, Named, Part, propose};
use crate::repair::plans::Plans;
use crate::run::RunOptions;

/// What became of the divergences of a run. Its JSON is a contract (docs/reference, page "Repair").
#[derive(Debug, Default, Serialize)]
pub struct Automatic {
    pub applied: Vec<Applied>,
    /// Plans that wait for a person.
    pub waiting: Vec<Named>,
    /// Why nothing was done of a rule, or less than the policy allows.
    pub notes: Vec<String>,
}

/// Repairs what a run has found of these rules, as far as the policy goes.
pub async fn automatic(
    project: &Project,
    output: &str,
    run_id: &str,
    rules: &[&str],
    options: &RunOptions,
) -> Result<Automatic> {
    let mut told = Automatic::default();
    let limits = project.repair.limits;
    let mut left = limits.rows_per_run;
    for name in rules {
        let Some(rule) = project.rules.iter().find(|rule| rule.name == *name) else { continue };
        if rule.repair.authority.is_none() {
            told.notes.push(format!("{name}: nothing tells which side is right, so nothing is planned"));
            continue;
        }
        // Each rule is planned by what the ones before it have left.
        options.databases.close().await;
        let past = Past::open(output, &options.limits).await?;
        let ask = Ask { rule: name.to_string(), run: Some(run_id.to_string()), ..Ask::default() };
        let proposed = propose(project, &past, &ask, Part::Apart, options).await?;
        let undecided: u64 = proposed.undecided.values().sum();
        if undecided > 0 {
            told.notes.push(format!("{name}: of {undecided} divergences it is not told which side is right"));
        }
        for named in proposed.plans {
            let rows = named.manifest.counts.all();
            if named.manifest.decide != Decide::Auto || rows == 0 {
                told.waiting.push(named);
                continue;
            }
            if !named.manifest.triggers.is_empty() {
                let names = named.manifest.triggers.join(", ");
                told.notes.push(format!(
                    "{name}: triggers run on the table ({names}), which may change other rows: a person has to apply it"
                ));
                told.waiting.push(named);
                continue;
            }
            options.databases.close().await;
            let plans = Plans::of(past.results().located().clone()).await?;
            let day = limits.rows_per_day.saturating_sub(by_itself(&plans));
            if rows > left || rows > day {
                let limit = if rows > left { "run" } else { "day" };
                told.notes.push(format!(
                    "{name}: {rows} rows are more than is left of what may be changed by itself in a {limit}"
                ));
                told.waiting.push(named);
                continue;
            }
            left -= rows;
            let found = plans.find(&named.plan)?;
            let actions = plans.actions(found, &named.manifest).await?;
            let manner = Manner { auto: true, ..Manner::default() };
            let manifest = &named.manifest;
            let rule = of_rule(project, manifest, &named.plan, false)?;
            let work =
                Work { project, rule, plans: &plans, found, manifest, actions: &actions, manner: &manner, options };
            told.applied.push(apply(&work).await?);
        }
    }
    Ok(told)
}

/// Rows that were changed without a person's word in the last 24 hours, or may have been.
pub fn by_itself(plans: &Plans) -> u64 {
    let since = Utc::now() - TimeDelta::days(1);
    let attempts = plans.plans.iter().flat_map(|plan| &plan.attempts);
    let recent = attempts.filter(|attempt| attempt.auto && attempt.at > since);
    recent.flat_map(|attempt| &attempt.batches).map(|file| file.rows).sum()
}
