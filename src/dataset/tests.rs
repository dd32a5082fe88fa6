//! Datasets opened from real files, and read through SQL: what each connector promises.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{SessionConfig, SessionContext};
use tempfile::TempDir;

use super::*;
use crate::project::model::{Compression, CsvOptions, TextOptions};

/// A folder of its own for each test.
struct Lab {
    dir: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_string()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn parquet(&self, name: &str, batch: &RecordBatch) {
        let path = self.write(name, "");
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
        let mut writer =
            ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
    }

    fn files(&self, name: &str) -> Files {
        Files {
            path: if name.is_empty() { self.path("") } else { self.path(name) },
            compression: Compression::ByEnding,
            sorted_by: Vec::new(),
        }
    }

    fn csv(&self, name: &str) -> Dataset {
        self.csv_with(name, |_| {})
    }

    fn csv_with(&self, name: &str, change: impl FnOnce(&mut CsvOptions)) -> Dataset {
        let mut options =
            CsvOptions { delimiter: b',', quote: b'"', header: true, null: vec![], text: TextOptions::default() };
        change(&mut options);
        dataset(Connector::Csv(self.files(name), options))
    }

    fn ndjson(&self, name: &str) -> Dataset {
        dataset(Connector::Ndjson(self.files(name), TextOptions::default()))
    }
}

fn dataset(connector: Connector) -> Dataset {
    Dataset { name: "d".into(), connector, location: None }
}

async fn opened(dataset: &Dataset) -> Result<(SessionContext, Opened)> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3));
    let opened = open(&session, dataset, &Databases::default(), &Arc::new(Progress::default())).await?;
    session.register_table("d", Arc::clone(&opened.table)).unwrap();
    Ok((session, opened))
}

async fn rows(session: &SessionContext, query: &str) -> Result<String> {
    let batches = session.sql(query).await?.collect().await?;
    let table = pretty_format_batches(&batches)?.to_string();
    // Without the frame: one line a row, the header first.
    let cells = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells.join("|")
    };
    Ok(table.lines().filter(|line| line.starts_with('|')).map(cells).collect::<Vec<_>>().join("\n"))
}

async fn read(dataset: &Dataset, query: &str) -> Result<String> {
    let (session, _) = opened(dataset).await?;
    rows(&session, query).await
}

async fn fault(dataset: &Dataset) -> Error {
    match opened(dataset).await {
        Err(error) => error,
        Ok((session, _)) => rows(&session, "SELECT * FROM d").await.unwrap_err(),
    }
}

/// One Parquet file with a row group a batch.
pub(super) async fn parquet_of(groups: &[RecordBatch]) -> (TempDir, Opened) {
    let lab = Lab::new();
    let path = lab.write("t.parquet", "");
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), groups[0].schema(), None).unwrap();
    for group in groups {
        writer.write(group).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    let (_, opened) = opened(&dataset(Connector::Parquet(lab.files("t.parquet")))).await.unwrap();
    (lab.dir, opened)
}

fn numbers(ids: std::ops::Range<i32>) -> RecordBatch {
    let id = Int32Array::from_iter_values(ids.clone());
    let name = StringArray::from_iter_values(ids.map(|id| format!("n{id}")));
    RecordBatch::try_from_iter([("id", Arc::new(id) as _), ("name", Arc::new(name) as _)]).unwrap()
}

#[tokio::test]
async fn parquet_is_pinned_counted_and_read_in_parallel() {
    let lab = Lab::new();
    lab.parquet("t/a.parquet", &numbers(0..1000));
    lab.parquet("t/s/b.parquet", &numbers(1000..1500));
    lab.write("t/_SUCCESS", "");
    let set = dataset(Connector::Parquet(lab.files("t")));
    let (session, opened) = opened(&set).await.unwrap();
    assert_eq!(opened.rows, Some(1500));
    assert_eq!(opened.inputs.len(), 2);
    assert!(opened.inputs[0].url.ends_with("t/a.parquet") && opened.inputs[0].size > 0);
    let query = "SELECT sum(id), count(*), min(name) FROM d WHERE id >= 10";
    assert_eq!(rows(&session, query).await.unwrap().lines().last(), Some("1124205|1490|n10"));
    assert_eq!(rows(&session, "SELECT count(*) FROM d").await.unwrap().lines().last(), Some("1500"));
    assert_eq!(rows(&session, "SELECT name FROM d WHERE id = 1234").await.unwrap(), "name\nn1234");
    opened.verify_unchanged().await.unwrap();
}

#[tokio::test]
async fn parquet_schemas_are_merged_by_name() {
    let lab = Lab::new();
    lab.parquet("t/a.parquet", &numbers(0..2));
    let wide = [("x", Arc::new(StringArray::from(vec!["y"])) as _), ("id", Arc::new(Int64Array::from(vec![9])) as _)];
    lab.parquet("t/b.parquet", &RecordBatch::try_from_iter(wide).unwrap());
    let set = dataset(Connector::Parquet(lab.files("t")));
    let found = read(&set, "SELECT id, name, x FROM d ORDER BY id").await.unwrap();
    assert_eq!(found, "id|name|x\n0|n0|\n1|n1|\n9||y");
    let clash = RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["y"])) as _)]).unwrap();
    lab.parquet("t/c.parquet", &clash);
    let error = fault(&set).await;
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.message().contains("a.parquet") && error.message().contains("c.parquet"), "{error}");
}

#[tokio::test]
async fn a_cut_or_foreign_parquet_file_is_named() {
    let lab = Lab::new();
    lab.parquet("a.parquet", &numbers(0..1000));
    let whole = fs::read(lab.path("a.parquet")).unwrap();
    for (content, name) in
        [(&whole[..whole.len() - 9], "cut"), (b"hello, world: no parquet", "foreign"), (b"", "empty")]
    {
        lab.write(&format!("{name}.parquet"), content);
        let error = fault(&dataset(Connector::Parquet(lab.files(&format!("{name}.parquet"))))).await;
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.message().ends_with(&format!("{name}.parquet is not a Parquet file (or is cut off)")), "{error}");
        assert_eq!(error.contexts(), [("dataset", "d".to_string())]);
    }
}

#[tokio::test]
async fn hive_partitions_are_text_columns() {
    let lab = Lab::new();
    lab.parquet("t/year=2024/c=a%20b/x.parquet", &numbers(0..1));
    lab.parquet("t/year=2025/c=__HIVE_DEFAULT_PARTITION__/x.parquet", &numbers(1..2));
    let set = dataset(Connector::Parquet(lab.files("t")));
    let found = read(&set, "SELECT id, year, c FROM d ORDER BY id").await.unwrap();
    assert_eq!(found, "id|year|c\n0|2024|a b\n1|2025|");
    assert_eq!(read(&set, "SELECT id FROM d WHERE c IS NULL").await.unwrap(), "id\n1");
    assert_eq!(read(&set, "SELECT id FROM d WHERE year = '2024'").await.unwrap(), "id\n0");
    let (_, opened) = opened(&set).await.unwrap();
    let schema = opened.table.schema();
    assert_eq!(schema.field_with_name("year").unwrap().metadata().get(TEXT_OF), Some(&String::new()));
}

#[tokio::test]
async fn csv_cells_are_text_and_empty_ones_null() {
    let lab = Lab::new();
    lab.write("a.csv", "\u{feff}id,\"full name\",x\r\n007,\"a \"\"b\"\", c\",z\r\n\r\n8,\"\",NA\r\n");
    let set = lab.csv_with("a.csv", |options| {
        options.null = vec!["NA".into()];
        options.text.columns.insert("id".into(), DataType::Decimal128(12, 2));
    });
    let found = read(
        &set,
        "SELECT id, \"full name\" AS n, n IS NULL AS e, x IS NULL AS m FROM (SELECT *, \"full name\" AS n FROM d)",
    )
    .await;
    assert_eq!(found.unwrap(), "id|n|e|m\n007|a \"b\", c|false|false\n8||true|true");
    let (_, opened) = opened(&set).await.unwrap();
    let schema = opened.table.schema();
    let text_of = |name: &str| schema.field_with_name(name).unwrap().metadata()[TEXT_OF].clone();
    assert_eq!((text_of("id"), text_of("x")), ("Decimal128(12, 2)".to_string(), String::new()));
    assert_eq!(opened.rows, None);
}

#[tokio::test]
async fn csv_files_are_merged_by_header() {
    let lab = Lab::new();
    lab.write("t/day=1/a.csv", "a,b\n1,2\n");
    lab.write("t/day=2/b.csv", "c,a\n3,4\n");
    let set = lab.csv("t");
    let found = read(&set, "SELECT a, b, c, day FROM d ORDER BY a").await.unwrap();
    assert_eq!(found, "a|b|c|day\n1|2||1\n4||3|2");
    assert_eq!(read(&set, "SELECT count(*) FROM d").await.unwrap().lines().last(), Some("2"));
    assert_eq!(read(&set, "SELECT day FROM d WHERE a = '4'").await.unwrap(), "day\n2");
}

#[tokio::test]
async fn csv_without_header() {
    let lab = Lab::new();
    lab.write("t/a.csv", "1;2\n");
    lab.write("t/b.csv", "");
    let set = |name: &str| {
        lab.csv_with(name, |options| {
            options.header = false;
            options.delimiter = b';';
        })
    };
    assert_eq!(read(&set("t"), "SELECT * FROM d").await.unwrap(), "column_1|column_2\n1|2");
    lab.write("t/c.csv", "1;2;3\n");
    let error = fault(&set("t")).await;
    assert!(error.message().ends_with("a.csv has 2") && error.message().contains("c.csv has 3 fields"), "{error}");
}

#[tokio::test]
async fn csv_faults_name_file_and_line() {
    let lab = Lab::new();
    let latin = [b"a,b\n1,2\n3,".as_slice(), &[0xe9, b'\n']].concat();
    let cases: [(&[u8], &str); 9] = [
        (b"a,b\n\"x\ny\",2\n3\n", "line 4: 1 fields, but the header has 2"),
        (b"a,b\n1,2,3\n", "line 2: 3 fields, but the header has 2"),
        (&latin, "line 3: this is not UTF-8"),
        (b"a,b\n1,2\n3,\"4\n", "line 3: the quote that opens here is never closed"),
        (b"a,b\n1,\"2\"3\n", "line 2: text follows a closing quote"),
        (b"a,a\n1,2\n", "line 1: the header has \"a\" twice, as the 1. and 2. column"),
        (b"a,\n1,2\n", "line 1: the header names no 2. column"),
        (b"", "is empty: it has no header"),
        (&[0xff, 0xfe, b'a', 0], "is written in UTF-16 or UTF-32"),
    ];
    for (content, expected) in cases {
        lab.write("bad.csv", content);
        let error = fault(&lab.csv("bad.csv")).await;
        assert_eq!(error.kind(), ErrorKind::Data, "{expected}");
        assert!(error.message().contains("bad.csv") && error.message().ends_with(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn csv_of_many_batches_and_long_records() {
    let lab = Lab::new();
    let long = "é".repeat(3 << 20);
    let mut content = "id,text\n".to_string();
    (0..30_000).for_each(|id| content += &format!("{id},\"a\nb\"\n"));
    content += &format!("30000,\"{long}\"\n");
    (30_001..40_000).for_each(|id| content += &format!("{id},ü\n"));
    lab.write("a.csv", &content);
    let query = "SELECT count(*), sum(CAST(id AS BIGINT)), max(length(text)) FROM d";
    let found = read(&lab.csv("a.csv"), query).await.unwrap();
    assert_eq!(found.lines().last(), Some(format!("40000|799980000|{}", 3 << 20).as_str()));
    lab.write("b.csv", content + "1\n");
    assert!(fault(&lab.csv("b.csv")).await.message().contains("line 70002: 1 fields"));
}

#[tokio::test]
async fn compressed_files_are_unpacked_and_cut_ones_refused() {
    let lab = Lab::new();
    let member = |text: &str| pack(text, "gzip");
    let two = [member("a,b\n1,2\n"), member("3,4\n")].concat();
    lab.write("a.csv.gz", &two);
    assert_eq!(read(&lab.csv("a.csv.gz"), "SELECT * FROM d").await.unwrap(), "a|b\n1|2\n3|4");
    lab.write("b.csv.zst", pack("a,b\n5,6\n", "zstd"));
    assert_eq!(read(&lab.csv("b.csv.zst"), "SELECT * FROM d").await.unwrap(), "a|b\n5|6");
    lab.write("c.csv.gz", &two[..two.len() - 4]);
    let error = fault(&lab.csv("c.csv.gz")).await;
    assert!(error.message().ends_with("c.csv.gz is not gzip, or it is cut off"), "{error}");
    lab.write("n.ndjson.gz", member("{\"a\":1}\n"));
    assert_eq!(read(&lab.ndjson("n.ndjson.gz"), "SELECT * FROM d").await.unwrap(), "a\n1");
}

fn pack(text: &str, packing: &str) -> Vec<u8> {
    use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
    use tokio::io::AsyncWriteExt;
    let text = text.to_string();
    let gzip = packing == "gzip";
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            if gzip {
                let mut encoder = GzipEncoder::new(Vec::new());
                encoder.write_all(text.as_bytes()).await.unwrap();
                encoder.shutdown().await.unwrap();
                encoder.into_inner()
            } else {
                let mut encoder = ZstdEncoder::new(Vec::new());
                encoder.write_all(text.as_bytes()).await.unwrap();
                encoder.shutdown().await.unwrap();
                encoder.into_inner()
            }
        })
    })
    .join()
    .unwrap()
}

#[tokio::test]
async fn a_declared_column_that_is_not_there_is_refused() {
    let lab = Lab::new();
    lab.write("a.csv", "amount,b\n1,2\n");
    let set = lab.csv_with("a.csv", |options| {
        options.text.columns.insert("amout".into(), DataType::Int64);
    });
    let error = fault(&set).await;
    assert_eq!(error.hint_text(), Some("did you mean \"amount\"?"));
}

#[tokio::test]
async fn ndjson_learns_from_all_records() {
    let lab = Lab::new();
    let first = "{\"id\":1,\"s\":\"x\"}\n\n".repeat(2000);
    lab.write("t/a.ndjson", first + "{\"id\":2,\"late\":12345678901234567890123,\"n\":{\"k\":[1,2]}}");
    lab.write("t/b.jsonl", "{\"id\":3,\"late\":1.50}\r\n");
    let set = lab.ndjson("t");
    let found = read(&set, "SELECT id, late, s, n FROM d WHERE id > 1 ORDER BY id").await.unwrap();
    assert_eq!(found, "id|late|s|n\n2|12345678901234567890123||{k: [1, 2]}\n3|1.50||");
    assert_eq!(read(&set, "SELECT count(*) FROM d").await.unwrap().lines().last(), Some("2002"));
}

#[tokio::test]
async fn ndjson_declared_columns_keep_their_digits() {
    let lab = Lab::new();
    lab.write("a.ndjson", "{\"x\":1.10}\n{\"x\":\"7\"}\n{\"x\":0.12345678901234567890}\n");
    let mut options = TextOptions::default();
    options.columns.insert("x".into(), DataType::Decimal128(38, 20));
    let set = dataset(Connector::Ndjson(lab.files("a.ndjson"), options));
    assert_eq!(read(&set, "SELECT x FROM d").await.unwrap(), "x\n1.10\n7\n0.12345678901234567890");
}

#[tokio::test]
async fn ndjson_faults_name_file_and_line() {
    let lab = Lab::new();
    for (content, line, hint) in [
        ("{\"a\":1}\n{\"a\":}\n", 2, None),
        ("[{\"a\":1}]\n", 1, Some("this is a JSON array")),
        ("{\"a\":1}\n{\n\"a\":1}\n", 2, Some("one object must stand on one line")),
        ("{\"a\":1}\n{\"a\":{\"b\":1}}\n", 2, None),
        ("{\"a\":1}\n{\"a\":1,\"a\":2}\n", 2, None),
    ] {
        lab.write("bad.ndjson", content);
        let error = fault(&lab.ndjson("bad.ndjson")).await;
        assert!(error.message().contains(&format!("bad.ndjson, line {line}: ")), "{content}: {error}");
        assert_eq!(error.hint_text().map(|text| text.starts_with(hint.unwrap_or(""))), hint.map(|_| true), "{error}");
    }
}

#[tokio::test]
async fn arrow_files_and_streams() {
    use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
    let lab = Lab::new();
    let batch = numbers(0..3);
    let mut file = FileWriter::try_new(fs::File::create(lab.path("a.arrow")).unwrap(), &batch.schema()).unwrap();
    file.write(&batch).unwrap();
    file.finish().unwrap();
    let mut stream = StreamWriter::try_new(fs::File::create(lab.path("b.arrows")).unwrap(), &batch.schema()).unwrap();
    stream.write(&numbers(3..5)).unwrap();
    stream.finish().unwrap();
    let (_, found) = opened(&dataset(Connector::Arrow(lab.files("a.arrow")))).await.unwrap();
    assert_eq!(found.rows, Some(3));
    let both = dataset(Connector::Arrow(lab.files("*")));
    assert_eq!(read(&both, "SELECT sum(id), max(name) FROM d").await.unwrap().lines().last(), Some("10|n4"));
    assert_eq!(read(&both, "SELECT count(*) FROM d").await.unwrap().lines().last(), Some("5"));
    let whole = fs::read(lab.path("a.arrow")).unwrap();
    lab.write("cut.arrow", &whole[..whole.len() - 3]);
    let error = fault(&dataset(Connector::Arrow(lab.files("cut.arrow")))).await;
    assert!(error.message().contains("cut.arrow is not an Arrow IPC file"), "{error}");
}

#[tokio::test]
async fn names_of_any_kind() {
    let lab = Lab::new();
    for name in ["a b.csv", "ü#1.csv", "50%41.csv", "x=y.csv", "q?[1].csv", "{a}~^.csv"] {
        lab.write(name, "a\n1\n");
        let set = lab.csv(name);
        assert_eq!(read(&set, "SELECT * FROM d").await.unwrap(), "a\n1", "{name}");
        assert_eq!(opened(&set).await.unwrap().1.inputs[0].url, lab.path(name));
    }
    assert_eq!(read(&lab.csv(""), "SELECT count(*) FROM d").await.unwrap().lines().last(), Some("6"));
}

#[tokio::test]
async fn nothing_there_says_so() {
    let lab = Lab::new();
    lab.write("orders.csv", "a\n");
    fs::create_dir(lab.path("empty")).unwrap();
    let error = fault(&lab.csv("order.csv")).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.hint_text(), Some(format!("did you mean {}?", lab.path("orders.csv")).as_str()));
    assert_eq!(fault(&lab.csv("*.tsv")).await.kind(), ErrorKind::NotFound);
    assert_eq!(fault(&lab.csv("empty")).await.kind(), ErrorKind::NotFound);
    assert_eq!(fault(&lab.csv("none/x.csv")).await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_foreign_file_in_a_folder_is_named() {
    let lab = Lab::new();
    lab.write("t/a.csv", "a\n1\n");
    lab.write("t/b.parquet", "x");
    lab.write("t/.hidden/b.parquet", "x");
    assert!(fault(&lab.csv("t")).await.message().ends_with("b.parquet does not look like CSV"));
    assert_eq!(read(&lab.csv("t/*.csv"), "SELECT * FROM d").await.unwrap(), "a\n1");
}

#[tokio::test]
async fn an_input_that_changes_is_an_error() {
    let lab = Lab::new();
    lab.parquet("a.parquet", &numbers(0..1000));
    lab.write("a.csv", "a\n1\n");
    for (set, name) in [(dataset(Connector::Parquet(lab.files("a.parquet"))), "a.parquet"), (lab.csv("a.csv"), "a.csv")]
    {
        let (session, opened) = opened(&set).await.unwrap();
        opened.verify_unchanged().await.unwrap();
        fs::OpenOptions::new().append(true).open(lab.path(name)).unwrap().write_all(b"2\n").unwrap();
        let error = opened.verify_unchanged().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed);
        let error = rows(&session, "SELECT * FROM d").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert_eq!(error.message(), format!("{} changed while it was read", lab.path(name)));
        fs::remove_file(lab.path(name)).unwrap();
        assert_eq!(opened.verify_unchanged().await.unwrap_err().kind(), ErrorKind::Changed);
    }
}

#[tokio::test]
async fn two_datasets_never_mix_their_pins() {
    let lab = Lab::new();
    lab.write("a.csv", "a\n1\n");
    let session = SessionContext::new();
    let progress = Arc::new(Progress::default());
    let set = lab.csv("a.csv");
    let old = open(&session, &set, &Databases::default(), &progress).await.unwrap();
    lab.write("a.csv", "a\n22\n");
    let new = open(&session, &set, &Databases::default(), &progress).await.unwrap();
    session.register_table("old", old.table).unwrap();
    session.register_table("new", new.table).unwrap();
    assert_eq!(rows(&session, "SELECT * FROM new").await.unwrap(), "a\n22");
    assert_eq!(rows(&session, "SELECT * FROM old").await.unwrap_err().kind(), ErrorKind::Changed);
    assert_eq!((progress.bytes_expected(), progress.bytes_read()), (4 + 5, 5));
}

#[tokio::test]
async fn columns_in_the_files_win_over_the_path() {
    let lab = Lab::new();
    lab.write("t/y=1/a.csv", "y,b\n7,2\n");
    assert_eq!(read(&lab.csv("t"), "SELECT * FROM d").await.unwrap(), "y|b\n7|2");
    lab.write("t/y=2/a.csv", "b\n2\n");
    assert!(fault(&lab.csv("t")).await.message().contains("the partition \"y\" is also a column"));
}

#[tokio::test]
async fn dictionaries_and_large_strings_merge() {
    let lab = Lab::new();
    let fields =
        [DataType::Utf8, DataType::LargeUtf8, DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))];
    for (n, data_type) in fields.into_iter().enumerate() {
        let text = StringArray::from(vec![format!("v{n}")]);
        let column = datafusion::arrow::compute::cast(&text, &data_type).unwrap();
        let schema = Arc::new(Schema::new(vec![Field::new("x", data_type, true)]));
        lab.parquet(&format!("t/{n}.parquet"), &RecordBatch::try_new(schema, vec![column]).unwrap());
    }
    let set = dataset(Connector::Parquet(lab.files("t")));
    assert_eq!(read(&set, "SELECT x FROM d ORDER BY x").await.unwrap(), "x\nv0\nv1\nv2");
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_no_input() {
    let error = fault(&dataset(Connector::Parquet(Files {
        path: "/dev/null".into(),
        compression: Compression::None,
        sorted_by: Vec::new(),
    })))
    .await;
    assert!(error.message().contains("/dev/null is not a regular file"), "{error}");
    assert!(Path::new("/dev/null").exists());
}

/// One answer a connection, without ranges; remembers what was asked.
fn serve(content: &'static [u8]) -> (u16, Arc<std::sync::Mutex<String>>) {
    use std::io::{BufRead, BufReader};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(std::sync::Mutex::new(String::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(|line| line.ok());
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            log.lock().unwrap().push_str(&(head.join("\n") + "\n"));
            let Some(first) = head.first() else { continue };
            let status = if first.contains("/data%20a.csv") { "200 OK" } else { "404 Not Found" };
            let date = "Last-Modified: Mon, 23 Nov 2026 06:00:00 GMT\r\nETag: \"v1\"\r\nConnection: close";
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{date}\r\n\r\n", content.len()).unwrap();
            if first.starts_with("GET") {
                stream.write_all(content).unwrap();
            }
        }
    });
    (port, asked)
}

#[tokio::test]
async fn http_without_ranges_with_user_info_and_query() {
    let (port, asked) = serve(b"a,b\n1,2\n");
    let options = CsvOptions { delimiter: b',', quote: b'"', header: true, null: vec![], text: TextOptions::default() };
    let at = |path: &str| {
        let path = format!("http://me:s3cret@127.0.0.1:{port}/{path}?sig=s3cret");
        dataset(Connector::Csv(
            Files { path, compression: Compression::ByEnding, sorted_by: Vec::new() },
            options.clone(),
        ))
    };
    let (session, opened) = opened(&at("data%20a.csv")).await.unwrap();
    assert_eq!(rows(&session, "SELECT * FROM d").await.unwrap(), "a|b\n1|2");
    assert_eq!(opened.inputs[0].url, format!("http://127.0.0.1:{port}/data%20a.csv?sig=..."));
    assert_eq!(opened.inputs[0].e_tag.as_deref(), Some("\"v1\""));
    opened.verify_unchanged().await.unwrap();
    let asked = asked.lock().unwrap().to_lowercase();
    assert!(asked.contains("get /data%20a.csv?sig=s3cret") && asked.contains("authorization: basic "), "{asked}");
    assert!(asked.contains("if-match: \"v1\""), "{asked}");
    let error = fault(&at("none.csv")).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!format!("{error} {:?}", error.hint_text()).contains("s3cret"), "{error}");
}
