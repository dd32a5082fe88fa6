//! Another look at keys that diverge: only their rows are read, by what is then in the databases, and compared by value.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::cast::as_fixed_size_binary_array;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_plan::ExecutionPlan;

use crate::dataset::DatabaseTable;
use crate::engine::bytes::{Cancelled, Done};
use crate::engine::catalog::table_name;
use crate::engine::digests::digest_of;
use crate::engine::diverging::Diverged;
use crate::engine::operator::{Emit, ReconcileExec};
use crate::engine::reconcile::Comparison;
use crate::engine::{Engine, Strategy};
use crate::error::Result;
use crate::rule::plan::{MatchPlan, ReadFrom};
use crate::rule::sql::{compared, digested_sql};
use crate::side::{BySide, Side};

const DIVERGED: &str = "diverged_before";

impl Engine {
    /// The operator that compares the rows of these keys, and no others.
    pub async fn again(
        self: &Arc<Self>,
        plan: &MatchPlan,
        diverged: &Arc<Diverged>,
        emit: Emit,
    ) -> Result<ReconcileExec> {
        let mut plan = plan.clone();
        for side in Side::BOTH {
            let of_side = plan.sides.get_mut(side);
            of_side.exact_rows = None;
            of_side.segments = Some(format!("{DIVERGED}(row_digest({}))", compared(&plan.key).join(", ")));
        }
        // What is left of the match, with nothing done yet: it is read once, and in full.
        let mut left = Cancelled::new(self, plan.clone(), Done::Rows(0));
        for side in Side::BOTH {
            let Some(table) = named(&plan, side, diverged) else { continue };
            // No dataset is named so.
            let name = table_name(&format!("#again_{side}_{}", plan.rule));
            left.register(&name, Arc::new(table))?;
            left.plan.sides.get_mut(side).from = name;
        }
        self.ctx.register_udf(diverged_before(diverged.clone()));
        let inputs = self.rows_again(&left.plan).await;
        self.ctx.deregister_udf(DIVERGED);
        let mut comparison = Comparison::new(self.clone(), Arc::new(plan), Strategy::Pushdown, false);
        comparison.cancelled = Some(left);
        Ok(ReconcileExec::new(comparison, inputs?, emit))
    }

    /// The rows of one side that have these keys, or all of them: what is compared of each, its digests, and what is carried along. `table` is read
    /// instead of the side's own, if it is given; without `filtered`, rows that the rule leaves out as well.
    pub async fn rows_of_side(
        self: &Arc<Self>,
        plan: &MatchPlan,
        side: Side,
        keys: Option<&Arc<Diverged>>,
        table: Option<Arc<dyn TableProvider>>,
        filtered: bool,
    ) -> Result<Vec<RecordBatch>> {
        let mut plan = plan.clone();
        let of_side = plan.sides.get_mut(side);
        of_side.segments = keys.map(|_| format!("{DIVERGED}(row_digest({}))", compared(&plan.key).join(", ")));
        let of_side = plan.sides.get_mut(side);
        if !filtered {
            of_side.filter = None;
            of_side.filters.clear();
        }
        let mut own = Cancelled::new(self, plan, Done::Rows(0));
        if let Some(table) = table {
            let name = table_name(&format!("#rows_{side}_{}", own.plan.rule));
            own.register(&name, table)?;
            own.plan.sides.get_mut(side).from = name;
        }
        if let Some(keys) = keys {
            self.ctx.register_udf(diverged_before(keys.clone()));
        }
        let read = self.physical(&self.ctx, &digested_sql(&own.plan, side, true)?, None).await;
        if keys.is_some() {
            self.ctx.deregister_udf(DIVERGED);
        }
        Ok(datafusion::physical_plan::collect(read?, self.ctx.task_ctx()).await?)
    }

    async fn rows_again(&self, plan: &MatchPlan) -> Result<BySide<Arc<dyn ExecutionPlan>>> {
        // Columns beside the key are decoded only for rows that pass.
        let ctx = self.session_with(|mut config| {
            config.options_mut().execution.parquet.pushdown_filters = true;
            config
        });
        let source = self.physical(&ctx, &digested_sql(plan, Side::Source, true)?, None).await?;
        Ok(BySide::new(source, self.physical(&ctx, &digested_sql(plan, Side::Target, true)?, None).await?))
    }
}

/// The rows of few keys that are whole numbers, which a database finds by itself.
pub fn named(plan: &MatchPlan, side: Side, diverged: &Diverged) -> Option<DatabaseTable> {
    let numbers = diverged.numbers()?;
    let [key] = &plan.key[..] else { return None };
    let reading = key.read.get(side);
    let ReadFrom::Column(name) = &reading.from else { return None };
    let plain = reading.text_as.is_none() && reading.zone.is_none() && !reading.number && !key.normal.any();
    let table = plan.sides.get(side).opened.as_ref()?.database().filter(|_| plain)?;
    table.of_numbers(name, numbers)
}

/// Whether a key, given as its digest, diverged before.
fn diverged_before(keys: Arc<Diverged>) -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::FixedSizeBinary(16)], Volatility::Immutable);
    ScalarUDF::from(DivergedBefore { keys, signature })
}

struct DivergedBefore {
    keys: Arc<Diverged>,
    signature: Signature,
}

impl std::fmt::Debug for DivergedBefore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(DIVERGED)
    }
}

impl PartialEq for DivergedBefore {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keys, &other.keys)
    }
}

impl Eq for DivergedBefore {}

impl std::hash::Hash for DivergedBefore {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.keys).hash(state);
    }
}

impl ScalarUDFImpl for DivergedBefore {
    fn name(&self) -> &str {
        DIVERGED
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let digests = args.args[0].to_array(args.number_rows)?;
        let digests = as_fixed_size_binary_array(&digests)?;
        let found = digests.iter().map(|digest| Ok(self.keys.contains(digest_of(digest)?)));
        let found: BooleanBuffer = found.collect::<Result<Vec<bool>>>()?.into();
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(found, None))))
    }
}
