//! A divergence table, by what its columns are: the key, the cells of both sides, what could not be read.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use crate::error::Result;
use crate::report::value::{Values, escape, pair, quote};
use crate::side::{BySide, Side};

/// Before the text of a cell that could not be read as its type: no value is written like that.
pub const UNREADABLE: &str = "unreadable";

/// The place of the first column that is a `sql` rule's own. Only the leading columns are ours: a rule may well return a column
/// named `side`.
pub fn own_columns(batch: &RecordBatch) -> usize {
    const OURS: [&str; 4] = ["run_id", "divergence_id", "kind", "side"];
    batch.schema_ref().fields().iter().zip(OURS).take_while(|(field, name)| field.name() == name).count()
}

/// The divergence table of a `match` or `totals` rule, by role of its columns.
pub struct Divergences<'a> {
    pub kind: ArrayRef,
    pub side: ArrayRef,
    pub key: Vec<(&'a str, Values<'a>)>,
    /// Each compared column, with its cells on both sides.
    pub compared: Vec<(&'a str, BySide<Values<'a>>)>,
    changed: ArrayRef,
    unreadable: Option<&'a ArrayRef>,
}

impl<'a> Divergences<'a> {
    pub fn new(batch: &'a RecordBatch) -> Result<Self> {
        let schema = batch.schema_ref();
        let place = |name: &str| schema.index_of(name);
        let (side, changed) = (place("side")?, place("changed_columns")?);
        let values = |i: usize| Values::new(batch.column(i));
        let mut key = Vec::new();
        for i in side + 1..changed {
            key.push((schema.field(i).name().as_str(), values(i)?));
        }
        let mut compared = Vec::new();
        for i in changed + 1..schema.fields().len() {
            let Some(name) = schema.field(i).name().strip_prefix("source_") else { continue };
            let twin = schema.index_of(&format!("target_{name}"));
            if let Some(twin) = twin.ok().filter(|twin| *twin > changed) {
                compared.push((name, BySide::new(values(i)?, values(twin)?)));
            }
        }
        Ok(Self {
            kind: cast(batch.column(place("kind")?), &DataType::Utf8)?,
            side: cast(batch.column(side), &DataType::Utf8)?,
            key,
            compared,
            changed: batch.column(changed).clone(),
            unreadable: batch.column_by_name("unreadable"),
        })
    }

    pub fn changed(&self, row: usize) -> Result<Vec<String>> {
        if self.changed.is_null(row) {
            return Ok(Vec::new());
        }
        let Some(list) = self.changed.as_list_opt::<i32>() else { return Ok(Vec::new()) };
        let names = cast(&list.value(row), &DataType::Utf8)?;
        Ok(names.as_string::<i32>().iter().flatten().map(str::to_string).collect())
    }

    /// A cell that could not be read as its type, in words.
    fn unreadable(&self, row: usize, side: Side, column: &str) -> Result<Option<String>> {
        Ok(self.unreadable_text(row, side, column)?.map(|text| format!("{UNREADABLE} {}", quote(&text))))
    }

    /// The text of a cell that could not be read as its type.
    pub fn unreadable_text(&self, row: usize, side: Side, column: &str) -> Result<Option<String>> {
        let Some(list) = self.unreadable.and_then(|array| array.as_list_opt::<i32>()) else { return Ok(None) };
        if list.is_null(row) {
            return Ok(None);
        }
        let cells = list.value(row);
        let Some(cells) = cells.as_any().downcast_ref::<StructArray>() else { return Ok(None) };
        let field = |name: &str| -> Result<Option<ArrayRef>> {
            Ok(cells.column_by_name(name).map(|array| cast(array, &DataType::Utf8)).transpose()?)
        };
        let (Some(sides), Some(names), Some(texts)) = (field("side")?, field("column")?, field("text")?) else {
            return Ok(None);
        };
        let (sides, names, texts) = (sides.as_string::<i32>(), names.as_string::<i32>(), texts.as_string::<i32>());
        Ok((0..cells.len())
            .find(|&i| sides.value(i) == side.as_str() && names.value(i) == column)
            .map(|i| texts.value(i).to_string()))
    }

    pub fn key(&self, row: usize) -> String {
        let parts: Vec<String> =
            self.key.iter().map(|(name, values)| format!("{} {}", escape(name), values.literal(row))).collect();
        parts.join(", ")
    }

    /// Both cells of a mismatch.
    pub fn cells(&self, row: usize, name: &str, values: &BySide<Values<'_>>) -> Result<(String, String)> {
        let (source, target) = pair(&values.source, &values.target, row);
        Ok((
            self.unreadable(row, Side::Source, name)?.unwrap_or(source),
            self.unreadable(row, Side::Target, name)?.unwrap_or(target),
        ))
    }

    /// The values of a row that stands on one side, but for those that its key already shows, each with its column's name.
    pub fn fields_of(&self, row: usize, side: Side) -> impl Iterator<Item = Result<(&'a str, String)>> {
        let others = self.compared.iter().filter(|(name, _)| !self.key.iter().any(|(key, _)| key == name));
        others.map(move |(name, values)| {
            let text = match self.unreadable(row, side, name)? {
                Some(text) => text,
                None => values.get(side).literal(row),
            };
            Ok((*name, text))
        })
    }

    /// All of them as one text.
    pub fn row_of(&self, row: usize, side: Side) -> Result<String> {
        let parts: Result<Vec<String>> = self
            .fields_of(row, side)
            .map(|field| field.map(|(name, text)| format!("{} {text}", escape(name))))
            .collect();
        Ok(parts?.join(", "))
    }
}
