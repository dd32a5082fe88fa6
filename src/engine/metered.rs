//! What plans tell of their work once they were executed.

use datafusion::physical_plan::ExecutionPlan;

/// Rows that came out of the files: out of the plan's leaves.
pub fn scanned_rows(plan: &dyn ExecutionPlan) -> u64 {
    match plan.children().as_slice() {
        [] => plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0) as u64,
        children => children.iter().map(|child| scanned_rows(child.as_ref())).sum(),
    }
}

/// Bytes that the plan's own nodes (sorts, aggregates, joins) wrote to temporary files.
pub fn spilled_bytes(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0) as u64;
    own + plan.children().iter().map(|child| spilled_bytes(child.as_ref())).sum::<u64>()
}
