# Expressions per side.

=== an expression for the target
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
    columns:
      placed_at: {target: "to_timestamp_millis(placed_at_ms)"}
      placed_at_ms: {ignore: true}
--- source.parquet
id:int64, placed_at:timestamp(ms)
1 | 2026-03-01T12:00:00
2 | 2026-03-01T12:00:00
--- target.parquet
id:int64, placed_at_ms:int64
1 | 1772366400000
2 | 1772366400001
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column placed_at: differs in 1
kind           | side | id:Int64 | changed_columns | source_placed_at:Timestamp(ms) | target_placed_at:Timestamp(ms) | unreadable
value_mismatch | both | 2        | [placed_at]     | 2026-03-01T12:00:00            | 2026-03-01T12:00:00.001        | NULL

=== expressions on both sides, over the side's own names
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
    map: {total: amount}
    columns:
      amount: {source: "net + vat", target: "total / 100"}
      net: {ignore: true}
      vat: {ignore: true}
--- source.parquet
id:int64, net:int64, vat:int64, amount:int64
1 | 10 | 2 | 0
2 | 10 | 2 | 0
--- target.parquet
id:int64, total:int64
1 | 1200
2 | 1300
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column amount: differs in 1
kind           | side | id:Int64 | changed_columns | source_amount:Int64 | target_amount:Int64 | unreadable
value_mismatch | both | 2        | [amount]        | 12                  | 13                  | NULL

=== a key by an expression
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {csv: {path: target.csv}}
rules:
  orders:
    source: erp
    target: lake
    key: [id]
    columns:
      id: {target: "replace(id, 'A-', '')"}
--- source.parquet
id:int64, v:int64
1 | 1
2 | 2
3 | 3
--- target.csv
id,v
A-1,1
2,20
B-3,3
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_source | target | NULL     | NULL            | NULL           | 3              | [{side: target, column: id, text: B-3}]
value_mismatch    | both   | 2        | [v]             | 2              | 20             | NULL
missing_in_target | source | 3        | NULL            | 3              | NULL           | NULL

=== one side's expression where the types cannot be compared
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  flags:
    source: erp
    target: lake
    key: [id]
    columns:
      v: {source: "cast(v as int)"}
--- source.parquet
id:int64, v:bool
1 | true
2 | false
--- target.parquet
id:int64, v:int64
1 | 1
2 | 1
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Int32 | target_v:Int64 | unreadable
value_mismatch | both | 2        | [v]             | 0              | 1              | NULL

=== an expression that does not plan
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  flags:
    source: erp
    target: lake
    key: [id]
    columns:
      v: {source: "vv + 1"}
--- source.parquet
id:int64, v:int64
1 | 1
--- target.parquet
id:int64, v:int64
1 | 1
--- finds
error sql: tieout.yaml:10:20: there is no column `vv` (rule flags, side source)
hint: did you mean `v`?
