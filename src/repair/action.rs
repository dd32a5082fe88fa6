//! What a plan does to each row: in memory, and as the table `actions.parquet`.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, ListBuilder, StringArray, StringBuilder, StructArray, UInt32Array,
    new_null_array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Fields, Schema, SchemaRef, UInt32Type};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use crate::dataset::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Decide;
use crate::verdict::Kind;

/// Digits after the point of what is at stake.
pub const SCALE: i8 = 9;
const STAKE: DataType = DataType::Decimal128(38, SCALE);

/// What is done to one row, without its images.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    pub divergence_id: String,
    pub kind: Kind,
    pub change: Change,
    /// Columns of the table that are given a value, by their places.
    pub set: Vec<usize>,
    /// What has to be done before is in an earlier step.
    pub step: u32,
    /// In units of 10^-9; none: not known.
    pub at_stake: Option<i128>,
    pub decide: Decide,
    /// Why it is proposed, and why so decided.
    pub reason: String,
    /// Why it is not done, whoever allows it.
    pub refused: Option<String>,
}

/// All of a plan, in the order in which it is carried out; `key`, `before` and `after` have a row for each.
#[derive(Debug, Clone)]
pub struct Actions {
    pub actions: Vec<Action>,
    /// The rule's key, as the divergence table has it.
    pub key: RecordBatch,
    /// Images, in the columns of the table that is changed. Where there is no row before, or after, all NULL.
    pub before: RecordBatch,
    pub after: RecordBatch,
}

impl Action {
    pub fn has_before(&self) -> bool {
        self.change != Change::Insert
    }

    pub fn has_after(&self) -> bool {
        self.change != Change::Delete
    }
}

pub fn change_word(change: Change) -> &'static str {
    match change {
        Change::Insert => "insert",
        Change::Update => "update",
        Change::Delete => "delete",
    }
}

pub fn decide_word(decide: Decide) -> String {
    match decide {
        Decide::Auto => "auto".into(),
        Decide::Approve(1) => "approve".into(),
        Decide::Approve(n) => format!("approve: {n}"),
        Decide::Never => "never".into(),
    }
}

fn decided(word: &str) -> Option<Decide> {
    match word {
        "auto" => Some(Decide::Auto),
        "approve" => Some(Decide::Approve(1)),
        "never" => Some(Decide::Never),
        other => other.strip_prefix("approve: ")?.parse().ok().filter(|n| *n > 0).map(Decide::Approve),
    }
}

impl Actions {
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The actions of these numbers, in this order.
    pub fn take(&self, numbers: &[usize]) -> Result<Self> {
        let indices = UInt32Array::from_iter_values(numbers.iter().map(|n| *n as u32));
        Ok(Self {
            actions: numbers.iter().map(|n| self.actions[*n].clone()).collect(),
            key: take_record_batch(&self.key, &indices)?,
            before: take_record_batch(&self.before, &indices)?,
            after: take_record_batch(&self.after, &indices)?,
        })
    }

    /// As a table; see the reference, page "Repair".
    pub fn table(&self) -> Result<RecordBatch> {
        let text = |of: &dyn Fn(&Action) -> Option<String>| -> ArrayRef {
            Arc::new(self.actions.iter().map(of).collect::<StringArray>())
        };
        let mut columns = ListBuilder::new(StringBuilder::new());
        for action in &self.actions {
            for n in &action.set {
                columns.values().append_value(self.after.schema().field(*n).name());
            }
            columns.append(true);
        }
        let stakes: Decimal128Array = self.actions.iter().map(|action| action.at_stake).collect();
        let (before, after) = (
            images(&self.before, self.actions.iter().map(Action::has_before).collect())?,
            images(&self.after, self.actions.iter().map(Action::has_after).collect())?,
        );
        let key = images(&self.key, vec![true; self.len()])?;
        let numbers: UInt32Array = (1..=self.len() as u32).map(Some).collect();
        let named: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(numbers)),
            ("divergence_id", text(&|action| Some(action.divergence_id.clone()))),
            ("kind", text(&|action| Some(action.kind.as_str().into()))),
            ("action", text(&|action| Some(change_word(action.change).into()))),
            ("key", key),
            ("columns", Arc::new(columns.finish())),
            ("before", before),
            ("after", after),
            ("at_stake", Arc::new(stakes.with_data_type(STAKE))),
            ("step", Arc::new(self.actions.iter().map(|action| Some(action.step)).collect::<UInt32Array>())),
            ("decide", text(&|action| Some(decide_word(action.decide)))),
            ("reason", text(&|action| Some(action.reason.clone()))),
            ("refused", text(&|action| action.refused.clone())),
        ];
        let fields: Fields =
            named.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let arrays = named.into_iter().map(|(_, array)| array).collect();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }

    /// From such a table.
    pub fn of_table(table: &RecordBatch) -> Result<Self> {
        let column = |name: &str| table.column_by_name(name).ok_or_else(|| broken(&format!("no column `{name}`")));
        let texts = |name: &str| -> Result<StringArray> {
            column(name)?.as_string_opt::<i32>().cloned().ok_or_else(|| broken(&format!("`{name}` is no text")))
        };
        let structure = |name: &str| structure(table, name);
        let after = structure("after")?;
        let (ids, kinds, words) = (texts("divergence_id")?, texts("kind")?, texts("action")?);
        let (decides, reasons, refused) = (texts("decide")?, texts("reason")?, texts("refused")?);
        let sets = column("columns")?.as_list_opt::<i32>().ok_or_else(|| broken("`columns` is no list"))?;
        let stakes = column("at_stake")?
            .as_primitive_opt::<Decimal128Type>()
            .ok_or_else(|| broken("`at_stake` is no decimal"))?;
        let steps = column("step")?.as_primitive_opt::<UInt32Type>().ok_or_else(|| broken("`step` is no number"))?;
        let action = |row: usize| -> Result<Action> {
            let set = sets.value(row);
            let set = set.as_string_opt::<i32>().ok_or_else(|| broken("`columns` holds no names"))?;
            let place =
                |name: &str| after.schema().index_of(name).map_err(|_| broken(&format!("no image of {name:?}")));
            Ok(Action {
                divergence_id: ids.value(row).into(),
                kind: Kind::ALL
                    .into_iter()
                    .find(|kind| kind.as_str() == kinds.value(row))
                    .ok_or_else(|| broken("a kind that is not known"))?,
                change: [Change::Insert, Change::Update, Change::Delete]
                    .into_iter()
                    .find(|change| change_word(*change) == words.value(row))
                    .ok_or_else(|| broken("an action that is not known"))?,
                set: set.iter().flatten().map(place).collect::<Result<_>>()?,
                step: steps.value(row),
                at_stake: stakes.is_valid(row).then(|| stakes.value(row)),
                decide: decided(decides.value(row)).ok_or_else(|| broken("a decision that is not known"))?,
                reason: reasons.value(row).into(),
                refused: refused.is_valid(row).then(|| refused.value(row).into()),
            })
        };
        Ok(Self {
            actions: (0..table.num_rows()).map(action).collect::<Result<_>>()?,
            key: structure("key")?,
            before: structure("before")?,
            after,
        })
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Data, format!("a table of actions cannot be read: {what}"))
        .hint("a newer version of tieout wrote it, or it was changed: `tieout ledger verify` tells")
}

/// By row: the columns in which two tables of images differ, in any bit.
pub fn differing(some: &RecordBatch, others: &RecordBatch) -> Result<Vec<Vec<usize>>> {
    let mut differ = vec![Vec::new(); some.num_rows()];
    for (n, (one, other)) in some.columns().iter().zip(others.columns()).enumerate() {
        let converter = RowConverter::new(vec![SortField::new(one.data_type().clone())])?;
        let rows = |column| converter.convert_columns(std::slice::from_ref(column));
        let (one, other) = (rows(one)?, rows(other)?);
        let unlike = one.iter().zip(other.iter()).enumerate().filter(|(_, (one, other))| one != other);
        unlike.for_each(|(row, _)| differ[row].push(n));
    }
    Ok(differ)
}

/// Images that are one column of a table.
pub fn structure(table: &RecordBatch, name: &str) -> Result<RecordBatch> {
    let column = table.column_by_name(name).and_then(|column| column.as_struct_opt());
    let array = column.ok_or_else(|| broken(&format!("`{name}` holds no images")))?;
    let options = RecordBatchOptions::new().with_row_count(Some(array.len()));
    let schema = Arc::new(Schema::new(array.fields().clone()));
    let columns = array.columns().iter().map(|column| masked(column, array.nulls()));
    Ok(RecordBatch::try_new_with_options(schema, columns.collect::<Result<Vec<_>>>()?, &options)?)
}

/// Rows of images as one column; NULL where there is no row.
pub fn images(rows: &RecordBatch, is: Vec<bool>) -> Result<ArrayRef> {
    let nulls = NullBuffer::from(is);
    if rows.num_columns() == 0 {
        return Ok(Arc::new(StructArray::new_empty_fields(rows.num_rows(), Some(nulls))));
    }
    let schema = rows.schema();
    let fields = schema.fields().iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true)));
    Ok(Arc::new(StructArray::try_new(fields.collect(), rows.columns().to_vec(), Some(nulls))?))
}

/// NULL wherever there is no row.
fn masked(column: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
    let Some(nulls) = nulls else { return Ok(column.clone()) };
    let is = datafusion::arrow::array::BooleanArray::new(nulls.inner().clone(), None);
    let none = new_null_array(column.data_type(), column.len());
    Ok(datafusion::arrow::compute::kernels::zip::zip(&is, column, &none)?)
}

/// A table as a Parquet file.
pub fn to_parquet(table: &RecordBatch) -> Result<Bytes> {
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()));
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties.build())).map_err(unwritten)?;
    writer.write(table).map_err(unwritten)?;
    writer.close().map_err(unwritten)?;
    Ok(bytes.into())
}

/// And back.
pub fn from_parquet(bytes: Bytes) -> Result<RecordBatch> {
    let unreadable = |error| Error::new(ErrorKind::Data, "a table of a repair cannot be read").source(error);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| unreadable(error.to_string()))?;
    let schema: SchemaRef = reader.schema().clone();
    let batches = reader.build().map_err(|error| unreadable(error.to_string()))?;
    let batches: Vec<RecordBatch> = batches.collect::<Result<_, _>>().map_err(|error| unreadable(error.to_string()))?;
    Ok(concat_batches(&schema, &batches)?)
}

fn unwritten(error: datafusion::parquet::errors::ParquetError) -> Error {
    Error::new(ErrorKind::Output, "a table of a repair cannot be written").source(error)
}
