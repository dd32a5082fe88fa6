//! The explanation of a plan as a person reads it: the strategy, why, what is to be read, and DataFusion's plan.

use crate::engine::Estimate;
use crate::report::numbers::{bytes, counted};
use crate::report::palette::Palette;
use crate::report::table::{Align, Cell, Table};
use crate::report::text::Layout;
use crate::report::value::escape;
use crate::run::explain::{Explanation, RuleExplanation};
use crate::side::Side;

const INDENT: &str = "  ";

/// All rules, one after the other.
pub fn explanation(explanation: &Explanation, layout: Layout) -> String {
    let rules: Vec<String> = explanation.rules.iter().map(|rule| details(rule, layout.palette)).collect();
    rules.join("\n")
}

/// One line a rule.
pub fn explanation_in_brief(explanation: &Explanation, palette: Palette) -> String {
    explanation.rules.iter().map(|rule| headline(rule, palette) + "\n").collect()
}

fn headline(rule: &RuleExplanation, palette: Palette) -> String {
    let name = palette.strong(&escape(&rule.rule));
    match rule.kind {
        "sql" => format!("{name}: query"),
        _ => format!("{name}: strategy {}, guarantee {}", rule.strategy, rule.guarantee.as_str()),
    }
}

fn details(rule: &RuleExplanation, palette: Palette) -> String {
    let plan: String = rule.plan.lines().map(|line| format!("{INDENT}{}\n", escape(line))).collect();
    let mut out = headline(rule, palette) + "\n";
    for block in [reasons(rule, palette), sides(rule, palette), plan].iter().filter(|block| !block.is_empty()) {
        out.push('\n');
        out.push_str(block);
    }
    out
}

fn reasons(rule: &RuleExplanation, palette: Palette) -> String {
    let mut table = Table::new([Align::Left, Align::Left]);
    let label = |text: String| Cell::painted(text, |t| palette.faint(t));
    table.row([label("why".into()), escape(&rule.why).into()]);
    for rejected in &rule.rejected {
        table.row([label(format!("not {}", rejected.strategy)), escape(&rejected.why).into()]);
    }
    table.render(INDENT)
}

/// What is to be read: rows before filters, bytes as stored.
fn sides(rule: &RuleExplanation, palette: Palette) -> String {
    let mut table = Table::new([Align::Left, Align::Left, Align::Right, Align::Right, Align::Right]);
    let (Some(datasets), Some(estimate)) = (&rule.datasets, &rule.estimate) else { return String::new() };
    for side in Side::BOTH {
        let Estimate { rows, bytes: size, files } = estimate.get(side);
        table.row([
            Cell::painted(side.as_str(), |t| palette.faint(t)),
            escape(datasets.get(side)).into(),
            rows.map_or("rows not known".into(), |rows| counted(rows, "row")).into(),
            size.map_or(String::new(), bytes).into(),
            files.map_or(String::new(), |files| counted(files as u64, "file")).into(),
        ]);
    }
    table.render(INDENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Rejected, Strategy};
    use crate::run::report::Guarantee;
    use crate::side::BySide;

    #[test]
    fn a_match_and_a_query() {
        let estimate = |rows, bytes| Estimate { rows, bytes: Some(bytes), files: Some(1) };
        let lines = RuleExplanation {
            rule: "lines".into(),
            kind: "match",
            strategy: "digest",
            guarantee: Guarantee::Digest128,
            why: "rows come in any order".into(),
            rejected: vec![Rejected { strategy: Strategy::Merge, why: "the source is not in key order".into() }],
            estimate: Some(BySide::new(estimate(Some(1_500_000), 3 << 20), estimate(None, 100))),
            plan: "ReconcileExec: rule=lines\n  DataSourceExec: a\tb".into(),
            datasets: Some(BySide::new("erp.lines".into(), "bank".into())),
        };
        let query = RuleExplanation {
            rule: "large".into(),
            kind: "sql",
            strategy: "query",
            guarantee: Guarantee::Exact,
            why: "every row is a divergence".into(),
            rejected: vec![],
            estimate: None,
            plan: "DataSourceExec".into(),
            datasets: None,
        };
        let both = Explanation { rules: vec![lines, query] };
        insta::assert_snapshot!(explanation(&both, Layout::PLAIN), @r"
        lines: strategy digest, guarantee digest128

          why        rows come in any order
          not merge  the source is not in key order

          source  erp.lines  1,500,000 rows  3.0 MiB  1 file
          target  bank       rows not known    100 B  1 file

          ReconcileExec: rule=lines
            DataSourceExec: a\tb

        large: query

          why  every row is a divergence

          DataSourceExec
        ");
        insta::assert_snapshot!(explanation_in_brief(&both, Palette::PLAIN), @"
        lines: strategy digest, guarantee digest128
        large: query
        ");
    }
}
