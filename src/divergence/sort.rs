//! Divergence batches sorted by DataFusion's external sort, in as many tasks as there are threads.

use std::sync::Arc;

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::{SessionContext, col};
use futures::StreamExt;
use tokio::sync::{Mutex, mpsc};

use crate::divergence::write::{Found, pool_bytes};
use crate::error::Result;

/// Less of the pool than this is not shared out to more than one sort.
const LEAST: usize = 32 << 20;

/// The batches, of which `head` is the first, as a plan's input, sorted, without the sorting columns.
pub async fn sorted(
    ctx: &SessionContext,
    found: Found,
    head: Option<RecordBatch>,
    fetch: Option<usize>,
) -> Result<(Arc<dyn ExecutionPlan>, Arc<TaskContext>)> {
    let pool = pool_bytes(ctx);
    let ctx = sorting_session(ctx, pool, head.as_ref());
    let Found { table, sortable, order, batches, .. } = found;
    let waiting = Arc::new(Mutex::new((head, batches)));
    let tasks = ctx.copied_config().target_partitions().min(pool / LEAST).max(1);
    let part = |_| -> Arc<dyn PartitionStream> {
        Arc::new(HandedOver { schema: sortable.clone(), most: lot_bytes(pool), waiting: waiting.clone() })
    };
    let source = StreamingTable::try_new(sortable.clone(), (0..tasks).map(part).collect())?;
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
fn sorting_session(ctx: &SessionContext, pool: usize, head: Option<&RecordBatch>) -> SessionContext {
    let config = ctx.copied_config();
    let Some(head) = head else { return ctx.clone() };
    let width = head.get_array_memory_size() / head.num_rows().max(1);
    let rows = (pool / 64 / width.max(1)).max(16).min(config.batch_size());
    SessionContext::new_with_config_rt(config.with_batch_size(rows), ctx.runtime_env())
}

/// What a batch may hold so that a sort in little memory can take it in, and merge many.
fn lot_bytes(pool: usize) -> usize {
    (pool / 256).clamp(64 << 10, 4 << 20)
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

/// Batches that another task makes; who asks first gets the next.
struct HandedOver {
    schema: SchemaRef,
    most: usize,
    waiting: Arc<Mutex<Waiting>>,
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

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let stream = futures::stream::unfold(self.waiting.clone(), |waiting| async {
            let next = {
                let (head, receiver) = &mut *waiting.lock().await;
                match head.take() {
                    Some(head) => Ok(head),
                    None => receiver.recv().await?.map_err(DataFusionError::from),
                }
            };
            Some((next, waiting))
        });
        let most = self.most;
        let stream = stream.flat_map(move |batch| futures::stream::iter(lots(batch, most)));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream.boxed()))
    }
}
