//! SQL of an analyst that does not parse or plan: the error points into his own file, over several lines and past the header.

use super::{people, refused, text};
use crate::support::tieout::Tieout;

fn project(more: &str) -> Tieout {
    let tieout = people();
    let datasets = "datasets:
           a: {csv: {path: a.csv, columns: {amount: double}}}
           b: {parquet: {path: b.parquet}}";
    tieout.file("tieout.yaml", &format!("{}\n{}", text(datasets), text(more)));
    tieout
}

#[track_caller]
fn query(sql: &str, kind: &str, words: &str) {
    let tieout = project("");
    tieout.file("queries/q.sql", &text(sql));
    refused(&tieout, &["run"], kind, words);
}

#[test]
fn a_query_that_does_not_parse() {
    query(
        "-- key: id
         -- severity: critical
         -- Large amounts of people
         -- whom nobody knows.

         SELECT id
         FROM b
         WHERE amount >",
        "sql",
        "error: the SQL does not parse: expected an expression, found the end
           in rule q
           at queries/q.sql:8:15",
    );
}

#[test]
fn a_query_that_does_not_plan() {
    query(
        "-- key: id
         -- severity: critical

         SELECT id,
                amont
         FROM b",
        "sql",
        "error: there is no column `amont`
           in rule q
           at queries/q.sql:5:8
         hint: did you mean `amount`?",
    );
    query(
        "SELECT b.id
         FROM b
         JOIN people
           USING (id)",
        "config",
        "error: there is no dataset `people`
           in rule q
           at queries/q.sql:3:6
         hint: the datasets are `a`, `b`",
    );
    query(
        "SELECT id,
           uppr(name)
         FROM b",
        "sql",
        "error: Invalid function 'uppr'.
           Did you mean 'upper'?
           in rule q
           at queries/q.sql:2:3",
    );
}

/// Known from the types alone, so before anything is read or written.
#[test]
fn a_query_whose_types_do_not_fit() {
    query(
        "SELECT id FROM b WHERE name + 1 > 5",
        "sql",
        "error: Cannot coerce arithmetic expression Utf8View + Int64 to valid types
           in rule q
           at queries/q.sql:1:1",
    );
}

#[test]
fn a_query_with_a_header_that_does_not_fit() {
    query(
        "-- key: ident
         SELECT id AS idents FROM b",
        "not_found",
        "error: the query returns no key column `ident`
           in rule q
           at queries/q.sql:1:1
         hint: did you mean `idents`?",
    );
    query(
        "-- ky: id
         SELECT id FROM b",
        "config",
        "error: unknown word `ky` in the header
           in rule q
           at queries/q.sql:1:4
         hint: did you mean `key`? If it is prose, leave out the colon",
    );
}

#[test]
fn a_query_that_would_change_something() {
    query(
        "DROP TABLE b",
        "sql",
        "error: only a query can stand here
           in rule q
           at queries/q.sql:1:1
         hint: write one SELECT",
    );
}

#[test]
fn a_parameter_that_is_not_declared() {
    query(
        "SELECT id
         FROM b
         WHERE id > $first",
        "sql",
        "error: the parameter `$first` is not declared
           in rule q
           at queries/q.sql:3:12
         hint: declare it in the project file: params: {first: {date: 2026-01-31}}",
    );
}

#[test]
fn a_condition_over_several_lines_of_yaml() {
    let tieout = project(
        "rules:
           people:
             source: a
             target: b
             key: [id]
             where: |
               amount > 0
                 AND nme <> 'x'",
    );
    refused(
        &tieout,
        &["run"],
        "sql",
        "error: there is no column `nme`
           in rule people, side source
           at tieout.yaml:11:13
         hint: did you mean `name`?",
    );
}

#[test]
fn a_condition_of_the_command_line() {
    let tieout = people();
    let diff = ["diff", "a.csv", "b.parquet", "-k", "id", "--out", "out"];
    let with = |more: [&'static str; 2]| diff.into_iter().chain(more).collect::<Vec<_>>();
    refused(
        &tieout,
        &with(["--where", "amount >"]),
        "usage",
        "error: the SQL does not parse: expected an expression, found the end
           in flag --where",
    );
    refused(
        &tieout,
        &with(["--target-where", "amout > 1"]),
        "sql",
        "error: there is no column `amout`
           in side target, expression amout > 1
         hint: did you mean `amount`?",
    );
}

#[test]
fn an_expression_of_one_side() {
    let tieout = project(
        "rules:
           people:
             source: a
             target: b
             key: [id]
             columns:
               amount: {target: \"cast(amout AS double)\"}",
    );
    refused(
        &tieout,
        &["run"],
        "sql",
        "error: there is no column `amout`
           in rule people, side target
           at tieout.yaml:10:30
         hint: did you mean `amount`?",
    );
}

#[test]
fn an_expression_of_totals() {
    let tieout = project(
        "rules:
           sums:
             source: a
             target: b
             totals:
               rows: count(*)
               amount: sum(amont)",
    );
    refused(
        &tieout,
        &["run"],
        "sql",
        "error: there is no column `amont`
           in rule sums, side source
           at tieout.yaml:10:19
         hint: did you mean `amount`?",
    );
}

#[test]
fn a_view_that_does_not_plan() {
    let tieout = project(
        "  people:
             sql: |
               SELECT id,
                 nme
               FROM a
         rules:
           people: {source: people, target: b, key: [id]}",
    );
    refused(
        &tieout,
        &["run"],
        "sql",
        "error: there is no column `nme`
           in rule people, side source, dataset people
           at tieout.yaml:7:9
         hint: did you mean `name`?",
    );
}
