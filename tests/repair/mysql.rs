//! Repair of tables of MariaDB.

use std::time::Duration;

use super::cases::{Key, case};
use super::{AUTO, Given, applied, next, planned, reverted, verified};
use crate::support::mariadb::{Database, MariaDb};
use crate::support::proxy::Proxy;
use crate::support::tieout::{Finished, Tieout};

const COLUMNS: usize = 15;

fn value(column: usize, seed: &mut u64) -> String {
    let n = next(seed);
    if n.is_multiple_of(9) {
        return "NULL".into();
    }
    let one = |all: &[&str]| all[(n % all.len() as u64) as usize].to_string();
    match column {
        0 => format!("{}.{:02}", n % 1000, n % 100),
        1 => one(&["'a'", "'A'", "'a '", "''", "'it''s \\ \"x\"'", "'né'", "'two\nlines'"]),
        2 => format!("'2024-02-{:02} 10:00:0{}.{:03}'", n % 28 + 1, n % 10, n % 1000),
        3 => one(&["0.1", "-2.5e0", "1e300", "3", "5e-324"]),
        4 => one(&["x''", "x'00ff'", "x'41'"]),
        5 => one(&["true", "false"]),
        6 => format!("'2024-03-{:02} 23:59:59.5'", n % 28 + 1),
        7 => one(&["'1000-01-01'", "'9999-12-31'", "'2024-02-29'"]),
        8 => one(&["'{\"a\": 1, \"b\": [1.50]}'", "'[]'", "'\"x\"'"]),
        9 => one(&["'x'", "'y'", "''"]),
        10 => one(&["1.5", "0.1", "16777215"]),
        11 => one(&["'ab'", "'AB'", "'c'"]),
        12 => one(&["18446744073709551615", "0", "7"]),
        13 => one(&["'12:30:00.5'", "'23:59:59.9'"]),
        _ => one(&["'é'", "'e'", "'€'"]),
    }
}

fn table(name: &str, key: Key) -> String {
    let (id, key) = match key {
        Key::Primary => ("int PRIMARY KEY", ""),
        Key::Composite => ("int", ", PRIMARY KEY (a, b)"),
        Key::Surrogate | Key::Repeated => ("int AUTO_INCREMENT PRIMARY KEY", ""),
    };
    format!(
        "CREATE TABLE {name} (id {id}, a int NOT NULL, b varchar(9), amount decimal(12,2), name varchar(40), at datetime(3), `real` double, raw blob, \
         flag boolean, zoned timestamp(1) NULL, day date, doc json, kinds set('x', 'y'), small float, code char(5), big bigint unsigned, clock time(1), \
         old varchar(9) CHARACTER SET latin1{key}) AUTO_INCREMENT = 100000;"
    )
}

fn sides(database: &Database) -> [String; 2] {
    let url = database.url();
    ["s", "t"].map(|name| format!("mysql: {{url: \"{url}\", table: {name}}}"))
}

/// Every cell to the byte.
fn dump(database: &Database) -> String {
    let text = ["b", "name", "raw", "doc", "kinds", "code", "old"].map(|name| format!("HEX({name})")).join(", ");
    database.query(&format!(
        "SELECT id, a, {text}, amount, at, `real`, flag, zoned, day, small * 1e0, big, clock FROM t ORDER BY id, a, b"
    ))
}

#[test]
fn random_tables_agree_after_it_and_are_what_they_were_after_a_revert() {
    let database = MariaDb::shared().database();
    for seed in 0..super::cases() {
        let case = case(seed, COLUMNS, &value);
        let tieout = Tieout::new();
        database.sql("DROP TABLE IF EXISTS s; DROP TABLE IF EXISTS t");
        for (side, name) in ["s", "t"].into_iter().enumerate() {
            let mode = "SET sql_mode = 'NO_BACKSLASH_ESCAPES';";
            database.sql(&(mode.to_string() + &table(name, case.key) + &case.inserts(side, name)));
        }
        let [source, target] = sides(&database);
        Given { source: &source, target: &target, rule: case.key.rule(), rest: AUTO }.write(&tieout);
        let before = dump(&database);
        if tieout.run(["run", "--format", "json"]).json()["outcome"] == "reconciled" {
            continue;
        }
        let plan = planned(&tieout);
        let rehearsed = tieout.run(["repair", "apply", &plan, "--dry-run", "--format", "json"]).exits(0).json();
        assert_eq!(rehearsed["outcome"], "repaired", "seed {seed}: {rehearsed:#}");
        assert_eq!(dump(&database), before, "seed {seed}: a dry run has changed something");
        let told = applied(&tieout, &plan);
        assert_eq!(told["outcome"], "repaired", "seed {seed} {:?}: {told:#}", case.key);
        tieout.run(["run", "-q"]).exits(0);
        let after = dump(&database);
        let twice = applied(&tieout, &plan);
        assert_eq!(twice["outcome"], "repaired", "seed {seed} {:?}: {twice:#}", case.key);
        assert_eq!(dump(&database), after, "seed {seed}: applied twice");
        let back = reverted(&tieout, &plan);
        assert_eq!(back["outcome"], "reverted", "seed {seed} {:?}: {back:#}", case.key);
        assert_eq!(dump(&database), before, "seed {seed}: the revert left something else");
        assert_eq!(reverted(&tieout, back["plan"].as_str().unwrap())["outcome"], "reverted");
        assert_eq!(dump(&database), after, "seed {seed}: a revert that is taken back");
        verified(&tieout);
    }
}

#[test]
fn what_is_no_date_anywhere_else_is_put_back() {
    let database = MariaDb::shared().database();
    database.sql(
        "SET sql_mode = 'ALLOW_INVALID_DATES'; CREATE TABLE s (id int PRIMARY KEY, day date, at datetime(1), clock time(1), zoned timestamp NULL);
         CREATE TABLE t LIKE s; INSERT INTO s VALUES (1, '2024-01-01', '2024-01-01', '10:00', '2024-01-01'), (2, NULL, NULL, NULL, NULL);
         INSERT INTO t VALUES (1, '0000-00-00', '2024-02-31 10:00:00.5', '-838:59:59', '0000-00-00'), (2, '2024-00-00', NULL, '838:59:58', NULL),
           (3, '2024-02-31', '0000-00-00', '30:00', '0000-00-00')",
    );
    let dump = || database.query("SELECT * FROM t ORDER BY id");
    let before = dump();
    let tieout = Tieout::new();
    let [source, target] = sides(&database);
    Given { source: &source, target: &target, rule: "key: [id]\n    repair: {authority: source}", rest: AUTO }
        .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    assert_eq!(dump(), database.query("SELECT * FROM s ORDER BY id"));
    tieout.run(["run", "-q"]).exits(0);
    assert_eq!(reverted(&tieout, &plan)["outcome"], "reverted");
    assert_eq!(dump(), before);
}

#[test]
fn statements_that_are_carried_out_by_hand_do_the_same() {
    let database = MariaDb::shared().database();
    database.sql(
        "SET time_zone = '+00:00', sql_mode = 'NO_BACKSLASH_ESCAPES';
         CREATE TABLE s (id int PRIMARY KEY, name varchar(40), at timestamp NULL); CREATE TABLE t LIKE s;
         INSERT INTO s VALUES (1, 'a\\', '2024-01-01 10:00:00'), (2, 'né', NULL), (3, 'it''s\n', NULL)",
    );
    database.sql("INSERT INTO t VALUES (1, 'A', '2024-01-01 11:00:00'), (2, 'NE', NULL), (9, 'gone', NULL)");
    let tieout = Tieout::new();
    let [source, target] = sides(&database);
    Given { source: &source, target: &target, rule: "key: [id]\n    repair: {authority: source}", rest: AUTO }
        .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let sql = tieout.run(["repair", "export", &plan, "--format", "sql"]).exits(0).stdout;
    // A client with settings of its own.
    database.sql(&format!("SET time_zone = '+05:00', sql_mode = ''; SET NAMES latin1;\n{sql}"));
    tieout.run(["run", "-q"]).exits(0);
    assert_eq!(database.query("SELECT COUNT(*) FROM s JOIN t USING (id) WHERE HEX(s.name) = HEX(t.name)"), "3");
}

#[test]
fn statements_change_one_row_of_several_that_are_the_same_and_no_time_of_a_change() {
    let database = MariaDb::shared().database();
    database.sql(
        "CREATE TABLE s (id int, n int, touched timestamp NULL); INSERT INTO s VALUES (1, 1, '2020-01-01'), (2, 3, '2020-01-01');
         CREATE TABLE t (id int, n int, a int UNIQUE, touched timestamp NULL ON UPDATE CURRENT_TIMESTAMP);
         INSERT INTO t VALUES (1, 1, NULL, '2020-01-01'), (1, 1, NULL, '2020-01-01'), (2, 2, 7, '2020-01-01')",
    );
    let tieout = Tieout::new();
    let [source, target] = sides(&database);
    Given {
        source: &source,
        target: &target,
        rule: "key: [id]\n    columns: {a: {ignore: true}}\n    repair: {authority: source}",
        rest: AUTO,
    }
    .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let sql = tieout.run(["repair", "export", &plan, "--format", "sql"]).exits(0).stdout;
    database.sql(&sql);
    assert_eq!(
        database.query("SELECT id, n, touched FROM t ORDER BY id"),
        "1\t1\t2020-01-01 00:00:00\n2\t3\t2020-01-01 00:00:00",
        "{sql}"
    );
    tieout.run(["run", "-q"]).exits(0);
}

#[test]
fn keys_that_the_tables_letters_do_not_have_fail_alone() {
    let database = MariaDb::shared().database();
    database.sql(
        "CREATE TABLE s (id varchar(9) CHARACTER SET utf8mb4 PRIMARY KEY, n int); INSERT INTO s VALUES ('a', 1), ('€€', 2), ('日本', 3);
         CREATE TABLE t (id varchar(9) CHARACTER SET latin1 PRIMARY KEY, n int); INSERT INTO t VALUES ('a', 2)",
    );
    let tieout = Tieout::new();
    let [source, target] = sides(&database);
    Given { source: &source, target: &target, rule: "key: [id]\n    repair: {authority: source}", rest: AUTO }
        .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let told = applied(&tieout, &plan);
    assert_eq!((told["rows"]["applied"].clone(), told["rows"]["failed"].clone()), (2.into(), 1.into()), "{told:#}");
    assert_eq!(reverted(&tieout, &plan)["outcome"], "reverted");
    assert_eq!(database.query("SELECT id, n FROM t"), "a\t2");
}

#[test]
fn rows_of_another_system_are_stored_as_they_are_read_again() {
    let database = MariaDb::shared().database();
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, amount decimal(12,2), name varchar(3), at datetime(3), day date, flag boolean, `real` double);
         INSERT INTO t VALUES (1, 1.50, 'a', '2024-01-01 00:00:00', '2024-01-01', 0, 0.1), (8, 1, 'x', NULL, NULL, NULL, NULL)",
    );
    let tieout = Tieout::new();
    let csv = "id,amount,name,at,day,flag,real\n1,2.5,b,2024-02-29 10:00:00.25,2024-02-29,true,0.30000000000000004\n\
               2,7,A,,,,\n3,1,long,,,,\n";
    std::fs::write(tieout.path("s.csv"), csv).unwrap();
    let target = format!("mysql: {{url: \"{}\", table: t}}", database.url());
    let rule = "key: [id]\n    repair: {authority: source}";
    Given { source: "csv: {path: s.csv}", target: &target, rule, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    assert_eq!(told["plans"][0]["counts"]["refused"], 1, "{told:#}");
    let plan = told["plans"][0]["plan"].as_str().unwrap();
    let shown = tieout.run(["repair", "show", plan]).exits(0).stdout;
    assert!(shown.contains("name: it is longer than varchar(3)"), "{shown}");
    applied(&tieout, plan);
    assert_eq!(
        database.query("SELECT id, amount, name, at, day, flag, `real` FROM t ORDER BY id"),
        "1\t2.50\tb\t2024-02-29 10:00:00.250\t2024-02-29\t1\t0.30000000000000004\n2\t7.00\tA\tNULL\tNULL\tNULL\tNULL"
    );
    reverted(&tieout, plan);
    assert_eq!(database.query("SELECT GROUP_CONCAT(id, name ORDER BY id) FROM t"), "1a,8x");
}

#[test]
fn a_writer_loses_none_of_its_changes_over_cuts_and_each_row_is_changed_once() {
    let database = MariaDb::shared().database();
    database.sql(
        "CREATE TABLE s (id int PRIMARY KEY, n int); INSERT INTO s SELECT seq, seq FROM seq_1_to_2000;
         CREATE TABLE t LIKE s; INSERT INTO t SELECT seq, seq + 1 FROM seq_1_to_2000; CREATE TABLE log (id int);
         CREATE TRIGGER count AFTER UPDATE ON t FOR EACH ROW INSERT INTO log VALUES (IF(NEW.n = NEW.id, NEW.id, NULL))",
    );
    let proxy = Proxy::to(MariaDb::shared().port());
    let tieout = Tieout::new();
    let source = format!("mysql: {{url: \"{}\", table: s}}", database.url());
    let target = format!("mysql: {{url: \"{}\", table: t}}", database.url_at(proxy.port()));
    Given { source: &source, target: &target, rule: "key: [id]\n    repair: {authority: source}", rest: AUTO }
        .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let args = ["repair", "apply", &plan, "--batch", "50", "--rows-per-second", "1000", "-q"];
    let child = tieout.command(args).spawn().unwrap();
    for cut in 0..10 {
        std::thread::sleep(Duration::from_millis(130));
        let from = 2000 - cut * 40;
        database.sql(&format!("UPDATE t SET n = -id WHERE id > {} AND id <= {from}", from - 10));
        proxy.cut();
    }
    let _ = Finished::of_child(child);
    let told = applied(&tieout, &plan);
    assert_eq!(told["outcome"], "partly", "{told:#}");
    assert_eq!(database.query("SELECT COUNT(*) FROM t WHERE n = -id"), "100");
    assert_eq!(database.query("SELECT COUNT(*) FROM t WHERE n = id"), "1900");
    assert_eq!(database.query("SELECT COUNT(*), COUNT(DISTINCT id) FROM log WHERE id IS NOT NULL"), "1900\t1900");
    reverted(&tieout, &plan);
    assert_eq!(database.query("SELECT COUNT(*) FROM t WHERE n = -id"), "100");
    assert_eq!(database.query("SELECT COUNT(*) FROM t WHERE n = id + 1"), "1900");
    verified(&tieout);
}
