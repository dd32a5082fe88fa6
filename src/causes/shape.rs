//! The columns of a divergence table, as causes see them: pairs of cells, and what each row is known by.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::rule::sql::ident;
use crate::side::{BySide, Side};

/// One compared column: where its cells stand in the table.
#[derive(Debug, Clone)]
pub struct Pair {
    pub name: String,
    pub at: BySide<usize>,
    pub types: BySide<DataType>,
    /// Quoted.
    pub cells: BySide<String>,
}

/// The divergence table of a rule that compares two sides.
#[derive(Debug, Clone)]
pub struct Shape {
    pub pairs: Vec<Pair>,
    /// The key columns: where they stand, and their names.
    pub keys: Vec<(usize, String)>,
}

impl Shape {
    /// None of a `sql` rule: it has no sides.
    pub fn of(schema: &Schema, keys: &[String]) -> Option<Self> {
        let first = schema.index_of("changed_columns").ok()? + 1;
        let last = schema.fields().len().checked_sub(1)?;
        let pairs = (first..last).step_by(2).filter_map(|at| {
            let (source, target) = (schema.fields().get(at)?, schema.fields().get(at + 1)?);
            Some(Pair {
                name: source.name().strip_prefix("source_")?.to_string(),
                at: BySide::new(at, at + 1),
                types: BySide::new(plain(source.data_type()), plain(target.data_type())),
                cells: BySide::new(ident(source.name()), ident(target.name())),
            })
        });
        let keys = keys.iter().filter_map(|key| Some((schema.index_of(key).ok()?, key.clone())));
        Some(Self { pairs: pairs.collect(), keys: keys.collect() })
    }

    /// What a row shows of one side: the key columns, and that side's cells. Position, name and quoted name of each.
    pub fn of_side(&self, side: Side) -> Vec<(usize, &str, String)> {
        let keys = self.keys.iter().map(|(at, name)| (*at, name.as_str(), ident(name)));
        let cells =
            self.pairs.iter().map(|pair| (*pair.at.get(side), pair.name.as_str(), pair.cells.get(side).clone()));
        keys.chain(cells).collect()
    }
}

/// Views hold on to the whole batch that they were read in.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        other => other.clone(),
    }
}

/// All columns, of types whose `take` copies.
pub fn plain_columns(batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    batch.columns().iter().map(|column| Ok(cast(column, &plain(column.data_type()))?)).collect()
}

/// A text column of every divergence table.
pub fn texts(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let column = batch.column_by_name(name);
    let column = column.ok_or_else(|| Error::new(ErrorKind::Data, format!("a divergence table has no `{name}`")))?;
    Ok(cast(column, &DataType::Utf8)?)
}

/// The items of a list of texts, and where those of each row begin and end.
pub fn lists(batch: &RecordBatch, name: &str) -> Result<Option<(ArrayRef, Vec<std::ops::Range<usize>>)>> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let Some(list) = column.as_list_opt::<i32>() else { return Ok(None) };
    let ranges = (0..list.len()).map(|row| match list.is_null(row) {
        true => 0..0,
        false => list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize,
    });
    Ok(Some((list.values().clone(), ranges.collect())))
}
