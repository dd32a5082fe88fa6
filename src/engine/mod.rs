//! The engine: a DataFusion session in bounded memory, and the reconcile operator with its strategies.
//!
//! `engine` knows plans and batches; it does not know YAML, outputs or terminals.

mod again;
mod agreed;
mod bounds;
mod budget;
mod bytes;
mod cache;
pub mod catalog;
mod choice;
pub mod classified;
mod classify;
pub mod digests;
mod diverging;
mod merge;
mod metered;
mod open;
mod operator;
mod ordered;
mod pairs;
mod params;
mod planner;
mod pool;
mod pushdown;
mod ranges;
mod reconcile;
mod remembered;
mod residue;
mod segments;
mod session;
mod since;
mod spool;
mod spooled;
mod stretches;
mod suspects;
mod tasks;
mod window;
mod zip;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use datafusion::error::Result as DataFusionResult;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{DataFrame, SessionContext};

use crate::error::{Error, ErrorKind};
use crate::progress::Progress;
use crate::verdict::Guarantee;

pub use again::named;
pub use budget::{Budget, BudgetLimits, nothing as unverified};
pub use cache::Cache;
pub use catalog::Catalog;
pub use choice::{Choice, Estimate, Rejected, Wish, choose};
pub use diverging::{Diverged, Diverging};
pub use metered::{scanned_rows, spilled_bytes};
pub use operator::{Emit, Make, ReconcileExec};
pub use params::Params;
pub use pushdown::KeptSums;
pub use session::{Limits, default_memory};

/// How rows are compared. All strategies give the same divergences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The full outer join of the portable SQL over all rows: the oracle.
    Join,
    /// One scan for digests of 24 bytes a row, one for the rows that may differ.
    #[default]
    Digest,
    /// Both sides zipped in key order.
    Merge,
    /// What both sides hold in the same bytes is not decoded; the rest goes by digests.
    Bytes,
    /// Databases compute checksums of segments; only rows of segments that differ are read.
    Pushdown,
}

impl Strategy {
    pub const ALL: [Strategy; 5] =
        [Strategy::Join, Strategy::Digest, Strategy::Merge, Strategy::Bytes, Strategy::Pushdown];

    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Join => "join",
            Strategy::Digest => "digest",
            Strategy::Merge => "merge",
            Strategy::Bytes => "bytes",
            Strategy::Pushdown => "pushdown",
        }
    }

    /// What a verdict by this strategy is worth.
    pub fn guarantee(self) -> Guarantee {
        match self {
            Strategy::Join | Strategy::Merge => Guarantee::Exact,
            Strategy::Digest | Strategy::Bytes | Strategy::Pushdown => Guarantee::Digest128,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == text).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("`{text}` is no strategy"))
                .hint("the strategies are `bytes`, `merge`, `digest`, `pushdown` and `join`")
        })
    }
}

/// A session over a project's datasets, with its limits.
#[derive(Clone)]
pub struct Engine {
    pub ctx: SessionContext,
    pub catalog: Arc<Catalog>,
    pub progress: Arc<Progress>,
    /// Bytes that the engine may hold.
    pub memory: u64,
    pub threads: usize,
    /// See [`Limits::hash_mask`].
    pub hash_mask: u64,
    /// See [`Limits::range_rows`].
    pub range_rows: u64,
    /// Where digests are remembered, if they are.
    pub cache: Option<Arc<Cache>>,
    /// Where checksums of databases are kept, if they are.
    pub sums: OnceLock<Arc<KeptSums>>,
    pub budget: Budget,
    /// Values for the placeholders `$name`.
    pub params: Params,
}

impl Engine {
    /// What is asked of the planner.
    pub fn wish(&self, strategy: Option<Strategy>, exact: bool) -> Wish {
        Wish {
            strategy,
            exact,
            cache: self.cache.is_some(),
            stops: self.budget.divergences_left().is_some(),
            threads: self.threads,
        }
    }

    /// Plans a query; statements that would change anything are refused. Placeholders get their values.
    pub async fn sql(&self, sql: &str) -> DataFusionResult<DataFrame> {
        self.sql_in(&self.ctx, sql).await
    }

    /// The same in a session of other settings.
    async fn sql_in(&self, ctx: &SessionContext, sql: &str) -> DataFusionResult<DataFrame> {
        let only_reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        self.params.bind(ctx.sql_with_options(sql, only_reads).await?)
    }
}
