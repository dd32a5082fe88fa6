//! The ledger of an output: what happened there, as a chain of entries that nobody can change unseen. -> [`Ledger`]
//!
//! `<output>/ledger/<number, 12 digits>.json`, one object an entry, created only if absent, each with the SHA-256 of the one
//! before. Entries are never updated or deleted, and a number is never used twice; so any number of processes may write at once,
//! and the chain never forks.

mod append;
mod approval;
mod begin;
mod entry;
mod files;
mod mention;
mod pending;
mod seal;
mod verify;

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::dataset::store::{Located, locate};
use crate::divergence::{LEDGER as FOLDER, below};
use crate::error::{Error, ErrorKind, Result};

pub use crate::divergence::sha256;
pub use append::Appended;
pub use entry::{
    Acknowledged, Entry, Event, RepairApproved, RepairFinished, RepairPlanned, RuleDone, RuleExpired, RuleNamed,
    StoredFile, actor,
};
pub use mention::Mention;
pub use pending::complete;
pub use seal::{PublicKey, Sealed, new_keys, read_private, read_public, seal};
pub use verify::{Expected, Finding, Verified, verify};

const ENDING: &str = ".json";
/// Of a number in a name: so names sort as numbers do.
const DIGITS: usize = 12;
/// Entries that are read at once.
const AHEAD: usize = 16;
/// So many keys come with one request at most.
const PAGE: usize = 1000;

/// An output's ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    located: Located,
}

/// The newest entry that is known; number 0: there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    pub number: u64,
    /// SHA-256 of the entry's bytes, in hexadecimal digits.
    pub hash: String,
}

impl Ledger {
    pub async fn at(location: &str) -> Result<Self> {
        Ok(Self { located: locate(location).await? })
    }

    /// Of an output that is open already.
    pub fn of(located: &Located) -> Self {
        Self { located: located.clone() }
    }

    fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.located.store
    }

    /// The output, for people.
    pub fn display(&self) -> &str {
        &self.located.display
    }

    /// A folder below the output, of our own naming.
    fn below(&self, path: &str) -> Path {
        path.split('/').fold(self.located.prefix.clone(), |whole, part| whole.join(part))
    }

    /// An object below the output, by its path there as an entry names it; none: no object can have that path.
    fn stored(&self, path: &str) -> Option<Path> {
        below(&self.located, path)
    }

    fn folder(&self) -> Path {
        self.below(FOLDER)
    }

    fn path(&self, number: u64) -> Path {
        self.folder().join(name(number))
    }

    fn unreadable(&self, error: object_store::Error) -> Error {
        let message = format!("the ledger of {} cannot be read", self.display());
        Error::new(ErrorKind::Output, message)
            .hint("check that the output is there and that you may read it")
            .source(error)
    }

    /// An entry as it is stored; none: there is none of this number.
    pub async fn read(&self, number: u64) -> Result<Option<Bytes>> {
        let read = async { self.store().get(&self.path(number)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The entries of these numbers, in their order.
    fn entries(&self, numbers: impl IntoIterator<Item = u64>) -> impl Stream<Item = Result<(u64, Option<Bytes>)>> {
        let read = move |number| async move { Ok((number, self.read(number).await?)) };
        futures::stream::iter(numbers).map(read).buffered(AHEAD)
    }

    /// The last entries, at most so many, as they are stored.
    pub async fn last(&self, limit: usize) -> Result<Vec<(u64, Bytes)>> {
        let mut numbers = self.numbers(0).await?;
        numbers.drain(..numbers.len().saturating_sub(limit));
        let read: Vec<_> = self.entries(numbers).try_collect().await?;
        Ok(read.into_iter().filter_map(|(number, bytes)| Some((number, bytes?))).collect())
    }

    /// Hands on every entry as it is stored, in order, until nobody wants more.
    pub async fn each(&self, mut wanted: impl FnMut(u64, &[u8]) -> Result<bool>) -> Result<()> {
        let mut entries = std::pin::pin!(self.entries(self.numbers(0).await?));
        while let Some((number, bytes)) = entries.try_next().await? {
            if let Some(bytes) = bytes
                && !wanted(number, &bytes)?
            {
                break;
            }
        }
        Ok(())
    }

    /// The newest entry; its bytes need not be an entry's, so that damage is told by `verify` and stops no run.
    pub async fn head(&self) -> Result<Head> {
        let number = self.newest(0).await?;
        match self.read(number).await? {
            Some(bytes) => {
                entry::refuse_newer(number, &bytes)?;
                Ok(Head { number, hash: sha256(&bytes) })
            }
            None => Ok(Head::default()),
        }
    }

    /// All numbers in use after this one. Not what lies between: one that was put there by hand may be far away.
    async fn numbers(&self, after: u64) -> Result<Vec<u64>> {
        let mut numbers: Vec<u64> = match &self.located.local {
            // Names alone: no file is looked at.
            Some(root) => {
                let names = std::fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten();
                names.filter_map(|file| number(file.file_name().to_str()?)).collect()
            }
            None => {
                let folder = self.folder();
                let objects = self.store().list_with_offset(Some(&folder), &self.path(after));
                let numbers = objects.try_filter_map(|object| {
                    let number = object.location.filename().and_then(number);
                    async move { Ok(number) }
                });
                numbers.try_collect().await.map_err(|error| self.unreadable(error))?
            }
        };
        numbers.retain(|number| *number > after);
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The largest number in use, at least `after`.
    async fn newest(&self, after: u64) -> Result<u64> {
        if self.located.local.is_some() {
            return Ok(self.numbers(after).await?.last().copied().unwrap_or(after));
        }
        // A page of keys a request: what is far ahead is found in larger steps, then by halves.
        let (mut low, mut step) = match self.page(after).await? {
            (last, false) => return Ok(last),
            (last, true) => (last, PAGE as u64),
        };
        let mut high = loop {
            match self.page(low.saturating_add(step)).await? {
                (last, false) if last == low.saturating_add(step) => break last,
                (last, false) => return Ok(last),
                (last, true) => low = last,
            }
            step = step.saturating_mul(2);
        };
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.page(middle).await? {
                (last, false) if last == middle => high = middle,
                (last, false) => return Ok(last),
                (last, true) => low = last,
            }
        }
        Ok(self.page(low).await?.0)
    }

    /// The last of the numbers that one request gives after this one, and whether there may be more.
    async fn page(&self, after: u64) -> Result<(u64, bool)> {
        let folder = self.folder();
        let objects = self.store().list_with_offset(Some(&folder), &self.path(after)).take(PAGE);
        let objects: Vec<_> = objects.try_collect().await.map_err(|error| self.unreadable(error))?;
        let numbers = objects.iter().filter_map(|object| number(object.location.filename()?));
        Ok((numbers.max().unwrap_or(after).max(after), objects.len() == PAGE))
    }
}

fn name(number: u64) -> String {
    format!("{number:0width$}{ENDING}", width = DIGITS)
}

/// The number in the name of an entry; none of any other object.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(ENDING)?;
    let whole = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|number| whole && *number > 0)
}

#[cfg(test)]
mod tests;
