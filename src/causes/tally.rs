//! Candidates counted in all rows, in one scan: how many rows each holds for, and which others hold for the same ones.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::common::cast::as_boolean_array;
use datafusion::prelude::DataFrame;
use futures::StreamExt;

use crate::causes::candidate::Candidate;
use crate::error::Result;

/// Candidates that may hold for the same cells, by their places; at most 64 of them.
pub type Group = Vec<usize>;

/// Bits: the places in a group.
pub type Mask = u64;

pub const WIDEST: usize = 64;

/// Of each group, how many rows its candidates hold for, by which of them do.
pub struct Tally {
    pub groups: Vec<Group>,
    counts: Vec<HashMap<Mask, u64>>,
}

impl Tally {
    pub async fn of(table: DataFrame, candidates: &[Candidate], groups: Vec<Group>) -> Result<Self> {
        let mut counts: Vec<HashMap<Mask, u64>> = vec![HashMap::new(); groups.len()];
        if !candidates.is_empty() {
            let predicates = candidates.iter().enumerate();
            let predicates = predicates
                .map(|(at, candidate)| Ok(table.parse_sql_expr(&candidate.predicate())?.alias(format!("c{at}"))));
            let predicates = predicates.collect::<Result<Vec<_>>>()?;
            let mut stream = table.select(predicates)?.execute_stream().await?;
            let mut masks: Vec<Mask> = Vec::new();
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                let holds: Vec<&BooleanArray> =
                    batch.columns().iter().map(|column| as_boolean_array(column)).collect::<Result<_, _>>()?;
                for (group, counts) in groups.iter().zip(&mut counts) {
                    masks.clear();
                    masks.resize(batch.num_rows(), 0);
                    for (bit, at) in group.iter().enumerate() {
                        for row in true_rows(holds[*at]) {
                            masks[row] |= 1 << bit;
                        }
                    }
                    for mask in masks.iter().filter(|mask| **mask != 0) {
                        *counts.entry(*mask).or_default() += 1;
                    }
                }
            }
        }
        Ok(Self { groups, counts })
    }

    /// Rows of a group for which all candidates of `all` hold, and none of `none`.
    pub fn count(&self, group: usize, all: Mask, none: Mask) -> u64 {
        let holds = |mask: Mask| mask & all == all && mask & none == 0;
        self.counts[group].iter().filter(|(mask, _)| holds(**mask)).map(|(_, count)| count).sum()
    }
}

fn true_rows(holds: &BooleanArray) -> impl Iterator<Item = usize> {
    let holds = match holds.nulls() {
        Some(nulls) => holds.values() & nulls.inner(),
        None => holds.values().clone(),
    };
    holds.set_indices().collect::<Vec<_>>().into_iter()
}
