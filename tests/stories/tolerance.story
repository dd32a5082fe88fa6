# A tolerance is inclusive; a row within it is equal, and counted.

=== absolute, inclusive, exact
0.3 - 0.2 is not within 0.1 in floats; decimals are exact.
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.1
--- source.parquet
id:int64, v:decimal(12,2)
1 | 0.30
2 | 0.20
3 | 0.30
4 | NULL
5 | NULL
6 | 1.00
--- target.parquet
id:int64, v:decimal(20,4)
1 | 0.2000
2 | 0.3000
3 | 0.1999
4 | 0.0000
5 | NULL
6 | 1.0000
--- finds
diverged: 6 source, 6 target, 4 equal, 2 value_mismatch
column v: differs in 2
column v: is within tolerance in 2
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(20, 4) | unreadable
value_mismatch | both | 3        | [v]             | 0.30                       | 0.1999                     | NULL
value_mismatch | both | 4        | [v]             | NULL                       | 0.0000                     | NULL

=== absolute, integers at the ends of their types
$ tieout diff source.parquet target.parquet --key id --tolerance v=1
--- source.parquet
id:int64, v:int64
1 | 9223372036854775807
2 | -1
3 | -9223372036854775808
4 | 9007199254740993
--- target.parquet
id:int64, v:uint64
1 | 9223372036854775808
2 | 0
3 | 18446744073709551615
4 | 9007199254740995
--- finds
diverged: 4 source, 4 target, 2 equal, 2 value_mismatch
column v: differs in 2
column v: is within tolerance in 2
kind           | side | id:Int64 | changed_columns | source_v:Int64       | target_v:UInt64      | unreadable
value_mismatch | both | 3        | [v]             | -9223372036854775808 | 18446744073709551615 | NULL
value_mismatch | both | 4        | [v]             | 9007199254740993     | 9007199254740995     | NULL

=== absolute, floats
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.5
--- source.parquet
id:int64, v:float64
1 | 1.0
2 | 1.0
3 | NaN
4 | NaN
5 | inf
6 | inf
--- target.parquet
id:int64, v:float64
1 | 1.5
2 | 1.5000001
3 | NaN
4 | 1.0
5 | inf
6 | 1.0
--- finds
diverged: 6 source, 6 target, 3 equal, 3 value_mismatch
column v: differs in 3
column v: is within tolerance in 1
kind           | side | id:Int64 | changed_columns | source_v:Float64 | target_v:Float64 | unreadable
value_mismatch | both | 2        | [v]             | 1.0              | 1.5000001        | NULL
value_mismatch | both | 4        | [v]             | NaN              | 1.0              | NULL
value_mismatch | both | 6        | [v]             | inf              | 1.0              | NULL

=== relative to the larger one
$ tieout diff source.parquet target.parquet --key id --tolerance v=1%
--- source.parquet
id:int64, v:decimal(12,2)
1 | 100.00
2 | 99.00
3 | 98.99
4 | -100.00
5 | 0.00
6 | 0.00
7 | -1.00
--- target.parquet
id:int64, v:decimal(12,2)
1 | 99.00
2 | 100.00
3 | 100.00
4 | -99.00
5 | 0.01
6 | 0.00
7 | 1.00
--- finds
diverged: 7 source, 7 target, 4 equal, 3 value_mismatch
column v: differs in 3
column v: is within tolerance in 3
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 3        | [v]             | 98.99                      | 100.00                     | NULL
value_mismatch | both | 5        | [v]             | 0.00                       | 0.01                       | NULL
value_mismatch | both | 7        | [v]             | -1.00                      | 1.00                       | NULL

=== a duration
$ tieout diff source.parquet target.parquet --key id --tolerance at=2s --tolerance d=1d
--- source.parquet
id:int64, at:timestamp(ms), d:date32
1 | 1969-12-31T23:59:59 | 2026-02-28
2 | 2026-03-01T12:00:00 | 2026-02-28
3 | 2026-03-01T12:00:00 | 2026-02-28
--- target.parquet
id:int64, at:timestamp(us), d:date32
1 | 1970-01-01T00:00:01       | 2026-03-01
2 | 2026-03-01T12:00:02.000001 | 2026-02-28
3 | 2026-03-01T11:59:57.999999 | 2026-03-02
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column at: differs in 1
column at: is within tolerance in 2
column d: differs in 1
column d: is within tolerance in 1
note: column `at`: Timestamp(ms) against Timestamp(µs) is compared in milliseconds, rounded down
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(ms) | target_at:Timestamp(µs)    | source_d:Date32 | target_d:Date32 | unreadable
value_mismatch | both | 3        | [at, d]         | 2026-03-01T12:00:00     | 2026-03-01T11:59:57.999999 | 2026-02-28      | 2026-03-02      | NULL

=== a duration on zoned against zoneless
$ tieout diff source.parquet target.parquet --key id --tolerance at=2s --timezone at=Europe/Berlin
--- source.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T11:00:00Z
2 | 2026-03-01T11:00:00Z
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-01T12:00:02
2 | 2026-03-01T11:00:00
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column at: differs in 1
column at: is within tolerance in 1
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(µs, "UTC") | target_at:Timestamp(µs) | unreadable
value_mismatch | both | 2        | [at]            | 2026-03-01T11:00:00Z           | 2026-03-01T11:00:00     | NULL

=== a float against a decimal
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.25
--- source.parquet
id:int64, v:float64
1 | 1.25
2 | 1.2500001
--- target.parquet
id:int64, v:decimal(12,2)
1 | 1.00
2 | 1.00
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
column v: is within tolerance in 1
note: column `v`: Float64 against Decimal128(12, 2) is compared as the nearest Float64
kind           | side | id:Int64 | changed_columns | source_v:Float64 | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 2        | [v]             | 1.2500001        | 1.00                       | NULL

=== what is within is counted in rows that differ elsewhere, too
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.1
--- source.parquet
id:int64, v:decimal(12,2), w:utf8
1 | 1.00 | a
2 | 1.00 | a
3 | 1.00 | a
--- target.parquet
id:int64, v:decimal(12,2), w:utf8
1 | 1.05 | a
2 | 1.05 | b
3 | 1.00 | a
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column v: is within tolerance in 2
column w: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | source_w:Utf8 | target_w:Utf8 | unreadable
value_mismatch | both | 2        | [w]             | 1.00                       | 1.05                       | a             | b             | NULL

=== zero is a tolerance, too
$ tieout diff source.parquet target.parquet --key id --tolerance v=0
--- source.parquet
id:int64, v:float64
1 | 0.0
2 | 1.0
--- target.parquet
id:int64, v:float64
1 | -0.0
2 | 1.0000000000000002
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Float64 | target_v:Float64   | unreadable
value_mismatch | both | 2        | [v]             | 1.0              | 1.0000000000000002 | NULL

=== it needs a key
$ tieout diff source.parquet target.parquet --tolerance v=0.1
--- source.parquet
v:float64
1
--- target.parquet
v:float64
1
--- finds
error usage: a tolerance for `v` needs a key: it pairs the rows to compare (flag --tolerance)
hint: name the columns that identify a row with --key

=== not on a key
$ tieout diff source.parquet target.parquet --key v --tolerance v=0.1
--- source.parquet
v:float64, w:int64
1 | 1
--- target.parquet
v:float64, w:int64
1 | 1
--- finds
error usage: `v` is in the key, which is compared exactly (flag --tolerance)

=== not on text
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.1
--- source.parquet
id:int64, v:utf8
1 | a
--- target.parquet
id:int64, v:utf8
1 | a
--- finds
error config: `v` is Utf8: only numbers and times have a tolerance
hint: give the column a type under `columns:` of the dataset, or remove the tolerance

=== not on booleans
$ tieout diff source.parquet target.parquet --key id --tolerance v=1
--- source.parquet
id:int64, v:bool
1 | true
--- target.parquet
id:int64, v:bool
1 | false
--- finds
error config: `v` is Boolean: only numbers and times have a tolerance
hint: give the column a type under `columns:` of the dataset, or remove the tolerance

=== not relative on times
$ tieout diff source.parquet target.parquet --key id --tolerance v=1%
--- source.parquet
id:int64, v:timestamp(us)
1 | 2026-03-01T12:00:00
--- target.parquet
id:int64, v:timestamp(us)
1 | 2026-03-01T12:00:00
--- finds
error config: `v` is Timestamp(µs): a time has no relative tolerance
hint: write a duration, e.g. `2s`

=== not a number on times
$ tieout diff source.parquet target.parquet --key id --tolerance v=2
--- source.parquet
id:int64, v:timestamp(us)
1 | 2026-03-01T12:00:00
--- target.parquet
id:int64, v:timestamp(us)
1 | 2026-03-01T12:00:00
--- finds
error config: `v` is Timestamp(µs): its tolerance must be a duration
hint: write it with a unit, e.g. `2s`

=== not a duration on numbers
$ tieout diff source.parquet target.parquet --key id --tolerance v=2s
--- source.parquet
id:int64, v:int64
1 | 1
--- target.parquet
id:int64, v:int64
1 | 1
--- finds
error config: `v` is Int64: its tolerance cannot be a duration
hint: write a number or a percentage

=== not on a list
$ tieout diff source.parquet target.parquet --key id --tolerance v=2
--- source.parquet
id:int64, v:list(int64)
1 | [1]
--- target.parquet
id:int64, v:list(int64)
1 | [1]
--- finds
error config: `v` is List(Int64): only numbers and times have a tolerance
hint: give the column a type under `columns:` of the dataset, or remove the tolerance

=== not below zero
$ tieout diff source.parquet target.parquet --key id --tolerance v=-2
--- source.parquet
id:int64, v:int64
1 | 1
--- target.parquet
id:int64, v:int64
1 | 1
--- finds
error usage: the tolerance `-2` is negative (flag --tolerance)
hint: a tolerance is a distance: write it without the sign

=== text that is wider than the type
$ tieout diff source.csv target.parquet --key id --tolerance v=1
--- source.csv
id,v
1,1000000000000000000000000000000000000000000000000000000000001
2,1000000000000000000000000000000000000000000000000000000000002
--- target.parquet
id:int64, v:decimal256(76,0)
1 | 1000000000000000000000000000000000000000000000000000000000000
2 | 1000000000000000000000000000000000000000000000000000000000000
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
column v: is within tolerance in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal256(76, 0)                                    | target_v:Decimal256(76, 0)                                    | unreadable
value_mismatch | both | 2        | [v]             | 1000000000000000000000000000000000000000000000000000000000002 | 1000000000000000000000000000000000000000000000000000000000000 | NULL

=== a fraction that is longer than the type's
$ tieout diff source.csv target.parquet --key id --tolerance v=1
--- source.csv
id,v
1,1.00000000000000000000000000000000000000000000000001
2,2.00000000000000000000000000000000000000000000000002
--- target.parquet
id:int64, v:decimal256(76,50)
1 | 0.00000000000000000000000000000000000000000000000001
2 | 1.00000000000000000000000000000000000000000000000001
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
column v: is within tolerance in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal256(76, 50)                          | target_v:Decimal256(76, 50)                          | unreadable
value_mismatch | both | 2        | [v]             | 2.00000000000000000000000000000000000000000000000002 | 1.00000000000000000000000000000000000000000000000001 | NULL
