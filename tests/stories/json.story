# JSON is compared by value where asked: `json: true` of a column, `--json` of `diff`.

=== by value where asked
The keys of an object in any order, numbers by their exact value, characters behind their escapes. What is written is shown.
$ tieout diff source.parquet target.parquet --key id --json doc
--- source.parquet
id:int64, doc:utf8
1 | {"a": 1, "b": [1, 2.50]}
2 | {"a": 1, "b": 2}
3 | [1, 2]
4 | "Jos\u00e9"
5 | 1.0
6 | 9007199254740993
7 | {"a": null}
8 | NULL
9 | 0.1
10 | {"k": 1, "k": 2}
--- target.parquet
id:int64, doc:utf8
1 | { "b" : [1e0, 2.5], "a" : 1.0 }
2 | {"a": 1, "b": 2, "c": null}
3 | [2, 1]
4 | "José"
5 | 1
6 | 9007199254740992
7 | {}
8 | null
9 | 0.10000000000000000001
10 | {"k": 2}
--- finds
diverged: 10 source, 10 target, 4 equal, 6 value_mismatch
column doc: differs in 6
kind           | side | id:Int64 | changed_columns | source_doc:Utf8  | target_doc:Utf8             | unreadable
value_mismatch | both | 2        | [doc]           | {"a": 1, "b": 2} | {"a": 1, "b": 2, "c": null} | NULL
value_mismatch | both | 3        | [doc]           | [1, 2]           | [2, 1]                      | NULL
value_mismatch | both | 6        | [doc]           | 9007199254740993 | 9007199254740992            | NULL
value_mismatch | both | 7        | [doc]           | {"a": null}      | {}                          | NULL
value_mismatch | both | 8        | [doc]           | NULL             | null                        | NULL
value_mismatch | both | 9        | [doc]           | 0.1              | 0.10000000000000000001      | NULL

=== text that is not JSON is compared as it is
And never equals a value: not the string of the same characters, not with other blanks.
$ tieout diff source.csv target.csv --key id --json doc
--- source.csv
id,doc
1,abc
2,abc
3,01
4,{a: 1}
5,{a: 1}
6,NaN
7, 1
8,"[1,]"
--- target.csv
id,doc
1,abc
2,"""abc"""
3,1
4,{a: 1}
5,{a:1}
6,nan
7,1
8,[1]
--- finds
diverged: 8 source, 8 target, 3 equal, 5 value_mismatch
column doc: differs in 5
kind           | side | id:Utf8 | changed_columns | source_doc:Utf8 | target_doc:Utf8 | unreadable
value_mismatch | both | 2       | [doc]           | abc             | "abc"           | NULL
value_mismatch | both | 3       | [doc]           | 01              | 1               | NULL
value_mismatch | both | 5       | [doc]           | {a: 1}          | {a:1}           | NULL
value_mismatch | both | 6       | [doc]           | NaN             | nan             | NULL
value_mismatch | both | 8       | [doc]           | [1,]            | [1]             | NULL

=== not unless it is asked for
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, doc:utf8
1 | {"a":1}
--- target.parquet
id:int64, doc:utf8
1 | {"a": 1}
--- finds
diverged: 1 source, 1 target, 1 value_mismatch
column doc: differs in 1
kind           | side | id:Int64 | changed_columns | source_doc:Utf8 | target_doc:Utf8 | unreadable
value_mismatch | both | 1        | [doc]           | {"a":1}         | {"a": 1}        | NULL

=== in a key, and white space that JSON does not know
The key is shown as it is compared.
$ tieout diff source.parquet target.csv --key k --json k,v --trim v
--- source.parquet
k:utf8, v:utf8
{"b": 2, "a": 1} | 1.50
[1.10] | '{}'
--- target.csv (escaped)
k,v\n
"{""a"":1.0,""b"":2}",\u{a0}1.5\n
[1.1],\u{a0}{ }x\n
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | k:Utf8 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | [1.1]  | [v]             | {}            | '\u{a0}{ }x'  | NULL

=== numbers are no text
$ tieout diff source.parquet target.csv --key id --json n
--- source.parquet
id:int64, n:int64
1 | 1
--- target.csv
id,n
1,1.0
--- finds
error schema: `n` is Int64 in source and Int64 in target: only text is compared as JSON
hint: remove `json`, or make it text by `source:` or `target:`

=== other spellings are of text
$ tieout run
--- tieout.yaml
datasets: {s: {csv: s.csv}, t: {csv: t.csv}}
rules:
  r: {source: s, target: t, key: [id], columns: {doc: {json: true, ignore_case: true}}}
--- s.csv
id,doc
--- t.csv
id,doc
--- finds
error config: tieout.yaml:3:50: `doc` is compared as JSON, by value: `ignore_case` and `nfc` are for text (rule r)
hint: remove `json`, or the other options
