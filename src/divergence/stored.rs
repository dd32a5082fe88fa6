//! The files that a run writes of its rules: which there are, where they go, and what is told of them once they are written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::dataset::store::Located;
use crate::divergence::acks::FOLDER as ACKS;

/// A file that a run has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Below the output.
    pub path: String,
    /// In hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
    pub rows: u64,
}

/// What a run writes of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Divergences,
    /// What is open after the run, and since when.
    Open,
    /// Acknowledgements that have ended.
    Acks,
}

impl Table {
    pub const ALL: [Table; 3] = [Table::Divergences, Table::Open, Table::Acks];

    pub fn folder(self) -> &'static str {
        match self {
            Table::Divergences => "divergences",
            Table::Open => "open",
            Table::Acks => ACKS,
        }
    }

    /// In words.
    fn what(self) -> &'static str {
        match self {
            Table::Divergences => "divergence table",
            Table::Open => "table of what is open",
            Table::Acks => "file of acknowledgements",
        }
    }
}

/// The tables that a run has written, by rule.
pub(super) type Tables = Arc<Mutex<BTreeMap<(Table, String), StoredFile>>>;

/// Where one rule's divergence table goes.
pub struct RuleOutput {
    store: Arc<dyn ObjectStore>,
    part: Path,
    /// The same below the output.
    path: String,
    display: String,
    table: (Table, String),
    tables: Tables,
}

impl RuleOutput {
    /// Writes to `part` what is to be known as `known`.
    pub(super) fn new(located: &Located, part: &Path, known: &Path, table: (Table, String), tables: &Tables) -> Self {
        let path = known.prefix_match(&located.prefix).map_or(known.to_string(), joined);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let display = format!("{}/{folder}/", located.display.trim_end_matches('/'));
        let (store, part) = (located.store.clone(), part.clone());
        Self { store, part, path, display, table, tables: tables.clone() }
    }

    /// Where an acknowledgement is written to, until the ledger tells of it.
    pub fn acknowledging(located: &Located, rule: &str, id: &str, waiting: &Path) -> Self {
        let folder = located.prefix.clone().join(ACKS).join(format!("rule={rule}"));
        let known = folder.join(format!("{id}.parquet"));
        Self::new(located, waiting, &known, (Table::Acks, rule.to_string()), &Tables::default())
    }

    /// What was written; none before it is.
    pub fn stored(&self) -> Option<StoredFile> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&self.table).cloned()
    }

    pub fn what(&self) -> &'static str {
        self.table.0.what()
    }

    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    pub fn part(&self) -> Path {
        self.part.clone()
    }

    /// The table is written, and can be named.
    pub fn wrote(&self, sha256: String, bytes: u64, rows: u64) {
        let table = StoredFile { path: self.path.clone(), sha256, bytes, rows };
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).insert(self.table.clone(), table);
    }

    /// The table's folder, for people.
    pub fn display(&self) -> &str {
        &self.display
    }
}

/// An object by its path below the output; none: no object can have that path.
pub fn below(located: &Located, path: &str) -> Option<Path> {
    let prefix = located.prefix.as_ref();
    let whole = if prefix.is_empty() { path.to_string() } else { format!("{prefix}/{path}") };
    Path::parse(whole).ok()
}

fn joined<'a>(parts: impl Iterator<Item = object_store::path::PathPart<'a>>) -> String {
    parts.map(|part| part.as_ref().to_string()).collect::<Vec<_>>().join("/")
}

/// In hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}
