//! Where the next records of the target stand, in the bytes that wait.

use std::borrow::Cow;

use super::super::tokenizer::{Span, Step, Tokenizer};
use super::Stop;
use super::queue::content;
use super::rope::Rope;

/// A record, from where the target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub start: usize,
    /// Without its line end.
    pub end: usize,
    /// Where the next one begins.
    pub next: usize,
}

pub(super) struct Places<'a> {
    tokenizer: &'a Tokenizer,
    spans: Vec<Span>,
    pub found: Vec<Place>,
    at: usize,
}

impl<'a> Places<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, spans: Vec::new(), found: Vec::new(), at: 0 }
    }

    /// Finds more, until there are `count`, in the next `bytes`, which are the answer. Neither the target nor `bytes` may
    /// go back between two calls.
    pub(super) fn find<'r>(&mut self, target: &'r Rope, bytes: usize, count: usize) -> Result<Cow<'r, [u8]>, Stop> {
        let text = target.peek(bytes);
        let last = target.ended && text.len() == target.bytes;
        while self.found.len() < count && self.at < text.len() {
            let start = self.at;
            match self.tokenizer.step(&text, start, last, &mut self.spans).map_err(|_| Stop::Unsure)? {
                Step::Record { next, .. } => {
                    let end = start + content(&text[start..next]).len();
                    self.found.push(Place { start, end, next });
                    self.at = next;
                }
                Step::Blank { next } => self.at = next,
                Step::Incomplete => break,
            }
        }
        Ok(text)
    }
}
