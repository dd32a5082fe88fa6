//! How rows wait to be classified: as plain batches, or as bytes of Arrow's IPC format.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamDecoder;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result};

/// What the description of a batch takes beside its rows, about.
const HEAD_BYTES: usize = 16 << 10;

pub fn to_ipc(batch: &RecordBatch) -> Result<Vec<u8>> {
    let room =
        batch.columns().iter().map(|column| column.to_data().get_slice_memory_size()).sum::<Result<usize, _>>()?;
    let mut writer = StreamWriter::try_new(Vec::with_capacity(room + HEAD_BYTES), &batch.schema())?;
    writer.write(batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// The batch; its columns are parts of `bytes`.
pub fn from_ipc(bytes: Vec<u8>) -> Result<RecordBatch> {
    let mut bytes = Buffer::from_vec(bytes);
    let none = || Error::new(ErrorKind::Internal, "a spooled batch is not whole");
    StreamDecoder::new().decode(&mut bytes)?.ok_or_else(none)
}

/// Views keep the buffers alive that they were cut from, and each slice counts as all of them; spooled text and bytes are
/// plain.
pub fn plain_schema(schema: SchemaRef) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8View => Arc::new(field.as_ref().clone().with_data_type(DataType::LargeUtf8)),
        DataType::BinaryView => Arc::new(field.as_ref().clone().with_data_type(DataType::LargeBinary)),
        _ => field.clone(),
    };
    Arc::new(Schema::new_with_metadata(
        schema.fields().iter().map(field).collect::<Fields>(),
        schema.metadata().clone(),
    ))
}

/// The batch in the plain schema.
pub fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = plain_schema(batch.schema());
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let same = column.data_type() == field.data_type();
        if same { Ok(column.clone()) } else { cast(column, field.data_type()) }
    });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<Vec<ArrayRef>, _>>()?)?)
}
