//! What the catalog tells of a table, and tables that are no target.

use rstest::rstest;
use tieout::dataset::Parent;

use super::{Target, database, target};

#[test]
fn what_is_known_of_a_table() {
    let database = database(
        "CREATE TABLE t (
           id int AUTO_INCREMENT, a varchar(9) CHARACTER SET cp932 NOT NULL, b decimal(12,2), boss int, twice int AS (b * 2) STORED, thrice int AS (b * 3),
           at timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, z int NOT NULL DEFAULT 5, long_one text,
           PRIMARY KEY (id), UNIQUE by_two (b, a), UNIQUE prefix (a(3)), UNIQUE hashed (long_one), UNIQUE by_z (z), KEY plain (z),
           FOREIGN KEY (boss) REFERENCES t (id));
         CREATE TABLE child (t int, CONSTRAINT goes FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE);
         CREATE TABLE other (t int, CONSTRAINT follows FOREIGN KEY (t) REFERENCES t (z) ON UPDATE CASCADE ON DELETE SET NULL);
         CREATE TABLE still (t int, CONSTRAINT stays FOREIGN KEY (t) REFERENCES t (id) ON DELETE RESTRICT);
         CREATE TRIGGER first BEFORE INSERT ON t FOR EACH ROW SET NEW.b = NEW.b;
         CREATE TRIGGER second AFTER DELETE ON t FOR EACH ROW SET @gone = 1",
    );
    let writable = target(&database, "t").writable;
    assert_eq!(writable.connector, "mysql");
    assert_eq!(writable.table, format!("`{}`.`t`", database.name()));
    let native: Vec<&str> = writable.columns.iter().map(|column| column.native.as_str()).collect();
    let expected = [
        "int(11)",
        "varchar(9) character set cp932",
        "decimal(12,2)",
        "int(11)",
        "int(11)",
        "int(11)",
        "timestamp",
        "int(11)",
        "text",
    ];
    assert_eq!(native, expected);
    let which = |is: &dyn Fn(&tieout::dataset::WritableColumn) -> bool| -> Vec<&str> {
        writable.columns.iter().filter(|column| is(column)).map(|column| column.name.as_str()).collect()
    };
    assert_eq!(which(&|column| column.never_null), ["id", "a", "z"]);
    assert_eq!(which(&|column| column.generated.is_some()), ["twice", "thrice"]);
    assert_eq!(which(&|column| column.has_default), ["id", "at", "z"]);
    let uniques: Vec<(&str, &[usize], bool, bool)> = writable
        .uniques
        .iter()
        .map(|unique| (unique.name.as_str(), &unique.columns[..], unique.primary, unique.never_null))
        .collect();
    assert_eq!(
        uniques,
        [("PRIMARY", &[0][..], true, true), ("by_two", &[2, 1], false, false), ("by_z", &[7], false, true)]
    );
    assert_eq!(writable.parents, [Parent { columns: vec![3], to: vec![0] }]);
    let dependents: Vec<(&str, &str, &[usize], bool, bool)> = writable
        .dependents
        .iter()
        .map(|one| (one.table.as_str(), one.constraint.as_str(), &one.columns[..], one.on_delete, one.on_update))
        .collect();
    assert_eq!(dependents, [("child", "goes", &[0][..], true, false), ("other", "follows", &[7], true, true)]);
    assert_eq!(writable.triggers, ["first", "second"]);
}

#[rstest]
#[case("CREATE VIEW t AS SELECT 1 AS id", "t is a view: its rows cannot be repaired")]
#[case("CREATE TABLE t (id int PRIMARY KEY) ENGINE=MyISAM", "t is kept by MyISAM, which cannot undo a change")]
#[case("CREATE TABLE t (id int PRIMARY KEY) ENGINE=Aria", "t is kept by Aria, which cannot undo a change")]
#[case(
    "CREATE TABLE t (id int PRIMARY KEY) WITH SYSTEM VERSIONING",
    "t keeps its own history, which a revert could not put back"
)]
fn tables_that_are_no_target(#[case] script: &str, #[case] why: &str) {
    let database = database(script);
    let error = Target::at(&database.url(), "t", &[]).err().expect("it is refused");
    assert_eq!(error.message(), why);
}

#[test]
fn partitions_are_one_table() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, x int) PARTITION BY HASH (id) PARTITIONS 3; INSERT INTO t VALUES (1, 1), (2, 2)",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let two = hand.row("2");
    assert_eq!(hand.delete(&two).unwrap(), 1);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT id FROM t"), "1");
}
