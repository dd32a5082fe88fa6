//! Brings divergence batches in order and writes them as one Parquet file, in bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use datafusion::arrow::array::make_comparator;
use datafusion::arrow::compute::{SortOptions, concat_batches};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use tokio::sync::mpsc;

use crate::divergence::sort::sorted;
use crate::divergence::stored::RuleOutput;
use crate::divergence::table::TableWriter;
use crate::error::{Error, ErrorKind, Result};

/// What became of the divergences of a rule.
pub struct Written {
    pub rows: u64,
    /// The first rows of the table, in its order.
    pub sample: Option<RecordBatch>,
    /// What sorted them, executed; none where they came in order.
    pub sort: Option<Arc<dyn ExecutionPlan>>,
}

/// Divergences as they are found.
pub struct Found {
    /// The table's columns.
    pub table: SchemaRef,
    /// Those of `batches`: the table's, then what they are sorted by.
    pub sortable: SchemaRef,
    /// Names of the sorting columns.
    pub order: Vec<String>,
    /// Rows that stand before all others: columns that cannot be compared have no key.
    pub first: Option<RecordBatch>,
    pub batches: mpsc::Receiver<Result<RecordBatch>>,
    /// Set, before the first batch comes, if they come in the table's order.
    pub in_order: Arc<AtomicBool>,
}

/// Writes to `output`, if there is one, in the order of `order` (NULLs first), then of the id. The sorting columns are not
/// written. Keeps the first `limit` rows.
pub async fn write_sorted(
    ctx: &SessionContext,
    found: Found,
    output: Option<&RuleOutput>,
    limit: usize,
) -> Result<Written> {
    let (table, mut first) = (found.table.clone(), found.first.clone());
    let mut rows = Rows::of(ctx, found, output.is_none().then_some(limit)).await?;
    let mut writer = match output {
        Some(output) => {
            let (threads, pool) = (ctx.copied_config().target_partitions(), pool_bytes(ctx));
            Some(TableWriter::open(output, &table, threads, pool / 2)?)
        }
        None => None,
    };
    let mut kept: Vec<RecordBatch> = Vec::new();
    let (mut count, mut held) = (0u64, 0usize);
    loop {
        let batch = match first.take() {
            Some(batch) => Some(batch),
            None => rows.next().await?,
        };
        let Some(batch) = batch else { break };
        count += batch.num_rows() as u64;
        if held < limit {
            let part = batch.slice(0, batch.num_rows().min(limit - held));
            held += part.num_rows();
            kept.push(part);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch).await?;
        }
    }
    if let Some(writer) = writer {
        writer.close().await?;
    }
    let sample = if held > 0 { Some(concat_batches(&table, &kept)?) } else { None };
    Ok(Written { rows: count, sample, sort: rows.into_sort() })
}

/// The table's rows, in its order.
enum Rows {
    InOrder(InOrder),
    Sorted { stream: SendableRecordBatchStream, sort: Arc<dyn ExecutionPlan> },
}

impl Rows {
    /// `fetch`: no more rows than these are needed.
    async fn of(ctx: &SessionContext, mut found: Found, fetch: Option<usize>) -> Result<Self> {
        let head = found.batches.recv().await.transpose()?;
        if head.is_none() || found.in_order.load(Relaxed) {
            return Ok(Rows::InOrder(InOrder {
                columns: found.table.fields().len(),
                head,
                batches: found.batches,
                last: None,
            }));
        }
        let (sort, context) = sorted(ctx, found, head, fetch).await?;
        Ok(Rows::Sorted { stream: execute_stream(sort.clone(), context)?, sort })
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self {
            Rows::InOrder(batches) => batches.next().await,
            Rows::Sorted { stream, .. } => Ok(stream.try_next().await?),
        }
    }

    fn into_sort(self) -> Option<Arc<dyn ExecutionPlan>> {
        match self {
            Rows::InOrder(_) => None,
            Rows::Sorted { sort, .. } => Some(sort),
        }
    }
}

/// Batches that come in the table's order, each sorted in itself.
struct InOrder {
    /// Columns of the table; what is sorted by stands behind them.
    columns: usize,
    head: Option<RecordBatch>,
    batches: mpsc::Receiver<Result<RecordBatch>>,
    /// The last row of the batch before.
    last: Option<RecordBatch>,
}

impl InOrder {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = match self.head.take() {
            Some(batch) => Some(batch),
            None => self.batches.recv().await.transpose()?,
        };
        let Some(batch) = batch else { return Ok(None) };
        let columns: Vec<usize> = (0..batch.num_columns()).collect();
        let (shown, order) = columns.split_at(self.columns);
        let keys = batch.project(order)?;
        if let Some(last) = &self.last
            && !follows(last, &keys)?
        {
            return Err(Error::new(ErrorKind::Internal, "divergences that come in key order are not in order"));
        }
        self.last = Some(keys.slice(keys.num_rows() - 1, 1));
        Ok(Some(batch.project(shown)?))
    }
}

/// Whether the first row of `keys` does not stand before `last`.
fn follows(last: &RecordBatch, keys: &RecordBatch) -> Result<bool> {
    let options = SortOptions { descending: false, nulls_first: true };
    for (last, key) in last.columns().iter().zip(keys.columns()) {
        let order = make_comparator(last, key, options)?(0, 0);
        if order.is_ne() {
            return Ok(order.is_lt());
        }
    }
    Ok(true)
}

/// What the session's pool gives in all.
pub fn pool_bytes(ctx: &SessionContext) -> usize {
    match ctx.runtime_env().memory_pool.memory_limit() {
        MemoryLimit::Finite(bytes) => bytes,
        _ => usize::MAX,
    }
}

impl RuleOutput {
    /// An error of writing the table, in our words.
    pub fn error(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(ErrorKind::Output, format!("the {} {} could not be written", self.what(), self.display()))
            .hint("check that the folder can be written to and that the disk has room, then run again; nothing of it is visible")
            .source(error)
    }
}
