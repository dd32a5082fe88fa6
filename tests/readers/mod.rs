//! The divergence tables and the runs, opened by the readers that people use: DuckDB, Polars, pandas (pyarrow) and
//! DataFusion (`tieout sql`).

mod tables;
mod types;

use crate::support::tieout::Tieout;

/// A project with every kind of divergence, a reconciled rule and totals; run twice.
fn project() -> Tieout {
    let tieout = Tieout::new();
    tieout.parquet(
        "s.parquet",
        "
        rule:utf8, run:int32, amount:decimal(12,2), at:timestamp(us,UTC), extra:int64
        a    | 1    | 1.00 | 2026-01-01T00:00:00Z | 1
        a    | 2    | 2.00 | 2026-01-02T00:00:00Z | 1
        b    | 1    | 3.00 | 2026-01-03T00:00:00Z | 1
        b    | 1    | 4.00 | 2026-01-03T00:00:00Z | 1
        NULL | NULL | 5.00 | 2026-01-04T00:00:00Z | 1
        c    | 9    | 6.00 | NULL | 1
        ",
    );
    tieout.file(
        "t.csv",
        "
        rule,run,amount,at
        a,1,1.00,2026-01-01T00:00:00Z
        a,2,oops,2026-01-02T00:00:01Z
        b,1,3.00,2026-01-03T00:00:00Z
        ,,7.00,2026-01-04T00:00:00Z
        d,4,8.00,2026-01-05T00:00:00Z
        ",
    );
    tieout.file(
        "tieout.yaml",
        "
        datasets:
          s: {parquet: {path: s.parquet}}
          t: {csv: {path: t.csv}}
        rules:
          rows: {source: s, target: t, key: [rule, run]}
          same: {source: s, target: s, key: [rule, run, amount]}
          sums: {source: s, target: s, group_by: {rule: rule}, totals: {n: count(*)}}
        ",
    );
    tieout.file("queries/none.sql", "-- key: rule\nSELECT rule, run FROM s WHERE amount > 1000\n");
    for _ in 0..2 {
        tieout.run(["run"]).exits(1);
    }
    tieout
}
