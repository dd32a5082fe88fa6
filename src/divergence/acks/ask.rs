//! The questions to acknowledgements, from the templates of `queries/acks/`: which of them count, which have ended, what is open.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::catalog::TableProvider;
use datafusion::datasource::ViewTable;
use datafusion::prelude::{DataFrame, SessionContext, col, lit};
use minijinja::context;

use crate::divergence::acks::digest::values_digest;
use crate::divergence::write::pool_bytes;
use crate::error::Result;
use crate::rule::sql::{Item, ident, literal, render};

/// Rows of a batch.
const BATCH_ROWS: usize = 1024;

/// What a row takes while it is sorted, with room to spare.
const ROW_BYTES: u64 = 1024;

/// A session of its own, for names in it are no names of a user's, with the memory of the one that it is made for.
pub struct Asker {
    pub ctx: SessionContext,
}

/// The divergence table of one run of a rule.
pub struct Sighted {
    pub table: Arc<dyn TableProvider>,
    /// Names of its key columns.
    pub keys: BTreeSet<String>,
    /// The datasets of source and target, by name; none of a `sql` rule.
    pub datasets: [Option<String>; 2],
}

impl Sighted {
    fn digest(&self) -> String {
        values_digest(&self.table.schema(), &self.keys, &self.datasets)
    }
}

impl Asker {
    pub fn new(ctx: &SessionContext) -> Result<Self> {
        // What is merged from disk holds a batch of each sorted piece: small ones leave room for many.
        let config = ctx.copied_config().with_batch_size(BATCH_ROWS);
        let ctx = SessionContext::new_with_config_rt(config, ctx.runtime_env());
        crate::sql::register(&ctx)?;
        Ok(Self { ctx })
    }

    /// The same rows in parts, by the first letters of their `divergence_id`: what sorts `rows` in one go would fill memory. Ids are digests,
    /// so parts are alike; conditions on the id go down to where it is read.
    pub fn in_parts(&self, frame: DataFrame, rows: u64) -> Result<Vec<DataFrame>> {
        let memory = u64::try_from(pool_bytes(&self.ctx)).unwrap_or(u64::MAX);
        let parts = (rows.saturating_mul(ROW_BYTES) / memory.max(1) + 1).min(16);
        let bound = |part: u64| lit(format!("{:x}", part * 16 / parts));
        let part = |part: u64| {
            let (from, to) = (col("divergence_id").gt_eq(bound(part)), col("divergence_id").lt(bound(part + 1)));
            let frame = frame.clone();
            Ok(match (part == 0, part + 1 == parts) {
                (true, true) => frame,
                (true, false) => frame.filter(to)?,
                (false, true) => frame.filter(from)?,
                (false, false) => frame.filter(from.and(to))?,
            })
        };
        (0..parts).map(part).collect()
    }

    /// What a run found against what was acknowledged of it: rows of acknowledgements that count (`ended` is NULL), one for each divergence, and of
    /// those that have ended. `whole`: what was not found is gone.
    pub async fn heeded(
        &self,
        acks: Arc<dyn TableProvider>,
        found: Sighted,
        started: DateTime<Utc>,
        whole: bool,
    ) -> Result<DataFrame> {
        let digest = found.digest();
        self.set("acks", acks)?;
        self.set("found", found.table)?;
        self.ask("acks/heeded", context! { digest, whole, started => moment(started) }).await
    }

    /// Every acknowledgement, and what became of it by `now`: `acks.<rule>`.
    pub async fn lives(&self, acks: Arc<dyn TableProvider>, now: DateTime<Utc>) -> Result<Arc<dyn TableProvider>> {
        self.set("acks", acks)?;
        self.view("acks/acks", context! { now => moment(now) }).await
    }

    /// What is open of a rule: `runs` are those since the last whole one, in their order.
    pub async fn open(&self, runs: Vec<Sighted>) -> Result<Arc<dyn TableProvider>> {
        let mut named = Vec::new();
        for (n, run) in runs.into_iter().enumerate() {
            let (table, digest) = (format!("run {n}"), run.digest());
            self.set(&table, run.table)?;
            named.push(Item { sql: digest, name: ident(&table) });
        }
        self.view("acks/open", context! { runs => named }).await
    }

    /// Those of the candidates whose divergence is among `chosen`.
    pub async fn chosen(
        &self,
        candidates: Arc<dyn TableProvider>,
        chosen: Arc<dyn TableProvider>,
    ) -> Result<Arc<dyn TableProvider>> {
        self.set("candidates", candidates)?;
        self.set("chosen", chosen)?;
        self.view("acks/chosen", context! {}).await
    }

    fn set(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        let name = ident(name);
        self.ctx.deregister_table(name.as_str())?;
        self.ctx.register_table(name.as_str(), table)?;
        Ok(())
    }

    async fn ask(&self, template: &str, values: minijinja::Value) -> Result<DataFrame> {
        Ok(self.ctx.sql(&render(template, values)?).await?)
    }

    async fn view(&self, template: &str, values: minijinja::Value) -> Result<Arc<dyn TableProvider>> {
        let sql = render(template, values)?;
        let plan = self.ctx.state().create_logical_plan(&sql).await?;
        Ok(Arc::new(ViewTable::new(plan, Some(sql))))
    }
}

/// As a value in SQL.
fn moment(moment: DateTime<Utc>) -> String {
    let text = literal(&moment.to_rfc3339_opts(SecondsFormat::Micros, true));
    format!("arrow_cast({text}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}
