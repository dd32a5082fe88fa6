//! `verify`: walks the whole chain, then every file that an entry names, and tells what is not as it was written.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use serde::Serialize;

use crate::divergence::LEDGER as FOLDER;
use crate::divergence::sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::entry::{Before, Entry, Event, RuleDone, RuleExpired, StoredFile, path, refuse_newer};
use crate::ledger::seal::{PublicKey, holds};
use crate::ledger::{Head, Ledger, complete, number};

mod repairs;
mod results;

use repairs::Repairs;

/// What the caller holds against the ledger.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Whose seals count; none: whoever's.
    pub keys: Vec<PublicKey>,
    /// What sealing told: these entries, with these hashes.
    pub heads: Vec<Head>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Of an object, below the output.
    pub path: String,
    pub wrong: String,
}

/// What verifying came to. Nothing is wrong where `wrong` is empty.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    pub entries: u64,
    /// The newest entry.
    pub head: u64,
    pub hash: String,
    /// Files whose bytes were read and are those that an entry names.
    pub files: u64,
    pub bytes: u64,
    /// Seals that hold.
    pub seals: u64,
    pub wrong: Vec<Finding>,
    /// What a reader should know, and no sign of anything wrong.
    pub notes: Vec<String>,
}

/// What the entries say of the output.
#[derive(Debug, Default)]
struct Told {
    runs: BTreeMap<String, Run>,
    before: Vec<Before>,
    /// Files of runs that are finished, each with the entry that names it.
    files: BTreeMap<String, (StoredFile, u64)>,
    /// Files that were named, and are removed since; none: only their names are known.
    expired: BTreeMap<String, Option<StoredFile>>,
}

#[derive(Debug, Default)]
struct Run {
    rules: BTreeSet<String>,
    finished: Option<u64>,
    cancelled: bool,
}

/// The walk over the entries.
struct Walk<'a> {
    expected: &'a Expected,
    told: Told,
    verified: Verified,
    /// The hash of each entry that is there.
    hashes: BTreeMap<u64, String>,
    /// Of the entry before, if it is whole.
    before: Option<Head>,
    at: Option<chrono::DateTime<chrono::Utc>>,
    /// Clocks that jumped back.
    back: Vec<u64>,
    signers: BTreeSet<PublicKey>,
    repairs: Repairs,
}

/// Verifies all there is. An output without a ledger is an error.
pub async fn verify(ledger: &Ledger, expected: &Expected) -> Result<Verified> {
    let mut notes = Vec::new();
    match complete(ledger, true).await {
        Ok(0) => {}
        Ok(1) => {
            notes.push("a run or an acknowledgement that was cut off after the ledger told of it is completed".into())
        }
        Ok(n) => notes.push(format!(
            "{n} runs or acknowledgements that were cut off after the ledger told of them are completed"
        )),
        Err(error) => notes.push(format!("whether anything is to be completed could not be told: {error}")),
    }
    ledger.check_marker().await?;
    // Before the entries: what is there by now is in an entry by then.
    let results = ledger.results().await?;
    let objects = ledger.objects(FOLDER).await?;
    let mut walk = Walk {
        expected,
        told: Told::default(),
        verified: Verified { notes, ..Verified::default() },
        hashes: BTreeMap::new(),
        before: None,
        at: None,
        back: Vec::new(),
        signers: BTreeSet::new(),
        repairs: Repairs::default(),
    };
    let mut numbers: BTreeSet<u64> = BTreeSet::new();
    for (object, _) in &objects {
        let name = object.strip_prefix(FOLDER).and_then(|name| name.strip_prefix('/')).unwrap_or(object);
        match number(name) {
            Some(number) => drop(numbers.insert(number)),
            None => walk.wrong(object, "is no entry: it was put there by hand"),
        }
    }
    if numbers.is_empty() && expected.heads.is_empty() && expected.keys.is_empty() {
        let error = Error::new(ErrorKind::NotFound, format!("{} has no ledger", ledger.display()));
        return Err(error.hint(match results.is_empty() {
            true => "the first run begins it; name the output with --out",
            false => {
                "what is there is from before there were ledgers, or the ledger was removed; the next run begins one"
            }
        }));
    }
    let mut entries = std::pin::pin!(ledger.entries(numbers));
    while let Some((number, bytes)) = entries.try_next().await? {
        match bytes {
            Some(bytes) => walk.entry(number, &bytes)?,
            None => {
                walk.repairs.lost = true;
                walk.wrong(&path(number), "was removed while it was verified");
            }
        }
    }
    walk.expectations();
    let Walk { told, verified, back, repairs, .. } = walk;
    let mut verified = verified;
    if let [first, ..] = &back[..] {
        let n = back.len();
        let words = if n == 1 { "a clock" } else { "clocks" };
        verified.notes.push(format!(
            "{words} jumped back {n} times, first before {}: the order is that of the numbers",
            path(*first)
        ));
    }
    match repairs.cut_off() {
        0 => {}
        1 => verified.notes.push("1 repair has begun and not ended: it is at work, or was cut off".into()),
        n => verified.notes.push(format!("{n} repairs have begun and not ended: they are at work, or were cut off")),
    }
    results::check(ledger, told, results, &mut verified).await?;
    verified.wrong.sort();
    verified.wrong.dedup();
    Ok(verified)
}

impl Walk<'_> {
    fn wrong(&mut self, path: &str, wrong: impl Into<String>) {
        self.verified.wrong.push(Finding { path: path.into(), wrong: wrong.into() });
    }

    /// The next entry that is there.
    fn entry(&mut self, number: u64, bytes: &Bytes) -> Result<()> {
        refuse_newer(number, bytes)?;
        let name = path(number);
        self.missing(number);
        let hash = sha256(bytes);
        self.hashes.insert(number, hash.clone());
        self.verified.entries += 1;
        (self.verified.head, self.verified.hash) = (number, hash.clone());
        let before = self.before.take();
        let entry = match Entry::decode(bytes) {
            Ok(entry) => entry,
            Err(why) => {
                self.repairs.lost = true;
                self.wrong(&name, format!("was changed: {why}"));
                return Ok(());
            }
        };
        if entry.number != number {
            self.repairs.lost = true;
            self.wrong(&name, format!("is entry {}: it was moved or copied here", entry.number));
            return Ok(());
        }
        match (&before, &entry.previous) {
            (None, None) if number == 1 => {}
            (_, Some(_)) if number == 1 => self.wrong(&name, "is not the first entry of a ledger"),
            (Some(before), previous) if previous.as_deref() != Some(&before.hash) => {
                self.wrong(&name, format!("does not follow on {}: one of the two was replaced", path(before.number)));
            }
            _ => {}
        }
        if (number == 1) != matches!(entry.event, Event::Begun { .. }) {
            self.wrong(&name, "is not what stands in this place: the first entry, and no other, begins the ledger");
        }
        if self.at.is_some_and(|at| entry.at < at) {
            self.back.push(number);
        }
        self.at = Some(entry.at);
        self.before = Some(Head { number, hash });
        self.event(number, &name, entry.event);
        Ok(())
    }

    /// Numbers that are not there, up to this one.
    fn missing(&mut self, number: u64) {
        let next = self.hashes.last_key_value().map_or(1, |(last, _)| last + 1);
        // What the hash of a removed entry was, is not known.
        if next < number {
            self.repairs.lost = true;
            self.before = None;
        }
        match number - next {
            0 => {}
            gap if gap <= 1000 => (next..number).for_each(|missing| self.wrong(&path(missing), "was removed")),
            gap => self.wrong(&path(next), format!("was removed, as were the {} after it", gap - 1)),
        }
    }

    fn event(&mut self, number: u64, name: &str, event: Event) {
        if let Some(wrong) = self.repairs.take(number, &event) {
            self.wrong(name, wrong);
        }
        match event {
            Event::Begun { before } => self.told.before = before,
            Event::RunStarted { run_id, rules } | Event::RunResumed { run_id, rules } => {
                let run = self.told.runs.entry(run_id).or_default();
                run.rules.extend(rules.into_iter().map(|rule| rule.rule));
                run.cancelled = false;
            }
            Event::RunCancelled { run_id, .. } => self.told.runs.entry(run_id).or_default().cancelled = true,
            Event::RunFinished { run_id, rules, record, .. } => self.finished(number, name, run_id, rules, record),
            Event::Expired { rules, .. } => rules.iter().for_each(|rule| self.expired(rule)),
            Event::Acknowledged(ack) | Event::Withdrawn(ack) => self.named(number, ack.file),
            Event::RepairPlanned(plan) => {
                [plan.manifest, plan.table].into_iter().for_each(|file| self.named(number, file))
            }
            Event::RepairBatch { file, files, .. } => {
                files.into_iter().chain([file]).for_each(|file| self.named(number, file));
            }
            Event::RepairFinished(finished) => self.named(number, finished.file),
            Event::RepairStarted { .. } | Event::RepairApproved(_) => {}
            Event::Sealed { number: sealed, hash, public_key, signature } => {
                self.sealed(name, sealed, &hash, &public_key, &signature);
            }
        }
    }

    /// A file that is there from now on.
    fn named(&mut self, number: u64, file: StoredFile) {
        self.told.files.insert(file.path.clone(), (file, number));
    }

    fn finished(&mut self, number: u64, name: &str, run_id: String, rules: Vec<RuleDone>, record: StoredFile) {
        // What the entry that was removed told of it is not known; that it was removed, is.
        let run = self.told.runs.entry(run_id).or_default();
        if let Some(earlier) = run.finished.replace(number) {
            self.wrong(name, format!("ends a run that {} has ended", path(earlier)));
        }
        let tables = rules.into_iter().flat_map(|rule| [rule.table, rule.open, rule.ended]).flatten();
        for file in tables.chain([record]) {
            self.told.files.insert(file.path.clone(), (file, number));
        }
    }

    /// What was named before this entry, and is of the rule's old runs.
    fn expired(&mut self, expired: &RuleExpired) {
        let of_rule = object_store::path::PathPart::from(format!("rule={}", expired.rule));
        let is_expired = |path: &str| {
            let parts: Vec<&str> = path.split('/').collect();
            let [table, rule, run, _] = parts[..] else { return false };
            let Some(run) = run.strip_prefix("run=").filter(|_| rule == of_rule.as_ref()) else { return false };
            let kept = table == "open" && expired.base.as_deref() == Some(run);
            ["divergences", "open"].contains(&table) && run < expired.until.as_str() && !kept
        };
        let gone: Vec<String> = self.told.files.keys().filter(|path| is_expired(path)).cloned().collect();
        for path in gone {
            let file = self.told.files.remove(&path).map(|(file, _)| file);
            self.told.expired.insert(path, file);
        }
        // From before the ledger.
        let (gone, stays) = std::mem::take(&mut self.told.before).into_iter().partition(|file| is_expired(&file.path));
        let gone: Vec<Before> = gone;
        self.told.before = stays;
        self.told.expired.extend(gone.into_iter().map(|file| (file.path, None)));
    }

    fn sealed(&mut self, name: &str, sealed: u64, hash: &str, public_key: &str, signature: &str) {
        let Ok(key) = public_key.parse::<PublicKey>() else { return self.wrong(name, "is sealed with no key") };
        if !holds(&key, signature, sealed, hash) {
            return self.wrong(name, format!("holds a seal that is not of {key}"));
        }
        if !self.expected.keys.is_empty() && !self.expected.keys.contains(&key) {
            return self.wrong(name, format!("is sealed by {key}, which is none of the keys that were given"));
        }
        match self.hashes.get(&sealed) {
            Some(there) if there == hash => {
                self.verified.seals += 1;
                self.signers.insert(key);
            }
            Some(_) => self.wrong(&path(sealed), format!("is not what was sealed: {name} holds its hash")),
            None => self.wrong(&path(sealed), format!("was removed: {name} seals it")),
        }
    }

    /// What the caller holds.
    fn expectations(&mut self) {
        let expected = self.expected;
        for head in &expected.heads {
            match self.hashes.get(&head.number) {
                Some(hash) if *hash == head.hash => {}
                Some(_) => self.wrong(&path(head.number), "is not the entry that was expected: its hash is another"),
                None => self.wrong(&path(head.number), "was removed: it was expected to be there"),
            }
        }
        for key in &expected.keys {
            if !self.signers.contains(key) {
                self.wrong(FOLDER, format!("holds no seal of {key} that holds"));
            }
        }
        if expected.keys.is_empty() && self.verified.seals > 0 {
            let keys: Vec<String> = self.signers.iter().map(PublicKey::to_string).collect();
            self.verified
                .notes
                .push(format!("sealed by {}: whose keys these are is told by --key only", keys.join(", ")));
        }
    }
}

impl Ledger {
    /// The output is one of tieout's, in a version that is known.
    pub async fn check_marker(&self) -> Result<()> {
        let read = async { self.store().get(&self.below(crate::divergence::MARKER)).await?.bytes().await };
        match read.await {
            Ok(bytes) => crate::divergence::check_marker(&bytes, self.display()),
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.unreadable(error)),
        }
    }
}
