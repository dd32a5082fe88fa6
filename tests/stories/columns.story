# Columns on one side only are a `schema_mismatch`, hence diverged, unless ignored or outside `--columns`.

=== a column on one side
The rows agree, the schemas do not.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:int64, old:utf8
1 | 1 | x
--- target.parquet
id:int64, new:utf8, v:int64, newer:int64
1 | y | 1 | 2
--- finds
diverged: 1 source, 1 target, 1 equal
column old: only in source
column new: only in target
column newer: only in target
kind            | side   | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
schema_mismatch | source | NULL     | [old]           | NULL           | NULL           | NULL
schema_mismatch | target | NULL     | [new]           | NULL           | NULL           | NULL
schema_mismatch | target | NULL     | [newer]         | NULL           | NULL           | NULL

=== ignored
$ tieout diff source.parquet target.parquet --key id --ignore old,new
--- source.parquet
id:int64, v:int64, old:utf8
1 | 1 | x
--- target.parquet
id:int64, new:utf8, v:int64
1 | y | 1
--- finds
reconciled: 1 source, 1 target, 1 equal

=== outside --columns
$ tieout diff source.parquet target.parquet --key id --columns v
--- source.parquet
id:int64, v:int64, w:int64, old:utf8
1 | 1 | 1 | x
2 | 1 | 1 | x
--- target.parquet
id:int64, v:int64, w:int64
1 | 1 | 2
2 | 2 | 1
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 2        | [v]             | 1              | 2              | NULL

=== a column of --columns that stands on one side
$ tieout diff source.parquet target.parquet --key id --columns v,old
--- source.parquet
id:int64, v:int64, old:utf8
1 | 1 | x
--- target.parquet
id:int64, v:int64
1 | 1
--- finds
diverged: 1 source, 1 target, 1 equal
column old: only in source
kind            | side   | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
schema_mismatch | source | NULL     | [old]           | NULL           | NULL           | NULL

=== an ignored column may differ
$ tieout diff source.parquet target.parquet --key id --ignore v
--- source.parquet
id:int64, v:int64, w:int64
1 | 1 | 1
--- target.parquet
id:int64, v:int64, w:int64
1 | 2 | 1
--- finds
reconciled: 1 source, 1 target, 1 equal

=== mapped: the source's name counts
$ tieout diff source.parquet target.parquet --key customer_id --map cust_no=customer_id --map amt=amount --tolerance amount=0.01
--- source.parquet
customer_id:int64, amount:decimal(12,2), note:utf8
1 | 1.00 | a
2 | 2.00 | a
3 | 3.00 | a
--- target.parquet
cust_no:int64, amt:decimal(12,2), note:utf8
1 | 1.01 | a
2 | 2.02 | a
4 | 3.00 | a
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column amount: differs in 1
column amount: is within tolerance in 1
kind              | side   | customer_id:Int64 | changed_columns | source_amount:Decimal128(12, 2) | target_amount:Decimal128(12, 2) | source_note:Utf8 | target_note:Utf8 | unreadable
value_mismatch    | both   | 2                 | [amount]        | 2.00                            | 2.02                            | a                | a                | NULL
missing_in_target | source | 3                 | NULL            | 3.00                            | NULL                            | a                | NULL             | NULL
missing_in_source | target | 4                 | NULL            | NULL                            | 3.00                            | NULL             | a                | NULL

=== a mapped name that the other side has for something else
The target's own `a` is not the source's `a`; it has no partner.
$ tieout diff source.parquet target.parquet --key id --map b=a
--- source.parquet
id:int64, a:int64
1 | 1
--- target.parquet
id:int64, a:int64, b:int64
1 | 9 | 1
--- finds
diverged: 1 source, 1 target, 1 equal
column a: only in target
kind            | side   | id:Int64 | changed_columns | source_a:Int64 | target_a:Int64 | unreadable
schema_mismatch | target | NULL     | [a]             | NULL           | NULL           | NULL

=== mapped crosswise
$ tieout diff source.parquet target.parquet --key id --map b=a --map a=b
--- source.parquet
id:int64, a:int64, b:int64
1 | 1 | 2
2 | 1 | 2
--- target.parquet
id:int64, a:int64, b:int64
1 | 2 | 1
2 | 1 | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column a: differs in 1
column b: differs in 1
kind           | side | id:Int64 | changed_columns | source_a:Int64 | target_a:Int64 | source_b:Int64 | target_b:Int64 | unreadable
value_mismatch | both | 2        | [a, b]          | 1              | 2              | 2              | 1              | NULL

=== a map of a column that is not there
$ tieout diff source.parquet target.parquet --key id --map costumer=a
--- source.parquet
id:int64, a:int64
1 | 1
--- target.parquet
id:int64, customer:int64
1 | 1
--- finds
error not_found: there is no column `costumer` (side target)
hint: did you mean `customer`?

=== nothing in common
$ tieout diff source.parquet target.parquet
--- source.parquet
a:int64
1
--- target.parquet
b:int64
1
--- finds
error schema: the two sides have no column in common that can be compared
hint: map columns by `map:` (--map target=source), or name other datasets

=== a key that stands on one side
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:int64
1 | 1
--- target.parquet
ident:int64, v:int64
1 | 1
--- finds
error not_found: there is no key column `id` (side target)
hint: the columns there are `ident`, `v`; map one by `map:` (--map)

=== a key that stands nowhere
$ tieout diff source.parquet target.parquet --key order_id
--- source.parquet
ordr_id:int64, v:int64
1 | 1
--- target.parquet
ordr_id:int64, v:int64
1 | 1
--- finds
error not_found: there is no key column `order_id`
hint: did you mean `ordr_id`?

=== nothing but the key
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64
1
2
2
--- target.parquet
id:int64
1
3
--- finds
diverged: 3 source, 2 target, 1 equal, 2 missing_in_target, 1 missing_in_source
note: 1 key stands more than once on a side; rows of one key pair off one by one
kind              | side   | id:Int64 | changed_columns | unreadable
missing_in_target | source | 2        | NULL            | NULL
missing_in_target | source | 2        | NULL            | NULL
missing_in_source | target | 3        | NULL            | NULL

=== nothing but the key is left
$ tieout diff source.parquet target.parquet --key id --ignore v
--- source.parquet
id:int64, v:int64
1 | 1
2 | 2
--- target.parquet
id:int64, v:int64
1 | 5
--- finds
diverged: 2 source, 1 target, 1 equal, 1 missing_in_target
kind              | side   | id:Int64 | changed_columns | unreadable
missing_in_target | source | 2        | NULL            | NULL
