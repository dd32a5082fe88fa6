//! The output store of a run: where its tables go, and how nothing of a run that fails stays visible.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::dataset::store::{Located, locate};
use crate::divergence::acks::{Acks, Sighted};
use crate::divergence::marker::{MARKER, check_marker};
use crate::divergence::reader::file_table;
use crate::divergence::records::{RunRecord, to_parquet};
use crate::divergence::stored::{RuleOutput, StoredFile, Table, Tables, below, sha256};
use crate::divergence::unfinished::{self, Kept, KeptRules};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// The folder of what happened in the output; other rooms write there.
pub const LEDGER: &str = "ledger";

/// The output of one run. Dropped before `hold`, it removes what the run has written, but for what another process can go
/// on with.
pub struct Output {
    located: Located,
    run_id: String,
    /// Which process this is of those that went on with the run, from 1 on. Each has tables of its own.
    attempt: u32,
    /// Tables, each with its rule.
    written: Mutex<Vec<(String, Path)>>,
    /// Rules whose tables are those of an earlier process, and of which.
    taken: Mutex<BTreeMap<String, u32>>,
    tables: Tables,
    kept: Mutex<Kept>,
    progress: Arc<Progress>,
    committed: bool,
    /// This run put the marker there.
    marked: bool,
    /// Folders of this machine that were not there before, the innermost first.
    made: Vec<PathBuf>,
}

/// The run's record, while it waits.
pub struct Record {
    bytes: Bytes,
    waiting: Path,
    /// As it will be.
    pub file: StoredFile,
}

impl Output {
    /// Opens the store and shows that it can be written to, before any data is read: the marker `_tieout.json` says
    /// what the folder is and in which version.
    pub async fn open(location: &str, run_id: &str, attempt: u32, progress: &Arc<Progress>) -> Result<Self> {
        let located = locate(location).await?;
        let missing = |path: &PathBuf| !path.exists();
        let local = located.local.iter().flat_map(|root| root.ancestors());
        let mut output = Self {
            run_id: run_id.to_string(),
            attempt,
            taken: Mutex::default(),
            written: Mutex::default(),
            tables: Tables::default(),
            kept: Mutex::default(),
            progress: progress.clone(),
            committed: false,
            marked: false,
            made: local.map(PathBuf::from).take_while(missing).collect(),
            located,
        };
        let marker = output.path(&[MARKER]);
        let there = async { output.located.store.get(&marker).await?.bytes().await }.await;
        if let Ok(there) = &there {
            check_marker(there, &output.located.display)?;
        }
        output.marked = there.is_err();
        let content = "{\"store\": \"tieout\", \"version\": 1}\n";
        let put = output.located.store.put(&marker, PutPayload::from_static(content.as_bytes())).await;
        match put {
            Ok(_) => Ok(output),
            Err(error) => Err(output.unwritable(error)),
        }
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
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(rule);
        self.writes(Table::Divergences, rule)
    }

    /// What is open of the rule after this run.
    pub fn open_of(&self, rule: &str) -> RuleOutput {
        self.writes(Table::Open, rule)
    }

    fn writes(&self, table: Table, rule: &str) -> RuleOutput {
        let table = self.part_of(table, rule, self.attempt);
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push((rule.to_string(), table.part()));
        table
    }

    /// The table that an earlier process has written: it becomes this one's.
    pub fn take(&self, rule: &str, attempt: u32) -> RuleOutput {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(rule.to_string(), attempt);
        self.part_of(Table::Divergences, rule, attempt)
    }

    fn part_of(&self, table: Table, rule: &str, attempt: u32) -> RuleOutput {
        let folders = [table.folder(), &format!("rule={rule}"), &format!("run={}", self.run_id)];
        let part = self.path(&[folders[0], folders[1], folders[2], &part_name(attempt)]);
        RuleOutput::new(&self.located, &part, &part, (table, rule.to_string()), &self.tables)
    }

    /// Where acknowledgements of the rule go that have ended.
    pub fn ended(&self, rule: &str) -> RuleOutput {
        self.writes(Table::Acks, rule)
    }

    /// What was acknowledged in this output.
    pub async fn acks(&self) -> Result<Acks> {
        Acks::read(&self.located).await
    }

    /// The rule's table as it was written; none of a rule that could not be compared. `key`: names of its key columns.
    pub async fn found(
        &self,
        ctx: &SessionContext,
        rule: &str,
        key: &[String],
        datasets: [Option<String>; 2],
    ) -> Result<Option<Sighted>> {
        let Some(file) = self.table(Table::Divergences, rule) else { return Ok(None) };
        let failed = || Error::new(ErrorKind::Internal, format!("{} is no path of the output", file.path));
        let path = below(&self.located, &file.path).ok_or_else(failed)?;
        let table = file_table(ctx, &self.located, &path).await?;
        Ok(Some(Sighted { table, keys: key.iter().cloned().collect(), datasets }))
    }

    /// A table of the rule, once it is written.
    pub fn table(&self, table: Table, rule: &str) -> Option<StoredFile> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&(table, rule.to_string())).cloned()
    }

    /// Where the rule's divergences are, as this run will have it.
    pub fn divergences(&self, rule: &str) -> Path {
        let attempt = self.taken.lock().unwrap_or_else(PoisonError::into_inner).get(rule).copied();
        self.part_of(Table::Divergences, rule, attempt.unwrap_or(self.attempt)).part()
    }

    /// The rule's table was written by the process that the run was begun by.
    pub fn take_over(&self, rule: &str, table: StoredFile) {
        let name = (Table::Divergences, rule.to_string());
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).insert(name, table);
    }

    pub fn located(&self) -> &Located {
        &self.located
    }

    /// Removes tables of rules that earlier processes have left behind.
    async fn remove_left_behind(&self, records: &[RunRecord]) -> object_store::Result<()> {
        for rule in records.iter().map(|record| &record.rule) {
            for table in Table::ALL {
                let part = match table {
                    Table::Divergences => Some(self.divergences(rule)),
                    other => self.table(other, rule).map(|_| self.part_of(other, rule, self.attempt).part()),
                };
                let folder = self.path(&[table.folder(), &format!("rule={rule}"), &format!("run={}", self.run_id)]);
                let listed: Vec<_> = self.located.store.list(Some(&folder)).try_collect().await?;
                let others = listed.into_iter().map(|object| object.location);
                for other in others.filter(|other| Some(other) != part.as_ref()) {
                    self.located.store.delete(&other).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes what was written of a rule, as far as that is possible.
    pub async fn forget(&self, rule: &str) {
        let part = self.rule(rule).part();
        let name = (Table::Divergences, rule.to_string());
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        if let Err(error) = self.located.store.delete(&part).await {
            tracing::debug!(%part, %error, "an unfinished table could not be removed");
        }
        if let Some(root) = &self.located.local {
            let folder = root.join("divergences").join(format!("rule={rule}"));
            let _ = std::fs::remove_dir(folder.join(format!("run={}", self.run_id)));
            let _ = std::fs::remove_dir(folder);
        }
    }

    /// Where the run keeps what it has done, until it is finished.
    pub fn unfinished(&self) -> (Arc<dyn ObjectStore>, Path, String) {
        let located = &self.located;
        (located.store.clone(), unfinished::folder(located, &self.run_id), located.display.clone())
    }

    /// Keeps what the run says of itself. The tables of these rules are finished: they stay, should the run be cut off.
    pub async fn keep(&self, document: Vec<u8>, rules: KeptRules) {
        let path = unfinished::document(&self.located, &self.run_id);
        match self.located.store.put(&path, PutPayload::from(document)).await {
            Ok(_) => {
                // What there was before this process stays as well.
                if !rules.is_empty() || self.attempt > 1 {
                    self.progress.keep();
                }
                *self.kept() = Kept { announced: true, rules };
            }
            Err(error) => tracing::warn!(%path, %error, "what the run has done cannot be kept"),
        }
    }

    /// Whether no other process goes on with the run, or has finished it.
    pub async fn is_ours(&self) -> bool {
        if !self.kept().announced {
            return true;
        }
        let Signs { ours, others } = self.signs();
        let is_gone = async |path: Path| {
            matches!(self.located.store.head(&path).await, Err(object_store::Error::NotFound { .. }))
        };
        let (ours, others) = futures::future::join(is_gone(ours), join_all(others.map(is_gone))).await;
        !ours && others.into_iter().all(|gone| gone)
    }

    fn signs(&self) -> Signs {
        let claim = |attempt| unfinished::claim(&self.located, &self.run_id, attempt);
        let ours = match self.attempt {
            1 => unfinished::document(&self.located, &self.run_id),
            attempt => claim(attempt),
        };
        Signs { ours, others: [claim(self.attempt + 1), unfinished::published(&self.located, &self.run_id)] }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the run to another process: what that one may have taken over stays.
    pub async fn let_go(mut self) {
        self.committed = true;
        self.remove_written(|rule| self.kept().rules.contains(rule)).await;
    }

    /// Takes back that this process goes on: the run has ended meanwhile.
    pub async fn withdraw(mut self) {
        self.committed = true;
        unfinished::remove(&self.located, &self.run_id).await;
    }

    /// Writes the run's record to where it waits for the ledger to tell of the run's end: after the entry `after`, if at all.
    pub async fn stage(&self, records: &[RunRecord], after: u64) -> Result<Record> {
        if self.attempt > 1 {
            self.remove_left_behind(records).await.map_err(|error| self.unwritable(error))?;
        }
        let bytes = Bytes::from(to_parquet(records)?);
        let waiting = unfinished::record(&self.located, &self.run_id, after);
        let put = self.located.store.put(&waiting, PutPayload::from(bytes.clone())).await;
        put.map_err(|error| self.unwritable(error))?;
        let file = StoredFile {
            path: format!("runs/{}.parquet", self.run_id),
            sha256: sha256(&bytes),
            bytes: bytes.len() as u64,
            rows: records.len() as u64,
        };
        Ok(Record { bytes, waiting, file })
    }

    /// From here on the ledger may tell of the run's end: what it has written stays, whatever comes.
    pub fn hold(&mut self) {
        self.committed = true;
    }

    /// Puts the record where readers look: from here on the run is visible.
    pub async fn publish(self, record: Record) -> Result<()> {
        unfinished::publish(&self.located, &self.run_id, record.bytes).await
    }

    /// Takes the record back: the ledger does not tell of the run's end, and will not.
    pub async fn unstage(&self, record: &Record) {
        if let Err(error) = self.located.store.delete(&record.waiting).await {
            tracing::debug!(path = %record.waiting, %error, "a record that waits could not be removed");
        }
        unfinished::remove_folders(&self.located, &self.run_id);
    }

    /// Whether the run is visible already.
    pub async fn is_published(&self) -> bool {
        let path = unfinished::published(&self.located, &self.run_id);
        self.located.store.head(&path).await.is_ok()
    }

    /// Removes what the run has written, as far as that is possible: without a record it is invisible all the same.
    pub async fn abandon(mut self) {
        self.committed = true;
        self.remove_written(|rule| self.stays(rule)).await;
        if self.progress.resumable().is_none() {
            unfinished::remove(&self.located, &self.run_id).await;
            if self.marked && self.located.local.is_none() {
                self.remove_marker().await;
            }
        }
        self.remove_local();
    }

    /// Removes this process's tables, but for those of some rules.
    async fn remove_written(&self, stays: impl Fn(&str) -> bool) {
        let written = std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, path) in written.into_iter().filter(|(rule, _)| !stays(rule)) {
            if let Err(error) = self.located.store.delete(&path).await {
                tracing::debug!(%path, %error, "an unfinished table could not be removed");
            }
        }
    }

    /// Whether the rule's table is kept for a process that goes on with the run.
    fn stays(&self, rule: &str) -> bool {
        self.progress.resumable().is_some() && self.kept().rules.contains(rule)
    }

    /// Where nothing else is, the marker has no meaning.
    async fn remove_marker(&self) {
        let marker = self.path(&[MARKER]);
        let others = self.located.store.list(Some(&self.located.prefix)).try_filter(|object| {
            let other = object.location != marker;
            async move { other }
        });
        let alone = matches!(std::pin::pin!(others).try_next().await, Ok(None));
        if alone && let Err(error) = self.located.store.delete(&marker).await {
            tracing::debug!(%marker, %error, "the marker could not be removed");
        }
    }

    /// This process's own table in a folder, also where it is only begun.
    fn remove_parts(&self, folder: &std::path::Path) {
        let own = part_name(self.attempt);
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with(&own)
                && let Err(error) = std::fs::remove_file(file.path())
            {
                tracing::debug!(file = %file.path().display(), %error, "an unfinished table could not be removed");
            }
        }
    }

    /// What this run wrote to this machine, but for what others have put there meanwhile. Only empty folders go.
    fn remove_local(&self) {
        let Some(root) = &self.located.local else { return };
        let tables = Table::ALL.map(|table| root.join(table.folder()));
        for rule in tables.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
            let folder = rule.path().join(format!("run={}", self.run_id));
            let name = rule.file_name();
            let stays = name.to_str().and_then(|name| name.strip_prefix("rule=")).is_some_and(|rule| self.stays(rule));
            if folder.is_dir() && !stays {
                self.remove_parts(&folder);
                let _ = std::fs::remove_dir(&folder);
                let _ = std::fs::remove_dir(rule.path());
            }
        }
        for folder in &tables {
            let _ = std::fs::remove_dir(folder);
        }
        let runs = root.join("runs");
        let _ = std::fs::remove_dir(&runs);
        let ledger = root.join(LEDGER);
        let _ = std::fs::remove_dir(&ledger);
        if self.progress.resumable().is_none() {
            let _ = std::fs::remove_file(root.join(unfinished::FOLDER).join(&self.run_id).join(unfinished::DOCUMENT));
            unfinished::remove_folders(&self.located, &self.run_id);
        }
        let others = tables.into_iter().chain([runs, ledger, root.join(unfinished::FOLDER)]);
        if self.marked && !others.into_iter().any(|other| other.exists()) {
            let _ = std::fs::remove_file(root.join(MARKER));
        }
        for folder in &self.made {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// By which a process tells that the run is its own.
struct Signs {
    ours: Path,
    others: [Path; 2],
}

fn part_name(attempt: u32) -> String {
    format!("part-{}.parquet", attempt.saturating_sub(1))
}

/// An interrupted run cannot wait for a remote store; what it leaves there has no record, and no reader takes it for a
/// result. On a local disk it is removed at once.
impl Drop for Output {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        let Some(root) = &self.located.local else { return };
        let below = |path: &Path| {
            let parts = path.parts().skip(self.located.prefix.parts().count());
            parts.fold(root.clone(), |folder, part| folder.join(part.as_ref()))
        };
        let Signs { ours, others } = self.signs();
        let is_ours = below(&ours).exists() && !others.iter().any(|other| below(other).exists());
        // Another process goes on with the run, or did.
        if self.kept().announced && !is_ours {
            return;
        }
        self.remove_local();
    }
}
