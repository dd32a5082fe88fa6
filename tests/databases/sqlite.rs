//! SQLite files: values of every kind against the same values in files, and one that is a little other; cells that are not
//! what their column says; what a writer does meanwhile; and files that cannot be read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;

use crate::support::tieout::{Finished, Tieout};
use crate::support::{data, python};

/// Makes a database, or changes one.
fn make(path: &Path, sql: &str) -> Connection {
    let database = Connection::open(path).unwrap();
    database.execute_batch(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    database
}

/// `tieout diff` of a table or query of `rel.db` with another dataset.
fn diff(tieout: &Tieout, source: &str, target: &str, options: &[&str]) -> Finished {
    let encoded: String = url::form_urlencoded::byte_serialize(source.as_bytes()).collect();
    // A `+` in a URL is one.
    let encoded = encoded.replace('+', "%20");
    let source = match source.starts_with("SELECT ") {
        true => format!("sqlite:///rel.db?query={encoded}"),
        false => format!("sqlite:///rel.db?table={encoded}"),
    };
    let mut args = vec!["diff", &source, target, "--format", "json", "--out", "out"];
    args.extend(options);
    tieout.run(&args)
}

#[track_caller]
fn reconciled(finished: Finished, rows: u64) {
    let rule = finished.exits(0).rule("diff");
    assert_eq!(rule["rows"]["equal"], rows, "{rule:#}");
    assert_eq!(rule["schema"]["type_differs"], json!([]), "{rule:#}");
}

/// The columns that differ, and the cells of those that could not be read, as `side column text`.
#[track_caller]
fn diverged(tieout: &Tieout, finished: Finished) -> (Vec<String>, Vec<String>) {
    let rule = finished.exits(1).rule("diff");
    let columns = rule["columns"].as_array().unwrap().iter().filter(|column| column["value_mismatch"] != 0);
    let columns = columns.map(|column| column["column"].as_str().unwrap().to_string()).collect();
    let table = data::read_parquet(&tieout.path(rule["divergences"].as_str().unwrap()));
    let cells = data::rows(&table, &["unreadable"]).into_iter().filter(|cell| cell != "NULL").collect();
    (columns, cells)
}

/// What an error says, and its hint.
#[track_caller]
fn refused(finished: Finished) -> (String, String) {
    let error = finished.exits(2).json()["error"].clone();
    assert_ne!(error["kind"], "internal", "{error:#}");
    // Behind it stands where it happened.
    let message = error["message"].as_str().unwrap().split(" (").next().unwrap();
    (message.to_string(), error["hint"].as_str().unwrap_or_default().to_string())
}

const VALUES: &str = "
    CREATE TABLE t (
        id INTEGER PRIMARY KEY, big BIGINT, amount DECIMAL(38,2), wide NUMERIC(40,20), plain NUMERIC, r REAL, f FLOAT, yes BOOLEAN,
        d DATE, at DATETIME, zoned TIMESTAMPTZ, clock TIME, name VARCHAR(20), doc TEXT, raw BLOB, anything
    );
    INSERT INTO t VALUES
        (1, 9223372036854775807, '12345678.25', '0.00000000000000000001', 1, 0.1 + 0.2, 1e300, 1,
         '0001-01-01', '0001-01-01 00:00:00', '2024-02-29T12:30:00+01:00', '23:59:59.999999', 'a|b', 'José', x'00ff', 5),
        (2, -9223372036854775808, 0.1, 12, 2.5, -0.0, 5e-324, 0,
         '9999-12-31', '9999-12-31T23:59:59.999999', '2024-02-29 11:30:00Z', '00:00', '', ' ', x'', 'text'),
        (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (4, 9007199254740993, 100, -7.5, -3, 9e999, 1.7976931348623157e308, 1,
         '1970-01-01', '1969-12-31 23:59:59.5', '1970-01-01T00:00:00Z', '12:00:00', 'it''s', char(10), x'7878', 1.5);";

const SAME: &str = "
    id:int64, big:int64, amount:decimal(38,2), wide:decimal(40,20), plain:decimal(10,1), r:float64, f:float64, yes:bool, \
    d:date32, at:timestamp(us), zoned:timestamp(us,UTC), clock:time64(us), name:utf8, doc:utf8, raw:binary, anything:utf8
    1 | 9223372036854775807 | 12345678.25 | 0.00000000000000000001 | 1 | 0.30000000000000004 | 1e300 | true \
    | 0001-01-01 | 0001-01-01T00:00:00 | 2024-02-29T11:30:00Z | 23:59:59.999999 | 'a|b' | José | 00ff | 5
    2 | -9223372036854775808 | 0.10 | 12 | 2.5 | 0.0 | 5e-324 | false \
    | 9999-12-31 | 9999-12-31T23:59:59.999999 | 2024-02-29T11:30:00Z | 00:00:00 | '' | ' ' | | text
    3 | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL
    4 | 9007199254740993 | 100 | -7.5 | -3 | inf | 1.7976931348623157e308 | true \
    | 1970-01-01 | 1969-12-31T23:59:59.5 | 1970-01-01T00:00:00Z | 12:00:00 | it's | '\\n' | 7878 | 1.5
    ";

#[test]
fn the_same_values_in_a_typed_file() {
    let tieout = Tieout::new();
    make(&tieout.path("rel.db"), VALUES);
    tieout.parquet("same.parquet", SAME);
    for strategy in ["digest", "join", "merge"] {
        reconciled(diff(&tieout, "t", "same.parquet", &["--key", "id", "--strategy", strategy]), 4);
    }
    reconciled(diff(&tieout, "SELECT * FROM t -- all", "same.parquet", &["--key", "id"]), 4);
    reconciled(diff(&tieout, "t", "same.parquet", &[]), 4);
}

#[test]
fn the_same_values_in_a_file_of_text() {
    let tieout = Tieout::new();
    make(
        &tieout.path("rel.db"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, amount DECIMAL(12,2), r REAL, d DATE, yes BOOLEAN, name TEXT, raw BLOB);
         INSERT INTO t VALUES (1, 2.5, 0.1, '2024-02-29', 1, 'x', x'0aff'), (2, -7, 1e21, NULL, 0, NULL, NULL);",
    );
    tieout.file("same.csv", "id,amount,r,d,yes,name,raw\n1,2.50,0.1,2024-02-29,true,x,0AFF\n2,-7.00,1e21,,f,,\n");
    reconciled(diff(&tieout, "t", "same.csv", &["--key", "id"]), 2);
}

#[test]
fn the_smallest_difference_is_found_in_its_column() {
    for (column, change) in [
        ("big", "big = 9223372036854775806"),
        ("amount", "amount = '12345678.26'"),
        ("wide", "wide = '0.00000000000000000002'"),
        ("plain", "plain = 1.1"),
        ("r", "r = 0.3"),
        ("f", "f = 1.0000000000000002e300"),
        ("yes", "yes = 0"),
        ("d", "d = '0001-01-02'"),
        ("at", "at = '0001-01-01 00:00:00.000001'"),
        ("zoned", "zoned = '2024-02-29T12:30:00.000001+01:00'"),
        ("clock", "clock = '23:59:59.999998'"),
        ("name", "name = 'a|b '"),
        ("doc", "doc = 'Jose' || char(769)"),
        ("raw", "raw = x'00fe'"),
        ("raw", "raw = CAST(x'00ff' AS TEXT) || ''"),
        ("anything", "anything = 6"),
        ("name", "name = NULL"),
        ("name", "name = ''"),
    ] {
        let tieout = Tieout::new();
        // The byte ff is no text: the cell is a text of other bytes then.
        let change = change.replace("CAST(x'00ff' AS TEXT) || ''", "'00ff'");
        make(&tieout.path("rel.db"), &format!("{VALUES} UPDATE t SET {change} WHERE id = 1;"));
        tieout.parquet("same.parquet", SAME);
        let (columns, _) = diverged(&tieout, diff(&tieout, "t", "same.parquet", &["--key", "id"]));
        assert_eq!(columns, [column], "{change}");
    }
}

#[test]
fn a_cell_that_is_not_what_its_column_says_is_a_mismatch_that_shows_it() {
    let tieout = Tieout::new();
    make(
        &tieout.path("rel.db"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, d DATE, at TIMESTAMP, yes BOOLEAN, raw BLOB);
         INSERT INTO t VALUES (1, 'abc', 20240229, 1709209800, 2, 'abcd'), (2, x'00ff', '29.2.2024', 1.5, 'yes', 171),
             (3, 'x''00ff''', '2024-02-29 00:00', '2024-02-29T12:30:00Z', 1, x'abcd');
         CREATE VIEW v AS SELECT 1 AS id, lower('12') AS n;",
    );
    tieout.parquet(
        "typed.parquet",
        "
        id:int64, n:int64, d:date32, at:timestamp(us), yes:bool, raw:binary
        1 | 5 | 2024-02-29 | 2024-02-29T12:30:00 | true | abcd
        2 | 255 | 2024-02-29 | 2024-02-29T12:30:00 | true | 0171
        3 | 255 | 2024-02-29 | 2024-02-29T12:30:00 | true | abcd
        ",
    );
    let (columns, cells) = diverged(&tieout, diff(&tieout, "t", "typed.parquet", &["--key", "id"]));
    assert_eq!(columns, ["n", "d", "at", "yes", "raw"]);
    let shown = |column: &str, text: &str| format!("{{side: source, column: {column}, text: {text}}}");
    let expect = [
        [
            shown("n", "abc"),
            shown("d", "20240229"),
            shown("at", "1709209800"),
            shown("yes", "2"),
            shown("raw", "'abcd'"),
        ],
        [
            shown("n", "x'00ff'"),
            shown("d", "29.2.2024"),
            shown("at", "1.5"),
            shown("yes", "yes"),
            shown("raw", "integer 171"),
        ],
    ];
    assert_eq!(cells[..2], expect.map(|row| format!("[{}]", row.join(", "))));
    let last = [shown("n", "'x''00ff'''"), shown("d", "2024-02-29 00:00"), shown("at", "2024-02-29T12:30:00Z")];
    assert_eq!(cells[2], format!("[{}]", last.join(", ")));
    // The text '12', where a number is asked for, is 12.
    tieout.parquet("v.parquet", "id:int64, n:int64\n1 | 12");
    reconciled(diff(&tieout, "v", "v.parquet", &["--key", "id"]), 1);
}

#[test]
fn what_no_type_says_is_never_taken_for_bytes_or_the_other_way_round() {
    let tieout = Tieout::new();
    make(
        &tieout.path("rel.db"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x); INSERT INTO t VALUES (1, 12), (2, 'ab');
         CREATE TABLE b (id INTEGER PRIMARY KEY, x, y BLOB); INSERT INTO b VALUES (1, x'12', x'12'), (2, x'ab', x'ab');
         CREATE TABLE m (id INTEGER PRIMARY KEY, note); INSERT INTO m VALUES (1, 'a'), (2, x'ab');
         CREATE TABLE n (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO n VALUES (1, x'ff');
         CREATE TABLE u (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO u VALUES (1, CAST(x'ff' AS TEXT));",
    );
    tieout.parquet("bytes.parquet", "id:int64, x:binary\n1 | 12\n2 | ab");
    let rule = diff(&tieout, "t", "bytes.parquet", &["--key", "id"]).exits(1).rule("diff");
    assert_eq!(rule["schema"]["type_differs"][0]["column"], "x", "{rule:#}");

    // Bytes are bytes, whether something says so or not.
    for source in ["SELECT id, x FROM b", "SELECT id, y AS x FROM b", "SELECT id, CAST(x || '' AS BLOB) AS x FROM b"] {
        reconciled(diff(&tieout, source, "bytes.parquet", &["--key", "id"]), 2);
    }
    reconciled(diff(&tieout, "b", "bytes.parquet", &["--key", "id", "--ignore", "y"]), 2);

    tieout.parquet("text.parquet", "id:int64, note:utf8\n1 | a");
    for (table, said) in [
        ("m", "a cell is a BLOB of 1 bytes, where the column is read as text"),
        ("n", "a cell is a BLOB of 1 bytes, where the column is read as text"),
        ("u", "a text is not UTF-8"),
    ] {
        let (message, hint) = refused(diff(&tieout, table, "text.parquet", &["--key", "id"]));
        assert_eq!(message, said);
        assert!(hint.contains("CAST(note AS BLOB)"), "{hint}");
    }
}

#[test]
fn columns_can_be_read_as_another_type() {
    let tieout = Tieout::new();
    make(
        &tieout.path("app.db"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, x TEXT, raw BLOB);
         INSERT INTO t VALUES (1, 'abc', '1234567890123456789.250', 'plain');",
    );
    tieout
        .parquet("t.parquet", "id:int64, n:utf8, x:decimal(38,2), raw:utf8\n1 | abc | 1234567890123456789.25 | plain");
    tieout.file(
        "tieout.yaml",
        "
        datasets:
          app: {sqlite: {path: app.db, table: t, columns: {n: text, x: 'decimal(38,2)', raw: text}}}
          lake: {parquet: {path: t.parquet}}
          both: {sql: 'SELECT a.id, a.n FROM app a JOIN app b ON a.id = b.id'}
        rules:
          t: {source: app, target: lake, key: [id]}
        ",
    );
    tieout.run(["run", "-q"]).exits(0);
    let checked = tieout.run(["check", "--online"]).exits(0);
    assert!(checked.stdout.contains("app"), "{}", checked.stdout);
    let shown = tieout.run(["sql", "SELECT n, x + 1 AS x FROM both JOIN app USING (n)", "--format", "json"]).exits(0);
    assert!(shown.stdout.contains("abc") && shown.stdout.contains("1234567890123456790.25"), "{}", shown.stdout);
    let explained = tieout.run(["run", "--explain"]).exits(0);
    assert!(explained.stdout.contains("sqlite"), "{}", explained.stdout);

    let unknown = diff_options(&tieout, "nn=text");
    assert_eq!(
        unknown,
        ("`columns:` declares \"nn\", which no file has".to_string(), "did you mean \"n\"?".to_string())
    );
}

fn diff_options(tieout: &Tieout, columns: &str) -> (String, String) {
    std::fs::copy(tieout.path("app.db"), tieout.path("rel.db")).unwrap();
    let (name, kind) = columns.split_once('=').unwrap();
    let option = format!("columns.{name}={kind}");
    refused(diff(tieout, "t", "t.parquet", &["--key", "id", "--source-option", &option]))
}

#[test]
fn tables_of_every_kind_and_names_of_any() {
    let tieout = Tieout::new();
    make(
        &tieout.path("rel.db"),
        "CREATE TABLE \"Odd \"\"one\"\"\" (\"the key\" INTEGER, \"select\" TEXT, PRIMARY KEY (\"the key\")) WITHOUT ROWID;
         INSERT INTO \"Odd \"\"one\"\"\" VALUES (1, 'a'), (2, 'b');
         CREATE TABLE g (id INTEGER PRIMARY KEY, n INT, twice INT AS (n * 2), thrice INT AS (n * 3) STORED);
         INSERT INTO g (id, n) VALUES (1, 5);
         CREATE TABLE s (id INT PRIMARY KEY, r REAL, t TEXT, b BLOB, a ANY) STRICT;
         INSERT INTO s VALUES (1, 7, 'x', x'00', 'a');
         CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('some words');
         CREATE VIEW v AS SELECT id, n + 1 AS n FROM g;
         CREATE TABLE \"a.b\" (id INTEGER PRIMARY KEY); INSERT INTO \"a.b\" VALUES (1);
         CREATE TABLE names (id INTEGER PRIMARY KEY, \"id\"\"x\" TEXT, \"ID2\" TEXT); INSERT INTO names VALUES (1, 'q', 'w');
         CREATE TABLE ghost (id INTEGER); ANALYZE;",
    );
    let same = |table: &str, rows: &str, key: &str, count: u64| {
        tieout.file("same.csv", rows);
        reconciled(diff(&tieout, table, "same.csv", &["--key", key]), count);
    };
    same("Odd \"one\"", "the key,select\n1,a\n2,b\n", "the key", 2);
    same("odd \"ONE\"", "the key,select\n1,a\n2,b\n", "the key", 2);
    same("main.G", "id,n,twice,thrice\n1,5,10,15\n", "id", 1);
    same("f", "body\nsome words\n", "body", 1);
    same("v", "id,n\n1,6\n", "id", 1);
    same("\"a.b\"", "id\n1\n", "id", 1);
    same("names", "id,\"id\"\"x\",ID2\n1,q,w\n", "id", 1);
    same("SELECT count(*), max(n) AS \"ID\" FROM g", "count(*),ID\n1,5\n", "ID", 1);
    same("SELECT 1 AS id UNION ALL SELECT 2;", "id\n1\n2\n", "id", 2);
    tieout.parquet("strict.parquet", "id:int64, r:float64, t:utf8, b:binary, a:utf8\n1 | 7 | x | 00 | a");
    reconciled(diff(&tieout, "s", "strict.parquet", &["--key", "id"]), 1);
    let empty = diff(&tieout, "ghost", "same.csv", &["--key", "id"]).exits(1).rule("diff");
    assert_eq!((&empty["rows"]["source"], &empty["rows"]["missing_in_source"]), (&json!(0), &json!(2)));
}

/// Rows from a recursive query: the bundled SQLite has no generate_series.
const MANY: &str = "
    CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT, n INTEGER);
    INSERT INTO s WITH RECURSIVE k(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM k WHERE id < 50000)
        SELECT id, 'name ' || id, id % 7 FROM k;
    CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INTEGER);
    INSERT INTO t SELECT * FROM s;";

#[test]
fn both_sides_in_one_file_and_tables_of_many_batches() {
    let tieout = Tieout::new();
    let database = make(&tieout.path("rel.db"), MANY);
    let target = "sqlite:///rel.db?table=t";
    for strategy in ["digest", "join", "merge"] {
        reconciled(diff(&tieout, "s", target, &["--key", "id", "--strategy", strategy]), 50_000);
    }
    database.execute_batch("UPDATE t SET n = n + 1 WHERE id = 31234; DELETE FROM s WHERE id = 50000").unwrap();
    let rule = diff(&tieout, "s", target, &["--key", "id", "--memory", "64MB"]).exits(1).rule("diff");
    assert_eq!((&rule["rows"]["value_mismatch"], &rule["rows"]["missing_in_source"]), (&json!(1), &json!(1)));
}

/// What a writer in another process does over and over: both tables get the same change, in one transaction.
fn while_written<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let writer = Connection::open(path).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        let mut commits = 0;
        while !stopped.load(Relaxed) {
            let id = 1 + commits * 7919 % 50_000;
            let change = format!(
                "BEGIN IMMEDIATE; UPDATE s SET n = n + 1 WHERE id = {id}; UPDATE t SET n = n + 1 WHERE id = {id}; COMMIT"
            );
            match writer.execute_batch(&change) {
                Ok(()) => commits += 1,
                // A reader without WAL lets nobody commit.
                Err(_) => writer.execute_batch("ROLLBACK").unwrap_or_default(),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        commits
    });
    let done = work();
    stop.store(true, Relaxed);
    assert!(thread.join().unwrap() > 0, "nothing was written meanwhile");
    done
}

#[test]
fn both_sides_are_read_as_of_one_moment_whatever_is_written() {
    for mode in ["WAL", "DELETE"] {
        let tieout = Tieout::new();
        let path = tieout.path("rel.db");
        drop(make(&path, &format!("PRAGMA journal_mode = {mode}; {MANY}")));
        std::os::unix::fs::symlink(&path, tieout.path("link.db")).unwrap();
        while_written(&path, || {
            for target in ["sqlite:///rel.db?table=t", "sqlite:///link.db?table=t"] {
                for strategy in ["digest", "merge"] {
                    reconciled(diff(&tieout, "s", target, &["--key", "id", "--strategy", strategy]), 50_000);
                    // Writers have their turn.
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });
    }
}

#[test]
fn the_record_says_which_state_was_read() {
    let tieout = Tieout::new();
    let database = make(&tieout.path("rel.db"), "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY);");
    tieout.file("t.csv", "id\n");
    diff(&tieout, "t", "t.csv", &["--key", "id"]).exits(0);
    let runs = data::read_parquet(&tieout.path("out/runs"));
    let inputs = data::rows(&runs, &["source_inputs"]).join("");
    assert!(inputs.contains("sqlite://") && inputs.contains("rel.db?table=t"), "{inputs}");
    assert!(inputs.contains("schema version 1, 2 pages, 0 of them free, journal mode wal, file of 20"), "{inputs}");
    drop(database);
}

#[test]
fn what_cannot_be_read_is_told_and_nothing_is_made() {
    let tieout = Tieout::new();
    make(
        &tieout.path("rel.db"),
        "CREATE TABLE orders (id INTEGER PRIMARY KEY); CREATE VIEW broken AS SELECT * FROM gone;",
    );
    tieout.file("text.db", "id,name\n1,a\n");
    tieout.file("empty.db", "");
    std::fs::create_dir(tieout.path("folder.db")).unwrap();
    tieout.file("t.csv", "id\n1\n");
    let before = listing(&tieout);
    let dir = tieout.dir().to_string_lossy().into_owned();
    let said = |source: &str| {
        let finished = tieout.run(["diff", source, "t.csv", "--key", "id", "--format", "json"]);
        let (message, hint) = refused(finished);
        (message.replace(&dir, "DIR"), hint)
    };
    for (source, message, hint) in [
        ("missing.db?table=t", "there is no SQLite database at DIR/missing.db", "check the path; a relative one"),
        ("no/such/missing.db?table=t", "there is no SQLite database at DIR/no/such/missing.db", "check the path"),
        ("text.db/x.db?table=t", "there is no SQLite database at DIR/text.db/x.db", "a part of the path is a file"),
        (
            "text.db?table=t",
            "DIR/text.db cannot be opened: file is not a database",
            "check the path; a file that is encrypted",
        ),
        ("empty.db?table=t", "DIR/empty.db is empty: it is a SQLite database without a table", "check the path"),
        ("folder.db?table=t", "DIR/folder.db is a folder, not a SQLite database", "name the file in it"),
        ("rel.db?table=order", "the table order cannot be read: there is no such table", "did you mean orders?"),
        (
            "rel.db?table=xyzzy",
            "the table xyzzy cannot be read: there is no such table",
            "the tables are broken, orders",
        ),
        ("rel.db?table=sales.orders", "the table sales.orders cannot be read: SQLite has no schemas", "a file has one"),
        ("rel.db?table=broken", "the table broken cannot be read: no such table: main.gone", "correct the query"),
        ("rel.db?query=SELEC%201", "the query cannot be planned: near \"SELEC\": syntax error", "correct the query"),
        (
            "rel.db?query=SELECT%201%3B%20SELECT%202",
            "the query cannot be planned: it is more than one statement",
            "write one",
        ),
        (
            "rel.db?query=DELETE%20FROM%20orders",
            "the query cannot be planned: it changes the database",
            "tieout only reads",
        ),
        (
            "rel.db?query=SELECT%20%3F%20AS%20id",
            "the query cannot be planned: it has a parameter that nothing sets",
            "write the",
        ),
        (
            "rel.db?query=SELECT%201%20AS%20id,2%20AS%20id",
            "the query has two columns that are called \"id\"",
            "give each",
        ),
        (
            "rel.db?query=PRAGMA%20user_version",
            "the query cannot be planned: near \"PRAGMA\": syntax error",
            "correct the",
        ),
        (
            "rel.db?query=SELECT%20id%20FROM%20orders%20WHERE%20x=1",
            "the query cannot be planned: no such column: x",
            "correct",
        ),
    ] {
        let found = said(&format!("sqlite:///{source}"));
        assert_eq!(found.0, message, "{source}");
        assert!(found.1.starts_with(hint), "{source}: {}", found.1);
    }
    assert_eq!(listing(&tieout), before);
    assert_eq!(make(&tieout.path("rel.db"), "").query_row("SELECT count(*) FROM orders", [], |row| row.get(0)), Ok(0));
}

fn listing(tieout: &Tieout) -> Vec<String> {
    let entries = std::fs::read_dir(tieout.dir()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_that_stays_locked_is_an_error_in_good_time() {
    let tieout = Tieout::new();
    let writer = make(&tieout.path("rel.db"), "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);");
    tieout.file("t.csv", "id\n1\n");
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    let (message, hint) = refused(diff(&tieout, "t", "t.csv", &["--key", "id"]));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(message.ends_with("rel.db cannot be opened: database is locked"), "{message}");
    assert!(hint.starts_with("another process is writing: try again"), "{hint}");
    // It is waited for.
    let path = tieout.path("t.csv");
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        writer.execute_batch("INSERT INTO t VALUES (2); COMMIT").unwrap();
        std::fs::metadata(path).unwrap();
    });
    tieout.file("t.csv", "id\n1\n2\n");
    reconciled(diff(&tieout, "t", "t.csv", &["--key", "id"]), 2);
    later.join().unwrap();
}

#[test]
fn an_error_in_the_middle_is_no_verdict() {
    let tieout = Tieout::new();
    make(&tieout.path("rel.db"), &format!("{MANY} UPDATE s SET n = 9223372036854775807 WHERE id = 49999;"));
    tieout.file("t.csv", "id,n\n1,1\n");
    // SQLite's own arithmetic ends a statement here.
    let (message, _) = refused(diff(
        &tieout,
        "SELECT id, abs(n - 9223372036854775807 - 1 - n + n) AS n FROM s",
        "t.csv",
        &["--key", "id"],
    ));
    assert!(message.contains("integer overflow"), "{message}");

    // A damaged page.
    let path = tieout.path("rel.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let (message, hint) = refused(diff(&tieout, "s", "sqlite:///rel.db?table=t", &["--key", "id"]));
    assert!(message.contains("malformed"), "{message}");
    assert!(hint.contains("integrity_check"), "{hint}");
}

/// As a user who may read the folder, and not write to it: permissions mean nothing to root.
fn run_as_reader(tieout: &Tieout, args: &[&str]) -> Finished {
    let script = "
        import os, sys
        program = os.open(os.environ['TIEOUT'], os.O_RDONLY)
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        os.execve(program, ['tieout', *sys.argv[1:]], dict(os.environ))
        ";
    let mut command = tieout.program(python::python().get_program().as_ref(), ["-c", &data::dedent(script)]);
    command.args(args);
    Finished::of(command, None)
}

#[test]
fn a_folder_that_cannot_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let allow = |path: &Path, mode: u32| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let tieout = Tieout::new();
    let folder = tieout.path("data");
    std::fs::create_dir(&folder).unwrap();
    tieout.file("t.csv", "id\n1\n2\n");
    let args = ["diff", "sqlite:///data/rel.db?table=t", "t.csv", "--key", "id", "--format", "json"];
    let locked = |mode: u32, file: u32| {
        allow(tieout.dir(), 0o755);
        allow(&folder.join("rel.db"), file);
        allow(&folder, mode);
    };
    let database = make(
        &folder.join("rel.db"),
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);",
    );
    // A writer is there, with its log.
    locked(0o555, 0o444);
    let finished = run_as_reader(&tieout, &args).exits(0);
    assert_eq!(finished.rule("diff")["rows"]["equal"], 2);
    // It is gone, and took its log along.
    allow(&folder, 0o755);
    drop(database);
    assert!(!folder.join("rel.db-wal").exists());
    locked(0o555, 0o444);
    run_as_reader(&tieout, &args).exits(0);
    locked(0o555, 0o000);
    let (message, hint) = refused(run_as_reader(&tieout, &args));
    assert!(message.ends_with("data/rel.db cannot be opened: it, or a file beside it, must not be read"), "{message}");
    assert!(hint.contains("see that the file, its -wal and its folder can be read"), "{hint}");
    allow(&folder, 0o755);
}
