//! The records left over as batches, and whether they share a key with a twin.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::super::decoder::{Column, LARGEST_COLUMN};
use super::super::tokenizer::{Step, Tokenizer};
use super::open::Open;
use super::{Question, Stop};
use crate::error::Result;
use crate::side::BySide;

pub(super) fn batches(open: BySide<Open>, question: &Question) -> Result<BySide<Vec<RecordBatch>>, Stop> {
    // One side after the other: its records go when its batches are there.
    open.try_map(|_, open| decode(&open, question))
}

fn decode(open: &Open, question: &Question) -> Result<Vec<RecordBatch>, Stop> {
    let (tokenizer, mut spans) = (Tokenizer::new(question.dialect), Vec::new());
    let mut batches = Vec::new();
    let mut left = open.len();
    let new = |left: usize| vec![left.min(question.batch_size); question.width].into_iter().map(Column::new);
    let mut columns: Vec<Column> = new(left).collect();
    let mut rows = 0;
    for record in open.records() {
        let step = tokenizer.step(record, 0, true, &mut spans).map_err(|_| Stop::Unsure)?;
        if !matches!(step, Step::Record { .. }) || spans.len() != question.width {
            return Err(Stop::Unsure);
        }
        let mut largest = 0;
        for (column, span) in columns.iter_mut().zip(&spans) {
            column.push(record, *span, question.dialect.quote, &question.null);
            largest = largest.max(column.size());
        }
        (rows, left) = (rows + 1, left - 1);
        if rows >= question.batch_size || largest > LARGEST_COLUMN || left == 0 {
            let full = std::mem::replace(&mut columns, new(left).collect());
            batches.push(finish(full, rows, question)?);
            rows = 0;
        }
    }
    Ok(batches)
}

fn finish(columns: Vec<Column>, rows: usize, question: &Question) -> Result<RecordBatch> {
    let arrays = columns.into_iter().map(Column::finish).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(&question.schema), arrays, &options)?)
}

/// Whether one of the keys left over is among those that were cancelled.
pub(super) fn recurring(keys: &HashSet<u64>, cancelled: &[Vec<u64>]) -> bool {
    if keys.is_empty() {
        return false;
    }
    // Nearly all keys are ruled out by one bit.
    let places = (keys.len() * 32).next_power_of_two();
    let place = |key: &u64| *key as usize & (places - 1);
    let mut seen = vec![0u64; places / 64 + 1];
    for key in keys {
        seen[place(key) / 64] |= 1 << (place(key) % 64);
    }
    let may_be = |key: &u64| seen[place(key) / 64] >> (place(key) % 64) & 1 == 1;
    cancelled.iter().flatten().any(|key| may_be(key) && keys.contains(key))
}
