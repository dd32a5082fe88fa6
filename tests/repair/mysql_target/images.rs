//! For each type: from an image the very same bytes are stored again, and a row that is no longer its image is left alone.

use rstest::rstest;
use tieout::dataset::{Change, Failure, Image};

use super::{Target, database, target, with};

/// Dates of no calendar, members of no enumeration.
const LAX: &str = "SET sql_mode = 'ALLOW_INVALID_DATES,NO_BACKSLASH_ESCAPES', time_zone = '+00:00'";

#[rstest]
#[case("tinyint", "-128", "-127")]
#[case("tinyint(1)", "1", "0")]
#[case("smallint unsigned", "65535", "65534")]
#[case("mediumint", "-8388608", "-8388607")]
#[case("int(6) zerofill", "42", "43")]
#[case("bigint", "-9223372036854775808", "-9223372036854775807")]
#[case("bigint unsigned", "18446744073709551615", "18446744073709551614")]
#[case("bit(1)", "b'1'", "b'0'")]
#[case("bit(64)", "18446744073709551615", "18446744073709551614")]
#[case("year", "0", "2000")]
#[case("year", "2155", "2154")]
#[case("decimal(12,2)", "-0.01", "0")]
#[case(
    "decimal(65,30)",
    "99999999999999999999999999999999999.999999999999999999999999999999",
    "99999999999999999999999999999999999.999999999999999999999999999998"
)]
#[case("decimal(12,2) zerofill", "1.5", "1.51")]
#[case("float", "0.1", "0.10000001")]
#[case("float", "16777215", "16777214")]
#[case("float", "3.4028234663852886e38", "1.4e-45")]
#[case("float(7,2)", "1.25", "1.26")]
#[case("double", "0.1e0 + 0.2e0", "0.3e0")]
#[case("double", "-1.7976931348623157e308", "-1.7976931348623155e308")]
#[case("double", "5e-324", "0")]
#[case("double(20,2)", "0.07", "0.08")]
#[case("date", "'0000-00-00'", "'2024-00-00'")]
#[case("date", "'2024-02-31'", "'2024-02-29'")]
#[case("datetime", "'2024-02-29 23:59:59'", "'2024-02-29 23:59:58'")]
#[case("datetime(6)", "'9999-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999998'")]
#[case("datetime(3)", "'1000-01-01 00:00:00.5'", "'1000-01-01 00:00:00.501'")]
#[case("timestamp(6)", "'2024-03-31 02:30:00.000001'", "'2024-03-31 02:30:00.000002'")]
#[case("timestamp", "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'")]
#[case("time(2)", "'-838:59:59.5'", "'838:59:59.5'")]
#[case("time", "'00:00:00'", "'-00:00:01'")]
#[case("char(8)", "'ab'", "'AB'")]
#[case("char(8)", "'é'", "'e'")]
#[case("varchar(20)", "'a '", "'a'")]
#[case("varchar(20)", "'a'", "'A'")]
#[case("varchar(20)", "'ß'", "'ss'")]
#[case("varchar(20)", "CONVERT(x'610062' USING utf8mb4)", "'ab'")]
#[case("varchar(20)", "'it''s \\ \"x\" ?:y'", "'it''s'")]
#[case("varchar(20)", "'two\nlines\r\t'", "'two lines'")]
#[case("varchar(20)", "'😀'", "'😁'")]
#[case("varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin", "'né'", "'ne'")]
#[case("varchar(20) CHARACTER SET latin1", "'é€'", "'e€'")]
#[case("varchar(20) CHARACTER SET ascii", "'a'", "'A'")]
#[case("varchar(20) CHARACTER SET utf16", "'ß😀'", "'ss😀'")]
#[case("varchar(20) CHARACTER SET ucs2", "'日本'", "'日本 '")]
#[case("varchar(20) CHARACTER SET cp932", "_cp932 x'ED40'", "_cp932 x'FA5C'")]
#[case("varchar(20) CHARACTER SET sjis", "_sjis x'835C'", "'a'")]
#[case("varchar(20) CHARACTER SET cp1250", "'ł\\'", "'l'")]
#[case("text CHARACTER SET gbk", "'中'", "'A'")]
#[case("mediumtext", "REPEAT('ab\\''é', 30000)", "REPEAT('ab\\''e', 30000)")]
#[case("enum('', 'a''b', 'B')", "'a''b'", "'B'")]
#[case("enum('x', 'y') CHARACTER SET cp932", "'x'", "'y'")]
#[case("set('x', 'y', 'z')", "'x,z'", "''")]
#[case("binary(4)", "x'0001'", "x'00010001'")]
#[case("varbinary(9)", "x''", "x'00'")]
#[case("varbinary(9)", "'a'", "'A'")]
#[case("blob", "x'ff00fe'", "x'ff00ff'")]
#[case("longblob", "REPEAT(x'00ff27', 40000)", "x''")]
#[case("json", "'{\"a\": 1.50}'", "'{\"a\": 1.5}'")]
#[case("point", "ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('POINT(1 2)', 0)")]
#[case("geometry", "ST_GeomFromText('LINESTRING(0 0, 1 1)')", "ST_GeomFromText('POINT(1 2)')")]
#[case("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "'00112233-4455-6677-8899-aabbccddeefe'")]
#[case("inet6", "'::1'", "'::2'")]
#[case("inet4", "'10.0.0.1'", "'10.0.0.2'")]
fn a_value_is_stored_again_from_its_image(#[case] kind: &str, #[case] value: &str, #[case] other: &str) {
    let table = format!("(id int PRIMARY KEY, x {kind} NULL)");
    let database = database(&format!(
        "{LAX}; CREATE TABLE t {table}; CREATE TABLE expected {table};
         INSERT INTO t VALUES (1, {value}), (2, {other}), (4, NULL);
         INSERT INTO expected VALUES (1, {value}), (2, {value}), (3, {value}), (4, {value}), (5, NULL)"
    ));
    // Geometry is described as text, or not at all.
    let text: &[&str] = if matches!(kind, "point" | "geometry") { &["x"] } else { &[] };
    let target = Target::at(&database.url(), "t", text).unwrap();
    let mut hand = target.writer();
    hand.begin();
    let (one, two, four) = (hand.row("1"), hand.row("2"), hand.row("4"));
    assert_ne!(one[1], two[1]);
    assert_eq!(four[1], None);
    // What is read for a plan is what a writer compares with.
    assert_eq!(target.images_read(), [one.clone(), two.clone(), four.clone()]);
    let like_one = |image: &Image| with(&target, image, &[("x", one[1].as_deref())]);
    assert_eq!(hand.update(&["x"], &two, &like_one(&two)).unwrap(), 1);
    assert_eq!(hand.update(&["x"], &four, &like_one(&four)).unwrap(), 1);
    assert_eq!(hand.insert(&["id", "x"], &with(&target, &one, &[("id", Some("3"))])).unwrap(), 1);
    assert_eq!(hand.insert(&["id", "x"], &with(&target, &four, &[("id", Some("5"))])).unwrap(), 1);
    assert_eq!(hand.row("2"), like_one(&two));
    hand.commit().unwrap();
    let sums = database.query("CHECKSUM TABLE t, expected EXTENDED");
    let sums: Vec<&str> = sums.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(sums[0], sums[1], "{kind} {value}: {}", database.query("SELECT id, HEX(x) FROM t"));

    // Rows that moved on, to the nearest other value and to NULL, are left alone; so is one that only was NULL.
    let stale = |hand: &mut super::Hand<'_>, image: &Image| {
        assert_eq!(hand.update(&["x"], image, &with(&target, image, &[("x", None)])).unwrap(), 0, "{kind}: {image:?}");
        assert_eq!(hand.delete(image).unwrap(), 0, "{kind}: {image:?}");
    };
    database.sql(&format!("{LAX}; UPDATE t SET x = {other} WHERE id = 1; UPDATE t SET x = NULL WHERE id = 3"));
    hand.begin();
    stale(&mut hand, &one);
    stale(&mut hand, &with(&target, &one, &[("id", Some("3"))]));
    stale(&mut hand, &four);
    assert_eq!(hand.delete(&like_one(&two)).unwrap(), 1);
    hand.commit().unwrap();
    assert_eq!(database.query("SELECT GROUP_CONCAT(id ORDER BY id) FROM t"), "1,3,4,5");
}

#[test]
fn floats_of_all_sizes_come_back_to_the_bit() {
    let database = database(
        "CREATE TABLE t (id int PRIMARY KEY, d double, f float); CREATE TABLE expected LIKE t;
         INSERT INTO t SELECT seq, (RAND(seq) - 0.5) * POW(10, FLOOR(RAND(seq + 9) * 600) - 300), (RAND(seq) - 0.5) * POW(10, FLOOR(RAND(seq + 5) * 70) - 35)
           FROM seq_1_to_3000;
         INSERT INTO expected SELECT * FROM t",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let ids: Vec<String> = (1..=3000).map(|id| id.to_string()).collect();
    let at: Vec<[Option<&str>; 1]> = ids.iter().map(|id| [Some(id.as_str())]).collect();
    let at: Vec<&[Option<&str>]> = at.iter().map(|at| &at[..]).collect();
    let rows = hand.rows(&["id"], &at);
    assert_eq!(rows.len(), 3000);
    let none: Vec<Image> = rows.iter().map(|row| with(&target, row, &[("d", None), ("f", None)])).collect();
    let away: Vec<_> = rows.iter().zip(&none).map(|(row, none)| (Some(row), Some(none))).collect();
    let back: Vec<_> = rows.iter().zip(&none).map(|(row, none)| (Some(none), Some(row))).collect();
    for rows in [away, back] {
        assert_eq!(hand.change(Change::Update, &["id"], &["d", "f"], &rows).unwrap(), 3000);
    }
    hand.commit().unwrap();
    let sums = database.query("CHECKSUM TABLE t, expected EXTENDED");
    let sums: Vec<&str> = sums.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn a_member_of_no_enumeration_is_told_from_the_empty_one_and_is_not_written() {
    let database = database(
        "SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, x enum('', 'a'));
         INSERT INTO t VALUES (1, 'no member'), (2, ''), (3, 'a')",
    );
    let target = target(&database, "t");
    let mut hand = target.writer();
    hand.begin();
    let (one, two, three) = (hand.row("1"), hand.row("2"), hand.row("3"));
    assert_ne!(one[1], two[1]);
    assert_eq!(hand.delete(&with(&target, &one, &[("x", two[1].as_deref())])).unwrap(), 0);
    // The server would take the empty one in its place, which is seen when it is read back.
    let wanted = with(&target, &three, &[("x", one[1].as_deref())]);
    match hand.update(&["x"], &three, &wanted) {
        Ok(1) => assert!(!target.writable.same(1, wanted[1].as_deref(), hand.row("3")[1].as_deref())),
        Err(Failure::Refused(_)) => {}
        other => panic!("{other:?}"),
    }
    hand.rollback();
}
