# Decimals of any width and scale are compared by value, exactly.

=== the scale is storage only
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:decimal(12,2)
1 | 1.50
2 | -0.01
3 | 9999999999.99
4 | 1.50
--- target.parquet
id:int64, v:decimal(20,5)
1 | 1.50000
2 | -0.01000
3 | 9999999999.99000
4 | 1.50001
--- finds
diverged: 4 source, 4 target, 3 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(20, 5) | unreadable
value_mismatch | both | 4        | [v]             | 1.50                       | 1.50001                    | NULL

=== 32, 64, 128 and 256 bits
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, a:decimal32(9,2), b:decimal64(18,4), c:decimal(38,10)
1 | 1234567.89 | 12345678901234.5678 | 1234567890123456789012345678.0123456789
2 | 1.00       | 1.0000              | 1.0000000000
--- target.parquet
id:int64, a:decimal(38,10), b:decimal256(50,20), c:decimal256(76,30)
1 | 1234567.89 | 12345678901234.5678 | 1234567890123456789012345678.0123456789
2 | 1.0000000001 | 1.00000000000000000001 | 1.000000000000000000000000000001
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column a: differs in 1
column b: differs in 1
column c: differs in 1
kind           | side | id:Int64 | changed_columns | source_a:Decimal128(9, 2) | target_a:Decimal128(38, 10) | source_b:Decimal128(18, 4) | target_b:Decimal256(50, 20) | source_c:Decimal128(38, 10) | target_c:Decimal256(76, 30)      | unreadable
value_mismatch | both | 2        | [a, b, c]       | 1.00                      | 1.0000000001                | 1.0000                     | 1.00000000000000000001      | 1.0000000000                | 1.000000000000000000000000000001 | NULL

=== integers against decimals
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:int64
1 | 9223372036854775807
2 | 7
3 | 7
--- target.parquet
id:int64, v:decimal(38,10)
1 | 9223372036854775807.0000000000
2 | 7.0000000000
3 | 7.0000000001
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Decimal128(38, 10) | unreadable
value_mismatch | both | 3        | [v]             | 7              | 7.0000000001                | NULL

=== a negative scale
$ tieout diff source.arrow target.arrow --key id
--- source.arrow
id:int64, v:decimal(5,-2), w:decimal(5,-2)
1 | 1200 | 100
2 | 1300 | 9999900
--- target.arrow
id:int64, v:int64, w:decimal(5,-2)
1 | 1200 | 100
2 | 1301 | 9999800
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
column w: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(7, 0) | target_v:Int64 | source_w:Decimal128(7, 0) | target_w:Decimal128(7, 0) | unreadable
value_mismatch | both | 2        | [v, w]          | 1300                      | 1301           | 9999900                   | 9999800                   | NULL

=== too wide for any decimal type
75 digits on the left, 38 of a fraction on the right: no type holds both, and they are compared all the same.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:decimal256(76,0)
1 | 1
2 | 999999999999999999999999999999999999999999999999999999999999999999999999999
3 | 1
4 | NULL
5 | 0
--- target.parquet
id:int64, v:decimal(38,38)
1 | 0.99999999999999999999999999999999999999
2 | 0.5
3 | NULL
4 | NULL
5 | 0.00000000000000000000000000000000000000
--- finds
diverged: 5 source, 5 target, 2 equal, 3 value_mismatch
column v: differs in 3
kind           | side | id:Int64 | changed_columns | source_v:Decimal256(76, 0)                                                  | target_v:Decimal128(38, 38)              | unreadable
value_mismatch | both | 1        | [v]             | 1                                                                           | 0.99999999999999999999999999999999999999 | NULL
value_mismatch | both | 2        | [v]             | 999999999999999999999999999999999999999999999999999999999999999999999999999 | 0.50000000000000000000000000000000000000 | NULL
value_mismatch | both | 3        | [v]             | 1                                                                           | NULL                                     | NULL

=== too wide for any decimal type, within a tolerance
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.00000000000000000000000000000000000001
--- source.parquet
id:int64, v:decimal256(76,0)
1 | 1
2 | 1
3 | 0
--- target.parquet
id:int64, v:decimal(38,38)
1 | 0.99999999999999999999999999999999999999
2 | 0.99999999999999999999999999999999999998
3 | 0.00000000000000000000000000000000000000
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column v: differs in 1
column v: is within tolerance in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal256(76, 0) | target_v:Decimal128(38, 38)              | unreadable
value_mismatch | both | 2        | [v]             | 1                          | 0.99999999999999999999999999999999999998 | NULL

=== too wide for any decimal type, as a key
$ tieout diff source.parquet target.parquet --key k
--- source.parquet
k:decimal256(76,0), v:int64
0 | 1
5 | 2
--- target.parquet
k:decimal(38,38), v:int64
0.00000000000000000000000000000000000000 | 1
0.50000000000000000000000000000000000000 | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | k:Utf8                                   | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | 5                                        | NULL            | 2              | NULL           | NULL
missing_in_source | target | 0.50000000000000000000000000000000000000 | NULL            | NULL           | 2              | NULL

=== decimal keys of different scale
$ tieout diff source.parquet target.parquet --key k
--- source.parquet
k:decimal(5,1), v:int64
1.5 | 1
2.0 | 2
--- target.parquet
k:decimal(9,4), v:int64
1.5000 | 1
2.0001 | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | k:Decimal128(9, 4) | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | 2.0000             | NULL            | 2              | NULL           | NULL
missing_in_source | target | 2.0001             | NULL            | NULL           | 2              | NULL
