//! Batches of what disagrees -> batches of the divergence table.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListBuilder, NullArray, StringArray, StringBuilder, StructBuilder,
    make_comparator, new_null_array,
};
use datafusion::arrow::compute::{SortColumn, SortOptions, cast, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use crate::divergence::identity::{divergence_ids, schema_id};
use crate::divergence::schema::{DivergenceSchema, unreadable_fields, unreadable_item};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::common::{is_nested, is_text};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::field;
use crate::side::Side;
use crate::verdict::{Kind, SchemaDifferences};

/// Makes divergence batches of what the engine's classifying statement left over.
pub struct Assembler {
    run_id: String,
    plan: Arc<MatchPlan>,
    pub schema: DivergenceSchema,
    /// The table's columns, then what they are sorted by.
    pub sortable: SchemaRef,
    /// Names of the sorting columns.
    pub order: Vec<String>,
    /// The sorting columns order rows as the compared ones do.
    pub by_key: bool,
}

impl Assembler {
    pub fn new(run_id: &str, plan: Arc<MatchPlan>) -> Self {
        let schema = DivergenceSchema::of_match(&plan);
        let order: Vec<String> = (0..plan.key.len()).map(|i| format!("#order{i}")).collect();
        let mut fields: Vec<Arc<Field>> = schema.schema.fields().to_vec();
        let mut by_key = true;
        for (name, column) in order.iter().zip(&plan.key) {
            let by_bytes = column.common.by_value || is_nested(&column.common.data_type);
            let order_type = if by_bytes {
                DataType::Binary
            } else {
                schema.schema.field(4 + fields.len() - schema.schema.fields().len()).data_type().clone()
            };
            // Cells that cannot be read tell keys apart, but do not order them; a type that is written as text is
            // ordered as text.
            by_key &= !column.has_residue() && (order_type != DataType::Utf8 || is_text(&column.common.data_type));
            fields.push(Arc::new(Field::new(name, order_type, true)));
        }
        Self { run_id: run_id.to_string(), plan, schema, sortable: Arc::new(Schema::new(fields)), order, by_key }
    }

    pub fn assemble(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let found = |name: &str| field::column(batch, name).cloned();
        let text = |name: &str| -> Result<StringArray> {
            Ok(cast(&found(name)?, &DataType::Utf8)?.as_string::<i32>().clone())
        };
        let (kind, side) = (text(field::KIND)?, text(field::SIDE)?);
        let ordinals = cast(&found(field::ORDINAL)?, &DataType::Int64)?;
        let keys: Vec<ArrayRef> = (0..self.plan.key.len()).map(|i| found(&field::key(i))).collect::<Result<_>>()?;
        let residues = self.residues(batch)?;
        let ids = divergence_ids(
            &self.plan.rule,
            &keys,
            &residues.iter().filter(|r| r.key).map(|r| (r.index, r.texts.clone())).collect::<Vec<_>>(),
            &side,
            ordinals.as_primitive(),
        )?;
        let run_ids = StringArray::from_iter_values(std::iter::repeat_n(&self.run_id, batch.num_rows()));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(run_ids), Arc::new(ids), Arc::new(kind.clone()), Arc::new(side)];
        columns.extend(keys);
        columns.push(self.changed(batch, &kind)?);
        for i in 0..self.plan.values.len() {
            for side in Side::BOTH {
                columns.push(found(&field::own(side, i))?);
            }
        }
        columns.push(unreadable(&residues, batch.num_rows())?);
        for i in 0..self.plan.key.len() {
            columns.push(found(&field::key_order(i))?);
        }
        let stored = columns.iter().zip(self.sortable.fields());
        let stored = stored.map(|(column, field)| store(column, field.data_type())).collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(self.sortable.clone(), stored)?)
    }

    /// The rows of an assembled batch in the table's order: that of the sorting columns, then of the id.
    pub fn arrange(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = SortOptions { descending: false, nulls_first: true };
        let order = batch.columns()[self.schema.schema.fields().len()..].iter().chain([batch.column(ID)]);
        let columns: Vec<ArrayRef> = order.cloned().collect();
        let compare = columns.iter().map(|column| make_comparator(column, column, options));
        let compare = compare.collect::<Result<Vec<_>, _>>()?;
        let follows = |row: usize| compare.iter().map(|compare| compare(row - 1, row)).find(|order| order.is_ne());
        if (1..batch.num_rows()).all(|row| follows(row).is_none_or(|order| order.is_lt())) {
            return Ok(batch.clone());
        }
        let columns = columns.into_iter().map(|values| SortColumn { values, options: Some(options) });
        Ok(take_record_batch(batch, &lexsort_to_indices(&columns.collect::<Vec<_>>(), None)?)?)
    }

    /// The unreadable texts of the batch, by side and column.
    fn residues(&self, batch: &RecordBatch) -> Result<Vec<Residue>> {
        let mut residues = Vec::new();
        let roles = [('k', &self.plan.key), ('v', &self.plan.values)];
        for (role, columns) in roles {
            for (index, column) in columns.iter().enumerate().filter(|(_, column)| column.has_residue()) {
                for side in Side::BOTH {
                    let texts = field::column(batch, &field::residue(side, role, index))?;
                    let texts = cast(texts, &DataType::Utf8)?.as_string::<i32>().clone();
                    residues.push(Residue { side, key: role == 'k', index, column: column.name.clone(), texts });
                }
            }
        }
        Ok(residues)
    }

    fn changed(&self, batch: &RecordBatch, kind: &StringArray) -> Result<ArrayRef> {
        let flags = (0..self.plan.values.len())
            .map(|i| Ok(field::column(batch, &field::differs(i))?.as_boolean().clone()))
            .collect::<Result<Vec<_>>>()?;
        let mut list = ListBuilder::new(StringBuilder::new());
        for row in 0..batch.num_rows() {
            if kind.value(row) != Kind::ValueMismatch.as_str() {
                list.append_null();
                continue;
            }
            for (column, flags) in self.plan.values.iter().zip(&flags) {
                if flags.is_valid(row) && flags.value(row) {
                    list.values().append_value(&column.name);
                }
            }
            list.append(true);
        }
        Ok(Arc::new(list.finish()))
    }
}

/// Where the id stands in the table.
const ID: usize = 1;

struct Residue {
    side: Side,
    key: bool,
    index: usize,
    column: String,
    /// NULL where the cell could be read.
    texts: StringArray,
}

fn unreadable(residues: &[Residue], rows: usize) -> Result<ArrayRef> {
    let builder = StructBuilder::from_fields(unreadable_fields(), 0);
    let mut list = ListBuilder::new(builder).with_field(unreadable_item());
    for row in 0..rows {
        let mut any = false;
        for residue in residues.iter().filter(|residue| residue.texts.is_valid(row)) {
            any = true;
            let cell = list.values();
            for (i, text) in [residue.side.as_str(), &residue.column, residue.texts.value(row)].into_iter().enumerate()
            {
                let field = cell.field_builder::<StringBuilder>(i);
                field.ok_or_else(|| Error::new(ErrorKind::Internal, "unreadable cells are text"))?.append_value(text);
            }
            cell.append(true);
        }
        list.append(any);
    }
    Ok(Arc::new(list.finish()))
}

/// The column as it is written. Intervals, which Parquet's readers do not share, become text.
fn store(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if column.data_type() == to {
        return Ok(column.clone());
    }
    if column.data_type().is_null() {
        return Ok(new_null_array(to, column.len()));
    }
    Ok(cast(column, to)?)
}

/// One row for each column that stands on one side only or whose types cannot be compared. None if there is none.
pub fn assemble_schema_differences(
    run_id: &str,
    rule: &str,
    table: &SchemaRef,
    differences: &SchemaDifferences,
) -> Result<Option<RecordBatch>> {
    let rows: Vec<(&str, &str)> = (differences.only_in_source.iter().map(|c| (c.as_str(), "source")))
        .chain(differences.only_in_target.iter().map(|c| (c.as_str(), "target")))
        .chain(differences.type_differs.iter().map(|c| (c.column.as_str(), "both")))
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let types = unreadable_types(differences)?;
    let columns = table.fields().iter().map(|field| -> ArrayRef {
        let texts = |f: &dyn Fn(&(&str, &str)) -> String| Arc::new(StringArray::from_iter_values(rows.iter().map(f)));
        match field.name().as_str() {
            "run_id" => texts(&|_| run_id.to_string()),
            "divergence_id" => texts(&|(column, _)| schema_id(rule, column)),
            "kind" => texts(&|_| Kind::SchemaMismatch.as_str().to_string()),
            "side" => texts(&|(_, side)| side.to_string()),
            "changed_columns" => {
                let mut list = ListBuilder::new(StringBuilder::new());
                for (column, _) in &rows {
                    list.values().append_value(column);
                    list.append(true);
                }
                Arc::new(list.finish())
            }
            _ if field.data_type() == &DataType::List(unreadable_item()) => types.clone(),
            _ => new_null_array(field.data_type(), rows.len()),
        }
    });
    Ok(Some(RecordBatch::try_new(table.clone(), columns.collect())?))
}

/// What cannot be read as one type: the types of both sides, where they cannot be compared.
fn unreadable_types(differences: &SchemaDifferences) -> Result<ArrayRef> {
    let mut list = ListBuilder::new(StructBuilder::from_fields(unreadable_fields(), 0)).with_field(unreadable_item());
    for _ in differences.only_in_source.iter().chain(&differences.only_in_target) {
        list.append_null();
    }
    for differs in &differences.type_differs {
        for side in Side::BOTH {
            for (at, text) in [side.as_str(), &differs.column, differs.types.get(side)].into_iter().enumerate() {
                let field = list.values().field_builder::<StringBuilder>(at);
                field
                    .ok_or_else(|| Error::new(ErrorKind::Internal, "types that differ are told as text"))?
                    .append_value(text);
            }
            list.values().append(true);
        }
        list.append(true);
    }
    Ok(Arc::new(list.finish()))
}

/// The rows of a `sql` rule as divergences. `ordinals`: numbers rows whose key is not theirs alone.
pub fn assemble_query(
    run_id: &str,
    rule: &str,
    schema: &DivergenceSchema,
    batch: &RecordBatch,
    key: &[usize],
    ordinals: &Int64Array,
) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let sides = StringArray::from_iter_values(std::iter::repeat_n("both", rows));
    let keys: Vec<ArrayRef> = key.iter().map(|i| batch.column(*i).clone()).collect();
    let keys = if keys.is_empty() { vec![Arc::new(NullArray::new(rows)) as ArrayRef] } else { keys };
    let ids = divergence_ids(rule, &keys, &[], &sides, ordinals)?;
    let same = |text: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))) as ArrayRef;
    let mut columns: Vec<ArrayRef> =
        vec![same(run_id), Arc::new(ids), same(Kind::RuleViolation.as_str()), Arc::new(sides)];
    for (column, field) in batch.columns().iter().zip(schema.schema.fields().iter().skip(4)) {
        columns.push(store(column, field.data_type())?);
    }
    Ok(RecordBatch::try_new(schema.schema.clone(), columns)?)
}
