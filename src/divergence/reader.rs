//! Past results as tables of a session: `runs`, each rule's divergences as `divergences.<rule>`, and what became of them as
//! `history.<rule>`, and what people said of them, as `acks.<rule>`. Runs without a record do not exist.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::{and, concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::dataset::store::{Located, locate};
use crate::divergence::acks::{Acks, Asker};
use crate::divergence::lives::Lives;
use crate::divergence::marker::{MARKER, check_marker};
use crate::divergence::open::open_schema;
use crate::divergence::recorded::{Recorded, recorded};
use crate::divergence::records::{RunRecord, from_batch, run_record_schema};
use crate::divergence::schema::head;
use crate::divergence::stored::{RuleOutput, Table};
use crate::error::{Error, ErrorKind, Result};

/// Objects that are asked for at once.
pub(super) const AT_ONCE: usize = 16;

/// The recorded runs of an output, and the tables that belong to them.
#[derive(Clone)]
pub struct Results {
    pub(super) located: Located,
    pub(super) batches: Vec<RecordBatch>,
}

/// The divergence tables of a rule.
pub struct Sightings {
    pub table: Arc<dyn TableProvider>,
    /// Where tables are expired: the last of these runs, and what was open after it.
    pub base: Option<(String, Arc<dyn TableProvider>)>,
    /// Runs that found something, and whose tables are gone.
    pub expired: BTreeSet<String>,
}

/// How much of the divergence tables is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// All columns, merged by name over the runs: each file is asked for its schema.
    Full,
    /// Which divergences there are, and of which kind: the same columns in every table.
    Identity,
}

impl Results {
    /// An output that is not there yet has no runs.
    pub async fn read(output: &str) -> Result<Self> {
        Self::read_at(locate(output).await?).await
    }

    pub(super) async fn read_at(located: Located) -> Result<Self> {
        check_output(&located).await?;
        let batches = read_records(&located).await?;
        Ok(Self { located, batches })
    }

    pub fn located(&self) -> &Located {
        &self.located
    }

    /// The output, as people know it.
    pub fn location(&self) -> &str {
        &self.located.display
    }

    /// One for each rule and run, in the order of the runs.
    pub fn recorded(&self) -> Result<Vec<Recorded>> {
        recorded(&self.batches)
    }

    /// The records of one run, or of one rule in it, in full.
    pub fn records(&self, run_id: &str, rule: Option<&str>) -> Result<Vec<RunRecord>> {
        let mut records = Vec::new();
        for batch in &self.batches {
            let is = |name: &str, text: &str| match batch.column_by_name(name) {
                Some(column) => Ok(eq(column.as_string::<i32>(), &StringArray::new_scalar(text))?),
                None => Err(Error::new(ErrorKind::Data, format!("a run's record says nothing of `{name}`"))),
            };
            let mut wanted = is("run_id", run_id)?;
            if let Some(rule) = rule {
                wanted = and(&wanted, &is("rule", rule)?)?;
            }
            records.extend(from_batch(&filter_record_batch(batch, &wanted)?)?);
        }
        Ok(records)
    }

    /// The run records as a table.
    pub fn runs(&self) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(MemTable::try_new(run_record_schema(), vec![self.batches.clone()])?))
    }

    /// Those of runs up to this one, by id.
    pub(super) fn runs_until(&self, run_id: &str) -> Result<Arc<dyn TableProvider>> {
        let one = |batch: &&RecordBatch| {
            let ids = batch.column_by_name("run_id").map(|ids| ids.as_string::<i32>());
            // A record is of one run.
            ids.is_none_or(|ids| ids.iter().flatten().all(|id| id <= run_id))
        };
        let batches = self.batches.iter().filter(one).cloned().collect();
        Ok(Arc::new(MemTable::try_new(run_record_schema(), vec![batches])?))
    }

    /// The divergences of a rule in these runs; none where no run wrote a table.
    pub async fn table(
        &self,
        ctx: &SessionContext,
        rule: &str,
        runs: &[&str],
        width: Width,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let parts = self.parts(rule, runs).await?;
        let there: Vec<Path> = parts.into_iter().filter_map(|(_, path)| path).collect();
        let table = divergence_table(ctx, &self.located, &there, width).await?;
        Ok(table.map(|table| Arc::new(table) as Arc<dyn TableProvider>))
    }

    /// The files of the tables that these runs have written of a rule.
    async fn parts<'a>(&self, rule: &str, runs: &[&'a str]) -> Result<Vec<(&'a str, Option<Path>)>> {
        let part = async |run: &&'a str| Ok((*run, part_of(&self.located, Table::Divergences, rule, run).await?));
        futures::stream::iter(runs).map(part).buffered(AT_ONCE).try_collect().await
    }

    /// The first of these runs whose table is not there.
    pub async fn first_gone(&self, rule: &str, runs: &[&Recorded]) -> Result<Option<String>> {
        let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
        let parts = self.parts(rule, &ids).await?;
        Ok(parts.into_iter().find(|(_, path)| path.is_none()).map(|(run, _)| run.to_string()))
    }

    /// The tables of these runs of a rule, which are in their order; none where nothing is there. Of runs that found nothing, none is
    /// needed.
    pub async fn sightings(
        &self,
        ctx: &SessionContext,
        rule: &str,
        runs: &[&Recorded],
        width: Width,
    ) -> Result<Option<Sightings>> {
        // A table without rows has columns, and no more.
        let runs: Vec<&Recorded> =
            runs.iter().copied().filter(|run| width == Width::Full || run.divergences() > 0).collect();
        let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
        let parts = self.parts(rule, &ids).await?;
        let gone = |at: usize| parts[at].1.is_none() && runs[at].divergences() > 0;
        let expired: BTreeSet<String> =
            (0..runs.len()).filter(|at| gone(*at)).map(|at| runs[at].run_id.clone()).collect();
        let last = (0..runs.len()).rev().find(|at| gone(*at));
        let mut base = None;
        // Runs after it that found nothing left open what it did, or nothing.
        let after = (0..runs.len()).skip_while(|at| Some(*at) != last && last.is_some());
        for at in after.take_while(|at| last.is_some() && (Some(*at) == last || runs[*at].divergences() == 0)) {
            if let Some(path) = part_of(&self.located, Table::Open, rule, &runs[at].run_id).await? {
                base = Some((at, table_at(ctx, &self.located, path, open_schema())?));
                break;
            }
        }
        let from = base.as_ref().map_or(0, |(at, _)| at + 1);
        let there: Vec<Path> = parts[from..].iter().filter_map(|(_, path)| path.clone()).collect();
        let Some(table) = divergence_table(ctx, &self.located, &there, width).await? else { return Ok(None) };
        let base = base.map(|(at, table)| (runs[at].run_id.clone(), table));
        Ok(Some(Sightings { table: Arc::new(table), base, expired }))
    }
}

/// Makes `runs`, `divergences.<rule>` and `history.<rule>` known to the session. Schemas of these names that the project has
/// stay what they are.
pub async fn register_results(ctx: &SessionContext, output: &str) -> Result<()> {
    let results = Results::read(output).await?;
    if ctx.table_provider("runs").await.is_err() {
        ctx.register_table("runs", results.runs()?)?;
    }
    let recorded = results.recorded()?;
    let mut rules: BTreeMap<&str, Vec<&Recorded>> = BTreeMap::new();
    for one in &recorded {
        rules.entry(&one.rule).or_default().push(one);
    }
    let catalog =
        ctx.catalog("datafusion").ok_or_else(|| Error::new(ErrorKind::Internal, "the session has no catalog"))?;
    let wanted = |name: &str| !rules.is_empty() && catalog.schema(name).is_none();
    if catalog.schema("acks").is_none() {
        register_acks(ctx, &results).await?;
    }
    let (tables, lives) = (wanted("divergences"), wanted("history"));
    if !tables && !lives {
        return Ok(());
    }
    let (divergences, history) = (MemorySchemaProvider::new(), MemorySchemaProvider::new());
    for (rule, recorded) in rules {
        let runs: Vec<&str> = recorded.iter().map(|recorded| recorded.run_id.as_str()).collect();
        // A rule that was never compared has no table.
        let Some(table) = results.table(ctx, rule, &runs, Width::Full).await? else { continue };
        if lives && let Some(sightings) = results.sightings(ctx, rule, &recorded, Width::Full).await? {
            let keys = recorded.iter().flat_map(|recorded| recorded.key.clone()).collect();
            let lives = Lives::of(rule, keys, results.runs()?, sightings).await?;
            history.register_table(rule.to_string(), lives.last_seen().await?)?;
        }
        divergences.register_table(rule.to_string(), table)?;
    }
    if tables {
        catalog.register_schema("divergences", Arc::new(divergences))?;
    }
    if lives {
        catalog.register_schema("history", Arc::new(history))?;
    }
    Ok(())
}

/// Makes `acks.<rule>` known for rules that anything was acknowledged of.
async fn register_acks(ctx: &SessionContext, results: &Results) -> Result<()> {
    let acks = Acks::read(&results.located).await?;
    let views = MemorySchemaProvider::new();
    for rule in acks.rules() {
        let Some(table) = acks.table(ctx, rule)? else { continue };
        views.register_table(rule.to_string(), Asker::new(ctx)?.lives(table, Utc::now()).await?)?;
    }
    if let Some(catalog) = ctx.catalog("datafusion").filter(|_| !views.table_names().is_empty()) {
        catalog.register_schema("acks", Arc::new(views))?;
    }
    Ok(())
}

/// One table over these files, which are all in this schema.
pub(super) fn files_table(
    ctx: &SessionContext,
    located: &Located,
    paths: &[Path],
    schema: SchemaRef,
) -> Result<Arc<dyn TableProvider>> {
    let store_url = results_url()?;
    ctx.runtime_env().register_object_store(store_url.as_ref(), located.store.clone());
    let url = |path: &Path| ListingTableUrl::parse(format!("{}{path}", store_url.as_str()));
    let urls = paths.iter().map(url).collect::<Result<Vec<_>, _>>()?;
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(parquet()).with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// One file as a table of its own schema.
pub(super) async fn file_table(ctx: &SessionContext, located: &Located, path: &Path) -> Result<Arc<dyn TableProvider>> {
    let store_url = results_url()?;
    ctx.runtime_env().register_object_store(store_url.as_ref(), located.store.clone());
    let url = ListingTableUrl::parse(format!("{}{path}", store_url.as_str()))?;
    let options = parquet();
    let schema = options.infer_schema(&ctx.state(), &url).await?;
    files_table(ctx, located, std::slice::from_ref(path), schema)
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

/// Text is read as plain text: views of it keep all that was read beside them, which is much where it is sorted.
fn parquet() -> ListingOptions {
    ListingOptions::new(Arc::new(ParquetFormat::default().with_force_view_types(false)))
}

fn results_url() -> Result<ObjectStoreUrl> {
    Ok(ObjectStoreUrl::parse("tieout-results://output")?)
}

/// A folder that another program or a newer version wrote is none that can be read. One without a sign holds nothing yet.
async fn check_output(located: &Located) -> Result<()> {
    let read = async { located.store.get(&located.prefix.clone().join(MARKER)).await?.bytes().await };
    match read.await {
        Ok(bytes) => check_marker(&bytes, &located.display),
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(unreadable_runs(located)(error)),
    }
}

pub(super) fn unreadable_runs(located: &Located) -> impl Fn(object_store::Error) -> Error {
    |error| Error::new(ErrorKind::Data, format!("the runs of {} could not be read", located.display)).source(error)
}

async fn read_records(located: &Located) -> Result<Vec<RecordBatch>> {
    let folder = located.prefix.clone().join("runs");
    let objects: Vec<_> = located.store.list(Some(&folder)).try_collect().await.map_err(unreadable_runs(located))?;
    let records = objects.into_iter().map(|object| object.location).filter(|path| path.extension() == Some("parquet"));
    let read = futures::stream::iter(records).map(async |path| read_record_at(located, &path).await);
    read.buffered(AT_ONCE).try_concat().await
}

/// The record of a run, in the schema of the runs table.
pub(super) async fn read_record(located: &Located, run_id: &str) -> Result<Vec<RecordBatch>> {
    read_record_at(located, &located.prefix.clone().join("runs").join(format!("{run_id}.parquet"))).await
}

async fn read_record_at(located: &Located, path: &Path) -> Result<Vec<RecordBatch>> {
    let unreadable = |error: String| Error::new(ErrorKind::Data, format!("{path} is not a run's record")).source(error);
    let read = async { located.store.get(path).await?.bytes().await };
    let bytes = read.await.map_err(unreadable_runs(located))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|builder| builder.build());
    let batches = reader.map_err(|error| unreadable(error.to_string()))?;
    batches.map(|batch| to_current(&batch.map_err(|error| unreadable(error.to_string()))?)).collect()
}

/// A table over one file of the output.
pub(super) fn table_at(
    ctx: &SessionContext,
    located: &Located,
    path: Path,
    schema: SchemaRef,
) -> Result<Arc<dyn TableProvider>> {
    let url = results_url()?;
    ctx.runtime_env().register_object_store(url.as_ref(), located.store.clone());
    let config = ListingTableConfig::new(ListingTableUrl::parse(format!("{}{path}", url.as_str()))?)
        .with_listing_options(ListingOptions::new(Arc::new(ParquetFormat::default())))
        .with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// The file of a rule's table that a run has written; none where it wrote none.
pub(super) async fn part_of(located: &Located, table: Table, rule: &str, run: &str) -> Result<Option<Path>> {
    let parts = [table.folder(), &format!("rule={rule}"), &format!("run={run}")];
    let folder = parts.iter().fold(located.prefix.clone(), |path: Path, part| path.join(*part));
    let listed: Vec<_> = located.store.list(Some(&folder)).try_collect().await.map_err(unreadable_runs(located))?;
    Ok(listed.into_iter().map(|object| object.location).find(|path| path.extension() == Some("parquet")))
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
    paths: &[Path],
    width: Width,
) -> Result<Option<ListingTable>> {
    let store_url = results_url()?;
    ctx.runtime_env().register_object_store(store_url.as_ref(), located.store.clone());
    let mut urls = Vec::new();
    let mut merged: Vec<Field> = match width {
        Width::Full => Vec::new(),
        Width::Identity => head().iter().map(|field| field.as_ref().clone()).collect(),
    };
    let mut positions: HashMap<String, usize> = HashMap::new();
    let options = parquet();
    for path in paths {
        let url = ListingTableUrl::parse(format!("{}{}", store_url.as_str(), path))?;
        if width == Width::Identity {
            urls.push(url);
            continue;
        }
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
