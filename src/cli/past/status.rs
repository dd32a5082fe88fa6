//! `tieout status`: how all rules stand.

use chrono::Utc;

use crate::cli::End;
use crate::cli::past::PastArgs;
use crate::cli::print::layout;
use crate::error::Result;
use crate::report::{self, Signs};

/// Tell how all rules stand: last outcome, trend, what is open, budget used
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code: that of the last outcomes: 1 if a rule diverged, else 3 if one is inconclusive, else 0.")]
pub struct Args {
    #[command(flatten)]
    pub past: PastArgs,
}

pub fn execute(args: &Args) -> Result<End> {
    let project = args.past.project()?;
    let status = args.past.tell(
        project.as_ref(),
        async |past| past.status(project.as_ref()).await,
        |told| report::status(told, layout(), signs(), Utc::now()),
    )?;
    Ok(status.outcome().map_or(End::Done, End::Verdict))
}

/// Blocks, unless the locale says that the terminal has no UTF-8. The first of these variables that says anything counts.
fn signs() -> Signs {
    let said = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(said).unwrap_or_default().to_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") { Signs::Blocks } else { Signs::Ascii }
}
