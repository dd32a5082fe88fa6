//! What is known of the order in which a dataset's rows are stored, before any is read. It is hearsay: who relies on it
//! checks it while reading.

use std::sync::Arc;

use datafusion::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use datafusion::parquet::file::statistics::Statistics;

/// In ascending order of some columns?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrder {
    /// `sorted_by` says so.
    Declared,
    /// The sorting columns of every Parquet row group say so, and the groups follow each other.
    Sorted,
    /// The minima and maxima of Parquet's row groups follow each other.
    Following,
    /// Nothing is known.
    Unknown,
    /// Row groups overlap, or are declared in another order.
    Unordered,
}

impl KeyOrder {
    pub fn as_str(self) -> &'static str {
        match self {
            KeyOrder::Declared => "declared by sorted_by",
            KeyOrder::Sorted => "by Parquet's sorting columns",
            KeyOrder::Following => "by Parquet's statistics",
            KeyOrder::Unknown => "unknown",
            KeyOrder::Unordered => "not by Parquet's statistics",
        }
    }

    pub fn is_likely(self) -> bool {
        matches!(self, KeyOrder::Declared | KeyOrder::Sorted | KeyOrder::Following)
    }
}

/// Of the rows of all files, one after the other, by `columns`.
pub(super) fn of_parquet(footers: &[Arc<ParquetMetaData>], columns: &[&str]) -> KeyOrder {
    let groups: Vec<&RowGroupMetaData> = footers.iter().flat_map(|footer| footer.row_groups()).collect();
    let Some(first) = columns.first() else { return KeyOrder::Unknown };
    let sorted = groups.iter().all(|group| declares(group, columns));
    let bounds: Option<Vec<&Statistics>> = groups.iter().map(|group| statistics(group, first)).collect();
    let follow = bounds.map(|bounds| bounds.windows(2).map(|pair| follows(pair[0], pair[1])).collect::<Vec<_>>());
    match follow {
        Some(follow) if follow.contains(&Some(false)) => KeyOrder::Unordered,
        Some(follow) if follow.iter().all(|follows| *follows == Some(true)) => match (sorted, groups.len()) {
            (true, 1..) => KeyOrder::Sorted,
            (false, 2..) => KeyOrder::Following,
            _ => KeyOrder::Unknown,
        },
        _ if sorted && groups.len() == 1 => KeyOrder::Sorted,
        _ => KeyOrder::Unknown,
    }
}

/// Whether the group's sorting columns begin with these, ascending.
fn declares(group: &RowGroupMetaData, columns: &[&str]) -> bool {
    let Some(sorting) = group.sorting_columns() else { return false };
    let name = |index: i32| Some(group.columns().get(usize::try_from(index).ok()?)?.column_path().string());
    columns.len() <= sorting.len()
        && columns
            .iter()
            .zip(sorting)
            .all(|(column, sorted)| !sorted.descending && name(sorted.column_idx).is_some_and(|name| name == *column))
}

fn statistics<'a>(group: &'a RowGroupMetaData, column: &str) -> Option<&'a Statistics> {
    let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
    chunk.statistics()
}

/// Whether nothing of `after` is less than anything of `before`; None if that cannot be told.
fn follows(before: &Statistics, after: &Statistics) -> Option<bool> {
    use Statistics::*;
    Some(match (before, after) {
        (Int32(a), Int32(b)) => a.max_opt()? <= b.min_opt()?,
        (Int64(a), Int64(b)) => a.max_opt()? <= b.min_opt()?,
        (Float(a), Float(b)) => a.max_opt()? <= b.min_opt()?,
        (Double(a), Double(b)) => a.max_opt()? <= b.min_opt()?,
        (ByteArray(a), ByteArray(b)) => a.max_opt()?.data() <= b.min_opt()?.data(),
        _ => return None,
    })
}
