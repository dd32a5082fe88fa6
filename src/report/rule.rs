//! One rule of the text report: headline, sides, counts, columns, schema, notes, sample, and how it was proven.

use crate::project::duration_text;
use crate::project::model::Severity;
use crate::report::numbers::{bytes, count, counted, elapsed, share, span};
use crate::report::palette::Palette;
use crate::report::table::{Align, Cell, Table};
use crate::report::text::{Layout, divergences};
use crate::report::value::escape;
use crate::report::{columns, sample};
use crate::run::report::{AllowUsed, Guarantee, Outcome, RowCounts, RuleReport};

const INDENT: &str = "  ";

/// `orders: DIVERGED, 5,983,355 of 6,001,215 rows equal (99.70 %)`
pub fn headline(rule: &RuleReport, palette: Palette) -> String {
    let compared = rule.guarantee != Guarantee::None;
    let mut parts =
        vec![palette.outcome(rule.outcome), verdict(rule.kind, compared, &rule.rows, !rule.schema.is_empty())];
    if !rule.schema.is_empty() {
        parts.push(counted(rule.schema.len() as u64, "schema difference"));
    }
    if !rule.acknowledged.is_none() {
        parts.push(format!("{} acknowledged", count(rule.acknowledged.all())));
    }
    if rule.outcome == Outcome::Reconciled && rule.counting() > 0 {
        parts.push("within the error budget".into());
    }
    format!("{}: {}", palette.strong(&rule.rule), parts.join(", "))
}

/// What the counts say, in a few words. `schema_differs`: some columns could not be compared.
pub fn verdict(kind: &str, compared: bool, rows: &RowCounts, schema_differs: bool) -> String {
    let all = rows.source.max(rows.target);
    if !compared {
        return "nothing was compared".into();
    }
    if kind == "sql" {
        return match rows.rule_violation {
            0 => "no row violates it".into(),
            1 => "1 row violates it".into(),
            n => format!("{} rows violate it", count(n)),
        };
    }
    let noun = noun(kind);
    // What could not be compared is no part of the praise.
    let scope = if schema_differs { " in the columns compared" } else { "" };
    match (all, rows.divergences()) {
        (0, _) => format!("no {noun}s on either side"),
        (1, 0) if rows.equal == all => format!("the only {noun} is equal{scope}"),
        (_, 0) if rows.equal == all => format!("all {} {noun}s equal{scope}", count(all)),
        _ => format!("{} of {} equal ({})", count(rows.equal), counted(all, noun), share(rows.equal, all)),
    }
}

/// What a rule of this kind compares.
pub fn noun(kind: &str) -> &'static str {
    if kind == "totals" { "group" } else { "row" }
}

/// Everything about one rule.
pub fn details(rule: &RuleReport, layout: Layout) -> String {
    let palette = layout.palette;
    let blocks = [
        sides(rule, palette),
        kinds(rule, palette),
        columns::columns(rule, palette),
        schema(rule, palette),
        rule.notes.iter().map(|note| format!("{INDENT}note: {}\n", escape(note))).collect(),
        sample::sample(rule, layout),
        whereabouts(rule, palette),
        proof(rule, palette),
    ];
    let mut out = headline(rule, palette) + "\n";
    for block in blocks.iter().filter(|block| !block.is_empty()) {
        out.push('\n');
        out.push_str(block);
    }
    out
}

fn sides(rule: &RuleReport, palette: Palette) -> String {
    let noun = noun(rule.kind);
    let label = |text: &str| Cell::painted(text, |t| palette.faint(t));
    let mut table = Table::new([Align::Left, Align::Left, Align::Right]);
    if let Some(datasets) = &rule.datasets {
        table.row([label("source"), escape(&datasets.source).into(), counted(rule.rows.source, noun).into()]);
        table.row([label("target"), escape(&datasets.target).into(), counted(rule.rows.target, noun).into()]);
        let key = match (rule.key.is_empty(), rule.kind) {
            (false, _) => rule.key.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", "),
            (true, "totals") => "none: one group".into(),
            (true, _) => "none: whole rows are compared".into(),
        };
        table.row([label("key"), key.into()]);
    }
    if let Some(owner) = &rule.owner {
        table.row([label("owner"), escape(owner).into()]);
    }
    if let Some(allow) = &rule.allow {
        table.row([label("budget"), budget(allow).into()]);
    }
    table.render(INDENT)
}

/// `7 rows (0.0014 %) used of 10 rows and 0.01 %`
fn budget(allow: &AllowUsed) -> String {
    let percent = |rate: f64| format!("{} %", (rate * 100.0 * 1e9).round() / 1e9);
    let limits: Vec<String> =
        allow.rows.map(|n| counted(n, "row")).into_iter().chain(allow.rate.map(percent)).collect();
    let used = format!("{} ({})", counted(allow.used_rows, "row"), percent(allow.used_rate));
    let rows = if limits.is_empty() { used } else { format!("{used} used of {}", limits.join(" and ")) };
    match (allow.age, allow.used_age) {
        (Some(age), Some(used)) => format!("{rows}; the oldest open for {} of {}", span(used), duration_text(age)),
        (Some(age), None) => format!("{rows}; none open for more than {}", duration_text(age)),
        (None, _) => rows,
    }
}

/// Counts by kind, with what each kind means; kinds that did not occur are left out.
pub fn kinds_of(rows: &RowCounts, schema_mismatch: u64) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
    let kinds = [
        ("value_mismatch", rows.value_mismatch, "on both sides, with values that differ"),
        ("missing_in_target", rows.missing_in_target, "only in the source"),
        ("missing_in_source", rows.missing_in_source, "only in the target"),
        ("duplicate_key", rows.duplicate_key, "left over of a key that repeats"),
        ("rule_violation", rows.rule_violation, "returned by the rule"),
        ("schema_mismatch", schema_mismatch, "columns that cannot be compared"),
    ];
    kinds.into_iter().filter(|(_, n, _)| *n > 0)
}

fn kinds(rule: &RuleReport, palette: Palette) -> String {
    let mut table = Table::new([Align::Left, Align::Right, Align::Left]);
    for (kind, n, meaning) in kinds_of(&rule.rows, rule.schema.len() as u64) {
        table.row([kind.into(), count(n).into(), Cell::painted(meaning, |t| palette.faint(t))]);
    }
    if !rule.acknowledged.is_none() {
        let meaning = "of these; they do not count (`tieout ack --list`)";
        table.row([
            "acknowledged".into(),
            count(rule.acknowledged.all()).into(),
            Cell::painted(meaning, |t| palette.faint(t)),
        ]);
    }
    table.render(INDENT)
}

fn schema(rule: &RuleReport, palette: Palette) -> String {
    let schema = &rule.schema;
    let mut table = Table::new([Align::Left, Align::Left]);
    for name in &schema.only_in_source {
        table.row([escape(name).into(), "only in the source".into()]);
    }
    for name in &schema.only_in_target {
        table.row([escape(name).into(), "only in the target".into()]);
    }
    for column in &schema.type_differs {
        let types = format!("{} in the source, {} in the target", column.types.source, column.types.target);
        table.row([escape(&column.column).into(), escape(&types).into()]);
    }
    if schema.is_empty() {
        return String::new();
    }
    format!("{INDENT}{}\n{}", palette.faint("columns that cannot be compared"), table.render("    "))
}

/// Where all divergences are, and a line that opens them.
fn whereabouts(rule: &RuleReport, palette: Palette) -> String {
    match (&rule.divergences, divergences(rule)) {
        (_, 0) => String::new(),
        (None, _) => format!("{INDENT}{}\n", palette.faint("nothing was written; --out DIR keeps every divergence")),
        (Some(place), n) => {
            let noun = if n == 1 { "the divergence".into() } else { format!("all {} divergences", count(n)) };
            format!("{INDENT}{noun}: {}\n{INDENT}{}\n", escape(place), palette.faint(&opening(place)))
        }
    }
}

/// A shell command that shows the divergence table.
pub fn opening(place: &str) -> String {
    let files = format!("{}/*.parquet", place.trim_end_matches('/')).replace('\'', "''");
    let mut quoted = String::new();
    for c in files.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    format!("duckdb -c \"FROM '{}'\"", escape(&quoted))
}

fn proof(rule: &RuleReport, palette: Palette) -> String {
    let mut parts = Vec::new();
    if rule.kind != "sql" {
        parts.push(format!("guarantee {}", rule.guarantee.as_str()));
        parts.push(format!("strategy {}", rule.strategy));
    }
    parts.push(elapsed(rule.elapsed_ms));
    // Of a few rows, the rate only tells how long it takes to begin.
    if rule.work.rows_read >= 1_000_000 {
        parts.push(format!("{} rows/s", count(rule.work.rows_per_second)));
    }
    if rule.work.spilled_bytes > 0 {
        parts.push(format!("{} spilled", bytes(rule.work.spilled_bytes)));
    }
    format!("{INDENT}{}\n", palette.faint(&parts.join(", ")))
}

pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_survives_odd_paths() {
        assert_eq!(opening("out/rule=a/run=1/"), "duckdb -c \"FROM 'out/rule=a/run=1/*.parquet'\"");
        assert_eq!(opening("it's $5"), "duckdb -c \"FROM 'it''s \\$5/*.parquet'\"");
    }
}
