//! What the entries tell of repairs, in their order: nothing is carried out that was not planned, nothing recorded that was not begun,
//! and no approval is another one than what was signed.

use std::collections::BTreeMap;

use crate::ledger::entry::{Event, RepairApproved, RepairFinished, RepairPlanned, path};

#[derive(Debug, Default)]
pub struct Repairs {
    /// Of each plan that was told of, the number of the entry.
    planned: BTreeMap<String, u64>,
    attempts: BTreeMap<String, Attempt>,
    /// By plan, the attempt that began last.
    last: BTreeMap<String, String>,
    /// An entry is gone or unreadable. What it told is not known; that it is gone is told of it, and not of those that follow from it.
    pub lost: bool,
}

#[derive(Debug)]
struct Attempt {
    plan: String,
    begun: u64,
    ended: Option<u64>,
}

impl Repairs {
    /// Takes the next entry in; what is wrong with it, if anything is.
    pub fn take(&mut self, number: u64, event: &Event) -> Option<String> {
        match event {
            Event::RepairPlanned(planned) => self.plan(number, planned),
            Event::RepairApproved(approved) => self.approved(approved),
            Event::RepairStarted { attempt, plan, .. } => self.started(number, attempt, plan),
            Event::RepairBatch { attempt, plan, .. } => self.of_attempt(attempt, plan),
            Event::RepairFinished(RepairFinished { attempt, plan, .. }) => {
                let wrong = self.of_attempt(attempt, plan);
                if let (None, Some(attempt)) = (&wrong, self.attempts.get_mut(attempt)) {
                    attempt.ended = Some(number);
                }
                wrong
            }
            _ => None,
        }
    }

    /// Plans whose last attempt has not come to its end.
    pub fn cut_off(&self) -> usize {
        let attempts = self.last.values().filter_map(|attempt| self.attempts.get(attempt));
        attempts.filter(|attempt| attempt.ended.is_none()).count()
    }

    fn plan(&mut self, number: u64, planned: &RepairPlanned) -> Option<String> {
        if planned.plan != planned.manifest.sha256 {
            return Some(format!("names a plan by what is not the hash of its manifest, {}", planned.manifest.path));
        }
        let earlier = *self.planned.entry(planned.plan.clone()).or_insert(number);
        (earlier != number).then(|| format!("tells of a plan that {} has told of", path(earlier)))
    }

    fn approved(&self, approved: &RepairApproved) -> Option<String> {
        match approved.holds() {
            true => self.unplanned(&approved.plan),
            false => Some("holds an approval that is not signed with the key that it names".into()),
        }
    }

    fn started(&mut self, number: u64, id: &str, plan: &str) -> Option<String> {
        if let Some(earlier) = self.attempts.get(id) {
            return Some(format!("begins what {} has begun", path(earlier.begun)));
        }
        self.attempts.insert(id.into(), Attempt { plan: plan.into(), begun: number, ended: None });
        self.last.insert(plan.into(), id.into());
        self.unplanned(plan)
    }

    fn of_attempt(&self, id: &str, plan: &str) -> Option<String> {
        match self.attempts.get(id) {
            None if self.lost => None,
            None => Some("tells of a repair that was never begun".into()),
            Some(attempt) if attempt.plan != plan => Some("tells of a repair that was begun of another plan".into()),
            Some(Attempt { ended: Some(ended), .. }) => {
                Some(format!("goes on with a repair that {} has ended", path(*ended)))
            }
            Some(_) => None,
        }
    }

    fn unplanned(&self, plan: &str) -> Option<String> {
        let known = self.lost || self.planned.contains_key(plan);
        (!known).then(|| "is about a plan that was never planned".into())
    }
}

#[cfg(test)]
#[path = "repairs_tests.rs"]
mod tests;
