# Rows of one key pair off as a multiset: identical ones first, then within tolerance in sort order; each row left over is a `duplicate_key`.

=== fully paired is equal, with a note
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
1 | b
2 | c
--- target.parquet
id:int64, v:utf8
1 | b
1 | a
2 | c
--- finds
reconciled: 3 source, 3 target, 3 equal
note: 1 key stands more than once on a side; rows of one key pair off one by one

=== each row left over, on either side
No fan-out: three against two are three and two, never six.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
1 | b
1 | c
2 | x
--- target.parquet
id:int64, v:utf8
1 | c
1 | d
2 | x
--- finds
diverged: 4 source, 3 target, 2 equal, 3 duplicate_key
kind          | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
duplicate_key | source | 1        | NULL            | b             | NULL          | NULL
duplicate_key | source | 1        | NULL            | a             | NULL          | NULL
duplicate_key | target | 1        | NULL            | NULL          | d             | NULL

=== identical rows, more of them on one side
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
1 | a
1 | a
--- target.parquet
id:int64, v:utf8
1 | a
1 | a
--- finds
diverged: 3 source, 2 target, 2 equal, 1 duplicate_key
kind          | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
duplicate_key | source | 1        | NULL            | a             | NULL          | NULL

=== one against two
The row of the source has no twin; none of the three is paired.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
--- target.parquet
id:int64, v:utf8
1 | b
1 | c
--- finds
diverged: 1 source, 2 target, 3 duplicate_key
kind          | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
duplicate_key | target | 1        | NULL            | NULL          | c             | NULL
duplicate_key | source | 1        | NULL            | a             | NULL          | NULL
duplicate_key | target | 1        | NULL            | NULL          | b             | NULL

=== one against two, one of them its twin
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
--- target.parquet
id:int64, v:utf8
1 | a
1 | a
--- finds
diverged: 1 source, 2 target, 1 equal, 1 duplicate_key
kind          | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
duplicate_key | target | 1        | NULL            | NULL          | a             | NULL

=== a key on one side only is missing, each row of it
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
1 | a
1 | b
--- target.parquet
id:int64, v:utf8
2 | c
2 | c
--- finds
diverged: 3 source, 2 target, 3 missing_in_target, 2 missing_in_source
note: 2 keys stand more than once on a side; rows of one key pair off one by one
kind              | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_target | source | 1        | NULL            | a             | NULL          | NULL
missing_in_target | source | 1        | NULL            | a             | NULL          | NULL
missing_in_target | source | 1        | NULL            | b             | NULL          | NULL
missing_in_source | target | 2        | NULL            | NULL          | c             | NULL
missing_in_source | target | 2        | NULL            | NULL          | c             | NULL

=== within a tolerance, in sort order
1.00 and 1.10 meet 1.05 and 1.15; the identical 2.00 have met before.
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.05
--- source.parquet
id:int64, v:decimal(12,2)
1 | 2.00
1 | 1.10
1 | 1.00
--- target.parquet
id:int64, v:decimal(12,2)
1 | 1.05
1 | 2.00
1 | 1.15
--- finds
reconciled: 3 source, 3 target, 3 equal
column v: is within tolerance in 2
note: 1 key stands more than once on a side; rows of one key pair off one by one

=== within a tolerance, not all of them
$ tieout diff source.parquet target.parquet --key id --tolerance v=0.05
--- source.parquet
id:int64, v:decimal(12,2), w:utf8
1 | 1.00 | a
1 | 5.00 | a
1 | 9.00 | b
--- target.parquet
id:int64, v:decimal(12,2), w:utf8
1 | 1.05 | a
1 | 6.00 | a
1 | 9.01 | c
--- finds
diverged: 3 source, 3 target, 1 equal, 4 duplicate_key
column v: is within tolerance in 1
kind          | side   | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | source_w:Utf8 | target_w:Utf8 | unreadable
duplicate_key | source | 1        | NULL            | 9.00                       | NULL                       | b             | NULL          | NULL
duplicate_key | target | 1        | NULL            | NULL                       | 6.00                       | NULL          | a             | NULL
duplicate_key | target | 1        | NULL            | NULL                       | 9.01                       | NULL          | c             | NULL
duplicate_key | source | 1        | NULL            | 5.00                       | NULL                       | a             | NULL          | NULL

=== no tolerance across other columns
$ tieout diff source.parquet target.parquet --key id --tolerance v=1
--- source.parquet
id:int64, v:int64, w:utf8
1 | 1 | a
1 | 2 | b
--- target.parquet
id:int64, v:int64, w:utf8
1 | 1 | b
1 | 2 | a
--- finds
reconciled: 2 source, 2 target, 2 equal
column v: is within tolerance in 2
note: 1 key stands more than once on a side; rows of one key pair off one by one

=== several tolerances
$ tieout diff source.parquet target.parquet --key id --tolerance v=1,w=1
--- source.parquet
id:int64, v:int64, w:int64
1 | 1 | 10
1 | 5 | 20
--- target.parquet
id:int64, v:int64, w:int64
1 | 2 | 11
1 | 6 | 22
--- finds
diverged: 2 source, 2 target, 1 equal, 2 duplicate_key
column v: is within tolerance in 1
column w: is within tolerance in 1
kind          | side   | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | source_w:Int64 | target_w:Int64 | unreadable
duplicate_key | target | 1        | NULL            | NULL           | 6              | NULL           | 22             | NULL
duplicate_key | source | 1        | NULL            | 5              | NULL           | 20             | NULL           | NULL

=== a key that repeats and NULLs beside it
$ tieout diff source.parquet target.parquet --key a,b
--- source.parquet
a:int64, b:utf8, v:int64
1 | NULL | 1
1 | NULL | 2
1 | x    | 3
--- target.parquet
a:int64, b:utf8, v:int64
1 | NULL | 2
1 | NULL | 3
1 | x    | 3
--- finds
diverged: 3 source, 3 target, 2 equal, 2 duplicate_key
kind          | side   | a:Int64 | b:Utf8 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
duplicate_key | target | 1       | NULL   | NULL            | NULL           | 3              | NULL
duplicate_key | source | 1       | NULL   | NULL            | 1              | NULL           | NULL

=== the same by value, though not by type
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,1.0
01,1.50
1,x
--- target.parquet
id:int64, v:decimal(12,2)
1 | 1.00
1 | 1.50
1 | NULL
--- finds
diverged: 3 source, 3 target, 2 equal, 2 duplicate_key
kind          | side   | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
duplicate_key | source | 1        | NULL            | NULL                       | NULL                       | [{side: source, column: v, text: x}]
duplicate_key | target | 1        | NULL            | NULL                       | NULL                       | NULL

=== a value mismatch beside a repeated key
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
2 | a
2 | a
3 | a
--- target.parquet
id:int64, v:utf8
1 | b
2 | a
2 | b
4 | a
--- finds
diverged: 4 source, 4 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source, 2 duplicate_key
column v: differs in 1
kind              | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch    | both   | 1        | [v]             | a             | b             | NULL
duplicate_key     | target | 2        | NULL            | NULL          | b             | NULL
duplicate_key     | source | 2        | NULL            | a             | NULL          | NULL
missing_in_target | source | 3        | NULL            | a             | NULL          | NULL
missing_in_source | target | 4        | NULL            | NULL          | a             | NULL
