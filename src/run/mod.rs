//! Executes rules: plans them all, compares, writes, and makes the run visible last. -> RunReport
//!
//! Nothing is written unless every rule of the run can be planned; a run that fails or is dropped leaves no record.

mod acks;
mod check;
mod compile;
mod execute;
mod expire;
pub mod explain;
mod function;
mod journal;
mod look;
mod match_rule;
mod planned;
mod recheck;
pub mod report;
mod resume;
mod sql_rule;
mod standing;
mod unavailable;

use std::sync::Arc;

use datafusion::prelude::SessionContext;

use crate::dataset::Databases;
use crate::divergence::{Output, register_results};
use crate::engine::{Budget, BudgetLimits, Cache, Engine, KeptSums, Limits, Strategy};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Ledger, complete};
use crate::progress::Progress;
use crate::project::model::{Project, Rule};
use crate::project::nearest;
use crate::verdict::{Guarantee, Outcome};

pub use check::{DatasetCheck, check_online};
pub use compile::compile;
use execute::{Compared, Execution};
pub use expire::{Expired, expire};
pub use explain::explain;
pub use journal::Journal;
pub use look::Look;
use planned::Planned;
use report::{RunReport, Work};
use resume::Begun;

/// What the caller of a run decides.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub limits: Limits,
    pub strategy: Option<Strategy>,
    /// Only `Exact` can be asked for.
    pub guarantee: Option<Guarantee>,
    /// Divergences kept for the eye; never how many are written.
    pub limit: usize,
    /// Where results go; none: nowhere.
    pub out: Option<String>,
    pub progress: Arc<Progress>,
    /// What the run opens there; the caller closes it, however the run ends.
    pub databases: Arc<Databases>,
    /// Where digests are remembered: a folder or a URL.
    pub cache: Option<String>,
    pub budget: BudgetLimits,
    /// A rule whose systems are away is inconclusive, and the others go on; else it ends the run.
    pub goes_on: bool,
    /// The run that is gone on with; none: a new one.
    pub resume: Option<String>,
    /// What the run tells the ledger of its output; the caller tells of one that is dropped.
    pub journal: Arc<Journal>,
}

impl RunOptions {
    /// Whether equality must be proven by value.
    fn exact(&self) -> Result<bool> {
        let exact = self.guarantee == Some(Guarantee::Exact);
        match self.strategy {
            Some(strategy) if exact && strategy.guarantee() != Guarantee::Exact => {
                let message = format!("the strategy `{strategy}` does not give the guarantee `exact`");
                Err(Error::new(ErrorKind::Usage, message).hint("leave out --strategy, or choose `merge` or `join`"))
            }
            _ => Ok(exact),
        }
    }
}

/// Runs the named rules, or all. Cancel-safe: dropped, it leaves nothing that a reader takes for a result.
pub async fn run(project: &Project, rules: &[String], options: &RunOptions) -> Result<RunReport> {
    let clock = std::time::Instant::now();
    let exact = options.exact()?;
    if let (Some(_), Some(location)) = (&options.resume, &options.out) {
        // It may need no more than that.
        complete(&Ledger::at(location).await?, true).await?;
    }
    let begun = Begun::of(project, rules, options).await?;
    let (run_id, started) = (&begun.run_id, begun.started);
    let engine = engine(project, options, cache(project, options).await?)?;
    let away = |error: &Error| options.goes_on && error.kind() == ErrorKind::Unavailable;
    let mut planned = Vec::new();
    for rule in chosen(project, &begun.rules)? {
        match Planned::of(&engine, rule, started).await.map_err(|error| of_rule(error, rule)) {
            Err(error) if away(&error) => planned.push((rule, Err(error))),
            plan => planned.push((rule, Ok(plan?))),
        }
    }
    let output = match &options.out {
        Some(location) => Some(Output::open(location, run_id, begun.attempt, &options.progress).await?),
        None => None,
    };
    if let Some(output) = output.as_ref().filter(|_| options.goes_on) {
        begun.announce(output).await?;
    }
    let output = match (output, &options.out) {
        (Some(output), Some(location)) => {
            let rules: Vec<_> = planned.iter().map(|(rule, _)| *rule).collect();
            Some(started_in(location, output, &begun, &rules, options).await?)
        }
        (output, _) => output,
    };
    if let Some(sums) = kept_sums(&engine, &begun, output.as_ref(), options) {
        let _ = engine.sums.set(Arc::new(sums));
    }
    let execution = Execution {
        engine: &engine,
        run_id,
        started,
        strategy: options.strategy,
        exact,
        limit: options.limit,
        output: output.as_ref(),
    };
    let mut compared = Vec::new();
    let result = async {
        for (rule, planned) in planned {
            let result = match planned {
                Ok(planned) => one(&execution, &begun, planned, options).await.map_err(|error| of_rule(error, rule)),
                Err(error) => Err(error),
            };
            let one = match result {
                Err(error) if away(&error) => execution.unavailable(rule, &error).await,
                result => result?,
            };
            let report = &one.report;
            let Work { bytes_read, rows_per_second, spilled_bytes, .. } = report.work;
            tracing::info!(
                rule = report.rule,
                outcome = report.outcome.as_str(),
                ms = report.elapsed_ms,
                bytes_read,
                rows_per_second,
                spilled_bytes,
                "compared"
            );
            compared.push(one);
        }
        recheck::look_again(&execution, &mut compared, options.goes_on).await?;
        execution.stand(&mut compared).await?;
        acks::heed(&execution, &mut compared).await?;
        match &output {
            Some(output) => begun.check_alone(output).await,
            None => Ok(()),
        }
    }
    .await;
    let records: Vec<_> = compared.iter().map(|compared| execution.record(compared)).collect();
    let ended = match (result, output) {
        (Ok(()), Some(output)) => options.journal.commit(output, &compared, &records).await,
        (Ok(()), None) => Ok(()),
        (Err(error), Some(output)) if begun.check_alone(&output).await.is_err() => {
            options.journal.let_go();
            output.let_go().await;
            Err(error)
        }
        (Err(error), Some(output)) => {
            output.abandon().await;
            Err(error)
        }
        (Err(error), None) => Err(error),
    };
    if let Err(error) = ended {
        options.journal.cancelled(error.kind()).await;
        return Err(error);
    }
    let reports: Vec<_> = compared.into_iter().map(|compared| compared.report).collect();
    Ok(RunReport {
        run_id: begun.run_id,
        outcome: reports.iter().map(|report| report.outcome).max().unwrap_or(Outcome::Reconciled),
        started_at: started,
        elapsed_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        rules: reports,
    })
}

/// The output, once its ledger tells that the run starts.
async fn started_in(
    location: &str,
    output: Output,
    begun: &Begun,
    rules: &[&Rule],
    options: &RunOptions,
) -> Result<Output> {
    if let Err(error) = options.journal.start(location, &begun.run_id, rules, begun.is_resumed()).await {
        output.abandon().await;
        return Err(error);
    }
    if let Err(error) = begun.check_begun(&output).await {
        options.journal.let_go();
        output.withdraw().await;
        return Err(error);
    }
    Ok(output)
}

/// Compares a rule, unless it was compared before the run was cut off.
async fn one<'r>(
    execution: &Execution<'_>,
    begun: &Begun,
    planned: Planned<'r>,
    options: &RunOptions,
) -> Result<Compared<'r>> {
    let rule = planned.rule;
    let note = match begun.compared(execution, &planned).await? {
        Ok(compared) => {
            tracing::info!(rule = rule.name, "was compared before the run was cut off");
            return Ok(compared);
        }
        Err(note) => note,
    };
    tracing::info!(rule = rule.name, "comparing");
    let (mut compared, planned) = unavailable::compare(execution, planned).await?;
    if let Some(note) = note {
        compared.note(&note);
    }
    if options.goes_on {
        begun.keep(execution, &compared, &planned).await?;
    }
    Ok(compared)
}

fn of_rule(error: Error, rule: &Rule) -> Error {
    match &rule.location {
        Some(location) => error.context("rule", rule.name.clone()).at(location.clone()),
        None => error,
    }
}

/// Where digests are remembered, if anywhere.
async fn cache(project: &Project, options: &RunOptions) -> Result<Option<Arc<Cache>>> {
    match options.cache.as_deref().or(project.cache.as_deref()) {
        Some(location) => Ok(Some(Arc::new(Cache::open(location).await?))),
        None => Ok(None),
    }
}

/// A session for the project, with `reconcile()`.
fn engine(project: &Project, options: &RunOptions, cache: Option<Arc<Cache>>) -> Result<Arc<Engine>> {
    let mut engine = Engine::new(project, &options.limits, options.progress.clone(), options.databases.clone())?;
    engine.cache = cache;
    engine.budget = Budget::start(options.budget.clone(), options.progress.clone());
    let engine = Arc::new(engine);
    function::register(&engine);
    Ok(engine)
}

/// Where checksums of databases are kept: with what else is remembered, or with what is kept of the run.
fn kept_sums(engine: &Engine, begun: &Begun, output: Option<&Output>, options: &RunOptions) -> Option<KeptSums> {
    let sums = |cache: Cache, looks: bool| KeptSums::new(cache, looks, options.progress.clone());
    match (&engine.cache, output) {
        (Some(cache), _) => Some(sums(cache.as_ref().clone(), true)),
        (None, Some(output)) if options.goes_on => {
            let (store, folder, display) = output.unfinished();
            Some(sums(Cache::at(store, folder, display), begun.is_resumed()))
        }
        (None, _) => None,
    }
}

fn chosen<'a>(project: &'a Project, names: &[String]) -> Result<Vec<&'a Rule>> {
    if project.rules.is_empty() {
        return Err(Error::new(ErrorKind::Config, "the project has no rules")
            .hint("add one under `rules:` of tieout.yaml, or a file to queries/"));
    }
    if names.is_empty() {
        return Ok(project.rules.iter().collect());
    }
    let find = |name: &String| {
        project.rules.iter().find(|rule| rule.name == *name).ok_or_else(|| {
            let error = Error::new(ErrorKind::NotFound, format!("there is no rule `{name}`"));
            match nearest(name, project.rules.iter().map(|rule| rule.name.as_str())) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!(
                    "the rules are {}",
                    project.rules.iter().map(|rule| format!("`{}`", rule.name)).collect::<Vec<_>>().join(", ")
                )),
            }
        })
    };
    let mut chosen: Vec<&Rule> = Vec::new();
    for name in names {
        let rule = find(name)?;
        if !chosen.iter().any(|other| other.name == rule.name) {
            chosen.push(rule);
        }
    }
    Ok(chosen)
}

/// A session over a project's datasets and past results, for queries.
pub async fn session(project: Option<&Project>, options: &RunOptions) -> Result<SessionContext> {
    let empty = Project::default();
    let engine = engine(project.unwrap_or(&empty), options, None)?;
    if let Some(project) = project {
        register_results(&engine.ctx, &project.output).await?;
    }
    let ctx = engine.ctx.clone();
    function::keep(&ctx, engine);
    Ok(ctx)
}
