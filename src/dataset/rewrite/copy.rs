//! Which copies are written, of which files, under which names; and what each is told to change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use aws_lc_rs::digest::{Context, SHA256};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::catalog::TableProvider;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::parquet::{self, FileEdits};
use super::{Copied, Edits, Wanted, keep};
use crate::dataset::csv::{Cells, CsvFiles, RecordEdits};
use crate::dataset::listing::Object;
use crate::dataset::source::{Packing, SourceFile};
use crate::dataset::store::Located;
use crate::dataset::{OpenedFiles, hive};
use crate::error::{Error, ErrorKind, Result};

/// Characters that a segment of a path has in escapes, as Hive writes them.
const ESCAPED: &str = "\"#%'*/:=?\\{}[]^\u{7f}";

pub(super) async fn copies(
    files: &OpenedFiles,
    wanted: &Wanted<'_>,
    edits: &BTreeMap<usize, Edits>,
    rows: &[u64],
    to: Option<&Located>,
) -> Result<Vec<Copied>> {
    let mut copies = Vec::with_capacity(edits.len());
    for (file, edits) in edits {
        let original = files.store.objects().get(*file);
        let path = match original {
            Some(object) => object.relative.clone(),
            None => new_path(files, wanted, edits)?,
        };
        let changed = wanted_rows(wanted, edits).collect::<Vec<_>>();
        let gone = changed.iter().filter(|(_, after)| after.is_none()).count();
        let mut copy = Copied {
            original: original.map(|object| object.display.clone()),
            path,
            sha256: String::new(),
            bytes: 0,
            rows: rows.get(*file).copied().unwrap_or_default() - gone as u64 + edits.appended.len() as u64,
            changed: (changed.len() + edits.appended.len()) as u64,
        };
        if let Some(to) = to {
            let draft = keep::draft(to, &copy.path)?;
            let out = draft.reopen().map_err(|error| keep::failed(&to.display, &copy.path, &error.to_string()))?;
            write(files, wanted, *file, edits, out).await?;
            (copy.sha256, copy.bytes) = keep::publish(draft, to, &copy.path).await?;
        }
        copies.push(copy);
    }
    Ok(copies)
}

/// Rows that are taken, and what becomes of each: a row of the images after.
fn wanted_rows<'a>(wanted: &'a Wanted<'_>, edits: &'a Edits) -> impl Iterator<Item = (u64, Option<usize>)> + 'a {
    edits.taken.iter().map(|(row, change)| (*row, wanted.changes.has_after[*change].then_some(*change)))
}

/// A new file is written after the example of the first one.
async fn write(files: &OpenedFiles, wanted: &Wanted<'_>, file: usize, edits: &Edits, out: File) -> Result<()> {
    let is_new = file >= files.store.objects().len();
    let example = if is_new { 0 } else { file };
    let Some(object) = files.store.objects().get(example) else {
        return Err(Error::new(ErrorKind::Internal, "a dataset without files"));
    };
    if let Some(csv) = &files.csv {
        return write_csv(csv, files, wanted, (example, object), edits, is_new, out).await;
    }
    let table = files.table.schema();
    let own = |n: &usize| !files.table.is_partition(table.field(*n).name());
    let columns: Vec<usize> = (0..table.fields().len()).filter(own).collect();
    let changed: BTreeSet<usize> = edits.taken.values().flat_map(|change| &wanted.differ[*change]).copied().collect();
    let edits = FileEdits {
        display: object.display.clone(),
        after: wanted.changes.after.project(&columns)?,
        rows: wanted_rows(wanted, edits).collect(),
        appended: edits.appended.clone(),
        changed: changed.into_iter().map(|column| table.field(column).name().clone()).collect(),
        from_schema: is_new,
    };
    let original = local_copy(&SourceFile { store: files.store.clone(), path: object.path() }).await?;
    let written = tokio::task::spawn_blocking(move || parquet::edited(&original, &edits, out)).await;
    written.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?
}

/// The file as it was pinned, where nobody changes it.
async fn local_copy(file: &SourceFile) -> Result<File> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Resources, "there is no room for a file to work on").source(error.to_string())
    };
    let mut copy = tokio::fs::File::from_std(tempfile::tempfile().map_err(failed)?);
    let mut pieces = file.bytes();
    while let Some(piece) = pieces.try_next().await? {
        copy.write_all(&piece).await.map_err(failed)?;
    }
    copy.flush().await.map_err(failed)?;
    Ok(copy.into_std().await)
}

async fn write_csv(
    csv: &CsvFiles,
    files: &OpenedFiles,
    wanted: &Wanted<'_>,
    (file, object): (usize, &Object),
    edits: &Edits,
    is_new: bool,
    out: File,
) -> Result<()> {
    let table = files.table.schema();
    let names: Vec<String> = table.fields().iter().map(|field| field.name().clone()).collect();
    let own = |column: usize| !files.table.is_partition(&names[column]);
    let after = &wanted.changes.after;
    let cell = |column: usize, row: usize| -> Result<(String, Option<String>)> {
        Ok((names[column].clone(), text_of(after, column, row)?))
    };
    let mut records = BTreeMap::new();
    for (record, after) in wanted_rows(wanted, edits) {
        let changed = |change: usize| wanted.differ[change].iter().map(|column| cell(*column, change)).collect();
        records.insert(record, after.map(changed).transpose()?);
    }
    let whole =
        |change: &usize| (0..names.len()).filter(|column| own(*column)).map(|column| cell(column, *change)).collect();
    let appended = edits.appended.iter().map(whole).collect::<Result<Vec<Cells>>>()?;
    let edits = RecordEdits { records, appended, from_header: is_new };
    let columns: Vec<String> = (0..names.len()).filter(|column| own(*column)).map(|n| names[n].clone()).collect();
    let out = tokio::fs::File::from_std(out);
    let mut out: Box<dyn AsyncWrite + Send + Unpin> = match csv.packing(&object.display) {
        Packing::None => Box::new(out),
        Packing::Gzip => Box::new(GzipEncoder::new(out)),
        Packing::Zstd => Box::new(ZstdEncoder::new(out)),
    };
    csv.edited(file, &columns, &edits, &mut *out).await
}

/// Where a file of a new partition goes: next to the others, under a name that its rows give it.
fn new_path(files: &OpenedFiles, wanted: &Wanted<'_>, edits: &Edits) -> Result<String> {
    let (Some(example), Some(first)) = (files.store.objects().first(), edits.appended.first()) else {
        return Err(Error::new(ErrorKind::Internal, "a new file without rows"));
    };
    let table = files.table.schema();
    let after = &wanted.changes.after;
    let (folders, name) = example.relative.rsplit_once('/').unwrap_or(("", &example.relative));
    let mut path = String::new();
    for segment in folders.split('/').filter(|segment| !segment.is_empty()) {
        let key = segment.split_once('=').map(|(key, _)| key);
        let decoded = key.map(|key| String::from_utf8_lossy(&crate::dataset::percent::decode(key)).into_owned());
        let column = decoded
            .and_then(|name| table.index_of(&name).ok())
            .filter(|n| files.table.is_partition(table.field(*n).name()));
        match (key, column) {
            (Some(key), Some(column)) => {
                let value = text_of(after, column, *first)?;
                let value = value.map_or_else(|| hive::NULL.to_string(), |value| escaped(&value));
                path.push_str(&format!("{key}={value}/"));
            }
            _ => path.push_str(&format!("{segment}/")),
        }
    }
    let fields = after.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(after.columns())?;
    let mut context = Context::new(&SHA256);
    edits.appended.iter().for_each(|row| context.update(rows.row(*row).as_ref()));
    let digest = hex::encode(&context.finish().as_ref()[..8]);
    let ending = name.split_once('.').map_or("", |(_, ending)| ending);
    Ok(format!("{path}repaired-{digest}.{ending}"))
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        match ESCAPED.contains(character) || character.is_ascii_control() {
            true => out.push_str(&format!("%{:02X}", u32::from(character))),
            false => out.push(character),
        }
    }
    out
}

/// A cell that is text, whatever kind of it.
fn text_of(rows: &RecordBatch, column: usize, row: usize) -> Result<Option<String>> {
    let cell = cast(&rows.column(column).slice(row, 1), &DataType::Utf8)?;
    let cell = cell.as_string::<i32>();
    Ok(cell.is_valid(0).then(|| cell.value(0).to_string()))
}

/// The values of a row's partition columns.
pub(super) fn partition_of(rows: &RecordBatch, columns: &[usize], row: usize) -> Result<Vec<Option<String>>> {
    columns.iter().map(|column| text_of(rows, *column, row)).collect()
}

pub(super) fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_string)
}
