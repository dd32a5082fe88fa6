//! Project files that do not hold: each error names line and column, and what to do.

use super::{people, refused, text};

/// `check` refuses the project with these words.
#[track_caller]
fn check(yaml: &str, words: &str) {
    let tieout = people();
    tieout.file("tieout.yaml", &text(yaml));
    refused(&tieout, &["check"], "config", words);
    // What `check` refuses is never run.
    refused(&tieout, &["run"], "config", words);
}

#[test]
fn an_unknown_key() {
    check(
        "datasets:
           a: {csv: {path: a.csv}}
         ruls: {}",
        "error: unknown key `ruls`
           at tieout.yaml:3:1
         hint: did you mean `rules`?",
    );
    check(
        "datasets:
           a: {csv: {path: a.csv, delimeter: \";\"}}",
        "error: unknown key `delimeter`
           at tieout.yaml:2:26
         hint: did you mean `delimiter`?",
    );
}

#[test]
fn a_wrong_type() {
    check(
        "datasets:
           a: {csv: {path: a.csv}}
           b: {parquet: {path: b.parquet}}
         rules:
           people:
             source: a
             target: b
             key: [id]
             allow: {rate: lots}",
        "error: `lots` is not a rate
           in rule people
           at tieout.yaml:9:19
         hint: a rate is a share of the rows, from 0 to 1: write 0.0001 or 0.01%",
    );
    check(
        "datasets:
           a: {csv: {path: a.csv, header: sometimes}}",
        "error: expected true or false
           at tieout.yaml:2:34",
    );
}

#[test]
fn a_variable_that_is_not_set() {
    check(
        "datasets:
           a: {csv: {path: \"${LAKE}/a.csv\"}}",
        "error: the environment variable `LAKE` is not set
           in dataset a
           at tieout.yaml:2:20
         hint: set it, or give a default: ${LAKE:-...}",
    );
}

#[test]
fn duplicate_names() {
    check(
        "datasets:
           a: {csv: {path: a.csv}}
           a: {csv: {path: b.csv}}",
        "error: `a` stands here for the second time
           at tieout.yaml:3:3
         hint: rename or remove one of the two",
    );
    check(
        "datasets:
           orders: {csv: {path: a.csv}}
           Orders: {csv: {path: b.csv}}",
        "error: the dataset `Orders` is named like `orders`
           at tieout.yaml:3:3
         hint: upper and lower case are the same in SQL; rename one of the two",
    );
    let tieout = people();
    tieout.file(
        "tieout.yaml",
        &text(
            "datasets:
               a: {csv: {path: a.csv}}
               b: {parquet: {path: b.parquet}}
             rules:
               people: {source: a, target: b, key: [id]}",
        ),
    );
    tieout.file("queries/people.sql", "SELECT 1 AS x\n");
    refused(
        &tieout,
        &["run"],
        "config",
        "error: the rule `people` is named like the one at tieout.yaml:5:3
           at queries/people.sql:1:1
         hint: rename one of the two; upper and lower case count as the same",
    );
}

#[test]
fn a_cycle_of_views() {
    check(
        "datasets:
           a: {csv: {path: a.csv}}
           x: {sql: \"SELECT * FROM y\"}
           y: {sql: \"SELECT * FROM z JOIN a USING (id)\"}
           z: {sql: \"SELECT * FROM x\"}",
        "error: views read each other in a circle: x -> y -> z -> x
           in dataset x
           at tieout.yaml:3:3
         hint: let one of them read a dataset of files instead",
    );
}

#[test]
fn a_dataset_that_is_not_declared() {
    check(
        "datasets:
           bank.lines: {csv: {path: a.csv}}
         rules:
           people: {source: bank.lines, target: bank.linse, key: [id]}",
        "error: there is no dataset `bank.linse`
           in rule people, side target
           at tieout.yaml:4:40
         hint: did you mean `bank.lines`?",
    );
}

#[test]
fn no_yaml_at_all() {
    check(
        "datasets:
         \ta: 1",
        "error: the file is not valid YAML: tabs disallowed within this context (block indentation)
           at tieout.yaml:2:2
         hint: mind the indentation, and put texts that hold one of { } [ ] , : # in quotes",
    );
}

#[test]
fn no_project() {
    refused(
        &people(),
        &["run"],
        "not_found",
        "error: there is no tieout.yaml in .
         hint: `tieout init` writes one; --project names another folder",
    );
}

#[test]
fn a_rule_that_is_not_there() {
    let tieout = people();
    tieout.file(
        "tieout.yaml",
        &text(
            "datasets:
               a: {csv: {path: a.csv}}
               b: {parquet: {path: b.parquet}}
             rules:
               people: {source: a, target: b, key: [id]}",
        ),
    );
    refused(
        &tieout,
        &["run", "peopel"],
        "not_found",
        "error: there is no rule `peopel`
         hint: did you mean `people`?",
    );
}
