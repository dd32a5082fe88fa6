//! Writing a file of acknowledgements, or of their ends, batch by batch.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;

use crate::divergence::acks::ack_schema;
use crate::divergence::stored::{RuleOutput, StoredFile};
use crate::divergence::table::TableWriter;
use crate::divergence::write::pool_bytes;
use crate::error::{Error, ErrorKind, Result};

/// What all rows of a file have in common; none: the batches say it, or there is none.
#[derive(Debug, Clone, Default)]
pub struct Stamp {
    pub ack_id: Option<String>,
    pub ended: Option<&'static str>,
    pub at: DateTime<Utc>,
    pub actor: Option<String>,
    pub note: Option<String>,
    pub until: Option<DateTime<Utc>>,
    pub run_id: Option<String>,
}

impl Stamp {
    /// Rows of `ack_id`, `divergence_id`, `kind`, `digest` and maybe `ended`, as they are written.
    fn rows(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let text = |text: Option<&str>| Arc::new(StringArray::from_iter((0..rows).map(|_| text))) as ArrayRef;
        let moment = |moment: Option<DateTime<Utc>>| {
            let micros = (0..rows).map(|_| moment.map(|moment| moment.timestamp_micros()));
            Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC")) as ArrayRef
        };
        let schema = ack_schema();
        let column = |name: &str| match batch.column_by_name(name) {
            Some(column) => Ok(cast(column, schema.field_with_name(name)?.data_type())?),
            None => Err(Error::new(ErrorKind::Internal, format!("an acknowledgement has no `{name}`"))),
        };
        let columns = vec![
            if self.ack_id.is_some() { text(self.ack_id.as_deref()) } else { column("ack_id")? },
            column("divergence_id")?,
            column("kind")?,
            column("digest")?,
            if batch.column_by_name("ended").is_some() { column("ended")? } else { text(self.ended) },
            moment(Some(self.at)),
            text(self.actor.as_deref()),
            text(self.note.as_deref()),
            moment(self.until),
            text(self.run_id.as_deref()),
        ];
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

/// A file in the making; there is none before the first row.
pub struct AckFile<'a> {
    output: &'a RuleOutput,
    stamp: Stamp,
    threads: usize,
    group_bytes: usize,
    writer: Option<TableWriter<'a>>,
}

impl<'a> AckFile<'a> {
    pub fn new(ctx: &SessionContext, output: &'a RuleOutput, stamp: Stamp) -> Self {
        let threads = ctx.copied_config().target_partitions();
        Self { output, stamp, threads, group_bytes: pool_bytes(ctx) / 4, writer: None }
    }

    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let rows = self.stamp.rows(batch)?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(TableWriter::open(self.output, &ack_schema(), self.threads, self.group_bytes)?),
        };
        writer.write(&rows).await
    }

    pub async fn close(self) -> Result<Option<StoredFile>> {
        match self.writer {
            Some(writer) => {
                writer.close().await?;
                Ok(self.output.stored())
            }
            None => Ok(None),
        }
    }
}
