# -0.0 = 0.0, NaN = NaN; f32 against f64 at f32; against decimals and integers as the nearest f64.

=== zeros, NaNs and infinities
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:float64
1 | 0.0
2 | NaN
3 | inf
4 | inf
5 | NaN
6 | NULL
7 | 0.1
--- target.parquet
id:int64, v:float64
1 | -0.0
2 | NaN
3 | inf
4 | -inf
5 | 1.0
6 | NaN
7 | 0.10000000000000002
--- finds
diverged: 7 source, 7 target, 3 equal, 4 value_mismatch
column v: differs in 4
kind           | side | id:Int64 | changed_columns | source_v:Float64 | target_v:Float64    | unreadable
value_mismatch | both | 4        | [v]             | inf              | -inf                | NULL
value_mismatch | both | 5        | [v]             | NaN              | 1.0                 | NULL
value_mismatch | both | 6        | [v]             | NULL             | NaN                 | NULL
value_mismatch | both | 7        | [v]             | 0.1              | 0.10000000000000002 | NULL

=== a float as a key
$ tieout diff source.parquet target.parquet --key k
--- source.parquet
k:float64, v:int64
0.0 | 1
NaN | 2
1.5 | 3
--- target.parquet
k:float64, v:int64
-0.0 | 1
NaN  | 20
2.5  | 3
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | k:Float64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | 1.5       | NULL            | 3              | NULL           | NULL
missing_in_source | target | 2.5       | NULL            | NULL           | 3              | NULL
value_mismatch    | both   | NaN       | [v]             | 2              | 20             | NULL

=== f32 against f64 at f32
0.1 is another f64 than the f32 next to it.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:float32
1 | 0.1
2 | 0.1
3 | 16777216
4 | NaN
5 | -0.0
--- target.parquet
id:int64, v:float64
1 | 0.1
2 | 0.1001
3 | 16777217
4 | NaN
5 | 0.0
--- finds
diverged: 5 source, 5 target, 4 equal, 1 value_mismatch
column v: differs in 1
note: column `v`: Float32 against Float64 is compared as Float32
kind           | side | id:Int64 | changed_columns | source_v:Float32 | target_v:Float64 | unreadable
value_mismatch | both | 2        | [v]             | 0.1              | 0.1001           | NULL

=== f16 against wider floats
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, a:float16, b:float16
1 | 1.5 | 0.1
2 | 2.0 | 1.5
--- target.parquet
id:int64, a:float32, b:float64
1 | 1.5 | 0.0999755859375
2 | 2.5 | 1.5
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column a: differs in 1
note: column `b`: Float16 against Float64 is compared as Float32
kind           | side | id:Int64 | changed_columns | source_a:Float32 | target_a:Float32 | source_b:Float32 | target_b:Float64 | unreadable
value_mismatch | both | 2        | [a]             | 2.0              | 2.5              | 1.5              | 1.5              | NULL

=== a float against a decimal, as the nearest f64
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:float64
1 | 0.1
2 | 1.005
3 | 0.1
4 | -0.0
5 | NaN
--- target.parquet
id:int64, v:decimal(20,18)
1 | 0.1
2 | 1.005
3 | 0.100000000000000001
4 | 0
5 | 0
--- finds
diverged: 5 source, 5 target, 4 equal, 1 value_mismatch
column v: differs in 1
note: column `v`: Float64 against Decimal128(20, 18) is compared as the nearest Float64
kind           | side | id:Int64 | changed_columns | source_v:Float64 | target_v:Decimal128(20, 18) | unreadable
value_mismatch | both | 5        | [v]             | NaN              | 0.000000000000000000        | NULL

=== a float against an integer, as the nearest f64
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:float64, w:float32
1 | 7                | 7
2 | 7.5              | 7.5
3 | 9007199254740992 | 16777216
--- target.parquet
id:int64, v:int64, w:int64
1 | 7                | 7
2 | 7                | 7
3 | 9007199254740993 | 16777217
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 1
column w: differs in 2
note: column `v`: Float64 against Int64 is compared as the nearest Float64
note: column `w`: Float32 against Int64 is compared as the nearest Float64
kind           | side | id:Int64 | changed_columns | source_v:Float64   | target_v:Int64   | source_w:Float32 | target_w:Int64 | unreadable
value_mismatch | both | 2        | [v, w]          | 7.5                | 7                | 7.5              | 7              | NULL
value_mismatch | both | 3        | [w]             | 9007199254740992.0 | 9007199254740993 | 16777216.0       | 16777217       | NULL

=== without a key
$ tieout diff source.parquet target.parquet
--- source.parquet
v:float64
0.0
NaN
NaN
--- target.parquet
v:float64
NaN
-0.0
1
--- finds
diverged: 3 source, 3 target, 2 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | v:Float64 | changed_columns | unreadable
missing_in_source | target | 1.0       | NULL            | NULL
missing_in_target | source | NaN       | NULL            | NULL

=== f32 against a decimal
The f32 next to 0.1 is no f64 next to 0.1.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:float32
1 | 0.5
2 | 0.1
--- target.parquet
id:int64, v:decimal(12,2)
1 | 0.50
2 | 0.10
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
note: column `v`: Float32 against Decimal128(12, 2) is compared as the nearest Float64
kind           | side | id:Int64 | changed_columns | source_v:Float32 | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 2        | [v]             | 0.1              | 0.10                       | NULL

=== a key that is a float here and a decimal there
$ tieout diff source.parquet target.parquet --key k
--- source.parquet
k:float64, v:int64
0.1 | 1
0.3 | 2
--- target.parquet
k:decimal(12,2), v:int64
0.10 | 1
0.20 | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
note: column `k`: Float64 against Decimal128(12, 2) is compared as the nearest Float64
kind              | side   | k:Float64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_source | target | 0.2       | NULL            | NULL           | 2              | NULL
missing_in_target | source | 0.3       | NULL            | 2              | NULL           | NULL
