//! `tieout causes RULE`: what explains the divergences of a run.

use crate::causes::{Question, causes};
use crate::cli::End;
use crate::cli::past::PastArgs;
use crate::cli::print::layout;
use crate::error::Result;
use crate::report;

/// Group the divergences of a run by what explains them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout causes orders
  tieout causes orders --run 01987b2e-5a4f --format json")]
pub struct Args {
    /// The rule's name
    rule: String,
    /// A run's id, or as much of its beginning as only that run has: 8 letters or more [default: the last
    /// run that found something]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Causes shown, those that explain most
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    limit: usize,
    #[command(flatten)]
    pub past: PastArgs,
}

pub fn execute(args: &Args) -> Result<End> {
    let project = args.past.project()?;
    let known: Vec<&str> = project.iter().flat_map(|project| &project.rules).map(|rule| rule.name.as_str()).collect();
    let question = Question { rule: &args.rule, run: args.run.as_deref(), limit: args.limit, known: &known };
    args.past.tell(
        project.as_ref(),
        async |past| causes(past, question).await,
        |told| report::causes(told, layout()),
    )?;
    Ok(End::Done)
}
