//! `tieout report [RUN|RULE]`: what came out, as one HTML file or as Markdown.

use std::io::{ErrorKind as Io, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use clap::{ValueEnum, ValueHint};
use tokio::time::{Instant, timeout_at};

use crate::causes::{Question, causes};
use crate::cli::past::PlaceArgs;
use crate::cli::{End, print};
use crate::error::{Error, ErrorKind, Result};
use crate::history::{Dossier, Extent, Past, RuleDossier, Subject};
use crate::project::model::{Project, Rule};
use crate::report::numbers::bytes;
use crate::report::value::escape;
use crate::report::{self, Aside, Asides, Statement};
use crate::run::{self, RunOptions};
use crate::verdict::RowCounts;

/// Write a report: what came out, over runs, with the divergences side by side
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout report                                 the last run of every rule, to tieout-report.html
  tieout report orders -o orders.html
  tieout report 01987b2e-5a4f --format markdown | gh pr comment --body-file -")]
pub struct Args {
    /// A rule, or what a run's id begins with (8 letters or more) [default: the last run of every rule]
    #[arg(value_name = "RUN|RULE")]
    about: Option<String>,
    /// What is written: one HTML file, or Markdown for a pull request or a chat [default: html, or as FILE ends]
    #[arg(long, value_enum, help_heading = "Output", hide_possible_values = true)]
    format: Option<Format>,
    /// Where to: a file, or - for stdout. A file that is there is replaced only if it is a report [default: a name in the current
    /// folder; of Markdown, stdout]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    output: Option<PathBuf>,
    /// Divergences shown of each rule; all are counted [default: 500, in Markdown 10]
    #[arg(long, value_name = "N", help_heading = "Output")]
    limit: Option<usize>,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Markdown,
}

/// Runs of a rule that are shown.
const RUNS: usize = 60;
/// Causes of a rule that are shown.
const CAUSES: usize = 12;
/// A dataset that takes longer to open leaves its rule's SQL out.
const PATIENCE: Duration = Duration::from_secs(10);
/// As much of a file as tells whether it is a report.
const BEGINNING: u64 = 400;

impl Args {
    fn format(&self) -> Format {
        let ending = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        let by_name = || match ending.map(str::to_lowercase).as_deref() {
            Some("md" | "markdown") => Format::Markdown,
            _ => Format::Html,
        };
        self.format.unwrap_or_else(by_name)
    }

    /// None: stdout.
    fn file(&self, subject: &Subject) -> Option<PathBuf> {
        match (&self.output, self.format()) {
            (Some(path), _) if path.as_os_str() == "-" => None,
            (Some(path), _) => Some(path.clone()),
            (None, Format::Markdown) => None,
            (None, Format::Html) => Some(PathBuf::from(match subject {
                Subject::All => "tieout-report.html".into(),
                Subject::Rule(name) | Subject::Run(name) => format!("tieout-report-{}.html", in_name(name)),
            })),
        }
    }
}

pub fn execute(args: &Args) -> Result<End> {
    let format = args.format();
    if let Some(path) = args.output.as_deref().filter(|path| path.as_os_str() != "-") {
        check(path)?;
    }
    let project = args.place.project()?;
    let shown = match format {
        Format::Html => 500,
        Format::Markdown => 10,
    };
    let extent = Extent { runs: RUNS, divergences: args.limit.unwrap_or(shown) };
    let (dossier, asides) = args.place.ask(project.as_ref(), async |past, options| {
        let dossier = Box::pin(past.dossier(args.about.as_deref(), project.as_ref(), extent)).await?;
        let project = project.as_ref().filter(|_| format == Format::Html);
        let asides = Box::pin(asides(past, project, &dossier, options)).await;
        Ok((dossier, asides))
    })?;
    let text = match format {
        Format::Html => report::html(&dossier, &asides, Utc::now())?,
        Format::Markdown => report::markdown(&dossier, &asides, Utc::now())?,
    };
    match args.file(&dossier.subject) {
        None => print::out(&text)?,
        Some(path) => {
            write(&path, &text)?;
            let told = escape(&path.display().to_string());
            print::out(&format!("wrote {told}, {}\n", bytes(text.len() as u64)))?
        }
    };
    Ok(End::Done)
}

/// What explains the divergences of each rule; and its SQL, where there is a project to take it from.
async fn asides(past: &Past, project: Option<&Project>, dossier: &Dossier, options: &RunOptions) -> Asides {
    let deadline = Instant::now() + PATIENCE;
    let mut all = Asides::new();
    for RuleDossier { record, sample, .. } in &dossier.rules {
        let rule = project.iter().flat_map(|project| &project.rules).find(|rule| rule.name == record.rule);
        let mut aside = Aside::default();
        if let Some((project, rule)) = project.zip(rule) {
            let compiled = timeout_at(deadline, Box::pin(run::compile(project, &rule.name, false, options))).await;
            aside.statement = statement(compiled.ok(), rule, &record.rule_version);
        }
        let diverged = RowCounts::from(record.rows).divergences() > 0;
        if diverged && !sample.gone && record.kind != "sql" {
            let question = Question { rule: &record.rule, run: Some(&record.run_id), limit: CAUSES, known: &[] };
            // The verdict stands without what explains it.
            aside.causes = Some(Box::pin(causes(past, question)).await.map_err(|error| error.to_string()));
        }
        all.insert(record.rule.clone(), aside);
    }
    all
}

/// A rule's SQL as the project has it now, if its datasets could be opened in time.
fn statement(compiled: Option<Result<String>>, rule: &Rule, version: &str) -> Statement {
    let later = format!("`tieout compile {}` prints it", rule.name);
    let changed = "The rule was changed after this run: this is what it is now.";
    match compiled {
        Some(Ok(sql)) => Statement { sql: Some(sql), note: (rule.version != version).then(|| changed.into()) },
        Some(Err(error)) => {
            Statement { sql: None, note: Some(format!("It could not be compiled now: {error}. {later}.")) }
        }
        None => Statement { sql: None, note: Some(format!("Its datasets took long to open; {later}.")) },
    }
}

/// A name as a part of a file's.
fn in_name(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).collect()
}

fn check(path: &Path) -> Result<()> {
    let unreadable = |error| cannot(path, "looked at", error);
    let mut beginning = Vec::new();
    match std::fs::File::open(path) {
        Err(error) if error.kind() == Io::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
        Ok(file) if !file.metadata().map_err(unreadable)?.is_file() => {
            let message = format!("{} is there, and is no file", path.display());
            return Err(Error::new(ErrorKind::Usage, message).hint("name a file with -o, or - for stdout"));
        }
        Ok(file) => file.take(BEGINNING).read_to_end(&mut beginning).map_err(unreadable)?,
    };
    if report::is_report(&beginning) {
        return Ok(());
    }
    let message = format!("{} is there, and is no report of tieout's", path.display());
    Err(Error::new(ErrorKind::Usage, message).hint("name another file with -o, or remove that one"))
}

/// Whole, or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    check(path)?;
    let failed = |error| cannot(path, "written", error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tieout-report-");
    // Else only its owner could read it: what the umask takes away is gone all the same.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn cannot(path: &Path, what: &str, error: std::io::Error) -> Error {
    let message = format!("the report {} cannot be {what}", path.display());
    Error::new(ErrorKind::Output, message).hint("name a file in a folder that is there with -o").source(error)
}
