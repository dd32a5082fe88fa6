//! Tables from literal text, so that a story shows the rows of both sides; and tables back to text.
//!
//! ```text
//! id:int64 | ... the head is one line of `name:type`, separated by commas (see `types`)
//! 1 | 2.50 | a       one line a row; blanks around cells are dropped
//! 2 | NULL | ' b '   NULL is null; quotes keep blanks, `|` and the word NULL; '' in quotes is one quote, \n a new line
//! ```
//!
//! Binary cells are hex digits, durations counts of their unit, lists, structs and maps JSON.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Writes a text file (CSV, NDJSON, YAML, SQL), with the folders above it and without the indentation.
pub fn text(path: &Path, text: &str) {
    make_parent(path);
    fs::write(path, dedent(text)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// Writes a literal table as a Parquet file.
pub fn parquet(path: &Path, table: &str) {
    write_parquet(path, &[batch(table)]);
}

/// Writes a literal table as an Arrow IPC file.
pub fn arrow(path: &Path, table: &str) {
    make_parent(path);
    let batch = batch(table);
    let mut writer = FileWriter::try_new(File::create(path).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

/// Writes batches of one schema, at least one, as a Parquet file.
pub fn write_parquet(path: &Path, batches: &[RecordBatch]) {
    make_parent(path);
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batches[0].schema(), None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}

/// The same, with a row group a batch.
pub fn write_row_groups(path: &Path, batches: &[RecordBatch]) {
    make_parent(path);
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batches[0].schema(), None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

/// A literal table in memory.
pub fn batch(table: &str) -> RecordBatch {
    let table = dedent(table);
    let mut lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    let schema = super::types::schema(lines.next().expect("a literal table has a head"));
    let rows: Vec<Vec<Option<String>>> = lines.map(cells).collect();
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.len(), schema.fields().len(), "row {} of a literal table has {row:?}", n + 1);
    }
    let column = |(i, field): (usize, &Arc<Field>)| {
        column(&rows.iter().map(|row| row[i].as_deref()).collect::<Vec<_>>(), field.data_type())
    };
    let columns = schema.fields().iter().enumerate().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(schema), columns, &options).unwrap()
}

/// The files of a folder (or one file) of Parquet, in the order of their names, as one batch.
pub fn read_parquet(path: &Path) -> RecordBatch {
    let mut batches = Vec::new();
    for file in parquet_files(path) {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&file).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        batches.push(RecordBatch::new_empty(builder.schema().clone()));
        batches.extend(builder.build().unwrap().map(|batch| batch.unwrap()));
    }
    let first = batches.first().unwrap_or_else(|| panic!("no Parquet file in {}", path.display()));
    concat_batches(&first.schema(), &batches).unwrap()
}

/// All `.parquet` files under a folder, by name.
pub fn parquet_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut files: Vec<PathBuf> = entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { parquet_files(&path) } else { vec![path] }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "parquet"))
        .collect();
    files.sort();
    files
}

/// The rows of a batch as a test reads them: the named columns (none: all), `1 | NULL | a`, in the batch's order.
pub fn rows(batch: &RecordBatch, columns: &[&str]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL").with_display_error(false);
    let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    let arrays: Vec<&ArrayRef> = match columns {
        [] => batch.columns().iter().collect(),
        names => names.iter().map(|name| column(name)).collect(),
    };
    let formatters: Vec<ArrayFormatter> =
        arrays.iter().map(|array| ArrayFormatter::try_new(array.as_ref(), &options).unwrap()).collect();
    let row = |n: usize| formatters.iter().map(|f| f.value(n).to_string()).collect::<Vec<_>>().join(" | ");
    (0..batch.num_rows()).map(row).collect()
}

/// Takes the indentation of the first line that is not blank off every line, and a blank first line away.
pub fn dedent(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = &first[..first.len() - first.trim_start_matches(' ').len()];
    let lines = text.split_inclusive('\n').map(|line| match line.strip_prefix(indent) {
        Some(rest) => rest,
        // Shorter than the indentation: a blank line, or the last one before the closing quote.
        None => line.trim_start_matches(' '),
    });
    lines.collect()
}

fn make_parent(path: &Path) {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).unwrap_or_else(|e| panic!("{}: {e}", parent.display()));
    }
}

fn cells(line: &str) -> Vec<Option<String>> {
    let (mut cells, mut start, mut quoted) = (Vec::new(), 0, false);
    for (i, c) in line.char_indices() {
        match c {
            // An apostrophe inside a word opens nothing.
            '\'' if quoted || line[start..i].trim().is_empty() => quoted = !quoted,
            '|' if !quoted => {
                cells.push(cell(&line[start..i]));
                start = i + 1;
            }
            // A doubled quote closes and opens again.
            _ => {}
        }
    }
    cells.push(cell(&line[start..]));
    cells
}

fn cell(text: &str) -> Option<String> {
    let text = text.trim();
    match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => Some(inner.replace("''", "'").replace("\\n", "\n").replace("\\t", "\t")),
        None if text == "NULL" => None,
        None => Some(text.to_string()),
    }
}

fn column(cells: &[Option<&str>], kind: &DataType) -> ArrayRef {
    let texts: ArrayRef = Arc::new(StringArray::from(cells.to_vec()));
    match kind {
        DataType::Null => new_null_array(kind, cells.len()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let bytes: Vec<Option<Vec<u8>>> = cells.iter().map(|cell| cell.map(hex)).collect();
            cast(&(Arc::new(BinaryArray::from_iter(bytes)) as ArrayRef), kind)
        }
        DataType::Duration(_) => cast(&cast(&texts, &DataType::Int64), kind),
        // Days may be any number of milliseconds here, which no text of a date can say.
        DataType::Date64 if cells.iter().flatten().all(|cell| cell.parse::<i64>().is_ok()) => {
            let millis = cells.iter().map(|cell| cell.map(|cell| cell.parse::<i64>().expect("checked above")));
            cast(&(Arc::new(Int64Array::from_iter(millis)) as ArrayRef), kind)
        }
        DataType::Dictionary(_, values) => cast(&column(cells, values), kind),
        DataType::RunEndEncoded(_, values) => cast(&column(cells, values.data_type()), kind),
        DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) | DataType::Map(..) => nested(cells, kind),
        DataType::Decimal32(_, s)
        | DataType::Decimal64(_, s)
        | DataType::Decimal128(_, s)
        | DataType::Decimal256(_, s) => {
            for cell in cells.iter().flatten() {
                let digits = cell.split_once('.').map_or(0, |(_, digits)| digits.len());
                assert!(digits as i64 <= i64::from(*s).max(0), "{cell} has more digits than its column");
            }
            // Text is not read with a negative scale.
            let whole = DataType::Decimal256(76, 0);
            if *s < 0 { cast(&cast(&texts, &whole), kind) } else { cast(&texts, kind) }
        }
        _ => cast(&texts, kind),
    }
}

fn cast(array: &ArrayRef, kind: &DataType) -> ArrayRef {
    let options = CastOptions { safe: false, format_options: FormatOptions::default() };
    cast_with_options(array, kind, &options).unwrap_or_else(|e| panic!("a cell that is no {kind}: {e}"))
}

fn nested(cells: &[Option<&str>], kind: &DataType) -> ArrayRef {
    let lines: Vec<String> = cells.iter().map(|cell| format!("{{\"c\":{}}}\n", cell.unwrap_or("null"))).collect();
    let schema = Arc::new(Schema::new(vec![Field::new("c", kind.clone(), true)]));
    let lines = lines.concat();
    let reader =
        ReaderBuilder::new(schema.clone()).with_batch_size(cells.len().max(1)).build(lines.as_bytes()).unwrap();
    let batches: Vec<RecordBatch> =
        reader.collect::<Result<_, _>>().unwrap_or_else(|e| panic!("a cell that is no JSON of {kind}: {e}"));
    concat_batches(&schema, &batches).unwrap().column(0).clone()
}

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2) && text.is_ascii(), "{text} is no hex");
    let byte = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap_or_else(|_| panic!("{text} is no hex"));
    (0..text.len()).step_by(2).map(byte).collect()
}

mod tests {
    use super::*;

    #[test]
    fn a_literal_table_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/t.parquet");
        parquet(
            &path,
            "
            id:int64, amount:decimal(12,2), name:utf8, at:timestamp(us,UTC), raw:binary, tags:list(utf8), f:float64
            1 | 2.50 | a      | 2026-03-01T12:00:00Z | 00ff | [\"x\", null] | -0.0
            2 | NULL | ' b|''' | NULL                 | NULL | NULL          | NaN
            3 | -1   | 'NULL' | 1969-12-31T23:59:59.5Z |    | []            | inf
            ",
        );
        let read = read_parquet(dir.path());
        assert_eq!(
            rows(&read, &[]),
            [
                "1 | 2.50 | a | 2026-03-01T12:00:00Z | 00ff | [x, NULL] | -0.0",
                "2 | NULL |  b|' | NULL | NULL | NULL | NaN",
                "3 | -1.00 | NULL | 1969-12-31T23:59:59.500Z |  | [] | inf",
            ]
        );
        assert_eq!(rows(&read, &["name", "id"])[0], "a | 1");
    }

    #[test]
    fn every_type_can_be_written() {
        for (kind, cell) in [
            ("bool", "true"),
            ("int8", "-128"),
            ("uint64", "18446744073709551615"),
            ("float16", "1.5"),
            ("float32", "1.5"),
            ("decimal32(5,2)", "1.5"),
            ("decimal(50,10)", "1.5"),
            ("decimal(5,-2)", "100"),
            ("largeutf8", "a"),
            ("utf8view", "a"),
            ("largebinary", "00"),
            ("binaryview", "00"),
            ("fixedbinary(2)", "0001"),
            ("date32", "1969-12-31"),
            ("date64", "2026-01-01"),
            ("date64", "1"),
            ("time32(ms)", "12:00:00.5"),
            ("time64(ns)", "12:00:00.000000001"),
            ("timestamp(s)", "0001-01-01T00:00:00"),
            ("timestamp(ns,Europe/Berlin)", "2026-03-01T12:00:00"),
            ("duration(ms)", "1500"),
            ("dictionary(utf8)", "a"),
            ("ree(utf8)", "a"),
            ("struct(a:int64,b:list(utf8))", "{\"a\": 1, \"b\": [\"x\"]}"),
            ("map(utf8,int64)", "{\"k\": 1}"),
        ] {
            let batch = batch(&format!("c:{kind}\n{cell}\nNULL"));
            assert_eq!(batch.column(0).logical_null_count(), 1, "{kind}");
        }
        assert_eq!(batch("n:null\nNULL").num_rows(), 1);
        assert_eq!(batch("\"a:b\":int8, c:utf8").num_rows(), 0);
    }

    #[test]
    fn indentation_goes() {
        assert_eq!(dedent("\n    a\n      b\n\n    c\n    "), "a\n  b\n\nc\n");
    }
}
