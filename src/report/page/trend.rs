//! The plot of a rule's runs: what each found, above a line, by state; and what it resolved, below. The geometry is made here, the
//! drawing is the template's.

use serde::Serialize;

use crate::history::{RuleHistory, RunLine};
use crate::report::numbers::{count, counted, rough};

/// In units of the drawing.
const LEFT: f64 = 44.0;
const WIDTH: f64 = 620.0;
const TOP: f64 = 8.0;
const HEIGHT: f64 = 150.0;
/// Room for the names of the runs.
const BELOW: f64 = 22.0;
const WIDEST: f64 = 26.0;
/// What is there is seen, however little of the most it is.
const LEAST: f64 = 2.0;

#[derive(Debug, Clone, Serialize)]
pub struct Trend {
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub right: f64,
    /// Where zero is.
    pub zero: String,
    pub ticks: Vec<Tick>,
    pub bars: Vec<Bar>,
    pub labels: Vec<Label>,
    /// For those who do not see it.
    pub words: String,
    /// Of some runs it is not known what was new.
    pub expired: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Tick {
    pub y: String,
    pub text: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Bar {
    pub x: String,
    pub width: String,
    pub parts: Vec<Part>,
    /// Of a run that did not look at everything: where its mark is.
    pub partial: Option<String>,
    pub words: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// `new`, `reopened`, `persisting` or `resolved`; `expired`, where it is not known what they were.
    pub state: &'static str,
    pub y: String,
    pub height: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Label {
    pub x: String,
    pub text: String,
}

/// None of a rule with one run: there is nothing to compare it with.
pub fn trend(history: &RuleHistory) -> Option<Trend> {
    let runs = &history.runs;
    if runs.len() < 2 {
        return None;
    }
    let most = runs.iter().map(|run| run.divergences).max().unwrap_or(0);
    let least = runs.iter().map(|run| run.resolved).max().unwrap_or(0);
    let unit = HEIGHT / ((most + least).max(1) as f64);
    let zero = TOP + if most + least == 0 { HEIGHT } else { most as f64 * unit };
    let step = WIDTH / runs.len() as f64;
    let width = (step * 0.72).min(WIDEST);
    let middle = |at: usize| LEFT + step * (at as f64 + 0.5);
    let bars = runs.iter().enumerate().map(|(at, run)| Bar {
        x: coordinate(middle(at) - width / 2.0),
        width: coordinate(width),
        parts: parts(run, zero, unit),
        partial: (!is_whole(run)).then(|| coordinate(middle(at))),
        words: words(run, history.earlier_runs + at + 1),
    });
    Some(Trend {
        width: LEFT + WIDTH + 8.0,
        height: TOP + HEIGHT + BELOW,
        left: LEFT,
        right: LEFT + WIDTH,
        zero: coordinate(zero),
        ticks: ticks(most, least, zero, unit),
        labels: labels(runs.len(), history.earlier_runs, middle),
        words: summary(history),
        expired: runs.iter().any(|run| run.expired && run.divergences > 0),
        bars: bars.collect(),
    })
}

pub fn is_whole(run: &RunLine) -> bool {
    run.stopped_by.is_none() && run.outcome != crate::verdict::Outcome::Inconclusive
}

/// From the line up: persisting, reopened, new; and resolved from the line down.
fn parts(run: &RunLine, zero: f64, unit: f64) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut y = zero;
    let expired = if run.expired { run.divergences } else { 0 };
    let states = [("expired", expired), ("persisting", run.persisting), ("reopened", run.reopened), ("new", run.new)];
    for (state, n) in states {
        if n > 0 {
            let height = (n as f64 * unit).max(LEAST);
            y -= height;
            parts.push(Part { state, y: coordinate(y), height: coordinate(height) });
        }
    }
    if run.resolved > 0 {
        let height = (run.resolved as f64 * unit).max(LEAST);
        parts.push(Part { state: "resolved", y: coordinate(zero), height: coordinate(height) });
    }
    parts
}

/// Round numbers, four at most above the line, and below it in the same steps.
fn ticks(most: u64, least: u64, zero: f64, unit: f64) -> Vec<Tick> {
    let step = round(most.max(least));
    let tick = |y: f64, n: u64| Tick { y: coordinate(y), text: rough(n) };
    let above = (0..=most / step).map(|n| tick(zero - (n * step) as f64 * unit, n * step));
    let below = (1..=least / step).map(|n| tick(zero + (n * step) as f64 * unit, n * step));
    above.chain(below).collect()
}

/// 1, 2 or 5 times a power of ten: of which the number holds four at most.
fn round(n: u64) -> u64 {
    let powers = (0..19).map(|exponent| 10u64.pow(exponent));
    let mut steps = powers.flat_map(|power| [1, 2, 5].map(|digit| power.saturating_mul(digit)));
    steps.find(|step| n / step <= 4).unwrap_or(u64::MAX)
}

/// The first, the last, and some between: runs by their number.
fn labels(runs: usize, earlier: usize, middle: impl Fn(usize) -> f64) -> Vec<Label> {
    let step = round(runs as u64) as usize;
    let last = runs - 1;
    let far = |at: usize| (last - at) * 2 > step || at == last;
    let between = (1..runs).filter(|at| (earlier + at + 1).is_multiple_of(step) && *at * 2 > step && far(*at));
    let mut places: Vec<usize> = std::iter::once(0).chain(between).chain([last]).collect();
    places.dedup();
    places.iter().map(|at| Label { x: coordinate(middle(*at)), text: count((earlier + at + 1) as u64) }).collect()
}

fn words(run: &RunLine, number: usize) -> String {
    let at = run.started_at.format("%Y-%m-%d %H:%M:%SZ");
    let mut text = format!("run {}, {at}: {}", count(number as u64), counted(run.divergences, "divergence"));
    let states = [("new", run.new), ("reopened", run.reopened), ("persisting", run.persisting)];
    let told: Vec<String> =
        states.iter().filter(|(_, n)| *n > 0).map(|(state, n)| format!("{} {state}", count(*n))).collect();
    if !told.is_empty() {
        text.push_str(&format!(" ({})", told.join(", ")));
    }
    if run.resolved > 0 {
        text.push_str(&format!("; {} resolved", count(run.resolved)));
    }
    if run.expired {
        text.push_str("; its table is no longer kept");
    }
    if !is_whole(run) {
        text.push_str("; not everything was looked at");
    }
    text
}

fn summary(history: &RuleHistory) -> String {
    let Some((first, last)) = history.runs.first().zip(history.runs.last()) else { return String::new() };
    let most = history.runs.iter().map(|run| run.divergences).max().unwrap_or(0);
    format!(
        "{}, from {} to {}: {} in the first, {} in the last, {} at most.",
        counted(history.runs.len() as u64, "run"),
        first.started_at.format("%Y-%m-%d %H:%M:%SZ"),
        last.started_at.format("%Y-%m-%d %H:%M:%SZ"),
        counted(first.divergences, "divergence"),
        count(last.divergences),
        count(most)
    )
}

/// Tenths are enough.
fn coordinate(value: f64) -> String {
    format!("{:.1}", value)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::verdict::Outcome;

    fn history(found: &[[u64; 4]]) -> RuleHistory {
        let run = |[new, reopened, persisting, resolved]: &[u64; 4]| RunLine {
            run_id: String::new(),
            started_at: DateTime::UNIX_EPOCH,
            outcome: Outcome::Diverged,
            stopped_by: None,
            divergences: new + reopened + persisting,
            acknowledged: 0,
            new: *new,
            reopened: *reopened,
            persisting: *persisting,
            resolved: *resolved,
            expired: false,
        };
        let runs = found.iter().map(run).collect();
        RuleHistory { rule: "r".into(), runs, earlier_runs: 0, open: Vec::new(), in_force: 0, oldest: None }
    }

    #[test]
    fn bars_stand_on_the_line_and_hang_from_it() {
        let trend = trend(&history(&[[3, 0, 0, 0], [0, 1, 1, 2]])).unwrap();
        // 3 above and 2 below share 150 units.
        assert_eq!(trend.zero, "98.0");
        let part = |state, y: &str, height: &str| Part { state, y: y.into(), height: height.into() };
        assert_eq!(trend.bars[0].parts, [part("new", "8.0", "90.0")]);
        let second =
            [part("persisting", "68.0", "30.0"), part("reopened", "38.0", "30.0"), part("resolved", "98.0", "60.0")];
        assert_eq!(trend.bars[1].parts, second);
        assert_eq!(
            trend.bars[1].words,
            "run 2, 1970-01-01 00:00:00Z: 2 divergences (1 reopened, 1 persisting); 2 resolved"
        );
        let ticks: Vec<_> = trend.ticks.iter().map(|tick| (tick.text.as_str(), tick.y.as_str())).collect();
        assert_eq!(ticks, [("0", "98.0"), ("1", "68.0"), ("2", "38.0"), ("3", "8.0"), ("1", "128.0"), ("2", "158.0")]);
    }

    #[test]
    fn nothing_found_is_a_line_and_one_run_is_no_trend() {
        let flat = trend(&history(&[[0; 4], [0; 4]])).unwrap();
        assert!(flat.bars.iter().all(|bar| bar.parts.is_empty()));
        assert!(trend(&history(&[[1, 0, 0, 0]])).is_none());
        assert!(trend(&history(&[])).is_none());
    }

    #[test]
    fn what_a_run_found_whose_table_is_gone_is_shown_without_its_states() {
        let mut history = history(&[[0; 4], [1, 0, 0, 0]]);
        history.runs[0].expired = true;
        history.runs[0].divergences = 4;
        let trend = trend(&history).unwrap();
        assert_eq!((trend.bars[0].parts[0].state, trend.bars[0].parts.len(), trend.expired), ("expired", 1, true));
        assert_eq!(trend.bars[0].words, "run 1, 1970-01-01 00:00:00Z: 4 divergences; its table is no longer kept");
    }

    #[test]
    fn one_among_millions_is_seen() {
        let trend = trend(&history(&[[10_000_000, 0, 0, 0], [1, 0, 0, 0]])).unwrap();
        assert_eq!(trend.bars[1].parts[0].height, "2.0");
        assert!(trend.ticks.len() <= 5, "{:?}", trend.ticks);
    }

    #[test]
    fn runs_are_named_by_their_number() {
        let texts = |runs: usize, earlier| {
            labels(runs, earlier, |at| at as f64).into_iter().map(|label| label.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(30, 0), ["1", "10", "20", "30"]);
        assert_eq!(texts(2, 0), ["1", "2"]);
        assert_eq!(texts(60, 940), ["941", "960", "980", "1,000"]);
    }
}
