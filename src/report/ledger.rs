//! Entries of the ledger, in words.

use crate::ledger::RepairFinished;
use crate::ledger::{Acknowledged, Entry, Event};
use crate::report::acks::until;
use crate::report::numbers::counted;
use crate::report::value::escape;

/// One line.
pub fn entry_line(entry: &Entry) -> String {
    let at = entry.at.format("%Y-%m-%d %H:%M:%SZ");
    format!("{:>6}  {at}  {}  {}\n", entry.number, escape(&entry.actor), escape(&told(&entry.event)))
}

/// What happened, in words.
pub fn told(event: &Event) -> String {
    match event {
        Event::Begun { before } if before.is_empty() => "ledger begun".into(),
        Event::Begun { before } => format!("ledger begun, {} there before", counted(before.len() as u64, "file")),
        Event::RunStarted { run_id, rules } => format!("run {run_id} started: {}", counted(rules.len() as u64, "rule")),
        Event::RunResumed { run_id, .. } => format!("run {run_id} goes on after it was cut off"),
        Event::RunFinished { run_id, outcome, rules, .. } => {
            let found = rules.iter().map(|rule| rule.rows.divergences() + rule.schema_mismatch).sum();
            format!("run {run_id} finished: {outcome}, {}", counted(found, "divergence"))
        }
        Event::RunCancelled { run_id, why } => format!("run {run_id} ended without a result: {why}"),
        Event::Acknowledged(ack) => said(ack, "acknowledged"),
        Event::Withdrawn(ack) => said(ack, "withdrew what was acknowledged of"),
        Event::Expired { before, rules } => {
            let files = counted(rules.iter().map(|rule| rule.files).sum(), "file");
            let before = before.format("%Y-%m-%d %H:%M:%SZ");
            format!("{files} of runs before {before} expired: {}", counted(rules.len() as u64, "rule"))
        }
        Event::RepairPlanned(plan) => {
            let back = plan.reverts.as_deref().map(|plan| format!(", taking back {}", short(plan))).unwrap_or_default();
            format!("plan {} of {}: {} to change{back}", short(&plan.plan), plan.rule, counted(plan.actions, "row"))
        }
        Event::RepairApproved(given) => {
            format!("plan {} approved by {}, until {}", short(&given.plan), given.approver, until(given.expires))
        }
        Event::RepairStarted { plan, auto, .. } => {
            format!("plan {} begun{}", short(plan), if *auto { ", as the policy allows" } else { "" })
        }
        Event::RepairBatch { plan, file, replaced: Some(replaced), .. } => {
            format!("plan {}: about to replace {}, for {}", short(plan), replaced.file, counted(file.rows, "row"))
        }
        Event::RepairBatch { plan, file, files, .. } if !files.is_empty() => {
            let copies = counted(files.len() as u64, "file");
            format!("plan {}: {copies} written anew, for {}", short(plan), counted(file.rows, "row"))
        }
        Event::RepairBatch { plan, file, .. } => {
            format!("plan {}: about to change {}", short(plan), counted(file.rows, "row"))
        }
        Event::RepairFinished(done) => {
            let RepairFinished { applied, stale, failed, .. } = done;
            format!(
                "plan {} {}: {applied} applied, {} done, {stale} stale, {failed} failed",
                short(&done.plan),
                done.outcome,
                done.done
            )
        }
        Event::Sealed { number, public_key, .. } => format!("entry {number} sealed with {public_key}"),
    }
}

/// As much of a plan's digest as is shown.
fn short(plan: &str) -> &str {
    plan.get(..12).unwrap_or(plan)
}

fn said(ack: &Acknowledged, done: &str) -> String {
    let until = ack.until.map_or(String::new(), |end| format!(", until {}", until(end)));
    format!("{done} {} of {}{until}: {}", counted(ack.divergences, "divergence"), ack.rule, ack.note)
}
