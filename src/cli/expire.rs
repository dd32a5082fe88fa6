//! `tieout expire --keep 90d`: old divergence tables go.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use clap::ValueHint;

use crate::cli::args::{Format, ProjectArgs};
use crate::cli::{End, print, runtime};
use crate::dataset::Databases;
use crate::error::{Error, ErrorKind, Result};
use crate::project::parse_duration;
use crate::report;
use crate::run::expire;

/// Remove divergence tables of old runs; records, counts and the ledger stay
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of each rule, the last run that looked at everything keeps its table, and so do all after it: what is open stands in them.

Examples:
  tieout expire --keep 90d --dry-run
  tieout expire --keep 90d")]
pub struct Args {
    /// Tables of runs that started longer ago than this go: 90d, 12w, 36h
    #[arg(long, value_name = "AGE", value_parser = keep)]
    keep: Duration,
    /// Tell what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// What stdout gets: text for people, or one JSON document
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    pub format: Format,
    /// Where the results are [default: the project's `output`]
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath, help_heading = "Project")]
    out: Option<String>,
    /// The folder that holds tieout.yaml
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Project")]
    project: Option<PathBuf>,
}

fn keep(text: &str) -> std::result::Result<Duration, String> {
    parse_duration(text).map_err(|_| "it is not a duration: write 90d, 12w or 36h".into())
}

pub fn execute(args: &Args) -> Result<End> {
    let project = ProjectArgs { project: args.project.clone(), param: Vec::new() };
    let output = match &args.out {
        Some(out) if out.is_empty() => {
            return Err(Error::new(ErrorKind::Usage, "--out is empty").hint("name a folder or a URL"));
        }
        Some(out) => out.clone(),
        None => project.load()?.output,
    };
    let long = || Error::new(ErrorKind::Usage, "--keep is longer than time itself").hint("write 90d or 12w");
    let keep = TimeDelta::from_std(args.keep).map_err(|_| long())?;
    let before = Utc::now().checked_sub_signed(keep).ok_or_else(long)?;
    let expired = runtime::block_on(None, &Databases::default(), expire(&output, before, args.dry_run))?;
    print::out(&match args.format {
        Format::Json => report::json(&expired)?,
        Format::Text => report::expired(&expired),
    })?;
    Ok(End::Done)
}
