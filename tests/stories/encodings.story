# Dictionary, view and run-end encodings are storage only, and so are offsets of 64 bits.

=== text in all its forms
$ tieout diff source.arrow target.arrow --key k
--- source.arrow
k:dictionary(utf8), a:utf8, b:largeutf8, c:utf8view, d:dictionary(utf8)
x    | a    | b    | c    | d
y    | a    | b    | c    | d
NULL | NULL | NULL | NULL | NULL
--- target.arrow
k:utf8view, a:largeutf8, b:utf8view, c:dictionary(utf8), d:utf8
x    | a    | b    | c    | d
y    | A    | B    | C    | D
NULL | NULL | NULL | NULL | NULL
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column a: differs in 1
column b: differs in 1
column c: differs in 1
column d: differs in 1
kind           | side | k:Utf8 | changed_columns | source_a:Utf8 | target_a:Utf8 | source_b:Utf8 | target_b:Utf8 | source_c:Utf8 | target_c:Utf8 | source_d:Utf8 | target_d:Utf8 | unreadable
value_mismatch | both | y      | [a, b, c, d]    | a             | A             | b             | B             | c             | C             | d             | D             | NULL

=== runs
$ tieout diff source.arrow target.arrow --key id
--- source.arrow
id:int64, v:ree(utf8), n:ree(int64)
1 | a    | 1
2 | a    | 1
3 | NULL | NULL
--- target.arrow
id:int64, v:utf8, n:int32
1 | a    | 1
2 | b    | 2
3 | NULL | NULL
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column v: differs in 1
column n: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | source_n:Int64 | target_n:Int32 | unreadable
value_mismatch | both | 2        | [v, n]          | a             | b             | 1              | 2              | NULL

=== dictionaries of numbers, times and decimals
$ tieout diff source.arrow target.arrow --key id
--- source.arrow
id:dictionary(int64), n:dictionary(int32), d:dictionary(decimal(12,2)), f:dictionary(float64)
1 | 1 | 1.50 | -0.0
2 | 2 | 1.50 | NaN
--- target.arrow
id:int32, n:int64, d:decimal(20,4), f:float64
1 | 1 | 1.5000 | 0.0
2 | 3 | 1.5001 | NaN
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column n: differs in 1
column d: differs in 1
kind           | side | id:Int64 | changed_columns | source_n:Int32 | target_n:Int64 | source_d:Decimal128(12, 2) | target_d:Decimal128(20, 4) | source_f:Float64 | target_f:Float64 | unreadable
value_mismatch | both | 2        | [n, d]          | 2              | 3              | 1.50                       | 1.5001                     | NaN              | NaN              | NULL

=== a dictionary against CSV
$ tieout diff source.csv target.arrow --key id
--- source.csv
id,v,n
1,a,1
2,b,x
--- target.arrow
id:int64, v:dictionary(utf8), n:dictionary(int64)
1 | a | 1
2 | b | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column n: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | source_n:Int64 | target_n:Int64 | unreadable
value_mismatch | both | 2        | [n]             | b             | b             | NULL           | 2              | [{side: source, column: n, text: x}]

=== a dictionary with normal forms and a tolerance
$ tieout diff source.arrow target.arrow --key id --ignore-case v --trim v --tolerance n=1
--- source.arrow
id:int64, v:dictionary(utf8), n:dictionary(int64)
1 | A    | 1
2 | 'b ' | 1
3 | c    | 1
--- target.arrow
id:int64, v:dictionary(utf8), n:ree(int64)
1 | a | 2
2 | b | 3
3 | d | 1
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 1
column n: differs in 1
column n: is within tolerance in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | source_n:Int64 | target_n:Int64 | unreadable
value_mismatch | both | 2        | [n]             | 'b '          | b             | 1              | 3              | NULL
value_mismatch | both | 3        | [v]             | c             | d             | 1              | 1              | NULL

=== Arrow against Parquet
$ tieout diff source.arrow target.parquet --key id
--- source.arrow
id:int64, l:largelist(utf8)
1 | ["a"]
2 | ["a"]
--- target.parquet
id:int64, l:list(utf8view)
1 | ["a"]
2 | ["b"]
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column l: differs in 1
kind           | side | id:Int64 | changed_columns | source_l:List(Utf8) | target_l:List(Utf8) | unreadable
value_mismatch | both | 2        | [l]             | [a]                 | [b]                 | NULL
