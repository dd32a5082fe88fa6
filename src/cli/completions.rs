//! `tieout completions SHELL`: what a shell needs to complete our arguments.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::{Cli, End, print};
use crate::error::Result;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout completions bash > ~/.local/share/bash-completion/completions/tieout
  tieout completions fish > ~/.config/fish/completions/tieout.fish")]
pub struct Args {
    shell: Shell,
}

pub fn execute(args: Args) -> Result<End> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "tieout", &mut script);
    print::out(&String::from_utf8_lossy(&script))?;
    Ok(End::Done)
}
