//! Planted differences over unique keys: what was planted is what is reported, and nothing else.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::arrays;
use super::case::{Case, cases};
use super::check;
use super::runner::{Tables, Way};
use super::value::{Canon, Mode, Value};

/// Under unique keys: rows deleted, added and changed at random places are reported with their kind, key, changed columns and
/// exact cells of both sides, each once. The other rows are equal.
#[test]
fn what_is_planted_is_what_is_reported() {
    check(30, (cases(14), vec(any::<(u8, u8, u8)>(), 1..8)), |(case, plants)| {
        let (case, planted) = plant(case, &plants);
        let found = Tables::write(&case).reconcile(&Way::default())?;
        let mut reported = BTreeMap::new();
        for divergence in &found.verdict.divergences {
            let known = reported.insert(divergence.key.clone(), (divergence.kind.clone(), divergence.changed.clone()));
            prop_assert!(known.is_none(), "{:?} is reported twice", divergence.key);
        }
        prop_assert_eq!(&reported, &planted);
        let missing = |kind: &str| planted.values().filter(|(k, _)| k == kind).count();
        let changed = missing("value_mismatch");
        let untouched = case.rows[0].len() - missing("missing_in_target") - changed;
        prop_assert_eq!(found.verdict.equal as usize, untouched);
        // The cells of both sides, each as its own type holds it.
        let mut own = found.own.clone();
        let mut expected = Vec::new();
        for (key, (kind, _)) in &planted {
            let cells = |side: usize| -> Vec<Value> {
                let row = case.rows[side].iter().find(|row| vec![case.columns[0].canon(&row[0])] == *key);
                let typed = |i: usize| match row {
                    Some(row) => arrays::values(&arrays::array(&case.columns[i].types[side], &row[i..=i])).remove(0),
                    None => Value::Null,
                };
                (1..case.columns.len()).map(typed).collect()
            };
            prop_assert!(["value_mismatch", "missing_in_target", "missing_in_source"].contains(&kind.as_str()));
            expected.push([cells(0), cells(1)]);
        }
        let exact = |rows: &mut Vec<[Vec<Value>; 2]>| -> Vec<[Vec<Canon>; 2]> {
            let exact = |cells: &Vec<Value>| cells.iter().map(|v| v.canon(Mode::Exact)).collect();
            let mut canon: Vec<[Vec<Canon>; 2]> = rows.iter().map(|[s, t]| [exact(s), exact(t)]).collect();
            canon.sort();
            canon
        };
        prop_assert_eq!(exact(&mut own), exact(&mut expected));
        Ok(())
    });
}

type Planted = BTreeMap<Vec<Canon>, (String, Option<Vec<String>>)>;

/// Gives the source's rows unique keys, makes the target their copy, and plants; no tolerances.
fn plant(mut case: Case, plants: &[(u8, u8, u8)]) -> (Case, Planted) {
    case.keys = 1;
    case.columns.iter_mut().for_each(|column| column.near = None);
    case.columns[0].types = [0, 1].map(|_| datafusion::arrow::datatypes::DataType::Int64);
    case.columns[0].mode = Mode::Exact;
    for (id, row) in case.rows[0].iter_mut().enumerate() {
        row[0] = Value::Num(id as i128, 0);
    }
    case.rows[1] = case.rows[0].clone();
    let mut planted = Planted::new();
    for (at, what, column) in plants {
        let ids = case.rows[0].len();
        if ids == 0 {
            break;
        }
        let id = usize::from(*at) % ids;
        let key = vec![Value::Num(id as i128, 0).canon(Mode::Exact)];
        if planted.contains_key(&key) {
            continue;
        }
        let of = |side: usize, case: &Case| case.rows[side].iter().position(|row| row[0] == Value::Num(id as i128, 0));
        let kind = match what % 3 {
            0 => {
                let row = of(1, &case).expect("planted once");
                case.rows[1].remove(row);
                ("missing_in_target".to_string(), None)
            }
            1 => {
                // A row that only the target has: a new key.
                let mut row = case.rows[1][of(1, &case).expect("planted once")].clone();
                let new = Value::Num(1_000 + id as i128, 0);
                if planted.contains_key(&vec![new.canon(Mode::Exact)]) {
                    continue;
                }
                row[0] = new.clone();
                case.rows[1].push(row);
                planted.insert(vec![new.canon(Mode::Exact)], ("missing_in_source".to_string(), None));
                continue;
            }
            _ if case.columns.len() == 1 => continue,
            _ => {
                let i = 1 + usize::from(*column) % (case.columns.len() - 1);
                let t = of(1, &case).expect("planted once");
                // From a value to NULL, or from NULL to the first other value of the column.
                let old = case.rows[1][t][i].clone();
                let other = case.rows[0]
                    .iter()
                    .map(|row| &row[i])
                    .find(|v| case.columns[i].canon(v) != case.columns[i].canon(&old));
                let new = match (other, &old) {
                    (Some(other), _) => other.clone(),
                    (None, Value::Null) => continue,
                    (None, _) => Value::Null,
                };
                case.rows[1][t][i] = new;
                ("value_mismatch".to_string(), Some(vec![case.columns[i].name.clone()]))
            }
        };
        planted.insert(key, kind);
    }
    (case, planted)
}
