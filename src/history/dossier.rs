//! All that is known of the last runs of some rules, or of one run: what a report tells. -> [`Dossier`]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::divergence::{Recorded, RunRecord};
use crate::error::Result;
use crate::history::status::budget;
use crate::history::{BudgetUsed, Listed, Past, RuleHistory, Sample};
use crate::ledger::{Head, Ledger, Mention};
use crate::project::model::Project;

/// What a dossier is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The last run of every rule.
    All,
    /// The last run of one rule.
    Rule(String),
    /// All rules of one run, and what was known when it had ended.
    Run(String),
}

#[derive(Debug, Clone)]
pub struct Dossier {
    pub subject: Subject,
    /// The output, without secrets.
    pub location: String,
    /// The newest entry of its ledger; number 0 where there is none.
    pub head: Head,
    pub rules: Vec<RuleDossier>,
    /// Rules of the project that never ran.
    pub never_ran: Vec<String>,
    /// Rules that ran, and are none of the project's.
    pub others: Vec<String>,
}

/// One rule, in one run.
#[derive(Debug, Clone)]
pub struct RuleDossier {
    pub record: RunRecord,
    pub history: RuleHistory,
    pub budget: Option<BudgetUsed>,
    /// Where the ledger speaks of the run.
    pub mentions: Vec<Mention>,
    pub sample: Sample,
    /// What was acknowledged of the rule.
    pub acknowledged: Vec<Listed>,
    /// Where the divergence table is.
    pub place: String,
}

/// How much of everything is told.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Runs of a rule.
    pub runs: usize,
    /// Divergences of a rule.
    pub divergences: usize,
}

impl RuleDossier {
    /// Divergences that no whole run resolved.
    pub fn open(&self) -> u64 {
        self.history.open.iter().map(|open| open.divergences).sum()
    }

    /// Since when the oldest of them is open.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        self.history.oldest.as_ref().map(|oldest| oldest.open_since)
    }
}

impl Past {
    /// `wanted`: a rule's name, or what a run's id begins with; none: everything.
    pub async fn dossier(&self, wanted: Option<&str>, project: Option<&Project>, extent: Extent) -> Result<Dossier> {
        let subject = self.subject(wanted, project)?;
        match &subject {
            Subject::Run(run) => {
                let then = self.until(run)?;
                let rules = then.recorded.iter().filter(|one| one.run_id == *run).cloned().collect();
                then.gather(subject.clone(), rules, project, extent).await
            }
            _ => self.gather(subject.clone(), self.last_of(&subject, project), project, extent).await,
        }
    }

    fn subject(&self, wanted: Option<&str>, project: Option<&Project>) -> Result<Subject> {
        let Some(wanted) = wanted else { return Ok(Subject::All) };
        let known: Vec<&str> = project.iter().flat_map(|project| &project.rules).map(|r| r.name.as_str()).collect();
        match self.rule(wanted, &known) {
            Ok(_) => Ok(Subject::Rule(wanted.to_string())),
            // What looks like a run's id is taken for one; else what the rules are is more help.
            Err(_) if is_id(wanted) && !known.contains(&wanted) => Ok(Subject::Run(self.run(wanted)?.to_string())),
            Err(error) => Err(error),
        }
    }

    /// The last run of each rule: in the project's order, or by name.
    fn last_of(&self, subject: &Subject, project: Option<&Project>) -> Vec<Recorded> {
        let names: Vec<&str> = match (subject, project) {
            (Subject::Rule(name), _) => vec![name],
            (_, Some(project)) => project.rules.iter().map(|rule| rule.name.as_str()).collect(),
            (_, None) => {
                self.recorded.iter().map(|one| one.rule.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
            }
        };
        names.into_iter().filter_map(|name| self.of_rule(name).last().map(|last| (*last).clone())).collect()
    }

    async fn gather(
        &self,
        subject: Subject,
        chosen: Vec<Recorded>,
        project: Option<&Project>,
        extent: Extent,
    ) -> Result<Dossier> {
        let ledger = Ledger::at(&self.output).await?;
        let runs: BTreeSet<&str> = chosen.iter().map(|one| one.run_id.as_str()).collect();
        let mentions = ledger.mentions(&runs).await?;
        let mut rules = Vec::new();
        for one in &chosen {
            rules.extend(self.of_one(one, &mentions, project, extent).await?);
        }
        let names: Vec<&str> = project.iter().flat_map(|project| &project.rules).map(|r| r.name.as_str()).collect();
        let ran: BTreeSet<&str> = self.recorded.iter().map(|one| one.rule.as_str()).collect();
        let (mut never_ran, mut others) = (Vec::new(), Vec::new());
        if subject == Subject::All && project.is_some() {
            never_ran = names.iter().filter(|name| !ran.contains(*name)).map(|name| name.to_string()).collect();
            others = ran.iter().filter(|name| !names.contains(name)).map(|name| name.to_string()).collect();
        }
        let location = self.results.location().to_string();
        Ok(Dossier { subject, location, head: ledger.head().await?, rules, never_ran, others })
    }

    async fn of_one(
        &self,
        one: &Recorded,
        mentions: &BTreeMap<String, Vec<Mention>>,
        project: Option<&Project>,
        extent: Extent,
    ) -> Result<Option<RuleDossier>> {
        let Some(record) = self.results.record(&one.run_id, &one.rule)? else { return Ok(None) };
        let allow = project.iter().flat_map(|project| &project.rules).find(|rule| rule.name == one.rule);
        let history = self.history(&one.rule, extent.runs, &[]).await?;
        Ok(Some(RuleDossier {
            budget: allow
                .and_then(|rule| budget(one, history.oldest.as_ref().map(|oldest| oldest.open_since), rule.allow)),
            mentions: mentions.get(&one.run_id).cloned().unwrap_or_default(),
            sample: self.sample(one, extent.divergences).await?,
            acknowledged: self.acknowledged(Some(&one.rule), &[&one.rule]).await?,
            place: self.results.place(&record),
            history,
            record,
        }))
    }

    /// As everything was when this run had ended.
    fn until(&self, run: &str) -> Result<Past> {
        let Some(last) = self.recorded.iter().find(|one| one.run_id == run) else { return Ok(self.clone()) };
        let results = self.results.until(last)?;
        Ok(Past { recorded: results.recorded()?, results, ..self.clone() })
    }
}

/// Whether a text may be a run's id, or the beginning of one.
fn is_id(text: &str) -> bool {
    text.len() >= 8 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}
