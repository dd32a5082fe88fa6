//! Carrying out a plan on a table of a database.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::dataset::{Change, Image, Opened, Writable, WriteLimits, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Connector, Database};
use crate::repair::action::{Action, Actions, from_parquet};
use crate::repair::apply::batch::{Came as BatchCame, Intent, Intents, Rows};
use crate::repair::apply::carry::{Carrier, Connect, Pace, Witness, rehearse, told};
use crate::repair::apply::fate::{self, Changed, Fate};
use crate::repair::apply::{Came, Telling, Work, verify};
use crate::repair::plan::image_rows;
use crate::repair::plans::{Found, Plans};
use crate::run::Look;

type Images = Vec<Option<Image>>;

/// By action.
type Real = Vec<verify::Real>;

struct Connecting<'a> {
    opened: &'a Opened,
    database: &'a Database,
    writable: &'a Writable,
    limits: WriteLimits,
}

#[async_trait]
impl Connect for Connecting<'_> {
    async fn connect(&self) -> Result<Box<dyn Writer>> {
        let table = self.opened.database().ok_or_else(|| Error::new(ErrorKind::Internal, "files have no writer"))?;
        table.writer(self.database, self.writable, self.limits).await
    }
}

struct Told<'a, 'b> {
    telling: &'a mut Telling<'b>,
}

impl Told<'_, '_> {
    async fn told(&mut self, rows: &Rows<'_>, came: &BatchCame, fates: Vec<Fate>) -> Result<()> {
        let numbers: Vec<usize> = came.changed.iter().map(|(n, _)| *n).collect();
        let actions: Vec<&Action> = numbers.iter().map(|n| &rows.actions[*n]).collect();
        let before = images(rows.writable, came.changed.iter().map(|(_, intent)| intent.before.as_ref()))?;
        let after = images(rows.writable, came.changed.iter().map(|(_, intent)| intent.after.as_ref()))?;
        let verified = vec![None; numbers.len()];
        self.telling.batch(&fate::table(&actions, &numbers, &before, &after, &fates, &verified)?).await
    }
}

#[async_trait]
impl Witness for Told<'_, '_> {
    async fn tell(&mut self, rows: &Rows<'_>, came: &BatchCame) -> Result<()> {
        self.told(rows, came, vec![Fate::Applied; came.changed.len()]).await
    }

    async fn take_back(&mut self, rows: &Rows<'_>, came: &BatchCame, why: &str) -> Result<()> {
        self.told(rows, came, vec![Fate::Failed(why.to_string()); came.changed.len()]).await
    }
}

pub async fn carry_out(
    work: &Work<'_>,
    look: &Look,
    opened: &Arc<Opened>,
    writable: &Writable,
    telling: Option<&mut Telling<'_>>,
) -> Result<Came> {
    let Work { manifest, actions, manner, .. } = work;
    let address = places(writable, &manifest.address)?;
    let dataset = work.project.datasets.iter().find(|dataset| dataset.name == manifest.dataset);
    let Some(Connector::Database(database)) = dataset.map(|dataset| &dataset.connector) else {
        let message = format!("the dataset `{}` is in no database any more", manifest.dataset);
        return Err(Error::new(ErrorKind::Changed, message).hint("plan anew"));
    };
    let limits = WriteLimits { lock_timeout: manner.lock_timeout, statement_timeout: manner.statement_timeout };
    let connecting = Connecting { opened, database, writable, limits };
    let rows = Rows {
        writable,
        address: &address,
        actions: &actions.actions,
        before: image_rows(&actions.before)?,
        after: image_rows(&actions.after)?,
    };
    let intents = intents(work.plans, work.found, actions).await?;
    let mut fates: Vec<Option<Fate>> =
        actions.actions.iter().map(|action| action.refused.clone().map(Fate::Refused)).collect();
    // A new row that the database gives its key could be put there twice.
    if manifest.reverts.is_none() {
        settle(look, work, &rows, &intents, &mut fates).await?;
    }
    let numbers: Vec<usize> = (0..fates.len()).filter(|n| fates[*n].is_none()).collect();
    let real: Real = vec![(None, None); fates.len()];
    let (fates, real, verified, inputs) = match telling {
        Some(telling) => {
            let pace = Pace {
                batch_rows: manner.batch_rows,
                rows_per_second: manner.rows_per_second,
                until: manner.max_time.and_then(|time| Instant::now().checked_add(time)),
            };
            let mut witness = Told { telling };
            let mut carrier = Carrier { rows, connect: &connecting, witness: &mut witness, pace, intents, fates, real };
            // The snapshot that was read in is not kept open while others are at work.
            work.options.databases.close().await;
            carrier.run(&numbers).await?;
            let (fates, real) = (ended(carrier.fates), carrier.real);
            work.options.databases.close().await;
            let later = Look::open(work.project, work.rule, &manifest.run_id, work.options).await?;
            let verified = verify::by_looking(&later, work, None, &fates, &real).await?;
            (fates, real, verified, later.inputs().await?)
        }
        None => {
            let (mut fates, mut real) = (fates, real);
            let mut writer = connecting.connect().await?;
            rehearse(&rows, writer.as_mut(), &numbers, manner.batch_rows, &mut fates, &mut real).await?;
            let fates = ended(fates);
            let side = super::side_of(manifest)?;
            let table = verify::rehearsed(look, work, side, opened, &rows, &real, writer.as_mut()).await?;
            writer.rollback().await.map_err(told)?;
            writer.close().await;
            let verified = verify::by_looking(look, work, Some((side, table)), &fates, &real).await?;
            (fates, real, verified, look.inputs().await?)
        }
    };
    let (before, after) = as_planned(work, real)?;
    Ok(Came {
        before: images(writable, before.iter().map(Option::as_ref))?,
        after: images(writable, after.iter().map(Option::as_ref))?,
        fates,
        verified,
        inputs,
        files: Vec::new(),
    })
}

fn ended(fates: Vec<Option<Fate>>) -> Vec<Fate> {
    let ended = |fate: Option<Fate>| fate.unwrap_or_else(|| Fate::Left("it was not come to".into()));
    fates.into_iter().map(ended).collect()
}

/// What was really there, where a row was changed; else as planned.
fn as_planned(work: &Work<'_>, real: Real) -> Result<(Images, Images)> {
    let (before, after) = (image_rows(&work.actions.before)?, image_rows(&work.actions.after)?);
    let planned = before.into_iter().zip(after);
    let one = |(n, ((real_before, real_after), (before, after))): (usize, ((_, _), (Image, Image)))| {
        let action = &work.actions.actions[n];
        let (real_before, real_after): (Option<Image>, Option<Image>) = (real_before, real_after);
        match real_before.is_none() && real_after.is_none() {
            true => (action.has_before().then_some(before), action.has_after().then_some(after)),
            false => (real_before, real_after),
        }
    };
    Ok(real.into_iter().zip(planned).enumerate().map(one).unzip())
}

/// The columns of these names, by their places.
pub fn places(writable: &Writable, names: &[String]) -> Result<Vec<usize>> {
    let place = |name: &String| {
        writable.column(name).ok_or_else(|| Error::new(ErrorKind::Changed, format!("the table has no column {name:?}")))
    };
    names.iter().map(place).collect()
}

/// Images as a batch; NULL where there is no row.
pub fn images<'a>(writable: &Writable, rows: impl Iterator<Item = Option<&'a Image>>) -> Result<RecordBatch> {
    let rows: Vec<Option<&Image>> = rows.collect();
    let fields = writable.columns.iter().map(|column| {
        datafusion::arrow::datatypes::Field::new(&column.name, datafusion::arrow::datatypes::DataType::Utf8, true)
    });
    let schema = Arc::new(datafusion::arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    let column = |n: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.and_then(|image| image.get(n)?.as_deref())).collect::<StringArray>())
    };
    let columns = (0..writable.columns.len()).map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// What earlier attempts were about to make of the rows: of several, the last one.
pub async fn intents(plans: &Plans, found: &Found, actions: &Actions) -> Result<Intents> {
    let mut intents = Intents::new();
    for file in found.attempts.iter().flat_map(|attempt| &attempt.batches) {
        let table = from_parquet(plans.stored(file).await?)?;
        for n in fate::undone(&table)? {
            intents.remove(&n);
        }
        let changed = Changed::of_table(&table, actions)?;
        let (before, after) = (image_rows(&changed.before)?, image_rows(&changed.after)?);
        for ((n, before), after) in changed.numbers.into_iter().zip(before).zip(after) {
            let action = &actions.actions[n];
            let intent =
                Intent { before: action.has_before().then_some(before), after: action.has_after().then_some(after) };
            intents.insert(n, intent);
        }
    }
    Ok(intents)
}

/// New rows whose key the database gives are made only if what they were to mend still diverges.
async fn settle(
    look: &Look,
    work: &Work<'_>,
    rows: &Rows<'_>,
    intents: &Intents,
    fates: &mut [Option<Fate>],
) -> Result<()> {
    let unaddressed = |n: &usize| {
        let action = &rows.actions[*n];
        action.change == Change::Insert
            && fates[*n].is_none()
            && !rows.address.iter().all(|column| action.set.contains(column))
    };
    let numbers: Vec<usize> = (0..rows.actions.len()).filter(unaddressed).collect();
    if numbers.is_empty() {
        return Ok(());
    }
    let open = verify::diverging(look, work, None).await?;
    for n in numbers {
        let action = &rows.actions[n];
        match open.get(&action.divergence_id) {
            Some(still) if still.kind == action.kind.as_str() => {}
            Some(_) => fates[n] = Some(Fate::Stale("a row with its key is there by now, with other values".into())),
            None if intents.contains_key(&n) => fates[n] = Some(Fate::Applied),
            None => fates[n] = Some(Fate::Done),
        }
    }
    Ok(())
}
