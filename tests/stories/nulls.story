# NULL equals NULL, in keys too; it differs from '' and from every sentinel. A column of Arrow's null type is comparable with any.

=== NULL equals NULL and nothing else
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | NULL
2 | NULL
3 | NULL
4 | ''
5 | NULL
--- target.parquet
id:int64, v:utf8
1 | NULL
2 | ''
3 | 'NULL'
4 | ''
5 | -
--- finds
diverged: 5 source, 5 target, 2 equal, 3 value_mismatch
column v: differs in 3
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | 2        | [v]             | NULL          | ''            | NULL
value_mismatch | both | 3        | [v]             | NULL          | 'NULL'        | NULL
value_mismatch | both | 5        | [v]             | NULL          | -             | NULL

=== a NULL number is not zero and not NaN
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, n:int64, f:float64
1 | NULL | NULL
2 | 0    | 0
3 | NULL | 1
4 | 7    | NULL
--- target.parquet
id:int64, n:int64, f:float64
1 | NULL | NULL
2 | NULL | 0
3 | 0    | 1
4 | 7    | NaN
--- finds
diverged: 4 source, 4 target, 1 equal, 3 value_mismatch
column n: differs in 2
column f: differs in 1
kind           | side | id:Int64 | changed_columns | source_n:Int64 | target_n:Int64 | source_f:Float64 | target_f:Float64 | unreadable
value_mismatch | both | 2        | [n]             | 0              | NULL           | 0.0              | 0.0              | NULL
value_mismatch | both | 3        | [n]             | NULL           | 0              | 1.0              | 1.0              | NULL
value_mismatch | both | 4        | [f]             | 7              | 7              | NULL             | NaN              | NULL

=== a NULL key meets a NULL key
NULLs come first.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1    | a
NULL | b
--- target.parquet
id:int64, v:utf8
NULL | c
1    | a
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | NULL     | [v]             | b             | c             | NULL

=== a NULL in a key of several columns
$ tieout diff source.parquet target.parquet --key a,b
--- source.parquet
a:int64, b:utf8, v:int64
1    | x    | 1
1    | NULL | 2
NULL | x    | 3
NULL | NULL | 4
2    | NULL | 5
--- target.parquet
a:int64, b:utf8, v:int64
NULL | NULL | 4
NULL | x    | 3
1    | NULL | 20
1    | x    | 1
2    | ''   | 5
--- finds
diverged: 5 source, 5 target, 3 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | a:Int64 | b:Utf8 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch    | both   | 1       | NULL   | [v]             | 2              | 20             | NULL
missing_in_target | source | 2       | NULL   | NULL            | 5              | NULL           | NULL
missing_in_source | target | 2       | ''     | NULL            | NULL           | 5              | NULL

=== NULL keys that repeat pair off one by one
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
NULL | a
NULL | b
NULL | NULL
--- target.parquet
id:int64, v:utf8
NULL | NULL
NULL | a
--- finds
diverged: 3 source, 2 target, 2 equal, 1 duplicate_key
kind          | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
duplicate_key | source | NULL     | NULL            | b             | NULL          | NULL

=== a NULL key is missing on the other side
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:utf8, v:int64
NULL | 1
a    | 2
--- target.parquet
id:utf8, v:int64
''   | 1
a    | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | id:Utf8 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | NULL    | NULL            | 1              | NULL           | NULL
missing_in_source | target | ''      | NULL            | NULL           | 1              | NULL

=== NULLs without a key
$ tieout diff source.parquet target.parquet
--- source.parquet
a:int64, b:utf8
NULL | NULL
NULL | NULL
1    | NULL
--- target.parquet
a:int64, b:utf8
NULL | NULL
1    | ''
1    | NULL
--- finds
diverged: 3 source, 3 target, 2 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | a:Int64 | b:Utf8 | changed_columns | unreadable
missing_in_target | source | NULL    | NULL   | NULL            | NULL
missing_in_source | target | 1       | ''     | NULL            | NULL

=== the null type is comparable with any
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, n:null, d:null, l:null, b:null
1 | NULL | NULL | NULL | NULL
2 | NULL | NULL | NULL | NULL
--- target.parquet
id:int64, n:int64, d:date32, l:list(int64), b:null
1 | NULL | NULL       | NULL | NULL
2 | 5    | 2026-01-01 | []   | NULL
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column n: differs in 1
column d: differs in 1
column l: differs in 1
kind           | side | id:Int64 | changed_columns | source_n:Utf8 | target_n:Int64 | source_d:Utf8 | target_d:Date32 | source_l:Utf8 | target_l:List(Int64) | source_b:Utf8 | target_b:Utf8 | unreadable
value_mismatch | both | 2        | [n, d, l]       | NULL          | 5              | NULL          | 2026-01-01      | NULL          | []                   | NULL          | NULL          | NULL

=== the null type as a key
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:null, v:int64
NULL | 1
--- target.parquet
id:int64, v:int64
NULL | 1
5    | 2
--- finds
diverged: 1 source, 2 target, 1 equal, 1 missing_in_source
kind              | side   | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_source | target | 5        | NULL            | NULL           | 2              | NULL

=== the null type beside text of a CSV file
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,
2,x
--- target.parquet
id:int64, v:null
1 | NULL
2 | NULL
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | 2        | [v]             | x             | NULL          | NULL
