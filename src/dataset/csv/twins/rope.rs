//! The target's bytes that wait for their turn: pieces of a file, of which nobody knows yet where records end.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::queue::is_line_end;

/// Bytes that are compared in one go.
const STRIDE: usize = 4 << 10;

#[derive(Default)]
pub(super) struct Rope {
    pieces: VecDeque<Bytes>,
    /// What waits, and what went.
    pub bytes: usize,
    pub passed: u64,
    /// No piece will follow.
    pub ended: bool,
}

impl Rope {
    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// For how many bytes the two are the same.
    pub(super) fn common(&self, other: &[u8]) -> usize {
        let mut at = 0;
        for piece in &self.pieces {
            let length = piece.len().min(other.len() - at);
            let same = common(&piece[..length], &other[at..at + length]);
            at += same;
            if same < piece.len() {
                break;
            }
        }
        at
    }

    pub(super) fn byte(&self, mut at: usize) -> Option<u8> {
        for piece in &self.pieces {
            match piece.get(at) {
                Some(byte) => return Some(*byte),
                None => at -= piece.len(),
            }
        }
        None
    }

    /// The next `length` bytes, or fewer: copied only where a piece ends.
    pub(super) fn peek(&self, length: usize) -> Cow<'_, [u8]> {
        let length = length.min(self.bytes);
        let Some(first) = self.pieces.front() else { return Cow::Borrowed(&[]) };
        if let Some(bytes) = first.get(..length) {
            return Cow::Borrowed(bytes);
        }
        let mut bytes = Vec::with_capacity(length);
        for piece in &self.pieces {
            bytes.extend_from_slice(&piece[..piece.len().min(length - bytes.len())]);
        }
        Cow::Owned(bytes)
    }

    pub(super) fn advance(&mut self, length: usize) {
        let mut left = length.min(self.bytes);
        self.bytes -= left;
        self.passed += left as u64;
        while let Some(piece) = self.pieces.front_mut() {
            let step = left.min(piece.len());
            piece.advance(step);
            left -= step;
            if !piece.is_empty() {
                break;
            }
            self.pieces.pop_front();
        }
    }

    /// Where a record may begin, line ends are blank lines.
    pub(super) fn skip_blank(&mut self) {
        while self.byte(0).is_some_and(is_line_end) {
            self.advance(1);
        }
    }
}

/// For how many bytes two slices of one length are the same.
fn common(one: &[u8], other: &[u8]) -> usize {
    let mut at = 0;
    for stride in [STRIDE, 128] {
        let pairs = one[at..].chunks_exact(stride).zip(other[at..].chunks_exact(stride));
        at += pairs.take_while(|(one, other)| one == other).count() * stride;
    }
    at + one[at..].iter().zip(&other[at..]).take_while(|(one, other)| one == other).count()
}
