//! What explains the divergences of a run, as text: a sentence a cause, the SQL that selects its rows, and what is left.

use crate::causes::{Causes, Unexplained};
use crate::report::numbers::{count, counted, share};
use crate::report::palette::Palette;
use crate::report::table::{Align, Cell, Table};
use crate::report::text::Layout;
use crate::report::value::escape;
use crate::verdict::Kind;

pub fn causes(causes: &Causes, layout: Layout) -> String {
    let palette = layout.palette;
    let found: u64 = causes.rows.divergences();
    let mut out = format!(
        "{}: {} in the run {} of {}\n",
        palette.strong(&escape(&causes.rule)),
        counted(found, "divergence"),
        escape(&causes.run_id),
        causes.started_at.format("%Y-%m-%d %H:%M:%SZ")
    );
    if let Some(limit) = &causes.stopped_by {
        out.push_str(&format!("note: {} stopped this run: there may be more divergences, and others\n", escape(limit)));
    }
    for cause in &causes.causes {
        let of = if cause.kind == Kind::ValueMismatch {
            of_columns(cause.rows, cause.of, &cause.columns)
        } else {
            String::new()
        };
        out.push_str(&format!("\n  {}{}\n", escape(&cause.sentence), palette.faint(&of)));
        out.push_str(&format!("    {}\n", palette.faint(&format!("WHERE {}", escape(&cause.predicate)))));
    }
    if causes.more > 0 {
        out.push_str(&format!(
            "\n  {}\n",
            palette.faint(&format!("{} more; --limit shows them", count(causes.more as u64)))
        ));
    }
    if causes.unexplained.is_empty() {
        return out;
    }
    let mut table = Table::new([Align::Left, Align::Right, Align::Right]);
    table.row(["not explained", "rows", "of"].map(|head| faint(head, palette)));
    for left in &causes.unexplained {
        table.row([Cell::from(what(left)), count(left.rows).into(), count(left.of).into()]);
    }
    out.push('\n');
    out.push_str(&table.render("  "));
    out
}

/// ` (50.00 % of those of the column)`
fn of_columns(rows: u64, of: u64, columns: &[String]) -> String {
    let whose = if columns.len() == 1 { "the column's" } else { "the columns'" };
    if rows == of { format!(" (all of {whose})") } else { format!(" ({} of {whose})", share(rows, of)) }
}

fn what(left: &Unexplained) -> String {
    match (left.kind, &left.column, left.side) {
        (Kind::ValueMismatch, Some(column), _) => format!("mismatches of `{}`", escape(column)),
        (Kind::MissingInTarget, ..) => "rows missing in target".into(),
        (Kind::MissingInSource, ..) => "rows missing in source".into(),
        (Kind::DuplicateKey, _, Some(side)) => format!("duplicates in {side}"),
        (Kind::SchemaMismatch, ..) => "columns that cannot be compared".into(),
        (kind, ..) => escape(kind.as_str()),
    }
}

fn faint(text: &str, palette: Palette) -> Cell {
    Cell::painted(text, |text| palette.faint(text))
}
