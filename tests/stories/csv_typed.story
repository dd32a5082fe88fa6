# The text of a CSV file is read as the typed side's type, by value; what cannot be read is a `value_mismatch` and stands in `unreadable`.

=== numbers by value
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,i,d,f
1,7,1.50,1.5
2,7.0,1.5,1e3
3,007,+1.505,1E+3
4,7e0,150e-2,-0
5,+7,.5,NaN
6,-7,1.,inf
7,70e-1,-1.50,0.1
8,7.5,1.51,0.1000000000000000001
--- target.parquet
id:int64, i:int64, d:decimal(12,2), f:float64
1 | 7  | 1.50  | 1.5
2 | 7  | 1.50  | 1000
3 | 7  | 1.50  | 1000
4 | 7  | 1.50  | 0
5 | 7  | 0.50  | NaN
6 | -7 | 1.00  | inf
7 | 7  | -1.50 | 0.1
8 | 7  | 1.50  | 0.1
--- finds
diverged: 8 source, 8 target, 6 equal, 2 value_mismatch
column i: differs in 1
column d: differs in 2
kind           | side | id:Int64 | changed_columns | source_i:Int64 | target_i:Int64 | source_d:Decimal128(12, 2) | target_d:Decimal128(12, 2) | source_f:Float64 | target_f:Float64 | unreadable
value_mismatch | both | 3        | [d]             | 7              | 7              | NULL                       | 1.50                       | 1000.0           | 1000.0           | [{side: source, column: d, text: +1.505}]
value_mismatch | both | 8        | [i, d]          | NULL           | 7              | 1.51                       | 1.50                       | 0.1              | 0.1              | [{side: source, column: i, text: 7.5}]

=== what is no number
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,i,d
1,seven,"1,50"
2,0x7,1.5.0
3,1_000,1.50 EUR
4, 7,1.50
5,--7,$1.50
6,9223372036854775808,99999999999.99
7,1e400,1e
8,٧,1.5e+
--- target.parquet
id:int64, i:int64, d:decimal(12,2)
1 | 7    | 1.50
2 | 7    | 1.50
3 | 1000 | 1.50
4 | 7    | 1.50
5 | -7   | 1.50
6 | 7    | 1.50
7 | 7    | 1.50
8 | 7    | 1.50
--- finds
diverged: 8 source, 8 target, 8 value_mismatch
column i: differs in 8
column d: differs in 7
kind           | side | id:Int64 | changed_columns | source_i:Int64 | target_i:Int64 | source_d:Decimal128(12, 2) | target_d:Decimal128(12, 2) | unreadable
value_mismatch | both | 1        | [i, d]          | NULL           | 7              | NULL                       | 1.50                       | [{side: source, column: i, text: seven}, {side: source, column: d, text: 1,50}]
value_mismatch | both | 2        | [i, d]          | NULL           | 7              | NULL                       | 1.50                       | [{side: source, column: i, text: 0x7}, {side: source, column: d, text: 1.5.0}]
value_mismatch | both | 3        | [i, d]          | NULL           | 1000           | NULL                       | 1.50                       | [{side: source, column: i, text: 1_000}, {side: source, column: d, text: 1.50 EUR}]
value_mismatch | both | 4        | [i]             | NULL           | 7              | 1.50                       | 1.50                       | [{side: source, column: i, text:  7}]
value_mismatch | both | 5        | [i, d]          | NULL           | -7             | NULL                       | 1.50                       | [{side: source, column: i, text: --7}, {side: source, column: d, text: $1.50}]
value_mismatch | both | 6        | [i, d]          | NULL           | 7              | NULL                       | 1.50                       | [{side: source, column: i, text: 9223372036854775808}, {side: source, column: d, text: 99999999999.99}]
value_mismatch | both | 7        | [i, d]          | NULL           | 7              | NULL                       | 1.50                       | [{side: source, column: i, text: 1e400}, {side: source, column: d, text: 1e}]
value_mismatch | both | 8        | [i, d]          | NULL           | 7              | NULL                       | 1.50                       | [{side: source, column: i, text: ٧}, {side: source, column: d, text: 1.5e+}]

=== unreadable is not NULL
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,x
2,
3,
--- target.parquet
id:int64, v:int64
1 | NULL
2 | NULL
3 | 0
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 1        | [v]             | NULL           | NULL           | [{side: source, column: v, text: x}]
value_mismatch | both | 3        | [v]             | NULL           | 0              | NULL

=== unreadable in a key: the row is missing on the other side
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,a
x,b
y,c
,d
--- target.parquet
id:int64, v:utf8
1    | a
2    | b
NULL | d
--- finds
diverged: 4 source, 3 target, 2 equal, 2 missing_in_target, 1 missing_in_source
kind              | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_target | source | NULL     | NULL            | c             | NULL          | [{side: source, column: id, text: y}]
missing_in_target | source | NULL     | NULL            | b             | NULL          | [{side: source, column: id, text: x}]
missing_in_source | target | 2        | NULL            | NULL          | b             | NULL

=== two rows with the same unreadable key
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
x,b
x,b
--- target.parquet
id:int64, v:utf8
2    | b
NULL | b
--- finds
diverged: 2 source, 2 target, 2 missing_in_target, 2 missing_in_source
note: 1 key stands more than once on a side; rows of one key pair off one by one
kind              | side   | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_target | source | NULL     | NULL            | b             | NULL          | [{side: source, column: id, text: x}]
missing_in_source | target | NULL     | NULL            | NULL          | b             | NULL
missing_in_target | source | NULL     | NULL            | b             | NULL          | [{side: source, column: id, text: x}]
missing_in_source | target | 2        | NULL            | NULL          | b             | NULL

=== the file as the target
$ tieout diff source.parquet target.csv --key id
--- source.parquet
id:int64, v:decimal(12,2)
1 | 1.50
2 | 1.50
3 | 1.50
--- target.csv
id,v
1,1.5
two,1.50
3,x
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
missing_in_source | target | NULL     | NULL            | NULL                       | 1.50                       | [{side: target, column: id, text: two}]
missing_in_target | source | 2        | NULL            | 1.50                       | NULL                       | NULL
value_mismatch    | both   | 3        | [v]             | 1.50                       | NULL                       | [{side: target, column: v, text: x}]

=== booleans
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,true
2,FALSE
3,T
4,f
5,1
6,0
7,yes
8,
9,False
--- target.parquet
id:int64, v:bool
1 | true
2 | false
3 | true
4 | false
5 | true
6 | false
7 | true
8 | false
9 | true
--- finds
diverged: 9 source, 9 target, 6 equal, 3 value_mismatch
column v: differs in 3
kind           | side | id:Int64 | changed_columns | source_v:Boolean | target_v:Boolean | unreadable
value_mismatch | both | 7        | [v]             | NULL             | true             | [{side: source, column: v, text: yes}]
value_mismatch | both | 8        | [v]             | NULL             | false            | NULL
value_mismatch | both | 9        | [v]             | false            | true             | NULL

=== blanks around only with trim
$ tieout diff source.csv target.parquet --key id --trim id,v
--- source.csv
id,v,w
1, 1.50,1
 2 ,1.50 , 2
3,   ,3
--- target.parquet
id:int64, v:decimal(12,2), w:int64
1 | 1.50 | 1
2 | 1.50 | 2
3 | NULL | 3
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 1
column w: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | source_w:Int64 | target_w:Int64 | unreadable
value_mismatch | both | 2        | [w]             | 1.50                       | 1.50                       | NULL           | 2              | [{side: source, column: w, text:  2}]
value_mismatch | both | 3        | [v]             | NULL                       | NULL                       | 3              | 3              | [{side: source, column: v, text: }]

=== text stays text
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,007
2,7
3, x
--- target.parquet
id:utf8, v:utf8
1 | 007
2 | 007
3 | x
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Utf8 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | 2       | [v]             | 7             | 007           | NULL
value_mismatch | both | 3       | [v]             | ' x'          | x             | NULL

=== finer digits with a tolerance
1.505 is within 0.005 of 1.50, 1.5051 is not.
$ tieout diff source.csv target.parquet --key id --tolerance v=0.005
--- source.csv
id,v
1,1.505
2,1.5051
3,1.50
4,x
5,
--- target.parquet
id:int64, v:decimal(12,2)
1 | 1.50
2 | 1.50
3 | 1.50
4 | 1.50
5 | 1.50
--- finds
diverged: 5 source, 5 target, 2 equal, 3 value_mismatch
column v: differs in 3
column v: is within tolerance in 1
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 2        | [v]             | NULL                       | 1.50                       | [{side: source, column: v, text: 1.5051}]
value_mismatch | both | 4        | [v]             | NULL                       | 1.50                       | [{side: source, column: v, text: x}]
value_mismatch | both | 5        | [v]             | NULL                       | 1.50                       | NULL

=== finer digits of an integer with a tolerance
$ tieout diff source.csv target.parquet --key id --tolerance v=1
--- source.csv
id,v
1,8.0
2,8.1
3,7.5
--- target.parquet
id:int64, v:int64
1 | 7
2 | 7
3 | 7
--- finds
diverged: 3 source, 3 target, 2 equal, 1 value_mismatch
column v: differs in 1
column v: is within tolerance in 2
kind           | side | id:Int64 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch | both | 2        | [v]             | NULL           | 7              | [{side: source, column: v, text: 8.1}]

=== finer digits without a tolerance
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,1.505
2,1.5000000000000000000000000000000000000000000001
3,1.5000000000000000000000000000000000000000000000
--- target.parquet
id:int64, v:decimal(12,2)
1 | 1.50
2 | 1.50
3 | 1.50
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 2) | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 1        | [v]             | NULL                       | 1.50                       | [{side: source, column: v, text: 1.505}]
value_mismatch | both | 2        | [v]             | NULL                       | 1.50                       | [{side: source, column: v, text: 1.5000000000000000000000000000000000000000000001}]

=== finer digits in a key
$ tieout diff source.csv target.parquet --key k
--- source.csv
k,v
1.50,a
1.505,b
7.0,c
--- target.parquet
k:decimal(12,2), v:utf8
1.50 | a
1.51 | b
7.00 | c
--- finds
diverged: 3 source, 3 target, 2 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | k:Decimal128(12, 2) | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
missing_in_target | source | NULL                | NULL            | b             | NULL          | [{side: source, column: k, text: 1.505}]
missing_in_source | target | 1.51                | NULL            | NULL          | b             | NULL

=== JSON against typed
A number with a fraction is a float in JSON, and the empty text is none but itself.
$ tieout diff source.ndjson target.parquet --key id
--- source.ndjson
{"id": 1, "v": 1.50, "s": "a", "b": true}
{"id": 2, "v": 1.505, "s": null, "b": false}
{"id": 3, "s": "", "b": null}
--- target.parquet
id:int64, v:decimal(12,2), s:utf8, b:bool
1 | 1.50 | a | true
2 | 1.50 | NULL | true
3 | NULL | NULL | NULL
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 1
column s: differs in 1
column b: differs in 1
note: column `v`: Float64 against Decimal128(12, 2) is compared as the nearest Float64
kind           | side | id:Int64 | changed_columns | source_v:Float64 | target_v:Decimal128(12, 2) | source_s:Utf8 | target_s:Utf8 | source_b:Boolean | target_b:Boolean | unreadable
value_mismatch | both | 2        | [v, b]          | 1.505            | 1.50                       | NULL          | NULL          | false            | true             | NULL
value_mismatch | both | 3        | [s]             | NULL             | NULL                       | ''            | NULL          | NULL             | NULL             | NULL

=== a declared type goes before the other side's
$ tieout diff source.csv target.parquet --key id --source-option 'columns.v=decimal(12,3)'
--- source.csv
id,v
1,1.50
2,1.505
3,1.5055
--- target.parquet
id:int64, v:decimal(12,2)
1 | 1.50
2 | 1.50
3 | 1.50
--- finds
diverged: 3 source, 3 target, 1 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Decimal128(12, 3) | target_v:Decimal128(12, 2) | unreadable
value_mismatch | both | 2        | [v]             | 1.505                      | 1.50                       | NULL
value_mismatch | both | 3        | [v]             | NULL                       | 1.50                       | [{side: source, column: v, text: 1.5055}]

=== binary and lists have no text
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,b,l
1,00ff,[1]
--- target.parquet
id:int64, b:binary, l:list(int64)
1 | 00ff | [1]
--- finds
diverged: 1 source, 1 target, 1 equal
column l: Utf8 in source, List(Int64) in target
kind            | side | id:Int64 | changed_columns | source_b:Binary | target_b:Binary | unreadable
schema_mismatch | both | NULL     | [l]             | NULL            | NULL            | [{side: source, column: l, text: Utf8}, {side: target, column: l, text: List(Int64)}]
