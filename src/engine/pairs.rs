//! Rows of both sides that meet under a key, as batches of the shape that the classifying statement returns: kind, side,
//! and the plan's fields evaluated over a row of each side.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringArray, UInt32Array};
use datafusion::arrow::compute::take_arrays;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchema, TableReference};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::SessionContext;

use crate::error::Result;
use crate::rule::plan::MatchPlan;
use crate::rule::sql::{aliases, field, pair_fields};
use crate::side::{BySide, Side};

/// The plan's fields, ready to be evaluated.
pub struct Pairing {
    /// Of a row of the source, then one of the target.
    joined: SchemaRef,
    fields: Vec<(String, Arc<dyn PhysicalExpr>)>,
    /// What numbers a row that meets none: only rows without a key have a number.
    ordinal: Option<i64>,
}

impl Pairing {
    /// `schemas`: of the rows of both sides.
    pub fn new(ctx: &SessionContext, plan: &MatchPlan, schemas: &BySide<SchemaRef>) -> Result<Self> {
        let aliases = aliases(plan);
        let qualified = |side: Side| {
            let fields = schemas.get(side).fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
            let schema = Schema::new(fields.collect::<Vec<_>>());
            DFSchema::try_from_qualified_schema(TableReference::bare(aliases.get(side).as_str()), &schema)
        };
        let joined = qualified(Side::Source)?.join(&qualified(Side::Target)?)?;
        let state = ctx.state();
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(joined.clone()))
            .with_config_options(state.config_options().clone())
            .build();
        let simplifier = ExprSimplifier::new(context);
        let fields = pair_fields(plan).into_iter().map(|item| {
            let expression = state.create_logical_expr(&item.sql, &joined)?;
            let simplified = simplifier.simplify(simplifier.coerce(expression, &joined)?)?;
            let physical = state.create_physical_expr(simplified, &joined)?;
            Ok((item.name[1..item.name.len() - 1].to_string(), physical))
        });
        let fields = fields.collect::<Result<Vec<_>>>()?;
        // Both sides' columns by position; their names repeat.
        let columns = joined.fields().iter().enumerate();
        let columns = columns.map(|(i, field)| Field::new(i.to_string(), field.data_type().clone(), true));
        let joined = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
        Ok(Self { joined, fields, ordinal: (!plan.keyed).then_some(1) })
    }

    pub fn classify(&self, rows: BySide<&RecordBatch>, pairs: &[(Option<u32>, Option<u32>)]) -> Result<RecordBatch> {
        let source = taken(rows.source, pairs.iter().map(|pair| pair.0))?;
        let target = taken(rows.target, pairs.iter().map(|pair| pair.1))?;
        let columns = source.into_iter().chain(target).collect();
        let joined = RecordBatch::try_new(self.joined.clone(), columns)?;
        let kind = |pair: &(Option<u32>, Option<u32>)| match pair {
            (Some(_), Some(_)) => ("pair", "both"),
            (Some(_), None) => ("missing_in_target", "source"),
            (None, _) => ("missing_in_source", "target"),
        };
        let text = |of: fn((&'static str, &'static str)) -> &'static str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(pairs.iter().map(|pair| of(kind(pair)))))
        };
        let ordinals = Int64Array::from_iter(std::iter::repeat_n(self.ordinal, pairs.len()));
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![(field::KIND, text(|(kind, _)| kind)), (field::SIDE, text(|(_, side)| side))];
        columns.push((field::ORDINAL, Arc::new(ordinals)));
        for (name, expression) in &self.fields {
            columns.push((name, expression.evaluate(&joined)?.into_array(joined.num_rows())?));
        }
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), column.data_type() != &DataType::Null))
            .collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

/// The rows of these numbers; where they stand side by side, as they are.
fn taken(rows: &RecordBatch, numbers: impl Iterator<Item = Option<u32>>) -> Result<Vec<ArrayRef>> {
    let numbers: UInt32Array = numbers.collect();
    let side_by_side = numbers.null_count() == 0 && numbers.values().windows(2).all(|pair| pair[0] + 1 == pair[1]);
    match numbers.values().first() {
        Some(&first) if side_by_side => Ok(rows.slice(first as usize, numbers.len()).columns().to_vec()),
        _ => Ok(take_arrays(rows.columns(), &numbers, None)?),
    }
}
