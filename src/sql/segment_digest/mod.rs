//! `segment_digest` and `segment_hash`: digests of rows as databases compute them themselves (`queries/checksum/`), so that
//! checksums of a database and of anything else can be compared.
//!
//! The text of a row is made as [`Form`] says. Of it two times 64 bits are the digest; 60 bits of the key's text are its hash.

mod form;
mod lookup3;
mod write;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;
use md5::{Digest, Md5};

use super::function::{Call, Function, Planned};
use super::row_digest::digest_array;
use crate::error::{Error, ErrorKind, Result};
pub use form::{Form, Hash};
use write::Writer;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        // segment_digest('md5', 'integer,text?', id, name, unread_name): `?`: what of the column could not be read follows.
        Function::new("segment_digest", 3..=usize::MAX, digest_type, segment_digest).never_null().build(),
        Function::new("segment_hash", 3..=usize::MAX, hash_type, segment_hash).never_null().build(),
    ]
}

fn digest_type(planned: &Planned) -> Result<DataType> {
    hash_named(planned.text(0)?)?;
    Ok(DataType::FixedSizeBinary(16))
}

fn hash_type(planned: &Planned) -> Result<DataType> {
    hash_named(planned.text(0)?)?;
    Ok(DataType::Int64)
}

fn hash_named(name: &str) -> Result<Hash> {
    let found = [Hash::Md5, Hash::Lookup3].into_iter().find(|hash| hash.to_string() == name);
    found.ok_or_else(|| Error::new(ErrorKind::Internal, format!("there is no hash `{name}`")))
}

fn segment_digest(call: &Call) -> Result<ArrayRef> {
    let hash = hash_named(call.text(0)?)?;
    let mut digests = Vec::with_capacity(call.rows);
    for_each_row(call, |text| digests.push(digest(hash, text)))?;
    digest_array(digests.into_iter())
}

fn segment_hash(call: &Call) -> Result<ArrayRef> {
    let hash = hash_named(call.text(0)?)?;
    let mut hashes = Vec::with_capacity(call.rows);
    for_each_row(call, |text| hashes.push(key_hash(hash, text)))?;
    Ok(Arc::new(Int64Array::from(hashes)))
}

/// The upper half comes first in the bytes.
fn digest(hash: Hash, text: &[u8]) -> u128 {
    match hash {
        Hash::Md5 => u128::from_be_bytes(Md5::digest(text).into()),
        Hash::Lookup3 => u128::from(lookup3::hash(text, 1)) << 64 | u128::from(lookup3::hash(text, 2)),
    }
}

/// Sixty bits: never negative, in any system.
fn key_hash(hash: Hash, text: &[u8]) -> i64 {
    match hash {
        Hash::Md5 => (digest(hash, text) >> 68) as i64,
        Hash::Lookup3 => (lookup3::hash(text, 3) & ((1 << 60) - 1)) as i64,
    }
}

/// The text of each row.
fn for_each_row(call: &Call, mut each: impl FnMut(&[u8])) -> Result<()> {
    let unknown = |word: &str| Error::new(ErrorKind::Internal, format!("there is no form `{word}`"));
    let mut writers = Vec::new();
    let mut at = 2;
    for word in call.text(1)?.split(',') {
        let (word, unread) = word.strip_suffix('?').map_or((word, false), |word| (word, true));
        let form = Form::parse(word).ok_or_else(|| unknown(word))?;
        let column = call.column(at)?;
        let unread = if unread { Some(call.column(at + 1)?) } else { None };
        at += 1 + usize::from(unread.is_some());
        writers.push(Writer::new(form, &column, unread)?);
    }
    let mut text = Vec::new();
    for row in 0..call.rows {
        text.clear();
        for (n, writer) in writers.iter().enumerate() {
            if n > 0 {
                text.push(b'|');
            }
            writer.write(row, &mut text);
        }
        each(&text);
    }
    Ok(())
}
