//! Where the ledger speaks of some runs.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;

use crate::error::Result;
use crate::ledger::{Entry, Event, Ledger, sha256};

/// Entries that are looked through at once, from the newest back.
const PAGE: usize = 256;

/// An entry about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub number: u64,
    /// `run_started`, `run_resumed` or `run_finished`.
    pub what: &'static str,
    /// SHA-256 of the entry's bytes.
    pub hash: String,
}

impl Ledger {
    /// The entries about these runs, in their order. No further back than needed: a run's first entry is its start.
    pub async fn mentions(&self, runs: &BTreeSet<&str>) -> Result<BTreeMap<String, Vec<Mention>>> {
        let mut found: BTreeMap<String, Vec<Mention>> = BTreeMap::new();
        let mut waiting: BTreeSet<&str> = runs.clone();
        let numbers = self.numbers(0).await?;
        for page in numbers.rchunks(PAGE) {
            if waiting.is_empty() {
                break;
            }
            let entries: Vec<_> = self.entries(page.to_vec()).try_collect().await?;
            for (number, bytes) in entries.into_iter().rev() {
                // What is damaged is for `verify` to tell.
                let Some(bytes) = bytes else { continue };
                let Ok(entry) = Entry::decode(&bytes) else { continue };
                let what = match &entry.event {
                    Event::RunStarted { .. } => "run_started",
                    Event::RunResumed { .. } => "run_resumed",
                    Event::RunFinished { .. } => "run_finished",
                    _ => continue,
                };
                let Some(run) = entry.event.run_id().filter(|run| runs.contains(run)) else { continue };
                if what == "run_started" {
                    waiting.remove(run);
                }
                found.entry(run.to_string()).or_default().push(Mention { number, what, hash: sha256(&bytes) });
            }
        }
        found.values_mut().for_each(|mentions| mentions.reverse());
        Ok(found)
    }
}
