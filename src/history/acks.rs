//! What is open of a rule and what is acknowledged of it, as tables; and how many.

use std::sync::Arc;

use chrono::Utc;
use datafusion::catalog::TableProvider;
use datafusion::prelude::{col, lit};

use crate::divergence::{Acks, Asker, Lives, Recorded, Sighted, Width};
use crate::error::Result;
use crate::history::Past;

/// How an acknowledgement is called that nothing has ended.
const IN_FORCE: &str = "in_force";

/// Tables about the divergences of a rule.
pub type Life = Arc<dyn TableProvider>;

impl Past {
    /// What is open: `divergence_id`, `kind` and the digest of the values as they were last seen. None where nothing can be.
    pub async fn open_divergences(&self, rule: &str) -> Result<Option<Life>> {
        let runs = self.of_rule(rule);
        let since = runs.iter().rposition(|run| run.is_whole()).unwrap_or(0);
        let mut sighted = Vec::new();
        for run in runs[since..].iter().filter(|run| run.divergences() > 0) {
            sighted.extend(self.sighted(run).await?);
        }
        match sighted.is_empty() {
            true => Ok(None),
            false => Ok(Some(Asker::new(&self.ctx)?.open(sighted).await?)),
        }
    }

    /// The divergences that one run found of a rule.
    async fn sighted(&self, run: &Recorded) -> Result<Option<Sighted>> {
        let table = self.table(&run.rule, &[&run.run_id], Width::Full).await?;
        Ok(table.map(|table| Sighted {
            table,
            keys: run.key.iter().cloned().collect(),
            datasets: run.datasets.clone(),
        }))
    }

    /// Every divergence that the rule ever had, with all columns: what `history.<rule>` is in SQL.
    pub async fn all_divergences(&self, rule: &str) -> Result<Option<Life>> {
        let runs = self.of_rule(rule);
        let Some(tables) = self.results.sightings(&self.ctx, rule, &runs, Width::Full).await? else { return Ok(None) };
        let keys = runs.iter().flat_map(|run| run.key.clone()).collect();
        Ok(Some(Lives::of(rule, keys, self.results.runs()?, tables).await?.last_seen().await?))
    }

    /// What people said of a rule's divergences, and what became of that: what `acks.<rule>` is in SQL.
    pub async fn acknowledgements(&self, rule: &str) -> Result<Option<Life>> {
        self.acknowledgements_in(&Acks::read(self.results.located()).await?, rule).await
    }

    pub async fn acknowledgements_in(&self, acks: &Acks, rule: &str) -> Result<Option<Life>> {
        match acks.table(&self.ctx, rule)? {
            Some(table) => Ok(Some(Asker::new(&self.ctx)?.lives(table, Utc::now()).await?)),
            None => Ok(None),
        }
    }

    /// Acknowledgements that nothing has ended: `ack_id`, `divergence_id`, `kind`, `digest`.
    pub async fn acknowledgements_in_force(&self, rule: &str) -> Result<Option<Life>> {
        let Some(lives) = self.acknowledgements(rule).await? else { return Ok(None) };
        let rows = self.ctx.read_table(lives)?.filter(col("state").eq(lit(IN_FORCE)))?;
        Ok(Some(rows.select_columns(&["ack_id", "divergence_id", "kind", "digest"])?.into_view()))
    }

    /// Rows of the tables that tell of a rule: sightings, and what was said of them.
    pub async fn rows_of(&self, rule: &str) -> Result<u64> {
        let sightings: u64 = self.of_rule(rule).iter().map(|run| run.divergences()).sum();
        let said = match Acks::read(self.results.located()).await?.table(&self.ctx, rule)? {
            Some(table) => self.ctx.read_table(table)?.count().await? as u64,
            None => 0,
        };
        Ok(sightings.saturating_add(said))
    }

    /// How many divergences of the rule are acknowledged by now.
    pub(super) async fn in_force(&self, rule: &str) -> Result<u64> {
        let Some(in_force) = self.acknowledgements_in_force(rule).await? else { return Ok(0) };
        let ids = self.ctx.read_table(in_force)?.aggregate(vec![col("divergence_id")], Vec::new())?;
        Ok(ids.count().await? as u64)
    }
}
