//! Two columns whose cells stand in each other's place.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use crate::causes::candidate::{Candidate, MISMATCH, rank};
use crate::causes::chance::Bar;
use crate::causes::kind::CauseKind;
use crate::causes::shape::Shape;
use crate::error::Result;
use crate::side::BySide;
use crate::sql::{Mode, Rows, encode_rows};

/// Pairs that are counted in full, at most.
const MOST: usize = 12;

/// Rows that a pair's cells are held against, to know chance.
const TURNS: usize = 16;

/// `rows`: all columns of some mismatches; `changed_at`: where `changed_columns` stands.
pub fn candidates(shape: &Shape, rows: &[ArrayRef], changed_at: usize) -> Result<Vec<Candidate>> {
    let Some(changed) = rows.get(changed_at).and_then(|column| column.as_list_opt::<i32>()) else {
        return Ok(Vec::new());
    };
    let by_name: HashMap<&str, usize> =
        shape.pairs.iter().enumerate().map(|(at, pair)| (pair.name.as_str(), at)).collect();
    let names = cast(changed.values(), &DataType::Utf8)?;
    let names = names.as_string::<i32>();
    let changed: Vec<Vec<usize>> = (0..changed.len())
        .map(|row| {
            let offsets = changed.value_offsets();
            let items = if changed.is_null(row) { 0..0 } else { offsets[row] as usize..offsets[row + 1] as usize };
            items.filter_map(|item| by_name.get(names.value(item)).copied()).collect()
        })
        .collect();
    let encode = |at: usize| encode_rows(std::slice::from_ref(&rows[at]), changed.len(), Mode::ByValue);
    let cells: Vec<BySide<Rows>> = shape
        .pairs
        .iter()
        .map(|pair| Ok(BySide::new(encode(pair.at.source)?, encode(pair.at.target)?)))
        .collect::<Result<_>>()?;
    let mut counts: HashMap<(usize, usize), usize> = HashMap::new();
    for (row, changed) in changed.iter().enumerate() {
        let mut seen: HashMap<(&[u8], &[u8]), usize> = HashMap::new();
        for at in changed {
            let (source, target) = (cells[*at].source.row(row), cells[*at].target.row(row));
            if let Some(other) = seen.get(&(target, source)) {
                *counts.entry((*other.min(at), *other.max(at))).or_default() += 1;
            }
            seen.insert((source, target), *at);
        }
    }
    let mut counts: Vec<((usize, usize), usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(pair, count)| (std::cmp::Reverse(*count), *pair));
    let mut candidates = Vec::new();
    for ((a, b), count) in counts.into_iter().filter(|(pair, _)| may_swap(shape, *pair)).take(MOST) {
        let chance = chance(&cells, &changed, a, b);
        let bar = Bar::EVIDENT.above(chance);
        if (Bar { rows: 1, ..bar }).is_passed(count as u64, changed.len() as u64) {
            candidates.push(candidate(shape, a, b, bar));
        }
    }
    Ok(candidates)
}

fn candidate(shape: &Shape, a: usize, b: usize, bar: Bar) -> Candidate {
    let (first, second) = (&shape.pairs[a].cells, &shape.pairs[b].cells);
    let same = |source: &String, target: &String| format!("({source} IS NOT DISTINCT FROM {target})");
    Candidate {
        cause: CauseKind::Swapped,
        standing: MISMATCH,
        pairs: vec![a, b],
        columns: [a, b].map(|at| shape.pairs[at].name.clone()).into(),
        relation: format!("{} AND {}", same(&first.source, &second.target), same(&second.source, &first.target)),
        rank: rank::SWAPPED,
        bar,
    }
}

/// Values of the same type on both ways.
fn may_swap(shape: &Shape, (a, b): (usize, usize)) -> bool {
    let (a, b) = (&shape.pairs[a].types, &shape.pairs[b].types);
    a.source == b.target && b.source == a.target && !a.source.is_nested()
}

/// How often cells of one column are those of the other column of another row, in turned order.
fn chance(cells: &[BySide<Rows>], changed: &[Vec<usize>], a: usize, b: usize) -> f64 {
    let rows = changed.len();
    let turns = TURNS.min(rows.saturating_sub(1));
    let mut hits = 0usize;
    for turn in 1..=turns {
        let turn = turn * (rows / (turns + 1)).max(1);
        for row in (0..rows).filter(|row| changed[*row].contains(&a)) {
            let other = (row + turn) % rows;
            let holds = other != row
                && changed[other].contains(&b)
                && cells[a].source.row(row) == cells[b].target.row(other)
                && cells[a].target.row(row) == cells[b].source.row(other);
            hits += usize::from(holds);
        }
    }
    hits as f64 / (rows * turns).max(1) as f64
}
