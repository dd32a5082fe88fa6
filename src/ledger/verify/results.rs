//! The files of results against what the entries say of them. Several are read at once, each piece by piece.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;

use super::{Finding, Told, Verified};
use crate::divergence::{ACKS, staged};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::ledger::entry::{StoredFile, path};
use crate::ledger::files::hash_of;

/// Files that are read at once.
const AT_ONCE: usize = 8;

/// Adds what is wrong with the files, and what should be known of them.
pub async fn check(ledger: &Ledger, told: Told, there: Vec<(String, u64)>, verified: &mut Verified) -> Result<()> {
    let there: BTreeMap<String, u64> = there.into_iter().collect();
    unnamed(&told, &there, verified);
    before(&told, &there, verified);
    for (path, file) in told.expired.iter().filter(|(path, _)| there.contains_key(*path)) {
        let Some(file) = file else { continue };
        if read(ledger, file).await?.is_some_and(|(hash, bytes)| hash != file.sha256 || bytes != file.bytes) {
            wrong(
                verified,
                path,
                "is expired, and what is there now is something else: it was put there by hand".into(),
            );
        }
    }
    let read = |(file, number): (StoredFile, u64)| async move { (read(ledger, &file).await, file, number) };
    let mut read = futures::stream::iter(told.files.into_values()).map(read).buffer_unordered(AT_ONCE);
    let mut missing: Vec<(StoredFile, u64)> = Vec::new();
    while let Some((found, file, number)) = read.next().await {
        match found? {
            Some((hash, bytes)) if hash == file.sha256 && bytes == file.bytes => {
                verified.files += 1;
                verified.bytes += bytes;
            }
            Some(_) => {
                wrong(verified, &file.path, format!("was changed: its bytes are not those that {} names", path(number)))
            }
            None => missing.push((file, number)),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    // A run that is just ending has its record elsewhere for a moment, as has what is just acknowledged.
    let ending: BTreeSet<String> = staged(&ledger.located).await?.into_iter().map(|staged| staged.id).collect();
    let id = |path: &str| path.rsplit('/').next().and_then(|name| name.strip_suffix(".parquet")).map(str::to_string);
    for (file, number) in missing {
        match id(&file.path).is_some_and(|id| ending.contains(&id)) {
            true => verified.notes.push(format!("{} is about to be put in place", file.path)),
            false => match read_again(ledger, &file).await? {
                true => verified.files += 1,
                false => wrong(verified, &file.path, format!("was removed: {} names it", path(number))),
            },
        }
    }
    Ok(())
}

fn wrong(verified: &mut Verified, path: &str, wrong: String) {
    verified.wrong.push(Finding { path: path.into(), wrong });
}

/// Hash and size; none: it is not there.
async fn read(ledger: &Ledger, file: &StoredFile) -> Result<Option<(String, u64)>> {
    let Some(path) = ledger.stored(&file.path) else { return Ok(None) };
    match hash_of(ledger.store().as_ref(), &path).await {
        Ok(found) => Ok(Some(found)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(ledger.unreadable(error)),
    }
}

/// Whether it has come meanwhile.
async fn read_again(ledger: &Ledger, file: &StoredFile) -> Result<bool> {
    Ok(read(ledger, file).await?.is_some_and(|(hash, bytes)| hash == file.sha256 && bytes == file.bytes))
}

/// Files that are there, and no entry names them.
fn unnamed(told: &Told, there: &BTreeMap<String, u64>, verified: &mut Verified) {
    let earlier: BTreeSet<&str> = told.before.iter().map(|before| before.path.as_str()).collect();
    let mut left: BTreeSet<&str> = BTreeSet::new();
    let expired = there.keys().filter(|path| told.expired.contains_key(*path)).count();
    if expired > 0 {
        verified.notes.push(format!("{expired} files are expired and still there: `tieout expire` removes them"));
    }
    let named = |path: &&String| {
        told.files.contains_key(*path) || earlier.contains(path.as_str()) || told.expired.contains_key(*path)
    };
    for path in there.keys().filter(|path| !named(path)) {
        match leftover(told, path).filter(|run| !there.contains_key(&format!("runs/{run}.parquet"))) {
            Some(run) => drop(left.insert(run)),
            None => {
                wrong(verified, path, "is named by no entry: it was put there by hand, or its entry was removed".into())
            }
        }
    }
    let open = told.runs.values().filter(|run| run.finished.is_none() && !run.cancelled).count();
    match open {
        0 => {}
        1 => verified.notes.push("1 run has begun and not ended: it is at work, or was cut off".into()),
        n => verified.notes.push(format!("{n} runs have begun and not ended: they are at work, or were cut off")),
    }
    for run in left {
        verified.notes.push(format!("the run {run} has left tables, which no reader takes for results"));
    }
}

/// The run that a table is of which never came to its end.
fn leftover<'a>(told: &'a Told, path: &str) -> Option<&'a str> {
    let mut parts = path.split('/');
    let ("divergences" | "open" | ACKS, rule, run, part, None) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next())
    else {
        return None;
    };
    part.strip_prefix("part-")?.strip_suffix(".parquet")?.parse::<u32>().ok()?;
    let (id, run) = told.runs.get_key_value(run.strip_prefix("run=")?)?;
    let rule = rule.strip_prefix("rule=")?;
    let known = run.rules.iter().any(|known| object_store::path::PathPart::from(known.as_str()).as_ref() == rule);
    (run.finished.is_none() && known).then_some(id)
}

/// Files from before there was a ledger: their names and sizes are known, and nothing else.
fn before(told: &Told, there: &BTreeMap<String, u64>, verified: &mut Verified) {
    if told.before.is_empty() {
        return;
    }
    for file in &told.before {
        match there.get(&file.path) {
            Some(bytes) if *bytes == file.bytes => {}
            Some(_) => wrong(verified, &file.path, format!("was changed: {} names another size", path(1))),
            None => wrong(verified, &file.path, format!("was removed: {} names it", path(1))),
        }
    }
    verified.notes.push(format!(
        "{} files are from before the ledger: of them only names and sizes are known",
        told.before.len()
    ));
}
