# Timestamps, times and durations are compared by instant; different units at the coarser one, rounded down.

=== units, before 1970 too
Half a second before 1970 is in the second before it.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, at:timestamp(ms)
1 | 2026-03-01T12:00:00.123
2 | 1969-12-31T23:59:59.999
3 | 2026-03-01T12:00:00.123
4 | 1969-12-31T23:59:59.999
--- target.parquet
id:int64, at:timestamp(ns)
1 | 2026-03-01T12:00:00.123999999
2 | 1969-12-31T23:59:59.999999999
3 | 2026-03-01T12:00:00.124000000
4 | 1970-01-01T00:00:00
--- finds
diverged: 4 source, 4 target, 2 equal, 2 value_mismatch
column at: differs in 2
note: column `at`: Timestamp(ms) against Timestamp(ns) is compared in milliseconds, rounded down
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(ms) | target_at:Timestamp(ns) | unreadable
value_mismatch | both | 3        | [at]            | 2026-03-01T12:00:00.123 | 2026-03-01T12:00:00.124 | NULL
value_mismatch | both | 4        | [at]            | 1969-12-31T23:59:59.999 | 1970-01-01T00:00:00     | NULL

=== seconds against microseconds
$ tieout diff source.arrow target.parquet --key id
--- source.arrow
id:int64, at:timestamp(s)
1 | 0001-01-01T00:00:00
2 | 1969-12-31T23:59:59
3 | 1969-12-31T23:59:59
4 | 9999-12-31T23:59:59
--- target.parquet
id:int64, at:timestamp(us)
1 | 0001-01-01T00:00:00.5
2 | 1969-12-31T23:59:59.000001
3 | 1969-12-31T23:59:58.999999
4 | 9999-12-31T23:59:59.999999
--- finds
diverged: 4 source, 4 target, 3 equal, 1 value_mismatch
column at: differs in 1
note: column `at`: Timestamp(s) against Timestamp(µs) is compared in seconds, rounded down
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(ms) | target_at:Timestamp(µs)    | unreadable
value_mismatch | both | 3        | [at]            | 1969-12-31T23:59:59     | 1969-12-31T23:59:58.999999 | NULL

=== keys of different units
Two instants of one millisecond are one key.
$ tieout diff source.parquet target.parquet --key at
--- source.parquet
at:timestamp(ms), v:int64
2026-03-01T12:00:00.123 | 1
2026-03-01T12:00:00.124 | 2
--- target.parquet
at:timestamp(us), v:int64
2026-03-01T12:00:00.123456 | 1
2026-03-01T12:00:00.124    | 3
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
note: column `at`: Timestamp(ms) against Timestamp(µs) is compared in milliseconds, rounded down
kind           | side | at:Timestamp(ms)        | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 2026-03-01T12:00:00.124 | [v]             | 2              | 3              | NULL

=== a date is its midnight
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, d:date32
1 | 2026-03-01
2 | 2026-03-01
3 | 1969-12-31
--- target.parquet
id:int64, d:timestamp(us)
1 | 2026-03-01T00:00:00
2 | 2026-03-01T00:00:00.000001
3 | 1969-12-31T00:00:00
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column d: differs in 1
note: column `d`: a date is compared with a timestamp as its midnight
kind           | side | id:Int64 | changed_columns | source_d:Date32 | target_d:Timestamp(µs)     | unreadable
value_mismatch | both | 2        | [d]             | 2026-03-01      | 2026-03-01T00:00:00.000001 | NULL

=== days of both kinds
A Date64 may hold a part of a day: then it is no midnight.
$ tieout diff source.arrow target.arrow --key id
--- source.arrow
id:int64, d:date32
1 | 2026-03-01
2 | 1970-01-01
3 | 2026-03-01
--- target.arrow
id:int64, d:date64
1 | 1772323200000
2 | 1
3 | 1772409600000
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column d: differs in 2
kind           | side | id:Int64 | changed_columns | source_d:Date32 | target_d:Date64         | unreadable
value_mismatch | both | 2        | [d]             | 1970-01-01      | 1970-01-01T00:00:00.001 | NULL
value_mismatch | both | 3        | [d]             | 2026-03-01      | 2026-03-02T00:00:00     | NULL

=== times of day
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, t:time32(ms)
1 | 12:00:00.5
2 | 12:00:00.5
3 | 23:59:59.999
--- target.parquet
id:int64, t:time64(ns)
1 | 12:00:00.500999999
2 | 12:00:00.501
3 | 23:59:59.999999999
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column t: differs in 1
note: column `t`: Time32(ms) against Time64(ns) is compared in milliseconds, rounded down
kind           | side | id:Int64 | changed_columns | source_t:Time32(ms) | target_t:Time64(ns) | unreadable
value_mismatch | both | 2        | [t]             | 12:00:00.500        | 12:00:00.501        | NULL

=== durations
$ tieout diff source.arrow target.arrow --key id
--- source.arrow
id:int64, d:duration(s)
1 | 1
2 | -1
3 | -1
--- target.arrow
id:int64, d:duration(ms)
1 | 1999
2 | -1
3 | -1001
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column d: differs in 1
note: column `d`: Duration(s) against Duration(ms) is compared in seconds, rounded down
kind           | side | id:Int64 | changed_columns | source_d:Duration(s) | target_d:Duration(ms) | unreadable
value_mismatch | both | 3        | [d]             | -PT1S                | -PT1.001S             | NULL

=== a time of day against a timestamp
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, t:time32(ms)
1 | 12:00:00
--- target.parquet
id:int64, t:timestamp(ms)
1 | 1970-01-01T12:00:00
--- finds
diverged: 1 source, 1 target, 1 equal
column t: Time32(ms) in source, Timestamp(ms) in target
kind            | side | id:Int64 | changed_columns | unreadable
schema_mismatch | both | NULL     | [t]             | [{side: source, column: t, text: Time32(ms)}, {side: target, column: t, text: Timestamp(ms)}]

=== a timestamp against an integer
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, t:timestamp(ms)
1 | 1970-01-01T00:00:00
--- target.parquet
id:int64, t:int64
1 | 0
--- finds
diverged: 1 source, 1 target, 1 equal
column t: Timestamp(ms) in source, Int64 in target
kind            | side | id:Int64 | changed_columns | unreadable
schema_mismatch | both | NULL     | [t]             | [{side: source, column: t, text: Timestamp(ms)}, {side: target, column: t, text: Int64}]

=== a date that nanoseconds cannot reach
The end of time in many systems, against a column of pandas.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, d:date32
1 | 9999-12-31
2 | 2026-03-01
--- target.parquet
id:int64, d:timestamp(ns)
1 | 2261-12-31T00:00:00
2 | 2026-03-01T00:00:00
--- finds
error data: the value 2932896 of Date32 does not fit into Timestamp(ns) (dataset source.parquet, side source)
hint: compare the column in another type, with an expression on each side

=== intervals
$ tieout diff source.arrow target.arrow --key id
--- source.arrow
id:int64, i:interval
1 | 1 month
2 | 1 month
--- target.arrow
id:int64, i:interval
1 | 1 month
2 | 30 days
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column i: differs in 1
kind           | side | id:Int64 | changed_columns | source_i:Utf8 | target_i:Utf8 | unreadable
value_mismatch | both | 2        | [i]             | 1 mons        | 30 days       | NULL
