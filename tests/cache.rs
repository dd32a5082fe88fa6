//! Remembered digests: a second run reads only what is new, and finds exactly what a run without a cache finds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::data;
use crate::support::tieout::Tieout;

/// What a run found, without what differs from run to run.
pub fn found(tieout: &Tieout, args: &[&str]) -> Value {
    let out = tieout.path("found");
    let _ = fs::remove_dir_all(&out);
    let args = ["run", "--format", "json", "--out", "found"].iter().chain(args);
    let run = tieout.run(args);
    assert!(matches!(run.code, Some(0 | 1)), "{}\n{}", run.stdout, run.stderr);
    let rules = run.json()["rules"].as_array().unwrap().clone();
    let rules = rules.iter().map(|rule| {
        let table = out.join(format!("divergences/rule={}", rule["rule"].as_str().unwrap()));
        let mut ids = data::rows(&data::read_parquet(&table), &["divergence_id", "kind", "side"]);
        ids.sort();
        serde_json::json!({
            "rule": rule["rule"], "outcome": rule["outcome"], "rows": rule["rows"], "columns": rule["columns"],
            "schema": rule["schema"], "ids": ids,
        })
    });
    rules.collect()
}

fn bytes_read(tieout: &Tieout, args: &[&str]) -> u64 {
    let args = ["run", "--format", "json"].iter().chain(args);
    tieout.run(args).rule("r")["work"]["bytes_read"].as_u64().unwrap()
}

/// With a cache it is what it is by `join`.
#[track_caller]
fn agrees(tieout: &Tieout, args: &[&str]) -> Value {
    let by_join = found(tieout, &[&["--strategy", "join"], args].concat());
    let cached = found(tieout, &[&["--cache", "cache"], args].concat());
    assert_eq!(cached, by_join);
    cached
}

/// As if it was written an hour ago, and so many seconds.
pub fn aged(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(3600 + seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

pub fn csv(tieout: &Tieout, name: &str, rows: impl IntoIterator<Item = (u32, u32)>) -> PathBuf {
    let rows: String = rows.into_iter().map(|(id, v)| format!("{id},{v}\n")).collect();
    let path = tieout.file(name, &format!("id,v\n{rows}"));
    aged(&path, 0);
    path
}

/// Four files a side, of 50 rows each; the target's second one differs in a row.
pub fn project(settings: &str, rule: &str) -> Tieout {
    let tieout = Tieout::new();
    for file in 0..4 {
        let rows = || (0..50).map(move |i| file * 50 + i);
        csv(&tieout, &format!("s/{file}.csv"), rows().map(|id| (id, id % 7)));
        csv(&tieout, &format!("t/{file}.csv"), rows().map(|id| (id, if id == 77 { 9 } else { id % 7 })));
    }
    let datasets = "datasets:\n  s: {csv: s}\n  t: {csv: t}";
    tieout
        .file("tieout.yaml", &format!("{settings}{datasets}\nrules:\n  r: {{source: s, target: t, key: id{rule}}}\n"));
    tieout
}

fn objects(tieout: &Tieout) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(tieout.path("cache/digests")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn the_second_run_finds_the_same_and_reads_what_holds_a_suspect() {
    let tieout = project("", "");
    let first = agrees(&tieout, &[]);
    assert_eq!(first[0]["rows"]["value_mismatch"], 1);
    assert_eq!(objects(&tieout).len(), 8);
    assert_eq!(agrees(&tieout, &[]), first);
    // Headers are read of all files; of rows only those of one file a side.
    let all = bytes_read(&tieout, &["--strategy", "digest", "--cache", "other"]);
    let again = bytes_read(&tieout, &["--cache", "cache"]);
    assert!(again * 2 < all, "{again} of {all}");
    // The cache is nowhere but there.
    let mut below: Vec<_> =
        fs::read_dir(tieout.path("cache")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    below.sort();
    assert_eq!(below, ["digests", "residues"]);
}

#[test]
fn the_project_may_name_the_cache() {
    let tieout = project("cache: cache\n", "");
    let first = found(&tieout, &[]);
    assert_eq!(objects(&tieout).len(), 8);
    assert_eq!(found(&tieout, &[]), first);
}

/// Files come, change, and go: of equal size, and in a second of the same minute.
#[test]
fn files_that_come_change_and_go() {
    let tieout = project("", "");
    agrees(&tieout, &[]);
    csv(&tieout, "s/new.csv", [(900, 1), (901, 2)]);
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["missing_in_target"], 2);
    csv(&tieout, "t/other.csv", [(900, 1), (901, 3)]);
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["value_mismatch"], 2);
    assert_eq!(objects(&tieout).len(), 10);

    let path = tieout.path("t/other.csv");
    fs::write(&path, "id,v\n900,1\n901,2\n").unwrap();
    aged(&path, 1);
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["value_mismatch"], 1);
    // Rewritten in place, with the time that it had.
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "id,v\n900,1\n901,4\n").unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["value_mismatch"], 2);
    fs::write(&path, "id,v\n900,1\n901,2\n").unwrap();
    aged(&path, 1);
    fs::remove_file(tieout.path("s/1.csv")).unwrap();
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["missing_in_source"], 50);
    // A key that now stands in two files, one of them remembered.
    csv(&tieout, "t/twice.csv", [(3, 3)]);
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["duplicate_key"], 1);
}

/// Each file is remembered by itself, whichever task comes first: files of one row against files of many.
#[test]
fn digests_are_remembered_under_the_files_they_are_of() {
    let tieout = Tieout::new();
    for file in 0..12u32 {
        for side in ["s", "t"] {
            let rows = if file % 2 == 0 { 1 } else { 400 };
            csv(&tieout, &format!("{side}/{file}.csv"), (0..rows).map(|i| (file * 1000 + i, i)));
        }
    }
    tieout
        .file("tieout.yaml", "datasets:\n  s: {csv: s}\n  t: {csv: t}\nrules:\n  r: {source: s, target: t, key: id}\n");
    agrees(&tieout, &["--threads", "4"]);
    for file in 0..12 {
        fs::remove_file(tieout.path(&format!("t/{file}.csv"))).unwrap();
        let rows: u64 = (0..=file).map(|file| if file % 2 == 0 { 1 } else { 400 }).sum();
        if file == 11 {
            break;
        }
        assert_eq!(agrees(&tieout, &[])[0]["rows"]["missing_in_target"], rows, "without {file}.csv");
    }
}

/// What is torn or another file's is not believed: it is made anew, and the run is right.
#[test]
fn torn_and_foreign_objects() {
    let tieout = project("", "");
    let expected = agrees(&tieout, &[]);
    let whole = objects(&tieout);
    let paths: Vec<&PathBuf> = whole.keys().collect();
    type Damage = fn(&[u8], &[u8]) -> Vec<u8>;
    let damages: [Damage; 7] = [
        |_, _| Vec::new(),
        |own, _| own[..own.len() - 1].to_vec(),
        |own, _| own[..20].to_vec(),
        |own, _| [own, b"x"].concat(),
        // A digest; the number of rows.
        |own, _| own.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == own.len() / 2)).collect(),
        |own, _| own.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 50)).collect(),
        |_, other| other.to_vec(),
    ];
    for (n, damage) in damages.into_iter().enumerate() {
        for (path, bytes) in &whole {
            let other = paths.iter().find(|other| **other != path).unwrap();
            fs::write(path, damage(bytes, &whole[*other])).unwrap();
        }
        // Else they would not be asked for.
        fs::remove_dir_all(tieout.path("cache/residues")).unwrap();
        assert_eq!(found(&tieout, &["--cache", "cache"]), expected, "damage {n}");
        assert_eq!(objects(&tieout), whole, "damage {n}");
    }
}

/// What the digests depend on besides the file is in their name: columns, types, filters, parameters, options of reading.
#[test]
fn another_statement_is_not_remembered() {
    let tieout = project("params:\n  most: {int: 5}\n", ", where: CAST(v AS INT) < $most");
    agrees(&tieout, &[]);
    assert_eq!(objects(&tieout).len(), 8);
    // The row that differs passes now.
    assert_eq!(agrees(&tieout, &["--param", "most=100"])[0]["rows"]["value_mismatch"], 1);
    assert_eq!(objects(&tieout).len(), 16);
    let datasets = "datasets:\n  s: {csv: s}\n  t: {csv: t}\n  n: {csv: {path: t, 'null': ['9']}}\n  \
        d: {csv: {path: t, columns: {v: 'decimal(9,2)'}}}\n";
    let mut known = 16;
    for rule in [
        "source: s, target: t, key: id",
        "source: s, target: t, key: id, columns: {v: {ignore: true}}",
        "source: s, target: t, key: id, columns: {v: {tolerance: 5}}",
        "source: s, target: t, key: v",
        "source: s, target: t, key: [id, v]",
        "source: s, target: t, key: id, where: v <> '9'",
        "source: s, target: n, key: id",
        "source: s, target: d, key: id",
    ] {
        tieout.file("tieout.yaml", &format!("{datasets}rules:\n  r: {{{rule}}}\n"));
        agrees(&tieout, &[]);
        agrees(&tieout, &[]);
        let now = objects(&tieout).len();
        assert!(now > known, "{rule}");
        known = now;
    }
    // Whether all columns are the key or there is none, rows have the same digests.
    tieout.file("tieout.yaml", &format!("{datasets}rules:\n  r: {{source: s, target: t}}\n"));
    agrees(&tieout, &[]);
}

/// Types that a new file widens are other types, for an expression may show them.
#[test]
fn a_file_that_widens_a_column() {
    let tieout = Tieout::new();
    let old = |name: &str, table: &str| aged(&tieout.parquet(name, table), 0);
    for side in ["s", "t"] {
        old(&format!("{side}/a.parquet"), "id:int64, v:decimal(5,2), w:int32\n1 | 1.00 | 2147483647\n2 | 2.00 | 5");
    }
    tieout.file(
        "tieout.yaml",
        "datasets:\n  s: {parquet: s}\n  t: {parquet: t}\nrules:\n  \
         r: {source: s, target: t, key: id, where: CAST(v AS TEXT) <> '9.99'}\n",
    );
    agrees(&tieout, &[]);
    old("s/b.parquet", "id:int64, v:decimal(9,2), w:int64\n3 | 3.00 | 2147483648");
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["missing_in_target"], 1);
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["equal"], 2);
}

/// What a function of the clock lets through now is not what it will let through.
/// A filter may look at another dataset, which changes though the rule's own files do not.
#[test]
fn what_depends_on_another_dataset_is_not_remembered() {
    let tieout = Tieout::new();
    tieout.file(
        "tieout.yaml",
        "datasets: {a: {csv: {path: a.csv}}, b: {csv: {path: b.csv}}, o: {csv: {path: o.csv}}}\n\
         rules:\n  r: {source: a, target: b, key: [id], where: \"id IN (SELECT o.id FROM o)\"}\n",
    );
    csv(&tieout, "a.csv", [(1, 1), (2, 2)]);
    csv(&tieout, "b.csv", [(1, 1), (2, 3)]);
    csv(&tieout, "o.csv", [(1, 0)]);
    assert_eq!(agrees(&tieout, &[])[0]["outcome"], "reconciled");
    csv(&tieout, "o.csv", [(1, 0), (2, 0)]);
    assert_eq!(agrees(&tieout, &[])[0]["outcome"], "diverged");
}

#[test]
fn what_depends_on_the_clock_is_not_remembered() {
    for filter in ["now() > '2026-01-01T00:00:00Z'", "current_date > DATE '2020-01-01'", "random() < 2"] {
        let tieout = project("", &format!(", where: \"{filter}\""));
        let first = found(&tieout, &["--cache", "cache"]);
        assert!(!tieout.path("cache/digests").exists(), "{filter}");
        assert_eq!(found(&tieout, &["--cache", "cache"]), first);
    }
}

/// Within the clock's grain a file may be written again and look the same.
#[test]
fn a_file_written_just_now_is_not_remembered() {
    let tieout = project("", "");
    let fresh = tieout.path("s/0.csv");
    let text = fs::read_to_string(&fresh).unwrap();
    fs::write(&fresh, text).unwrap();
    agrees(&tieout, &[]);
    assert_eq!(objects(&tieout).len(), 7);
    aged(&fresh, 0);
    agrees(&tieout, &[]);
    assert_eq!(objects(&tieout).len(), 8);
}

/// A cache that cannot be written to costs time, never a run.
#[test]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let tieout = project("", "");
    let expected = found(&tieout, &["--strategy", "join"]);
    for folder in ["digests", "residues"] {
        tieout.file(&format!("cache/{folder}"), "a file where a folder should be\n");
    }
    assert_eq!(found(&tieout, &["--cache", "cache"]), expected);
    let run = tieout.run(["run", "--cache", "cache", "-v"]).exits(1);
    for what in ["digests", "what was left over"] {
        assert!(run.stderr.contains(&format!("{what} could not be remembered")), "{}", run.stderr);
    }
}

/// Several runs at once share one cache.
#[test]
fn several_runs_at_once() {
    let tieout = project("", "");
    let expected = found(&tieout, &["--strategy", "join"])[0]["rows"].clone();
    for _ in 0..2 {
        std::thread::scope(|scope| {
            let run = |n: usize| {
                let out = format!("out{n}");
                let args = ["run", "--format", "json", "--cache", "cache", "--out", &out];
                tieout.run(args).exits(1).rule("r")["rows"].clone()
            };
            let runs: Vec<_> = (0..4).map(|n| scope.spawn(move || run(n))).collect();
            runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), expected));
        });
        assert_eq!(objects(&tieout).len(), 8);
    }
}

/// A run that stops at a limit remembers whole files only.
#[test]
fn a_run_that_stops_remembers_no_half_file() {
    let tieout = Tieout::new();
    for side in ["s", "t"] {
        csv(&tieout, &format!("{side}/a.csv"), (0..40_000).map(|id| (id, id)));
        csv(&tieout, &format!("{side}/b.csv"), (40_000..40_010).map(|id| (id, id)));
    }
    tieout
        .file("tieout.yaml", "datasets:\n  s: {csv: s}\n  t: {csv: t}\nrules:\n  r: {source: s, target: t, key: id}\n");
    tieout.run(["run", "--cache", "cache", "--max-bytes", "1KB"]).exits(3);
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["equal"], 40_010);
    assert_eq!(agrees(&tieout, &[])[0]["rows"]["equal"], 40_010);
}
