//! A file that a person wrote, while it is being resolved: it turns texts into values (`${VAR}`) and into places for errors.

use std::path::PathBuf;

use serde_saphyr::Location as YamlLocation;

use super::model::Fragment;
use super::sql;
use super::words::{did_you_mean, parse_list};
use super::yaml::{Flag, Given, Listed, OneOrMany, Quantity, Text};
use crate::error::{Error, ErrorKind, Location, Result};

pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The text of a project file, or the command line, which has neither file nor variables (the shell has replaced them).
pub(crate) struct Source<'a> {
    pub file: Option<PathBuf>,
    pub text: &'a str,
    pub env: Option<Env<'a>>,
}

impl Source<'_> {
    pub fn command_line() -> Source<'static> {
        Source { file: None, text: "", env: None }
    }

    pub fn at(&self, text: &Text) -> Option<Location> {
        self.at_yaml(text.place())
    }

    pub fn at_yaml(&self, place: YamlLocation) -> Option<Location> {
        let file = self.file.clone()?;
        (place.line() > 0).then(|| Location { file, line: place.line(), column: place.column() })
    }

    /// An error of the project, at a text.
    pub fn error(&self, text: &Text, message: impl Into<String>) -> Error {
        let kind = if self.file.is_some() { ErrorKind::Config } else { ErrorKind::Usage };
        located(Error::new(kind, message), self.at(text))
    }

    /// The value of a text: `${VAR}` and `${VAR:-default}` come from the environment; `$${` is a literal `${`.
    pub fn value(&self, text: &Text) -> Result<String> {
        let Some(env) = self.env else { return Ok(text.raw().to_string()) };
        let raw = text.raw();
        let (mut value, mut done) = (String::with_capacity(raw.len()), 0);
        while let Some(found) = raw[done..].find("${") {
            let start = done + found;
            if raw[..start].ends_with('$') {
                value.push_str(&raw[done..start - 1]);
                value.push_str("${");
                done = start + 2;
                continue;
            }
            value.push_str(&raw[done..start]);
            let wrong = |message: String| located(Error::new(ErrorKind::Config, message), self.inside(text, start));
            let end = raw[start..].find('}').map(|end| start + end);
            let end = end
                .ok_or_else(|| wrong("`${` is not closed".into()).hint("write ${NAME}, or $${ for these two signs"))?;
            let (name, default) = match raw[start + 2..end].split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (&raw[start + 2..end], None),
            };
            if !is_identifier(name) {
                return Err(
                    wrong(format!("`{name}` is not the name of a variable")).hint("write ${NAME} or ${NAME:-default}")
                );
            }
            // As in a shell: `:-` also stands in for an empty variable.
            match (env(name), default) {
                (Some(found), None) => value.push_str(&found),
                (Some(found), Some(_)) if !found.is_empty() => value.push_str(&found),
                (_, Some(default)) => value.push_str(default),
                (None, None) => {
                    return Err(wrong(format!("the environment variable `{name}` is not set"))
                        .hint(format!("set it, or give a default: ${{{name}:-...}}")));
                }
            }
            done = end + 1;
        }
        value.push_str(&raw[done..]);
        Ok(value)
    }

    /// A value that must not be empty.
    pub fn filled(&self, text: &Text, what: &str) -> Result<String> {
        let value = self.value(text)?;
        match value.trim().is_empty() {
            true => Err(self.error(text, format!("{what} is empty")).hint("write a value, or remove the key")),
            false => Ok(value),
        }
    }

    pub fn optional(&self, given: &Given<Text>, what: &str) -> Result<Option<String>> {
        given.0.as_ref().map(|text| self.filled(text, what)).transpose()
    }

    pub fn flag(&self, given: &Given<Flag>) -> bool {
        given.0.as_ref().is_some_and(|flag| flag.0.value)
    }

    /// A value with a meaning of its own; the error points at the text, and shows it as it is written.
    pub fn parsed<T>(&self, text: &Text, parse: impl Fn(&str) -> Result<T>) -> Result<T> {
        parse(&self.value(text)?).map_err(|error| {
            // What came out of the environment may be secret: then the message names the variable instead.
            let error = match self.value(text).is_ok_and(|value| value != text.raw()) {
                true => self
                    .error(text, format!("the value of `{}` does not fit here", text.raw()))
                    .hint(error.hint_text().unwrap_or("look at what the variable holds")),
                false => error,
            };
            located(error, self.at(text))
        })
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, text: &Text, what: &str, words: &[(&'static str, T)]) -> Result<T> {
        let value = self.value(text)?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value.trim()));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names = words.iter().map(|(word, _)| *word);
            self.error(text, format!("unknown {what} `{}`", text.raw())).hint(did_you_mean(
                text.raw(),
                names,
                &format!("{what} values"),
            ))
        })
    }

    /// The texts of a list, each with its place; an empty list is an error.
    pub fn texts<T: AsText + Clone>(&self, list: &OneOrMany<T>, what: &str) -> Result<Vec<Text>> {
        let place = list.0.defined;
        let one = |text: String| vec![Text(serde_saphyr::Spanned::new(text, place, place))];
        let texts = match &list.0.value {
            Listed::One(text) => one(text.clone()),
            Listed::Literal => one(self.span(place).unwrap_or_default().to_string()),
            Listed::Many(items) => items.iter().map(|item| item.as_text().clone()).collect(),
        };
        match texts.is_empty() {
            true => {
                Err(located(Error::new(ErrorKind::Config, format!("{what} is an empty list")), self.at_yaml(place))
                    .hint("name at least one, or remove the key"))
            }
            false => Ok(texts),
        }
    }

    /// A name of each text, none empty, none twice.
    pub fn names(&self, list: &OneOrMany<Text>, what: &str) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for text in self.texts(list, what)? {
            let value = self.filled(&text, &format!("a name in {what}"))?;
            // `key: order_id, line` is one text to YAML, and two names to everybody else.
            let one_text = matches!(list.0.value, Listed::One(_));
            let parts = if one_text { self.parsed(&text, parse_list)? } else { vec![value] };
            for name in parts {
                if names.contains(&name) {
                    return Err(self
                        .error(&text, format!("`{name}` stands twice in {what}"))
                        .hint("remove one of the two"));
                }
                names.push(name);
            }
        }
        Ok(names)
    }

    /// SQL of the project file. `${VAR}` is refused: nothing is ever pasted into SQL.
    pub fn fragment(&self, text: &Text, what: &str) -> Result<Fragment> {
        let sql = text.raw().trim().to_string();
        if sql.is_empty() {
            return Err(self.error(text, format!("{what} is empty")).hint("write SQL, or remove the key"));
        }
        Ok(Fragment { sql, location: self.inside(text, text.raw().len() - text.raw().trim_start().len()) })
    }

    /// Parses a fragment; errors point into the file.
    pub fn expression(&self, text: &Text, what: &str, params: &[String]) -> Result<Fragment> {
        let fragment = self.fragment(text, what)?;
        sql::check_expression(&fragment.sql, params, &|line, column| self.inside_sql(text, line, column))
            .map_err(|error| error.context("in", what))?;
        Ok(fragment)
    }

    /// The place of a line and column of the trimmed text.
    pub fn inside_sql(&self, text: &Text, line: u64, column: u64) -> Option<Location> {
        let lead = text.raw().len() - text.raw().trim_start().len();
        self.inside(text, lead + offset_of(&text.raw()[lead..], line, column))
    }

    /// The place in the file of a byte of a text. YAML folds lines, cuts indentation and escapes signs, but it keeps every
    /// sign that is not white space, and their order: so these are counted.
    pub fn inside(&self, text: &Text, offset: usize) -> Option<Location> {
        let start = self.at(text)?;
        let Some(written) = self.span(text.place()) else { return Some(start) };
        let before = text.raw()[..offset].chars().filter(|letter| !letter.is_whitespace()).count();
        let at_sign = text.raw()[offset..].starts_with(|letter: char| !letter.is_whitespace());
        let passed = walk(written, before, at_sign)?;
        let passed = &written[..passed];
        let lines = passed.matches('\n').count() as u64;
        let column = match passed.rsplit_once('\n') {
            Some((_, last)) => last.chars().count() as u64 + 1,
            None => start.column + passed.chars().count() as u64,
        };
        Some(Location { line: start.line + lines, column, ..start })
    }

    /// The text of a node as it is written, from its place on to its end.
    fn span(&self, place: YamlLocation) -> Option<&str> {
        let start = usize::try_from(place.span().byte_offset()?).ok()?;
        let end = start + usize::try_from(place.span().byte_len()?).ok()?;
        self.text.get(start..end)
    }
}

pub(crate) trait AsText {
    fn as_text(&self) -> &Text;
}

impl AsText for Text {
    fn as_text(&self) -> &Text {
        self
    }
}

impl AsText for Quantity {
    fn as_text(&self) -> &Text {
        &self.0
    }
}

pub(crate) fn located(error: Error, location: Option<Location>) -> Error {
    match location {
        Some(location) => error.at(location),
        None => error,
    }
}

pub(crate) fn is_identifier(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The byte offset of a line and column (from 1, in characters), or the end.
pub(crate) fn offset_of(text: &str, line: u64, column: u64) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    text[start..].char_indices().nth(column.saturating_sub(1) as usize).map_or(text.len(), |(offset, _)| start + offset)
}

/// The offset in a scalar as written after `count` signs, and, if `at_sign`, right before the next one.
fn walk(written: &str, count: usize, at_sign: bool) -> Option<usize> {
    let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''));
    let mut position = match written.chars().next() {
        Some('"' | '\'') => 1,
        // The header of a block scalar ends with its line.
        Some('|' | '>') => written.find('\n')? + 1,
        _ => 0,
    };
    let mut seen = 0;
    while position < written.len() {
        if seen == count && !at_sign {
            return Some(position);
        }
        let (length, signs) = unit(&written[position..], quote);
        if signs > 0 && seen == count {
            return Some(position);
        }
        seen += signs;
        position += length;
    }
    Some(position.min(written.len()))
}

/// The first unit of a scalar as written: its bytes, and how many signs that are not white space it stands for (0 or 1).
fn unit(written: &str, quote: Option<char>) -> (usize, usize) {
    let Some(first) = written.chars().next() else { return (1, 0) };
    match (quote, first) {
        (Some('\''), '\'') if written.starts_with("''") => (2, 1),
        (Some('"'), '\\') => match written[1..].chars().next() {
            Some('x') => (4, 1),
            Some('u') => (6, 1),
            Some('U') => (10, 1),
            Some('n' | 't' | 'r' | 'v' | 'f' | ' ' | '\t' | '\n' | '\r' | '_' | 'N' | 'L' | 'P') => (2, 0),
            Some(other) => (1 + other.len_utf8(), 1),
            None => (1, 1),
        },
        _ => (first.len_utf8(), usize::from(!first.is_whitespace())),
    }
}
