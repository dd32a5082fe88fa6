//! What is put into the ledger by hand, so well that the chain of its entries holds: nothing of it allows anything, and `verify` tells.

use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use tieout::ledger::{Event, Ledger, RepairApproved, RepairFinished, StoredFile, read_private, sha256};

use super::allowed::{approve, tables, untouched};
use super::{applied, planned, verified};
use crate::support::tieout::Tieout;

/// The newest entry of the ledger.
fn newest(tieout: &Tieout) -> PathBuf {
    let entries = std::fs::read_dir(tieout.path("out/ledger")).unwrap();
    entries.map(|entry| entry.unwrap().path()).max().unwrap()
}

fn stored(text: &str) -> Event {
    let entry: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(entry["event"].clone()).unwrap()
}

/// Appends an event as the program itself would.
fn append(tieout: &Tieout, event: Event) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::at(tieout.path("out").to_str().unwrap()).await.unwrap();
        let mut head = ledger.head().await.unwrap();
        ledger.append(&mut head, event, |_| Ok(())).await.unwrap();
    });
}

/// Edits the newest entry and makes its sum anew.
fn edit(tieout: &Tieout, from: &str, to: &str) {
    let file = newest(tieout);
    let text = std::fs::read_to_string(&file).unwrap();
    let body = format!("{}}}", &text[..text.len() - 75]);
    assert!(body.contains(from), "{body}");
    let body = body.replace(from, to);
    let sum = sha256(body.as_bytes());
    std::fs::write(&file, format!("{},\"sum\":\"{sum}\"}}\n", &body[..body.len() - 1])).unwrap();
}

/// Verifying finds the newest entry; `words` are what it tells.
fn found(tieout: &Tieout, words: &str) {
    let name = newest(tieout).file_name().unwrap().to_str().unwrap().to_string();
    let told = tieout.run(["ledger", "verify"]).exits(1).stdout;
    let lines: Vec<&str> = told.lines().filter(|line| line.starts_with("ledger/")).collect();
    assert_eq!(lines, [format!("ledger/{name}: {words}")], "{told}");
}

fn refused(tieout: &Tieout, plan: &str, words: &str) {
    let told = tieout.run(["repair", "apply", plan]).exits(2).stderr;
    assert!(told.contains(words), "{told}");
    untouched(tieout);
}

fn approval(tieout: &Tieout, plan: &str, name: &str, key: &str) -> RepairApproved {
    let pair = read_private(&tieout.path(key)).unwrap();
    RepairApproved::sign(plan, name, Utc::now(), Utc::now() + TimeDelta::days(1), &pair)
}

const NOT_SIGNED: &str = "holds an approval that is not signed with the key that it names";
const NOT_THE_PROJECTS: &str = "is not signed with the key that the project has of anna";

#[test]
fn approvals_that_were_written_by_hand() {
    let (tieout, _) = tables("");
    let plan = planned(&tieout);
    tieout.run(["keys", "new", "eve.key"]).exits(0);
    let good = approval(&tieout, &plan, "anna", "anna.key");
    let forged = |change: &dyn Fn(&mut RepairApproved)| {
        let mut forged = good.clone();
        change(&mut forged);
        forged
    };
    // Each with what `verify` finds, and why `apply` refuses it.
    let cases = [
        (forged(&|one| one.signature = "00".repeat(64)), Some(NOT_SIGNED), NOT_THE_PROJECTS),
        (forged(&|one| one.signature.truncate(64)), Some(NOT_SIGNED), NOT_THE_PROJECTS),
        (forged(&|one| one.expires += TimeDelta::days(365)), Some(NOT_SIGNED), NOT_THE_PROJECTS),
        // With a key of her own, which she names or does not: only the project tells whose it is.
        (approval(&tieout, &plan, "anna", "eve.key"), None, NOT_THE_PROJECTS),
        (
            RepairApproved { public_key: good.public_key.clone(), ..approval(&tieout, &plan, "anna", "eve.key") },
            Some(NOT_SIGNED),
            NOT_THE_PROJECTS,
        ),
        (approval(&tieout, &plan, "eve", "eve.key"), None, "eve is none of the project's approvers"),
    ];
    for (forged, words, why) in cases {
        append(&tieout, Event::RepairApproved(forged));
        match words {
            Some(words) => found(&tieout, words),
            None => verified(&tieout),
        }
        refused(&tieout, &plan, why);
        std::fs::remove_file(newest(&tieout)).unwrap();
    }
    verified(&tieout);
}

#[test]
fn approvals_that_were_edited() {
    let (tieout, _) = tables("");
    let plan = planned(&tieout);
    approve(&tieout, &plan, "anna", "anna.key", "anna@desk", 0);
    let entry = newest(&tieout);
    let whole = std::fs::read(&entry).unwrap();
    let Event::RepairApproved(good) = stored(std::str::from_utf8(&whole).unwrap()) else { panic!("no approval") };
    let day = |at: chrono::DateTime<Utc>| at.format("\"expires\":\"%Y-%m-%d").to_string();
    let cases = [
        (day(good.expires), day(good.expires + TimeDelta::days(3650)), NOT_THE_PROJECTS),
        (
            "\"approver\":\"anna\"".into(),
            "\"approver\":\"omar\"".into(),
            "is not signed with the key that the project has of omar",
        ),
    ];
    for (from, to, why) in cases {
        edit(&tieout, &from, &to);
        found(&tieout, NOT_SIGNED);
        refused(&tieout, &plan, why);
        std::fs::write(&entry, &whole).unwrap();
    }
    verified(&tieout);
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    verified(&tieout);
}

#[test]
fn an_approval_of_another_output_is_of_another_plan() {
    let (tieout, _) = tables("");
    let plan = planned(&tieout);
    // The same tables, the same rule, and the same people: planned elsewhere.
    let (other, _) = tables("");
    for file in ["anna.key", "omar.key", "tieout.yaml"] {
        std::fs::copy(tieout.path(file), other.path(file)).unwrap();
    }
    let others = planned(&other);
    approve(&other, &others, "anna", "anna.key", "anna@desk", 0);
    let event = stored(&std::fs::read_to_string(newest(&other)).unwrap());
    append(&tieout, event.clone());
    found(&tieout, "is about a plan that was never planned");
    refused(&tieout, &plan, "has that of 0");
    std::fs::remove_file(newest(&tieout)).unwrap();
    // And as if it were of this one.
    let Event::RepairApproved(approved) = event else { panic!("no approval") };
    append(&tieout, Event::RepairApproved(RepairApproved { plan: plan.clone(), ..approved }));
    found(&tieout, NOT_SIGNED);
    refused(&tieout, &plan, NOT_THE_PROJECTS);
}

#[test]
fn repairs_that_never_were() {
    let (tieout, _) = tables("");
    let plan = planned(&tieout);
    let attempt = || "00000000-0000-7000-8000-000000000001".to_string();
    // A file that is there, so that nothing is wrong with that.
    let bytes = std::fs::read(tieout.path("tieout.yaml")).unwrap();
    let path = format!("repairs/plan={plan}/made.parquet");
    std::fs::write(tieout.path("out").join(&path), &bytes).unwrap();
    let file = || StoredFile { path: path.clone(), sha256: sha256(&bytes), bytes: bytes.len() as u64, rows: 1 };
    let finished = Event::RepairFinished(RepairFinished {
        attempt: attempt(),
        plan: plan.clone(),
        outcome: "repaired".into(),
        applied: 3,
        done: 0,
        stale: 0,
        failed: 0,
        source_inputs: Vec::new(),
        target_inputs: Vec::new(),
        file: file(),
    });
    let started = |plan: &str| Event::RepairStarted { attempt: attempt(), plan: plan.into(), auto: true };
    for (event, words) in [
        (
            Event::RepairBatch {
                attempt: attempt(),
                plan: plan.clone(),
                file: file(),
                files: Vec::new(),
                replaced: None,
            },
            "tells of a repair that was never begun",
        ),
        (finished, "tells of a repair that was never begun"),
        (started(&"0".repeat(64)), "is about a plan that was never planned"),
    ] {
        append(&tieout, event);
        found(&tieout, words);
        refused(&tieout, &plan, "needs the approval of one person");
        std::fs::remove_file(newest(&tieout)).unwrap();
    }
    // One that was cut off is none of these.
    append(&tieout, started(&plan));
    let told = tieout.run(["ledger", "verify"]).exits(0);
    let told = told.stdout + &told.stderr;
    assert!(told.contains("1 repair has begun and not ended"), "{told}");
}
