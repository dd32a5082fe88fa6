//! In which order rows are changed: one that takes over a unique value waits for the one that gives it up, a row waits for the
//! row that it refers to. What waits for itself in a circle is refused.

use std::collections::HashMap;

use crate::dataset::{Image, Writable};

/// One change, as far as the order needs it.
pub struct Step<'a> {
    pub before: Option<&'a Image>,
    pub after: Option<&'a Image>,
}

/// Which change has a value.
type Holders<'a> = HashMap<Vec<&'a str>, usize>;

/// For each change the step that it is in, from 0; or why it cannot be done.
pub fn order(writable: &Writable, steps: &[Step<'_>]) -> Vec<Result<u32, String>> {
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    let mut refused: Vec<Option<String>> = vec![None; steps.len()];
    for unique in &writable.uniques {
        let names = || names(writable, &unique.columns);
        let (mut gives, mut takes): (Holders<'_>, Holders<'_>) = Default::default();
        for (n, step) in steps.iter().enumerate() {
            if let Some(value) = given_up(step, &unique.columns) {
                gives.insert(value, n);
            }
        }
        for (n, step) in steps.iter().enumerate() {
            let Some(value) = taken(step, &unique.columns) else { continue };
            if let Some(giver) = gives.get(&value).filter(|giver| **giver != n) {
                waits[n].push(*giver);
            }
            if takes.insert(value, n).is_some() {
                refused[n] = Some(format!("another row of the plan gets the same {}, which is unique", names()));
            }
        }
    }
    for parent in &writable.parents {
        let (mut made, mut gone): (Holders<'_>, Holders<'_>) = Default::default();
        for (n, step) in steps.iter().enumerate() {
            if let Some(value) = taken(step, &parent.to) {
                made.insert(value, n);
            }
            if let Some(value) = given_up(step, &parent.to) {
                gone.insert(value, n);
            }
        }
        for (n, step) in steps.iter().enumerate() {
            // Who refers to a row waits for it; a row that goes waits for those that refer to it.
            if let Some(maker) = taken(step, &parent.columns).and_then(|value| made.get(&value)).filter(|m| **m != n) {
                waits[n].push(*maker);
            }
            if let Some(goer) = given_up(step, &parent.columns).and_then(|value| gone.get(&value)).filter(|g| **g != n)
            {
                waits[*goer].push(n);
            }
        }
    }
    levels(&waits, refused)
}

fn names(writable: &Writable, columns: &[usize]) -> String {
    columns.iter().map(|n| writable.columns[*n].name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The values of these columns; none where one is NULL, which is like no other.
fn values<'a>(image: &'a Image, columns: &[usize]) -> Option<Vec<&'a str>> {
    columns.iter().map(|n| image.get(*n)?.as_deref()).collect()
}

fn differs(step: &Step<'_>, columns: &[usize]) -> bool {
    match (step.before, step.after) {
        (Some(before), Some(after)) => columns.iter().any(|n| before.get(*n) != after.get(*n)),
        _ => true,
    }
}

fn given_up<'a>(step: &Step<'a>, columns: &[usize]) -> Option<Vec<&'a str>> {
    values(step.before.filter(|_| differs(step, columns))?, columns)
}

fn taken<'a>(step: &Step<'a>, columns: &[usize]) -> Option<Vec<&'a str>> {
    values(step.after.filter(|_| differs(step, columns))?, columns)
}

fn levels(waits: &[Vec<usize>], mut refused: Vec<Option<String>>) -> Vec<Result<u32, String>> {
    let mut left: Vec<usize> = waits.iter().map(Vec::len).collect();
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); waits.len()];
    for (n, before) in waits.iter().enumerate() {
        before.iter().for_each(|one| waiting[*one].push(n));
    }
    let mut level = vec![0u32; waits.len()];
    let mut ready: Vec<usize> = (0..waits.len()).filter(|n| left[*n] == 0).collect();
    let mut done = vec![false; waits.len()];
    while let Some(n) = ready.pop() {
        done[n] = true;
        for next in std::mem::take(&mut waiting[n]) {
            level[next] = level[next].max(level[n] + 1);
            // Without what it waits for, it would fail.
            if refused[n].is_some() && refused[next].is_none() {
                refused[next] = Some("it waits for a row that cannot be changed".into());
            }
            left[next] -= 1;
            if left[next] == 0 {
                ready.push(next);
            }
        }
    }
    let circle = "rows wait for each other's unique values, or refer to each other, in a circle (a swap): change one of them by hand first";
    let step = |n: usize| match (&mut refused[n], done[n]) {
        (Some(why), _) => Err(std::mem::take(why)),
        (None, false) => Err(circle.to_string()),
        (None, true) => Ok(level[n]),
    };
    (0..waits.len()).map(step).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;
    use crate::dataset::{Parent, Unique, WritableColumn};

    fn table() -> Writable {
        let column = |name: &str| WritableColumn {
            name: name.into(),
            native: "text".into(),
            image: DataType::Utf8,
            never_null: false,
            generated: None,
            fixed: None,
            has_default: false,
            touched: false,
        };
        let unique = |name: &str, columns: Vec<usize>| Unique {
            name: name.into(),
            columns,
            primary: false,
            never_null: false,
            deferrable: false,
        };
        Writable {
            connector: "postgres",
            table: "t".into(),
            columns: ["id", "email", "boss"].map(column).to_vec(),
            uniques: vec![unique("pk", vec![0]), unique("mail", vec![1])],
            parents: vec![Parent { columns: vec![2], to: vec![0] }],
            dependents: Vec::new(),
            triggers: Vec::new(),
        }
    }

    fn image(id: &str, email: &str, boss: Option<&str>) -> Image {
        vec![Some(id.into()), Some(email.into()), boss.map(Into::into)]
    }

    fn ordered(rows: &[(Option<Image>, Option<Image>)]) -> Vec<Result<u32, String>> {
        let steps: Vec<Step<'_>> =
            rows.iter().map(|row| Step { before: row.0.as_ref(), after: row.1.as_ref() }).collect();
        order(&table(), &steps)
    }

    #[test]
    fn a_chain_is_undone_from_its_end() {
        let chain = [
            (Some(image("1", "a", None)), Some(image("1", "b", None))),
            (Some(image("2", "b", None)), Some(image("2", "c", None))),
            (Some(image("3", "c", None)), None),
        ];
        assert_eq!(ordered(&chain), [Ok(2), Ok(1), Ok(0)]);
    }

    #[test]
    fn a_swap_is_refused_with_its_reason_and_nothing_else_is() {
        let swap = [
            (Some(image("1", "a", None)), Some(image("1", "b", None))),
            (Some(image("2", "b", None)), Some(image("2", "a", None))),
            (None, Some(image("3", "x", None))),
        ];
        let ordered = ordered(&swap);
        assert!(ordered[0].as_ref().is_err_and(|why| why.contains("a swap")));
        assert!(ordered[1].is_err());
        assert_eq!(ordered[2], Ok(0));
    }

    #[test]
    fn parents_come_first_and_go_last() {
        let rows = [
            (None, Some(image("2", "b", Some("1")))),
            (None, Some(image("1", "a", None))),
            (Some(image("8", "h", None)), None),
            (Some(image("9", "i", Some("8"))), None),
        ];
        assert_eq!(ordered(&rows), [Ok(1), Ok(0), Ok(1), Ok(0)]);
    }

    #[test]
    fn one_value_goes_to_one_row() {
        let rows = [(None, Some(image("1", "a", None))), (None, Some(image("2", "a", None)))];
        let ordered = ordered(&rows);
        assert_eq!(ordered[0], Ok(0));
        assert!(ordered[1].as_ref().is_err_and(|why| why.contains("the same email")));
    }

    #[test]
    fn null_is_like_no_other() {
        let row = |id: &str| vec![Some(id.to_string()), None, None];
        assert_eq!(ordered(&[(None, Some(row("1"))), (None, Some(row("2")))]), [Ok(0), Ok(0)]);
    }
}
