//! Dates and timestamps beyond the calendar that Arrow shows: PostgreSQL's and DuckDB's infinities, which are the greatest
//! number and its negative, and years after 262,142.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::*;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{
    ArrayFormatter, ArrayFormatterFactory, DisplayIndex, FormatOptions, FormatResult,
};

const DAY_SECONDS: i64 = 86_400;
/// Days from 1970 that Arrow shows without fail, on both sides.
const NEAR: i64 = 90_000_000;

/// Arrow's formatters, but for such dates and timestamps, at any depth.
#[derive(Debug)]
pub struct Calendar;

impl ArrayFormatterFactory for Calendar {
    fn create_array_formatter<'a>(
        &self,
        array: &'a dyn Array,
        options: &FormatOptions<'a>,
        _: Option<&'a Field>,
    ) -> Result<Option<ArrayFormatter<'a>>, ArrowError> {
        if !matches!(array.data_type(), DataType::Date32 | DataType::Timestamp(..)) {
            return Ok(None);
        }
        let near = ArrayFormatter::try_new(array, options)?;
        Ok(Some(ArrayFormatter::new(Box::new(Far { array, near }), options.safe())))
    }
}

struct Far<'a> {
    array: &'a dyn Array,
    near: ArrayFormatter<'a>,
}

impl DisplayIndex for Far<'_> {
    fn write(&self, row: usize, f: &mut dyn std::fmt::Write) -> FormatResult {
        match self.array.is_valid(row).then(|| far(self.array, row)).flatten() {
            Some(text) => f.write_str(&text)?,
            None => write!(f, "{}", self.near.value(row))?,
        }
        Ok(())
    }
}

/// What Arrow has no words for; None where it has.
fn far(array: &dyn Array, row: usize) -> Option<String> {
    let (infinite, seconds, fraction, zoned) = match array.data_type() {
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let infinite = (days.unsigned_abs() == i32::MAX.unsigned_abs()).then_some(days < 0);
            (infinite, i64::from(days) * DAY_SECONDS, None, false)
        }
        DataType::Timestamp(unit, zone) => {
            let (ticks, digits) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 0),
                TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 3),
                TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 6),
                // All of them are near.
                TimeUnit::Nanosecond => return None,
            };
            let infinite = (ticks.unsigned_abs() == i64::MAX.unsigned_abs()).then_some(ticks < 0);
            let second = 10i64.pow(digits);
            (infinite, ticks.div_euclid(second), Some((ticks.rem_euclid(second), digits)), zone.is_some())
        }
        _ => return None,
    };
    if let Some(negative) = infinite {
        return Some(if negative { "-infinity" } else { "infinity" }.into());
    }
    let days = seconds.div_euclid(DAY_SECONDS);
    if days.abs() < NEAR {
        return None;
    }
    let (year, month, day) = civil(days);
    let mut text = format!("{year:+}-{month:02}-{day:02}");
    if let Some((fraction, digits)) = fraction {
        let second = seconds.rem_euclid(DAY_SECONDS);
        text.push_str(&format!("T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60));
        if fraction > 0 {
            text.push_str(&format!(".{fraction:0digits$}", digits = digits as usize));
        }
        text.push_str(if zoned { "Z" } else { "" });
    }
    Some(text)
}

/// Year, month and day of a day counted from 1970, after Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>): eras of 400 years, and years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{Datelike, NaiveDate};
    use datafusion::arrow::array::*;
    use datafusion::arrow::buffer::OffsetBuffer;

    use super::*;

    fn shown(array: ArrayRef) -> Vec<String> {
        let options = FormatOptions::new().with_null("NULL").with_formatter_factory(Some(&Calendar));
        let formatter = match Calendar.create_array_formatter(array.as_ref(), &options, None).unwrap() {
            Some(formatter) => formatter,
            None => ArrayFormatter::try_new(array.as_ref(), &options).unwrap(),
        };
        (0..array.len()).map(|row| formatter.value(row).to_string()).collect()
    }

    #[test]
    fn infinities_have_names() {
        let days = Date32Array::from(vec![Some(i32::MAX), Some(-i32::MAX), None, Some(0)]);
        assert_eq!(shown(Arc::new(days.clone())), ["infinity", "-infinity", "NULL", "1970-01-01"]);
        let micros = TimestampMicrosecondArray::from(vec![i64::MAX, -i64::MAX, 1]).with_timezone("UTC");
        assert_eq!(shown(Arc::new(micros)), ["infinity", "-infinity", "1970-01-01T00:00:00.000001Z"]);
        let field = Arc::new(Field::new_list_field(DataType::Date32, true));
        let list = ListArray::new(field, OffsetBuffer::from_lengths([2, 2]), Arc::new(days), None);
        assert_eq!(shown(Arc::new(list)), ["[infinity, -infinity]", "[NULL, 1970-01-01]"]);
    }

    #[test]
    fn far_years_are_counted() {
        // The last day of PostgreSQL's dates, and the last microsecond before Arrow's end.
        assert_eq!(shown(Arc::new(Date32Array::from(vec![2_145_042_905]))), ["+5874897-12-31"]);
        let last = TimestampMicrosecondArray::from(vec![i64::MAX - 1, 9_223_339_708_800_000_000]);
        assert_eq!(shown(Arc::new(last)), ["+294247-01-10T04:00:54.775806", "+294246-01-01T00:00:00"]);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for days in (-1_000_000..1_000_000).step_by(997) {
            let date = NaiveDate::from_num_days_from_ce_opt(days + 719_163).unwrap();
            let expected = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
            assert_eq!(civil(i64::from(days)), expected);
        }
    }
}
