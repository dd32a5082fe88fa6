//! The shell: one prompt, statements over several lines until `;`, a history, and a few commands.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use console::style;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};
use tokio::runtime::Runtime;

use crate::cli::interrupt::Interrupt;
use crate::cli::print::{self, Reader};
use crate::cli::sql::statements::split;
use crate::cli::sql::{Format, Questions, describe};
use crate::cli::{failure, panics, runtime};
use crate::error::{Error, ErrorKind, Result};
use crate::report::numbers::elapsed;

/// Rows of one answer; more would only scroll away.
const SHOWN: usize = 1000;

const HELP: &str = "\
A statement ends with `;` and may take several lines.
  \\d         tables
  \\d NAME    columns of a table
  \\q         leave (or Ctrl-D)
Ctrl-C clears the line, or stops a query that runs.
";

/// What a person typed.
#[derive(Debug, PartialEq, Eq)]
enum Input<'a> {
    Nothing,
    Leave,
    Help,
    Tables,
    Columns(&'a str),
    Unknown(&'a str),
    Statements(Vec<&'a str>),
}

impl<'a> Input<'a> {
    fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let Some(command) = text.strip_prefix('\\') else {
            let (mut statements, rest) = split(text);
            statements.extend(rest);
            return match statements.as_slice() {
                [] => Input::Nothing,
                [only] if matches!(only.to_ascii_lowercase().as_str(), "quit" | "exit") => Input::Leave,
                [only] if only.eq_ignore_ascii_case("help") => Input::Help,
                _ => Input::Statements(statements),
            };
        };
        let (command, name) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (command.trim_end_matches(';'), name.trim()) {
            ("q", _) => Input::Leave,
            ("?" | "h", _) => Input::Help,
            ("d" | "dt", "") => Input::Tables,
            ("d", name) => Input::Columns(name),
            _ => Input::Unknown(text),
        }
    }

    /// Whether Enter ends the input, or only the line.
    fn is_complete(text: &str) -> bool {
        let word = text.trim().to_ascii_lowercase();
        word.starts_with('\\') || matches!(word.as_str(), "quit" | "exit" | "help") || split(text).1.is_none()
    }
}

/// Tells the line editor when a statement is finished; it completes, hints and colours nothing.
struct Lines;

impl Validator for Lines {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let complete = Input::is_complete(context.input());
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Lines {
    type Candidate = String;
}

impl Hinter for Lines {
    type Hint = String;
}

impl Highlighter for Lines {}

impl Helper for Lines {}

/// Reads and answers until the person leaves. An error of one statement is told, and the next one is asked for.
pub fn run(runtime: &Runtime, interrupt: &Interrupt, questions: &Questions, format: Format) -> Result<()> {
    let failed = |error: ReadlineError| Error::new(ErrorKind::Internal, "the terminal cannot be read").source(error);
    let config = Config::builder().auto_add_history(true).history_ignore_space(true).build();
    let mut editor: Editor<Lines, DefaultHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Lines));
    let history = history_file(&|name| std::env::var_os(name));
    if let Some(file) = &history {
        // The first time there is none.
        let _ = editor.load_history(file);
    }
    print::note(&format!("tieout {}; \\? for help\n", env!("CARGO_PKG_VERSION")));
    loop {
        let text = match editor.readline("tieout> ") {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        };
        let input = Input::parse(&text);
        if input == Input::Leave {
            break;
        }
        let answer = runtime.block_on(runtime::until_interrupted(interrupt, answer(questions, input, format)));
        interrupt.dealt_with();
        panics::check()?;
        match answer {
            Ok(Reader::There) => {}
            Ok(Reader::Gone) => break,
            Err(error) => print::note(&failure::words(&error, console::colors_enabled_stderr())),
        }
    }
    if let Some(file) = &history
        && let Some(folder) = file.parent()
    {
        // A history that cannot be kept is no reason to complain on the way out.
        let _ = fs::create_dir_all(folder).is_ok() && editor.save_history(file).is_ok();
    }
    Ok(())
}

async fn answer(questions: &Questions, input: Input<'_>, format: Format) -> Result<Reader> {
    match input {
        Input::Nothing | Input::Leave => Ok(Reader::There),
        Input::Help => print::out(HELP),
        Input::Tables => print::out(&describe::tables(&questions.context)),
        Input::Columns(name) => print::out(&describe::columns(&questions.context, name).await?),
        Input::Unknown(text) => {
            Err(Error::new(ErrorKind::Usage, format!("there is no command `{text}`")).hint("\\? shows the commands"))
        }
        Input::Statements(statements) => {
            for statement in statements {
                let started = Instant::now();
                if questions.ask(statement, format, Some(SHOWN)).await? == Reader::Gone {
                    return Ok(Reader::Gone);
                }
                let time = elapsed(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
                print::note(&format!("{}\n", style(time).for_stderr().dim()));
            }
            Ok(Reader::There)
        }
    }
}

/// In the folder where each system keeps such things.
fn history_file(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| env(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let data = if cfg!(windows) {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("tieout").join("history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed() {
        assert_eq!(Input::parse("\\d"), Input::Tables);
        assert_eq!(Input::parse(" \\d  erp.orders ;"), Input::Columns("erp.orders ;"));
        assert_eq!(Input::parse("\\q;"), Input::Leave);
        assert_eq!(Input::parse("exit;"), Input::Leave);
        assert_eq!(Input::parse("\\x"), Input::Unknown("\\x"));
        assert_eq!(Input::parse(" ; -- nothing"), Input::Nothing);
        assert_eq!(Input::parse("SELECT 1; SELECT 2;"), Input::Statements(vec!["SELECT 1", "SELECT 2"]));
    }

    #[test]
    fn enter_ends_a_statement_only_after_its_semicolon() {
        let complete = ["", "\\d", "exit", "SELECT 1;", "SELECT 1; -- so", "SELECT\n1\n;"];
        assert!(complete.iter().all(|text| Input::is_complete(text)));
        let open = ["SELECT 1", "SELECT ';", "SELECT 1; SELECT 2", "SELECT 1 /* ;"];
        assert!(!open.iter().any(|text| Input::is_complete(text)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_history_is_in_the_data_folder() {
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/ann"));
        assert_eq!(history_file(&home), Some("/home/ann/.local/share/tieout/history".into()));
        let xdg = |name: &str| Some(OsString::from(if name == "XDG_DATA_HOME" { "/data" } else { "/home/ann" }));
        assert_eq!(history_file(&xdg), Some("/data/tieout/history".into()));
        assert_eq!(history_file(&|_| None), None);
    }
}
