//! Run records: `<output>/runs/<run_id>.parquet`, one row a rule, with what was compared and the pinned inputs of both sides.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::json::{ArrayWriter, ReaderBuilder};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use serde::{Deserialize, Serialize};

use crate::dataset::Input;
use crate::error::{Error, ErrorKind, Result};
use crate::verdict::{ColumnCounts, RowCounts, SchemaDifferences, Segment};

/// One row of the runs table. What a record of another version does not say is as if it were nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    pub run_id: String,
    pub rule: String,
    pub kind: String,
    pub outcome: String,
    pub guarantee: String,
    pub strategy: String,
    #[serde(default)]
    pub severity: String,
    pub owner: Option<String>,
    pub started_at: DateTime<Utc>,
    pub elapsed_ms: u64,
    #[serde(flatten)]
    pub rows: RecordedRows,
    /// Divergences that were gone when their keys were read again; none where they were not.
    pub settled: Option<u64>,
    /// Divergences that did not count, for they were acknowledged; and of these, schema mismatches.
    #[serde(default)]
    pub acknowledged: u64,
    #[serde(default)]
    pub acknowledged_schema_mismatch: u64,
    #[serde(default)]
    pub columns: Vec<ColumnCounts>,
    pub schema_mismatch: u64,
    #[serde(default)]
    pub only_in_source: Vec<String>,
    #[serde(default)]
    pub only_in_target: Vec<String>,
    #[serde(default)]
    pub type_differs: Vec<String>,
    #[serde(default)]
    pub notes: Vec<String>,
    /// The limit that stopped the comparison, if one did; and what was verified by then.
    pub stopped_by: Option<String>,
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// Divergences that are open after the run, found by it or by earlier ones; since when the oldest is; and a digest of the ids of
    /// the runs that are taken for the earlier ones.
    pub open: Option<u64>,
    pub open_since: Option<DateTime<Utc>>,
    pub earlier_runs: Option<String>,
    /// Folder of the divergence table, below the output.
    #[serde(default)]
    pub divergences: String,
    /// Names of the key columns, as they stand in the divergence table.
    #[serde(default)]
    pub key: Vec<String>,
    pub source: Option<String>,
    pub target: Option<String>,
    /// Of a `sql` rule: all inputs that it reads.
    #[serde(default)]
    pub source_inputs: Vec<Input>,
    #[serde(default)]
    pub target_inputs: Vec<Input>,
    /// Digest of the rule's own text.
    #[serde(default)]
    pub rule_version: String,
    #[serde(default)]
    pub digest_version: u32,
    #[serde(default)]
    pub tieout_version: String,
}

/// RowCounts under the names of the runs table.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedRows {
    pub source_rows: u64,
    pub target_rows: u64,
    pub equal: u64,
    pub value_mismatch: u64,
    pub missing_in_target: u64,
    pub missing_in_source: u64,
    pub duplicate_key: u64,
    pub rule_violation: u64,
}

impl From<RowCounts> for RecordedRows {
    fn from(rows: RowCounts) -> Self {
        Self {
            source_rows: rows.source,
            target_rows: rows.target,
            equal: rows.equal,
            value_mismatch: rows.value_mismatch,
            missing_in_target: rows.missing_in_target,
            missing_in_source: rows.missing_in_source,
            duplicate_key: rows.duplicate_key,
            rule_violation: rows.rule_violation,
        }
    }
}

impl From<RecordedRows> for RowCounts {
    fn from(rows: RecordedRows) -> Self {
        Self {
            source: rows.source_rows,
            target: rows.target_rows,
            equal: rows.equal,
            value_mismatch: rows.value_mismatch,
            missing_in_target: rows.missing_in_target,
            missing_in_source: rows.missing_in_source,
            duplicate_key: rows.duplicate_key,
            rule_violation: rows.rule_violation,
        }
    }
}

impl RunRecord {
    /// Fills in what the schema differences say.
    pub fn with_schema(mut self, schema: &SchemaDifferences) -> Self {
        self.schema_mismatch = schema.len() as u64;
        self.only_in_source = schema.only_in_source.clone();
        self.only_in_target = schema.only_in_target.clone();
        self.type_differs = schema.type_differs.iter().map(|differs| differs.column.clone()).collect();
        self
    }
}

/// The schema of the runs table.
pub fn run_record_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let count = |name: &str| Field::new(name, DataType::UInt64, false);
    let texts = |name: &str| Field::new(name, list(DataType::Utf8), true);
    let moment = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let input = DataType::Struct(Fields::from(vec![
        text("url"),
        Field::new("size", DataType::UInt64, true),
        Field::new("last_modified", moment(), true),
        text("e_tag"),
        text("version"),
    ]));
    let column =
        DataType::Struct(Fields::from(vec![text("column"), count("value_mismatch"), count("within_tolerance")]));
    let mut fields: Vec<Field> =
        ["run_id", "rule", "kind", "outcome", "guarantee", "strategy", "severity", "owner"].map(text).into();
    fields.push(Field::new("started_at", moment(), false));
    fields.extend(
        [
            "elapsed_ms",
            "source_rows",
            "target_rows",
            "equal",
            "value_mismatch",
            "missing_in_target",
            "missing_in_source",
            "duplicate_key",
            "rule_violation",
        ]
        .map(count),
    );
    fields.extend(["settled", "acknowledged", "acknowledged_schema_mismatch"].map(|name| {
        // Records of earlier versions do not have them.
        Field::new(name, DataType::UInt64, true)
    }));
    fields.push(Field::new("columns", list(column), true));
    fields.push(count("schema_mismatch"));
    fields.extend(["only_in_source", "only_in_target", "type_differs", "notes"].map(texts));
    fields.push(text("stopped_by"));
    let verified = Field::new("verified", DataType::Boolean, true);
    let segment = DataType::Struct(Fields::from(vec![text("by"), text("from"), text("to"), verified]));
    fields.push(Field::new("segments", list(segment), true));
    fields.push(Field::new("open", DataType::UInt64, true));
    fields.push(Field::new("open_since", moment(), true));
    fields.push(text("earlier_runs"));
    fields.push(text("divergences"));
    fields.push(texts("key"));
    fields.extend(["source", "target"].map(text));
    fields.extend(["source_inputs", "target_inputs"].map(|name| Field::new(name, list(input.clone()), true)));
    fields.push(text("rule_version"));
    fields.push(Field::new("digest_version", DataType::UInt32, false));
    fields.push(text("tieout_version"));
    Arc::new(Schema::new(fields))
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

/// Rows of the runs table as records.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<RunRecord>> {
    let failed = |error: String| Error::new(ErrorKind::Data, "a run's record cannot be read").source(error);
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    match writer.into_inner() {
        // Of no rows, nothing is written.
        rows if rows.is_empty() => Ok(Vec::new()),
        rows => serde_json::from_slice(&rows).map_err(|error| failed(error.to_string())),
    }
}

/// The records as a Parquet file.
pub fn to_parquet(records: &[RunRecord]) -> Result<Vec<u8>> {
    let failed = |error: String| Error::new(ErrorKind::Internal, "the run's record could not be made").source(error);
    let schema = run_record_schema();
    let mut decoder = ReaderBuilder::new(schema.clone()).build_decoder()?;
    decoder.serialize(records)?;
    let batch = decoder.flush()?.ok_or_else(|| failed("it has no rows".into()))?;
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).map_err(|error| failed(error.to_string()))?;
    writer.write(&batch).map_err(|error| failed(error.to_string()))?;
    writer.close().map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}
