//! What may explain divergences, and how it is said: [`CauseKind`], and the [`Cause`] that one group of divergences has.

use serde::Serialize;

use crate::side::Side;
use crate::verdict::Kind;

/// An explanation, with what it needs to be exact. Its JSON is a contract (docs/reference, page "Causes").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum CauseKind {
    /// The cells of two columns stand in each other's place.
    Swapped,
    /// NULL on one side, always the same value on the other. `value` is as text; empty text is empty.
    NullAgainst {
        null_in: Side,
        value: String,
    },
    TrailingBlanks {
        more_in: Side,
    },
    LeadingBlanks {
        more_in: Side,
    },
    /// At both ends, or some on each side.
    BlanksAround,
    /// Inside: doubled blanks, or others than plain ones.
    BlanksInside,
    Case,
    /// The same characters, composed or decomposed (`canonical`), or only compatible ones (`compatible`).
    UnicodeForm {
        form: &'static str,
    },
    /// UTF-8 that was read as another encoding.
    Mojibake {
        garbled_in: Side,
        read_as: &'static str,
    },
    /// Whatever is not ASCII was replaced.
    LostCharacters {
        lost_in: Side,
        replaced_by: char,
    },
    CutText {
        cut_in: Side,
        characters: u64,
    },
    /// Two texts of one number.
    NumberForm,
    Sign,
    /// target = source + `by`; of times, `by` is a text like `2 h`.
    Offset {
        by: String,
        /// Of times: a multiple of a quarter of an hour, as between two time zones.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        time_zone: bool,
    },
    /// target = source * `by`, which is a number or, as `1/100`, a fraction.
    Factor {
        by: String,
    },
    /// To a multiple of `to`: `0.1`, `100`, or `second` of times.
    Rounded {
        rounded_in: Side,
        to: String,
    },
    /// Likewise, towards zero; of times, into the past.
    Truncated {
        cut_in: Side,
        to: String,
    },
    /// The target has what the source had in an earlier run.
    Stale {
        earlier_run: String,
    },
    /// All rows that share a value.
    SameValue {
        value: String,
    },
    /// Keys without a gap.
    ConsecutiveKeys {
        from: String,
        to: String,
    },
    /// All that diverge between two values.
    Range {
        from: String,
        to: String,
    },
}

/// A group of divergences, and what explains it.
#[derive(Debug, Clone, Serialize)]
pub struct Cause {
    #[serde(flatten)]
    pub cause: CauseKind,
    /// Of which kind all of them are.
    pub kind: Kind,
    /// Of rows that are missing, or left over: where they stand.
    pub side: Option<Side>,
    pub columns: Vec<String>,
    /// Rows of the divergence table that it explains; no other group has the same cells.
    pub rows: u64,
    /// Of so many: the mismatches of the column; or the rows that are missing, or left over, on that side.
    pub of: u64,
    /// The same for people.
    pub sentence: String,
    /// Selects exactly these rows of `divergences.RULE`.
    pub predicate: String,
}

/// What no group explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unexplained {
    pub kind: Kind,
    /// Of rows that are missing, or left over: where they stand.
    pub side: Option<Side>,
    /// Of mismatches.
    pub column: Option<String>,
    pub rows: u64,
    pub of: u64,
}

impl CauseKind {
    /// `l_discount` is 0.01 higher in target.
    pub fn words(&self, columns: &[String]) -> String {
        let names = columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        match self {
            Self::Swapped => format!("{names} are swapped"),
            Self::NullAgainst { null_in, value } if value.is_empty() => {
                format!("{names} is NULL in {null_in}, and empty in {}", null_in.other())
            }
            Self::NullAgainst { null_in, value } => {
                format!("{names} is NULL in {null_in}, and {value} in {}", null_in.other())
            }
            Self::TrailingBlanks { more_in } => format!("{names} has more blanks at its end in {more_in}"),
            Self::LeadingBlanks { more_in } => format!("{names} has more blanks at its beginning in {more_in}"),
            Self::BlanksAround => format!("{names} differs only in blanks at its ends"),
            Self::BlanksInside => format!("{names} differs only in blanks between words"),
            Self::Case => format!("{names} differs only in upper and lower case"),
            Self::UnicodeForm { form: "canonical" } => {
                format!("{names} is the same text in another Unicode form (NFC against NFD)")
            }
            Self::UnicodeForm { .. } => format!("{names} is the same text but for compatible characters (NFKC)"),
            Self::Mojibake { garbled_in, read_as } => {
                format!("{names} is garbled in {garbled_in}: UTF-8 that was read as {read_as}")
            }
            Self::LostCharacters { lost_in, replaced_by } => {
                format!("{names} has {replaced_by} for all that is not ASCII in {lost_in}")
            }
            Self::CutText { cut_in, characters } => format!("{names} is cut to {characters} characters in {cut_in}"),
            Self::NumberForm => format!("{names} is the same number, written differently"),
            Self::Sign => format!("{names} has the other sign"),
            Self::Offset { by, time_zone } => offset(&names, by, *time_zone, self.is_time()),
            Self::Factor { by } => match by.strip_prefix("1/") {
                Some(by) => format!("{names} is {by} times as large in source"),
                None => format!("{names} is {by} times as large in target"),
            },
            Self::Rounded { rounded_in, to } => format!("{names} is rounded to {} in {rounded_in}", unit(to)),
            Self::Truncated { cut_in, to } => format!("{names} is cut to {} in {cut_in}", unit(to)),
            Self::Stale { earlier_run } => {
                format!("{names} is stale in target: what source had in the run {earlier_run}")
            }
            Self::SameValue { value } => format!("{names} is {value}"),
            Self::ConsecutiveKeys { from, to } => format!("{names} from {from} to {to}, without a gap"),
            Self::Range { from, to } => format!("all that diverge with {names} from {from} to {to}"),
        }
    }

    /// Whether an offset is one of times: they have a unit.
    fn is_time(&self) -> bool {
        matches!(self, Self::Offset { by, .. } if by.contains(' '))
    }
}

fn offset(names: &str, by: &str, time_zone: bool, time: bool) -> String {
    let (amount, less) = match by.strip_prefix('-') {
        Some(amount) => (amount, true),
        None => (by, false),
    };
    let word = match (time, less) {
        (false, false) => "higher",
        (false, true) => "lower",
        (true, false) => "later",
        (true, true) => "earlier",
    };
    let zone = if time_zone { ", exactly: as between two time zones" } else { "" };
    format!("{names} is {amount} {word} in target{zone}")
}

/// A number is a multiple; a unit of time a word.
fn unit(to: &str) -> String {
    if to.starts_with(|c: char| c.is_ascii_digit()) { format!("a multiple of {to}") } else { format!("the {to}") }
}

/// `5,955 of 11,909 mismatches: ...`
pub fn sentence((kind, side): (Kind, Side), rows: u64, of: u64, words: &str) -> String {
    let what = match kind {
        Kind::ValueMismatch => "mismatches",
        Kind::MissingInTarget => "rows missing in target",
        Kind::MissingInSource => "rows missing in source",
        Kind::DuplicateKey if side == Side::Source => "duplicates in source",
        Kind::DuplicateKey => "duplicates in target",
        Kind::SchemaMismatch => "schema mismatches",
        Kind::RuleViolation => "violations",
    };
    format!("{} of {} {what}: {words}", grouped(rows), grouped(of))
}

/// `11,909`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().flat_map(std::str::from_utf8).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_in_words() {
        let of = |cause: CauseKind| cause.words(&["l_discount".into()]);
        let offset = |by: &str, time_zone| of(CauseKind::Offset { by: by.into(), time_zone });
        let said = sentence((Kind::ValueMismatch, Side::Source), 5955, 11_909, &offset("0.01", false));
        assert_eq!(said, "5,955 of 11,909 mismatches: `l_discount` is 0.01 higher in target");
        assert_eq!(offset("-3", false), "`l_discount` is 3 lower in target");
        assert_eq!(offset("2 h", true), "`l_discount` is 2 h later in target, exactly: as between two time zones");
        assert_eq!(offset("-1 d", false), "`l_discount` is 1 d earlier in target");
        assert_eq!(of(CauseKind::Factor { by: "1/100".into() }), "`l_discount` is 100 times as large in source");
        let rounded = |to: &str| of(CauseKind::Rounded { rounded_in: Side::Target, to: to.into() });
        assert_eq!(rounded("0.1"), "`l_discount` is rounded to a multiple of 0.1 in target");
        assert_eq!(rounded("second"), "`l_discount` is rounded to the second in target");
    }

    #[test]
    fn a_cause_in_json() {
        let cause = CauseKind::Offset { by: "0.01".into(), time_zone: false };
        assert_eq!(serde_json::to_string(&cause).unwrap(), r#"{"cause":"offset","by":"0.01"}"#);
    }
}
