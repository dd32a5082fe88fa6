//! Typed columns: what a reader sees of each type.

use crate::support::python;
use crate::support::tieout::Tieout;

const HEAD: &str = "id:uint64, d:decimal(12,2), big:decimal(38,10), at:timestamp(us,UTC), sec:timestamp(s), ns:timestamp(ns), \
                    local:timestamp(ms), day:date32, tod:time64(us), secs:time32(s), raw:binary, code:dictionary(utf8), \
                    tags:list(utf8), box:struct(a:int32,b:list(int64)), half:float16, flag:bool, kv:map(utf8,int64), view:utf8view";

fn project() -> Tieout {
    let tieout = Tieout::new();
    let row = |id: &str, d: &str, code: &str| {
        format!(
            "{id} | {d} | 1234567890123456789.0123456789 | 2026-01-01T12:00:00Z | 2026-01-01T12:00:01 | \
             2026-01-01T12:00:00.123456789 | 2026-01-01T12:00:00.5 | 2026-01-01 | 12:00:00.000001 | 12:00:01 | 00ff | {code} | \
             [\"x\", null] | {{\"a\": 1, \"b\": [1, 2]}} | 1.5 | true | {{\"k\": 1}} | v\n"
        )
    };
    tieout.parquet("s.parquet", &format!("{HEAD}\n{}", row("18446744073709551615", "1.50", "a")));
    tieout.parquet("t.parquet", &format!("{HEAD}\n{}", row("18446744073709551615", "2.50", "b")));
    tieout.file(
        "tieout.yaml",
        "
        datasets:
          s: {parquet: {path: s.parquet}}
          t: {parquet: {path: t.parquet}}
        rules:
          r: {source: s, target: t, key: [id]}
        ",
    );
    tieout.run(["run"]).exits(1);
    tieout
}

#[test]
fn duckdb() {
    let script = "
        import sys
        import duckdb

        duckdb.execute(\"SET TimeZone = 'UTC'\")
        table = f\"FROM '{sys.argv[1]}/*/*.parquet'\"
        types = {c[0].removeprefix('source_'): c[1] for c in duckdb.sql(f'DESCRIBE {table}').fetchall()}
        for name in ['id', 'd', 'big', 'at', 'sec', 'local', 'day', 'tod', 'secs', 'raw', 'code', 'tags', 'box', 'half', 'kv']:
            column = 'id' if name == 'id' else f'source_{name}'
            value = duckdb.sql(f'SELECT {column}::VARCHAR {table}').fetchall()[0][0]
            print(name, types[name], value, sep=' | ')
    ";
    let tieout = project();
    let printed = python::run(script, [tieout.path("out/divergences/rule=r")]);
    let expected = [
        "id | UBIGINT | 18446744073709551615",
        "d | DECIMAL(12,2) | 1.50",
        "big | DECIMAL(38,10) | 1234567890123456789.0123456789",
        "at | TIMESTAMP WITH TIME ZONE | 2026-01-01 12:00:00+00",
        "sec | TIMESTAMP | 2026-01-01 12:00:01",
        "local | TIMESTAMP | 2026-01-01 12:00:00.5",
        "day | DATE | 2026-01-01",
        "tod | TIME | 12:00:00.000001",
        "secs | TIME | 12:00:01",
        "raw | BLOB | \\x00\\xFF",
        "code | VARCHAR | a",
        "tags | VARCHAR[] | [x, NULL]",
        "box | STRUCT(a INTEGER, b BIGINT[]) | {'a': 1, 'b': [1, 2]}",
        "half | FLOAT | 1.5",
        "kv | MAP(VARCHAR, BIGINT) | {k=1}",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn polars_and_pandas() {
    let script = "
        import sys
        import pandas
        import polars
        import pyarrow.parquet

        folder = sys.argv[1]
        frame = polars.read_parquet(f'{folder}/*/*.parquet')
        for name in ['id', 'source_d', 'source_at', 'source_sec', 'source_ns', 'source_tod', 'source_tags', 'source_box']:
            print('polars', name, frame.schema[name], frame[name].to_list()[0], sep=' | ')
        table = pyarrow.parquet.read_table(folder, partitioning=None)
        for name in ['id', 'source_d', 'target_at', 'source_sec', 'source_ns', 'source_secs', 'source_code', 'source_view']:
            print('arrow', name, table.schema.field(name).type, table[name][0], sep=' | ')
        print('arrow', 'source_kv', table['source_kv'].to_pylist()[0], sep=' | ')
        pandas_frame = table.to_pandas()
        print('pandas', pandas_frame['source_d'].iloc[0] - pandas_frame['target_d'].iloc[0], pandas_frame['changed_columns'].iloc[0])
    ";
    let tieout = project();
    let printed = python::run(script, [tieout.path("out/divergences/rule=r")]);
    let expected = [
        "polars | id | UInt64 | 18446744073709551615",
        "polars | source_d | Decimal(precision=12, scale=2) | 1.50",
        "polars | source_at | Datetime(time_unit='us', time_zone='UTC') | 2026-01-01 12:00:00+00:00",
        "polars | source_sec | Datetime(time_unit='ms', time_zone=None) | 2026-01-01 12:00:01",
        "polars | source_ns | Datetime(time_unit='ns', time_zone=None) | 2026-01-01 12:00:00.123456",
        "polars | source_tod | Time | 12:00:00.000001",
        "polars | source_tags | List(String) | ['x', None]",
        "polars | source_box | Struct({'a': Int32, 'b': List(Int64)}) | {'a': 1, 'b': [1, 2]}",
        "arrow | id | uint64 | 18446744073709551615",
        "arrow | source_d | decimal128(12, 2) | 1.50",
        "arrow | target_at | timestamp[us, tz=UTC] | 2026-01-01 12:00:00+00:00",
        "arrow | source_sec | timestamp[ms] | 2026-01-01 12:00:01",
        "arrow | source_ns | timestamp[ns] | 2026-01-01 12:00:00.123456789",
        "arrow | source_secs | time32[ms] | 12:00:01",
        "arrow | source_code | string | a",
        "arrow | source_view | string | v",
        "arrow | source_kv | [('k', 1)]",
        "pandas | -1.00 ['d' 'code']",
    ];
    assert_eq!(printed.replace("pandas ", "pandas | ").lines().collect::<Vec<_>>(), expected);
}

/// `tieout sql` reads the tables with the types they were written with.
#[test]
fn datafusion() {
    let tieout = project();
    let sql = "SELECT arrow_typeof(id) AS id, arrow_typeof(source_d) AS d, arrow_typeof(source_at) AS \"at\", \
               arrow_typeof(source_sec) AS sec, source_d + target_d AS sum FROM divergences.r";
    let rows = tieout.run(["sql", "--format", "json", sql]).exits(0).json();
    assert_eq!(
        rows,
        serde_json::json!([{
            "id": "UInt64", "d": "Decimal128(12, 2)", "at": "Timestamp(µs, \"UTC\")", "sec": "Timestamp(ms)", "sum": 4.0
        }])
    );
}
