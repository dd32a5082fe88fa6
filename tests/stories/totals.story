# Totals: aggregates of both sides, by group; groups are the key.

=== by group
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  daily:
    source: erp
    target: lake
    group_by: {day: "date_trunc('day', at)", currency: currency}
    totals: {orders: "count(*)", revenue: "sum(amount)"}
    tolerance: {revenue: 0.01}
--- source.parquet
at:timestamp(us), currency:utf8, amount:decimal(12,2)
2026-03-01T10:00:00 | EUR | 1.00
2026-03-01T11:00:00 | EUR | 2.00
2026-03-01T11:00:00 | USD | 2.00
2026-03-02T11:00:00 | NULL | 2.00
2026-03-03T11:00:00 | EUR | 2.00
--- target.parquet
at:timestamp(us), currency:utf8, amount:decimal(12,2)
2026-03-01T23:00:00 | EUR | 3.00
2026-03-01T11:00:00 | EUR | 0.01
2026-03-01T11:00:00 | USD | 2.02
2026-03-02T11:00:00 | NULL | 2.00
2026-03-04T11:00:00 | EUR | 2.00
--- finds
diverged: 4 source, 4 target, 2 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column revenue: differs in 1
column revenue: is within tolerance in 1
kind              | side   | day:Timestamp(µs)   | currency:Utf8 | changed_columns | source_orders:Int64 | target_orders:Int64 | source_revenue:Decimal128(22, 2) | target_revenue:Decimal128(22, 2) | unreadable
value_mismatch    | both   | 2026-03-01T00:00:00 | USD           | [revenue]       | 1                   | 1                   | 2.00                             | 2.02                             | NULL
missing_in_target | source | 2026-03-03T00:00:00 | EUR           | NULL            | 1                   | NULL                | 2.00                             | NULL                             | NULL
missing_in_source | target | 2026-03-04T00:00:00 | EUR           | NULL            | NULL                | 1                   | NULL                             | 2.00                             | NULL

=== of the whole table
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  all_rows:
    source: erp
    target: lake
    totals: {rows: "count(*)", revenue: "sum(amount)"}
--- source.parquet
amount:decimal(12,2)
1.00
2.00
--- target.parquet
amount:decimal(12,2)
1.50
1.51
--- finds
diverged: 1 source, 1 target, 1 value_mismatch
column revenue: differs in 1
kind           | side | group:Utf8 | changed_columns | source_rows:Int64 | target_rows:Int64 | source_revenue:Decimal128(22, 2) | target_revenue:Decimal128(22, 2) | unreadable
value_mismatch | both | all        | [revenue]       | 2                 | 2                 | 3.00                             | 3.01                             | NULL

=== of empty tables
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  grouped:
    source: erp
    target: lake
    group_by: {g: amount}
    totals: {rows: "count(*)"}
  whole:
    source: erp
    target: lake
    totals: {rows: "count(*)", revenue: "sum(amount)"}
--- source.parquet
amount:decimal(12,2)
--- target.parquet
amount:decimal(12,2)
--- finds
rule grouped
reconciled: 0 source, 0 target
note: there are no rows on either side
rule whole
reconciled: 1 source, 1 target, 1 equal

=== filtered and mapped
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  paid:
    source: erp
    target: lake
    map: {st: status}
    where: "status <> 'draft'"
    target_where: "st <> 'dead'"
    group_by: {status: status}
    totals: {rows: "count(*)"}
--- source.parquet
id:int64, status:utf8
1 | paid
2 | draft
3 | void
--- target.parquet
id:int64, st:utf8
1 | paid
2 | draft
3 | void
4 | dead
5 | paid
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column rows: differs in 1
kind           | side | status:Utf8 | changed_columns | source_rows:Int64 | target_rows:Int64 | unreadable
value_mismatch | both | paid        | [rows]          | 1                 | 2                 | NULL

=== of a CSV file, by declared types
$ tieout run
--- tieout.yaml
datasets:
  erp: {csv: {path: source.csv, columns: {amount: "decimal(12,2)"}}}
  lake: {parquet: {path: target.parquet}}
rules:
  sums:
    source: erp
    target: lake
    group_by: {g: g}
    totals: {revenue: "sum(amount)"}
--- source.csv
g,amount
a,1.50
a,1.5
b,2
--- target.parquet
g:utf8, amount:decimal(12,2)
a | 3.00
b | 2.01
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column revenue: differs in 1
kind           | side | g:Utf8 | changed_columns | source_revenue:Decimal128(22, 2) | target_revenue:Decimal128(22, 2) | unreadable
value_mismatch | both | b      | [revenue]       | 2.00                             | 2.01                             | NULL

=== of a CSV file whose cell is no number
$ tieout run
--- tieout.yaml
datasets:
  erp: {csv: {path: source.csv, columns: {amount: "decimal(12,2)"}}}
  lake: {parquet: {path: target.parquet}}
rules:
  sums:
    source: erp
    target: lake
    totals: {revenue: "sum(amount)"}
--- source.csv
g,amount
a,1.50
a,n/a
--- target.parquet
g:utf8, amount:decimal(12,2)
a | 1.50
--- finds
error data: tieout.yaml:5:3: `n/a` in erp.amount cannot be read as decimal(12, 2) (rule sums, dataset erp, side source)
hint: declare a type that holds every cell of the column, or leave its type out

=== floats, and times of day
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  sums:
    source: erp
    target: lake
    totals: {last: "max(t)", revenue: "sum(amount)"}
    tolerance: {revenue: 1%, last: 1s}
--- source.parquet
t:time64(us), amount:float64
12:00:00 | 100
--- target.parquet
t:time64(us), amount:float64
12:00:01 | 99
--- finds
reconciled: 1 source, 1 target, 1 equal
column last: is within tolerance in 1
column revenue: is within tolerance in 1
