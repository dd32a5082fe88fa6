# CSV against CSV is compared as text, unless `columns:` or a tolerance gives a type.

=== as text
$ tieout diff source.csv target.csv --key id
--- source.csv
id,v
1,7
2,1.50
3,a
04,x
--- target.csv
id,v
1,007
2,1.5
3,a
4,x
--- finds
diverged: 4 source, 4 target, 1 equal, 2 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 2
kind              | side   | id:Utf8 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_target | source | 04      | NULL            | x             | NULL          | NULL
value_mismatch    | both   | 1       | [v]             | 7             | 007           | NULL
value_mismatch    | both   | 2       | [v]             | 1.50          | 1.5           | NULL
missing_in_source | target | 4       | NULL            | NULL          | x             | NULL

=== as the types that are declared on both sides
$ tieout diff source.csv target.csv --key id --option columns.id=bigint --option 'columns.v=decimal(12,2)'
--- source.csv
id,v
1,7
2,1.50
3,x
04,1.505
5,x
--- target.csv
id,v
1,007
2,1.5
3,1
4,1.50
5,x
--- finds
diverged: 5 source, 5 target, 3 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 3        | [v]             | NULL                       | 1.00                       | [{side: source, column: v, text: x}]
value_mismatch | both | 4        | [v]             | NULL                       | 1.50                       | [{side: source, column: v, text: 1.505}]

=== a type on one side types the other
$ tieout diff source.csv target.csv --key id --source-option 'columns.v=decimal(12,2)'
--- source.csv
id,v
1,7
2,x
3,1.50
--- target.csv
id,v
1,007
2,x
3,1.505
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Utf8 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 3       | [v]             | 1.50                       | NULL                       | [{side: target, column: v, text: 1.505}]

=== different types on the two sides
$ tieout diff source.csv target.csv --key id --source-option columns.v=integer --target-option 'columns.v=decimal(12,2)'
--- source.csv
id,v
1,7
2,7
--- target.csv
id,v
1,7.0
2,7.01
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Utf8 | changed_columns | source_v:Int32 | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 2       | [v]             | 7              | 7.01                       | NULL

=== a tolerance makes numbers of both
Exact decimals: 0.3 and 0.2 are 0.1 apart.
$ tieout diff source.csv target.csv --key id --tolerance v=0.1
--- source.csv
id,v
1,0.3
2,0.30000000001
3,7
4,x
5,x
6,x
7,
8,1e2
--- target.csv
id,v
1,0.2
2,0.2
3,007
4,x
5,y
6,1
7,0
8,100.1
--- finds
diverged: 8 source, 8 target, 4 equal, 4 value_mismatch
column v: differs in 4
column v: is within tolerance in 2
kind           | side | id:Utf8 | changed_columns | source_v:Decimal128(38, 18) | target_v:Decimal128(38, 18) | unreadable
value_mismatch | both | 2       | [v]             | 0.300000000010000000        | 0.200000000000000000        | NULL
value_mismatch | both | 5       | [v]             | NULL                        | NULL                        | [{side: source, column: v, text: x}, {side: target, column: v, text: y}]
value_mismatch | both | 6       | [v]             | NULL                        | 1.000000000000000000        | [{side: source, column: v, text: x}]
value_mismatch | both | 7       | [v]             | NULL                        | 0.000000000000000000        | NULL

=== a relative tolerance
$ tieout diff source.csv target.csv --key id --tolerance v=1%
--- source.csv
id,v
1,100
2,100
--- target.csv
id,v
1,99
2,98.99
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
column v: is within tolerance in 1
kind           | side | id:Utf8 | changed_columns | source_v:Decimal128(38, 18) | target_v:Decimal128(38, 18) | unreadable
value_mismatch | both | 2       | [v]             | 100.000000000000000000      | 98.990000000000000000       | NULL

=== a tolerance of many digits
More digits than a decimal of 38 holds, on both sides.
$ tieout diff source.csv target.csv --key id --tolerance v=1
--- source.csv
id,v
1,123456789012345678901234567890.5
2,0.12345678901234567890123456789
--- target.csv
id,v
1,123456789012345678901234567891.5
2,0.12345678901234567890123456788
--- finds
reconciled: 2 source, 2 target, 2 equal
column v: is within tolerance in 2

=== a duration needs a type
$ tieout diff source.csv target.csv --key id --tolerance at=2s
--- source.csv
id,at
1,2026-03-01T12:00:00
--- target.csv
id,at
1,2026-03-01T12:00:02
--- finds
error config: `at` is Utf8: only numbers and times have a tolerance
hint: give the column a type under `columns:` of the dataset, or remove the tolerance

=== a duration with a type
$ tieout diff source.csv target.csv --key id --tolerance at=2s --option columns.at=timestamp
--- source.csv
id,at
1,2026-03-01T12:00:00
2,2026-03-01T12:00:00
--- target.csv
id,at
1,2026-03-01 12:00:02
2,2026-03-01 12:00:02.000001
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column at: differs in 1
column at: is within tolerance in 1
kind           | side | id:Utf8 | changed_columns | source_at:Timestamp(µs) | target_at:Timestamp(µs)    | unreadable
value_mismatch | both | 2       | [at]            | 2026-03-01T12:00:00     | 2026-03-01T12:00:02.000001 | NULL

=== unreadable on both sides is text
$ tieout diff source.csv target.csv --key id --option columns.v=integer
--- source.csv
id,v
1,n/a
2,n/a
3,n/a
--- target.csv
id,v
1,n/a
2,N/A
3,
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Utf8 | changed_columns | source_v:Int32 | target_v:Int32 | unreadable
value_mismatch | both | 2       | [v]             | NULL           | NULL           | [{side: source, column: v, text: n/a}, {side: target, column: v, text: N/A}]
value_mismatch | both | 3       | [v]             | NULL           | NULL           | [{side: source, column: v, text: n/a}]

=== unreadable on both sides in a key is text
$ tieout diff source.csv target.csv --key id --option columns.id=integer
--- source.csv
id,v
x,1
y,2
01,3
--- target.csv
id,v
x,1
z,2
1,3
--- finds
diverged: 3 source, 3 target, 2 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | id:Int32 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_target | source | NULL     | NULL            | 2             | NULL          | [{side: source, column: id, text: y}]
missing_in_source | target | NULL     | NULL            | NULL          | 2             | [{side: target, column: id, text: z}]

=== CSV against JSON
$ tieout diff source.csv target.ndjson --key id
--- source.csv
id,v
1,7
2,1.50
--- target.ndjson
{"id": 1, "v": 7}
{"id": 2, "v": 1.5}
--- finds
reconciled: 2 source, 2 target, 2 equal
