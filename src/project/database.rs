//! Datasets that are tables or queries of a database: from a URL and a name to a [`Database`]. Nothing is connected to.

use std::path::Path;
use std::time::Duration;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use url::Url;

use super::datasets::columns;
use super::model::{Database, DatabaseRelation, Secret, SourceLimits, System};
use super::quantity::{parse_duration, parse_rows};
use super::raw::{RawDatabase, RawLimits, RawSqlite};
use super::source::Source;
use super::words::redact;
use super::yaml::{Given, Quantity, Text};
use crate::error::{Error, ErrorKind, Result};

/// The schemes of URLs, by the kind of database.
pub(super) const SCHEMES: [(&str, System); 5] = [
    ("postgres", System::Postgres),
    ("postgresql", System::Postgres),
    ("mysql", System::Mysql),
    ("mariadb", System::Mysql),
    ("sqlite", System::Sqlite),
];

/// The kind of database that a URL names.
pub(super) fn system_of(url: &str) -> Option<System> {
    let (scheme, _) = url.split_once("://")?;
    SCHEMES.iter().find(|(known, _)| scheme.eq_ignore_ascii_case(known)).map(|(_, system)| *system)
}

/// A URL, taken apart: what it connects to, and the `table=` and `query=` that `tieout diff` puts behind it.
#[derive(Debug)]
pub(super) struct Parts {
    pub location: Secret,
    pub table: Option<String>,
    pub query: Option<String>,
}

/// The parts of a server's URL.
pub(super) fn parts(value: &str, system: System) -> Result<Parts> {
    let example = match system {
        System::Mysql => "mysql://user:password@host:3306/database",
        _ => "postgres://user:password@host:5432/database",
    };
    let wrong = |what: &str| {
        Error::new(
            ErrorKind::Config,
            format!("`{}` is not the URL of a {} database: {what}", redact(value), system.as_str()),
        )
        .hint(format!("write {example}; what is special in a user name or password is written as %XX"))
    };
    if system_of(value) != Some(system) {
        return Err(wrong("its scheme is another one"));
    }
    let mut url = Url::parse(value).map_err(|error| wrong(&error.to_string()))?;
    if url.path().trim_matches('/').is_empty() {
        return Err(wrong("it names no database"));
    }
    if url.fragment().is_some() {
        return Err(wrong("a `#` in it is written as %23"));
    }
    let (mut table, mut query, mut kept) = (None, None, Vec::new());
    for (written, name, value) in pairs(url.query().unwrap_or_default()) {
        let value = || value.ok_or_else(|| wrong("a `%` in it is written as %25"));
        match name {
            "table" => table = Some(value()?),
            "query" => query = Some(value()?),
            _ => kept.push(written),
        }
    }
    let kept = (!kept.is_empty()).then(|| kept.join("&"));
    url.set_query(kept.as_deref());
    Ok(Parts { location: Secret::new(url.as_str()), table, query })
}

/// The parts of `sqlite:///app.db?table=orders`: three slashes begin a relative path, four an absolute one.
pub(super) fn sqlite_parts(value: &str, base: &Path) -> Result<Parts> {
    let wrong = |what: &str| {
        Error::new(ErrorKind::Usage, format!("`{}` is not the URL of a SQLite file: {what}", redact(value))).hint(
            "write sqlite:///app.db?table=orders; an absolute path begins with four slashes: sqlite:////data/app.db",
        )
    };
    let rest = value.split_once("://").map_or("", |(_, rest)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix('/').ok_or_else(|| wrong("there are two slashes before the path"))?;
    let path = percent_decoded(path).filter(|path| !path.is_empty()).ok_or_else(|| wrong("it names no file"))?;
    let (mut table, mut statement) = (None, None);
    for (_, name, value) in pairs(query) {
        let value = || value.ok_or_else(|| wrong("a `%` in it is written as %25"));
        match name {
            "table" => table = Some(value()?),
            "query" => statement = Some(value()?),
            other => return Err(wrong(&format!("it has no parameter `{other}`"))),
        }
    }
    Ok(Parts { location: Secret::new(base.join(path).to_string_lossy()), table, query: statement })
}

/// The parameters behind the `?` of a URL: each as it is written, its name, and its value, unless that cannot be decoded. A `+`
/// is one, as servers read it: in SQL it adds.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str, Option<String>)> {
    query.split('&').filter(|written| !written.is_empty()).map(|written| {
        let (name, value) = written.split_once('=').unwrap_or((written, ""));
        (written, name, percent_decoded(value))
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                out.push(u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok()?);
                at += 3;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// The parts of a name: `sales.orders`; a part in double quotes or backticks may hold a dot.
pub(super) fn table_name(text: &str) -> Result<Vec<String>> {
    let wrong = || {
        Error::new(ErrorKind::Config, format!("`{text}` is not the name of a table"))
            .hint("write schema.table; a part that holds a dot stands in double quotes: \"my.schema\".orders")
    };
    let (mut parts, mut rest) = (Vec::new(), text.trim());
    loop {
        let part = match rest.chars().next() {
            Some(quote @ ('"' | '`')) => {
                let (mut part, mut inside) = (String::new(), &rest[1..]);
                loop {
                    let end = inside.find(quote).ok_or_else(wrong)?;
                    part.push_str(&inside[..end]);
                    inside = &inside[end + 1..];
                    match inside.strip_prefix(quote) {
                        Some(after) => {
                            part.push(quote);
                            inside = after;
                        }
                        None => break,
                    }
                }
                rest = inside;
                part
            }
            _ => {
                let end = rest.find('.').unwrap_or(rest.len());
                let part = rest[..end].to_string();
                rest = &rest[end..];
                part
            }
        };
        if part.is_empty() {
            return Err(wrong());
        }
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => break,
            None => return Err(wrong()),
        }
    }
    match parts.len() {
        1..=3 => Ok(parts),
        _ => Err(wrong()),
    }
}

/// What a dataset of a server reads.
pub(super) fn server(source: &Source, name: &Text, system: System, raw: &RawDatabase) -> Result<Database> {
    let Some(url) = &raw.url.0 else {
        return Err(source
            .error(name, "the dataset has no `url`")
            .hint("add url: \"${ERP_URL}\", and set the variable"));
    };
    source.filled(url, "url")?;
    let parts = source.parsed(url, |value| parts(value, system))?;
    let relation = relation(source, name, &parts, &raw.table, &raw.query)?;
    let text = columns(source, &raw.columns)?;
    Ok(Database { system, location: parts.location, relation, text, limits: limits(source, &raw.limits)? })
}

/// What a dataset of a SQLite file reads.
pub(super) fn sqlite(source: &Source, base: &Path, name: &Text, raw: &RawSqlite) -> Result<Database> {
    let Some(path) = &raw.path.0 else {
        return Err(source.error(name, "the dataset has no `path`").hint("add path: app.db"));
    };
    let value = source.filled(path, "path")?;
    let location = Secret::new(base.join(value.strip_prefix("./").unwrap_or(&value)).to_string_lossy());
    let parts = Parts { location, table: None, query: None };
    let relation = relation(source, name, &parts, &raw.table, &raw.query)?;
    let text = columns(source, &raw.columns)?;
    Ok(Database { system: System::Sqlite, location: parts.location, relation, text, limits: SourceLimits::default() })
}

/// A table or a query: one of both, in the options or in the URL.
pub(super) fn relation(
    source: &Source,
    name: &Text,
    parts: &Parts,
    table: &Given<Text>,
    query: &Given<Text>,
) -> Result<DatabaseRelation> {
    let tables = source.optional(table, "table")?.or_else(|| parts.table.clone());
    let place = table.0.as_ref().or(query.0.as_ref()).unwrap_or(name);
    let query = query.0.as_ref().map(|text| source.fragment(text, "query")).transpose()?;
    let query = query.map(|fragment| fragment.sql).or_else(|| parts.query.clone());
    match (tables, query) {
        (Some(table), None) => {
            let parse = || table_name(&table);
            Ok(DatabaseRelation::Table(parse().map_err(|error| match source.at(place) {
                Some(location) => error.at(location),
                None => error,
            })?))
        }
        (None, Some(query)) => {
            let query = without_end(&query).trim().to_string();
            match query.is_empty() {
                true => Err(source.error(place, "query is empty").hint("write SELECT ..., or name a table")),
                false => Ok(DatabaseRelation::Query(query)),
            }
        }
        (None, None) => Err(source
            .error(name, "the dataset names neither a table nor a query")
            .hint("add table: sales.orders, or query: SELECT ...")),
        (Some(_), Some(_)) => {
            Err(source.error(place, "the dataset names both a table and a query").hint("keep one of them"))
        }
    }
}

/// A statement without the semicolon that ends it, and what comments stand behind that.
fn without_end(sql: &str) -> &str {
    // What is quoted or a comment is so in every dialect; what cannot be told apart is left to the server.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location() else { return sql };
    let end = tokens.iter().rev().map_while(|token| match token.token {
        Token::SemiColon => Some(Some(token.span.start)),
        Token::Whitespace(_) | Token::EOF => Some(None),
        _ => None,
    });
    let Some(end) = end.flatten().last() else { return sql };
    let lines = sql.split_inclusive('\n').take(end.line.saturating_sub(1) as usize);
    let before: usize = lines.map(str::len).sum();
    let column = end.column.saturating_sub(1) as usize;
    let offset = sql[before..].char_indices().nth(column).map_or(sql.len(), |(at, _)| before + at);
    &sql[..offset]
}

/// The limits of a source, each checked.
pub(super) fn limits(source: &Source, raw: &Given<RawLimits>) -> Result<SourceLimits> {
    let mut limits = SourceLimits::default();
    let Some(raw) = &raw.0 else { return Ok(limits) };
    let positive = |given: &Given<Quantity>, what: &str| -> Result<Option<u64>> {
        let Some(Quantity(text)) = &given.0 else { return Ok(None) };
        let rows = source.parsed(text, parse_rows)?;
        match rows {
            0 => Err(source.error(text, format!("{what} is 0")).hint("write 1 or more, or remove the key")),
            rows => Ok(Some(rows)),
        }
    };
    let duration = |given: &Given<Text>| -> Result<Option<Duration>> {
        given.0.as_ref().map(|text| source.parsed(text, parse_duration)).transpose()
    };
    if let Some(connections) = positive(&raw.connections, "connections")? {
        limits.connections = usize::try_from(connections).unwrap_or(usize::MAX).min(64);
    }
    limits.rows_per_second = positive(&raw.rows_per_second, "rows_per_second")?;
    if let Some(timeout) = duration(&raw.statement_timeout)? {
        limits.statement_timeout = timeout.max(Duration::from_millis(1));
    }
    limits.pause_when_lag = duration(&raw.pause_when_lag)?;
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("orders", &["orders"])]
    #[case("sales.orders", &["sales", "orders"])]
    #[case("Sales.Order Lines", &["Sales", "Order Lines"])]
    #[case("\"a.b\".\"c\"\"d\"", &["a.b", "c\"d"])]
    #[case("`a.b`.c", &["a.b", "c"])]
    fn names_of_tables(#[case] text: &str, #[case] parts: &[&str]) {
        assert_eq!(table_name(text).unwrap(), parts);
    }

    #[rstest]
    #[case("")]
    #[case("a.")]
    #[case(".a")]
    #[case("\"a")]
    #[case("\"a\"b")]
    #[case("a.b.c.d")]
    fn no_names(#[case] text: &str) {
        assert!(table_name(text).is_err(), "{text}");
    }

    #[test]
    fn a_url_keeps_what_the_server_needs() {
        let url = "postgres://me:p%40ss@db:5433/erp?sslmode=require&table=sales.%22Odd%20one%22";
        let parts = parts(url, System::Postgres).unwrap();
        assert_eq!(parts.location.expose(), "postgres://me:p%40ss@db:5433/erp?sslmode=require");
        assert_eq!(parts.table.as_deref(), Some("sales.\"Odd one\""));
        assert!(!format!("{parts:?}").contains("p%40ss"));
    }

    #[rstest]
    #[case("mysql://me:secret@db/x", System::Postgres)]
    #[case("postgres://me:secret@db", System::Postgres)]
    #[case("postgres://me:secret@db:port/x", System::Postgres)]
    fn wrong_urls_keep_their_secret(#[case] url: &str, #[case] system: System) {
        let error = parts(url, system).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[rstest]
    #[case("sqlite:///app.db?table=orders", "/base/app.db")]
    #[case("sqlite:////data/a%20b.db?table=t", "/data/a b.db")]
    fn sqlite_files(#[case] url: &str, #[case] path: &str) {
        assert_eq!(sqlite_parts(url, Path::new("/base")).unwrap().location.expose(), path);
    }

    #[test]
    fn parameters_are_what_they_say() {
        let url = "postgres://me@db/erp?options=-c%20search_path%3Da+b&query=SELECT%201+1";
        let parts = parts(url, System::Postgres).unwrap();
        assert_eq!(parts.location.expose(), "postgres://me@db/erp?options=-c%20search_path%3Da+b");
        assert_eq!(parts.query.as_deref(), Some("SELECT 1+1"));
    }

    #[rstest]
    #[case("postgres://me@db/erp?table=a#b", "a `#` in it is written as %23")]
    #[case("postgres://me@db/erp?query=SELECT%201%2", "a `%` in it is written as %25")]
    fn what_would_be_cut_off(#[case] url: &str, #[case] what: &str) {
        let error = parts(url, System::Postgres).unwrap_err();
        assert!(error.message().ends_with(what), "{error}");
    }

    #[rstest]
    #[case("SELECT 1", "SELECT 1")]
    #[case("SELECT 1;", "SELECT 1")]
    #[case("SELECT 1\n; -- one;\n;", "SELECT 1\n")]
    #[case("SELECT ';' -- one;", "SELECT ';' -- one;")]
    #[case("SELECT é, /* ; */ 'é' ; /* all */", "SELECT é, /* ; */ 'é' ")]
    #[case("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2")]
    #[case("SELECT 'open;", "SELECT 'open;")]
    fn statements_lose_their_end(#[case] sql: &str, #[case] without: &str) {
        assert_eq!(without_end(sql), without);
    }

    #[test]
    fn limits_are_shared() {
        let a = SourceLimits { connections: 2, rows_per_second: Some(10), ..SourceLimits::default() };
        let b =
            SourceLimits { connections: 3, pause_when_lag: Some(Duration::from_secs(1)), ..SourceLimits::default() };
        let both = a.strictest(b);
        assert_eq!(
            (both.connections, both.rows_per_second, both.pause_when_lag),
            (2, Some(10), Some(Duration::from_secs(1)))
        );
    }
}
