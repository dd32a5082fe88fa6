//! A [`Dossier`] as a page: HTML in one file that needs nothing else, or Markdown for a pull request or a chat.
//!
//! `view` makes texts and figures of it, which the templates lay out. Nothing of what they are given is markup: HTML is escaped by
//! the template engine, and in Markdown all that is not ours stands in code.

mod explained;
mod html;
mod markdown;
mod marks;
mod rows;
mod trend;
mod view;
mod words;

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment};

use crate::causes::Causes;
use crate::error::{Error, ErrorKind, Result};

pub use html::html;
pub use markdown::markdown;

/// What every report says of itself at its beginning.
const MARK: &str = "tieout report";

/// The SQL of a rule as it is now.
#[derive(Debug, Clone, Default)]
pub struct Statement {
    pub sql: Option<String>,
    /// Why there is none, or what a reader should know of it; a sentence.
    pub note: Option<String>,
}

/// What is told of a rule besides its dossier.
#[derive(Debug, Clone, Default)]
pub struct Aside {
    pub statement: Statement,
    /// None where nothing diverged; or why they cannot be told.
    pub causes: Option<std::result::Result<Causes, String>>,
}

/// By the rules' names.
pub type Asides = BTreeMap<String, Aside>;

/// Whether a file that begins like this is a report.
pub fn is_report(beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    text.lines().take(3).any(|line| line.contains(&format!("<!-- {MARK}")))
}

/// For templates in which a line that holds nothing but a statement is no line.
fn environment(escape: AutoEscape) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(failed)?;
    environment.set_syntax(syntax);
    // Not left to the names of the templates.
    environment.set_auto_escape_callback(move |_| escape.clone());
    Ok(environment)
}

fn failed(error: minijinja::Error) -> Error {
    Error::new(ErrorKind::Internal, "the report cannot be laid out").source(format!("{error:#}"))
}
