//! For each type: a value that ties out with the same in Parquet, and the nearest other value, which does not.

use rstest::rstest;

use super::pair::{Pair, STRATEGIES};

/// A column `x` of the type: the value under id 1, and NULL under id 2.
fn table(kind: &str, value: &str) -> Pair {
    let script = format!(
        "SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, x {kind} NULL);
         INSERT INTO t VALUES (1, {value}), (2, NULL);"
    );
    Pair::new(&script)
}

#[rstest]
#[case("tinyint", "-128", "int8", "-128", "-127")]
#[case("tinyint(3) unsigned", "255", "uint8", "255", "254")]
#[case("boolean", "true", "bool", "true", "false")]
#[case("bit(1)", "b'1'", "bool", "true", "b'0'")]
#[case("bit(9)", "b'100000001'", "uint64", "257", "b'100000000'")]
#[case("bit(64)", "18446744073709551615", "uint64", "18446744073709551615", "18446744073709551614")]
#[case("smallint", "-32768", "int16", "-32768", "-32767")]
#[case("smallint unsigned", "65535", "uint16", "65535", "65534")]
#[case("mediumint", "-8388608", "int32", "-8388608", "-8388607")]
#[case("mediumint unsigned zerofill", "7", "uint32", "7", "8")]
#[case("int", "-2147483648", "int32", "-2147483648", "-2147483647")]
#[case("int unsigned", "4294967295", "uint32", "4294967295", "4294967294")]
#[case("bigint", "-9223372036854775808", "int64", "-9223372036854775808", "-9223372036854775807")]
#[case("bigint unsigned", "18446744073709551615", "uint64", "18446744073709551615", "18446744073709551614")]
#[case("year", "1901", "int16", "1901", "1902")]
#[case("decimal(12,2)", "-0.01", "decimal(12,2)", "-0.01", "0")]
#[case("decimal(10,0) unsigned", "9999999999", "decimal(10,0)", "9999999999", "9999999998")]
#[case(
    "decimal(38,10)",
    "1000000000000000000000000000",
    "decimal(38,10)",
    "1000000000000000000000000000",
    "1000000000000000000000000000.0000000001"
)]
#[case(
    "decimal(65,30)",
    "99999999999999999999999999999999999.999999999999999999999999999999",
    "decimal(65,30)",
    "99999999999999999999999999999999999.999999999999999999999999999999",
    "99999999999999999999999999999999999.999999999999999999999999999998"
)]
#[case("float", "16777215", "float32", "16777215", "16777214")]
#[case("float", "0.1", "float32", "0.1", "0.10000001")]
#[case("double", "0.1e0 + 0.2e0", "float64", "0.30000000000000004", "0.3e0")]
#[case("double", "-1.7976931348623157e308", "float64", "-1.7976931348623157e308", "-1.7976931348623155e308")]
#[case("date", "'1000-01-01'", "date32", "1000-01-01", "'1000-01-02'")]
#[case("date", "'9999-12-31'", "date32", "9999-12-31", "'9999-12-30'")]
#[case("datetime", "'2024-02-29 23:59:59'", "timestamp(us)", "2024-02-29T23:59:59", "'2024-02-29 23:59:58'")]
#[case(
    "datetime(6)",
    "'9999-12-31 23:59:59.999999'",
    "timestamp(us)",
    "9999-12-31T23:59:59.999999",
    "'9999-12-31 23:59:59.999998'"
)]
#[case("datetime(3)", "'1000-01-01 00:00:00.5'", "timestamp(ms)", "1000-01-01T00:00:00.5", "'1000-01-01 00:00:00.501'")]
#[case(
    "timestamp(6)",
    "'2024-03-31 02:30:00.000001'",
    "timestamp(us,UTC)",
    "2024-03-31T02:30:00.000001Z",
    "'2024-03-31 02:30:00.000002'"
)]
#[case("timestamp", "'1970-01-01 00:00:01'", "timestamp(us,UTC)", "1970-01-01T00:00:01Z", "'1970-01-01 00:00:02'")]
#[case("time(6)", "'23:59:59.999999'", "time64(us)", "23:59:59.999999", "'23:59:59.999998'")]
#[case("time", "'00:00:00'", "time32(s)", "00:00:00", "'00:00:01'")]
#[case("char(8)", "'ab  '", "utf8", "ab", "' ab'")]
#[case("varchar(20)", "'José'", "utf8", "José", "'Jose'")]
#[case("varchar(20)", "'a '", "utf8", "'a '", "'a'")]
#[case("varchar(20)", "'😀'", "utf8", "😀", "'😁'")]
#[case("varchar(20) CHARACTER SET latin1", "'é€'", "utf8", "é€", "'è€'")]
#[case("varchar(20) CHARACTER SET utf16", "'ß'", "utf8", "ß", "'ss'")]
#[case("text", "''", "utf8", "''", "' '")]
#[case("mediumtext", "'a\\nb'", "utf8", "'a\\nb'", "'a\\rb'")]
#[case("longtext", "'\\\\'", "utf8", "\\", "'/'")]
#[case("enum('small','large')", "'large'", "utf8", "large", "'small'")]
#[case("set('a','b','c')", "'a,c'", "utf8", "a,c", "'a'")]
#[case("json", "'{\"a\": 1}'", "utf8", "{\"a\": 1}", "'{\"a\": 2}'")]
#[case("binary(4)", "x'00ff'", "binary", "00ff0000", "x'00ff01'")]
#[case("binary(16)", "repeat('a', 16)", "fixedbinary(16)", "61616161616161616161616161616161", "repeat('b', 16)")]
#[case("varbinary(9)", "x'00ff'", "binary", "00ff", "x'00ff00'")]
#[case("blob", "''", "binary", "''", "x'00'")]
#[case("longblob", "x'80'", "binary", "80", "x'81'")]
#[case("varchar(9) COLLATE utf8mb4_bin", "'A'", "utf8", "A", "'a'")]
#[case("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "utf8", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "uuid()")]
#[case("inet6", "'::1'", "utf8", "::1", "'::2'")]
fn a_value_and_the_nearest_other(
    #[case] kind: &str,
    #[case] value: &str,
    #[case] arrow: &str,
    #[case] same: &str,
    #[case] other: &str,
) {
    let pair = table(kind, value);
    pair.tieout.parquet("b.parquet", &format!("id:int32, x:{arrow}\n1 | {same}\n2 | NULL\n"));
    let rule = pair.reconciled("t", "b.parquet", &["--key", "id"]);
    assert_eq!(rule["rows"]["equal"], 2, "{rule}");
    assert_eq!(rule["schema"]["type_differs"], serde_json::json!([]), "{rule}");

    pair.database.sql(&format!("SET sql_mode = ''; UPDATE t SET x = {other} WHERE id = 1"));
    let found = pair.diverged("t", "b.parquet", &["--key", "id"]);
    assert_eq!(found.rows(&["id", "kind", "changed_columns", "unreadable"]), ["1 | value_mismatch | [x] | NULL"]);
    assert_eq!(found.rule["rows"]["equal"], 1);

    // NULL differs from whatever the value is.
    pair.database.sql(&format!("SET sql_mode = ''; UPDATE t SET x = CASE id WHEN 1 THEN NULL ELSE {value} END"));
    assert_eq!(pair.diverged("t", "b.parquet", &["--key", "id"]).rule["rows"]["value_mismatch"], 2);
}

const ALL: &str = "
    CREATE TABLE wide (id bigint unsigned PRIMARY KEY, flag boolean, small smallint, amount decimal(12,2), real_ float,
        double_ double, name varchar(20), code char(8), day date, at datetime(6), seen timestamp(6) NULL, clock time(6),
        raw varbinary(9));
    INSERT INTO wide VALUES
        (1, 1, -7, 2.50, 1.5, -0.0, 'José', 'a', '2026-03-01', '2026-03-01 12:00:00.000001', '2026-03-01 13:00:00', '12:30:00.5',
         x'00ff'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (18446744073709551615, 0, 0, -0.01, 0, 1e300, 'it''s', '', '1000-01-01', '1969-12-31 23:59:59.999999',
         '2038-01-19 03:14:07', '00:00:00', '');
";

const PARQUET: &str = "
    id:uint64, flag:bool, small:int16, amount:decimal(12,2), real_:float32, double_:float64, name:utf8, code:utf8, day:date32, at:timestamp(us), seen:timestamp(us,UTC), clock:time64(us), raw:binary
    1 | true | -7 | 2.50 | 1.5 | 0.0 | José | a | 2026-03-01 | 2026-03-01T12:00:00.000001 | 2026-03-01T13:00:00Z | 12:30:00.5 | 00ff
    2 | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL
    18446744073709551615 | false | 0 | -0.01 | 0 | 1e300 | it's | '' | 1000-01-01 | 1969-12-31T23:59:59.999999 | 2038-01-19T03:14:07Z | 00:00:00 | ''
";

const CSV: &str = "
    id,flag,small,amount,real_,double_,name,code,day,at,seen,clock,raw
    1,true,-7,2.5,1.5,0,José,a,2026-03-01,2026-03-01T12:00:00.000001,2026-03-01T13:00:00Z,12:30:00.5,00ff
    2,,,,,,,,,,,,
";

#[test]
fn all_strategies_find_the_same() {
    let pair = Pair::new(ALL);
    pair.tieout.parquet("b.parquet", PARQUET);
    for strategy in STRATEGIES {
        pair.reconciled("wide", "b.parquet", &["--key", "id", "--strategy", strategy]);
        pair.reconciled("wide", "wide", &["--key", "id", "--strategy", strategy]);
    }
    pair.database.sql("UPDATE wide SET at = '2026-03-01 12:00:00.000002' WHERE id = 1; DELETE FROM wide WHERE id = 2");
    for strategy in STRATEGIES {
        let found = pair.diverged("wide", "b.parquet", &["--key", "id", "--strategy", strategy]);
        let expected = ["1 | value_mismatch | [at]", "2 | missing_in_source | NULL"];
        assert_eq!(found.rows(&["id", "kind", "changed_columns"]), expected, "{strategy}");
    }
}

#[test]
fn values_in_csv_are_read_as_those_of_the_database() {
    let pair = Pair::new(ALL);
    pair.database.sql("DELETE FROM wide WHERE id > 2");
    pair.tieout.file("b.csv", CSV);
    let rule = pair.reconciled("wide", "b.csv", &["--key", "id"]);
    assert_eq!(rule["rows"]["equal"], 2);
}

const ZEROS: &str = "
    SET sql_mode = '';
    CREATE TABLE zeros (id int PRIMARY KEY, day date, at datetime, fine datetime(6), seen timestamp NULL, clock time);
    INSERT INTO zeros VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '2024-00-10 10:00:00', '0000-00-00 00:00:00', '838:59:59'),
        (2, '2024-02-00', '0000-01-01 00:00:00', '0000-00-00 00:00:00', '2024-01-01 00:00:00', '-00:00:01');
";

#[test]
fn what_is_no_date_shows_and_equals_itself() {
    let pair = Pair::new(ZEROS);
    for strategy in STRATEGIES {
        let rule = pair.reconciled("zeros", "zeros", &["--key", "id", "--strategy", strategy]);
        assert_eq!(rule["rows"]["equal"], 2);
    }
    // The precision of a column says nothing about its values.
    pair.database.sql("CREATE TABLE fine AS SELECT id, day, fine AS at FROM zeros");
    let found = pair.diverged("zeros", "fine", &["--key", "id", "--columns", "day,at"]);
    assert_eq!(found.rows(&["id", "changed_columns"]), ["1 | [at]", "2 | [at]"]);
    pair.database.sql("UPDATE fine, zeros SET fine.at = zeros.at WHERE fine.id = zeros.id");
    pair.reconciled("zeros", "fine", &["--key", "id", "--columns", "day,at"]);

    pair.tieout.file(
        "b.csv",
        "
        id,day,at,fine,seen,clock
        1,0000-00-00,0000-00-00 00:00:00,2024-00-10 10:00:00,0000-00-00 00:00:00,838:59:59
        2,2024-02-00,0000-01-01 00:00:00,0000-00-00 00:00:00,2024-01-01 00:00:00Z,-00:00:01\n",
    );
    pair.reconciled("zeros", "b.csv", &["--key", "id"]);

    pair.tieout.parquet("b.parquet", "id:int32, day:date32\n1 | NULL\n2 | 2024-02-01\n");
    let found = pair.diverged("zeros", "b.parquet", &["--key", "id", "--columns", "day"]);
    assert_eq!(
        found.rows(&["id", "changed_columns", "unreadable"]),
        [
            "1 | [day] | [{side: source, column: day, text: 0000-00-00}]",
            "2 | [day] | [{side: source, column: day, text: 2024-02-00}]"
        ]
    );
}

#[test]
fn a_boolean_that_is_none_is_an_error_with_a_way_around() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY, flag tinyint(1)); INSERT INTO t VALUES (1, 1), (2, 2)");
    pair.tieout.parquet("b.parquet", "id:int32, flag:int8\n1 | 1\n2 | 2\n");
    let (message, hint) = pair.fails("t", "t", &["--key", "id"]);
    assert_eq!(message, "the column \"flag\" is a boolean to MySQL, tinyint(1), but it holds 2");
    assert_eq!(hint, "read it as a number: columns: {flag: tinyint} (--option columns.flag=tinyint)");
    project(&pair, "flag: tinyint");
    pair.tieout.run(["run"]).exits(0);
}

#[test]
fn a_column_is_read_as_text_where_that_is_asked_for() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, place point, ratio float, bits bit(4), raw binary(2), at datetime(3));
         INSERT INTO t VALUES (1, point(1, 2), 16777215, b'101', x'00ff', '2024-01-01 00:00:00.25')",
    );
    pair.tieout.parquet(
        "b.parquet",
        "id:int32, place:utf8, ratio:utf8, bits:utf8, raw:utf8, at:utf8\n\
         1 | POINT(1 2) | 16777215 | 5 | 00FF | 2024-01-01 00:00:00.250000\n",
    );
    let (message, hint) = pair.fails("t", "b.parquet", &["--key", "id"]);
    assert_eq!(message, "the column \"place\" is of the type geometry, which has no agreed meaning elsewhere");
    assert_eq!(
        hint,
        "read it as text: columns: {place: text} (--option columns.place=text); or leave it out by a query"
    );
    project(&pair, "place: text, ratio: text, bits: text, raw: text, at: text");
    let finished = pair.tieout.run(["run", "--format", "json"]).exits(2);
    assert_eq!(
        super::pair::told(&finished),
        (
            "the column \"raw\" holds bytes that are not UTF-8".into(),
            "read it as bytes: columns: {raw: binary} (--option columns.raw=binary)".into()
        )
    );
    pair.tieout.parquet(
        "b.parquet",
        "id:int32, place:utf8, ratio:utf8, bits:utf8, raw:binary, at:utf8\n\
         1 | POINT(1 2) | 16777215 | 5 | 00ff | 2024-01-01 00:00:00.250000\n",
    );
    project(&pair, "place: text, ratio: text, bits: text, raw: binary, at: text");
    pair.tieout.run(["run"]).exits(0);
}

/// A project that compares the table `t` to `b.parquet`.
fn project(pair: &Pair, columns: &str) {
    pair.tieout.file(
        "tieout.yaml",
        &format!(
            "
            datasets:
              a: {{mysql: {{url: \"{}\", table: t, columns: {{{columns}}}}}}}
              b: {{parquet: {{path: b.parquet}}}}
            rules:
              same: {{source: a, target: b, key: [id]}}
            ",
            pair.database.url()
        ),
    );
}
