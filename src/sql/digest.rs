//! Digests of rows: XXH3 (seed 0) of their canonical encoding. 128 bits of it are a row's digest, 64 bits of a key's
//! encoding are its key hash.

use datafusion::arrow::array::ArrayRef;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::encode::{Mode, RowEncoder};
use crate::error::Result;

/// The digest of each of `rows` rows. As bytes, a digest is written big endian, as XXH128 is printed elsewhere.
pub fn row_digests(columns: &[ArrayRef], rows: usize) -> Result<Vec<u128>> {
    hash_rows(columns, rows, xxh3_128)
}

/// The 64-bit hash of each key.
pub fn key_hashes(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    hash_rows(columns, rows, xxh3_64)
}

/// 32 hexadecimal digits that identify `parts`, in this order; a part that is longer or shorter is another one.
pub fn digest_id(parts: &[&[u8]]) -> String {
    IdBytes::beginning(parts).id()
}

/// The parts of an id, one after the other, each behind its length.
#[derive(Default)]
pub struct IdBytes {
    bytes: Vec<u8>,
    beginning: usize,
}

impl IdBytes {
    pub fn push(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(part);
    }

    /// Ids of these first parts, then of others.
    pub fn beginning(parts: &[&[u8]]) -> Self {
        let mut bytes = Self::default();
        parts.iter().for_each(|part| bytes.push(part));
        bytes.beginning = bytes.bytes.len();
        bytes
    }

    /// Takes away what was pushed behind the beginning.
    pub fn begin_again(&mut self) {
        self.bytes.truncate(self.beginning);
    }

    pub fn id(&self) -> String {
        let mut text = String::with_capacity(32);
        self.write_id(&mut text);
        text
    }

    /// The id's digits, behind what stands in `text`.
    pub fn write_id(&self, text: &mut String) {
        let digest = xxh3_128(&self.bytes);
        text.extend(
            (0..32u32).rev().map(|digit| char::from(b"0123456789abcdef"[(digest >> (4 * digit)) as usize & 15])),
        );
    }
}

fn hash_rows<H>(columns: &[ArrayRef], rows: usize, hash: impl Fn(&[u8]) -> H) -> Result<Vec<H>> {
    let mut hashes = Vec::with_capacity(rows);
    RowEncoder::new(columns, Mode::AsTyped)?.for_each_row(rows, |row| hashes.push(hash(row)));
    Ok(hashes)
}
