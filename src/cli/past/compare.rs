//! `tieout compare RUN RUN`: what one run found and the other did not.

use crate::cli::End;
use crate::cli::past::PastArgs;
use crate::cli::print::layout;
use crate::error::Result;
use crate::report;

/// Compare the divergences of two runs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout compare 01987b2e-5a4f 01987c51-0d3e")]
pub struct Args {
    /// A run's id, or as much of its beginning as only that run has: 8 letters or more
    #[arg(value_name = "RUN")]
    first: String,
    /// Another one
    #[arg(value_name = "RUN")]
    second: String,
    #[command(flatten)]
    pub past: PastArgs,
}

pub fn execute(args: &Args) -> Result<End> {
    let project = args.past.project()?;
    args.past.tell(
        project.as_ref(),
        async |past| past.compare(&args.first, &args.second).await,
        |told| report::comparison(told, layout()),
    )?;
    Ok(End::Done)
}
