//! What two floats may have in common. They are what was computed from what was stored, and each step rounds: a relation holds within
//! [`Float::slack`] of the larger one.

use std::collections::HashMap;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};

use crate::causes::candidate::{Idea, rank};
use crate::causes::chance::Bar;
use crate::causes::kind::CauseKind;
use crate::causes::number::{modes, sign};
use crate::causes::shape::Pair;
use crate::causes::trial::{Null, Trial};
use crate::error::Result;
use crate::side::{BySide, Side};

pub struct Float {
    sql: BySide<String>,
    /// 1e-14, 45 units in the last place of 64 bits; 3e-7, 5 units of 32 bits.
    slack: f64,
    /// Digits that a difference or a ratio is told by.
    digits: usize,
}

/// One side is a float, the other one too or an exact number.
pub fn float(pair: &Pair) -> Option<Float> {
    let is_number = |data_type: &DataType| data_type.is_numeric();
    if !is_number(&pair.types.source) || !is_number(&pair.types.target) {
        return None;
    }
    let narrow = [&pair.types.source, &pair.types.target].into_iter().any(|t| *t == DataType::Float32);
    let sql = BySide::from_fn(|side| match pair.types.get(side) {
        DataType::Float64 => pair.cells.get(side).clone(),
        _ => format!("CAST({} AS DOUBLE)", pair.cells.get(side)),
    });
    Some(if narrow { Float { sql, slack: 3e-7, digits: 3 } } else { Float { sql, slack: 1e-14, digits: 8 } })
}

impl Float {
    fn values(&self, trial: &Trial) -> Result<Vec<(f64, f64)>> {
        let column = |side| Ok::<_, crate::error::Error>(cast(&trial.values(self.sql.get(side))?, &DataType::Float64)?);
        let (source, target) = (column(Side::Source)?, column(Side::Target)?);
        let both = source.as_primitive::<Float64Type>().iter().zip(target.as_primitive::<Float64Type>());
        let both = both.filter_map(|(source, target)| source.zip(target));
        Ok(both.filter(|(source, target)| source.is_finite() && target.is_finite() && source != target).collect())
    }

    pub fn ideas(&self, trial: &Trial) -> Result<Vec<Idea>> {
        let values = self.values(trial)?;
        let BySide { source, target } = &self.sql;
        let slack = self.slack;
        let mut ideas = vec![sign(&self.sql)];
        let differences = values.iter().map(|(s, t)| (t - s, s.abs().max(t.abs())));
        for (by, bar) in self.constants(differences, |by| -by, trial.len()) {
            // As large as the numbers, an offset would hold for any two floats of that size.
            let near = real(by.abs() / 100.0);
            let near = format!("least({slack:e} * greatest(abs({source}), abs({target})), {near})");
            ideas.push(Idea {
                cause: CauseKind::Offset { by: by.to_string(), time_zone: false },
                relation: format!("abs({target} - {source} - {}) <= {near}", real(by)),
                rank: rank::NUMBER,
                bar,
                nulls: &[Null::Crossed],
            });
        }
        let ratios = values.iter().filter(|(s, t)| *s != 0.0 && t / s > 0.0).map(|(s, t)| (t / s, t / s));
        for (by, bar) in self.constants(ratios, |by| 1.0 / by, trial.len()) {
            let inverse = shortest(1.0 / by, slack / by);
            let (said, relation) = match inverse.to_string().len() < by.to_string().len() {
                true => (
                    format!("1/{inverse}"),
                    format!("abs({target} * {} - {source}) <= {slack:e} * abs({source})", real(inverse)),
                ),
                false => {
                    (by.to_string(), format!("abs({target} - {source} * {}) <= {slack:e} * abs({target})", real(by)))
                }
            };
            ideas.push(Idea {
                cause: CauseKind::Factor { by: said },
                relation: format!("{relation} AND {source} <> 0"),
                rank: rank::NUMBER,
                bar,
                nulls: &[Null::Crossed],
            });
        }
        ideas.extend(Side::BOTH.into_iter().filter_map(|side| self.rounded(&values, side)));
        Ok(ideas)
    }

    /// The most frequent values; each comes with the size of what it was computed from.
    fn constants(
        &self,
        values: impl Iterator<Item = (f64, f64)>,
        opposite: impl Fn(f64) -> f64,
        of: usize,
    ) -> Vec<(f64, Bar)> {
        let key = |value: f64| format!("{value:.*e}", self.digits - 1);
        let mut members: HashMap<String, Vec<(f64, f64)>> = HashMap::new();
        let mut keys = Vec::new();
        for (value, size) in values.filter(|(value, _)| value.is_finite()) {
            keys.push(key(value));
            members.entry(key(value)).or_default().push((value, size));
        }
        let numbers = keys.iter().enumerate().map(|(at, key)| (key.clone(), at));
        let names: HashMap<String, usize> = numbers.collect();
        let by_number: HashMap<usize, &String> = names.iter().map(|(name, at)| (*at, name)).collect();
        let representative = |at: usize| members[by_number[&at]][0].0;
        let other = |at: usize| names.get(&key(opposite(representative(at)))).copied().unwrap_or(usize::MAX);
        let found = modes(keys.iter().map(|key| names[key]), other, of);
        let constant = |(at, bar): (usize, Bar)| {
            let mut cluster = members[by_number[&at]].clone();
            cluster.sort_by(|a, b| a.1.total_cmp(&b.1));
            // The one that was computed from the smallest numbers is the most precise.
            let (value, size) = cluster[0];
            let constant = shortest(value, self.slack * size.abs());
            (constant != 0.0 && constant != 1.0).then_some((constant, bar))
        };
        found.into_iter().filter_map(constant).collect()
    }

    /// To so many digits as explain most.
    fn rounded(&self, values: &[(f64, f64)], side: Side) -> Option<Idea> {
        let slack = if self.slack > 1e-10 { 1e-5 } else { 1e-9 };
        let count = |power: i32| {
            let step = 10f64.powi(power);
            let holds = |(source, target): &&(f64, f64)| {
                let (fewer, whole) = if side == Side::Source { (source, target) } else { (target, source) };
                let steps = fewer / step;
                (steps - steps.round()).abs() <= slack && (fewer - whole).abs() <= step / 2.0 * (1.0 + slack)
            };
            values.iter().filter(holds).count()
        };
        let (power, hits) = (-6..=3).map(|power| (power, count(power))).max_by_key(|(power, hits)| (*hits, -power))?;
        if hits == 0 {
            return None;
        }
        let (fewer, whole) = (self.sql.get(side), self.sql.get(side.other()));
        let to = 10f64.powi(power);
        // Dividing by 0.01 rounds, multiplying by 100 does not.
        let steps = if power < 0 { format!("{fewer} * {:e}", 10f64.powi(-power)) } else { format!("{fewer} / {to:e}") };
        let half = to / 2.0 * (1.0 + slack);
        Some(Idea {
            cause: CauseKind::Rounded { rounded_in: side, to: to.to_string() },
            relation: format!("abs({steps} - round({steps})) <= {slack:e} AND abs({fewer} - {whole}) <= {half:e}"),
            rank: rank::NUMBER,
            bar: Bar::FITTED,
            nulls: &[Null::Crossed, Null::Reversed],
        })
    }
}

/// As SQL: a number with few digits is written as one; decimals of many digits would round twice.
fn real(number: f64) -> String {
    let text = number.abs().to_string();
    let plain = text.len() <= 15;
    match (plain, number < 0.0) {
        (true, false) => text,
        (true, true) => format!("(-{text})"),
        (false, _) => format!("CAST('{number:e}' AS DOUBLE)"),
    }
}

/// The number of the fewest digits within `slack` of `value`.
fn shortest(value: f64, slack: f64) -> f64 {
    let rounded = |digits: usize| format!("{value:.digits$e}").parse::<f64>().unwrap_or(value);
    (0..17).map(rounded).find(|short| (short - value).abs() <= slack).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_has_few_digits() {
        assert_eq!(shortest(123.46 - 123.45, 1e-14 * 123.46), 0.01);
        assert_eq!(shortest(1.0 / 3.0, 1e-16), 1.0 / 3.0);
        assert_eq!(shortest(99.99999999999999, 1e-12), 100.0);
        assert_eq!([0.01, -2.5, 1e300].map(real), ["0.01", "(-2.5)", "CAST('1e300' AS DOUBLE)"]);
    }
}
