//! What can be read: tables with odd names, views, queries, tables of many rows; and that nothing is written.

use super::pair::Pair;
use crate::support::tieout::Tieout;

#[test]
fn names_are_taken_as_they_are() {
    let odd = ["select", "Ä ö.ü", "back`tick", "it's", "a\"b", "100%", "trailing\\"];
    for (n, name) in odd.iter().enumerate() {
        let quoted = format!("`{}`", name.replace('`', "``"));
        let pair = Pair::new(&format!(
            "CREATE TABLE {quoted} (id int PRIMARY KEY, {quoted} varchar(9)); INSERT INTO {quoted} VALUES (1, 'a'), (2, 'b')"
        ));
        let table = pair.table(&format!("\"{}\"", name.replace('"', "\"\"")));
        let rule = pair.reconciled(&table, &table, &["--key", "id"]);
        assert_eq!(rule["rows"]["equal"], 2, "{n}: {name}");
        assert_eq!(rule["columns"][0]["column"], *name);
    }
}

#[test]
fn a_table_of_another_database_a_view_and_a_query() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(9), KEY (name)); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
         CREATE VIEW v AS SELECT id, name FROM t WHERE id < 3",
    );
    let other =
        Pair::new("CREATE TABLE u (id int PRIMARY KEY, name varchar(9)); INSERT INTO u VALUES (1, 'a'), (2, 'b')");
    let elsewhere = pair.table(&format!("{}.u", other.database.name()));
    pair.reconciled("v", &elsewhere, &["--key", "id"]);
    // With a comment at its end, a semicolon, a colon, and a backslash that escapes nothing.
    let query =
        pair.query("SELECT id, name FROM t WHERE name < 'c' AND name <> '\\' AND name <> ':name' -- the first;\n;");
    pair.reconciled(&query, &elsewhere, &["--key", "id"]);
    let computed = pair.query("SELECT count(*) AS n, sum(id) AS total, avg(id) AS mean, max(name) AS last FROM t");
    pair.tieout.file("b.csv", "n,total,mean,last\n3,6,2,c\n");
    pair.reconciled(&computed, "b.csv", &[]);
}

#[test]
fn more_rows_than_a_batch() {
    let pair = Pair::new(
        "CREATE TABLE t AS SELECT seq AS id, repeat(char(65 + seq % 26), seq % 40) AS name FROM seq_1_to_100000",
    );
    let rule = pair.reconciled("t", "t", &["--key", "id", "--memory", "64MB"]);
    assert_eq!(rule["rows"]["equal"], 100_000);
    pair.database
        .sql("CREATE TABLE u AS SELECT * FROM t; UPDATE u SET name = 'x' WHERE id = 77777; DELETE FROM u WHERE id = 3");
    let found = pair.diverged("t", "u", &["--key", "id"]);
    assert_eq!(found.rows(&["id", "kind"]), ["3 | missing_in_target", "77777 | value_mismatch"]);
}

#[test]
fn no_key_and_no_columns() {
    let pair = Pair::new("CREATE TABLE t (name varchar(9)); INSERT INTO t VALUES ('a'), ('a'), (NULL)");
    assert_eq!(pair.reconciled("t", "t", &[])["rows"]["equal"], 3);
    assert_eq!(count(&pair), "3");
}

/// `count(*)`, for which no column is read.
fn count(pair: &Pair) -> String {
    let tieout = Tieout::new();
    tieout.file("tieout.yaml", &format!("datasets:\n  t: {{mysql: {{url: \"{}\", table: t}}}}\n", pair.database.url()));
    let printed = tieout.run(["sql", "SELECT count(*) AS n FROM t", "--format", "csv"]);
    let printed = printed.exits(0).stdout;
    printed.lines().last().unwrap_or_default().to_string()
}

#[test]
fn nothing_is_written() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
         SET GLOBAL log_bin_trust_function_creators = 1;
         DELIMITER //
         CREATE FUNCTION put() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (2); RETURN 2; END//",
    );
    let (message, hint) = pair.fails(&pair.query("SELECT put() AS id"), "t", &["--key", "id"]);
    assert_eq!(message, "the query cannot be planned: Cannot execute statement in a READ ONLY transaction");
    assert_eq!(hint, "tieout only reads: a query must not change anything");
    let two = pair.query("SELECT 1 AS id) AS x; INSERT INTO t VALUES (3); SELECT * FROM (SELECT 1 AS id");
    let (message, _) = pair.fails(&two, "t", &["--key", "id"]);
    assert!(message.starts_with("the query cannot be planned: You have an error in your SQL syntax"), "{message}");
    assert_eq!(pair.database.query("SELECT group_concat(id) FROM t"), "1");
}

#[test]
fn a_limit_of_the_server_for_careless_users_cuts_nothing() {
    let server = crate::support::mariadb::MariaDb::own();
    let pair = Pair::on(
        &server,
        "CREATE TABLE t AS SELECT seq AS id FROM seq_1_to_100; CREATE TABLE u AS SELECT * FROM t WHERE id <= 50",
    );
    pair.database.sql("SET GLOBAL sql_select_limit = 50; SET GLOBAL sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES'");
    let found = pair.diverged("t", "u", &["--key", "id"]);
    assert_eq!(found.rule["rows"]["missing_in_target"], 50);
    pair.database.sql("SET GLOBAL group_concat_max_len = 4");
    pair.tieout.file("b.csv", "ids\n\"1,2,3,4,5\"\n");
    pair.reconciled(&pair.query("SELECT group_concat(id ORDER BY id) AS ids FROM u WHERE id <= 5"), "b.csv", &[]);
}
