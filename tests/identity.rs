//! The identity of a divergence and the digest of a row are formats: recomputed here in Python from what is documented.

use crate::support::data;
use crate::support::python;
use crate::support::tieout::Tieout;

/// `id key -> divergence_id` of a rule between two literal tables.
fn ids(source: &str, target: &str, rule: &str) -> Vec<String> {
    let tieout = Tieout::new();
    tieout.parquet("s.parquet", source);
    tieout.parquet("t.parquet", target);
    project(&tieout, rule);
    table(&tieout)
}

fn project(tieout: &Tieout, rule: &str) {
    let datasets = "datasets:\n  s: {parquet: {path: s.parquet}}\n  t: {parquet: {path: t.parquet}}\n";
    tieout.file("tieout.yaml", &format!("{datasets}rules:\n  {rule}\n"));
}

fn table(tieout: &Tieout) -> Vec<String> {
    let out = tieout.path("out");
    let _ = std::fs::remove_dir_all(&out);
    tieout.run(["run"]).exits(1);
    let mut rows = data::rows(&data::read_parquet(&out.join("divergences")), &["divergence_id"]);
    rows.sort();
    rows
}

const RULE: &str = "r: {source: s, target: t, key: [k]}";

#[test]
fn the_same_in_every_run_and_of_every_kind() {
    let tieout = Tieout::new();
    tieout.parquet("s.parquet", "k:int64, v:int64\n1 | 1\n2 | 2");
    tieout.parquet("t.parquet", "k:int64, v:int64\n1 | 9\n2 | 9");
    project(&tieout, RULE);
    let first = table(&tieout);
    assert_eq!(first.len(), 2);
    assert_ne!(first[0], first[1]);
    assert_eq!(table(&tieout), first, "another run");
    // The key now stands on one side only: another kind, the same divergence.
    tieout.parquet("t.parquet", "k:int64, v:int64");
    assert_eq!(table(&tieout), first, "missing_in_target");
    std::fs::rename(tieout.path("s.parquet"), tieout.path("x")).unwrap();
    std::fs::rename(tieout.path("t.parquet"), tieout.path("s.parquet")).unwrap();
    std::fs::rename(tieout.path("x"), tieout.path("t.parquet")).unwrap();
    assert_eq!(table(&tieout), first, "missing_in_source");
    project(&tieout, "other: {source: s, target: t, key: [k]}");
    let other = table(&tieout);
    assert!(other.iter().all(|id| !first.contains(id)), "another rule");
}

/// The key's value counts, not how it is stored.
#[test]
fn the_width_of_the_key_does_not_matter() {
    let with = |kind: &str, key: &str| ids(&format!("k:{kind}, v:int8\n{key} | 1"), &format!("k:{kind}, v:int8"), RULE);
    let number = with("int32", "7");
    for kind in ["int64", "uint8", "uint64", "decimal(10,0)", "decimal(12,2)", "decimal(60,5)"] {
        assert_eq!(with(kind, "7"), number, "{kind}");
    }
    let moment = with("timestamp(s)", "2026-01-01T12:00:00");
    for kind in ["timestamp(ms)", "timestamp(us)", "timestamp(ns)"] {
        assert_eq!(with(kind, "2026-01-01T12:00:00"), moment, "{kind}");
    }
    let text = with("utf8", "7");
    for kind in ["largeutf8", "utf8view", "dictionary(utf8)"] {
        assert_eq!(with(kind, "7"), text, "{kind}");
    }
    assert_ne!(number, text);
    assert_ne!(with("float64", "0.5"), with("float64", "0.25"));
    assert_eq!(with("float64", "0.5"), with("float32", "0.5"));
    // NULL is a key of its own.
    assert_ne!(with("utf8", "NULL"), with("utf8", "''"));
}

/// Rows that share their key, and rows without one, are told apart by side and number.
#[test]
fn rows_that_repeat() {
    let repeated = ids("k:int64, v:int64\n1 | 1\n1 | 1\n1 | 2", "k:int64, v:int64\n1 | 3\n1 | 4", RULE);
    assert_eq!(repeated.len(), 5);
    assert!(repeated.windows(2).all(|pair| pair[0] != pair[1]), "{repeated:?}");
    let keyless = "r: {source: s, target: t}";
    let rows = ids("k:int64\n1\n1\n2", "k:int64\n2\n2", keyless);
    assert_eq!(rows.len(), 3);
    assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "{rows:?}");
}

/// XXH3 of length-prefixed parts, written out once more from the documentation.
const FORMAT: &str = r#"
import struct

import xxhash


def parts(*parts):
    data = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    return xxhash.xxh3_128_hexdigest(data)


def number(value):
    return b"\x02\x00\x08" + struct.pack("<q", value)


def text(value):
    raw = value.encode()
    return b"\x04" + struct.pack("<I", len(raw)) + raw


print(parts(b"tieout.divergence.1", b"r", number(7)))
print(parts(b"tieout.divergence.1", b"r", text("é") + b"\x00"))
print(parts(b"tieout.divergence.1", b"r", number(1), b"source 1"))
print(parts(b"tieout.schema.1", b"r", b"x"))
row = number(7) + text("é") + b"\x00" + b"\x03" + struct.pack("<d", 0.5) + b"\x02\x02\x08" + struct.pack("<q", 150)
print(xxhash.xxh3_128_hexdigest(row))
"#;

#[test]
fn the_documented_format() {
    let printed = python::run(FORMAT, [""; 0]);
    let expected: Vec<&str> = printed.lines().collect();
    assert_eq!(ids("k:int64, v:int8\n7 | 1", "k:int64, v:int8\n7 | 2", RULE), [expected[0]]);
    let composite = "r: {source: s, target: t, key: [a, b]}";
    assert_eq!(ids("a:utf8, b:int8, v:int8\né | NULL | 1", "a:utf8, b:int8, v:int8", composite), [expected[1]]);
    let repeated = ids("k:int64, v:int8\n1 | 1\n1 | 2", "k:int64, v:int8\n1 | 2", RULE);
    assert_eq!(repeated, [expected[2]]);
    assert_eq!(ids("k:int64, x:int8\n1 | 1", "k:int64\n1", RULE), [expected[3]]);

    let sql =
        "SELECT encode(row_digest(arrow_cast(7, 'Int32'), 'é', NULL, 0.5::double, 1.50::decimal(12,2)), 'hex') AS d";
    let digest = Tieout::new().run(["sql", "--format", "csv", sql]).exits(0).stdout;
    assert_eq!(digest.lines().nth(1), Some(expected[4]));
}
