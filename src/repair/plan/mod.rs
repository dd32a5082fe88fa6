//! Proposing plans: the divergences of a run, looked at again; which side is right; what is to be done to each row of the other side, in
//! which order, and who may allow it. -> [`Proposed`]

mod assign;
mod build;
mod choose;
mod order;
mod stake;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use datafusion::arrow::compute::{cast, concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use serde::Serialize;

use crate::dataset::{Change, Opened, Writable, WritableColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::ledger::{Event, RepairPlanned, actor};
use crate::project::model::{Authority, Decide, Project, Rule, RuleKind};
use crate::repair::action::{Action, Actions, to_parquet};
use crate::repair::manifest::{AtStake, Counts, Manifest, decimal, stored};
use crate::repair::plans::{Plans, place};
use crate::repair::policy::{Weighed, Whole, decide, misnamed};
use crate::run::{Look, RunOptions};
use crate::side::Side;
use assign::{Want, assign};
use build::Build;
use choose::{Chosen, choose};

pub use order::{Step, order};

/// What somebody wants to have repaired.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub rule: String,
    /// As much of the run's id as only that one has; none: the last run of the rule.
    pub run: Option<String>,
    /// SQL over the columns of the divergence table.
    pub condition: Option<String>,
    /// Empty: all.
    pub kinds: Vec<crate::verdict::Kind>,
    /// Which side is right, whatever the project says.
    pub authority: Option<Side>,
}

/// What came of it. Its JSON is a contract (docs/reference, page "Repair").
#[derive(Debug, Default, Serialize)]
pub struct Proposed {
    /// One a side that is to be changed.
    pub plans: Vec<Named>,
    /// Divergences that are gone by now.
    pub settled: u64,
    /// Divergences that are acknowledged, and so left alone.
    pub acknowledged: u64,
    /// Divergences of which nothing tells which side is right, by reason: a person must choose.
    pub undecided: BTreeMap<String, u64>,
}

/// A plan under its name.
#[derive(Debug, Clone, Serialize)]
pub struct Named {
    pub plan: String,
    #[serde(flatten)]
    pub manifest: Manifest,
}

/// Which of the actions go into a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    All,
    /// What the policy allows by itself in a plan of its own, all else in another.
    Apart,
}

/// Plans what is meant, and tells the ledger. Nothing of a user's data is changed.
pub async fn propose(project: &Project, past: &Past, ask: &Ask, part: Part, options: &RunOptions) -> Result<Proposed> {
    let known: Vec<&str> = project.rules.iter().map(|rule| rule.name.as_str()).collect();
    let Some(rule) = project.rules.iter().find(|rule| rule.name == ask.rule) else {
        past.rule(&ask.rule, &known)?;
        let error = Error::new(ErrorKind::NotFound, format!("the project has no rule `{}` any more", ask.rule));
        return Err(error.hint("a plan is made of the rule as it stands in the project"));
    };
    let authority = match (ask.authority, &rule.repair.authority) {
        (Some(side), _) => Authority::Side(side),
        (None, Some(authority)) => authority.clone(),
        (None, None) => {
            let error = Error::new(ErrorKind::Config, format!("nothing tells which side of `{}` is right", rule.name));
            return Err(error.hint(
                "add repair: {authority: source} to the rule, or give --authority source (the target is written then)",
            ));
        }
    };
    let Some(chosen) = choose(past, ask, &known).await? else { return Ok(Proposed::default()) };
    let mut proposed = Proposed { acknowledged: chosen.acknowledged, ..Proposed::default() };
    if chosen.rows.num_rows() == 0 {
        return Ok(proposed);
    }
    let look = Look::open(project, rule, &chosen.run_id, options).await?;
    let keys = look.keys(std::slice::from_ref(&chosen.rows)).await?;
    let found = still(&look, &keys, &chosen, ask).await?;
    proposed.settled = (chosen.ids.len() as u64).saturating_sub(found.num_rows() as u64);
    let assigned = assign(&look, &authority, &found).await?;
    proposed.undecided = assigned.undecided;
    let plans = Plans::of(past.results().located().clone()).await?;
    for side in Side::BOTH {
        let wants = assigned.written.get(side);
        if wants.is_empty() {
            continue;
        }
        let told = of_side(&look, rule, side, &keys, &found, wants).await;
        let (opened, writable, actions) =
            told.map_err(|error| error.context("side", side.as_str()).context("rule", rule.name.clone()))?;
        let names = source_names(&look, rule, side, &actions.before);
        if let Some((n, name, near)) = misnamed(&project.repair.policy, &rule.name, &names) {
            let error = Error::new(
                ErrorKind::Config,
                format!("policy {n} names the column `{name}`, and the table has `{near}`"),
            );
            return Err(error
                .context("rule", rule.name.clone())
                .hint("nothing is planned; write it as the source does, letter by letter"));
        }
        let table_rows = Some(*chosen.table_rows.get(side));
        let actions = weighed(project, rule, &look, side, actions, table_rows);
        let parts: Vec<Actions> = match part {
            Part::All => vec![actions],
            Part::Apart => apart(&actions)?,
        };
        for actions in parts.into_iter().filter(|actions| !actions.is_empty()) {
            let manifest = Draft {
                rule,
                run_id: &chosen.run_id,
                side,
                look: &look,
                opened: &opened,
                writable: &writable,
                authority: authority_words(&authority),
                table_rows,
                reverts: None,
            };
            proposed.plans.push(manifest.store(&plans, actions).await?);
        }
    }
    Ok(proposed)
}

/// What still diverges of what was chosen.
async fn still(
    look: &Look,
    keys: &Option<Arc<crate::engine::Diverged>>,
    chosen: &Chosen,
    ask: &Ask,
) -> Result<RecordBatch> {
    let found = concat_batches(&look.schema.schema, &look.divergences(keys.as_ref(), None).await?)?;
    let (ids, kinds) = (texts(&found, "divergence_id")?, texts(&found, "kind")?);
    let meant = |row: usize| {
        chosen.ids.contains(ids.value(row))
            && (ask.kinds.is_empty() || ask.kinds.iter().any(|kind| kind.as_str() == kinds.value(row)))
    };
    let mask: BooleanArray = (0..found.num_rows()).map(|row| Some(meant(row))).collect();
    Ok(filter_record_batch(&found, &mask)?)
}

async fn of_side(
    look: &Look,
    rule: &Rule,
    side: Side,
    keys: &Option<Arc<crate::engine::Diverged>>,
    found: &RecordBatch,
    wants: &[Want],
) -> Result<(Arc<Opened>, Writable, Actions)> {
    let opened = look.opened(side).await?;
    let writable = opened.writable().await?;
    address(&opened, &writable)?;
    let build = Build {
        look,
        side,
        opened: &opened,
        writable: &writable,
        keys: keys.as_ref(),
        found,
        wants,
        value: rule.repair.value.as_deref(),
    };
    let mut actions = build.actions().await?;
    ordered(&writable, &mut actions)?;
    Ok((opened, writable, actions))
}

/// The columns by which rows are found: of files, all.
pub fn address(opened: &Opened, writable: &Writable) -> Result<Vec<usize>> {
    if writable.in_files() {
        return Ok((0..writable.columns.len()).collect());
    }
    let best = writable.uniques.iter().max_by_key(|unique| (unique.never_null, unique.primary));
    best.map(|unique| unique.columns.clone()).ok_or_else(|| {
        let message = format!("the table {} has no unique key, so its rows cannot be told apart", writable.table);
        Error::new(ErrorKind::Config, message)
            .context("dataset", opened.name.clone())
            .hint("add a primary key or a unique index to it, or repair it by your own means")
    })
}

/// Puts the actions in the order in which they can be done; refuses what cannot.
pub fn ordered(writable: &Writable, actions: &mut Actions) -> Result<()> {
    // Files have no rules of their own, and are written in one step.
    if !writable.in_files() {
        in_steps(writable, actions)?;
    }
    let rank = |change: Change| match change {
        Change::Delete => 0,
        Change::Update => 1,
        Change::Insert => 2,
    };
    let mut numbers: Vec<usize> = (0..actions.len()).collect();
    numbers.sort_by_key(|n| {
        let action = &actions.actions[*n];
        (action.refused.is_some(), action.step, rank(action.change), action.set.clone(), *n)
    });
    *actions = actions.take(&numbers)?;
    Ok(())
}

fn in_steps(writable: &Writable, actions: &mut Actions) -> Result<()> {
    let (before, after) = (image_rows(&actions.before)?, image_rows(&actions.after)?);
    let open: Vec<usize> = (0..actions.len()).filter(|n| actions.actions[*n].refused.is_none()).collect();
    let step = |n: &usize| {
        let action = &actions.actions[*n];
        Step { before: action.has_before().then(|| &before[*n]), after: action.has_after().then(|| &after[*n]) }
    };
    let steps: Vec<Step<'_>> = open.iter().map(step).collect();
    for (n, told) in open.iter().zip(order(writable, &steps)) {
        match told {
            Ok(step) => actions.actions[*n].step = step,
            Err(why) => actions.actions[*n].refused = Some(why),
        }
    }
    Ok(())
}

/// Images as texts.
pub fn image_rows(images: &RecordBatch) -> Result<Vec<crate::dataset::Image>> {
    let columns = images.columns().iter().map(|column| {
        column
            .as_string_opt::<i32>()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "an image of a database is no text"))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let cell = |column: &&StringArray, row: usize| column.is_valid(row).then(|| column.value(row).to_string());
    Ok((0..images.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect())
}

/// What the policy says of each action.
fn weighed(
    project: &Project,
    rule: &Rule,
    look: &Look,
    side: Side,
    mut actions: Actions,
    table_rows: Option<u64>,
) -> Actions {
    let open = || actions.actions.iter().filter(|action| action.refused.is_none());
    let whole = Whole {
        rule: &rule.name,
        severity: rule.severity,
        actions: open().count() as u64,
        table_rows,
        value: open().map(|action| action.at_stake).sum::<Option<i128>>().map(|units| units as f64 / 1e9),
    };
    let names = source_names(look, rule, side, &actions.before);
    let all = look.plan.key.iter().chain(&look.plan.values);
    let computed: Vec<&str> = all
        .filter(|column| !matches!(column.read.get(side).from, crate::rule::plan::ReadFrom::Column(_)))
        .map(|column| column.name.as_str())
        .collect();
    let decided: Vec<(Decide, String)> = (0..actions.len())
        .map(|n| {
            let action = &actions.actions[n];
            let stored = touched(&actions, n).into_iter().map(|column| names[column].as_str());
            // What a computed column is made of goes with the row.
            let goes = action.change == Change::Delete;
            let columns = stored.chain(computed.iter().copied().filter(|_| goes)).collect();
            let decided = decide(&project.repair.policy, &whole, &Weighed { kind: action.kind, columns });
            (decided.decide, decided.why)
        })
        .collect();
    for (action, (decide, why)) in actions.actions.iter_mut().zip(decided) {
        action.decide = decide;
        action.reason = why;
    }
    actions
}

/// The strictest decision of today's policy on any action of a plan.
pub fn needed(
    project: &Project,
    rule: &Rule,
    look: &Look,
    side: Side,
    actions: &Actions,
    table_rows: Option<u64>,
) -> Decide {
    let actions = weighed(project, rule, look, side, actions.clone(), table_rows);
    let open = actions.actions.iter().filter(|action| action.refused.is_none());
    open.map(|action| action.decide).max().unwrap_or(Decide::Auto)
}

/// Columns that a value is written into, or taken out of.
fn touched(actions: &Actions, n: usize) -> Vec<usize> {
    let action = &actions.actions[n];
    let is = |images: &RecordBatch, column: usize| images.column(column).is_valid(n);
    match action.change {
        Change::Update => action.set.clone(),
        Change::Insert => action.set.iter().copied().filter(|column| is(&actions.after, *column)).collect(),
        Change::Delete => (0..actions.before.num_columns()).filter(|column| is(&actions.before, *column)).collect(),
    }
}

/// The columns of the table by the names that the source has for them, whether they are compared or not.
fn source_names(look: &Look, rule: &Rule, side: Side, images: &RecordBatch) -> Vec<String> {
    let columns = || look.plan.key.iter().chain(&look.plan.values);
    let mapped = |stored: &String| match (&rule.kind, side) {
        (RuleKind::Match(matching), Side::Target) => matching.map.get(stored).cloned(),
        _ => None,
    };
    let name = |stored: &String| {
        let of = |column: &&crate::rule::plan::ColumnPlan| matches!(&column.read.get(side).from, crate::rule::plan::ReadFrom::Column(name) if name == stored);
        let compared = columns().find(of).map(|column| column.name.clone());
        compared.or_else(|| mapped(stored)).unwrap_or_else(|| stored.clone())
    };
    images.schema().fields().iter().map(|field| name(field.name())).collect()
}

/// What the policy allows by itself, and all else. What waits for an action of the other part goes with it.
fn apart(actions: &Actions) -> Result<Vec<Actions>> {
    let by_itself = |action: &Action| action.refused.is_none() && action.decide == Decide::Auto && action.step == 0;
    let (auto, rest): (Vec<usize>, Vec<usize>) = (0..actions.len()).partition(|n| by_itself(&actions.actions[*n]));
    Ok(vec![actions.take(&auto)?, actions.take(&rest)?])
}

fn authority_words(authority: &Authority) -> String {
    match authority {
        Authority::Side(side) => side.to_string(),
        Authority::Newer { column, missing: None } => format!("newer by {column}"),
        Authority::Newer { column, missing: Some(side) } => format!("newer by {column}; of missing rows, {side}"),
        Authority::Sql(fragment) => fragment.sql.trim().to_string(),
        Authority::Columns { otherwise, columns } => {
            let columns = columns.iter().map(|(name, side)| format!("{name}: {side}"));
            let rest = otherwise.iter().map(|side| format!("otherwise {side}"));
            columns.chain(rest).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A plan before it has a name.
pub struct Draft<'a> {
    pub rule: &'a Rule,
    pub run_id: &'a str,
    pub side: Side,
    pub look: &'a Look,
    pub opened: &'a Opened,
    pub writable: &'a Writable,
    pub authority: String,
    pub table_rows: Option<u64>,
    pub reverts: Option<String>,
}

impl Draft<'_> {
    /// Puts it where plans are, then tells the ledger: only then it is a plan.
    pub async fn store(self, plans: &Plans, mut actions: Actions) -> Result<Named> {
        // What nobody may do is not done.
        for action in actions.actions.iter_mut().filter(|action| action.decide == Decide::Never) {
            action.refused.get_or_insert_with(|| action.reason.clone());
        }
        let table = to_parquet(&actions.table()?)?;
        let open = || actions.actions.iter().filter(|action| action.refused.is_none());
        let count = |change: Change| open().filter(|action| action.change == change).count() as u64;
        let mut why: Vec<String> = open().map(|action| action.reason.clone()).collect();
        why.sort();
        why.dedup();
        let sum = open().map(|action| action.at_stake).sum::<Option<i128>>().map(decimal);
        let inputs = self.look.inputs().await?;
        let address = address(self.opened, self.writable)?;
        let name = |n: &usize| self.writable.columns[*n].name.clone();
        let named = |is: &dyn Fn(&WritableColumn) -> bool| -> Vec<String> {
            self.writable.columns.iter().filter(|column| is(column)).map(|column| column.name.clone()).collect()
        };
        let manifest = Manifest {
            version: Manifest::version(),
            rule: self.rule.name.clone(),
            rule_version: self.rule.version.clone(),
            run_id: self.run_id.to_string(),
            planned_at: Utc::now(),
            proposed_by: actor(),
            side: self.side.to_string(),
            dataset: self.look.datasets.get(self.side).clone(),
            connector: self.opened.connector.to_string(),
            table: what(self.opened, self.writable),
            named: self.writable.table.clone(),
            fixed: named(&|column| column.fixed.is_some()),
            touched: named(&|column| column.touched),
            columns: stored(self.writable),
            address: address.iter().map(name).collect(),
            authority: self.authority,
            table_rows: self.table_rows,
            counts: Counts {
                insert: count(Change::Insert),
                update: count(Change::Update),
                delete: count(Change::Delete),
                refused: actions.actions.iter().filter(|action| action.refused.is_some()).count() as u64,
            },
            at_stake: self.rule.repair.value.clone().map(|column| AtStake { column, sum }),
            decide: open().map(|action| action.decide).max().unwrap_or(Decide::Never),
            why,
            notes: notes(self.writable, &actions),
            triggers: self.writable.triggers.clone(),
            reverts: self.reverts.clone(),
            source_inputs: inputs.source,
            target_inputs: inputs.target,
            actions: crate::ledger::sha256(&table),
        };
        let (bytes, plan) = manifest.encode()?;
        let rows = actions.len() as u64;
        let mut head = plans.ledger.begin(&format!("{}/{}", crate::divergence::UNFINISHED, &plan[..32])).await?;
        let event = RepairPlanned {
            plan: plan.clone(),
            rule: manifest.rule.clone(),
            run_id: manifest.run_id.clone(),
            side: manifest.side.clone(),
            dataset: manifest.dataset.clone(),
            actions: manifest.counts.all(),
            reverts: self.reverts,
            table: plans.write(&place(&plan, "actions.parquet"), table, rows).await?,
            manifest: plans.write(&place(&plan, "plan.json"), bytes, 1).await?,
        };
        plans.ledger.append(&mut head, Event::RepairPlanned(event), |_| Ok(())).await?;
        Ok(Named { plan, manifest })
    }
}

/// What is behind the dataset, in words.
pub fn what(opened: &Opened, writable: &Writable) -> String {
    match writable.in_files() {
        true => writable.table.clone(),
        false => opened.inputs.first().map_or_else(String::new, |input| input.url.clone()),
    }
}

/// What somebody who allows the plan should know.
fn notes(writable: &Writable, actions: &Actions) -> Vec<String> {
    let mut notes = Vec::new();
    if !writable.triggers.is_empty() {
        notes.push(format!(
            "triggers run on the table ({}): what they do elsewhere is neither shown here nor taken back by a revert",
            writable.triggers.join(", ")
        ));
    }
    let inserts =
        || actions.actions.iter().filter(|action| action.change == Change::Insert && action.refused.is_none());
    let left = |n: &usize| writable.columns[*n].generated.is_none() && inserts().any(|action| !action.set.contains(n));
    let left: Vec<usize> = (0..writable.columns.len()).filter(left).collect();
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|n| writable.columns[*n].name.as_str()).collect();
        notes.push(format!("in new rows, {} get what the table gives by itself, or NULL", names.join(", ")));
    }
    notes
}

/// A column of a batch.
pub fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| {
        Error::new(ErrorKind::Changed, format!("there is no column {name:?} any more"))
            .hint("run the rule again, and plan then")
    })
}

pub fn texts(batch: &RecordBatch, name: &str) -> Result<StringArray> {
    Ok(cast(column(batch, name)?, &DataType::Utf8)?.as_string::<i32>().clone())
}
