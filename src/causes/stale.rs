//! A target that has what the source had in an earlier run: it did not follow.
//!
//! Only rows that diverged in the earlier run, too, are known. Each of the last runs is read once more; what may be stale is then counted by a
//! join of both runs by divergence id.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::prelude::{SessionContext, col};
use futures::StreamExt;

use crate::causes::candidate::{Candidate, MISMATCH, rank};
use crate::causes::chance::Bar;
use crate::causes::choose::Chosen;
use crate::causes::kind::CauseKind;
use crate::causes::sample::Samples;
use crate::causes::shape::Shape;
use crate::divergence::in_sorted_order;
use crate::divergence::{Recorded, Width};
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::rule::sql::{ident, literal};
use crate::sql::{Mode, Rows, encode_rows};

/// Runs that are looked back, the newest first.
const RUNS: usize = 3;

/// Rows that a cell is held against, to know chance.
const TURNS: usize = 16;

/// The mismatches of one column that were sampled.
struct Column {
    at: usize,
    targets: Rows,
    target_nulls: Vec<bool>,
    /// By row: the source's cell in the earlier run.
    earlier: Vec<Option<Vec<u8>>>,
}

/// What of `run` is stale, and how many rows that no cause before it explains.
pub async fn find(
    past: &Past,
    shape: &Shape,
    samples: &mut Samples,
    run: &Recorded,
    before: &[&Recorded],
    candidates: &mut Vec<Candidate>,
    chosen: &mut Vec<Chosen>,
) -> Result<()> {
    let earlier: Vec<&Recorded> = before.iter().rev().filter(|run| run.divergences() > 0).take(RUNS).copied().collect();
    let mut found = Vec::new();
    for one in &earlier {
        found.extend(candidates_of(past, shape, samples, run, one).await?);
    }
    if found.is_empty() {
        return Ok(());
    }
    let runs: Vec<&str> = earlier.iter().chain([&run]).map(|run| run.run_id.as_str()).collect();
    let ctx = session(past, &run.rule, &runs).await?;
    for candidate in found {
        let shared: Vec<usize> =
            chosen.iter().map(|one| one.at).filter(|at| shares(&candidates[*at], &candidate)).collect();
        let predicate = format!("run_id = {} AND {}", literal(&run.run_id), candidate.predicate());
        let without = shared.iter().map(|at| format!(" AND ({}) IS NOT TRUE", candidates[*at].predicate()));
        let all = count(&ctx, &run.rule, &predicate).await?;
        let rows = count(&ctx, &run.rule, &(predicate + &without.collect::<String>())).await?;
        if candidate.bar.is_passed(rows, samples.cells[candidate.pairs[0]].seen) {
            let before = if rows == all { Vec::new() } else { shared };
            chosen.push(Chosen { at: candidates.len(), rows, before });
            candidates.push(candidate);
        }
    }
    Ok(())
}

fn shares(one: &Candidate, other: &Candidate) -> bool {
    one.pairs.iter().any(|pair| other.pairs.contains(pair))
}

async fn count(ctx: &SessionContext, rule: &str, predicate: &str) -> Result<u64> {
    let frame = ctx.sql(&format!("SELECT * FROM divergences.{} WHERE {predicate}", ident(rule))).await?;
    Ok(frame.count().await? as u64)
}

/// `divergences.RULE` of these runs, joined in an order that spills.
async fn session(past: &Past, rule: &str, runs: &[&str]) -> Result<SessionContext> {
    let mut state = past.session().state();
    const WIDTH: usize = 512;
    *state.config_mut() = in_sorted_order(state.config().clone(), WIDTH);
    let ctx = SessionContext::new_with_state(state);
    let table = past.table(rule, runs, Width::Full).await?;
    let table = table.ok_or_else(|| Error::new(ErrorKind::Data, format!("the divergences of `{rule}` are gone")))?;
    let schema = MemorySchemaProvider::new();
    schema.register_table(rule.to_string(), table)?;
    let catalog = ctx.catalog("datafusion");
    let catalog = catalog.ok_or_else(|| Error::new(ErrorKind::Internal, "the session has no catalog"))?;
    catalog.register_schema("divergences", Arc::new(schema))?;
    Ok(ctx)
}

async fn candidates_of(
    past: &Past,
    shape: &Shape,
    samples: &mut Samples,
    run: &Recorded,
    earlier: &Recorded,
) -> Result<Vec<Candidate>> {
    let Some(table) = past.table(&run.rule, &[&earlier.run_id], Width::Full).await? else { return Ok(Vec::new()) };
    let mut columns = Vec::new();
    // Where each id stands: column, and row of its sample.
    let mut places: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    for (at, pair) in shape.pairs.iter().enumerate() {
        let cells = samples.cells[at].finish()?;
        let [ids, _, target] = cells.as_slice() else { continue };
        if table.schema().column_with_name(&format!("source_{}", pair.name)).is_none() {
            continue;
        }
        for (row, id) in ids.as_string::<i32>().iter().enumerate() {
            places.entry(id.unwrap_or_default().to_string()).or_default().push((columns.len(), row));
        }
        columns.push(Column {
            at,
            targets: encode_rows(std::slice::from_ref(target), target.len(), Mode::ByValue)?,
            target_nulls: (0..target.len()).map(|row| target.is_null(row)).collect(),
            earlier: vec![None; target.len()],
        });
    }
    let names = columns.iter().map(|column| format!("source_{}", shape.pairs[column.at].name));
    let mut wanted = vec![col("divergence_id")];
    wanted.extend(names.map(|name| datafusion::logical_expr::Expr::Column(name_of(name))));
    let mut stream = past.session().read_table(table)?.select(wanted)?.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let ids = cast(batch.column(0), &DataType::Utf8)?;
        let known = ids.as_string::<i32>().iter().enumerate();
        let known: Vec<(u32, &Vec<(usize, usize)>)> =
            known.filter_map(|(row, id)| Some((row as u32, places.get(id?)?))).collect();
        let rows = UInt32Array::from_iter_values(known.iter().map(|(row, _)| *row));
        for (number, column) in columns.iter_mut().enumerate() {
            let cells: ArrayRef = take(batch.column(number + 1), &rows, None)?;
            let encoded = encode_rows(std::slice::from_ref(&cells), cells.len(), Mode::ByValue)?;
            for (row, (_, places)) in known.iter().enumerate().filter(|(row, _)| cells.is_valid(*row)) {
                for (_, place) in places.iter().filter(|(of, _)| *of == number) {
                    column.earlier[*place] = Some(encoded.row(row).to_vec());
                }
            }
        }
    }
    Ok(columns.iter().filter_map(|column| candidate(shape, column, run, earlier)).collect())
}

/// A name with dots and capitals in it is one name.
fn name_of(name: String) -> datafusion::common::Column {
    datafusion::common::Column::new_unqualified(name)
}

fn candidate(shape: &Shape, column: &Column, run: &Recorded, earlier: &Recorded) -> Option<Candidate> {
    let rows = column.earlier.len();
    let same = |row: usize, other: usize| {
        !column.target_nulls[other] && column.earlier[row].as_deref() == Some(column.targets.row(other))
    };
    let hits = (0..rows).filter(|row| same(*row, *row)).count() as u64;
    let turns = TURNS.min(rows.saturating_sub(1));
    let turned = |turn: usize| turn * (rows / (turns + 1)).max(1);
    let by_chance: usize =
        (1..=turns).map(|turn| (0..rows).filter(|row| same(*row, (row + turned(turn)) % rows)).count()).sum();
    let bar = Bar::FITTED.above(by_chance as f64 / (rows * turns).max(1) as f64);
    if !(Bar { rows: 1, ..bar }).is_passed(hits, rows as u64) {
        return None;
    }
    let (pair, table) = (&shape.pairs[column.at], format!("divergences.{}", ident(&run.rule)));
    let relation = format!(
        "divergence_id IN (SELECT e.divergence_id FROM {table} e JOIN {table} l ON l.divergence_id = e.divergence_id \
         WHERE e.run_id = {} AND l.run_id = {} AND e.{} = l.{})",
        literal(&earlier.run_id),
        literal(&run.run_id),
        pair.cells.source,
        pair.cells.target
    );
    Some(Candidate {
        cause: CauseKind::Stale { earlier_run: earlier.run_id.clone() },
        standing: MISMATCH,
        pairs: vec![column.at],
        columns: vec![pair.name.clone()],
        relation,
        rank: rank::STALE,
        bar,
    })
}
