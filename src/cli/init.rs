//! `tieout init [DIR]`: a small project that runs.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::{End, print};
use crate::error::Result;
use crate::project;

/// Write a small project that runs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to write to
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
}

pub fn execute(args: Args) -> Result<End> {
    let mut text = String::new();
    for path in project::init(&args.dir)? {
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    let here = args.dir.as_os_str() == ".";
    let flag = if here { String::new() } else { format!(" --project {}", args.dir.display()) };
    text.push_str(&format!("now try: tieout run{flag}\n"));
    print::out(&text)?;
    Ok(End::Done)
}
