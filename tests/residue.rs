//! What files left over is remembered: a later run reads only the files that came since, and finds exactly what a run
//! without a cache finds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::cache::{aged, csv, found, project};
use crate::support::tieout::Tieout;

/// With a cache it is what it is without one; why the strategy was chosen is told.
#[track_caller]
fn agrees(tieout: &Tieout, args: &[&str]) -> (Value, String) {
    let plain = found(tieout, &[&["--strategy", "digest"], args].concat());
    assert_eq!(found(tieout, &[&["--strategy", "join"], args].concat()), plain);
    let cached = found(tieout, &[&["--cache", "cache"], args].concat());
    assert_eq!(cached, plain);
    let run = tieout.run(["run", "--format", "json", "--cache", "cache"].iter().chain(args));
    (plain[0]["rows"].clone(), run.rule("r")["why"].as_str().unwrap().to_string())
}

/// The objects that hold residues.
fn residues(tieout: &Tieout) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = fs::read_dir(tieout.path("cache/residues")).into_iter().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn why(tieout: &Tieout, args: &[&str]) -> String {
    let args = ["run", "--format", "json", "--cache", "cache"].iter().chain(args);
    tieout.run(args).rule("r")["why"].as_str().unwrap().to_string()
}

fn modified(tieout: &Tieout, name: &str) -> std::time::SystemTime {
    fs::metadata(tieout.path(name)).unwrap().modified().unwrap()
}

const NONE_NEW: &str = "8 files are remembered with what they left over; none is new";
const ONE_NEW: &str = "8 files are remembered with what they left over; 1 is compared with that";
const NOT_USED: &str = "--cache remembers the digests of files";

/// Values come back from the cache; files are read only where they are new.
#[test]
fn only_new_files_are_read() {
    let tieout = project("", "");
    assert_eq!(agrees(&tieout, &[]).1, NONE_NEW);
    let all: Vec<PathBuf> = ["s", "t"]
        .iter()
        .flat_map(|side| (0..4).map(move |n| format!("{side}/{n}.csv")))
        .map(|name| tieout.path(&name))
        .collect();
    csv(&tieout, "s/new.csv", [(900, 1)]);
    let run = tieout.run(["run", "--format", "json", "--cache", "cache"]).exits(1);
    let rule = run.rule("r");
    assert_eq!(rule["why"], ONE_NEW);
    assert_eq!(
        (rule["rows"]["value_mismatch"].as_u64(), rule["rows"]["missing_in_target"].as_u64()),
        (Some(1), Some(1))
    );
    // Twice the new one: to be digested, and in full.
    assert_eq!(rule["work"]["bytes_read"], 2 * fs::metadata(tieout.path("s/new.csv")).unwrap().len());
    assert!(all.iter().all(|path| path.exists()));
    assert_eq!(agrees(&tieout, &[]).1, "9 files are remembered with what they left over; none is new");
}

/// `--explain` tells it before.
#[test]
fn it_is_explained() {
    let tieout = project("", "");
    let explained = |args: &[&str]| {
        let args = ["run", "--explain", "--format", "json", "--cache", "cache"].iter().chain(args);
        tieout.run(args).exits(0).rule("r")["why"].as_str().unwrap().to_string()
    };
    assert_eq!(explained(&[]), NOT_USED);
    agrees(&tieout, &[]);
    assert_eq!(explained(&[]), NONE_NEW);
    csv(&tieout, "t/new.csv", [(900, 1)]);
    assert_eq!(explained(&[]), ONE_NEW);
    assert_eq!(explained(&["--strategy", "join"]), "asked for by --strategy");
    assert!(!explained(&["--guarantee", "exact"]).contains("remembered"));
}

/// What a new row does to rows that were left over, or that had cancelled.
#[test]
fn new_rows_meet_old_ones() {
    let tieout = project("", "");
    agrees(&tieout, &[]);
    // 77 differed; its twin comes, late, and then it is there once too often.
    csv(&tieout, "s/twin.csv", [(77, 9)]);
    assert_eq!(agrees(&tieout, &[]).0["duplicate_key"], 1);
    csv(&tieout, "t/twin.csv", [(77, 0)]);
    assert_eq!(agrees(&tieout, &[]).0["equal"], 201);
    // Nothing is left over any more, until a key whose rows had cancelled comes again: on one side, then on the other.
    csv(&tieout, "s/3.again.csv", [(3, 3)]);
    assert_eq!(agrees(&tieout, &[]).0["duplicate_key"], 1);
    csv(&tieout, "t/3.again.csv", [(3, 3), (77, 9)]);
    let (rows, why) = agrees(&tieout, &[]);
    assert_eq!((rows["duplicate_key"].as_u64(), rows["equal"].as_u64()), (Some(1), Some(202)));
    assert_eq!(why, "12 files are remembered with what they left over; none is new");
}

/// Keys that repeat are told by number, also where they repeat across old files and new ones.
#[test]
fn repeated_keys_are_counted_over_all_files() {
    let tieout = project("", "");
    csv(&tieout, "t/1.csv", (50..100).map(|id| (id, id % 7)));
    let note = |tieout: &Tieout, args: &[&str]| {
        let run = tieout.run(["run", "--format", "json"].iter().chain(args)).exits(0);
        run.rule("r")["notes"].clone()
    };
    let mut told = Vec::new();
    for (n, rows) in
        [vec![(3, 3)], vec![(3, 3), (3, 3), (4, 4)], vec![(900, 1)], vec![(900, 1), (5, 5)]].into_iter().enumerate()
    {
        for side in ["s", "t"] {
            csv(&tieout, &format!("{side}/more{n}.csv"), rows.clone());
        }
        let cached = note(&tieout, &["--cache", "cache"]);
        assert_eq!(cached, note(&tieout, &["--strategy", "join"]));
        told.push(cached[0].as_str().unwrap().to_string());
    }
    // One that repeats on one side first, and is left over until its twin comes.
    csv(&tieout, "s/late.csv", [(6, 6)]);
    assert_eq!(agrees(&tieout, &[]).0["duplicate_key"], 1);
    csv(&tieout, "t/late.csv", [(6, 6)]);
    let cached = note(&tieout, &["--cache", "cache"]);
    assert_eq!(cached, note(&tieout, &["--strategy", "join"]));
    told.push(cached[0].as_str().unwrap().to_string());
    let keys: Vec<&str> = told.iter().map(|note| note.split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["1", "2", "2", "4", "5"]);
    assert!(why(&tieout, &[]).ends_with("none is new"));
}

/// A file that changed or went, or another rule: nothing that was left over is believed.
#[test]
fn other_files_and_other_rules() {
    let tieout = project("", "");
    agrees(&tieout, &[]);
    let (text, time) = (fs::read_to_string(tieout.path("s/2.csv")).unwrap(), modified(&tieout, "s/2.csv"));
    fs::write(tieout.path("s/2.csv"), text.replace("100,2", "100,5")).unwrap();
    aged(&tieout.path("s/2.csv"), 5);
    assert_eq!(why(&tieout, &[]), NOT_USED);
    assert_eq!(agrees(&tieout, &[]).0["value_mismatch"], 2);
    fs::write(tieout.path("s/2.csv"), text).unwrap();
    fs::File::options().write(true).open(tieout.path("s/2.csv")).unwrap().set_modified(time).unwrap();
    // What it holds is as before, and so is its time: that it was written in between, its inode tells.
    assert_eq!(why(&tieout, &[]), NOT_USED);
    agrees(&tieout, &[]);
    assert_eq!(why(&tieout, &[]), NONE_NEW);
    fs::rename(tieout.path("t/3.csv"), tieout.path("t/_3.csv")).unwrap();
    assert_eq!(why(&tieout, &[]), NOT_USED);
    assert_eq!(agrees(&tieout, &[]).0["missing_in_target"], 50);
    fs::rename(tieout.path("t/_3.csv"), tieout.path("t/3.csv")).unwrap();
    for rule in [
        "key: id, columns: {v: {tolerance: 5}}",
        "key: id, where: v <> '3'",
        "key: v",
        "key: id, columns: {v: {ignore: true}}",
    ] {
        let yaml =
            format!("datasets:\n  s: {{csv: s}}\n  t: {{csv: t}}\nrules:\n  r: {{source: s, target: t, {rule}}}\n");
        tieout.file("tieout.yaml", &yaml);
        assert_eq!(why(&tieout, &[]), NOT_USED, "{rule}");
        assert!(agrees(&tieout, &[]).1.ends_with("none is new"), "{rule}");
        csv(&tieout, "s/more.csv", [(900, 1), (4, 4)]);
        agrees(&tieout, &[]);
        fs::remove_file(tieout.path("s/more.csv")).unwrap();
    }
}

/// Rows within a tolerance do not cancel: they stay among what is left over, and are compared again with each new row.
#[test]
fn rows_within_a_tolerance() {
    let tieout = project("", "");
    let dataset = |side: &str| format!("  {side}: {{csv: {{path: {side}, columns: {{v: int}}}}}}\n");
    let rule = "rules:\n  r: {source: s, target: t, key: id, columns: {v: {tolerance: 4}}}\n";
    tieout.file("tieout.yaml", &format!("datasets:\n{}{}{rule}", dataset("s"), dataset("t")));
    // 77 is 0 here and 9 there; the others are the same.
    assert_eq!(agrees(&tieout, &[]).0["equal"], 199);
    csv(&tieout, "s/a.csv", [(900, 1), (901, 1), (5, 8)]);
    agrees(&tieout, &[]);
    csv(&tieout, "t/a.csv", [(900, 4), (901, 9), (5, 9)]);
    let (rows, why) = agrees(&tieout, &[]);
    assert_eq!((rows["equal"].as_u64(), rows["value_mismatch"].as_u64()), (Some(201), Some(2)), "{rows}");
    assert!(why.ends_with("none is new"), "{why}");
}

/// Rows that are equal but for a column that is not compared cancel; what they hold there is nowhere.
#[test]
fn columns_that_are_not_compared() {
    let tieout = Tieout::new();
    let table = |name: &str, rows: &str| aged(&tieout.parquet(name, &format!("id:int64, v:utf8, w:utf8\n{rows}")), 0);
    table("s/a.parquet", "1 | a | x\n2 | b | x");
    table("t/a.parquet", "1 | a | secret\n2 | c | secret");
    let rule = "rules:\n  r: {source: s, target: t, key: id, columns: {w: {ignore: true}}}\n";
    tieout.file("tieout.yaml", &format!("datasets:\n  s: {{parquet: s}}\n  t: {{parquet: t}}\n{rule}"));
    assert_eq!(agrees(&tieout, &[]).0["value_mismatch"], 1);
    table("s/b.parquet", "1 | a | y");
    table("t/b.parquet", "1 | a | z\n2 | b | z");
    let (rows, _) = agrees(&tieout, &[]);
    assert_eq!((rows["equal"].as_u64(), rows["duplicate_key"].as_u64()), (Some(3), Some(1)));
    let kept = residues(&tieout);
    assert!(kept.values().all(|bytes| !bytes.windows(6).any(|window| window == b"secret")));
}

/// What is torn, at whatever length, or another's, is passed over: the run is right, and keeps it anew.
#[test]
fn torn_and_foreign_objects() {
    let tieout = project("", "");
    let (expected, _) = agrees(&tieout, &[]);
    let kept = residues(&tieout);
    let (path, whole) = kept.first_key_value().unwrap();
    assert_eq!(kept.len(), 1);
    // Around the borders of its parts; hashes that agree are many, and mostly none.
    let head = 145 + 8 * 32;
    let table = head + 16 + (1 << 18);
    let rest = [table - 1, table, table + 4, table + 199 * 4, whole.len() - 17, whole.len() - 16, whole.len() - 1];
    let lengths = [0, 1, 17, 49, 56, 145, head, head + 15, head + 16, head + 20].into_iter().chain(rest);
    let expect = |bytes: Vec<u8>, what: &str| {
        fs::write(path, bytes).unwrap();
        let run = tieout.run(["run", "--format", "json", "--cache", "cache"]).exits(1);
        let rule = run.rule("r");
        assert_eq!((&rule["rows"], rule["why"].as_str()), (&expected, Some(NOT_USED)), "{what}");
        assert_eq!(why(&tieout, &[]), NONE_NEW, "{what}");
        assert_eq!(residues(&tieout).len(), 1, "{what}");
    };
    for length in lengths {
        expect(whole[..length].to_vec(), &format!("{length} bytes"));
    }
    expect([whole.as_slice(), b"x"].concat(), "a byte more");
    for at in [
        3,
        20,
        60,
        70,
        100,
        120,
        130,
        150,
        head + 3,
        head + 30,
        table + 8,
        table + 199 * 4 + 9,
        whole.len() - 40,
        whole.len() - 3,
    ] {
        expect(whole.iter().enumerate().map(|(n, byte)| byte ^ u8::from(n == at)).collect(), &format!("byte {at}"));
    }
    // Of another statement, whole.
    let other = project("", ", where: v <> '3'");
    agrees(&other, &[]);
    expect(residues(&other).into_values().next().unwrap(), "of another statement");
}

/// If the digests of an old file cannot be had where they are needed, all of it is compared as if nothing was left over.
#[test]
fn digests_that_are_gone() {
    for damage in [|path: PathBuf| fs::remove_file(path).unwrap(), |path: PathBuf| fs::write(path, "").unwrap()] {
        let tieout = project("", "");
        agrees(&tieout, &[]);
        fs::read_dir(tieout.path("cache/digests")).unwrap().for_each(|entry| damage(entry.unwrap().path()));
        csv(&tieout, "s/a.csv", [(900, 1)]);
        assert_eq!(why(&tieout, &[]), ONE_NEW);
        // A key that stands among what cancelled.
        csv(&tieout, "s/b.csv", [(3, 3)]);
        assert_eq!(why(&tieout, &[]), NOT_USED);
        assert!(agrees(&tieout, &[]).1.ends_with("none is new"));
    }
}

/// A run that a limit stopped, or that compares by value, leaves nothing behind; nor do files written just now.
#[test]
fn runs_that_leave_nothing() {
    let tieout = project("", "");
    let args = ["run", "--cache", "cache"];
    tieout.run(args.iter().chain(&["--max-divergences", "1"])).exits(1);
    tieout.run(args.iter().chain(&["--max-bytes", "1"])).exits(3);
    tieout.run(args.iter().chain(&["--guarantee", "exact"])).exits(1);
    assert_eq!(residues(&tieout).len(), 0);
    let fresh = tieout.path("s/0.csv");
    fs::write(&fresh, fs::read_to_string(&fresh).unwrap()).unwrap();
    agrees(&tieout, &[]);
    assert_eq!(residues(&tieout).len(), 0);
    aged(&fresh, 0);
    agrees(&tieout, &[]);
    assert_eq!(residues(&tieout).len(), 1);
    // Beside what is remembered.
    csv(&tieout, "s/a.csv", (900..920).map(|id| (id, 1)));
    let run = tieout.run(["run", "--format", "json", "--cache", "cache", "--max-divergences", "5"]);
    let rule = run.rule("r");
    assert_eq!((rule["why"].as_str(), rule["outcome"].as_str()), (Some(ONE_NEW), Some("diverged")));
    let told: u64 =
        ["value_mismatch", "missing_in_target"].iter().map(|kind| rule["rows"][kind].as_u64().unwrap()).sum();
    assert_eq!(told, 5);
    assert_eq!(residues(&tieout).len(), 1);
    let run = tieout.run(["run", "--format", "json", "--cache", "cache", "--guarantee", "exact"]).exits(1);
    assert_eq!(run.rule("r")["guarantee"], "exact");
    assert_eq!(residues(&tieout).len(), 1);
}

/// Where new files tell many old keys again, all files are compared by their digests.
#[test]
fn many_keys_that_come_again() {
    let tieout = Tieout::new();
    for side in ["s", "t"] {
        csv(&tieout, &format!("{side}/a.csv"), (0..30_000).map(|id| (id, id % 5)));
    }
    tieout
        .file("tieout.yaml", "datasets:\n  s: {csv: s}\n  t: {csv: t}\nrules:\n  r: {source: s, target: t, key: id}\n");
    why(&tieout, &[]);
    csv(&tieout, "s/b.csv", (0..9_000).map(|id| (id, id % 4)));
    assert!(why(&tieout, &[]).contains("left over"));
    csv(&tieout, "t/b.csv", (0..12_000).map(|id| (id, id % 4)));
    let args = ["run", "--format", "json"];
    let cached = tieout.run(args.iter().chain(&["--cache", "cache"])).rule("r");
    assert_eq!(cached["rows"], tieout.run(args.iter().chain(&["--strategy", "join"])).rule("r")["rows"]);
    assert_eq!((cached["rows"]["duplicate_key"].as_u64(), cached["why"].as_str()), (Some(3000), Some(NOT_USED)));
}

/// Where most rows differ, what is left over would be most of them: it is not kept.
#[test]
fn too_much_is_not_kept() {
    let tieout = Tieout::new();
    for side in [0, 1] {
        csv(&tieout, &format!("{}/a.csv", ["s", "t"][side]), (0..20_000).map(|id| (id, id % 5 + side as u32)));
    }
    tieout
        .file("tieout.yaml", "datasets:\n  s: {csv: s}\n  t: {csv: t}\nrules:\n  r: {source: s, target: t, key: id}\n");
    for _ in 0..2 {
        assert_eq!(why(&tieout, &[]), NOT_USED);
    }
    assert_eq!(residues(&tieout).len(), 0);
    assert_eq!(fs::read_dir(tieout.path("cache/digests")).unwrap().count(), 2);
}

/// The last few stay, so that a file that is delivered anew finds what was left over before it.
#[test]
fn old_residues_go() {
    let tieout = project("", "");
    agrees(&tieout, &[]);
    for n in 0..6 {
        csv(&tieout, &format!("s/{n}.more.csv"), [(900 + n, 1)]);
        assert_eq!(agrees(&tieout, &[]).0["missing_in_target"], n + 1);
    }
    assert_eq!(residues(&tieout).len(), 4);
    fs::write(tieout.path("s/5.more.csv"), "id,v\n905,2\n").unwrap();
    aged(&tieout.path("s/5.more.csv"), 7);
    assert_eq!(why(&tieout, &[]), "13 files are remembered with what they left over; 1 is compared with that");
    agrees(&tieout, &[]);
}

/// Several runs at once, of which some do not see the newest files.
#[test]
fn several_runs_at_once() {
    let tieout = project("", "");
    tieout.file(
        "tieout.yaml",
        "datasets:\n  s: {csv: s}\n  t: {csv: t}\n  part: {csv: 's/[0-9].csv'}\nrules:\n  r: {source: s, target: t, key: id}\n  \
         p: {source: part, target: t, key: id}\n",
    );
    for round in 0..3 {
        csv(&tieout, &format!("s/{round}.more.csv"), [(900 + round, 1), (3, 3)]);
        let expected = |rule: &str| tieout.run(["run", rule, "--format", "json"]).rule(rule)["rows"].clone();
        let expected = ["r", "p"].map(expected);
        std::thread::scope(|scope| {
            let run = |n: usize| {
                let (rule, out) = (["r", "p"][n % 2], format!("out{n}"));
                let args = ["run", rule, "--format", "json", "--cache", "cache", "--out", &out];
                (n, tieout.run(args).exits(1).rule(rule)["rows"].clone())
            };
            let runs: Vec<_> = (0..6).map(|n| scope.spawn(move || run(n))).collect();
            for run in runs {
                let (n, rows) = run.join().unwrap();
                assert_eq!(rows, expected[n % 2]);
            }
        });
    }
}
