//! Images: each tells its value from every other of its type, and the very same value is made from it again.

use tieout::dataset::{Change, Image};

use super::{Target, database, with};
use crate::databases::types::{CASES, TYPES};

/// A column of each type, which needs to be readable only as an image: (name, type, value, another one).
const FURTHER: &[(&str, &str, &str, &str)] = &[
    ("i2", "smallint", "-32768", "32767"),
    ("i8", "bigint", "-9223372036854775808", "9223372036854775807"),
    ("scaled", "numeric", "1.50", "1.5"),
    ("tiny", "numeric", "1e-200", "1e-201"),
    ("zero", "double precision", "0", "'-0'"),
    ("zero4", "real", "0", "'-0'"),
    ("third", "double precision", "1.0/3", "0.3333333333333334"),
    ("huge", "double precision", "1e23", "1.0000000000000001e23"),
    ("powers", "double precision", "2::float8 ^ -44", "9007199254740993"),
    ("far_day", "date", "'infinity'", "'5874897-12-31'"),
    ("far_at", "timestamp", "'-infinity'", "'4713-01-01 00:00:00 BC'"),
    ("far_zoned", "timestamptz", "'294276-12-31 23:59:59.999999+00'", "'infinity'"),
    ("ides", "timestamptz", "'0044-03-15 12:00:00 BC'", "'0044-03-15 12:00:00.000001 BC'"),
    ("midnight", "time", "'24:00:00'", "'00:00:00'"),
    ("clock3", "time(3)", "'12:00:00.123'", "'12:00:00.124'"),
    ("at0", "timestamp(0)", "'2026-01-01 00:00:01'", "'2026-01-01 00:00:00'"),
    ("spell3", "interval(3)", "'-1 year 3 days -04:05:06.007'", "'-1 year 3 days -04:05:06.008'"),
    ("under", "interval", "'-0.5 seconds'", "'0.5 seconds'"),
    ("mixed", "interval", "'1 year -1 mon 2 days -0.000001 seconds'", "'11 mons 2 days'"),
    ("ym", "interval year to month", "'14 months'", "'13 months'"),
    ("ds", "interval day to second(2)", "'1 day 00:00:00.12'", "'1 day 00:00:00.13'"),
    ("blanks", "char(4)", "'ab'", "' ab'"),
    ("ci", "citext", "'Straße'", "'straße'"),
    ("odd_text", "text", "E'a''b\\\\c\\n\\t\\u20ac{}\",NULL'", "E'a''b\\\\c\\n\\t\\u20ac{}\",NULL '"),
    ("empty", "text", "''", "' '"),
    ("nothing", "bytea", "''", "'\\x00'"),
    ("space", "jsonb", "'{\"a\": 1.0}'", "'{\"a\": 1.00}'"),
    ("twice", "json", "'{\"a\":1,\"a\":1}'", "'{\"a\":1}'"),
    ("part", "xml", "'<a/>text'", "'<a/>texts'"),
    ("grid", "int[]", "'{{1,2},{3,4}}'", "'{1,2,3,4}'"),
    ("from_zero", "int[]", "'[0:1]={1,2}'", "'{1,2}'"),
    (
        "quoted",
        "text[]",
        "array['', 'NULL', NULL, 'a\"b', '\\', ' x ', '{}']",
        "array['', NULL, NULL, 'a\"b', '\\', ' x ', '{}']",
    ),
    ("raws", "bytea[]", "array['\\x00'::bytea, NULL]", "array['\\x01'::bytea, NULL]"),
    ("pair", "pair", "(1, 'x y')", "(1, NULL)"),
    ("pairs", "pair[]", "array[(1, 'x,\"y')::pair]", "array[(1, 'x,y')::pair]"),
    ("nullpair", "pair", "(NULL, NULL)", "NULL"),
    ("span4", "int4range", "'[1,5)'", "'[1,6)'"),
    ("nospan", "numrange", "'empty'", "'[1.0,2.0)'"),
    ("spans4", "int4multirange", "'{[1,5),[7,9)}'", "'{[1,5)}'"),
    ("spot", "point", "'(0.1,-0)'", "'(0.1,0)'"),
    ("tags", "hstore", "'k=>v, n=>NULL'", "'k=>v, n=>\"NULL\"'"),
    ("words_of", "tsvector", "'a:1 b:2'", "'a:1 b:3'"),
    ("path_of", "ltree", "'a.b'", "'a.b.c'"),
    ("code", "code", "'abc'", "'abd'"),
    ("codes", "code[]", "'{abc}'", "'{abd}'"),
    ("quoted_type", "\"Odd (5) \"\"type\"", "'x'", "'y'"),
    ("b1", "bit", "B'1'", "B'0'"),
];

const SETUP: &str = "
    CREATE EXTENSION hstore; CREATE EXTENSION ltree;
    CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN short AS varchar(3);
    CREATE DOMAIN code AS short CHECK (value ~ '^[a-z]+$');
    CREATE TYPE \"Odd (5) \"\"type\" AS ENUM ('x', 'y');";

fn all() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let read = CASES.iter().map(|case| (case.name, case.typ, case.value, case.other));
    read.chain(FURTHER.iter().copied()).collect()
}

/// A table `t` of all types: row 1 has the values, row 2 the others, row 3 NULL.
fn target() -> (crate::support::postgres::Database, Target) {
    let columns: Vec<String> = all().iter().map(|(name, typ, ..)| format!("\"{name}\" {typ}")).collect();
    let list = |n: usize| all().iter().map(|case| [case.2, case.3][n]).collect::<Vec<_>>().join(", ");
    let database = database(&format!(
        "{TYPES} {SETUP} CREATE TABLE t (id int PRIMARY KEY, {});
         INSERT INTO t VALUES (1, {}), (2, {}); INSERT INTO t VALUES (3)",
        columns.join(", "),
        list(0),
        list(1)
    ));
    let text: Vec<&str> = FURTHER.iter().map(|(name, ..)| *name).collect();
    let target = Target::at(&database.url(), "t", &text).unwrap();
    (database, target)
}

/// The columns in which two rows do not hold the same bytes.
fn different(database: &crate::support::postgres::Database, a: u32, b: u32) -> Vec<String> {
    let tests = all();
    let tests = tests.iter().map(|(name, ..)| {
        format!("SELECT '{name}' FROM t a, t b WHERE a.id = {a} AND b.id = {b} AND NOT record_image_eq(ROW(a.\"{name}\"), ROW(b.\"{name}\"))")
    });
    let told = database.query(&tests.collect::<Vec<_>>().join(" UNION ALL "));
    told.lines().map(String::from).collect()
}

#[test]
fn a_row_that_is_made_from_an_image_holds_the_same_bytes() {
    let (database, target) = target();
    assert_eq!(different(&database, 1, 2).len(), all().len(), "the cases are of different values");
    let names: Vec<&str> = target.writable.columns.iter().map(|column| column.name.as_str()).collect();
    let mut hand = target.writer();
    hand.begin();
    for (from, to) in [("1", "11"), ("2", "12"), ("3", "13")] {
        let image = with(&target, &hand.row(from), &[("id", Some(to))]);
        assert_eq!(hand.insert(&names, &image).unwrap(), 1);
        assert_eq!(hand.row(to), image);
    }
    hand.commit().unwrap();
    for (from, to) in [(1, 11), (2, 12), (3, 13)] {
        assert_eq!(different(&database, from, to), Vec::<String>::new());
    }
    // And back and forth in a row that is there.
    hand.begin();
    let (one, two) = (hand.row("11"), with(&target, &hand.row("2"), &[("id", Some("11"))]));
    let empty = with(&target, &hand.row("3"), &[("id", Some("11"))]);
    for (before, after) in [(&one, &two), (&two, &empty), (&empty, &one), (&one, &two)] {
        assert_eq!(hand.update(&names[1..], before, after).unwrap(), 1);
    }
    hand.commit().unwrap();
    assert_eq!(different(&database, 11, 2), Vec::<String>::new());
}

#[test]
fn what_is_read_for_a_comparison_and_what_a_writer_sees_are_the_same_texts() {
    // As a server may be set up for people.
    let (database, _) = target();
    let name = database.name();
    database.sql(&format!(
        "ALTER DATABASE {name} SET datestyle = 'German'; ALTER DATABASE {name} SET intervalstyle = 'postgres_verbose';
         ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'; ALTER DATABASE {name} SET bytea_output = 'escape';
         ALTER DATABASE {name} SET extra_float_digits = -5; ALTER DATABASE {name} SET xmloption = 'document';
         ALTER DATABASE {name} SET standard_conforming_strings = off; ALTER DATABASE {name} SET search_path = public, pg_catalog;
         ALTER DATABASE {name} SET default_transaction_isolation = 'serializable';"
    ));
    // Of what Arrow cannot hold, images alone are read.
    let text: Vec<&str> = FURTHER.iter().map(|(name, ..)| *name).collect();
    let target = Target::at(&database.url(), "t", &text).unwrap();
    let mut hand = target.writer();
    hand.begin();
    let mut seen = vec![hand.row("1"), hand.row("2"), hand.row("3")];
    seen.sort();
    assert_eq!(target.images_read(), seen);
    let names: Vec<&str> = target.writable.columns.iter().map(|column| column.name.as_str()).collect();
    let image = with(&target, &hand.row("1"), &[("id", Some("21"))]);
    assert_eq!(hand.insert(&names, &image).unwrap(), 1);
    assert_eq!(hand.row("21"), image);
    hand.commit().unwrap();
    assert_eq!(different(&database, 1, 21), Vec::<String>::new());
}

#[test]
fn a_row_in_which_one_column_moved_on_is_left_alone() {
    let (database, target) = target();
    let mut hand = target.writer();
    hand.begin();
    let (one, two) = (hand.row("1"), hand.row("2"));
    let mut wrong = Vec::new();
    for (name, ..) in all() {
        let n = target.column(name);
        // What is there is row 1; what was planned for differs in one cell, by as little as can be.
        let moved: Image = with(&target, &one, &[(name, two[n].as_deref())]);
        let after = with(&target, &moved, &[("id", Some("99"))]);
        let gone = match &one[n] {
            Some(_) => with(&target, &one, &[(name, None)]),
            None => one.clone(),
        };
        for before in [&moved, &gone].into_iter().filter(|before| **before != one) {
            let updated = hand.change(Change::Update, &["id"], &["id"], &[(Some(before), Some(&after))]);
            let deleted = hand.delete(before);
            if !matches!((&updated, &deleted), (Ok(0), Ok(0))) {
                wrong.push(format!("{name}: {updated:?} {deleted:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(hand.delete(&one).unwrap(), 1);
    hand.rollback();
    assert_eq!(database.query("SELECT count(*) FROM t"), "3");
}
