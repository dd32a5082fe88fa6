//! What past runs tell, as text: the history of a rule, two runs side by side, and how all rules stand.

use chrono::{DateTime, Utc};

use crate::history::{BudgetUsed, Compared, Comparison, Last, RuleHistory, RuleStatus, RunLine, Status};
use crate::report::numbers::{age, count, counted, rough};
use crate::report::palette::Palette;
use crate::report::spark::{Signs, spark};
use crate::report::table::{Align, Cell, Table};
use crate::report::text::Layout;
use crate::report::value::escape;
use crate::verdict::Outcome;

use Align::{Left, Right};

/// The last runs of a rule, a line each, and what is open now.
pub fn history(history: &RuleHistory, layout: Layout, now: DateTime<Utc>) -> String {
    let palette = layout.palette;
    let open: u64 = history.open.iter().map(|open| open.divergences).sum();
    let runs = (history.runs.len() + history.earlier_runs) as u64;
    let mut out =
        format!("{}: {}, {} open\n\n", palette.strong(&escape(&history.rule)), counted(runs, "run"), count(open));
    // Where nothing is acknowledged, nothing is said of it.
    let marked = history.runs.iter().any(|run| run.acknowledged > 0);
    let acknowledged = || marked.then_some("acknowledged");
    let mut align = vec![Left, Left, Right];
    align.extend([Right].repeat(if marked { 5 } else { 4 }));
    let mut table = Table::new([align, vec![Left]].concat());
    let head = ["when", "outcome", "divergences"].into_iter().chain(acknowledged());
    let head = head.chain(["new", "reopened", "persisting", "resolved", "run"]);
    table.row(head.map(|head| faint(head, palette)));
    for run in &history.runs {
        let RunLine { new, reopened, persisting, resolved, .. } = *run;
        let mut cells = vec![moment(run.started_at).into(), outcome(run.outcome, run.stopped_by.as_deref(), palette)];
        cells.push(count(run.divergences).into());
        cells.extend(acknowledged().map(|_| figure(run.acknowledged, palette)));
        match run.expired {
            true => cells.extend(["expired", "", ""].map(|word| faint(word, palette))),
            false => cells.extend([new, reopened, persisting].map(|n| figure(n, palette))),
        }
        cells.push(figure(resolved, palette));
        cells.push(faint(&escape(&run.run_id), palette));
        table.row(cells);
    }
    out.push_str(&table.render("  "));
    if history.earlier_runs > 0 {
        let earlier = format!("{} before; --limit shows more", counted(history.earlier_runs as u64, "run"));
        out.push_str(&format!("  {}\n", palette.faint(&earlier)));
    }
    if !history.open.is_empty() {
        let mut table = Table::new([Left, Left, Right]);
        table.row(["open", "kind", "divergences"].map(|head| faint(head, palette)));
        for open in &history.open {
            table.row([escape(&open.state).into(), escape(&open.kind).into(), count(open.divergences).into()]);
        }
        out.push_str(&format!("\n{}", table.render("  ")));
    }
    if history.in_force > 0 {
        let told = counted(history.in_force, "divergence");
        out.push_str(&format!("\n  acknowledged: {told}; `tieout ack --list` tells by whom and why\n"));
    }
    if let Some(oldest) = &history.oldest {
        let (kind, id) = (escape(&oldest.kind), escape(&oldest.divergence_id));
        let since = moment(oldest.open_since);
        out.push_str(&format!("\n  the oldest: {kind} {id}, open since {since}, {}\n", age(oldest.open_since, now)));
    }
    out
}

/// A line a rule.
pub fn comparison(comparison: &Comparison, layout: Layout) -> String {
    let palette = layout.palette;
    let mut runs = Table::new([Left, Left, Left]);
    for (name, run) in [("first", &comparison.first), ("second", &comparison.second)] {
        runs.row([faint(name, palette), escape(&run.run_id).into(), moment(run.started_at).into()]);
    }
    let mut table = Table::new([Left, Left, Left, Right, Right, Right, Right]);
    let head = ["rule", "first", "second", "only in first", "only in second", "in both", "changed"];
    table.row(head.map(|head| faint(head, palette)));
    for rule in &comparison.rules {
        let ran = |outcome: Option<Outcome>| match outcome {
            Some(known) => self::outcome(known, None, palette),
            None => faint("did not run", palette),
        };
        let mut cells: Vec<Cell> = vec![Cell::painted(escape(&rule.rule), |t| palette.strong(t))];
        cells.extend([ran(rule.first_outcome), ran(rule.second_outcome)]);
        let Compared { only_in_first, only_in_second, in_both, changed, .. } = *rule;
        cells.extend([only_in_first, only_in_second, in_both, changed].map(|n| figure(n, palette)));
        table.row(cells);
    }
    let mut out = format!("{}\n{}", runs.render(""), table.render(""));
    let partial: Vec<String> =
        comparison.rules.iter().filter(|rule| rule.partial).map(|rule| escape(&rule.rule)).collect();
    if !partial.is_empty() {
        let names = partial.join(", ");
        out.push_str(&format!(
            "\nnote: not everything was looked at in both runs: {names}; what one did not find may be there\n"
        ));
    }
    out
}

/// A line a rule; `signs` draw the trends.
pub fn status(status: &Status, layout: Layout, signs: Signs, now: DateTime<Utc>) -> String {
    let palette = layout.palette;
    let marked = status.rules.iter().any(|rule| rule.acknowledged > 0);
    let acknowledged = marked.then_some("acknowledged");
    let mut table = Table::new([Left, Left, Right, Left, Right, Right, Right, Right]);
    let head = ["rule", "outcome", "last run", "trend", "open"].into_iter().chain(acknowledged);
    table.row(head.chain(["oldest", "budget used"]).map(|head| faint(head, palette)));
    for rule in &status.rules {
        let name = Cell::painted(escape(&rule.rule), |t| palette.strong(t));
        match &rule.last {
            Some(last) => {
                let mut cells = line(name, rule, last, palette, signs, now);
                if marked {
                    cells.insert(OPEN + 1, rough(rule.acknowledged).into());
                }
                table.row(cells)
            }
            None => table.row([name, faint("never ran", palette)]),
        };
    }
    let mut out = if status.rules.is_empty() { "There are no rules here.\n".into() } else { table.render("") };
    if !status.others.is_empty() {
        let names: Vec<String> = status.others.iter().map(|name| escape(name)).collect();
        out.push_str(&palette.faint(&format!("not in the project, but recorded: {}", names.join(", "))));
        out.push('\n');
    }
    out
}

/// The place of what is open in a line.
const OPEN: usize = 4;

fn line(name: Cell, rule: &RuleStatus, last: &Last, palette: Palette, signs: Signs, now: DateTime<Utc>) -> Vec<Cell> {
    vec![
        name,
        outcome(last.outcome, last.stopped_by.as_deref(), palette),
        format!("{} ago", age(last.started_at, now)).into(),
        spark(&rule.trend, signs).into(),
        rough(rule.open).into(),
        rule.oldest.map_or(String::new(), |oldest| age(oldest, now)).into(),
        rule.budget.map_or(String::new(), |used| used_share(&used)).into(),
    ]
}

/// The part of the budget that is used up, of rows or of the rate, whichever is more: `70 %`, rounded up.
pub(super) fn used_share(budget: &BudgetUsed) -> String {
    let part = |used: f64, allowed: f64| match (used > 0.0, allowed > 0.0) {
        (false, _) => 0.0,
        (true, true) => used / allowed,
        (true, false) => f64::INFINITY,
    };
    let rows = budget.rows.map_or(0.0, |rows| part(budget.used_rows as f64, rows as f64));
    let rate = budget.rate.map_or(0.0, |rate| part(budget.used_rate, rate));
    let age = budget.age_ms.map_or(0.0, |age| part(budget.used_age_ms as f64, age as f64));
    match rows.max(rate).max(age) {
        part if part > 99.99 => ">9,999 %".into(),
        // What floats leave over after the sixth digit is no use.
        part => format!("{} %", count(((part * 100.0 * 1e6).round() / 1e6).ceil() as u64)),
    }
}

/// The word for an outcome, and whether a limit stopped the run before it had looked at everything.
fn outcome(outcome: Outcome, stopped_by: Option<&str>, palette: Palette) -> Cell {
    let more = if stopped_by.is_some() { ", stopped" } else { "" };
    Cell::painted(Palette::PLAIN.outcome(outcome) + more, |_| palette.outcome(outcome) + more)
}

fn figure(n: u64, palette: Palette) -> Cell {
    if n == 0 { faint("0", palette) } else { count(n).into() }
}

fn faint(text: &str, palette: Palette) -> Cell {
    Cell::painted(text, |text| palette.faint(text))
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Oldest, Open, RunStart};

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600 + hours * 3600, 0).unwrap()
    }

    fn run(hours: i64, outcome: Outcome, found: [u64; 4], stopped_by: Option<&str>) -> RunLine {
        let [new, reopened, persisting, resolved] = found;
        RunLine {
            run_id: format!("019b7600-0000-7000-8000-{hours:012}"),
            started_at: at(hours),
            outcome,
            stopped_by: stopped_by.map(String::from),
            divergences: new + reopened + persisting,
            acknowledged: 0,
            new,
            reopened,
            persisting,
            resolved,
            expired: false,
        }
    }

    #[test]
    fn a_rule_s_history() {
        let runs = vec![
            run(0, Outcome::Diverged, [12_000, 0, 0, 0], None),
            run(24, Outcome::Diverged, [3, 0, 11_000, 0], Some("max_time")),
            run(48, Outcome::Reconciled, [0, 0, 0, 12_003], None),
            run(72, Outcome::Diverged, [1, 2, 0, 0], None),
        ];
        let open = |state: &str, divergences| Open { state: state.into(), kind: "value_mismatch".into(), divergences };
        let told = RuleHistory {
            rule: "orders".into(),
            runs,
            earlier_runs: 1,
            in_force: 0,
            open: vec![open("new", 1), open("reopened", 2)],
            oldest: Some(Oldest {
                divergence_id: "0123456789abcdef0123456789abcdef".into(),
                kind: "value_mismatch".into(),
                state: "reopened".into(),
                first_seen: at(0),
                open_since: at(72),
            }),
        };
        insta::assert_snapshot!(history(&told, Layout::PLAIN, at(75)), @"
        orders: 5 runs, 3 open

          when                  outcome            divergences     new  reopened  persisting  resolved  run
          2026-01-01 00:00:00Z  DIVERGED                12,000  12,000         0           0         0  019b7600-0000-7000-8000-000000000000
          2026-01-02 00:00:00Z  DIVERGED, stopped       11,003       3         0      11,000         0  019b7600-0000-7000-8000-000000000024
          2026-01-03 00:00:00Z  reconciled                   0       0         0           0    12,003  019b7600-0000-7000-8000-000000000048
          2026-01-04 00:00:00Z  DIVERGED                     3       1         2           0         0  019b7600-0000-7000-8000-000000000072
          1 run before; --limit shows more

          open      kind            divergences
          new       value_mismatch            1
          reopened  value_mismatch            2

          the oldest: value_mismatch 0123456789abcdef0123456789abcdef, open since 2026-01-04 00:00:00Z, 3 h
        ");
    }

    #[test]
    fn two_runs_side_by_side() {
        let start = |hours| RunStart { run_id: format!("019b7600-0000-7000-8000-{hours:012}"), started_at: at(hours) };
        let rules = vec![
            Compared {
                rule: "orders".into(),
                first_outcome: Some(Outcome::Diverged),
                second_outcome: Some(Outcome::Diverged),
                only_in_first: 1200,
                in_both: 7,
                values_changed: 2,
                changed: 2,
                partial: true,
                ..Compared::default()
            },
            Compared { rule: "totals".into(), second_outcome: Some(Outcome::Reconciled), ..Compared::default() },
        ];
        let told = Comparison { first: start(0), second: start(24), rules };
        insta::assert_snapshot!(comparison(&told, Layout::PLAIN), @"
        first   019b7600-0000-7000-8000-000000000000  2026-01-01 00:00:00Z
        second  019b7600-0000-7000-8000-000000000024  2026-01-02 00:00:00Z

        rule    first        second      only in first  only in second  in both  changed
        orders  DIVERGED     DIVERGED            1,200               0        7        2
        totals  did not run  reconciled              0               0        0        0

        note: not everything was looked at in both runs: orders; what one did not find may be there
        ");
    }

    fn statuses() -> Status {
        let last = |outcome, stopped_by: Option<&str>| {
            let stopped_by = stopped_by.map(String::from);
            Some(Last { run_id: String::new(), started_at: at(72), outcome, stopped_by })
        };
        let rule = |rule: &str, last| RuleStatus {
            rule: rule.into(),
            last,
            trend: Vec::new(),
            open: 0,
            acknowledged: 0,
            oldest: None,
            budget: None,
        };
        let budget = BudgetUsed {
            rows: Some(10),
            rate: Some(0.001),
            age_ms: None,
            used_rows: 7,
            used_rate: 0.0001,
            used_age_ms: 0,
        };
        let rules = vec![
            RuleStatus {
                trend: [0, 0, 3, 12, 700, 12_000, 9000].map(Some).into(),
                open: 12_345,
                oldest: Some(at(0)),
                ..rule("orders", last(Outcome::Diverged, None))
            },
            RuleStatus {
                trend: vec![Some(0), None, Some(7)],
                open: 7,
                oldest: Some(at(70)),
                budget: Some(budget),
                ..rule("payments", last(Outcome::Reconciled, None))
            },
            rule("stock", last(Outcome::Inconclusive, Some("max_time"))),
            rule("\u{1b}[31mred", None),
        ];
        Status { rules, others: vec!["diff".into()] }
    }

    #[test]
    fn how_all_rules_stand() {
        insta::assert_snapshot!(status(&statuses(), Layout::PLAIN, Signs::Blocks, at(75)), @r#"
        rule           outcome                last run  trend    open  oldest  budget used
        orders         DIVERGED                3 h ago  ▁▁▂▂▂█▇   12k     3 d
        payments       reconciled              3 h ago  ▁·█         7     5 h         70 %
        stock          INCONCLUSIVE, stopped   3 h ago              0
        \u{1b}[31mred  never ran
        not in the project, but recorded: diff
        "#);
        let ascii = status(&statuses(), Layout::PLAIN, Signs::Ascii, at(75));
        assert!(ascii.is_ascii(), "{ascii}");
        let coloured = status(&statuses(), Layout { palette: Palette::new(true), width: None }, Signs::Blocks, at(75));
        let plain = status(&statuses(), Layout::PLAIN, Signs::Blocks, at(75));
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }

    #[test]
    fn a_budget_is_used_up_by_what_is_scarcer() {
        let used = |rows, rate, used_rows, used_rate| {
            used_share(&BudgetUsed { rows, rate, age_ms: None, used_rows, used_rate, used_age_ms: 0 })
        };
        assert_eq!(used(Some(10), None, 7, 1.0), "70 %");
        assert_eq!(used(Some(10), Some(0.001), 7, 0.0008), "80 %");
        assert_eq!(used(Some(1000), None, 1, 0.0), "1 %");
        assert_eq!(used(Some(0), None, 0, 0.0), "0 %");
        assert_eq!(used(Some(0), None, 1, 0.0), ">9,999 %");
        assert_eq!(used(Some(2), None, 3, 0.0), "150 %");
    }
}
