//! `tieout run [RULE...]`: the project's rules.

use crate::cli::args::{EngineArgs, Format, OutputArgs, ProjectArgs};
use crate::cli::bars::Bars;
use crate::cli::print::{self, layout};
use crate::cli::{End, Volume, runtime};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Project;
use crate::repair;
use crate::report;
use crate::run::report::{Outcome, RunReport};
use crate::run::{self, RunOptions};

/// Run the project's rules
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout run
  tieout run orders --explain
  tieout run orders daily_totals --param as_of=2026-01-31
  tieout run --resume 01987b2e-5a4f-7cc3-b0a1-5d1f0c2e9a77
  tieout run --project recon --out s3://bucket/recon --format json")]
pub struct Args {
    /// Rules to run [default: all]
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
    /// Go on with a run that was cut off: what it had compared is not compared again, if its inputs are still the same
    #[arg(long, value_name = "RUN", conflicts_with_all = ["rules", "explain"])]
    resume: Option<String>,
    /// Then repair what diverges as far as the project's policy allows by itself; the rest waits as plans
    #[arg(long, conflicts_with = "explain")]
    repair: bool,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn execute(args: Args, volume: Volume) -> Result<End> {
    let project = args.project.load()?;
    let options = args.output.options(&args.engine, Some(&project.output))?;
    // Other rules may have verdicts all the same.
    let options = RunOptions { goes_on: true, resume: args.resume, ..options };
    match args.repair {
        false => end(&project, &args.rules, &options, &args.output, &args.engine, volume),
        true => repaired(&project, &args.rules, &options, &args.output, &args.engine, volume),
    }
}

/// A run, and what the policy makes of it.
#[derive(serde::Serialize)]
struct Repaired<'a> {
    #[serde(flatten)]
    run: serde_json::Value,
    repair: &'a repair::Automatic,
}

/// Runs rules, then repairs what they find as far as the policy allows by itself.
fn repaired(
    project: &Project,
    rules: &[String],
    options: &RunOptions,
    output: &OutputArgs,
    engine: &EngineArgs,
    volume: Volume,
) -> Result<End> {
    let Some(out) = options.out.clone() else {
        return Err(Error::new(ErrorKind::Usage, "a repair needs an output: it is where plans and the ledger are"));
    };
    let report = ran(project, rules, options, engine, volume)?;
    let diverged: Vec<&str> =
        report.rules.iter().filter(|rule| rule.rows.divergences() > 0).map(|rule| rule.rule.as_str()).collect();
    let later = RunOptions { out: None, goes_on: false, resume: None, ..engine.options() };
    let work = repair::automatic(project, &out, &report.run_id, &diverged, &later);
    let told = runtime::block_on(engine.threads, &later.databases, work)?;
    let whole = told.waiting.is_empty() && told.notes.is_empty() && told.applied.iter().all(repair::Applied::is_whole);
    let text = match output.format {
        Format::Json => {
            let run = serde_json::to_value(&report)
                .map_err(|error| Error::new(ErrorKind::Internal, "a report cannot be written").source(error))?;
            report::json(&Repaired { run, repair: &told })?
        }
        Format::Text => {
            let run = match volume.quiet {
                true => report::brief(&report, layout().palette),
                false => report::text(&report, layout()),
            };
            run + &report::repair::automatic(&told)
        }
    };
    print::out(&text)?;
    // What was repaired agrees by now, as was looked at.
    Ok(End::Verdict(match (report.outcome, whole) {
        (Outcome::Diverged, true) if !told.applied.is_empty() && all_repaired(&report, &told) => Outcome::Reconciled,
        (outcome, _) => outcome,
    }))
}

/// Whether every divergence of the run was repaired.
fn all_repaired(report: &RunReport, told: &repair::Automatic) -> bool {
    report.rules.iter().all(|rule| {
        let divergences = rule.rows.divergences();
        let applied: u64 =
            told.applied.iter().filter(|one| one.rule == rule.rule).flat_map(|one| one.rows.values()).sum();
        rule.outcome != Outcome::Inconclusive && rule.schema.is_empty() && divergences <= applied
    })
}

/// Runs rules, or explains them; `diff` ends here as well.
pub fn end(
    project: &Project,
    rules: &[String],
    options: &RunOptions,
    output: &OutputArgs,
    engine: &EngineArgs,
    volume: Volume,
) -> Result<End> {
    match output.explain {
        true => explanation(project, rules, options, output, engine, volume),
        false => verdict(project, rules, options, output, engine, volume),
    }
}

/// Prints how rules would be compared.
fn explanation(
    project: &Project,
    rules: &[String],
    options: &RunOptions,
    output: &OutputArgs,
    engine: &EngineArgs,
    volume: Volume,
) -> Result<End> {
    let explanation = runtime::block_on(engine.threads, &options.databases, run::explain(project, rules, options))?;
    let text = match (output.format, volume.quiet) {
        (Format::Json, _) => report::json(&explanation)?,
        (Format::Text, true) => report::explanation_in_brief(&explanation, layout().palette),
        (Format::Text, false) => report::explanation(&explanation, layout()),
    };
    print::out(&text)?;
    Ok(End::Done)
}

/// How a run that was cut off goes on.
fn resumable(error: Error, options: &RunOptions) -> Error {
    match options.progress.resumable() {
        Some(run) => error.more(format!("what was done is kept: `tieout run --resume {run}` goes on from there")),
        None => error,
    }
}

fn ran(
    project: &Project,
    rules: &[String],
    options: &RunOptions,
    engine: &EngineArgs,
    volume: Volume,
) -> Result<RunReport> {
    let bars = Bars::start(&options.progress, volume);
    let work = run::run(project, rules, options);
    let interrupted = options.journal.cancelled(ErrorKind::Interrupted);
    let report = runtime::block_on_or(engine.threads, &options.databases, work, interrupted);
    drop(bars);
    report.map_err(|error| resumable(error, options))
}

/// Runs rules, prints the report and ends with its outcome.
fn verdict(
    project: &Project,
    rules: &[String],
    options: &RunOptions,
    output: &OutputArgs,
    engine: &EngineArgs,
    volume: Volume,
) -> Result<End> {
    let report = ran(project, rules, options, engine, volume)?;
    let text = match (output.format, volume.quiet) {
        (Format::Json, _) => report::json(&report)?,
        (Format::Text, true) => report::brief(&report, layout().palette),
        (Format::Text, false) => report::text(&report, layout()),
    };
    print::out(&text)?;
    Ok(End::Verdict(report.outcome))
}
