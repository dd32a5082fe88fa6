//! The report as a person reads it: a verdict first, then what differs, how much, where, and where the rest is.

use crate::report::numbers::{count, counted, elapsed};
use crate::report::palette::Palette;
use crate::report::rule;
use crate::report::table::{Align, Cell, Table};
use crate::run::report::{Outcome, RuleReport, RunReport};

/// How the text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub palette: Palette,
    /// Columns of the terminal; values are cut to fit. None: nothing is cut.
    pub width: Option<usize>,
}

impl Layout {
    /// For files and pipes.
    pub const PLAIN: Layout = Layout { palette: Palette::PLAIN, width: None };
}

/// The whole report. One rule is shown in full; of several, a table of all and then those that are not reconciled.
pub fn text(report: &RunReport, layout: Layout) -> String {
    if let [only] = report.rules.as_slice() {
        return rule::details(only, layout);
    }
    let mut out = summary(report, layout.palette);
    for rule in report.rules.iter().filter(|rule| rule.outcome != Outcome::Reconciled) {
        out.push('\n');
        out.push_str(&rule::details(rule, layout));
    }
    out
}

/// One line a rule.
pub fn brief(report: &RunReport, palette: Palette) -> String {
    report.rules.iter().map(|rule| rule::headline(rule, palette) + "\n").collect()
}

fn summary(report: &RunReport, palette: Palette) -> String {
    let mut table = Table::new([Align::Left, Align::Left, Align::Left, Align::Right, Align::Right]);
    table.row(
        ["rule", "outcome", "severity", "divergences", "time"].map(|head| Cell::painted(head, |t| palette.faint(t))),
    );
    for rule in &report.rules {
        table.row([
            Cell::painted(rule.rule.as_str(), |t| palette.strong(t)),
            Cell::painted(Palette::PLAIN.outcome(rule.outcome), |_| palette.outcome(rule.outcome)),
            Cell::from(rule::severity(rule.severity)),
            Cell::from(count(divergences(rule))),
            Cell::from(elapsed(rule.elapsed_ms)),
        ]);
    }
    format!("{}\n{}", table.render(""), closing(report, palette))
}

/// `2 rules DIVERGED, 3 reconciled. Run 0190..., 1.20 s.`
fn closing(report: &RunReport, palette: Palette) -> String {
    let parts: Vec<String> = [Outcome::Diverged, Outcome::Inconclusive, Outcome::Reconciled]
        .into_iter()
        .map(|outcome| (outcome, report.rules.iter().filter(|rule| rule.outcome == outcome).count() as u64))
        .filter(|(_, n)| *n > 0)
        .enumerate()
        .map(|(i, (outcome, n))| {
            let noun = if i == 0 { counted(n, "rule") } else { count(n) };
            format!("{noun} {}", palette.outcome(outcome))
        })
        .collect();
    let parts = if parts.is_empty() { "no rules".to_string() } else { parts.join(", ") };
    format!("{parts}\n{}\n", palette.faint(&format!("run {}, {}", report.run_id, elapsed(report.elapsed_ms))))
}

/// Rows of the rule's divergence table.
pub(super) fn divergences(rule: &RuleReport) -> u64 {
    rule.rows.divergences() + rule.schema.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn one_rule_that_diverged() {
        insta::assert_snapshot!(text(&fixture::diverged(), Layout::PLAIN), @r#"
        orders: DIVERGED, 5,983,355 of 6,001,215 rows equal (99.70 %), 2 schema differences

          source  erp.orders   6,001,215 rows
          target  lake.orders  6,001,173 rows
          key     id
          owner   finance-ops

          value_mismatch     11,909  on both sides, with values that differ
          missing_in_target   5,951  only in the source
          missing_in_source   5,909  only in the target
          schema_mismatch         2  columns that cannot be compared

          column  differs  of pairs  within tolerance
          status    6,000    0.10 %                 0
          amount    5,955    0.09 %                12
          1 column agrees in every pair

          columns that cannot be compared
            legacy  only in the source
            x       Utf8 in the source, Binary in the target

          note: id: Int32 in the source, Int64 in the target; compared as Int64

          the first 5 of 23,769 divergences
            id 17: value_mismatch
                amount   12.50  ->  12.51
                status  'open'  ->  NULL
            id 18: value_mismatch
                amount  unreadable '12,x'  ->  0.99
            id 19: missing_in_target
                amount 7.00, status NULL
            id 20: missing_in_source
                amount 8.00, status 'NULL'
            id 21: duplicate_key in the target
                amount 3.00, status E'a\nb'

          all 23,771 divergences: out/divergences/rule=orders/run=019a2b3c-0000-7000-8000-000000000001/
          duckdb -c "FROM 'out/divergences/rule=orders/run=019a2b3c-0000-7000-8000-000000000001/*.parquet'"

          guarantee digest128, strategy digest, 0.81 s, 14,781,266 rows/s, 1.5 GiB spilled
        "#);
    }

    #[test]
    fn one_rule_that_is_reconciled() {
        insta::assert_snapshot!(text(&fixture::run(vec![fixture::reconciled("orders")]), Layout::PLAIN), @"
        orders: reconciled, all 1,500 rows equal

          source  erp.orders   1,500 rows
          target  lake.orders  1,500 rows
          key     id

          column  differs  of pairs  within tolerance
          amount        0       0 %                 3
          1 column agrees in every pair

          guarantee digest128, strategy digest, 0.81 s
        ");
    }

    #[test]
    fn several_rules() {
        let report = fixture::run(vec![fixture::reconciled("customers"), fixture::totals(), fixture::sql()]);
        insta::assert_snapshot!(text(&report, Layout::PLAIN), @r#"
        rule              outcome       severity  divergences    time
        customers         reconciled    error               0  0.81 s
        daily_totals      INCONCLUSIVE  error               1  0.81 s
        negative_balance  DIVERGED      error               2  0.81 s

        1 rule DIVERGED, 1 INCONCLUSIVE, 1 reconciled
        run 019a2b3c-0000-7000-8000-000000000001, 1.20 s

        daily_totals: INCONCLUSIVE, 30 of 31 groups equal (96.77 %)

          source  erp.orders     31 groups
          target  lake.orders    30 groups
          key     day, currency

          missing_in_target  1  only in the source

          note: no row is older than 15 minutes

          nothing was written; --out DIR keeps every divergence

          guarantee exact, strategy join, 0.81 s

        negative_balance: DIVERGED, 2 rows violate it

          rule_violation  2  returned by the rule

          the divergences
            account  balance
            'DE 01'   -12.50
            NULL       -0.03

          all 2 divergences: out/divergences/rule=negative_balance/run=019a2b3c-0000-7000-8000-000000000001/
          duckdb -c "FROM 'out/divergences/rule=negative_balance/run=019a2b3c-0000-7000-8000-000000000001/*.parquet'"

          0.81 s
        "#);
    }

    #[test]
    fn a_line_a_rule() {
        let mut rules = vec![fixture::reconciled("customers"), fixture::totals(), fixture::sql()];
        rules.extend(fixture::diverged().rules);
        rules.push(fixture::within_budget());
        rules.push(fixture::schema_only());
        insta::assert_snapshot!(brief(&fixture::run(rules), Palette::PLAIN), @"
        customers: reconciled, all 1,500 rows equal
        daily_totals: INCONCLUSIVE, 30 of 31 groups equal (96.77 %)
        negative_balance: DIVERGED, 2 rows violate it
        orders: DIVERGED, 5,983,355 of 6,001,215 rows equal (99.70 %), 2 schema differences
        budgeted: reconciled, 9 of 10 rows equal (90.00 %), within the error budget
        schema_only: DIVERGED, all 1,500 rows equal in the columns compared, 1 schema difference
        ");
    }

    #[test]
    fn colour_only_repeats_what_the_words_say() {
        let coloured = text(&fixture::diverged(), Layout { palette: Palette::new(true), width: None });
        assert_ne!(coloured, text(&fixture::diverged(), Layout::PLAIN));
        assert_eq!(console::strip_ansi_codes(&coloured), text(&fixture::diverged(), Layout::PLAIN));
    }

    #[test]
    fn a_narrow_terminal_cuts_values_only() {
        let narrow = text(&fixture::long_values(), Layout { palette: Palette::PLAIN, width: Some(80) });
        insta::assert_snapshot!(narrow, @r#"
        orders: DIVERGED, 5,983,355 of 6,001,215 rows equal (99.70 %), 2 schema differences

          source  erp.orders   6,001,215 rows
          target  lake.orders  6,001,173 rows
          key     id
          owner   finance-ops

          value_mismatch     11,909  on both sides, with values that differ
          missing_in_target   5,951  only in the source
          missing_in_source   5,909  only in the target
          schema_mismatch         2  columns that cannot be compared

          column  differs  of pairs  within tolerance
          status    6,000    0.10 %                 0
          amount    5,955    0.09 %                12
          1 column agrees in every pair

          columns that cannot be compared
            legacy  only in the source
            x       Utf8 in the source, Binary in the target

          note: id: Int32 in the source, Int64 in the target; compared as Int64

          the first of 23,769 divergences
            id 'kkkkkkkkkkkkkkkkkkkkkkkkkk…kkkkkkkkkkkkkkkkkkkkkkkkkkkk': value_mismatch
                comment              … ipsum Ado…sit amet '  ->  … ipsum Bdo…sit amet '
                price_of_everything                    0.01  ->  0.02

          all 23,771 divergences: out/
          duckdb -c "FROM 'out/*.parquet'"

          guarantee digest128, strategy digest, 0.81 s, 14,781,266 rows/s, 1.5 GiB spilled
        "#);
        let sample = |line: &&str| line.starts_with("    ");
        assert!(narrow.lines().filter(sample).all(|line| console::measure_text_width(line) <= 80), "{narrow}");
    }
}
