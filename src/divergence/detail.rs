//! All that a run's record says of one rule, and the runs as they were at some time.

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::arrow::json::ArrayWriter;

use crate::divergence::reader::Results;
use crate::divergence::recorded::Recorded;
use crate::divergence::records::RunRecord;
use crate::error::{Error, ErrorKind, Result};

impl Results {
    /// The record of a rule in a run; none where the run was not one of this rule.
    pub fn record(&self, run: &str, rule: &str) -> Result<Option<RunRecord>> {
        for batch in &self.batches {
            let texts = |name: &str| batch.column_by_name(name).map(|column| column.as_string::<i32>());
            let (Some(runs), Some(rules)) = (texts("run_id"), texts("rule")) else { continue };
            let mut rows = (0..batch.num_rows()).filter(|row| runs.value(*row) == run && rules.value(*row) == rule);
            if let Some(row) = rows.next() {
                return from_json(&batch.slice(row, 1)).map(Some);
            }
        }
        Ok(None)
    }

    /// As they were when the run `last` had ended: later ones are left out.
    pub fn until(&self, last: &Recorded) -> Result<Self> {
        let mut batches = Vec::new();
        for batch in &self.batches {
            let (Some(started), Some(runs)) = (batch.column_by_name("started_at"), batch.column_by_name("run_id"))
            else {
                continue;
            };
            let (started, runs) = (started.as_primitive::<TimestampMicrosecondType>(), runs.as_string::<i32>());
            let until = (last.started_at.timestamp_micros(), last.run_id.as_str());
            let kept: BooleanArray =
                (0..batch.num_rows()).map(|row| Some((started.value(row), runs.value(row)) <= until)).collect();
            batches.push(filter_record_batch(batch, &kept)?);
        }
        Ok(Self { located: self.located.clone(), batches })
    }

    /// Where the table of a rule in a run is, for people.
    pub fn place(&self, record: &RunRecord) -> String {
        format!("{}/{}", self.location().trim_end_matches('/'), record.divergences)
    }
}

/// One row, by way of JSON, as it was written.
fn from_json(row: &datafusion::arrow::record_batch::RecordBatch) -> Result<RunRecord> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Data, "a run's record cannot be read").source(error.to_string())
    };
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write(row)?;
    writer.finish()?;
    let mut records: Vec<RunRecord> = serde_json::from_slice(&writer.into_inner()).map_err(|error| failed(&error))?;
    records.pop().ok_or_else(|| failed(&"it has no row"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Input;
    use crate::verdict::{ColumnCounts, Segment, Segments};

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        let at = chrono::DateTime::from_timestamp_micros(1_767_225_600_123_456).unwrap();
        let record = RunRecord {
            run_id: "r".into(),
            rule: "o".into(),
            started_at: at,
            settled: Some(3),
            columns: vec![ColumnCounts { column: "a\"b".into(), value_mismatch: u64::MAX, within_tolerance: 1 }],
            notes: vec!["é\n".into()],
            segments: vec![Segment { by: Segments::KeyHash, from: None, to: Some("f".into()), verified: true }],
            key: vec!["id".into()],
            source_inputs: vec![Input {
                url: "s3://b/x".into(),
                size: 7,
                last_modified: at,
                e_tag: None,
                version: Some("v".into()),
            }],
            ..RunRecord::default()
        };
        let bytes = crate::divergence::records::to_parquet(std::slice::from_ref(&record)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap().build().unwrap();
        let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
        let back = from_json(&batches[0]).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), serde_json::to_string(&record).unwrap());
    }
}
