//! What was acknowledged, by whom and why; and what became of it.

use chrono::{DateTime, Utc};
use datafusion::functions_aggregate::expr_fn::{count, min};
use datafusion::prelude::{col, lit};
use serde::Serialize;

use crate::divergence::{ACK_ENDS, Acks, acks_unreadable};
use crate::error::Result;
use crate::history::rows::Rows;
use crate::history::{Life, Past};

/// One acknowledgement, of as many divergences as were meant. Its JSON is a contract (docs/reference, page "Acknowledging").
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    pub ack_id: String,
    pub rule: String,
    pub at: DateTime<Utc>,
    pub by: String,
    pub note: String,
    pub until: Option<DateTime<Utc>>,
    pub divergences: u64,
    /// Of these, those that do not count as long as nothing changes; all others have ended:
    pub in_force: u64,
    pub withdrawn: u64,
    pub expired: u64,
    /// Their kind or values are others by now.
    pub changed: u64,
    pub resolved: u64,
}

impl Listed {
    /// How many ended in each way, in the order of [`ACK_ENDS`].
    pub fn ends(&self) -> [(&'static str, u64); ACK_ENDS.len()] {
        let [withdrawn, expired, changed, resolved] = ACK_ENDS;
        [(withdrawn, self.withdrawn), (expired, self.expired), (changed, self.changed), (resolved, self.resolved)]
    }
}

impl Past {
    /// By rule, the newest at the end. `known`: the project's rules.
    pub async fn acknowledged(&self, rule: Option<&str>, known: &[&str]) -> Result<Vec<Listed>> {
        let acks = Acks::read(self.results.located()).await?;
        if let Some(rule) = rule
            && !known.contains(&rule)
            && !acks.rules().any(|known| known == rule)
        {
            self.rule(rule, known)?;
        }
        let mut all = Vec::new();
        for name in acks.rules().filter(|name| rule.is_none_or(|rule| rule == *name)) {
            let Some(lives) = self.acknowledgements_in(&acks, name).await? else { continue };
            let of_rule = of_rule(self, name, lives).await;
            all.extend(of_rule.map_err(|error| acks_unreadable(name, error))?);
        }
        Ok(all)
    }
}

async fn of_rule(past: &Past, rule: &str, lives: Life) -> Result<Vec<Listed>> {
    let what_is_said = ["acknowledged_at", "acknowledged_by", "note", "until"].map(|name| min(col(name)).alias(name));
    let mut figures = vec![count(lit(1)).alias("divergences")];
    figures.extend(what_is_said);
    let rows = past.ctx.read_table(lives)?.aggregate(vec![col("ack_id"), col("state")], figures)?;
    let order = ["acknowledged_at", "ack_id", "state"].map(|name| col(name).sort(true, false));
    let rows = Rows::of(rows.sort(order.to_vec())?).await?;
    let mut listed: Vec<Listed> = Vec::new();
    for row in 0..rows.len() {
        let (ack_id, n) = (rows.text("ack_id", row)?, rows.count("divergences", row)?);
        if listed.last().is_none_or(|last| last.ack_id != ack_id) {
            listed.push(Listed {
                ack_id,
                rule: rule.to_string(),
                at: rows.moment("acknowledged_at", row)?.unwrap_or_default(),
                by: rows.text("acknowledged_by", row)?,
                note: rows.text("note", row)?,
                until: rows.moment("until", row)?,
                divergences: 0,
                in_force: 0,
                withdrawn: 0,
                expired: 0,
                changed: 0,
                resolved: 0,
            });
        }
        let Some(last) = listed.last_mut() else { continue };
        last.divergences += n;
        match rows.text("state", row)?.as_str() {
            "in_force" => last.in_force += n,
            "withdrawn" => last.withdrawn += n,
            "expired" => last.expired += n,
            "changed" => last.changed += n,
            _ => last.resolved += n,
        }
    }
    Ok(listed)
}
