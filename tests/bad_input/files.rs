//! Files that are not there, or are not what they seem.

use std::fs;

use super::{people, refused};
use crate::support::tieout::Tieout;

const OUT: [&str; 4] = ["--key", "id", "--out", "out"];

#[track_caller]
fn diff(tieout: &Tieout, source: &str, target: &str, kind: &str, words: &str) {
    let args: Vec<&str> = ["diff", source, target].into_iter().chain(OUT).collect();
    refused(tieout, &args, kind, words);
}

#[test]
fn a_missing_file() {
    diff(
        &people(),
        "a.csv",
        "bb.parquet",
        "not_found",
        "error: there is no file or folder DIR/bb.parquet
           in side target, dataset bb.parquet
         hint: did you mean DIR/b.parquet?",
    );
}

#[test]
fn a_missing_folder() {
    diff(
        &people(),
        "lake/orders/",
        "b.parquet",
        "not_found",
        "error: there is no file or folder DIR/lake/orders/
           in side source, dataset lake/orders/
         hint: check the path",
    );
}

#[test]
fn a_glob_without_files() {
    diff(
        &people(),
        "bank-*.csv",
        "b.parquet",
        "not_found",
        "error: no file matches DIR/bank-*.csv
           in side source, dataset bank-*.csv
         hint: listed were the files below DIR; names starting with `_` or `.` are passed over",
    );
}

#[test]
fn truncated_and_foreign_parquet() {
    let tieout = people();
    let whole = fs::read(tieout.path("b.parquet")).unwrap();
    fs::write(tieout.path("half.parquet"), &whole[..whole.len() / 2]).unwrap();
    fs::write(tieout.path("text.parquet"), "id,name\n1,Ann\n").unwrap();
    fs::write(tieout.path("empty.parquet"), "").unwrap();
    let cases = [
        ("half.parquet", "Invalid Parquet file. Corrupt footer"),
        ("text.parquet", "Invalid Parquet file. Corrupt footer"),
        ("empty.parquet", "it has 0 bytes"),
    ];
    for (file, why) in cases {
        let words = format!(
            "error: DIR/{file} is not a Parquet file (or is cut off)\n  in side target, dataset {file}\n  because {why}\n\
             hint: check that it was written to its end, and that the connector fits the file"
        );
        diff(&tieout, "a.csv", file, "data", &words);
    }
}

/// The footer is whole, the pages are not: this shows only while rows are read.
#[test]
fn parquet_with_broken_pages() {
    let tieout = people();
    let mut bytes = fs::read(tieout.path("b.parquet")).unwrap();
    bytes[4..60].fill(0xff);
    fs::write(tieout.path("broken.parquet"), &bytes).unwrap();
    let told = tieout.run(["diff", "a.csv", "broken.parquet", "-k", "id", "--out", "out"]).exits(2);
    assert!(told.stderr.contains("side target") && told.stderr.contains("broken.parquet"), "{}", told.stderr);
    assert!(!tieout.has_results());
}

#[test]
fn ragged_csv() {
    let tieout = people();
    tieout.file("short.csv", "id,name,amount\n1,Ann,1.5\n2,Bob\n");
    tieout.file("long.csv", "id,name,amount\n1,Ann,1.5\n2,Bob,2,5\n");
    for (file, fields) in [("short.csv", 2), ("long.csv", 4)] {
        let words = format!(
            "error: DIR/{file}, line 3: {fields} fields, but the header has 3\n  in dataset {file}, side source\n\
             hint: check `delimiter` and `quote`; a field that holds the delimiter must stand in quotes"
        );
        diff(&tieout, file, "b.parquet", "data", &words);
    }
}

#[test]
fn a_quote_that_never_closes() {
    let tieout = people();
    tieout.file("quote.csv", "id,name,amount\n1,\"Ann,1.5\n2,Bob,2.5\n");
    diff(
        &tieout,
        "quote.csv",
        "b.parquet",
        "data",
        "error: DIR/quote.csv, line 2: the quote that opens here is never closed
           in dataset quote.csv, side source
         hint: check `quote`, or whether the file was written to its end",
    );
}

#[test]
fn wrong_encodings() {
    let tieout = people();
    fs::write(tieout.path("latin1.csv"), b"id,name,amount\n1,Ann,1.5\n2,J\xf6rg,2.5\n").unwrap();
    diff(
        &tieout,
        "latin1.csv",
        "b.parquet",
        "data",
        "error: DIR/latin1.csv, line 3: this is not UTF-8
           in side source, dataset latin1.csv
         hint: only UTF-8 is read: convert it, e.g. with `iconv -f LATIN1 -t UTF-8`",
    );
    let utf16: Vec<u8> = "\u{feff}id,name\n1,Ann\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(tieout.path("utf16.csv"), utf16).unwrap();
    diff(
        &tieout,
        "utf16.csv",
        "b.parquet",
        "data",
        "error: DIR/utf16.csv is written in UTF-16 or UTF-32
           in side source, dataset utf16.csv
         hint: only UTF-8 is read: convert it, e.g. with `iconv -f UTF-16 -t UTF-8`",
    );
}

#[test]
fn csv_without_a_usable_header() {
    let tieout = people();
    tieout.file("empty.csv", "");
    diff(
        &tieout,
        "empty.csv",
        "b.parquet",
        "data",
        "error: DIR/empty.csv is empty: it has no header
           in side source, dataset empty.csv
         hint: a table without rows still has a header; or set `header: false`",
    );
    tieout.file("twice.csv", "id,id\n1,1\n");
    diff(
        &tieout,
        "twice.csv",
        "b.parquet",
        "data",
        "error: DIR/twice.csv, line 1: the header has \"id\" twice, as the 1. and 2. column
           in side source, dataset twice.csv
         hint: rename one of them; columns are compared by name",
    );
}

/// A cell that does not parse is a divergence to a match, which shows it, and an error where it would go into a sum.
#[test]
fn a_cell_that_does_not_parse() {
    let tieout = people();
    tieout.file("cell.csv", "id,name,amount\n1,Ann,1.5\n2,Bob,2;5\n3,Eva,3.5\n");
    let project = "
        datasets:
          bank: {csv: {path: cell.csv, columns: {amount: \"decimal(9,2)\"}}}
          lake: {parquet: {path: b.parquet}}
        rules:
          lines: {source: bank, target: lake, key: [id]}
          sums: {source: bank, target: lake, totals: {amount: \"sum(amount)\"}}
    ";
    tieout.file("tieout.yaml", project.trim_start_matches('\n'));
    tieout.file("queries/large.sql", "-- key: id\nSELECT id, amount FROM bank WHERE amount > 2\n");
    refused(
        &tieout,
        &["run", "sums"],
        "data",
        "error: `2;5` in bank.amount cannot be read as decimal(9, 2)
           in rule sums, dataset bank, side source
           at tieout.yaml:6:3
         hint: declare a type that holds every cell of the column, or leave its type out",
    );
    refused(
        &tieout,
        &["run", "large"],
        "data",
        "error: `2;5` in bank.amount cannot be read as decimal(9, 2)
           in rule large
           at queries/large.sql:1:1
         hint: declare a type that holds every cell of the column, or leave its type out",
    );
    let lines = tieout.run(["run", "lines", "--format", "json"]).exits(1).rule("lines");
    assert_eq!((&lines["rows"]["equal"], &lines["rows"]["value_mismatch"]), (&2.into(), &1.into()), "{lines:#}");
    let shown = tieout.run(["run", "lines"]).exits(1);
    assert!(shown.stdout.contains("unreadable '2;5'"), "{}", shown.stdout);
}

#[test]
fn names_that_tell_no_format_or_no_place() {
    let tieout = people();
    tieout.file("notes", "id\n1\n");
    diff(
        &tieout,
        "notes",
        "b.parquet",
        "usage",
        "error: the format of DIR/notes cannot be told from its name
           in side source, dataset notes
         hint: name the format: --option format=csv",
    );
    diff(
        &tieout,
        "a.csv",
        "postgres://me:hunter2@db/erp",
        "usage",
        "error: the dataset names neither a table nor a query
           in side target, dataset postgres://***@db/erp
         hint: add table: sales.orders, or query: SELECT ...",
    );
}

/// Tables without rows are tables.
#[test]
fn empty_tables_are_no_error() {
    let tieout = people();
    tieout.file("none.csv", "id,name,amount\n");
    tieout.parquet("none.parquet", "id:int64, name:utf8, amount:float64");
    tieout.run(["diff", "none.csv", "none.parquet", "-k", "id"]).exits(0);
    tieout.run(["diff", "none.csv", "none.parquet"]).exits(0);
    let rule = tieout.run(["diff", "none.parquet", "b.parquet", "-k", "id", "--format", "json"]).exits(1).rule("diff");
    assert_eq!(rule["rows"]["missing_in_source"], 3);
    let rule = tieout.run(["diff", "a.csv", "none.csv", "-k", "id", "--format", "json"]).exits(1).rule("diff");
    assert_eq!(rule["rows"]["missing_in_target"], 3);
}
