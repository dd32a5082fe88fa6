//! What rows that are missing or left over have in common; and two columns that are swapped.

use datafusion::scalar::ScalarValue;
use serde_json::{Value, json};

use crate::causes::table::{Cells, Column, Dice, Stands, causes, check_predicates, check_sums, run, write};
use crate::support::tieout::Tieout;

const ROWS: usize = 6000;

fn int(n: i64) -> ScalarValue {
    ScalarValue::Int64(Some(n))
}

fn both(value: ScalarValue) -> Cells {
    (value.clone(), value)
}

/// Rows of 30 loads in turn; a time that goes on by some minutes; and an amount that mismatches in one row of eight.
fn columns(dice: &mut Dice) -> Vec<Column> {
    let mut now = 1_700_000_000_000_000;
    let mut column = |name: &str, cell: &mut dyn FnMut(&mut Dice, usize) -> Cells| Column {
        name: name.into(),
        cells: (0..ROWS).map(|row| cell(dice, row)).collect(),
    };
    vec![
        column("load_id", &mut |_, row| both(int(row as i64 * 7 % 30))),
        column("file", &mut |_, row| both(ScalarValue::from(format!("orders_{}.csv", row * 7 % 30)))),
        column("placed_at", &mut |dice, _| {
            now += 60_000_000 * (1 + dice.below(9));
            both(ScalarValue::TimestampMicrosecond(Some(now), Some("UTC".into())))
        }),
        column("amount", &mut |dice, _| {
            let amount = dice.below(100_000);
            (int(amount), int(if dice.one_in(8) { amount + 1 + dice.below(90_000) } else { amount }))
        }),
    ]
}

/// Noise of every kind: one row in 12 is missing somewhere, or doubled. Where `holds`, it is `planted`.
fn stands(dice: &mut Dice, planted: Stands, holds: impl Fn(usize) -> bool) -> Vec<Stands> {
    let noise = [Stands::InSource, Stands::InTarget, Stands::TwiceInTarget];
    let mut one = |row| match dice.one_in(12) {
        _ if holds(row) => planted,
        true => dice.pick(&noise),
        false => Stands::OnBoth,
    };
    (0..ROWS).map(&mut one).collect()
}

/// The causes of rows of that kind.
fn of_kind<'a>(told: &'a Value, kind: &str) -> Vec<&'a Value> {
    told["causes"].as_array().unwrap().iter().filter(|cause| cause["kind"] == kind).collect()
}

struct Plan {
    rule: &'static str,
    kind: &'static str,
    planted: Stands,
    holds: fn(usize) -> bool,
    expected: Value,
}

#[test]
fn missing_and_doubled_rows_have_something_in_common() {
    let load = |row: usize| row * 7 % 30 == 11;
    let keys = |row: usize| (2000..2200).contains(&row);
    let plan = |rule, kind, planted, holds, expected| Plan { rule, kind, planted, holds, expected };
    let same = json!({"cause": "same_value", "columns": ["load_id"], "value": "11"});
    let gap = json!({"cause": "consecutive_keys", "columns": ["id"]});
    let plans: Vec<Plan> = vec![
        plan("load_lost", "missing_in_target", Stands::InSource, load as fn(usize) -> bool, same.clone()),
        plan("load_new", "missing_in_source", Stands::InTarget, load, same.clone()),
        plan("load_twice", "duplicate_key", Stands::TwiceInTarget, load, same),
        plan("keys_lost", "missing_in_target", Stands::InSource, keys, gap.clone()),
        plan("keys_new", "missing_in_source", Stands::InTarget, keys, gap.clone()),
        plan("keys_twice", "duplicate_key", Stands::TwiceInTarget, keys, gap),
    ];
    let tieout = Tieout::new();
    let mut tables = Vec::new();
    for (seed, plan) in (1..).zip(&plans) {
        let mut dice = Dice::new(seed);
        let (mut columns, stands) = (columns(&mut dice), stands(&mut dice, plan.planted, plan.holds));
        // A doubled row that differs is left over on both sides.
        for cell in columns.iter_mut().flat_map(|column| column.cells.iter_mut().enumerate()) {
            if (plan.holds)(cell.0) {
                cell.1.1 = cell.1.0.clone();
            }
        }
        write(&tieout, plan.rule, &columns, &stands);
        tables.push((columns, stands));
    }
    run(&tieout, &plans.iter().map(|plan| plan.rule.to_string()).collect::<Vec<_>>());
    for (plan, (columns, stands)) in plans.iter().zip(&tables) {
        let told = causes(&tieout, plan.rule);
        check_predicates(&tieout, plan.rule, &told);
        check_sums(&told, ROWS, columns, stands);
        let found = of_kind(&told, plan.kind);
        let [cause] = found.as_slice() else { panic!("{}: {told:#}", plan.rule) };
        let says = plan.expected.as_object().unwrap().iter().all(|(key, value)| cause[key] == *value);
        assert!(says, "{}: {cause:#}", plan.rule);
        // Beside the planted keys, chance may go on.
        let planted = (0..ROWS).filter(|row| (plan.holds)(*row)).count();
        let rows = cause["rows"].as_u64().unwrap() as usize;
        assert!((planted..=planted + 3).contains(&rows), "{}: {rows} rows, not {planted}: {cause:#}", plan.rule);
        assert!(cause["of"].as_u64().unwrap() as usize > rows, "there was no noise: {cause:#}");
        // And nothing is said of what is noise.
        let others = told["causes"].as_array().unwrap().len();
        assert_eq!(others, 1, "{}: {told:#}", plan.rule);
    }
}

/// Keys of text have no gaps to be seen, but times do.
#[test]
fn a_stretch_of_time_is_missing() {
    let tieout = Tieout::new();
    let mut dice = Dice::new(5);
    let mut columns = columns(&mut dice);
    columns.retain(|column| ["placed_at", "amount"].contains(&column.name.as_str()));
    let lost = |row: usize| (3000..3400).contains(&row);
    // Every second row of the stretch: its keys have gaps.
    let stands: Vec<Stands> = stands(&mut dice, Stands::InSource, |row| lost(row) && row % 2 == 0)
        .into_iter()
        .enumerate()
        .map(|(row, stands)| if lost(row) && row % 2 == 1 { Stands::OnBoth } else { stands })
        .collect();
    for row in (3000..3400).filter(|row| row % 2 == 1) {
        columns[1].cells[row].1 = columns[1].cells[row].0.clone();
    }
    write(&tieout, "late", &columns, &stands);
    run(&tieout, &["late".into()]);
    let told = causes(&tieout, "late");
    check_predicates(&tieout, "late", &told);
    let found = of_kind(&told, "missing_in_target");
    let [cause] = found.as_slice() else { panic!("{told:#}") };
    assert_eq!(cause["cause"], "range", "{cause:#}");
    let rows = cause["rows"].as_u64().unwrap();
    assert!((200..=215).contains(&rows), "{cause:#}");
}

#[test]
fn two_columns_are_swapped() {
    let tieout = Tieout::new();
    let mut dice = Dice::new(9);
    let names = ["first", "last", "net", "gross"];
    let mut columns: Vec<Column> = names.map(|name| Column { name: name.into(), cells: Vec::new() }).into();
    for row in 0..1500 {
        let values: Vec<ScalarValue> =
            (0..4).map(|at| if at < 2 { ScalarValue::from(dice.word()) } else { int(dice.below(100_000)) }).collect();
        let target: Vec<usize> = match row % 10 {
            0 | 1 => vec![1, 0, 3, 2],
            2 => vec![0, 1, 3, 2],
            _ => vec![0, 1, 2, 3],
        };
        let noise = row % 10 > 5;
        for at in 0..4 {
            let other = if at < 2 { ScalarValue::from(dice.word()) } else { int(dice.below(100_000)) };
            let cell = if noise { other } else { values[target[at]].clone() };
            columns[at].cells.push((values[at].clone(), cell));
        }
    }
    let stands = vec![Stands::OnBoth; 1500];
    write(&tieout, "swapped", &columns, &stands);
    run(&tieout, &["swapped".into()]);
    let told = causes(&tieout, "swapped");
    check_predicates(&tieout, "swapped", &told);
    check_sums(&told, 1500, &columns, &stands);
    let said: Vec<(&Value, u64)> = told["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| (&cause["columns"], cause["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(said, [(&json!(["net", "gross"]), 450), (&json!(["first", "last"]), 300)], "{told:#}");
    assert_eq!(told["causes"][0]["sentence"], "450 of 1,050 mismatches: `net` and `gross` are swapped");
}
