# Folders are read recursively; names starting with `_` or `.` are passed over; Hive partitions are text columns, read as the other side's type; files' schemas are merged by name.

=== all files of a folder
$ tieout diff source target.parquet --key id
--- source/a.parquet
id:int64, v:utf8
1 | a
--- source/deep/er/b.parquet
id:int64, v:utf8
2 | b
--- source/_c.parquet
id:int64, v:utf8
3 | c
--- source/_tmp/d.parquet
id:int64, v:utf8
4 | d
--- source/.e.parquet
id:int64, v:utf8
5 | e
--- target.parquet
id:int64, v:utf8
1 | a
2 | B
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | 2        | [v]             | b             | B             | NULL

=== partitions
$ tieout diff source target.parquet --key day,id
--- source/day=2026-03-01/part=1/a.parquet
id:int64, v:int64
1 | 1
2 | 2
--- source/day=2026-03-02/part=02/a.parquet
id:int64, v:int64
1 | 3
--- source/day=__HIVE_DEFAULT_PARTITION__/part=x/a.parquet
id:int64, v:int64
1 | 4
--- target.parquet
day:date32, part:int64, id:int64, v:int64
2026-03-01 | 1 | 1 | 1
2026-03-01 | 1 | 2 | 20
2026-03-02 | 2 | 1 | 3
NULL       | 3 | 1 | 4
--- finds
diverged: 4 source, 4 target, 2 equal, 2 value_mismatch
column v: differs in 1
column part: differs in 1
kind           | side | day:Date32 | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | source_part:Int64 | target_part:Int64 | unreadable
value_mismatch | both | NULL       | 1        | [part]          | 4              | 4              | NULL              | 3                 | [{side: source, column: part, text: x}]
value_mismatch | both | 2026-03-01 | 2        | [v]             | 2              | 20             | 1                 | 1                 | NULL

=== partitions against partitions are text
$ tieout diff source target --key id
--- source/n=01/a.parquet
id:int64
1
--- target/n=1/a.parquet
id:int64
1
--- finds
diverged: 1 source, 1 target, 1 value_mismatch
column n: differs in 1
kind           | side | id:Int64 | changed_columns | source_n:Utf8 | target_n:Utf8 | unreadable
value_mismatch | both | 1        | [n]             | 01            | 1             | NULL

=== partitions, with escapes
$ tieout diff source target.parquet --key id
--- source/city=S%C3%A3o%20Paulo/a.csv
id
1
--- target.parquet
id:int64, city:utf8
1 | São Paulo
--- finds
reconciled: 1 source, 1 target, 1 equal

=== schemas are merged by name
$ tieout diff source target.parquet --key id
--- source/a.parquet
id:int32, v:int32
1 | 1
--- source/b.parquet
w:utf8, v:int64, id:int64
x | 9223372036854775807 | 2
--- target.parquet
id:int64, v:int64, w:utf8
1 | 1                   | NULL
2 | 9223372036854775807 | y
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column w: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Int64      | target_v:Int64      | source_w:Utf8 | target_w:Utf8 | unreadable
value_mismatch | both | 2        | [w]             | 9223372036854775807 | 9223372036854775807 | x             | y             | NULL

=== schemas that cannot be merged
$ tieout diff source target.parquet --key id
--- source/a.parquet
id:int64, v:int64
1 | 1
--- source/b.parquet
id:int64, v:utf8
2 | x
--- target.parquet
id:int64, v:int64
1 | 1
--- finds
error schema: column "v" is Int64 in source/a.parquet, but Utf8View in source/b.parquet (side source, dataset source)
hint: make two datasets of them, or one `sql` dataset that casts the column and unites them

=== CSV files of different heads
$ tieout diff source target.csv --key id
--- source/a.csv
id,v
1,a
--- source/b.csv
w,id
x,2
--- target.csv
id,v,w
1,a,
2,,x
--- finds
reconciled: 2 source, 2 target, 2 equal

=== a glob
$ tieout diff 'source/*.csv' target.csv --key id
--- source/a.csv
id,v
1,a
--- source/deep/b.csv
id,v
2,b
--- target.csv
id,v
1,a
--- finds
reconciled: 1 source, 1 target, 1 equal

=== nothing behind a glob
$ tieout diff 'source/*.csv' target.csv --key id
--- source/a.txt
x
--- target.csv
id,v
1,a
--- finds
error not_found: no file matches source/*.csv (side source, dataset source/*.csv)
hint: listed were the files below source; names starting with `_` or `.` are passed over

=== a partition that stands in the file, too
$ tieout diff source target.parquet --key id
--- source/day=2026-03-01/a.parquet
id:int64, day:utf8
1 | 2026-03-02
--- target.parquet
id:int64, day:utf8
1 | 2026-03-01
--- finds
diverged: 1 source, 1 target, 1 value_mismatch
column day: differs in 1
kind           | side | id:Int64 | changed_columns | source_day:Utf8 | target_day:Utf8 | unreadable
value_mismatch | both | 1        | [day]           | 2026-03-02      | 2026-03-01      | NULL
