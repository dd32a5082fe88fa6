# `where` sees source names on both sides, after mapping; `--source-where` and `--target-where` each side's own. `settle` leaves late rows out.

=== where, on both sides
A row that leaves the filter on one side is missing there.
$ tieout diff source.parquet target.parquet --key id --where "status <> 'draft'"
--- source.parquet
id:int64, status:utf8
1 | paid
2 | draft
3 | paid
4 | NULL
--- target.parquet
id:int64, status:utf8
1 | paid
2 | draft
3 | draft
4 | paid
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | id:Int64 | changed_columns | source_status:Utf8 | target_status:Utf8 | unreadable
missing_in_target | source | 3        | NULL            | paid               | NULL               | NULL
missing_in_source | target | 4        | NULL            | NULL               | paid               | NULL

=== where sees the source's names
$ tieout diff source.parquet target.parquet --key id --map st=status --where "status = 'paid'"
--- source.parquet
id:int64, status:utf8
1 | paid
2 | draft
--- target.parquet
id:int64, st:utf8
1 | paid
2 | void
--- finds
reconciled: 1 source, 1 target, 1 equal

=== where over a column that is ignored
$ tieout diff source.parquet target.parquet --key id --map st=status --ignore status --where "status = 'paid'"
--- source.parquet
id:int64, status:utf8, v:int64
1 | paid | 1
2 | draft | 2
--- target.parquet
id:int64, st:utf8, v:int64
1 | paid | 1
2 | void | 3
--- finds
reconciled: 1 source, 1 target, 1 equal

=== where over a CSV file sees the other side's type
'10' is text, 10 is more than 9.
$ tieout diff source.csv target.parquet --key id --where "n > 9"
--- source.csv
id,n
1,10
2,9.0
3,x
--- target.parquet
id:int64, n:int64
1 | 10
2 | 9
3 | 11
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column n: differs in 1
kind           | side | id:Int64 | changed_columns | source_n:Int64 | target_n:Int64 | unreadable
value_mismatch | both | 3        | [n]             | NULL           | 11             | [{side: source, column: n, text: x}]

=== each side's own filter
$ tieout diff source.parquet target.parquet --key id --map st=status --source-where "status = 'paid'" --target-where "st = 'P'" --ignore status
--- source.parquet
id:int64, status:utf8, v:int64
1 | paid  | 1
2 | draft | 2
3 | paid  | 3
--- target.parquet
id:int64, st:utf8, v:int64
1 | P | 1
2 | D | 2
3 | P | 4
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 3        | [v]             | 3              | 4              | NULL

=== a filter without a key
$ tieout diff source.parquet target.parquet --where "v > 1"
--- source.parquet
v:int64
1
2
--- target.parquet
v:int64
2
3
--- finds
diverged: 1 source, 2 target, 1 equal, 1 missing_in_source
kind              | side   | v:Int64 | changed_columns | unreadable
missing_in_source | target | 3       | NULL            | NULL

=== where over a column that stands on one side
$ tieout diff source.parquet target.parquet --key id --where "only_here = 1" --ignore only_here
--- source.parquet
id:int64, only_here:int64
1 | 1
--- target.parquet
id:int64
1
--- finds
error sql: there is no column `only_here` (side target, expression only_here = 1)
hint: the columns are `id`

=== late rows are left out
The row of the year 2999 is not settled yet; NULL is.
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  orders:
    source: erp
    target: lake
    key: [id]
    columns: {at: {ignore: true}}
    settle: {column: at, for: 15m}
--- source.parquet
id:int64, at:timestamp(us,UTC), v:int64
1 | 2026-03-01T12:00:00Z | 1
2 | 2999-03-01T12:00:00Z | 2
3 | NULL                 | 3
--- target.parquet
id:int64, at:timestamp(us,UTC), v:int64
1 | 2026-03-01T12:00:00Z | 1
3 | NULL                 | 4
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
note: rows whose `at` is later than MOMENT are left out on both sides
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 3        | [v]             | 3              | 4              | NULL

=== settled by text of a CSV file
$ tieout run
--- tieout.yaml
datasets:
  erp: {csv: {path: source.csv}}
  lake: {parquet: {path: target.parquet}}
rules:
  orders:
    source: erp
    target: lake
    key: [id]
    settle: {column: at, for: 1d}
--- source.csv
id,at
1,2026-03-01T12:00:00
2,2999-03-01T12:00:00
3,soon
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-01T12:00:00
--- finds
diverged: 2 source, 1 target, 1 equal, 1 missing_in_target
note: rows whose `at` is later than MOMENT are left out on both sides
kind              | side   | id:Int64 | changed_columns | source_at:Timestamp(µs) | target_at:Timestamp(µs) | unreadable
missing_in_target | source | 3        | NULL            | NULL                    | NULL                    | [{side: source, column: at, text: soon}]

=== settled by no time
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  orders:
    source: erp
    target: lake
    key: [id]
    settle: {column: v, for: 1d}
--- source.parquet
id:int64, v:int64
1 | 1
--- target.parquet
id:int64, v:int64
1 | 1
--- finds
error schema: tieout.yaml:5:3: `v` is Int64, not a time to settle by (rule orders, side source)
hint: declare its type under `columns:` of the dataset
