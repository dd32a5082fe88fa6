# Text is compared byte for byte; `trim`, `ignore_case` and `nfc` only where asked, in keys too, not inside lists.

=== byte for byte
é is one character on the left (U+00E9), an e and an accent on the right.
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, v:utf8
1 | a
2 | a
3 | a
4 | é
5 | ''
6 | 'a\n'
--- target.parquet
id:int64, v:utf8
1 | a
2 | A
3 | 'a '
4 | é
5 | ' '
6 | a
--- finds
diverged: 6 source, 6 target, 1 equal, 5 value_mismatch
column v: differs in 5
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | 2        | [v]             | a             | A             | NULL
value_mismatch | both | 3        | [v]             | a             | 'a '          | NULL
value_mismatch | both | 4        | [v]             | é             | 'e\u{301}'    | NULL
value_mismatch | both | 5        | [v]             | ''            | ' '           | NULL
value_mismatch | both | 6        | [v]             | 'a\n'         | a             | NULL

=== length is part of the text
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:int64, a:utf8, b:utf8
1 | ab | c
2 | '' | x
--- target.parquet
id:int64, a:utf8, b:utf8
1 | a | bc
2 | x | ''
--- finds
diverged: 2 source, 2 target, 2 value_mismatch
column a: differs in 2
column b: differs in 2
kind           | side | id:Int64 | changed_columns | source_a:Utf8 | target_a:Utf8 | source_b:Utf8 | target_b:Utf8 | unreadable
value_mismatch | both | 1        | [a, b]          | ab            | a             | c             | bc            | NULL
value_mismatch | both | 2        | [a, b]          | ''            | x             | x             | ''            | NULL

=== trimmed where asked
Unicode's white space: a no-break space, an ideographic one. A zero-width space is none.
$ tieout diff source.csv target.csv --key id --trim v
--- source.csv (escaped)
id,v,w\n
1,a, a\n
2,\u{a0}a,a\n
3,a\u{3000},a\n
4,a\u{200b},a\n
5,  ,a\n
6,a  b,a\n
--- target.csv
id,v,w
1,a ,a
2,a,a
3,a,a
4,a,a
5,"",a
6,a b,a
--- finds
diverged: 6 source, 6 target, 2 equal, 4 value_mismatch
column v: differs in 3
column w: differs in 1
kind           | side | id:Utf8 | changed_columns | source_v:Utf8 | target_v:Utf8 | source_w:Utf8 | target_w:Utf8 | unreadable
value_mismatch | both | 1       | [w]             | a             | 'a '          | ' a'          | a             | NULL
value_mismatch | both | 4       | [v]             | 'a\u{200b}'   | a             | a             | a             | NULL
value_mismatch | both | 5       | [v]             | '  '          | NULL          | a             | a             | NULL
value_mismatch | both | 6       | [v]             | a  b          | a b           | a             | a             | NULL

=== without regard to case
Unicode's lower case; ß is not SS.
$ tieout diff source.parquet target.parquet --key id --ignore-case v
--- source.parquet
id:int64, v:utf8, w:utf8
1 | Ärger | a
2 | STRASSE | a
3 | ΣΑΣ | a
4 | abc | A
--- target.parquet
id:int64, v:utf8, w:utf8
1 | äRGER | a
2 | straße | a
3 | σας | a
4 | ABC | a
--- finds
diverged: 4 source, 4 target, 2 equal, 2 value_mismatch
column v: differs in 1
column w: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | source_w:Utf8 | target_w:Utf8 | unreadable
value_mismatch | both | 2        | [v]             | STRASSE       | straße        | a             | a             | NULL
value_mismatch | both | 4        | [w]             | abc           | ABC           | A             | a             | NULL

=== composed
$ tieout diff source.parquet target.parquet --key id --nfc v
--- source.parquet
id:int64, v:utf8, w:utf8
1 | é | é
2 | É | a
--- target.parquet
id:int64, v:utf8, w:utf8
1 | é | é
2 | é | a
--- finds
diverged: 2 source, 2 target, 2 value_mismatch
column v: differs in 1
column w: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | source_w:Utf8 | target_w:Utf8 | unreadable
value_mismatch | both | 1        | [w]             | é             | 'e\u{301}'    | é             | 'e\u{301}'    | NULL
value_mismatch | both | 2        | [v]             | É             | é             | a             | a             | NULL

=== all three at once, in a key
The key is shown as it is compared.
$ tieout diff source.parquet target.parquet --key k --trim k --ignore-case k --nfc k
--- source.parquet
k:utf8, v:int64
' É ' | 1
b     | 2
c     | 3
--- target.parquet
k:utf8, v:int64
é     | 1
'B '  | 20
d     | 3
--- finds
diverged: 3 source, 3 target, 1 equal, 1 value_mismatch, 1 missing_in_target, 1 missing_in_source
column v: differs in 1
kind              | side   | k:Utf8 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
value_mismatch    | both   | b      | [v]             | 2              | 20             | NULL
missing_in_target | source | c      | NULL            | 3              | NULL           | NULL
missing_in_source | target | d      | NULL            | NULL           | 3              | NULL

=== keys that become the same by case
$ tieout diff source.parquet target.parquet --key k --ignore-case k
--- source.parquet
k:utf8, v:int64
a | 1
A | 2
--- target.parquet
k:utf8, v:int64
A | 1
A | 3
--- finds
diverged: 2 source, 2 target, 1 equal, 2 duplicate_key
kind          | side   | k:Utf8 | changed_columns | source_v:Int64 | target_v:Int64 | unreadable
duplicate_key | target | a      | NULL            | NULL           | 3              | NULL
duplicate_key | source | a      | NULL            | 2              | NULL           | NULL

=== not inside lists
$ tieout diff source.parquet target.parquet --key id --trim v --ignore-case v --nfc v
--- source.parquet
id:int64, v:list(utf8)
1 | ["a"]
2 | ["a "]
--- target.parquet
id:int64, v:list(utf8)
1 | ["A"]
2 | ["a "]
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
kind           | side | id:Int64 | changed_columns | source_v:List(Utf8) | target_v:List(Utf8) | unreadable
value_mismatch | both | 1        | [v]             | [a]                 | [A]                 | NULL

=== without a key
$ tieout diff source.parquet target.parquet --ignore-case v
--- source.parquet
v:utf8
a
B
--- target.parquet
v:utf8
A
C
--- finds
diverged: 2 source, 2 target, 1 equal, 1 missing_in_target, 1 missing_in_source
kind              | side   | v:Utf8 | changed_columns | unreadable
missing_in_target | source | b      | NULL            | NULL
missing_in_source | target | c      | NULL            | NULL

=== binary, byte for byte
$ tieout diff source.parquet target.parquet --key id
--- source.parquet
id:binary, v:binary, w:fixedbinary(2)
00 | 00ff | 0001
01 |      | 0001
--- target.parquet
id:largebinary, v:binaryview, w:binary
00 | 00ff | 0001
01 | 00   | 00
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column v: differs in 1
column w: differs in 1
kind           | side | id:Binary | changed_columns | source_v:Binary | target_v:Binary | source_w:Binary | target_w:Binary | unreadable
value_mismatch | both | 01        | [v, w]          |                 | 00              | 0001            | 00              | NULL
