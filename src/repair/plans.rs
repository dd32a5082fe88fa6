//! The plans of an output, and what the ledger tells of each: who proposed it, who allowed it, and what became of it. -> [`Plans`]

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::dataset::Replaced;
use crate::dataset::store::{Located, locate};
use crate::divergence::below;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{
    Entry, Event, Ledger, RepairApproved, RepairFinished, RepairPlanned, StoredFile, complete, sha256,
};
use crate::repair::FOLDER;
use crate::repair::action::{Actions, from_parquet};
use crate::repair::manifest::{Manifest, short};

/// Letters of a plan's digest that are enough to name it.
const ENOUGH: usize = 8;

/// All plans that the ledger of an output knows, the oldest first.
pub struct Plans {
    pub located: Located,
    pub ledger: Ledger,
    pub plans: Vec<Found>,
}

/// One plan, as the ledger tells of it.
#[derive(Debug, Clone)]
pub struct Found {
    pub planned: RepairPlanned,
    pub at: DateTime<Utc>,
    /// Who proposed it.
    pub actor: String,
    /// Each with the actor of its entry.
    pub approvals: Vec<(String, RepairApproved)>,
    pub attempts: Vec<Attempt>,
    /// All entries about it, in their order.
    pub entries: Vec<Entry>,
}

/// A process that carried it out, as far as it came.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub id: String,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub auto: bool,
    /// What was about to be committed; of the last one, it is not known whether it was.
    pub batches: Vec<StoredFile>,
    /// The file that was about to be replaced, unless it was told later that it was not; whether it was is seen in the file.
    pub replaced: Option<Replaced>,
    pub finished: Option<RepairFinished>,
}

impl Found {
    pub fn digest(&self) -> &str {
        &self.planned.plan
    }

    /// What the last attempt that came to its end came to.
    pub fn last(&self) -> Option<&RepairFinished> {
        self.attempts.iter().rev().find_map(|attempt| attempt.finished.as_ref())
    }

    /// The file that it has replaced, or was about to.
    pub fn replaced(&self) -> Option<&Replaced> {
        self.attempts.iter().rev().find_map(|attempt| attempt.replaced.as_ref())
    }

    /// `planned`, `approved` (somebody's word is there), `cut off`, or what carrying it out came to.
    pub fn state(&self) -> &str {
        match (self.attempts.last(), self.last()) {
            (Some(Attempt { finished: None, .. }), _) => "cut off",
            (_, Some(finished)) => &finished.outcome,
            _ if !self.approvals.is_empty() => "approved",
            _ => "planned",
        }
    }
}

impl Plans {
    pub async fn open(output: &str) -> Result<Self> {
        Self::of(locate(output).await?).await
    }

    pub async fn of(located: Located) -> Result<Self> {
        let ledger = Ledger::of(&located);
        ledger.check_marker().await?;
        complete(&ledger, false).await?;
        let mut plans: Vec<Found> = Vec::new();
        ledger
            .each(|_, bytes| {
                // What is damaged is for `verify` to tell.
                if let Ok(entry) = Entry::decode(bytes) {
                    take(&mut plans, entry);
                }
                Ok(true)
            })
            .await?;
        Ok(Self { located, ledger, plans })
    }

    /// The one plan whose digest begins with `text`.
    pub fn find(&self, text: &str) -> Result<&Found> {
        let wanted = text.to_lowercase();
        if wanted.len() < ENOUGH {
            return Err(Error::new(ErrorKind::Usage, format!("`{text}` is too little of a plan's digest"))
                .hint(format!("give {ENOUGH} letters of it or more; `tieout repair history` lists the plans")));
        }
        let found: Vec<&Found> = self.plans.iter().filter(|plan| plan.digest().starts_with(&wanted)).collect();
        match &found[..] {
            [one] => Ok(one),
            [] => {
                Err(Error::new(ErrorKind::NotFound, format!("there is no plan `{text}` in {}", self.located.display))
                    .hint(match self.plans.last() {
                        Some(last) => {
                            format!("the last plan is `{}`, of the rule `{}`", short(last.digest()), last.planned.rule)
                        }
                        None => "nothing is planned yet: `tieout repair plan RULE` proposes a plan".into(),
                    }))
            }
            several => Err(Error::new(ErrorKind::Usage, format!("{} plans begin with `{text}`", several.len()))
                .hint("give more of the digest")),
        }
    }

    /// When what a plan has changed was last taken back, if it was.
    pub fn taken_back(&self, plan: &str) -> Option<DateTime<Utc>> {
        let back = self.plans.iter().filter(|other| other.planned.reverts.as_deref() == Some(plan));
        back.flat_map(|other| &other.attempts).map(|attempt| attempt.at).max()
    }

    /// The manifest of a plan, as it was made.
    pub async fn manifest(&self, found: &Found) -> Result<Manifest> {
        Manifest::decode(found.digest(), &self.read(&found.planned.manifest.path).await?)
    }

    /// Its actions, as they were made.
    pub async fn actions(&self, found: &Found, manifest: &Manifest) -> Result<Actions> {
        let bytes = self.read(&found.planned.table.path).await?;
        if sha256(&bytes) != manifest.actions {
            let message = format!("the actions of the plan {} were changed after it was made", short(found.digest()));
            return Err(Error::new(ErrorKind::Changed, message)
                .hint("nothing is done with it; `tieout ledger verify` tells what was changed; plan anew"));
        }
        Actions::of_table(&from_parquet(bytes)?)
    }

    /// A file that an entry names, as it was written.
    pub async fn stored(&self, file: &StoredFile) -> Result<Bytes> {
        let bytes = self.read(&file.path).await?;
        match sha256(&bytes) == file.sha256 {
            true => Ok(bytes),
            false => Err(Error::new(ErrorKind::Changed, format!("{} was changed after it was written", file.path))
                .hint("`tieout ledger verify` tells what was changed")),
        }
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        let gone = || {
            Error::new(ErrorKind::NotFound, format!("{path} is gone from {}", self.located.display))
                .hint("`tieout ledger verify` tells what was removed")
        };
        let object = below(&self.located, path).ok_or_else(gone)?;
        let read = async { self.located.store.get(&object).await?.bytes().await };
        read.await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => gone(),
            error => Error::new(ErrorKind::Output, format!("{path} cannot be read")).source(error),
        })
    }

    /// Writes a file of a plan; one that is there already must be the same.
    pub async fn write(&self, path: &str, bytes: Bytes, rows: u64) -> Result<StoredFile> {
        put_new(&self.located, path, bytes, rows).await
    }
}

/// `repairs/plan=<digest>/...`.
pub fn place(plan: &str, file: &str) -> String {
    format!("{FOLDER}/plan={plan}/{file}")
}

/// Creates a file below the output.
pub async fn put_new(located: &Located, path: &str, bytes: Bytes, rows: u64) -> Result<StoredFile> {
    let failed = |error: object_store::Error| {
        Error::new(ErrorKind::Output, format!("{path} cannot be written to {}", located.display))
            .hint("check that you may write there")
            .source(error)
    };
    let object = path.split('/').fold(located.prefix.clone(), |whole: Path, part| whole.join(part));
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    match located.store.put_opts(&object, PutPayload::from(bytes.clone()), create).await {
        Ok(_) => {}
        Err(error @ object_store::Error::AlreadyExists { .. }) => {
            // A store's own second try may have met what the first had stored.
            let there = async { located.store.get(&object).await?.bytes().await }.await.map_err(failed)?;
            if there != bytes {
                return Err(failed(error));
            }
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(StoredFile { path: path.into(), sha256: sha256(&bytes), bytes: bytes.len() as u64, rows })
}

/// What the next entry tells.
fn take(plans: &mut Vec<Found>, entry: Entry) {
    let Some(digest) = entry.event.plan().map(str::to_string) else { return };
    if let Event::RepairPlanned(planned) = &entry.event {
        if plans.iter().any(|plan| plan.digest() == digest) {
            return;
        }
        plans.push(Found {
            planned: planned.clone(),
            at: entry.at,
            actor: entry.actor.clone(),
            approvals: Vec::new(),
            attempts: Vec::new(),
            entries: Vec::new(),
        });
    }
    let Some(plan) = plans.iter_mut().rev().find(|plan| plan.digest() == digest) else { return };
    match &entry.event {
        Event::RepairApproved(approved) => plan.approvals.push((entry.actor.clone(), approved.clone())),
        Event::RepairStarted { attempt, auto, .. } => plan.attempts.push(Attempt {
            id: attempt.clone(),
            at: entry.at,
            actor: entry.actor.clone(),
            auto: *auto,
            batches: Vec::new(),
            replaced: None,
            finished: None,
        }),
        Event::RepairBatch { attempt, file, replaced, .. } => {
            for one in plan.attempts.iter_mut().filter(|one| one.id == *attempt) {
                one.batches.push(file.clone());
                one.replaced.clone_from(replaced);
            }
        }
        Event::RepairFinished(finished) => plan
            .attempts
            .iter_mut()
            .filter(|one| one.id == finished.attempt)
            .for_each(|one| one.finished = Some(finished.clone())),
        _ => {}
    }
    plan.entries.push(entry);
}
