//! What is kept of a run until it is finished: `<output>/unfinished/<run_id>/`, in which `run.json` says what it has done. No reader
//! takes it for a result. A record that is written, and not yet told by the ledger, waits there as well.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::dataset::store::{Located, locate};
use crate::divergence::acks::FOLDER as ACKS;
use crate::divergence::stored::below;
use crate::error::{Error, ErrorKind, Result};

pub const FOLDER: &str = "unfinished";
pub(super) const DOCUMENT: &str = "run.json";
/// So many runs are named to who asks for one that is not there.
const NAMED: usize = 3;

pub(super) fn folder(located: &Located, run_id: &str) -> Path {
    located.prefix.clone().join(FOLDER).join(run_id)
}

pub(super) fn document(located: &Located, run_id: &str) -> Path {
    folder(located, run_id).join(DOCUMENT)
}

/// A process that goes on with a run says so first: only one can be the next.
pub(super) fn claim(located: &Located, run_id: &str, attempt: u32) -> Path {
    folder(located, run_id).join(format!("claim-{attempt}"))
}

pub(super) fn published(located: &Located, run_id: &str) -> Path {
    located.prefix.clone().join("runs").join(format!("{run_id}.parquet"))
}

/// What waits to be put in place: a run's record, or what somebody acknowledged.
#[derive(Debug, Clone)]
pub struct Staged {
    /// Of the run, or the acknowledgement.
    pub id: String,
    /// The ledger tells of it after this entry, if at all.
    pub after: u64,
    pub path: Path,
}

/// Where the record waits; its name tells from where on to look in the ledger.
pub(super) fn record(located: &Located, run_id: &str, after: u64) -> Path {
    folder(located, run_id).join(format!("record-{after:012}.parquet"))
}

/// Where an acknowledgement waits.
pub fn acknowledged(located: &Located, id: &str, after: u64) -> Path {
    located.prefix.clone().join(FOLDER).join(ACKS).join(format!("{id}-{after:012}.parquet"))
}

/// What waits in an output.
pub async fn staged(located: &Located) -> Result<Vec<Staged>> {
    let folder = located.prefix.clone().join(FOLDER);
    if located.local.as_ref().is_some_and(|root| !root.join(FOLDER).exists()) {
        return Ok(Vec::new());
    }
    let objects: Vec<_> = located.store.list(Some(&folder)).try_collect().await.map_err(|error| {
        Error::new(ErrorKind::Output, format!("the output {} cannot be read", located.display)).source(error)
    })?;
    let of = |path: &Path| {
        let mut parts = path.prefix_match(&folder)?;
        let (folder, name) = (parts.next()?.as_ref().to_string(), parts.next()?.as_ref().to_string());
        let name = name.strip_suffix(".parquet")?;
        let (id, after) = match folder == ACKS {
            true => name.rsplit_once('-').map(|(id, after)| (id.to_string(), after))?,
            false => (folder, name.strip_prefix("record-")?),
        };
        uuid::Uuid::parse_str(&id).ok()?;
        Some(Staged { id, after: after.parse().ok()?, path: path.clone() })
    };
    Ok(objects.iter().filter_map(|object| of(&object.location)).collect())
}

/// Puts what waits where readers look: `path` is below the output.
pub async fn put_in_place(located: &Located, staged: &Path, path: &str) -> Result<()> {
    let failed = |error: Option<object_store::Error>| {
        let message = format!("{path} could not be put in its place in {}", located.display);
        let error_here = Error::new(ErrorKind::Output, message)
            .hint("it is in the ledger: the next run there puts it in place, or `tieout ledger verify`");
        match error {
            Some(error) => error_here.source(error),
            None => error_here,
        }
    };
    let place = below(located, path).ok_or_else(|| failed(None))?;
    match located.store.rename(staged, &place).await {
        Ok(()) => {}
        // Somebody else was faster.
        Err(object_store::Error::NotFound { .. }) if located.store.head(&place).await.is_ok() => {}
        Err(error) => return Err(failed(Some(error))),
    }
    remove_acks_folder(located);
    Ok(())
}

/// Of a local disk: the folder where acknowledgements wait, once it is empty.
pub(super) fn remove_acks_folder(located: &Located) {
    if let Some(root) = &located.local {
        let unfinished = root.join(FOLDER);
        for folder in [unfinished.join(ACKS), unfinished] {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Takes back what waits: the ledger does not tell of it, and will not.
pub async fn take_back(located: &Located, staged: &Path) {
    if let Err(error) = located.store.delete(staged).await {
        tracing::debug!(%staged, %error, "what waits could not be removed");
    }
    remove_acks_folder(located);
}

/// What a run has left beside its record: nobody needs it, once that is in its place.
pub async fn remove_rest(located: &Located, run_id: &str) {
    remove(located, run_id).await;
}

/// Puts a run's record where readers look; what was kept of the run goes.
pub async fn publish(located: &Located, run_id: &str, record: Bytes) -> Result<()> {
    located.store.put(&published(located, run_id), PutPayload::from(record)).await.map_err(|error| {
        let message = format!("the record of the run {run_id} could not be put in its place in {}", located.display);
        Error::new(ErrorKind::Output, message)
            .hint("its end is in the ledger: the next run there puts it in place, or `tieout ledger verify`")
            .source(error)
    })?;
    remove(located, run_id).await;
    Ok(())
}

/// What a run that was cut off has said of itself. A run that is finished, or is not there, is an error.
pub async fn read_unfinished(output: &str, run_id: &str) -> Result<Bytes> {
    let located = locate(output).await?;
    // The name becomes a part of a path.
    if uuid::Uuid::parse_str(run_id).is_err() {
        let error = Error::new(ErrorKind::Usage, format!("`{run_id}` is not the id of a run"));
        return Err(error.hint(others(&located).await));
    }
    check_unfinished(&located, run_id).await?;
    match located.store.get(&document(&located, run_id)).await {
        Ok(found) => found.bytes().await.map_err(|error| unreadable(&located, run_id, error)),
        Err(object_store::Error::NotFound { .. }) => {
            let message = format!("{} holds nothing of a run {run_id}", located.display);
            Err(Error::new(ErrorKind::NotFound, message).hint(others(&located).await))
        }
        Err(error) => Err(unreadable(&located, run_id, error)),
    }
}

/// Makes this process the one that goes on with the run; as which, and what the run has said of itself by then. From here on, all
/// that were before it end without a result.
pub async fn claim_unfinished(output: &str, run_id: &str) -> Result<(u32, Bytes)> {
    let located = locate(output).await?;
    let listed: Vec<_> = (located.store.list(Some(&folder(&located, run_id))).try_collect().await)
        .map_err(|error| unreadable(&located, run_id, error))?;
    let attempts = listed.iter().filter_map(|object| object.location.filename()?.strip_prefix("claim-")?.parse().ok());
    let attempt = attempts.max().unwrap_or(1u32) + 1;
    let options = PutOptions::from(PutMode::Create);
    match located.store.put_opts(&claim(&located, run_id, attempt), PutPayload::new(), options).await {
        Ok(_) => {}
        Err(object_store::Error::AlreadyExists { .. }) => {
            let message = format!("another process goes on with the run {run_id}");
            return Err(Error::new(ErrorKind::Changed, message).hint("wait for it to end"));
        }
        Err(error) => return Err(unreadable(&located, run_id, error)),
    }
    // It may have been finished meanwhile; and what it kept last is what counts.
    let claimed = read_unfinished(output, run_id).await;
    if claimed.is_err() {
        let _ = located.store.delete(&claim(&located, run_id, attempt)).await;
        remove_folders(&located, run_id);
    }
    Ok((attempt, claimed?))
}

async fn check_unfinished(located: &Located, run_id: &str) -> Result<()> {
    match located.store.head(&published(located, run_id)).await {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(unreadable(located, run_id, error)),
        Ok(_) => {
            let message = format!("the run {run_id} is finished: there is nothing to go on with");
            Err(Error::new(ErrorKind::Usage, message).hint("run its rules again without --resume"))
        }
    }
}

fn unreadable(located: &Located, run_id: &str, error: object_store::Error) -> Error {
    let message = format!("what is kept of the run {run_id} cannot be read from {}", located.display);
    Error::new(ErrorKind::Output, message).source(error)
}

/// Names the newest runs that can be gone on with.
async fn others(located: &Located) -> String {
    let below = located.prefix.clone().join(FOLDER);
    let listed = located.store.list_with_delimiter(Some(&below)).await;
    let mut runs: Vec<String> = listed.map_or_else(
        |_| Vec::new(),
        |listed| {
            let names = listed.common_prefixes.iter().filter_map(|run| Some(run.filename()?.to_string()));
            names.filter(|name| uuid::Uuid::parse_str(name).is_ok()).collect()
        },
    );
    // UUIDv7: their order is that of time.
    runs.sort_unstable();
    runs.reverse();
    match runs.len() {
        0 => "no run there was cut off: leave out --resume".to_string(),
        n => {
            let more = if n > NAMED { " ..." } else { "" };
            format!("runs that were cut off there, the last one first: {}{more}", runs[..n.min(NAMED)].join(", "))
        }
    }
}

/// Removes all that is kept of a run, as far as that is possible.
pub(super) async fn remove(located: &Located, run_id: &str) {
    let folder = folder(located, run_id);
    let objects = located.store.list(Some(&folder)).map_ok(|object| object.location).boxed();
    let removed: Result<Vec<_>, _> = located.store.delete_stream(objects).try_collect().await;
    if let Err(error) = removed {
        tracing::debug!(%folder, %error, "what was kept of a run could not be removed");
    }
    remove_folders(located, run_id);
}

/// Of a local disk: the folders, once they are empty.
pub(super) fn remove_folders(located: &Located, run_id: &str) {
    if let Some(root) = &located.local {
        let unfinished = root.join(FOLDER);
        let run = unfinished.join(run_id);
        for folder in [run.join("sums"), run, unfinished] {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Names of rules.
pub(super) type KeptRules = BTreeSet<String>;

/// What this process has put there.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub announced: bool,
    /// Those whose tables stay, should the run be cut off.
    pub rules: KeptRules,
}
