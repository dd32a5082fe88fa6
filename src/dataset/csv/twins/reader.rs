//! Reads the two files, each in a task of its own: the source as blocks of whole records, indexed; the target as bytes.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::super::lines::LARGEST_RECORD;
use super::head;
use super::index::{Index, Indexer};
use super::queue::Block;
use super::{Pieces, Question, Sizes, Stop};
use crate::error::{Error, ErrorKind};

/// Blocks that wait for the walk.
const AHEAD: usize = 2;

/// What a task reads, in order. The end is said: a task that breaks off must not look like one.
pub(super) struct Read<T>(Receiver<Result<Option<T>, Stop>>);

impl<T> Read<T> {
    /// None at the end of the file; not to be called again after that.
    pub(super) async fn next(&mut self) -> Result<Option<T>, Stop> {
        let broken = || Error::new(ErrorKind::Internal, "the reader of a CSV file broke off");
        self.0.recv().await.unwrap_or_else(|| Err(broken().into()))
    }
}

/// The tasks end when the set is dropped.
pub(super) fn source(tasks: &mut JoinSet<()>, file: Pieces, question: &Arc<Question>, sizes: &Sizes) -> Read<Block> {
    let (sender, receiver) = channel(AHEAD);
    let (question, sizes) = (Arc::clone(question), sizes.clone());
    tasks.spawn(async move {
        let read = blocks(file, &question, &sizes, &sender).await;
        // Nobody waits any more where it cannot be sent.
        let _ = sender.send(read.map(|()| None)).await;
    });
    Read(receiver)
}

pub(super) fn target(tasks: &mut JoinSet<()>, file: Pieces, question: &Arc<Question>, sizes: &Sizes) -> Read<Bytes> {
    let (sender, receiver) = channel(AHEAD);
    let (question, sizes) = (Arc::clone(question), sizes.clone());
    tasks.spawn(async move {
        let read = pieces(file, &question, &sizes, &sender).await;
        let _ = sender.send(read.map(|()| None)).await;
    });
    Read(receiver)
}

async fn pieces(
    file: Pieces,
    question: &Question,
    sizes: &Sizes,
    sender: &Sender<Result<Option<Bytes>, Stop>>,
) -> Result<(), Stop> {
    let mut file = head::rows(file, question).await?;
    while let Some(piece) = piece(&mut file, *sizes.piece.start()).await? {
        if sender.send(Ok(Some(piece))).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The next piece of a file, of at least so many bytes where there are as many.
async fn piece(file: &mut Pieces, least: usize) -> Result<Option<Bytes>, Stop> {
    let Some(first) = file.next().await.transpose()? else { return Ok(None) };
    if first.len() >= least {
        return Ok(Some(first));
    }
    let mut piece = Vec::from(first);
    while piece.len() < least
        && let Some(more) = file.next().await.transpose()?
    {
        piece.extend_from_slice(&more);
    }
    Ok(Some(piece.into()))
}

async fn blocks(
    file: Pieces,
    question: &Question,
    sizes: &Sizes,
    sender: &Sender<Result<Option<Block>, Stop>>,
) -> Result<(), Stop> {
    let mut file = head::rows(file, question).await?;
    let indexer = Indexer::new(question, sizes.stretch);
    let mut cutter = Cutter { indexer, joint: sizes.joint, cut: Vec::new(), wanted: 0 };
    while let Some(mut piece) = piece(&mut file, *sizes.piece.start()).await? {
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(*sizes.piece.end()));
            for block in cutter.blocks(part)? {
                if sender.send(Ok(Some(block))).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    if let Some(block) = cutter.last()? {
        let _ = sender.send(Ok(Some(block))).await;
    }
    Ok(())
}

/// Cuts pieces into blocks of whole records; a record that lies in two pieces makes a small block.
struct Cutter {
    indexer: Indexer,
    joint: usize,
    /// The start of a record that the pieces so far do not hold whole.
    cut: Vec<u8>,
    /// How long it must be before it is looked at again.
    wanted: usize,
}

impl Cutter {
    fn blocks(&mut self, mut piece: Bytes) -> Result<Vec<Block>, Stop> {
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
    fn last(&mut self) -> Result<Option<Block>, Stop> {
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
