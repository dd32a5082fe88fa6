//! Times in the common type: a finer unit holds the same instant or is an error, a coarser one is rounded down (before
//! 1970 too), a date is its midnight.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::*;

use super::{cast_exactly, overflow};
use crate::error::{Error, ErrorKind, Result};

const MICROS_A_DAY: i128 = 86_400_000_000;

/// How many of a unit are a second.
pub(in crate::sql) fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// What a time counts. Dates count days, or the milliseconds of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Clock {
    /// Since 1970, of a type with a zone or of one without.
    Instant {
        unit: TimeUnit,
        zoned: bool,
    },
    /// Date32.
    Days,
    /// Date64.
    Millis,
    TimeOfDay(TimeUnit),
    Duration(TimeUnit),
}

impl Clock {
    pub fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Timestamp(unit, zone) => Clock::Instant { unit: *unit, zoned: zone.is_some() },
            DataType::Date32 => Clock::Days,
            DataType::Date64 => Clock::Millis,
            DataType::Time32(unit) | DataType::Time64(unit) => Clock::TimeOfDay(*unit),
            DataType::Duration(unit) => Clock::Duration(*unit),
            _ => return None,
        })
    }

    /// Ticks in a day.
    fn per_day(self) -> i128 {
        let unit = match self {
            Clock::Days => return 1,
            Clock::Millis => TimeUnit::Millisecond,
            Clock::Instant { unit, .. } | Clock::TimeOfDay(unit) | Clock::Duration(unit) => unit,
        };
        i128::from(per_second(unit)) * 86_400
    }

    /// Nanoseconds in a tick.
    pub fn nanoseconds(self) -> i128 {
        86_400_000_000_000 / self.per_day()
    }

    /// Whether the values of both are on one line, so that they have a difference.
    pub fn compares(self, other: Self) -> bool {
        use Clock::*;
        match (self, other) {
            (Instant { zoned: a, .. }, Instant { zoned: b, .. }) => a == b,
            (Instant { zoned, .. }, Days | Millis) | (Days | Millis, Instant { zoned, .. }) => !zoned,
            (Days | Millis, Days | Millis) | (TimeOfDay(_), TimeOfDay(_)) | (Duration(_), Duration(_)) => true,
            _ => false,
        }
    }
}

/// Ticks of a time, as 64-bit integers: its storage, widened.
pub(in crate::sql) fn ticks(array: &ArrayRef) -> Result<Int64Array> {
    fn wide<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &ArrayRef) -> Int64Array {
        array.as_primitive::<T>().unary(Into::into)
    }
    Ok(match array.data_type() {
        DataType::Date32 => wide::<Date32Type>(array),
        DataType::Time32(TimeUnit::Second) => wide::<Time32SecondType>(array),
        DataType::Time32(_) => wide::<Time32MillisecondType>(array),
        _ => cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
    })
}

pub(super) fn converts(from: &DataType, to: &DataType) -> bool {
    match (Clock::of(from), Clock::of(to)) {
        (Some(from), Some(to)) => {
            // An instant is not a date: it would lose its time of day.
            from.compares(to)
                && (matches!(from, Clock::Days | Clock::Millis) || !matches!(to, Clock::Days | Clock::Millis))
        }
        (None, None) => matches!(to, DataType::Interval(IntervalUnit::MonthDayNano)),
        _ => false,
    }
}

pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let from = array.data_type();
    let (Some(from_clock), Some(to_clock)) = (Clock::of(from), Clock::of(to)) else { return intervals(array, to) };
    let (have, want) = (from_clock.per_day(), to_clock.per_day());
    let ticks = ticks(array)?;
    let ticks: Int64Array = if have == want {
        ticks
    } else if have > want {
        let factor = i64::try_from(have / want).map_err(|_| overflow(have, from, to))?;
        ticks.unary(|tick| tick.div_euclid(factor))
    } else {
        let factor = i64::try_from(want / have).map_err(|_| overflow(want, from, to))?;
        // An infinite date is an infinite time.
        let infinite = from_clock == Clock::Days && want == MICROS_A_DAY;
        ticks.try_unary(|tick| match tick.unsigned_abs() == u64::from(i32::MAX.unsigned_abs()) {
            true if infinite => Ok(tick.signum() * i64::MAX),
            _ => tick.checked_mul(factor).ok_or_else(|| overflow(tick, from, to)),
        })?
    };
    from_ticks(&ticks, to)
}

/// Ticks as a time of type `to`; what does not fit is an error.
pub(in crate::sql) fn from_ticks(ticks: &Int64Array, to: &DataType) -> Result<ArrayRef> {
    fn narrow<T: ArrowPrimitiveType<Native: TryFrom<i64>>>(ticks: &Int64Array, to: &DataType) -> Result<ArrayRef> {
        let narrow = |tick| T::Native::try_from(tick).map_err(|_| overflow(tick, &DataType::Int64, to));
        Ok(Arc::new(ticks.try_unary::<_, T, Error>(narrow)?))
    }
    fn same<T: ArrowPrimitiveType<Native = i64>>(ticks: &Int64Array, to: &DataType) -> ArrayRef {
        let values: ScalarBuffer<i64> = ticks.values().clone();
        Arc::new(PrimitiveArray::<T>::new(values, ticks.nulls().cloned()).with_data_type(to.clone()))
    }
    use TimeUnit::*;
    Ok(match to {
        DataType::Timestamp(Second, _) => same::<TimestampSecondType>(ticks, to),
        DataType::Timestamp(Millisecond, _) => same::<TimestampMillisecondType>(ticks, to),
        DataType::Timestamp(Microsecond, _) => same::<TimestampMicrosecondType>(ticks, to),
        DataType::Timestamp(Nanosecond, _) => same::<TimestampNanosecondType>(ticks, to),
        DataType::Date32 => narrow::<Date32Type>(ticks, to)?,
        DataType::Date64 => same::<Date64Type>(ticks, to),
        DataType::Time32(Second) => narrow::<Time32SecondType>(ticks, to)?,
        DataType::Time32(Millisecond) => narrow::<Time32MillisecondType>(ticks, to)?,
        DataType::Time64(Microsecond) => same::<Time64MicrosecondType>(ticks, to),
        DataType::Time64(Nanosecond) => same::<Time64NanosecondType>(ticks, to),
        DataType::Duration(Second) => same::<DurationSecondType>(ticks, to),
        DataType::Duration(Millisecond) => same::<DurationMillisecondType>(ticks, to),
        DataType::Duration(Microsecond) => same::<DurationMicrosecondType>(ticks, to),
        DataType::Duration(Nanosecond) => same::<DurationNanosecondType>(ticks, to),
        other => return Err(Error::new(ErrorKind::Internal, format!("{other} is not a time"))),
    })
}

fn intervals(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = array.as_primitive::<IntervalYearMonthType>();
            let widen = |months| IntervalMonthDayNano::new(months, 0, 0);
            Ok(Arc::new(months.unary::<_, IntervalMonthDayNanoType>(widen)))
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let times = array.as_primitive::<IntervalDayTimeType>();
            let widen =
                |v: IntervalDayTime| IntervalMonthDayNano::new(0, v.days, i64::from(v.milliseconds) * 1_000_000);
            Ok(Arc::new(times.unary::<_, IntervalMonthDayNanoType>(widen)))
        }
        _ => cast_exactly(array, to),
    }
}
