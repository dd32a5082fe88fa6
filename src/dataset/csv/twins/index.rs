//! Where the records of a stretch of bytes end, and the hashes of their keys: all that must be known of records that have
//! a twin. Checks what the ordinary reader checks: the number of fields, quotes, and the encoding.

use super::super::lines::LARGEST_RECORD;
use super::super::tokenizer::{Span, Step, Tokenizer};
use super::keys::Keys;
use super::masks::{Bits, LANES};
use super::shape::Shape;
use super::{Question, Stop};

/// The records of some bytes.
#[derive(Default)]
pub(super) struct Index {
    /// Where the first record begins.
    pub start: usize,
    /// Behind each record, its line end and the blank lines that follow: where the next one begins.
    pub ends: Vec<u32>,
    pub keys: Vec<u64>,
}

impl Index {
    fn record(&mut self, end: usize, key: u64) {
        // Bytes are indexed in pieces far below 4 GiB.
        self.ends.push(end as u32);
        self.keys.push(key);
    }

    fn blank(&mut self, end: usize) {
        match self.ends.last_mut() {
            Some(last) => *last = end as u32,
            None => self.start = end,
        }
    }
}

pub(super) struct Indexer {
    tokenizer: Tokenizer,
    shape: Shape,
    keys: Keys,
    quote: u8,
    width: usize,
    /// Bytes whose shape is found in one go.
    stretch: usize,
    spans: Vec<Span>,
    /// The delimiters of a record, as far as the key reaches.
    cuts: Vec<usize>,
}

impl Indexer {
    pub(super) fn new(question: &Question, stretch: usize) -> Self {
        let keys = question.keys();
        let cuts = vec![0; keys.reach().min(question.width - 1)];
        Self {
            tokenizer: Tokenizer::new(question.dialect),
            shape: Shape::new(question.dialect),
            keys,
            quote: question.dialect.quote,
            width: question.width,
            stretch,
            spans: Vec::new(),
            cuts,
        }
    }

    /// Indexes the whole records at the start of `bytes`, and says how many bytes these are. `last`: nothing follows.
    pub(super) fn index(&mut self, bytes: &[u8], last: bool, index: &mut Index) -> Result<usize, Stop> {
        let mut at = 0;
        while at < bytes.len() {
            let until = bytes.len().min(at + self.stretch);
            let known = self.shape.scan(&bytes[at..until]);
            let next = self.plain(bytes, at, index)?;
            // The tokenizer takes over up to behind what is not plain, or for a record that is larger than a stretch.
            let odd = at + known < until;
            let wanted = if odd { bytes.len().min(at + known + LANES) } else { at + 1 };
            at = next;
            while at < wanted {
                match self.tokenizer.step(bytes, at, last, &mut self.spans).map_err(|_| Stop::Unsure)? {
                    Step::Record { next, .. } => {
                        self.tokenized(bytes, at, next, index)?;
                        at = next;
                    }
                    Step::Blank { next } => {
                        index.blank(next);
                        at = next;
                    }
                    Step::Incomplete => return Ok(at),
                }
            }
        }
        Ok(at)
    }

    fn tokenized(&mut self, bytes: &[u8], at: usize, next: usize, index: &mut Index) -> Result<(), Stop> {
        let text = &bytes[at..next];
        if self.spans.len() != self.width || text.len() > LARGEST_RECORD || std::str::from_utf8(text).is_err() {
            return Err(Stop::Unsure);
        }
        let key = self.keys.hash(bytes, |field| self.spans[field]);
        index.record(next, key);
        Ok(())
    }

    /// Takes the records that the shape knows whole; answers where the next one begins.
    fn plain(&mut self, bytes: &[u8], at: usize, index: &mut Index) -> Result<usize, Stop> {
        let mut start = at;
        // Delimiters from `at` to the word, and to the record.
        let (mut passed, mut passed_at_start) = (0, 0);
        for word in 0..self.shape.feeds.len() {
            let (mut feeds, delimiters) = (self.shape.feeds[word], self.shape.delimiters[word]);
            while feeds != 0 {
                let bit = feeds.trailing_zeros();
                feeds &= feeds - 1;
                let feed = at + word * LANES + bit as usize;
                let passed_at_feed = passed + (delimiters & ((1 << bit) - 1)).count_ones() as usize;
                // Within quotes it would be the quote that stands before the line feed.
                let end = if feed > start && bytes[feed - 1] == b'\r' { feed - 1 } else { feed };
                if end == start {
                    index.blank(feed + 1);
                } else if passed_at_feed - passed_at_start + 1 == self.width {
                    let key = self.key(bytes, at, start, end);
                    index.record(feed + 1, key);
                } else {
                    return Err(Stop::Unsure);
                }
                (start, passed_at_start) = (feed + 1, passed_at_feed);
            }
            passed += delimiters.count_ones() as usize;
        }
        std::str::from_utf8(&bytes[at..start]).map_err(|_| Stop::Unsure)?;
        Ok(start)
    }

    /// The key of a record of the right width; `at` is where the shape begins.
    fn key(&mut self, bytes: &[u8], at: usize, start: usize, end: usize) -> u64 {
        let Self { keys, cuts, shape, width, quote, .. } = self;
        for (cut, position) in cuts.iter_mut().zip(Bits::from(&shape.delimiters, start - at)) {
            *cut = at + position;
        }
        keys.hash(bytes, |field| {
            let from = if field == 0 { start } else { cuts[field - 1] + 1 };
            let to = if field + 1 == *width { end } else { cuts[field] };
            if bytes[from] == *quote && from < to {
                let doubled = bytes[from + 1..to - 1].contains(quote);
                Span { start: from + 1, end: to - 1, doubled }
            } else {
                Span { start: from, end: to, doubled: false }
            }
        })
    }
}
