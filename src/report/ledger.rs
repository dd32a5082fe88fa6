//! Entries of the ledger, in words.

use crate::ledger::{Acknowledged, Entry, Event};
use crate::report::acks::until;
use crate::report::numbers::counted;
use crate::report::value::escape;

/// One line.
pub fn entry_line(entry: &Entry) -> String {
    let at = entry.at.format("%Y-%m-%d %H:%M:%SZ");
    format!("{:>6}  {at}  {}  {}\n", entry.number, escape(&entry.actor), escape(&told(&entry.event)))
}

fn told(event: &Event) -> String {
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
        Event::RepairPlanned(plan) => format!("repair {} planned", plan.plan),
        Event::RepairApproved(given) => format!("repair {} approved by {}", given.plan, given.approver),
        Event::RepairStarted { plan, .. } => format!("repair {plan} begun"),
        Event::RepairBatch { plan, file, .. } => format!("repair {plan}: {} rows", file.rows),
        Event::RepairFinished(done) => format!("repair {} {}", done.plan, done.outcome),
        Event::Sealed { number, public_key, .. } => format!("entry {number} sealed with {public_key}"),
    }
}

fn said(ack: &Acknowledged, done: &str) -> String {
    let until = ack.until.map_or(String::new(), |end| format!(", until {}", until(end)));
    format!("{done} {} of {}{until}: {}", counted(ack.divergences, "divergence"), ack.rule, ack.note)
}
