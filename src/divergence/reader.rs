//! Past results as tables of a session: `runs`, and each rule's divergences as `divergences.<rule>`. Runs without a record
//! do not exist.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::MemorySchemaProvider;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::dataset::store::{Located, locate};
use crate::divergence::output::RuleOutput;
use crate::divergence::records::run_record_schema;
use crate::error::{Error, ErrorKind, Result};

/// Makes `runs` and `divergences.<rule>` known to the session. An output that is not there yet has no runs.
pub async fn register_results(ctx: &SessionContext, output: &str) -> Result<()> {
    let located = locate(output).await?;
    let batches = read_records(&located).await?;
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for batch in &batches {
        let text = |name: &str| batch.column_by_name(name).map(|c| c.as_string::<i32>().clone());
        let (Some(rules), Some(runs)) = (text("rule"), text("run_id")) else { continue };
        for row in 0..batch.num_rows() {
            tables.entry(rules.value(row).to_string()).or_default().push(runs.value(row).to_string());
        }
    }
    if ctx.table_provider("runs").await.is_err() {
        ctx.register_table("runs", Arc::new(MemTable::try_new(run_record_schema(), vec![batches])?))?;
    }
    let schema = Arc::new(MemorySchemaProvider::new());
    let catalog =
        ctx.catalog("datafusion").ok_or_else(|| Error::new(ErrorKind::Internal, "the session has no catalog"))?;
    if tables.is_empty() || catalog.schema("divergences").is_some() {
        return Ok(());
    }
    let store_url = results_url()?;
    ctx.runtime_env().register_object_store(store_url.as_ref(), located.store.clone());
    for (rule, runs) in tables {
        // A rule that was never compared has no table.
        let table = divergence_table(ctx, &located, store_url.as_str(), &rule, &runs).await?;
        let Some(table) = table else { continue };
        datafusion::catalog::SchemaProvider::register_table(schema.as_ref(), rule, Arc::new(table))?;
    }
    catalog.register_schema("divergences", schema)?;
    Ok(())
}

/// How many rows a rule's table has, and the first of them.
pub async fn first_rows(table: &RuleOutput, limit: usize) -> Result<(u64, Option<RecordBatch>)> {
    // One partition: the file's rows come in their order.
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let url = results_url()?;
    ctx.register_object_store(url.as_ref(), table.store());
    let path = ListingTableUrl::parse(format!("{}{}", url.as_str(), table.part()))?;
    let config = ListingTableConfig::new(path)
        .with_listing_options(ListingOptions::new(Arc::new(ParquetFormat::default())))
        .infer_schema(&ctx.state())
        .await?;
    let rows = ctx.read_table(Arc::new(ListingTable::try_new(config)?))?;
    let count = rows.clone().count().await? as u64;
    let schema = Arc::new(rows.schema().as_arrow().clone());
    let batches = rows.limit(0, Some(limit))?.collect().await?;
    let sample = if count > 0 && limit > 0 { Some(concat_batches(&schema, &batches)?) } else { None };
    Ok((count, sample))
}

fn results_url() -> Result<ObjectStoreUrl> {
    Ok(ObjectStoreUrl::parse("tieout-results://output")?)
}

async fn read_records(located: &Located) -> Result<Vec<RecordBatch>> {
    let failed = |error: object_store::Error| {
        Error::new(ErrorKind::Data, format!("the runs of {} could not be read", located.display)).source(error)
    };
    let folder = located.prefix.clone().join("runs");
    let objects: Vec<_> = located.store.list(Some(&folder)).try_collect().await.map_err(failed)?;
    let mut batches = Vec::new();
    for object in objects.iter().filter(|object| object.location.as_ref().ends_with(".parquet")) {
        let bytes = located.store.get(&object.location).await.map_err(failed)?.bytes().await.map_err(failed)?;
        let unreadable = |error: String| {
            Error::new(ErrorKind::Data, format!("{} is not a run's record", object.location)).source(error)
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|builder| builder.build());
        for batch in reader.map_err(|error| unreadable(error.to_string()))? {
            batches.push(to_current(&batch.map_err(|error| unreadable(error.to_string()))?)?);
        }
    }
    Ok(batches)
}

/// Records of other versions may lack columns, or have more.
fn to_current(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = run_record_schema();
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => Ok(datafusion::arrow::compute::cast(column, field.data_type())?),
        None => Ok(datafusion::arrow::array::new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// One table over the files of the recorded runs, its schema merged by name; `run` tells them apart by `run_id`.
async fn divergence_table(
    ctx: &SessionContext,
    located: &Located,
    store_url: &str,
    rule: &str,
    runs: &[String],
) -> Result<Option<ListingTable>> {
    let mut urls = Vec::new();
    let mut merged: Vec<Field> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    for run in runs {
        let folder = ["divergences", &format!("rule={rule}"), &format!("run={run}")]
            .iter()
            .fold(located.prefix.clone(), |path: Path, part| path.join(*part));
        let listed: Vec<_> = located.store.list(Some(&folder)).try_collect().await.unwrap_or_default();
        let Some(path) =
            listed.into_iter().map(|object| object.location).find(|path| path.extension() == Some("parquet"))
        else {
            continue;
        };
        let url = ListingTableUrl::parse(format!("{}{}", store_url, path))?;
        for field in options.infer_schema(&ctx.state(), &url).await?.fields() {
            match positions.get(field.name()) {
                // A column whose type changed from run to run is read as text.
                Some(&at) if merged[at].data_type() != field.data_type() => {
                    merged[at] = Field::new(field.name(), DataType::Utf8, true);
                }
                Some(_) => {}
                None => {
                    positions.insert(field.name().clone(), merged.len());
                    merged.push(field.as_ref().clone().with_nullable(true));
                }
            }
        }
        urls.push(url);
    }
    if urls.is_empty() {
        return Ok(None);
    }
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(Arc::new(Schema::new(merged)));
    Ok(Some(ListingTable::try_new(config)?))
}
