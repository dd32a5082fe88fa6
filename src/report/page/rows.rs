//! The divergences of a sample as a page shows them: keys, and under them the cells of both sides with what differs marked.

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use serde::Serialize;

use crate::error::Result;
use crate::history::{Lived, Sample};
use crate::report::divergences::{Divergences, UNREADABLE, own_columns};
use crate::report::numbers::{age, count, counted};
use crate::report::page::marks::{Piece, marked, marks, unmarked};
use crate::report::value::{Values, cut, cut_pair, escape};
use crate::side::Side;

/// Columns of a key, or of a `sql` rule, that are columns of the table; others are told in one more.
const KEYS: usize = 8;
const OWN: usize = 24;
/// Cells of one divergence that are shown.
const LINES: usize = 20;
/// Columns of a row that stands on one side which are shown.
const FIELDS: usize = 12;
/// Characters of a cell that are shown: of one that stands beside another, alone, and of a key.
const PAIR: usize = 220;
const ALONE: usize = 120;
const KEY: usize = 100;

/// A sample as a table.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Shown {
    /// Names of the key's columns; of a `sql` rule, of its own.
    pub heads: Vec<Head>,
    /// It has cells of two sides.
    pub sides: bool,
    pub rows: Vec<Row>,
    /// What they can be filtered by.
    pub kinds: Vec<String>,
    pub states: Vec<String>,
    pub columns: Vec<String>,
    /// How many there are of what is shown.
    pub of: u64,
    /// Columns that are not shown, in words.
    pub more: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Head {
    pub name: String,
    pub numeric: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: String,
    pub kind: String,
    pub state: String,
    /// `4 runs, for 3 d`; nothing of a new one.
    pub since: String,
    pub keys: Vec<Cell>,
    pub lines: Vec<Line>,
    /// Places of the columns that differ, in `columns` of the table.
    pub differs: String,
    /// What is left out, in words.
    pub more: Option<String>,
}

/// One text, cut if it is long.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    pub text: String,
    /// How long all of it is, if it was cut.
    pub whole: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// None: the whole row.
    pub column: Option<String>,
    pub source: Half,
    pub target: Half,
}

/// One side of a line.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Half {
    pub pieces: Vec<Piece>,
    pub whole: Option<String>,
    /// Of a whole row: its cells.
    pub fields: Vec<Field>,
    /// Why there is nothing.
    pub absent: Option<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Field {
    pub name: String,
    pub cell: Cell,
}

pub fn shown(sample: &Sample, kind: &str, now: DateTime<Utc>) -> Result<Shown> {
    let Some(batch) = &sample.rows else { return Ok(Shown { of: sample.of, ..Shown::default() }) };
    let mut shown = match kind {
        "sql" => violations(batch)?,
        _ => divergences(batch)?,
    };
    shown.of = sample.of;
    for row in &mut shown.rows {
        if let Some(life) = sample.lives.get(&row.id) {
            row.state = escape(&life.state);
            row.since = since(life, now);
        }
    }
    shown.kinds = distinct(shown.rows.iter().map(|row| &row.kind));
    shown.states = distinct(shown.rows.iter().map(|row| &row.state).filter(|state| !state.is_empty()));
    Ok(shown)
}

fn since(life: &Lived, now: DateTime<Utc>) -> String {
    match life.runs_seen {
        0 | 1 => String::new(),
        runs => format!("{}, for {}", counted(runs, "run"), age(life.open_since, now)),
    }
}

fn distinct<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(text) {
            all.push(text.clone());
        }
    }
    all
}

/// Of a `match` or `totals` rule.
fn divergences(batch: &RecordBatch) -> Result<Shown> {
    let table = Divergences::new(batch)?;
    let ids = texts(batch, "divergence_id")?;
    let (kinds, sides) = (table.kind.as_string::<i32>(), table.side.as_string::<i32>());
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (row, id) in ids.into_iter().enumerate() {
        let kind = kinds.value(row).to_string();
        let changed = table.changed(row)?;
        let mut places = Vec::new();
        for name in changed.iter().map(|name| escape(name)) {
            places.push(columns.iter().position(|known| *known == name).unwrap_or_else(|| {
                columns.push(name);
                columns.len() - 1
            }));
        }
        let (lines, more) = match kind.as_str() {
            "value_mismatch" => mismatch(&table, row, &changed)?,
            _ => one_side(&table, row, &kind, if sides.value(row) == "target" { Side::Target } else { Side::Source })?,
        };
        let mut keys: Vec<Cell> =
            table.key.iter().take(KEYS).map(|(_, values)| cell(values.literal(row), KEY)).collect();
        if table.key.len() > KEYS {
            let others = table.key.iter().skip(KEYS).take(FIELDS);
            let others: Vec<String> =
                others.map(|(name, values)| format!("{} {}", escape(name), cut(&values.literal(row), KEY))).collect();
            keys.push(cell(others.join(", "), ALONE));
        }
        let differs = places.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let (state, since) = Default::default();
        rows.push(Row { id, kind, state, since, keys, lines, differs, more });
    }
    let mut heads: Vec<Head> =
        table.key.iter().take(KEYS).map(|(name, values)| head(name, values.data_type())).collect();
    if let Some(more) = table.key.len().checked_sub(KEYS).filter(|more| *more > 0) {
        heads.push(Head { name: format!("{} more of the key", count(more as u64)), numeric: false });
    }
    Ok(Shown { heads, sides: true, rows, columns, ..Shown::default() })
}

/// The cells that differ.
fn mismatch(table: &Divergences<'_>, row: usize, changed: &[String]) -> Result<(Vec<Line>, Option<String>)> {
    let named: Vec<_> = table.compared.iter().filter(|(name, _)| changed.iter().any(|c| c == name)).collect();
    let mut lines = Vec::new();
    for (name, values) in named.iter().take(LINES) {
        let (source, target) = table.cells(row, name, values)?;
        let (s, t) = cut_pair(&source, &target, PAIR);
        let whole = |full: &str, cut: &str| (full != cut).then(|| length(full));
        let (whole_source, whole_target) = (whole(&source, &s), whole(&target, &t));
        // What could not be read is no value that has anything in common with another.
        let unreadable = [&source, &target].iter().any(|text| text.starts_with(UNREADABLE));
        let (s, t) = if unreadable { (marked(s), marked(t)) } else { marks(&s, &t) };
        let half = |pieces, whole| Half { pieces, whole, ..Half::default() };
        lines.push(Line { column: Some(escape(name)), source: half(s, whole_source), target: half(t, whole_target) });
    }
    let more = named.len().saturating_sub(LINES) as u64;
    let words = format!("{} {}", counted(more, "more column"), if more == 1 { "differs" } else { "differ" });
    Ok((lines, (more > 0).then_some(words)))
}

/// A row that stands on one side, or is left over there.
fn one_side(table: &Divergences<'_>, row: usize, kind: &str, side: Side) -> Result<(Vec<Line>, Option<String>)> {
    let mut fields = Vec::new();
    let mut all = 0u64;
    for field in table.fields_of(row, side) {
        all += 1;
        if fields.len() < FIELDS {
            let (name, text) = field?;
            fields.push(Field { name: escape(name), cell: cell(text, ALONE) });
        }
    }
    let more = all - fields.len() as u64;
    // Where the key is all there is.
    let pieces = if all == 0 { unmarked("here".into()) } else { Vec::new() };
    let here = Half { fields, pieces, ..Half::default() };
    let there =
        Half { absent: Some(if kind == "duplicate_key" { "no row left" } else { "missing" }), ..Half::default() };
    let (source, target) = match side {
        Side::Source => (here, there),
        Side::Target => (there, here),
    };
    Ok((
        vec![Line { column: None, source, target }],
        (more > 0).then(|| format!("{} of the row not shown", counted(more, "more column"))),
    ))
}

/// Of a `sql` rule: its own columns.
fn violations(batch: &RecordBatch) -> Result<Shown> {
    let first = own_columns(batch);
    let ids = texts(batch, "divergence_id")?;
    let own = first..batch.num_columns().min(first + OWN);
    let columns: Vec<Values<'_>> = batch.columns()[own.clone()].iter().map(Values::new).collect::<Result<_>>()?;
    let schema = batch.schema_ref();
    let rows = (0..batch.num_rows()).map(|row| Row {
        id: ids[row].clone(),
        kind: "rule_violation".into(),
        state: String::new(),
        since: String::new(),
        keys: columns.iter().map(|values| cell(values.literal(row), ALONE)).collect(),
        lines: Vec::new(),
        differs: String::new(),
        more: None,
    });
    let more = (batch.num_columns() - own.end) as u64;
    Ok(Shown {
        rows: rows.collect(),
        heads: own.map(|at| head(schema.field(at).name(), schema.field(at).data_type())).collect(),
        more: (more > 0).then(|| format!("{} not shown", counted(more, "more column"))),
        ..Shown::default()
    })
}

fn head(name: &str, data_type: &DataType) -> Head {
    Head { name: cut(&escape(name), KEY), numeric: data_type.is_numeric() }
}

fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<String>> {
    let Some(column) = batch.column_by_name(name) else { return Ok(vec![String::new(); batch.num_rows()]) };
    let column = cast(column, &DataType::Utf8)?;
    Ok((0..column.len()).map(|row| column.as_string::<i32>().value(row).to_string()).collect())
}

fn cell(text: String, width: usize) -> Cell {
    let short = cut(&text, width);
    Cell { whole: (short != text).then(|| length(&text)), text: short }
}

fn length(text: &str) -> String {
    format!("cut: {} in all", counted(text.chars().count() as u64, "character"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn sample(report: crate::run::report::RunReport) -> Sample {
        Sample { rows: report.rules[0].sample.clone(), of: 23_769, ..Sample::default() }
    }

    fn text(half: &Half) -> String {
        let pieces: String =
            half.pieces.iter().map(|p| if p.marked { format!("[{}]", p.text) } else { p.text.clone() }).collect();
        let fields: Vec<String> =
            half.fields.iter().map(|field| format!("{}={}", field.name, field.cell.text)).collect();
        format!("{pieces}{}{}", fields.join(","), half.absent.unwrap_or_default())
    }

    #[test]
    fn both_sides_stand_side_by_side() {
        let shown = shown(&sample(fixture::diverged()), "match", DateTime::UNIX_EPOCH).unwrap();
        let lines: Vec<String> = shown
            .rows
            .iter()
            .skip(1)
            .flat_map(|row| {
                row.lines.iter().map(|line| {
                    let column = line.column.as_deref().unwrap_or("-");
                    format!(
                        "{} {} {column} {} | {}",
                        row.keys[0].text,
                        row.kind,
                        text(&line.source),
                        text(&line.target)
                    )
                })
            })
            .collect();
        assert_eq!(
            lines,
            [
                "17 value_mismatch amount 12.5[0] | 12.5[1]",
                "17 value_mismatch status ['open'] | [NULL]",
                "18 value_mismatch amount [unreadable '12,x'] | [0.99]",
                "19 missing_in_target - amount=7.00,status=NULL | missing",
                "20 missing_in_source - missing | amount=8.00,status='NULL'",
                "21 duplicate_key - no row left | amount=3.00,status=E'a\\nb'",
            ]
        );
        assert_eq!(shown.columns, ["x", "amount", "status"]);
        assert_eq!(shown.rows[1].differs, "1 2");
    }

    #[test]
    fn long_cells_are_cut_where_they_differ_and_say_how_long_they_are() {
        let shown = shown(&sample(fixture::long_values()), "match", DateTime::UNIX_EPOCH).unwrap();
        let line = &shown.rows[0].lines[0];
        assert!(text(&line.source).contains("[A]") && text(&line.target).contains("[B]"), "{line:?}");
        assert_eq!(line.source.whole.as_deref(), Some("cut: 273 characters in all"));
        assert_eq!(shown.rows[0].keys[0].whole.as_deref(), Some("cut: 202 characters in all"));
    }
}
