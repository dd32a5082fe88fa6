//! What a match left over, kept so that a later run of the same statement compares only the files that came since.
//!
//! Of the files of both sides: all rows of the key hashes that do not agree, in full; and which key hashes do agree. One
//! object a set of files: `residues/<statement>/<files>.tieout`, in which stand, integers little endian: the line
//! `tieout residue 1`, the statement's name (32 hexadecimal digits); the number of files of the source, of the target; rows
//! and checksum of the source, of the target (u64, u128); key hashes that repeat; key hashes that agree; bytes of the
//! source's rows, of the target's (u64 each where nothing else is said); the files' names, the source's first (32 digits
//! each); the XXH3 of all that (128 bits, seed 0). Then the key hashes that agree, by their first 48 bits: 2^16 ends of
//! buckets, and 32 bits for each (u32); the rows of the source, of the target, as Arrow IPC streams (nothing, where there is
//! no row); and the XXH3 of the whole object up to there.

use std::collections::BTreeSet;
use std::io::Cursor;

use bytes::Bytes;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::StreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use tokio::io::AsyncWriteExt;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::engine::agreed::Agreed;
use crate::engine::cache::{Cache, Name};
use crate::engine::digests::Tally;
use crate::error::{Error, ErrorKind, Result};
use crate::side::{BySide, Side};

const MAGIC: &[u8] = b"tieout residue 1\n";
const NAME: usize = 32;
/// Up to the files' names.
const FIXED: usize = MAGIC.len() + NAME + 2 * 8 + 2 * 24 + 4 * 8;
const HASH: usize = 16;
/// Bytes of the beginning that are fetched at once: the names of two thousand files.
const HEAD_HINT: u64 = 64 << 10;
const HEADS_AT_ONCE: usize = 16;
/// As many of those that share a file stay, beside the one that is written.
const KEPT: usize = 3;

/// The files of both sides.
pub type Sets = BySide<BTreeSet<Name>>;

/// What a comparison of some files came to.
#[derive(Debug)]
pub struct Residue {
    pub files: Sets,
    /// Of all their rows.
    pub tally: BySide<Tally>,
    /// Key hashes that stand more than once on a side.
    pub repeated: u64,
    /// The key hashes whose rows agree; all rows of the others are in `rows`.
    pub agreed: Agreed,
    /// With hash and digest.
    pub rows: BySide<Vec<RecordBatch>>,
    pub reservation: MemoryReservation,
}

/// Where residues of a statement lie, as far as they can be read.
#[derive(Debug, Default)]
pub struct Shelf(Vec<(ObjectMeta, Head)>);

#[derive(Debug)]
struct Head {
    files: Sets,
    tally: BySide<Tally>,
    repeated: u64,
    hashes: u64,
    row_bytes: BySide<u64>,
}

pub fn reservation(runtime: &RuntimeEnv) -> MemoryReservation {
    MemoryConsumer::new("what is left over").register(&runtime.memory_pool)
}

impl Shelf {
    /// Those of which all files are among these; those of the most files last.
    fn fitting(&self, files: &Sets) -> Vec<&(ObjectMeta, Head)> {
        let mut fit: Vec<_> = self.0.iter().filter(|(_, head)| within(&head.files, files)).collect();
        fit.sort_by_key(|(_, head)| file_count(&head.files));
        fit
    }

    /// The most files that something is kept of, all among these.
    pub fn most(&self, files: &Sets) -> Option<&Sets> {
        self.fitting(files).last().map(|(_, head)| &head.files)
    }
}

fn torn(why: &str) -> Error {
    Error::new(ErrorKind::Data, why.to_string())
}

fn within(part: &Sets, whole: &Sets) -> bool {
    part.source.is_subset(&whole.source) && part.target.is_subset(&whole.target)
}

fn file_count(files: &Sets) -> usize {
    files.source.len() + files.target.len()
}

impl Head {
    fn of(residue: &Residue, row_bytes: BySide<u64>) -> Self {
        let Residue { files, tally, repeated, agreed, .. } = residue;
        Self { files: files.clone(), tally: *tally, repeated: *repeated, hashes: agreed.len() as u64, row_bytes }
    }

    fn to_bytes(&self, statement: &Name) -> Vec<u8> {
        let mut bytes = [MAGIC, statement.as_str().as_bytes()].concat();
        let mut put = |number: u64| bytes.extend_from_slice(&number.to_le_bytes());
        put(self.files.source.len() as u64);
        put(self.files.target.len() as u64);
        for tally in [self.tally.source, self.tally.target] {
            put(tally.rows);
            put(tally.checksum as u64);
            put((tally.checksum >> 64) as u64);
        }
        [self.repeated, self.hashes, self.row_bytes.source, self.row_bytes.target].into_iter().for_each(put);
        let files = self.files.source.iter().chain(&self.files.target);
        files.for_each(|name| bytes.extend_from_slice(name.as_str().as_bytes()));
        bytes.extend_from_slice(&xxh3_128(&bytes).to_le_bytes());
        bytes
    }

    /// How long the head is that begins so; None: it is another's.
    fn length(start: &[u8], statement: &Name) -> Option<u64> {
        let rest = start.get(..FIXED)?.strip_prefix(MAGIC)?.strip_prefix(statement.as_str().as_bytes())?;
        let [source, target] = [number(rest, 0), number(rest, 1)];
        source.checked_add(target)?.checked_mul(NAME as u64)?.checked_add((FIXED + HASH) as u64)
    }

    fn from_bytes(bytes: &[u8], statement: &Name) -> Result<Self> {
        let whole = Self::length(bytes, statement) == Some(bytes.len() as u64);
        let (head, hash) = bytes.split_at(bytes.len().saturating_sub(HASH));
        if !whole || hash != xxh3_128(head).to_le_bytes() {
            return Err(torn("its head is another's, or torn"));
        }
        let (numbers, names) = (&head[MAGIC.len() + NAME..FIXED], &head[FIXED..]);
        let mut names = names.as_chunks::<NAME>().0.iter().map(Name::of_digits);
        let (of_source, of_target) = (number(numbers, 0) as usize, number(numbers, 1) as usize);
        let mut files = |count| names.by_ref().take(count).collect::<Option<BTreeSet<Name>>>();
        let files = files(of_source).zip(files(of_target)).ok_or_else(|| torn("its files have no names"))?;
        let tally = |at: usize| Tally {
            rows: number(numbers, at),
            checksum: u128::from(number(numbers, at + 1)) | u128::from(number(numbers, at + 2)) << 64,
        };
        Ok(Self {
            files: BySide::new(files.0, files.1),
            tally: BySide::new(tally(2), tally(5)),
            repeated: number(numbers, 8),
            hashes: number(numbers, 9),
            row_bytes: BySide::new(number(numbers, 10), number(numbers, 11)),
        })
    }

    /// Bytes of the whole object; None: of more than there can be.
    fn object(&self) -> Option<u64> {
        let head = FIXED + file_count(&self.files) * NAME + HASH;
        let rows = self.row_bytes.source.checked_add(self.row_bytes.target)?;
        Agreed::bytes_of(self.hashes)?.checked_add(rows)?.checked_add((head + HASH) as u64)
    }
}

/// The number at a place; 0 where there is none.
fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.as_chunks::<8>().0.get(at).map_or(0, |word| u64::from_le_bytes(*word))
}

impl Cache {
    fn shelf_path(&self, statement: &Name) -> Path {
        self.prefix.clone().join("residues").join(statement.as_str())
    }

    /// What is kept of a statement.
    pub async fn shelf(&self, statement: &Name) -> Shelf {
        let objects = self.store.list(Some(&self.shelf_path(statement)));
        let heads = objects.map(|object| async move {
            match object {
                Ok(object) => match self.head(&object, statement).await {
                    Ok(head) => Some((object, head)),
                    Err(error) => self.disbelieved(&error),
                },
                Err(error) => self.disbelieved(&torn(&error.to_string())),
            }
        });
        Shelf(heads.buffer_unordered(HEADS_AT_ONCE).filter_map(std::future::ready).collect().await)
    }

    fn disbelieved<T>(&self, error: &Error) -> Option<T> {
        tracing::warn!(cache = self.display, %error, "what was left over is not believed");
        None
    }

    async fn head(&self, object: &ObjectMeta, statement: &Name) -> Result<Head> {
        let range = async |from: u64, to: u64| {
            let bytes = self.store.get_range(&object.location, from..to.min(object.size)).await;
            bytes.map_err(|error| torn(&error.to_string()))
        };
        let mut bytes = range(0, HEAD_HINT).await?.to_vec();
        let foreign = || torn("its head is another's");
        let length = Head::length(&bytes, statement).filter(|length| *length <= object.size).ok_or_else(foreign)?;
        if length > bytes.len() as u64 {
            bytes.extend_from_slice(&range(bytes.len() as u64, length).await?);
        }
        bytes.truncate(length as usize);
        let head = Head::from_bytes(&bytes, statement)?;
        match head.object() == Some(object.size) {
            true => Ok(head),
            false => Err(torn("it is torn")),
        }
    }

    /// The residue of the most files that are all among these.
    pub async fn residue(
        &self,
        statement: &Name,
        shelf: &Shelf,
        files: &Sets,
        runtime: &RuntimeEnv,
    ) -> Option<Residue> {
        let mut fit: Vec<&(ObjectMeta, Head)> = shelf.0.iter().filter(|(_, head)| within(&head.files, files)).collect();
        fit.sort_by_key(|(_, head)| file_count(&head.files));
        while let Some((object, head)) = fit.pop() {
            let reservation = reservation(runtime);
            if reservation.try_grow(object.size as usize).is_err() {
                tracing::debug!(cache = self.display, bytes = object.size, "what was left over does not fit in memory");
                continue;
            }
            match self.load_residue(statement, object, head, reservation).await {
                Ok(residue) => return Some(residue),
                Err(error) => self.disbelieved(&error).unwrap_or_default(),
            }
        }
        None
    }

    async fn load_residue(
        &self,
        statement: &Name,
        object: &ObjectMeta,
        head: &Head,
        reservation: MemoryReservation,
    ) -> Result<Residue> {
        let answer = self.store.get(&object.location).await.map_err(|error| torn(&error.to_string()))?;
        let bytes = answer.bytes().await.map_err(|error| torn(&error.to_string()))?;
        let own = head.to_bytes(statement);
        // Another run may have written it anew since its head was read.
        if bytes.len() as u64 != object.size || !bytes.starts_with(&own) {
            return Err(torn("it is torn, or another by now"));
        }
        let start = own.len();
        let end = bytes.len() - HASH;
        let of_target = end - head.row_bytes.target as usize;
        let of_source = of_target - head.row_bytes.source as usize;
        let checked = bytes.clone();
        let agreed = tokio::task::spawn_blocking(move || {
            if checked[end..] != xxh3_128(&checked[..end]).to_le_bytes() {
                return Err(torn("it is torn"));
            }
            Agreed::from_bytes(checked.slice(start..of_source))
        });
        let agreed = agreed.await.map_err(crate::engine::tasks::worker_failed)??;
        let rows = BySide::new(rows(bytes.slice(of_source..of_target))?, rows(bytes.slice(of_target..end))?);
        let Head { files, tally, repeated, .. } = head;
        Ok(Residue { files: files.clone(), tally: *tally, repeated: *repeated, agreed, rows, reservation })
    }

    /// Keeps what was left over; a failure is no more than a warning. Of those on the shelf that it is not needed beside,
    /// the oldest go.
    pub async fn save_residue(&self, statement: &Name, residue: &Residue, shelf: &Shelf) {
        if let Err(error) = self.try_save_residue(statement, residue).await {
            tracing::warn!(cache = self.display, %error, "what was left over could not be remembered");
            return;
        }
        let shares = |files: &Sets| {
            let of = |side: Side| files.get(side).intersection(residue.files.get(side)).next().is_some();
            of(Side::Source) || of(Side::Target)
        };
        let mut older: Vec<&ObjectMeta> =
            shelf.0.iter().filter(|(_, head)| shares(&head.files)).map(|(object, _)| object).collect();
        older.sort_by_key(|object| std::cmp::Reverse(object.last_modified));
        for object in older.into_iter().skip(KEPT) {
            // Another run may have been first.
            if let Err(error) = self.store.delete(&object.location).await {
                tracing::debug!(cache = self.display, %error, "what is not needed any more could not be deleted");
            }
        }
    }

    async fn try_save_residue(&self, statement: &Name, residue: &Residue) -> Result<()> {
        let files: Vec<&str> = residue.files.source.iter().chain(&residue.files.target).map(Name::as_str).collect();
        let of_source = residue.files.source.len().to_string();
        let name = Name::of_parts(&[&[of_source.as_str()], files.as_slice()].concat());
        let path = self.shelf_path(statement).join(format!("{}.tieout", name.as_str()));
        let rows = residue.rows.as_ref().try_map(|_, batches| stream(batches))?;
        let head = Head::of(residue, rows.as_ref().map(|rows| rows.len() as u64)).to_bytes(statement);
        let mut writer = BufWriter::new(self.store.clone(), path);
        let mut hash = Xxh3::new();
        let failed = |error: object_store::Error| Error::new(ErrorKind::Output, error.to_string());
        let [ends, rests] = residue.agreed.to_bytes();
        for piece in [head.into(), ends, rests, rows.source.into(), rows.target.into()] {
            hash.update(&piece);
            writer.put(piece).await.map_err(failed)?;
        }
        writer.put(Bytes::from(hash.digest128().to_le_bytes().to_vec())).await.map_err(failed)?;
        // Only now the object is there, whole.
        writer.shutdown().await.map_err(|error| Error::new(ErrorKind::Output, error.to_string()))
    }
}

fn rows(stream: Bytes) -> Result<Vec<RecordBatch>> {
    match stream.is_empty() {
        true => Ok(Vec::new()),
        false => Ok(StreamReader::try_new(Cursor::new(stream), None)?.collect::<Result<_, _>>()?),
    }
}

fn stream(batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let mut writer = StreamWriter::try_new(Vec::new(), &first.schema())?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_whole_or_not_at_all() {
        let names = |texts: &[&str]| texts.iter().map(|text| Name::of_parts(&[text])).collect::<BTreeSet<_>>();
        let statement = Name::of_parts(&["statement"]);
        let tally = |rows, checksum| Tally { rows, checksum };
        let head = Head {
            files: BySide::new(names(&["a", "b", "c"]), names(&["a"])),
            tally: BySide::new(tally(7, u128::MAX - 1), tally(9, 1 << 70)),
            repeated: 3,
            hashes: 5,
            row_bytes: BySide::new(11, 13),
        };
        let bytes = head.to_bytes(&statement);
        let again = Head::from_bytes(&bytes, &statement).unwrap();
        assert_eq!(format!("{again:?}"), format!("{head:?}"));
        assert_eq!(Head::length(&bytes, &statement), Some(bytes.len() as u64));
        assert!(Head::from_bytes(&bytes, &Name::of_parts(&["another"])).is_err());
        for length in 0..bytes.len() {
            assert!(Head::from_bytes(&bytes[..length], &statement).is_err(), "{length} bytes");
        }
        for bit in 0..bytes.len() * 8 {
            let mut torn = bytes.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::from_bytes(&torn, &statement).is_err(), "bit {bit}");
        }
    }
}
