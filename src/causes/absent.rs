//! What rows that are missing on one side, or left over, have in common: a value, like that of a load; keys without a gap; a stretch of
//! time or keys in which nothing else diverges.
//!
//! Rows that agree are not in the table. So it is not known how frequent a value is among all rows: it is held against the other
//! divergences of the same side, and where there are too few of them, nothing is said.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use minijinja::context;

use crate::causes::candidate::{Candidate, MISMATCH, rank};
use crate::causes::chance::{Bar, ODDS};
use crate::causes::kind::CauseKind;
use crate::causes::literal::{said, sql_literal};
use crate::causes::number::modes;
use crate::causes::sample::{Samples, Standing};
use crate::causes::shape::Shape;
use crate::divergence::Recorded;
use crate::error::Result;
use crate::rule::sql::{literal, render};
use crate::side::Side;
use crate::verdict::Kind;

/// Columns whose order is looked at: the key, then times.
const ORDERED: usize = 8;

/// Stretches of consecutive keys that are told.
const STRETCHES: u64 = 3;

/// What may explain rows that are missing, or left over. `divergences` is a table of the session.
pub async fn candidates(
    ctx: &SessionContext,
    shape: &Shape,
    samples: &mut Samples,
    run: &Recorded,
) -> Result<Vec<Candidate>> {
    let mut rows: HashMap<Standing, Vec<ArrayRef>> = HashMap::new();
    for (standing, bottom) in &mut samples.rows {
        rows.insert(*standing, bottom.finish()?);
    }
    let explained =
        |(kind, _): &Standing| matches!(kind, Kind::MissingInTarget | Kind::MissingInSource | Kind::DuplicateKey);
    let standing: Vec<Standing> = samples.rows.keys().copied().filter(explained).collect();
    let mut candidates = Vec::new();
    for one in standing {
        let columns = shape.of_side(one.1);
        let others: Vec<&Vec<ArrayRef>> =
            rows.iter().filter(|(other, _)| is_beside(one, **other)).map(|(_, columns)| columns).collect();
        for (at, name, sql) in &columns {
            candidates.extend(same_value(one, (*at, name, sql), &rows[&one], &others)?);
        }
        candidates.extend(consecutive(ctx, shape, samples, one, run).await?);
        candidates.extend(stretches(ctx, shape, samples, one).await?);
    }
    Ok(candidates)
}

/// Whether a divergence of the other kind stands on that side, too.
fn is_beside((kind, side): Standing, (other, stands): Standing) -> bool {
    other != kind
        && (other == MISMATCH.0 || stands == side)
        && matches!(other, Kind::ValueMismatch | Kind::MissingInTarget | Kind::MissingInSource | Kind::DuplicateKey)
}

fn candidate(standing: Standing, name: &str, cause: CauseKind, relation: String, rank: u8, bar: Bar) -> Candidate {
    Candidate { cause, standing, pairs: Vec::new(), columns: vec![name.to_string()], relation, rank, bar }
}

/// Values of a column that are more frequent here than any other, and than beside.
fn same_value(
    standing: Standing,
    (at, name, sql): (usize, &str, &str),
    rows: &[ArrayRef],
    others: &[&Vec<ArrayRef>],
) -> Result<Vec<Candidate>> {
    let Some(column) =
        rows.get(at).filter(|column| !column.data_type().is_nested() && !column.data_type().is_floating())
    else {
        return Ok(Vec::new());
    };
    let mut numbers: HashMap<ScalarValue, usize> = HashMap::new();
    let mut values = Vec::new();
    for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
        let next = numbers.len();
        values.push(*numbers.entry(ScalarValue::try_from_array(column, row)?).or_insert(next));
    }
    let modes = modes(values.into_iter(), |_| usize::MAX, column.len());
    let mut candidates = Vec::new();
    for (number, bar) in modes {
        let Some(value) = numbers.iter().find(|(_, at)| **at == number).map(|(value, _)| value) else { continue };
        let (mut beside, mut same) = (0usize, 0usize);
        for other in others.iter().filter_map(|columns| columns.get(at)) {
            beside += other.len();
            for row in 0..other.len() {
                same += usize::from(other.is_valid(row) && ScalarValue::try_from_array(other, row)? == *value);
            }
        }
        // What was seen in none of n may yet be as frequent as 3 in n.
        let chance = if beside == 0 { 1.0 } else { (same + 3) as f64 / beside as f64 };
        let (Some(written), true) = (sql_literal(value), chance < 0.5) else { continue };
        let cause = CauseKind::SameValue { value: said(value) };
        candidates.push(candidate(
            standing,
            name,
            cause,
            format!("{sql} = {written}"),
            rank::SAME_VALUE,
            bar.above(chance),
        ));
    }
    Ok(candidates)
}

/// Keys are missing one after the other, of a side of which so few are missing that chance would leave gaps.
async fn consecutive(
    ctx: &SessionContext,
    shape: &Shape,
    samples: &Samples,
    standing: Standing,
    run: &Recorded,
) -> Result<Vec<Candidate>> {
    let ((_, side), found) = (standing, samples.rows[&standing].seen as f64);
    let all = if side == Side::Source { run.rows.source } else { run.rows.target } as f64;
    let Some((at, name)) = shape.keys.first() else { return Ok(Vec::new()) };
    let is_whole = samples.types.get(*at).is_some_and(DataType::is_integer);
    if !is_whole || found >= all {
        return Ok(Vec::new());
    }
    // Of `all` places, each may begin a stretch; each of its keys is one of those found with the same chance.
    let least = ((all * ODDS).ln() / (all / found).ln()).ceil().max(Bar::FITTED.rows as f64);
    if least > found {
        return Ok(Vec::new());
    }
    let key = crate::rule::sql::ident(name);
    let kind = selects(standing);
    let sql =
        render("causes/consecutive", context! { key => key.clone(), kind, least => least as u64, limit => STRETCHES })?;
    let mut candidates = Vec::new();
    for batch in ctx.sql(&sql).await?.collect().await? {
        for row in 0..batch.num_rows() {
            let bound = |column: usize| {
                Ok::<_, crate::error::Error>(said(&ScalarValue::try_from_array(batch.column(column), row)?))
            };
            let (from, to) = (bound(0)?, bound(1)?);
            let relation = format!("{key} BETWEEN {from} AND {to}");
            let bar = Bar { rows: least as u64, ..Bar::FITTED };
            let cause = CauseKind::ConsecutiveKeys { from, to };
            candidates.push(candidate(standing, name, cause, relation, rank::SAME_VALUE, bar));
        }
    }
    Ok(candidates)
}

/// Nothing else diverges between two values, though elsewhere other divergences are mixed with these.
async fn stretches(
    ctx: &SessionContext,
    shape: &Shape,
    samples: &Samples,
    standing: Standing,
) -> Result<Vec<Candidate>> {
    let beside: Vec<Standing> = samples.rows.keys().copied().filter(|other| is_beside(standing, *other)).collect();
    let found = samples.rows[&standing].seen as f64;
    let others: u64 = beside.iter().map(|other| samples.rows[other].seen).sum();
    if others == 0 {
        return Ok(Vec::new());
    }
    // In random order, each next one is one of these with the same chance; a stretch may begin after each of the others.
    let least = |alone: f64, mixed: f64| {
        let length = (mixed * ODDS * ORDERED as f64).ln() / ((alone + mixed) / alone).ln();
        length.ceil().max(Bar::FITTED.rows as f64)
    };
    if least(found, others as f64) > found {
        return Ok(Vec::new());
    }
    let mut candidates = Vec::new();
    let is_ordered = |(place, (at, ..)): &(usize, &(usize, &str, String))| match &samples.types[*at] {
        time if time.is_temporal() => true,
        number => *place < shape.keys.len() && number.is_numeric(),
    };
    let columns = shape.of_side(standing.1);
    for (_, (_, name, column)) in columns.iter().enumerate().filter(is_ordered).take(ORDERED) {
        let others = beside.iter().map(|other| format!("({})", selects(*other))).collect::<Vec<_>>().join(" OR ");
        let kind = selects(standing);
        let sql = render("causes/stretch", context! { column, kind => format!("({kind})"), others })?;
        for batch in ctx.sql(&sql).await?.collect().await? {
            for row in 0..batch.num_rows() {
                let value = |column: usize| ScalarValue::try_from_array(batch.column(column), row);
                let number =
                    |column: usize| Ok::<_, crate::error::Error>(said(&value(column)?).parse::<f64>().unwrap_or(0.0));
                let (from, to, length, least) = (value(0)?, value(1)?, number(2)?, least(number(3)?, number(4)?));
                let long = length >= least && least.is_finite();
                let (Some(first), Some(last), true) = (sql_literal(&from), sql_literal(&to), long) else { continue };
                let cause = CauseKind::Range { from: said(&from), to: said(&to) };
                let relation = format!("{column} BETWEEN {first} AND {last}");
                let bar = Bar { rows: least as u64, ..Bar::FITTED };
                candidates.push(candidate(standing, name, cause, relation, rank::RANGE, bar));
            }
        }
    }
    Ok(candidates)
}

/// What selects all rows of a kind.
fn selects((kind, side): Standing) -> String {
    match kind {
        Kind::DuplicateKey => format!("kind = {} AND side = {}", literal(kind.as_str()), literal(side.as_str())),
        _ => format!("kind = {}", literal(kind.as_str())),
    }
}
