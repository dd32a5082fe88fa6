//! What the catalog says of a table that is to be changed, and of those that cannot be.

use tieout::dataset::{Dependent, Parent, Unique};

use super::{Target, database};

#[test]
fn uniques_references_and_triggers_are_told() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b text, c int, parent int REFERENCES t ON DELETE CASCADE,
            CONSTRAINT two_of_them UNIQUE (a, b) DEFERRABLE, n numeric(12,2), gone int);
         ALTER TABLE t DROP COLUMN gone;
         CREATE UNIQUE INDEX wider ON t (c) INCLUDE (b);
         CREATE UNIQUE INDEX partly ON t (c) WHERE c > 0; CREATE UNIQUE INDEX lowered ON t (lower(b)); CREATE INDEX plain ON t (b);
         CREATE TABLE child (id int, to_t int REFERENCES t ON UPDATE SET NULL, again int REFERENCES t);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER \"my trigger\" BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
         CREATE TRIGGER off BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t DISABLE TRIGGER off;
         CREATE RULE loud AS ON DELETE TO t DO ALSO NOTHING",
    );
    let writable = Target::new(&database, "t").writable;
    let names: Vec<&str> = writable.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "a", "b", "c", "parent", "n"]);
    assert_eq!(writable.columns[5].native, "numeric(12,2)");
    let unique = |name: &str, columns: &[usize], primary, never_null, deferrable| Unique {
        name: name.into(),
        columns: columns.to_vec(),
        primary,
        never_null,
        deferrable,
    };
    assert_eq!(
        writable.uniques,
        [
            unique("t_pkey", &[0], true, true, false),
            unique("two_of_them", &[1, 2], false, false, true),
            unique("wider", &[3], false, false, false)
        ]
    );
    assert_eq!(writable.parents, [Parent { columns: vec![4], to: vec![0] }]);
    let dependent = |table: &str, constraint: &str, on_delete, on_update| Dependent {
        table: table.into(),
        constraint: constraint.into(),
        columns: vec![0],
        on_delete,
        on_update,
    };
    assert_eq!(
        writable.dependents,
        [dependent("child", "child_to_t_fkey", false, true), dependent("t", "t_parent_fkey", true, false)]
    );
    assert_eq!(writable.triggers, ["loud", "my trigger"]);
}

#[test]
fn partitions_can_be_changed_and_what_is_no_table_of_its_own_cannot() {
    let database = database(
        "CREATE EXTENSION postgres_fdw;
         CREATE TABLE parted (id int PRIMARY KEY, x int) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10);
         CREATE TABLE high PARTITION OF parted FOR VALUES FROM (10) TO (20);
         INSERT INTO parted VALUES (1, 1), (11, 1);
         CREATE TABLE mother (id int PRIMARY KEY); CREATE TABLE daughter () INHERITS (mother);
         CREATE VIEW v AS SELECT 1 AS id; CREATE MATERIALIZED VIEW m AS SELECT 1 AS id;",
    );
    for (table, why) in [
        ("mother", "other tables inherit from mother"),
        ("v", "v is a view: its rows cannot be repaired"),
        ("m", "m is a view: its rows cannot be repaired"),
    ] {
        let error = Target::at(&database.url(), table, &[]).err().unwrap();
        assert_eq!(error.message(), why);
        assert!(error.to_string().contains(why));
    }
    for table in ["parted", "low", "daughter"] {
        assert_eq!(Target::new(&database, table).writable.columns[0].name, "id");
    }
    let target = Target::new(&database, "parted");
    assert_eq!(target.writable.uniques.len(), 1);
    let mut hand = target.writer();
    hand.begin();
    // From one partition to another.
    let one = hand.row("1");
    let far = super::with(&target, &one, &[("id", Some("12"))]);
    assert_eq!(hand.update(&["id"], &one, &far).unwrap(), 1);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT * FROM high ORDER BY id"), "11|1\n12|1");
}
