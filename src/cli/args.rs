//! Arguments that several subcommands share, and what they are resolved to. Raw text becomes values here, once.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgAction, ValueEnum, ValueHint};

use crate::cli::size;
use crate::engine::{BudgetLimits, Limits, Strategy};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::project;
use crate::project::model::Project;
use crate::run::RunOptions;
use crate::run::report::Guarantee;

/// What the engine may use.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Resources")]
pub struct EngineArgs {
    /// What the engine may hold in memory, e.g. 512MiB or 2GB; past it, it spills to disk
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub memory: Option<u64>,
    /// Threads to work with [default: the cores of the machine]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// How rows are compared and where the result goes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Where divergence tables and run records go: a folder or a URL such as s3://bucket/prefix
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath)]
    pub out: Option<String>,
    /// What stdout gets: text for people, or one JSON document
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Sample rows shown for each rule; all divergences are counted and written anyway
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
    /// How rows are compared; all strategies give the same divergences
    #[arg(long, value_name = "S", help_heading = "Comparison")]
    pub strategy: Option<Strategy>,
    /// Prove equality value by value instead of by 128-bit digests
    #[arg(long, value_name = "G", value_parser = ["exact"], help_heading = "Comparison")]
    pub guarantee: Option<String>,
    /// Remember digests of files, and rows that diverge, so that a later run reads only what is new: a folder or a URL
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath, help_heading = "Comparison")]
    pub cache: Option<String>,
    /// Stop in order after this time, e.g. 30s or 10m; what was verified by then is told
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Limits")]
    pub max_time: Option<std::time::Duration>,
    /// Stop once so many divergences are found
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Limits")]
    pub max_divergences: Option<u64>,
    /// Stop once so many bytes are read, e.g. 10GB
    #[arg(long, value_name = "SIZE", value_parser = size::parse, help_heading = "Limits")]
    pub max_bytes: Option<u64>,
    /// Only tell how each rule would be compared, and why; nothing is compared or written
    #[arg(long, help_heading = "Comparison")]
    pub explain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Which project, with which parameters.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Project")]
pub struct ProjectArgs {
    /// The folder that holds tieout.yaml
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub project: Option<PathBuf>,
    /// A value for the placeholder $NAME; may repeat
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub param: Vec<String>,
}

impl ProjectArgs {
    pub fn load(&self) -> Result<Project> {
        let params =
            self.param.iter().map(|text| flag("--param", project::parse_pair(text))).collect::<Result<Vec<_>>>()?;
        let dir = self.project.as_deref().unwrap_or(Path::new("."));
        project::load(dir, &|name| std::env::var(name).ok(), &params)
    }

    /// The project where there is one, or none in a folder without.
    pub fn load_if_any(&self) -> Result<Option<Project>> {
        let exists = |name: &str| Path::new(name).exists();
        if self.project.is_none() && self.param.is_empty() && !exists("tieout.yaml") && !exists("tieout.yml") {
            return Ok(None);
        }
        self.load().map(Some)
    }
}

impl EngineArgs {
    /// Options for a command that shows results but has no verdict.
    pub fn options(&self) -> RunOptions {
        let default = Limits::default();
        RunOptions {
            limits: Limits {
                memory: self.memory.unwrap_or(default.memory),
                threads: self.threads.map_or(default.threads, NonZeroUsize::get),
                ..default
            },
            strategy: None,
            guarantee: None,
            limit: 0,
            out: None,
            progress: Arc::new(Progress::default()),
            databases: Arc::default(),
            cache: None,
            budget: BudgetLimits::default(),
            goes_on: false,
            resume: None,
            journal: Arc::default(),
        }
    }
}

impl OutputArgs {
    /// `out`: where results go without `--out`; none: nowhere.
    pub fn options(&self, engine: &EngineArgs, out: Option<&str>) -> Result<RunOptions> {
        if self.out.as_deref() == Some("") {
            return Err(Error::new(ErrorKind::Usage, "--out is empty").hint("name a folder or a URL"));
        }
        Ok(RunOptions {
            strategy: self.strategy,
            // The only value that the flag takes is `exact`.
            guarantee: self.guarantee.as_ref().map(|_| Guarantee::Exact),
            limit: self.limit,
            out: self.out.clone().or_else(|| out.map(str::to_string)),
            cache: self.cache.clone(),
            budget: BudgetLimits { time: self.max_time, divergences: self.max_divergences, bytes: self.max_bytes },
            ..engine.options()
        })
    }
}

pub fn duration(text: &str) -> std::result::Result<std::time::Duration, String> {
    project::parse_duration(text).map_err(|error| error.message().to_string())
}

/// An error of a value, told with the flag that it was given to: always a matter of usage.
pub fn flag<T>(name: &'static str, result: Result<T>) -> Result<T> {
    result.map_err(|error| {
        let told = Error::new(ErrorKind::Usage, error.message()).context("flag", name);
        match error.hint_text() {
            Some(hint) => told.hint(hint),
            None => told,
        }
    })
}
