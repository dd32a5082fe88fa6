//! What two numbers may have in common: a constant offset or factor, the sign, fewer digits.
//!
//! Integers and decimals are compared exactly. Floats are what was computed from what was stored, each of which rounds: a relation holds
//! within `1e-14` of the larger one (of 32 bits, `3e-7`).

use std::cmp::Reverse;
use std::collections::HashMap;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type};

use crate::causes::candidate::{Idea, rank};
use crate::causes::chance::Bar;
use crate::causes::kind::CauseKind;
use crate::causes::shape::Pair;
use crate::causes::trial::{Null, Trial};
use crate::error::Result;
use crate::side::{BySide, Side};

/// The SQL of both sides, such that adding and multiplying is exact and never overflows: 30 digits at most.
#[derive(Debug, Clone)]
pub struct Exact {
    pub sql: BySide<String>,
    pub scale: u8,
}

const DIGITS: u8 = 30;

/// Decimals beyond it are left alone.
const SCALE: u8 = 18;

/// Numerators and denominators of a factor.
const LARGEST_FACTOR: i128 = 1_000_000;

/// Multiples up to thousands.
const ABOVE_UNITS: u32 = 3;

pub fn exact(pair: &Pair) -> Option<Exact> {
    let scale_of = |data_type: &DataType| match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => u8::try_from(*scale).ok(),
        integer => integer.is_integer().then_some(0),
    };
    let scale = scale_of(&pair.types.source)?.max(scale_of(&pair.types.target)?);
    if scale > SCALE {
        return None;
    }
    let small = |data_type: &DataType| {
        matches!(
            data_type,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32
        )
    };
    let both_small = small(&pair.types.source) && small(&pair.types.target);
    let sql = BySide::from_fn(|side| {
        let cells = pair.cells.get(side);
        match pair.types.get(side) {
            DataType::Decimal128(digits, own) if digits + scale - own.unsigned_abs() <= DIGITS => cells.clone(),
            DataType::Decimal128(..) | DataType::Decimal256(..) => {
                format!("TRY_CAST({cells} AS DECIMAL({DIGITS}, {scale}))")
            }
            _ if both_small => format!("CAST({cells} AS BIGINT)"),
            _ => format!("CAST({cells} AS DECIMAL(20, 0))"),
        }
    });
    Some(Exact { sql, scale })
}

/// Text that is numbers, on both sides, in nine of ten cells.
pub fn exact_text(pair: &Pair, trial: &Trial) -> Result<Option<Exact>> {
    const TEXT_SCALE: u8 = 10;
    let sql = pair.cells.clone().map(|cells| format!("TRY_CAST({cells} AS DECIMAL({DIGITS}, {TEXT_SCALE}))"));
    for side in Side::BOTH {
        let cells = trial.cells.get(side);
        let texts = cells.len() - cells.null_count();
        let numbers = trial.values(sql.get(side))?;
        if texts == 0 || (numbers.len() - numbers.null_count()) * 10 < texts * 9 {
            return Ok(None);
        }
    }
    Ok(Some(Exact { sql, scale: TEXT_SCALE }))
}

impl Exact {
    /// Both numbers of each pair that has two, in units of the last digit.
    fn values(&self, trial: &Trial) -> Result<Vec<(i128, i128)>> {
        let common = DataType::Decimal128(38, self.scale as i8);
        let column = |side| Ok::<_, crate::error::Error>(cast(&trial.values(self.sql.get(side))?, &common)?);
        let (source, target) = (column(Side::Source)?, column(Side::Target)?);
        let both = source.as_primitive::<Decimal128Type>().iter().zip(target.as_primitive::<Decimal128Type>());
        Ok(both.filter_map(|(source, target)| source.zip(target)).filter(|(source, target)| source != target).collect())
    }

    pub fn ideas(&self, trial: &Trial) -> Result<Vec<Idea>> {
        let values = self.values(trial)?;
        let mut ideas = vec![sign(&self.sql)];
        ideas.extend(self.offsets(&values, trial.len()));
        ideas.extend(self.factors(&values, trial.len()));
        for side in Side::BOTH {
            ideas.extend(self.digits(&values, side));
        }
        Ok(ideas)
    }

    /// Of texts: one number.
    pub fn same(&self) -> Idea {
        Idea {
            cause: CauseKind::NumberForm,
            relation: format!("{} = {}", self.sql.target, self.sql.source),
            rank: rank::NUMBER - 3,
            bar: Bar::EVIDENT,
            nulls: &[Null::Within],
        }
    }

    fn offsets(&self, values: &[(i128, i128)], of: usize) -> Vec<Idea> {
        let offsets = modes(values.iter().map(|(source, target)| target - source), |offset| -offset, of);
        let BySide { source, target } = &self.sql;
        let idea = |(offset, bar)| {
            let by = decimal(offset, self.scale);
            Idea {
                relation: format!("{target} - {source} = {by}"),
                cause: CauseKind::Offset { by, time_zone: false },
                rank: rank::NUMBER,
                bar,
                nulls: &[Null::Crossed],
            }
        };
        offsets.into_iter().map(idea).collect()
    }

    fn factors(&self, values: &[(i128, i128)], of: usize) -> Vec<Idea> {
        let ratio = |(source, target): &(i128, i128)| {
            let divisor = gcd(*source, *target);
            let sign = if *source < 0 { -1 } else { 1 };
            let (p, q) = (sign * target / divisor.max(1), sign * source / divisor.max(1));
            (p > 0 && q > 0 && p <= LARGEST_FACTOR && q <= LARGEST_FACTOR).then_some((p, q))
        };
        let ratios = modes(values.iter().filter_map(ratio), |(p, q)| (q, p), of);
        let times = |sql: &String, n: i128| if n == 1 { sql.clone() } else { format!("{sql} * {n}") };
        let BySide { source, target } = &self.sql;
        let idea = |((p, q), bar)| Idea {
            cause: CauseKind::Factor { by: factor(p, q) },
            relation: format!("{} = {} AND {source} <> 0", times(target, q), times(source, p)),
            rank: rank::NUMBER,
            bar,
            nulls: &[Null::Crossed],
        };
        ratios.into_iter().map(idea).collect()
    }

    /// The multiple that explains most, for rounding and for cutting to it.
    fn digits(&self, values: &[(i128, i128)], side: Side) -> Vec<Idea> {
        let (fewer, whole) = (self.sql.get(side), self.sql.get(side.other()));
        let mut best: BySide<Option<(usize, u32)>> = BySide::default();
        for power in 1..=u32::from(self.scale) + ABOVE_UNITS {
            let step = 10i128.pow(power);
            let count = |holds: &dyn Fn(i128, i128) -> bool| {
                let pairs = values.iter().map(|(source, target)| match side {
                    Side::Source => (*source, *target),
                    Side::Target => (*target, *source),
                });
                pairs.filter(|(fewer, whole)| fewer % step == 0 && holds(*fewer, *whole)).count()
            };
            let rounded = count(&|fewer, whole| (fewer - whole).abs() * 2 <= step);
            let cut = count(&|fewer, whole| fewer == whole - whole % step);
            for (best, hits) in [(&mut best.source, rounded), (&mut best.target, cut)] {
                if hits > best.map_or(0, |(most, _)| most) {
                    *best = Some((hits, power));
                }
            }
        }
        let step = |power: u32| decimal(10i128.pow(power), self.scale);
        let half = |power: u32| decimal(5 * 10i128.pow(power - 1), self.scale);
        let idea = |cause, relation| Idea {
            cause,
            relation,
            rank: rank::NUMBER,
            bar: Bar::FITTED,
            nulls: &[Null::Crossed, Null::Reversed],
        };
        let rounded = best.source.map(|(_, power)| {
            let cause = CauseKind::Rounded { rounded_in: side, to: step(power) };
            idea(cause, format!("{fewer} % {} = 0 AND abs({fewer} - {whole}) <= {}", step(power), half(power)))
        });
        let cut = best.target.map(|(_, power)| {
            let cause = CauseKind::Truncated { cut_in: side, to: step(power) };
            idea(cause, format!("{fewer} = {whole} - {whole} % {}", step(power)))
        });
        rounded.into_iter().chain(cut).collect()
    }
}

pub fn sign(sql: &BySide<String>) -> Idea {
    Idea {
        cause: CauseKind::Sign,
        relation: format!("{} + {} = 0", sql.target, sql.source),
        rank: rank::NUMBER - 2,
        bar: Bar::FITTED,
        nulls: &[Null::Within],
    }
}

/// The most frequent values, at most two, each of which must stand out from the next one and from its own opposite: what goes both ways
/// is jitter.
pub fn modes<T: Copy + Eq + Ord + std::hash::Hash>(
    values: impl Iterator<Item = T>,
    opposite: impl Fn(T) -> T,
    of: usize,
) -> Vec<(T, Bar)> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut sorted: Vec<(T, usize)> = counts.iter().map(|(value, count)| (*value, *count)).collect();
    sorted.sort_by_key(|(value, count)| (Reverse(*count), *value));
    let share = |count: usize| count as f64 / of.max(1) as f64;
    let mut modes = Vec::new();
    for at in 0..sorted.len().min(2) {
        let (value, count) = sorted[at];
        let rival = sorted.get(at + 1).map_or(0, |(_, count)| *count);
        let rival = rival.max(counts.get(&opposite(value)).copied().unwrap_or(0));
        let bar = Bar::FITTED.above(share(rival));
        if !(Bar { rows: 1, ..bar }).is_passed(count as u64, of as u64) {
            break;
        }
        modes.push((value, bar));
    }
    modes
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i128::try_from(a).unwrap_or(1)
}

/// `-0.5` for -50 and two digits.
pub fn decimal(units: i128, scale: u8) -> String {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let fraction = fraction.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// `100`, `1.19`, `1/100` or `3/7`.
fn factor(p: i128, q: i128) -> String {
    match (p, q) {
        (p, 1) => p.to_string(),
        (1, q) => format!("1/{q}"),
        (p, q) if LARGEST_FACTOR % q == 0 => decimal(p * (LARGEST_FACTOR / q), 6),
        (p, q) => format!("{p}/{q}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_factors_in_words() {
        assert_eq!(
            [(-50, 2), (1200, 2), (7, 0), (1, 3)].map(|(n, scale)| decimal(n, scale)),
            ["-0.5", "12", "7", "0.001"]
        );
        assert_eq!(
            [(100, 1), (1, 100), (119, 100), (3, 7)].map(|(p, q)| factor(p, q)),
            ["100", "1/100", "1.19", "3/7"]
        );
    }

    #[test]
    fn a_mode_stands_out() {
        let found = |counts: &[(i64, usize)]| -> Vec<i64> {
            let values = counts.iter().flat_map(|(value, count)| std::iter::repeat_n(*value, *count));
            modes(values, |value| -value, 1000).into_iter().map(|(value, _)| value).collect()
        };
        assert_eq!(found(&[(1, 200), (2, 20), (3, 20)]), [1]);
        assert_eq!(found(&[(1, 200), (5, 40), (3, 2)]), [1, 5]);
        // Both ways, as many of each, or too few.
        assert!(found(&[(1, 200), (-1, 190)]).is_empty());
        assert!(found(&[(1, 100), (2, 90), (3, 95)]).is_empty());
        assert!(found(&[(1, 9), (2, 2)]).is_empty());
    }
}
