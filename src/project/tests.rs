//! Whole project files: what the good ones become, and what the bad ones are told.

use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use rstest::rstest;

use super::model::{Connector, Project, RuleKind, Severity, Tolerance};
use super::{json_schema, load};
use crate::error::{Error, Result};

fn env(name: &str) -> Option<String> {
    match name {
        "BUCKET" => Some("s3://lake".into()),
        "SECRET" => Some("hunter2".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// Loads a project of one YAML file and some queries, in a folder of its own.
fn load_files(yaml: &str, queries: &[(&str, &str)], params: &[(&str, &str)]) -> Result<Project> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tieout.yaml"), yaml).unwrap();
    std::fs::create_dir(dir.path().join("queries")).unwrap();
    for (name, text) in queries {
        std::fs::write(dir.path().join("queries").join(name), text).unwrap();
    }
    let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    load(dir.path(), &env, &params)
}

/// `file:line:column message | hint`, the folder and the context left out.
fn told(error: &Error) -> String {
    let place = match error.location() {
        Some(place) => {
            let file = place.file.file_name().unwrap().to_string_lossy();
            format!("{file}:{}:{} ", place.line, place.column)
        }
        None => String::new(),
    };
    format!("{place}{} | {}", error.message(), error.hint_text().unwrap_or("-"))
}

const FULL: &str = r#"
output: ${BUCKET}/out
datasets:
  erp.orders: {parquet: data/erp/}
  lake.orders: {parquet: {path: "${BUCKET}/orders/"}}
  bank.lines:
    csv:
      path: data/bank/*.csv
      delimiter: ";"
      quote: "'"
      header: false
      null: [NA, -999.00]
      columns: {amount: "decimal(12,2)", day: date}
      compression: gzip
  events: {ndjson: {path: "${MISSING:-/tmp/events}", columns: {at: timestamptz}}}
  snap: {arrow: snap.arrow}
  orders_clean:
    sql: |
      SELECT * FROM erp.orders
      WHERE day <= $as_of
params:
  as_of: {date: 2026-01-31}
  limit: {"decimal(5,2)": 1.50}
rules:
  orders:
    source: orders_clean
    target: lake.orders
    key: [order_id, line]
    where: "status <> 'draft'"
    target_where: not deleted
    columns:
      amount: {tolerance: 0.005}
      fee: {tolerance: 1%}
      email: {trim: true, ignore_case: true, nfc: true}
      placed_at: {target: "to_timestamp(placed_at_ms / 1000.0)", tolerance: 2s}
      shipped_at: {timezone: Europe/Berlin}
      updated_at: {ignore: true}
    map: {cust_no: customer_id}
    settle: {column: placed_at, for: 15m}
    allow: {rate: 0.01%, rows: 10}
    severity: critical
    owner: finance-ops
  daily_totals:
    source: erp.orders
    target: lake.orders
    group_by: {day: "date_trunc('day', placed_at)", currency: currency}
    totals: {orders: "count(*)", revenue: "sum(amount)"}
    tolerance: {revenue: 0.01}
"#;

#[test]
fn everything_at_once() {
    let query = "-- Lines without an order.\n-- key: order_id, line\n-- severity: warning\n-- allow: 0.1%\nSELECT order_id, line FROM lake.orders";
    let project = load_files(FULL, &[("orphans.sql", query)], &[("as_of", "2026-02-28")]).unwrap();
    assert_eq!(project.output, "s3://lake/out");
    assert_eq!(project.params["as_of"].to_string(), "2026-02-28");
    assert_eq!(project.params["limit"].data_type(), DataType::Decimal128(5, 2));

    let names: Vec<&str> = project.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    assert_eq!(names, ["erp.orders", "lake.orders", "bank.lines", "events", "snap", "orders_clean"]);
    let Connector::Parquet(files) = &project.datasets[0].connector else { panic!() };
    assert_eq!(files.path, project.dir.join("data/erp/").to_string_lossy());
    let Connector::Csv(_, csv) = &project.datasets[2].connector else { panic!() };
    assert_eq!((csv.delimiter, csv.quote, csv.header), (b';', b'\'', false));
    assert_eq!(csv.null, ["NA", "-999.00"]);
    let Connector::Sql(view) = &project.datasets[5].connector else { panic!() };
    let place = view.location.as_ref().unwrap();
    assert_eq!((place.line, place.column), (19, 7));

    let rules: Vec<&str> = project.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(rules, ["orders", "daily_totals", "orphans"]);
    let RuleKind::Match(orders) = &project.rules[0].kind else { panic!() };
    assert_eq!(orders.key, ["order_id", "line"]);
    assert_eq!(orders.columns["amount"].tolerance, Some(Tolerance::Absolute("0.005".into())));
    assert_eq!(orders.columns["fee"].tolerance, Some(Tolerance::Relative("0.01".into())));
    assert_eq!(orders.columns["placed_at"].tolerance, Some(Tolerance::Duration(Duration::from_secs(2))));
    assert_eq!(orders.map["cust_no"], "customer_id");
    assert_eq!(project.rules[0].severity, Severity::Critical);
    assert_eq!((project.rules[0].allow.rate, project.rules[0].allow.rows), (Some(0.0001), Some(10)));
    let RuleKind::Totals(totals) = &project.rules[1].kind else { panic!() };
    assert_eq!(totals.group_by[0].0, "day");
    assert_eq!(totals.totals[1].1.sql, "sum(amount)");
    let RuleKind::Sql(orphans) = &project.rules[2].kind else { panic!() };
    assert_eq!(
        (orphans.key.as_slice(), project.rules[2].allow.rate),
        (&["order_id".into(), "line".into()][..], Some(0.001))
    );
}

#[test]
fn a_version_is_of_the_rule_not_of_its_spelling() {
    let version = |rule: &str| {
        let yaml = format!("datasets: {{a: {{parquet: a}}, b: {{parquet: b}}}}\nrules:\n  r: {rule}\n");
        load_files(&yaml, &[], &[]).unwrap().rules[0].version.clone()
    };
    let first = version("{source: a, target: b, key: [id]}");
    assert_eq!(first.len(), 32);
    assert_eq!(first, version("{target: \"b\", source: 'a', key: [id]} # the same"));
    assert_ne!(first, version("{source: a, target: b, key: [id2]}"));
}

#[test]
fn an_empty_project_is_one() {
    assert_eq!(load_files("datasets:\nrules:\n", &[], &[]).unwrap().rules.len(), 0);
    let project = load_files("# nothing yet\n", &[], &[]).unwrap();
    assert_eq!(project.output, project.dir.join("out").to_string_lossy());
}

#[test]
fn a_number_keeps_its_digits() {
    let yaml =
        "datasets: {a: {csv: {path: x, null: -999.00}}, b: {parquet: x}}\nrules: {r: {source: b, target: b, key: 007}}";
    let project = load_files(yaml, &[], &[]).unwrap();
    let Connector::Csv(_, csv) = &project.datasets[0].connector else { panic!() };
    let RuleKind::Match(rule) = &project.rules[0].kind else { panic!() };
    assert_eq!((csv.null.as_slice(), rule.key.as_slice()), (&["-999.00".to_string()][..], &["007".to_string()][..]));
}

/// The shape of the file.
#[rstest]
#[case("ruls: {}", "tieout.yaml:1:1 unknown key `ruls` | did you mean `rules`?")]
#[case(
    "datasets:\n  a: {csv: {path: a, delimter: x}}",
    "tieout.yaml:2:22 unknown key `delimter` | did you mean `delimiter`?"
)]
#[case("datasets:\n  a: {cvs: a.csv}", "tieout.yaml:2:7 unknown key `cvs` | did you mean `csv`?")]
#[case(
    "datasets:\n  a: {parquet: a}\n  a: {parquet: b}",
    "tieout.yaml:3:3 `a` stands here for the second time | rename or remove one of the two"
)]
#[case("datasets: 5", "tieout.yaml:1:1 expected keys and values, found integer `5` | -")]
#[case("rules:\n  r:\n    key: {a: b}", "tieout.yaml:3:10 expected a text or a list of texts, found map | -")]
#[case(
    "rules:\n  r:\n    key:\n    source: a",
    "tieout.yaml:3:5 expected a text or a list of texts, found nothing | -"
)]
#[case(
    "rules:\n  r:\n    where:\n    source: a",
    "tieout.yaml:3:10 a value is missing | write it after the colon, or remove the key"
)]
#[case("rules:\n  r:\n    columns: {a: {trim: yes}}", "tieout.yaml:3:25 expected true or false | -")]
#[case("rules:\n  r:\n    source: [a]", "tieout.yaml:3:13 expected a text | -")]
#[case(
    "output: 1\n  b: 2",
    "tieout.yaml:2:4 the file is not valid YAML: mapping values are not allowed in this context | mind the indentation, and put texts that hold one of { } [ ] , : # in quotes"
)]
#[case(
    "output: a\n---\noutput: b",
    "tieout.yaml:3:1 the file holds more than one YAML document | remove the line `---` and what follows it"
)]
fn bad_shapes(#[case] yaml: &str, #[case] expected: &str) {
    assert_eq!(told(&load_files(yaml, &[], &[]).unwrap_err()), expected);
}

#[rstest]
#[case(
    "output: ${NOPE}/x",
    "tieout.yaml:1:9 the environment variable `NOPE` is not set | set it, or give a default: ${NOPE:-...}"
)]
#[case(
    "output: \"x/${NOPE}\"",
    "tieout.yaml:1:12 the environment variable `NOPE` is not set | set it, or give a default: ${NOPE:-...}"
)]
#[case("output: ${NOPE", "tieout.yaml:1:9 `${` is not closed | write ${NAME}, or $${ for these two signs")]
#[case("output: ${A B}", "tieout.yaml:1:9 `A B` is not the name of a variable | write ${NAME} or ${NAME:-default}")]
#[case("output: ${EMPTY}", "tieout.yaml:1:9 output is empty | write a value, or remove the key")]
#[case(
    "params: {x: {int: \"${SECRET}\"}}",
    "tieout.yaml:1:19 the value of `${SECRET}` does not fit here | the declared type is read as Int32"
)]
fn variables(#[case] yaml: &str, #[case] expected: &str) {
    assert_eq!(told(&load_files(yaml, &[], &[]).unwrap_err()), expected);
}

#[test]
fn a_variable_is_replaced_in_values_only() {
    let project = load_files("output: /$${BUCKET}/${EMPTY:-x}/${BUCKET:-y}", &[], &[]).unwrap();
    assert_eq!(project.output, "/${BUCKET}/x/s3://lake");
}

#[rstest]
#[case(
    "{}",
    "tieout.yaml:2:3 the dataset has no connector | give it one of parquet, csv, ndjson, arrow, postgres, mysql, sqlite, sql: d: {parquet: data/orders/}"
)]
#[case("{parquet: a, csv: b}", "tieout.yaml:2:3 the dataset has more than one connector | keep one of them")]
#[case(
    "{postgres: {url: \"postgres://h/db\"}}",
    "tieout.yaml:2:3 the dataset names neither a table nor a query | add table: sales.orders, or query: SELECT ..."
)]
#[case(
    "{csv: {delimiter: x}}",
    "tieout.yaml:2:3 the dataset has no `path` | add path: a file, a folder, a glob or a URL"
)]
#[case(
    "{csv: {path: a, delimiter: ab}}",
    "tieout.yaml:2:33 the delimiter `ab` is not one ASCII character | write one character, such as delimiter: \";\", or tab"
)]
#[case(
    "{csv: {path: a, encoding: latin1}}",
    "tieout.yaml:2:32 the encoding `latin1` is not supported | only utf-8 is; convert the file, e.g. with iconv -f latin1 -t utf-8"
)]
#[case("{csv: {path: a, columns: {x: integr}}}", "tieout.yaml:2:35 unknown type `integr` | did you mean `integer`?")]
#[case("{csv: {path: a, null: []}}", "tieout.yaml:2:28 null is an empty list | name at least one, or remove the key")]
#[case("{csv: {path: a, compression: gzp}}", "tieout.yaml:2:35 unknown compression `gzp` | did you mean `gzip`?")]
#[case(
    "{parquet: ftp://u:p@h/a}",
    "tieout.yaml:2:16 `ftp://***@h/a` is a URL of a kind that this version does not read | write a path, or a URL with one of s3, s3a, gs, az, azure, abfs, abfss, adl, http, https, file"
)]
#[case(
    "{parquet: 'ftp://${SECRET}/a'}",
    "tieout.yaml:2:16 the value of `ftp://${SECRET}/a` does not fit here | write a path, or a URL with one of s3, s3a, gs, az, azure, abfs, abfss, adl, http, https, file"
)]
#[case("{sql: SELEC 1}", "tieout.yaml:2:12 the SQL does not parse: expected an SQL statement, found SELEC | -")]
#[case(
    "{sql: SELECT * FROM d}",
    "tieout.yaml:2:3 the view `d` reads itself | let one of them read a dataset of files instead"
)]
#[case("{sql: SELECT * FROM dd}", "tieout.yaml:2:26 there is no dataset `dd` | the datasets are `d`")]
fn bad_datasets(#[case] dataset: &str, #[case] expected: &str) {
    assert_eq!(told(&load_files(&format!("datasets:\n  d: {dataset}"), &[], &[]).unwrap_err()), expected);
}

#[rstest]
#[case(
    "a: {parquet: x}\n  A: {parquet: y}",
    "tieout.yaml:3:3 the dataset `A` is named like `a` | upper and lower case are the same in SQL; rename one of the two"
)]
#[case(
    "a..b: {parquet: x}",
    "tieout.yaml:2:3 `a..b` cannot be the name of a dataset | write a name such as orders, or erp.orders"
)]
#[case(
    "a: {sql: select * from b}\n  b: {sql: select * from c}\n  c: {sql: select * from A}",
    "tieout.yaml:2:3 views read each other in a circle: a -> b -> c -> a | let one of them read a dataset of files instead"
)]
fn datasets_together(#[case] datasets: &str, #[case] expected: &str) {
    assert_eq!(told(&load_files(&format!("datasets:\n  {datasets}"), &[], &[]).unwrap_err()), expected);
}

/// Positions inside SQL, in every style of writing a text in YAML: `nowhere` and `oops` are what is wrong.
#[rstest]
#[case("v: {sql: SELECT * FROM nowhere}", "2:26")]
#[case("v: {sql: \"SELECT '\\u0061\\\"' FROM nowhere\"}", "2:36")]
#[case("v: {sql: 'SELECT ''a'' FROM nowhere'}", "2:31")]
#[case("v:\n    sql: |\n      SELECT 'ä'\n      FROM nowhere", "5:12")]
#[case("v:\n    sql: >-\n\n      SELECT *\n\n        FROM nowhere", "7:14")]
#[case("v:\n    sql:\n      SELECT *\n      FROM nowhere", "5:12")]
#[case("v:\n    sql: \"SELECT *\n      FROM nowhere\"", "4:12")]
#[case("v:\n    sql: |2\n        SELECT *\n        FROM nowhere", "5:14")]
fn places_inside_sql(#[case] view: &str, #[case] expected: &str) {
    let error = load_files(&format!("datasets:\n  {view}\n"), &[], &[]).unwrap_err();
    let place = error.location().unwrap();
    assert_eq!(format!("{}:{}", place.line, place.column), expected, "{error}");
}

#[rstest]
#[case("{target: b}", "tieout.yaml:5:3 the rule has no `source` | add source: and the name of a dataset")]
#[case(
    "{source: a, target: eb.orders}",
    "tieout.yaml:5:26 there is no dataset `eb.orders` | did you mean `erp.orders`?"
)]
#[case("{source: a, target: b, colums: {}}", "tieout.yaml:5:29 unknown key `colums` | did you mean `columns`?")]
#[case(
    "{source: a, target: b, key: []}",
    "tieout.yaml:5:34 key is an empty list | name at least one, or remove the key"
)]
#[case("{source: a, target: b, key: [x, x]}", "tieout.yaml:5:38 `x` stands twice in key | remove one of the two")]
#[case(
    "{source: a, target: b, key: [x, '']}",
    "tieout.yaml:5:38 a name in key is empty | write a value, or remove the key"
)]
#[case(
    "{source: a, target: b, columns: {x: {tolerance: 1}}}",
    "tieout.yaml:5:54 a tolerance needs a key | add key: and the columns that identify a row"
)]
#[case(
    "{source: a, target: b, key: x, columns: {x: {tolerance: 1}}}",
    "tieout.yaml:5:62 the key column `x` cannot have a tolerance | key columns are compared exactly; remove the tolerance"
)]
#[case(
    "{source: a, target: b, key: x, columns: {x: {ignore: true}}}",
    "tieout.yaml:5:47 the key column `x` cannot be ignored | take it out of the key, or do not ignore it"
)]
#[case(
    "{source: a, target: b, key: x, columns: {y: {ignore: true, tolerance: 1}}}",
    "tieout.yaml:5:47 `y` is ignored, so its other options have no effect | remove `ignore`, or the other options"
)]
#[case(
    "{source: a, target: b, only: y, columns: {y: {ignore: true}}}",
    "tieout.yaml:5:48 `y` stands in `only`, and is ignored | remove one of the two"
)]
#[case(
    "{source: a, target: b, key: x, columns: {y: {tolerance: -1}}}",
    "tieout.yaml:5:62 the tolerance `-1` is negative | a tolerance is a distance: write it without the sign"
)]
#[case(
    "{source: a, target: b, columns: {y: {timezone: Europe/Berln}}}",
    "tieout.yaml:5:53 unknown time zone `Europe/Berln` | did you mean `Europe/Berlin`?"
)]
#[case(
    "{source: a, target: b, columns: {y: {timezone: '+25:00'}}}",
    "tieout.yaml:5:53 unknown time zone `+25:00` | write a name such as Europe/Berlin, UTC, or an offset such as +02:00"
)]
#[case(
    "{source: a, target: b, severity: critcal}",
    "tieout.yaml:5:39 unknown severity `critcal` | did you mean `critical`?"
)]
#[case(
    "{source: a, target: b, allow: {rate: 2}}",
    "tieout.yaml:5:43 `2` is not a rate | a rate is a share of the rows, from 0 to 1: write 0.0001 or 0.01%"
)]
#[case(
    "{source: a, target: b, allow: {rows: -1}}",
    "tieout.yaml:5:43 `-1` is not a number of rows | write a whole number, such as 10"
)]
#[case(
    "{source: a, target: b, allow: {}}",
    "tieout.yaml:5:3 `allow` is empty | write allow: {rows: 10}, allow: {rate: 0.01%} or allow: {age: 7d}"
)]
#[case(
    "{source: a, target: b, settle: {column: t}}",
    "tieout.yaml:5:3 `settle` has no `for` | write settle: {column: updated_at, for: 15m}"
)]
#[case(
    "{source: a, target: b, settle: {column: t, for: 15}}",
    "tieout.yaml:5:54 `15` is not a duration | write a number and its unit: 500ms, 2s, 15m, 1h, 2d"
)]
#[case(
    "{source: a, target: b, recheck: {after: 30s}}",
    "tieout.yaml:5:3 `recheck` needs a key: it tells which rows to read again | add key: and the columns that identify a row"
)]
#[case(
    "{source: a, target: b, key: x, recheck: {times: 3}}",
    "tieout.yaml:5:3 `recheck` has no `after` | write recheck: {after: 30s, times: 3}"
)]
#[case(
    "{source: a, target: b, key: x, recheck: {after: soon}}",
    "tieout.yaml:5:54 `soon` is not a duration | write a number and its unit: 500ms, 2s, 15m, 1h, 2d"
)]
#[case(
    "{source: a, target: b, key: x, recheck: {after: 30s, times: 0}}",
    "tieout.yaml:5:66 `0` is not how often keys can be read again | write a whole number from 1 on"
)]
#[case(
    "{source: a, target: b, totals: {n: count(*)}, recheck: {after: 30s}}",
    "tieout.yaml:5:3 `recheck` does not belong to a totals rule | a totals rule has group_by, totals and tolerance; make it two rules to compare row by row as well"
)]
#[case(
    "{source: a, target: b, where: x = = 1}",
    "tieout.yaml:5:40 the SQL does not parse: expected an expression, found = | -"
)]
#[case(
    "{source: a, target: b, where: \"x = '${SECRET}'\"}",
    "tieout.yaml:5:41 `${SECRET}` is not replaced inside SQL | declare a parameter, params: {secret: {text: \"${SECRET}\"}}, and write $secret"
)]
#[case(
    "{source: a, target: b, where: x > $asof}",
    "tieout.yaml:5:40 the parameter `$asof` is not declared | did you mean `as_of`?"
)]
#[case(
    "{source: a, target: b, map: {x: y, z: y}}",
    "tieout.yaml:5:44 two target columns are mapped to `y` | map is {target_column: source_column}, one to one"
)]
#[case(
    "{source: a, target: b, tolerance: {x: 1}}",
    "tieout.yaml:5:41 `tolerance` of a rule belongs to `totals` | for a column, write columns: {x: {tolerance: ...}}"
)]
#[case(
    "{source: a, target: b, group_by: {x: y}}",
    "tieout.yaml:5:3 the rule groups, but has no `totals` | add totals: {rows: \"count(*)\"}"
)]
#[case(
    "{source: a, target: b, key: x, totals: {n: count(*)}}",
    "tieout.yaml:5:3 `key` does not belong to a totals rule | a totals rule has group_by, totals and tolerance; make it two rules to compare row by row as well"
)]
#[case(
    "{source: a, target: b, totals: {n: count(*)}, tolerance: {m: 1}}",
    "tieout.yaml:5:64 there is no total `m` to tolerate | the totals are `n`"
)]
#[case(
    "{source: a, target: b, totals: {n: count(*) as n}}",
    "tieout.yaml:5:53 the SQL does not parse: `n` follows a complete expression | leave out AS and the name"
)]
#[case(
    "{source: a, target: b, group_by: {n: x}, totals: {n: count(*)}}",
    "tieout.yaml:5:56 `n` stands in group_by and in totals | rename one of the two"
)]
fn bad_rules(#[case] rule: &str, #[case] expected: &str) {
    let yaml = format!(
        "datasets: {{a: {{parquet: x}}, b: {{parquet: y}}, erp.orders: {{parquet: z}}}}\nparams:\n  as_of: {{date: 2026-01-31}}\nrules:\n  r: {rule}\n"
    );
    let error = load_files(&yaml, &[], &[]).unwrap_err();
    assert_eq!(told(&error), expected);
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[rstest]
#[case("x/y", "`x/y` cannot be the name of a rule")]
#[case("..", "`..` cannot be the name of a rule")]
#[case("'a b'", "`a b` cannot be the name of a rule")]
fn names_of_rules(#[case] name: &str, #[case] expected: &str) {
    let yaml = format!("datasets: {{a: {{parquet: x}}}}\nrules:\n  {name}: {{source: a, target: a}}\n");
    let error = load_files(&yaml, &[], &[]).unwrap_err();
    assert_eq!((error.message(), error.location().unwrap().line), (expected, 3));
}

#[rstest]
#[case(
    "-- Severty: high\nselect 1",
    "q.sql:1:4 unknown word `Severty` in the header | did you mean `severity`? If it is prose, leave out the colon"
)]
#[case("-- key: a, a\nselect 1", "q.sql:1:9 `a` stands twice in key | remove one of the two")]
#[case(
    "\n-- severity: high\nselect 1",
    "q.sql:2:14 unknown severity `high` | severity values are `info`, `warning`, `error`, `critical`"
)]
#[case(
    "-- owner: a\n-- owner: b\nselect 1",
    "q.sql:2:4 `owner` stands here for the second time | remove one of the two"
)]
#[case(
    "-- allow: 200%\nselect 1",
    "q.sql:1:11 `200%` is not a rate | a rate is a share of the rows, from 0 to 1: write 0.0001 or 0.01%"
)]
#[case("-- key:\nselect 1", "q.sql:1:4 `key` has no value | write it after the colon, or remove the line")]
#[case("-- key: a\nselect *\nfrom ab c d", "q.sql:3:11 the SQL does not parse: expected end of statement, found d | -")]
#[case("select *\nfrom ordes", "q.sql:2:6 there is no dataset `ordes` | did you mean `orders`?")]
fn bad_queries(#[case] sql: &str, #[case] expected: &str) {
    let error = load_files("datasets: {orders: {parquet: x}}", &[("q.sql", sql)], &[]).unwrap_err();
    assert_eq!(told(&error), expected);
}

#[test]
fn prose_in_a_header_is_prose() {
    let sql = "-- Note: see the wiki: page 7\n-- https://wiki/x\n--\n\n-- Owner: me\nselect 1 -- key: no";
    let project = load_files("", &[("q.sql", sql), ("_draft.sql", "selec"), ("notes.txt", "x")], &[]).unwrap();
    let RuleKind::Sql(rule) = &project.rules[0].kind else { panic!() };
    assert_eq!((project.rules.len(), project.rules[0].owner.as_deref(), rule.key.len()), (1, Some("me"), 0));
}

#[test]
fn rules_and_queries_share_their_names() {
    let yaml = "datasets: {a: {parquet: x}}\nrules:\n  r: {source: a, target: a}\n";
    let error = load_files(yaml, &[("R.sql", "select 1")], &[]).unwrap_err();
    assert!(told(&error).starts_with("R.sql:1:1 the rule `R` is named like the one at "), "{error}");
}

#[rstest]
#[case("x: {date: 2026-02-30}", &[], "tieout.yaml:2:13 `2026-02-30` is not a value of this type | the declared type is read as Date32")]
#[case("x: {\"decimal(5,2)\": 1.005}", &[], "tieout.yaml:2:23 `1.005` is not a value of this type | the declared type is read as Decimal128(5, 2)")]
#[case("x: {}", &[], "tieout.yaml:2:3 a parameter is one type and one value | write x: {date: 2026-01-31}")]
#[case("x-y: {int: 1}", &[], "tieout.yaml:2:3 `x-y` cannot be the name of a parameter | use letters, digits and `_`, so that SQL reads it as $name")]
#[case("x: {int: 1}", &[("x", "one")], "`one` is not a value of this type | the declared type is read as Int32")]
#[case("as_of: {int: 1}", &[("asof", "1")], "the project declares no parameter `asof` | did you mean `as_of`?")]
fn bad_params(#[case] param: &str, #[case] given: &[(&str, &str)], #[case] expected: &str) {
    assert_eq!(told(&load_files(&format!("params:\n  {param}"), &[], given).unwrap_err()), expected);
}

#[test]
fn no_project() {
    let dir = tempfile::tempdir().unwrap();
    let error = load(dir.path(), &env, &[]).unwrap_err();
    assert_eq!(error.hint_text(), Some("`tieout init` writes one; --project names another folder"));
}

#[test]
fn anchors_and_merges_are_followed() {
    let yaml = "datasets: {a: {parquet: x}, b: {parquet: y}}\nrules:\n  one: &base {source: a, target: b, key: id}\n  two:\n    <<: *base\n    key: other\n";
    let project = load_files(yaml, &[], &[]).unwrap();
    let RuleKind::Match(two) = &project.rules[1].kind else { panic!() };
    assert_eq!((two.key.as_slice(), two.dataset.source.as_str()), (&["other".to_string()][..], "a"));
}

/// Every key that the loader reads stands in the schema, described, and every key of the schema is read.
#[test]
fn the_schema_knows_what_the_loader_reads() {
    let schema = json_schema();
    let definitions = &schema["$defs"];
    let keys =
        |of: &serde_json::Value| -> Vec<String> { of["properties"].as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&schema), ["cache", "datasets", "output", "params", "repair", "rules"]);
    assert_eq!(
        keys(&definitions["Dataset"]),
        ["arrow", "csv", "mysql", "ndjson", "parquet", "postgres", "sql", "sqlite"]
    );
    assert_eq!(
        keys(&definitions["Column"]),
        ["ignore", "ignore_case", "json", "nfc", "source", "target", "timezone", "tolerance", "trim"]
    );
    assert_eq!(keys(&definitions["Settle"]), ["column", "for"]);
    assert_eq!(keys(&definitions["Recheck"]), ["after", "times"]);
    assert_eq!(schema["additionalProperties"], false);
    assert!(!schema.to_string().contains("\"default\""));
    for (name, definition) in definitions.as_object().unwrap() {
        if let Some(properties) = definition["properties"].as_object() {
            assert!(properties.values().all(|property| property["description"].is_string()), "{name}");
            assert_eq!(definition["additionalProperties"], false, "{name}");
        }
    }
    assert!(accepts(&schema, &schema, &example()));
}

/// The full example as JSON, as an editor would hold it against the schema.
fn example() -> serde_json::Value {
    serde_json::json!({
        "output": "x",
        "datasets": {
            "a": {"parquet": "x"},
            "b": {"csv": {"path": "x", "delimiter": ";", "header": false, "null": ["NA", -999], "columns": {"x": "date"}}},
            "c": {"sql": "select 1"},
            "d": {"ndjson": {"path": "x", "compression": "gzip"}}
        },
        "params": {"as_of": {"date": "2026-01-31"}, "n": {"int": 1}},
        "rules": {
            "r": {"source": "a", "target": "b", "key": "id", "only": ["x"], "map": {"a": "b"},
                  "columns": {"x": {"tolerance": 0.005, "trim": true}}, "allow": {"rate": "0.01%", "rows": 1},
                  "settle": {"column": "t", "for": "15m"}, "recheck": {"after": "30s", "times": 3}},
            "t": {"source": "a", "target": "b", "totals": {"n": "count(*)"}, "tolerance": {"n": 1}}
        }
    })
}

/// As much of JSON Schema as ours uses.
fn accepts(root: &serde_json::Value, schema: &serde_json::Value, value: &serde_json::Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return accepts(root, &root["$defs"][reference.rsplit('/').next().unwrap()], value);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().any(|schema| accepts(root, schema, value));
    }
    let kind = match value {
        serde_json::Value::Object(_) => "object",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Bool(_) => "boolean",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::Null => "null",
    };
    let types = match &schema["type"] {
        serde_json::Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    if !types.iter().any(|known| known == kind) {
        return false;
    }
    match value {
        serde_json::Value::Object(map) => map.iter().all(|(key, value)| match schema["properties"].get(key) {
            Some(property) => accepts(root, property, value),
            None => schema["additionalProperties"].is_object() && accepts(root, &schema["additionalProperties"], value),
        }),
        serde_json::Value::Array(items) => items.iter().all(|item| accepts(root, &schema["items"], item)),
        _ => true,
    }
}
