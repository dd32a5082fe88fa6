//! Checksums of a side that took long, kept under a name that says what they are of, so that a run that goes on where another one
//! was cut off need not ask for them again. What is torn or foreign is not believed.
//!
//! One object: `sums/<name>.tieout`, in which stand, integers little endian: the line `tieout sums 1`, the name (32 hexadecimal
//! digits), the number of segments (u64), of each its number (i64), whether it has one (u8; 0: its rows have no key), its rows
//! and both halves of its checksum (3 x u64), and the XXH3 of all that (128 bits, seed 0).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::{ObjectStoreExt, PutPayload};
use xxhash_rust::xxh3::xxh3_128;

use super::forms::Pushed;
use super::{Summing, Sums};
use crate::dataset::{Grid, Segments, Sum};
use crate::engine::cache::{Cache, Name};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::side::Side;

const MAGIC: &[u8] = b"tieout sums 1\n";
const ENTRY: usize = 8 + 1 + 3 * 8;
/// What is sooner done again than kept.
const LONG: Duration = Duration::from_millis(100);

/// Where checksums are kept.
#[derive(Debug)]
pub struct KeptSums {
    cache: Cache,
    /// Whether anything may be there that this run has not put there.
    looks: bool,
    progress: Arc<Progress>,
}

impl KeptSums {
    pub fn new(cache: Cache, looks: bool, progress: Arc<Progress>) -> Self {
        Self { cache, looks, progress }
    }

    /// The checksums of a side: kept ones where they are there, else such as are made now.
    pub(super) async fn sums(
        &self,
        summing: &Summing,
        pushed: &Pushed,
        side: Side,
        grid: Grid,
        within: Option<&(Grid, Segments)>,
    ) -> Result<Sums> {
        if self.looks
            && let Some(name) = summing.name(pushed, side, grid, within).await?
            && let Some(sums) = self.load(&name).await
        {
            tracing::info!(%side, segments = sums.len(), "checksums are kept from before");
            return Ok(sums);
        }
        let start = Instant::now();
        let sums = summing.sums(pushed, side, grid, within).await?;
        if start.elapsed() >= LONG
            && let Some(name) = summing.name(pushed, side, grid, within).await?
        {
            self.save(&name, &sums).await;
        }
        Ok(sums)
    }

    fn path(&self, name: &Name) -> object_store::path::Path {
        self.cache.prefix.clone().join("sums").join(format!("{}.tieout", name.as_str()))
    }

    async fn load(&self, name: &Name) -> Option<Sums> {
        let read = async || self.cache.store.get(&self.path(name)).await?.bytes().await;
        let bytes = match read().await {
            Err(object_store::Error::NotFound { .. }) => return None,
            bytes => bytes.map_err(|error| Error::new(ErrorKind::Data, error.to_string())),
        };
        match bytes.and_then(|bytes| decode(name, &bytes)) {
            Ok(sums) => Some(sums),
            Err(error) => {
                tracing::warn!(cache = self.cache.display, name = name.as_str(), %error, "kept checksums are not believed");
                None
            }
        }
    }

    async fn save(&self, name: &Name, sums: &Sums) {
        match self.cache.store.put(&self.path(name), PutPayload::from(encode(name, sums))).await {
            Ok(_) => self.progress.keep(),
            Err(error) => tracing::warn!(cache = self.cache.display, %error, "checksums could not be kept"),
        }
    }
}

fn encode(name: &Name, sums: &Sums) -> Vec<u8> {
    let mut bytes = [MAGIC, name.as_str().as_bytes(), &(sums.len() as u64).to_le_bytes()].concat();
    for (segment, Sum { rows, halves: [high, low] }) in sums {
        bytes.extend_from_slice(&segment.unwrap_or_default().to_le_bytes());
        bytes.push(u8::from(segment.is_some()));
        [rows, high, low].into_iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    }
    let hash = xxh3_128(&bytes);
    bytes.extend_from_slice(&hash.to_le_bytes());
    bytes
}

fn decode(name: &Name, bytes: &[u8]) -> Result<Sums> {
    let torn = |why: &str| Error::new(ErrorKind::Data, why.to_string());
    let Some((content, hash)) = bytes.split_last_chunk::<16>() else { return Err(torn("it is torn")) };
    if xxh3_128(content).to_le_bytes() != *hash {
        return Err(torn("it is torn"));
    }
    let entries = content.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(name.as_str().as_bytes()));
    let entries = entries.and_then(|rest| rest.split_first_chunk::<8>());
    let Some((count, entries)) = entries else { return Err(torn("its head is another's")) };
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if !rest.is_empty() || u64::from_le_bytes(*count) != entries.len() as u64 {
        return Err(torn("it is torn"));
    }
    let number = |entry: &[u8; ENTRY], at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&entry[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let sums = entries.iter().map(|entry| {
        let segment = (entry[8] == 1).then(|| number(entry, 0) as i64);
        (segment, Sum { rows: number(entry, 9), halves: [number(entry, 17), number(entry, 25)] })
    });
    Ok(sums.collect::<BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_nothing_else() {
        let name = Name::of_parts(&["a"]);
        let sums = Sums::from([
            (None, Sum { rows: 1, halves: [2, 3] }),
            (Some(-5), Sum { rows: 4, halves: [u64::MAX, 0] }),
            (Some(0), Sum { rows: 0, halves: [0, 1] }),
        ]);
        let bytes = encode(&name, &sums);
        assert_eq!(decode(&name, &bytes).unwrap(), sums);
        assert!(decode(&Name::of_parts(&["b"]), &bytes).is_err());
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(decode(&name, &other).is_err(), "{at}");
            assert!(decode(&name, &bytes[..at]).is_err(), "{at}");
        }
    }
}
