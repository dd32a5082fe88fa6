//! `tieout sql [QUERY]`: SQL over datasets and past results; without a query, what stdin says, or a shell.

mod describe;
mod rows;
mod shell;
mod statements;

use std::io::{self, IsTerminal, Read};

use clap::ValueEnum;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use crate::cli::args::{EngineArgs, ProjectArgs};
use crate::cli::interrupt::Interrupt;
use crate::cli::print::Reader;
use crate::cli::sql::statements::split;
use crate::cli::{End, runtime};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Project;
use crate::run::{self, RunOptions};

/// SQL over the project's datasets and past results; a shell without QUERY
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout sql \"SELECT status, count(*) FROM orders GROUP BY status\"
  tieout sql --format csv < report.sql > report.csv
  tieout sql                    a shell: \\d lists tables, \\q leaves")]
pub struct Args {
    /// One or more statements, with `;` between them [default: stdin]
    query: Option<String>,
    /// How rows are written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns that line up
    Table,
    /// NULL is empty, the empty text is ""
    Csv,
    /// An array of objects
    Json,
}

/// A session that can be asked: its tables, and the project's parameters.
struct Questions {
    context: SessionContext,
    params: Vec<(String, ScalarValue)>,
}

pub fn execute(args: Args) -> Result<End> {
    let project = args.project.load_if_any()?;
    let options = RunOptions { out: project.as_ref().map(|project| project.output.clone()), ..args.engine.options() };
    let query = match args.query {
        Some(query) => Some(query),
        None if io::stdin().is_terminal() => None,
        None => Some(read_stdin()?),
    };
    match query {
        Some(query) => runtime::block_on(args.engine.threads, &options.databases, async {
            Questions::open(project.as_ref(), &options).await?.all(&query, args.format).await
        })?,
        None => {
            let interrupt = Interrupt::listen()?;
            let runtime = runtime::build(args.engine.threads)?;
            let open = Questions::open(project.as_ref(), &options);
            let questions = runtime.block_on(runtime::until_interrupted(&interrupt, open))?;
            let left = shell::run(&runtime, &interrupt, &questions, args.format);
            runtime.block_on(options.databases.close());
            left?;
        }
    }
    Ok(End::Done)
}

fn read_stdin() -> Result<String> {
    let mut text = String::new();
    match io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::new(ErrorKind::Data, "the query on standard input cannot be read").source(error)),
    }
}

impl Questions {
    async fn open(project: Option<&Project>, options: &RunOptions) -> Result<Self> {
        let context = run::session(project, options).await?;
        let params = project.map(|project| project.params.clone()).unwrap_or_default();
        Ok(Self { context, params: params.into_iter().collect() })
    }

    /// Every statement of `text`, until one fails or nobody reads any more.
    async fn all(&self, text: &str, format: Format) -> Result<()> {
        let (mut statements, rest) = split(text);
        statements.extend(rest);
        if statements.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the query is empty"));
        }
        for statement in statements {
            if self.ask(statement, format, None).await? == Reader::Gone {
                break;
            }
        }
        Ok(())
    }

    /// One statement. `limit` bounds the rows that are shown, for a person.
    async fn ask(&self, sql: &str, format: Format, limit: Option<usize>) -> Result<Reader> {
        // Views may be made for the session; data is changed by nothing but an approved repair.
        let allowed = SQLOptions::new().with_allow_dml(false);
        let plan = self.context.state().create_logical_plan(sql).await?;
        allowed.verify_plan(&plan).map_err(|error| {
            Error::from(error).hint("`tieout sql` changes no data; `--format csv > FILE` keeps what a query returns")
        })?;
        let mut frame = self.context.execute_logical_plan(plan).await?;
        if !self.params.is_empty() {
            frame = frame.with_param_values(self.params.clone())?;
        }
        rows::write(frame.execute_stream().await?, format, limit).await
    }
}
