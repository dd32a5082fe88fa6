# Types that cannot be compared are a `schema_mismatch`; in a key column an error.

=== bool against integer
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:bool, w:int64
1 | true | 1
2 | true | 2
--- target.parquet
id:int64, v:int64, w:int64
1 | 1 | 1
2 | 1 | 3
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column w: differs in 1
column v: Boolean in source, Int64 in target
kind            | side | id:Int64 | changed_columns | source_w:Int64 | target_w:Int64 | unreadable
schema_mismatch | both | NULL     | [v]             | NULL           | NULL           | [{side: source, column: v, text: Boolean}, {side: target, column: v, text: Int64}]
value_mismatch  | both | 2        | [w]             | 2              | 3              | NULL

=== text against binary, text against numbers
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8, w:utf8, x:date32
1 | a | 1 | 2026-01-01
--- target.parquet
id:int64, v:binary, w:int64, x:int32
1 | 61 | 1 | 20454
--- finds
diverged: 1 source, 1 target, 1 equal
column v: Utf8 in source, Binary in target
column w: Utf8 in source, Int64 in target
column x: Date32 in source, Int32 in target
kind            | side | id:Int64 | changed_columns | unreadable
schema_mismatch | both | NULL     | [v]             | [{side: source, column: v, text: Utf8}, {side: target, column: v, text: Binary}]
schema_mismatch | both | NULL     | [w]             | [{side: source, column: w, text: Utf8}, {side: target, column: w, text: Int64}]
schema_mismatch | both | NULL     | [x]             | [{side: source, column: x, text: Date32}, {side: target, column: x, text: Int32}]

=== a struct field on one side
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:struct(a:int64,b:int64), w:list(int64)
1 | {"a": 1, "b": 2} | [1]
--- target.parquet
id:int64, v:struct(a:int64), w:int64
1 | {"a": 1} | 1
--- finds
diverged: 1 source, 1 target, 1 equal
column v: Struct("a": Int64, "b": Int64) in source, Struct("a": Int64) in target
column w: List(Int64) in source, Int64 in target
kind            | side | id:Int64 | changed_columns | unreadable
schema_mismatch | both | NULL     | [v]             | [{side: source, column: v, text: Struct("a": Int64, "b": Int64)}, {side: target, column: v, text: Struct("a": Int64)}]
schema_mismatch | both | NULL     | [w]             | [{side: source, column: w, text: List(Int64)}, {side: target, column: w, text: Int64}]

=== ignored, it does not matter
$ tieout diff source.parquet target.parquet --key id --ignore v
--- source.parquet
id:int64, v:bool, w:int64
1 | true | 1
--- target.parquet
id:int64, v:int64, w:int64
1 | 1 | 1
--- finds
reconciled: 1 source, 1 target, 1 equal

=== outside --columns, it does not matter
$ tieout diff source.parquet target.parquet --key id --columns w
--- source.parquet
id:int64, v:bool, w:int64
1 | true | 1
--- target.parquet
id:int64, v:int64, w:int64
1 | 1 | 1
--- finds
reconciled: 1 source, 1 target, 1 equal

=== in a key it is an error
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:int64
1 | 1
--- target.parquet
id:utf8, v:int64
1 | 1
--- finds
error schema: the key column `id` is Int64 in source and Utf8 in target, which cannot be compared
hint: bring both to one type: `columns: {id: {target: "cast(id as ...)"}}`, or choose another key

=== without a key
$ tieout diff source.parquet target.parquet
--- source.parquet
v:bool, w:int64
true | 1
true | 2
--- target.parquet
v:int64, w:int64
1 | 1
1 | 3
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
column v: Boolean in source, Int64 in target
kind              | side   | w:Int64 | changed_columns | unreadable
schema_mismatch   | both   | NULL    | [v]             | [{side: source, column: v, text: Boolean}, {side: target, column: v, text: Int64}]
missing_in_target | source | 2       | NULL            | NULL
missing_in_source | target | 3       | NULL            | NULL

=== nothing in common that can be compared
$ tieout diff source.parquet target.parquet
--- source.parquet
v:bool
true
--- target.parquet
v:int64
1
--- finds
error schema: the two sides have no column in common that can be compared
hint: map columns by `map:` (--map target=source), or name other datasets
