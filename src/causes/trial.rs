//! Predicates tried on a sample of a column's mismatches: how often they hold, and how often they would by chance.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::SessionContext;

use crate::causes::chance::Bar;
use crate::causes::shape::Pair;
use crate::error::Result;
use crate::side::BySide;
use crate::sql::{Mode, encode_rows};

/// Pairs that chance is counted in, about.
const CROSSED: usize = 32_768;

/// What takes a relation for chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// It holds between source cells and target cells of different rows.
    Crossed,
    /// It holds between different cells of the source, and between different cells of the target.
    Within,
    /// It holds the other way round, too.
    Reversed,
}

/// A sample of a column's mismatches.
pub struct Trial<'a> {
    ctx: &'a SessionContext,
    schema: DFSchemaRef,
    pub cells: BySide<ArrayRef>,
    pairs: RecordBatch,
    crossed: Option<RecordBatch>,
    within: Option<BySide<RecordBatch>>,
    reversed: Option<RecordBatch>,
}

impl<'a> Trial<'a> {
    pub fn new(ctx: &'a SessionContext, pair: &Pair, cells: BySide<ArrayRef>) -> Result<Self> {
        let of = |side| {
            let types: &datafusion::arrow::datatypes::DataType = pair.types.get(side);
            Field::new(format!("{side}_{}", pair.name), types.clone(), true)
        };
        let fields = BySide::from_fn(of);
        let schema = Arc::new(Schema::new(vec![fields.source, fields.target]));
        let batch = |source: &ArrayRef, target: &ArrayRef| {
            RecordBatch::try_new(schema.clone(), vec![source.clone(), target.clone()])
        };
        let same_type = pair.types.source == pair.types.target;
        let (source, target) = (&cells.source, &cells.target);
        let crossed = |a: &ArrayRef, b: &ArrayRef| -> Result<Option<RecordBatch>> {
            let (left, right) = cross(a, b)?;
            if left.is_empty() {
                return Ok(None);
            }
            Ok(Some(batch(&take(a, &left, None)?, &take(b, &right, None)?)?))
        };
        let nothing = || RecordBatch::new_empty(schema.clone());
        let within = || -> Result<BySide<RecordBatch>> {
            let one = |cells: &ArrayRef| Ok::<_, crate::Error>(crossed(cells, cells)?.unwrap_or_else(nothing));
            Ok(BySide::new(one(source)?, one(target)?))
        };
        Ok(Self {
            ctx,
            schema: Arc::new(DFSchema::try_from(schema.as_ref().clone())?),
            pairs: batch(source, target)?,
            crossed: crossed(source, target)?,
            within: same_type.then(within).transpose()?,
            reversed: same_type.then(|| batch(target, source)).transpose()?,
            cells: cells.clone(),
        })
    }

    pub fn len(&self) -> usize {
        self.pairs.num_rows()
    }

    fn plan(&self, sql: &str) -> Result<Arc<dyn PhysicalExpr>> {
        let context = SimplifyContext::builder().with_schema(self.schema.clone()).with_current_time().build();
        let simplifier = ExprSimplifier::new(context);
        let expr = simplifier.coerce(self.ctx.parse_sql_expr(sql, &self.schema)?, &self.schema)?;
        // Some functions exist only until they are simplified.
        Ok(self.ctx.create_physical_expr(simplifier.simplify(expr)?, &self.schema)?)
    }

    /// The value of an expression for each pair.
    pub fn values(&self, sql: &str) -> Result<ArrayRef> {
        Ok(self.plan(sql)?.evaluate(&self.pairs)?.into_array(self.len())?)
    }

    /// In how many pairs `sql` holds.
    pub fn hits(&self, sql: &str) -> Result<u64> {
        holds(self.plan(sql)?.as_ref(), &self.pairs)
    }

    /// `bar` over what chance gives, if more of the sample than that is as `sql` says.
    pub fn bar(&self, sql: &str, bar: Bar, nulls: &[Null]) -> Result<Option<Bar>> {
        let expr = self.plan(sql)?;
        let (hits, of) = (holds(expr.as_ref(), &self.pairs)?, self.len() as u64);
        if hits == 0 {
            return Ok(None);
        }
        let share = |batch: &RecordBatch| -> Result<f64> {
            Ok(holds(expr.as_ref(), batch)? as f64 / batch.num_rows().max(1) as f64)
        };
        let mut bar = bar;
        for null in nulls {
            let chance = match (null, &self.within, &self.reversed) {
                (Null::Within, Some(within), _) => share(&within.source)?.min(share(&within.target)?),
                // What was seen in none of n may yet be as frequent as 3 in n.
                (Null::Reversed, _, Some(reversed)) => share(reversed)? + 3.0 / of as f64,
                (Null::Reversed, _, None) => 0.0,
                // Without any other pair, nothing is known of chance.
                _ => self.crossed.as_ref().map_or(Ok(1.0), share)?,
            };
            bar = bar.above(chance);
        }
        // What is rare in the table may be rarer yet in its sample: whether it is enough is counted in all rows.
        let might = Bar { rows: bar.rows.min(hits), ..bar };
        Ok(might.is_passed(hits, of).then_some(bar))
    }
}

fn holds(expr: &dyn PhysicalExpr, batch: &RecordBatch) -> Result<u64> {
    let value = expr.evaluate(batch)?.into_array(batch.num_rows())?;
    let holds = datafusion::common::cast::as_boolean_array(&value)?;
    Ok(true_count(holds) as u64)
}

fn true_count(holds: &BooleanArray) -> usize {
    holds.true_count()
}

/// Rows of `a` beside other rows of `b` that do not hold the same: all of few, a choice of many.
fn cross(a: &ArrayRef, b: &ArrayRef) -> Result<(UInt32Array, UInt32Array)> {
    let rows = a.len();
    let encoded = [a, b].map(|cells| encode_rows(std::slice::from_ref(cells), rows, Mode::ByValue));
    let [left, right] = encoded;
    let (left, right) = (left?, right?);
    let turns = (CROSSED / rows.max(1)).clamp(1, rows.max(2) - 1);
    let (mut at, mut beside) = (Vec::new(), Vec::new());
    for turn in 1..=turns {
        // Spread over the sample.
        let turn = turn * (rows / (turns + 1)).max(1);
        for row in 0..rows {
            let other = (row + turn) % rows;
            if other != row && left.row(row) != right.row(other) {
                at.push(row as u32);
                beside.push(other as u32);
            }
        }
    }
    Ok((UInt32Array::from(at), UInt32Array::from(beside)))
}
