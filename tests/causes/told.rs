//! The command: what it says, in text and JSON, of which run, and what it refuses.

use std::fmt::Write as _;

use serde_json::json;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::scalar::ScalarValue;

use crate::causes::table::{Column, Stands, causes, check_predicates, check_sums, run, write};
use crate::support::tieout::Tieout;

/// Lines of an order: `l_discount` of every fifth row is 0.01 higher in target, every tenth row is missing.
fn lineitem(tieout: &Tieout) {
    let (mut source, mut target) = ("id,l_discount,l_comment\n".to_string(), "id,l_discount,l_comment\n".to_string());
    for id in 1..=300u32 {
        let cents = id * 7 % 11;
        let comment = format!("comment {}", id * 7919 % 1000);
        writeln!(source, "{id},0.{cents:02},{comment}").unwrap();
        let (higher, upper) = (id % 5 == 0, id % 15 == 1);
        let comment = if upper { comment.to_uppercase() } else { comment };
        if id % 10 != 3 {
            writeln!(target, "{id},0.{:02},{comment}", if higher { cents + 1 } else { cents }).unwrap();
        }
    }
    tieout.file("s.csv", &source);
    tieout.file("t.csv", &target);
    let columns = "columns: {id: int, l_discount: \"decimal(15,2)\"}";
    let datasets = format!("s: {{csv: {{path: s.csv, {columns}}}}}\n  t: {{csv: {{path: t.csv, {columns}}}}}");
    let rules = "  lines: {source: s, target: t, key: id}\n  never: {source: s, target: s, key: id}\n";
    tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n{rules}"));
}

#[test]
fn the_discount_is_higher() {
    let tieout = Tieout::new();
    lineitem(&tieout);
    let run = tieout.run(["run", "lines", "--format", "json"]).exits(1).json();
    let id = run["run_id"].as_str().unwrap();
    let text = tieout.run(["causes", "lines"]).exits(0).stdout.replace(id, "RUN");
    let (head, rest) = text.split_once('\n').unwrap();
    assert!(head.starts_with("lines: 110 divergences in the run RUN of 20"), "{head}");
    insta::assert_snapshot!(rest, @r#"

      60 of 80 mismatches: `l_discount` is 0.01 higher in target (all of the column's)
        WHERE run_id = 'RUN' AND kind = 'value_mismatch' AND array_has(changed_columns, 'l_discount') AND "target_l_discount" - "source_l_discount" = 0.01

      20 of 80 mismatches: `l_comment` differs only in upper and lower case (all of the column's)
        WHERE run_id = 'RUN' AND kind = 'value_mismatch' AND array_has(changed_columns, 'l_comment') AND lower_unicode("source_l_comment") = lower_unicode("target_l_comment")

      not explained           rows  of
      rows missing in target    30  30
    "#);
    let told = causes(&tieout, "lines");
    check_predicates(&tieout, "lines", &told);
    assert_eq!(told["causes"][0]["sentence"], "60 of 80 mismatches: `l_discount` is 0.01 higher in target");
    assert_eq!((&told["run_id"], &told["more"], &told["stopped_by"]), (&json!(id), &json!(0), &json!(null)));
    let one = tieout.run(["causes", "lines", "--limit", "1", "--format", "json"]).exits(0).json();
    assert_eq!((one["causes"].as_array().unwrap().len(), &one["more"]), (1, &json!(1)));
    assert!(tieout.run(["causes", "lines", "--limit", "1"]).exits(0).stdout.contains("1 more; --limit shows them"));
}

#[test]
fn the_run_is_the_last_that_found_something() {
    let tieout = Tieout::new();
    lineitem(&tieout);
    let run = |more: &[&str], code| {
        let args = ["run", "lines", "--format", "json"];
        tieout.run(args.iter().chain(more)).exits(code).json()["run_id"].as_str().unwrap().to_string()
    };
    let first = run(&["--max-divergences", "1"], 1);
    let told = causes(&tieout, "lines");
    assert_eq!((&told["run_id"], &told["stopped_by"]), (&json!(first), &json!("max_divergences")));
    assert!(tieout.run(["causes", "lines"]).exits(0).stdout.contains("note: max_divergences stopped this run"));
    let second = run(&[], 1);
    std::fs::copy(tieout.path("s.csv"), tieout.path("t.csv")).unwrap();
    let third = run(&[], 0);
    assert_eq!(causes(&tieout, "lines")["run_id"], second);
    // One that found nothing has no causes.
    let told = tieout.run(["causes", "lines", "--run", &third, "--format", "json"]).exits(0).json();
    assert_eq!((&told["run_id"], &told["causes"], &told["unexplained"]), (&json!(third), &json!([]), &json!([])));
    let said = tieout.run(["causes", "lines", "--run", &third]).exits(0).stdout;
    assert!(said.starts_with("lines: 0 divergences in the run"), "{said}");
}

#[test]
fn what_is_not_there_is_refused() {
    let tieout = Tieout::new();
    lineitem(&tieout);
    tieout.run(["run", "lines", "-q"]).exits(1);
    let refused = |args: &[&str]| tieout.run(["causes"].iter().chain(args)).exits(2).stderr;
    assert!(refused(&["line"]).contains("did you mean `lines`?"));
    assert!(refused(&["never"]).contains("the rule `never` never ran"));
    assert!(refused(&["lines", "--run", "00000000"]).contains("there is no run `00000000`"));
    tieout.run(["run", "never", "-q"]).exits(0);
    let runs = tieout.run(["sql", "--format", "csv", "SELECT run_id FROM runs WHERE rule = 'never'"]).exits(0).stdout;
    let other = refused(&["lines", "--run", runs.lines().nth(1).unwrap()]);
    assert!(other.contains("was not one of the rule `lines`"), "{other}");
}

/// The rows of a `sql` rule have no two sides; a cell that could not be read is no NULL; and NULL is no text.
#[test]
fn what_cannot_be_explained_is_said_to_be_so() {
    let tieout = Tieout::new();
    let rows = |cell: fn(u32) -> String| {
        (1..=40).fold("id,v\n".to_string(), |text, id| text + &format!("{id},{}\n", cell(id)))
    };
    tieout.file("s.csv", &rows(|id| if id < 30 { "?".into() } else { String::new() }));
    tieout.file("t.csv", &rows(|_| "0".into()));
    let columns = "columns: {id: int, v: int}";
    let datasets = format!("s: {{csv: {{path: s.csv, {columns}}}}}\n  t: {{csv: {{path: t.csv, {columns}}}}}");
    tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n  v: {{source: s, target: t, key: id}}\n"));
    tieout.file("queries/zero.sql", "SELECT * FROM t WHERE v = 0");
    tieout.run(["run", "-q"]).exits(1);
    let told = causes(&tieout, "v");
    check_predicates(&tieout, "v", &told);
    assert_eq!(told["causes"][0]["cause"], "null_against", "{told:#}");
    assert_eq!((&told["causes"][0]["rows"], &told["causes"][0]["of"]), (&json!(11), &json!(40)), "{told:#}");
    assert_eq!(told["unexplained"][0]["rows"], 29, "{told:#}");
    let told = causes(&tieout, "zero");
    assert_eq!((&told["causes"], &told["unexplained"][0]["kind"]), (&json!([]), &json!("rule_violation")), "{told:#}");
}

/// The greatest and the least of every type, NaN and infinities, and text that no console shows: nothing fails, and what is planted
/// beside them is found.
#[test]
fn no_value_breaks_it() {
    let tieout = Tieout::new();
    let plain = |n: i64| ScalarValue::Int64(Some(n * 7919 % 10_007));
    let types = [
        DataType::Int8,
        DataType::Int64,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(38, 0),
        DataType::Decimal128(38, 10),
        DataType::Decimal128(38, 37),
        DataType::Decimal256(76, 4),
        DataType::Date32,
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Duration(TimeUnit::Millisecond),
        DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Boolean,
        DataType::Binary,
        DataType::Utf8,
    ];
    let mut columns: Vec<Column> = Vec::new();
    for data_type in &types {
        let extremes: Vec<ScalarValue> = [ScalarValue::min(data_type), ScalarValue::max(data_type)]
            .into_iter()
            .flatten()
            .chain(
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300]
                    .map(ScalarValue::from)
                    .into_iter()
                    .filter(|_| data_type.is_floating()),
            )
            .chain(
                ["", "\u{1b}[31m", "\0", "NaN", "1e999", "it's"]
                    .map(ScalarValue::from)
                    .into_iter()
                    .filter(|_| *data_type == DataType::Utf8),
            )
            .map(|value| value.cast_to(data_type).unwrap())
            .collect();
        let value = |n: i64| match extremes.get(n as usize % 11) {
            Some(extreme) => extreme.clone(),
            None if *data_type == DataType::Binary => ScalarValue::Binary(Some(n.to_be_bytes().to_vec())),
            None => plain(n).cast_to(data_type).unwrap_or(ScalarValue::try_from(data_type).unwrap()),
        };
        let cells = (0..300).map(|n| (value(n), value(n * 31 + 5))).collect();
        columns.push(Column { name: format!("{data_type}"), cells });
    }
    let planted = (0..300).map(|n| (plain(n), plain(n).add(ScalarValue::from(12_345i64)).unwrap())).collect();
    columns.push(Column { name: "select \" from '".into(), cells: planted });
    write(&tieout, "odd", &columns, &[Stands::OnBoth; 300]);
    run(&tieout, &["odd".into()]);
    let told = causes(&tieout, "odd");
    check_predicates(&tieout, "odd", &told);
    check_sums(&told, 300, &columns, &[Stands::OnBoth; 300]);
    assert_eq!(told["causes"][0]["columns"], json!(["select \" from '"]), "{told:#}");
    assert!(!tieout.run(["causes", "odd"]).exits(0).stdout.contains('\u{1b}'));
}

/// A replica that is a day late: each target is what its source was in the run before.
#[test]
fn a_target_may_be_stale() {
    let tieout = Tieout::new();
    let value = |id: u32, day: u32| (id * 7919 + 1).wrapping_mul(day * 104_729 + 3) >> 12;
    let rows = |cell: &dyn Fn(u32) -> u32| {
        (1..=400).fold("id,v\n".to_string(), |text, id| text + &format!("{id},{}\n", cell(id)))
    };
    let columns = "columns: {id: int, v: int}";
    let datasets = format!("s: {{csv: {{path: s.csv, {columns}}}}}\n  t: {{csv: {{path: t.csv, {columns}}}}}");
    tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n  v: {{source: s, target: t, key: id}}\n"));
    for day in 1..=3 {
        tieout.file("s.csv", &rows(&|id| value(id, day)));
        // Three of four rows are noise.
        tieout.file("t.csv", &rows(&|id| if id % 4 == 0 { value(id, day - 1) } else { value(id * 3, day + 50) }));
        tieout.run(["run", "-q"]).exits(1);
    }
    let runs = tieout.run(["sql", "--format", "csv", "SELECT run_id FROM runs ORDER BY started_at"]).exits(0).stdout;
    let told = causes(&tieout, "v");
    check_predicates(&tieout, "v", &told);
    let [cause] = told["causes"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!((&cause["cause"], &cause["rows"]), (&json!("stale"), &json!(100)), "{told:#}");
    assert_eq!(cause["earlier_run"], runs.lines().nth(2).unwrap());
    // Nothing came before the first run.
    let first = tieout.run(["causes", "v", "--run", runs.lines().nth(1).unwrap(), "--format", "json"]).exits(0).json();
    assert_eq!(first["causes"], json!([]), "{first:#}");
    // What was removed is not told to have no cause.
    tieout.run(["expire", "--keep", "0d", "-q"]).exits(0);
    let gone = tieout.run(["causes", "v", "--run", runs.lines().nth(1).unwrap()]).exits(2).stderr;
    assert!(gone.contains("the divergences of `v` in the run"), "{gone}");
}
