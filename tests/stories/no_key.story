# Without a key, rows are a multiset over all columns; what is left over is missing on the other side.

=== rows as a multiset
$ tieout diff source.parquet target.parquet
--- source.parquet
a:int64, b:utf8
1 | x
1 | x
1 | x
2 | y
--- target.parquet
a:int64, b:utf8
2 | y
1 | x
3 | z
--- finds
diverged: 4 source, 3 target, 2 equal, 2 missing_in_target, 1 missing_in_source
kind              | side   | a:Int64 | b:Utf8 | changed_columns | unreadable
missing_in_target | source | 1       | x      | NULL            | NULL
missing_in_target | source | 1       | x      | NULL            | NULL
missing_in_source | target | 3       | z      | NULL            | NULL

=== the order of rows does not matter
$ tieout diff source.parquet target.parquet
--- source.parquet
a:int64, b:utf8
1 | x
2 | y
--- target.parquet
b:utf8, a:int32
y | 2
x | 1
--- finds
reconciled: 2 source, 2 target, 2 equal

=== by value
$ tieout diff source.csv target.parquet
--- source.csv
a,b
1,1.50
2,x
3,
--- target.parquet
a:int64, b:decimal(12,2)
1 | 1.50
2 | NULL
3 | NULL
--- finds
diverged: 3 source, 3 target, 2 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | a:Int64 | b:Decimal128(12, 2) | changed_columns | unreadable
missing_in_target | source | 2       | NULL                | NULL            | [{side: source, column: b, text: x}]
missing_in_source | target | 2       | NULL                | NULL            | NULL

=== some columns only
$ tieout diff source.parquet target.parquet --columns a
--- source.parquet
a:int64, b:utf8
1 | x
2 | x
--- target.parquet
a:int64, b:utf8
1 | y
2 | z
--- finds
reconciled: 2 source, 2 target, 2 equal

=== a column on one side
$ tieout diff source.parquet target.parquet
--- source.parquet
a:int64, b:utf8
1 | x
--- target.parquet
a:int64
1
--- finds
diverged: 1 source, 1 target, 1 equal
column b: only in source
kind            | side   | a:Int64 | changed_columns | unreadable
schema_mismatch | source | NULL    | [b]             | NULL
