//! `tieout show RULE|RUN|ID`: one thing in full.

use chrono::Utc;

use crate::cli::End;
use crate::cli::past::PastArgs;
use crate::cli::print::layout;
use crate::error::Result;
use crate::report::{self, ShownTold};

/// Show where a rule stands, what a run was, or a divergence cell by cell with its whole life
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout show orders
  tieout show 01987b2e-5a4f
  tieout show 1f3a9c07 --format json")]
pub struct Args {
    /// A rule's name; or the id of a run or a divergence, or as much of its beginning as only that one has: 8 letters or more
    #[arg(value_name = "RULE|RUN|ID")]
    name: String,
    /// Sightings of a divergence that are shown as text, the last ones
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    limit: usize,
    #[command(flatten)]
    pub past: PastArgs,
}

pub fn execute(args: &Args) -> Result<End> {
    let project = args.past.project()?;
    args.past.tell(
        project.as_ref(),
        async |past| ShownTold::of(past.show(&args.name, project.as_ref()).await?),
        |told| report::show(told, layout(), args.limit, Utc::now()),
    )?;
    Ok(End::Done)
}
