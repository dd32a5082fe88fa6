//! A run that was killed after its end was in the ledger, and before its record was where readers look: it is completed by the next
//! process that comes by.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;

use crate::divergence::{Staged, publish, staged};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::ledger::entry::{Entry, Event, StoredFile};
use crate::ledger::files::sha256;

/// A record is waited for by an entry soon after the one that its name tells; far from there, only `verify` looks.
const NEAR: u64 = 256;

/// Completes runs whose end the ledger tells; how many. `everywhere`: however long ago they began to end.
pub async fn complete(ledger: &Ledger, everywhere: bool) -> Result<usize> {
    let waiting = staged(&ledger.located).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let numbers = ledger.numbers(0).await?;
    let mut completed = 0;
    for waiting in waiting {
        let last = if everywhere { u64::MAX } else { waiting.after.saturating_add(NEAR) };
        let numbers = numbers.iter().copied().filter(|number| *number > waiting.after && *number <= last).collect();
        let Some(record) = ledger.record_of(&waiting, numbers).await? else { continue };
        let Some(bytes) = ledger.staged_bytes(&waiting).await?.filter(|bytes| sha256(bytes) == record.sha256) else {
            continue;
        };
        publish(&ledger.located, &waiting.run_id, bytes).await?;
        tracing::info!(run_id = waiting.run_id, "a run was completed that was cut off after its end was in the ledger");
        completed += 1;
    }
    Ok(completed)
}

impl Ledger {
    /// The record that the ledger names for the run, if one of these entries tells of its end.
    async fn record_of(&self, waiting: &Staged, numbers: Vec<u64>) -> Result<Option<StoredFile>> {
        let mut entries = std::pin::pin!(self.entries(numbers));
        while let Some((_, bytes)) = entries.try_next().await? {
            let entry = bytes.and_then(|bytes| Entry::decode(&bytes).ok());
            if let Some(Event::RunFinished { run_id, record, .. }) = entry.map(|entry| entry.event)
                && run_id == waiting.run_id
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    async fn staged_bytes(&self, waiting: &Staged) -> Result<Option<Bytes>> {
        let read = async { self.store().get(&waiting.path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            // The run itself was faster.
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.unreadable(error)),
        }
    }
}
