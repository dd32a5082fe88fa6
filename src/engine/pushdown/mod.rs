//! The strategy `pushdown`: databases compute checksums of segments themselves; segments that agree are cancelled, those that
//! do not are split, and the rows of the last ones are compared by value.
//!
//! All rows of a key are in one segment, so what is left over of both sides differs exactly as the whole does.

mod forms;
mod kept;
mod local;
mod narrow;
mod twins;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::datasource::empty::EmptyTable;

use crate::dataset::{DatabaseTable, Grid, Request, Segments, Sum};
use crate::engine::Engine;
use crate::engine::bytes::{Cancelled, Done};
use crate::engine::cache::Name;
use crate::engine::catalog::table_name;
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::MatchPlan;
use crate::side::{BySide, Side};

pub use forms::{Pushed, pushed};
pub use kept::KeptSums;
use local::Local;
use narrow::{Narrowed, first_grid, hash_grid, narrow};
pub use twins::in_one_database;

/// What computes the checksums of one side.
enum Summing {
    Database(Arc<DatabaseTable>),
    /// Anything else: we do.
    Local(Local),
}

/// By segment.
type Sums = BTreeMap<Option<i64>, Sum>;

impl Summing {
    async fn sums(&self, pushed: &Pushed, side: Side, grid: Grid, within: Option<&(Grid, Segments)>) -> Result<Sums> {
        match self {
            Summing::Database(table) => table.sums(&pushed.request(side, grid, within.cloned())).await,
            Summing::Local(local) => local.sums(grid, within).await,
        }
    }

    /// What these checksums are of: another run that comes to the same name comes to the same sums. None: that cannot be told.
    async fn name(
        &self,
        pushed: &Pushed,
        side: Side,
        grid: Grid,
        within: Option<&(Grid, Segments)>,
    ) -> Result<Option<Name>> {
        let (identity, statement) = match self {
            Summing::Database(table) => {
                (table.identity().await?, table.statement(&pushed.request(side, grid, within.cloned()))?)
            }
            Summing::Local(local) => (local.identity().await?, local.statement(grid, within)),
        };
        // Another release may ask otherwise.
        let release = env!("CARGO_PKG_VERSION");
        Ok(identity.map(|identity| Name::of_parts(&["sums 1", release, &identity, &statement])))
    }
}

/// More segments than this are not named one by one.
const MOST_SEGMENTS: usize = 20_000;

impl Engine {
    /// Cancels what the checksums of both sides prove equal. None: too little, or nothing can be said; why.
    pub async fn push_down(self: &Arc<Self>, plan: &MatchPlan, exact: bool) -> Result<Result<Cancelled, String>> {
        match in_one_database(plan) {
            Ok(tables) => return tables.cancel(self, plan).await.map(Ok),
            Err(why) if exact => return Ok(Err(why)),
            Err(_) => {}
        }
        let pushed = match pushed(plan) {
            Ok(pushed) => pushed,
            Err(why) => return Ok(Err(why)),
        };
        let (mut pushed, mut summing) = (pushed.clone(), self.both(plan, &pushed)?);
        let grid = match first_grid(&pushed, &summing).await? {
            Some(grid) => grid,
            None => {
                // The keys are too far apart to be cut in ranges.
                pushed = pushed.by_hash();
                summing = self.both(plan, &pushed)?;
                hash_grid(&summing)
            }
        };
        let narrowed = match narrow(&pushed, &summing, grid, self.sums.get().map(AsRef::as_ref)).await? {
            Ok(narrowed) => narrowed,
            Err(why) => return Ok(Err(why)),
        };
        tracing::debug!(
            rows = narrowed.agreed,
            open = narrowed.open.source,
            segments = narrowed.segments.len(),
            "checksums were compared"
        );
        self.progress.add_rows(2 * narrowed.agreed);
        self.rest(plan, &pushed, &summing, &narrowed).map(Ok)
    }

    fn both(self: &Arc<Self>, plan: &MatchPlan, pushed: &Pushed) -> Result<BySide<Summing>> {
        Ok(BySide::new(self.summing(plan, pushed, Side::Source)?, self.summing(plan, pushed, Side::Target)?))
    }

    fn summing(self: &Arc<Self>, plan: &MatchPlan, pushed: &Pushed, side: Side) -> Result<Summing> {
        let database = plan.sides.get(side).opened.as_ref().and_then(|opened| opened.database());
        Ok(match database {
            Some(table) => Summing::Database(table.clone()),
            None => Summing::Local(Local::new(self, plan, pushed, side)?),
        })
    }

    /// The match over the rows of the segments that are left.
    fn rest(
        self: &Arc<Self>,
        plan: &MatchPlan,
        pushed: &Pushed,
        summing: &BySide<Summing>,
        narrowed: &Narrowed,
    ) -> Result<Cancelled> {
        let Narrowed { grid, segments, .. } = narrowed;
        let mut cancelled = Cancelled::new(self, plan.clone(), Done::Rows(narrowed.agreed));
        for side in Side::BOTH {
            let of_side = cancelled.plan.sides.get_mut(side);
            of_side.exact_rows = None;
            match summing.get(side) {
                Summing::Database(table) => {
                    // No dataset is named so.
                    let name = table_name(&format!("#open_{side}_{}", plan.rule));
                    cancelled
                        .register(&name, self.open_rows(table, &pushed.request(side, *grid, None), *grid, segments)?)?;
                    cancelled.plan.sides.get_mut(side).from = name;
                }
                Summing::Local(local) => of_side.segments = Some(local.condition(*grid, segments)),
            }
        }
        Ok(cancelled)
    }

    fn open_rows(
        &self,
        table: &DatabaseTable,
        request: &Request,
        grid: Grid,
        segments: &Segments,
    ) -> Result<Arc<dyn datafusion::catalog::TableProvider>> {
        use datafusion::catalog::TableProvider;
        Ok(match segments.is_empty() {
            true => Arc::new(EmptyTable::new(table.schema())),
            false => Arc::new(table.within(request, grid, segments)?),
        })
    }
}

/// Checksums that cannot be are an error, and no verdict.
fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("conservation does not hold: {what}"))
        .hint("this is no verdict; please report it")
}
