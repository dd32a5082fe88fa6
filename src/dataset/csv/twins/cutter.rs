//! Cuts the pieces of a file into blocks of whole records; a record that lies in two pieces makes a small block.

use bytes::Bytes;

use super::super::lines::LARGEST_RECORD;
use super::index::{Index, Indexer};
use super::queue::Block;
use super::{Question, Sizes, Stop};

pub(super) struct Cutter {
    indexer: Indexer,
    joint: usize,
    /// The start of a record that the pieces so far do not hold whole.
    cut: Vec<u8>,
    /// How long it must be before it is looked at again.
    wanted: usize,
}

impl Cutter {
    pub(super) fn new(question: &Question, sizes: &Sizes) -> Self {
        let indexer = Indexer::new(question, sizes.stretch);
        Self { indexer, joint: sizes.joint, cut: Vec::new(), wanted: 0 }
    }

    /// The records that this piece completes.
    pub(super) fn blocks(&mut self, mut piece: Bytes) -> Result<Vec<Block>, Stop> {
        let mut blocks = Vec::new();
        while !self.cut.is_empty() && !piece.is_empty() {
            let taken = piece.len().min(self.wanted.saturating_sub(self.cut.len()));
            self.cut.extend_from_slice(&piece[..taken]);
            if self.cut.len() < self.wanted {
                return Ok(blocks);
            }
            let joined = Bytes::from(std::mem::take(&mut self.cut));
            let (block, whole) = self.index(&joined, false)?;
            blocks.extend(block);
            let rest = joined.len() - whole;
            if rest <= taken {
                // What follows the joined records lies in the piece.
                piece = piece.slice(taken - rest..);
            } else {
                self.keep(&joined[whole..], whole == 0)?;
                piece = piece.slice(taken..);
            }
        }
        if !piece.is_empty() {
            let (block, whole) = self.index(&piece, false)?;
            blocks.extend(block);
            self.keep(&piece[whole..], false)?;
        }
        Ok(blocks)
    }

    /// What is left at the end of the file.
    pub(super) fn last(&mut self) -> Result<Option<Block>, Stop> {
        let rest = Bytes::from(std::mem::take(&mut self.cut));
        Ok(self.index(&rest, true)?.0)
    }

    fn keep(&mut self, rest: &[u8], large: bool) -> Result<(), Stop> {
        if rest.len() > LARGEST_RECORD {
            return Err(Stop::Unsure);
        }
        self.cut = rest.to_vec();
        // A large record is parsed again from its start: doubling keeps that linear.
        self.wanted = rest.len() + if large { rest.len() } else { self.joint };
        Ok(())
    }

    /// The whole records of the bytes, and how many bytes these are.
    fn index(&mut self, bytes: &Bytes, last: bool) -> Result<(Option<Block>, usize), Stop> {
        let mut index = Index::default();
        let whole = self.indexer.index(bytes, last, &mut index)?;
        let block = (!index.ends.is_empty()).then(|| Block { bytes: bytes.slice(..whole), index });
        Ok((block, whole))
    }
}
