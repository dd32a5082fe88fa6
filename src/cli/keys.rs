//! `tieout keys new FILE`: a pair of keys to seal a ledger with.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use crate::cli::{End, print};
use crate::error::Result;
use crate::ledger;

/// Make a pair of keys to seal a ledger with
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new private key to FILE, and its public key to FILE.pub
    New {
        /// Readable by its owner alone; must not be there yet
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

pub fn execute(args: Args) -> Result<End> {
    let Command::New { file } = args.command;
    let public = ledger::new_keys(&file)?;
    print::out(&format!("{public}\n"))?;
    Ok(End::Done)
}
