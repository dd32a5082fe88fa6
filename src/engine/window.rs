//! A window: rows of one side in key order, ready to be zipped with the other side's.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanBufferBuilder, DynComparator, downcast_primitive, make_comparator,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::{ColumnPlan, MatchPlan};
use crate::rule::sql::compared_names;
use crate::sql::{Mode, canonical, encode_rows};

/// Where in a side's rows stands what is compared.
#[derive(Debug, Clone)]
pub struct Shape {
    keys: Vec<usize>,
    values: Vec<usize>,
    /// Of the values, nested ones whose canonical encoding is still to be made.
    plain: Vec<usize>,
}

impl Shape {
    pub fn new(plan: &MatchPlan, schema: &Schema) -> Result<Self> {
        let find = |columns| -> Result<Vec<usize>> {
            compared_names(columns).iter().map(|name| Ok(schema.index_of(name)?)).collect()
        };
        let encoded: Vec<ColumnPlan> = plan.values.iter().filter(|column| column.is_encoded()).cloned().collect();
        let plain = find(&encoded)?.into_iter().filter(|&i| nested(schema.field(i).data_type())).collect();
        Ok(Self { keys: find(&plan.key)?, values: find(&plan.values)?, plain })
    }

    #[cfg(test)]
    pub fn of(keys: Vec<usize>, values: Vec<usize>) -> Self {
        Self { keys, values, plain: Vec::new() }
    }

    pub fn keys(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        pick(batch, &self.keys)
    }

    /// The rows with nested values encoded: as all but zipping knows them.
    pub fn encoded(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if self.plain.is_empty() {
            return Ok(batch.clone());
        }
        let mut columns = batch.columns().to_vec();
        for &i in &self.plain {
            columns[i] = canonical(&columns[i])?;
        }
        Ok(RecordBatch::try_new(self.encoded_schema(&batch.schema()), columns)?)
    }

    pub fn encoded_schema(&self, schema: &SchemaRef) -> SchemaRef {
        let field = |(i, field): (usize, &Arc<Field>)| match self.plain.contains(&i) {
            true => Arc::new(Field::new(field.name(), DataType::Binary, field.is_nullable())),
            false => field.clone(),
        };
        Arc::new(Schema::new(schema.fields().iter().enumerate().map(field).collect::<Vec<_>>()))
    }

    /// The type of the key's first column.
    pub fn first_key_type(&self, schema: &Schema) -> Result<DataType> {
        let none = || Error::new(ErrorKind::Internal, "rows are zipped without a key");
        Ok(schema.field(*self.keys.first().ok_or_else(none)?).data_type().clone())
    }

    /// Keys, then values: what a row's digest is taken of, once nested values are encoded.
    pub fn all(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.keys.iter().chain(&self.values).map(|&i| batch.column(i).clone()).collect()
    }
}

fn pick(batch: &RecordBatch, columns: &[usize]) -> Vec<ArrayRef> {
    columns.iter().map(|&i| batch.column(i).clone()).collect()
}

/// How the rows of a batch stand to each other.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Each key is greater than the one before.
    Unique,
    /// In order, but keys repeat: where each group of one key starts, and the end of the last.
    Repeating(Vec<u32>),
    /// A key is less than the one before.
    Broken,
}

#[derive(Debug, Clone)]
pub struct Window {
    pub batch: RecordBatch,
    keys: Vec<ArrayRef>,
    values: Vec<ArrayRef>,
    /// Starts of the groups of one key, if any has more rows than one.
    pub starts: Option<Vec<u32>>,
}

impl Window {
    /// `starts`: as in [`Order::Repeating`].
    pub fn new(shape: &Shape, batch: RecordBatch, starts: Option<Vec<u32>>) -> Self {
        Self { keys: shape.keys(&batch), values: pick(&batch, &shape.values), batch, starts }
    }

    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// A row's key as people read it.
    pub fn key_text(&self, row: usize) -> Result<String> {
        let options = FormatOptions::default().with_null("NULL");
        let cells = self.keys.iter().filter(|key| key.null_count() < key.len() || self.keys.len() == 1);
        let texts = cells.map(|key| Ok(ArrayFormatter::try_new(key, &options)?.value(row).to_string()));
        Ok(texts.collect::<Result<Vec<_>>>()?.join(", "))
    }

    /// Compares keys of two windows.
    pub fn comparator(&self, other: &Window) -> Result<Comparator> {
        Comparator::new(&self.keys, &other.keys)
    }

    /// How many rows from `at` on have the keys of as many rows of `other` from `there` on; `most` at most.
    pub fn same_keys(&self, at: usize, other: &Window, there: usize, most: usize) -> Result<usize> {
        let mut same = most;
        for (mine, theirs) in self.keys.iter().zip(&other.keys) {
            let differs = distinct(&mine.slice(at, same), &theirs.slice(there, same))?;
            same = differs.set_indices().next().unwrap_or(same);
            if same == 0 {
                break;
            }
        }
        Ok(same)
    }

    /// Which of `count` rows differ in a value; None if no row does.
    pub fn differing(&self, at: usize, other: &Window, there: usize, count: usize) -> Result<Option<BooleanBuffer>> {
        let pairs = self.values.iter().zip(&other.values);
        any_distinct(pairs.map(|(mine, theirs)| (mine.slice(at, count), theirs.slice(there, count))))
    }

    /// The same for rows that are paired by number.
    pub fn differing_at(
        &self,
        rows: &ArrayRef,
        other: &Window,
        their_rows: &ArrayRef,
    ) -> Result<Option<BooleanBuffer>> {
        use datafusion::arrow::compute::take;
        let pairs = self.values.iter().zip(&other.values);
        let taken = pairs.map(|(mine, theirs)| Ok((take(mine, rows, None)?, take(theirs, their_rows, None)?)));
        any_distinct(taken.collect::<Result<Vec<_>>>()?.into_iter())
    }
}

fn any_distinct(pairs: impl Iterator<Item = (ArrayRef, ArrayRef)>) -> Result<Option<BooleanBuffer>> {
    let mut any: Option<BooleanBuffer> = None;
    for (mine, theirs) in pairs {
        if same_bytes(&mine, &theirs) {
            continue;
        }
        let differs = distinct(&mine, &theirs)?;
        if differs.count_set_bits() > 0 {
            any = Some(match any {
                Some(before) => &before | &differs,
                None => differs,
            });
        }
    }
    Ok(any)
}

/// Whether all values of two arrays of numbers are the same, bit by bit. False if not, or if there may be NULLs: then only
/// a kernel can tell.
fn same_bytes(mine: &ArrayRef, theirs: &ArrayRef) -> bool {
    if mine.data_type() != theirs.data_type() || mine.null_count() > 0 || theirs.null_count() > 0 {
        return false;
    }
    macro_rules! bytes {
        ($type:ty, $array:expr) => {
            $array.as_primitive::<$type>().values().inner().as_slice()
        };
    }
    macro_rules! same {
        ($type:ty) => {
            bytes!($type, mine) == bytes!($type, theirs)
        };
    }
    downcast_primitive! {
        mine.data_type() => (same),
        _ => false,
    }
}

/// True where the values differ; NULL is a value. What no kernel compares is compared as it is encoded for a digest.
fn distinct(mine: &ArrayRef, theirs: &ArrayRef) -> Result<BooleanBuffer> {
    let plain =
        |array: &ArrayRef| !matches!(array.data_type(), DataType::RunEndEncoded(..)) && !nested(array.data_type());
    if plain(mine) && plain(theirs) && value_type(mine) == value_type(theirs) {
        return Ok(cmp::distinct(mine, theirs)?.into_parts().0);
    }
    let mut differs = BooleanBufferBuilder::new(mine.len());
    encoded_distinct(mine, theirs, &mut differs)?;
    Ok(differs.finish())
}

/// Encoding is dear: what is stored alike is the same, and is left out, down to a few rows.
fn encoded_distinct(mine: &ArrayRef, theirs: &ArrayRef, differs: &mut BooleanBufferBuilder) -> Result<()> {
    const FEW: usize = 32;
    let rows = mine.len();
    if mine == theirs {
        differs.append_n(rows, false);
        return Ok(());
    }
    if rows > FEW {
        let half = rows / 2;
        encoded_distinct(&mine.slice(0, half), &theirs.slice(0, half), differs)?;
        return encoded_distinct(&mine.slice(half, rows - half), &theirs.slice(half, rows - half), differs);
    }
    let encode = |array: &ArrayRef| encode_rows(std::slice::from_ref(array), rows, Mode::AsTyped);
    let (mine, theirs) = (encode(mine)?, encode(theirs)?);
    (0..rows).for_each(|row| differs.append(mine.row(row) != theirs.row(row)));
    Ok(())
}

fn value_type(array: &ArrayRef) -> &DataType {
    match array.data_type() {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

fn nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => nested(value),
        other => other.is_nested(),
    }
}

/// Orders keys: column by column, NULL first.
pub struct Comparator(Vec<DynComparator>);

impl Comparator {
    pub fn new(mine: &[ArrayRef], theirs: &[ArrayRef]) -> Result<Self> {
        let options = SortOptions { descending: false, nulls_first: true };
        let comparators = mine.iter().zip(theirs).map(|(mine, theirs)| make_comparator(mine, theirs, options));
        Ok(Self(comparators.collect::<Result<_, _>>()?))
    }

    #[inline]
    pub fn compare(&self, mine: usize, theirs: usize) -> Ordering {
        self.0.iter().map(|compare| compare(mine, theirs)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// Looks at each key and the one before it.
pub fn order_of(keys: &[ArrayRef]) -> Result<Order> {
    let rows = keys.first().map_or(0, |key| key.len());
    if rows < 2 {
        return Ok(Order::Unique);
    }
    if ascending_at_once(keys, rows)? {
        return Ok(Order::Unique);
    }
    let comparator = Comparator::new(keys, keys)?;
    let mut starts = vec![0];
    for (row, number) in (1..rows).zip(1u32..) {
        match comparator.compare(row - 1, row) {
            Ordering::Less => starts.push(number),
            Ordering::Equal => {}
            Ordering::Greater => return Ok(Order::Broken),
        }
    }
    if starts.len() == rows {
        return Ok(Order::Unique);
    }
    starts.push(u32::try_from(rows).unwrap_or(u32::MAX));
    Ok(Order::Repeating(starts))
}

/// Whether all keys ascend, told by whole columns; false if that is not so, or not known.
fn ascending_at_once(keys: &[ArrayRef], rows: usize) -> Result<bool> {
    let simple =
        |key: &ArrayRef| key.null_count() == 0 && (key.data_type().is_primitive() || is_bytes(key.data_type()));
    if !keys.iter().all(simple) {
        // A residue of unreadable cells, mostly all NULL, orders nothing.
        let ordering: Vec<ArrayRef> = keys.iter().filter(|key| key.null_count() < rows).cloned().collect();
        return match ordering.iter().all(simple) && !ordering.is_empty() {
            true => ascending_at_once(&ordering, rows),
            false => Ok(false),
        };
    }
    let mut undecided: Option<BooleanBuffer> = None;
    for key in keys {
        let (before, after) = (key.slice(0, rows - 1), key.slice(1, rows - 1));
        let less = cmp::lt(&before, &after)?.into_parts().0;
        let same = cmp::eq(&before, &after)?.into_parts().0;
        // Of the pairs that the columns before left open, each must ascend here, or stay open.
        let open = undecided.unwrap_or_else(|| BooleanBuffer::new_set(rows - 1));
        if (&open & &(!&(&less | &same))).count_set_bits() > 0 {
            return Ok(false);
        }
        let open = &open & &same;
        if open.count_set_bits() == 0 {
            return Ok(true);
        }
        undecided = Some(open);
    }
    Ok(false)
}

fn is_bytes(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Int64Array, StringArray};
    use std::sync::Arc;

    fn keys(a: &[Option<i64>], b: &[&str]) -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(a.to_vec())), Arc::new(StringArray::from(b.to_vec()))]
    }

    #[test]
    fn order_is_told_by_all_columns_and_nulls_come_first() {
        let some = |a: &[i64]| a.iter().map(|&x| Some(x)).collect::<Vec<_>>();
        assert_eq!(order_of(&keys(&some(&[1, 1, 2]), &["a", "b", "a"])).unwrap(), Order::Unique);
        assert_eq!(order_of(&keys(&some(&[1, 1, 2]), &["b", "a", "a"])).unwrap(), Order::Broken);
        assert_eq!(order_of(&keys(&some(&[2, 1]), &["a", "b"])).unwrap(), Order::Broken);
        assert_eq!(order_of(&keys(&some(&[1, 1, 2]), &["a", "a", "a"])).unwrap(), Order::Repeating(vec![0, 2, 3]));
        assert_eq!(order_of(&keys(&[None, Some(1)], &["z", "a"])).unwrap(), Order::Unique);
        assert_eq!(order_of(&keys(&[Some(1), None], &["a", "z"])).unwrap(), Order::Broken);
        assert_eq!(order_of(&keys(&[None, None], &["a", "b"])).unwrap(), Order::Unique);
        assert_eq!(order_of(&keys(&[], &[])).unwrap(), Order::Unique);
    }
}
