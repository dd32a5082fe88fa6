//! The sentences of a page.

use chrono::{DateTime, Utc};

use crate::divergence::RunRecord;
use crate::history::{Dossier, RuleDossier, Subject};
use crate::ledger::Mention;
use crate::report::numbers::{age, count, counted};
use crate::report::page::view::outcome;
use crate::report::palette::Palette;
use crate::report::rule::verdict;
use crate::report::value::escape;
use crate::rule::sql::{ident, literal};
use crate::verdict::{Outcome, RowCounts};

/// `2 of 5 rules DIVERGED`, `orders DIVERGED`, `all 3 rules reconciled`.
pub fn headline(dossier: &Dossier) -> String {
    let Some(worst) = dossier.rules.iter().map(outcome).max() else { return "nothing ran yet".into() };
    let word = Palette::word(worst);
    let all = dossier.rules.len() as u64;
    let n = dossier.rules.iter().filter(|rule| outcome(rule) == worst).count() as u64;
    match dossier.rules.as_slice() {
        [only] => format!("{} {word}", escape(&only.record.rule)),
        _ if n == all => format!("all {all} rules {word}"),
        _ => format!("{} of {} {word}", count(n), counted(all, "rule")),
    }
}

/// What is open, and what else there is to know of all rules.
pub fn lede(dossier: &Dossier, now: DateTime<Utc>) -> String {
    if dossier.rules.is_empty() {
        return "No rule has run, as far as this output knows.".into();
    }
    let mut parts = Vec::new();
    let open: u64 = dossier.rules.iter().map(RuleDossier::open).sum();
    let then = if matches!(dossier.subject, Subject::Run(_)) { "was" } else { "is" };
    let are = if then == "was" { "were" } else { "are" };
    parts.push(match (open, dossier.rules.iter().filter_map(RuleDossier::oldest).min()) {
        (0, _) => format!("No divergence {then} open."),
        (n, oldest) => {
            let since = oldest.map_or(String::new(), |oldest| format!(", the oldest for {}", age(oldest, now)));
            format!("{} {} open{since}.", counted(n, "divergence"), if n == 1 { then } else { are })
        }
    });
    // The headline tells of the worst.
    let worst = dossier.rules.iter().map(outcome).max();
    for wanted in [Outcome::Inconclusive, Outcome::Reconciled].into_iter().filter(|wanted| Some(*wanted) != worst) {
        let n = dossier.rules.iter().filter(|rule| outcome(rule) == wanted).count() as u64;
        if n > 0 {
            parts.push(format!("{} {}.", counted(n, "rule"), Palette::word(wanted)));
        }
    }
    if dossier.rules.iter().any(|rule| rule.record.stopped_by.is_some()) {
        parts.push("A limit stopped a run: what it did not look at is not proven.".into());
    }
    parts.join(" ")
}

/// `5,983,355 of 6,001,215 rows equal (99.70 %), 2 schema differences.`
pub fn sentence(one: &RuleDossier) -> String {
    let record = &one.record;
    let rows: RowCounts = record.rows.into();
    let mut parts = vec![verdict(&record.kind, record.guarantee != "none", &rows, record.schema_mismatch > 0)];
    if record.schema_mismatch > 0 {
        parts.push(counted(record.schema_mismatch, "schema difference"));
    }
    if record.acknowledged > 0 {
        parts.push(format!("{} acknowledged", count(record.acknowledged)));
    }
    let counting = (rows.divergences() + record.schema_mismatch).saturating_sub(record.acknowledged);
    if outcome(one) == Outcome::Reconciled && counting > 0 {
        parts.push("within the error budget".into());
    }
    let text = parts.join(", ");
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

/// How equality was proven.
pub fn guarantee(record: &RunRecord) -> String {
    match (record.kind.as_str(), record.guarantee.as_str()) {
        (_, "none") => "none: nothing was compared".into(),
        ("sql", _) => "every row that the rule's query returns is a divergence".into(),
        (_, "exact") => "exact: all values were compared, or the bytes that hold them".into(),
        (_, "digest128") => {
            "digest128: rows that agree were found by digests of 128 bits; every divergence was verified value by value"
                .into()
        }
        _ => "of a kind that this version of tieout does not know".into(),
    }
}

/// Of a table that shows so many of so many.
pub fn heading(shown: u64, of: u64) -> String {
    match (shown, of) {
        (1, 1) => "The divergence".into(),
        (shown, of) if shown == of => format!("All {}", counted(of, "divergence")),
        (shown, of) => format!("{} of {}", count(shown), counted(of, "divergence")),
    }
}

/// A command that tells all of them.
pub fn query(record: &RunRecord) -> String {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let table = if plain(&record.rule) { record.rule.clone() } else { ident(&record.rule) };
    let sql = format!("SELECT * FROM divergences.{table} WHERE run_id = {}", literal(&record.run_id));
    format!("tieout sql {}", escape(&shell(&sql)))
}

/// One word of a shell.
fn shell(text: &str) -> String {
    match text.contains(['"', '$', '`', '\\', '!']) {
        false => format!("\"{text}\""),
        true => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// `entry 3, run_finished, sha256 9f...`
pub fn mention(mention: &Mention) -> String {
    format!("entry {}, {}, sha256 {}", mention.number, mention.what, mention.hash)
}

pub fn versions(record: &RunRecord) -> String {
    format!("rule {}, tieout {}", escape(&record.rule_version), escape(&record.tieout_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_word_of_any_shell() {
        let of = |rule: &str| query(&RunRecord { run_id: "0-1".into(), rule: rule.into(), ..RunRecord::default() });
        assert_eq!(of("orders"), "tieout sql \"SELECT * FROM divergences.orders WHERE run_id = '0-1'\"");
        assert_eq!(of("it's $a"), r#"tieout sql 'SELECT * FROM divergences."it'\''s $a" WHERE run_id = '\''0-1'\'''"#);
    }
}
