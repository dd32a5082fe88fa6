//! Systems that are away: a rule is tried again where that may help; where it does not, it is inconclusive, and others go on.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Rule, RuleKind};
use crate::run::execute::{Compared, Execution};
use crate::run::planned::Planned;
use crate::run::report::{Acknowledged, Guarantee, Outcome, RuleReport, Work};
use crate::verdict::{RowCounts, SchemaDifferences};

/// What a rule says that was compared in another snapshot than the one the run began with.
const LATER: &str =
    "a connection was lost on the way: the database was read in a later snapshot than the run began with";

/// Compares a rule; what a network spoils is tried again from the start, twice, after one second and two. A source that keeps
/// failing is not asked again in this run.
/// Also how it was planned last.
pub async fn compare<'r>(execution: &Execution<'_>, mut planned: Planned<'r>) -> Result<(Compared<'r>, Planned<'r>)> {
    let rule = planned.rule;
    let mut patience = patience();
    let mut later = false;
    loop {
        let error = match execution.rule(&planned).await {
            Ok(mut compared) => {
                if later {
                    compared.note(LATER);
                }
                return Ok((compared, planned));
            }
            Err(error) => error,
        };
        let catalog = &execution.engine.catalog;
        let names = planned.names(execution.engine)?;
        if error.kind() != ErrorKind::Unavailable {
            return Err(error);
        }
        let Some(wait) = patience.next().filter(|_| error.is_retryable()) else {
            catalog.give_up(&names, error.message());
            return Err(error);
        };
        tracing::info!(rule = rule.name, %error, "trying again");
        execution.forget(rule).await;
        tokio::time::sleep(wait).await;
        if !names.iter().all(|name| catalog.is_alive(name)) {
            later = true;
            catalog.open_anew(&names);
            planned = Planned::of(execution.engine, rule, execution.started).await?;
        }
    }
}

/// How long to wait before each further attempt.
pub fn patience() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default().with_min_delay(Duration::from_secs(1)).with_max_times(2).with_jitter().build()
}

/// What is said of a rule that could not be compared.
pub fn report(rule: &Rule, error: &Error) -> RuleReport {
    RuleReport {
        rule: rule.name.clone(),
        kind: match rule.kind {
            RuleKind::Match(_) => "match",
            RuleKind::Totals(_) => "totals",
            RuleKind::Sql(_) => "sql",
        },
        outcome: Outcome::Inconclusive,
        guarantee: Guarantee::None,
        strategy: "none",
        why: "a system that it reads is not available".into(),
        work: Work::default(),
        severity: rule.severity,
        owner: rule.owner.clone(),
        rows: RowCounts::default(),
        settled: None,
        acknowledged: Acknowledged::default(),
        columns: Vec::new(),
        schema: SchemaDifferences::default(),
        notes: vec![format!("nothing was compared: {}", error.message())],
        coverage: None,
        divergences: None,
        allow: None,
        elapsed_ms: 0,
        key: Vec::new(),
        datasets: match &rule.kind {
            RuleKind::Match(rule) => Some(rule.dataset.clone()),
            RuleKind::Totals(rule) => Some(rule.dataset.clone()),
            RuleKind::Sql(_) => None,
        },
        sample: None,
    }
}
