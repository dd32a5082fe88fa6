//! What somebody asked to be shown, as it is told: of a divergence, its cells as text and what changed between its sightings. The JSON is a
//! contract (docs/reference, page "History").

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use serde::Serialize;

use crate::error::Result;
use crate::history::{DivergenceShown, Found, RuleShown, RunShown, Said, Shown, Step};
use crate::report::divergences::Divergences;
use crate::report::value::{NULL, Values, quote};
use crate::side::{BySide, Side};

#[derive(Serialize)]
#[serde(tag = "shows", rename_all = "snake_case")]
pub enum ShownTold {
    Rule(Box<RuleShown>),
    Run(RunShown),
    Divergence(Box<DivergenceTold>),
}

/// One divergence: as it was last seen, and its life.
#[derive(Serialize)]
pub struct DivergenceTold {
    pub rule: String,
    pub divergence_id: String,
    pub kind: String,
    pub side: String,
    pub state: String,
    pub first_seen: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    pub runs_seen: u64,
    pub key: Vec<CellTold>,
    /// Of a `match` or `totals` rule: the compared columns.
    pub cells: Vec<PairTold>,
    pub changed_columns: Vec<String>,
    /// Of a `sql` rule: its own columns.
    pub columns: Vec<CellTold>,
    pub life: Vec<StepTold>,
    pub acknowledgements: Vec<Said>,
}

#[derive(Serialize)]
pub struct CellTold {
    pub column: String,
    /// None for NULL.
    pub value: Option<String>,
    /// For people: text in quotes.
    #[serde(skip)]
    pub literal: String,
}

#[derive(Serialize)]
pub struct PairTold {
    pub column: String,
    /// None for NULL, for what could not be read, and where no row stands.
    #[serde(flatten)]
    pub cells: BySide<Option<String>>,
    /// The text of cells that could not be read as their type.
    pub unreadable: BySide<Option<String>>,
    pub differs: bool,
    /// For people; empty where no row stands.
    #[serde(skip)]
    pub words: BySide<String>,
}

/// What one run found of it.
#[derive(Serialize)]
pub struct StepTold {
    pub run_id: String,
    pub started_at: DateTime<Utc>,
    /// `first_seen`, `seen`, `reopened` or `resolved`.
    pub found: &'static str,
    /// None where it was resolved.
    pub kind: Option<String>,
    /// Since it was seen before.
    pub changes: Vec<ChangeTold>,
}

/// A column of the divergence table whose cell is another; as literals, and none where there was no such column.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ChangeTold {
    pub column: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl ShownTold {
    pub fn of(shown: Shown) -> Result<Self> {
        Ok(match shown {
            Shown::Rule(rule) => ShownTold::Rule(rule),
            Shown::Run(run) => ShownTold::Run(run),
            Shown::Divergence(one) => ShownTold::Divergence(Box::new(divergence(*one)?)),
        })
    }
}

/// Columns that every divergence table begins with.
const HEAD: [&str; 4] = ["run_id", "divergence_id", "kind", "side"];

fn divergence(shown: DivergenceShown) -> Result<DivergenceTold> {
    let mut told = DivergenceTold {
        rule: shown.rule,
        divergence_id: shown.divergence_id,
        kind: String::new(),
        side: String::new(),
        state: shown.state,
        first_seen: shown.first_seen,
        last_seen: shown.first_seen,
        runs_seen: shown.runs_seen,
        key: Vec::new(),
        cells: Vec::new(),
        changed_columns: Vec::new(),
        columns: Vec::new(),
        life: life(&shown.life)?,
        acknowledgements: shown.acknowledgements,
    };
    let mut rows = shown.life.iter().filter_map(|step| match &step.found {
        Found::Seen(row) => Some((step, row)),
        Found::Resolved => None,
    });
    if let Some((step, row)) = rows.next_back() {
        told.last_seen = step.started_at;
        told.kind = text(row, "kind")?;
        told.side = text(row, "side")?;
        match row.column_by_name("changed_columns") {
            Some(_) => compared(&mut told, row)?,
            None => {
                let columns = cells(row, |name| !HEAD.contains(&name))?;
                (told.key, told.columns) = columns.into_iter().partition(|cell| step.key.contains(&cell.column));
            }
        }
    }
    Ok(told)
}

fn text(row: &RecordBatch, name: &str) -> Result<String> {
    Ok(match row.column_by_name(name) {
        Some(column) => cast(column, &DataType::Utf8)?.as_string::<i32>().value(0).to_string(),
        None => String::new(),
    })
}

fn cells(row: &RecordBatch, wanted: impl Fn(&str) -> bool) -> Result<Vec<CellTold>> {
    let mut cells = Vec::new();
    for (field, column) in row.schema().fields().iter().zip(row.columns()).filter(|(field, _)| wanted(field.name())) {
        let values = Values::new(column)?;
        cells.push(CellTold { column: field.name().clone(), value: values.text(0), literal: values.literal(0) });
    }
    Ok(cells)
}

/// Key and cells of a row that two sides were compared in.
fn compared(told: &mut DivergenceTold, row: &RecordBatch) -> Result<()> {
    let row_of = Divergences::new(row)?;
    told.changed_columns = row_of.changed(0)?;
    if told.kind == "schema_mismatch" {
        return Ok(());
    }
    let cell = |(name, values): &(&str, Values<'_>)| CellTold {
        column: name.to_string(),
        value: values.text(0),
        literal: values.literal(0),
    };
    told.key = row_of.key.iter().map(cell).collect();
    for (name, values) in &row_of.compared {
        let unreadable = BySide {
            source: row_of.unreadable_text(0, Side::Source, name)?,
            target: row_of.unreadable_text(0, Side::Target, name)?,
        };
        let (source, target) = row_of.cells(0, name, values)?;
        let literal = |side| match unreadable.get(side) {
            Some(text) => format!("unreadable {}", quote(text)),
            None => values.get(side).literal(0),
        };
        let words = match told.side.as_str() {
            "source" => BySide::new(literal(Side::Source), String::new()),
            "target" => BySide::new(String::new(), literal(Side::Target)),
            _ if told.changed_columns.iter().any(|changed| changed == name) => BySide::new(source, target),
            _ => BySide::from_fn(literal),
        };
        told.cells.push(PairTold {
            column: name.to_string(),
            cells: BySide::from_fn(|side| values.get(side).text(0)),
            unreadable,
            differs: told.changed_columns.iter().any(|changed| changed == name),
            words,
        });
    }
    Ok(())
}

fn life(steps: &[Step]) -> Result<Vec<StepTold>> {
    let mut told: Vec<StepTold> = Vec::new();
    let mut before: Option<&RecordBatch> = None;
    for step in steps {
        let (run_id, started_at) = (step.run_id.clone(), step.started_at);
        told.push(match &step.found {
            Found::Resolved => StepTold { run_id, started_at, found: "resolved", kind: None, changes: Vec::new() },
            Found::Seen(row) => {
                let found = match (before, told.last().map(|last| last.found)) {
                    (None, _) => "first_seen",
                    (Some(_), Some("resolved")) => "reopened",
                    (Some(_), _) => "seen",
                };
                let changes = before.map_or(Ok(Vec::new()), |before| changes(before, row, &step.key))?;
                before = Some(row);
                StepTold { run_id, started_at, found, kind: Some(text(row, "kind")?), changes }
            }
        });
    }
    Ok(told)
}

/// Of two sightings of one divergence, the cells that are not the same.
fn changes(before: &RecordBatch, after: &RecordBatch, key: &[String]) -> Result<Vec<ChangeTold>> {
    let wanted = |name: &str| !HEAD.contains(&name) && name != "changed_columns" && !key.iter().any(|key| key == name);
    let (before, after) = (cells(before, wanted)?, cells(after, wanted)?);
    let literal =
        |cells: &[CellTold], name: &str| cells.iter().find(|cell| cell.column == name).map(|cell| cell.literal.clone());
    let gone = before.iter().filter(|cell| literal(&after, &cell.column).is_none());
    let names = after.iter().chain(gone).map(|cell| cell.column.clone());
    let changes = names.map(|column| {
        let (before, after) = (literal(&before, &column), literal(&after, &column));
        ChangeTold { column, before, after }
    });
    // A column without a value that came or went says nothing.
    let is_null = |literal: &Option<String>| literal.as_deref().is_none_or(|literal| literal == NULL);
    Ok(changes
        .filter(|change| change.before != change.after && !(is_null(&change.before) && is_null(&change.after)))
        .collect())
}
