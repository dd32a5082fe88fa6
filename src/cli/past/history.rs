//! `tieout history RULE`: what each run of a rule found and resolved, and what is open now.

use chrono::Utc;

use crate::cli::End;
use crate::cli::past::PastArgs;
use crate::cli::print::layout;
use crate::error::Result;
use crate::report;

/// Tell what each run of a rule found and resolved, and what is open now
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout history orders
  tieout history orders --limit 100 --format json
  tieout sql \"SELECT * FROM history.orders WHERE state = 'reopened'\"")]
pub struct Args {
    /// The rule's name
    rule: String,
    /// Runs shown, the newest ones
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    limit: usize,
    #[command(flatten)]
    pub past: PastArgs,
}

pub fn execute(args: &Args) -> Result<End> {
    let project = args.past.project()?;
    let known: Vec<&str> = project.iter().flat_map(|project| &project.rules).map(|rule| rule.name.as_str()).collect();
    args.past.tell(
        project.as_ref(),
        async |past| past.history(&args.rule, args.limit, &known).await,
        |told| report::history(told, layout(), Utc::now()),
    )?;
    Ok(End::Done)
}
