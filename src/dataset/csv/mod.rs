//! CSV: every cell is text. One header a file, or none; the files of a dataset are merged by the names in their
//! headers.
//!
//! Empty cells are NULL, quoted or not. Blank lines are passed over. A file of zero bytes is an error where a header is
//! expected, and holds no rows where none is.

mod decoder;
mod edit;
mod lines;
mod tokenizer;
// Nothing reads this way yet.
mod twins;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::scan::{Batches, Format, FormatSource};
use super::schema::{self, FileSchema};
use super::source::SourceFile;
use super::table::{FilesTable, Parts};
use super::{TEXT_OF, declared};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Compression, CsvOptions};
use decoder::{Decoder, Layout};
pub(super) use edit::{Cells, RecordEdits};
use lines::Records;
use tokenizer::Dialect;
use twins::{Question, Twins};

const HEADERS_AT_ONCE: usize = 16;

#[derive(Debug)]
struct Csv {
    dialect: Dialect,
    header: bool,
    null: Arc<[String]>,
    compression: Compression,
}

/// What opening leaves to compare two datasets by their bytes.
#[derive(Debug)]
pub(super) struct CsvFiles {
    csv: Arc<Csv>,
    options: CsvOptions,
    files: Vec<SourceFile>,
    /// The columns of every file, if all have the same in the same order, and none comes from a path.
    columns: Option<Vec<String>>,
}

pub(super) async fn open(
    mut parts: Parts,
    options: &CsvOptions,
    compression: Compression,
) -> Result<(FilesTable, CsvFiles)> {
    let CsvOptions { delimiter, quote, header, null, text } = options;
    let dialect = Dialect { delimiter: *delimiter, quote: *quote };
    check(dialect)?;
    let csv = Arc::new(Csv { dialect, header: *header, null: null.clone().into(), compression });
    let files = parts.files();
    let headers: Vec<_> = files.iter().map(|file| csv.columns_of(file.clone())).collect();
    let headers: Vec<Vec<String>> = stream::iter(headers).buffered(HEADERS_AT_ONCE).try_collect().await?;
    let names: Vec<String> = files.iter().map(SourceFile::display).collect();
    let merged =
        if *header { by_name(&names, &headers, &mut parts)? } else { by_position(&names, &headers, &mut parts)? };
    let types = &text.columns;
    let partitions = std::mem::take(&mut parts.partitions.fields);
    declared::check(types, merged.iter().chain(partitions.iter().map(|field| field.name())))?;
    parts.partitions.fields = partitions.into_iter().map(|field| text_field(field.name(), types)).collect();
    let fields: Vec<Field> = merged.iter().map(|name| text_field(name, types)).collect();
    let table_schema = parts.table_schema(Schema::new(fields));
    let source = FormatSource::new(csv.clone(), Arc::clone(&parts.store), table_schema);
    let uniform = parts.partitions.fields.is_empty() && headers.iter().all(|columns| *columns == headers[0]);
    let columns = uniform.then(|| headers[0].clone());
    let files = CsvFiles { csv, options: options.clone(), files, columns };
    Ok((FilesTable::new(&parts, Arc::new(source), None), files))
}

impl CsvFiles {
    pub(super) fn options(&self) -> &CsvOptions {
        &self.options
    }

    /// Whether a line means the same in the files of both: then equal lines are equal rows. `columns`: those that are
    /// compared, as both sides name them.
    pub(super) fn speak_alike(&self, other: &CsvFiles, columns: &[(&str, &str)]) -> bool {
        self.options == other.options
            && self.columns.is_some()
            && self.columns == other.columns
            && columns.iter().all(|(mine, theirs)| mine == theirs)
    }

    /// The records of two files that have no twin in the other; None: read them the ordinary way.
    /// `key`: by name.
    pub(in crate::dataset) async fn twins(
        &self,
        file: usize,
        other: (&CsvFiles, usize),
        key: &[&str],
        schema: SchemaRef,
        limit: usize,
        batch_size: usize,
    ) -> Result<Option<Twins>> {
        let Some(columns) = &self.columns else { return Ok(None) };
        let place = |name: &&str| columns.iter().position(|column| column == name);
        let Some(key) = key.iter().map(place).collect::<Option<Vec<usize>>>() else { return Ok(None) };
        let question = Question {
            dialect: self.csv.dialect,
            header: self.csv.header,
            width: columns.len(),
            null: Arc::clone(&self.csv.null),
            key,
            schema,
            limit,
            batch_size,
        };
        let content = |files: &CsvFiles, file: usize| files.files[file].content(files.csv.compression);
        twins::twins(content(self, file), content(other.0, other.1), question).await
    }
}

fn check(dialect: Dialect) -> Result<()> {
    let Dialect { delimiter, quote } = dialect;
    let bad = |byte: u8| !byte.is_ascii() || matches!(byte, b'\n' | b'\r');
    if bad(delimiter) || bad(quote) || delimiter == quote {
        return Err(Error::new(ErrorKind::Config, "delimiter and quote must be two different ASCII characters"));
    }
    Ok(())
}

fn text_field(name: &str, types: &BTreeMap<String, DataType>) -> Field {
    let declared = types.get(name).map_or_else(String::new, |data_type| data_type.to_string());
    Field::new(name, DataType::Utf8, true).with_metadata([(TEXT_OF.to_string(), declared)].into())
}

/// The names of all files, in the order of the first one's header.
fn by_name(names: &[String], headers: &[Vec<String>], parts: &mut Parts) -> Result<Vec<String>> {
    let schemas: Vec<Schema> = headers.iter().map(|columns| text_schema(columns)).collect();
    let files: Vec<FileSchema<'_>> =
        names.iter().zip(&schemas).map(|(display, schema)| FileSchema { display, schema }).collect();
    let merged = schema::merge(&files)?;
    let partitions = std::mem::take(&mut parts.partitions);
    parts.partitions = partitions.without_columns_of(&merged, |name| schema::in_every_file(&files, name))?;
    Ok(merged.fields().iter().map(|field| field.name().clone()).collect())
}

/// Without headers, all files must have as many fields as the first that has any.
fn by_position(names: &[String], headers: &[Vec<String>], parts: &mut Parts) -> Result<Vec<String>> {
    let mut filled = names.iter().zip(headers).filter(|(_, columns)| !columns.is_empty());
    let Some((first, columns)) = filled.next() else {
        return Err(Error::new(ErrorKind::Data, format!("{} holds no record: its columns are unknown", names[0]))
            .hint("without a header, at least one file must have a line"));
    };
    if let Some((other, found)) = filled.find(|(_, found)| found.len() != columns.len()) {
        let (found, wanted) = (found.len(), columns.len());
        return Err(Error::new(
            ErrorKind::Data,
            format!("{other} has {found} fields a line, but {first} has {wanted}"),
        )
        .hint("without a header, all files of a dataset must have the same columns"));
    }
    let partitions = std::mem::take(&mut parts.partitions);
    parts.partitions = partitions.without_columns_of(&text_schema(columns), |_| true)?;
    Ok(columns.clone())
}

fn text_schema(columns: &[String]) -> Schema {
    Schema::new(columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect::<Vec<_>>())
}

impl Csv {
    async fn records(&self, file: &SourceFile) -> Result<Records> {
        Records::open(file.display(), file.content(self.compression), self.dialect).await
    }

    /// The header's names; without a header, `column_1` ... as many as the first record has fields.
    async fn columns_of(&self, file: SourceFile) -> Result<Vec<String>> {
        let mut records = self.records(&file).await?;
        self.columns(&mut records, &file.display()).await
    }

    async fn columns(&self, records: &mut Records, display: &str) -> Result<Vec<String>> {
        let Some((line, cells)) = first_record(records, self.dialect.quote).await? else {
            return if self.header { Err(no_header(display)) } else { Ok(Vec::new()) };
        };
        if !self.header {
            return Ok((1..=cells.len()).map(|n| format!("column_{n}")).collect());
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (n, name) in cells.iter().enumerate() {
            if name.is_empty() {
                return Err(records
                    .error(line, &format!("the header names no {}. column", n + 1))
                    .hint("give it a name, or set `header: false`"));
            }
            if let Some(before) = seen.insert(name, n) {
                let message = format!("the header has {name:?} twice, as the {}. and {}. column", before + 1, n + 1);
                return Err(records.error(line, &message).hint("rename one of them; columns are compared by name"));
            }
        }
        Ok(cells)
    }
}

fn no_header(display: &str) -> Error {
    Error::new(ErrorKind::Data, format!("{display} is empty: it has no header"))
        .hint("a table without rows still has a header; or set `header: false`")
}

/// The cells of the first record, which is consumed, and its line.
async fn first_record(records: &mut Records, quote: u8) -> Result<Option<(u64, Vec<String>)>> {
    loop {
        if let Some(record) = records.next_buffered()? {
            let doubled = String::from_utf8_lossy(&[quote, quote]).into_owned();
            let cell = |span: &tokenizer::Span| {
                let text = String::from_utf8_lossy(&record.buffer[span.start..span.end]).into_owned();
                if span.doubled { text.replace(&doubled, &doubled[..1]) } else { text }
            };
            return Ok(Some((record.line, record.spans.iter().map(cell).collect())));
        }
        if !records.fill().await? {
            return Ok(None);
        }
    }
}

#[async_trait]
impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    async fn read(&self, file: SourceFile, schema: SchemaRef, batch_size: usize) -> Result<Batches> {
        let mut records = self.records(&file).await?;
        let columns = self.columns(&mut records, &file.display()).await?;
        if !self.header {
            // The first record was looked at; it is a row.
            records = self.records(&file).await?;
        }
        let at: HashMap<&str, usize> = columns.iter().enumerate().map(|(n, name)| (name.as_str(), n)).collect();
        let fields = schema.fields().iter().map(|field| at.get(field.name().as_str()).copied()).collect();
        let layout = Layout {
            schema,
            fields,
            width: columns.len(),
            width_of: if self.header { "the header" } else { "the first record" },
            quote: self.dialect.quote,
            null: Arc::clone(&self.null),
            batch_size,
        };
        let decoder = Decoder::new(records, layout);
        Ok(stream::try_unfold(decoder, |mut decoder| async move {
            Ok::<_, Error>(decoder.next().await?.map(|batch| (batch, decoder)))
        })
        .boxed())
    }
}
