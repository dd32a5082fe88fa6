//! Where two Parquet datasets that are stored in key order can be cut, so that parts of both can be zipped beside each
//! other. All of it is told by statistics of row groups, which are hearsay: who reads the parts checks every row.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, make_comparator};
use datafusion::arrow::compute::{SortOptions, cast, concat};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::catalog::TableProvider;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::arrow::parquet_to_arrow_schema;

use super::{Opened, OpenedFiles};
use crate::side::BySide;

/// A row that is left unzipped costs about as much as so many that are zipped.
const OPEN_COST: f64 = 16.0;
/// A cut is not worth it where more than this part of a range would be left unzipped.
const MOST_OPEN: f64 = 0.05;
/// So few rows never matter.
const FEW: f64 = 64.0;

/// Both sides, cut at the same keys as nearly as row groups allow.
pub struct Ranges {
    /// Tables with a partition a range, in key order.
    pub tables: BySide<Arc<dyn TableProvider>>,
    /// Between each range and the next.
    pub seams: Vec<Seam>,
    /// Rows of each side before each range.
    pub before: Vec<BySide<u64>>,
}

/// What statistics say of the key's first column at a cut. The range before it holds nothing greater than `high`, or
/// nothing from `low` on; the range after it holds nothing less than `low`. Rows from `low` to `high` may be in both.
#[derive(Debug, Clone)]
pub struct Seam {
    /// One value each.
    pub low: ArrayRef,
    pub high: ArrayRef,
}

/// The row groups of one side, file after file, and the key's first column in them.
struct Groups {
    /// File, and number in it.
    at: Vec<(usize, usize)>,
    /// Rows before each group, and all rows.
    before: Vec<u64>,
    least: ArrayRef,
    greatest: ArrayRef,
    /// The least values as numbers, where they are such.
    numbers: Option<Vec<f64>>,
}

impl Opened {
    /// Bytes of the largest row group, decompressed: who reads it may hold as much.
    pub fn group_bytes(&self) -> u64 {
        let groups = self.footers().iter().flat_map(|footer| footer.row_groups());
        groups.map(|group| group.total_byte_size().max(0) as u64).max().unwrap_or(0)
    }
}

/// Cuts two datasets in as many ranges as are worth it, of about `rows` rows of the source at least. `column`: the first
/// of the key, as both sides name it. None: they cannot be cut, or are better not.
pub fn ranges(source: &Opened, target: &Opened, column: (&str, &str), most: usize, rows: u64) -> Option<Ranges> {
    let (source, target) = (source.files()?, target.files()?);
    let groups = BySide::new(Groups::of(source, column.0)?, Groups::of(target, column.1)?);
    if groups.source.least.data_type() != groups.target.least.data_type() {
        return None;
    }
    let pieces = usize::try_from(groups.source.rows() / rows.max(1)).unwrap_or(most).min(most);
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    let mut seams: Vec<Seam> = Vec::new();
    for piece in 1..pieces {
        let after = cuts.last().copied().unwrap_or((0, 0));
        let Some(cut) = best_cut(&groups, after, piece, pieces) else { continue };
        let seam = groups.seam(cut)?;
        if seams.last().is_none_or(|last| less(&last.high, &seam.low) && less(&last.low, &seam.low)) {
            cuts.push(cut);
            seams.push(seam);
        }
    }
    if cuts.is_empty() {
        return None;
    }
    let ends = |of: fn(&(usize, usize)) -> usize, all: usize| -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(cuts.iter().map(of));
        starts.zip(cuts.iter().map(of).chain([all])).map(|(start, end)| start..end).collect()
    };
    let parts = BySide::new(ends(|cut| cut.0, groups.source.at.len()), ends(|cut| cut.1, groups.target.at.len()));
    let before = parts.source.iter().zip(&parts.target);
    let before = before.map(|(s, t)| BySide::new(groups.source.before[s.start], groups.target.before[t.start]));
    let before = before.collect();
    let tables = BySide::new(groups.source.table(source, &parts.source), groups.target.table(target, &parts.target));
    Some(Ranges { tables, seams, before })
}

/// The cut, after another, that is nearest to where the piece should begin and leaves few rows unzipped.
fn best_cut(groups: &BySide<Groups>, after: (usize, usize), piece: usize, pieces: usize) -> Option<(usize, usize)> {
    let BySide { source, target } = groups;
    let size = source.rows() as f64 / pieces as f64;
    let ideal = size * piece as f64;
    let mut best: Option<(f64, (usize, usize))> = None;
    for s in after.0 + 1..source.at.len() {
        let off = (source.before[s] as f64 - ideal).abs();
        if off > size / 2.0 {
            continue;
        }
        let place = target.place(&source.least, s);
        let near = target.before.partition_point(|rows| (*rows as f64) < place);
        for t in [near.saturating_sub(1), near] {
            if t <= after.1 || t >= target.at.len() {
                continue;
            }
            let open = (target.before[t] as f64 - place).abs();
            let cost = off + OPEN_COST * open;
            if open <= FEW.max(MOST_OPEN * size) && best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, (s, t)));
            }
        }
    }
    best.map(|(_, cut)| cut)
}

fn compare(a: &ArrayRef, i: usize, b: &ArrayRef, j: usize) -> std::cmp::Ordering {
    // Both are of one type, which is compared.
    make_comparator(a, b, SortOptions::default()).map_or(std::cmp::Ordering::Equal, |compare| compare(i, j))
}

fn less(a: &ArrayRef, b: &ArrayRef) -> bool {
    compare(a, 0, b, 0).is_lt()
}

impl BySide<Groups> {
    /// What statistics say where one range ends before the group of each side and the next begins with it.
    fn seam(&self, (s, t): (usize, usize)) -> Option<Seam> {
        let (source, target) = (&self.source, &self.target);
        let pick = |first: &ArrayRef, i: usize, second: &ArrayRef, j: usize, least: bool| match least
            == compare(first, i, second, j).is_le()
        {
            true => first.slice(i, 1),
            false => second.slice(j, 1),
        };
        Some(Seam {
            low: pick(&source.least, s, &target.least, t, true),
            high: pick(&source.greatest, s - 1, &target.greatest, t - 1, false),
        })
    }
}

impl Groups {
    /// None: not Parquet, or of a row group not enough is known.
    fn of(opened: &OpenedFiles, column: &str) -> Option<Self> {
        let (mut least, mut greatest) = (Vec::new(), Vec::new());
        let (mut at, mut before) = (Vec::new(), vec![0]);
        for (file, footer) in opened.footers.iter().enumerate() {
            let about = footer.file_metadata();
            let schema = parquet_to_arrow_schema(about.schema_descr(), about.key_value_metadata()).ok()?;
            let converter = StatisticsConverter::try_new(column, &schema, about.schema_descr()).ok()?;
            let groups = footer.row_groups();
            let nulls = converter.row_group_null_counts(groups).ok()?;
            // NULL keys come first, and statistics do not tell where.
            if nulls.null_count() > 0 || nulls.values().iter().any(|nulls| *nulls > 0) {
                return None;
            }
            for (number, group) in groups.iter().enumerate() {
                at.push((file, number));
                before.push(before.last().copied().unwrap_or(0) + group.num_rows().max(0) as u64);
            }
            least.push(converter.row_group_mins(groups).ok()?);
            greatest.push(converter.row_group_maxes(groups).ok()?);
        }
        let all = |arrays: &[ArrayRef]| concat(&arrays.iter().map(|array| array.as_ref()).collect::<Vec<_>>()).ok();
        let (least, greatest) = (all(&least)?, all(&greatest)?);
        let known = least.null_count() == 0 && greatest.null_count() == 0 && can_be_cut(least.data_type());
        let numbers = numbers(&least);
        (known && at.len() > 1).then_some(Self { at, before, least, greatest, numbers })
    }

    fn rows(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }

    /// About how many rows are less than a value.
    fn place(&self, values: &ArrayRef, value: usize) -> f64 {
        let groups = self.at.len();
        let after = (0..groups).collect::<Vec<_>>();
        let after = after.partition_point(|&group| compare(&self.least, group, values, value).is_lt());
        let Some(group) = after.checked_sub(1) else { return 0.0 };
        if compare(&self.greatest, group, values, value).is_lt() {
            return self.before[after] as f64;
        }
        let share = || {
            let (numbers, wanted) = (self.numbers.as_ref()?, numbers(&values.slice(value, 1))?);
            let greatest = self::numbers(&self.greatest.slice(group, 1))?;
            let (from, to) = (numbers[group], greatest[0]);
            (to > from).then(|| ((wanted[0] - from) / (to - from)).clamp(0.0, 1.0))
        };
        let rows = (self.before[group + 1] - self.before[group]) as f64;
        self.before[group] as f64 + share().unwrap_or(0.5) * rows
    }

    /// A table whose partitions are these parts of the groups.
    fn table(&self, opened: &OpenedFiles, parts: &[Range<usize>]) -> Arc<dyn TableProvider> {
        let partitions = parts.iter().map(|part| self.files(opened, part.clone())).collect();
        Arc::new(opened.table.apart(partitions))
    }

    fn files(&self, opened: &OpenedFiles, part: Range<usize>) -> Vec<PartitionedFile> {
        let mut files: Vec<(usize, Vec<usize>)> = Vec::new();
        for &(file, number) in &self.at[part] {
            match files.last_mut().filter(|(last, _)| *last == file) {
                Some((_, numbers)) => numbers.push(number),
                None => files.push((file, vec![number])),
            }
        }
        let files = files.into_iter().map(|(file, numbers)| {
            let groups = opened.footers[file].num_row_groups();
            let whole = opened.table.files()[file].clone();
            if numbers.len() == groups {
                return whole;
            }
            let mut plan = ParquetAccessPlan::new_none(groups);
            numbers.into_iter().for_each(|number| plan.scan(number));
            whole.with_extension(plan)
        });
        files.collect()
    }
}

/// Types whose statistics order values as keys are ordered.
fn can_be_cut(data_type: &DataType) -> bool {
    use DataType::*;
    data_type.is_integer()
        || matches!(data_type, Date32 | Date64 | Timestamp(..) | Time32(_) | Time64(_))
        || matches!(data_type, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..))
        || matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

fn numbers(values: &ArrayRef) -> Option<Vec<f64>> {
    let direct = || Some(cast(values, &DataType::Float64).ok()?.as_primitive::<Float64Type>().values().to_vec());
    match values.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => None,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => None,
        _ => direct().or_else(|| {
            let whole = cast(values, &DataType::Int64).ok()?;
            Some(whole.as_primitive::<Int64Type>().values().iter().map(|value| *value as f64).collect())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::parquet_of;
    use datafusion::arrow::array::{Int32Array, RecordBatch};

    /// A file of row groups, each with these keys.
    async fn opened(groups: &[Range<i32>]) -> (tempfile::TempDir, Opened) {
        let batch = |keys: &Range<i32>| {
            let keys = Arc::new(Int32Array::from_iter_values(keys.clone())) as ArrayRef;
            RecordBatch::try_from_iter([("k", keys)]).unwrap()
        };
        parquet_of(&groups.iter().map(batch).collect::<Vec<_>>()).await
    }

    fn keys(seams: &[Seam]) -> Vec<(i32, i32)> {
        use datafusion::arrow::datatypes::Int32Type;
        let value = |array: &ArrayRef| array.as_primitive::<Int32Type>().value(0);
        seams.iter().map(|seam| (value(&seam.low), value(&seam.high))).collect()
    }

    #[tokio::test]
    async fn both_sides_are_cut_where_few_rows_are_left_open() {
        let (_a, source) = opened(&[0..1000, 1000..2000, 2000..3000, 3000..4000]).await;
        let (_b, target) = opened(&[0..1010, 1010..1500, 1500..2001, 2001..4000]).await;
        let cut = |most, rows| ranges(&source, &target, ("k", "k"), most, rows);
        let halves = cut(2, 100).unwrap();
        assert_eq!(keys(&halves.seams), [(2000, 2000)]);
        assert_eq!(halves.before, [BySide::new(0, 0), BySide::new(2000, 2001)]);
        assert_eq!(keys(&cut(4, 100).unwrap().seams), [(1000, 1009), (2000, 2000)]);
        assert!(cut(4, 3000).is_none(), "too few rows for two ranges");
    }

    #[tokio::test]
    async fn where_statistics_do_not_follow_each_other_nothing_is_cut() {
        let (_a, source) = opened(&[0..1000, 1000..2000]).await;
        let (_b, one) = opened(std::slice::from_ref(&(0..2000))).await;
        let (_c, far) = opened(&[0..100, 100..2000]).await;
        assert!(ranges(&source, &one, ("k", "k"), 2, 1).is_none());
        assert!(ranges(&source, &far, ("k", "k"), 2, 1).is_none(), "half of the rows would be left open");
        assert!(ranges(&source, &source, ("k", "v"), 2, 1).is_none());
        assert_eq!(keys(&ranges(&source, &source, ("k", "k"), 2, 1).unwrap().seams), [(1000, 999)]);
    }
}
