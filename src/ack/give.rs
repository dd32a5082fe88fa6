//! Acknowledging divergences, and taking that back: a file, an entry of the ledger, and the file in its place.

use std::collections::BTreeMap;

use chrono::Utc;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use futures::{StreamExt, TryStreamExt};

use crate::ack::choose::{From, chosen};
use crate::ack::{Choice, Given, OfKind, Word};
use crate::divergence::{
    AckFile, Asker, RuleOutput, Stamp, StoredFile, UNFINISHED, put_in_place, staged_ack, take_back,
};
use crate::error::{Error, ErrorKind, Result};
use crate::history::{Life, Past};
use crate::ledger::{Acknowledged, Event, Head, Ledger, actor, complete};

/// Acknowledges what is open and meant. `known`: the project's rules.
pub async fn acknowledge(past: &Past, choice: &Choice, word: &Word, known: &[&str]) -> Result<Vec<Given>> {
    give(past, choice, word, From::Open, known).await
}

/// Takes back every acknowledgement in force of what is meant.
pub async fn withdraw(past: &Past, choice: &Choice, word: &Word, known: &[&str]) -> Result<Vec<Given>> {
    give(past, choice, word, From::InForce, known).await
}

async fn give(past: &Past, choice: &Choice, word: &Word, from: From, known: &[&str]) -> Result<Vec<Given>> {
    let ledger = Ledger::of(past.results().located());
    ledger.check_marker().await?;
    let mut all = Vec::new();
    for (rule, rows) in chosen(past, choice, from, known).await? {
        all.push(give_rule(past, &ledger, &rule, rows, word, from).await?);
    }
    Ok(all)
}

async fn give_rule(past: &Past, ledger: &Ledger, rule: &str, rows: Life, word: &Word, from: From) -> Result<Given> {
    let located = past.results().located();
    let asker = Asker::new(past.session())?;
    let parts = asker.in_parts(asker.ctx.read_table(rows)?, past.rows_of(rule).await?)?;
    let parts = futures::stream::iter(parts).then(async |part| part.execute_stream().await);
    let rows = parts.try_flatten().try_filter(|batch| std::future::ready(batch.num_rows() > 0));
    let mut rows = std::pin::pin!(rows);
    // Nothing is written before it is known that anything is meant.
    let first = rows.try_next().await?.ok_or_else(|| from.nothing(rule))?;
    let id = uuid::Uuid::now_v7().to_string();
    complete(ledger, false).await?;
    let mut head = ledger.begin(&format!("{UNFINISHED}/{id}")).await?;
    let waiting = staged_ack(located, &id, head.number);
    let output = RuleOutput::acknowledging(located, rule, &id, &waiting);
    let stamp = Stamp {
        ack_id: (from == From::Open).then(|| id.clone()),
        ended: (from == From::InForce).then_some("withdrawn"),
        at: Utc::now(),
        actor: Some(actor()),
        note: Some(word.note.clone()),
        until: word.until,
        run_id: None,
    };
    let mut kinds = BTreeMap::new();
    let written = async {
        let mut file = AckFile::new(past.session(), &output, stamp);
        let mut next = Some(first);
        while let Some(batch) = next {
            count(&batch, &mut kinds)?;
            file.write(&batch).await?;
            next = rows.try_next().await?;
        }
        let nothing = || Error::new(ErrorKind::Internal, "a file of acknowledgements was not written");
        file.close().await?.ok_or_else(nothing)
    };
    let told = async {
        let file = written.await?;
        let ack = Acknowledged {
            id: id.clone(),
            rule: rule.to_string(),
            note: word.note.clone(),
            until: word.until,
            divergences: file.rows,
            file: file.clone(),
        };
        let event = if from == From::Open { Event::Acknowledged(ack) } else { Event::Withdrawn(ack) };
        tell(ledger, &mut head, event).await?;
        Ok::<StoredFile, (Error, bool)>(file)
    };
    let file = match told.await {
        Ok(file) => file,
        Err((error, true)) => return Err(error),
        Err((error, false)) => {
            take_back(located, &waiting).await;
            return Err(error);
        }
    };
    put_in_place(located, &waiting, &file.path).await?;
    Ok(Given {
        ack_id: id,
        rule: rule.to_string(),
        divergences: kinds.values().sum(),
        kinds: kinds.into_iter().map(|(kind, divergences)| OfKind { kind, divergences }).collect(),
        note: word.note.clone(),
        until: word.until,
        entry: head.number,
        file: file.path,
    })
}

/// With an error, whether the entry may be there all the same.
async fn tell(ledger: &Ledger, head: &mut Head, event: Event) -> std::result::Result<(), (Error, bool)> {
    ledger.append(head, event, |_| Ok(())).await.map_err(|failed| match failed.in_doubt {
        true => {
            (failed.error.more("whether it is in the ledger is not known: the next run there completes it if so"), true)
        }
        false => (failed.error, false),
    })
}

fn count(batch: &RecordBatch, kinds: &mut BTreeMap<String, u64>) -> Result<()> {
    let column = batch.column_by_name("kind");
    let column = column.ok_or_else(|| Error::new(ErrorKind::Internal, "a divergence has no kind"))?;
    let column = cast(column, &DataType::Utf8)?;
    let texts = column.as_string::<i32>();
    for row in 0..texts.len() {
        match kinds.get_mut(texts.value(row)) {
            Some(n) => *n += 1,
            None => drop(kinds.insert(texts.value(row).to_string(), 1)),
        }
    }
    Ok(())
}

impl std::convert::From<Error> for (Error, bool) {
    fn from(error: Error) -> Self {
        (error, false)
    }
}
