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
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    format!("{:032x}", xxh3_128(&bytes))
}

fn hash_rows<H>(columns: &[ArrayRef], rows: usize, hash: impl Fn(&[u8]) -> H) -> Result<Vec<H>> {
    let mut hashes = Vec::with_capacity(rows);
    RowEncoder::new(columns, Mode::AsTyped)?.for_each_row(rows, |row| hashes.push(hash(row)));
    Ok(hashes)
}
