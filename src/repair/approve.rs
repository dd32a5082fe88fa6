//! People's word on a plan: signed over its digest, by somebody whom the project names and who has not proposed it, until a day.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Event, PublicKey, RepairApproved, actor};
use crate::project::model::{Decide, Project};
use crate::repair::manifest::{Manifest, short};
use crate::repair::plans::{Found, Plans};

/// Clocks of two machines may be so far apart.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What an approval is held against.
pub struct Against<'a> {
    pub plan: &'a str,
    /// Who proposed the plan.
    pub proposer: &'a str,
    /// The project's, with their keys.
    pub approvers: &'a BTreeMap<String, String>,
    pub now: DateTime<Utc>,
    /// When the plan was taken back: what was allowed before is not allowed again.
    pub since: Option<DateTime<Utc>>,
}

/// Why it does not count, if it does not. `actor`: who put it into the ledger.
pub fn check(approved: &RepairApproved, actor: &str, against: &Against<'_>) -> std::result::Result<(), String> {
    let name = &approved.approver;
    if approved.plan != against.plan {
        return Err(format!("the approval by {name} is of another plan"));
    }
    let Some(key) = against.approvers.get(name).and_then(|key| key.parse::<PublicKey>().ok()) else {
        return Err(format!("{name} is none of the project's approvers"));
    };
    if !approved.is_signed_with(&key) {
        return Err(format!("the approval by {name} is not signed with the key that the project has of {name}"));
    }
    if approved.expires <= against.now {
        return Err(format!("the approval by {name} has expired"));
    }
    if approved.at > against.now + SKEW || approved.expires <= approved.at {
        return Err(format!("the approval by {name} is of a time to come"));
    }
    if against.since.is_some_and(|since| approved.at <= since) {
        return Err(format!("the approval by {name} was given before the plan was taken back"));
    }
    if is_self(against.proposer, name, actor) {
        return Err(format!("{name} has proposed the plan, and cannot approve it"));
    }
    Ok(())
}

/// Whether somebody gives their word on what is their own proposal.
fn is_self(proposer: &str, name: &str, actor: &str) -> bool {
    let person = |actor: &str| actor.split('@').next().unwrap_or(actor).trim().to_lowercase();
    proposer.eq_ignore_ascii_case(actor) || person(proposer) == person(name)
}

/// Who has approved the plan so that it counts: by distinct people with distinct keys. And why others do not.
pub fn counting(found: &Found, against: &Against<'_>) -> (BTreeSet<String>, Vec<String>) {
    let (mut names, mut keys, mut why) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (actor, approved) in &found.approvals {
        match check(approved, actor, against) {
            Ok(()) => {
                let key = against.approvers.get(&approved.approver).map(|key| key.to_lowercase());
                if names.contains(&approved.approver) || keys.insert(key) {
                    names.insert(approved.approver.clone());
                }
            }
            Err(reason) => why.push(reason),
        }
    }
    (names, why)
}

/// An error unless enough people allow the plan, by approvals that counted at the time `now`, and were given after `since`.
pub fn allowed(
    project: &Project,
    found: &Found,
    manifest: &Manifest,
    needed: Decide,
    (now, since): (DateTime<Utc>, Option<DateTime<Utc>>),
) -> Result<()> {
    let plan = found.digest();
    let refused = |message: String, hint: String| {
        Err(Error::new(ErrorKind::Permission, message).context("plan", short(plan).to_string()).hint(hint))
    };
    let wanted = match needed.max(manifest.decide) {
        Decide::Auto => return Ok(()),
        Decide::Never => return refused("the policy never allows it".into(), "nothing was changed".into()),
        Decide::Approve(wanted) => wanted as usize,
    };
    let against = Against { plan, proposer: &found.actor, approvers: &project.repair.approvers, now, since };
    let (names, why) = counting(found, &against);
    if names.len() >= wanted {
        return Ok(());
    }
    let more = if why.is_empty() { String::new() } else { format!("; {}", why.join("; ")) };
    let people = if wanted == 1 { "one person".to_string() } else { format!("{wanted} people") };
    refused(
        format!("the plan needs the approval of {people}, and has that of {}{more}", names.len()),
        format!("nothing was changed; `tieout repair approve {} --as NAME --key FILE` approves it", short(plan)),
    )
}

/// What `approve` came to. Its JSON is a contract (docs/reference, page "Repair").
#[derive(Debug, serde::Serialize)]
pub struct Approved {
    pub plan: String,
    pub approver: String,
    pub expires: DateTime<Utc>,
    /// Approvals that count by now, and that are needed.
    pub approvals: usize,
    pub needed: u32,
}

/// Puts somebody's word into the ledger.
pub async fn approve(
    project: &Project,
    plans: &Plans,
    found: &Found,
    name: &str,
    pair: &Ed25519KeyPair,
    lasts: TimeDelta,
) -> Result<Approved> {
    let manifest = plans.manifest(found).await?;
    // That it is whole is what is signed.
    plans.actions(found, &manifest).await?;
    let plan = found.digest();
    let now = Utc::now();
    let of_plan = |error: Error| error.context("plan", short(plan).to_string());
    let Some(expires) = now.checked_add_signed(lasts).filter(|expires| *expires > now) else {
        return Err(Error::new(ErrorKind::Usage, "an approval lasts some time: 7d, 12h").context("flag", "--expires"));
    };
    let approved = RepairApproved::sign(plan, name, now, expires, pair);
    let since = plans.taken_back(plan);
    let against = Against { plan, proposer: &found.actor, approvers: &project.repair.approvers, now, since };
    check(&approved, &actor(), &against).map_err(|why| {
        of_plan(Error::new(ErrorKind::Permission, why))
            .hint("nothing was approved; repair: approvers: of the project names who may, each with a key")
    })?;
    let needed = match manifest.decide {
        Decide::Never => {
            return Err(of_plan(Error::new(
                ErrorKind::Permission,
                "nothing of the plan may be done: the policy never allows it",
            )));
        }
        Decide::Auto => 0,
        Decide::Approve(needed) => needed,
    };
    let mut head = plans.ledger.head().await?;
    plans.ledger.append(&mut head, Event::RepairApproved(approved.clone()), |_| Ok(())).await?;
    let mut with = found.clone();
    with.approvals.push((actor(), approved));
    let (names, _) = counting(&with, &against);
    Ok(Approved { plan: plan.into(), approver: name.into(), expires, approvals: names.len(), needed })
}

#[cfg(test)]
#[path = "approve_tests.rs"]
mod tests;
