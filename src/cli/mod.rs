//! The command line: arguments in, a report on stdout, words on stderr, an exit code out. The only room that prints.

mod args;
mod bars;
mod check;
mod compile;
mod completions;
mod diff;
mod expire;
mod failure;
mod init;
mod interrupt;
mod keys;
mod ledger;
mod log;
mod panics;
mod past;
mod print;
mod repair;
mod run;
mod runtime;
mod schema;
mod size;
mod sql;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};

use crate::error::{Error, ErrorKind, Result};
use crate::run::report::Outcome;

/// Proves that data in two places agrees, row by row, and writes every divergence to a table.
#[derive(Debug, Parser)]
#[command(name = "tieout", version, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say less: no progress, one line a rule
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Log what is done to stderr; twice for more (RUST_LOG goes before)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

const EXAMPLES: &str = "\
Examples:
  tieout diff old.parquet new.parquet --key id
  tieout diff 's3://lake/orders/*.parquet' orders.csv -k order_id --out out
  tieout init demo && tieout run --project demo
  tieout sql \"SELECT count(*) FROM orders\"

Exit code: 0 reconciled, 1 diverged, 2 error, 3 inconclusive, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Diff(Box<diff::Args>),
    Run(run::Args),
    Check(check::Args),
    Compile(compile::Args),
    Sql(sql::Args),
    Ledger(ledger::Args),
    Keys(keys::Args),
    Status(past::status::Args),
    History(past::history::Args),
    Compare(past::compare::Args),
    Causes(past::causes::Args),
    Report(past::report::Args),
    Expire(expire::Args),
    Show(past::show::Args),
    Ack(past::ack::Args),
    Repair(Box<repair::Args>),
    Init(init::Args),
    Schema(schema::Args),
    Completions(completions::Args),
}

/// How much is said, and to whom.
#[derive(Debug, Clone, Copy)]
struct Volume {
    quiet: bool,
    verbose: u8,
}

/// How a command ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It did what was asked.
    Done,
    /// It has a verdict.
    Verdict(Outcome),
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Done | End::Verdict(Outcome::Reconciled) => ExitCode::SUCCESS,
            End::Verdict(Outcome::Diverged) => ExitCode::from(1),
            End::Verdict(Outcome::Inconclusive) => ExitCode::from(3),
        }
    }
}

impl Command {
    fn execute(self, volume: Volume) -> Result<End> {
        match self {
            Command::Diff(args) => diff::execute(&args, volume),
            Command::Run(args) => run::execute(args, volume),
            Command::Check(args) => check::execute(args, volume),
            Command::Compile(args) => compile::execute(args),
            Command::Sql(args) => sql::execute(args),
            Command::Ledger(args) => ledger::execute(args),
            Command::Keys(args) => keys::execute(args),
            Command::Status(args) => past::status::execute(&args),
            Command::History(args) => past::history::execute(&args),
            Command::Compare(args) => past::compare::execute(&args),
            Command::Causes(args) => past::causes::execute(&args),
            Command::Report(args) => past::report::execute(&args),
            Command::Expire(args) => expire::execute(&args),
            Command::Show(args) => past::show::execute(&args),
            Command::Ack(args) => past::ack::execute(&args),
            Command::Repair(args) => repair::execute(&args),
            Command::Init(args) => init::execute(args),
            Command::Schema(_) => schema::execute(),
            Command::Completions(args) => completions::execute(args),
        }
    }

    /// Whether a program reads stdout, and wants errors there too.
    fn speaks_json(&self) -> bool {
        match self {
            Command::Diff(args) => args.output.format == args::Format::Json,
            Command::Run(args) => args.output.format == args::Format::Json,
            Command::Ledger(args) => args.speaks_json(),
            Command::Repair(args) => args.speaks_json(),
            Command::Expire(args) => args.format == args::Format::Json,
            Command::Status(past::status::Args { past })
            | Command::History(past::history::Args { past, .. })
            | Command::Show(past::show::Args { past, .. })
            | Command::Ack(past::ack::Args { past, .. })
            | Command::Compare(past::compare::Args { past, .. })
            | Command::Causes(past::causes::Args { past, .. }) => past.format == args::Format::Json,
            _ => false,
        }
    }
}

/// The whole program, with the arguments of the process.
pub fn main() -> ExitCode {
    panics::install();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    log::start(cli.verbose);
    let volume = Volume { quiet: cli.quiet, verbose: cli.verbose };
    let json = cli.command.speaks_json();
    let result = catch_unwind(AssertUnwindSafe(|| cli.command.execute(volume)));
    match result.unwrap_or_else(|_| Err(panics::error())) {
        Ok(end) => end.into(),
        Err(error) => fail(&error, json),
    }
}

fn fail(error: &Error, json: bool) -> ExitCode {
    print::note(&failure::words(error, console::colors_enabled_stderr()));
    if json {
        // An error while telling of an error leaves nothing to do: the exit code speaks.
        let _ = print::out(&failure::document(error));
    }
    ExitCode::from(if error.kind() == ErrorKind::Interrupted { 130 } else { 2 })
}

/// Arguments that cannot be parsed; or `--help` and `--version`, which are no error.
fn refuse(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.exit_code() == 0 {
        return ExitCode::SUCCESS;
    }
    if failure::asks_for_json(std::env::args_os()) {
        let _ = print::out(&failure::document(&failure::usage(error)));
    }
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn exit_codes() {
        let all = [Outcome::Reconciled, Outcome::Diverged, Outcome::Inconclusive];
        assert_eq!(all.map(|o| ExitCode::from(End::Verdict(o))), [0, 1, 3].map(ExitCode::from));
    }
}
