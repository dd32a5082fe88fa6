//! The records of one CSV file, one after the other, from a stream of bytes: never more than a record and a piece of
//! the file in memory. Checks the encoding, and knows the physical line of each record.

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};

use super::tokenizer::{Dialect, Fault, Span, Step, Tokenizer};
use crate::error::{Error, ErrorKind, Result};

/// A record larger than this is taken for a quote that nobody closed.
pub(super) const LARGEST_RECORD: usize = 64 << 20;

pub(super) struct Records {
    display: String,
    bytes: BoxStream<'static, Result<Bytes>>,
    tokenizer: Tokenizer,
    buffer: Vec<u8>,
    /// Where the next record begins in the buffer.
    at: usize,
    /// Up to where the buffer is known to be UTF-8.
    checked: usize,
    ended: bool,
    /// The line that `at` stands on, from 1.
    line: u64,
    spans: Vec<Span>,
}

/// A record: valid until the next is asked for.
pub(super) struct Record<'a> {
    pub buffer: &'a [u8],
    pub spans: &'a [Span],
    /// The line it begins on.
    pub line: u64,
}

impl Records {
    /// Reads the start of the file; a byte order mark is passed over.
    pub(super) async fn open(
        display: String,
        bytes: BoxStream<'static, Result<Bytes>>,
        dialect: Dialect,
    ) -> Result<Self> {
        let mut records = Self {
            display,
            bytes,
            tokenizer: Tokenizer::new(dialect),
            buffer: Vec::new(),
            at: 0,
            checked: 0,
            ended: false,
            line: 1,
            spans: Vec::new(),
        };
        while records.buffer.len() < 4 && records.append().await? {}
        records.check_mark()?;
        records.check_encoding()?;
        Ok(records)
    }

    /// Parses the next record if the buffer holds it; None if more must be read, or nothing is left.
    pub(super) fn next_buffered(&mut self) -> Result<Option<Record<'_>>> {
        while self.at < self.buffer.len() {
            let step = self.tokenizer.step(&self.buffer, self.at, self.ended, &mut self.spans);
            match step.map_err(|fault| self.explain(&fault))? {
                Step::Record { next, lines } => {
                    let line = self.line;
                    self.at = next;
                    self.line += lines;
                    return Ok(Some(Record { buffer: &self.buffer, spans: &self.spans, line }));
                }
                Step::Blank { next } => {
                    self.at = next;
                    self.line += 1;
                }
                Step::Incomplete => break,
            }
        }
        Ok(None)
    }

    /// Reads more of the file; false at its end, when `next_buffered` has nothing left either.
    pub(super) async fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.at);
        self.checked -= self.at;
        self.at = 0;
        if self.buffer.len() > LARGEST_RECORD {
            let message = format!("the record is larger than {} MiB", LARGEST_RECORD >> 20);
            return Err(self.error(self.line, &message).hint("is there a quote that nothing closes?"));
        }
        // A record that does not fit is parsed again from its start: doubling keeps that linear.
        let wanted = self.buffer.len() * 2;
        while self.append().await? && self.buffer.len() < wanted {}
        self.check_encoding()?;
        Ok(true)
    }

    pub(super) fn error(&self, line: u64, message: &str) -> Error {
        Error::new(ErrorKind::Data, format!("{}, line {line}: {message}", self.display))
    }

    async fn append(&mut self) -> Result<bool> {
        match self.bytes.next().await {
            Some(piece) => self.buffer.extend_from_slice(&piece?),
            None => self.ended = true,
        }
        Ok(!self.ended)
    }

    fn check_mark(&mut self) -> Result<()> {
        let Some(mark) = mark(&self.buffer) else {
            return Err(Error::new(ErrorKind::Data, format!("{} is written in UTF-16 or UTF-32", self.display))
                .hint("only UTF-8 is read: convert it, e.g. with `iconv -f UTF-16 -t UTF-8`"));
        };
        self.at = mark;
        Ok(())
    }

    fn check_encoding(&mut self) -> Result<()> {
        let Err(error) = std::str::from_utf8(&self.buffer[self.checked..]) else {
            self.checked = self.buffer.len();
            return Ok(());
        };
        self.checked += error.valid_up_to();
        // A character may be cut by the end of the piece.
        if error.error_len().is_none() && !self.ended {
            return Ok(());
        }
        let line = self.line + line_ends(&self.buffer[self.at..self.checked]);
        Err(self
            .error(line, "this is not UTF-8")
            .hint("only UTF-8 is read: convert it, e.g. with `iconv -f LATIN1 -t UTF-8`"))
    }

    fn explain(&self, fault: &Fault) -> Error {
        match fault {
            Fault::AfterQuote { lines } => self
                .error(self.line + lines, "text follows a closing quote")
                .hint("a quote inside a quoted field is doubled; check delimiter and quote"),
            Fault::Unterminated { lines } => self
                .error(self.line + lines, "the quote that opens here is never closed")
                .hint("check `quote`, or whether the file was written to its end"),
        }
    }
}

/// The length of the byte order mark that a file begins with; None if it is written in UTF-16 or UTF-32.
pub(super) fn mark(file: &[u8]) -> Option<usize> {
    let start = &file[..file.len().min(4)];
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) || start.contains(&0) {
        return None;
    }
    Some(if start.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 })
}

fn line_ends(bytes: &[u8]) -> u64 {
    let lone = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    (0..bytes.len()).filter(|at| bytes[*at] == b'\n' || lone(*at)).count() as u64
}
