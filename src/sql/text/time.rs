//! Times in untyped text: ISO 8601 with `T` or one blank. Years have four digits, 0001 to 9999.
//!
//! | Text | |
//! |---|---|
//! | date | `2024-02-29` |
//! | time | `23:59`, `23:59:59`, `23:59:59.123`; a fraction of any length; no 24:00, no second 60 |
//! | timestamp | a date, or date `T` time, or date, a blank and time |
//! | infinity | `infinity`, `-infinity`, as PostgreSQL and DuckDB write them: of dates, and of timestamps in microseconds |
//! | zone | `Z`, `+01:00`, `+0100`, `+01` after a timestamp, for zoned types only |

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::datatypes::TimeUnit;

use crate::sql::common::per_second;
use crate::sql::zone::Zone;

const DAY_SECONDS: i64 = 86_400;

/// A wall clock's reading: seconds since 1970-01-01T00:00, and the digits of the fraction.
struct Reading<'a> {
    seconds: i64,
    fraction: &'a [u8],
}

/// Days since 1970-01-01.
pub(super) fn date(text: &str) -> Option<i64> {
    let mut rest = text.as_bytes();
    let days = take_date(&mut rest)?;
    rest.is_empty().then_some(days)
}

/// Ticks since midnight.
pub(super) fn time_of_day(text: &str, unit: TimeUnit) -> Option<i64> {
    let mut rest = text.as_bytes();
    let reading = take_time(&mut rest)?;
    if rest.is_empty() { ticks(&reading, unit) } else { None }
}

/// Ticks since 1970 of a type without a zone.
pub(super) fn timestamp(text: &str, unit: TimeUnit) -> Option<i64> {
    let mut rest = text.as_bytes();
    let reading = take_timestamp(&mut rest)?;
    if rest.is_empty() { ticks(&reading, unit) } else { None }
}

/// Ticks since 1970 UTC. A text without a zone is read as local time of `zone`, if there is one.
pub(super) fn zoned_timestamp(text: &str, unit: TimeUnit, zone: Option<&Zone>) -> Option<i64> {
    let mut rest = text.as_bytes();
    let mut reading = take_timestamp(&mut rest)?;
    let offset = match (rest, zone) {
        ([], Some(zone)) => zone.offset_at_local(reading.seconds)?,
        ([], None) => return None,
        // A date alone has no zone.
        _ if text.len() - rest.len() == 10 => return None,
        (written, _) => offset(written)?,
    };
    reading.seconds -= offset;
    ticks(&reading, unit)
}

/// 1 or -1 for the infinities, which stand for the greatest number of their type, and its negative.
pub(super) fn infinite(text: &str) -> Option<i64> {
    match text {
        "infinity" => Some(1),
        "-infinity" => Some(-1),
        _ => None,
    }
}

/// Seconds east of UTC: `Z`, `+hh:mm`, `+hhmm`, `+hh`.
pub(in crate::sql) fn offset(text: &[u8]) -> Option<i64> {
    if matches!(text, b"Z" | b"z") {
        return Some(0);
    }
    let ([sign @ (b'+' | b'-'), digits @ ..], true) = (text, text.is_ascii()) else { return None };
    let (hours, minutes) = match digits {
        [h1, h2] => ([*h1, *h2], [b'0', b'0']),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => ([*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let seconds = two(hours, 23)? * 3600 + two(minutes, 59)? * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
}

fn take_timestamp<'a>(rest: &mut &'a [u8]) -> Option<Reading<'a>> {
    let days = take_date(rest)?;
    match *rest {
        [b'T' | b't' | b' ', after @ ..] => {
            *rest = after;
            let time = take_time(rest)?;
            Some(Reading { seconds: days * DAY_SECONDS + time.seconds, ..time })
        }
        _ => Some(Reading { seconds: days * DAY_SECONDS, fraction: &[] }),
    }
}

fn take_date(rest: &mut &[u8]) -> Option<i64> {
    let ([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], after) = rest.split_first_chunk::<10>()? else { return None };
    let year = two([*y1, *y2], 99)? * 100 + two([*y3, *y4], 99)?;
    let (month, day) = (two([*m1, *m2], 12)?, two([*d1, *d2], 31)?);
    let date =
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    *rest = after;
    // Year 0 is not among those that ISO 8601 has without agreement.
    (year > 0).then(|| i64::from(date.num_days_from_ce()) - 719_163)
}

fn take_time<'a>(rest: &mut &'a [u8]) -> Option<Reading<'a>> {
    let ([h1, h2, b':', m1, m2], after) = rest.split_first_chunk::<5>()? else { return None };
    *rest = after;
    let mut time = Reading { seconds: two([*h1, *h2], 23)? * 3600 + two([*m1, *m2], 59)? * 60, fraction: &[] };
    if let [b':', s1, s2, after @ ..] = *rest {
        time.seconds += two([*s1, *s2], 59)?;
        *rest = after;
        if let [b'.', after @ ..] = *rest {
            let end = after.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
            (time.fraction, *rest) = after.split_at(end);
            if time.fraction.is_empty() {
                return None;
            }
        }
    }
    Some(time)
}

/// Two digits, up to `most`.
fn two(digits: [u8; 2], most: i64) -> Option<i64> {
    let [tens, ones] = digits;
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    let number = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    (number <= most).then_some(number)
}

/// The reading in ticks of `unit`, unless digits finer than it are not zeros, or it does not fit.
fn ticks(reading: &Reading, unit: TimeUnit) -> Option<i64> {
    let mut fraction = 0;
    let mut tick = per_second(unit);
    for digit in reading.fraction {
        tick /= 10;
        if tick == 0 && *digit != b'0' {
            return None;
        }
        fraction += tick * i64::from(digit - b'0');
    }
    // Through 128 bits: the earliest instant's whole seconds alone may not fit.
    i64::try_from(i128::from(reading.seconds) * i128::from(per_second(unit)) + i128::from(fraction)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};

    #[test]
    fn dates_are_iso() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2024-02-29"), Some(19_782));
        assert_eq!(date("0001-01-01"), Some(-719_162));
        assert_eq!(date("9999-12-31"), Some(2_932_896));
        for text in [
            "0000-01-01",
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-1-1",
            "24-01-01",
            "20240101",
            " 2024-01-01",
            "2024-01-01 ",
            "2024/01/01",
            "-024-01-01",
            "2024-01-01T",
            "２０24-01-01",
            "",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn times_end_before_midnight() {
        assert_eq!(time_of_day("00:00", Second), Some(0));
        assert_eq!(time_of_day("23:59:59.999", Millisecond), Some(86_399_999));
        assert_eq!(time_of_day("01:02:03.4", Microsecond), Some(3_723_400_000));
        assert_eq!(time_of_day("01:02:03.4000000000", Millisecond), Some(3_723_400));
        for text in ["24:00", "23:60", "23:59:60", "1:00", "01:00:0", "01:00:00.", "01:00:00.5", "01:00Z", "01", ""] {
            assert_eq!(time_of_day(text, Second), None, "{text}");
        }
    }

    #[test]
    fn timestamps_have_a_t_or_a_blank() {
        for text in ["2024-02-29T12:30:00", "2024-02-29 12:30:00", "2024-02-29 12:30", "2024-02-29T12:30:00.000"] {
            assert_eq!(timestamp(text, Second), Some(1_709_209_800), "{text}");
        }
        assert_eq!(timestamp("2024-02-29", Second), Some(1_709_164_800));
        assert_eq!(timestamp("1969-12-31T23:59:59.5", Millisecond), Some(-500));
        assert_eq!(timestamp("1677-09-21T00:12:43.145224192", Nanosecond), Some(i64::MIN));
        for text in [
            "1677-09-21T00:12:43.145224191",
            "2262-04-11T23:47:16.854775808",
            "9999-01-01",
            "2024-02-29  12:30",
            "2024-02-29T12:30:00Z",
            "2024-02-29T12:30:00+01:00",
            "2024-02-29T",
            "2024-02-29_12:30",
            "2024-02-29T12:30:00,5",
        ] {
            assert_eq!(timestamp(text, Nanosecond), None, "{text}");
        }
        assert_eq!(timestamp("2024-02-29T12:30:00.001", Second), None);
    }

    #[test]
    fn zones_are_for_zoned_types() {
        for text in [
            "2024-02-29T12:30:00Z",
            "2024-02-29T13:30:00+01:00",
            "2024-02-29T13:30:00+0100",
            "2024-02-29 13:30+01",
            "2024-02-29T07:00:00-05:30",
        ] {
            assert_eq!(zoned_timestamp(text, Second, None), Some(1_709_209_800), "{text}");
        }
        for text in [
            "2024-02-29T12:30:00",
            "2024-02-29",
            "2024-02-29Z",
            "2024-02-29T12:30:00 Z",
            "2024-02-29T12:30+1",
            "2024-02-29T12:30+24:00",
            "2024-02-29T12:30+01:60",
            "2024-02-29T12:30 Europe/Berlin",
        ] {
            assert_eq!(zoned_timestamp(text, Second, None), None, "{text}");
        }
        let berlin = Zone::parse("Europe/Berlin").unwrap_or_else(|e| panic!("{e}"));
        let read = |text| zoned_timestamp(text, Second, Some(&berlin));
        assert_eq!(read("2024-02-29 13:30"), Some(1_709_209_800));
        assert_eq!(read("2024-07-01T00:00:00"), Some(1_719_784_800));
        assert_eq!(read("2024-07-01"), Some(1_719_784_800));
        assert_eq!(read("2024-02-29T12:30:00Z"), Some(1_709_209_800));
        // Skipped in spring, twice in autumn.
        assert_eq!(read("2024-03-31T02:30:00"), None);
        assert_eq!(read("2024-10-27T02:30:00"), None);
    }
}
