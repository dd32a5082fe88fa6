//! Runs that are cut off: what a rule has come to is kept until the run is finished, and believed by a later process as long as
//! what the rule reads can be shown to be the same. -> [`Begun`]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::dataset::Input;
use crate::divergence::{Output, StoredFile, Table, begun_at, claim_unfinished, first_rows, read_unfinished};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Project, Rule, RuleKind};
use crate::run::RunOptions;
use crate::run::execute::{Compared, Execution, decide};
use crate::run::journal::taken_over;
use crate::run::planned::Planned;
use crate::run::report::{Acknowledged, RuleReport};
use crate::sql::digest_id;
use crate::verdict::Outcome;

/// Of the document.
const VERSION: u32 = 2;
/// What is sooner done again than kept.
const LONG: Duration = Duration::from_millis(100);

/// What is said of a rule that was not compared again.
const BEFORE: &str = "was compared before the run was cut off: what it reads is still the same";

/// What is kept of a run, as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Document {
    version: u32,
    tieout: String,
    run_id: String,
    started_at: DateTime<Utc>,
    rules: Vec<String>,
    strategy: Option<String>,
    exact: bool,
    /// Digest of all parameters: they may be secret.
    params: String,
    compared: Vec<Kept>,
}

/// A rule that was compared.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// Of the rule, as it was read.
    version: String,
    /// Which process has written its table.
    attempt: u32,
    /// By dataset, what tells that its rows are the same.
    identities: BTreeMap<String, String>,
    inputs: [Vec<Input>; 2],
    key: Vec<String>,
    elapsed_ms: u64,
    report: RuleReport,
    /// Its divergence table, as it was written.
    table: StoredFile,
}

/// A run that has begun, now or in another process.
pub struct Begun {
    pub run_id: String,
    pub started: DateTime<Utc>,
    /// Names of its rules; none: as asked for.
    pub rules: Vec<String>,
    /// Which process this is of those that went on with it, from 1 on.
    pub attempt: u32,
    document: Mutex<Document>,
    /// When anything was kept last.
    last: Mutex<Instant>,
}

impl Begun {
    pub async fn of(project: &Project, rules: &[String], options: &RunOptions) -> Result<Self> {
        let params: Vec<String> = project.params.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let params = digest_id(&params.iter().map(String::as_bytes).collect::<Vec<_>>());
        let run_id = uuid::Uuid::now_v7().to_string();
        let fresh = || Document {
            version: VERSION,
            tieout: env!("CARGO_PKG_VERSION").to_string(),
            started_at: begun_at(&run_id).unwrap_or_else(Utc::now),
            run_id: run_id.clone(),
            rules: rules.to_vec(),
            strategy: options.strategy.map(|strategy| strategy.to_string()),
            exact: options.guarantee.is_some(),
            params: params.clone(),
            compared: Vec::new(),
        };
        let (attempt, document) = match &options.resume {
            Some(run_id) => resumed(run_id, options, fresh()).await?,
            None => (1, fresh()),
        };
        options.progress.name(&document.run_id);
        Ok(Self {
            run_id: document.run_id.clone(),
            started: document.started_at,
            rules: document.rules.clone(),
            attempt,
            document: Mutex::new(document),
            last: Mutex::new(Instant::now()),
        })
    }

    fn document(&self) -> Document {
        self.document.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn write(&self, output: &Output, document: &Document) -> Result<()> {
        let bytes = serde_json::to_vec(document)
            .map_err(|error| Error::new(ErrorKind::Internal, "what a run keeps cannot be written").source(error))?;
        output.keep(bytes, document.compared.iter().map(|kept| kept.report.rule.clone()).collect()).await;
        Ok(())
    }

    /// Says that this process goes on with the run.
    pub async fn announce(&self, output: &Output) -> Result<()> {
        self.write(output, &self.document()).await
    }

    /// An error if another process goes on with the run.
    pub async fn check_alone(&self, output: &Output) -> Result<()> {
        match output.is_ours().await {
            true => Ok(()),
            false => Err(taken_over(&self.run_id)),
        }
    }

    /// An error if the run that is gone on with has ended meanwhile.
    pub async fn check_begun(&self, output: &Output) -> Result<()> {
        match self.is_resumed() && output.is_published().await {
            false => Ok(()),
            true => {
                let message = format!("the run {} is finished: there is nothing to go on with", self.run_id);
                Err(Error::new(ErrorKind::Usage, message).hint("run its rules again without --resume"))
            }
        }
    }

    /// What the rule had come to, if what it reads is still the same; else a note that says why it is compared anew.
    pub async fn compared<'r>(
        &self,
        execution: &Execution<'_>,
        planned: &Planned<'r>,
    ) -> Result<Result<Compared<'r>, Option<String>>> {
        let rule = planned.rule;
        let kept = self.document().compared.into_iter().find(|kept| kept.report.rule == rule.name);
        let (Some(kept), Some(output)) = (kept, execution.output) else { return Ok(Err(None)) };
        let anew = |why: String| Ok(Err(Some(format!("compared anew after the run was cut off: {why}"))));
        if kept.version != version(rule) {
            return anew("the rule was changed".into());
        }
        for (dataset, before) in &kept.identities {
            match execution.engine.catalog.identity(dataset).await? {
                Some(now) if now == *before => {}
                Some(_) => return anew(format!("`{dataset}` is not what it was")),
                None => return anew(format!("it cannot be shown that `{dataset}` is what it was")),
            }
        }
        let Kept { attempt, inputs, key, elapsed_ms, mut report, table, .. } = kept;
        let written = report.rows.divergences() + report.schema.len() as u64;
        report.sample = match first_rows(&output.take(&rule.name, attempt), execution.limit).await {
            Ok((rows, sample)) if rows == written => sample,
            _ => return anew("its table is gone".into()),
        };
        output.take_over(&rule.name, table);
        report.notes.push(BEFORE.into());
        report.severity = rule.severity;
        report.owner = rule.owner.clone();
        report.allow = decide(rule, &report.rows, &report.schema, Acknowledged::default()).1;
        report.key = key;
        report.elapsed_ms = elapsed_ms;
        report.datasets = match &rule.kind {
            RuleKind::Match(rule) => Some(rule.dataset.clone()),
            RuleKind::Totals(rule) => Some(rule.dataset.clone()),
            RuleKind::Sql(_) => None,
        };
        execution.engine.progress.add_rows(report.rows.source + report.rows.target);
        Ok(Ok(Compared { rule, report, inputs, again: None, standing: None, overdue: None }))
    }

    /// Keeps what was compared so far, if that took long.
    pub async fn keep(&self, execution: &Execution<'_>, compared: &Compared<'_>, planned: &Planned<'_>) -> Result<()> {
        let Some(output) = execution.output else { return Ok(()) };
        // What is looked at again is known as long as this process lives; and what is not known is compared again.
        let report = &compared.report;
        if compared.again.is_some() || report.coverage.is_some() || report.outcome == Outcome::Inconclusive {
            return Ok(());
        }
        let long = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let long = last.elapsed() >= LONG;
            if long {
                *last = Instant::now();
            }
            long
        };
        if !long {
            return Ok(());
        }
        let Some(identities) = identities(execution.engine, planned).await? else { return Ok(()) };
        let Some(table) = output.table(Table::Divergences, &compared.rule.name) else { return Ok(()) };
        let mut report = compared.report.clone();
        report.sample = None;
        let kept = Kept {
            version: version(compared.rule),
            attempt: self.attempt,
            identities,
            inputs: compared.inputs.clone(),
            key: report.key.clone(),
            elapsed_ms: report.elapsed_ms,
            report,
            table,
        };
        let document = {
            let mut document = self.document.lock().unwrap_or_else(PoisonError::into_inner);
            document.compared.retain(|other| other.report.rule != kept.report.rule);
            document.compared.push(kept);
            document.clone()
        };
        self.check_alone(output).await?;
        self.write(output, &document).await
    }

    /// Whether something may be there from before.
    pub fn is_resumed(&self) -> bool {
        self.attempt > 1
    }
}

/// What a run that was cut off has kept; an error where it would go on as another one.
async fn resumed(run_id: &str, options: &RunOptions, fresh: Document) -> Result<(u32, Document)> {
    let Some(output) = &options.out else {
        return Err(Error::new(ErrorKind::Usage, "--resume needs the output that the run was begun with"));
    };
    // Whoever asks for it in another way must not end the process that is at it.
    checked(run_id, &read_unfinished(output, run_id).await?, &fresh)?;
    let (attempt, bytes) = claim_unfinished(output, run_id).await?;
    Ok((attempt, checked(run_id, &bytes, &fresh)?))
}

fn checked(run_id: &str, bytes: &[u8], fresh: &Document) -> Result<Document> {
    let foreign = |why: String| {
        let message = format!("what is kept of the run {run_id} cannot be read: {why}");
        Error::new(ErrorKind::Data, message).hint("run its rules again without --resume")
    };
    // Of another version, the rest may look otherwise.
    let head: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| foreign(error.to_string()))?;
    let same = head["version"] == VERSION && head["tieout"] == env!("CARGO_PKG_VERSION");
    if !same {
        return Err(foreign(format!(
            "it was begun by tieout {}",
            head["tieout"].as_str().unwrap_or("of another kind")
        )));
    }
    let document: Document = serde_json::from_value(head).map_err(|error| foreign(error.to_string()))?;
    let differs = |what: &str| {
        let message = format!("the run {run_id} was begun with {what}");
        Err(Error::new(ErrorKind::Usage, message).hint("give the same as then, or run without --resume"))
    };
    if document.params != fresh.params {
        return differs("other parameters");
    }
    if document.strategy != fresh.strategy {
        let before = document.strategy.as_ref().map(|strategy| format!("--strategy {strategy}"));
        return differs(&before.unwrap_or("no --strategy".into()));
    }
    if document.exact != fresh.exact {
        return differs(if document.exact { "--guarantee exact" } else { "no --guarantee" });
    }
    Ok(document)
}

/// What the rule says, with the values of variables.
fn version(rule: &Rule) -> String {
    digest_id(&[rule.version.as_bytes(), format!("{:?} {:?}", rule.kind, rule.allow).as_bytes()])
}

/// By dataset, what tells that all that the rule reads is the same. None: of one of them that cannot be told.
async fn identities(engine: &Engine, planned: &Planned<'_>) -> Result<Option<BTreeMap<String, String>>> {
    let mut identities = BTreeMap::new();
    for name in planned.all_names(engine)? {
        let Some(identity) = engine.catalog.identity(&name).await? else { return Ok(None) };
        identities.insert(name, identity);
    }
    // What is read of no dataset depends on other things.
    Ok(Some(identities).filter(|identities| !identities.is_empty()))
}
