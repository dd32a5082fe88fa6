//! Both sides in one database: it finds the rows without an identical twin itself.

use std::sync::Arc;

use crate::dataset::DatabaseTable;
use crate::engine::Engine;
use crate::engine::bytes::{Cancelled, Done};
use crate::engine::catalog::table_name;
use crate::engine::choice::same_columns;
use crate::error::Result;
use crate::rule::plan::MatchPlan;
use crate::side::{BySide, Side};

/// Two tables of one database, and the compared columns as both name them, the key's first.
pub struct InOneDatabase<'a> {
    tables: BySide<&'a Arc<DatabaseTable>>,
    columns: Vec<(&'a str, &'a str)>,
    keys: usize,
}

/// Whether the database can compare the sides, or why not.
pub fn in_one_database(plan: &MatchPlan) -> Result<InOneDatabase<'_>, String> {
    let table = |side: Side| plan.sides.get(side).opened.as_ref()?.database();
    let (Some(source), Some(target)) = (table(Side::Source), table(Side::Target)) else {
        return Err("the sides are not in one database".into());
    };
    let columns = same_columns(plan).filter(|_| plan.keyed);
    let columns = columns.ok_or("columns are not read alike on both sides, a filter stands, or there is no key")?;
    let (key, values) = columns.split_at(plan.key.len());
    match source.cannot_join(target, key, values) {
        Some(why) => Err(why),
        None => Ok(InOneDatabase { tables: BySide::new(source, target), keys: key.len(), columns }),
    }
}

impl InOneDatabase<'_> {
    fn swapped(&self) -> Vec<(&str, &str)> {
        self.columns.iter().map(|(source, target)| (*target, *source)).collect()
    }

    /// The match over rows without a twin.
    pub(super) async fn cancel(&self, engine: &Arc<Engine>, plan: &MatchPlan) -> Result<Cancelled> {
        let BySide { source, target } = self.tables;
        let (all, others) = futures::future::join(source.count(), target.count()).await;
        let mut cancelled = Cancelled::new(engine, plan.clone(), Done::AllOf(BySide::new(all?, others?)));
        let swapped = self.swapped();
        let open = BySide::new(
            source.without_twin(target, &self.columns[..self.keys], &self.columns[self.keys..])?,
            target.without_twin(source, &swapped[..self.keys], &swapped[self.keys..])?,
        );
        let BySide { source, target } = open;
        for (side, table) in [(Side::Source, source), (Side::Target, target)] {
            let name = table_name(&format!("#open_{side}_{}", plan.rule));
            cancelled.register(&name, Arc::new(table))?;
            let of_side = cancelled.plan.sides.get_mut(side);
            of_side.exact_rows = None;
            of_side.from = name;
        }
        Ok(cancelled)
    }
}
