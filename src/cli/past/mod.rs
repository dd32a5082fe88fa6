//! What the commands that look back share: which output, and how it is told.

pub mod ack;
pub mod causes;
pub mod compare;
pub mod history;
pub mod report;
pub mod show;
pub mod status;

use std::path::PathBuf;

use clap::ValueHint;
use serde::Serialize;

use crate::cli::args::{EngineArgs, Format, ProjectArgs};
use crate::cli::{print, runtime};
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::project::Project;
use crate::run::RunOptions;

#[derive(Debug, clap::Args)]
pub struct PastArgs {
    /// What stdout gets: text for people, or one JSON document
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    pub format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Which output.
#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// Where the results are [default: the project's `output`]
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath, help_heading = "Project")]
    out: Option<String>,
    /// The folder that holds tieout.yaml
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Project")]
    project: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
}

impl PlaceArgs {
    /// The project where there is one; with `--out`, none is needed.
    pub fn project(&self) -> Result<Option<Project>> {
        let args = ProjectArgs { project: self.project.clone(), param: Vec::new() };
        if self.out.is_some() { args.load_if_any() } else { args.load().map(Some) }
    }

    /// Asks the past of the output.
    pub fn ask<T>(
        &self,
        project: Option<&Project>,
        ask: impl AsyncFnOnce(&Past, &RunOptions) -> Result<T>,
    ) -> Result<T> {
        if self.out.as_deref() == Some("") {
            return Err(Error::new(ErrorKind::Usage, "--out is empty").hint("name a folder or a URL"));
        }
        let nowhere = || Error::new(ErrorKind::Usage, "there is no output to look at").hint("name one with --out");
        let output = self.out.as_deref().or(project.map(|project| project.output.as_str())).ok_or_else(nowhere)?;
        let options = self.engine.options();
        runtime::block_on(self.engine.threads, &options.databases, async {
            ask(&Past::open(output, &options.limits).await?, &options).await
        })
    }
}

impl PastArgs {
    pub fn project(&self) -> Result<Option<Project>> {
        self.place.project()
    }

    /// Asks the past of the output, and tells the answer: `text` for people.
    pub fn tell<T: Serialize>(
        &self,
        project: Option<&Project>,
        ask: impl AsyncFnOnce(&Past) -> Result<T>,
        text: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        self.work(project, async |past, _| ask(past).await, text)
    }

    /// The same for what needs datasets as well.
    pub fn work<T: Serialize>(
        &self,
        project: Option<&Project>,
        work: impl AsyncFnOnce(&Past, &RunOptions) -> Result<T>,
        text: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        let told = self.place.ask(project, work)?;
        print::out(&match self.format {
            Format::Json => crate::report::json(&told)?,
            Format::Text => text(&told),
        })?;
        Ok(told)
    }
}
