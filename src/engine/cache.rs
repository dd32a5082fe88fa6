//! Remembered digests: what one file's rows came to, kept under a name that says which file, in which version, read by
//! which statement. What is not exactly that is not found; what is torn or foreign is not believed.
//!
//! One object a file: `digests/<name>.tieout`, in which stand, integers little endian: the line `tieout digests 1`, the name
//! (32 hexadecimal digits), the number of rows (u64), per row the key's hash and the digest's high and low half (3 x u64),
//! and the XXH3 of all that (128 bits, seed 0).

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::TryStreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::io::AsyncWriteExt;
use xxhash_rust::xxh3::Xxh3;

use crate::dataset::Input;
use crate::dataset::store::locate;
use crate::engine::digests::{Digests, ENTRY_BYTES, Entry, entry};
use crate::engine::suspects::Suspects;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::digest_id;

const MAGIC: &[u8] = b"tieout digests 1\n";
const HEAD: usize = MAGIC.len() + 32 + 8;
const TAIL: usize = 16;
#[derive(Debug, Clone)]
pub struct Cache {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    pub(super) display: String,
    /// Before any input was listed.
    opened: DateTime<Utc>,
}

/// Under which name something is kept: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// `statement`: what the digests are of: the side's SQL, with its types. None if the input's version cannot be told.
    pub fn of(input: &Input, statement: &str) -> Option<Self> {
        let identity = input.identity()?;
        // Another release may read the same statement otherwise.
        let release = env!("CARGO_PKG_VERSION");
        let parts = [release, statement].into_iter().chain(identity.iter().map(String::as_str));
        Some(Self::of_parts(&parts.collect::<Vec<_>>()))
    }

    pub fn of_parts(parts: &[&str]) -> Self {
        Self(digest_id(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>()))
    }

    /// None: they are not its digits.
    pub fn of_digits(digits: &[u8; 32]) -> Option<Self> {
        let digits = std::str::from_utf8(digits).ok()?;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| Self(digits.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Cache {
    /// At a folder or URL.
    pub async fn open(location: &str) -> Result<Self> {
        let located = locate(location).await.map_err(|error| error.context("cache", location))?;
        Ok(Self::at(located.store, located.prefix, located.display))
    }

    /// Below a prefix of a store.
    pub fn at(store: Arc<dyn ObjectStore>, prefix: Path, display: String) -> Self {
        Self { store, prefix, display, opened: Utc::now() }
    }

    fn path(&self, name: &Name) -> Path {
        self.prefix.clone().join("digests").join(format!("{}.tieout", name.0))
    }

    /// What is kept under the name, taken into `digests`; None if that is nothing, or not what it should be.
    pub async fn load(&self, name: &Name, runtime: &RuntimeEnv, digests: Digests) -> Option<Digests> {
        match self.try_load(name, runtime, digests).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::warn!(cache = self.display, name = name.0, %error, "remembered digests are not believed");
                None
            }
        }
    }

    async fn try_load(&self, name: &Name, runtime: &RuntimeEnv, mut digests: Digests) -> Result<Option<Digests>> {
        let rows = self.read(name, |bytes| digests.push_bytes(runtime, bytes)).await?;
        Ok(rows.map(|_| digests))
    }

    /// The rows of a file that are among some hashes, as they stand; None if its digests are not kept, or not believed.
    pub async fn find(&self, name: &Name, hashes: &Suspects) -> Option<Vec<Entry>> {
        let mut found = Vec::new();
        let take = |bytes: &[u8]| {
            let entries = bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(entry);
            found.extend(entries.filter(|entry| hashes.may_contain(entry[0])));
            Ok(())
        };
        match self.read(name, take).await {
            Ok(rows) => rows.map(|_| found),
            Err(error) => {
                tracing::warn!(cache = self.display, name = name.0, %error, "remembered digests are not believed");
                None
            }
        }
    }

    /// Hands on a file's rows, each whole, and returns their number; what was handed on counts only then. None: nothing is
    /// kept under the name.
    async fn read(&self, name: &Name, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<Option<u64>> {
        let torn = |why: &str| Error::new(ErrorKind::Data, why.to_string());
        let answer = match self.store.get(&self.path(name)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            answer => answer.map_err(|error| torn(&error.to_string()))?,
        };
        let size = answer.meta.size;
        let mut stream = answer.into_stream();
        let mut hash = Xxh3::new();
        let mut waiting: Vec<u8> = Vec::new();
        let (mut rows, mut read) = (None, 0);
        while let Some(piece) = stream.try_next().await.map_err(|error| torn(&error.to_string()))? {
            waiting.extend_from_slice(&piece);
            if rows.is_none() && waiting.len() >= HEAD {
                let head: Vec<u8> = waiting.drain(..HEAD).collect();
                let count = u64::from_le_bytes(head[HEAD - 8..].try_into().map_err(|_| torn("no head"))?);
                let whole = count.checked_mul(ENTRY_BYTES as u64).and_then(|b| b.checked_add((HEAD + TAIL) as u64));
                if !head.starts_with(MAGIC) || head[MAGIC.len()..HEAD - 8] != *name.0.as_bytes() || whole != Some(size)
                {
                    return Err(torn("its head is another's"));
                }
                hash.update(&head);
                rows = Some(count);
            }
            if rows.is_none() {
                continue;
            }
            // The end is not a row.
            let whole = waiting.len().saturating_sub(TAIL) / ENTRY_BYTES * ENTRY_BYTES;
            hash.update(&waiting[..whole]);
            take(&waiting[..whole])?;
            read += (whole / ENTRY_BYTES) as u64;
            waiting.drain(..whole);
        }
        let expected = hash.digest128().to_le_bytes();
        match rows == Some(read) && waiting == expected {
            true => Ok(rows),
            false => Err(torn("it is torn")),
        }
    }

    /// Whether a file that was listed as this can still become another one and look the same.
    pub fn settled(&self, input: &Input) -> bool {
        input.is_settled(self.opened)
    }

    /// Keeps a file's digests; a failure is no more than a warning.
    pub async fn save(&self, name: &Name, input: &Input, digests: &Digests) {
        if !self.settled(input) {
            return;
        }
        if let Err(error) = self.try_save(name, digests).await {
            tracing::warn!(cache = self.display, %error, "digests could not be remembered");
        }
    }

    async fn try_save(&self, name: &Name, digests: &Digests) -> Result<()> {
        let mut writer = BufWriter::new(self.store.clone(), self.path(name));
        let mut hash = Xxh3::new();
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(name.0.as_bytes());
        head.extend_from_slice(&digests.tally.rows.to_le_bytes());
        hash.update(&head);
        let failed = |error: object_store::Error| Error::new(ErrorKind::Output, error.to_string());
        writer.put(Bytes::from(head)).await.map_err(failed)?;
        for partition in 0..digests.partitions() {
            let bytes = digests.sorted_bytes(partition)?;
            hash.update(&bytes);
            writer.put(Bytes::from(bytes)).await.map_err(failed)?;
        }
        writer.put(Bytes::from(hash.digest128().to_le_bytes().to_vec())).await.map_err(failed)?;
        // Only now the object is there, whole.
        writer.shutdown().await.map_err(|error| Error::new(ErrorKind::Output, error.to_string()))
    }
}
