//! Where the delimiters and line feeds outside of quotes stand in a stretch of a file that begins with a record: 64 bytes
//! at once. It stops at what is not plain RFC 4180 (a quote within an unquoted field, a carriage return alone), which is
//! for the tokenizer.

use super::super::tokenizer::Dialect;
use super::masks::{self, Chunk, LANES};

pub(super) struct Shape {
    dialect: Dialect,
    /// One bit a byte of the stretch.
    pub delimiters: Vec<u64>,
    pub feeds: Vec<u64>,
}

/// What a chunk must know of the one before it.
struct Before {
    /// All ones within quotes.
    inside: u64,
    /// 1 if a field begins here, or a quote that doubles the last one.
    opens: u64,
    /// 1 behind a closing quote.
    closed: u64,
    /// 1 behind a carriage return.
    returned: u64,
}

impl Shape {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, delimiters: Vec::new(), feeds: Vec::new() }
    }

    /// For how many bytes from the start the masks are right; all of them, or a multiple of 64.
    pub(super) fn scan(&mut self, stretch: &[u8]) -> usize {
        self.delimiters.clear();
        self.feeds.clear();
        let mut before = Before { inside: 0, opens: 1, closed: 0, returned: 0 };
        let (chunks, tail) = stretch.as_chunks::<LANES>();
        for chunk in chunks {
            if !self.chunk(chunk, !0, &mut before) {
                return self.feeds.len() * LANES;
            }
        }
        if !tail.is_empty() {
            let mut padded = [0; LANES];
            padded[..tail.len()].copy_from_slice(tail);
            if !self.chunk(&padded, (1 << tail.len()) - 1, &mut before) {
                return self.feeds.len() * LANES;
            }
        }
        stretch.len()
    }

    /// False if the chunk is not plain. `within`: the bytes that count.
    #[inline(always)]
    fn chunk(&mut self, chunk: &Chunk, within: u64, before: &mut Before) -> bool {
        let Dialect { delimiter, quote } = self.dialect;
        let mut delimiters = masks::equal(chunk, delimiter) & within;
        let mut feeds = masks::equal(chunk, b'\n') & within;
        let quiet = before.inside | before.closed | before.returned == 0;
        if quiet && !masks::holds(chunk, quote, b'\r') {
            before.opens = (delimiters | feeds) >> (LANES - 1);
        } else {
            let quotes = masks::equal(chunk, quote) & within;
            let returns = masks::equal(chunk, b'\r') & within;
            let inside = masks::odd(quotes) ^ before.inside;
            (delimiters, feeds) = (delimiters & !inside, feeds & !inside);
            let (opening, closing, returns) = (quotes & inside, quotes & !inside, returns & !inside);
            let ends = delimiters | feeds;
            let misplaced = opening & !((ends | closing) << 1 | before.opens);
            let text_behind = (closing << 1 | before.closed) & within & !(ends | returns | quotes);
            let alone = (returns << 1 | before.returned) & within & !feeds;
            if misplaced | text_behind | alone != 0 {
                return false;
            }
            *before = Before {
                inside: if inside >> (LANES - 1) == 1 { !0 } else { 0 },
                opens: (ends | closing) >> (LANES - 1),
                closed: closing >> (LANES - 1),
                returned: returns >> (LANES - 1),
            };
        }
        self.delimiters.push(delimiters);
        self.feeds.push(feeds);
        true
    }
}
