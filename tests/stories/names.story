# Column names: exact; then those that differ in case only, if unambiguous, with a note; their order does not matter.

=== another order
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, a:utf8, b:utf8
1 | x | y
2 | x | y
--- target.parquet
b:utf8, a:utf8, id:int64
y | x | 1
x | y | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column a: differs in 1
column b: differs in 1
kind           | side | id:Int64 | changed_columns | source_a:Utf8 | target_a:Utf8 | source_b:Utf8 | target_b:Utf8 | unreadable
value_mismatch | both | 2        | [a, b]          | x             | y             | y             | x             | NULL

=== another case
$ tieout diff source.parquet target.parquet --key Id
--- source.parquet
Id:int64, AMOUNT:int64
1 | 1
2 | 2
--- target.parquet
ID:int64, amount:int64
1 | 1
2 | 3
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column AMOUNT: differs in 1
note: column `Id` of the source is compared with `ID` of the target
note: column `AMOUNT` of the source is compared with `amount` of the target
kind           | side | Id:Int64 | changed_columns | source_AMOUNT:Int64 | target_AMOUNT:Int64 | unreadable
value_mismatch | both | 2        | [AMOUNT]        | 2                   | 3                   | NULL

=== exact before another case
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:int64, V:int64
1 | 1 | 2
--- target.parquet
id:int64, V:int64, v:int64
1 | 2 | 1
--- finds
reconciled: 1 source, 1 target, 1 equal

=== ambiguous is not guessed
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, Name:int64
1 | 1
--- target.parquet
id:int64, NAME:int64, name:int64
1 | 1 | 1
--- finds
diverged: 1 source, 1 target, 1 equal
column Name: only in source
column NAME: only in target
column name: only in target
kind            | side   | id:Int64 | changed_columns | unreadable
schema_mismatch | source | NULL     | [Name]          | NULL
schema_mismatch | target | NULL     | [NAME]          | NULL
schema_mismatch | target | NULL     | [name]          | NULL

=== odd names
Quotes, dots, blanks, commas, letters of other scripts, nothing but a sign.
$ tieout diff source.parquet target.parquet --key 'order id' --tolerance '"a,b"=1' --ignore '"x=y"'
--- source.parquet
order id:int64, "a,b":int64, a.b:int64, it's:int64, größe:int64, "x=y":int64, #:int64, $v:int64, -:int64, {{v}}:int64, %:int64, select:int64
1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1
2 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1
--- target.parquet
order id:int64, "a,b":int64, a.b:int64, it's:int64, größe:int64, "x=y":int64, #:int64, $v:int64, -:int64, {{v}}:int64, %:int64, select:int64
1 | 2 | 1 | 1 | 1 | 2 | 1 | 1 | 1 | 1 | 1 | 1
2 | 3 | 2 | 2 | 2 | 2 | 2 | 2 | 2 | 2 | 2 | 2
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column a,b: differs in 1
column a,b: is within tolerance in 1
column a.b: differs in 1
column it's: differs in 1
column größe: differs in 1
column #: differs in 1
column $v: differs in 1
column -: differs in 1
column {{v}}: differs in 1
column %: differs in 1
column select: differs in 1
kind           | side | order id:Int64 | changed_columns                                     | source_a,b:Int64 | target_a,b:Int64 | source_a.b:Int64 | target_a.b:Int64 | source_it's:Int64 | target_it's:Int64 | source_größe:Int64 | target_größe:Int64 | source_#:Int64 | target_#:Int64 | source_$v:Int64 | target_$v:Int64 | source_-:Int64 | target_-:Int64 | source_{{v}}:Int64 | target_{{v}}:Int64 | source_%:Int64 | target_%:Int64 | source_select:Int64 | target_select:Int64 | unreadable
value_mismatch | both | 2              | [a,b, a.b, it's, größe, #, $v, -, {{v}}, %, select] | 1                | 3                | 1                | 2                | 1                 | 2                 | 1                  | 2                  | 1              | 2              | 1               | 2               | 1              | 2              | 1                  | 2                  | 1              | 2              | 1                   | 2                   | NULL

=== a name with a double quote
$ tieout diff source.csv target.csv --key id
--- source.csv
id,"a ""b""",a\b
1,x,1
--- target.csv
id,"a ""b""",a\b
1,y,2
--- finds
diverged: 1 source, 1 target, 1 value_mismatch
column a "b": differs in 1
column a\b: differs in 1
kind           | side | id:Utf8 | changed_columns | source_a "b":Utf8 | target_a "b":Utf8 | source_a\b:Utf8 | target_a\b:Utf8 | unreadable
value_mismatch | both | 1       | [a "b", a\\b]   | x                 | y                 | 1               | 2               | NULL

=== names of our own columns, as keys
$ tieout diff source.parquet target.parquet --key kind,run,Side
--- source.parquet
kind:int64, run:int64, Side:int64, source_v:int64, v:int64
1 | 1 | 1 | 1 | 1
2 | 1 | 1 | 1 | 1
--- target.parquet
kind:int64, run:int64, Side:int64, source_v:int64, v:int64
1 | 1 | 1 | 1 | 2
2 | 1 | 1 | 2 | 1
--- finds
diverged: 2 source, 2 target, 2 value_mismatch
column source_v: differs in 1
column v: differs in 1
note: column `kind` is written as `key_kind`, for `kind` has another meaning there
note: column `run` is written as `key_run`, for `run` has another meaning there
note: column `Side` is written as `key_Side`, for `Side` has another meaning there
kind           | side | key_kind:Int64 | key_run:Int64 | key_Side:Int64 | changed_columns | source_source_v:Int64 | target_source_v:Int64 | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 1              | 1             | 1              | [v]             | 1                     | 1                     | 1              | 2              | NULL
value_mismatch | both | 2              | 1             | 1              | [source_v]      | 1                     | 2                     | 1              | 1              | NULL

=== a key that is named like a value column in the table
$ tieout diff source.parquet target.parquet --key source_v
--- source.parquet
source_v:int64, v:int64
1 | 1
--- target.parquet
source_v:int64, v:int64
1 | 2
--- finds
diverged: 1 source, 1 target, 1 value_mismatch
column v: differs in 1
note: column `source_v` is written as `key_source_v`, for `source_v` has another meaning there
kind           | side | key_source_v:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 1                  | [v]             | 1              | 2              | NULL

=== names of our own columns, without a key
$ tieout diff source.parquet target.parquet
--- source.parquet
kind:int64, unreadable:int64, divergence_id:int64
1 | 1 | 1
--- target.parquet
kind:int64, unreadable:int64, divergence_id:int64
1 | 1 | 2
--- finds
diverged: 1 source, 1 target, 1 missing_in_target, 1 missing_in_source
note: column `kind` is written as `key_kind`, for `kind` has another meaning there
note: column `unreadable` is written as `key_unreadable`, for `unreadable` has another meaning there
note: column `divergence_id` is written as `key_divergence_id`, for `divergence_id` has another meaning there
kind              | side   | key_kind:Int64 | key_unreadable:Int64 | key_divergence_id:Int64 | changed_columns | unreadable
missing_in_target | source | 1              | 1                    | 1                       | NULL            | NULL
missing_in_source | target | 1              | 1                    | 2                       | NULL            | NULL

=== names that the engine uses inside
$ tieout diff source.parquet target.parquet --key twin
--- source.parquet
twin:int64, place:int64, ordinal:int64, single:int64, here:int64, there:int64, side:int64, slot:int64, in_source:int64, key0:int64, differs0:int64
1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1
1 | 2 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1
2 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1
--- target.parquet
twin:int64, place:int64, ordinal:int64, single:int64, here:int64, there:int64, side:int64, slot:int64, in_source:int64, key0:int64, differs0:int64
1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1
1 | 2 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 2
2 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 2 | 1
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 2 duplicate_key
column key0: differs in 1
kind           | side   | twin:Int64 | changed_columns | source_place:Int64 | target_place:Int64 | source_ordinal:Int64 | target_ordinal:Int64 | source_single:Int64 | target_single:Int64 | source_here:Int64 | target_here:Int64 | source_there:Int64 | target_there:Int64 | source_side:Int64 | target_side:Int64 | source_slot:Int64 | target_slot:Int64 | source_in_source:Int64 | target_in_source:Int64 | source_key0:Int64 | target_key0:Int64 | source_differs0:Int64 | target_differs0:Int64 | unreadable
duplicate_key  | source | 1          | NULL            | 2                  | NULL               | 1                    | NULL                 | 1                   | NULL                | 1                 | NULL              | 1                  | NULL               | 1                 | NULL              | 1                 | NULL              | 1                      | NULL                   | 1                 | NULL              | 1                     | NULL                  | NULL
duplicate_key  | target | 1          | NULL            | NULL               | 2                  | NULL                 | 1                    | NULL                | 1                   | NULL              | 1                 | NULL               | 1                  | NULL              | 1                 | NULL              | 1                 | NULL                   | 1                      | NULL              | 1                 | NULL                  | 2                     | NULL
value_mismatch | both   | 2          | [key0]          | 1                  | 1                  | 1                    | 1                    | 1                   | 1                   | 1                 | 1                 | 1                  | 1                  | 1                 | 1                 | 1                 | 1                 | 1                      | 1                      | 1                 | 2                 | 1                     | 1                     | NULL

=== aliases that the engine uses inside
$ tieout diff source.parquet target.parquet --key s --tolerance t=1 --trim k
--- source.parquet
s:int64, t:int64, k:utf8, T:int64, source:int64, target:int64
1 | 1 | a | 1 | 1 | 1
2 | 1 | a | 1 | 1 | 1
2 | 1 | a | 1 | 1 | 1
--- target.parquet
s:int64, t:int64, k:utf8, T:int64, source:int64, target:int64
1 | 2 | ' a' | 1 | 1 | 1
2 | 2 | b    | 1 | 2 | 1
2 | 1 | a    | 1 | 1 | 1
--- finds
diverged: 3 source, 3 target, 2 equal, 2 duplicate_key
column t: is within tolerance in 1
kind          | side   | s:Int64 | changed_columns | source_t:Int64 | target_t:Int64 | source_k:Utf8 | target_k:Utf8 | source_T:Int64 | target_T:Int64 | source_source:Int64 | target_source:Int64 | source_target:Int64 | target_target:Int64 | unreadable
duplicate_key | target | 2       | NULL            | NULL           | 2              | NULL          | b             | NULL           | 1              | NULL                | 2                   | NULL                | 1                   | NULL
duplicate_key | source | 2       | NULL            | 1              | NULL           | a             | NULL          | 1              | NULL           | 1                   | NULL                | 1                   | NULL                | NULL

=== names that the engine uses inside, without a key
$ tieout diff source.parquet target.parquet
--- source.parquet
twin:int64, ordinal:int64, side:int64, v:float64, K:int64
1 | 1 | 1 | -0.0 | 1
1 | 1 | 1 | -0.0 | 1
--- target.parquet
twin:int64, ordinal:int64, side:int64, v:float64, K:int64
1 | 1 | 1 | 0.0 | 1
1 | 1 | 2 | 0.0 | 1
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
note: column `side` is written as `key_side`, for `side` has another meaning there
kind              | side   | twin:Int64 | ordinal:Int64 | key_side:Int64 | v:Float64 | K:Int64 | changed_columns | unreadable
missing_in_target | source | 1          | 1             | 1              | -0.0      | 1       | NULL            | NULL
missing_in_source | target | 1          | 1             | 2              | 0.0       | 1       | NULL            | NULL
