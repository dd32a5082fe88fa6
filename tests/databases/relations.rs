//! What a dataset of PostgreSQL may be: tables under odd names, views, partitions, queries; wide, empty, and large ones.

use super::tie::{Pair, STRATEGIES};
use crate::support::data;

#[test]
fn a_table_is_found_under_any_name() {
    let pair = Pair::new(
        "CREATE SCHEMA sales; CREATE SCHEMA \"My Schema\"; CREATE SCHEMA \"a.b\";
         CREATE TABLE orders (id int, x text); INSERT INTO orders VALUES (1, 'a'), (2, NULL);
         CREATE TABLE sales.orders AS TABLE orders; CREATE TABLE \"My Schema\".\"Größe \"\"1\"\"\" AS TABLE orders;
         CREATE TABLE \"a.b\".\"c.d\" AS TABLE orders; CREATE TABLE \"select\" AS TABLE orders;
         CREATE TABLE \"Orders\" AS TABLE orders; CREATE TABLE \"it's\" AS TABLE orders; CREATE TABLE \"100%\" AS TABLE orders;",
    );
    pair.database.sql(&format!("CREATE TABLE {} AS TABLE orders", "t".repeat(63)));
    let long = "t".repeat(63);
    let names = [
        "orders",
        "public.orders",
        "sales.orders",
        "My Schema.Größe \"1\"",
        "\"My Schema\".\"Größe \"\"1\"\"\"",
        "\"a.b\".\"c.d\"",
        "select",
        "Orders",
        "it's",
        "100%",
        &long,
    ];
    for name in names {
        pair.reconciled(&pair.table("orders"), &pair.table(name), &["--key", "id"]);
    }
    let qualified = format!("{}.sales.orders", pair.database.name());
    pair.reconciled("orders", &pair.table(&qualified), &["--key", "id"]);
    // As the server's settings, or the URL's, say.
    let path = format!("{}?table=orders&options=-c%20search_path%3Dsales", pair.database.url());
    pair.database.sql("UPDATE sales.orders SET x = 'b' WHERE id = 1");
    let found = pair.diverged("orders", &path, &["--key", "id"]);
    assert_eq!(found.rows(&["id", "source_x", "target_x"]), ["1 | a | b"]);
}

#[test]
fn columns_have_any_name() {
    let names = [
        "a b",
        "a.b",
        "say \"hi\"",
        "Größe",
        "ID",
        "id",
        "select",
        "kind",
        "source_x",
        "run_id",
        "tieout",
        "x#text",
        "$1",
        "line\nbreak",
        "it's",
        "ctid2",
    ];
    let columns: Vec<String> = names.iter().map(|name| format!("\"{}\" text", name.replace('"', "\"\""))).collect();
    let pair = Pair::new(&format!(
        "CREATE TABLE t (k int PRIMARY KEY, {}); INSERT INTO t SELECT n {} FROM generate_series(1, 20) n; CREATE TABLE u AS TABLE t;",
        columns.join(", "),
        ", n::text".repeat(names.len()),
    ));
    for (n, name) in names.iter().enumerate() {
        pair.database.sql(&format!("UPDATE u SET \"{}\" = 'other' WHERE k = {}", name.replace('"', "\"\""), n + 1));
    }
    for strategy in STRATEGIES {
        pair.reconciled("t", "t", &["--key", "k", "--strategy", strategy]);
        let found = pair.diverged("t", "u", &["--key", "k", "--strategy", strategy]);
        let expected: Vec<String> = names.iter().enumerate().map(|(n, name)| format!("{} | [{name}]", n + 1)).collect();
        assert_eq!(found.rows(&["k", "changed_columns"]), expected);
    }
    let text = pair.reconciled("t", "t", &["--key", "line\nbreak", "--option", "\"columns.say \"\"hi\"\"\"=int"]);
    assert_eq!(text["rows"]["equal"], 20);
}

#[test]
fn views_partitions_and_tables_that_inherit_are_read_whole() {
    let pair = Pair::new(
        "CREATE TABLE plain (id int, day date, x text);
         INSERT INTO plain SELECT n, date '2026-01-01' + n, 'x' || n FROM generate_series(1, 1000) n;
         CREATE VIEW seen AS SELECT id, day, x FROM plain;
         CREATE MATERIALIZED VIEW stored AS SELECT * FROM plain;
         CREATE TABLE parted (id int, day date, x text) PARTITION BY RANGE (id);
         CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (500) PARTITION BY HASH (id);
         CREATE TABLE parted_11 PARTITION OF parted_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE parted_12 PARTITION OF parted_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         CREATE TABLE parted_2 (x text, id int, day date); ALTER TABLE parted ATTACH PARTITION parted_2 DEFAULT;
         INSERT INTO parted TABLE plain;
         CREATE TABLE parent (id int PRIMARY KEY, day date, x text); CREATE TABLE child (y int) INHERITS (parent);
         INSERT INTO parent SELECT * FROM plain WHERE id % 2 = 0; INSERT INTO child SELECT *, 7 FROM plain WHERE id % 2 = 1;
         CREATE TABLE altered (gone int, id int, day date, also int, x text); ALTER TABLE altered DROP COLUMN gone;
         INSERT INTO altered SELECT id, day, id, x FROM plain; ALTER TABLE altered DROP COLUMN also;
         CREATE TABLE made (id int, day date GENERATED ALWAYS AS (date '2026-01-01' + id) STORED, x text GENERATED ALWAYS AS ('x' || id::text) STORED);
         INSERT INTO made SELECT id FROM plain;
         CREATE FUNCTION rows() RETURNS SETOF plain LANGUAGE sql AS 'SELECT * FROM plain';
         CREATE TEMPORARY TABLE mine (id int); ANALYZE;",
    );
    for relation in ["seen", "stored", "parted", "parent", "altered", "made"] {
        let rule = pair.reconciled("plain", relation, &["--key", "id", "--threads", "4"]);
        assert_eq!(rule["rows"]["equal"], 1000, "{relation}");
    }
    let rows = pair.reconciled("plain", &pair.query("SELECT * FROM rows()"), &["--key", "id"]);
    assert_eq!(rows["rows"]["target"], 1000);
    // A key of the parent is none of its children.
    pair.database.sql("INSERT INTO child SELECT *, 8 FROM plain WHERE id = 2");
    let found = pair.diverged("plain", "parent", &["--key", "id"]);
    assert_eq!(found.rows(&["id", "kind", "side"]), ["2 | duplicate_key | target"]);
}

#[test]
fn a_query_is_any_that_returns_rows() {
    let pair =
        Pair::new("CREATE TABLE t (id int, x text); INSERT INTO t SELECT n, n::text FROM generate_series(1, 9) n");
    let queries = [
        "SELECT * FROM t",
        "SELECT * FROM t;",
        " SELECT id, x FROM t ; ",
        "SELECT * FROM t -- all of them",
        "SELECT * FROM t; -- all of them",
        "/* first */ SELECT * FROM t /* last */",
        "WITH every AS (SELECT * FROM t) SELECT * FROM every",
        "VALUES (1)",
        "TABLE t",
        "SELECT * FROM t ORDER BY x DESC LIMIT 9",
        "SELECT id, x FROM t WHERE id < 5 UNION ALL SELECT id, x FROM t WHERE id >= 5",
        "SELECT id, ';' || x || ';' AS x FROM t",
    ];
    for query in queries {
        let query = pair.query(query);
        pair.reconciled(&query, &query, &[]);
    }
    let rule = pair.reconciled("t", &pair.query("SELECT * FROM t; -- all of them"), &["--key", "id"]);
    assert_eq!(rule["rows"]["target"], 9);
    let (said, hint) = pair.fails("t", &pair.query("SELECT id, id FROM t"), &["--key", "id"]);
    assert!(said.starts_with("the query has two columns that are called \"id\" ("), "{said}");
    assert_eq!(hint, "give each of them a name of its own: AS ...");
    let (said, _) = pair.fails("t", &pair.query("SELECT FROM t"), &[]);
    assert!(said.contains("no column in common"), "{said}");
}

#[test]
fn no_rows_no_columns_and_very_many() {
    let pair = Pair::new("CREATE TABLE none (id int); CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES;");
    let columns: Vec<String> = (1..1600).map(|n| format!("c{n} smallint")).collect();
    let values = ", n % 30000".repeat(1599);
    pair.database.sql(&format!("CREATE TABLE wide (id smallint, {}); INSERT INTO wide SELECT n {values} FROM generate_series(1, 200) n; CREATE TABLE other AS TABLE wide; UPDATE other SET c1599 = -1 WHERE id = 77;", columns.join(", ")));
    assert_eq!(pair.reconciled("none", "none", &["--key", "id"])["rows"]["source"], 0);
    pair.tieout.file(
        "tieout.yaml",
        &format!("datasets:\n  bare: {{postgres: {{url: \"{}\", table: bare}}}}\n", pair.database.url()),
    );
    let count = pair.tieout.run(["sql", "SELECT count(*) AS n FROM bare", "--format", "csv"]).exits(0);
    assert_eq!(count.stdout, "n\n1\n");
    pair.reconciled("wide", "wide", &["--key", "id"]);
    let found = pair.diverged("wide", "other", &["--key", "id"]);
    assert_eq!(found.rows(&["id", "changed_columns", "source_c1599", "target_c1599"]), ["77 | [c1599] | 77 | -1"]);
}

#[test]
fn a_table_larger_than_memory_passes() {
    // Some 130 MB, of rows from 1 byte to 3 MB.
    let pair = Pair::new(
        "CREATE TABLE big (id int, x text, y bytea);
         ALTER TABLE big ALTER x SET STORAGE EXTERNAL, ALTER y SET STORAGE EXTERNAL;
         INSERT INTO big SELECT n, repeat('x', 700) || n, CASE n % 20000 WHEN 0 THEN decode(repeat('00', 1500000), 'hex') END
             FROM generate_series(1, 150000) n;
         CREATE TABLE other AS TABLE big; UPDATE other SET x = 'y' WHERE id IN (5, 149999);",
    );
    for strategy in ["digest", "merge"] {
        let found = pair.diverged("big", "other", &["--key", "id", "--memory", "64MiB", "--strategy", strategy]);
        assert_eq!(found.rows(&["id", "changed_columns"]), ["5 | [x]", "149999 | [x]"]);
        assert_eq!(found.rule["rows"]["source"], 150000);
    }
}

#[test]
fn policies_of_rows_apply() {
    let pair = Pair::new(
        "CREATE TABLE t (id int, owner text); INSERT INTO t VALUES (1, 'a'), (2, 'b'); CREATE TABLE one AS TABLE t; DELETE FROM one WHERE id = 2;",
    );
    let user = format!("reader_{}", pair.database.name());
    pair.database.sql(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD 'pw'; GRANT SELECT ON t, one TO {user};
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t FOR SELECT TO {user} USING (owner = 'a');"
    ));
    let as_user = |table: &str| {
        let url = pair.table(table);
        let (_, rest) = url.split_once('@').unwrap();
        format!("postgres://{user}:pw@{rest}")
    };
    pair.reconciled(&as_user("t"), &as_user("one"), &["--key", "id"]);
    let found = pair.diverged("t", &as_user("t"), &["--key", "id"]);
    assert_eq!(data::rows(&found.table, &["id", "kind"]), ["2 | missing_in_target"]);
    pair.database.sql(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}
