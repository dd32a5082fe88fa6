# Times in CSV files: ISO 8601, `T` or a blank; a zone in the text against a zoneless type, and none against a zoned one without `timezone`, is unreadable.

=== timestamps without a zone
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,at
1,2026-03-01T12:00:00
2,2026-03-01 12:00:00
3,2026-03-01T12:00:00.000
4,2026-03-01T12:00
5,2026-03-01
6,2026-03-01T12:00:00Z
7,2026-03-01T12:00:00+01:00
8,01.03.2026 12:00
9,2026-03-01T12:00:00.0000001
10,20260301T120000
11,2026-02-30T12:00:00
12,2026-03-01T24:00:00
13,2026-03-01T23:59:60
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-01T12:00:00
2 | 2026-03-01T12:00:00
3 | 2026-03-01T12:00:00
4 | 2026-03-01T12:00:00
5 | 2026-03-01T00:00:00
6 | 2026-03-01T12:00:00
7 | 2026-03-01T11:00:00
8 | 2026-03-01T12:00:00
9 | 2026-03-01T12:00:00
10 | 2026-03-01T12:00:00
11 | 2026-03-02T12:00:00
12 | 2026-03-02T00:00:00
13 | 2026-03-02T00:00:00
--- finds
diverged: 13 source, 13 target, 5 equal, 8 value_mismatch
column at: differs in 8
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(µs) | target_at:Timestamp(µs) | unreadable
value_mismatch | both | 6        | [at]            | NULL                    | 2026-03-01T12:00:00     | [{side: source, column: at, text: 2026-03-01T12:00:00Z}]
value_mismatch | both | 7        | [at]            | NULL                    | 2026-03-01T11:00:00     | [{side: source, column: at, text: 2026-03-01T12:00:00+01:00}]
value_mismatch | both | 8        | [at]            | NULL                    | 2026-03-01T12:00:00     | [{side: source, column: at, text: 01.03.2026 12:00}]
value_mismatch | both | 9        | [at]            | NULL                    | 2026-03-01T12:00:00     | [{side: source, column: at, text: 2026-03-01T12:00:00.0000001}]
value_mismatch | both | 10       | [at]            | NULL                    | 2026-03-01T12:00:00     | [{side: source, column: at, text: 20260301T120000}]
value_mismatch | both | 11       | [at]            | NULL                    | 2026-03-02T12:00:00     | [{side: source, column: at, text: 2026-02-30T12:00:00}]
value_mismatch | both | 12       | [at]            | NULL                    | 2026-03-02T00:00:00     | [{side: source, column: at, text: 2026-03-01T24:00:00}]
value_mismatch | both | 13       | [at]            | NULL                    | 2026-03-02T00:00:00     | [{side: source, column: at, text: 2026-03-01T23:59:60}]

=== timestamps with a zone
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,at
1,2026-03-01T12:00:00Z
2,2026-03-01 13:00:00+01:00
3,2026-03-01T13:00:00+0100
4,2026-03-01T12:00:00
5,2026-03-01
6,2026-03-01T12:00:00+01
--- target.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T12:00:00Z
2 | 2026-03-01T12:00:00Z
3 | 2026-03-01T12:00:00Z
4 | 2026-03-01T12:00:00Z
5 | 2026-03-01T00:00:00Z
6 | 2026-03-01T11:00:00Z
--- finds
diverged: 6 source, 6 target, 4 equal, 2 value_mismatch
column at: differs in 2
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(µs, "UTC") | target_at:Timestamp(µs, "UTC") | unreadable
value_mismatch | both | 4        | [at]            | NULL                           | 2026-03-01T12:00:00Z           | [{side: source, column: at, text: 2026-03-01T12:00:00}]
value_mismatch | both | 5        | [at]            | NULL                           | 2026-03-01T00:00:00Z           | [{side: source, column: at, text: 2026-03-01}]

=== the zone of text without one
What names its own zone keeps it.
$ tieout diff source.csv target.parquet --key id --timezone at=Europe/Berlin
--- source.csv
id,at
1,2026-03-01T12:00:00
2,2026-03-01T12:00:00Z
3,2026-03-29T02:30:00
4,2026-10-25T02:30:00
5,2026-03-01
--- target.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T11:00:00Z
2 | 2026-03-01T12:00:00Z
3 | 2026-03-29T01:30:00Z
4 | 2026-10-25T00:30:00Z
5 | 2026-02-28T23:00:00Z
--- finds
diverged: 5 source, 5 target, 3 equal, 2 value_mismatch
column at: differs in 2
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(µs, "UTC") | target_at:Timestamp(µs, "UTC") | unreadable
value_mismatch | both | 3        | [at]            | NULL                           | 2026-03-29T01:30:00Z           | [{side: source, column: at, text: 2026-03-29T02:30:00}]
value_mismatch | both | 4        | [at]            | NULL                           | 2026-10-25T00:30:00Z           | [{side: source, column: at, text: 2026-10-25T02:30:00}]

=== dates
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,d
1,2026-03-01
2,2026-3-1
3,2026-03-01T00:00:00
4,2026-03-01T12:00:00
5,1969-12-31
6,2026-02-30
--- target.parquet
id:int64, d:date32
1 | 2026-03-01
2 | 2026-03-01
3 | 2026-03-01
4 | 2026-03-01
5 | 1969-12-31
6 | 2026-03-02
--- finds
diverged: 6 source, 6 target, 2 equal, 4 value_mismatch
column d: differs in 4
kind           | side | id:Int64 | changed_columns | source_d:Date32 | target_d:Date32 | unreadable
value_mismatch | both | 2        | [d]             | NULL            | 2026-03-01      | [{side: source, column: d, text: 2026-3-1}]
value_mismatch | both | 3        | [d]             | NULL            | 2026-03-01      | [{side: source, column: d, text: 2026-03-01T00:00:00}]
value_mismatch | both | 4        | [d]             | NULL            | 2026-03-01      | [{side: source, column: d, text: 2026-03-01T12:00:00}]
value_mismatch | both | 6        | [d]             | NULL            | 2026-03-02      | [{side: source, column: d, text: 2026-02-30}]

=== times of day
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,t
1,12:00:00
2,12:00
3,12:00:00.5
4,noon
5,12:00:00.0001
--- target.parquet
id:int64, t:time32(ms)
1 | 12:00:00
2 | 12:00:00
3 | 12:00:00.5
4 | 12:00:00
5 | 12:00:00
--- finds
diverged: 5 source, 5 target, 3 equal, 2 value_mismatch
column t: differs in 2
kind           | side | id:Int64 | changed_columns | source_t:Time32(ms) | target_t:Time32(ms) | unreadable
value_mismatch | both | 4        | [t]             | NULL                | 12:00:00            | [{side: source, column: t, text: noon}]
value_mismatch | both | 5        | [t]             | NULL                | 12:00:00            | [{side: source, column: t, text: 12:00:00.0001}]

=== finer digits than the type, with a tolerance
$ tieout diff source.csv target.parquet --key id --tolerance at=1ms
--- source.csv
id,at
1,2026-03-01T12:00:00.001
2,2026-03-01T12:00:00.0010001
3,2026-03-01T11:59:59.999
4,x
--- target.parquet
id:int64, at:timestamp(ms)
1 | 2026-03-01T12:00:00
2 | 2026-03-01T12:00:00
3 | 2026-03-01T12:00:00
4 | 2026-03-01T12:00:00
--- finds
diverged: 4 source, 4 target, 2 equal, 2 value_mismatch
column at: differs in 2
column at: is within tolerance in 2
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(ms) | target_at:Timestamp(ms) | unreadable
value_mismatch | both | 2        | [at]            | NULL                    | 2026-03-01T12:00:00     | [{side: source, column: at, text: 2026-03-01T12:00:00.0010001}]
value_mismatch | both | 4        | [at]            | NULL                    | 2026-03-01T12:00:00     | [{side: source, column: at, text: x}]

=== before 1970, finer than the type
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,at
1,1969-12-31T23:59:59.9999
2,1969-12-31T23:59:59.999
--- target.parquet
id:int64, at:timestamp(ms)
1 | 1969-12-31T23:59:59.999
2 | 1969-12-31T23:59:59.999
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column at: differs in 1
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(ms) | target_at:Timestamp(ms) | unreadable
value_mismatch | both | 1        | [at]            | NULL                    | 1969-12-31T23:59:59.999 | [{side: source, column: at, text: 1969-12-31T23:59:59.9999}]
