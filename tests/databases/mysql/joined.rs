//! Two tables of one database of MariaDB: it finds the rows without an identical twin itself, and they are what a join finds.

use std::fmt::Write;

use super::pair::Pair;

const TABLE: &str = "(id INT, part SMALLINT UNSIGNED, name VARCHAR(20), flat VARCHAR(20) CHARACTER SET latin1, kind ENUM('a', 'B'), raw VARBINARY(4),
    amount DECIMAL(10,2), ratio DOUBLE, day DATE, at DATETIME(3), seen TIMESTAMP NULL, flag BOOLEAN, bits BIT(9), PRIMARY KEY (id, part))";

/// Numbers that look random, and are the same in every run.
fn dice(state: &mut u64, sides: u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) % sides) as usize
}

fn cells(state: &mut u64) -> String {
    let choices: [&[&str]; 11] = [
        &["'a'", "'A'", "'a '", "'ä'", "NULL", "''"],
        &["'a'", "'A'", "'ä'", "NULL"],
        &["'a'", "'B'", "NULL"],
        &["x'00'", "x'0000'", "NULL"],
        &["1.50", "-1.50", "0", "NULL"],
        &["0.1", "0e0", "-0e0", "NULL"],
        &["'2026-01-01'", "'0000-00-00'", "NULL"],
        &["'2026-01-01 00:00:00.001'", "'2026-01-01'"],
        &["'2026-01-01 00:00:01'", "NULL"],
        &["TRUE", "FALSE", "NULL"],
        &["b'101'", "b'0'", "NULL"],
    ];
    choices.map(|of_column| of_column[dice(state, of_column.len() as u64)]).join(", ")
}

#[test]
fn random_tables_say_what_a_join_says() {
    let mut state = 11;
    let mut script =
        format!("SET sql_mode = ''; CREATE TABLE t {TABLE}; CREATE TABLE u {TABLE} DEFAULT CHARSET utf8mb4;");
    for id in 0..400 {
        let row = cells(&mut state);
        let (here, there) = (dice(&mut state, 20) > 0, dice(&mut state, 20) > 0);
        let other = if dice(&mut state, 4) == 0 { cells(&mut state) } else { row.clone() };
        if here {
            let _ = writeln!(script, "INSERT INTO t VALUES ({id}, {}, {row});", id % 3);
        }
        if there {
            let _ = writeln!(script, "INSERT INTO u VALUES ({id}, {}, {other});", id % 3);
        }
    }
    let pair = Pair::new(&script);
    let of = |strategy: &str| pair.diverged("t", "u", &["--key", "id,part", "--strategy", strategy]);
    let (joined, pushed) = (of("join"), of("pushdown"));
    assert_eq!(
        (&pushed.rule["strategy"], &pushed.rule["guarantee"]),
        (&"pushdown".into(), &"exact".into()),
        "{}",
        pushed.rule
    );
    for part in ["rows", "columns", "outcome"] {
        assert_eq!(pushed.rule[part], joined.rule[part]);
    }
    assert_eq!(pushed.rows(&["divergence_id", "kind"]), joined.rows(&["divergence_id", "kind"]));
    assert!(joined.rule["rows"]["value_mismatch"].as_u64().unwrap() > 30, "{}", joined.rule);
}

/// What the planner takes by itself, and how little is fetched.
#[test]
fn only_what_differs_is_fetched() {
    let pair = Pair::new(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20)) AS SELECT seq AS id, CONCAT('order ', seq) AS name FROM seq_1_to_20000;
         CREATE TABLE u LIKE t; INSERT INTO u SELECT * FROM t; UPDATE u SET name = 'ORDER 7' WHERE id = 7; DELETE FROM u WHERE id = 9",
    );
    let rule = pair.diverged("t", "u", &["--key", "id"]).rule;
    assert_eq!((&rule["strategy"], &rule["guarantee"]), (&"pushdown".into(), &"exact".into()), "{rule}");
    assert_eq!((&rule["rows"]["value_mismatch"], &rule["rows"]["missing_in_target"]), (&1.into(), &1.into()));
    assert!(rule["work"]["bytes_read"].as_u64().unwrap() < 1000, "{rule}");
}

/// By a key of text, checksums serve: its index is by collation.
#[test]
fn a_key_of_text_is_not_joined() {
    let pair = Pair::new(
        "CREATE TABLE t (id VARCHAR(9) PRIMARY KEY, n INT); CREATE TABLE u LIKE t;
         INSERT INTO t VALUES ('a', 1), ('b', 2); INSERT INTO u VALUES ('A', 1), ('b', 2)",
    );
    let rule = pair.diverged("t", "u", &["--key", "id", "--strategy", "pushdown"]).rule;
    assert_eq!(rule["guarantee"], "digest128", "{rule}");
    assert_eq!((&rule["rows"]["missing_in_target"], &rule["rows"]["missing_in_source"]), (&1.into(), &1.into()));
}

/// A column may be called as anything in our statements is.
#[test]
fn names_of_ours_are_names_of_columns() {
    let pair = Pair::new(
        "CREATE TABLE t (id INT PRIMARY KEY, segment INT, k INT, t INT, tieout INT, `@tieout` INT, `a*/b` INT, `1` INT)
           AS SELECT seq AS id, seq % 7 AS segment, 1 AS k, 2 AS t, 3 AS tieout, 4 AS `@tieout`, 5 AS `a*/b`, 6 AS `1` FROM seq_1_to_3000;
         CREATE TABLE u LIKE t; INSERT INTO u SELECT * FROM t; UPDATE u SET k = 9 WHERE id IN (5, 1000, 2999)",
    );
    // A session of its own: checksums, not an anti-join.
    let other = pair.table("u").replace("127.0.0.1", "localhost");
    let rule = pair.diverged("t", &other, &["--key", "id", "--strategy", "pushdown"]).rule;
    assert_eq!((&rule["strategy"], &rule["guarantee"]), (&"pushdown".into(), &"digest128".into()), "{rule}");
    assert_eq!((&rule["rows"]["value_mismatch"], &rule["rows"]["equal"]), (&3.into(), &2997.into()), "{rule}");
}
