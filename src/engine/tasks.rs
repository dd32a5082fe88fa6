//! The tasks that a comparison runs beside each other: they read streams, and hand on batches or digests.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_fixed_size_binary_array, as_uint64_array};
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::engine::digests::{Digests, digest_of};
use crate::engine::ordered::Batches;
use crate::engine::window::Shape;
use crate::error::{Error, ErrorKind, Result};
use crate::side::Side;
use crate::sql::{key_hashes, row_digests};

/// Digests of a stream of key hashes and digests.
pub async fn collect_digests(
    engine: Arc<Engine>,
    mut stream: SendableRecordBatchStream,
    mut digests: Digests,
) -> Result<Digests> {
    let runtime = engine.ctx.runtime_env();
    while let Some(batch) = stream.try_next().await? {
        let hashes = as_uint64_array(batch.column(0))?;
        let row_digests = as_fixed_size_binary_array(batch.column(1))?;
        for (hash, digest) in hashes.values().iter().zip(row_digests.iter()) {
            digests.push(&runtime, hash & engine.hash_mask, digest_of(digest)?)?;
        }
        engine.progress.add_rows(batch.num_rows() as u64);
        if engine.budget.reached().is_some() {
            digests.stopped = true;
            break;
        }
    }
    Ok(digests)
}

/// Digests of full rows: those that wait, then those still to be read.
pub async fn collect_rest(
    engine: Arc<Engine>,
    waiting: Vec<RecordBatch>,
    mut batches: Batches,
    shape: Shape,
    mut digests: Digests,
) -> Result<Digests> {
    let runtime = engine.ctx.runtime_env();
    let mut waiting = waiting.into_iter();
    loop {
        let batch = match waiting.next() {
            Some(batch) => batch,
            None => match batches.try_next().await? {
                Some(batch) => batch,
                None => return Ok(digests),
            },
        };
        let batch = shape.encoded(&batch)?;
        let columns: (Vec<ArrayRef>, Vec<ArrayRef>) = (shape.keys(&batch), shape.all(&batch));
        let hashes = key_hashes(&columns.0, batch.num_rows())?;
        for (hash, digest) in hashes.iter().zip(row_digests(&columns.1, batch.num_rows())?) {
            digests.push(&runtime, hash & engine.hash_mask, digest)?;
        }
        if engine.budget.reached().is_some() {
            digests.stopped = true;
            return Ok(digests);
        }
    }
}

/// Hands on the batches of a side's stream.
pub async fn forward(
    side: Side,
    mut stream: SendableRecordBatchStream,
    sender: mpsc::Sender<(Side, RecordBatch)>,
) -> Result<()> {
    let failed = |error| Error::from(error).context("side", side.as_str());
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        if sender.send((side, batch)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Each future in a task of its own; the first error, or a panic, ends all.
pub async fn join_all<T: Send + 'static>(
    futures: Vec<impl Future<Output = Result<T>> + Send + 'static>,
) -> Result<Vec<T>> {
    let mut tasks = tokio::task::JoinSet::new();
    futures.into_iter().for_each(|future| drop(tasks.spawn(future)));
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(worker_failed)??);
    }
    Ok(results)
}

pub fn worker_failed(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a worker panicked").source(error)
}

/// Ends a task with whoever waits for it.
pub struct AbortOnDrop(pub tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
