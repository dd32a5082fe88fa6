//! One thing in full, as text: where a rule stands, what a run was, or the life of a divergence.

use chrono::{DateTime, Utc};

use crate::dataset::Input;
use crate::divergence::RunRecord;
use crate::history::{RuleShown, RunShown, Said};
use crate::report::acks::{acks, until};
use crate::report::ledger::entry_line;
use crate::report::numbers::{age, bytes, count, counted, elapsed};
use crate::report::palette::Palette;
use crate::report::past::used_share;
use crate::report::shown::{CellTold, DivergenceTold, PairTold, ShownTold, StepTold};
use crate::report::table::{Align, Cell, Table};
use crate::report::text::Layout;
use crate::report::value::{cut, cut_pair, escape};
use crate::verdict::Outcome;

use Align::{Left, Right};

const INDENT: &str = "  ";
/// Stands before the columns whose cells differ.
const DIFFERS: &str = "<>";

/// `limit`: sightings of a divergence that are shown, the last ones.
pub fn show(shown: &ShownTold, layout: Layout, limit: usize, now: DateTime<Utc>) -> String {
    match shown {
        ShownTold::Rule(rule) => of_rule(rule, layout, now),
        ShownTold::Run(run) => of_run(run, layout),
        ShownTold::Divergence(one) => of_divergence(one, layout, limit, now),
    }
}

/// Blocks that say anything, an empty line between them.
fn blocks(head: String, blocks: impl IntoIterator<Item = String>) -> String {
    blocks.into_iter().filter(|block| !block.is_empty()).fold(head, |text, block| format!("{text}\n{block}"))
}

fn of_rule(rule: &RuleShown, layout: Layout, now: DateTime<Utc>) -> String {
    let palette = layout.palette;
    let last = &rule.last;
    let head = format!(
        "{}: {}, {}, the last {} ago\n",
        palette.strong(&escape(&rule.rule)),
        outcome(last, palette),
        counted(rule.runs as u64, "run"),
        age(last.started_at, now)
    );
    let mut budget = Table::new([Left, Left]);
    if let Some(used) = &rule.budget {
        let words = format!("{} used ({})", used_share(used), counted(used.used_rows, "row"));
        budget.row([faint("budget", palette), words.into()]);
    }
    let mut open = Table::new([Left, Left, Right]);
    if !rule.open.is_empty() {
        open.row(["open", "kind", "divergences"].map(|head| faint(head, palette)));
    }
    for one in &rule.open {
        open.row([escape(&one.state).into(), escape(&one.kind).into(), count(one.divergences).into()]);
    }
    let oldest = rule.oldest.as_ref().map_or(String::new(), |oldest| {
        let (kind, id) = (escape(&oldest.kind), escape(&oldest.divergence_id));
        format!("{INDENT}the oldest: {kind} {id}, {} old\n", age(oldest.first_seen, now))
    });
    let said = match rule.acknowledgements.is_empty() {
        true => String::new(),
        false => indented(&acks(&rule.acknowledgements, layout)),
    };
    let more = palette.faint(&format!("tieout history {} tells what each run found", escape(&rule.rule)));
    let parts = [record(last, palette), budget.render(INDENT), open.render(INDENT), oldest, said];
    blocks(head, parts.into_iter().chain([format!("{INDENT}{more}\n")]))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("{INDENT}{line}\n")).collect()
}

fn of_run(run: &RunShown, layout: Layout) -> String {
    let palette = layout.palette;
    let when = moment(run.started_at);
    let rules = counted(run.rules.len() as u64, "rule");
    let head =
        format!("run {}: {}, {rules}, {when}\n", palette.strong(&escape(&run.run_id)), palette.outcome(run.outcome));
    let rules = run.rules.iter().map(|one| {
        let name = palette.strong(&escape(&one.rule));
        let lines = [record(one, palette), inputs(one, palette)].into_iter().filter(|block| !block.is_empty());
        format!("{name}: {}\n{}", outcome(one, palette), lines.collect::<Vec<_>>().join("\n"))
    });
    let mut ledger: String = run.ledger.iter().map(entry_line).collect();
    if !ledger.is_empty() {
        ledger = format!("{}\n{}", palette.faint("in the ledger"), ledger);
    }
    blocks(head, rules.chain([ledger]))
}

/// What a run came to for a rule.
fn record(record: &RunRecord, palette: Palette) -> String {
    let mut facts = Table::new([Left, Left]);
    let mut fact = |name: &str, words: String| {
        if !words.is_empty() {
            facts.row([faint(name, palette), words.into()]);
        }
    };
    fact("run", format!("{}, {}, {}", escape(&record.run_id), moment(record.started_at), elapsed(record.elapsed_ms)));
    let noun = if record.kind == "totals" { "group" } else { "row" };
    for (side, dataset, rows) in
        [("source", &record.source, record.rows.source_rows), ("target", &record.target, record.rows.target_rows)]
    {
        fact(side, dataset.as_ref().map_or(String::new(), |name| format!("{}, {}", escape(name), counted(rows, noun))));
    }
    fact("key", record.key.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", "));
    fact("owner", record.owner.as_deref().map_or(String::new(), escape));
    fact("severity", escape(&record.severity));
    fact("proof", format!("guarantee {}, strategy {}", escape(&record.guarantee), escape(&record.strategy)));
    fact("version", format!("rule {}, tieout {}", escape(&record.rule_version), escape(&record.tieout_version)));
    fact("table", escape(&record.divergences));
    let mut kinds = Table::new([Left, Right]);
    let rows = &record.rows;
    let counts = [
        ("equal", rows.equal),
        ("value_mismatch", rows.value_mismatch),
        ("missing_in_target", rows.missing_in_target),
        ("missing_in_source", rows.missing_in_source),
        ("duplicate_key", rows.duplicate_key),
        ("rule_violation", rows.rule_violation),
        ("schema_mismatch", record.schema_mismatch),
        ("acknowledged", record.acknowledged),
        ("settled", record.settled.unwrap_or_default()),
    ];
    for (name, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
        kinds.row([name.into(), count(n).into()]);
    }
    let mut columns = Table::new([Left, Right, Right]);
    let differing = record.columns.iter().filter(|column| column.value_mismatch + column.within_tolerance > 0);
    for (n, column) in differing.enumerate() {
        if n == 0 {
            columns.row(["column", "differs", "within tolerance"].map(|head| faint(head, palette)));
        }
        let (differs, within) = (count(column.value_mismatch), count(column.within_tolerance));
        columns.row([escape(&column.column).into(), differs.into(), within.into()]);
    }
    let schema = [
        ("only in the source", &record.only_in_source),
        ("only in the target", &record.only_in_target),
        ("types that cannot be compared", &record.type_differs),
    ];
    let schema = schema.iter().filter(|(_, names)| !names.is_empty()).map(|(words, names)| {
        let names: Vec<String> = names.iter().map(|name| escape(name)).collect();
        format!("{INDENT}{words}: {}\n", names.join(", "))
    });
    let notes = record.notes.iter().map(|note| format!("{INDENT}note: {}\n", escape(note)));
    blocks(facts.render(INDENT), [kinds.render(INDENT), columns.render(INDENT), schema.collect(), notes.collect()])
}

/// The inputs as pinned.
fn inputs(record: &RunRecord, palette: Palette) -> String {
    let mut table = Table::new([Left, Left, Right, Left, Left]);
    let sides = match record.kind.as_str() {
        "sql" => [("reads", &record.source_inputs), ("", &record.target_inputs)],
        _ => [("source", &record.source_inputs), ("target", &record.target_inputs)],
    };
    if sides.iter().all(|(_, inputs)| inputs.is_empty()) {
        return String::new();
    }
    table.row(["", "input", "size", "last modified", "pinned by"].map(|head| faint(head, palette)));
    for (side, inputs) in sides {
        for Input { url, size, last_modified, e_tag, version } in inputs {
            let pins: Vec<String> = [e_tag, version].into_iter().flatten().map(|pin| escape(pin)).collect();
            table.row([
                faint(side, palette),
                escape(url).into(),
                bytes(*size).into(),
                moment(*last_modified).into(),
                pins.join(", ").into(),
            ]);
        }
    }
    table.render(INDENT)
}

fn of_divergence(one: &DivergenceTold, layout: Layout, limit: usize, now: DateTime<Utc>) -> String {
    let palette = layout.palette;
    let head = format!(
        "{}: {} in {}, {}\n",
        palette.strong(&escape(&one.divergence_id)),
        escape(&one.kind),
        palette.strong(&escape(&one.rule)),
        escape(&one.state)
    );
    let mut facts = Table::new([Left, Left]);
    let mut fact = |name: &str, words: String| {
        facts.row([faint(name, palette), words.into()]);
    };
    let key: Vec<String> =
        one.key.iter().map(|CellTold { column, literal, .. }| format!("{} {literal}", escape(column))).collect();
    if !key.is_empty() {
        fact("key", key.join(", "));
    }
    let stands = match (one.side.as_str(), one.kind.as_str()) {
        ("", _) | (_, "rule_violation") => String::new(),
        ("both", _) => "on both sides".into(),
        (side, _) => format!("only in the {}", escape(side)),
    };
    match (one.kind.as_str(), one.changed_columns.first()) {
        ("schema_mismatch", Some(column)) => fact("column", format!("{}, {stands}", escape(column))),
        _ if stands.is_empty() => {}
        _ => fact("stands", stands),
    }
    let seen = counted(one.runs_seen, "run");
    fact("first seen", format!("{}, {} ago", moment(one.first_seen), age(one.first_seen, now)));
    fact("last seen", format!("{}, in {seen}", moment(one.last_seen)));
    let said: String = one.acknowledgements.iter().map(said).collect();
    let parts = [
        facts.render(INDENT),
        cells(&one.cells, layout),
        own(&one.columns, layout),
        life(&one.life, layout, limit),
        said,
    ];
    blocks(head, parts)
}

/// Both rows, a line a column; what differs is marked.
fn cells(cells: &[PairTold], layout: Layout) -> String {
    if cells.is_empty() {
        return String::new();
    }
    let palette = layout.palette;
    let names = cells.iter().map(|cell| console::measure_text_width(&escape(&cell.column))).max().unwrap_or(0);
    let mut table = Table::new([Left, Left, Left, Left]);
    table.row(["", "column", "source", "target"].map(|head| faint(head, palette)));
    for cell in cells {
        let (mut source, mut target) = (cell.words.source.clone(), cell.words.target.clone());
        if let Some(width) = layout.width {
            let room = (width.saturating_sub(INDENT.len() + DIFFERS.len() + names + 6) / 2).max(12);
            (source, target) = cut_pair(&source, &target, room);
        }
        let paint = |text: String, paint: fn(Palette, &str) -> String| match cell.differs {
            true => Cell::painted(text, |text| paint(palette, text)),
            false => text.into(),
        };
        table.row([
            if cell.differs { DIFFERS } else { "" }.into(),
            escape(&cell.column).into(),
            paint(source, Palette::source),
            paint(target, Palette::target),
        ]);
    }
    table.render(INDENT)
}

/// The columns of a `sql` rule.
fn own(columns: &[CellTold], layout: Layout) -> String {
    let mut table = Table::new([Left, Left]);
    for CellTold { column, literal, .. } in columns {
        let literal = layout.width.map_or(literal.clone(), |width| cut(literal, (width / 2).max(12)));
        table.row([faint(&escape(column), layout.palette), literal.into()]);
    }
    table.render(INDENT)
}

fn life(steps: &[StepTold], layout: Layout, limit: usize) -> String {
    let palette = layout.palette;
    let mut table = Table::new([Left, Left, Left, Left]);
    table.row(["when", "found", "kind", "run"].map(|head| faint(head, palette)));
    let before = steps.len().saturating_sub(limit);
    for step in &steps[before..] {
        table.row([
            moment(step.started_at).into(),
            step.found.replace('_', " ").into(),
            step.kind.as_deref().map_or(String::new(), escape).into(),
            faint(&escape(&step.run_id), palette),
        ]);
    }
    // What changed stands below the line of its run.
    let rendered = table.render(INDENT);
    let mut lines = rendered.lines();
    let mut out = lines.next().map_or(String::new(), |head| format!("{head}\n"));
    for (line, step) in lines.zip(&steps[before..]) {
        out.push_str(&format!("{line}\n"));
        for change in &step.changes {
            let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "no such column".into());
            let (mut old, mut new) = (side(&change.before), side(&change.after));
            if let Some(width) = layout.width {
                (old, new) = cut_pair(&old, &new, (width.saturating_sub(change.column.len() + 10) / 2).max(12));
            }
            out.push_str(&format!("      {}  {old} -> {new}\n", escape(&change.column)));
        }
    }
    if before > 0 {
        let words = format!("{} before; --limit shows more", counted(before as u64, "line"));
        out.push_str(&format!("{INDENT}{}\n", palette.faint(&words)));
    }
    out
}

/// `acknowledged 2026-11-23 20:00:36Z by ada until 2027-01-31: rounding; in force`
fn said(said: &Said) -> String {
    let end = said.until.map_or(String::new(), |end| format!(" until {}", until(end)));
    let state = match said.state.as_str() {
        "in_force" => "in force".to_string(),
        state => {
            let when = said.ended_at.map_or(String::new(), |at| format!(" {}", moment(at)));
            let by = if said.ended_by.is_empty() {
                String::new()
            } else {
                format!(" by {}: {}", escape(&said.ended_by), escape(&said.ended_note))
            };
            format!("{}{when}{by}", escape(state))
        }
    };
    let (at, by, note) = (moment(said.at), escape(&said.by), escape(&said.note));
    format!("{INDENT}acknowledged {at} by {by}{end}: {note}; {state}\n")
}

fn outcome(record: &RunRecord, palette: Palette) -> String {
    let outcome = match record.outcome.as_str() {
        "reconciled" => Outcome::Reconciled,
        "diverged" => Outcome::Diverged,
        _ => Outcome::Inconclusive,
    };
    let stopped = record.stopped_by.as_ref().map_or(String::new(), |by| format!(", stopped by {}", escape(by)));
    format!("{}{stopped}", palette.outcome(outcome))
}

fn faint(text: &str, palette: Palette) -> Cell {
    Cell::painted(text, |text| palette.faint(text))
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
