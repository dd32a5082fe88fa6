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

#[cfg(test)]
mod tests {
    use super::super::super::tokenizer::{Step, Tokenizer};
    use super::super::masks::Bits;
    use super::*;

    const DIALECT: Dialect = Dialect { delimiter: b',', quote: b'"' };

    /// Where the tokenizer sees delimiters and line feeds.
    fn tokenized(text: &[u8]) -> (Vec<usize>, Vec<usize>) {
        let (tokenizer, mut spans) = (Tokenizer::new(DIALECT), Vec::new());
        let (mut delimiters, mut feeds, mut at) = (Vec::new(), Vec::new(), 0);
        while at < text.len() {
            let next = match tokenizer.step(text, at, true, &mut spans).unwrap() {
                Step::Record { next, .. } | Step::Blank { next } => next,
                Step::Incomplete => unreachable!(),
            };
            let behind = |end: usize| end + usize::from(text[end] == b'"');
            let inner = spans.len().saturating_sub(1);
            delimiters.extend(spans[..inner].iter().map(|span| behind(span.end)));
            feeds.extend(text[next - 1..next].iter().filter(|byte| **byte == b'\n').map(|_| next - 1));
            at = next;
        }
        (delimiters, feeds)
    }

    fn all(words: &[u64]) -> Vec<usize> {
        Bits::from(words, 0).collect()
    }

    /// Each text at every distance from the end of a chunk.
    fn everywhere(texts: &[&str], check: impl Fn(&mut Shape, usize, &[u8])) {
        let mut shape = Shape::new(DIALECT);
        for text in texts {
            for before in 0..150 {
                let padded = format!("{},{text}{}\n", "x".repeat(before), ",y".repeat(70));
                check(&mut shape, before, padded.as_bytes());
            }
        }
    }

    #[test]
    fn plain_text_is_what_the_tokenizer_says() {
        let texts = [
            "a,b",
            "\"a\"",
            "\"\"",
            "\"a,b\nc\"",
            "\"q\"\"q\"",
            "\"\"\"\"",
            "\"\r\r\n\",b",
            "a\nb\r\n\r\n\"c\"\r\nd\n",
        ];
        everywhere(&texts, |shape, before, text| {
            assert_eq!(shape.scan(text), text.len(), "{before} {text:?}");
            assert_eq!((all(&shape.delimiters), all(&shape.feeds)), tokenized(text), "{before} {text:?}");
        });
    }

    #[test]
    fn what_is_not_plain_is_not_passed_over() {
        // And where that shows: at a quote out of place, or behind a closing quote or a carriage return.
        let texts =
            [("a\"b", 1), ("a\"\"b", 1), ("\"a\"b", 3), ("\"a\" ", 3), ("a\rb", 2), ("\"a\"\rb", 4), ("\"a\"\"\"b", 5)];
        for (text, place) in texts {
            everywhere(&[text], |shape, before, padded| {
                let known = shape.scan(padded);
                let odd = before + 1 + place;
                assert!(known <= odd && known + LANES > odd, "{before} {text:?}: {known}, not {odd}");
            });
        }
    }

    #[test]
    fn an_open_quote_hides_all_that_follows() {
        everywhere(&["\"a\n,\n"], |shape, before, text| {
            assert_eq!(shape.scan(text), text.len());
            assert_eq!((all(&shape.delimiters), all(&shape.feeds)), (vec![before], vec![]), "{text:?}");
        });
    }
}
