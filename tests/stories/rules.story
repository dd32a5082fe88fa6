# What only a project's rules can say: the error budget, and queries of their own.

=== within the error budget
Reconciled, though the table holds what was allowed.
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  orders: {source: erp, target: lake, key: [id], allow: {rows: 1}}
--- source.parquet
id:int64, v:int64
1 | 1
2 | 2
--- target.parquet
id:int64, v:int64
1 | 1
2 | 3
--- finds
reconciled: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
note: divergences: 1, within the budget of 1 rows
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 2        | [v]             | 2              | 3              | NULL

=== past the error budget
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  orders: {source: erp, target: lake, key: [id], allow: {rows: 1}}
--- source.parquet
id:int64, v:int64
1 | 1
2 | 2
--- target.parquet
id:int64, v:int64
1 | 2
2 | 3
--- finds
diverged: 2 source, 2 target, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 1        | [v]             | 1              | 2              | NULL
value_mismatch | both | 2        | [v]             | 2              | 3              | NULL

=== a rate
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  half: {source: erp, target: lake, key: [id], allow: {rate: 50%}}
  less: {source: erp, target: lake, key: [id], allow: {rate: 49.9%}}
--- source.parquet
id:int64, v:int64
1 | 1
2 | 2
--- target.parquet
id:int64, v:int64
1 | 1
2 | 3
--- finds
rule half
reconciled: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
note: divergences: 1, within the budget of a rate of 0.5
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 2        | [v]             | 2              | 3              | NULL
rule less
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 2        | [v]             | 2              | 3              | NULL

=== no budget for schemas
$ tieout run
--- tieout.yaml
datasets:
  erp: {parquet: {path: source.parquet}}
  lake: {parquet: {path: target.parquet}}
rules:
  orders: {source: erp, target: lake, key: [id], allow: {rows: 10}}
--- source.parquet
id:int64, v:int64
1 | 1
--- target.parquet
id:int64
1
--- finds
diverged: 1 source, 1 target, 1 equal
column v: only in source
kind            | side   | id:Int64 | changed_columns | unreadable
schema_mismatch | source | NULL     | [v]             | NULL

=== a query: every row returned is a divergence
$ tieout run
--- tieout.yaml
datasets:
  payments: {csv: {path: payments.csv, columns: {amount: "decimal(12,2)"}}}
--- payments.csv
id,amount,status
1,10.00,paid
2,-5.00,paid
3,-7.00,void
--- queries/negative.sql
-- key: id
SELECT id, amount FROM payments WHERE amount < 0 AND status = 'paid'
--- finds
diverged: 1 rule_violation
kind           | side | id:Utf8 | amount:Decimal128(12, 2)
rule_violation | both | 2       | -5.00

=== a query that returns nothing
$ tieout run
--- tieout.yaml
datasets:
  payments: {csv: {path: payments.csv}}
--- payments.csv
id
1
--- queries/none.sql
-- key: id
SELECT id FROM payments WHERE id = '2'
--- finds
reconciled

=== a query without a key, and one whose key repeats
$ tieout run
--- tieout.yaml
datasets:
  payments: {csv: {path: payments.csv}}
--- payments.csv
id,kind
1,a
1,b
1,b
--- queries/keyed.sql
-- key: id
SELECT id, kind FROM payments
--- queries/unkeyed.sql
SELECT kind, id FROM payments
--- finds
rule keyed
diverged: 3 rule_violation
note: column `kind` is written as `key_kind`, for `kind` has another meaning there
kind           | side | id:Utf8 | key_kind:Utf8
rule_violation | both | 1       | b
rule_violation | both | 1       | a
rule_violation | both | 1       | b
rule unkeyed
diverged: 3 rule_violation
note: column `kind` is written as `key_kind`, for `kind` has another meaning there
kind           | side | key_kind:Utf8 | id:Utf8
rule_violation | both | a             | 1
rule_violation | both | b             | 1
rule_violation | both | b             | 1

=== a query with odd types
$ tieout run
--- tieout.yaml
datasets:
  t: {parquet: {path: t.parquet}}
--- t.parquet
id:int64, b:binary, t:time64(us), l:list(int64)
1 | 00 | 12:00:00 | [1]
1 | 01 | 12:00:01 | [2]
--- queries/odd.sql
-- key: id
SELECT id, b, t, l, NULL AS n FROM t
--- finds
diverged: 2 rule_violation
kind           | side | id:Int64 | b:Binary | t:Time64(µs) | l:List(Int64) | n:Utf8
rule_violation | both | 1        | 01       | 12:00:01     | [2]           | NULL
rule_violation | both | 1        | 00       | 12:00:00     | [1]           | NULL
