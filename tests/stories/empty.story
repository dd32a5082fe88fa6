# Empty tables are no error.

=== both empty
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
--- target.parquet
id:int64, v:utf8
--- finds
reconciled: 0 source, 0 target
note: there are no rows on either side

=== an empty source
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
--- target.parquet
id:int64, v:utf8
1 | a
2 | b
--- finds
diverged: 0 source, 2 target, 2 missing_in_source
kind              | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_source | target | 1        | NULL            | NULL          | a             | NULL
missing_in_source | target | 2        | NULL            | NULL          | b             | NULL

=== an empty target, a repeated key
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
1 | a
--- target.parquet
id:int64, v:utf8
--- finds
diverged: 2 source, 0 target, 2 missing_in_target
note: 1 key stands more than once on a side; rows of one key pair off one by one
kind              | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_target | source | 1        | NULL            | a             | NULL          | NULL
missing_in_target | source | 1        | NULL            | a             | NULL          | NULL

=== both empty, without a key
$ tieout diff source.parquet target.parquet
--- source.parquet
id:int64, v:utf8
--- target.parquet
id:int64, v:utf8
--- finds
reconciled: 0 source, 0 target
note: there are no rows on either side

=== an empty table, without a key
$ tieout diff source.parquet target.parquet
--- source.parquet
id:int64, v:utf8
1 | NULL
NULL | NULL
--- target.parquet
id:int64, v:utf8
--- finds
diverged: 2 source, 0 target, 2 missing_in_target
kind              | side   | id:Int64 | v:Utf8 | changed_columns | unreadable
missing_in_target | source | NULL     | NULL   | NULL            | NULL
missing_in_target | source | 1        | NULL   | NULL            | NULL

=== a CSV file of a head only
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
--- target.parquet
id:int64, v:decimal(12,2)
1 | 1.50
--- finds
diverged: 0 source, 1 target, 1 missing_in_source
kind              | side   | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
missing_in_source | target | 1        | NULL            | NULL                       | 1.50                       | NULL

=== both CSV files of a head only
$ tieout diff source.csv target.csv --key id
--- source.csv
id,v
--- target.csv
id,v
--- finds
reconciled: 0 source, 0 target
note: there are no rows on either side

=== empty, and a column on one side
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
--- target.parquet
id:int64
--- finds
diverged: 0 source, 0 target
column v: only in source
note: there are no rows on either side
kind            | side   | id:Int64 | changed_columns | unreadable
schema_mismatch | source | NULL     | [v]             | NULL

=== all rows filtered away
$ tieout diff source.parquet target.parquet --key id --where 'id > 10'
--- source.parquet
id:int64, v:utf8
1 | a
--- target.parquet
id:int64, v:utf8
1 | b
--- finds
reconciled: 0 source, 0 target
note: there are no rows on either side
