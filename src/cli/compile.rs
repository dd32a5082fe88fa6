//! `tieout compile RULE`: the SQL that a rule becomes.

use crate::cli::args::{EngineArgs, ProjectArgs};
use crate::cli::{End, print, runtime};
use crate::error::Result;
use crate::run;

/// Print the SQL that a rule becomes
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rule's name
    rule: String,
    /// Plain anti-joins and full outer joins that any SQL engine runs
    #[arg(long)]
    portable: bool,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn execute(args: Args) -> Result<End> {
    let project = args.project.load()?;
    let options = args.engine.options();
    let sql = runtime::block_on(
        args.engine.threads,
        &options.databases,
        run::compile(&project, &args.rule, args.portable, &options),
    )?;
    print::out(&format!("{}\n", sql.trim_end()))?;
    Ok(End::Done)
}
