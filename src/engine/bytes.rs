//! The strategy `bytes`: before anything is decoded, what both sides hold in the same bytes is cancelled. What is left is
//! compared by digests.

use std::sync::Arc;

use datafusion::catalog::TableProvider;

use crate::dataset::{self, Alike};
use crate::engine::Engine;
use crate::engine::catalog::table_name;
use crate::engine::choice::same_columns;
use crate::error::Result;
use crate::rule::common::is_text;
use crate::rule::plan::{ColumnPlan, MatchPlan};
use crate::side::{BySide, Side};

/// A match of which some rows are done.
pub struct Cancelled {
    /// The same match over what is left. Its tables are registered as long as this lives.
    pub plan: MatchPlan,
    pub done: Done,
    /// None of them shares its key with a row that is left.
    pub apart: bool,
    tables: Vec<String>,
    engine: Arc<Engine>,
}

/// How many rows of each side are done.
#[derive(Debug, Clone, Copy)]
pub enum Done {
    /// So many.
    Rows(u64),
    /// All of these that are not left.
    AllOf(BySide<u64>),
}

impl Cancelled {
    /// Nothing is left out yet; no row that is done shares its key with one that is left.
    pub(super) fn new(engine: &Arc<Engine>, plan: MatchPlan, done: Done) -> Self {
        Self { plan, done, apart: true, tables: Vec::new(), engine: engine.clone() }
    }

    /// A table that lives as long as this does.
    pub(super) fn register(&mut self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        self.engine.ctx.register_table(name, table)?;
        self.tables.push(name.to_string());
        Ok(())
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        for table in &self.tables {
            // It is our own; there is nothing to do if it is gone.
            let _ = self.engine.ctx.deregister_table(table.as_str());
        }
    }
}

impl Engine {
    /// None: both sides have nothing in the same bytes, or it cannot be told.
    pub async fn cancel(self: &Arc<Self>, plan: &MatchPlan) -> Result<Option<Cancelled>> {
        let (Some(source), Some(target)) = (&plan.sides.source.opened, &plan.sides.target.opened) else {
            return Ok(None);
        };
        let Some(columns) = same_columns(plan) else { return Ok(None) };
        let batch_size = self.ctx.copied_config().batch_size();
        let plain = |key: &ColumnPlan| !key.has_cmp() && !key.has_residue() && is_text(&key.common.data_type);
        let alike = Alike {
            key: plan.key.len(),
            plain_key: plan.key.iter().all(plain),
            columns,
            limit: usize::try_from(self.memory / 8).unwrap_or(usize::MAX),
            batch_size,
        };
        let Some(identical) = dataset::identical(source, target, &alike).await? else { return Ok(None) };
        self.progress.add_rows(2 * identical.rows);
        let mut cancelled = Cancelled::new(self, plan.clone(), Done::Rows(identical.rows));
        cancelled.apart = identical.apart;
        let BySide { source, target } = identical.open;
        for (side, table) in [(Side::Source, source), (Side::Target, target)] {
            // No dataset is named so.
            let name = table_name(&format!("#open_{side}_{}", plan.rule));
            cancelled.register(&name, table)?;
            cancelled.plan.sides.get_mut(side).from = name;
        }
        Ok(Some(cancelled))
    }
}
