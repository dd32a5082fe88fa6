//! What the project's policy decides of a change: the first entry whose conditions all hold.

use crate::project::model::{Decide, Policy, Severity};
use crate::repair::action::decide_word;
use crate::verdict::Kind;

/// A plan as a whole.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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

/// A column that the policy names for this rule in other letters than the table has it: it would guard nothing, and nobody would see. By
/// the number of the entry, the name there, and the name in the table.
pub fn misnamed<'a>(policy: &'a [Policy], rule: &str, columns: &'a [String]) -> Option<(usize, &'a str, &'a str)> {
    let of_rule = |one: &Policy| one.rules.is_empty() || one.rules.iter().any(|name| name == rule);
    (1..).zip(policy).filter(|(_, one)| of_rule(one)).find_map(|(n, one)| {
        let unknown = one.columns.iter().filter(|name| !columns.contains(name));
        unknown.flat_map(|name| columns.iter().map(move |column| (name, column))).find_map(|(name, column)| {
            let near = name.to_lowercase() == column.to_lowercase() && !one.columns.contains(column);
            near.then_some((n, name.as_str(), column.as_str()))
        })
    })
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
    use proptest::prelude::*;

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
    fn a_column_in_other_letters_is_told() {
        let columns = ["id".to_string(), "iban".to_string()];
        let named = |rules: &[&str], name: &str| {
            let rules = rules.iter().map(|rule| rule.to_string()).collect();
            let both = [policy(Decide::Auto), Policy { rules, columns: vec![name.into()], ..policy(Decide::Never) }];
            misnamed(&both, "orders", &columns).map(|(n, name, near)| (n, name.to_string(), near.to_string()))
        };
        assert_eq!(named(&[], "IBAN"), Some((2, "IBAN".into(), "iban".into())));
        assert_eq!(named(&["orders"], "Iban").map(|told| told.0), Some(2));
        // Another rule's, or a column that only other tables have.
        for (rules, name) in [(&["customers"][..], "IBAN"), (&[], "phone"), (&[], "iban")] {
            assert_eq!(named(rules, name), None);
        }
        let both = [Policy { columns: vec!["IBAN".into(), "iban".into()], ..policy(Decide::Never) }];
        assert_eq!(misnamed(&both, "orders", &columns), None, "one of the two is this table's");
    }

    #[test]
    fn without_a_policy_one_person_is_asked() {
        let decided = decide(&[], &whole(), &action(&["amount"]));
        assert_eq!((decided.decide, decided.why.as_str()), (Decide::Approve(1), "no policy fits: one approval"));
    }

    /// One that looks random: any condition may be there or not.
    fn any_policy() -> impl Strategy<Value = Policy> {
        let names = |known: &'static [&'static str]| {
            proptest::sample::subsequence(known, 0..=1)
                .prop_map(|names| names.into_iter().map(str::to_string).collect::<Vec<_>>())
        };
        let kinds = proptest::sample::subsequence(&Kind::ALL[..], 0..=2);
        let severity = proptest::option::of(prop_oneof![Just(Severity::Error), Just(Severity::Critical)]);
        let limits = (
            proptest::option::of(0..20u64),
            proptest::option::of((0..=20u32).prop_map(|n| f64::from(n) / 20.0)),
            proptest::option::of((0..20u32).prop_map(f64::from)),
        );
        let decide = prop_oneof![Just(Decide::Auto), (1..4u32).prop_map(Decide::Approve), Just(Decide::Never)];
        (names(&["orders", "customers"]), kinds, names(&["amount", "iban"]), severity, limits, decide).prop_map(
            |(rules, kinds, columns, severity, (max_rows, max_share, max_value), decide)| Policy {
                rules,
                kinds,
                columns,
                severity,
                max_rows,
                max_share,
                max_value,
                decide,
            },
        )
    }

    fn any_whole() -> impl Strategy<Value = Whole<'static>> {
        let severity = prop_oneof![Just(Severity::Error), Just(Severity::Critical)];
        let (rows, value) = (proptest::option::of(0..40u64), proptest::option::of((0..20u32).prop_map(f64::from)));
        (0..20u64, severity, rows, value).prop_map(|(actions, severity, table_rows, value)| Whole {
            rule: "orders",
            severity,
            actions,
            table_rows,
            value,
        })
    }

    fn any_action() -> impl Strategy<Value = Weighed<'static>> {
        let columns = proptest::sample::subsequence(&["id", "amount", "iban"][..], 0..=3);
        (proptest::sample::select(&Kind::ALL[..]), columns).prop_map(|(kind, columns)| Weighed { kind, columns })
    }

    proptest! {
        #[test]
        fn one_more_in_front_never_makes_it_more_lenient_than_itself(
            front in any_policy(), rest in proptest::collection::vec(any_policy(), 0..4), whole in any_whole(), action in any_action(),
        ) {
            let (without, with) = (decide(&rest, &whole, &action), decide(&[std::slice::from_ref(&front), &rest[..]].concat(), &whole, &action));
            prop_assert!(with.decide >= without.decide.min(front.decide));
            if front.decide == Decide::Never {
                prop_assert!(with.decide >= without.decide);
            }
        }

        #[test]
        fn what_is_allowed_by_itself_is_within_every_limit_of_a_policy_that_says_so(
            policy in proptest::collection::vec(any_policy(), 0..4), whole in any_whole(), action in any_action(),
        ) {
            let within = |one: &Policy| {
                one.decide == Decide::Auto
                    && one.max_rows.is_none_or(|most| whole.actions <= most)
                    && one.max_share.is_none_or(|most| {
                        let share = whole.table_rows.map_or(f64::INFINITY, |rows| whole.actions as f64 / rows as f64);
                        share <= most + 1e-9
                    })
                    && one.max_value.is_none_or(|most| whole.value.unwrap_or(f64::INFINITY) <= most)
            };
            if decide(&policy, &whole, &action).decide == Decide::Auto {
                prop_assert!(policy.iter().any(within));
            }
        }

        #[test]
        fn a_larger_plan_of_which_less_is_known_is_never_more_lenient_where_limits_are_of_auto_alone(
            limits in any_policy(), more in 0..20u64, whole in any_whole(), action in any_action(),
        ) {
            let policy = [Policy { decide: Decide::Auto, ..limits }];
            let known = decide(&policy, &whole, &action).decide;
            let larger = Whole { actions: whole.actions + more, ..whole };
            prop_assert!(decide(&policy, &larger, &action).decide >= known);
            let unknown = Whole { table_rows: None, value: None, ..larger };
            prop_assert!(decide(&policy, &unknown, &action).decide >= known);
        }
    }
}
