//! Predicates tried on a sample of a column's mismatches: how often they hold, and how often they would by chance.

use std::cell::OnceCell;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::SessionContext;

use crate::causes::chance::Bar;
use crate::causes::shape::Pair;
use crate::error::{Error, ErrorKind, Result};
use crate::side::{BySide, Side};
use crate::sql::{Mode, encode_rows};

/// Pairs that chance is counted in, about.
const CROSSED: usize = 8192;

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
    /// Mismatches that the sample is one of.
    seen: u64,
    pairs: RecordBatch,
    /// What chance is counted in is made where it is asked for: pairs of other rows, and each side beside itself.
    crossed: OnceCell<RecordBatch>,
    within: OnceCell<BySide<RecordBatch>>,
    same_type: bool,
}

impl<'a> Trial<'a> {
    pub fn new(ctx: &'a SessionContext, pair: &Pair, cells: BySide<ArrayRef>, seen: u64) -> Result<Self> {
        let field = |side| Field::new(format!("{side}_{}", pair.name), pair.types.get(side).clone(), true);
        let schema = Arc::new(Schema::new(Side::BOTH.map(field).to_vec()));
        Ok(Self {
            ctx,
            schema: Arc::new(DFSchema::try_from(schema.as_ref().clone())?),
            pairs: RecordBatch::try_new(schema, vec![cells.source.clone(), cells.target.clone()])?,
            crossed: OnceCell::new(),
            within: OnceCell::new(),
            same_type: pair.types.source == pair.types.target,
            cells,
            seen,
        })
    }

    fn batch(&self, source: ArrayRef, target: ArrayRef) -> Result<RecordBatch> {
        Ok(RecordBatch::try_new(self.pairs.schema(), vec![source, target])?)
    }

    /// Different cells of other rows.
    fn beside(&self, source: &ArrayRef, target: &ArrayRef) -> Result<RecordBatch> {
        let (left, right) = cross(source, target)?;
        self.batch(take(source, &left, None)?, take(target, &right, None)?)
    }

    fn crossed(&self) -> Result<&RecordBatch> {
        if self.crossed.get().is_none() {
            let crossed = self.beside(&self.cells.source, &self.cells.target)?;
            return Ok(self.crossed.get_or_init(|| crossed));
        }
        self.crossed.get().ok_or_else(|| Error::new(ErrorKind::Internal, "what chance is counted in is gone"))
    }

    fn within(&self) -> Result<&BySide<RecordBatch>> {
        let BySide { source, target } = &self.cells;
        if self.within.get().is_none() {
            let within = BySide::new(self.beside(source, source)?, self.beside(target, target)?);
            return Ok(self.within.get_or_init(|| within));
        }
        self.within.get().ok_or_else(|| Error::new(ErrorKind::Internal, "what chance is counted in is gone"))
    }

    pub fn len(&self) -> usize {
        self.pairs.num_rows()
    }

    /// Where not all pairs are counted, there may be one more than were seen.
    fn unseen(&self) -> f64 {
        if self.len() * self.len() > CROSSED { 1.0 / CROSSED as f64 } else { 0.0 }
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
        // What is rare in the table may be rarer yet in its sample: whether it is enough is counted in all rows.
        let rows = if of == self.seen { bar.rows } else { 1 };
        let passes = |bar: &Bar| Bar { rows, ..*bar }.is_passed(hits, of);
        if !passes(&bar) {
            return Ok(None);
        }
        let share = |batch: &RecordBatch| -> Result<f64> {
            Ok(holds(expr.as_ref(), batch)? as f64 / batch.num_rows().max(1) as f64)
        };
        let mut bar = bar;
        for null in nulls {
            let chance = match null {
                Null::Within if self.same_type => {
                    let within = self.within()?;
                    share(&within.source)?.min(share(&within.target)?) + self.unseen()
                }
                // What was seen in none of n may yet be as frequent as 3 in n.
                Null::Reversed if self.same_type => {
                    share(&self.batch(self.cells.target.clone(), self.cells.source.clone())?)? + 3.0 / of as f64
                }
                Null::Reversed => 0.0,
                Null::Crossed | Null::Within => match self.crossed()? {
                    // Without any other pair, nothing is known of chance.
                    none if none.num_rows() == 0 => 1.0,
                    crossed => share(crossed)? + self.unseen(),
                },
            };
            bar = bar.above(chance);
        }
        Ok(passes(&bar).then_some(bar))
    }
}

fn holds(expr: &dyn PhysicalExpr, batch: &RecordBatch) -> Result<u64> {
    let value = expr.evaluate(batch)?.into_array(batch.num_rows())?;
    let holds = datafusion::common::cast::as_boolean_array(&value)?;
    Ok(holds.true_count() as u64)
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
