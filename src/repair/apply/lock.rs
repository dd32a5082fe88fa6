//! One process at a time carries out a plan: on this machine by a lock that its end releases, however it ends; elsewhere by what the
//! ledger tells.

use std::fs::{File, OpenOptions, TryLockError};

use chrono::{TimeDelta, Utc};

use crate::error::{Error, ErrorKind, Result};
use crate::ledger::actor;
use crate::repair::manifest::short;
use crate::repair::plans::{Found, Plans};

/// An attempt of somebody else that has been silent for so long is taken for dead.
const SILENT: TimeDelta = TimeDelta::minutes(5);

pub fn at_work(plan: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the plan {} is being carried out by another process", short(plan)))
        .hint("nothing was changed; wait for its end")
}

/// Held as long as the file is.
pub fn take(found: &Found) -> Result<File> {
    let plan = found.digest();
    let path = std::env::temp_dir().join(format!("tieout-repair-{}.lock", plan.get(..32).unwrap_or(plan)));
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Resources, format!("{} cannot be opened to lock it", path.display())).source(error)
    };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(at_work(plan)),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// An error where somebody elsewhere seems to be at it.
pub fn check_elsewhere(plans: &Plans, found: &Found) -> Result<()> {
    let unfinished = found.attempts.last().filter(|attempt| attempt.finished.is_none() && attempt.actor != actor());
    let last = found.entries.iter().rev().find(|entry| {
        let event = &entry.event;
        matches!(event, crate::ledger::Event::RepairStarted { .. } | crate::ledger::Event::RepairBatch { .. })
    });
    if let (Some(attempt), Some(last)) = (unfinished, last)
        && Utc::now() - last.at < SILENT
    {
        let place = &plans.located.display;
        return Err(at_work(found.digest()).more(format!("{} began it, as the ledger of {place} tells", attempt.actor)));
    }
    Ok(())
}
