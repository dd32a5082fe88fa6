//! Plans, and what became of them, as text.

use std::collections::BTreeMap;

use crate::ledger::Entry;
use crate::repair::{
    ActionShown, Applied, Approved, Automatic, CellShown, Counts, FileWritten, Manifest, Named, PlanLine, PlanShown,
    Proposed, Story,
};
use crate::report::ledger::told;
use crate::report::numbers::{count, counted};
use crate::report::value::escape;

/// As much of a plan's digest as is shown.
fn short(plan: &str) -> &str {
    plan.get(..12).unwrap_or(plan)
}

fn counts(counts: &Counts) -> String {
    let parts = [(counts.insert, "insert"), (counts.update, "update"), (counts.delete, "delete")];
    let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| counted(n, word)).collect();
    let done = if parts.is_empty() { "nothing to do".to_string() } else { parts.join(", ") };
    if counts.refused > 0 { format!("{done}; {} refused", count(counts.refused)) } else { done }
}

fn decision(manifest: &Manifest) -> String {
    use crate::project::model::Decide;
    match manifest.decide {
        _ if manifest.reverts.is_some() => "takes back what was allowed".into(),
        Decide::Auto => "allowed by the policy".into(),
        Decide::Approve(1) => "needs one approval".into(),
        Decide::Approve(n) => format!("needs {n} approvals"),
        Decide::Never => "allowed to nobody".into(),
    }
}

fn head(plan: &str, manifest: &Manifest) -> String {
    let mut out = format!(
        "plan {}: {} of {} ({}), {}\n  {}\n",
        short(plan),
        escape(&manifest.dataset),
        escape(&manifest.rule),
        manifest.side,
        counts(&manifest.counts),
        decision(manifest)
    );
    if let Some(stake) = &manifest.at_stake {
        let sum = stake.sum.as_deref().unwrap_or("not known");
        out.push_str(&format!("  at stake, by {}: {sum}\n", escape(&stake.column)));
    }
    for note in &manifest.notes {
        out.push_str(&format!("  note: {}\n", escape(note)));
    }
    out
}

pub fn proposed(proposed: &Proposed) -> String {
    let mut out = String::new();
    for Named { plan, manifest } in &proposed.plans {
        out.push_str(&head(plan, manifest));
        out.push_str(&format!("  `tieout repair show {}` shows it\n", short(plan)));
    }
    if proposed.settled > 0 {
        out.push_str(&format!("{} settled since the run\n", counted(proposed.settled, "divergence")));
    }
    if proposed.acknowledged > 0 {
        out.push_str(&format!("{} acknowledged, and left alone\n", counted(proposed.acknowledged, "divergence")));
    }
    for (why, n) in &proposed.undecided {
        out.push_str(&format!("{}: a person must choose: {}\n", counted(*n, "divergence"), escape(why)));
    }
    if out.is_empty() {
        out.push_str("nothing diverges: there is nothing to repair\n");
    }
    out
}

fn key(key: &BTreeMap<String, Option<String>>) -> String {
    let cell = |(name, value): (&String, &Option<String>)| {
        format!("{}={}", escape(name), value.as_deref().map_or("NULL".into(), escape))
    };
    key.iter().map(cell).collect::<Vec<_>>().join(" ")
}

fn cells(changes: &[CellShown]) -> String {
    let text = |cell: &Option<String>| cell.as_deref().map_or("NULL".into(), escape);
    let cell =
        |cell: &CellShown| format!("    {}: {} -> {}\n", escape(&cell.column), text(&cell.before), text(&cell.after));
    changes.iter().map(cell).collect()
}

pub fn plan(shown: &PlanShown) -> String {
    let mut out = head(&shown.plan, &shown.manifest);
    let manifest = &shown.manifest;
    out.push_str(&format!(
        "  {}, proposed by {} at {}, of the run {}\n  right is: {}\n",
        escape(&shown.state),
        escape(&manifest.proposed_by),
        manifest.planned_at.format("%Y-%m-%d %H:%M:%SZ"),
        escape(&manifest.run_id),
        escape(&manifest.authority),
    ));
    for why in &manifest.why {
        out.push_str(&format!("  {}\n", escape(why)));
    }
    for approval in &shown.approvals {
        let until = approval.expires.format("%Y-%m-%d %H:%M:%SZ");
        out.push_str(&format!("  approved by {}, until {until}\n", escape(&approval.approver)));
    }
    for (why, n) in &shown.refused {
        out.push_str(&format!("  refused: {}: {}\n", count(*n), escape(why)));
    }
    let all = manifest.counts.all() + manifest.counts.refused;
    out.push_str(&format!("\nactions, {} of {}:\n", count(shown.actions.len() as u64), count(all)));
    for ActionShown { action, key: of, changes, refused, .. } in &shown.actions {
        let refused = refused.as_ref().map(|why| format!(" (refused: {})", escape(why))).unwrap_or_default();
        out.push_str(&format!("  {action} {}{refused}\n", key(of)));
        out.push_str(&cells(changes));
    }
    if !shown.statements.is_empty() {
        out.push_str("\nas statements:\n");
        shown.statements.iter().for_each(|statement| out.push_str(&format!("  {}\n", escape(statement))));
    }
    out
}

pub fn approved(approved: &Approved) -> String {
    let needed = match u64::from(approved.needed) {
        0 => "none is needed".to_string(),
        needed => format!("{} of {needed}", approved.approvals),
    };
    format!(
        "plan {} approved by {} until {}; {needed}\n",
        short(&approved.plan),
        escape(&approved.approver),
        approved.expires.format("%Y-%m-%d %H:%M:%SZ"),
    )
}

pub fn applied(applied: &Applied) -> String {
    let rows: Vec<String> = applied.rows.iter().map(|(fate, n)| format!("{fate} {}", count(*n))).collect();
    let what = match (applied.dry_run, &applied.reverts) {
        (true, _) => "rehearsed, and rolled back: would be ".to_string(),
        (false, Some(reverts)) => format!("takes back {}: ", short(reverts)),
        (false, None) => String::new(),
    };
    let mut out = format!(
        "plan {} on {} ({}): {what}{}\n  rows: {}\n",
        short(&applied.plan),
        escape(&applied.dataset),
        applied.side,
        applied.outcome,
        if rows.is_empty() { "none".into() } else { rows.join(", ") }
    );
    if applied.still_diverging > 0 {
        out.push_str(&format!(
            "  {} written, and both sides disagree all the same\n",
            counted(applied.still_diverging, "row")
        ));
    }
    for file in &applied.files {
        out.push_str(&written(file, applied.dry_run));
    }
    for row in &applied.unrepaired {
        let why = row.fate.why().unwrap_or("");
        out.push_str(&format!("  {} {}: {}: {}\n", row.action, key(&row.key), row.fate.word(), escape(why)));
    }
    let told = applied.unrepaired.len() as u64;
    let bad: u64 = applied.rows.iter().filter(|(fate, _)| !matches!(**fate, "applied" | "done")).map(|(_, n)| n).sum();
    if bad + applied.still_diverging > told {
        out.push_str(&format!("  ... and {} more\n", count(bad + applied.still_diverging - told)));
    }
    for note in &applied.notes {
        out.push_str(&format!("  note: {}\n", escape(note)));
    }
    if let Some(table) = &applied.table {
        out.push_str(&format!("  {}\n", escape(table)));
    }
    out
}

/// A file that was written anew.
fn written(file: &FileWritten, dry_run: bool) -> String {
    let original = file.file.as_deref().map_or("a new file".to_string(), escape);
    let rows = file.changed.map(|n| format!(" ({})", counted(n, "row"))).unwrap_or_default();
    match (&file.copy, file.in_place) {
        _ if dry_run => format!("  would be written anew: {original}{rows}\n"),
        (Some(copy), true) => format!("  replaced: {original}{rows}, by {}\n", escape(copy)),
        (Some(copy), false) => format!("  written anew: {original}{rows}, as {}\n", escape(copy)),
        (None, _) => format!("  written anew: {original}{rows}\n"),
    }
}

pub fn automatic(told: &Automatic) -> String {
    let mut out = String::new();
    told.applied.iter().for_each(|one| out.push_str(&applied(one)));
    for Named { plan, manifest } in &told.waiting {
        out.push_str(&head(plan, manifest));
        out.push_str("  waits\n");
    }
    told.notes.iter().for_each(|note| out.push_str(&format!("{}\n", escape(note))));
    out
}

pub fn plans(lines: &[PlanLine]) -> String {
    if lines.is_empty() {
        return "no repair was planned yet\n".into();
    }
    let line = |one: &PlanLine| {
        let reverts = one.reverts.as_deref().map(|plan| format!(", takes back {}", short(plan))).unwrap_or_default();
        format!(
            "{}  {}  {}  {} ({}), {}, by {}{reverts}\n",
            short(&one.plan),
            one.at.format("%Y-%m-%d %H:%M:%SZ"),
            escape(&one.state),
            escape(&one.rule),
            one.side,
            counted(one.actions, "row"),
            escape(&one.actor),
        )
    };
    lines.iter().map(line).collect()
}

pub fn story(story: &Story) -> String {
    let mut out = format!("{}\n", escape(&story.of));
    for told in &story.events {
        let at = told.at.format("%Y-%m-%d %H:%M:%SZ");
        out.push_str(&format!(
            "  {at}  entry {}  {}: {} (plan {})\n",
            told.entry,
            escape(&told.actor),
            escape(&told.what),
            short(&told.plan)
        ));
        out.push_str(&cells(&told.changes));
    }
    out
}

/// What an entry of the ledger tells.
pub fn words(entry: &Entry) -> String {
    told(&entry.event)
}
