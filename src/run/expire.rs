//! `tieout expire`: old divergence tables go, the ledger is told first, and the records of their runs stay.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::divergence::{Expiring, Results, UNFINISHED};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Entry, Event, Ledger, RuleExpired};

/// What went, or would go. Its JSON is a contract (docs/reference, page "Expire").
#[derive(Debug, Serialize)]
pub struct Expired {
    /// Tables of runs that started before this go.
    pub before: DateTime<Utc>,
    pub dry_run: bool,
    /// The entry of the ledger that tells of it; none where nothing went.
    pub entry: Option<u64>,
    pub rules: Vec<RuleExpired>,
}

/// Removes the divergence tables of runs that started before `before`, as far as nothing that is open stands in them.
pub async fn expire(output: &str, before: DateTime<Utc>, dry_run: bool) -> Result<Expired> {
    let ledger = Ledger::at(output).await?;
    let known = ledger.head().await?;
    let results = Results::read(output).await?;
    let expiring = results.expiring(before).await?;
    let rules: Vec<RuleExpired> = expiring.iter().map(told).collect();
    let mut expired = Expired { before, dry_run, entry: None, rules };
    if dry_run || expiring.is_empty() {
        return Ok(expired);
    }
    let mut head = match known.number {
        0 => ledger.begin(&format!("{UNFINISHED}/{}", uuid::Uuid::now_v7())).await?,
        _ => known,
    };
    let event = Event::Expired { before, rules: expired.rules.clone() };
    // A run that ended meanwhile is not among those that were looked at.
    let quiet = |entry: &Entry| match &entry.event {
        Event::RunFinished { run_id, .. } => {
            let error =
                Error::new(ErrorKind::Changed, format!("the run {run_id} has ended meanwhile: nothing is removed"));
            Err(error.hint("run the command again"))
        }
        _ => Ok(()),
    };
    ledger.append(&mut head, event, quiet).await.map_err(|failed| failed.error)?;
    expired.entry = Some(head.number);
    results.expire(&expiring).await?;
    Ok(expired)
}

fn told(one: &Expiring) -> RuleExpired {
    RuleExpired {
        rule: one.rule.clone(),
        until: one.until.clone(),
        base: one.base.clone(),
        runs: one.runs as u64,
        files: one.files as u64,
        bytes: one.bytes,
    }
}
