//! What is told of plans: one in full, all of them, and the whole story of a row.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;
use serde::Serialize;

use crate::dataset::spoken;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Entry;
use crate::repair::action::{Action, Actions, change_word, from_parquet};
use crate::repair::apply::key_of;
use crate::repair::manifest::Manifest;
use crate::repair::plans::{Found, Plans};

/// A plan in full. Its JSON is a contract (docs/reference, page "Repair"), as is that of all that follows.
#[derive(Debug, Serialize)]
pub struct PlanShown {
    pub plan: String,
    pub state: String,
    #[serde(flatten)]
    pub manifest: Manifest,
    pub approvals: Vec<Approval>,
    /// The first actions; those that are refused are at the end of a plan.
    pub actions: Vec<ActionShown>,
    /// Why actions are refused, with how many.
    pub refused: BTreeMap<String, u64>,
    /// What has the same effect on the first rows, in the database's own words; none of files.
    pub statements: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Approval {
    pub approver: String,
    pub at: DateTime<Utc>,
    pub expires: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
pub struct ActionShown {
    pub divergence_id: String,
    pub kind: &'static str,
    pub action: &'static str,
    pub key: BTreeMap<String, Option<String>>,
    /// Columns that are written: what is there, and what is to be.
    pub changes: Vec<CellShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A cell as its image: a text in the system's own notation; of files, as text.
#[derive(Debug, Serialize)]
pub struct CellShown {
    pub column: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// One line of the list of plans.
#[derive(Debug, Serialize)]
pub struct PlanLine {
    pub plan: String,
    pub rule: String,
    pub side: String,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub state: String,
    pub actions: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
}

/// What happened to a plan, or to a row, in its order.
#[derive(Debug, Serialize)]
pub struct Story {
    /// A plan's digest, or a divergence's id.
    pub of: String,
    pub events: Vec<Told>,
}

#[derive(Debug, Serialize)]
pub struct Told {
    pub at: DateTime<Utc>,
    pub actor: String,
    pub entry: u64,
    pub plan: String,
    pub what: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<CellShown>,
}

pub async fn show(plans: &Plans, found: &Found, limit: usize) -> Result<PlanShown> {
    let manifest = plans.manifest(found).await?;
    let actions = plans.actions(found, &manifest).await?;
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    for why in actions.actions.iter().filter_map(|action| action.refused.clone()) {
        *refused.entry(why).or_default() += 1;
    }
    let open: Vec<usize> = (0..actions.len()).filter(|n| actions.actions[*n].refused.is_none()).take(limit).collect();
    let first: Vec<usize> = (0..actions.len()).take(limit).collect();
    Ok(PlanShown {
        plan: found.digest().into(),
        state: found.state().into(),
        approvals: found
            .approvals
            .iter()
            .map(|(_, one)| Approval { approver: one.approver.clone(), at: one.at, expires: one.expires })
            .collect(),
        actions: first.iter().map(|n| shown(&actions, *n)).collect::<Result<_>>()?,
        statements: match spoken(&manifest.connector) {
            Some(_) => super::export::statements(&manifest, &actions.take(&open)?)?,
            None => Vec::new(),
        },
        refused,
        manifest,
    })
}

fn shown(actions: &Actions, n: usize) -> Result<ActionShown> {
    let action = &actions.actions[n];
    Ok(ActionShown {
        divergence_id: action.divergence_id.clone(),
        kind: action.kind.as_str(),
        action: change_word(action.change),
        key: key_of(actions, n)?,
        changes: cells(actions, n),
        refused: action.refused.clone(),
    })
}

fn cells(actions: &Actions, n: usize) -> Vec<CellShown> {
    let action: &Action = &actions.actions[n];
    let columns: Vec<usize> = match action.set.is_empty() && action.has_before() && !action.has_after() {
        true => (0..actions.before.num_columns()).collect(),
        false => action.set.clone(),
    };
    let cell = |images: &RecordBatch, column: usize| {
        let cells = images.column(column);
        cells.is_valid(n).then(|| array_value_to_string(cells, n).unwrap_or_default())
    };
    columns
        .into_iter()
        .map(|column| CellShown {
            column: actions.before.schema().field(column).name().clone(),
            before: cell(&actions.before, column),
            after: if action.has_after() { cell(&actions.after, column) } else { None },
        })
        .collect()
}

/// All plans, the oldest first.
pub fn list(plans: &Plans) -> Vec<PlanLine> {
    let line = |found: &Found| PlanLine {
        plan: found.digest().into(),
        rule: found.planned.rule.clone(),
        side: found.planned.side.clone(),
        at: found.at,
        actor: found.actor.clone(),
        state: found.state().into(),
        actions: found.planned.actions,
        reverts: found.planned.reverts.clone(),
    };
    plans.plans.iter().map(line).collect()
}

/// The story of a plan, or of the divergence whose id begins so.
pub async fn story(plans: &Plans, text: &str, words: impl Fn(&Entry) -> String) -> Result<Story> {
    let wanted = text.to_lowercase();
    if let Ok(found) = plans.find(&wanted) {
        let told = |entry: &Entry| Told {
            at: entry.at,
            actor: entry.actor.clone(),
            entry: entry.number,
            plan: found.digest().into(),
            what: words(entry),
            changes: Vec::new(),
        };
        return Ok(Story { of: found.digest().into(), events: found.entries.iter().map(told).collect() });
    }
    if wanted.len() < 8 {
        plans.find(&wanted)?;
    }
    let (mut ids, mut events) = (std::collections::BTreeSet::new(), Vec::new());
    for found in &plans.plans {
        let manifest = plans.manifest(found).await?;
        let actions = plans.actions(found, &manifest).await?;
        for n in (0..actions.len()).filter(|n| actions.actions[*n].divergence_id.starts_with(&wanted)) {
            ids.insert(actions.actions[n].divergence_id.clone());
            events.extend(of_row(plans, found, &actions, n, &words).await?);
        }
    }
    match ids.len() {
        1 => {}
        0 => {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("no plan, and no row of a plan, begins with `{text}`"),
            )
            .hint("`tieout repair history` lists the plans"));
        }
        n => {
            return Err(
                Error::new(ErrorKind::Usage, format!("{n} rows begin with `{text}`")).hint("give more of the id")
            );
        }
    }
    events.sort_by_key(|told| told.entry);
    Ok(Story { of: ids.pop_first().unwrap_or_default(), events })
}

async fn of_row(
    plans: &Plans,
    found: &Found,
    actions: &Actions,
    n: usize,
    words: &impl Fn(&Entry) -> String,
) -> Result<Vec<Told>> {
    use crate::ledger::Event;
    let action = &actions.actions[n];
    let mut events = Vec::new();
    for entry in &found.entries {
        let (what, changes) = match &entry.event {
            Event::RepairPlanned(_) => {
                let refused = action.refused.as_ref().map(|why| format!(", refused: {why}")).unwrap_or_default();
                (format!("{} planned{refused}", change_word(action.change)), cells(actions, n))
            }
            Event::RepairApproved(_) => (words(entry), Vec::new()),
            Event::RepairFinished(finished) => {
                let table = from_parquet(plans.stored(&finished.file).await?)?;
                let text = |name: &str| {
                    let column = table.column_by_name(name)?.as_string_opt::<i32>()?;
                    (n < column.len() && column.is_valid(n)).then(|| column.value(n).to_string())
                };
                let why = text("why").map(|why| format!(": {why}")).unwrap_or_default();
                (format!("{} {}{why}", change_word(action.change), text("outcome").unwrap_or_default()), Vec::new())
            }
            _ => continue,
        };
        events.push(Told {
            at: entry.at,
            actor: entry.actor.clone(),
            entry: entry.number,
            plan: found.digest().into(),
            what,
            changes,
        });
    }
    Ok(events)
}
