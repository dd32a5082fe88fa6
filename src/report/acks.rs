//! What was acknowledged, as text.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ack::Given;
use crate::history::Listed;
use crate::report::numbers::{count, counted};
use crate::report::table::{Align, Cell, Table};
use crate::report::text::Layout;
use crate::report::value::escape;

/// A line a rule. `done`: acknowledged, or taken back.
pub fn given(given: &[Given], done: &str) -> String {
    let mut out = String::new();
    for one in given {
        let kinds: Vec<String> =
            one.kinds.iter().map(|of| format!("{} {}", count(of.divergences), escape(&of.kind))).collect();
        let until = one.until.map_or(String::new(), |until| format!(", until {}", self::until(until)));
        let divergences = counted(one.divergences, "divergence");
        out.push_str(&format!(
            "{}: {done} {divergences}{until}: {} (entry {} of the ledger)\n",
            escape(&one.rule),
            kinds.join(", "),
            one.entry
        ));
    }
    out
}

/// A line an acknowledgement.
pub fn acks(listed: &[Listed], layout: Layout) -> String {
    use Align::{Left, Right};
    if listed.is_empty() {
        return "Nothing is acknowledged here.\n".into();
    }
    let palette = layout.palette;
    let faint = |text: &str| Cell::painted(text, |text| palette.faint(text));
    let mut table = Table::new([Left, Left, Left, Left, Right, Right, Left, Left]);
    let head = ["rule", "when", "by", "until", "divergences", "in force", "ended", "note"];
    table.row(head.map(faint));
    for one in listed {
        let ends = one.ends().into_iter().filter(|(_, n)| *n > 0);
        let ends: Vec<String> = ends.map(|(end, n)| format!("{} {end}", count(n))).collect();
        table.row([
            Cell::painted(escape(&one.rule), |text| palette.strong(text)),
            one.at.format("%Y-%m-%d %H:%M:%SZ").to_string().into(),
            escape(&one.by).into(),
            one.until.map_or(String::new(), until).into(),
            count(one.divergences).into(),
            count(one.in_force).into(),
            ends.join(", ").into(),
            escape(&one.note).into(),
        ]);
    }
    table.render("")
}

/// The day that it ends with, or the instant.
pub fn until(until: DateTime<Utc>) -> String {
    let day = until - TimeDelta::microseconds(1);
    match day.date_naive() == until.date_naive() {
        true => until.format("%Y-%m-%d %H:%M:%SZ").to_string(),
        false => day.format("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_as_a_day() {
        let at = |text: &str| until(text.parse().unwrap());
        assert_eq!(at("2027-01-01T00:00:00Z"), "2026-12-31");
        assert_eq!(at("2027-01-01T00:00:01Z"), "2027-01-01 00:00:01Z");
    }

    #[test]
    fn nothing_that_was_said_steers_the_terminal() {
        let one = Listed {
            ack_id: "1".into(),
            rule: "r".into(),
            at: DateTime::UNIX_EPOCH,
            by: "\u{1b}[2J".into(),
            note: "a\nb\u{202e}".into(),
            until: None,
            divergences: 3,
            in_force: 0,
            withdrawn: 0,
            expired: 1,
            changed: 0,
            resolved: 2,
        };
        let text = acks(&[one], Layout::PLAIN);
        let line = text.lines().nth(1).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(line.contains("\\u{1b}[2J") && line.ends_with("a\\nb\\u{202e}"), "{line}");
        assert!(line.contains("1 expired, 2 resolved"), "{line}");
    }
}
