# Keys of every type; a key is shown in the common type of both sides, and the table is sorted by it.

=== times, dates and durations
$ tieout diff source.arrow target.arrow --key t,d,u,b
--- source.arrow
t:time64(us), d:date32, u:duration(s), b:bool, v:int64
12:00:00 | 2026-03-01 | 1 | true  | 1
12:00:01 | 2026-03-01 | 1 | true  | 2
12:00:01 | 2026-03-01 | 1 | false | 2
NULL     | NULL       | NULL | NULL | 3
--- target.arrow
t:time32(ms), d:date32, u:duration(ms), b:bool, v:int64
12:00:00 | 2026-03-01 | 1000 | true  | 1
12:00:01 | 2026-03-01 | 1000 | true  | 3
12:00:01 | 2026-03-02 | 1000 | false | 2
NULL     | NULL       | NULL | NULL | 4
--- finds
diverged: 4 source, 4 target, 1 equal, 2 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 2
note: column `t`: Time64(µs) against Time32(ms) is compared in milliseconds, rounded down
note: column `u`: Duration(s) against Duration(ms) is compared in seconds, rounded down
kind              | side   | t:Time32(ms) | d:Date32   | u:Duration(s) | b:Boolean | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch    | both   | NULL         | NULL       | NULL          | NULL      | [v]             | 3              | 4              | NULL
missing_in_target | source | 12:00:01     | 2026-03-01 | PT1S          | false     | NULL            | 2              | NULL           | NULL
value_mismatch    | both   | 12:00:01     | 2026-03-01 | PT1S          | true      | [v]             | 2              | 3              | NULL
missing_in_source | target | 12:00:01     | 2026-03-02 | PT1S          | false     | NULL            | NULL           | 2              | NULL

=== repeated keys of binary values and times
$ tieout diff source.parquet target.parquet --key k
--- source.parquet
k:binary, t:time64(us), b:binary
00 | 12:00:00 | 01
00 | 12:00:01 | 01
00 | 12:00:01 | 02
--- target.parquet
k:binary, t:time64(us), b:binary
00 | 12:00:00 | 01
00 | 12:00:01 | 03
--- finds
diverged: 3 source, 2 target, 1 equal, 3 duplicate_key
kind          | side   | k:Binary | changed_columns | source_t:Time64(µs) | target_t:Time64(µs) | source_b:Binary | target_b:Binary | unreadable
duplicate_key | source | 00       | NULL            | 12:00:01            | NULL                | 02              | NULL            | NULL
duplicate_key | target | 00       | NULL            | NULL                | 12:00:01            | NULL            | 03              | NULL
duplicate_key | source | 00       | NULL            | 12:00:01            | NULL                | 01              | NULL            | NULL

=== text of a CSV file against typed keys
$ tieout diff source.csv target.parquet --key day,n,ok
--- source.csv
day,n,ok,v
2026-03-01,1.0,T,1
2026-03-01,2.0,0,2
2026-03-01,2.5,0,3
--- target.parquet
day:date32, n:int64, ok:bool, v:int64
2026-03-01 | 1 | true  | 1
2026-03-01 | 2 | false | 3
2026-03-01 | 2 | true  | 3
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | day:Date32 | n:Int64 | ok:Boolean | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | 2026-03-01 | NULL    | false      | NULL            | 3              | NULL           | [{side: source, column: n, text: 2.5}]
value_mismatch    | both   | 2026-03-01 | 2       | false      | [v]             | 2              | 3              | NULL
missing_in_source | target | 2026-03-01 | 2       | true       | NULL            | NULL           | 3              | NULL

=== a key with a date on one side
$ tieout diff source.parquet target.parquet --key at
--- source.parquet
at:date32, v:int64
2026-03-01 | 1
2026-03-02 | 2
--- target.parquet
at:timestamp(ms), v:int64
2026-03-01T00:00:00 | 1
2026-03-02T12:00:00 | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
note: column `at`: a date is compared with a timestamp as its midnight
kind              | side   | at:Timestamp(ms)    | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | 2026-03-02T00:00:00 | NULL            | 2              | NULL           | NULL
missing_in_source | target | 2026-03-02T12:00:00 | NULL            | NULL           | 2              | NULL

=== the order of the key is the rule's
$ tieout diff source.parquet target.parquet --key b --key a
--- source.parquet
a:int64, b:int64
1 | 2
2 | 1
3 | NULL
--- target.parquet
a:int64, b:int64
--- finds
diverged: 3 source, 0 target, 3 missing_in_target
kind              | side   | b:Int64 | a:Int64 | changed_columns | unreadable
missing_in_target | source | NULL    | 3       | NULL            | NULL
missing_in_target | source | 1       | 2       | NULL            | NULL
missing_in_target | source | 2       | 1       | NULL            | NULL

=== a key named twice
$ tieout diff source.parquet target.parquet --key a,a
--- source.parquet
a:int64
1
--- target.parquet
a:int64
1
--- finds
error usage: `a` is named twice (flag --key)
