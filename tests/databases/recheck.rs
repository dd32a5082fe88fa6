//! `recheck`: what is late settles while it is waited, and only what persists is a divergence.

use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::tie::Pair;
use crate::support::data;
use crate::support::mariadb::MariaDb;
use crate::support::postgres::Postgres;
use crate::support::tieout::{Finished, Tieout};

/// A run that goes on while its tables change.
struct Looking<'a> {
    tieout: &'a Tieout,
    child: Child,
    /// The table of the last look: each writes another file.
    seen: Option<u64>,
}

impl<'a> Looking<'a> {
    fn start(tieout: &'a Tieout, args: &[&str]) -> Self {
        let mut command = tieout.command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { tieout, child, seen: None }
    }

    fn diff(pair: &'a Pair, source: &str, target: &str, args: &[&str]) -> Self {
        let mut all = vec!["diff", source, target, "--format", "json", "--out", "out"];
        all.extend(args);
        Self::start(&pair.tieout, &all)
    }

    fn table(&self, rule: &str) -> Option<u64> {
        let runs = std::fs::read_dir(self.tieout.path(&format!("out/divergences/rule={rule}"))).ok()?;
        let newest = runs.map(|run| run.unwrap().file_name()).max()?;
        let table = format!("out/divergences/rule={rule}/{}/part-0.parquet", newest.to_string_lossy());
        Some(std::fs::metadata(self.tieout.path(&table)).ok()?.ino())
    }

    /// Until the next look at the rule has been taken.
    #[track_caller]
    fn looked(&mut self, rule: &str) {
        let start = Instant::now();
        loop {
            let table = self.table(rule);
            if table.is_some() && table != self.seen {
                self.seen = table;
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "no look was taken");
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended: {:?}", self.table(rule));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ended(self) -> Finished {
        let output = self.child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn table(tieout: &Tieout, rule: &serde_json::Value, columns: &[&str]) -> Vec<String> {
    data::rows(&data::read_parquet(&tieout.path(rule["divergences"].as_str().unwrap())), columns)
}

#[track_caller]
fn counts(rule: &serde_json::Value, expected: [u64; 7]) {
    let names =
        ["source", "target", "equal", "value_mismatch", "missing_in_target", "missing_in_source", "duplicate_key"];
    let found = names.map(|name| rule["rows"][name].as_u64().unwrap());
    assert_eq!(found, expected, "{rule:#}");
    let [source, target, equal, mismatch, left, right, duplicate] = found;
    assert_eq!(source + target, 2 * (equal + mismatch) + left + right + duplicate);
}

/// The last note.
fn note(rule: &serde_json::Value) -> &str {
    rule["notes"].as_array().and_then(|notes| notes.last()?.as_str()).unwrap_or_default()
}

const ORDERS: &str = "
    CREATE TABLE source (id int PRIMARY KEY, name text); CREATE TABLE target (id int PRIMARY KEY, name text);
    INSERT INTO source VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (7, 'g'), (8, 'h'), (9, 'i');
    INSERT INTO target VALUES (1, 'a'), (4, 'old'), (5, 'old'), (6, 'f'), (8, 'old'), (9, 'i');";
/// 2 arrives, 4 is brought up to date, 6 and 7 go: settled. 3 stays, 5 differs otherwise, 8 is lost: they persist. 9 did not
/// diverge before.
const MEANWHILE: &str = "
    INSERT INTO target VALUES (2, 'b'); UPDATE target SET name = 'd' WHERE id = 4; DELETE FROM target WHERE id = 6;
    DELETE FROM source WHERE id = 7; UPDATE target SET name = 'new' WHERE id = 5; DELETE FROM target WHERE id = 8;
    UPDATE target SET name = 'later' WHERE id = 9;";
const PERSIST: [&str; 3] =
    ["3 | missing_in_target | c | NULL", "5 | value_mismatch | e | new", "8 | missing_in_target | h | NULL"];

#[test]
fn what_arrives_settles_and_what_persists_is_told_as_it_is_now() {
    for strategy in ["digest", "join", "merge", "pushdown"] {
        let pair = Pair::new(ORDERS);
        let (source, target) = (pair.table("source"), pair.table("target"));
        let args = ["--key", "id", "--recheck", "3s", "--strategy", strategy];
        let mut looking = Looking::diff(&pair, &source, &target, &args);
        looking.looked("diff");
        pair.database.sql(MEANWHILE);
        let rule = looking.ended().exits(1).rule("diff");
        assert_eq!((&rule["settled"], &rule["strategy"]), (&4.into(), &strategy.into()), "{rule:#}");
        counts(&rule, [7, 5, 4, 1, 2, 0, 0]);
        assert_eq!(rule["columns"][0]["value_mismatch"], 1);
        assert_eq!(note(&rule), "4 divergences settled within 3 s (2 looks)");
        assert_eq!(table(&pair.tieout, &rule, &["id", "kind", "source_name", "target_name"]), PERSIST);
        // The same ids as a single look gives.
        let again = pair.diverged("source", "target", &["--key", "id", "--where", "id <> 9"]);
        assert_eq!(table(&pair.tieout, &rule, &["divergence_id"]), again.rows(&["divergence_id"]));
        let record = data::read_parquet(&pair.tieout.path("out/runs"));
        assert!(data::rows(&record, &["settled"]).contains(&"4".to_string()));
    }
}

#[test]
fn where_nothing_persists_it_is_reconciled() {
    let pair = Pair::new(ORDERS);
    let (source, target) = (pair.table("source"), pair.table("target"));
    let mut looking = Looking::diff(&pair, &source, &target, &["-k", "id", "--recheck", "3s", "--recheck-times", "5"]);
    looking.looked("diff");
    pair.database.sql("DELETE FROM target; INSERT INTO target SELECT * FROM source;");
    // No snapshot is held while it is waited.
    let connected =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tieout' AND datname = current_database()";
    let start = Instant::now();
    while pair.database.query(connected) != "0" {
        assert!(start.elapsed() < Duration::from_secs(2), "it is still connected");
    }
    let rule = looking.ended().exits(0).rule("diff");
    assert_eq!((&rule["outcome"], &rule["settled"]), (&"reconciled".into(), &7.into()));
    counts(&rule, [8, 8, 8, 0, 0, 0, 0]);
    assert_eq!(note(&rule), "7 divergences settled within 3 s (2 looks)");
    assert!(table(&pair.tieout, &rule, &["id"]).is_empty());
    let inputs = data::rows(&data::read_parquet(&pair.tieout.path("out/runs")), &["source_inputs"]);
    assert_eq!(inputs[0].matches("snapshot ").count(), 2, "{inputs:?}");
}

#[test]
fn as_often_as_it_says_and_no_longer_than_anything_diverges() {
    let pair = Pair::new(ORDERS);
    let (source, target) = (pair.table("source"), pair.table("target"));
    let mut looking = Looking::diff(&pair, &source, &target, &["-k", "id", "--recheck", "2s", "--recheck-times", "3"]);
    looking.looked("diff");
    pair.database.sql("INSERT INTO target VALUES (2, 'b')");
    looking.looked("diff");
    // What settled is not looked at again, whatever becomes of it.
    pair.database.sql("UPDATE target SET name = 'other' WHERE id = 2");
    looking.looked("diff");
    pair.database.sql("INSERT INTO target VALUES (3, 'c')");
    let rule = looking.ended().exits(1).rule("diff");
    assert_eq!(rule["settled"], 2);
    counts(&rule, [8, 8, 4, 3, 1, 1, 0]);
    assert_eq!(note(&rule), "2 divergences settled within 6 s (4 looks)");
}

#[test]
fn where_nothing_diverges_nothing_is_waited_for() {
    let pair = Pair::new("CREATE TABLE a (id int, v int); INSERT INTO a VALUES (1, 2); CREATE TABLE b AS TABLE a;");
    let start = Instant::now();
    let rule = pair.reconciled("a", "b", &["--key", "id", "--recheck", "10m"]);
    assert!(rule.get("settled").is_none() && start.elapsed() < Duration::from_secs(60), "{rule}");
    // Columns that cannot be compared do not settle.
    pair.database.sql("ALTER TABLE b ADD more int");
    let rule = pair.diverged("a", "b", &["--key", "id", "--recheck", "10m"]).rule;
    assert!(rule.get("settled").is_none(), "{rule}");
}

#[test]
fn keys_that_repeat_count_as_they_are_now() {
    let script = "CREATE TABLE source (id int, name text, v numeric(9,2)); CREATE TABLE target (id int, name text, v numeric(9,2));
        INSERT INTO source VALUES (1, 'a', 1), (1, 'a', 1), (1, 'b', 1), (2, 'a', 1), (2, 'a', 1), (3, 'c', 1), (4, 'd', 1), (4, 'e', 5), (5, 'e', 1);
        INSERT INTO target VALUES (1, 'a', 1), (2, 'a', 1), (4, 'd', 1.01), (5, 'e', 1.01);";
    for strategy in ["digest", "join", "merge", "pushdown"] {
        let pair = Pair::new(script);
        let (source, target) = (pair.table("source"), pair.table("target"));
        let args = ["--key", "id", "--recheck", "3s", "--strategy", strategy, "--tolerance", "v=0.01"];
        let mut looking = Looking::diff(&pair, &source, &target, &args);
        looking.looked("diff");
        // 1 loses one of two; 2 settles; 3 becomes two rows; 4 keeps what is within the tolerance, and what is left over.
        pair.database.sql("INSERT INTO target VALUES (1, 'b', 1), (2, 'a', 1); INSERT INTO source VALUES (3, 'x', 1)");
        let rule = looking.ended().exits(1).rule("diff");
        // 1: two of three; 2: both; 4: within the tolerance; 5: the same, and never looked at.
        counts(&rule, [10, 6, 6, 0, 2, 0, 2]);
        assert_eq!(rule["settled"], 2, "{strategy}: {rule:#}");
        assert_eq!(rule["columns"][1]["within_tolerance"], 2, "{strategy}: {rule:#}");
        let rows = table(&pair.tieout, &rule, &["id", "kind", "source_name"]);
        let expected = [
            "1 | duplicate_key | a",
            "3 | missing_in_target | c",
            "3 | missing_in_target | x",
            "4 | duplicate_key | e",
        ];
        let mut sorted = rows.clone();
        sorted.sort();
        assert_eq!(sorted, expected, "{strategy}");
    }
}

/// If a key were not found again, what diverges under it would seem to have settled.
#[test]
fn keys_of_all_types_are_found_again() {
    let key = "n int, s text, u uuid, d numeric(20,3), loose numeric, f float8, day date, at timestamptz, plain timestamp, raw bytea, flag bool";
    let row = |n: &str, s: &str| {
        format!(
            "{n}, {s}, '00000000-0000-0000-0000-00000000000a', 1.500, 2.50, -0.0, '2026-01-01', '2026-01-01 10:00+02', '2026-01-01 10:00', '\\x00ff', true"
        )
    };
    let (a, b, c) = (row("1", "'a|b'"), row("NULL", "NULL"), row("3", "'ü '"));
    let pair = Pair::new(&format!(
        "CREATE TABLE source ({key}, v int); CREATE TABLE target (LIKE source);
         INSERT INTO source VALUES ({a}, 1), ({b}, 1), ({c}, 1); INSERT INTO target VALUES ({a}, 2), ({b}, 2);"
    ));
    let other = MariaDb::shared().database();
    let columns = "n bigint, s varchar(20), u char(36), d decimal(30,5), loose decimal(9,1), f double, day date, at datetime(6), plain datetime, raw varbinary(9), flag bool";
    let mysql = |row: &str| row.replace("'\\x00ff'", "x'00ff'").replace("10:00+02", "08:00");
    other.sql(&format!(
        "CREATE TABLE target ({columns}, v int); INSERT INTO target VALUES ({}, 2), ({}, 2)",
        mysql(&a),
        mysql(&b)
    ));
    let mut file = "n,s,u,d,loose,f,day,at,plain,raw,flag,v\n".to_string();
    file.push_str("1,a|b,00000000-0000-0000-0000-00000000000a,1.5,2.5,0,2026-01-01,2026-01-01T08:00:00Z,2026-01-01T10:00:00,x,true,2\n");
    let file = pair.tieout.file("target.csv", &file).display().to_string();
    let odd = pair.tieout.file("odd.csv", "n,v\noops,1\n").display().to_string();
    let keys = ["n", "s", "u", "d", "loose", "f", "day", "at", "plain", "flag"];
    let all = keys.join(",");
    let also = |args: &[&str]| args.iter().map(|arg| arg.to_string()).collect::<Vec<_>>();
    for (target, key, more, left) in [
        (pair.table("target"), format!("{all},raw"), also(&[]), 3),
        (format!("{}?table=target", other.url()), all.replace("at", "raw"), also(&["--ignore", "at"]), 3),
        (file, all.clone(), also(&["--ignore", "raw"]), 3),
        (pair.table("target"), "s".to_string(), also(&["--ignore-case", "s", "--trim", "s"]), 3),
        (pair.table("target"), "d".to_string(), also(&[]), 5),
        // A cell of the key that cannot be read.
        (odd, "n".to_string(), also(&["--columns", "v"]), 4),
    ] {
        let source = pair.table("source");
        let mut args = vec!["-k", &key, "--recheck", "10ms", "--recheck-times", "2"];
        args.extend(more.iter().map(String::as_str));
        let once = pair.diverged(&source, &target, &[args[..2].to_vec(), args[6..].to_vec()].concat());
        let twice = pair.diverged(&source, &target, &args);
        assert_eq!(twice.rule["settled"], 0, "{key}: {:#}", twice.rule);
        assert_eq!(note(&twice.rule), "no divergence settled within 20 ms (3 looks)");
        assert_eq!((&twice.rule["rows"], &twice.rule["columns"]), (&once.rule["rows"], &once.rule["columns"]), "{key}");
        assert_eq!(twice.rows(&["divergence_id", "kind"]), once.rows(&["divergence_id", "kind"]), "{key}");
        assert_eq!(once.rows(&["kind"]).len(), left, "{key}: {:#}", once.rule);
    }
}

#[test]
fn more_keys_than_are_named_one_by_one() {
    let pair = Pair::new(
        "CREATE TABLE source AS SELECT i AS id, i % 7 AS v FROM generate_series(1, 20000) AS i;
         CREATE TABLE target AS SELECT id, v FROM source WHERE id % 4 <> 0; ANALYZE;",
    );
    let (source, target) = (pair.table("source"), pair.table("target"));
    let mut looking = Looking::diff(&pair, &source, &target, &["-k", "id", "--recheck", "3s"]);
    looking.looked("diff");
    pair.database.sql("INSERT INTO target SELECT * FROM source WHERE id % 8 = 0");
    let rule = looking.ended().exits(1).rule("diff");
    assert_eq!(rule["settled"], 2500);
    counts(&rule, [20_000, 17_500, 17_500, 0, 2500, 0, 0]);
}

#[test]
fn rules_of_a_project_wait_together_postgresql_against_mariadb() {
    let other = MariaDb::shared().database();
    other.sql(
        "CREATE TABLE target (id int PRIMARY KEY, name varchar(20));
         INSERT INTO target VALUES (1, 'a'), (4, 'old'), (5, 'old'), (6, 'f'), (8, 'old'), (9, 'i')",
    );
    let pair = Pair::new(ORDERS);
    pair.tieout.file("a.csv", "id,name\n1,a\n2,b\n");
    pair.tieout.file(
        "tieout.yaml",
        &format!(
            "
            datasets:
              erp: {{postgres: {{url: \"{}\", table: source, limits: {{connections: 1}}}}}}
              shop: {{mysql: {{url: \"{}\", table: target}}}}
              a: {{csv: a.csv}}
              some: {{sql: SELECT * FROM shop WHERE id < 3}}
            rules:
              whole: {{source: erp, target: shop, key: id, recheck: {{after: 3s, times: 1}}}}
              part: {{source: a, target: some, key: id, recheck: {{after: 2s}}, allow: {{rows: 0}}}}
              plain: {{source: a, target: shop, key: id}}
              files: {{source: a, target: a, key: id, recheck: {{after: 10m}}}}
              ",
            pair.database.url(),
            other.url()
        ),
    );
    let mut looking = Looking::start(&pair.tieout, &["run", "--format", "json"]);
    looking.looked("plain");
    let meanwhile = MEANWHILE.replace("DELETE FROM source WHERE id = 7;", "");
    other.sql(&meanwhile);
    pair.database.sql("DELETE FROM source WHERE id = 7");
    let finished = looking.ended().exits(1);
    let (whole, part, plain) = (finished.rule("whole"), finished.rule("part"), finished.rule("plain"));
    counts(&whole, [7, 5, 4, 1, 2, 0, 0]);
    assert_eq!(table(&pair.tieout, &whole, &["id", "kind", "source_name", "target_name"]), PERSIST);
    assert_eq!((&whole["settled"], &part["settled"]), (&4.into(), &1.into()));
    counts(&part, [2, 2, 2, 0, 0, 0, 0]);
    assert_eq!((&part["outcome"], note(&part)), (&"reconciled".into(), "1 divergence settled within 2 s (2 looks)"));
    assert!(plain.get("settled").is_none() && plain["rows"]["target"] == 6, "{plain}");
    assert!(finished.rule("files").get("settled").is_none());
}

#[test]
fn files_stay_as_they_were_listed() {
    let tieout = Tieout::new();
    tieout.file("a.csv", "id,name\n1,a\n2,b\n");
    tieout.file("b.csv", "id,name\n1,a\n");
    let args = ["diff", "a.csv", "b.csv", "-k", "id", "--recheck", "10m", "--format", "json"];
    let rule = tieout.run(args).exits(1).rule("diff");
    let told = "both sides are files, which are read as they were listed: what diverges is not looked at again";
    assert!(rule.get("settled").is_none() && note(&rule) == told, "{rule}");
}

#[test]
fn an_interrupt_ends_the_wait_at_once() {
    let pair = Pair::new(ORDERS);
    let (source, target) = (pair.table("source"), pair.table("target"));
    for signal in ["INT", "TERM"] {
        let mut looking = Looking::diff(&pair, &source, &target, &["-k", "id", "--recheck", "10m"]);
        looking.looked("diff");
        let asked = Instant::now();
        let id = looking.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
        let ended = looking.ended().exits(130);
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        assert_eq!(ended.stderr, "interrupted\n");
        assert!(!pair.tieout.has_results(), "something is left");
    }
}

#[test]
fn a_limit_leaves_what_was_not_looked_at_again_open() {
    let pair = Pair::new(ORDERS);
    let tell = |args: &[&str]| {
        let mut all = vec!["-k", "id", "--recheck", "10m"];
        all.extend(args);
        let start = Instant::now();
        let rule = pair.diff("source", "target", &all).exits(3).rule("diff");
        assert!(start.elapsed() < Duration::from_secs(60));
        assert!(rule.get("settled").is_none() && rule["outcome"] == "inconclusive", "{rule}");
        (rule["coverage"]["stopped_by"].as_str().unwrap().to_string(), note(&rule).to_string())
    };
    let (by, note) = tell(&["--max-time", "5m"]);
    assert_eq!(
        (by.as_str(), note.as_str()),
        ("max_time", "stopped by --max-time before what diverges was looked at again")
    );
    assert_eq!(tell(&["--max-divergences", "2"]).0, "max_divergences");
}

#[test]
fn a_limit_of_divergences_counts_each_once() {
    let pair = Pair::new(ORDERS);
    let args = ["-k", "id", "--recheck", "10ms", "--recheck-times", "3", "--max-divergences", "8"];
    let rule = pair.diverged("source", "target", &args).rule;
    assert_eq!((&rule["settled"], rule.get("coverage")), (&0.into(), None), "{rule}");
}

#[test]
fn a_source_that_is_away_by_then_leaves_a_doubt() {
    let mut server = Postgres::own();
    let database = server.database();
    database.sql("CREATE TABLE orders AS SELECT 1 AS id, 'a' AS name UNION ALL SELECT 2, 'b'");
    let tieout = Tieout::new();
    tieout.file("a.csv", "id,name\n1,a\n");
    let url = database.url();
    tieout.file(
        "tieout.yaml",
        &format!(
            "
            datasets: {{a: {{csv: a.csv}}, erp: {{postgres: {{url: \"{url}\", table: orders}}}}}}
            rules:
              late: {{source: erp, target: a, key: id, recheck: {{after: 4s}}}}
            "
        ),
    );
    let mut looking = Looking::start(&tieout, &["run", "--format", "json"]);
    looking.looked("late");
    server.stop();
    let rule = looking.ended().exits(3).rule("late");
    assert_eq!((&rule["outcome"], &rule["rows"]["missing_in_target"]), (&"inconclusive".into(), &1.into()), "{rule}");
    assert!(note(&rule).starts_with("what diverges was not looked at again: cannot connect to"), "{rule}");
    assert_eq!(table(&tieout, &rule, &["id"]), ["2"]);
    // By itself, it is an error.
    server.restart();
    std::fs::remove_dir_all(tieout.path("out")).unwrap();
    let source = format!("{url}?table=orders");
    let args = ["diff", &source, "a.csv", "-k", "id", "--recheck", "4s", "--out", "out"];
    let mut looking = Looking::start(&tieout, &args);
    looking.looked("diff");
    server.stop();
    let ended = looking.ended().exits(2);
    assert!(ended.stderr.contains("cannot connect to"), "{}", ended.stderr);
    assert!(!tieout.has_results());
}

#[test]
fn other_columns_than_before_cannot_be_looked_at() {
    let pair = Pair::new(ORDERS);
    let (source, target) = (pair.table("source"), pair.table("target"));
    let mut looking = Looking::diff(&pair, &source, &target, &["-k", "id", "--recheck", "3s"]);
    looking.looked("diff");
    pair.database.sql("ALTER TABLE target ADD more int");
    let error = looking.ended().exits(2).json()["error"].clone();
    assert_eq!(error["kind"], "changed", "{error}");
    assert!(
        error["message"].as_str().unwrap().starts_with("the columns changed before what diverges was looked at again")
    );
    assert!(!pair.tieout.has_results());
}

#[test]
fn flags_that_make_no_sense() {
    let tieout = Tieout::new();
    tieout.file("a.csv", "id\n1\n");
    let told = |args: &[&str]| {
        let mut all = vec!["diff", "a.csv", "a.csv"];
        all.extend(args);
        tieout.run(all).exits(2).stderr
    };
    let without = told(&["--recheck", "30s"]);
    assert!(without.contains("it needs a key, which tells which rows to read again"), "{without}");
    assert!(without.contains("name the columns that identify a row with --key"), "{without}");
    let soon = told(&["-k", "id", "--recheck", "soon"]);
    assert!(soon.contains("invalid value 'soon' for '--recheck <TIME>': `soon` is not a duration"), "{soon}");
    let never = told(&["-k", "id", "--recheck", "1s", "--recheck-times", "0"]);
    assert!(never.contains("invalid value '0' for '--recheck-times <N>'"), "{never}");
    let times = told(&["-k", "id", "--recheck-times", "2"]);
    assert!(times.contains("--recheck <TIME>"), "{times}");
    tieout.file("tieout.yaml", "datasets: {a: {csv: a.csv}}\n");
    tieout.file("queries/q.sql", "-- recheck: 30s\nSELECT * FROM a\n");
    let query = tieout.run(["run"]).exits(2).stderr;
    assert!(
        query.contains("`recheck` does not belong to a sql rule\n  in rule q\n  at queries/q.sql:1:4\n"),
        "{query}"
    );
}

#[test]
fn a_file_of_sqlite_is_looked_at_as_it_is_later() {
    let tieout = Tieout::new();
    let database = rusqlite::Connection::open(tieout.path("rel.db")).unwrap();
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'a'), (3, 'x')";
    database.execute_batch(sql).unwrap();
    tieout.file("a.csv", "id,name\n1,a\n2,b\n3,c\n");
    let args = ["diff", "a.csv", "sqlite:///rel.db?table=t", "-k", "id", "--recheck", "3s", "--out", "out"];
    let mut looking = Looking::start(&tieout, &[&args[..], &["--format", "json"]].concat());
    looking.looked("diff");
    database.execute_batch("INSERT INTO t VALUES (2, 'b')").unwrap();
    let rule = looking.ended().exits(1).rule("diff");
    assert_eq!(rule["settled"], 1, "{rule:#}");
    counts(&rule, [3, 3, 2, 1, 0, 0, 0]);
}
