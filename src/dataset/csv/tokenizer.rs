//! Where the fields of a CSV record lie (RFC 4180): quoted fields with doubled quotes and line ends inside, records
//! that end with LF, CRLF or CR. Works on bytes; delimiter, quote and line ends are ASCII, so that it is right for
//! UTF-8.

/// The characters that structure a file; both ASCII.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub delimiter: u8,
    pub quote: u8,
}

/// A field within the buffer, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    /// Doubled quotes inside stand for one each.
    pub doubled: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The spans hold a record; the next begins at `next`, `lines` physical lines further down.
    Record { next: usize, lines: u64 },
    /// A line with nothing on it.
    Blank { next: usize },
    /// The buffer ends within the record.
    Incomplete,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something else than a delimiter or a line end follows a closing quote, `lines` below the record's first line.
    AfterQuote { lines: u64 },
    /// The file ends within quotes that open `lines` below the record's first line.
    Unterminated { lines: u64 },
}

#[derive(Debug)]
pub(super) struct Tokenizer {
    dialect: Dialect,
    /// Bytes that end an unquoted field.
    ends: [bool; 256],
    /// Bytes that matter within quotes.
    inside: [bool; 256],
}

impl Tokenizer {
    pub(super) fn new(dialect: Dialect) -> Self {
        let table = |bytes: [u8; 3]| {
            let mut table = [false; 256];
            bytes.iter().for_each(|byte| table[usize::from(*byte)] = true);
            table
        };
        Self { dialect, ends: table([dialect.delimiter, b'\n', b'\r']), inside: table([dialect.quote, b'\n', b'\r']) }
    }

    /// Reads the record at `at`. `last`: nothing follows the buffer. `at` must lie within the buffer.
    pub(super) fn step(&self, buffer: &[u8], at: usize, last: bool, spans: &mut Vec<Span>) -> Result<Step, Fault> {
        spans.clear();
        let mut at = at;
        if matches!(buffer[at], b'\n' | b'\r') {
            return Ok(line_end(buffer, at, last).map_or(Step::Incomplete, |next| Step::Blank { next }));
        }
        let mut lines = 0;
        loop {
            let end = if buffer.get(at) == Some(&self.dialect.quote) {
                match self.quoted(buffer, at, last, &mut lines)? {
                    Some((span, end)) => {
                        spans.push(span);
                        end
                    }
                    None => return Ok(Step::Incomplete),
                }
            } else {
                let tail = &buffer[at..];
                let length = tail.iter().position(|byte| self.ends[usize::from(*byte)]).unwrap_or(tail.len());
                spans.push(Span { start: at, end: at + length, doubled: false });
                at + length
            };
            match buffer.get(end) {
                Some(byte) if *byte == self.dialect.delimiter => at = end + 1,
                Some(b'\n' | b'\r') => {
                    let next = line_end(buffer, end, last);
                    return Ok(next.map_or(Step::Incomplete, |next| Step::Record { next, lines: lines + 1 }));
                }
                Some(_) => return Err(Fault::AfterQuote { lines }),
                None if last => return Ok(Step::Record { next: end, lines: lines + 1 }),
                None => return Ok(Step::Incomplete),
            }
        }
    }

    /// A quoted field and where it ends, behind the closing quote; None if the buffer ends before that is known.
    fn quoted(&self, buffer: &[u8], open: usize, last: bool, lines: &mut u64) -> Result<Option<(Span, usize)>, Fault> {
        let opened_on = *lines;
        let start = open + 1;
        let mut at = start;
        let mut doubled = false;
        loop {
            let Some(length) = buffer[at..].iter().position(|byte| self.inside[usize::from(*byte)]) else {
                return if last { Err(Fault::Unterminated { lines: opened_on }) } else { Ok(None) };
            };
            at += length;
            let next = buffer.get(at + 1).copied();
            if next.is_none() && !last {
                return Ok(None);
            }
            match buffer[at] {
                b'\n' => *lines += 1,
                b'\r' => *lines += u64::from(next != Some(b'\n')),
                _ if next == Some(self.dialect.quote) => {
                    doubled = true;
                    at += 1;
                }
                _ => return Ok(Some((Span { start, end: at, doubled }, at + 1))),
            }
            at += 1;
        }
    }
}

/// Behind the line end at `at`; None if a LF may still follow a CR.
fn line_end(buffer: &[u8], at: usize, last: bool) -> Option<usize> {
    match (buffer[at], buffer.get(at + 1)) {
        (b'\n', _) => Some(at + 1),
        (_, Some(b'\n')) => Some(at + 2),
        (_, Some(_)) => Some(at + 1),
        (_, None) => last.then_some(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        Tokenizer::new(Dialect { delimiter: b',', quote: b'"' })
    }

    /// All records of a text, with the line each begins on.
    fn records(text: &str) -> Result<Vec<(u64, Vec<String>)>, Fault> {
        let (mut at, mut line, mut spans, mut found) = (0, 1, Vec::new(), Vec::new());
        while at < text.len() {
            match tokenizer().step(text.as_bytes(), at, true, &mut spans)? {
                Step::Record { next, lines } => {
                    found.push((line, spans.iter().map(|span| text[span.start..span.end].to_string()).collect()));
                    (at, line) = (next, line + lines);
                }
                Step::Blank { next } => (at, line) = (next, line + 1),
                Step::Incomplete => panic!("incomplete at the end"),
            }
        }
        Ok(found)
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|field| field.to_string()).collect())
    }

    #[test]
    fn line_ends_of_all_kinds() {
        let expected = vec![row(1, &["a", "b"]), row(2, &["1", ""]), row(4, &["2", "3"])];
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "1,", "", "2,3"].join(end);
            assert_eq!(records(&text).unwrap(), expected, "{end:?}");
            assert_eq!(records(&(text + end)).unwrap(), expected, "{end:?}");
        }
    }

    #[test]
    fn quotes_hold_delimiters_line_ends_and_quotes() {
        let text = "\"a,b\",\"c\r\nd\ne\"\n\"\",x\"y\n";
        assert_eq!(records(text).unwrap(), [row(1, &["a,b", "c\r\nd\ne"]), row(4, &["", "x\"y"])]);
        assert_eq!(records("\"a\"\"b\"").unwrap(), [row(1, &["a\"\"b"])]);
    }

    #[test]
    fn faults_know_their_line() {
        assert_eq!(records("\"a\"b,c\n"), Err(Fault::AfterQuote { lines: 0 }));
        assert_eq!(records("\"a\nb\"c\n"), Err(Fault::AfterQuote { lines: 1 }));
        assert_eq!(records("\"a\n\",\"b\n\n\n"), Err(Fault::Unterminated { lines: 1 }));
    }

    #[test]
    fn a_cut_anywhere_is_incomplete_or_the_same() {
        let text = "\"a\"\"\r\n\",b\r\nc,d\r\n";
        let mut spans = Vec::new();
        let whole = tokenizer().step(text.as_bytes(), 0, false, &mut spans).unwrap();
        assert_eq!(whole, Step::Record { next: 11, lines: 2 });
        for cut in 1..text.len() {
            let step = tokenizer().step(&text.as_bytes()[..cut], 0, false, &mut spans).unwrap();
            assert_eq!(step == Step::Incomplete, cut < 11, "{cut}: {step:?}");
        }
    }
}
