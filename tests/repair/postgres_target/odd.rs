//! Rows that are hard to find or to tell apart: NULL in an address, texts that a collation holds to be one, odd names and values,
//! keys that rows exchange, what only the database may give.

use tieout::dataset::{Change, Failure, Image};

use super::{Target, database, with};

#[test]
fn a_null_in_an_address_is_found_by_null() {
    let database = database(
        "CREATE TABLE t (a int, b text, x int, UNIQUE (a, b));
         INSERT INTO t VALUES (1, 'x', 1), (1, NULL, 2), (NULL, 'x', 3), (NULL, NULL, 4), (2, NULL, 5), (1, '', 6)",
    );
    let target = Target::new(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let at: [&[Option<&str>]; 5] =
        [&[Some("1"), Some("x")], &[Some("1"), None], &[None, Some("x")], &[None, None], &[Some("3"), None]];
    let rows = hand.rows(&["a", "b"], &at);
    let x = |rows: &[Image]| {
        let mut x: Vec<String> = rows.iter().map(|row| row[2].clone().unwrap()).collect();
        x.sort();
        x.join(" ")
    };
    assert_eq!(x(&rows), "1 2 3 4");
    // All of them by one call, each where it is what it was.
    let after: Vec<Image> = rows.iter().map(|row| with(&target, row, &[("x", Some("0"))])).collect();
    let changes: Vec<_> = rows.iter().zip(&after).map(|(before, after)| (Some(before), Some(after))).collect();
    assert_eq!(hand.change(Change::Update, &["a", "b"], &["x"], &changes).unwrap(), 4);
    assert_eq!(hand.change(Change::Update, &["a", "b"], &["x"], &changes).unwrap(), 0);
    let deletes: Vec<_> = after.iter().map(|row| (Some(row), None)).collect();
    assert_eq!(hand.change(Change::Delete, &["a", "b"], &[], &deletes).unwrap(), 4);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT a, b, x FROM t ORDER BY x"), "2||5\n1||6");
}

#[test]
fn texts_that_a_collation_holds_to_be_one_are_two_images() {
    let database = database(
        "CREATE EXTENSION citext;
         CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE t (id int PRIMARY KEY, a text COLLATE anycase, c citext, n numeric, f float8, k text COLLATE anycase UNIQUE);
         INSERT INTO t VALUES (1, 'a', 'a', 1.5, 0, 'key')",
    );
    let target = Target::new(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let row = hand.row("1");
    let moved = [("a", "A"), ("c", "A"), ("n", "1.50"), ("f", "-0"), ("k", "KEY")];
    for (name, other) in moved {
        let moved = with(&target, &row, &[(name, Some(other))]);
        assert_eq!(hand.update(&[name], &moved, &row).unwrap(), 0, "{name}");
        assert_eq!(hand.delete(&moved).unwrap(), 0, "{name}");
        assert_eq!(hand.update(&[name], &row, &moved).unwrap(), 1, "{name}");
        assert_eq!(hand.row("1"), moved, "{name}");
        assert_eq!(hand.update(&[name], &moved, &row).unwrap(), 1, "{name}");
    }
    // A key that the index holds to be the same is the same row; its image tells how it is written.
    assert_eq!(hand.rows(&["k"], &[&[Some("KEY")]]), [row]);
    hand.rollback();
}

#[test]
fn names_and_values_are_never_read_as_sql() {
    let long = "é€😀'".repeat(25_000);
    let database = database(
        r#"CREATE SCHEMA "my ""schema"; SET search_path = "my ""schema";
           CREATE TABLE "ta'b ""le; --" ("id" int PRIMARY KEY, "co'l; """ text, "select" text, "{{ x }}" text, "$1" text, "ünï" int);
           INSERT INTO "ta'b ""le; --" VALUES (1, 'x')"#,
    );
    let table = "%22my%20%22%22schema%22.%22ta'b%20%22%22le%3B%20--%22";
    let target = Target::at(&database.url(), table, &[]).unwrap();
    let mut hand = target.writer();
    hand.begin();
    let before = hand.row("1");
    let values = [
        "'; DROP TABLE x; --",
        "\\' \\\\ \\n",
        "a\nb\r\n\tc\u{1}",
        "$1 {{ x }} {% y %} $$",
        "%s ? :x @y",
        &long,
        "",
        " ",
    ];
    let names = ["co'l; \"", "select", "{{ x }}", "$1"];
    let mut last = before;
    for value in values {
        let after = with(&target, &last, &names.map(|name| (name, Some(value))));
        assert_eq!(hand.update(&names, &last, &after).unwrap(), 1);
        assert_eq!(hand.row("1"), after);
        last = after;
    }
    let other = with(&target, &last, &[("id", Some("2")), ("ünï", Some("7"))]);
    assert_eq!(hand.insert(&["id", "co'l; \"", "select", "{{ x }}", "$1", "ünï"], &other).unwrap(), 1);
    assert_eq!(hand.row("2"), other);
    assert_eq!(hand.delete(&other).unwrap(), 1);
    hand.commit().unwrap();
}

#[test]
fn addresses_of_every_type_that_can_be_a_key_find_their_row() {
    let cases = [
        ("smallint", "-1", "2"),
        ("bigint", "9223372036854775807", "1"),
        ("numeric", "1.50", "2"),
        ("numeric(12,2)", "-0.01", "0.01"),
        ("real", "'NaN'", "0.1"),
        ("double precision", "0.1", "'-Infinity'"),
        ("money", "-1.05", "1.05"),
        ("date", "'0044-03-15 BC'", "'infinity'"),
        ("time", "'24:00:00'", "'00:00:00'"),
        ("timetz", "'12:00:00+01'", "'12:00:00+02'"),
        ("timestamp(3)", "'2026-01-01 00:00:00.001'", "'infinity'"),
        ("timestamptz", "'2026-01-01 00:00:00.000001+05'", "'-infinity'"),
        ("interval", "'1 month -1 second'", "'1 day'"),
        ("boolean", "true", "false"),
        ("char(5)", "'ab'", "' ab'"),
        ("varchar(5)", "'ab '", "'ab'"),
        ("text", "''", "'é'"),
        ("name", "'a'", "'A'"),
        ("\"char\"", "'a'", "'b'"),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"),
        ("bytea", "'\\x00ff'", "''"),
        ("jsonb", "'{\"a\": 1.0}'", "'[]'"),
        ("mood", "'sad'", "'ok'"),
        ("dearer", "1.5", "2.5"),
        ("bit(3)", "B'101'", "B'100'"),
        ("varbit", "B'0'", "B''"),
        ("inet", "'1.2.3.4/24'", "'1.2.3.4/25'"),
        ("cidr", "'10.0.0.0/8'", "'::/0'"),
        ("macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"),
        ("oid", "4294967295", "0"),
        ("int[]", "'{1,NULL}'", "'{}'"),
        ("char(3)[]", "'{a}'", "'{b}'"),
        ("pair", "(1, 'x')", "(1, NULL)"),
        ("int4range", "'[1,5)'", "'empty'"),
    ];
    for (typ, value, other) in cases {
        let database = database(&format!(
            "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN dear AS numeric(10,2);
             CREATE DOMAIN dearer AS dear; CREATE TABLE t (id {typ} PRIMARY KEY, x int);
             INSERT INTO t VALUES ({value}, 1), ({other}, 2)"
        ));
        let target = Target::at(&database.url(), "t", &["id"]).unwrap();
        let mut hand = target.writer();
        hand.begin();
        for image in target.images_read() {
            let at: &[Option<&str>] = &[image[0].as_deref()];
            let found = hand.try_rows(&["id"], &[at]).unwrap_or_else(|error| panic!("{typ}: {error:?}"));
            assert_eq!(found, std::slice::from_ref(&image), "{typ}");
            let after = with(&target, &image, &[("x", Some("3"))]);
            assert_eq!(hand.update(&["x"], &image, &after).unwrap(), 1, "{typ}");
            assert_eq!(hand.delete(&after).unwrap(), 1, "{typ}");
            assert_eq!(hand.insert(&["id", "x"], &image).unwrap(), 1, "{typ}");
        }
        hand.rollback();
    }
}

#[test]
fn what_is_looked_at_when_a_transaction_ends_may_be_wrong_before() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, k int, x int, CONSTRAINT once UNIQUE (k) DEFERRABLE INITIALLY IMMEDIATE);
         INSERT INTO t VALUES (1, 1, 0), (2, 2, 0)",
    );
    let target = Target::new(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let (one, two) = (hand.row("1"), hand.row("2"));
    // Two statements, because they change other columns.
    for _ in 0..2 {
        let (one_as_two, two_as_one) =
            (with(&target, &one, &[("k", Some("2"))]), with(&target, &two, &[("k", Some("1")), ("x", Some("7"))]));
        assert_eq!(hand.update(&["k"], &one, &one_as_two).unwrap(), 1);
        assert_eq!(hand.update(&["k", "x"], &two, &two_as_one).unwrap(), 1);
        hand.check().unwrap();
        // A rehearsal goes on in the same transaction.
        assert_eq!(hand.update(&["k"], &one_as_two, &one).unwrap(), 1);
        assert_eq!(hand.update(&["k", "x"], &two_as_one, &two).unwrap(), 1);
        hand.check().unwrap();
    }
    let wrong = with(&target, &one, &[("k", Some("2"))]);
    assert_eq!(hand.update(&["k"], &one, &wrong).unwrap(), 1);
    match hand.check() {
        Err(Failure::Refused(why)) => assert!(why.contains("once"), "{why}"),
        other => panic!("{other:?}"),
    }
    hand.rollback();
}

#[test]
fn what_only_the_database_gives_is_read_back() {
    let database = database(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED,
            serial int GENERATED BY DEFAULT AS IDENTITY, at text DEFAULT 'now');
         INSERT INTO t (n) VALUES (1)",
    );
    let target = Target::new(&database, "t");
    let column = |name: &str| &target.writable.columns[target.column(name)];
    assert!(column("id").fixed.is_some() && column("id").generated.is_none());
    assert!(column("twice").generated.is_some() && column("serial").fixed.is_none());
    assert!(column("at").has_default && column("serial").has_default && !column("n").has_default);
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    let given = with(&target, &one, &[("id", None), ("n", Some("21"))]);
    let set = target.columns(&["n"]);
    let made = target.runtime.block_on(hand.writer.insert_one(&set, &given)).unwrap();
    assert_eq!(made, ["2", "21", "42", "2", "now"].map(|cell| Some(cell.to_string())));
    // With a number of its own, for which the identity is overridden.
    let own = with(&target, &one, &[("id", Some("77"))]);
    assert_eq!(hand.insert(&["id", "n", "serial", "at"], &own).unwrap(), 1);
    assert_eq!(hand.row("77"), own);
    let nothing = target.runtime.block_on(hand.writer.insert_one(&[], &given)).unwrap();
    assert_eq!(nothing[1], None);
    hand.commit().unwrap();
}
