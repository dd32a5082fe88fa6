//! The output store of a run: where its tables go, and how nothing of a run that fails stays visible.

use std::sync::{Arc, Mutex};

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::dataset::store::{Located, locate};
use crate::divergence::records::{RunRecord, to_parquet};
use crate::error::{Error, ErrorKind, Result};

/// The output of one run. Dropped without `commit`, it removes what the run has written.
pub struct Output {
    located: Located,
    run_id: String,
    written: Mutex<Vec<Path>>,
    committed: bool,
}

/// Where one rule's divergence table goes.
pub struct RuleOutput {
    store: Arc<dyn ObjectStore>,
    part: Path,
    display: String,
}

impl Output {
    /// Opens the store and shows that it can be written to, before any data is read: the marker `_tieout.json` says
    /// what the folder is and in which version.
    pub async fn open(location: &str, run_id: &str) -> Result<Self> {
        let located = locate(location).await?;
        let output = Self { located, run_id: run_id.to_string(), written: Mutex::default(), committed: false };
        let marker = output.path(&["_tieout.json"]);
        let content = "{\"store\": \"tieout\", \"version\": 1}\n";
        let put = output.located.store.put(&marker, PutPayload::from_static(content.as_bytes())).await;
        put.map_err(|error| output.unwritable(error))?;
        Ok(output)
    }

    fn unwritable(&self, error: object_store::Error) -> Error {
        Error::new(ErrorKind::Output, format!("the output {} cannot be written to", self.located.display))
            .hint("check that it exists or can be made, and that you may write there; or choose another with --out")
            .source(error)
    }

    fn path(&self, parts: &[&str]) -> Path {
        parts.iter().fold(self.located.prefix.clone(), |path, part| path.join(*part))
    }

    pub fn rule(&self, rule: &str) -> RuleOutput {
        let folders = ["divergences", &format!("rule={rule}"), &format!("run={}", self.run_id)];
        let part = self.path(&[folders[0], folders[1], folders[2], "part-0.parquet"]);
        self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(part.clone());
        let display = format!("{}/{}/", self.located.display.trim_end_matches('/'), folders.join("/"));
        RuleOutput { store: self.located.store.clone(), part, display }
    }

    /// Writes the run's record: from here on the run is visible.
    pub async fn commit(mut self, records: &[RunRecord]) -> Result<()> {
        let record = to_parquet(records)?;
        let path = self.path(&["runs", &format!("{}.parquet", self.run_id)]);
        let put = self.located.store.put(&path, PutPayload::from(record)).await;
        put.map_err(|error| self.unwritable(error))?;
        self.committed = true;
        Ok(())
    }

    /// Removes what the run has written, as far as that is possible: without a record it is invisible all the same.
    pub async fn abandon(mut self) {
        self.committed = true;
        let written = std::mem::take(&mut *self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        for path in written {
            if let Err(error) = self.located.store.delete(&path).await {
                tracing::debug!(%path, %error, "an unfinished table could not be removed");
            }
        }
        self.remove_empty_folders();
    }

    fn remove_empty_folders(&self) {
        let Some(root) = &self.located.local else { return };
        let Ok(rules) = std::fs::read_dir(root.join("divergences")) else { return };
        for rule in rules.flatten() {
            // Only empty folders can be removed so; anything else stays.
            let _ = std::fs::remove_dir(rule.path().join(format!("run={}", self.run_id)));
            let _ = std::fs::remove_dir(rule.path());
        }
        let _ = std::fs::remove_dir(root.join("divergences"));
    }
}

/// An interrupted run cannot wait for a remote store; what it leaves there has no record, and no reader takes it for a
/// result. On a local disk it is removed at once.
impl Drop for Output {
    fn drop(&mut self) {
        let Some(root) = self.located.local.as_ref().filter(|_| !self.committed) else { return };
        if let Ok(rules) = std::fs::read_dir(root.join("divergences")) {
            for rule in rules.flatten() {
                let folder = rule.path().join(format!("run={}", self.run_id));
                if folder.is_dir() {
                    if let Err(error) = std::fs::remove_dir_all(&folder) {
                        tracing::debug!(folder = %folder.display(), %error, "an unfinished table could not be removed");
                    }
                }
            }
        }
        self.remove_empty_folders();
    }
}

impl RuleOutput {
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    pub fn part(&self) -> Path {
        self.part.clone()
    }

    /// The table's folder, for people.
    pub fn display(&self) -> &str {
        &self.display
    }
}
