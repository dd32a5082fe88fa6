//! The few rows that a question to the tables comes to, cell by cell.

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::prelude::DataFrame;

use crate::error::{Error, ErrorKind, Result};

pub struct Rows(RecordBatch);

impl Rows {
    pub async fn of(frame: DataFrame) -> Result<Self> {
        let schema = std::sync::Arc::new(frame.schema().as_arrow().clone());
        Ok(Self(concat_batches(&schema, &frame.collect().await?)?))
    }

    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    fn column(&self, name: &str, data_type: &DataType) -> Result<datafusion::arrow::array::ArrayRef> {
        let missing = || Error::new(ErrorKind::Internal, format!("a question to past results gave no `{name}`"));
        Ok(cast(self.0.column_by_name(name).ok_or_else(missing)?, data_type)?)
    }

    pub fn text(&self, name: &str, row: usize) -> Result<String> {
        Ok(self.column(name, &DataType::Utf8)?.as_string::<i32>().value(row).to_string())
    }

    /// None for NULL.
    pub fn number(&self, name: &str, row: usize) -> Result<Option<u64>> {
        let column = self.column(name, &DataType::Int64)?;
        let numbers = column.as_primitive::<Int64Type>();
        Ok(numbers.is_valid(row).then(|| numbers.value(row).unsigned_abs()))
    }

    pub fn count(&self, name: &str, row: usize) -> Result<u64> {
        Ok(self.number(name, row)?.unwrap_or_default())
    }

    /// None for NULL.
    pub fn moment(&self, name: &str, row: usize) -> Result<Option<DateTime<Utc>>> {
        let column = self.column(name, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
        let moments = column.as_primitive::<TimestampMicrosecondType>();
        Ok(moments.is_valid(row).then(|| DateTime::from_timestamp_micros(moments.value(row))).flatten())
    }
}
