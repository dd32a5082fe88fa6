//! `pushdown`: what checksums inside PostgreSQL prove is what all other strategies find, and little goes over the wire.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::tie::Pair;
use crate::support::mariadb::MariaDb;
use crate::support::postgres::Postgres;
use crate::support::proxy::Proxy;
use crate::support::tieout::Tieout;

/// The same database, in a session of its own: nothing is joined inside it then.
fn apart(url: &str) -> String {
    format!("{url}&connect_timeout=30")
}

/// Numbers that look random, and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn or_null(&mut self, text: String) -> String {
        if self.roll(8) == 0 { "NULL".into() } else { text }
    }
}

const KEYS: [&str; 6] = ["id", "name", "id,name", "code", "", "day"];

/// A table of few values, so that keys repeat and NULLs stand everywhere.
fn table(name: &str, rows: &[String]) -> String {
    let mut script = format!(
        "CREATE TABLE {name} (id int, name text, code char(3), day date, amount numeric(8,2), loose numeric, at timestamptz,
         ratio float8, flag bool, raw bytea, doc jsonb);"
    );
    for row in rows {
        let _ = writeln!(script, "INSERT INTO {name} VALUES ({row});");
    }
    script + &format!("ANALYZE {name};")
}

fn row(dice: &mut Dice) -> String {
    let (id, name, code, day) = (dice.roll(9) as i64 - 4, dice.roll(4), dice.roll(3), dice.roll(3));
    let cells = [
        dice.or_null(id.to_string()),
        dice.or_null(["''", "'a|b'", "'ü'", "'a'"][name as usize].into()),
        dice.or_null(["'x'", "'xy '", "''"][code as usize].into()),
        dice.or_null(["'2026-01-01'", "'infinity'", "'0044-03-15 BC'"][day as usize].into()),
        ["0", "-1.50", "NULL"][dice.roll(3) as usize].into(),
        ["1.0", "1.00", "1e30", "'NaN'"][dice.roll(4) as usize].into(),
        ["'2026-01-01 00:00:00.5+01'", "'-infinity'"][dice.roll(2) as usize].into(),
        ["0", "'-0'", "'NaN'", "0.1"][dice.roll(4) as usize].into(),
        ["true", "NULL"][dice.roll(2) as usize].into(),
        ["'\\x00'", "''", "NULL"][dice.roll(3) as usize].into(),
        ["'{\"a\": 1.0}'", "'{\"a\": 1.00}'", "NULL"][dice.roll(3) as usize].into(),
    ];
    cells.join(", ")
}

/// What counts, whatever the strategy.
fn found(rule: &Value) -> String {
    format!("{} {} {}", rule["outcome"], rule["rows"], rule["columns"])
}

#[test]
fn random_tables_say_what_a_join_says() {
    let mut dice = Dice(7);
    for case in 0..24 {
        let mut rows: Vec<String> = (0..dice.roll(30)).map(|_| row(&mut dice)).collect();
        let source = table("source", &rows);
        for _ in 0..dice.roll(4) {
            if !rows.is_empty() && dice.roll(2) == 0 {
                rows.remove(dice.roll(rows.len() as u64) as usize);
            }
            let added = row(&mut dice);
            rows.push(added);
        }
        let pair = Pair::new(&(source + &table("target", &rows)));
        let (source, target) = (pair.table("source"), apart(&pair.table("target")));
        let key = KEYS[case % KEYS.len()];
        let tell = |strategy: &str| {
            let mut args = vec!["--strategy", strategy];
            if !key.is_empty() {
                args.extend(["--key", key]);
            }
            let finished = pair.diff(&source, &target, &args);
            assert!(matches!(finished.code, Some(0 | 1)), "{}", finished.stderr);
            finished.rule("diff")
        };
        let (pushed, joined) = (tell("pushdown"), tell("join"));
        assert_eq!(pushed["strategy"], "pushdown", "{pushed}");
        assert_eq!(found(&pushed), found(&joined), "case {case}, key {key:?}, {pushed}");
    }
}

/// Sixty thousand orders, of which few are changed, missing and added; their numbers have gaps.
const ORDERS: &str = "
    CREATE TABLE orders AS SELECT (i * 3 + i % 7)::int AS id, md5(i::text)::uuid AS uid, 'order ' || i AS name, i % 1000 AS customer,
        (i % 5000 / 100.0)::numeric(12,2) AS amount, DATE '2026-01-01' + i % 365 AS day FROM generate_series(1, 60000) AS i;
    CREATE TABLE copy AS TABLE orders;
    UPDATE copy SET amount = amount + 0.01 WHERE id % 6000 < 3;
    DELETE FROM copy WHERE id % 9000 BETWEEN 10 AND 12;
    INSERT INTO copy SELECT -id, md5('new ' || id)::uuid, 'new ' || id, customer, amount, day FROM orders WHERE id % 20000 < 3;
    ANALYZE orders; ANALYZE copy;";

#[test]
fn what_was_planted_is_found_by_any_key() {
    let pair = Pair::new(ORDERS);
    let count = |sql: &str| pair.database.query(sql).parse::<u64>().unwrap();
    let changed = count("SELECT count(*) FROM orders o JOIN copy c USING (id) WHERE o.amount <> c.amount");
    let missing = count("SELECT count(*) FROM orders WHERE id NOT IN (SELECT id FROM copy)");
    let added = count("SELECT count(*) FROM copy WHERE id NOT IN (SELECT id FROM orders)");
    assert!(changed > 10 && missing > 10 && added > 3);
    for key in ["id", "uid", "name", "id,uid"] {
        let rule = pair.diverged("orders", &apart(&pair.table("copy")), &["--key", key, "--strategy", "pushdown"]).rule;
        assert_eq!(rule["strategy"], "pushdown", "{rule}");
        let rows = &rule["rows"];
        let told = [&rows["value_mismatch"], &rows["missing_in_target"], &rows["missing_in_source"]];
        assert_eq!(told, [changed, missing, added], "by {key}: {rule}");
    }
}

#[test]
fn little_goes_over_the_wire() {
    let pair = Pair::new(&format!(
        "{ORDERS} ALTER TABLE orders ADD PRIMARY KEY (id); CREATE TABLE same AS TABLE orders;
        ALTER TABLE copy ADD PRIMARY KEY (id); ALTER TABLE same ADD PRIMARY KEY (id); ANALYZE same;"
    ));
    let (proxy, other) = (Proxy::to(Postgres::shared().port()), Proxy::to(Postgres::shared().port()));
    let url =
        |proxy: &Proxy, table: &str| format!("{}?table={table}&sslmode=disable", pair.database.url_at(proxy.port()));
    let all = pair.database.query("SELECT sum(pg_column_size(o.*)) FROM orders o").parse::<u64>().unwrap();

    proxy.set_delay(Duration::from_millis(10));
    other.set_delay(Duration::from_millis(10));
    let rule =
        pair.reconciled(&url(&proxy, "orders"), &url(&other, "same"), &["--key", "id", "--strategy", "pushdown"]);
    assert_eq!((&rule["strategy"], &rule["guarantee"]), (&"pushdown".into(), &"digest128".into()));
    for traffic in [proxy.traffic(), other.traffic()] {
        assert!(traffic.round_trips <= 10, "{traffic:?}");
        assert!(traffic.from_server < all / 50, "{traffic:?} of {all} bytes");
    }

    let before = proxy.traffic().from_server;
    let rule =
        pair.diverged(&url(&proxy, "orders"), &url(&other, "copy"), &["--key", "id", "--strategy", "pushdown"]).rule;
    assert_eq!(rule["strategy"], "pushdown");
    let sent = proxy.traffic().from_server - before;
    assert!(sent < all / 20, "{sent} of {all} bytes");
}

#[test]
fn one_database_compares_its_own_tables_by_value() {
    let pair =
        Pair::new(&format!("{ORDERS} ALTER TABLE orders ADD PRIMARY KEY (id); ALTER TABLE copy ADD PRIMARY KEY (id);"));
    let joined = pair.diverged("orders", "copy", &["--key", "id", "--strategy", "join"]);
    let pushed = pair.diverged("orders", "copy", &["--key", "id"]);
    assert_eq!((&pushed.rule["strategy"], &pushed.rule["guarantee"]), (&"pushdown".into(), &"exact".into()));
    assert_eq!(found(&pushed.rule), found(&joined.rule));
    assert_eq!(pushed.rows(&["divergence_id"]), joined.rows(&["divergence_id"]));
}

/// What the database calls equal, and we do not.
#[test]
fn equal_to_the_database_is_not_equal_enough() {
    let pair = Pair::new(
        "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE source (id text COLLATE blind PRIMARY KEY, name text COLLATE blind, doc jsonb, span interval);
         CREATE TABLE target (LIKE source INCLUDING ALL);
         INSERT INTO source VALUES ('a', 'x', '1.0', '1 month'), ('b', 'x', '1.0', '1 month'), ('c', 'x', '1.0', '1 month'), ('d', 'x', '1', '1 h');
         INSERT INTO target VALUES ('A', 'x', '1.0', '1 month'), ('b', 'X', '1.0', '1 month'), ('c', 'x', '1.00', '30 days'), ('d', 'x', '1', '1 h');",
    );
    for strategy in ["pushdown", "join"] {
        let rule = pair.diverged("source", "target", &["--key", "id", "--strategy", strategy]).rule;
        assert_eq!(rule["rows"]["equal"], 1, "{rule}");
        assert_eq!(rule["rows"]["value_mismatch"], 2, "{rule}");
        assert_eq!(rule["rows"]["missing_in_target"], 1, "{rule}");
    }
}

#[test]
fn repeated_keys_are_not_joined_away() {
    let pair = Pair::new(
        "CREATE TABLE source (id int, name text); INSERT INTO source VALUES (1, 'a'), (1, 'a'), (2, 'b');
         CREATE TABLE target (id int, name text); INSERT INTO target VALUES (1, 'a'), (2, 'b');",
    );
    let rule = pair.diverged("source", "target", &["--key", "id", "--strategy", "pushdown"]).rule;
    assert_eq!((&rule["rows"]["duplicate_key"], &rule["rows"]["equal"]), (&1.into(), &2.into()), "{rule}");
}

#[test]
fn why_checksums_are_not_asked_for() {
    let pair =
        Pair::new("CREATE TABLE t (id int PRIMARY KEY, name text, tags text[]); INSERT INTO t VALUES (1, 'A', '{a}');");
    let file = pair.tieout.file("t.csv", "id,name\n1,A\n").display().to_string();
    let why = |args: &[&str]| {
        let mut all = vec!["--key", "id", "--strategy", "pushdown"];
        all.extend(args);
        let rule = pair.reconciled("t", &file, &all);
        assert_eq!(rule["strategy"], "digest", "{rule}");
        rule["why"].as_str().unwrap().to_string()
    };
    assert_eq!(
        why(&["--columns", "name", "--where", "id > 0"]),
        "a filter stands on a database, which may mean something else there"
    );
    assert_eq!(why(&["--columns", "name", "--ignore-case", "name"]), "\"name\" is changed before it is compared");
    let files = pair.tieout.file("u.csv", "id,name\n1,A\n").display().to_string();
    let rule = pair.reconciled(&file, &files, &["--key", "id", "--strategy", "pushdown"]);
    assert_eq!(rule["why"], "no side is a database that computes checksums");
}

/// The same values in MariaDB's words.
fn mysql_row(dice: &mut Dice) -> String {
    let (id, name, day, at) = (dice.roll(9) as i64 - 4, dice.roll(5), dice.roll(3), dice.roll(4));
    let cells = [
        dice.or_null(id.to_string()),
        dice.or_null(["''", "'a|b'", "'ü'", "'a'", "'A'"][name as usize].into()),
        dice.or_null(["'2026-01-01'", "'0000-00-00'", "'9999-12-31'"][day as usize].into()),
        ["0", "-1.50", "NULL"][dice.roll(3) as usize].into(),
        ["'2026-01-01 00:00:00.5'", "'2026-01-01 10:00:00'", "'0000-00-00 00:00:00'", "NULL"][at as usize].into(),
        ["true", "NULL", "false"][dice.roll(3) as usize].into(),
        ["x'00'", "''", "NULL"][dice.roll(3) as usize].into(),
        ["7", "18446744073709551615"][dice.roll(2) as usize].into(),
        ["'-10:00:00'", "'10:20:00.25'"][dice.roll(2) as usize].into(),
    ];
    cells.join(", ")
}

#[test]
fn random_tables_of_mariadb_say_what_a_join_says() {
    let mut dice = Dice(11);
    let tieout = Tieout::new();
    let database = MariaDb::shared().database();
    for case in 0..16 {
        let mut rows: Vec<String> = (0..dice.roll(30)).map(|_| mysql_row(&mut dice)).collect();
        let table = |name: &str, rows: &[String]| {
            let inserts = rows.iter().map(|row| format!("INSERT INTO {name} VALUES ({row});\n")).collect::<String>();
            format!(
                "SET sql_mode = ''; DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (id int, name varchar(20) CHARACTER SET latin1,
                 day date, amount decimal(8,2), at datetime(3), flag bool, raw varbinary(9), big bigint unsigned zerofill,
                 clock time(2)); {inserts}"
            )
        };
        database.sql(&table("source", &rows));
        for _ in 0..dice.roll(4) {
            if !rows.is_empty() && dice.roll(2) == 0 {
                rows.remove(dice.roll(rows.len() as u64) as usize);
            }
            let added = mysql_row(&mut dice);
            rows.push(added);
        }
        database.sql(&table("target", &rows));
        let key = ["id", "name", "id,name", "day", "big", ""][case % 6];
        let tell = |strategy: &str| {
            let (source, target) =
                (format!("{}?table=source", database.url()), format!("{}?table=target", database.url()));
            let mut args = vec!["diff", &source, &target, "--format", "json", "--strategy", strategy];
            if !key.is_empty() {
                args.extend(["--key", key]);
            }
            let finished = tieout.run(args);
            assert!(matches!(finished.code, Some(0 | 1)), "{}", finished.stderr);
            finished.rule("diff")
        };
        let (pushed, joined) = (tell("pushdown"), tell("join"));
        assert_eq!(pushed["strategy"], "pushdown", "{pushed}");
        assert_eq!(found(&pushed), found(&joined), "case {case}, key {key:?}, {pushed}");
    }
}

#[test]
fn postgresql_and_mariadb_agree_on_checksums() {
    let pair = Pair::new(
        "CREATE TABLE t AS SELECT i AS id, 'order ' || i AS name, (i / 100.0)::numeric(12,2) AS amount, i % 2 = 0 AS even,
         DATE '2026-01-01' + i % 365 AS day, TIMESTAMP '2026-01-01' + i * INTERVAL '1.5 s' AS at,
         decode(md5(i::text), 'hex') AS raw, (i * 1.25)::numeric AS loose FROM generate_series(1, 30000) AS i;
         ALTER TABLE t ADD PRIMARY KEY (id); ANALYZE t;",
    );
    let other = MariaDb::shared().database();
    other.sql(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(40) NOT NULL, amount decimal(14,4), even bool, day date, at datetime(6),
            raw varbinary(16), loose decimal(20,5));
         INSERT INTO t SELECT seq, CONCAT('order ', seq), seq / 100, seq % 2 = 0, '2026-01-01' + INTERVAL seq % 365 DAY,
            '2026-01-01' + INTERVAL seq * 1500000 MICROSECOND, UNHEX(MD5(seq)), seq * 1.25 FROM seq_1_to_30000;
         ANALYZE TABLE t;",
    );
    let url = format!("{}?table=t", other.url());
    let rule = pair.reconciled("t", &url, &["--key", "id", "--strategy", "pushdown"]);
    assert_eq!((&rule["strategy"], &rule["rows"]["equal"]), (&"pushdown".into(), &30_000.into()), "{rule}");
    other.sql(
        "UPDATE t SET amount = amount + 0.0001 WHERE id = 77; UPDATE t SET name = UPPER(name) WHERE id = 4711;
               UPDATE t SET at = at + INTERVAL 1 MICROSECOND WHERE id = 29999; DELETE FROM t WHERE id = 12345;",
    );
    let found = pair.diverged("t", &url, &["--key", "id", "--strategy", "pushdown"]);
    assert_eq!(found.rule["strategy"], "pushdown");
    assert_eq!(
        found.rows(&["id", "kind", "changed_columns"]),
        [
            "77 | value_mismatch | [amount]",
            "4711 | value_mismatch | [name]",
            "12345 | missing_in_target | NULL",
            "29999 | value_mismatch | [at]"
        ]
    );
}
