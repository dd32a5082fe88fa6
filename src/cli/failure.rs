//! An error, told to a person and to a program.

use std::ffi::OsString;

use console::Style;
use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::report::value::escape;

/// Lines for stderr: what could not be done, to what, where, why, and what to do about it.
pub fn words(error: &Error, colour: bool) -> String {
    let paint = |style: Style, text: &str| style.force_styling(colour).apply_to(text).to_string();
    if error.kind() == ErrorKind::Interrupted {
        let hint = error.hint_text().map(|hint| format!("; {hint}")).unwrap_or_default();
        return format!("{}{hint}\n", error.message());
    }
    let mut out = format!("{} {}\n", paint(Style::new().red().bold(), "error:"), lines(error.message()));
    let context: Vec<String> =
        error.contexts().iter().map(|(name, value)| format!("{name} {}", escape(value))).collect();
    if !context.is_empty() {
        out.push_str(&format!("  in {}\n", context.join(", ")));
    }
    if let Some(location) = error.location() {
        out.push_str(&format!("  at {location}\n"));
    }
    if let Some(cause) = error.cause() {
        out.push_str(&format!("  because {}\n", lines(&cause)));
    }
    if let Some(hint) = error.hint_text() {
        out.push_str(&format!("{} {}\n", paint(Style::new().cyan().bold(), "hint:"), lines(hint)));
    }
    out
}

/// Several lines stay several lines (parsers point with them), but nothing may steer the terminal.
fn lines(text: &str) -> String {
    text.trim_end().lines().map(escape).collect::<Vec<_>>().join("\n  ")
}

#[derive(Serialize)]
struct Document<'a> {
    error: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    kind: ErrorKind,
    /// With context, location and cause, on one line.
    message: String,
    hint: Option<&'a str>,
}

/// The document for stdout.
pub fn document(error: &Error) -> String {
    let told = Told { kind: error.kind(), message: error.to_string(), hint: error.hint_text() };
    // Text and an enum without data: there is nothing that cannot be written as JSON.
    let text = serde_json::to_string_pretty(&Document { error: told }).unwrap_or_default();
    format!("{text}\n")
}

/// Arguments that clap refused, as one of our errors.
pub fn usage(error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let message = paragraphs.next().unwrap_or_default().trim().trim_start_matches("error: ");
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: "));
    Error::new(ErrorKind::Usage, message).hint(tip.unwrap_or("see `tieout --help`"))
}

/// Whether arguments that could not be parsed ask for `--format json` all the same.
pub fn asks_for_json(args: impl Iterator<Item = OsString>) -> bool {
    let args: Vec<OsString> = args.collect();
    args.iter().any(|arg| arg == "--format=json") || args.windows(2).any(|w| w[0] == "--format" && w[1] == "json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Location;

    fn sample() -> Error {
        Error::new(ErrorKind::NotFound, "there is no column `ordr_id`")
            .context("dataset", "bank.lines")
            .context("rule", "orders")
            .at(Location { file: "tieout.yaml".into(), line: 12, column: 5 })
            .hint("did you mean `order_id`?")
    }

    #[test]
    fn in_words() {
        insta::assert_snapshot!(words(&sample(), false), @"
        error: there is no column `ordr_id`
          in rule orders, dataset bank.lines
          at tieout.yaml:12:5
        hint: did you mean `order_id`?
        ");
        insta::assert_snapshot!(words(&Error::new(ErrorKind::Interrupted, "interrupted"), false), @"interrupted");
        let cause = Error::new(ErrorKind::Data, "a.parquet cannot be read").source("line one\n\u{1b}[2Jline two");
        insta::assert_snapshot!(words(&cause, false), @r"
        error: a.parquet cannot be read
          because line one
          \u{1b}[2Jline two
        ");
    }

    #[test]
    fn as_a_document() {
        insta::assert_snapshot!(document(&sample()), @r#"
        {
          "error": {
            "kind": "not_found",
            "message": "tieout.yaml:12:5: there is no column `ordr_id` (rule orders, dataset bank.lines)",
            "hint": "did you mean `order_id`?"
          }
        }
        "#);
        insta::assert_snapshot!(document(&Error::new(ErrorKind::Internal, "a bug")), @r#"
        {
          "error": {
            "kind": "internal",
            "message": "a bug",
            "hint": null
          }
        }
        "#);
    }

    #[test]
    fn json_is_found_in_arguments_that_do_not_parse() {
        let asks = |args: &[&str]| asks_for_json(args.iter().map(OsString::from));
        assert!(asks(&["tieout", "diff", "--format", "json"]) && asks(&["tieout", "--format=json"]));
        assert!(!asks(&["tieout", "diff", "json", "--format"]) && !asks(&["tieout", "--format", "text", "json"]));
    }
}
