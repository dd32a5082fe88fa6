//! Makes `row_digest(*)` and `row_digest(t.*)` mean all columns.
//!
//! The SQL planner hands a `*` among a function's arguments on as it is, so an analyzer rule puts the columns of the
//! expression's input in its place:
//!
//! ```text
//! before:  Aggregate: aggr=[[checksum(row_digest(*))]]
//!            TableScan: t
//! after:   Aggregate: aggr=[[checksum(row_digest(t.a, t.b)) AS checksum(row_digest(*))]]
//!            TableScan: t
//! ```

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{expand_qualified_wildcard, expand_wildcard, merge_schema};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::analyzer::AnalyzerRule;

use super::row_digest;

#[derive(Debug)]
pub(super) struct ExpandWildcard;

impl AnalyzerRule for ExpandWildcard {
    fn name(&self) -> &str {
        "expand_row_digest_wildcard"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> DfResult<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(expand_in_plan)?.data)
    }
}

fn expand_in_plan(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    if !plan.expressions().iter().any(|expr| expr.exists(|expr| Ok(digests_wildcard(expr))).unwrap_or(false)) {
        return Ok(Transformed::no(plan));
    }
    let below = rows_below(&plan)?.clone();
    let schema = match plan.inputs()[..] {
        [] | [_] => DFSchema::clone(below.schema()),
        ref inputs => merge_schema(inputs),
    };
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let expanded = expr.transform_up(|expr| expand_in_expr(expr, &schema, &below))?;
        Ok(expanded.update_data(|expr| name.restore(expr)))
    })?
    .map_data(LogicalPlan::recompute_schema)
}

/// The plan whose rows a wildcard in an expression of `plan` means: what its FROM gives.
fn rows_below(plan: &LogicalPlan) -> DfResult<&LogicalPlan> {
    let inputs = plan.inputs();
    let mut below = inputs.first().copied().unwrap_or(plan);
    // A window adds its results to the rows that it stands over; they are not among the columns of FROM.
    while let LogicalPlan::Window(window) = below {
        below = &window.input;
    }
    match (plan, below) {
        (LogicalPlan::Sort(_), _) => {
            plan_err!("row_digest(*) cannot stand in ORDER BY: select it, and order by its name")
        }
        (_, LogicalPlan::Aggregate(_)) => {
            plan_err!("row_digest(*) must stand inside of an aggregate here, e.g. checksum(row_digest(*))")
        }
        _ => Ok(below),
    }
}

fn digests_wildcard(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(ScalarFunction { func, args })
        if func.name() == row_digest::NAME && args.iter().any(is_wildcard))
}

#[expect(deprecated, reason = "the planner still makes wildcards, and there is no other way to see them")]
fn is_wildcard(expr: &Expr) -> bool {
    matches!(expr, Expr::Wildcard { .. })
}

#[expect(deprecated, reason = "the planner still makes wildcards, and there is no other way to see them")]
fn expand_in_expr(expr: Expr, schema: &DFSchema, below: &LogicalPlan) -> DfResult<Transformed<Expr>> {
    if !digests_wildcard(&expr) {
        return Ok(Transformed::no(expr));
    }
    let Expr::ScalarFunction(mut function) = expr else { return Ok(Transformed::no(expr)) };
    let mut args = Vec::new();
    for arg in function.args {
        match arg {
            Expr::Wildcard { qualifier: None, options } => args.extend(expand_wildcard(schema, below, Some(&options))?),
            Expr::Wildcard { qualifier: Some(table), options } => {
                args.extend(expand_qualified_wildcard(&table, schema, Some(&options))?);
            }
            other => args.push(other),
        }
    }
    function.args = args;
    Ok(Transformed::yes(Expr::ScalarFunction(function)))
}
