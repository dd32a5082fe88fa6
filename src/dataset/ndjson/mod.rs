//! Newline-delimited JSON: one object a line. Columns and types come from all records of all files, so each file is
//! read once to learn them (which also checks it) and once for its rows. Strings are text; a declared column is read
//! as the text that is written, so that no digit passes through a float.

mod shape;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::Decoder;
use datafusion::arrow::record_batch::RecordBatch;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::scan::{Batches, Format, FormatSource};
use super::schema::{self, FileSchema};
use super::source::SourceFile;
use super::table::{FilesTable, Parts};
use super::{TEXT_OF, declared};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Compression, TextOptions};
use shape::Object;

#[derive(Debug)]
struct Ndjson {
    compression: Compression,
}

pub(super) async fn open(mut parts: Parts, options: &TextOptions, compression: Compression) -> Result<FilesTable> {
    let files = parts.files();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let tasks: Vec<_> = files
        .iter()
        .map(|file| {
            let task = tokio::spawn(learn(file.clone(), compression));
            async move { task.await.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))? }
        })
        .collect();
    let learnt: Vec<Object> = stream::iter(tasks).buffered(threads).try_collect().await?;
    let names: Vec<String> = files.iter().map(SourceFile::display).collect();
    // Only the names matter here: whether the path or the files have a column.
    let schemas: Vec<Schema> = learnt.iter().map(names_of).collect();
    let each: Vec<FileSchema<'_>> =
        names.iter().zip(&schemas).map(|(display, schema)| FileSchema { display, schema }).collect();
    let merged = schema::merge(&each)?;
    parts.partitions = parts.partitions.without_columns_of(&merged, |name| schema::in_every_file(&each, name))?;
    let all = merge(learnt, &names)?;
    declared::check(&options.columns, all.fields().map(|(name, _)| name))?;
    let fields = all.fields().map(|(name, shape)| field(name, shape, options)).collect::<Result<Vec<Field>>>()?;
    let format = Arc::new(Ndjson { compression });
    let source = FormatSource::new(format, Arc::clone(&parts.store), parts.table_schema(Schema::new(fields)));
    Ok(FilesTable::new(&parts, Arc::new(source), None))
}

fn names_of(object: &Object) -> Schema {
    Schema::new(object.fields().map(|(name, _)| Field::new(name, DataType::Null, true)).collect::<Vec<_>>())
}

fn merge(learnt: Vec<Object>, names: &[String]) -> Result<Object> {
    let mut all = Object::default();
    for (object, name) in learnt.into_iter().zip(names) {
        all.merge(object).map_err(|why| {
            Error::new(ErrorKind::Schema, format!("{name}: {why}"))
                .hint("a column must be a value, a list or an object in all files of a dataset")
        })?;
    }
    Ok(all)
}

fn field(name: &str, shape: &shape::Shape, options: &TextOptions) -> Result<Field> {
    let text = |of: String| Field::new(name, DataType::Utf8, true).with_metadata([(TEXT_OF.to_string(), of)].into());
    match options.columns.get(name) {
        Some(declared) if shape.is_nested() => {
            let message = format!("`columns:` declares {name:?} as {declared}, but it holds lists or objects");
            Err(Error::new(ErrorKind::Schema, message).hint("take it out of `columns:`"))
        }
        Some(declared) => Ok(text(declared.to_string())),
        None if shape.is_text() => Ok(text(String::new())),
        None => Ok(Field::new(name, shape.data_type(), true)),
    }
}

/// Learns the columns of one file.
async fn learn(file: SourceFile, compression: Compression) -> Result<Object> {
    let display = file.display();
    let mut content = without_mark(file.content(compression));
    let (mut object, mut line, mut rest) = (Object::default(), 0, Vec::new());
    while let Some(piece) = content.try_next().await? {
        let before = rest.len();
        rest.extend_from_slice(&piece);
        let Some(end) = piece.iter().rposition(|byte| *byte == b'\n').map(|at| before + at) else { continue };
        for record in rest[..end].split(|byte| *byte == b'\n') {
            line += 1;
            learn_line(&mut object, record, &display, line)?;
        }
        rest.drain(..=end);
    }
    learn_line(&mut object, &rest, &display, line + 1)?;
    Ok(object)
}

fn learn_line(object: &mut Object, record: &[u8], display: &str, line: u64) -> Result<()> {
    let record = record.trim_ascii();
    if record.is_empty() {
        return Ok(());
    }
    object.learn(record).map_err(|error| explain(&error, record, display, line))
}

fn explain(error: &serde_json::Error, record: &[u8], display: &str, line: u64) -> Error {
    // Each record is parsed alone: the parser's own line is always 1.
    let why = error.to_string().replace(" at line 1 column ", " at column ");
    let error = Error::new(ErrorKind::Data, format!("{display}, line {line}: {why}"));
    match record.first() {
        Some(b'[') if line == 1 => error.hint("this is a JSON array: write one object a line, e.g. with `jq -c '.[]'`"),
        Some(0xff | 0xfe) => error.hint("only UTF-8 is read: convert it, e.g. with `iconv -f UTF-16 -t UTF-8`"),
        Some(b'{') if error.message().contains("EOF while parsing") => {
            error.hint("one object must stand on one line, e.g. as `jq -c .` writes it; or the file is cut off")
        }
        _ => error,
    }
}

/// Without a byte order mark.
fn without_mark(content: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
    let mut first = true;
    content
        .map_ok(move |piece| {
            let strip = std::mem::take(&mut first) && piece.starts_with(&[0xef, 0xbb, 0xbf]);
            if strip { piece.slice(3..) } else { piece }
        })
        .fuse()
        .boxed()
}

#[async_trait]
impl Format for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    async fn read(&self, file: SourceFile, schema: SchemaRef, batch_size: usize) -> Result<Batches> {
        let builder = ReaderBuilder::new(schema).with_batch_size(batch_size).with_coerce_primitive(true);
        let rows = Rows {
            display: file.display(),
            content: without_mark(file.content(self.compression)),
            decoder: builder.build_decoder()?,
            piece: Bytes::new(),
        };
        Ok(stream::try_unfold(
            rows,
            |mut rows| async move { Ok::<_, Error>(rows.next().await?.map(|batch| (batch, rows))) },
        )
        .boxed())
    }
}

struct Rows {
    display: String,
    content: BoxStream<'static, Result<Bytes>>,
    decoder: Decoder,
    /// What the decoder has not taken yet.
    piece: Bytes,
}

impl Rows {
    /// The next batch; None at the end. The file was checked when it was learnt: an error here is not the user's.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let failed = |display: &str, error: datafusion::arrow::error::ArrowError| {
            Error::new(ErrorKind::Data, format!("{display} cannot be read as JSON: {error}"))
        };
        loop {
            if self.piece.is_empty() {
                match self.content.try_next().await? {
                    Some(piece) => self.piece = piece,
                    None => break,
                }
            }
            let taken = self.decoder.decode(&self.piece).map_err(|error| failed(&self.display, error))?;
            self.piece = self.piece.slice(taken..);
            if !self.piece.is_empty() {
                // The decoder stops early only when the batch is full.
                break;
            }
        }
        self.decoder.flush().map_err(|error| failed(&self.display, error))
    }
}
