//! Looking at the keys again, when their rows are written: do both sides agree by now?

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::compute::{cast, concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

use crate::dataset::{Change, Image, Opened, Writer, image_name};
use crate::error::{Error, ErrorKind, Result};
use crate::repair::apply::Work;
use crate::repair::apply::batch::Rows;
use crate::repair::apply::carry::told;
use crate::repair::apply::fate::Fate;
use crate::repair::plan::{column, image_rows, texts};
use crate::rule::plan::ReadFrom;
use crate::run::Look;
use crate::side::Side;

/// What still diverges of the keys of a plan, by id.
pub type Diverging = HashMap<String, Still>;

pub struct Still {
    pub kind: String,
    /// The columns that differ; none where the whole row does.
    pub columns: Option<HashSet<String>>,
}

type Instead = Option<(Side, Arc<dyn TableProvider>)>;

/// The images before and after, where a row was really changed.
pub type Real = (Option<Image>, Option<Image>);

pub async fn diverging(look: &Look, work: &Work<'_>, instead: Instead) -> Result<Diverging> {
    let keys = look.keys(std::slice::from_ref(&work.actions.key)).await?;
    let mut diverging = Diverging::new();
    for batch in look.divergences(keys.as_ref(), instead).await? {
        let (ids, kinds) = (texts(&batch, "divergence_id")?, texts(&batch, "kind")?);
        let changed = column(&batch, "changed_columns")?.as_list::<i32>();
        for row in 0..batch.num_rows() {
            let columns = match changed.is_valid(row) {
                true => {
                    let names = cast(&changed.value(row), &DataType::Utf8)?;
                    Some(names.as_string::<i32>().iter().flatten().map(String::from).collect())
                }
                false => None,
            };
            diverging.insert(ids.value(row).to_string(), Still { kind: kinds.value(row).to_string(), columns });
        }
    }
    Ok(diverging)
}

/// By action, whether both sides agree on it. What is put back is not to agree: of it, nothing is told. `real` is empty where
/// nothing but what was set can have changed.
pub async fn by_looking(
    look: &Look,
    work: &Work<'_>,
    instead: Instead,
    fates: &[Fate],
    real: &[Real],
) -> Result<Vec<Option<bool>>> {
    if work.manifest.reverts.is_some() || fates.iter().all(|fate| !fate.is_good()) {
        return Ok(vec![None; fates.len()]);
    }
    let diverging = diverging(look, work, instead).await?;
    let side = super::side_of(work.manifest)?;
    let names: Vec<Option<String>> =
        work.manifest.columns.iter().map(|stored| source_name(look, side, &stored.name)).collect();
    let agrees = |n: usize| {
        let action = &work.actions.actions[n];
        match diverging.get(&action.divergence_id) {
            None => true,
            // Another plan may have to mend the other columns; not those that the database moved with ours.
            Some(Still { columns: Some(columns), .. }) if action.change == Change::Update => {
                let moved = real.get(n).into_iter().flat_map(moved);
                let mut places = action.set.iter().copied().chain(moved);
                !places.any(|place| names.get(place).into_iter().flatten().any(|name| columns.contains(name)))
            }
            Some(_) => false,
        }
    };
    Ok((0..fates.len()).map(|n| fates[n].is_good().then(|| agrees(n))).collect())
}

/// Columns whose values are others after a change, by their places: those that were set, and those of a trigger or that are
/// generated.
fn moved((before, after): &Real) -> Vec<usize> {
    let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
    (0..after.len()).filter(|n| before.get(*n) != after.get(*n)).collect()
}

fn source_name(look: &Look, side: Side, stored: &str) -> Option<String> {
    let columns = look.plan.key.iter().chain(&look.plan.values);
    let mut columns =
        columns.filter(|column| matches!(&column.read.get(side).from, ReadFrom::Column(name) if name == stored));
    columns.next().map(|column| column.name.clone())
}

/// The rows under the keys of a plan as they would be: those that the transaction has not touched, and those that it has, as it sees them.
pub async fn rehearsed(
    look: &Look,
    work: &Work<'_>,
    side: Side,
    opened: &Arc<Opened>,
    rows: &Rows<'_>,
    real: &[Real],
    writer: &mut dyn Writer,
) -> Result<Arc<dyn TableProvider>> {
    let schema = opened.table.schema();
    let keys = look.keys(std::slice::from_ref(&work.actions.key)).await?;
    let raw = |name: &str| format!("#raw {name}");
    let address: Vec<&str> = rows.address.iter().map(|n| rows.writable.columns[*n].name.as_str()).collect();
    let carried = schema.fields().iter().map(|field| (field.name().clone(), raw(field.name())));
    let carried = carried.chain(address.iter().map(|name| (image_name(name), image_name(name)))).collect();
    let there = look.rows(side, keys.as_ref(), Some(rows.writable), carried, false).await?;
    let at = |image: &Image| -> Vec<Option<String>> { rows.address.iter().map(|n| image[*n].clone()).collect() };
    let mut touched: Vec<Vec<Option<String>>> =
        real.iter().flat_map(|(before, after)| [before.as_ref(), after.as_ref()]).flatten().map(at).collect();
    touched.sort();
    touched.dedup();
    let seen: HashSet<&Vec<Option<String>>> = touched.iter().collect();
    let mut batches = Vec::new();
    for batch in &there {
        let images = address.iter().map(|name| Ok((name.to_string(), column(batch, &image_name(name))?.clone())));
        let images = RecordBatch::try_from_iter(images.collect::<Result<Vec<_>>>()?)?;
        let images = RecordBatch::try_new(
            Arc::new(datafusion::arrow::datatypes::Schema::new(
                images
                    .schema()
                    .fields()
                    .iter()
                    .map(|f| f.as_ref().clone().with_data_type(DataType::Utf8).with_nullable(true))
                    .collect::<Vec<_>>(),
            )),
            images.columns().iter().map(|column| Ok(cast(column, &DataType::Utf8)?)).collect::<Result<Vec<_>>>()?,
        )?;
        let untouched: BooleanArray = image_rows(&images)?.iter().map(|at| Some(!seen.contains(at))).collect();
        let columns =
            schema.fields().iter().map(|field| Ok(cast(column(batch, &raw(field.name()))?, field.data_type())?));
        let own = RecordBatch::try_new(nullable(&schema), columns.collect::<Result<Vec<_>>>()?)?;
        batches.push(filter_record_batch(&own, &untouched)?);
    }
    if !touched.is_empty() {
        for some in touched.chunks(1000) {
            let now = writer.typed(rows.address, some).await.map_err(told)?;
            batches.push(RecordBatch::try_new(nullable(&schema), now.columns().to_vec())?);
        }
    }
    let all = concat_batches(&nullable(&schema), &batches)?;
    let table = MemTable::try_new(all.schema(), vec![vec![all]])
        .map_err(|error| Error::new(ErrorKind::Internal, "what was rehearsed cannot be read").source(error))?;
    Ok(Arc::new(table))
}

fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(datafusion::arrow::datatypes::Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        schema.metadata().clone(),
    ))
}
