//! Sorts divergence batches and writes them as one Parquet file, in bounded memory.

use std::sync::{Arc, Mutex};

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionContext, col};
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use tokio::sync::mpsc;

use crate::divergence::output::RuleOutput;
use crate::error::{Error, ErrorKind, Result};

/// What became of the divergences of a rule.
pub struct Written {
    pub rows: u64,
    /// The first rows of the table, in its order.
    pub sample: Option<RecordBatch>,
    /// What sorted them, executed.
    pub sort: Arc<dyn ExecutionPlan>,
}

/// Divergences as they are found.
pub struct Unsorted {
    /// The table's columns.
    pub table: SchemaRef,
    /// Those of `batches`: the table's, then what they are sorted by.
    pub sortable: SchemaRef,
    /// Names of the sorting columns.
    pub order: Vec<String>,
    /// Rows that stand before all others: columns that cannot be compared have no key.
    pub first: Option<RecordBatch>,
    pub batches: mpsc::Receiver<Result<RecordBatch>>,
}

/// Sorts by `order` (NULLs first), then by id, and writes to `output`, if there is one. The sorting columns are not
/// written. Keeps the first `limit` rows.
pub async fn write_sorted(
    ctx: &SessionContext,
    found: Unsorted,
    output: Option<&RuleOutput>,
    limit: usize,
) -> Result<Written> {
    let Unsorted { table, sortable, order, first, batches } = found;
    let (sort, context) = sorted(ctx, &table, sortable, &order, batches, output.is_none().then_some(limit)).await?;
    let mut stream = execute_stream(sort.clone(), context)?;
    let mut writer = match output {
        Some(output) => Some(open(output, &table)?),
        None => None,
    };
    let mut kept: Vec<RecordBatch> = Vec::new();
    let (mut rows, mut held) = (0u64, 0usize);
    let mut first = first;
    loop {
        let batch = match first.take() {
            Some(batch) => Some(batch),
            None => stream.try_next().await?,
        };
        let Some(batch) = batch else { break };
        rows += batch.num_rows() as u64;
        if held < limit {
            let part = batch.slice(0, batch.num_rows().min(limit - held));
            held += part.num_rows();
            kept.push(part);
        }
        if let (Some(writer), Some(output)) = (&mut writer, output) {
            writer.write(&batch).await.map_err(|error| output.error(error))?;
        }
    }
    if let (Some(writer), Some(output)) = (writer, output) {
        writer.close().await.map_err(|error| output.error(error))?;
    }
    let sample = if held > 0 { Some(concat_batches(&table, &kept)?) } else { None };
    Ok(Written { rows, sample, sort })
}

fn open(output: &RuleOutput, table: &SchemaRef) -> Result<AsyncArrowWriter<BufWriter>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(|error| output.error(error))?))
        .set_created_by(format!("tieout {}", env!("CARGO_PKG_VERSION")))
        .build();
    let writer = BufWriter::new(output.store(), output.part());
    AsyncArrowWriter::try_new(writer, table.clone(), Some(properties)).map_err(|error| output.error(error))
}

/// The batches as a plan's input, sorted, without the sorting columns.
async fn sorted(
    ctx: &SessionContext,
    table: &SchemaRef,
    sortable: SchemaRef,
    order: &[String],
    mut batches: mpsc::Receiver<Result<RecordBatch>>,
    fetch: Option<usize>,
) -> Result<(Arc<dyn ExecutionPlan>, Arc<TaskContext>)> {
    let head = batches.recv().await.transpose()?;
    let ctx = sorting_session(ctx, head.as_ref());
    let handed_over = HandedOver { schema: sortable.clone(), batches: Mutex::new(Some((head, batches))) };
    let source = StreamingTable::try_new(sortable, vec![Arc::new(handed_over)])?;
    let quoted = |name: &str| col(datafusion::common::Column::from_name(name));
    let mut by: Vec<_> = order.iter().map(|name| quoted(name).sort(true, true)).collect();
    by.push(quoted("divergence_id").sort(true, true));
    let frame = ctx.read_table(Arc::new(source))?.sort(by)?;
    let frame = match fetch {
        // At least one row is fetched: a limit of zero would end the input's producer early.
        Some(limit) => frame.limit(0, Some(limit.max(1)))?,
        None => frame,
    };
    let visible = table.fields().iter().map(|field| quoted(field.name())).collect::<Vec<_>>();
    let frame = frame.select(visible)?;
    let context = Arc::new(frame.task_ctx());
    Ok((frame.create_physical_plan().await?, context))
}

/// The session, with batches of wide rows that hold fewer of them: a sort merges several at once.
fn sorting_session(ctx: &SessionContext, head: Option<&RecordBatch>) -> SessionContext {
    let config = ctx.copied_config();
    let (Some(head), MemoryLimit::Finite(pool)) = (head, ctx.runtime_env().memory_pool.memory_limit()) else {
        return ctx.clone();
    };
    let width = head.get_array_memory_size() / head.num_rows().max(1);
    let rows = (pool / 64 / width.max(1)).max(16).min(config.batch_size());
    SessionContext::new_with_config_rt(config.with_batch_size(rows), ctx.runtime_env())
}

/// What a batch may hold so that a sort in little memory can take it in, and merge many.
fn lot_bytes(pool: &dyn MemoryPool) -> usize {
    const MOST: usize = 4 << 20;
    match pool.memory_limit() {
        MemoryLimit::Finite(bytes) => (bytes / 256).clamp(64 << 10, MOST),
        _ => MOST,
    }
}

/// The batch in lots of about `most` bytes, each with memory of its own: a slice would count as the whole.
fn lots(batch: DataFusionResult<RecordBatch>, most: usize) -> Vec<DataFusionResult<RecordBatch>> {
    let batch = match batch {
        Ok(batch) if batch.get_array_memory_size() > most => batch,
        other => return vec![other],
    };
    let rows = batch.num_rows();
    let step = (rows * most / batch.get_array_memory_size()).max(1);
    let lot = |start: usize| {
        let indices = UInt64Array::from_iter_values(start as u64..(start + step).min(rows) as u64);
        Ok(take_record_batch(&batch, &indices)?)
    };
    (0..rows).step_by(step).map(lot).collect()
}

/// Batches that another task makes, read once.
struct HandedOver {
    schema: SchemaRef,
    batches: Mutex<Option<Waiting>>,
}

/// The first batch, and where the others come from.
type Waiting = (Option<RecordBatch>, mpsc::Receiver<Result<RecordBatch>>);

impl std::fmt::Debug for HandedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandedOver")
    }
}

impl PartitionStream for HandedOver {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let most = lot_bytes(context.memory_pool().as_ref());
        let batches = self.batches.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let stream = futures::stream::unfold(batches, |batches| async {
            let (head, mut receiver) = batches?;
            let next: DataFusionResult<RecordBatch> = match head {
                Some(head) => Ok(head),
                None => receiver.recv().await?.map_err(DataFusionError::from),
            };
            Some((next, Some((None, receiver))))
        });
        let stream = stream.flat_map(move |batch| futures::stream::iter(lots(batch, most)));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream.boxed()))
    }
}

impl RuleOutput {
    /// An error of writing the table, in our words.
    pub fn error(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(ErrorKind::Output, format!("the divergence table {} could not be written", self.display()))
            .hint("check that the folder can be written to and that the disk has room, then run again; nothing of this run is visible")
            .source(error)
    }
}
