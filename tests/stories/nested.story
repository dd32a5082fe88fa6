# Lists, structs and maps are compared deep; struct fields by name, map entries by key.

=== lists
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:list(int64)
1 | [1, 2]
2 | [1, 2]
3 | []
4 | [null]
5 | NULL
6 | [null]
7 | [1]
--- target.parquet
id:int64, v:list(int64)
1 | [1, 2]
2 | [2, 1]
3 | NULL
4 | []
5 | NULL
6 | [null]
7 | [1, null]
--- finds
diverged: 7 source, 7 target, 3 equal, 4 value_mismatch
column v: differs in 4
kind           | side | id:Int64 | changed_columns | source_v:List(Int64) | target_v:List(Int64) | unreadable
value_mismatch | both | 2        | [v]             | [1, 2]               | [2, 1]               | NULL
value_mismatch | both | 3        | [v]             | []                   | NULL                 | NULL
value_mismatch | both | 4        | [v]             | [NULL]               | []                   | NULL
value_mismatch | both | 7        | [v]             | [1]                  | [1, NULL]            | NULL

=== where one list ends and the next begins
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:list(list(utf8))
1 | [["a"], ["b"]]
2 | [["ab"]]
--- target.parquet
id:int64, v:list(list(utf8))
1 | [["a", "b"]]
2 | [["a", "b"]]
--- finds
diverged: 2 source, 2 target, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:List(List(Utf8)) | target_v:List(List(Utf8)) | unreadable
value_mismatch | both | 1        | [v]             | [[a], [b]]                | [[a, b]]                  | NULL
value_mismatch | both | 2        | [v]             | [[ab]]                    | [[a, b]]                  | NULL

=== lists of other types
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, d:list(decimal(12,2)), i:list(int32), f:list(float64), t:list(timestamp(ms))
1 | ["1.50"] | [1] | [0.0] | ["2026-03-01T12:00:00.123"]
2 | ["1.50"] | [1] | [1.0] | ["2026-03-01T12:00:00.123"]
--- target.parquet
id:int64, d:list(decimal(20,4)), i:largelist(int64), f:list(float64), t:list(timestamp(us))
1 | ["1.5000"] | [1] | [-0.0] | ["2026-03-01T12:00:00.123456"]
2 | ["1.5001"] | [2] | [2.0]  | ["2026-03-01T12:00:00.124000"]
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column d: differs in 1
column i: differs in 1
column f: differs in 1
column t: differs in 1
note: column `t`: Timestamp(ms) against Timestamp(µs) is compared in milliseconds, rounded down
kind           | side | id:Int64 | changed_columns | source_d:List(Decimal128(12, 2)) | target_d:List(Decimal128(20, 4)) | source_i:List(Int32) | target_i:List(Int64) | source_f:List(Float64) | target_f:List(Float64) | source_t:List(Timestamp(ms)) | target_t:List(Timestamp(µs)) | unreadable
value_mismatch | both | 2        | [d, i, f, t]    | [1.50]                           | [1.5001]                         | [1]                  | [2]                  | [1.0]                  | [2.0]                  | [2026-03-01T12:00:00.123]    | [2026-03-01T12:00:00.124]    | NULL

=== structs by name of the field
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:struct(a:int64,b:utf8)
1 | {"a": 1, "b": "x"}
2 | {"a": 1, "b": "x"}
3 | {"a": null, "b": null}
4 | NULL
5 | NULL
--- target.parquet
id:int64, v:struct(b:utf8,a:int32)
1 | {"b": "x", "a": 1}
2 | {"b": "y", "a": 1}
3 | {"b": null, "a": null}
4 | {"b": null, "a": null}
5 | NULL
--- finds
diverged: 5 source, 5 target, 3 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Struct("a": Int64, "b": Utf8) | target_v:Struct("b": Utf8, "a": Int32) | unreadable
value_mismatch | both | 2        | [v]             | {a: 1, b: x}                           | {b: y, a: 1}                           | NULL
value_mismatch | both | 4        | [v]             | NULL                                   | {b: NULL, a: NULL}                     | NULL

=== maps by key
The order of entries does not matter.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:map(utf8,int64)
1 | {"a": 1, "b": 2}
2 | {"a": 1, "b": 2}
3 | {}
4 | {"a": null}
5 | {"a": null}
--- target.parquet
id:int64, v:map(utf8,int32)
1 | {"b": 2, "a": 1}
2 | {"b": 1, "a": 2}
3 | NULL
4 | {}
5 | {"a": null}
--- finds
diverged: 5 source, 5 target, 2 equal, 3 value_mismatch
column v: differs in 3
kind           | side | id:Int64 | changed_columns | source_v:Map("entries": non-null Struct("keys": non-null Utf8, "values": Int64), unsorted) | target_v:Map("entries": non-null Struct("keys": non-null Utf8, "values": Int32), unsorted) | unreadable
value_mismatch | both | 2        | [v]             | {a: 1, b: 2}                                                                               | {b: 1, a: 2}                                                                               | NULL
value_mismatch | both | 3        | [v]             | {}                                                                                         | NULL                                                                                       | NULL
value_mismatch | both | 4        | [v]             | {a: NULL}                                                                                  | {}                                                                                         | NULL

=== maps of the same type on both sides
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:map(utf8,int64)
1 | {"a": 1, "b": 2}
2 | {"a": 1}
--- target.parquet
id:int64, v:map(utf8,int64)
1 | {"b": 2, "a": 1}
2 | {"a": 2}
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Map("entries": non-null Struct("keys": non-null Utf8, "values": Int64), unsorted) | target_v:Map("entries": non-null Struct("keys": non-null Utf8, "values": Int64), unsorted) | unreadable
value_mismatch | both | 2        | [v]             | {a: 1}                                                                                     | {a: 2}                                                                                     | NULL

=== deep
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:list(struct(k:utf8,m:map(utf8,list(decimal(12,2)))))
1 | [{"k": "x", "m": {"a": ["1.50"], "b": []}}]
2 | [{"k": "x", "m": {"a": ["1.50", null]}}]
--- target.parquet
id:int64, v:list(struct(m:map(utf8,list(decimal(20,4))),k:utf8))
1 | [{"m": {"b": [], "a": ["1.5000"]}, "k": "x"}]
2 | [{"m": {"a": [null, "1.5000"]}, "k": "x"}]
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:List(Struct("k": Utf8, "m": Map("entries": non-null Struct("keys": non-null Utf8, "values": List(Decimal128(12, 2))), unsorted))) | target_v:List(Struct("m": Map("entries": non-null Struct("keys": non-null Utf8, "values": List(Decimal128(20, 4))), unsorted), "k": Utf8)) | unreadable
value_mismatch | both | 2        | [v]             | [{k: x, m: {a: [1.50, NULL]}}]                                                                                                             | [{m: {a: [NULL, 1.5000]}, k: x}]                                                                                                           | NULL

=== a list as a key
$ tieout diff source.parquet target.parquet --key k
--- source.parquet
k:list(int64), v:int64
[1]    | 1
[1, 2] | 2
NULL   | 3
[]     | 4
--- target.parquet
k:list(int32), v:int64
[1, 2] | 2
[1]    | 10
NULL   | 3
[2]    | 4
--- finds
diverged: 4 source, 4 target, 2 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | k:List(Int64) | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
missing_in_target | source | []            | NULL            | 4              | NULL           | NULL
value_mismatch    | both   | [1]           | [v]             | 1              | 10             | NULL
missing_in_source | target | [2]           | NULL            | NULL           | 4              | NULL

=== a struct as a key, and no key
$ tieout diff source.parquet target.parquet
--- source.parquet
k:struct(a:int64,b:float64), m:map(utf8,int64)
{"a": 1, "b": 0.0} | {"x": 1, "y": 2}
{"a": 2, "b": 0.0} | {"x": 1, "y": 2}
--- target.parquet
k:struct(b:float64,a:int64), m:map(utf8,int64)
{"b": -0.0, "a": 1} | {"y": 2, "x": 1}
{"b": 1.0, "a": 2}  | {"y": 2, "x": 1}
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | k:Struct("a": Int64, "b": Float64) | m:Map("entries": non-null Struct("keys": non-null Utf8, "values": Int64), unsorted) | changed_columns | unreadable
missing_in_target | source | {a: 2, b: 0.0}                     | {x: 1, y: 2}                                                                        | NULL            | NULL
missing_in_source | target | {a: 2, b: 1.0}                     | {y: 2, x: 1}                                                                        | NULL            | NULL

=== lists of numbers that no decimal type holds both of
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:list(decimal256(76,0))
1 | ["1"]
--- target.parquet
id:int64, v:list(decimal(38,38))
1 | ["0.5"]
--- finds
diverged: 1 source, 1 target, 1 equal
column v: List(Decimal256(76, 0)) in source, List(Decimal128(38, 38)) in target
kind            | side | id:Int64 | changed_columns | unreadable
schema_mismatch | both | NULL     | [v]             | [{side: source, column: v, text: List(Decimal256(76, 0))}, {side: target, column: v, text: List(Decimal128(38, 38))}]

=== dictionaries inside
$ tieout diff source.arrow target.arrow --key id
--- source.arrow
id:int64, v:list(utf8), w:struct(a:utf8)
1 | ["a"] | {"a": "x"}
2 | ["a"] | {"a": "x"}
--- target.arrow
id:int64, v:list(utf8view), w:struct(a:largeutf8)
1 | ["a"] | {"a": "x"}
2 | ["b"] | {"a": "y"}
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
column w: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:List(Utf8) | target_v:List(Utf8) | source_w:Struct("a": Utf8) | target_w:Struct("a": Utf8) | unreadable
value_mismatch | both | 2        | [v, w]          | [a]                 | [b]                 | {a: x}                     | {a: y}                     | NULL

=== JSON against Parquet
$ tieout diff source.ndjson target.parquet --key id
--- source.ndjson
{"id": 1, "l": [1, 2], "o": {"b": "x", "a": 1}, "e": []}
{"id": 2, "l": null, "o": {"a": 2}, "e": []}
{"id": 3}
--- target.parquet
id:int64, l:list(int32), o:struct(a:int64,b:utf8), e:list(int64)
1 | [1, 2] | {"a": 1, "b": "x"}  | []
2 | []     | {"a": 2, "b": null} | [1]
3 | NULL   | NULL                | NULL
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column l: differs in 1
column e: differs in 1
kind           | side | id:Int64 | changed_columns | source_l:List(Int64) | target_l:List(Int32) | source_o:Struct("b": Utf8, "a": Int64) | target_o:Struct("a": Int64, "b": Utf8) | source_e:List(Utf8) | target_e:List(Int64) | unreadable
value_mismatch | both | 2        | [l, e]          | NULL                 | []                   | {b: NULL, a: 2}                        | {a: 2, b: NULL}                        | []                  | [1]                  | NULL
