//! Appending: the number after the newest is created, if nobody was faster; else the next one is tried.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};

use crate::divergence::sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::entry::{Entry, Event, refuse_newer};
use crate::ledger::{DIGITS, Head, Ledger};

/// What a store refuses is tried so often, longer and longer apart.
const TRIES: u32 = 8;

/// How appending ended without an entry.
#[derive(Debug)]
pub struct Failed {
    pub error: Error,
    /// The entry may be there all the same, or come to be there: an answer was lost.
    pub in_doubt: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, in_doubt: false }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

pub type Appended = std::result::Result<(), Failed>;

impl Ledger {
    /// Appends after `head`, which is then this entry. `seen` is told every entry that stands between the two, and may
    /// refuse to go on.
    pub async fn append(&self, head: &mut Head, event: Event, mut seen: impl FnMut(&Entry) -> Result<()>) -> Appended {
        let mut lost = 0u32;
        loop {
            let entry = Entry::after(head, event.clone());
            if entry.number >= 10u64.pow(DIGITS as u32) {
                let message = format!("the ledger of {} has no numbers left", self.display());
                let error = Error::new(ErrorKind::Output, message);
                return Err(error.hint("`tieout ledger verify` tells what was put there by hand").into());
            }
            let bytes = entry.encode()?;
            if self.created(entry.number, &bytes).await? {
                *head = Head { number: entry.number, hash: sha256(&bytes) };
                return Ok(());
            }
            self.catch_up(head, entry.number, &mut seen).await?;
            lost += 1;
            // Of many that write at once, some wait.
            if lost > 2 {
                let chance = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
                tokio::time::sleep(Duration::from_millis(chance * u64::from(lost.min(20)) / 64)).await;
            }
        }
    }

    /// Creates an entry; whether it is there now, and not another one. On "already exists" it is read: a store says so as well
    /// when two came at once and neither was stored, and when its own second try met what the first had stored.
    pub(super) async fn created(&self, number: u64, bytes: &Bytes) -> std::result::Result<bool, Failed> {
        let mut tries = 0;
        loop {
            let error = match self.put_new(number, bytes).await {
                Ok(()) => return Ok(true),
                Err(error) => error,
            };
            if let Ok(Some(there)) = self.read(number).await {
                return Ok(there == *bytes);
            }
            tries += 1;
            let refused = matches!(error, object_store::Error::AlreadyExists { .. });
            if tries < if refused { TRIES } else { 2 } {
                tokio::time::sleep(Duration::from_millis(5 << tries)).await;
                continue;
            }
            let message = format!("the output {} cannot be written to", self.display());
            let hint =
                "check that it exists or can be made, and that you may write there; or choose another with --out";
            let in_doubt = self.located.local.is_none() && !is_refusal(&error);
            return Err(Failed { error: Error::new(ErrorKind::Output, message).hint(hint).source(error), in_doubt });
        }
    }

    pub(super) async fn put_new(&self, number: u64, bytes: &Bytes) -> object_store::Result<()> {
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.store().put_opts(&self.path(number), PutPayload::from(bytes.clone()), create).await?;
        Ok(())
    }

    /// Reads what others have appended since; the number that is taken is theirs.
    async fn catch_up(&self, head: &mut Head, taken: u64, seen: &mut impl FnMut(&Entry) -> Result<()>) -> Result<()> {
        let mut numbers = self.numbers(head.number).await?;
        // A list may be older than what was read.
        if let Err(at) = numbers.binary_search(&taken) {
            numbers.insert(at, taken);
        }
        let mut entries = std::pin::pin!(self.entries(numbers));
        while let Some((number, bytes)) = entries.try_next().await? {
            // One that was removed is told by `verify`.
            let Some(bytes) = bytes else { continue };
            refuse_newer(number, &bytes)?;
            if let Ok(entry) = Entry::decode(&bytes) {
                seen(&entry)?;
            }
            *head = Head { number, hash: sha256(&bytes) };
        }
        Ok(())
    }
}

/// The store has said no, so nothing of it will come later.
fn is_refusal(error: &object_store::Error) -> bool {
    use object_store::Error as Store;
    matches!(
        error,
        Store::NotFound { .. }
            | Store::PermissionDenied { .. }
            | Store::Unauthenticated { .. }
            | Store::NotImplemented { .. }
            | Store::NotSupported { .. }
    )
}
