# Integers of any width are compared by value, exactly; no detour over floats.

=== the same numbers in all widths
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, a:int8, b:int16, c:int32, d:uint8, e:uint16, f:uint32
1 | -128 | -32768 | -2147483648 | 255 | 65535 | 4294967295
2 | 127  | 32767  | 2147483647  | 0   | 0     | 0
3 | 1    | 1      | 1           | 1   | 1     | 1
--- target.parquet
id:int64, a:int64, b:int32, c:int64, d:int16, e:uint64, f:int64
1 | -128 | -32768 | -2147483648 | 255 | 65535 | 4294967295
2 | 127  | 32767  | 2147483647  | 0   | 0     | 0
3 | 2    | 0      | -1          | 0   | 2     | 4294967296
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column a: differs in 1
column b: differs in 1
column c: differs in 1
column d: differs in 1
column e: differs in 1
column f: differs in 1
kind           | side | id:Int64 | changed_columns    | source_a:Int8 | target_a:Int64 | source_b:Int16 | target_b:Int32 | source_c:Int32 | target_c:Int64 | source_d:UInt8 | target_d:Int16 | source_e:UInt16 | target_e:UInt64 | source_f:UInt32 | target_f:Int64 | unreadable
value_mismatch | both | 3        | [a, b, c, d, e, f] | 1             | 2              | 1              | 0              | 1              | -1             | 1              | 0              | 1               | 2               | 1               | 4294967296     | NULL

=== the ends of 64 bits, signed against unsigned
9007199254740993 is no float.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:int64
1 | 9223372036854775807
2 | -1
3 | 9223372036854775807
4 | 9007199254740993
5 | -9223372036854775808
--- target.parquet
id:int64, v:uint64
1 | 9223372036854775807
2 | 18446744073709551615
3 | 9223372036854775808
4 | 9007199254740992
5 | 9223372036854775808
--- finds
diverged: 5 source, 5 target, 1 equal, 4 value_mismatch
column v: differs in 4
kind           | side | id:Int64 | changed_columns | source_v:Int64       | target_v:UInt64      | unreadable
value_mismatch | both | 2        | [v]             | -1                   | 18446744073709551615 | NULL
value_mismatch | both | 3        | [v]             | 9223372036854775807  | 9223372036854775808  | NULL
value_mismatch | both | 4        | [v]             | 9007199254740993     | 9007199254740992     | NULL
value_mismatch | both | 5        | [v]             | -9223372036854775808 | 9223372036854775808  | NULL

=== keys of different widths meet
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int8, v:int64
1   | 1
-1  | 2
127 | 3
--- target.parquet
id:uint64, v:int64
1                    | 1
18446744073709551615 | 2
127                  | 30
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | id:Decimal128(20, 0) | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | -1                   | NULL            | 2              | NULL           | NULL
value_mismatch    | both   | 127                  | [v]             | 3              | 30             | NULL
missing_in_source | target | 18446744073709551615 | NULL            | NULL           | 2              | NULL

=== integer keys against decimal keys
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:uint64, v:int64
18446744073709551615 | 1
7                    | 2
8                    | 3
--- target.parquet
id:decimal(22,2), v:int64
18446744073709551615.00 | 1
7.00                    | 2
8.01                    | 3
--- finds
diverged: 3 source, 3 target, 2 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | id:Decimal128(22, 2) | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | 8.00                 | NULL            | 3              | NULL           | NULL
missing_in_source | target | 8.01                 | NULL            | NULL           | 3              | NULL
