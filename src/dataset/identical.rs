//! What two datasets hold in the same bytes: whole Parquet files and row groups, and CSV records. Equal bytes, read by the
//! same rules, are equal rows; they need not be decoded.
//!
//! What is cancelled here is taken away from both sides alike, so what is left over differs as the whole does.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::listing::Object;
use super::source::SourceFile;
use super::{Opened, OpenedFiles};
use crate::error::{Error, Result};
use crate::side::BySide;

/// Bytes that are read of each side at once, and how many reads are on their way.
const PIECE: u64 = 4 << 20;
const PIECES: usize = 4;

/// Rows that stand on both sides in the same bytes, and what is left.
pub struct Identical {
    /// As many on each side.
    pub rows: u64,
    /// Tables of the other rows.
    pub open: BySide<Arc<dyn TableProvider>>,
    /// No row that was cancelled shares its key with one that is open.
    pub apart: bool,
}

/// Two Parquet files that may hold the same bytes.
struct Pair {
    files: BySide<usize>,
    /// Row groups, by number on both sides, whose bytes may agree.
    groups: Vec<(usize, usize)>,
    /// All of both files.
    whole: bool,
}

impl Opened {
    /// Why bytes are worth comparing with `other`'s; None if they are not. `columns`: those that are compared, as both
    /// sides name them.
    pub fn may_be_identical(&self, other: &Opened, columns: &[(&str, &str)]) -> Option<String> {
        let (source, target) = (self.files()?, other.files()?);
        let columns = &in_files(source, target, columns)?;
        match (self.connector, other.connector) {
            ("parquet", "parquet") => {
                let pairs = pairs(source, target, columns);
                let groups: usize = pairs.iter().map(|pair| pair.groups.len()).sum();
                (groups > 0).then(|| format!("{groups} row groups have the same sizes on both sides"))
            }
            _ => {
                let (mine, theirs) = (source.csv.as_ref()?, target.csv.as_ref()?);
                let alike = mine.speak_alike(theirs, columns) && same_names(source, target).is_some();
                alike.then(|| "both sides are CSV of one dialect: lines are compared before any is parsed".into())
            }
        }
    }
}

/// What is compared, as far as bytes are concerned.
#[derive(Debug)]
pub struct Alike<'a> {
    /// Columns as both sides name them; a cell means the same on both.
    pub columns: Vec<(&'a str, &'a str)>,
    /// How many of them, the first ones, are the key; all of them where there is none.
    pub key: usize,
    /// Whether keys are equal only if their bytes are.
    pub plain_key: bool,
    /// Bytes that may be held.
    pub limit: usize,
    pub batch_size: usize,
}

/// Compares bytes, and cancels what agrees. None: nothing does, or nothing can be said.
pub async fn identical(source: &Opened, target: &Opened, alike: &Alike<'_>) -> Result<Option<Identical>> {
    let (Some(mine), Some(theirs)) = (source.files(), target.files()) else { return Ok(None) };
    match (source.connector, target.connector) {
        ("csv", "csv") => csv_records(mine, theirs, alike).await,
        ("parquet", "parquet") => row_groups(mine, theirs, &alike.columns).await,
        _ => Ok(None),
    }
}

async fn csv_records(source: &OpenedFiles, target: &OpenedFiles, alike: &Alike<'_>) -> Result<Option<Identical>> {
    let (Some(mine), Some(theirs)) = (&source.csv, &target.csv) else { return Ok(None) };
    if !mine.speak_alike(theirs, &alike.columns) {
        return Ok(None);
    }
    let Some(files) = same_names(source, target) else { return Ok(None) };
    let key: Vec<&str> = alike.columns[..alike.key].iter().map(|(name, _)| *name).collect();
    let schema = source.table.schema();
    let mut open = BySide::<Vec<RecordBatch>>::default();
    let (mut rows, mut held) = (0, 0);
    let mut apart = files.len() == 1 && alike.plain_key;
    for (file, other) in &files {
        let limit = alike.limit.saturating_sub(held);
        let twins = mine.twins(*file, (theirs, *other), &key, schema.clone(), limit, alike.batch_size).await?;
        let Some(twins) = twins else { return Ok(None) };
        rows += twins.twins;
        apart &= !twins.recurring;
        let BySide { source, target } = twins.open;
        held += source.iter().chain(&target).map(RecordBatch::get_array_memory_size).sum::<usize>();
        open.source.extend(source);
        open.target.extend(target);
    }
    let table = |opened: &OpenedFiles, batches: Vec<RecordBatch>| -> Result<Arc<dyn TableProvider>> {
        let schema = opened.table.schema();
        let named = batches.into_iter().map(|batch| Ok(batch.with_schema(schema.clone())?));
        Ok(Arc::new(MemTable::try_new(schema.clone(), vec![named.collect::<Result<_>>()?])?))
    };
    let open = BySide::new(table(source, open.source)?, table(target, open.target)?);
    Ok(Some(Identical { rows, open, apart }))
}

/// Every file with the one of the same name below the folder; the only ones whatever their names. None: some have none.
fn same_names(source: &OpenedFiles, target: &OpenedFiles) -> Option<Vec<(usize, usize)>> {
    let (sources, targets) = (source.store.objects(), target.store.objects());
    if sources.len() == 1 && targets.len() == 1 {
        return Some(vec![(0, 0)]);
    }
    let by_name: HashMap<&str, usize> =
        targets.iter().enumerate().map(|(at, object)| (object.relative.as_str(), at)).collect();
    if sources.len() != targets.len() {
        return None;
    }
    let pair = |(at, object): (usize, &Object)| Some((at, *by_name.get(object.relative.as_str())?));
    sources.iter().enumerate().map(pair).collect()
}

async fn row_groups(source: &OpenedFiles, target: &OpenedFiles, columns: &[(&str, &str)]) -> Result<Option<Identical>> {
    let Some(columns) = &in_files(source, target, columns) else { return Ok(None) };
    let mut keep = BySide::new(all_groups(source), all_groups(target));
    let mut rows = 0;
    for pair in pairs(source, target, columns) {
        let files = BySide::new(file(source, pair.files.source), file(target, pair.files.target));
        let footers = BySide::new(&source.footers[pair.files.source], &target.footers[pair.files.target]);
        let size = source.store.objects()[pair.files.source].meta.size;
        let agreeing = match pair.whole && same_bytes(&files, vec![(0..size, 0..size)]).await? {
            true => pair.groups,
            false => agreeing(&files, footers, columns, pair.groups).await?,
        };
        for (s, t) in agreeing {
            rows += groups_rows(footers.source, s);
            keep.source[pair.files.source][s] = false;
            keep.target[pair.files.target][t] = false;
        }
    }
    if rows == 0 {
        return Ok(None);
    }
    let open = BySide::new(rest(source, &keep.source), rest(target, &keep.target));
    Ok(Some(Identical { rows, open, apart: false }))
}

/// The columns that the files hold; None where a column is in the files of one side and in the paths of the other.
fn in_files<'a>(
    source: &OpenedFiles,
    target: &OpenedFiles,
    columns: &[(&'a str, &'a str)],
) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found = Vec::new();
    for (s, t) in columns {
        match (source.table.is_partition(s), target.table.is_partition(t)) {
            (false, false) => found.push((*s, *t)),
            // Files are paired only where their paths say the same of all partitions, in their order.
            (true, true) if s == t => {}
            _ => return None,
        }
    }
    Some(found)
}

fn groups_rows(footer: &ParquetMetaData, group: usize) -> u64 {
    footer.row_group(group).num_rows().max(0) as u64
}

fn file(opened: &OpenedFiles, at: usize) -> SourceFile {
    SourceFile { store: Arc::clone(&opened.store), path: opened.store.objects()[at].path() }
}

fn all_groups(opened: &OpenedFiles) -> Vec<Vec<bool>> {
    opened.footers.iter().map(|footer| vec![true; footer.num_row_groups()]).collect()
}

/// The table of the row groups that are kept.
fn rest(opened: &OpenedFiles, keep: &[Vec<bool>]) -> Arc<dyn TableProvider> {
    let mut rows = 0;
    let files = opened.table.files().iter().zip(keep).enumerate();
    let files = files.filter(|(_, (_, keep))| keep.contains(&true)).map(|(at, (file, keep))| {
        let mut plan = ParquetAccessPlan::new_all(keep.len());
        for (group, keep) in keep.iter().enumerate() {
            match keep {
                true => rows += groups_rows(&opened.footers[at], group),
                false => plan.skip(group),
            }
        }
        match keep.contains(&false) {
            true => file.clone().with_extension(plan),
            false => file.clone(),
        }
    });
    let files = files.collect();
    Arc::new(opened.table.with_files(files, Some(rows)))
}

/// Files that may agree: the only ones, or of one name below the folder, else of one size.
fn pairs(source: &OpenedFiles, target: &OpenedFiles, columns: &[(&str, &str)]) -> Vec<Pair> {
    let (sources, targets) = (source.store.objects(), target.store.objects());
    let mut free: Vec<bool> = vec![true; targets.len()];
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut by_size: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, object) in targets.iter().enumerate() {
        by_name.insert(&object.relative, at);
        by_size.entry(object.meta.size).or_default().push(at);
    }
    let alone = sources.len() == 1 && targets.len() == 1;
    let mut found = Vec::new();
    for (at, object) in sources.iter().enumerate() {
        let named = if alone { Some(0) } else { by_name.get(object.relative.as_str()).copied() };
        let sized = by_size.get(&object.meta.size).and_then(|found| found.iter().copied().find(|at| free[*at]));
        let Some(other) = named.filter(|at| free[*at]).or(sized) else { continue };
        if source.table.partition_values(at) != target.table.partition_values(other) {
            continue;
        }
        let (s, t) = (&source.footers[at], &target.footers[other]);
        if !same_schema(s, t) {
            continue;
        }
        let groups = (0..s.num_row_groups().min(t.num_row_groups())).map(|group| (group, group));
        let groups: Vec<_> =
            groups.filter(|&(a, b)| chunks(s.row_group(a), t.row_group(b), columns).is_some()).collect();
        if groups.is_empty() {
            continue;
        }
        free[other] = false;
        let whole = object.meta.size == targets[other].meta.size && groups.len() == s.num_row_groups();
        found.push(Pair { files: BySide::new(at, other), groups, whole });
    }
    found
}

/// Bytes mean the same only in files of one schema, Arrow's hints included.
fn same_schema(source: &ParquetMetaData, target: &ParquetMetaData) -> bool {
    let hints = |footer: &ParquetMetaData| {
        let pairs = footer.file_metadata().key_value_metadata().into_iter().flatten();
        pairs.filter(|pair| pair.key == "ARROW:schema").map(|pair| pair.value.clone()).collect::<Vec<_>>()
    };
    source.file_metadata().schema() == target.file_metadata().schema() && hints(source) == hints(target)
}

/// The chunks of the compared columns, pair by pair; None if their metadata says that they differ.
fn chunks<'a>(
    source: &'a RowGroupMetaData,
    target: &'a RowGroupMetaData,
    columns: &[(&str, &str)],
) -> Option<Vec<(&'a ColumnChunkMetaData, &'a ColumnChunkMetaData)>> {
    if source.num_rows() != target.num_rows() || source.num_rows() == 0 {
        return None;
    }
    let mut found = Vec::new();
    for (s, t) in columns {
        let (s, t) = (leaves(source, s), leaves(target, t));
        if s.is_empty() || s.len() != t.len() {
            return None;
        }
        found.extend(s.into_iter().zip(t));
    }
    let same = |(s, t): &(&ColumnChunkMetaData, &ColumnChunkMetaData)| {
        s.column_descr() == t.column_descr()
            && s.compression() == t.compression()
            && s.num_values() == t.num_values()
            && s.compressed_size() == t.compressed_size()
            && s.uncompressed_size() == t.uncompressed_size()
            && s.encodings().eq(t.encodings())
    };
    found.iter().all(same).then_some(found)
}

fn leaves<'a>(group: &'a RowGroupMetaData, column: &str) -> Vec<&'a ColumnChunkMetaData> {
    let of_column = |chunk: &&ColumnChunkMetaData| chunk.column_path().parts().first().is_some_and(|p| p == column);
    group.columns().iter().filter(of_column).collect()
}

/// The row groups whose compared columns agree byte for byte.
async fn agreeing(
    files: &BySide<SourceFile>,
    footers: BySide<&Arc<ParquetMetaData>>,
    columns: &[(&str, &str)],
    groups: Vec<(usize, usize)>,
) -> Result<Vec<(usize, usize)>> {
    let mut agreeing = Vec::new();
    for (a, b) in groups {
        let Some(chunks) = chunks(footers.source.row_group(a), footers.target.row_group(b), columns) else { continue };
        let range = |chunk: &ColumnChunkMetaData| {
            let (start, length) = chunk.byte_range();
            start..start + length
        };
        let ranges = chunks.into_iter().map(|(s, t)| (range(s), range(t))).collect();
        if same_bytes(files, ranges).await? {
            agreeing.push((a, b));
        }
    }
    Ok(agreeing)
}

/// Whether the ranges, as long on both sides, hold the same bytes.
async fn same_bytes(files: &BySide<SourceFile>, ranges: Vec<(Range<u64>, Range<u64>)>) -> Result<bool> {
    let pieces = ranges.into_iter().flat_map(|(s, t)| {
        let cut = move |from: u64| {
            let length = PIECE.min(s.end - from);
            let there = t.start + (from - s.start);
            (from..from + length, there..there + length)
        };
        let step = usize::try_from(PIECE).unwrap_or(usize::MAX);
        (s.start..s.end).step_by(step).map(cut).collect::<Vec<_>>()
    });
    let same = |(s, t): (Range<u64>, Range<u64>)| {
        let BySide { source, target } = files.clone();
        async move {
            let (mine, theirs) = futures::future::try_join(source.part(s), target.part(t)).await?;
            Ok::<_, Error>(tokio::task::spawn_blocking(move || mine == theirs).await.unwrap_or(false))
        }
    };
    let mut answers = stream::iter(pieces.map(same)).buffered(PIECES);
    while let Some(same) = answers.try_next().await? {
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}
