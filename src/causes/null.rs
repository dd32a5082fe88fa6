//! NULL on one side, and on the other what stands for nothing there: empty text, zero, a date long ago, or any constant.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::scalar::ScalarValue;

use crate::causes::candidate::{Idea, rank};
use crate::causes::chance::Bar;
use crate::causes::kind::CauseKind;
use crate::causes::literal::{said, sql_literal};
use crate::causes::shape::Pair;
use crate::causes::trial::Trial;
use crate::error::Result;
use crate::side::Side;

/// Mismatches without a NULL that tell how frequent a value is otherwise.
const ENOUGH: usize = 20;

/// Without them: so many, and all of them the same.
const ALL: usize = 10;

/// What systems write for nothing, as text.
const NOTHINGS: [&str; 14] =
    ["", "0", "-", "--", "?", "n/a", "na", "null", "none", "nil", "unknown", "1970-01-01", "1900-01-01", "0001-01-01"];

pub fn ideas(pair: &Pair, trial: &Trial) -> Result<Vec<Idea>> {
    let mut ideas = Vec::new();
    for null_in in Side::BOTH {
        let (nulls, others) = (trial.cells.get(null_in), trial.cells.get(null_in.other()));
        if others.data_type().is_nested() || others.data_type().is_null() {
            continue;
        }
        let (opposite, usual) = counts(nulls, others)?;
        let m: usize = opposite.values().sum();
        let n = trial.len().max(1) as f64;
        let mut most: Vec<(&ScalarValue, usize)> = opposite.iter().map(|(value, count)| (value, *count)).collect();
        most.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| said(a.0).cmp(&said(b.0))));
        let Some((value, count)) = most.first().copied() else { continue };
        let rival = most.get(1).map_or(0, |(_, count)| *count) as f64;
        let b: usize = usual.values().sum();
        let chance = if b >= ENOUGH {
            let usual = usual.get(value).copied().unwrap_or(0) as f64 / b as f64;
            rival.max(usual * m as f64) / n
        } else if is_nothing(value) || count == m && m >= ALL && !matches!(value, ScalarValue::Boolean(_)) {
            rival / n
        } else {
            continue;
        };
        let Some(written) = sql_literal(value) else { continue };
        let text = said(value);
        let evident = text.is_empty();
        let (null, other) = (pair.cells.get(null_in), pair.cells.get(null_in.other()));
        ideas.push(Idea {
            cause: CauseKind::NullAgainst { null_in, value: text },
            relation: format!("{null} IS NULL AND {other} = {written}"),
            rank: rank::NULL,
            bar: if evident { Bar::EVIDENT } else { Bar::FITTED }.above(chance),
            nulls: &[],
        });
    }
    Ok(ideas)
}

type Counts = HashMap<ScalarValue, usize>;

/// How often each value stands against NULL, and how often against something else.
fn counts(nulls: &ArrayRef, others: &ArrayRef) -> Result<(Counts, Counts)> {
    let (mut opposite, mut usual) = (Counts::new(), Counts::new());
    for row in (0..others.len()).filter(|row| others.is_valid(*row)) {
        let counts = if nulls.is_null(row) { &mut opposite } else { &mut usual };
        *counts.entry(ScalarValue::try_from_array(others, row)?).or_default() += 1;
    }
    Ok((opposite, usual))
}

fn is_nothing(value: &ScalarValue) -> bool {
    let text = said(value).trim().to_lowercase();
    let day = text.strip_suffix("t00:00:00z").or(text.strip_suffix("t00:00:00")).unwrap_or(&text);
    let is_zero = day.parse::<f64>().is_ok_and(|number| number == 0.0 || number.is_nan());
    is_zero || NOTHINGS.contains(&day)
}
