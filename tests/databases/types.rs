//! Every type of PostgreSQL: the same value on both sides ties out, and the smallest difference is told in its column. A row
//! a case: in all others of its columns, both sides have the same.

use super::tie::{Pair, STRATEGIES};

pub struct Case {
    pub name: &'static str,
    pub typ: &'static str,
    /// A value, and one that is as near to it as can be.
    pub value: &'static str,
    pub other: &'static str,
    /// The same value in Parquet, as its type and its cell; of a type that Parquet has not, none.
    parquet: Option<(&'static str, &'static str)>,
    /// How the table of divergences shows both.
    shown: (&'static str, &'static str),
}

/// `name: type = value, other => shown, shown | type in Parquet = cell`
macro_rules! cases {
    ($($name:ident: $typ:literal = $value:literal, $other:literal => $s:literal, $t:literal $(| $parquet:literal = $cell:literal)?;)*) => {
        &[$(Case {
            name: stringify!($name),
            typ: $typ,
            value: $value,
            other: $other,
            parquet: [$(($parquet, $cell))?].first().copied(),
            shown: ($s, $t),
        }),*]
    };
}

pub const CASES: &[Case] = cases! {
    amount: "numeric(12,2)" = "-0.01", "-0.02" => "-0.01", "-0.02" | "decimal(12,2)" = "-0.01";
    whole: "numeric(38)" = "99999999999999999999999999999999999999", "99999999999999999999999999999999999998"
        => "99999999999999999999999999999999999999", "99999999999999999999999999999999999998"
        | "decimal(38,0)" = "99999999999999999999999999999999999999";
    wide: "numeric(76,75)" = "-1.000000000000000000000000000000000000000000000000000000000000000000000000001",
        "-1.000000000000000000000000000000000000000000000000000000000000000000000000002"
        => "-1.000000000000000000000000000000000000000000000000000000000000000000000000001",
        "-1.000000000000000000000000000000000000000000000000000000000000000000000000002"
        | "decimal(76,75)" = "-1.000000000000000000000000000000000000000000000000000000000000000000000000001";
    beyond: "numeric(100,10)" = "12.5000000000", "12.5000000001" => "12.5", "12.5000000001" | "decimal(20,10)" = "12.5";
    coarse: "numeric(5,-2)" = "12300", "12400" => "12300", "12400" | "int64" = "12300";
    fine: "numeric(2,4)" = "0.0012", "0.0013" => "0.0012", "0.0013" | "decimal(9,4)" = "0.0012";
    free: "numeric" = "1.0", "1.0000000000000000000000000000000000000001" => "1", "1.0000000000000000000000000000000000000001"
        | "decimal(38,20)" = "1";
    long: "numeric" = "repeat('9', 200)::numeric", "repeat('9', 200)::numeric - 1" => "9999", "9998";
    nan: "numeric" = "'NaN'", "'Infinity'" => "NaN", "Infinity" | "float64" = "NaN";
    cash: "money" = "'92233720368547758.07'", "'92233720368547758.06'" => "92233720368547758.07", "92233720368547758.06"
        | "decimal(20,2)" = "92233720368547758.07";
    real: "float4" = "1e-45", "3e-45" => "1e-45", "3e-45" | "float32" = "1e-45";
    double: "float8" = "1e-320", "'-0'" => "1e-320", "-0.0" | "float64" = "1e-320";
    endless: "float8" = "'Infinity'", "'NaN'" => "inf", "NaN" | "float64" = "inf";
    day: "date" = "'0001-01-01'", "'0001-01-01 BC'" => "0001-01-01", "0000-01-01" | "date32" = "0001-01-01";
    late: "date" = "'9999-12-31'", "'10000-01-01'" => "9999-12-31", "+10000-01-01" | "date32" = "9999-12-31";
    at: "timestamp" = "'9999-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999998'"
        => "9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999998" | "timestamp(us)" = "9999-12-31T23:59:59.999999";
    zoned: "timestamptz" = "'2026-03-01 13:00:00.000001+01'", "'2026-03-01 13:00:00.000001+02'"
        => "2026-03-01T12:00:00.000001Z", "2026-03-01T11:00:00.000001Z" | "timestamp(us,Europe/Berlin)" = "2026-03-01T12:00:00.000001Z";
    clock: "time" = "'23:59:59.999999'", "'23:59:59.999998'" => "23:59:59.999999", "23:59:59.999998" | "time64(us)" = "23:59:59.999999";
    clocktz: "timetz" = "'12:00:00+01'", "'11:00:00+00'" => "12:00:00+01", "11:00:00+00" | "utf8" = "12:00:00+01";
    span: "interval" = "'1 month'", "'30 days'" => "P1M", "P30D" | "utf8" = "P1M";
    flag: "boolean" = "true", "false" => "true", "false" | "bool" = "true";
    fixed: "char(5)" = "'ab'", "' ab'" => "ab", " ab" | "utf8" = "ab";
    short: "varchar(5)" = "'ab '", "'ab'" => "ab ", "ab" | "utf8" = "'ab '";
    letter: "\"char\"" = "'a'", "'b'" => "a", "b" | "utf8" = "a";
    ident: "name" = "'a'", "'A'" => "a", "A" | "utf8" = "a";
    words: "text" = "'é'", "U&'e\\0301'" => "é", "e\u{301}" | "utf8" = "é";
    uid: "uuid" = "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12'"
        => "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"
        | "utf8" = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    raw: "bytea" = "'\\x00ff'", "'\\x00fe'" => "00ff", "00fe" | "binary" = "00ff";
    doc: "json" = "'{\"a\":1}'", "'{\"a\": 1}'" => "{\"a\":1}", "{\"a\": 1}" | "utf8" = "{\"a\":1}";
    docb: "jsonb" = "'{\"b\": 1, \"a\":2}'", "'{\"b\": 1, \"a\":3}'" => "{\"a\": 2, \"b\": 1}", "{\"a\": 3, \"b\": 1}"
        | "utf8" = "{\"a\": 2, \"b\": 1}";
    mood: "mood" = "'sad'", "'ok'" => "sad", "ok" | "utf8" = "sad";
    positive: "positive" = "5", "6" => "5", "6" | "int32" = "5";
    price: "price" = "1.5", "1.51" => "1.50", "1.51" | "decimal(10,2)" = "1.50";
    bits: "bit(3)" = "B'101'", "B'100'" => "101", "100" | "utf8" = "101";
    varbits: "varbit" = "B'0'", "B''" => "0", "" | "utf8" = "0";
    host: "inet" = "'1.2.3.4/24'", "'1.2.3.4/25'" => "1.2.3.4/24", "1.2.3.4/25" | "utf8" = "1.2.3.4/24";
    net: "cidr" = "'10.0.0.0/8'", "'10.0.0.0/9'" => "10.0.0.0/8", "10.0.0.0/9" | "utf8" = "10.0.0.0/8";
    mac: "macaddr" = "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'" => "08:00:2b:01:02:03", "08:00:2b:01:02:04"
        | "utf8" = "08:00:2b:01:02:03";
    markup: "xml" = "'<a/>'", "'<a></a>'" => "<a/>", "<a></a>" | "utf8" = "<a/>";
    object: "oid" = "4294967295", "4294967294" => "4294967295", "4294967294" | "uint32" = "4294967295";
    ints: "int[]" = "'{1,NULL}'", "'{1}'" => "[1, NULL]", "[1]" | "list(int32)" = "[1, null]";
    none: "int[]" = "'{}'", "NULL" => "[]", "NULL" | "list(int32)" = "[]";
    amounts: "numeric(10,2)[]" = "'{1.5}'", "'{1.51}'" => "[1.50]", "[1.51]" | "list(decimal(10,2))" = "[1.50]";
    numbers: "numeric[]" = "'{1.0,NaN}'", "'{1.01,NaN}'" => "[1, NaN]", "[1.01, NaN]" | "list(utf8)" = "[\"1\", \"NaN\"]";
    names: "varchar(9)[]" = "'{\"a,b\"}'", "'{a,b}'" => "[a,b]", "[a, b]" | "list(utf8)" = "[\"a,b\"]";
    padded: "char(3)[]" = "'{a}'", "'{b}'" => "[a]", "[b]" | "list(utf8)" = "[\"a\"]";
    uids: "uuid[]" = "'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'", "'{}'" => "[a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11]", "[]"
        | "list(utf8)" = "[\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"]";
    times: "timestamptz[]" = "'{2026-01-01 00:00:00+00}'", "'{2026-01-01 00:00:00.000001+00}'"
        => "[2026-01-01T00:00:00Z]", "[2026-01-01T00:00:00.000001Z]" | "list(timestamp(us,UTC))" = "[\"2026-01-01T00:00:00Z\"]";
    moods: "mood[]" = "'{sad,ok}'", "'{ok,sad}'" => "[sad, ok]", "[ok, sad]" | "list(utf8)" = "[\"sad\", \"ok\"]";
    flags: "boolean[]" = "'{t,f}'", "'{t,NULL}'" => "[true, false]", "[true, NULL]" | "list(bool)" = "[true, false]";
    spans: "interval[]" = "'{1 day}'", "'{24:00:00}'" => "[P1D]", "[PT24H]" | "list(utf8)" = "[\"P1D\"]";
    positives: "positive[]" = "'{5}'", "'{6}'" => "[5]", "[6]" | "list(int32)" = "[5]";
    everyone: "citext" = "'a'", "'A'" => "a", "A" | "utf8" = "a";
};

/// Types of people's own that the cases are of.
pub const TYPES: &str = "
    CREATE EXTENSION citext;
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE DOMAIN price AS numeric(10,2);";

/// Tables of all cases: `source` and `same` hold the values; in the row of its number, each column of `target` is another.
fn tables() -> Pair {
    let columns: Vec<String> = CASES.iter().map(|case| format!("{} {}", case.name, case.typ)).collect();
    let values: Vec<&str> = CASES.iter().map(|case| case.value).collect();
    let changes = CASES.iter().enumerate();
    let changes =
        changes.map(|(n, case)| format!("UPDATE target SET {} = {} WHERE id = {n};\n", case.name, case.other));
    Pair::new(&format!(
        "{TYPES}
         CREATE TABLE source (id int, {});
         INSERT INTO source SELECT id, {} FROM generate_series(0, {}) AS id;
         INSERT INTO source (id) VALUES (-1);
         CREATE TABLE same AS TABLE source; CREATE TABLE target AS TABLE source;
         {}",
        columns.join(", "),
        values.join(", "),
        CASES.len() - 1,
        changes.collect::<String>(),
    ))
}

/// The same values in Parquet, of the types that it has.
fn file(pair: &Pair) -> String {
    let cases = || CASES.iter().filter_map(|case| Some((case.name, case.parquet?)));
    let head: String = cases().map(|(name, (typ, _))| format!(", {name}:{typ}")).collect();
    let cells: String = cases().map(|(_, (_, cell))| format!(" | {cell}")).collect();
    let nulls = " | NULL".repeat(cases().count());
    let rows: String = (0..CASES.len()).map(|n| format!("{n}{cells}\n")).collect();
    pair.tieout.parquet("same.parquet", &format!("id:int32{head}\n{rows}-1{nulls}\n")).display().to_string()
}

#[test]
fn the_same_values_tie_out_and_the_smallest_difference_is_told() {
    let pair = tables();
    for strategy in STRATEGIES {
        pair.reconciled("source", "same", &["--key", "id", "--strategy", strategy]);
        let found = pair.diverged("source", "target", &["--key", "id", "--strategy", strategy]);
        let rows = found.rows(&["id", "kind", "changed_columns"]);
        let expected = CASES.iter().enumerate().map(|(n, case)| format!("{n} | value_mismatch | [{}]", case.name));
        assert_eq!(rows, expected.collect::<Vec<_>>(), "{strategy}");
        for (n, case) in CASES.iter().enumerate() {
            let columns = [format!("source_{}", case.name), format!("target_{}", case.name)];
            let shown = &found.rows(&[&columns[0], &columns[1]])[n];
            let (source, target) = shown.split_once(" | ").unwrap();
            let ends = |text: &str, end: &str| if case.name == "long" { text.ends_with(end) } else { text == end };
            assert!(ends(source, case.shown.0) && ends(target, case.shown.1), "{}: {shown}", case.name);
        }
    }
}

#[test]
fn the_same_values_in_parquet_tie_out_and_the_smallest_difference_is_told() {
    let pair = tables();
    let file = file(&pair);
    let missing: Vec<&str> = CASES.iter().filter(|case| case.parquet.is_none()).map(|case| case.name).collect();
    for strategy in STRATEGIES {
        let args = ["--key", "id", "--strategy", strategy, "--ignore", &missing.join(",")];
        pair.reconciled("source", &file, &args);
        let found = pair.diverged("target", &file, &args);
        let rows = found.rows(&["id", "kind", "changed_columns"]);
        let cases = CASES.iter().enumerate().filter(|(_, case)| case.parquet.is_some());
        let expected = cases.map(|(n, case)| format!("{n} | value_mismatch | [{}]", case.name));
        assert_eq!(rows, expected.collect::<Vec<_>>(), "{strategy}");
    }
}

/// Infinities, and what is odd in other ways.
const ODD: &str = "
    CREATE TABLE odd (id int, day date, at timestamp, zoned timestamptz, free numeric, double float8, raw bytea, flag bool);
    INSERT INTO odd VALUES
        (1, 'infinity', 'infinity', 'infinity', 1.50, 'Infinity', '\\x00ff', true),
        (2, '-infinity', '-infinity', '-infinity', 'NaN', 'NaN', '', false),
        (3, '9999-12-31', '0001-01-01', '2026-01-01 12:00:00.5+00', repeat('9', 200)::numeric, '-0', NULL, NULL),
        (4, '5874897-12-31', '294246-12-31', '0044-03-15 BC', 1e-200, 1e-320, '\\x00', NULL);
    CREATE TABLE other AS TABLE odd;
    UPDATE other SET day = '5874897-12-31', at = '-infinity', zoned = '294246-12-31' WHERE id = 1;
";

#[test]
fn infinities_are_values_that_are_told_and_kept() {
    let pair = Pair::new(ODD);
    for strategy in STRATEGIES {
        pair.reconciled("odd", "odd", &["--key", "id", "--strategy", strategy]);
        let found = pair.diverged("odd", "other", &["--key", "id", "--strategy", strategy]);
        assert_eq!(found.rows(&["id", "changed_columns"]), ["1 | [day, at, zoned]"]);
    }
    let (odd, other) = (pair.table("odd"), pair.table("other"));
    let told = pair.tieout.run(["diff", &odd, &other, "--key", "id"]).exits(1).stdout;
    for line in ["infinity  ->  +5874897-12-31", "infinity  ->  -infinity", "infinity  ->  +294246-12-31T00:00:00Z"] {
        assert!(told.contains(line), "{line} in\n{told}");
    }
    // Within a tolerance of themselves alone.
    let tolerance = ["--key", "id", "--tolerance", "day=1d,at=1s,zoned=1s,double=1"];
    pair.reconciled("odd", "odd", &tolerance);
    assert_eq!(pair.diverged("odd", "other", &tolerance).rows(&["changed_columns"]), ["[day, at, zoned]"]);
    // By name in CSV.
    let far = "\\copy (SELECT * FROM odd WHERE id < 4) TO '";
    let path = pair.tieout.path("odd.csv").display().to_string();
    pair.database.sql(&format!("{far}{path}' CSV HEADER"));
    for strategy in STRATEGIES {
        let args = ["--key", "id", "--where", "id < 4", "--strategy", strategy];
        pair.reconciled("odd", &path, &args);
        assert_eq!(pair.diverged("other", &path, &args).rows(&["changed_columns"]), ["[day, at, zoned]"]);
    }
}

#[test]
fn a_date_that_never_ends_is_a_time_that_never_ends() {
    let pair = Pair::new(
        "CREATE TABLE days (id int, at date); INSERT INTO days VALUES (1, 'infinity'), (2, '-infinity'), (3, '2026-01-01');
         CREATE TABLE times AS SELECT id, at::timestamp FROM days;
         CREATE TABLE instants AS SELECT id, at::timestamptz FROM days;",
    );
    pair.reconciled("days", "times", &["--key", "id"]);
    pair.reconciled("instants", "times", &["--key", "id", "--timezone", "at=UTC"]);
    pair.reconciled("instants", "days", &["--key", "id", "--timezone", "at=UTC"]);
    // Twelve hours from UTC, infinity is the same.
    let found = pair.diverged("instants", "times", &["--key", "id", "--timezone", "at=Pacific/Auckland"]);
    assert_eq!(found.rows(&["id"]), ["3"]);
}

#[test]
fn numbers_of_any_length_are_compared_by_value_with_text() {
    let pair = Pair::new(
        "CREATE TABLE t (x numeric, y money, id int);
         INSERT INTO t VALUES (1.50, 12.5, 1), (repeat('9', 60)::numeric, NULL, 2), ('NaN', '-0.01', 3), (100, '0', 4);",
    );
    let nines = "9".repeat(60);
    let csv = pair.tieout.file("t.csv", &format!("id,x,y\n1,+01.500,12.500\n2,{nines}.0,\n3,NaN,-0.0100\n4,1e2,-0\n"));
    let other =
        pair.tieout.file("u.csv", &format!("id,x,y\n1,1.51,12.50\n2,{nines}.1,\n3,Infinity,-0.01\n4,\"1,00\",0\n"));
    let (csv, other) = (csv.display().to_string(), other.display().to_string());
    for strategy in STRATEGIES {
        pair.reconciled("t", &csv, &["--key", "id", "--strategy", strategy]);
        pair.reconciled("t", &csv, &["--key", "x", "--strategy", strategy]);
        let found = pair.diverged("t", &other, &["--key", "id", "--strategy", strategy]);
        assert_eq!(
            found.rows(&["source_x", "target_x"]),
            [
                "1.5 | 1.51".to_string(),
                format!("{nines} | {nines}.1"),
                "NaN | Infinity".to_string(),
                "100 | 1,00".to_string()
            ]
        );
    }
    let rows = pair.diverged("t", &other, &["--key", "id", "--tolerance", "x=0.01"]).rows(&["id"]);
    assert_eq!(rows, ["2", "3", "4"]);
    // Text that is only text is no number.
    let file = pair.tieout.parquet("t.parquet", "id:int32, x:utf8\n1 | 1.50").display().to_string();
    let rule = pair.diverged("t", &file, &["--key", "id", "--source-where", "id = 1"]).rule;
    assert_eq!(rule["schema"]["type_differs"][0]["column"], "x");
}

/// Columns that cannot be read as they are: what is said, and the way around that it names.
#[test]
fn what_has_no_agreed_meaning_is_an_error_with_its_way_around() {
    let pair = Pair::new(
        "CREATE EXTENSION hstore; CREATE TYPE pair AS (a int, b text);
         CREATE TABLE a (id int, at timestamp, clock time, n numeric(4,1), grid int[], zero int[], x pair, \"odd one\" hstore, r int4range, p point, ps pair[]);
         INSERT INTO a VALUES (1, '294276-12-31', '24:00:00', 'NaN', '{{1,2},{3,4}}', '[0:1]={1,2}', (1,'x'), 'k=>v', '[1,5)', '(1,2)', array[(1,'x')::pair]);
         CREATE TABLE b AS TABLE a; UPDATE b SET at = 'infinity', clock = '00:00:00', n = 1, grid = '{{1,2}}', zero = '[0:1]={1,3}', x = (1,'y'),
            \"odd one\" = 'k=>w', r = '[1,6)', p = '(1,3)', ps = array[(1,'y')::pair];",
    );
    let cases = [
        ("at", "a timestamp is later than Arrow's last, which is in January 294247"),
        ("clock", "24:00:00 is no time of a day to others"),
        ("n", "NaN is no value of decimal(4,1)"),
        ("grid", "an array has 2 dimensions"),
        ("zero", "an array begins at 0, not at 1"),
        ("x", "the column \"x\" is of the type pair, which has no agreed meaning elsewhere"),
        ("odd one", "the column \"odd one\" is of the type hstore, which has no agreed meaning elsewhere"),
        ("r", "the column \"r\" is of the type int4range, which has no agreed meaning elsewhere"),
        ("p", "the column \"p\" is of the type point, which has no agreed meaning elsewhere"),
        ("ps", "the column \"ps\" is of the type pair[], which has no agreed meaning elsewhere"),
    ];
    for (column, message) in cases {
        let select = |table: &str| pair.query(&format!("SELECT id, \"{column}\" FROM {table}"));
        let (said, hint) = pair.fails(&select("a"), &select("a"), &["--key", "id"]);
        assert!(said.starts_with(&format!("{message} (")), "{said}");
        let quoted = if column.contains(' ') { format!("{column:?}") } else { column.to_string() };
        assert!(hint.contains(&format!("columns: {{{quoted}: text}} (--option columns.{column}=text)")), "{hint}");
        let option = format!("columns.{column}=text");
        let args = ["--key", "id", "--option", &option];
        pair.reconciled(&select("a"), &select("a"), &args);
        let found = pair.diverged(&select("a"), &select("b"), &args);
        assert_eq!(found.rows(&["changed_columns"]), [format!("[{column}]")]);
    }
    // What can be read as a number is; what cannot is told.
    let select = |table: &str| pair.query(&format!("SELECT id, n FROM {table}"));
    let args = ["--key", "id", "--option", "columns.n=decimal(38,10)"];
    pair.reconciled(&select("a"), &select("a"), &args);
    let found = pair.diverged(&select("a"), &select("b"), &args);
    assert_eq!(
        found.rows(&["source_n", "target_n", "unreadable"]),
        ["NULL | 1.0000000000 | [{side: source, column: n, text: NaN}]"]
    );
}

#[test]
fn a_database_without_an_encoding_has_texts_that_are_bytes() {
    let pair = Pair::new("");
    let name = format!("{}_ascii", pair.database.name());
    pair.database.sql(&format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"));
    let query = |sql: &str| pair.query(sql).replacen(pair.database.name(), &name, 1);
    let plain = query("SELECT 1 AS id, 'plain' AS x");
    pair.reconciled(&plain, &plain, &["--key", "id"]);
    let latin = query("SELECT 1 AS id, convert_from('\\xe9', 'SQL_ASCII') AS x");
    let (message, hint) = pair.fails(&latin, &latin, &["--key", "id", "--strategy", "digest"]);
    assert!(message.contains("invalid byte sequence for encoding \"UTF8\""), "{message}");
    assert_eq!(hint, "read such text as bytes, by a query: SELECT convert_to(x, 'SQL_ASCII') AS x");
    let bytes = query("SELECT 1 AS id, convert_to(convert_from('\\xe9', 'SQL_ASCII'), 'SQL_ASCII') AS x");
    pair.reconciled(&bytes, &pair.query("SELECT 1 AS id, '\\xe9'::bytea AS x"), &["--key", "id"]);
    pair.database.sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
}
