//! The walk: samples, candidates, their counts in all rows, and the causes among them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;

use crate::causes::candidate::{Candidate, Idea, MISMATCH, rank};
use crate::causes::choose::{Chosen, choose};
use crate::causes::kind::{Cause, Unexplained, sentence};
use crate::causes::sample::{Samples, sample};
use crate::causes::shape::{Pair, Shape};
use crate::causes::tally::{Group, Tally, WIDEST};
use crate::causes::trial::Trial;
use crate::causes::{absent, float, null, number, stale, swap, text, time};
use crate::divergence::Recorded;
use crate::error::Result;
use crate::history::Past;
use crate::rule::sql::literal;
use crate::side::{BySide, Side};
use crate::verdict::Kind;

/// A cell that could not be read is NULL in the table, and is not.
const READABLE: &str = "unreadable IS NULL";

/// The causes in `table`, which holds what the run found, and what they leave.
pub async fn find(
    past: &Past,
    table: Arc<dyn TableProvider>,
    run: &Recorded,
    earlier: &[&Recorded],
) -> Result<(Vec<Cause>, Vec<Unexplained>)> {
    let ctx = past.session();
    let Some(shape) = Shape::of(&table.schema(), &run.key) else {
        return Ok((Vec::new(), all_unexplained(run)));
    };
    let frame = ctx.read_table(table.clone())?;
    ctx.deregister_table("divergences")?;
    ctx.register_table("divergences", table)?;
    let mut samples = sample(frame.clone(), &shape).await?;
    let mut candidates = Vec::new();
    if let Some(rows) = samples.rows.get_mut(&MISMATCH) {
        let changed_at = frame.schema().as_arrow().index_of("changed_columns")?;
        candidates.extend(swap::candidates(&shape, &rows.finish()?, changed_at)?);
    }
    for at in 0..shape.pairs.len() {
        candidates.extend(of_column(ctx, &shape, at, &mut samples)?);
    }
    candidates.extend(absent::candidates(ctx, &shape, &mut samples, run).await?);
    let groups = groups(&candidates);
    let tally = Tally::of(frame, &candidates, groups).await?;
    let mut chosen = choose(&candidates, &tally, |candidate| of(candidate, &samples));
    stale::find(past, &shape, &mut samples, run, earlier, &mut candidates, &mut chosen).await?;
    let unexplained = unexplained(&shape, &samples, &candidates, &chosen);
    let mismatches = samples.count(Kind::ValueMismatch);
    let mut causes: Vec<Cause> =
        chosen.iter().map(|one| cause(one, &candidates, of(&candidates[one.at], &samples), mismatches, run)).collect();
    causes.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.columns.cmp(&b.columns)));
    Ok((causes, unexplained))
}

/// What may explain mismatches of one column.
fn of_column(ctx: &SessionContext, shape: &Shape, at: usize, samples: &mut Samples) -> Result<Vec<Candidate>> {
    let pair = &shape.pairs[at];
    let cells = samples.cells[at].finish()?;
    let [_, source, target] = cells.as_slice() else { return Ok(Vec::new()) };
    let trial = Trial::new(ctx, pair, BySide::new(source.clone(), target.clone()), samples.cells[at].seen)?;
    let mut ideas = null::ideas(pair, &trial)?;
    ideas.extend(of_type(pair, &trial)?);
    let mut candidates = Vec::new();
    for Idea { cause, relation, rank, bar, nulls } in ideas {
        if let Some(bar) = trial.bar(&relation, bar, nulls)? {
            let (pairs, columns) = (vec![at], vec![pair.name.clone()]);
            let unsure = rank == rank::NULL && samples.unreadable;
            let relation = if unsure { format!("{relation} AND {READABLE}") } else { relation };
            candidates.push(Candidate { cause, standing: MISMATCH, pairs, columns, relation, rank, bar });
        }
    }
    Ok(candidates)
}

fn of_type(pair: &Pair, trial: &Trial) -> Result<Vec<Idea>> {
    if text::is_text(pair) {
        let mut ideas = text::ideas(pair, trial);
        if let Some(numbers) = number::exact_text(pair, trial)? {
            ideas.push(numbers.same());
            ideas.extend(numbers.ideas(trial)?);
        }
        return Ok(ideas);
    }
    if let Some(numbers) = number::exact(pair) {
        return numbers.ideas(trial);
    }
    if let Some(floats) = float::float(pair) {
        return floats.ideas(trial);
    }
    time::time(pair).map_or(Ok(Vec::new()), |times| times.ideas(trial))
}

/// Candidates that may share cells: first all of several columns, then those of each column, and of rows of each kind and side.
fn groups(candidates: &[Candidate]) -> Vec<Group> {
    let several: Group = (0..candidates.len()).filter(|at| candidates[*at].pairs.len() > 1).collect();
    let mut columns: BTreeMap<usize, Group> = BTreeMap::new();
    let mut standing: BTreeMap<_, Group> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        for pair in &candidate.pairs {
            columns.entry(*pair).or_default().push(at);
        }
        if candidate.pairs.is_empty() {
            standing.entry(candidate.standing).or_default().push(at);
        }
    }
    let groups = std::iter::once(several).chain(columns.into_values()).chain(standing.into_values());
    groups.map(|group| group.into_iter().take(WIDEST).collect()).collect()
}

/// How many divergences a candidate could explain.
fn of(candidate: &Candidate, samples: &Samples) -> u64 {
    match candidate.pairs.iter().map(|pair| samples.cells[*pair].seen).max() {
        Some(mismatches) => mismatches,
        None => samples.rows.get(&candidate.standing).map_or(0, |rows| rows.seen),
    }
}

fn cause(chosen: &Chosen, candidates: &[Candidate], of: u64, mismatches: u64, run: &Recorded) -> Cause {
    let candidate = &candidates[chosen.at];
    let (kind, side) = candidate.standing;
    let mut predicate = format!("run_id = {} AND {}", literal(&run.run_id), candidate.predicate());
    for before in &chosen.before {
        predicate.push_str(&format!(" AND ({}) IS NOT TRUE", candidates[*before].predicate()));
    }
    let all = if kind == Kind::ValueMismatch { mismatches } else { of };
    Cause {
        sentence: sentence((kind, side), chosen.rows, all, &candidate.cause.words(&candidate.columns)),
        cause: candidate.cause.clone(),
        kind,
        side: (kind != Kind::ValueMismatch).then_some(side),
        columns: candidate.columns.clone(),
        rows: chosen.rows,
        of,
        predicate,
    }
}

fn unexplained(shape: &Shape, samples: &Samples, candidates: &[Candidate], chosen: &[Chosen]) -> Vec<Unexplained> {
    let explained = |holds: &dyn Fn(&Candidate) -> bool| -> u64 {
        chosen.iter().filter(|one| holds(&candidates[one.at])).map(|one| one.rows).sum()
    };
    let mut unexplained = Vec::new();
    for (at, pair) in shape.pairs.iter().enumerate() {
        let of = samples.cells[at].seen;
        let rows = of - explained(&|candidate| candidate.pairs.contains(&at)).min(of);
        unexplained.push(Unexplained {
            kind: Kind::ValueMismatch,
            side: None,
            column: Some(pair.name.clone()),
            rows,
            of,
        });
    }
    let standing: BTreeSet<(Kind, Side)> =
        samples.rows.keys().copied().filter(|standing| *standing != MISMATCH).collect();
    for (kind, side) in standing {
        let of = samples.rows[&(kind, side)].seen;
        let rows =
            of - explained(&|candidate| candidate.pairs.is_empty() && candidate.standing == (kind, side)).min(of);
        unexplained.push(Unexplained { kind, side: Some(side), column: None, rows, of });
    }
    unexplained.retain(|left| left.rows > 0);
    unexplained.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| (a.kind, &a.column).cmp(&(b.kind, &b.column))));
    unexplained
}

/// A `sql` rule returns rows, and does not say what they should have been.
fn all_unexplained(run: &Recorded) -> Vec<Unexplained> {
    let of = run.divergences();
    vec![Unexplained { kind: Kind::RuleViolation, side: None, column: None, rows: of, of }]
}
