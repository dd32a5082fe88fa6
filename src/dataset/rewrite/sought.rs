//! The rows that are to change, found in the files: one pass over all of them, which remembers no more than the changes.
//!
//! Rows are compared by Arrow's row format over all columns, which tells apart whatever differs in a bit: -0.0 from 0.0, one NaN
//! from another, NULL from an empty list.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::catalog::TableProvider;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;

use super::{Edits, FileChanges, Rewritten, Wanted};
use crate::dataset::OpenedFiles;
use crate::dataset::schema::unify;
use crate::dataset::table::FilesTable;
use crate::error::{Error, ErrorKind, Result};

pub(super) struct Sought<'a> {
    changes: &'a FileChanges,
    differ: Vec<BTreeSet<usize>>,
    converter: RowConverter,
    after: Rows,
    /// By the whole row: who looks for it.
    rows: HashMap<Vec<u8>, Slot>,
    /// Of rows that are to go, by key: whether a row has it that no change takes.
    keys: HashMap<Vec<u8>, bool>,
    of_keys: RowConverter,
    key_of_before: Rows,
    /// Columns that come from a file's path.
    partitions: Vec<usize>,
}

#[derive(Default)]
struct Slot {
    /// Changes that wait for such a row, the first first.
    waiting: VecDeque<usize>,
    /// Such rows that no change takes.
    free: u64,
}

/// Where the rows are.
pub(super) struct Found<'a> {
    pub wanted: Wanted<'a>,
    pub fates: Vec<Rewritten>,
    /// By the number of the file; new files come after the last, each with the rows of one partition.
    pub edits: BTreeMap<usize, Edits>,
    /// Of each file.
    pub rows: Vec<u64>,
}

impl<'a> Sought<'a> {
    pub(super) fn new(table: &FilesTable, changes: &'a FileChanges) -> Result<Self> {
        let schema = table.schema();
        let lengths = [changes.before.num_rows(), changes.has_after.len(), changes.after.num_rows()];
        if lengths.iter().any(|length| *length != changes.len()) {
            return Err(internal("changes of different lengths"));
        }
        let columns = |batch: &RecordBatch| -> Result<Vec<ArrayRef>> {
            if batch.num_columns() != schema.fields().len() {
                return Err(internal("changes of other columns than the table's"));
            }
            let pairs = schema.fields().iter().zip(batch.columns());
            pairs.map(|(field, column)| as_stored(column, field.data_type())).collect()
        };
        let (before, after) = (columns(&changes.before)?, columns(&changes.after)?);
        let partitions: Vec<usize> =
            (0..before.len()).filter(|n| table.is_partition(schema.field(*n).name())).collect();
        let differ = differing(changes, &before, &after)?;
        let moved = differ.iter().flatten().find(|column| partitions.contains(column));
        if let Some(column) = moved {
            let name = schema.field(*column).name();
            return Err(Error::new(
                ErrorKind::Data,
                format!("{name:?} comes from the files' path: a row cannot change it"),
            )
            .hint("delete the row and insert it with the other value"));
        }
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let key = |columns: &[ArrayRef]| changes.key.iter().map(|n| Arc::clone(&columns[*n])).collect::<Vec<_>>();
        let types = key(&before).iter().map(|column| SortField::new(column.data_type().clone())).collect();
        let of_keys = RowConverter::new(types)?;
        let key_of_before = of_keys.convert_columns(&key(&before))?;
        let goes = |n: &usize| changes.has_before[*n] && !changes.has_after[*n] && !changes.key.is_empty();
        let going = (0..changes.len()).filter(goes);
        let keys = going.map(|n| (key_of_before.row(n).as_ref().to_vec(), false)).collect();
        let (before, after) = (converter.convert_columns(&before)?, converter.convert_columns(&after)?);
        let mut rows: HashMap<Vec<u8>, Slot> = HashMap::new();
        for n in 0..changes.len() {
            if changes.has_before[n] {
                rows.entry(before.row(n).as_ref().to_vec()).or_default().waiting.push_back(n);
            }
            if changes.has_after[n] {
                rows.entry(after.row(n).as_ref().to_vec()).or_default();
            }
        }
        Ok(Self { changes, differ, converter, after, rows, keys, of_keys, key_of_before, partitions })
    }

    pub(super) async fn find(mut self, files: &OpenedFiles) -> Result<Found<'a>> {
        let mut edits: BTreeMap<usize, Edits> = BTreeMap::new();
        let mut fates = vec![None; self.changes.len()];
        let mut rows = Vec::new();
        for file in 0..files.table.files().len() {
            let mut at = 0;
            let mut batches = read(files, file).await?;
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                let rows = self.converter.convert_columns(batch.columns())?;
                let mut taken = vec![false; if self.keys.is_empty() { 0 } else { batch.num_rows() }];
                for (n, row) in rows.iter().enumerate() {
                    let Some(slot) = self.rows.get_mut(row.as_ref()) else { continue };
                    match slot.waiting.pop_front() {
                        Some(change) => {
                            fates[change] = Some(Rewritten::Applied);
                            edits.entry(file).or_default().taken.insert(at + n as u64, change);
                            taken.iter_mut().skip(n).take(1).for_each(|taken| *taken = true);
                        }
                        None => slot.free += 1,
                    }
                }
                self.see(&batch, &taken)?;
                at += batch.num_rows() as u64;
            }
            rows.push(at);
        }
        let mut fates = self.settle(files, fates, &mut edits)?;
        self.leave_unfit(files, &mut fates, &mut edits).await?;
        Ok(Found { wanted: Wanted { changes: self.changes, differ: self.differ }, fates, edits, rows })
    }

    /// Files of a dataset may have fewer columns than all of them together: what has a value there is left out.
    async fn leave_unfit(
        &self,
        files: &OpenedFiles,
        fates: &mut [Rewritten],
        edits: &mut BTreeMap<usize, Edits>,
    ) -> Result<()> {
        let schema = self.changes.after.schema();
        for (file, edits) in edits.iter_mut() {
            // A new file is made after the first one.
            let example = if *file < files.store.objects().len() { *file } else { 0 };
            let own = own_columns(files, example).await?;
            let lacks = |n: &usize| {
                let name = schema.field(*n).name();
                !own.is_empty() && !own.contains(name) && !files.table.is_partition(name)
            };
            let given = |change: usize, n: &usize| self.changes.after.column(*n).is_valid(change);
            let mut unfit = |change: usize, mut columns: Box<dyn Iterator<Item = usize> + '_>| {
                let lacking = columns.find(|n| lacks(n) && given(change, n));
                if let Some(n) = lacking {
                    let display = &files.store.objects()[example].display;
                    fates[change] = Rewritten::Unfit(format!("{display} has no column {:?}", schema.field(n).name()));
                }
                lacking.is_some()
            };
            edits.taken.retain(|_, change| {
                !self.changes.has_after[*change] || !unfit(*change, Box::new(self.differ[*change].iter().copied()))
            });
            edits.appended.retain(|change| !unfit(*change, Box::new(0..schema.fields().len())));
        }
        edits.retain(|_, edits| !edits.taken.is_empty() || !edits.appended.is_empty());
        Ok(())
    }

    /// Which keys are there, of those that are asked for.
    fn see(&mut self, batch: &RecordBatch, taken: &[bool]) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let columns: Vec<ArrayRef> = self.changes.key.iter().map(|n| Arc::clone(batch.column(*n))).collect();
        let keys = self.of_keys.convert_columns(&columns)?;
        for (key, taken) in keys.iter().zip(taken) {
            if let Some(seen) = self.keys.get_mut(key.as_ref()).filter(|_| !taken) {
                *seen = true;
            }
        }
        Ok(())
    }

    /// What becomes of the changes that took no row.
    fn settle(
        &mut self,
        files: &OpenedFiles,
        fates: Vec<Option<Rewritten>>,
        edits: &mut BTreeMap<usize, Edits>,
    ) -> Result<Vec<Rewritten>> {
        let mut homes = Homes::new(files, &self.partitions);
        let mut settled = Vec::with_capacity(fates.len());
        for (n, fate) in fates.into_iter().enumerate() {
            let fate = match (fate, self.changes.has_before[n], self.changes.has_after[n]) {
                (Some(fate), ..) => fate,
                (None, true, false) => match self.keys.get(self.key_of_before.row(n).as_ref()) {
                    Some(true) => Rewritten::Stale,
                    _ => Rewritten::Done,
                },
                (None, had, true) => match self.rows.get_mut(self.after.row(n).as_ref()) {
                    Some(slot) if slot.free > 0 && (had || self.changes.only_new) => {
                        slot.free -= 1;
                        Rewritten::Done
                    }
                    _ if had => Rewritten::Stale,
                    _ => {
                        edits.entry(homes.of(&self.changes.after, n)?).or_default().appended.push(n);
                        Rewritten::Applied
                    }
                },
                (None, false, false) => return Err(internal("a change of no row into no row")),
            };
            settled.push(fate);
        }
        Ok(settled)
    }
}

/// To which file a new row goes: the last one of its partition, or a new one.
struct Homes<'a> {
    columns: &'a [usize],
    files: usize,
    by_values: HashMap<Vec<Option<String>>, usize>,
}

impl<'a> Homes<'a> {
    fn new(files: &OpenedFiles, columns: &'a [usize]) -> Self {
        let count = files.table.files().len();
        let values = |file| files.table.partition_values(file).iter().map(super::copy::text).collect();
        Self { columns, files: count, by_values: (0..count).map(|file| (values(file), file)).collect() }
    }

    fn of(&mut self, rows: &RecordBatch, row: usize) -> Result<usize> {
        let values = super::copy::partition_of(rows, self.columns, row)?;
        // New ones are numbered from the last file on.
        let next = self.files;
        let home = *self.by_values.entry(values).or_insert(next);
        if home == next {
            self.files += 1;
        }
        Ok(home)
    }
}

/// The names of a file's own columns; none where it does not tell them.
async fn own_columns(files: &OpenedFiles, file: usize) -> Result<Vec<String>> {
    if let Some(csv) = &files.csv {
        return csv.columns_of_file(file).await;
    }
    let Some(footer) = files.footers.get(file) else { return Ok(Vec::new()) };
    let root = footer.file_metadata().schema_descr().root_schema();
    Ok(root.get_fields().iter().map(|field| field.name().to_string()).collect())
}

/// The rows of one file in their order, in the columns of the table.
pub(super) async fn read(
    files: &OpenedFiles,
    file: usize,
) -> Result<datafusion::physical_plan::SendableRecordBatchStream> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    session.runtime_env().register_object_store(files.store.url().as_ref(), Arc::clone(&files.store) as _);
    let plan = files.table.of_files(&[file], true).scan(&session.state(), None, &[], None).await?;
    Ok(plan.execute(0, session.task_ctx())?)
}

/// A column of images, in the type of the table: they differ in storage at most.
fn as_stored(column: &ArrayRef, data_type: &datafusion::arrow::datatypes::DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type {
        return Ok(Arc::clone(column));
    }
    match unify(column.data_type(), data_type) {
        Some(common) if common == *data_type => Ok(cast(column, data_type)?),
        _ => Err(internal(&format!("an image in {} of a column in {data_type}", column.data_type()))),
    }
}

/// By change: the columns that are not the same before and after.
fn differing(changes: &FileChanges, before: &[ArrayRef], after: &[ArrayRef]) -> Result<Vec<BTreeSet<usize>>> {
    let mut differ = vec![BTreeSet::new(); changes.len()];
    for (column, (before, after)) in before.iter().zip(after).enumerate() {
        let converter = RowConverter::new(vec![SortField::new(before.data_type().clone())])?;
        let before = converter.convert_columns(&[Arc::clone(before)])?;
        let after = converter.convert_columns(&[Arc::clone(after)])?;
        for (n, differ) in differ.iter_mut().enumerate() {
            if changes.has_before[n] && changes.has_after[n] && before.row(n) != after.row(n) {
                differ.insert(column);
            }
        }
    }
    Ok(differ)
}

fn internal(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what.to_string())
}
