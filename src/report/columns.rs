//! The columns that differ most.

use crate::report::numbers::{count, counted, share};
use crate::report::palette::Palette;
use crate::report::table::{Align, Cell, Table};
use crate::report::value::escape;
use crate::run::report::{ColumnCounts, RuleReport};

/// A wide table whose every column differs would bury the rest of the report.
const SHOWN: usize = 10;

/// A table of columns, worst first; nothing where all agree exactly.
pub fn columns(rule: &RuleReport, palette: Palette) -> String {
    let mut differing: Vec<&ColumnCounts> =
        rule.columns.iter().filter(|column| column.value_mismatch + column.within_tolerance > 0).collect();
    if differing.is_empty() {
        return String::new();
    }
    differing.sort_by_key(|column| std::cmp::Reverse((column.value_mismatch, column.within_tolerance)));
    let tolerated = differing.iter().any(|column| column.within_tolerance > 0);
    let pairs = rule.rows.equal + rule.rows.value_mismatch;
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Right]);
    let mut head = vec!["column", "differs", "of pairs"];
    if tolerated {
        head.push("within tolerance");
    }
    table.row(head.into_iter().map(|text| Cell::painted(text, |t| palette.faint(t))));
    for column in differing.iter().take(SHOWN) {
        let mut row = vec![
            Cell::from(escape(&column.column)),
            count(column.value_mismatch).into(),
            share(column.value_mismatch, pairs).into(),
        ];
        if tolerated {
            row.push(count(column.within_tolerance).into());
        }
        table.row(row);
    }
    let more = differing.len().saturating_sub(SHOWN) as u64;
    let equal = (rule.columns.len() - differing.len()) as u64;
    let rest: Vec<String> = [(more, "differ less"), (equal, "agree in every pair")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {}", counted(n, "column"), if n == 1 { singular(what) } else { what.into() }))
        .collect();
    let mut out = table.render("  ");
    if !rest.is_empty() {
        out.push_str(&format!("  {}\n", palette.faint(&rest.join(", "))));
    }
    out
}

/// `differ less` -> `differs less`: the verb is the first word.
fn singular(what: &str) -> String {
    what.replacen(' ', "s ", 1)
}
