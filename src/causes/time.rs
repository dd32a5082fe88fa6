//! What two times may have in common: a constant offset, like that of a time zone, or a coarser unit.

use std::cmp::Reverse;
use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};

use crate::causes::candidate::{Idea, rank};
use crate::causes::chance::Bar;
use crate::causes::kind::CauseKind;
use crate::causes::shape::Pair;
use crate::causes::trial::{Null, Trial};
use crate::error::Result;
use crate::rule::sql::literal;
use crate::side::{BySide, Side};
use crate::sql::type_text;

/// Times of a column, in one type.
pub struct Time {
    sql: BySide<String>,
    common: DataType,
    /// Ticks a second; of dates, days.
    ticks: Ticks,
}

/// What holds most often, and how often: for cutting, and for rounding.
type BestOf = (Option<(u64, Idea)>, Option<(u64, Idea)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ticks {
    Days,
    ASecond(i64),
}

const QUARTER_OF_AN_HOUR: i64 = 900;

/// Time zones are at most so far from each other: from -12 to +14.
const FARTHEST: i64 = 26 * 3600;

pub fn time(pair: &Pair) -> Option<Time> {
    use DataType::*;
    let (source, target) = (&pair.types.source, &pair.types.target);
    let common = match (source, target) {
        (source, target) if source == target => source.clone(),
        // Compared at the coarser unit, rounded down.
        (Timestamp(a, zone), Timestamp(b, other)) if zone.is_some() == other.is_some() => {
            Timestamp(if per_second(a) < per_second(b) { *a } else { *b }, zone.clone())
        }
        (Date32, Timestamp(unit, None)) | (Timestamp(unit, None), Date32) => Timestamp(*unit, None),
        _ => return None,
    };
    let ticks = match &common {
        Timestamp(unit, _) | Time32(unit) | Time64(unit) | Duration(unit) => Ticks::ASecond(per_second(unit)),
        Date32 => Ticks::Days,
        Date64 => Ticks::ASecond(1000),
        _ => return None,
    };
    let sql = BySide::from_fn(|side| {
        let cells = pair.cells.get(side);
        if *pair.types.get(side) == common {
            cells.clone()
        } else {
            format!("to_common({cells}, {})", literal(&type_text(&common)))
        }
    });
    Some(Time { sql, common, ticks })
}

fn per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

impl Time {
    pub fn ideas(&self, trial: &Trial) -> Result<Vec<Idea>> {
        let mut ideas = self.offsets(trial)?;
        for side in Side::BOTH {
            ideas.extend(self.cut(trial, side)?);
        }
        Ok(ideas)
    }

    fn ticks_of(&self, trial: &Trial, side: Side) -> Result<ArrayRef> {
        let values = trial.values(self.sql.get(side))?;
        let whole = match values.data_type() {
            DataType::Date32 | DataType::Time32(_) => cast(&values, &DataType::Int32)?,
            _ => values,
        };
        Ok(cast(&whole, &DataType::Int64)?)
    }

    /// At most two, as between zones that change to summer time.
    fn offsets(&self, trial: &Trial) -> Result<Vec<Idea>> {
        let (source, target) = (self.ticks_of(trial, Side::Source)?, self.ticks_of(trial, Side::Target)?);
        let mut counts: HashMap<i64, usize> = HashMap::new();
        for (source, target) in source.as_primitive::<Int64Type>().iter().zip(target.as_primitive::<Int64Type>()) {
            if let Some(offset) = source.zip(target).and_then(|(source, target)| target.checked_sub(source))
                && offset != 0
            {
                *counts.entry(offset).or_default() += 1;
            }
        }
        let mut sorted: Vec<(i64, usize)> = counts.iter().map(|(offset, count)| (*offset, *count)).collect();
        sorted.sort_by_key(|(offset, count)| (Reverse(*count), *offset));
        let zones = sorted.iter().take(2).filter(|(offset, _)| self.is_zone(*offset)).count();
        let mut ideas = Vec::new();
        for at in 0..sorted.len().min(2) {
            let (offset, count) = sorted[at];
            let next = if zones == 2 { 2 } else { at + 1 };
            let rival = sorted.get(next).map_or(0, |(_, count)| *count);
            let rival = rival.max(offset.checked_neg().and_then(|back| counts.get(&back)).copied().unwrap_or(0));
            let of = trial.len();
            let bar = Bar::FITTED.above(rival as f64 / of as f64);
            if !(Bar { rows: 1, ..bar }).is_passed(count as u64, of as u64) {
                break;
            }
            ideas.push(Idea {
                cause: CauseKind::Offset { by: self.said(offset), time_zone: self.is_zone(offset) },
                relation: self.is_later_by(offset),
                rank: rank::NUMBER,
                bar,
                nulls: &[Null::Crossed],
            });
        }
        Ok(ideas)
    }

    fn is_zone(&self, offset: i64) -> bool {
        let Ticks::ASecond(ticks) = self.ticks else { return false };
        matches!(self.common, DataType::Timestamp(..))
            && offset % (QUARTER_OF_AN_HOUR * ticks) == 0
            && offset.unsigned_abs() <= (FARTHEST * ticks).unsigned_abs()
    }

    /// In ticks: sums of times are errors where they leave the calendar, and differences of numbers are not.
    fn is_later_by(&self, offset: i64) -> String {
        let BySide { source, target } = self.numbers();
        format!("{target} - {source} = {offset}")
    }

    fn numbers(&self) -> BySide<String> {
        self.sql.clone().map(|sql| format!("CAST({sql} AS BIGINT)"))
    }

    /// `2 h`, `-1 d`, `1 h 30 min`.
    fn said(&self, offset: i64) -> String {
        let sign = if offset < 0 { "-" } else { "" };
        let size = offset.unsigned_abs();
        let Ticks::ASecond(ticks) = self.ticks else { return format!("{sign}{size} d") };
        let (seconds, rest) = (size / ticks.unsigned_abs(), size % ticks.unsigned_abs());
        let mut parts = Vec::new();
        // Hours say more than days where it is about zones, and a whole number of days is one.
        let whole_days = seconds % 86_400 == 0 && rest == 0;
        let units: &[(u64, &str)] = if whole_days || seconds > 200_000 {
            &[(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")]
        } else {
            &[(3600, "h"), (60, "min"), (1, "s")]
        };
        let mut left = seconds;
        for (length, unit) in units {
            if left >= *length {
                parts.push(format!("{} {unit}", left / length));
                left %= length;
            }
        }
        if rest > 0 {
            let (divisor, unit) = match ticks {
                1000 => (1, "ms"),
                1_000_000 if rest % 1000 == 0 => (1000, "ms"),
                1_000_000 => (1, "µs"),
                _ if rest % 1_000_000 == 0 => (1_000_000, "ms"),
                _ if rest % 1000 == 0 => (1000, "µs"),
                _ => (1, "ns"),
            };
            parts.push(format!("{} {unit}", rest / divisor));
        }
        format!("{sign}{}", parts.join(" "))
    }

    /// The unit that explains most, for cutting and for rounding to it. Days are those of UTC.
    fn cut(&self, trial: &Trial, side: Side) -> Result<Vec<Idea>> {
        const UNITS: [(&str, i64); 5] =
            [("millisecond", 1), ("second", 1000), ("minute", 60_000), ("hour", 3_600_000), ("day", 86_400_000)];
        let Ticks::ASecond(ticks) = self.ticks else { return Ok(Vec::new()) };
        let numbers = self.numbers();
        let (fewer, whole) = (numbers.get(side), numbers.get(side.other()));
        let (mut cut, mut rounded): BestOf = (None, None);
        for (unit, millis) in UNITS {
            let length = i128::from(millis) * i128::from(ticks) / 1000;
            if length < 2 {
                continue;
            }
            let whole_units = format!("{fewer} % {length} = 0");
            let within = |from: i128, to: i128| format!("{whole_units} AND {whole} - {fewer} BETWEEN {from} AND {to}");
            let of = [
                (&mut cut, CauseKind::Truncated { cut_in: side, to: unit.into() }, within(0, length - 1)),
                (
                    &mut rounded,
                    CauseKind::Rounded { rounded_in: side, to: unit.into() },
                    within(-length / 2, length / 2),
                ),
            ];
            for (best, cause, relation) in of {
                let hits = trial.hits(&relation)?;
                if hits > best.as_ref().map_or(0, |(most, _)| *most) {
                    let nulls: &[Null] = &[Null::Crossed, Null::Reversed];
                    *best = Some((hits, Idea { cause, relation, rank: rank::NUMBER, bar: Bar::FITTED, nulls }));
                }
            }
        }
        Ok(cut.into_iter().chain(rounded).map(|(_, idea)| idea).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(common: DataType) -> Time {
        let cells = BySide::new("s".to_string(), "t".to_string());
        let types = BySide::new(common.clone(), common);
        time(&Pair { name: "x".into(), at: BySide::new(0, 1), types, cells }).unwrap()
    }

    #[test]
    fn offsets_in_words_and_in_sql() {
        let micros = of(DataType::Timestamp(TimeUnit::Microsecond, None));
        let hour = 3_600_000_000;
        let said = [2 * hour, -hour * 3 / 2, 24 * hour, 1500, 61_000_000].map(|offset| micros.said(offset));
        assert_eq!(said, ["2 h", "-1 h 30 min", "1 d", "1500 µs", "1 min 1 s"]);
        assert_eq!(micros.is_later_by(2 * hour), "CAST(t AS BIGINT) - CAST(s AS BIGINT) = 7200000000");
        assert!(micros.is_zone(hour * 11 / 2) && !micros.is_zone(hour + 1) && !micros.is_zone(48 * hour));
        let days = of(DataType::Date32);
        assert_eq!((days.said(-3).as_str(), days.is_zone(3)), ("-3 d", false));
    }
}
