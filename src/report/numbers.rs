//! Numbers as people read them: grouped digits, shares that never flatter, durations.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// `5,983,355`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number where there is little room, rounded down: `9,999`, `10k`, `999k`, `1.0M`, `1,234.5M`.
pub fn rough(n: u64) -> String {
    match n {
        0..10_000 => count(n),
        10_000..1_000_000 => format!("{}k", n / 1000),
        _ => format!("{}.{}M", count(n / 1_000_000), n / 100_000 % 10),
    }
}

/// `1 row`, `2 rows`; `noun` is the singular of a word whose plural takes an s.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// The share of `part` in `whole` in percent, rounded down, so that only all is 100 % and only nothing is 0 %.
/// Digits are added while they are all nines: one row in a million stays visible.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 || part >= whole {
        return "100 %".into();
    }
    if part == 0 {
        return "0 %".into();
    }
    let floor = |digits: u32| u128::from(part) * 100 * 10u128.pow(digits) / u128::from(whole);
    if floor(2) == 0 {
        return "<0.01 %".into();
    }
    // 16 digits keep the multiplication within u128: 2^64 * 100 * 10^16 < 2^128.
    let digits = (2..=16).find(|&d| floor(d) + 1 < 100 * 10u128.pow(d)).unwrap_or(16);
    let value = floor(digits);
    let scale = 10u128.pow(digits);
    format!("{}.{:0width$} %", value / scale, value % scale, width = digits as usize)
}

/// `12 ms`, `0.81 s`, `3 min 5 s`, `2 h 10 min`.
pub fn elapsed(ms: u64) -> String {
    match ms {
        0..100 => format!("{ms} ms"),
        100..10_000 => format!("{:.2} s", ms as f64 / 1000.0),
        10_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// How long ago something was, in its largest unit, rounded down: `12 s`, `5 min`, `3 h`, `41 d`. A clock that jumped back says `0 s`.
pub fn age(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    span((now - then).to_std().unwrap_or_default())
}

/// A time that has passed, in its largest unit: `3 d`.
pub fn span(passed: Duration) -> String {
    match passed.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", count(seconds / 86_400)),
    }
}

/// A size in units of 1024: `512 B`, `1.5 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let all: Vec<String> = [0, 7, 999, 1000, 5_983_355, u64::MAX].into_iter().map(count).collect();
        assert_eq!(all, ["0", "7", "999", "1,000", "5,983,355", "18,446,744,073,709,551,615"]);
        let rough: Vec<String> = [9999, 10_000, 999_999, 1_050_000, 1_234_567_890].into_iter().map(rough).collect();
        assert_eq!(rough, ["9,999", "10k", "999k", "1.0M", "1,234.5M"]);
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(0, "row"), "0 rows");
    }

    #[rstest::rstest]
    #[case(5_983_355, 6_001_215, "99.70 %")]
    #[case(1, 3, "33.33 %")]
    #[case(2, 3, "66.66 %")]
    #[case(0, 3, "0 %")]
    #[case(3, 3, "100 %")]
    #[case(0, 0, "100 %")]
    #[case(1, 1_000_000, "<0.01 %")]
    #[case(9_999, 10_000, "99.990 %")]
    #[case(59_999_999, 60_000_000, "99.999998 %")]
    #[case(u64::MAX - 1, u64::MAX, "99.9999999999999999 %")]
    fn shares_never_round_up(#[case] part: u64, #[case] whole: u64, #[case] expected: &str) {
        assert_eq!(share(part, whole), expected);
    }

    #[test]
    fn ages() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let ages = [0, 59, 3599, 86_399, 86_400 * 1234].map(|seconds| age(at(0), at(seconds)));
        assert_eq!(ages, ["0 s", "59 s", "59 min", "23 h", "1,234 d"]);
        assert_eq!(age(at(9), at(0)), "0 s");
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!([12, 812, 61_000, 7_800_000].map(elapsed), ["12 ms", "0.81 s", "1 min 1 s", "2 h 10 min"]);
        assert_eq!([0, 1023, 1536, 1 << 40].map(bytes), ["0 B", "1023 B", "1.5 KiB", "1.0 TiB"]);
    }
}
