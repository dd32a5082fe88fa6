# Zoned against zoneless is an error with the one-line fix as its hint; `timezone` says what the zoneless side means.

=== instants in different zones
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T12:00:00Z
2 | 2026-03-01T12:00:00Z
--- target.parquet
id:int64, at:timestamp(us,Europe/Berlin)
1 | 2026-03-01T13:00:00+01:00
2 | 2026-03-01T12:00:00+01:00
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column at: differs in 1
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(µs, "UTC") | target_at:Timestamp(µs, "Europe/Berlin") | unreadable
value_mismatch | both | 2        | [at]            | 2026-03-01T12:00:00Z           | 2026-03-01T12:00:00+01:00                | NULL

=== zoned against zoneless
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T12:00:00Z
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-01T12:00:00
--- finds
error schema: column `at` is Timestamp(µs, "UTC") in source and Timestamp(µs) in target: an instant cannot be compared with a time without zone (side target)
hint: say what the target means: `columns: {at: {timezone: Europe/Berlin}}` (--timezone at=Europe/Berlin)

=== zoned against a date
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, at:date32
1 | 2026-03-01
--- target.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T00:00:00Z
--- finds
error schema: column `at` is Date32 in source and Timestamp(µs, "UTC") in target: an instant cannot be compared with a time without zone (side source)
hint: say what the source means: `columns: {at: {timezone: Europe/Berlin}}` (--timezone at=Europe/Berlin)

=== zoned against zoneless in a key
$ tieout diff source.parquet target.parquet --key at
--- source.parquet
at:timestamp(us,UTC), v:int64
2026-03-01T12:00:00Z | 1
--- target.parquet
at:timestamp(us), v:int64
2026-03-01T12:00:00 | 1
--- finds
error schema: column `at` is Timestamp(µs, "UTC") in source and Timestamp(µs) in target: an instant cannot be compared with a time without zone (side target)
hint: say what the target means: `columns: {at: {timezone: Europe/Berlin}}` (--timezone at=Europe/Berlin)

=== the zone of the zoneless side
Winter and summer.
$ tieout diff source.parquet target.parquet --key id --timezone at=Europe/Berlin
--- source.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T11:00:00Z
2 | 2026-07-01T10:00:00Z
3 | 2026-07-01T11:00:00Z
4 | NULL
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-01T12:00:00
2 | 2026-07-01T12:00:00
3 | 2026-07-01T12:00:00
4 | NULL
--- finds
diverged: 4 source, 4 target, 3 equal, 1 value_mismatch
column at: differs in 1
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(µs, "UTC") | target_at:Timestamp(µs) | unreadable
value_mismatch | both | 3        | [at]            | 2026-07-01T11:00:00Z           | 2026-07-01T12:00:00     | NULL

=== the zone of a date
$ tieout diff source.parquet target.parquet --key id --timezone at=Europe/Berlin
--- source.parquet
id:int64, at:date32
1 | 2026-03-01
2 | 2026-03-01
3 | 2026-03-01
--- target.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-02-28T23:00:00Z
2 | 2026-03-01T00:00:00Z
3 | 2026-02-28T23:00:00.5Z
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column at: differs in 2
kind           | side | id:Int64 | changed_columns | source_at:Date32 | target_at:Timestamp(µs, "UTC") | unreadable
value_mismatch | both | 2        | [at]            | 2026-03-01       | 2026-03-01T00:00:00Z           | NULL
value_mismatch | both | 3        | [at]            | 2026-03-01       | 2026-02-28T23:00:00.500Z       | NULL

=== a wall clock that did not exist, and one that came twice
Clocks went forward on 2026-03-29 at 02:00, back on 2026-10-25 at 03:00.
$ tieout diff source.parquet target.parquet --key id --timezone at=Europe/Berlin
--- source.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-29T01:30:00Z
2 | 2026-10-25T00:30:00Z
3 | 2026-10-25T01:30:00Z
4 | NULL
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-29T02:30:00
2 | 2026-10-25T02:30:00
3 | 2026-10-25T03:30:00
4 | 2026-03-29T02:30:00
--- finds
diverged: 4 source, 4 target, 4 value_mismatch
column at: differs in 4
kind           | side | id:Int64 | changed_columns | source_at:Timestamp(µs, "UTC") | target_at:Timestamp(µs) | unreadable
value_mismatch | both | 1        | [at]            | 2026-03-29T01:30:00Z           | 2026-03-29T02:30:00     | [{side: target, column: at, text: 2026-03-29T02:30:00}]
value_mismatch | both | 2        | [at]            | 2026-10-25T00:30:00Z           | 2026-10-25T02:30:00     | [{side: target, column: at, text: 2026-10-25T02:30:00}]
value_mismatch | both | 3        | [at]            | 2026-10-25T01:30:00Z           | 2026-10-25T03:30:00     | NULL
value_mismatch | both | 4        | [at]            | NULL                           | 2026-03-29T02:30:00     | [{side: target, column: at, text: 2026-03-29T02:30:00}]

=== a wall clock that did not exist, in a key
$ tieout diff source.parquet target.parquet --key at --timezone at=Europe/Berlin
--- source.parquet
at:timestamp(us,UTC), v:int64
2026-03-29T01:30:00Z | 1
2026-03-29T03:30:00Z | 2
--- target.parquet
at:timestamp(us), v:int64
2026-03-29T02:30:00 | 1
2026-03-29T05:30:00 | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | at:Timestamp(µs, "UTC") | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_source | target | NULL                    | NULL            | NULL           | 1              | [{side: target, column: at, text: 2026-03-29T02:30:00}]
missing_in_target | source | 2026-03-29T01:30:00Z    | NULL            | 1              | NULL           | NULL

=== a fixed offset
$ tieout diff source.parquet target.parquet --key id --timezone at=+02:00
--- source.parquet
id:int64, at:timestamp(ms,UTC)
1 | 2026-03-01T10:00:00Z
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-01T12:00:00.000999
--- finds
reconciled: 1 source, 1 target, 1 equal
note: column `at`: Timestamp(ms, "UTC") against Timestamp(µs, "UTC") is compared in milliseconds, rounded down

=== no such zone
$ tieout diff source.parquet target.parquet --key id --timezone at=Europe/Berlim
--- source.parquet
id:int64, at:timestamp(us,UTC)
1 | 2026-03-01T11:00:00Z
--- target.parquet
id:int64, at:timestamp(us)
1 | 2026-03-01T12:00:00
--- finds
error usage: there is no time zone `Europe/Berlim` (flag --timezone)
hint: name it as Europe/Berlin or +02:00

=== zoned inside a list
There is no one-line fix, but it is no wall clock either.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, at:list(timestamp(us,UTC))
1 | ["2026-03-01T12:00:00Z"]
--- target.parquet
id:int64, at:list(timestamp(us,Europe/Berlin))
1 | ["2026-03-01T13:00:00+01:00"]
--- finds
reconciled: 1 source, 1 target, 1 equal
