//! Counts, order, empty tables, folders that are Hive partitions, and the runs beside them.

use serde_json::Value;

use super::project;
use crate::support::{data, python};

const KINDS: &str = "duplicate_key 1, missing_in_source 1, missing_in_target 1, schema_mismatch 1, value_mismatch 2";

/// All tables of a rule by one glob, with the runs' record; `rule` and `run` are columns of the data too.
#[test]
fn every_reader_counts_the_same() {
    let tieout = project();
    let script = r#"
        import sys
        from collections import Counter
        from pathlib import Path

        import duckdb
        import pandas
        import polars
        import pyarrow.dataset

        out = Path(sys.argv[1])
        tables = str(out / "divergences/rule=rows/*/*.parquet")
        runs = str(out / "runs/*.parquet")

        def show(name, kinds):
            counts = Counter(kinds)
            print(name, ", ".join(f"{kind} {n // 2}" for kind, n in sorted(counts.items())))

        show("duckdb", [r[0] for r in duckdb.sql(f"SELECT kind FROM '{tables}'").fetchall()])
        show("polars", polars.read_parquet(tables)["kind"].to_list())
        frame = pandas.read_parquet(out / "divergences/rule=rows")
        show("pandas", frame["kind"].tolist())
        dataset = pyarrow.dataset.dataset(out / "divergences/rule=rows", partitioning="hive")
        show("pyarrow", dataset.to_table()["kind"].to_pylist())

        # The folders' names are the rule and the run, whatever the data's columns are called.
        hive = duckdb.sql(
            f"SELECT DISTINCT rule, run = run_id AS same FROM read_parquet('{out}/divergences/*/*/*.parquet', "
            "hive_partitioning = true, union_by_name = true) ORDER BY 1"
        ).fetchall()
        print("hive", hive)
        keys = duckdb.sql(f"SELECT DISTINCT key_rule, key_run FROM '{tables}' ORDER BY ALL NULLS FIRST").fetchall()
        print("keys", keys)

        # Each table has its run's record, and the record counts its rows.
        joined = duckdb.sql(
            f"SELECT count(*), count(DISTINCT d.run_id), bool_and(r.outcome = 'diverged') FROM '{tables}' d "
            f"JOIN '{runs}' r ON r.run_id = d.run_id AND r.rule = 'rows'"
        ).fetchall()[0]
        print("joined", joined)
        print("runs", polars.read_parquet(runs).group_by("rule", "outcome").len().sort("rule").rows())
        record = pandas.read_parquet(out / "runs").query("rule == 'rows'").iloc[0]
        counted = record["value_mismatch"] + record["missing_in_target"] + record["missing_in_source"]
        print("record", counted + record["duplicate_key"] + record["schema_mismatch"], list(record["key"]))
    "#;
    let printed = python::run(script, [tieout.path("out")]);
    let expected = format!(
        "duckdb {KINDS}\npolars {KINDS}\npandas {KINDS}\npyarrow {KINDS}\n\
         hive [('rows', True)]\n\
         keys [(None, None), ('a', 2), ('b', 1), ('c', 9), ('d', 4)]\n\
         joined (12, 2, True)\n\
         runs [('none', 'reconciled', 2), ('rows', 'diverged', 2), ('same', 'reconciled', 2), ('sums', 'reconciled', 2)]\n\
         record 6 ['key_rule', 'key_run']"
    );
    assert_eq!(printed, expected);

    let sql = "SELECT d.kind, count(*) / 2 AS n FROM divergences.rows d JOIN runs r ON r.run_id = d.run_id AND r.rule = 'rows' \
               GROUP BY d.kind ORDER BY d.kind";
    let rows: Value = tieout.run(["sql", "--format", "json", sql]).exits(0).json();
    let counts: Vec<String> =
        rows.as_array().unwrap().iter().map(|row| format!("{} {}", row["kind"].as_str().unwrap(), row["n"])).collect();
    assert_eq!(counts.join(", "), KINDS);
}

/// What could not be read, and which columns changed, as values to filter by.
#[test]
fn lists_are_usable() {
    let tieout = project();
    let script = r#"
        import sys

        import duckdb
        import polars
        import pyarrow.parquet

        folder = sys.argv[1]
        tables = f"{folder}/*/*.parquet"
        print(duckdb.sql(
            f"SELECT DISTINCT key_rule, changed_columns, unreadable[1].side, unreadable[1].column, unreadable[1].text "
            f"FROM '{tables}' WHERE list_contains(changed_columns, 'amount') ORDER BY 1 NULLS FIRST"
        ).fetchall())
        frame = polars.read_parquet(tables).filter(polars.col("changed_columns").list.contains("at"))
        print(frame.select("key_rule", polars.col("unreadable").list.len()).unique().rows())
        table = pyarrow.parquet.read_table(folder, partitioning=None)
        print(sorted({str(cells) for cells in table["unreadable"].to_pylist()}))
        print(table.schema.field("unreadable").type)
    "#;
    assert_eq!(
        python::run(script, [tieout.path("out/divergences/rule=rows")]),
        "[(None, ['amount'], None, None, None), ('a', ['amount', 'at'], 'target', 'amount', 'oops')]\n\
         [('a', 1)]\n\
         ['None', \"[{'side': 'target', 'column': 'amount', 'text': 'oops'}]\"]\n\
         list<item: struct<side: string, column: string, text: string>>"
    );
    let sql = "SELECT DISTINCT key_rule, unreadable[1]['text'] AS text FROM divergences.rows \
               WHERE array_has(changed_columns, 'amount') ORDER BY key_rule";
    let printed = tieout.run(["sql", "--format", "csv", sql]).exits(0).stdout;
    assert_eq!(printed, "key_rule,text\na,oops\n,\n");
}

/// A rule that found nothing leaves a table without rows, with all its columns; NULL keys come first.
#[test]
fn empty_tables_and_order() {
    let tieout = project();
    let table = |rule: &str| data::read_parquet(&tieout.path(&format!("out/divergences/rule={rule}")));
    let names = |rule: &str| {
        let table = table(rule);
        assert_eq!(table.num_rows(), 0, "{rule}");
        table.schema().fields().iter().map(|f| format!("{}:{}", f.name(), f.data_type())).collect::<Vec<_>>().join(" ")
    };
    let list = "changed_columns:List(Utf8)";
    let cells = "unreadable:List(Struct(\"side\": Utf8, \"column\": Utf8, \"text\": Utf8))";
    assert_eq!(
        names("sums"),
        format!(
            "run_id:Utf8 divergence_id:Utf8 kind:Utf8 side:Utf8 key_rule:Utf8 {list} source_n:Int64 target_n:Int64 {cells}"
        )
    );
    assert!(names("same").contains("source_at:Timestamp(µs, \"UTC\") target_at:Timestamp(µs, \"UTC\")"));
    assert_eq!(names("none"), "run_id:Utf8 divergence_id:Utf8 kind:Utf8 side:Utf8 key_rule:Utf8 key_run:Int32");

    let first = &data::parquet_files(&tieout.path("out/divergences/rule=rows"))[0];
    let rows = data::rows(&data::read_parquet(first), &["key_rule", "key_run", "kind"]);
    assert_eq!(
        rows,
        [
            "NULL | NULL | schema_mismatch",
            "NULL | NULL | value_mismatch",
            "a | 2 | value_mismatch",
            "b | 1 | duplicate_key",
            "c | 9 | missing_in_target",
            "d | 4 | missing_in_source",
        ]
    );
}

/// The record of a run names what was read, so that it can be told apart from what lies there later.
#[test]
fn pinned_inputs() {
    let tieout = project();
    let script = r#"
        import os
        import sys

        import duckdb

        # DuckDB hands out zoned timestamps only with a package that nothing else needs.
        pinned = "[{url: x.url, size: x.size, micros: epoch_us(x.last_modified)} FOR x IN %s]"
        sides = ", ".join(pinned % f"{side}_inputs" for side in ["source", "target"])
        runs = f"FROM '{sys.argv[1]}/out/runs/*.parquet'"
        rows = duckdb.sql(f"SELECT source, target, {sides} {runs} WHERE rule = 'rows'").fetchall()
        for source, target, *inputs in rows:
            for name, ((one,), file) in {source: (inputs[0], "s.parquet"), target: (inputs[1], "t.csv")}.items():
                path = os.path.join(sys.argv[1], file)
                assert one["url"].endswith("/" + file), one
                assert one["size"] == os.path.getsize(path), one
                assert abs(one["micros"] - os.stat(path).st_mtime_ns // 1000) <= 1, one
                print(name, file)
        query = f"SELECT len(source_inputs), len(target_inputs) {runs} WHERE rule = 'none'"
        print(duckdb.sql(query).fetchall())
    "#;
    assert_eq!(python::run(script, [tieout.dir()]), "s s.parquet\nt t.csv\ns s.parquet\nt t.csv\n[(1, 0), (1, 0)]");
}
