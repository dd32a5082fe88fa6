//! Time zones: what a zoneless time means. `in_timezone(x, zone)` reads it as local time; what has no single meaning
//! there (skipped or repeated by the clock) is NULL, and `timezone_residue(x, zone)` gives it as text.

use std::sync::Arc;

use chrono::offset::LocalResult;
use chrono::{DateTime, Offset, TimeZone};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::ScalarUDF;

use super::common::{Clock, convert, from_ticks, per_second, unpack};
use super::function::{Call, Function, Planned};
use super::text::offset;
use super::type_text::plain_type;
use crate::error::{Error, ErrorKind, Result};

/// An IANA zone or a fixed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Named(chrono_tz::Tz),
    /// Seconds east of UTC.
    Fixed(i64),
}

impl Zone {
    /// `Europe/Berlin`, `Z`, `+01:00`, `+0100` or `+01`.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(seconds) = offset(text.as_bytes()) {
            return Ok(Zone::Fixed(seconds));
        }
        text.parse().map(Zone::Named).map_err(|_| {
            Error::new(ErrorKind::Config, format!("`{text}` is not a time zone"))
                .hint("write an IANA name such as Europe/Berlin, or an offset such as +01:00")
        })
    }

    /// The offset (seconds east of UTC) at a local time, given as seconds since 1970-01-01T00:00 of the local clock.
    /// None where the clock skips or repeats that time.
    pub fn offset_at_local(&self, local_seconds: i64) -> Option<i64> {
        match self {
            Zone::Fixed(seconds) => Some(*seconds),
            Zone::Named(zone) => {
                let local = DateTime::from_timestamp(local_seconds, 0)?.naive_utc();
                match zone.offset_from_local_datetime(&local) {
                    LocalResult::Single(offset) => Some(offset.fix().local_minus_utc().into()),
                    _ => None,
                }
            }
        }
    }
}

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::new("in_timezone", 2..=2, instant_type, in_timezone).build(),
        Function::new(
            "timezone_residue",
            2..=2,
            |planned| instant_type(planned).map(|_| DataType::Utf8View),
            timezone_residue,
        )
        .build(),
    ]
}

fn instant_type(planned: &Planned) -> Result<DataType> {
    Zone::parse(planned.text(1)?)?;
    let from = planned.data_type(0);
    local_unit(from).map(|unit| DataType::Timestamp(unit, Some("UTC".into())))
}

/// The unit of what a zoneless time becomes; an error for what is none.
fn local_unit(from: &DataType) -> Result<TimeUnit> {
    let plain = plain_type(from);
    match Clock::of(&plain) {
        Some(Clock::Instant { unit, zoned: false }) => Ok(unit),
        Some(Clock::Days) => Ok(TimeUnit::Microsecond),
        Some(Clock::Millis) => Ok(TimeUnit::Millisecond),
        _ if plain.is_null() => Ok(TimeUnit::Second),
        _ => Err(Error::new(ErrorKind::Schema, format!("a time zone cannot be given to values of {from}"))
            .hint("`timezone` is for timestamps without a zone, and for dates")),
    }
}

fn in_timezone(call: &Call) -> Result<ArrayRef> {
    let local = call.column(0)?;
    let unit = local_unit(local.data_type())?;
    let instants = instants(&local, unit, &Zone::parse(call.text(1)?)?)?;
    from_ticks(&instants, &call.returns)
}

/// The instants, in ticks of `unit`, of local times; NULL where there is no single one.
fn instants(local: &ArrayRef, unit: TimeUnit, zone: &Zone) -> Result<Int64Array> {
    let local = convert(local, &DataType::Timestamp(unit, None))?;
    let ticks = cast(&local, &DataType::Int64)?;
    let per_second = per_second(unit);
    Ok(ticks.as_primitive::<Int64Type>().unary_opt(|tick| {
        // An infinite time is the same in every zone.
        if unit == TimeUnit::Microsecond && tick.unsigned_abs() == i64::MAX.unsigned_abs() {
            return Some(tick);
        }
        let offset = zone.offset_at_local(tick.div_euclid(per_second))?;
        tick.checked_sub(offset.checked_mul(per_second)?)
    }))
}

fn timezone_residue(call: &Call) -> Result<ArrayRef> {
    let local = unpack(&call.column(0)?)?;
    let instants = instants(&local, local_unit(local.data_type())?, &Zone::parse(call.text(1)?)?)?;
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(&local, &options)?;
    let mut residue = StringViewBuilder::with_capacity(local.len());
    for row in 0..local.len() {
        if local.is_valid(row) && instants.is_null(row) {
            residue.append_value(formatter.value(row).try_to_string()?);
        } else {
            residue.append_null();
        }
    }
    Ok(Arc::new(residue.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(text: &str) -> Zone {
        Zone::parse(text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn zones_are_names_or_offsets() {
        assert_eq!(zone("UTC"), Zone::Named(chrono_tz::Tz::UTC));
        assert_eq!(zone("-05:30"), Zone::Fixed(-19_800));
        for text in ["", "Berlin", "europe/berlin ", "+25", "local"] {
            assert!(Zone::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn local_times_become_instants() {
        let seconds = [Some(1_711_848_600), Some(1_711_852_200), Some(1_729_996_200), None, Some(i64::MAX), Some(-1)];
        let local: ArrayRef = Arc::new(datafusion::arrow::array::TimestampSecondArray::from(seconds.to_vec()));
        let instants = instants(&local, TimeUnit::Second, &zone("Europe/Berlin")).unwrap_or_else(|e| panic!("{e}"));
        // 01:30 is winter time; 02:30 is skipped on this day, and repeated on the third.
        let expected = vec![Some(1_711_845_000), None, None, None, None, Some(-3_601)];
        assert_eq!(instants, Int64Array::from(expected));
    }
}
