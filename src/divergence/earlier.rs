//! The runs before one. What a run says is open after it (`Recorded::standing`) holds as long as the runs that it took for the earlier ones
//! are those that are: a run that was at work at the same time may come in between later.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;

use crate::dataset::store::Located;
use crate::divergence::reader::{AT_ONCE, read_record, unreadable_runs};
use crate::divergence::recorded::{Recorded, recorded};
use crate::error::Result;

/// More runs than these are not caught up with one by one.
pub const FEW: usize = 16;

/// Of each of the ids, in their order, and of one more after them: a text that tells which ones stand before it.
pub fn marks<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut hash = Context::new(&SHA256);
    let mut marks = Vec::new();
    let mark = |hash: &Context| hex::encode(&hash.clone().finish().as_ref()[..16]);
    for id in ids {
        marks.push(mark(&hash));
        hash.update(id.as_bytes());
        hash.update(b"\n");
    }
    marks.push(mark(&hash));
    marks
}

/// Runs by id; ids begin with the time.
pub struct Earlier {
    ids: Vec<String>,
    /// A run that started at a time that is still to come.
    to_come: Option<(String, DateTime<Utc>)>,
    marks: Vec<String>,
    /// What they say of each rule, the newest first, as far back as it was read.
    rules: BTreeMap<String, Back>,
}

/// A way back through the runs of a rule.
#[derive(Default)]
pub struct Back {
    /// The newest one that says what is open after it; none: there is none before the others.
    pub base: Option<Recorded>,
    /// Those after it, the oldest first.
    pub runs: Vec<Recorded>,
}

impl Back {
    /// Whether there are too many to catch up with.
    pub fn is_long(&self) -> bool {
        self.runs.len() > FEW
    }

    fn is_done(&self) -> bool {
        self.base.is_some() || self.is_long()
    }
}

impl Earlier {
    /// The runs before `run_id`, as far back as these rules need.
    pub async fn than(located: &Located, run_id: &str, rules: &[&str]) -> Result<Self> {
        let folder = located.prefix.clone().join("runs");
        let listed: Vec<_> = located.store.list(Some(&folder)).try_collect().await.map_err(unreadable_runs(located))?;
        let names = listed.iter().filter_map(|object| object.location.filename()?.strip_suffix(".parquet"));
        let all: BTreeSet<String> = names.map(String::from).collect();
        let last = all.last().and_then(|id| Some((id.clone(), begun_at(id)?)));
        let to_come = last.filter(|(id, at)| id.as_str() > run_id && *at > Utc::now());
        let ids: BTreeSet<String> = all.into_iter().filter(|id| id.as_str() < run_id).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let marks = marks(ids.iter().map(String::as_str));
        let rules = rules.iter().map(|rule| (rule.to_string(), Back::default())).collect();
        let mut this = Self { ids, to_come, marks, rules };
        this.walk(located).await?;
        Ok(this)
    }

    async fn walk(&mut self, located: &Located) -> Result<()> {
        let back = (0..self.ids.len()).rev();
        let read = async |at: usize| (at, read_record(located, &self.ids[at]).await);
        let mut records = futures::stream::iter(back).map(read).buffered(AT_ONCE);
        while let Some((at, batches)) = records.next().await {
            for one in recorded(&batches?)? {
                let Some(back) = self.rules.get_mut(&one.rule).filter(|back| !back.is_done()) else { continue };
                match one.standing.as_ref().is_some_and(|standing| standing.earlier == self.marks[at]) {
                    true => back.base = Some(one),
                    false => back.runs.push(one),
                }
            }
            if self.rules.values().all(Back::is_done) {
                break;
            }
        }
        drop(records);
        self.rules.values_mut().for_each(|back| back.runs.reverse());
        Ok(())
    }

    /// Tells which these runs are.
    pub fn mark(&self) -> &str {
        self.marks.last().map_or("", String::as_str)
    }

    /// A run whose start is still to come: the clock of some machine is wrong.
    pub fn to_come(&self) -> Option<&(String, DateTime<Utc>)> {
        self.to_come.as_ref()
    }

    /// The last run of the rule.
    pub fn last(&self, rule: &str) -> Option<&Recorded> {
        let back = self.rules.get(rule)?;
        back.runs.last().or(back.base.as_ref())
    }

    pub fn of(&mut self, rule: &str) -> Back {
        self.rules.remove(rule).unwrap_or_default()
    }
}

/// The time that a run's id begins with: runs in the order of their ids are in that of their start.
pub fn begun_at(run_id: &str) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = uuid::Uuid::parse_str(run_id).ok()?.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_what_stands_before() {
        let two = marks(["a", "b"]);
        assert_eq!(two.len(), 3);
        assert_eq!(marks(["a", "b", "c"])[..3], two[..]);
        assert_ne!(marks(["a", "c"])[2], two[2]);
        // Ids do not run together.
        assert_ne!(marks(["ab"])[1], two[2]);
    }
}
