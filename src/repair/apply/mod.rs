//! Carrying out a plan, and looking whether both sides agree then. The only place that changes a user's data. -> [`Applied`]

mod batch;
mod carry;
mod database;
mod fate;
mod files;
mod lock;
mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion::arrow::record_batch::RecordBatch;
use serde::Serialize;

use chrono::Utc;

use crate::dataset::{Input, Opened, Replaced, Writable};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Event, Head, RepairFinished, StoredFile};
use crate::project::model::{Decide, Project, Rule};
use crate::repair::action::{Action, Actions, to_parquet};
use crate::repair::approve::allowed;
use crate::repair::auto::by_itself;
use crate::repair::manifest::{Manifest, short};
use crate::repair::plan::{address, needed, what};
use crate::repair::plans::{Found, Plans, place};
use crate::run::{Look, RunOptions};
use crate::side::{BySide, Side};
use database::{images, intents};
pub use fate::{Changed, Fate};

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Everything is done in a transaction, looked at there, and rolled back.
    pub dry_run: bool,
    /// Rows a transaction.
    pub batch_rows: usize,
    pub rows_per_second: Option<u64>,
    /// No transaction is begun after that.
    pub max_time: Option<Duration>,
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    /// Outcomes of single rows that are told; never how many are done.
    pub limit: usize,
    /// The policy allows it without a person's word.
    pub auto: bool,
    /// A file is replaced by its corrected copy, where that is one step.
    pub in_place: bool,
    /// It takes back what was allowed, and was made just now of what was recorded.
    pub back: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            dry_run: false,
            batch_rows: 1000,
            rows_per_second: None,
            max_time: None,
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(60),
            limit: 20,
            auto: false,
            in_place: false,
            back: false,
        }
    }
}

/// What it came to. Its JSON is a contract (docs/reference, page "Repair").
#[derive(Debug, Serialize)]
pub struct Applied {
    pub plan: String,
    pub rule: String,
    pub side: String,
    pub dataset: String,
    pub dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
    /// What a reader should know, such as triggers that may have changed other rows.
    pub notes: Vec<String>,
    /// `repaired`, `partly` or `failed`; of a revert `reverted`, `partly` or `failed`.
    pub outcome: String,
    /// Files that were written anew, of a dataset of files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileWritten>,
    /// By fate: `applied`, `done`, `stale`, `failed`, `refused`, `left`.
    pub rows: BTreeMap<&'static str, u64>,
    /// Rows that were changed, and about which both sides disagree all the same.
    pub still_diverging: u64,
    /// The first of those that are not as wanted.
    pub unrepaired: Vec<Unrepaired>,
    /// Rows of the table of outcomes, below the output; none of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// A file that was written anew, or of a dry run would be.
#[derive(Debug, Serialize)]
pub struct FileWritten {
    /// The original; none of a file that is new.
    pub file: Option<String>,
    /// The corrected copy; none of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// Whether the original was replaced by it.
    pub in_place: bool,
    /// All rows of the copy, and those that were changed, deleted and inserted; none where it is put back as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<u64>,
}

/// A row that is not as wanted.
#[derive(Debug, Serialize)]
pub struct Unrepaired {
    pub divergence_id: String,
    pub action: &'static str,
    /// By name.
    pub key: BTreeMap<String, Option<String>>,
    #[serde(flatten)]
    pub fate: Fate,
}

impl Applied {
    /// Whether nothing is left unrepaired.
    pub fn is_whole(&self) -> bool {
        matches!(self.outcome.as_str(), "repaired" | "reverted")
    }
}

/// What all of it needs.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    pub project: &'a Project,
    pub rule: &'a Rule,
    pub plans: &'a Plans,
    pub found: &'a Found,
    pub manifest: &'a Manifest,
    pub actions: &'a Actions,
    pub manner: &'a Manner,
    pub options: &'a RunOptions,
}

/// What became of each action.
pub struct Came {
    pub fates: Vec<Fate>,
    /// Images as they really were, where a row was changed; else as planned.
    pub before: RecordBatch,
    pub after: RecordBatch,
    /// Whether both sides agree on it by now; none where that was not looked at.
    pub verified: Vec<Option<bool>>,
    pub inputs: BySide<Vec<Input>>,
    pub files: Vec<FileWritten>,
}

/// Carries out a plan. Whether it is allowed is asked before.
pub async fn apply(work: &Work<'_>) -> Result<Applied> {
    let _lock = lock::take(work.found)?;
    // What stands in the ledger by now: another process may just have come to its end.
    let plans = Plans::of(work.plans.located.clone()).await?;
    let found = plans.find(work.found.digest())?;
    lock::check_elsewhere(&plans, found)?;
    let work = &Work { plans: &plans, found, ..*work };
    let Work { manifest, actions, manner, .. } = work;
    let look = Look::open(work.project, work.rule, &manifest.run_id, work.options).await?;
    let side = side_of(manifest)?;
    let opened = look.opened(side).await?;
    let writable = opened.writable().await?;
    check(manifest, actions, &opened, &writable)?;
    if manner.in_place && !manner.back && !writable.in_files() {
        return Err(Error::new(ErrorKind::Usage, "rows of a database are always changed where they are")
            .context("flag", "--in-place")
            .hint("leave it out: it is for files, of which copies are written"));
    }
    let needed = needed(work.project, work.rule, &look, side, actions, manifest.table_rows);
    // What is rolled back needs nobody's word; whether a way back may be gone was asked by who made it.
    if !manner.dry_run && !manner.back {
        allowed(work.project, found, manifest, needed, (Utc::now(), plans.taken_back(found.digest())))?;
    }
    let auto = needed.max(manifest.decide) == Decide::Auto && !manner.back;
    let most = work.project.repair.limits.rows_per_day;
    if auto && !manner.dry_run && by_itself(&plans).saturating_add(manifest.counts.all()) > most {
        let message = format!("{most} rows may be changed without a person's word in 24 hours, and this would be more");
        return Err(Error::new(ErrorKind::Permission, message)
            .context("plan", short(found.digest()).to_string())
            .hint("nothing was changed; apply it later, or raise repair: limits: {rows_per_day: ...}"));
    }
    let manner = &Manner { auto, ..(*manner).clone() };
    let work = &Work { manner, ..*work };
    let way = match writable.in_files() {
        true => Some(files::ready(work, &look, &opened).await?),
        false => None,
    };
    let mut attempt = match manner.dry_run {
        true => None,
        false => Some(Telling::begin(work).await?),
    };
    let came = match way {
        Some(way) => files::carry_out(work, &look, &opened, way, attempt.as_mut()).await?,
        None => database::carry_out(work, &look, &opened, &writable, attempt.as_mut()).await?,
    };
    let outcome = outcome_of(work, &came);
    let table = match &mut attempt {
        Some(attempt) => Some(attempt.finish(work, &came, &outcome).await?),
        None => None,
    };
    let mut rows: BTreeMap<&'static str, u64> = BTreeMap::new();
    came.fates.iter().for_each(|fate| *rows.entry(fate.word()).or_default() += 1);
    let still = (0..actions.len()).filter(|n| came.fates[*n].is_good() && came.verified[*n] == Some(false));
    let unrepaired = unrepaired(actions, &came, manner.limit)?;
    Ok(Applied {
        plan: work.found.digest().to_string(),
        rule: manifest.rule.clone(),
        side: manifest.side.clone(),
        dataset: manifest.dataset.clone(),
        dry_run: manner.dry_run,
        reverts: manifest.reverts.clone(),
        notes: manifest.notes.clone(),
        outcome,
        files: came.files,
        rows,
        still_diverging: still.count() as u64,
        unrepaired,
        table,
    })
}

pub fn side_of(manifest: &Manifest) -> Result<Side> {
    Side::BOTH.into_iter().find(|side| side.as_str() == manifest.side).ok_or_else(|| {
        Error::new(ErrorKind::Data, format!("a plan changes the side `{}`, which is none", manifest.side))
    })
}

/// The table must be what the plan was made for.
fn check(manifest: &Manifest, actions: &Actions, opened: &Opened, writable: &Writable) -> Result<()> {
    manifest.check_table(writable)?;
    let names =
        |columns: &[usize]| -> Vec<String> { columns.iter().map(|n| writable.columns[*n].name.clone()).collect() };
    let now = names(&address(opened, writable)?);
    let behind = what(opened, writable);
    let of_table = || writable.uniques.iter().any(|unique| names(&unique.columns) == manifest.address);
    let there = now == manifest.address || of_table();
    let changed = |what: String| {
        Error::new(ErrorKind::Changed, what)
            .context("dataset", manifest.dataset.clone())
            .hint("nothing was changed; run the rule again and plan anew")
    };
    if !there {
        let (was, is) = (manifest.address.join(", "), now.join(", "));
        return Err(changed(format!(
            "the table's unique key changed since the plan was made: it was ({was}), and is ({is})"
        )));
    }
    if behind != manifest.table || opened.connector != manifest.connector {
        return Err(changed(format!("the plan was made for {}, and the dataset is {behind} by now", manifest.table)));
    }
    // What nobody who allowed it was told of.
    let open = actions.actions.iter().filter(|action| action.refused.is_none());
    if let Some(one) = open.filter_map(|action| writable.changed_with(action.change, &action.set)).next() {
        return Err(changed(format!(
            "rows of {} would change with those of the plan ({}), which could not be taken back: that was not so when the plan was made",
            one.table, one.constraint
        )));
    }
    if let Some(one) = writable.triggers.iter().find(|one| !manifest.triggers.contains(one)) {
        return Err(changed(format!("the trigger {one} runs on the table by now, and did not when the plan was made")));
    }
    Ok(())
}

fn outcome_of(work: &Work<'_>, came: &Came) -> String {
    let good = |n: &usize| came.fates[*n].is_good() && came.verified[*n] != Some(false);
    let good = (0..came.fates.len()).filter(good).count();
    match (good == came.fates.len(), good, work.manifest.reverts.is_some()) {
        (true, _, false) => "repaired",
        (true, _, true) => "reverted",
        (false, 0, _) => "failed",
        (false, ..) => "partly",
    }
    .to_string()
}

fn unrepaired(actions: &Actions, came: &Came, limit: usize) -> Result<Vec<Unrepaired>> {
    let bad = (0..actions.len()).filter(|n| !came.fates[*n].is_good() || came.verified[*n] == Some(false));
    bad.take(limit)
        .map(|n| {
            let fate = match &came.fates[n] {
                fate if fate.is_good() => Fate::Failed("both sides disagree about it all the same".into()),
                fate => fate.clone(),
            };
            let Action { divergence_id, change, .. } = &actions.actions[n];
            Ok(Unrepaired {
                divergence_id: divergence_id.clone(),
                action: crate::repair::action::change_word(*change),
                key: key_of(actions, n)?,
                fate,
            })
        })
        .collect()
}

/// The key of an action's row, by name.
pub fn key_of(actions: &Actions, n: usize) -> Result<BTreeMap<String, Option<String>>> {
    let fields = actions.key.schema();
    let cell = |(field, column): (&std::sync::Arc<datafusion::arrow::datatypes::Field>, _)| {
        let column: &datafusion::arrow::array::ArrayRef = column;
        let text = match column.is_null(n) {
            true => None,
            false => Some(datafusion::arrow::util::display::array_value_to_string(column, n)?),
        };
        Ok((field.name().clone(), text))
    };
    fields.fields().iter().zip(actions.key.columns()).map(cell).collect()
}

/// What an attempt tells the ledger.
pub struct Telling<'a> {
    plans: &'a Plans,
    plan: String,
    pub attempt: String,
    head: Head,
    batches: usize,
}

impl<'a> Telling<'a> {
    async fn begin(work: &Work<'a>) -> Result<Self> {
        let plan = work.found.digest().to_string();
        let attempt = uuid::Uuid::now_v7().to_string();
        let mut head = work.plans.ledger.head().await?;
        let event = Event::RepairStarted { attempt: attempt.clone(), plan: plan.clone(), auto: work.manner.auto };
        // Somebody elsewhere may begin at the same moment: who comes second in the ledger gives way.
        let own = plan.clone();
        let seen = |entry: &crate::ledger::Entry| match &entry.event {
            Event::RepairStarted { plan, .. } if *plan == own => Err(lock::at_work(plan)),
            _ => Ok(()),
        };
        work.plans.ledger.append(&mut head, event, seen).await?;
        Ok(Self { plans: work.plans, plan, attempt, head, batches: 0 })
    }

    /// Where a file of the attempt is, below the output.
    fn place(&self, file: &str) -> String {
        place(&self.plan, &format!("attempt={}/{file}", self.attempt))
    }

    /// What a batch is about to come to.
    pub async fn batch(&mut self, table: &RecordBatch) -> Result<()> {
        self.tell(table, Vec::new(), None).await
    }

    /// The same, with files that were written, and one that is replaced after it.
    async fn tell(&mut self, table: &RecordBatch, files: Vec<StoredFile>, replaced: Option<Replaced>) -> Result<()> {
        self.batches += 1;
        let path = self.place(&format!("batch-{}.parquet", self.batches));
        let file = self.plans.write(&path, to_parquet(table)?, table.num_rows() as u64).await?;
        let (attempt, plan) = (self.attempt.clone(), self.plan.clone());
        let event = Event::RepairBatch { attempt, plan, file, files, replaced };
        self.plans.ledger.append(&mut self.head, event, |_| Ok(())).await?;
        Ok(())
    }

    async fn finish(&mut self, work: &Work<'_>, came: &Came, outcome: &str) -> Result<String> {
        let actions: Vec<&Action> = work.actions.actions.iter().collect();
        let numbers: Vec<usize> = (0..actions.len()).collect();
        let table = fate::table(&actions, &numbers, &came.before, &came.after, &came.fates, &came.verified)?;
        let path = self.place("outcome.parquet");
        let file = self.plans.write(&path, to_parquet(&table)?, table.num_rows() as u64).await?;
        let count = |word: &str| came.fates.iter().filter(|fate| fate.word() == word).count() as u64;
        let finished = RepairFinished {
            attempt: self.attempt.clone(),
            plan: self.plan.clone(),
            outcome: outcome.to_string(),
            applied: count("applied"),
            done: count("done"),
            stale: count("stale"),
            failed: came.fates.len() as u64 - count("applied") - count("done") - count("stale"),
            source_inputs: came.inputs.source.clone(),
            target_inputs: came.inputs.target.clone(),
            file,
        };
        self.plans.ledger.append(&mut self.head, Event::RepairFinished(finished), |_| Ok(())).await?;
        Ok(path)
    }
}

/// What a plan has changed, by the number of the action, with the images that were really there.
pub async fn changed(plans: &Plans, found: &Found, actions: &Actions, writable: &Writable) -> Result<Changed> {
    if writable.in_files() {
        return files::changed(plans, found, actions).await;
    }
    let intents = intents(plans, found, actions).await?;
    let mut numbers: Vec<usize> = intents.keys().copied().collect();
    numbers.sort_unstable();
    let before = images(writable, numbers.iter().map(|n| intents[n].before.as_ref()))?;
    let after = images(writable, numbers.iter().map(|n| intents[n].after.as_ref()))?;
    Ok(Changed { numbers, before, after })
}

/// The rule of a plan, which must still be the one that it was made for; where the way `back` is gone, it may have changed.
pub fn of_rule<'a>(project: &'a Project, manifest: &Manifest, plan: &str, back: bool) -> Result<&'a Rule> {
    let rule = project.rules.iter().find(|rule| rule.name == manifest.rule).ok_or_else(|| {
        Error::new(ErrorKind::Changed, format!("the project has no rule `{}` any more", manifest.rule))
            .context("plan", short(plan).to_string())
    })?;
    // What is put back is not the rule's.
    if rule.version != manifest.rule_version && manifest.reverts.is_none() && !back {
        let error = Error::new(ErrorKind::Changed, format!("the rule `{}` changed since the plan was made", rule.name));
        return Err(error.context("plan", short(plan).to_string()).hint("run the rule again and plan anew"));
    }
    Ok(rule)
}
