//! Values for the placeholders `$name` of a statement. A plan that is shown to people has their names instead: a value may
//! have come from the environment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::DataFrame;

#[derive(Debug, Clone)]
pub struct Params {
    /// By name.
    values: HashMap<String, ScalarAndMetadata>,
    hidden: bool,
}

impl Params {
    pub fn new(values: &BTreeMap<String, ScalarValue>) -> Self {
        let values = values.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        Self { values, hidden: false }
    }

    /// Names in place of values. What they are bound to can be planned and shown, not executed.
    pub fn hidden(&self) -> Self {
        Self { hidden: true, ..self.clone() }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Names and values of those that a statement speaks of: all that its rows depend on besides its text.
    pub fn told(&self, statement: &str) -> Vec<String> {
        let mut told: Vec<String> = (self.values.iter())
            .filter(|(name, _)| statement.contains(&format!("${name}")))
            .map(|(name, value)| format!("{name}={:?}", value.value))
            .collect();
        told.sort_unstable();
        told
    }

    pub fn bind(&self, frame: DataFrame) -> DataFusionResult<DataFrame> {
        if self.values.is_empty() {
            return Ok(frame);
        }
        if !self.hidden {
            return frame.with_param_values(ParamValues::Map(self.values.clone()));
        }
        let (state, plan) = frame.into_parts();
        Ok(DataFrame::new(state, self.hide(plan)?))
    }

    fn hide(&self, plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
        let hidden = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let plan = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(expr.transform_up(|expr| self.name_of(expr))?.update_data(|expr| name.restore(expr)))
            })?;
            plan.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(hidden.data)
    }

    fn name_of(&self, expr: Expr) -> DataFusionResult<Transformed<Expr>> {
        let Expr::Placeholder(Placeholder { id, .. }) = &expr else { return Ok(Transformed::no(expr)) };
        let value = self.values.get(id.trim_start_matches('$'));
        let value = value.ok_or_else(|| DataFusionError::Plan(format!("there is no parameter `{id}`")))?;
        let name = Name { name: id.clone(), data_type: value.value.data_type(), signature: no_arguments() };
        Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(name)), Vec::new()))))
    }
}

fn no_arguments() -> Signature {
    Signature::nullary(Volatility::Immutable)
}

/// A function that stands for a parameter. It has its type and no value, so that nothing can be folded out of it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Name {
    name: String,
    data_type: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Name {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.data_type.clone())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        Err(DataFusionError::Plan(format!("the value of `{}` is hidden", self.name)))
    }
}
