//! What changes from run to run, taken out of what a command printed: run ids, times, the folder.

use std::path::Path;

/// The folder that the documentation shows instead of a temporary one.
const FOLDER: &str = "/home/ada/demo";

/// Keys of JSON whose value is another each time.
const VARYING: [&str; 4] = ["\"elapsed_ms\":", "\"started_at\":", "\"rows_per_second\":", "\"bytes_per_second\":"];

pub fn with_stable_folder(printed: &str, dir: &Path) -> String {
    let dir = dir.to_str().unwrap();
    // Paths in plans begin without a slash.
    printed.replace(dir, FOLDER).replace(dir.trim_start_matches('/'), FOLDER.trim_start_matches('/'))
}

/// Whether `shown`, in which a line `...` stands for any lines, is what was printed.
pub fn matches(shown: &str, printed: &str) -> bool {
    let normal = |text: &str| text.lines().map(normal).collect::<Vec<_>>();
    fits(&normal(shown), &normal(printed))
}

fn fits(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => (0..=printed.len()).any(|n| fits(rest, &printed[n..])),
        (Some((first, shown)), Some((line, printed))) => first == line && fits(shown, printed),
        _ => false,
    }
}

/// A line without run ids and times; columns are as wide as they need to be, so blanks and rulers are not compared.
fn normal(line: &str) -> String {
    let line = without_plans(&without_ids(line));
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut out: Vec<&str> = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let unit = words.get(i + 1).map(|unit| unit.trim_end_matches(','));
        let before = i.checked_sub(1).map(|i| words[i]);
        let time = matches!(unit, Some("s" | "ms" | "min")) && word.parse::<f64>().is_ok();
        let after_time = before.is_some_and(|before| before.parse::<f64>().is_ok());
        // `2026-03-01 09:00:00Z`, as the ledger shows it.
        let instant = |word: &str| word.len() == 9 && word.ends_with('Z') && word.matches(':').count() == 2;
        out.push(match *word {
            _ if time || instant(word) || unit.is_some_and(instant) => "TIME",
            "s" | "ms" | "min" if after_time => "UNIT",
            word if is_clock(word) => "TIME",
            _ if unit.is_some_and(is_clock) => "DAY",
            _ if before.is_some_and(|before| VARYING.contains(&before)) => "TIME",
            word if word.len() > 1 && word.bytes().all(|byte| byte == b'-') => "--",
            word => word,
        });
    }
    out.join(" ")
}

/// `19:05:00Z`, behind a day.
fn is_clock(word: &str) -> bool {
    let word = word.trim_end_matches(',');
    let like = "00:00:00Z";
    word.len() == like.len()
        && word.bytes().zip(like.bytes()).all(|(byte, like)| byte == like || like == b'0' && byte.is_ascii_digit())
}

/// Digests of plans as `PLAN`.
fn without_plans(line: &str) -> String {
    let mut out = String::new();
    for (n, part) in line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).enumerate() {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_plan = [12, 64].contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let named = n == 0 || ["plan ", "plan=", "back ", "show ", "apply "].iter().any(|word| out.ends_with(word));
        match is_plan && named {
            true => out.push_str(&format!("PLAN{}", &part[digits.len()..])),
            false => out.push_str(part),
        }
    }
    out
}

/// UUIDs as `ID`.
fn without_ids(line: &str) -> String {
    const LENGTH: usize = 36;
    let is_id = |text: &str| {
        text.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        match rest.get(..LENGTH).filter(|text| is_id(text)) {
            Some(_) => {
                out.push_str("ID");
                rest = &rest[LENGTH..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

#[test]
fn times_and_ids_make_no_difference_and_values_do() {
    let id = "01a20735-6ea9-7607-8a1e-c4211d5f1016";
    assert!(matches(
        &format!("run {id}, 0.34 s\nrule  12  89 ms"),
        &format!("run {}, 1 ms\nrule   12  1.2 s", id.replace('a', "b"))
    ));
    assert!(matches("a\n...\nz", "a\nb\nc\nz"));
    assert!(!matches("rule  12  89 ms", "rule  13  89 ms"));
    assert!(!matches("a\n...\nz", "a\nb"));
}
