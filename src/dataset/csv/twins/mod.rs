//! Two CSV files of one dialect, compared as bytes: a record that stands in both in the same bytes is a twin, and the two
//! cancel each other. What is left over comes back as batches. In files that are mostly the same, and in the same order,
//! that is the speed of memory: nobody decodes what is equal.
//!
//! It never judges a doubtful file: where the ordinary reader would find a fault, where too much would have to be held, or
//! where the order differs, the answer is None, and the files are to be read the ordinary way.
//!
//! | file     | what it does                                                                    |
//! |----------|---------------------------------------------------------------------------------|
//! | `head`   | passes over the byte order mark and the header                                  |
//! | `reader` | tasks that read: the target as bytes, the source as whole records with an index |
//! | `cutter` | makes these records of the pieces of a file                                     |
//! | `index`  | record ends, keys and checks, over `shape` (64 bytes at once) and `masks`       |
//! | `queue`  | the source's records that wait; `rope`: the target's bytes that wait            |
//! | `walk`   | goes through both in step; after a difference, `meet` finds the next twins      |
//! | `places` | finds records in the target's bytes, where they are wanted                      |
//! | `open`   | the records left over; they are cancelled against each other once more          |
//! | `answer` | decodes them, and looks for their keys among those of the twins                 |

mod answer;
mod cutter;
mod head;
mod index;
mod keys;
mod masks;
mod meet;
mod open;
mod places;
mod queue;
mod reader;
mod rope;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use futures::stream::BoxStream;

use super::tokenizer::Dialect;
use crate::error::{Error, Result};
use crate::side::BySide;
use keys::Keys;

/// What the two files have in common.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub dialect: Dialect,
    /// The first record of each file names the columns; the caller has seen that they are the same, in the same order.
    pub header: bool,
    /// Fields of every record.
    pub width: usize,
    /// The names of NULL, besides the empty field.
    pub null: Arc<[String]>,
    /// The fields that are the key; all of them where there is none.
    pub key: Vec<usize>,
    /// A text column (Utf8) for each field.
    pub schema: SchemaRef,
    /// Bytes that may be held: records left over, and 8 for each that is not.
    pub limit: usize,
    pub batch_size: usize,
}

/// Records that stand in both files, and all others: `twins` + `open` are the records of each file.
#[derive(Debug)]
pub(in crate::dataset) struct Twins {
    pub twins: u64,
    /// In the order of the files.
    pub open: BySide<Vec<RecordBatch>>,
    /// Some record that is left over, of either side, has the key of a twin. May be true without need: keys are hashed.
    pub recurring: bool,
}

/// How much is looked at in one go.
#[derive(Debug, Clone)]
struct Sizes {
    /// Smaller pieces of a file are put together, larger ones cut.
    piece: RangeInclusive<usize>,
    /// Bytes that are first joined to a record which a piece cuts.
    joint: usize,
    /// Bytes whose shape is found in one go: they and their masks should fit into the processor's nearest cache.
    stretch: usize,
    /// Records of each file that are searched for the next twins, and bytes that are enough for it.
    records: usize,
    bytes: usize,
    /// After so many bytes of both files, at least half of the records must have found a twin.
    trial: u64,
}

const USUAL: Sizes = Sizes {
    piece: 256 << 10..=16 << 20,
    joint: 4 << 10,
    stretch: 16 << 10,
    records: 4096,
    bytes: 1 << 20,
    trial: 4 << 20,
};

/// Why there is no answer.
#[derive(Debug)]
enum Stop {
    /// The files are to be read the ordinary way.
    Unsure,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

type Pieces = BoxStream<'static, Result<Bytes>>;

/// None: not worth it, or not sure; read the files the ordinary way. Errors are those of the streams.
pub(super) async fn twins(source: Pieces, target: Pieces, question: Question) -> Result<Option<Twins>> {
    sized(BySide::new(source, target), question, USUAL).await
}

async fn sized(files: BySide<Pieces>, question: Question, sizes: Sizes) -> Result<Option<Twins>> {
    let fits = question.key.iter().all(|field| *field < question.width);
    if question.width == 0 || !fits {
        return Ok(None);
    }
    match walk::walk(files, Arc::new(question), sizes).await {
        Ok(twins) => Ok(Some(twins)),
        Err(Stop::Unsure) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

impl Question {
    fn keys(&self) -> Keys {
        Keys::new(self.key.clone(), self.dialect.quote, Arc::clone(&self.null))
    }
}
