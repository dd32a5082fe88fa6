//! One entry after the other: what is told of it.

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::ledger::entry::StoredFile;

fn file(sha256: &str) -> StoredFile {
    StoredFile { path: "repairs/a-file".into(), sha256: sha256.into(), bytes: 1, rows: 1 }
}

fn planned(plan: &str) -> Event {
    Event::RepairPlanned(RepairPlanned {
        plan: plan.into(),
        rule: "r".into(),
        run_id: "1".into(),
        side: "target".into(),
        dataset: "d".into(),
        actions: 1,
        reverts: None,
        manifest: file(plan),
        table: file("t"),
    })
}

fn started(plan: &str, attempt: &str) -> Event {
    Event::RepairStarted { attempt: attempt.into(), plan: plan.into(), auto: false }
}

fn batch(plan: &str, attempt: &str) -> Event {
    Event::RepairBatch {
        attempt: attempt.into(),
        plan: plan.into(),
        file: file("b"),
        files: Vec::new(),
        replaced: None,
    }
}

fn finished(plan: &str, attempt: &str) -> Event {
    Event::RepairFinished(RepairFinished {
        attempt: attempt.into(),
        plan: plan.into(),
        outcome: "repaired".into(),
        applied: 1,
        done: 0,
        stale: 0,
        failed: 0,
        source_inputs: Vec::new(),
        target_inputs: Vec::new(),
        file: file("o"),
    })
}

fn approved(plan: &str) -> RepairApproved {
    let at: DateTime<Utc> = "2026-06-01T12:00:00Z".parse().unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    RepairApproved::sign(plan, "anna", at, at + TimeDelta::days(7), &pair)
}

/// What is told of each entry, and how many repairs were cut off.
fn told(events: &[Event]) -> (Vec<Option<String>>, usize) {
    let mut repairs = Repairs::default();
    let told = (1..).zip(events).map(|(number, event)| repairs.take(number, event)).collect();
    (told, repairs.cut_off())
}

/// What is told of the last entry; of those before, nothing is.
fn last(events: &[Event]) -> String {
    let (mut told, _) = told(events);
    let last = told.pop().flatten().expect("the last entry is found");
    assert!(told.iter().all(Option::is_none), "{told:?}");
    last
}

#[test]
fn a_whole_repair_is_well() {
    let approved = Event::RepairApproved(approved("p"));
    let first = [planned("p"), approved, started("p", "1"), batch("p", "1")];
    assert_eq!(told(&first), (vec![None; 4], 1), "cut off, and no fault");
    // Another process goes on: what was cut off is past.
    let rest = [started("p", "2"), batch("p", "2"), batch("p", "2"), finished("p", "2")];
    assert_eq!(told(&[&first[..], &rest].concat()), (vec![None; 8], 0));
}

#[test]
fn nothing_is_recorded_that_was_not_begun() {
    assert!(last(&[planned("p"), batch("p", "1")]).contains("never begun"));
    assert!(last(&[planned("p"), finished("p", "1")]).contains("never begun"));
    let begun = [planned("p"), planned("q"), started("p", "1")];
    assert!(last(&[&begun[..], &[batch("q", "1")]].concat()).contains("of another plan"));
    assert!(last(&[&begun[..], &[finished("q", "1")]].concat()).contains("of another plan"));
    assert!(last(&[&begun[..], &[started("p", "1")]].concat()).contains("has begun"));
    let ended = [&begun[..], &[finished("p", "1")]].concat();
    assert!(last(&[&ended[..], &[batch("p", "1")]].concat()).contains("has ended"));
    assert!(last(&[&ended[..], &[finished("p", "1")]].concat()).contains("has ended"));
}

#[test]
fn nothing_is_carried_out_or_allowed_that_was_not_planned() {
    assert!(last(&[planned("p"), started("q", "1")]).contains("never planned"));
    assert!(last(&[planned("p"), Event::RepairApproved(approved("q"))]).contains("never planned"));
    assert!(last(&[planned("p"), planned("p")]).contains("has told of"));
    let Event::RepairPlanned(mut other) = planned("p") else { unreachable!() };
    other.manifest.sha256 = "another".into();
    assert!(last(&[Event::RepairPlanned(other)]).contains("not the hash of its manifest"));
}

#[test]
fn an_approval_is_what_was_signed() {
    let edits: [&dyn Fn(&mut RepairApproved); 6] = [
        &|one| one.approver = "omar".into(),
        &|one| one.expires += TimeDelta::days(1),
        &|one| one.at -= TimeDelta::days(1),
        &|one| one.signature.truncate(64),
        &|one| one.public_key = format!("ed25519:{}", "00".repeat(32)),
        &|one| one.public_key = "none".into(),
    ];
    for (n, edit) in edits.iter().enumerate() {
        let mut edited = approved("p");
        edit(&mut edited);
        assert!(last(&[planned("p"), Event::RepairApproved(edited)]).contains("is not signed"), "{n}");
    }
}

#[test]
fn what_follows_from_an_entry_that_is_gone_is_not_told_as_well() {
    let mut repairs = Repairs { lost: true, ..Repairs::default() };
    for (number, event) in (5..).zip([started("p", "2"), batch("p", "1"), finished("p", "1"), finished("p", "2")]) {
        assert_eq!(repairs.take(number, &event), None, "{event:?}");
    }
    // But no gap explains what is signed otherwise, or told twice.
    assert!(repairs.take(9, &finished("p", "2")).is_some());
    let edited = RepairApproved { approver: "omar".into(), ..approved("p") };
    assert!(repairs.take(10, &Event::RepairApproved(edited)).is_some());
}
