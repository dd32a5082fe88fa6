//! `tieout run --resume RUN`: what a run had compared when it was cut off is not compared again, as long as its inputs can be
//! shown to be the same.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::data;
use crate::support::mariadb::MariaDb;
use crate::support::postgres::Postgres;
use crate::support::proxy::Proxy;
use crate::support::tieout::{Finished, Tieout};

const AGAIN: &str = "was compared before the run was cut off";
const SUMS: &str = "checksums are kept from before";
/// Files, and rows of MariaDB, are believed only some seconds after they were written.
const SETTLES: Duration = Duration::from_millis(4200);

/// A rule `lines` over what `datasets` says of `a` and `b`; and `slow`, which runs after it and has no end.
fn project(datasets: &str) -> Tieout {
    let tieout = Tieout::new();
    tieout.file(
        "tieout.yaml",
        &format!("params: {{as_of: {{date: 2026-01-31}}}}\ndatasets:\n{datasets}\nrules:\n  lines: {{source: a, target: b, key: [id]}}\n"),
    );
    tieout.file(
        "queries/slow.sql",
        "SELECT x.value AS n FROM generate_series(1, 1000000) AS x CROSS JOIN generate_series(1, 1000000) AS y
         WHERE x.value + y.value < 0\n",
    );
    tieout
}

fn files(rows: u64) -> Tieout {
    let tieout = project("  a: {csv: {path: a.csv}}\n  b: {csv: {path: b.csv}}");
    let csv = |step: u64| (0..rows).fold("id,name\n".to_string(), |csv, n| csv + &format!("{},name {n}\n", n * step));
    fs::write(tieout.path("a.csv"), csv(2)).unwrap();
    fs::write(tieout.path("b.csv"), csv(3)).unwrap();
    std::thread::sleep(SETTLES);
    tieout
}

/// The slow rule has an end now.
fn hasten(tieout: &Tieout) {
    tieout.file("queries/slow.sql", "SELECT value AS n FROM generate_series(1, 3) WHERE value > 2\n");
}

/// A run that ends with the test, should that fail.
struct Run(Option<Child>);

impl Run {
    fn start(tieout: &Tieout, args: &[&str]) -> Self {
        Self(Some(tieout.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    fn interrupt(mut self) -> Finished {
        let child = self.0.take().unwrap();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        Finished::of_child(child)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn unfinished(tieout: &Tieout) -> Vec<PathBuf> {
    let folders = fs::read_dir(tieout.path("out/unfinished"));
    folders.into_iter().flatten().map(|folder| folder.unwrap().path()).collect()
}

/// Until the rule is kept; the run's id.
fn wait_for(tieout: &Tieout, rule: &str) -> String {
    let start = Instant::now();
    loop {
        for folder in unfinished(tieout) {
            let document = fs::read_to_string(folder.join("run.json")).unwrap_or_default();
            if document.contains(&format!("\"rule\":\"{rule}\"")) {
                return folder.file_name().unwrap().to_string_lossy().into_owned();
            }
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{rule} was never kept");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a run that is killed once the rule `lines` is kept; its id.
fn cut_off(tieout: &Tieout) -> String {
    let child = Run::start(tieout, &["run", "-q"]);
    let run = wait_for(tieout, "lines");
    drop(child);
    hasten(tieout);
    run
}

fn resume(tieout: &Tieout, run: &str) -> Finished {
    tieout.run(["run", "--resume", run, "--format", "json", "-v"])
}

/// All that a rule found, but for what it took.
fn found(rule: &Value) -> Value {
    let mut rule = rule.clone();
    for name in ["work", "divergences"] {
        rule.as_object_mut().unwrap().remove(name);
    }
    let notes = rule["notes"].as_array_mut().unwrap();
    notes.retain(|note| !note.as_str().unwrap().contains(AGAIN));
    rule
}

fn records(tieout: &Tieout) -> Vec<String> {
    let records = fs::read_dir(tieout.path("out/runs")).into_iter().flatten();
    records.map(|record| record.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn notes(rule: &Value) -> String {
    rule["notes"].to_string()
}

#[test]
fn what_was_compared_is_not_compared_again() {
    let tieout = files(20_000);
    let run = cut_off(&tieout);
    assert!(records(&tieout).is_empty());
    let resumed = resume(&tieout, &run).exits(1);
    assert!(resumed.stderr.contains(AGAIN), "{}", resumed.stderr);
    assert!(notes(&resumed.rule("lines")).contains(AGAIN) && notes(&resumed.rule("slow")) == "[]");
    assert_eq!(resumed.json()["run_id"], *run);
    assert_eq!(records(&tieout), [format!("{run}.parquet")]);
    assert!(unfinished(&tieout).is_empty() && !tieout.path("out/unfinished").exists());

    // As a run that was not cut off tells it, in words as well.
    let whole = tieout.run(["run", "--format", "json"]).exits(1);
    for rule in ["lines", "slow"] {
        assert_eq!(found(&resumed.rule(rule)), found(&whole.rule(rule)));
    }
    let rows = |run: &Value| {
        let query = format!(
            "SELECT divergence_id, kind, id, source_name FROM divergences.lines WHERE run_id = '{}'",
            run.as_str().unwrap()
        );
        tieout.run(["sql", &format!("{query} ORDER BY 1"), "--format", "csv"]).exits(0).stdout
    };
    assert_eq!(rows(&resumed.json()["run_id"]), rows(&whole.json()["run_id"]));
    let columns = "rule, outcome, guarantee, strategy, source_rows, missing_in_target, source_inputs, rule_version";
    let recorded = |run: &Value| {
        let query = format!("SELECT {columns} FROM runs WHERE run_id = '{}' ORDER BY rule", run.as_str().unwrap());
        tieout.run(["sql", &query, "--format", "csv"]).exits(0).stdout
    };
    assert_eq!(recorded(&resumed.json()["run_id"]), recorded(&whole.json()["run_id"]));
}

#[test]
fn the_report_shows_the_same_rows() {
    let tieout = files(20_000);
    let run = cut_off(&tieout);
    let resumed = tieout.run(["run", "--resume", &run]).exits(1).stdout;
    let whole = tieout.run(["run"]).exits(1).stdout;
    // But for what names the run, and how long it took.
    let lines = |text: &str| -> Vec<String> {
        let words = |line: &str| {
            let stays = |word: &&str| word.parse::<f64>().is_err() && !["s", "ms"].contains(word);
            line.split_whitespace().filter(stays).collect::<Vec<_>>().join(" ")
        };
        text.lines()
            .filter(|line| !line.starts_with("run ") && !line.contains("run=") && !line.contains(AGAIN))
            .map(words)
            .filter(|line| !line.is_empty())
            .collect()
    };
    assert_eq!(lines(&resumed), lines(&whole));
    assert!(resumed.contains("name 50"), "{resumed}");
}

#[test]
fn what_changed_is_compared_anew_and_the_report_says_so() {
    let tieout = files(20_000);
    let run = cut_off(&tieout);
    fs::copy(tieout.path("a.csv"), tieout.path("b.csv")).unwrap();
    let resumed = resume(&tieout, &run).exits(1);
    let lines = resumed.rule("lines");
    assert_eq!(lines["outcome"], "reconciled");
    assert!(
        notes(&lines).contains("compared anew after the run was cut off: `b` is not what it was")
            || notes(&lines).contains("it cannot be shown that `b` is what it was"),
        "{lines}"
    );
    let table = tieout.path("out/divergences/rule=lines").join(format!("run={run}"));
    assert_eq!(data::read_parquet(&table).num_rows(), 0);

    for (name, text, why) in [
        ("tieout.yaml", "key: [id], severity: info}", "the rule was changed"),
        ("tieout.yaml", "key: [id]}", "its table is gone"),
    ] {
        let tieout = files(20_000);
        let run = cut_off(&tieout);
        let yaml = fs::read_to_string(tieout.path(name)).unwrap().replace("key: [id]}", text);
        fs::write(tieout.path(name), yaml).unwrap();
        if why.contains("table") {
            fs::remove_dir_all(tieout.path("out/divergences")).unwrap();
        }
        let lines = resume(&tieout, &run).exits(1).rule("lines");
        assert!(notes(&lines).contains(why), "{lines}");
        assert_eq!(lines["rows"]["missing_in_target"], 13_333);
    }
}

#[test]
fn what_comes_from_the_environment_is_a_part_of_the_run() {
    let tieout = files(200_000).env("PART", "name 1%");
    let yaml = fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    let yaml = yaml.replace("key: [id]}", "key: [id], where: \"name LIKE $part\"}");
    tieout.file("tieout.yaml", &yaml.replace("params: {", "params: {part: {text: \"${PART}\"}, "));
    let run = cut_off(&tieout);
    let tieout = tieout.env("PART", "name 2%");
    let refused = resume(&tieout, &run).exits(2);
    assert!(refused.stderr.contains("was begun with other parameters"), "{}", refused.stderr);
    assert!(!fs::read_to_string(unfinished(&tieout)[0].join("run.json")).unwrap().contains("name 1%"));
}

/// A query may name its datasets in `reconcile()` alone.
#[test]
fn what_a_query_compares_is_an_input_of_it() {
    let tieout = files(20_000);
    tieout.file("queries/a_query.sql", "SELECT kind FROM reconcile('a', B, 'id')\n");
    let child = Run::start(&tieout, &["run", "-q", "a_query", "slow"]);
    let run = wait_for(&tieout, "a_query");
    drop(child);
    hasten(&tieout);
    fs::copy(tieout.path("a.csv"), tieout.path("b.csv")).unwrap();
    let resumed = resume(&tieout, &run).exits(1).rule("a_query");
    assert_eq!(resumed["outcome"], "reconciled", "{resumed}");
    let query = "SELECT cardinality(source_inputs) AS n FROM runs WHERE rule = 'a_query'";
    assert_eq!(tieout.run(["sql", query, "--format", "csv"]).exits(0).stdout, "n\n2\n");
}

#[test]
fn what_was_written_just_before_is_not_believed() {
    let tieout = files(20_000);
    fs::copy(tieout.path("a.csv"), tieout.path("b.csv")).unwrap();
    let child = Run::start(&tieout, &["run", "-q", "-v"]);
    let start = Instant::now();
    while !tieout.path("out/divergences/rule=slow").exists() && start.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(child);
    hasten(&tieout);
    for folder in unfinished(&tieout) {
        assert!(!fs::read_to_string(folder.join("run.json")).unwrap().contains("\"rule\":\"lines\""));
    }
}

#[test]
fn an_interrupt_says_how_to_go_on() {
    let tieout = files(20_000);
    let child = Run::start(&tieout, &["run", "-q"]);
    let run = wait_for(&tieout, "lines");
    let ended = child.interrupt().exits(130);
    assert_eq!(
        ended.stderr,
        format!("interrupted; what was done is kept: `tieout run --resume {run}` goes on from there\n")
    );
    assert!(!tieout.path("out/divergences/rule=slow").exists());
    assert!(records(&tieout).is_empty());
    // Interrupted once more, it still holds what it had.
    let child = Run::start(&tieout, &["run", "--resume", &run, "-q"]);
    std::thread::sleep(Duration::from_millis(1500));
    child.interrupt().exits(130);
    hasten(&tieout);
    let resumed = resume(&tieout, &run).exits(1);
    assert!(resumed.stderr.contains(AGAIN), "{}", resumed.stderr);
}

#[test]
fn an_error_says_how_to_go_on() {
    let tieout = files(20_000);
    tieout.file("queries/slow.sql", "SELECT 1 / (value - 1) AS n FROM generate_series(1, 3)\n");
    let failed = tieout.run(["run", "-q"]).exits(2);
    let run = wait_for(&tieout, "lines");
    assert!(failed.stderr.contains(&format!("`tieout run --resume {run}` goes on from there")), "{}", failed.stderr);
    hasten(&tieout);
    assert!(resume(&tieout, &run).exits(1).stderr.contains(AGAIN));
}

#[test]
fn only_the_last_process_goes_on() {
    let tieout = files(20_000);
    let first = Run::start(&tieout, &["run", "-q"]);
    let run = wait_for(&tieout, "lines");
    hasten(&tieout);
    let second = resume(&tieout, &run).exits(1);
    assert!(second.stderr.contains(AGAIN));
    let table = tieout.path(&format!("out/divergences/rule=slow/run={run}/part-1.parquet"));
    let before = fs::read(&table).unwrap();
    first.interrupt().exits(130);
    // What the second one wrote is still there.
    assert_eq!(fs::read(&table).unwrap(), before);
    assert_eq!(records(&tieout), [format!("{run}.parquet")]);
    let rows = tieout.run(["sql", "SELECT count(*) FROM divergences.lines", "--format", "csv"]).exits(0);
    assert!(rows.stdout.contains("33332") || rows.stdout.contains("26666"), "{}", rows.stdout);
}

/// Of those who would go on at once, one at most does; and what it tells is what it wrote.
#[test]
fn only_one_of_many_goes_on() {
    let tieout = files(20_000);
    let run = cut_off(&tieout);
    let ended: Vec<Finished> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| resume(&tieout, &run))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let told = ended.iter().filter(|one| one.code == Some(1)).count();
    assert!(told <= 1, "{ended:?}");
    for refused in ended.iter().filter(|one| one.code != Some(1)) {
        let why = [
            "another process goes on with the run",
            "is finished: there is nothing to go on with",
            "holds nothing of a run",
        ];
        assert!(why.iter().any(|why| refused.stderr.contains(why)), "{}", refused.stderr);
    }
    // Where each was stopped by another one, the next goes on.
    if told == 0 {
        resume(&tieout, &run).exits(1);
    }
    let table = tieout.path("out/divergences/rule=slow").join(format!("run={run}"));
    assert_eq!(fs::read_dir(&table).unwrap().count(), 1);
    assert_eq!(data::read_parquet(&table).num_rows(), 1);
    assert!(!tieout.path("out/unfinished").exists());
}

/// Killed between its record and the end, a run is finished; nothing of it is touched.
#[test]
fn a_finished_run_is_not_gone_on_with() {
    let tieout = files(20_000);
    let run = cut_off(&tieout);
    let kept = fs::read(tieout.path(&format!("out/unfinished/{run}/run.json"))).unwrap();
    resume(&tieout, &run).exits(1);
    fs::create_dir_all(tieout.path(&format!("out/unfinished/{run}"))).unwrap();
    fs::write(tieout.path(&format!("out/unfinished/{run}/run.json")), kept).unwrap();
    let refused = resume(&tieout, &run).exits(2);
    assert!(refused.stderr.contains("is finished: there is nothing to go on with"), "{}", refused.stderr);
    let rows =
        |rule: &str| data::read_parquet(&tieout.path(&format!("out/divergences/rule={rule}/run={run}"))).num_rows();
    assert_eq!((rows("lines"), rows("slow")), (33_332, 1));
}

#[test]
fn a_view_below_a_view_is_a_part_of_the_rule() {
    let tieout = project(
        "  f: {csv: {path: a.csv}}\n  inner: {sql: \"SELECT * FROM f WHERE true\"}\n  a: {sql: \"SELECT * FROM inner\"}\n  b: {csv: {path: b.csv}}",
    );
    let csv = (0..400_000).fold("id,name\n".to_string(), |csv, n| csv + &format!("{n},name {n}\n"));
    fs::write(tieout.path("a.csv"), &csv).unwrap();
    fs::write(tieout.path("b.csv"), &csv).unwrap();
    std::thread::sleep(SETTLES);
    let run = cut_off(&tieout);
    let yaml = fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    tieout.file("tieout.yaml", &yaml.replace("WHERE true", "WHERE id <> '7'"));
    let lines = resume(&tieout, &run).exits(1).rule("lines");
    assert_eq!(lines["rows"]["missing_in_source"], 1, "{lines}");
}

#[test]
fn what_cannot_be_gone_on_with_is_said() {
    let tieout = files(20_000);
    let run = cut_off(&tieout);
    let refused = |args: &[&str], why: &str| {
        let ended = tieout.run([&["run"], args].concat()).exits(2);
        assert!(ended.stderr.contains(why), "{why}\n{}", ended.stderr);
    };
    refused(&["--resume", "0198"], "`0198` is not the id of a run");
    refused(&["--resume", "0198"], &format!("runs that were cut off there, the last one first: {run}"));
    refused(&["--resume", "01987b2e-5a4f-7cc3-b0a1-5d1f0c2e9a77"], "holds nothing of a run 01987b2e");
    refused(&["--resume", "../../etc"], "is not the id of a run");
    refused(&["--resume", &run, "--param", "as_of=2026-02-28"], "was begun with other parameters");
    refused(&["--resume", &run, "--strategy", "join"], "was begun with no --strategy");
    refused(&["--resume", &run, "--guarantee", "exact"], "was begun with no --guarantee");
    refused(&["--resume", &run, "lines"], "cannot be used with");
    refused(&["--resume", &run, "--out", "elsewhere"], "holds nothing of a run");
    assert!(!tieout.path("elsewhere").exists());
    let document = tieout.path(&format!("out/unfinished/{run}/run.json"));
    let kept = fs::read_to_string(&document).unwrap();
    fs::write(&document, &kept[..kept.len() / 2]).unwrap();
    refused(&["--resume", &run], "cannot be read");
    fs::write(&document, kept.replace("\"version\":2", "\"version\":3")).unwrap();
    refused(&["--resume", &run], "cannot be read");
    fs::write(&document, kept).unwrap();
    resume(&tieout, &run).exits(1);
    refused(&["--resume", &run], "is finished: there is nothing to go on with");
}

#[test]
fn a_run_that_ends_leaves_nothing_to_go_on_with() {
    let tieout = files(2_000);
    hasten(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    assert!(!tieout.path("out/unfinished").exists());
    // Nor does one that fails at once.
    tieout.file("queries/slow.sql", "SELECT 1 / (value - 1) AS n FROM generate_series(1, 3)\n");
    tieout.run(["run", "slow", "-q"]).exits(2);
    assert!(!tieout.path("out/unfinished").exists());
}

const MANY: &str = "SELECT i AS id, 'order ' || i AS name, i % 1000 AS customer FROM generate_series(1, 700000) AS i";

#[test]
fn of_postgresql_the_snapshot_tells() {
    let server = Postgres::own();
    let database = server.database();
    database.sql(&format!("CREATE TABLE a AS {MANY}; CREATE TABLE b AS TABLE a; DELETE FROM b WHERE id = 7"));
    let dataset = |name: &str| format!("  {name}: {{postgres: {{url: \"{}\", table: {name}}}}}", database.url());
    let begin = || project(&format!("{}\n{}", dataset("a"), dataset("b")));
    let again = |tieout: &Tieout, run: &str| {
        let resumed = resume(tieout, run).exits(1);
        let lines = resumed.rule("lines");
        (resumed.stderr.contains(AGAIN), lines)
    };

    let tieout = begin();
    let run = cut_off(&tieout);
    let (kept, lines) = again(&tieout, &run);
    assert!(kept && lines["rows"]["missing_in_target"] == 1, "{lines}");

    let tieout = begin();
    let run = cut_off(&tieout);
    database.sql("UPDATE b SET name = 'changed' WHERE id = 8");
    let (kept, lines) = again(&tieout, &run);
    assert!(!kept && notes(&lines).contains("is not what it was"), "{lines}");
    assert_eq!((&lines["rows"]["missing_in_target"], &lines["rows"]["value_mismatch"]), (&1.into(), &1.into()));

    // What a view gives may depend on more than the tables of this database.
    database.sql("ALTER TABLE b RENAME TO c; CREATE VIEW b AS SELECT * FROM c WHERE now() > '2026-01-01'");
    let tieout = begin();
    let child = Run::start(&tieout, &["run", "-q"]);
    std::thread::sleep(Duration::from_secs(5));
    drop(child);
    let [folder] = &unfinished(&tieout)[..] else { panic!("nothing was begun") };
    assert!(!fs::read_to_string(folder.join("run.json")).unwrap().contains("\"rule\":\"lines\""));
}

/// It has no sign of a write that every reader sees.
#[test]
fn of_mariadb_nothing_tells() {
    let server = MariaDb::own();
    let database = server.database();
    let many = "SELECT seq AS id, CONCAT('order ', seq) AS name FROM seq_1_to_100000";
    database.sql(&format!("CREATE TABLE a (PRIMARY KEY (id)) AS {many}; CREATE TABLE b (PRIMARY KEY (id)) AS {many}"));
    let dataset = |name: &str| format!("  {name}: {{mysql: {{url: \"{}\", table: {name}}}}}", database.url());
    let tieout = project(&format!("{}\n{}", dataset("a"), dataset("b")));
    let child = Run::start(&tieout, &["run", "-q", "lines", "slow"]);
    std::thread::sleep(SETTLES);
    drop(child);
    let [folder] = &unfinished(&tieout)[..] else { panic!("nothing was begun") };
    let document = fs::read_to_string(folder.join("run.json")).unwrap();
    assert!(!document.contains("\"rule\":\"lines\""), "{document}");
    hasten(&tieout);
    let resumed = resume(&tieout, &folder.file_name().unwrap().to_string_lossy()).exits(1);
    assert_eq!(resumed.rule("lines")["rows"]["equal"], 100_000);
}

#[test]
fn of_sqlite_the_file_and_its_log_tell() {
    for mode in ["DELETE", "WAL"] {
        let tieout = project("  a: {sqlite: {path: link.db, table: a}}\n  b: {sqlite: {path: link.db, table: b}}");
        fs::create_dir(tieout.path("real")).unwrap();
        std::os::unix::fs::symlink("real/t.db", tieout.path("link.db")).unwrap();
        let writer = Connection::open(tieout.path("real/t.db")).unwrap();
        writer
            .execute_batch(&format!(
                "PRAGMA journal_mode = {mode}; CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT);
                 WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 100000) INSERT INTO a SELECT i, 'order ' || i FROM k;
                 CREATE TABLE b AS SELECT * FROM a WHERE id <> 7"
            ))
            .unwrap();
        std::thread::sleep(SETTLES);
        let run = cut_off(&tieout);
        let resumed = resume(&tieout, &run).exits(1);
        assert!(resumed.stderr.contains(AGAIN), "{mode}: {}", resumed.stderr);
        tieout.file(
            "queries/slow.sql",
            "SELECT x.value AS n FROM generate_series(1, 1000000) AS x CROSS JOIN generate_series(1, 1000000) AS y
             WHERE x.value + y.value < 0\n",
        );
        let run = cut_off(&tieout);
        writer.execute_batch("UPDATE b SET name = 'changed' WHERE id = 8").unwrap();
        let resumed = resume(&tieout, &run).exits(1);
        let lines = resumed.rule("lines");
        assert!(!resumed.stderr.contains(AGAIN) && notes(&lines).contains("compared anew"), "{mode}: {lines}");
        assert_eq!(lines["rows"]["value_mismatch"], 1);
    }
}

/// Of a rule that was cut off itself, the checksums of a side that had answered are not asked for again.
#[test]
fn checksums_are_kept() {
    let (one, other) = (Postgres::own(), Postgres::own());
    let (source, target) = (one.database(), other.database());
    for database in [&source, &target] {
        database.sql(&format!("CREATE TABLE t AS {MANY}; ALTER TABLE t ADD PRIMARY KEY (id); ANALYZE t"));
    }
    target.sql("DELETE FROM t WHERE id = 7");
    let proxy = Proxy::to(other.port());
    let tieout = Tieout::new();
    tieout.file(
        "tieout.yaml",
        &format!(
            "datasets:\n  a: {{postgres: {{url: \"{}\", table: t}}}}\n  b: {{postgres: {{url: \"{}\", table: t}}}}\nrules:\n  lines: {{source: a, target: b, key: [id]}}\n",
            source.url(),
            target.url_at(proxy.port())
        ),
    );
    // A comparison that is cut off while the target says nothing more.
    let sums = |folder: &PathBuf| fs::read_dir(folder.join("sums")).into_iter().flatten().count();
    let cut = |bytes: u64| {
        proxy.heal();
        proxy.hang_after(bytes);
        let child = Run::start(&tieout, &["run", "-q", "--strategy", "pushdown"]);
        let start = Instant::now();
        while unfinished(&tieout).first().is_none_or(|folder| sums(folder) == 0) {
            assert!(start.elapsed() < Duration::from_secs(60), "no checksums were kept");
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(child);
        // What the server still sends to nobody must not count.
        proxy.cut();
        proxy.heal();
        unfinished(&tieout)[0].file_name().unwrap().to_string_lossy().into_owned()
    };
    let resume =
        |run: &str| tieout.run(["run", "--resume", run, "--strategy", "pushdown", "--format", "json", "-v"]).exits(1);

    let resumed = resume(&cut(40_000));
    assert!(resumed.stderr.contains(SUMS), "{}", resumed.stderr);
    assert_eq!(resumed.rule("lines")["rows"]["missing_in_target"], 1);
    assert!(unfinished(&tieout).is_empty());

    // They are of rows that are no more.
    let run = cut(40_000);
    source.sql("UPDATE t SET name = 'changed' WHERE id = 8");
    let resumed = resume(&run);
    assert!(!resumed.stderr.contains(SUMS), "{}", resumed.stderr);
    assert_eq!(resumed.rule("lines")["rows"]["value_mismatch"], 1);
}
