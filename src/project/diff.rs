//! Datasets of `tieout diff`: no project, only a path and some options. The ending of the path tells the connector.

use std::path::{Path, PathBuf};

use super::database::{self, system_of};
use super::datasets::{absolute, columns, csv, ndjson, typed_files};
use super::model::{Connector, Database, Dataset, System};
use super::raw::{RawCsv, RawFiles, RawLimits, RawNdjson};
use super::source::Source;
use super::words::{did_you_mean, redact};
use super::yaml::{Entries, Flag, Given, Listed, OneOrMany, Quantity, Text};
use crate::error::{Error, ErrorKind, Result};

const FORMATS: [(&str, Format); 8] = [
    ("parquet", Format::Parquet),
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("ndjson", Format::Ndjson),
    ("arrow", Format::Arrow),
    ("jsonl", Format::Ndjson),
    ("json", Format::Ndjson),
    ("ipc", Format::Arrow),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Format {
    Parquet,
    Csv,
    Tsv,
    Ndjson,
    Arrow,
}

/// The dataset behind a path, glob, folder or URL. Options are those of the project file, flattened: `delimiter=;`,
/// `columns.amount=decimal(12,2)`; `format=csv` stands in for a missing ending.
pub fn dataset_from_path(name: &str, path: &str, options: &[(String, String)], base: &Path) -> Result<Dataset> {
    let named = |error: Error| error.context("dataset", redact(path));
    let connector = connector(path, options, base).map_err(named)?;
    Ok(Dataset { name: name.to_string(), connector, location: None })
}

fn connector(path: &str, options: &[(String, String)], base: &Path) -> Result<Connector> {
    if let Some(system) = system_of(path) {
        return database(path, system, options, base);
    }
    if path.trim().is_empty() {
        return Err(Error::new(ErrorKind::Usage, "a path is empty").hint("give two paths: tieout diff SOURCE TARGET"));
    }
    let full = absolute(path, base)?;
    let format = match options.iter().rev().find(|(name, _)| name == "format") {
        Some((_, format)) => format_named(format)?,
        None => format_of(&full)?,
    };
    let (source, given, name) = (Source::command_line(), Given(Some(Text::placeless(path))), Text::placeless(path));
    let options = Options::new(format, options)?;
    match format {
        Format::Parquet => Ok(Connector::Parquet(typed_files(
            &source,
            base,
            &name,
            &RawFiles { path: given, sorted_by: options.list("sorted_by") },
        )?)),
        Format::Arrow => Ok(Connector::Arrow(typed_files(
            &source,
            base,
            &name,
            &RawFiles { path: given, sorted_by: options.list("sorted_by") },
        )?)),
        Format::Ndjson => {
            let (columns, compression) = (options.columns(), options.text("compression"));
            let sorted_by = options.list("sorted_by");
            ndjson(&source, base, &name, &RawNdjson { path: given, columns, compression, sorted_by })
        }
        Format::Csv | Format::Tsv => {
            let raw = RawCsv {
                path: given,
                delimiter: Given(options.text("delimiter").0.map(Quantity)),
                quote: options.text("quote"),
                header: options.flag("header")?,
                encoding: options.text("encoding"),
                columns: options.columns(),
                null: options.list("null"),
                compression: options.text("compression"),
                sorted_by: options.list("sorted_by"),
            };
            csv(&source, base, &name, &raw, if format == Format::Tsv { b'\t' } else { b',' })
        }
    }
}

/// A table or a query of a database, named in its URL.
fn database(url: &str, system: System, options: &[(String, String)], base: &Path) -> Result<Connector> {
    let server = system != System::Sqlite;
    let known: &[&str] = match server {
        true => &["table", "query", "columns", "limits"],
        false => &["table", "query", "columns"],
    };
    let options = Options::of(system.as_str(), known, options)?;
    let (source, name) = (Source::command_line(), Text::placeless(redact(url)));
    let parts = match server {
        true => database::parts(url, system)?,
        false => database::sqlite_parts(url, base)?,
    };
    let quantity = |name: &str| Given(options.text(name).0.map(Quantity));
    let limits = RawLimits {
        connections: quantity("limits.connections"),
        rows_per_second: quantity("limits.rows_per_second"),
        statement_timeout: options.text("limits.statement_timeout"),
        pause_when_lag: options.text("limits.pause_when_lag"),
    };
    let relation = database::relation(&source, &name, &parts, &options.text("table"), &options.text("query"))
        .map_err(|error| error.hint("name a table behind the URL: ?table=sales.orders"))?;
    Ok(Connector::Database(Database {
        system,
        location: parts.location,
        relation,
        text: columns(&source, &options.columns())?,
        limits: database::limits(&source, &Given(Some(limits)))?,
    }))
}

fn format_named(name: &str) -> Result<Format> {
    let found = FORMATS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, format)| *format).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("unknown format `{name}`")).hint(did_you_mean(
            name,
            FORMATS[..5].iter().map(|(name, _)| *name),
            "formats",
        ))
    })
}

fn format_of(full: &str) -> Result<Format> {
    let is_url = full.contains("://");
    // The query string of a signed URL has endings of its own.
    let path = if is_url { full.split(['?', '#']).next().unwrap_or(full) } else { full };
    if let Some(format) = format_of_name(path) {
        return Ok(format);
    }
    let local = Path::new(path);
    if !is_url && local.is_dir() {
        return first_data_file(local)?.and_then(|file| format_of_name(&file.to_string_lossy())).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("the folder {full} holds no file of a known ending"))
                .hint("name the format: --option format=csv")
        });
    }
    if !is_url && !local.exists() && !path.contains(['*', '?', '[']) {
        return Err(
            Error::new(ErrorKind::NotFound, format!("there is no file or folder {full}")).hint("check the path")
        );
    }
    Err(Error::new(ErrorKind::Usage, format!("the format of {} cannot be told from its name", redact(full)))
        .hint("name the format: --option format=csv"))
}

/// By the ending, past that of a compression.
fn format_of_name(path: &str) -> Option<Format> {
    let name = path.rsplit('/').next()?.to_lowercase();
    let (name, compressed) = match name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")) {
        Some(name) => (name, true),
        None => (name.as_str(), false),
    };
    match name.rsplit_once('.')?.1 {
        "parquet" | "pq" if !compressed => Some(Format::Parquet),
        "arrow" | "ipc" | "feather" if !compressed => Some(Format::Arrow),
        "csv" => Some(Format::Csv),
        "tsv" => Some(Format::Tsv),
        "ndjson" | "jsonl" | "json" => Some(Format::Ndjson),
        _ => None,
    }
}

/// The first file of a known ending, folder by folder in the order of names; `_SUCCESS`, `.crc` and the like are passed over.
fn first_data_file(folder: &Path) -> Result<Option<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::PermissionDenied => ErrorKind::Permission,
            _ => ErrorKind::Data,
        };
        Error::new(kind, format!("the folder {} cannot be read", folder.display())).source(error)
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['_', '.'])));
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    if let Some(file) = files.into_iter().find(|file| format_of_name(&file.to_string_lossy()).is_some()) {
        return Ok(Some(file));
    }
    for folder in folders {
        if let Some(file) = first_data_file(&folder)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Options of the command line, each checked to be one that the format has.
struct Options<'a>(&'a [(String, String)]);

impl<'a> Options<'a> {
    fn new(format: Format, options: &'a [(String, String)]) -> Result<Self> {
        let known: &[&str] = match format {
            Format::Parquet | Format::Arrow => &["format", "sorted_by"],
            Format::Ndjson => &["format", "columns", "compression", "sorted_by"],
            Format::Csv | Format::Tsv => {
                &["format", "delimiter", "quote", "header", "encoding", "columns", "null", "compression", "sorted_by"]
            }
        };
        Self::of(&format!("{format:?}").to_lowercase(), known, options)
    }

    /// `what` has the options `known`; those of a group are written with a dot: `columns.amount`.
    fn of(what: &str, known: &[&str], options: &'a [(String, String)]) -> Result<Self> {
        const LIMITS: [&str; 4] = ["connections", "rows_per_second", "statement_timeout", "pause_when_lag"];
        for (name, value) in options {
            let (word, inside) =
                name.split_once('.').map_or((name.as_str(), None), |(word, inside)| (word, Some(inside)));
            if !known.contains(&word) {
                return Err(Error::new(ErrorKind::Usage, format!("{what} has no option `{name}`")).hint(did_you_mean(
                    word,
                    known.iter().copied(),
                    "its options",
                )));
            }
            if word == "limits" {
                match inside {
                    Some(limit) if LIMITS.contains(&limit) => continue,
                    limit => {
                        return Err(Error::new(
                            ErrorKind::Usage,
                            format!("{what} has no limit `{}`", limit.unwrap_or("")),
                        )
                        .hint(did_you_mean(
                            limit.unwrap_or(""),
                            LIMITS.into_iter(),
                            "its limits",
                        )));
                    }
                }
            }
            if (word == "columns") != name.contains('.') {
                return Err(Error::new(ErrorKind::Usage, format!("the option `{name}={value}` is not complete"))
                    .hint("types are declared one by one: columns.amount=decimal(12,2)"));
            }
        }
        Ok(Self(options))
    }

    /// The last one counts, as with other flags.
    fn text(&self, name: &str) -> Given<Text> {
        Given(self.0.iter().rev().find(|(given, _)| given == name).map(|(_, value)| Text::placeless(value)))
    }

    fn flag(&self, name: &str) -> Result<Given<Flag>> {
        let Some(text) = self.text(name).0 else { return Ok(Given(None)) };
        let value = text.raw().parse::<bool>().map_err(|_| {
            Error::new(ErrorKind::Usage, format!("`{name}={}` is neither true nor false", text.raw()))
                .hint(format!("write {name}=false"))
        })?;
        let place = text.place();
        Ok(Given(Some(Flag(serde_saphyr::Spanned::new(value, place, place)))))
    }

    /// A list repeats its option.
    fn list(&self, name: &str) -> Given<OneOrMany<Quantity>> {
        let values =
            self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| Quantity(Text::placeless(value)));
        let values: Vec<Quantity> = values.collect();
        let place = serde_saphyr::Location::UNKNOWN;
        Given((!values.is_empty()).then(|| OneOrMany(serde_saphyr::Spanned::new(Listed::Many(values), place, place))))
    }

    fn columns(&self) -> Entries<Text> {
        let columns = self.0.iter().filter_map(|(name, value)| {
            let column = name.strip_prefix("columns.")?;
            Some((Text::placeless(column), Text::placeless(value)))
        });
        Entries(columns.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn kind(connector: &Connector) -> String {
        match connector {
            Connector::Parquet(files) => format!("parquet {}", files.path),
            Connector::Csv(files, csv) => format!("csv{} {}", char::from(csv.delimiter).escape_default(), files.path),
            Connector::Ndjson(files, _) => format!("ndjson {}", files.path),
            Connector::Arrow(files) => format!("arrow {}", files.path),
            Connector::Database(database) => {
                format!("{} {} {:?}", database.system.as_str(), database.location.expose(), database.relation)
            }
            Connector::Sql(sql) => sql.sql.clone(),
        }
    }

    fn options(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[rstest]
    #[case("a.parquet", &[], "parquet /base/a.parquet")]
    #[case("./a.pq", &[], "parquet /base/a.pq")]
    #[case("/x/a.CSV", &[], "csv, /x/a.CSV")]
    #[case("a.tsv.gz", &[], "csv\\t /base/a.tsv.gz")]
    #[case("a.csv.zst", &[("delimiter", ";")], "csv; /base/a.csv.zst")]
    #[case("data/*.jsonl", &[], "ndjson /base/data/*.jsonl")]
    #[case("a.feather", &[], "arrow /base/a.feather")]
    #[case("s3://b/p/", &[("format", "parquet")], "parquet s3://b/p/")]
    #[case("https://h/a.csv?sig=x.parquet", &[], "csv, https://h/a.csv?sig=x.parquet")]
    #[case("file:///x/a.csv", &[], "csv, /x/a.csv")]
    #[case("a.dat", &[("format", "tsv")], "csv\\t /base/a.dat")]
    #[case("postgres://u@h/db?table=s.o", &[], "postgres postgres://u@h/db Table([\"s\", \"o\"])")]
    #[case("sqlite:///a.db", &[("query", "SELECT 1;")], "sqlite /base/a.db Query(\"SELECT 1\")")]
    fn connectors(#[case] path: &str, #[case] given: &[(&str, &str)], #[case] expected: &str) {
        let dataset = dataset_from_path("source", path, &options(given), Path::new("/base")).unwrap();
        assert_eq!(kind(&dataset.connector), expected);
    }

    #[rstest]
    #[case("s3://b/p/", &[], "the format of s3://b/p/ cannot be told from its name", "name the format: --option format=csv")]
    #[case("nowhere", &[], "there is no file or folder /base/nowhere", "check the path")]
    #[case("a.csv", &[("delimter", ";")], "csv has no option `delimter`", "did you mean `delimiter`?")]
    #[case("a.parquet", &[("delimiter", ";")], "parquet has no option `delimiter`", "its options are `format`, `sorted_by`")]
    #[case("a.csv", &[("delimiter", ";;")], "the delimiter `;;` is not one ASCII character", "write one character, such as delimiter: \";\", or tab")]
    #[case("a.csv", &[("header", "no")], "`header=no` is neither true nor false", "write header=false")]
    #[case("a.csv", &[("format", "cvs")], "unknown format `cvs`", "did you mean `csv`?")]
    #[case("a.csv", &[("columns", "x")], "the option `columns=x` is not complete", "types are declared one by one: columns.amount=decimal(12,2)")]
    #[case("a.csv", &[("columns.x", "integr")], "unknown type `integr`", "did you mean `integer`?")]
    #[case("postgres://me:pw@db/x", &[], "the dataset names neither a table nor a query", "add table: sales.orders, or query: SELECT ...")]
    #[case("mysql://me:pw@db/x?table=t", &[("limits.conections", "2")], "mysql has no limit `conections`", "did you mean `connections`?")]
    #[case("sqlite:///a.db?table=t", &[("limits.connections", "2")], "sqlite has no option `limits.connections`", "its options are `table`, `query`, `columns`")]
    fn refused(#[case] path: &str, #[case] given: &[(&str, &str)], #[case] message: &str, #[case] hint: &str) {
        let error = dataset_from_path("source", path, &options(given), Path::new("/base")).unwrap_err();
        assert_eq!((error.message(), error.hint_text()), (message, Some(hint)));
        assert!(!error.to_string().contains("pw"));
    }

    #[test]
    fn all_csv_options() {
        let given = options(&[
            ("header", "false"),
            ("quote", "'"),
            ("null", "NA"),
            ("null", "-"),
            ("columns.a.b", "decimal(12,2)"),
            ("compression", "gzip"),
            ("encoding", "UTF-8"),
        ]);
        let dataset = dataset_from_path("source", "a.csv", &given, Path::new("/base")).unwrap();
        let Connector::Csv(files, csv) = dataset.connector else { panic!("not a CSV dataset") };
        assert_eq!(files.compression, super::super::model::Compression::Gzip);
        assert_eq!((csv.header, csv.quote, csv.null), (false, b'\'', vec!["NA".to_string(), "-".to_string()]));
        assert_eq!(csv.text.columns["a.b"].to_string(), "Decimal128(12, 2)");
    }

    #[test]
    fn a_folder_is_known_by_its_first_data_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("day=1")).unwrap();
        for name in ["_SUCCESS.csv", ".a.csv", "readme.txt", "day=1/a.parquet"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let dataset = dataset_from_path("source", ".", &[], dir.path()).unwrap();
        assert!(matches!(dataset.connector, Connector::Parquet(_)));
    }
}
