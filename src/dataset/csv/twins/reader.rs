//! Reads the two files in tasks of their own, so that the walk finds bytes, or records and their index, ready.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::cutter::Cutter;
use super::head;
use super::queue::Block;
use super::{Pieces, Question, Sizes, Stop};
use crate::error::{Error, ErrorKind};

/// Pieces or blocks that wait for who wants them.
const AHEAD: usize = 2;

/// What a task reads, in order. The end is said: a task that breaks off must not look like one.
pub(super) struct Read<T>(Receiver<Result<Option<T>, Stop>>);

type Reader<T> = Sender<Result<Option<T>, Stop>>;

impl<T> Read<T> {
    /// None at the end of the file; not to be called again after that.
    pub(super) async fn next(&mut self) -> Result<Option<T>, Stop> {
        let broken = || Error::new(ErrorKind::Internal, "the reader of a CSV file broke off");
        self.0.recv().await.unwrap_or_else(|| Err(broken().into()))
    }
}

/// The rows of a file as they are stored, in pieces of a good size. The tasks end when the set is dropped.
pub(super) fn bytes(tasks: &mut JoinSet<()>, file: Pieces, question: &Arc<Question>, sizes: &Sizes) -> Read<Bytes> {
    let (reader, read) = channel(AHEAD);
    let (question, sizes) = (Arc::clone(question), sizes.clone());
    tasks.spawn(async move {
        let end = pieces(file, &question, &sizes, &reader).await;
        // Nobody waits any more where it cannot be sent.
        let _ = reader.send(end.map(|()| None)).await;
    });
    Read(read)
}

/// The same as whole records, with their index.
pub(super) fn blocks(
    tasks: &mut JoinSet<()>,
    bytes: Read<Bytes>,
    question: &Arc<Question>,
    sizes: &Sizes,
) -> Read<Block> {
    let (reader, read) = channel(AHEAD);
    let cutter = Cutter::new(question, sizes);
    tasks.spawn(async move {
        let end = cut(bytes, cutter, &reader).await;
        let _ = reader.send(end.map(|()| None)).await;
    });
    Read(read)
}

async fn pieces(file: Pieces, question: &Question, sizes: &Sizes, reader: &Reader<Bytes>) -> Result<(), Stop> {
    let (least, most) = (*sizes.piece.start(), *sizes.piece.end());
    let mut file = head::rows(file, question).await?;
    while let Some(first) = file.next().await.transpose()? {
        let mut piece = first;
        if piece.len() < least {
            let mut joined = Vec::from(piece);
            while joined.len() < least
                && let Some(more) = file.next().await.transpose()?
            {
                joined.extend_from_slice(&more);
            }
            piece = joined.into();
        }
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(most));
            if reader.send(Ok(Some(part))).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn cut(mut bytes: Read<Bytes>, mut cutter: Cutter, reader: &Reader<Block>) -> Result<(), Stop> {
    loop {
        let piece = bytes.next().await?;
        let last = piece.is_none();
        let blocks = match piece {
            Some(piece) => cutter.blocks(piece)?,
            None => cutter.last()?.into_iter().collect(),
        };
        for block in blocks {
            if reader.send(Ok(Some(block))).await.is_err() {
                return Ok(());
            }
        }
        if last {
            return Ok(());
        }
    }
}
