//! `tieout repair`: plans, people's word on them, carrying them out, and the way back.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use clap::{Subcommand, ValueEnum, ValueHint};

use crate::cli::args::{Format, duration, flag};
use crate::cli::past::{PastArgs, PlaceArgs};
use crate::cli::{End, print};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::read_private;
use crate::project::model::Project;
use crate::repair::{self, Ask, Form, Manner, Part, Plans, Work};
use crate::report;
use crate::run::report::Outcome;
use crate::side::Side;
use crate::verdict::Kind;

/// Repair what diverges: plan it, have it approved, apply it with proof, and take it back
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout repair plan orders
  tieout repair show 3f9c1a7b2d10
  tieout repair approve 3f9c1a7b2d10 --as anna --key anna.key
  tieout repair apply 3f9c1a7b2d10 --dry-run
  tieout repair apply 3f9c1a7b2d10
  tieout repair revert 3f9c1a7b2d10
  tieout repair export 3f9c1a7b2d10 --format sql > repair.sql
  tieout repair history")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Propose what is to be changed so that both sides agree; nothing is changed
    Plan(PlanArgs),
    /// Show a plan: what it changes, what is at stake, what is refused and why
    Show(ShowArgs),
    /// Allow a plan, signed with your key
    Approve(ApproveArgs),
    /// Carry out a plan: only rows that are still what they were are changed
    Apply(ApplyArgs),
    /// Take back what a plan has changed, where nobody else has changed it since
    Revert(CarryArgs),
    /// Write a plan as SQL, Parquet or CSV, to be carried out by other means
    Export(ExportArgs),
    /// Tell of all plans; or the whole story of a plan, or of a row by its divergence's id
    History(HistoryArgs),
}

#[derive(Debug, clap::Args)]
struct PlanArgs {
    /// The rule whose divergences are to be repaired
    #[arg(value_name = "RULE")]
    rule: String,
    /// The run that found them, or the beginning of its id [default: the last run of the rule]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only divergences that fulfil this condition over the columns of the divergence table
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// Only divergences of these kinds; may repeat
    #[arg(long, value_name = "KIND", value_parser = kind, value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Which side is right, whatever the project says; the other one is changed
    #[arg(long, value_name = "SIDE", value_parser = side)]
    authority: Option<Side>,
    #[command(flatten)]
    past: PastArgs,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The digest that names the plan, or its beginning: 8 letters or more
    #[arg(value_name = "PLAN")]
    plan: String,
    /// Actions that are shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    past: PastArgs,
}

#[derive(Debug, clap::Args)]
struct ApproveArgs {
    /// The digest that names the plan, or its beginning: 8 letters or more
    #[arg(value_name = "PLAN")]
    plan: String,
    /// Your name among the project's approvers
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// Your private key, as `tieout keys new` made it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    key: PathBuf,
    /// How long the approval holds: 7d, 12h
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "7d")]
    expires: Duration,
    #[command(flatten)]
    past: PastArgs,
}

#[derive(Debug, clap::Args)]
struct ApplyArgs {
    #[command(flatten)]
    carry: CarryArgs,
    /// Put the corrected copy of a file where its original is, which is kept: only of one file, in one step
    #[arg(long)]
    in_place: bool,
}

#[derive(Debug, clap::Args)]
struct CarryArgs {
    /// The digest that names the plan, or its beginning: 8 letters or more
    #[arg(value_name = "PLAN")]
    plan: String,
    /// Do everything in a transaction, look at it there, tell what would become of each row, and roll back; of files, in copies that are
    /// removed
    #[arg(long)]
    dry_run: bool,
    /// Rows a transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Limits")]
    batch: u32,
    /// Rows that are changed in a second, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Limits")]
    rows_per_second: Option<u64>,
    /// Begin no transaction after this time, e.g. 10m; what is left can be applied later
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Limits")]
    max_time: Option<Duration>,
    /// How long a statement waits for a row that another transaction has locked
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s", help_heading = "Limits")]
    lock_timeout: Duration,
    /// How long a statement may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s", help_heading = "Limits")]
    statement_timeout: Duration,
    /// Rows that are not as wanted and are told of
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    past: PastArgs,
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    /// The digest that names the plan, or its beginning: 8 letters or more
    #[arg(value_name = "PLAN")]
    plan: String,
    /// As what the plan is written
    #[arg(long, value_name = "FORM", value_enum, default_value_t = FormArg::Sql)]
    format: FormArg,
    /// Where it is written; must not be there yet [default: stdout]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormArg {
    Sql,
    Parquet,
    Csv,
}

#[derive(Debug, clap::Args)]
struct HistoryArgs {
    /// A plan's digest, or a divergence's id, or the beginning of one: 8 letters or more
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    past: PastArgs,
}

fn kind(text: &str) -> std::result::Result<Kind, String> {
    let known = [Kind::MissingInTarget, Kind::MissingInSource, Kind::ValueMismatch, Kind::DuplicateKey];
    let names = || known.map(|kind| kind.as_str()).join(", ");
    known.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| format!("the kinds are {}", names()))
}

fn side(text: &str) -> std::result::Result<Side, String> {
    Side::BOTH.into_iter().find(|side| side.as_str() == text).ok_or_else(|| "a side is `source` or `target`".into())
}

impl Args {
    fn past(&self) -> Option<&PastArgs> {
        match &self.command {
            Command::Plan(args) => Some(&args.past),
            Command::Show(args) => Some(&args.past),
            Command::Approve(args) => Some(&args.past),
            Command::Apply(args) => Some(&args.carry.past),
            Command::Revert(args) => Some(&args.past),
            Command::Export(_) => None,
            Command::History(args) => Some(&args.past),
        }
    }

    pub fn speaks_json(&self) -> bool {
        self.past().is_some_and(|past| past.format == Format::Json)
    }
}

pub fn execute(args: &Args) -> Result<End> {
    let project = match (&args.command, args.past()) {
        (Command::Export(args), _) => args.place.project()?,
        (_, Some(past)) => past.project()?,
        (_, None) => None,
    };
    match &args.command {
        Command::Plan(args) => plan(args, project.as_ref()),
        Command::Show(args) => {
            args.past.work(
                project.as_ref(),
                async |past, _| {
                    let plans = Plans::of(past.results().located().clone()).await?;
                    repair::show(&plans, plans.find(&args.plan)?, args.limit).await
                },
                report::repair::plan,
            )?;
            Ok(End::Done)
        }
        Command::Approve(args) => approve(args, project.as_ref()),
        Command::Apply(args) => carry_out(&args.carry, project.as_ref(), args.in_place, false),
        Command::Revert(args) => carry_out(args, project.as_ref(), true, true),
        Command::Export(args) => export(args, project.as_ref()),
        Command::History(args) => history(args, project.as_ref()),
    }
}

/// Who may do what, and where the data is, stands in the project.
fn needed(project: Option<&Project>) -> Result<&Project> {
    project.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "there is no tieout.yaml here").hint("--project names the folder that holds it")
    })
}

fn plan(args: &PlanArgs, project: Option<&Project>) -> Result<End> {
    let project = needed(project)?;
    let ask = Ask {
        rule: args.rule.clone(),
        run: args.run.clone(),
        condition: args.condition.clone(),
        kinds: args.kind.clone(),
        authority: args.authority,
    };
    args.past.work(
        Some(project),
        async |past, options| repair::propose(project, past, &ask, Part::All, options).await,
        report::repair::proposed,
    )?;
    Ok(End::Done)
}

fn approve(args: &ApproveArgs, project: Option<&Project>) -> Result<End> {
    let project = needed(project)?;
    let pair = read_private(&args.key)?;
    let lasts = TimeDelta::from_std(args.expires).map_err(|_| {
        Error::new(ErrorKind::Usage, "an approval that holds for so long is none").hint("write --expires 7d")
    });
    let lasts = flag("--expires", lasts)?;
    args.past.work(
        Some(project),
        async |past, _| {
            let plans = Plans::of(past.results().located().clone()).await?;
            repair::approve(project, &plans, plans.find(&args.plan)?, &args.name, &pair, lasts).await
        },
        report::repair::approved,
    )?;
    Ok(End::Done)
}

fn carry_out(args: &CarryArgs, project: Option<&Project>, in_place: bool, back: bool) -> Result<End> {
    let project = needed(project)?;
    let manner = Manner {
        dry_run: args.dry_run,
        batch_rows: args.batch as usize,
        rows_per_second: args.rows_per_second,
        max_time: args.max_time,
        lock_timeout: args.lock_timeout,
        statement_timeout: args.statement_timeout,
        limit: args.limit,
        auto: false,
        in_place,
        back: false,
    };
    let applied = args.past.work(
        Some(project),
        async |past, options| {
            let plans = Plans::of(past.results().located().clone()).await?;
            let found = plans.find(&args.plan)?;
            if back {
                return repair::revert(project, &plans, found, &manner, options).await;
            }
            let manifest = plans.manifest(found).await?;
            let actions = plans.actions(found, &manifest).await?;
            let rule = repair::of_rule(project, &manifest, found.digest(), false)?;
            let work = Work {
                project,
                rule,
                plans: &plans,
                found,
                manifest: &manifest,
                actions: &actions,
                manner: &manner,
                options,
            };
            repair::apply(&work).await
        },
        report::repair::applied,
    )?;
    Ok(if applied.is_whole() { End::Done } else { End::Verdict(Outcome::Diverged) })
}

fn export(args: &ExportArgs, project: Option<&Project>) -> Result<End> {
    let form = match args.format {
        FormArg::Sql => Form::Sql,
        FormArg::Parquet => Form::Parquet,
        FormArg::Csv => Form::Csv,
    };
    let bytes = args.place.ask(project, async |past, _| {
        let plans = Plans::of(past.results().located().clone()).await?;
        let found = plans.find(&args.plan)?;
        let manifest = plans.manifest(found).await?;
        let actions = plans.actions(found, &manifest).await?;
        repair::export(found.digest(), &manifest, &actions, form)
    })?;
    match &args.to {
        Some(path) => {
            let failed = |error| {
                Error::new(ErrorKind::Output, format!("{} cannot be written", path.display()))
                    .hint("it must not be there yet")
                    .source(error)
            };
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
            file.write_all(&bytes).map_err(failed)?;
        }
        None => drop(print::bytes(&bytes)?),
    }
    Ok(End::Done)
}

fn history(args: &HistoryArgs, project: Option<&Project>) -> Result<End> {
    match &args.id {
        Some(id) => drop(args.past.work(
            project,
            async |past, _| {
                let plans = Plans::of(past.results().located().clone()).await?;
                repair::story(&plans, id, report::repair::words).await
            },
            report::repair::story,
        )?),
        None => drop(args.past.work(
            project,
            async |past, _| Ok(repair::list(&Plans::of(past.results().located().clone()).await?)),
            |lines| report::repair::plans(lines),
        )?),
    }
    Ok(End::Done)
}
