# Cells of CSV files: empty is NULL, quoted or not; ragged lines are an error with file and line; blank lines are passed over.

=== empty is NULL, quoted or not
$ tieout diff source.csv target.parquet --key id
--- source.csv
id,v
1,
2,""
3," "
4,NULL
--- target.parquet
id:int64, v:utf8
1 | NULL
2 | NULL
3 | NULL
4 | NULL
--- finds
diverged: 4 source, 4 target, 2 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable
value_mismatch | both | 3        | [v]             | ' '           | NULL          | NULL
value_mismatch | both | 4        | [v]             | 'NULL'        | NULL          | NULL

=== other words for NULL
Then the empty cell is empty text.
$ tieout diff source.csv target.parquet --key id --source-option null=NA --source-option null=-
--- source.csv
id,v,n
1,NA,NA
2,-,5
3,,-
4,na,1
--- target.parquet
id:int64, v:utf8, n:int64
1 | NULL | NULL
2 | NULL | 5
3 | ''   | NULL
4 | NULL | 1
--- finds
diverged: 4 source, 4 target, 2 equal, 2 value_mismatch
column v: differs in 2
kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | source_n:Int64 | target_n:Int64 | unreadable
value_mismatch | both | 3        | [v]             | NULL          | ''            | NULL           | NULL           | NULL
value_mismatch | both | 4        | [v]             | na            | NULL          | 1              | 1              | NULL

=== quotes
$ tieout diff source.csv target.parquet --key id
--- source.csv (escaped)
id,v\n
1,"a,b"\n
2,"say ""hi"""\n
3,"two\nlines"\n
4,"a ""\n
5,b"\n
6,a"b\n
--- target.parquet
id:int64, v:utf8
1 | a,b
2 | say "hi"
3 | 'two\nlines'
4 | 'a "\n5,b'
6 | a"b
--- finds
reconciled: 5 source, 5 target, 5 equal

=== a mark of UTF-8, ends of Windows, no last end
$ tieout diff source.csv target.csv --key id
--- source.csv (escaped)
\u{feff}id,v\r\n
1,a\r\n
2,b
--- target.csv
id,v
1,a
2,b
--- finds
reconciled: 2 source, 2 target, 2 equal

=== blank lines are passed over
$ tieout diff source.csv target.csv --key id
--- source.csv (escaped)
\n
id,v\n
\n
1,a\n
\r\n
2,b\n
\n
--- target.csv
id,v
1,a
2,b
--- finds
reconciled: 2 source, 2 target, 2 equal

=== a line too short
$ tieout diff source.csv target.csv --key id
--- source.csv
id,v,w
1,a,b

2,c
--- target.csv
id,v,w
1,a,b
--- finds
error data: source.csv, line 4: 2 fields, but the header has 3 (dataset source.csv, side source)
hint: check `delimiter` and `quote`; a field that holds the delimiter must stand in quotes

=== a line too long
$ tieout diff source.csv target.csv --key id
--- source.csv
id,v
1,a
--- target.csv
id,v
1,a
2,b,c
--- finds
error data: target.csv, line 3: 3 fields, but the header has 2 (dataset target.csv, side target)
hint: check `delimiter` and `quote`; a field that holds the delimiter must stand in quotes

=== a quote that never closes
$ tieout diff source.csv target.csv --key id
--- source.csv
id,v
1,"a
--- target.csv
id,v
1,a
--- finds
error data: source.csv, line 2: the quote that opens here is never closed (dataset source.csv, side source)
hint: check `quote`, or whether the file was written to its end

=== delimiters, quotes and files without a head
$ tieout diff source.csv target.tsv --key column_1 --source-option 'delimiter=;' --source-option "quote='" --option header=false
--- source.csv
1;'a;b'
2;c
--- target.tsv (escaped)
1\ta;b\n
2\td\n
--- finds
diverged: 2 source, 2 target, 1 equal, 1 value_mismatch
column column_2: differs in 1
kind           | side | column_1:Utf8 | changed_columns | source_column_2:Utf8 | target_column_2:Utf8 | unreadable
value_mismatch | both | 2             | [column_2]      | c                    | d                    | NULL

=== one column, and its NULLs
A blank line cannot be told from a NULL; it is passed over.
$ tieout diff source.csv target.csv
--- source.csv (escaped)
v\n
a\n
""\n
--- target.csv
v
a
--- finds
diverged: 2 source, 1 target, 1 equal, 1 missing_in_target
kind              | side   | v:Utf8 | changed_columns | unreadable
missing_in_target | source | NULL   | NULL            | NULL

=== two columns of one name
$ tieout diff source.csv target.csv --key id
--- source.csv
id,v,v
1,a,b
--- target.csv
id,v
1,a
--- finds
error data: source.csv, line 1: the header has "v" twice, as the 2. and 3. column (side source, dataset source.csv)
hint: rename one of them; columns are compared by name

=== a column without a name
$ tieout diff source.csv target.csv --key id
--- source.csv
id,,v
1,a,b
2,a,b
--- target.csv
id,,v
1,a,b
2,c,b
--- finds
error data: source.csv, line 1: the header names no 2. column (side source, dataset source.csv)
hint: give it a name, or set `header: false`
