//! `tieout run [RULE...]`: the project's rules.

use crate::cli::args::{EngineArgs, Format, OutputArgs, ProjectArgs};
use crate::cli::bars::Bars;
use crate::cli::print::{self, layout};
use crate::cli::{End, Volume, runtime};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Project;
use crate::report;
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
    end(&project, &args.rules, &options, &args.output, &args.engine, volume)
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

/// Runs rules, prints the report and ends with its outcome.
fn verdict(
    project: &Project,
    rules: &[String],
    options: &RunOptions,
    output: &OutputArgs,
    engine: &EngineArgs,
    volume: Volume,
) -> Result<End> {
    let bars = Bars::start(&options.progress, volume);
    let work = run::run(project, rules, options);
    let interrupted = options.journal.cancelled(ErrorKind::Interrupted);
    let report = runtime::block_on_or(engine.threads, &options.databases, work, interrupted);
    drop(bars);
    let report = report.map_err(|error| resumable(error, options))?;
    let text = match (output.format, volume.quiet) {
        (Format::Json, _) => report::json(&report)?,
        (Format::Text, true) => report::brief(&report, layout().palette),
        (Format::Text, false) => report::text(&report, layout()),
    };
    print::out(&text)?;
    Ok(End::Verdict(report.outcome))
}
