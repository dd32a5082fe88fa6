//! What the project's policy decides of a change: the first entry whose conditions all hold.

use crate::project::model::{Decide, Policy, Severity};
use crate::repair::action::decide_word;
use crate::verdict::Kind;

/// A plan as a whole.
pub struct Whole<'a> {
    pub rule: &'a str,
    pub severity: Severity,
    /// Rows that it changes.
    pub actions: u64,
    /// Rows of the table; none: not known.
    pub table_rows: Option<u64>,
    /// What is at stake; none: not known.
    pub value: Option<f64>,
}

/// One change.
pub struct Weighed<'a> {
    pub kind: Kind,
    /// Source names of columns that a value is written into, or taken out of.
    pub columns: Vec<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub decide: Decide,
    pub why: String,
}

pub fn decide(policy: &[Policy], whole: &Whole, action: &Weighed) -> Decided {
    match policy.iter().position(|one| fits(one, whole, action)) {
        Some(n) => {
            let decide = policy[n].decide;
            Decided { decide, why: format!("policy {}: {}", n + 1, decide_word(decide)) }
        }
        None => Decided { decide: Decide::Approve(1), why: "no policy fits: one approval".into() },
    }
}

fn fits(one: &Policy, whole: &Whole, action: &Weighed) -> bool {
    let share = |most: f64| whole.table_rows.is_some_and(|rows| rows > 0 && whole.actions as f64 <= most * rows as f64);
    (one.rules.is_empty() || one.rules.iter().any(|rule| rule == whole.rule))
        && (one.kinds.is_empty() || one.kinds.contains(&action.kind))
        && (one.columns.is_empty() || one.columns.iter().any(|column| action.columns.contains(&column.as_str())))
        && one.severity.is_none_or(|severity| severity == whole.severity)
        && one.max_rows.is_none_or(|most| whole.actions <= most)
        && one.max_share.is_none_or(share)
        && one.max_value.is_none_or(|most| whole.value.is_some_and(|value| value <= most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(decide: Decide) -> Policy {
        Policy {
            rules: Vec::new(),
            kinds: Vec::new(),
            columns: Vec::new(),
            severity: None,
            max_rows: None,
            max_share: None,
            max_value: None,
            decide,
        }
    }

    fn whole() -> Whole<'static> {
        Whole { rule: "orders", severity: Severity::Error, actions: 10, table_rows: Some(100), value: Some(5.0) }
    }

    fn action(columns: &[&'static str]) -> Weighed<'static> {
        Weighed { kind: Kind::ValueMismatch, columns: columns.to_vec() }
    }

    #[test]
    fn the_first_that_fits_decides() {
        let never = Policy { columns: vec!["iban".into()], ..policy(Decide::Never) };
        let auto = Policy { max_rows: Some(10), ..policy(Decide::Auto) };
        let both = [never, auto];
        assert_eq!(decide(&both, &whole(), &action(&["amount", "iban"])).decide, Decide::Never);
        assert_eq!(decide(&both, &whole(), &action(&["amount"])).decide, Decide::Auto);
        assert_eq!(decide(&both, &Whole { actions: 11, ..whole() }, &action(&["amount"])).decide, Decide::Approve(1));
    }

    #[test]
    fn what_is_not_known_is_within_no_limit() {
        let share = [Policy { max_share: Some(0.1), ..policy(Decide::Auto) }];
        assert_eq!(decide(&share, &whole(), &action(&[])).decide, Decide::Auto);
        for rows in [None, Some(0), Some(99)] {
            assert_eq!(decide(&share, &Whole { table_rows: rows, ..whole() }, &action(&[])).decide, Decide::Approve(1));
        }
        let value = [Policy { max_value: Some(5.0), ..policy(Decide::Auto) }];
        assert_eq!(decide(&value, &whole(), &action(&[])).decide, Decide::Auto);
        for value_of in [None, Some(5.01)] {
            assert_eq!(decide(&value, &Whole { value: value_of, ..whole() }, &action(&[])).decide, Decide::Approve(1));
        }
    }

    #[test]
    fn without_a_policy_one_person_is_asked() {
        let decided = decide(&[], &whole(), &action(&["amount"]));
        assert_eq!((decided.decide, decided.why.as_str()), (Decide::Approve(1), "no policy fits: one approval"));
    }
}
