//! Rows are found by keys of any type, NULLs and odd names included, and by nothing that a collation takes for the same.

use rstest::rstest;
use tieout::dataset::{Change, Image};

use super::{Target, database, target, with};

#[rstest]
#[case("varchar(20)", &["'a'", "'b '", "'it''s'", "'é'"])]
#[case("varchar(20) COLLATE utf8mb4_bin", &["'a'", "'A'", "'é'"])]
#[case("varchar(20) COLLATE utf8mb4_nopad_bin", &["'a'", "'a '", "'a  '"])]
#[case("varchar(20) CHARACTER SET latin1", &["'a'", "'€'", "'ü'"])]
#[case("varchar(20) CHARACTER SET cp932", &["'a'", "_cp932 x'ED40'"])]
#[case("char(9)", &["'a'", "'b'"])]
#[case("decimal(12,3)", &["1.5", "-1.500", "0"])]
#[case("double", &["0.1", "1e300", "-1e-300"])]
#[case("float", &["0.1", "3e38"])]
#[case("year", &["0", "2000", "1999"])]
#[case("bit(9)", &["0", "300"])]
#[case("date", &["'0000-00-00'", "'2024-01-31'"])]
#[case("datetime(3)", &["'2024-01-01 00:00:00'", "'2024-01-01 00:00:00.001'"])]
#[case("timestamp", &["'2024-03-31 02:30:00'", "'2024-03-31 03:30:00'"])]
#[case("time(1)", &["'-01:00:00.5'", "'01:00:00'"])]
#[case("enum('x', 'y')", &["'x'", "'y'"])]
#[case("set('x', 'y')", &["''", "'x,y'"])]
#[case("varbinary(9)", &["x''", "x'00'", "'a'"])]
#[case("uuid", &["'00112233-4455-6677-8899-aabbccddeeff'", "'00000000-0000-0000-0000-000000000000'"])]
#[case("bigint unsigned", &["18446744073709551615", "0"])]
fn rows_by_keys_of_a_type(#[case] kind: &str, #[case] values: &[&str]) {
    let rows: Vec<String> =
        values.iter().enumerate().flat_map(|(n, x)| [format!("({x}, 1, {n})"), format!("({x}, NULL, {n})")]).collect();
    let database = database(&format!(
        "SET sql_mode = '', time_zone = '+00:00'; CREATE TABLE t (x {kind} NOT NULL, y int, n int, UNIQUE (x, y));
         INSERT INTO t VALUES {}",
        rows.join(", ")
    ));
    let target = target(&database, "t");
    let all = target.images_read();
    assert_eq!(all.len(), rows.len());
    let mut hand = target.writer();
    hand.begin();
    for image in &all {
        let found = hand.rows(&["x", "y"], &[&[image[0].as_deref(), image[1].as_deref()]]);
        assert_eq!(found, std::slice::from_ref(image), "{kind}");
    }
    let at: Vec<[Option<&str>; 2]> = all.iter().map(|image| [image[0].as_deref(), image[1].as_deref()]).collect();
    let at: Vec<&[Option<&str>]> = at.iter().map(|at| &at[..]).collect();
    assert_eq!(hand.rows(&["x", "y"], &at), all);
    let after: Vec<Image> = all.iter().map(|image| with(&target, image, &[("n", Some("77"))])).collect();
    let changes: Vec<_> = all.iter().zip(&after).map(|(before, after)| (Some(before), Some(after))).collect();
    assert_eq!(hand.change(Change::Update, &["x", "y"], &["n"], &changes).unwrap(), all.len() as u64);
    assert_eq!(hand.rows(&["x", "y"], &at), after);
    let gone: Vec<_> = after.iter().map(|before| (Some(before), None)).collect();
    assert_eq!(hand.change(Change::Delete, &["x", "y"], &[], &gone).unwrap(), all.len() as u64);
    let back: Vec<_> = all.iter().map(|after| (None, Some(after))).collect();
    assert_eq!(hand.change(Change::Insert, &["x", "y"], &["x", "y", "n"], &back).unwrap(), all.len() as u64);
    hand.commit().unwrap();
    assert_eq!(target.images_read(), all);
}

#[test]
fn what_only_a_collation_takes_for_the_same_is_not_found() {
    let database = database(
        "CREATE TABLE t (id varchar(9) PRIMARY KEY, n int); INSERT INTO t VALUES ('a', 1), ('b ', 2), ('e', 3), ('x', 4)",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let other = [Some("A")];
    for id in ["A", "b", "é", "a "] {
        assert!(hand.rows(&["id"], &[&[Some(id)]]).is_empty(), "{id:?}");
        let image: Image = vec![Some(id.into()), Some("1".into())];
        assert_eq!(hand.delete(&image).unwrap(), 0);
    }
    assert_eq!(hand.rows(&["id"], &[&[Some("b ")], &other]).len(), 1);
    assert_eq!(hand.rows(&["id"], &[&[Some("x")], &[Some("e")]]).len(), 2);
    hand.rollback();
}

#[test]
fn odd_names_and_values() {
    let database = database(
        "CREATE TABLE `we``ird ?\"'t` (`i``d` int PRIMARY KEY, `sel:ct ?` mediumtext, `ü;--` varchar(99), `'` int AS (`i``d` + 1));
         INSERT INTO `we``ird ?\"'t` (`i``d`, `sel:ct ?`) VALUES (1, 'x')",
    );
    let url = database.url();
    let target = Target::at(&url, "we%60ird%20%3F%22%27t", &[]).unwrap();
    let mut hand = target.writer();
    hand.begin();
    let one = hand.rows(&["i`d"], &[&[Some("1")]]).remove(0);
    let long = "ab'\"\\\n\0é;".repeat(12_000);
    for odd in ["'; DROP TABLE x; --", "\\'", "a\\", "\r\n\t\0\u{1a}", "?:name", "/* x */", "\u{202e}", &long] {
        let short: String = odd.chars().take(20).collect();
        let after = with(&target, &one, &[("sel:ct ?", Some(odd)), ("ü;--", Some(&short))]);
        let set = ["sel:ct ?", "ü;--"];
        assert_eq!(hand.change(Change::Update, &["i`d"], &set, &[(Some(&one), Some(&after))]).unwrap(), 1, "{odd:?}");
        let stored = hand.rows(&["i`d"], &[&[Some("1")]]).remove(0);
        assert_eq!(stored, after);
        assert_eq!(hand.change(Change::Update, &["i`d"], &set, &[(Some(&after), Some(&one))]).unwrap(), 1, "{odd:?}");
    }
    hand.commit().unwrap();
    let typed = target.runtime.block_on(hand.writer.typed(&[0], &[vec![Some("1".into())]])).unwrap();
    assert_eq!((typed.num_rows(), typed.num_columns()), (1, 4));
    assert_eq!(typed, target.read().project(&[0, 1, 2, 3]).unwrap());
}

#[test]
fn the_database_tells_what_it_counted_up() {
    let database = database(
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, x varchar(9) DEFAULT 'd');
         CREATE TABLE named (id uuid DEFAULT uuid() PRIMARY KEY, x int); INSERT INTO t VALUES (41, 'a')",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let wanted: Image = vec![None, Some("new".into())];
    let made = target.runtime.block_on(hand.writer.insert_one(&[1], &wanted)).unwrap();
    assert_eq!(made, vec![Some("42".to_string()), Some("new".into())]);
    let made = target.runtime.block_on(hand.writer.insert_one(&[], &vec![None, None])).unwrap();
    assert_eq!(made, vec![Some("43".to_string()), Some("d".into())]);
    // A zero is a zero.
    assert_eq!(hand.insert(&["id", "x"], &vec![Some("0".into()), None]).unwrap(), 1);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT GROUP_CONCAT(id ORDER BY id) FROM t"), "0,41,42,43");
    let target = self::target(&database, "named");
    let mut hand = target.writer();
    hand.begin();
    let answer = target.runtime.block_on(hand.writer.insert_one(&[1], &vec![None, Some("1".into())]));
    assert!(matches!(answer, Err(tieout::dataset::Failure::Refused(_))), "{answer:?}");
    hand.rollback();
    assert_eq!(database.query("SELECT COUNT(*) FROM named"), "0");
}

#[test]
fn the_time_of_a_change_stays_what_it_is_unless_it_is_planned() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, x int, touched timestamp NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP);
         INSERT INTO t (id, x) VALUES (1, 1)",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let one = hand.row("1");
    let after = with(&target, &one, &[("x", Some("2"))]);
    assert_eq!(hand.update(&["x"], &one, &after).unwrap(), 1);
    assert_eq!(hand.row("1"), after);
    let later = with(&target, &after, &[("touched", Some("2021-01-01 00:00:00"))]);
    assert_eq!(hand.update(&["touched"], &after, &later).unwrap(), 1);
    assert_eq!(hand.row("1"), later);
    // Found, though nothing of it changes.
    assert_eq!(hand.update(&["x"], &later, &later).unwrap(), 1);
    hand.rollback();
}
