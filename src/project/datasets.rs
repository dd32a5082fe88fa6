//! Datasets: from what is written to a [`Connector`] with all its options.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::database;
use super::model::{Compression, Connector, CsvOptions, Dataset, Files, Secret, SourceLimits, System, TextOptions};
use super::raw::{RawCsv, RawDataset, RawFiles, RawNdjson};
use super::source::Source;
use super::sql;
use super::types::parse_type;
use super::words::redact;
use super::yaml::{Entries, Given, OneOrMany, PathOr, Quantity, Short, Text};
use crate::error::{Error, ErrorKind, Result};

/// What object_store opens.
const SCHEMES: [&str; 11] = ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "http", "https", "file"];

const COMPRESSIONS: [(&str, Compression); 5] = [
    ("gzip", Compression::Gzip),
    ("zstd", Compression::Zstd),
    ("none", Compression::None),
    ("gz", Compression::Gzip),
    ("zst", Compression::Zstd),
];

/// A dataset, and the tables that it reads if it is a view.
pub(crate) struct Resolved {
    pub dataset: Dataset,
    pub reads: Vec<sql::TableUse>,
}

/// All datasets of a project, in the order of the file.
pub(crate) fn resolve(
    source: &Source,
    base: &Path,
    raw: Entries<RawDataset>,
    params: &[String],
) -> Result<Vec<Resolved>> {
    let mut datasets = Vec::new();
    let mut seen: HashMap<String, String> = HashMap::new();
    for (name, raw) in raw.0 {
        check_name(source, &name)?;
        // SQL does not tell `Orders` from `orders`.
        if let Some(first) = seen.insert(name.raw().to_lowercase(), name.raw().to_string()) {
            return Err(source
                .error(&name, format!("the dataset `{}` is named like `{first}`", name.raw()))
                .hint("upper and lower case are the same in SQL; rename one of the two"));
        }
        let (connector, reads) =
            connector(source, base, &name, raw, params).map_err(|error| error.context("dataset", name.raw()))?;
        let dataset = Dataset { name: name.raw().to_string(), connector, location: source.at(&name) };
        datasets.push(Resolved { dataset, reads });
    }
    share_limits(&mut datasets);
    Ok(datasets)
}

/// Datasets of one database are read over the same connections, so they share its limits.
fn share_limits(datasets: &mut [Resolved]) {
    let mut strictest: HashMap<Secret, SourceLimits> = HashMap::new();
    let databases = |resolved: &Resolved| match &resolved.dataset.connector {
        Connector::Database(database) => Some((database.location.clone(), database.limits)),
        _ => None,
    };
    for (location, limits) in datasets.iter().filter_map(databases) {
        let shared = strictest.entry(location).or_insert(limits);
        *shared = shared.strictest(limits);
    }
    for resolved in datasets {
        if let Connector::Database(database) = &mut resolved.dataset.connector {
            database.limits = strictest[&database.location];
        }
    }
}

/// A name can be written in SQL as `schema.table`; three parts are the most that SQL knows.
fn check_name(source: &Source, name: &Text) -> Result<()> {
    let parts: Vec<&str> = name.raw().split('.').collect();
    let fits = parts.len() <= 3 && parts.iter().all(|part| !part.is_empty() && part.trim() == *part);
    match fits && !name.raw().contains(['"', '\n', '$']) {
        true => Ok(()),
        false => Err(source
            .error(name, format!("`{}` cannot be the name of a dataset", name.raw()))
            .hint("write a name such as orders, or erp.orders")),
    }
}

fn connector(
    source: &Source,
    base: &Path,
    name: &Text,
    raw: RawDataset,
    params: &[String],
) -> Result<(Connector, Vec<sql::TableUse>)> {
    let RawDataset { parquet, csv: delimited, ndjson: lines, arrow, sql: view, postgres, mysql, sqlite } = raw;
    let given = [
        parquet.0.is_some(),
        delimited.0.is_some(),
        lines.0.is_some(),
        arrow.0.is_some(),
        view.0.is_some(),
        postgres.0.is_some(),
        mysql.0.is_some(),
        sqlite.0.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(source.error(name, "the dataset has more than one connector").hint("keep one of them"));
    }
    let mut reads = Vec::new();
    let connector = if let Some(short) = parquet.0 {
        let raw = options(short, |path| RawFiles { path, ..RawFiles::default() });
        Connector::Parquet(typed_files(source, base, name, &raw)?)
    } else if let Some(short) = delimited.0 {
        csv(source, base, name, &options(short, |path| RawCsv { path, ..RawCsv::default() }), b',')?
    } else if let Some(short) = lines.0 {
        ndjson(source, base, name, &options(short, |path| RawNdjson { path, ..RawNdjson::default() }))?
    } else if let Some(short) = arrow.0 {
        let raw = options(short, |path| RawFiles { path, ..RawFiles::default() });
        Connector::Arrow(typed_files(source, base, name, &raw)?)
    } else if let Some(raw) = postgres.0 {
        Connector::Database(database::server(source, name, System::Postgres, &raw)?)
    } else if let Some(raw) = mysql.0 {
        Connector::Database(database::server(source, name, System::Mysql, &raw)?)
    } else if let Some(raw) = sqlite.0 {
        Connector::Database(database::sqlite(source, base, name, &raw)?)
    } else if let Some(text) = view.0 {
        let fragment = source.fragment(&text, "sql")?;
        let locate = |line, column| source.inside_sql(&text, line, column);
        reads = sql::check_query(&fragment.sql, params, &locate)?;
        Connector::Sql(fragment)
    } else {
        return Err(source.error(name, "the dataset has no connector").hint(format!(
            "give it one of parquet, csv, ndjson, arrow, postgres, mysql, sqlite, sql: {}: {{parquet: data/orders/}}",
            name.raw()
        )));
    };
    Ok((connector, reads))
}

fn options<T>(short: Short<T>, with_path: impl FnOnce(Given<Text>) -> T) -> T {
    match short.0.value {
        PathOr::Options(options) => options,
        PathOr::Path(path) => {
            let place = short.0.defined;
            with_path(Given(Some(Text(serde_saphyr::Spanned::new(path, place, place)))))
        }
    }
}

/// Parquet and Arrow compress inside the file.
pub(super) fn typed_files(source: &Source, base: &Path, name: &Text, raw: &RawFiles) -> Result<Files> {
    let sorted_by = sorted_by(source, &raw.sorted_by)?;
    Ok(Files { path: path(source, base, name, &raw.path)?, compression: Compression::None, sorted_by })
}

pub(super) fn csv(source: &Source, base: &Path, name: &Text, raw: &RawCsv, delimiter: u8) -> Result<Connector> {
    if let Some(encoding) = &raw.encoding.0 {
        let utf8 = ["utf-8", "utf8", "utf-8-sig"].iter().any(|known| encoding.raw().trim().eq_ignore_ascii_case(known));
        if !utf8 {
            return Err(source
                .error(encoding, format!("the encoding `{}` is not supported", encoding.raw()))
                .hint("only utf-8 is; convert the file, e.g. with iconv -f latin1 -t utf-8"));
        }
    }
    let delimiter = match &raw.delimiter.0 {
        Some(text) => byte(source, &text.0, "delimiter")?,
        None => delimiter,
    };
    let quote = match &raw.quote.0 {
        Some(text) => byte(source, text, "quote")?,
        None => b'"',
    };
    if delimiter == quote {
        let text = raw.quote.0.as_ref().or(raw.delimiter.0.as_ref().map(|text| &text.0)).unwrap_or(name);
        return Err(source.error(text, "delimiter and quote are the same character").hint("change one of the two"));
    }
    let null = match &raw.null.0 {
        Some(list) => source.texts(list, "null")?.iter().map(|text| source.value(text)).collect::<Result<_>>()?,
        None => Vec::new(),
    };
    let header = raw.header.0.as_ref().is_none_or(|flag| flag.0.value);
    let files = text_files(source, base, name, &raw.path, &raw.compression, &raw.sorted_by)?;
    Ok(Connector::Csv(files, CsvOptions { delimiter, quote, header, null, text: columns(source, &raw.columns)? }))
}

pub(super) fn ndjson(source: &Source, base: &Path, name: &Text, raw: &RawNdjson) -> Result<Connector> {
    let files = text_files(source, base, name, &raw.path, &raw.compression, &raw.sorted_by)?;
    Ok(Connector::Ndjson(files, columns(source, &raw.columns)?))
}

fn text_files(
    source: &Source,
    base: &Path,
    name: &Text,
    given: &Given<Text>,
    compression: &Given<Text>,
    order: &Given<OneOrMany<Quantity>>,
) -> Result<Files> {
    let compression = match &compression.0 {
        Some(text) => source.word(text, "compression", &COMPRESSIONS)?,
        None => Compression::ByEnding,
    };
    Ok(Files { path: path(source, base, name, given)?, compression, sorted_by: sorted_by(source, order)? })
}

fn sorted_by(source: &Source, given: &Given<OneOrMany<Quantity>>) -> Result<Vec<String>> {
    let Some(list) = &given.0 else { return Ok(Vec::new()) };
    source.texts(list, "sorted_by")?.iter().map(|text| source.value(text)).collect()
}

/// One byte, by itself or by name: YAML and shells make a tab hard to write.
fn byte(source: &Source, text: &Text, what: &str) -> Result<u8> {
    let value = source.value(text)?;
    match (value.as_str(), value.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err(source
            .error(text, format!("the {what} `{}` is not one ASCII character", text.raw()))
            .hint(format!("write one character, such as {what}: \";\", or tab"))),
    }
}

pub(super) fn columns(source: &Source, raw: &Entries<Text>) -> Result<TextOptions> {
    let typed = raw.0.iter().map(|(name, text)| {
        let data_type = source.parsed(text, parse_type).map_err(|error| error.context("column", name.raw()))?;
        Ok((name.raw().to_string(), data_type))
    });
    Ok(TextOptions { columns: typed.collect::<Result<BTreeMap<_, _>>>()? })
}

fn path(source: &Source, base: &Path, name: &Text, given: &Given<Text>) -> Result<String> {
    let Some(text) = &given.0 else {
        return Err(source
            .error(name, "the dataset has no `path`")
            .hint("add path: a file, a folder, a glob or a URL"));
    };
    source.filled(text, "path")?;
    source.parsed(text, |value| absolute(value, base))
}

/// A path under `base`, or a URL as it is.
pub(super) fn absolute(value: &str, base: &Path) -> Result<String> {
    let wrong = |message: String| {
        Error::new(ErrorKind::Config, message)
            .hint(format!("write a path, or a URL with one of {}", SCHEMES.join(", ")))
    };
    match value.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("file") => {
            let path = url::Url::parse(value).ok().and_then(|url| url.to_file_path().ok());
            let path = path.ok_or_else(|| wrong(format!("`{value}` is not a file URL with an absolute path")))?;
            Ok(path.to_string_lossy().into_owned())
        }
        Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) => {
            match SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
                true => Ok(value.to_string()),
                false => Err(wrong(format!("`{}` is a URL of a kind that this version does not read", redact(value)))),
            }
        }
        _ => Ok(base.join(value.strip_prefix("./").unwrap_or(value)).to_string_lossy().into_owned()),
    }
}
