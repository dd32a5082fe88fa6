//! What a run tells the ledger: that it started, and how it ended. -> [`Journal`]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::divergence::{Output, RunRecord, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Entry, Event, Head, Ledger, RuleDone, RuleNamed, complete};
use crate::project::model::Rule;
use crate::run::execute::Compared;
use crate::verdict::Outcome;

/// A store that has gone away must not keep a program from ending.
const PATIENCE: Duration = Duration::from_secs(5);

/// The run's line to its ledger. The caller of a run holds it, so that a run that is dropped can be told of as well.
#[derive(Debug, Default)]
pub struct Journal {
    open: Mutex<Option<Open>>,
}

/// A run that has started, and of which no end is told.
#[derive(Debug, Clone)]
struct Open {
    ledger: Ledger,
    run_id: String,
    /// The entry that tells of the start, or of this process going on.
    head: Head,
}

impl Journal {
    /// Completes runs that were cut off in their last step; then tells that this one starts.
    pub async fn start(&self, location: &str, run_id: &str, rules: &[&Rule], resumed: bool) -> Result<()> {
        let ledger = Ledger::at(location).await?;
        let scratch = format!("{}/{run_id}", crate::divergence::UNFINISHED);
        let (mut head, _) = futures::try_join!(ledger.begin(&scratch), complete(&ledger, false))?;
        let rules =
            rules.iter().map(|rule| RuleNamed { rule: rule.name.clone(), version: rule.version.clone() }).collect();
        let run_id = run_id.to_string();
        let event = match resumed {
            true => Event::RunResumed { run_id: run_id.clone(), rules },
            false => Event::RunStarted { run_id: run_id.clone(), rules },
        };
        ledger.append(&mut head, event, |_| Ok(())).await?;
        if resumed {
            // What ends before this entry is complete; what has not ended by now is stopped by it.
            complete(&ledger, true).await?;
        }
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(Open { ledger, run_id, head });
        Ok(())
    }

    fn take(&self) -> Option<Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Makes the run visible: its record waits until the ledger tells of it, and then goes where readers look.
    pub async fn commit(&self, mut output: Output, compared: &[Compared<'_>], records: &[RunRecord]) -> Result<()> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Open { ledger, run_id, mut head }) = open else {
            return Err(Error::new(ErrorKind::Internal, "the run has an end, and no start in the ledger"));
        };
        let record = match output.stage(records, head.number).await {
            Ok(record) => record,
            Err(error) => {
                output.abandon().await;
                return Err(error);
            }
        };
        let event = Event::RunFinished {
            run_id: run_id.clone(),
            outcome: compared.iter().map(|one| one.report.outcome).max().unwrap_or(Outcome::Reconciled).as_str().into(),
            rules: compared.iter().map(|one| done(one, &output)).collect(),
            record: record.file.clone(),
        };
        output.hold();
        // From here on an interrupt must not tell of another end.
        let open = self.take();
        let alone = |entry: &Entry| match &entry.event {
            Event::RunResumed { run_id: resumed, .. } if *resumed == run_id => Err(taken_over(&run_id)),
            _ => Ok(()),
        };
        match ledger.append(&mut head, event, alone).await {
            Ok(()) => output.publish(record).await,
            Err(failed) if failed.in_doubt => Err(failed.error.more(format!(
                "whether the run {run_id} is in the ledger is not known: the next run there completes it if so"
            ))),
            // Its tables are another process's now.
            Err(failed) if failed.error.kind() == ErrorKind::Changed => {
                output.unstage(&record).await;
                output.let_go().await;
                Err(failed.error)
            }
            Err(failed) => {
                output.unstage(&record).await;
                output.abandon().await;
                *self.open.lock().unwrap_or_else(PoisonError::into_inner) = open;
                Err(failed.error)
            }
        }
    }

    /// Tells that the run has ended without a result, as far as that is possible.
    pub async fn cancelled(&self, why: ErrorKind) {
        let Some(Open { ledger, run_id, mut head }) = self.take() else { return };
        let why = serde_json::to_value(why).ok().and_then(|why| Some(why.as_str()?.to_string())).unwrap_or_default();
        let event = Event::RunCancelled { run_id, why };
        let append = ledger.append(&mut head, event, |_| Ok(()));
        match tokio::time::timeout(PATIENCE, append).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => tracing::debug!(error = %failed.error, "the ledger could not be told of the run's end"),
            Err(_) => tracing::debug!("the ledger could not be told of the run's end in time"),
        }
    }

    /// Another process goes on with the run: it is that one's to tell.
    pub fn let_go(&self) {
        self.take();
    }
}

pub fn taken_over(run_id: &str) -> Error {
    let message = format!("another process goes on with the run {run_id}: this one ends");
    Error::new(ErrorKind::Changed, message).hint("nothing is lost: the other one tells the result")
}

fn done(compared: &Compared<'_>, output: &Output) -> RuleDone {
    let Compared { rule, report, inputs: [source_inputs, target_inputs], .. } = compared;
    RuleDone {
        rule: report.rule.clone(),
        version: rule.version.clone(),
        outcome: report.outcome.as_str().into(),
        guarantee: report.guarantee.as_str().into(),
        strategy: report.strategy.into(),
        rows: report.rows,
        schema_mismatch: report.schema.len() as u64,
        settled: report.settled,
        source_inputs: source_inputs.clone(),
        target_inputs: target_inputs.clone(),
        table: output.table(Table::Divergences, &report.rule),
        open: output.table(Table::Open, &report.rule),
        acknowledged: report.acknowledged.all(),
        ended: output.table(Table::Acks, &report.rule),
    }
}
