//! One entry: what happened, when, by whom. Written once; its bytes are what the next entry's `previous` is the hash of.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::dataset::{Input, Replaced};
pub use crate::divergence::StoredFile;
use crate::divergence::sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Head, name};
use crate::verdict::RowCounts;

/// Of an entry's form.
pub const VERSION: u32 = 1;
/// Ends every entry: the hash of what stands before, so that the newest one cannot be damaged unseen either.
const SUM: &str = ",\"sum\":\"";
const END: &str = "\"}\n";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub version: u32,
    pub number: u64,
    /// SHA-256 of the entry before; of the first one, none.
    pub previous: Option<String>,
    /// Tells this entry from one of the same words that another process wrote.
    pub nonce: String,
    pub at: DateTime<Utc>,
    pub actor: String,
    /// The version that wrote it.
    pub tieout: String,
    pub event: Event,
}

/// What happened. What is not known here was written by a newer version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first entry: results that were there before, which the ledger knows by name and size only.
    Begun {
        before: Vec<Before>,
    },
    RunStarted {
        run_id: String,
        rules: Vec<RuleNamed>,
    },
    /// A process goes on with a run that was cut off.
    RunResumed {
        run_id: String,
        rules: Vec<RuleNamed>,
    },
    RunFinished {
        run_id: String,
        outcome: String,
        rules: Vec<RuleDone>,
        record: StoredFile,
    },
    RunCancelled {
        run_id: String,
        why: String,
    },
    /// Old tables are removed; the entries that named them stay.
    Expired {
        before: DateTime<Utc>,
        rules: Vec<RuleExpired>,
    },
    /// Somebody took divergences out of the verdict.
    Acknowledged(Acknowledged),
    /// Somebody took that back.
    Withdrawn(Acknowledged),
    /// Changes to rows of a dataset are proposed.
    RepairPlanned(RepairPlanned),
    /// Somebody allows a plan, and signs that.
    RepairApproved(RepairApproved),
    /// A process begins to carry out a plan, or goes on with it.
    RepairStarted {
        /// Tells this attempt from others.
        attempt: String,
        plan: String,
        /// The policy allows it without a person's word.
        auto: bool,
    },
    /// What some rows come to if the transaction that changes them is committed, which it is only after this.
    RepairBatch {
        attempt: String,
        plan: String,
        file: StoredFile,
        /// Corrected copies of files, and the original of one that is replaced.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<StoredFile>,
        /// The file that is replaced by its copy, which it only is after this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<Replaced>,
    },
    RepairFinished(RepairFinished),
    /// An entry before this one, signed.
    Sealed {
        number: u64,
        hash: String,
        public_key: String,
        signature: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    pub path: String,
    pub bytes: u64,
}

/// The tables of a rule that are removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleExpired {
    pub rule: String,
    /// Tables of runs whose ids stand before this one.
    pub until: String,
    /// But for what was open after this one.
    pub base: Option<String>,
    pub runs: u64,
    pub files: u64,
    pub bytes: u64,
}

/// People's word on divergences of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub id: String,
    pub rule: String,
    pub note: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// How many divergences.
    pub divergences: u64,
    /// Which.
    pub file: StoredFile,
}

/// A plan: its name is the SHA-256 of its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairPlanned {
    pub plan: String,
    pub rule: String,
    /// The run whose divergences it is about.
    pub run_id: String,
    /// Which side it changes, and that side's dataset.
    pub side: String,
    pub dataset: String,
    pub actions: u64,
    /// The plan whose changes it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
    /// The manifest, and the table of actions.
    pub manifest: StoredFile,
    pub table: StoredFile,
}

/// Somebody's word on a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairApproved {
    pub plan: String,
    /// As the project names them.
    pub approver: String,
    pub at: DateTime<Utc>,
    pub expires: DateTime<Utc>,
    pub public_key: String,
    /// Of all that stands above, in hexadecimal digits.
    pub signature: String,
}

/// What carrying out a plan came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairFinished {
    pub attempt: String,
    pub plan: String,
    /// `repaired`, `partly` or `failed`.
    pub outcome: String,
    pub applied: u64,
    /// They were as wanted already.
    pub done: u64,
    /// They had moved on, and were left alone.
    pub stale: u64,
    pub failed: u64,
    /// Of both sides, as they were read to verify what is written.
    pub source_inputs: Vec<Input>,
    pub target_inputs: Vec<Input>,
    /// One row an action.
    pub file: StoredFile,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleNamed {
    pub rule: String,
    /// Digest of the rule's own text.
    pub version: String,
}

/// What a rule came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleDone {
    pub rule: String,
    pub version: String,
    pub outcome: String,
    pub guarantee: String,
    pub strategy: String,
    pub rows: RowCounts,
    pub schema_mismatch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<u64>,
    /// As pinned. Of a `sql` rule, all inputs are under `source_inputs`.
    pub source_inputs: Vec<Input>,
    pub target_inputs: Vec<Input>,
    /// The divergence table; none of a rule that could not be compared.
    pub table: Option<StoredFile>,
    /// What is open after the run; none where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<StoredFile>,
    /// Of these divergences, those that did not count, for they were acknowledged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub acknowledged: u64,
    /// Acknowledgements that were found to have ended, if any were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<StoredFile>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Event {
    /// What is put in place once the entry is there: by which id it waits, and the file.
    pub fn puts(&self) -> Option<(&str, &StoredFile)> {
        match self {
            Event::RunFinished { run_id, record, .. } => Some((run_id, record)),
            Event::Acknowledged(ack) | Event::Withdrawn(ack) => Some((&ack.id, &ack.file)),
            _ => None,
        }
    }

    /// The plan that it is about.
    pub fn plan(&self) -> Option<&str> {
        match self {
            Event::RepairPlanned(RepairPlanned { plan, .. })
            | Event::RepairApproved(RepairApproved { plan, .. })
            | Event::RepairStarted { plan, .. }
            | Event::RepairBatch { plan, .. }
            | Event::RepairFinished(RepairFinished { plan, .. }) => Some(plan),
            _ => None,
        }
    }

    /// The run that it is about.
    pub fn run_id(&self) -> Option<&str> {
        match self {
            Event::RunStarted { run_id, .. }
            | Event::RunResumed { run_id, .. }
            | Event::RunFinished { run_id, .. }
            | Event::RunCancelled { run_id, .. } => Some(run_id),
            Event::Begun { .. }
            | Event::Expired { .. }
            | Event::Acknowledged(_)
            | Event::Withdrawn(_)
            | Event::RepairPlanned(_)
            | Event::RepairApproved(_)
            | Event::RepairStarted { .. }
            | Event::RepairBatch { .. }
            | Event::RepairFinished(_)
            | Event::Sealed { .. } => None,
        }
    }
}

impl Entry {
    /// The one after `head`.
    pub fn after(head: &Head, event: Event) -> Self {
        Self {
            version: VERSION,
            number: head.number + 1,
            previous: (head.number > 0).then(|| head.hash.clone()),
            nonce: uuid::Uuid::now_v7().to_string(),
            at: Utc::now(),
            actor: actor(),
            tieout: env!("CARGO_PKG_VERSION").to_string(),
            event,
        }
    }

    /// As it is stored: one line of JSON.
    pub fn encode(&self) -> Result<Bytes> {
        let text = serde_json::to_string(self).map_err(|error| {
            Error::new(ErrorKind::Internal, "an entry of the ledger cannot be written").source(error)
        })?;
        let sum = sha256(text.as_bytes());
        Ok(Bytes::from(format!("{}{SUM}{sum}{END}", text.strip_suffix('}').unwrap_or(&text))))
    }

    /// From what is stored; or what is wrong with it, in words.
    pub fn decode(bytes: &[u8]) -> std::result::Result<Self, String> {
        serde_json::from_str(&Self::body(bytes)?).map_err(|error| error.to_string())
    }

    /// What the sum is of, if it holds.
    fn body(bytes: &[u8]) -> std::result::Result<String, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
        let rest = text.strip_suffix(END).ok_or("it is cut off, or no entry")?;
        let at = rest.len().checked_sub(64).filter(|at| rest.is_char_boundary(*at)).ok_or("it is no entry")?;
        let (body, sum) = rest.split_at(at);
        let body = body.strip_suffix(SUM).ok_or("it does not end with its sum")?;
        let body = format!("{body}}}");
        if sha256(body.as_bytes()) != sum {
            return Err("its sum does not hold".into());
        }
        Ok(body)
    }
}

/// An entry that only a newer version understands is an error, whatever it is read for.
pub fn refuse_newer(number: u64, bytes: &[u8]) -> Result<()> {
    #[derive(Deserialize)]
    struct Any {
        version: u32,
        tieout: String,
        event: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    let Ok(any) = serde_json::from_slice::<Any>(bytes) else { return Ok(()) };
    const KNOWN: [&str; 14] = [
        "begun",
        "run_started",
        "run_resumed",
        "run_finished",
        "run_cancelled",
        "expired",
        "acknowledged",
        "withdrawn",
        "repair_planned",
        "repair_approved",
        "repair_started",
        "repair_batch",
        "repair_finished",
        "sealed",
    ];
    let known = KNOWN.contains(&any.event.r#type.as_str());
    // Damage is not for here: an entry of another version has a sum as well.
    if (any.version <= VERSION && known) || Entry::body(bytes).is_err() {
        return Ok(());
    }
    let ours = env!("CARGO_PKG_VERSION");
    let what = match any.version > VERSION {
        true => format!("is of version {}", any.version),
        false => format!("tells of `{}`", any.event.r#type.escape_debug()),
    };
    let message = format!("{} {what}, which tieout {ours} does not know", path(number));
    Err(Error::new(ErrorKind::Output, message)
        .hint(format!("it was written by tieout {}: use that version, or a newer one", any.tieout.escape_debug())))
}

/// An entry's path below the output.
pub fn path(number: u64) -> String {
    format!("{}/{}", crate::divergence::LEDGER, name(number))
}

/// Who writes: as the environment says, or the user of this machine.
pub fn actor() -> String {
    if let Some(actor) = std::env::var("TIEOUT_ACTOR").ok().filter(|actor| !actor.is_empty()) {
        return actor;
    }
    match (whoami::username(), whoami::hostname()) {
        (Ok(user), Ok(host)) => format!("{user}@{host}"),
        (Ok(user), Err(_)) => user,
        _ => "unknown".into(),
    }
}
