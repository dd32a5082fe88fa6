//! From a match to its operator: the plans that read both sides, as the strategy needs them.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext, col};

use crate::engine::operator::{Emit, ReconcileExec};
use crate::engine::reconcile::{Comparison, HASH};
use crate::engine::suspects::{Known, is_suspect};
use crate::engine::{Engine, Strategy};
use crate::error::Result;
use crate::rule::plan::MatchPlan;
use crate::rule::sql::{digested_sql, zipped_sql};
use crate::side::{BySide, Side};

impl Engine {
    /// The operator that compares both sides of the plan.
    pub async fn operator(
        self: &Arc<Self>,
        plan: &Arc<MatchPlan>,
        strategy: Strategy,
        exact: bool,
        emit: Emit,
    ) -> Result<ReconcileExec> {
        let mut comparison = Comparison::new(self.clone(), plan.clone(), strategy, exact);
        if let (Strategy::Digest, Some(cache)) = (strategy, &self.cache)
            && let Some((remembered, inputs)) = self.remembered(plan, cache, true).await?
        {
            comparison.remembered = Some(remembered);
            return Ok(ReconcileExec::new(comparison, inputs, emit));
        }
        match strategy {
            Strategy::Bytes => comparison.cancelled = self.cancel(plan).await?,
            Strategy::Pushdown => match self.push_down(plan, exact).await? {
                Ok(cancelled) => comparison.cancelled = Some(cancelled),
                Err(why) => comparison.declined = Some(why),
            },
            _ => {}
        }
        if strategy == Strategy::Merge
            && let Some((cuts, inputs)) = self.cut(plan).await?
        {
            comparison.cuts = Some(cuts);
            return Ok(ReconcileExec::new(comparison, inputs, emit));
        }
        let scanned = comparison.cancelled.as_ref().map_or(plan.as_ref(), |cancelled| &cancelled.plan);
        // What checksums leave open is little, and read once.
        let reading = match strategy {
            Strategy::Pushdown if comparison.cancelled.is_some() => Strategy::Join,
            strategy => strategy,
        };
        let inputs = self.scans(scanned, reading).await?;
        Ok(ReconcileExec::new(comparison, inputs, emit))
    }

    /// The same for the eye: nothing is read, so nothing is known yet of equal bytes or of what is remembered.
    pub async fn explained(
        self: &Arc<Self>,
        plan: &Arc<MatchPlan>,
        strategy: Strategy,
        exact: bool,
        emit: Emit,
    ) -> Result<ReconcileExec> {
        let comparison = Comparison::new(self.clone(), plan.clone(), strategy, exact);
        Ok(ReconcileExec::new(comparison, self.scans(plan, strategy).await?, emit))
    }

    /// The plans that scan both sides, as the strategy needs them.
    async fn scans(&self, plan: &MatchPlan, strategy: Strategy) -> Result<BySide<Arc<dyn ExecutionPlan>>> {
        let source = self.scan(plan, Side::Source, strategy).await?;
        Ok(BySide::new(source, self.scan(plan, Side::Target, strategy).await?))
    }

    async fn scan(&self, plan: &MatchPlan, side: Side, strategy: Strategy) -> Result<Arc<dyn ExecutionPlan>> {
        match strategy {
            Strategy::Join => self.physical(&self.ctx, &digested_sql(plan, side, true)?, None).await,
            Strategy::Digest | Strategy::Bytes | Strategy::Pushdown => {
                self.physical(&self.ctx, &digested_sql(plan, side, false)?, None).await
            }
            // One partition: its rows come in the order in which they are stored.
            Strategy::Merge => {
                let ctx = self.session_with(|config| config.with_target_partitions(1));
                self.physical(&ctx, &zipped_sql(plan, side)?, None).await
            }
        }
    }

    /// Reads the rows of suspects. Columns beside the key are decoded only for rows that pass.
    pub(super) async fn fetch(
        &self,
        plan: &MatchPlan,
        side: Side,
        suspects: &Arc<Known>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ctx = self.session_with(|mut config| {
            config.options_mut().execution.parquet.pushdown_filters = true;
            config
        });
        self.physical(&ctx, &digested_sql(plan, side, true)?, Some(suspects)).await
    }

    pub(super) async fn physical(
        &self,
        ctx: &SessionContext,
        sql: &str,
        suspects: Option<&Arc<Known>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let frame = self.sql_in(ctx, sql).await?;
        let frame = match suspects {
            Some(suspects) => {
                let hash = vec![col(format!("\"{HASH}\""))];
                frame.filter(is_suspect(suspects.clone(), self.hash_mask).call(hash))?
            }
            None => frame,
        };
        Ok(frame.create_physical_plan().await?)
    }

    pub(super) fn session_with(&self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> SessionContext {
        let mut state = self.ctx.state();
        *state.config_mut() = change(self.ctx.copied_config());
        SessionContext::new_with_state(state)
    }
}
