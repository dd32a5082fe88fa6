//! What goes wrong is told as what it is: rows that are refused, rows that others are at, a connection that is gone, a target that
//! cannot be written at all.

use std::time::{Duration, Instant};

use tieout::ErrorKind;
use tieout::dataset::{Change, Failure, Image};

use super::{Hand, Target, database, with};
use crate::support::postgres::{Database, PASSWORD, Postgres};
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
         CREATE TABLE t (id int PRIMARY KEY, positive int CONSTRAINT above CHECK (positive > 0), once int UNIQUE, never int NOT NULL DEFAULT 1,
            other int REFERENCES other, small smallint, words varchar(3), mood text, long text);
         CREATE TABLE child (t int CONSTRAINT of_t REFERENCES t);
         CREATE INDEX on t (long);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.mood = 'raise' THEN RAISE EXCEPTION 'no such mood'; END IF;
            IF NEW.mood = 'own' THEN RAISE EXCEPTION 'a code of our own' USING ERRCODE = 'MY001'; END IF;
            IF NEW.mood = 'right' THEN RAISE EXCEPTION 'not yours' USING ERRCODE = 'insufficient_privilege'; END IF;
            IF NEW.mood = 'wrong' THEN PERFORM nothing FROM nowhere; END IF;
            IF NEW.mood = 'many' THEN PERFORM (SELECT n FROM generate_series(1, 2) n); END IF;
            IF NEW.mood = 'assert' THEN ASSERT false, 'it is not so'; END IF;
            RETURN NEW; END $$;
         CREATE TRIGGER f BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
         INSERT INTO t (id, positive, once) VALUES (1, 1, 1), (2, 2, 2); INSERT INTO child VALUES (2)",
    );
    let target = Target::new(&database, "t");
    let mut hand = target.writer();
    // Random, for what repeats is stored in little room.
    let long: String = (0..4_000u32).map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7919) % 20_000).unwrap()).collect();
    let cases: &[(&str, Option<&str>, &str)] = &[
        ("positive", Some("-1"), "violates check constraint \"above\" (above)"),
        ("once", Some("2"), "duplicate key value violates unique constraint \"t_once_key\""),
        ("never", None, "null value in column \"never\""),
        ("other", Some("5"), "violates foreign key constraint \"t_other_fkey\""),
        ("small", Some("70000"), "out of range for type smallint"),
        ("small", Some("x"), "invalid input syntax for type smallint"),
        ("words", Some("abcd"), "value too long for type character varying(3)"),
        ("mood", Some("raise"), "no such mood"),
        ("mood", Some("own"), "a code of our own"),
        ("mood", Some("right"), "not yours"),
        ("mood", Some("wrong"), "relation \"nowhere\" does not exist"),
        ("mood", Some("many"), "more than one row returned by a subquery"),
        ("mood", Some("assert"), "it is not so"),
        ("long", Some(&long), "index row"),
    ];
    for (name, value, words) in cases {
        hand.begin();
        let one = hand.row("1");
        refused(hand.update(&[name], &one, &with(&target, &one, &[(name, *value)])), words);
        hand.rollback();
    }
    hand.begin();
    let two = hand.row("2");
    refused(hand.delete(&two), "violates foreign key constraint \"of_t\" on table \"child\" (of_t)");
    hand.rollback();
    // The connection is as good as before.
    hand.begin();
    let one = hand.row("1");
    assert_eq!(hand.update(&["once"], &one, &with(&target, &one, &[("once", Some("9"))])).unwrap(), 1);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT count(*), sum(once) FROM t"), "2|11");
}

#[test]
fn rows_that_a_policy_hides_or_forbids_are_refused() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1), (2, 100);
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (x < 50);",
    );
    let user = Role::new(&database, "GRANT SELECT, INSERT, UPDATE, DELETE ON t TO");
    let target = Target::at(&user.url, "t", &[]).unwrap();
    let mut hand = target.writer();
    hand.begin();
    assert_eq!(hand.rows(&["id"], &[&[Some("1")], &[Some("2")]]).len(), 1);
    let one = hand.row("1");
    let hidden: Image = vec![Some("2".into()), Some("100".into())];
    assert_eq!(hand.delete(&hidden).unwrap(), 0);
    refused(hand.update(&["x"], &one, &with(&target, &one, &[("x", Some("60"))])), "row-level security policy");
    hand.rollback();
}

/// Somebody else's connection, which runs one statement after the other.
struct Other<'a> {
    target: &'a Target,
    client: tokio_postgres::Client,
}

impl<'a> Other<'a> {
    fn new(target: &'a Target, database: &Database) -> Self {
        let url = database.url();
        let client = target.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { target, client }
    }

    #[track_caller]
    fn sql(&self, sql: &str) {
        self.target.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }
}

const TWO: &str = "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1), (2, 2)";

#[test]
fn rows_that_others_are_at_are_busy() {
    let database = database(TWO);
    let target = Target::new(&database, "t");
    let (mut hand, other) = (target.writer(), Other::new(&target, &database));
    other.sql("BEGIN; SELECT FROM t WHERE id = 1 FOR UPDATE");
    hand.begin();
    let start = Instant::now();
    busy(hand.try_rows(&["id"], &[&[Some("1")]]), "locked");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
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
    let target = Target::new(&database, "t");
    let (mut hand, other) = (target.writer(), Other::new(&target, &database));
    hand.begin();
    let one = hand.row("1");
    hand.rollback();
    hand.begin();
    other.sql("BEGIN; UPDATE t SET x = 10 WHERE id = 1");
    let after = with(&target, &one, &[("x", Some("5"))]);
    let changes = tieout::dataset::Changes {
        change: Change::Update,
        address: &[0],
        set: &[1],
        rows: vec![(Some(&one), Some(&after))],
    };
    let changed = target.runtime.block_on(async {
        let later = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            other.client.batch_execute("COMMIT").await.unwrap();
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
    let target = Target::new(&database, "t");
    let (mut mine, mut other) = (target.writer(), target.writer());
    other.begin();
    busy(target.runtime.block_on(mine.writer.begin()), "locked");
    mine.rollback();
    other.rollback();
    mine.begin();
    mine.rollback();
}

#[test]
fn a_deadlock_is_busy_and_may_be_tried_again() {
    let database = database(TWO);
    database.sql(&format!("ALTER DATABASE {} SET deadlock_timeout = '50ms'", database.name()));
    let target = Target::new(&database, "t");
    let (mut hand, other) = (target.writer(), Other::new(&target, &database));
    // Who looks first gives way.
    other.sql("SET deadlock_timeout = '60s'; BEGIN; SELECT FROM t WHERE id = 2 FOR UPDATE");
    hand.begin();
    hand.row("1");
    let at = [vec![Some("2".to_string())]];
    let answer = target.runtime.block_on(async {
        let (rows, others) = tokio::join!(
            hand.writer.rows(&[0], &at),
            other.client.batch_execute("SELECT FROM t WHERE id = 1 FOR UPDATE")
        );
        others.unwrap();
        rows
    });
    busy(answer, "deadlock detected");
    hand.rollback();
    other.sql("ROLLBACK");
    hand.begin();
    hand.row("2");
    hand.rollback();
}

#[test]
fn a_statement_that_takes_too_long_is_busy() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
         CREATE TRIGGER f BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
    );
    let target = Target::new(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    let cancel = database.url();
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        let sql = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        crate::support::tieout::Finished::of(crate::support::postgres::psql(&cancel), Some(sql)).exits(0);
    });
    busy(hand.update(&["x"], &one, &with(&target, &one, &[("x", Some("5"))])), "cancel");
    canceller.join().unwrap();
    hand.rollback();
}

#[test]
fn a_connection_that_is_cut_is_lost_and_what_was_not_committed_is_undone() {
    let database = database("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1)");
    let proxy = Proxy::to(Postgres::shared().port());
    let target = Target::at(&database.url_at(proxy.port()), "t", &[]).unwrap();
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    assert_eq!(hand.update(&["x"], &one, &with(&target, &one, &[("x", Some("5"))])).unwrap(), 1);
    proxy.cut();
    assert!(matches!(hand.commit(), Err(Failure::Lost(_))));
    // And by the server's own word.
    let direct = Target::new(&database, "t");
    let mut hand = direct.writer();
    hand.begin();
    assert_eq!(hand.row("1"), one);
    database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
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
    /// `grant`: statements that end where the user's name is to stand.
    fn new(database: &'a Database, grant: &str) -> Self {
        let name = format!("{}_user", database.name());
        database.sql(&format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'"));
        let role = Self { database, url: database.url().replacen("tieout_test:", &format!("{name}:"), 1), name };
        grant.split(';').for_each(|grant| role.database.sql(&format!("{grant} {}", role.name)));
        role
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.database.sql(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name));
    }
}

#[track_caller]
fn error<T: std::fmt::Debug>(answer: Result<T, Failure>) -> tieout::Error {
    match answer {
        Err(Failure::Error(error)) => error,
        other => panic!("{other:?}"),
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
    let reads = Role::new(&database, "GRANT SELECT ON t TO");
    let target = Target::at(&reads.url, "t", &[]).unwrap();
    let told = denied(target.try_writer());
    assert_eq!(told.message(), "t must not be changed by this user");
    drop(reads);
    // Taken away in the middle.
    let writes = Role::new(&database, "GRANT SELECT, INSERT, UPDATE, DELETE ON t TO");
    let target = Target::at(&writes.url, "t", &[]).unwrap();
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    assert_eq!(hand.update(&["x"], &one, &with(&target, &one, &[("x", Some("5"))])).unwrap(), 1);
    hand.rollback();
    database.sql(&format!("REVOKE INSERT ON t FROM {}", writes.name));
    hand.begin();
    let told = error(hand.insert(&["id", "x"], &with(&target, &one, &[("id", Some("2"))])));
    assert_eq!(told.kind(), ErrorKind::Permission);
    assert!(told.to_string().contains("permission denied for table t"), "{told}");
    hand.rollback();
}

#[test]
fn a_server_that_only_lets_read_is_told_before_anything_is_changed() {
    let database = database("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 1)");
    database.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    let target = Target::new(&database, "t");
    assert!(denied(target.try_writer()).message().ends_with("only lets read: nothing can be repaired there"));
}
