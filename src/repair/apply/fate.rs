//! What became of each action, and the table that tells it: of a batch before it is committed, and of all at the end.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, UInt32Array};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Field, Schema, UInt32Type};
use datafusion::arrow::record_batch::RecordBatch;
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::repair::action::{Action, Actions, change_word, images, structure};

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", content = "why", rename_all = "snake_case")]
pub enum Fate {
    /// Changed, by this attempt or one before it.
    Applied,
    /// It was as wanted already.
    Done,
    /// It was no longer what it was when the plan was made, and was left alone.
    Stale(String),
    /// The system refused it, and nothing of it was changed.
    Failed(String),
    /// The plan says why it is not done.
    Refused(String),
    /// A limit came before it.
    Left(String),
}

impl Fate {
    pub fn word(&self) -> &'static str {
        match self {
            Fate::Applied => "applied",
            Fate::Done => "done",
            Fate::Stale(_) => "stale",
            Fate::Failed(_) => "failed",
            Fate::Refused(_) => "refused",
            Fate::Left(_) => "left",
        }
    }

    pub fn why(&self) -> Option<&str> {
        match self {
            Fate::Applied | Fate::Done => None,
            Fate::Stale(why) | Fate::Failed(why) | Fate::Refused(why) | Fate::Left(why) => Some(why),
        }
    }

    /// The row is as wanted.
    pub fn is_good(&self) -> bool {
        matches!(self, Fate::Applied | Fate::Done)
    }
}

/// The table of some actions as they came out. `before` and `after`: the images that were really there; `verified`: whether both sides
/// agree by now, where that was looked at.
pub fn table(
    actions: &[&Action],
    numbers: &[usize],
    before: &RecordBatch,
    after: &RecordBatch,
    fates: &[Fate],
    verified: &[Option<bool>],
) -> Result<RecordBatch> {
    let text = |of: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new((0..actions.len()).map(of).collect::<StringArray>())
    };
    let there = |images: &RecordBatch, planned: &dyn Fn(&Action) -> bool| -> Vec<bool> {
        let any = |row: usize| images.columns().iter().any(|column| column.is_valid(row));
        (0..actions.len()).map(|row| planned(actions[row]) && any(row)).collect()
    };
    let named: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(numbers.iter().map(|n| Some(*n as u32 + 1)).collect::<UInt32Array>())),
        ("divergence_id", text(&|row| Some(actions[row].divergence_id.clone()))),
        ("action", text(&|row| Some(change_word(actions[row].change).into()))),
        ("outcome", text(&|row| Some(fates[row].word().into()))),
        ("why", text(&|row| fates[row].why().map(String::from))),
        ("verified", Arc::new(verified.iter().copied().collect::<BooleanArray>())),
        ("before", images(before, there(before, &Action::has_before))?),
        ("after", images(after, there(after, &Action::has_after))?),
    ];
    let fields = named.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(schema), named.into_iter().map(|(_, array)| array).collect())?)
}

/// Numbers from 0 of rows of which such a table tells that they were not changed after all.
pub fn undone(table: &RecordBatch) -> Result<Vec<usize>> {
    let broken = || Error::new(ErrorKind::Data, "a table of what was changed cannot be read");
    let outcomes = table.column_by_name("outcome").and_then(|c| c.as_string_opt::<i32>()).ok_or_else(broken)?;
    let numbers = table.column_by_name("n").and_then(|c| c.as_primitive_opt::<UInt32Type>()).ok_or_else(broken)?;
    let undone = numbers.values().iter().zip(outcomes).filter(|(_, outcome)| *outcome != Some("applied"));
    Ok(undone.map(|(n, _)| (*n as usize).wrapping_sub(1)).collect())
}

/// What such a table tells of each row, by its number from 0.
pub fn of_table(table: &RecordBatch) -> Result<Vec<(usize, Fate)>> {
    let broken = || Error::new(ErrorKind::Data, "a table of what was changed cannot be read");
    let texts = |name: &str| table.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).ok_or_else(broken);
    let numbers = table.column_by_name("n").and_then(|c| c.as_primitive_opt::<UInt32Type>()).ok_or_else(broken)?;
    let (outcomes, whys) = (texts("outcome")?, texts("why")?);
    let told = numbers.values().iter().zip(outcomes.iter().zip(whys));
    told.map(|(n, (outcome, why))| {
        let why = why.unwrap_or_default().to_string();
        let fate = match outcome {
            Some("applied") => Fate::Applied,
            Some("done") => Fate::Done,
            Some("stale") => Fate::Stale(why),
            Some("failed") => Fate::Failed(why),
            Some("refused") => Fate::Refused(why),
            Some("left") => Fate::Left(why),
            _ => return Err(broken()),
        };
        Ok(((*n as usize).wrapping_sub(1), fate))
    })
    .collect()
}

/// What such a table tells of rows that were changed: their numbers from 0, and their images.
pub struct Changed {
    pub numbers: Vec<usize>,
    pub before: RecordBatch,
    pub after: RecordBatch,
}

impl Changed {
    pub fn of_table(table: &RecordBatch, actions: &Actions) -> Result<Self> {
        let broken = || {
            Error::new(ErrorKind::Data, "a table of what was changed cannot be read")
                .hint("`tieout ledger verify` tells whether it was changed")
        };
        let outcomes = table.column_by_name("outcome").and_then(|c| c.as_string_opt::<i32>()).ok_or_else(broken)?;
        let applied: BooleanArray = outcomes.iter().map(|word| Some(word == Some("applied"))).collect();
        let table = filter_record_batch(table, &applied)?;
        let numbers = table.column_by_name("n").and_then(|c| c.as_primitive_opt::<UInt32Type>()).ok_or_else(broken)?;
        let numbers: Vec<usize> = numbers.values().iter().map(|n| (*n as usize).wrapping_sub(1)).collect();
        if numbers.iter().any(|n| *n >= actions.len()) {
            return Err(broken());
        }
        Ok(Self { numbers, before: structure(&table, "before")?, after: structure(&table, "after")? })
    }
}
