//! The files of `queries/`: rules of kind `sql`, with a header of comments.
//!
//! The header is the comment lines at the top. A line `-- word: text` in it is an option if the word is one; if the word is
//! nearly one, it is taken for a slip and refused; any other line is prose.

use std::path::{Path, PathBuf};

use super::model::{Allow, Fragment, Rule, RuleKind, Severity, SqlRule};
use super::quantity::{parse_duration, parse_rate, parse_rows};
use super::rules::{SEVERITIES, check_name, version};
use super::source::{is_identifier, located};
use super::sql::{self, TableUse};
use super::words::{did_you_mean, nearest, parse_list};
use crate::error::{Error, ErrorKind, Location, Result};

const WORDS: [&str; 5] = ["key", "severity", "owner", "description", "allow"];

/// The rules, by name, each with the tables it reads.
pub(crate) fn load(dir: &Path, shown: &Path, params: &[String]) -> Result<Vec<(Rule, Vec<TableUse>)>> {
    let mut rules = Vec::new();
    for path in files(dir)? {
        let file = path.file_name().unwrap_or_default();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let start = Location { file: shown.join(file), line: 1, column: 1 };
        let bytes = std::fs::read(&path).map_err(|error| {
            Error::new(ErrorKind::Config, format!("{} cannot be read", start.file.display())).source(error)
        })?;
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(error.utf8_error(), error.as_bytes(), &start))?;
        rules.push(rule(&name, text, start, params).map_err(|error| error.context("rule", name.as_str()))?);
    }
    Ok(rules)
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        Error::new(ErrorKind::Config, format!("the folder {} cannot be read", dir.display())).source(error)
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let is_query = |path: &PathBuf| {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
        !hidden && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("sql")) && path.is_file()
    };
    let mut paths: Vec<PathBuf> = paths.into_iter().filter(is_query).collect();
    paths.sort();
    Ok(paths)
}

fn not_utf8(error: std::str::Utf8Error, bytes: &[u8], start: &Location) -> Error {
    let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
    let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    let place = Location { line: valid.matches('\n').count() as u64 + 1, column, ..start.clone() };
    Error::new(ErrorKind::Config, "the file is not valid UTF-8").at(place).hint("save it as UTF-8")
}

fn rule(name: &str, text: String, start: Location, params: &[String]) -> Result<(Rule, Vec<TableUse>)> {
    check_name(name).map_err(|(message, hint)| Error::new(ErrorKind::Config, message).at(start.clone()).hint(hint))?;
    // A byte order mark is no SQL; it takes no column either.
    let text = text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text);
    let header = Header::read(&text, &start)?;
    let locate = |line, column| Some(Location { line, column, ..start.clone() });
    let tables = sql::check_query(&text, params, &locate)?;
    let rule = Rule {
        name: name.to_string(),
        severity: header.severity.unwrap_or(Severity::Error),
        owner: header.owner,
        description: header.description,
        allow: header.allow.unwrap_or_default(),
        repair: Default::default(),
        version: version(&text),
        location: Some(start.clone()),
        kind: RuleKind::Sql(SqlRule {
            key: header.key.unwrap_or_default(),
            query: Fragment { sql: text, location: Some(start) },
        }),
    };
    Ok((rule, tables))
}

#[derive(Debug, Default)]
struct Header {
    key: Option<Vec<String>>,
    severity: Option<Severity>,
    owner: Option<String>,
    description: Option<String>,
    allow: Option<Allow>,
}

impl Header {
    fn read(text: &str, start: &Location) -> Result<Self> {
        let mut header = Header::default();
        for (number, line) in (1..).zip(text.lines()) {
            let Some(comment) = line.trim_start().strip_prefix("--") else {
                if line.trim().is_empty() {
                    continue;
                }
                break;
            };
            let Some((word, value)) = comment.split_once(':') else { continue };
            let (word, value) = (word.trim(), value.trim());
            let column_of =
                |part: &str| line[..part.as_ptr() as usize - line.as_ptr() as usize].chars().count() as u64 + 1;
            let at = |part: &str| Location { line: number, column: column_of(part), ..start.clone() };
            if is_identifier(word) {
                header.option(word, value, at(word)).map_err(|error| located(error, Some(at(value))))?;
            }
        }
        Ok(header)
    }

    /// One line of the header; errors about its word have a place, those about its value get one from the caller.
    fn option(&mut self, word: &str, value: &str, word_at: Location) -> Result<()> {
        let config = |message: String| Error::new(ErrorKind::Config, message);
        let lower = word.to_lowercase();
        if lower == "recheck" {
            return Err(config(format!("`{lower}` does not belong to a sql rule"))
                .at(word_at)
                .hint("it is for match rules, which have a key. If it is prose, leave out the colon"));
        }
        if !WORDS.contains(&lower.as_str()) {
            return match nearest(word, WORDS.into_iter()) {
                Some(near) => Err(config(format!("unknown word `{word}` in the header"))
                    .at(word_at)
                    .hint(format!("did you mean `{near}`? If it is prose, leave out the colon"))),
                None => Ok(()),
            };
        }
        if value.is_empty() {
            return Err(config(format!("`{lower}` has no value"))
                .at(word_at)
                .hint("write it after the colon, or remove the line"));
        }
        let again = match lower.as_str() {
            "key" => {
                let names = parse_list(value)
                    .map_err(|error| config(error.message().into()).hint(error.hint_text().unwrap_or_default()))?;
                if let Some((_, twice)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
                    return Err(config(format!("`{twice}` stands twice in key")).hint("remove one of the two"));
                }
                self.key.replace(names).is_some()
            }
            "severity" => {
                let severity =
                    SEVERITIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(value)).map(|(_, severity)| *severity);
                let unknown = || {
                    let names = SEVERITIES.iter().map(|(name, _)| *name);
                    config(format!("unknown severity `{value}`")).hint(did_you_mean(value, names, "severity values"))
                };
                self.severity.replace(severity.ok_or_else(unknown)?).is_some()
            }
            "owner" => self.owner.replace(value.to_string()).is_some(),
            "description" => self.description.replace(value.to_string()).is_some(),
            // An age is told by its unit, a share from a count by its sign or its point.
            _ => {
                let allow = if value.ends_with(|last: char| last.is_ascii_alphabetic()) {
                    Allow { age: Some(parse_duration(value)?), ..Allow::default() }
                } else if value.contains(['%', '.']) {
                    Allow { rate: Some(parse_rate(value)?), ..Allow::default() }
                } else {
                    Allow { rows: Some(parse_rows(value)?), ..Allow::default() }
                };
                self.allow.replace(allow).is_some()
            }
        };
        match again {
            true => Err(config(format!("`{lower}` stands here for the second time"))
                .at(word_at)
                .hint("remove one of the two")),
            false => Ok(()),
        }
    }
}
