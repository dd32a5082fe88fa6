//! What goes wrong is told as what it is: rows that are refused, rows that others are at, a connection that is gone, a target that
//! cannot be written at all.

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use tieout::ErrorKind;
use tieout::dataset::{Change, Changes, Failure, Image};

use super::{Hand, Target, database, target, with};
use crate::support::mariadb::{Database, MariaDb, PASSWORD};
use crate::support::proxy::Proxy;

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Failure>, words: &str) {
    match answer {
        Err(Failure::Refused(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("{words}: {other:?}"),
    }
}

#[track_caller]
fn busy<T: std::fmt::Debug>(answer: Result<T, Failure>, words: &str) {
    match answer {
        Err(Failure::Busy(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn what_a_row_may_not_be_is_refused_in_the_servers_words() {
    let database = database(
        "CREATE TABLE other (id int PRIMARY KEY);
         CREATE TABLE t (id int PRIMARY KEY, positive int, once int UNIQUE, never int NOT NULL DEFAULT 1,
            other int, small smallint, words varchar(3), mood varchar(9), doc json, kind enum('a', 'b'), at datetime, amount decimal(5,2),
            CONSTRAINT above CHECK (positive > 0), CONSTRAINT to_other FOREIGN KEY (other) REFERENCES other (id));
         CREATE TABLE child (t int, CONSTRAINT of_t FOREIGN KEY (t) REFERENCES t (id));
         DELIMITER //
         CREATE TRIGGER f BEFORE UPDATE ON t FOR EACH ROW BEGIN
            IF NEW.mood = 'raise' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such mood'; END IF;
            IF NEW.mood = 'wrong' THEN SET @n = (SELECT n FROM nowhere); END IF;
            IF NEW.mood = 'many' THEN SET @n = (SELECT seq FROM seq_1_to_2); END IF;
         END//
         DELIMITER ;
         INSERT INTO t (id, positive, once) VALUES (1, 1, 1), (2, 2, 2); INSERT INTO child VALUES (2)",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    let cases: &[(&str, Option<&str>, &str)] = &[
        ("positive", Some("-1"), "`above` failed"),
        ("once", Some("2"), "Duplicate entry"),
        ("never", None, "cannot be null"),
        ("other", Some("5"), "`to_other`"),
        ("small", Some("70000"), "Out of range value"),
        ("small", Some("x"), "Incorrect integer value"),
        ("words", Some("abcd"), "Data too long"),
        ("mood", Some("raise"), "no such mood"),
        ("mood", Some("wrong"), "nowhere' doesn't exist"),
        ("mood", Some("many"), "more than 1 row"),
        ("doc", Some("{"), "failed"),
        ("kind", Some("c"), "Data truncated"),
        ("at", Some("yesterday"), "Incorrect datetime value"),
        ("amount", Some("1000"), "Out of range value"),
    ];
    for (name, value, words) in cases {
        hand.begin();
        let one = hand.row("1");
        refused(hand.update(&[name], &one, &with(&target, &one, &[(name, *value)])), words);
        hand.rollback();
    }
    hand.begin();
    let two = hand.row("2");
    refused(hand.delete(&two), "`of_t`");
    hand.rollback();
    // The connection is as good as before, and so is what stands before a savepoint.
    hand.begin();
    let one = hand.row("1");
    let nine = with(&target, &one, &[("once", Some("9"))]);
    assert_eq!(hand.update(&["once"], &one, &nine).unwrap(), 1);
    target.runtime.block_on(hand.writer.savepoint()).unwrap();
    refused(hand.update(&["once"], &nine, &with(&target, &nine, &[("once", Some("2"))])), "Duplicate entry");
    target.runtime.block_on(hand.writer.back_to_savepoint()).unwrap();
    hand.check().unwrap();
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT SUM(once) FROM t"), "11");
}

#[test]
fn one_refused_row_of_many_undoes_those_of_its_batch() {
    let database =
        database("CREATE TABLE t (id int PRIMARY KEY, x int UNIQUE); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let rows = hand.rows(&["id"], &[&[Some("1")], &[Some("2")], &[Some("3")]]);
    let after: Vec<Image> =
        ["10", "3", "30"].iter().zip(&rows).map(|(x, row)| with(&target, row, &[("x", Some(x))])).collect();
    let changes: Vec<_> = rows.iter().zip(&after).map(|(before, after)| (Some(before), Some(after))).collect();
    refused(hand.change(Change::Update, &["id"], &["x"], &changes), "Duplicate entry");
    hand.rollback();
    assert_eq!(database.query("SELECT GROUP_CONCAT(x ORDER BY id) FROM t"), "1,2,3");
    // And afterwards the answers belong to what is asked.
    hand.begin();
    assert_eq!(hand.rows(&["id"], &[&[Some("3")]]), [rows[2].clone()]);
    hand.rollback();
}

#[test]
fn a_row_that_is_longer_than_the_server_takes_is_refused() {
    let server = MariaDb::own_with(&["--max-allowed-packet=1M"]);
    let database = server.database();
    database.sql("CREATE TABLE t (id int PRIMARY KEY, x longtext); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let (one, two) = (hand.row("1"), hand.row("2"));
    let long = |n: usize| with(&target, &one, &[("x", Some(&"x".repeat(n)))]);
    refused(hand.update(&["x"], &one, &long(1_200_000)), "max_allowed_packet");
    // Each of them goes alone.
    let (first, second) = (long(700_000), with(&target, &long(800_000), &[("id", Some("2"))]));
    let changes = [(Some(&one), Some(&first)), (Some(&two), Some(&second))];
    assert_eq!(hand.change(Change::Update, &["id"], &["x"], &changes).unwrap(), 2);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT GROUP_CONCAT(LENGTH(x) ORDER BY id) FROM t"), "700000,800000");
}

/// Somebody else's connection, which runs one statement after the other.
struct Other<'a> {
    target: &'a Target,
    conn: mysql_async::Conn,
}

impl<'a> Other<'a> {
    fn new(target: &'a Target, database: &Database) -> Self {
        let url = database.url();
        let conn = target.runtime.block_on(mysql_async::Conn::from_url(&url)).unwrap();
        Self { target, conn }
    }

    #[track_caller]
    fn sql(&mut self, sql: &str) {
        self.target.runtime.block_on(self.conn.query_drop(sql)).unwrap();
    }
}

impl Drop for Other<'_> {
    fn drop(&mut self) {
        // The driver goes on with a connection that is dropped.
        let _runtime = self.target.runtime.enter();
        let _ = self.target.runtime.block_on(self.conn.query_drop("ROLLBACK"));
    }
}

const TWO: &str = "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1), (2, 2)";

#[test]
fn rows_that_others_are_at_are_busy() {
    let database = database(TWO);
    let target = target(&database, "t");
    let (mut hand, mut other) = (target.writer(), Other::new(&target, &database));
    other.sql("BEGIN");
    other.sql("SELECT * FROM t WHERE id = 1 FOR UPDATE");
    hand.begin();
    let start = Instant::now();
    busy(hand.try_rows(&["id"], &[&[Some("1")]]), "locked");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    // The row beside it is free.
    hand.row("2");
    hand.rollback();
    other.sql("ROLLBACK");
    // What moved on is seen, and left alone.
    hand.begin();
    let one = hand.row("1");
    hand.rollback();
    other.sql("UPDATE t SET x = 10 WHERE id = 1");
    hand.begin();
    assert_eq!(hand.update(&["x"], &one, &with(&target, &one, &[("x", Some("5"))])).unwrap(), 0);
    hand.rollback();
}

#[test]
fn what_others_change_while_it_is_waited_for_is_left_alone() {
    let database = database(TWO);
    let target = target(&database, "t");
    let (mut hand, mut other) = (target.writer(), Other::new(&target, &database));
    hand.begin();
    let one = hand.row("1");
    hand.rollback();
    hand.begin();
    other.sql("BEGIN");
    other.sql("UPDATE t SET x = 10 WHERE id = 1");
    let after = with(&target, &one, &[("x", Some("5"))]);
    let changes = Changes { change: Change::Update, address: &[0], set: &[1], rows: vec![(Some(&one), Some(&after))] };
    let changed = target.runtime.block_on(async {
        let later = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            other.conn.query_drop("COMMIT").await.unwrap();
        };
        tokio::join!(hand.writer.change(&changes), later).0
    });
    assert_eq!(changed.unwrap(), 0);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT x FROM t WHERE id = 1"), "10");
}

#[test]
fn one_writer_waits_for_another_of_the_same_table() {
    let database = database(TWO);
    let target = target(&database, "t");
    let (mut mine, mut other) = (target.writer(), target.writer());
    other.begin();
    busy(target.runtime.block_on(mine.writer.begin()), "locked");
    mine.rollback();
    other.rollback();
    mine.begin();
    mine.commit().unwrap();
    other.begin();
    other.rollback();
}

#[test]
fn a_deadlock_is_busy_and_may_be_tried_again() {
    let database =
        database("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t SELECT seq, seq FROM seq_1_to_50");
    let target = target(&database, "t");
    let (mut hand, mut other) = (target.writer(), Other::new(&target, &database));
    // Who has changed less gives way.
    other.sql("BEGIN");
    other.sql("UPDATE t SET x = x + 1 WHERE id > 1");
    hand.begin();
    hand.row("1");
    let at = [vec![Some("2".to_string())]];
    let answer = target.runtime.block_on(async {
        let (rows, others) =
            tokio::join!(hand.writer.rows(&[0], &at), other.conn.query_drop("SELECT * FROM t WHERE id = 1 FOR UPDATE"));
        others.unwrap();
        rows
    });
    busy(answer, "Deadlock found");
    hand.rollback();
    other.sql("ROLLBACK");
    hand.begin();
    hand.row("2");
    hand.rollback();
}

#[test]
fn a_statement_that_is_ended_is_busy() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1);
         CREATE TRIGGER f BEFORE UPDATE ON t FOR EACH ROW SET @n = SLEEP(60)",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    let changes = Changes { change: Change::Update, address: &[0], set: &[1], rows: vec![(Some(&one), Some(&one))] };
    let killer = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let mut conn = mysql_async::Conn::from_url(database.url()).await.unwrap();
        let ids = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND time_ms > 200 AND command = 'Query'";
        let id: u64 = conn.query_first(ids).await.unwrap().unwrap();
        conn.query_drop(format!("KILL QUERY {id}")).await.unwrap();
        conn.disconnect().await.unwrap();
    };
    let answer = target.runtime.block_on(async { tokio::join!(hand.writer.change(&changes), killer).0 });
    busy(answer, "interrupted");
    hand.rollback();
}

#[test]
fn a_connection_that_is_cut_is_lost_and_what_was_not_committed_is_undone() {
    let database = database("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1)");
    let proxy = Proxy::to(MariaDb::shared().port());
    let cut = Target::at(&database.url_at(proxy.port()), "t", &[]).unwrap();
    let mut hand = cut.writer();
    hand.begin();
    let one = hand.row("1");
    assert_eq!(hand.update(&["x"], &one, &with(&cut, &one, &[("x", Some("5"))])).unwrap(), 1);
    proxy.cut();
    assert!(matches!(hand.commit(), Err(Failure::Lost(_))));
    // And by the server's own word.
    let direct = target(&database, "t");
    let mut hand = direct.writer();
    hand.begin();
    assert_eq!(hand.row("1"), one);
    let others = format!(
        "SELECT id FROM information_schema.processlist WHERE db = '{}' AND id <> connection_id()",
        database.name()
    );
    let kill = format!("BEGIN NOT ATOMIC FOR client IN ({others}) DO KILL client.id; END FOR; END");
    database.sql(&format!("DELIMITER //\n{kill}//\n"));
    match hand.try_rows(&["id"], &[&[Some("1")]]) {
        Err(Failure::Lost(error)) => assert!(!error.to_string().contains(PASSWORD), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(database.query("SELECT x FROM t"), "1");
}

/// A user who may do this much, and is gone with the value.
struct Role<'a> {
    database: &'a Database,
    name: String,
    url: String,
}

impl<'a> Role<'a> {
    fn new(database: &'a Database, rights: &str) -> Self {
        let name = format!("{}_user", database.name());
        database.sql(&format!(
            "CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT {rights} ON {}.* TO '{name}'@'%'",
            database.name()
        ));
        let url = database.url().replacen("tieout_test:", &format!("{name}:"), 1);
        Self { database, name, url }
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.database.sql(&format!("DROP USER '{}'@'%'", self.name));
    }
}

fn denied(hand: Result<Hand<'_>, tieout::Error>) -> tieout::Error {
    let error = hand.err().expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    error
}

#[test]
fn a_right_that_is_missing_is_told_before_anything_is_changed() {
    let database = database("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1)");
    for rights in ["SELECT", "SELECT, INSERT, UPDATE", "SELECT, DELETE, UPDATE"] {
        let user = Role::new(&database, rights);
        let target = Target::at(&user.url, "t", &[]).unwrap();
        let told = denied(target.try_writer());
        assert!(told.message().contains("must not be changed by this user"), "{told}");
    }
    let user = Role::new(&database, "SELECT, INSERT, UPDATE, DELETE");
    let target = Target::at(&user.url, "t", &[]).unwrap();
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    assert_eq!(hand.update(&["x"], &one, &with(&target, &one, &[("x", Some("5"))])).unwrap(), 1);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT x FROM t"), "5");
}

#[test]
fn a_server_that_only_lets_read_is_told_before_anything_is_changed() {
    let server = MariaDb::own_with(&["--read-only"]);
    let database = server.database();
    database.sql("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1)");
    let user = Role::new(&database, "SELECT, INSERT, UPDATE, DELETE");
    let target = Target::at(&user.url, "t", &[]).unwrap();
    assert!(denied(target.try_writer()).message().ends_with("only lets read: nothing can be repaired there"));
}

#[test]
fn columns_that_have_to_be_given_are_no_missing_right() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b int AS (a + 1), c int AS (a + 2) STORED); INSERT INTO t (id, a) VALUES (1, 1)",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    assert_eq!(hand.insert(&["id", "a"], &with(&target, &one, &[("id", Some("2"))])).unwrap(), 1);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT SUM(a + b + c) FROM t"), "12");
}
