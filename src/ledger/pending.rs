//! What was cut off after it was in the ledger, and before it was where readers look: the record of a run, or what somebody
//! acknowledged. It is completed by the next process that comes by.

use futures::TryStreamExt;

use crate::divergence::{Staged, put_in_place, remove_rest, staged};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::ledger::begin::RESULTS;
use crate::ledger::entry::{Entry, StoredFile};
use crate::ledger::files::hash_of;

/// A file is waited for by an entry soon after the one that its name tells; far from there, only `verify` looks.
const NEAR: u64 = 256;

/// Puts in place what the ledger tells of; how much. `everywhere`: however long ago it began to wait.
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
        let Some(file) = ledger.told_of(&waiting, numbers).await? else { continue };
        if !ledger.is_file(&waiting, &file).await? {
            continue;
        }
        put_in_place(&ledger.located, &waiting.path, &file.path).await?;
        remove_rest(&ledger.located, &waiting.id).await;
        tracing::info!(id = waiting.id, file.path, "put in place what was cut off after the ledger told of it");
        completed += 1;
    }
    Ok(completed)
}

impl Ledger {
    /// The file that the ledger names for what waits, if one of these entries tells of it.
    async fn told_of(&self, waiting: &Staged, numbers: Vec<u64>) -> Result<Option<StoredFile>> {
        let mut entries = std::pin::pin!(self.entries(numbers));
        while let Some((_, bytes)) = entries.try_next().await? {
            let entry = bytes.and_then(|bytes| Entry::decode(&bytes).ok());
            let put = entry.as_ref().and_then(|entry| entry.event.puts()).filter(|(id, _)| *id == waiting.id);
            let known = |file: &&StoredFile| RESULTS.iter().any(|folder| file.path.starts_with(&format!("{folder}/")));
            if let Some(file) = put.map(|(_, file)| file).filter(known) {
                return Ok(Some(file.clone()));
            }
        }
        Ok(None)
    }

    /// Whether what waits is the file that the ledger names, byte for byte.
    async fn is_file(&self, waiting: &Staged, file: &StoredFile) -> Result<bool> {
        match hash_of(self.store().as_ref(), &waiting.path).await {
            Ok((hash, _)) => Ok(hash == file.sha256),
            // Who wrote it was faster.
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.unreadable(error)),
        }
    }
}
