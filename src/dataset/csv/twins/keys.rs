//! A hash of a record's key: of the values, so that it does not depend on how they are quoted. An empty field and the
//! names of NULL are one value.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::decoder::{is_null, unescape};
use super::super::tokenizer::Span;

pub(super) struct Keys {
    /// The fields that are the key.
    fields: Vec<usize>,
    quote: u8,
    null: Arc<[String]>,
    unescaped: Vec<u8>,
}

impl Keys {
    pub(super) fn new(fields: Vec<usize>, quote: u8, null: Arc<[String]>) -> Self {
        Self { fields, quote, null, unescaped: Vec::new() }
    }

    /// How many fields from the left must be known.
    pub(super) fn reach(&self) -> usize {
        self.fields.iter().max().map_or(0, |field| field + 1)
    }

    /// `span` gives the place of a field in the buffer.
    #[inline]
    pub(super) fn hash(&mut self, buffer: &[u8], span: impl Fn(usize) -> Span) -> u64 {
        let mut hash = 0;
        for n in 0..self.fields.len() {
            let span = span(self.fields[n]);
            hash = self.add(hash, &buffer[span.start..span.end], span.doubled);
        }
        hash
    }

    /// The hash so far is the seed of the next, which also knows the value's length: values cannot run together.
    #[inline]
    fn add(&mut self, hash: u64, text: &[u8], doubled: bool) -> u64 {
        let value = if doubled {
            self.unescaped.clear();
            unescape(text, self.quote, &mut self.unescaped);
            &self.unescaped
        } else {
            text
        };
        xxh3_64_with_seed(if is_null(value, &self.null) { b"" } else { value }, hash)
    }
}
