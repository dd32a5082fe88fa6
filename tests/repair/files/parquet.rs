//! Corrected copies of Parquet files.

use std::fs::File;

use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::file::metadata::{KeyValue, ParquetMetaData};
use datafusion::parquet::file::properties::WriterProperties;

use super::super::{AUTO, Given, applied, next, planned, reverted, verified};
use super::{applied_in_place, copies, take_over};
use crate::support::data::{batch, read_parquet, rows, write_row_groups};
use crate::support::tieout::Tieout;

const HEAD: &str = "id:int64, k:utf8, d:decimal(12,2), big:decimal(40,3), f:float64, g:float32, t:timestamp(us), z:timestamp(ms,Europe/Berlin), \
    day:date32, raw:binary, tags:list(utf8), s:struct(a:int32,b:utf8), u:uint64, flag:bool, c:time64(us), word:dictionary(utf8), x:fixedbinary(2)";

fn value(column: usize, seed: &mut u64) -> String {
    let n = next(seed);
    if n.is_multiple_of(8) {
        return "NULL".into();
    }
    let one = |all: &[&str]| all[(n % all.len() as u64) as usize].to_string();
    match column {
        0 => format!("{}.{:02}", n % 1000, n % 100),
        1 => one(&["1234567890123456789012345678901234567.125", "-0.001", "0.000"]),
        2 => one(&["NaN", "-0.0", "0.0", "1e300", "0.1", "inf"]),
        3 => one(&["NaN", "-0.0", "16777217", "0.1"]),
        4 => format!("2024-02-{:02}T10:00:00.{:06}", n % 28 + 1, n % 1_000_000),
        5 => format!("2024-03-31T0{}:30:00.5", 3 + n % 6),
        6 => one(&["1000-01-01", "9999-12-31", "2024-02-29"]),
        7 => one(&["''", "00ff", "41"]),
        8 => one(&["[]", r#"["a",null]"#, r#"["", "b"]"#]),
        9 => one(&[r#"{"a":1,"b":"x"}"#, r#"{"a":null,"b":null}"#, r#"{"a":1,"b":"y"}"#]),
        10 => one(&["18446744073709551615", "0", "7"]),
        11 => one(&["true", "false"]),
        12 => one(&["12:30:00.5", "23:59:59.999999"]),
        13 => one(&["red", "'Red'", "' blue '", "''"]),
        _ => one(&["0001", "fffe"]),
    }
}

/// Rows of both sides, with differences of all kinds; keys may repeat, with rows that are the same in all.
fn sides(seed: u64) -> [Vec<String>; 2] {
    let mut seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 7;
    let size = next(&mut seed) % 80;
    let (mut source, mut target) = (Vec::new(), Vec::new());
    for n in 0..size {
        let key = if n.is_multiple_of(11) { "NULL".to_string() } else { format!("k{}", n % 4) };
        let mut cells = vec![n.to_string(), key];
        cells.extend((0..15).map(|column| value(column, &mut seed)));
        let row = cells.join(" | ");
        match next(&mut seed) % 9 {
            0 => source.push(row),
            1 => target.push(row),
            2 | 3 => {
                let column = (next(&mut seed) % 15) as usize;
                cells[2 + column] = value(column, &mut seed);
                source.push(row);
                target.push(cells.join(" | "));
            }
            4 => {
                // The same row several times.
                source.extend(vec![row.clone(); 1 + (next(&mut seed) % 3) as usize]);
                target.extend(vec![row; 1 + (next(&mut seed) % 3) as usize]);
            }
            _ => {
                source.push(row.clone());
                target.push(row);
            }
        }
    }
    [source, target]
}

fn table(rows: &[String]) -> RecordBatch {
    batch(&format!("{HEAD}\n{}", rows.join("\n")))
}

/// Rows in an order; to a rule, zero has no sign.
fn sorted(batch: &RecordBatch) -> Vec<String> {
    let plain = |row: &String| {
        row.split(" | ").map(|cell| if cell == "-0.0" { "0.0" } else { cell }).collect::<Vec<_>>().join(" | ")
    };
    let mut rows: Vec<String> = rows(batch, &[]).iter().map(plain).collect();
    rows.sort();
    rows
}

const RULE: &str = "key: [id, k]\n    repair: {authority: source}";

#[test]
fn random_files_agree_after_it_and_are_what_they_were_after_a_revert() {
    for seed in 0..super::super::cases() {
        let [source, target] = sides(seed);
        let tieout = Tieout::new();
        write_row_groups(&tieout.path("a.parquet"), &[table(&source)]);
        // Files of several row groups; where it is one, it is replaced.
        let several = seed % 3 == 0;
        let groups: Vec<RecordBatch> = target.chunks(16).map(table).collect();
        let files: Vec<&[RecordBatch]> = if several { groups.chunks(2).collect() } else { vec![&groups[..]] };
        let empty = [table(&[])];
        for (n, groups) in files.iter().chain([&&empty[..]].iter().filter(|_| several).copied()).enumerate() {
            let groups = if groups.is_empty() { &empty[..] } else { groups };
            write_row_groups(&tieout.path(&format!("b/part-{n}.parquet")), groups);
        }
        Given { source: "parquet: a.parquet", target: "parquet: b", rule: RULE, rest: AUTO }.write(&tieout);
        if tieout.run(["run", "-q"]).code == Some(0) {
            continue;
        }
        let bytes = |n: usize| std::fs::read(tieout.path(&format!("b/part-{n}.parquet"))).unwrap();
        let before: Vec<Vec<u8>> = (0..files.len()).map(bytes).collect();
        let plan = planned(&tieout);
        let rehearsed = tieout.run(["repair", "apply", &plan, "--dry-run", "--format", "json"]).exits(0).json();
        assert_eq!(rehearsed["outcome"], "repaired", "seed {seed}: {rehearsed:#}");
        let told = applied(&tieout, &plan);
        assert_eq!(told["outcome"], "repaired", "seed {seed}: {told:#}");
        assert!((0..files.len()).map(bytes).collect::<Vec<_>>() == before, "seed {seed}: an original was changed");
        if several {
            take_over(&told);
        } else {
            let told = applied_in_place(&tieout, &plan);
            assert_eq!(told["outcome"], "repaired", "seed {seed}: {told:#}");
        }
        assert!(sorted(&read_parquet(&tieout.path("b"))) == sorted(&table(&source)), "seed {seed}");
        tieout.run(["run", "-q"]).exits(0);
        if !several {
            let after = bytes(0);
            let twice = applied_in_place(&tieout, &plan);
            assert_eq!(twice["outcome"], "repaired", "seed {seed}: {twice:#}");
            assert!(bytes(0) == after, "seed {seed}: applied twice");
            let back = reverted(&tieout, &plan);
            assert_eq!(back["outcome"], "reverted", "seed {seed}: {back:#}");
            assert!(bytes(0) == before[0], "seed {seed}: the revert left something else");
            let again = reverted(&tieout, back["plan"].as_str().unwrap());
            assert_eq!(again["outcome"], "reverted", "seed {seed}: {again:#}");
            assert!(bytes(0) == after, "seed {seed}: the revert of the revert left something else");
        }
        verified(&tieout);
    }
}

fn about(path: &std::path::Path) -> ParquetMetaData {
    let options = ArrowReaderOptions::new()
        .with_page_index_policy(datafusion::parquet::file::metadata::PageIndexPolicy::Optional);
    ArrowReaderMetadata::load(&File::open(path).unwrap(), options).unwrap().metadata().as_ref().clone()
}

#[test]
fn a_copy_is_written_as_its_original_was() {
    let tieout = Tieout::new();
    let head = "id:int64, n:int64, s:utf8, l:list(int32)";
    let rows = |off: i64, from: i64| -> RecordBatch {
        let rows: Vec<String> =
            (from..from + 1000).map(|n| format!("{n} | {} | word{} | [{n}]", n + off, n % 7)).collect();
        batch(&format!("{head}\n{}", rows.join("\n")))
    };
    write_row_groups(&tieout.path("a.parquet"), &[rows(0, 0), rows(0, 1000), rows(0, 2000)]);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_column_dictionary_enabled("n".into(), false)
        .set_column_encoding("n".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_bloom_filter_enabled("s".into(), true)
        .set_key_value_metadata(Some(vec![KeyValue::new("owner".into(), "ledger".to_string())]))
        .build();
    let first = rows(0, 0);
    let mut writer =
        ArrowWriter::try_new(File::create(tieout.path("b.parquet")).unwrap(), first.schema(), Some(properties))
            .unwrap();
    let mut middle = rows(0, 1000);
    let mut n: Vec<i64> = (1000..2000).collect();
    n[5] = 7;
    let mut columns = middle.columns().to_vec();
    columns[1] = std::sync::Arc::new(datafusion::arrow::array::Int64Array::from(n));
    middle = RecordBatch::try_new(middle.schema(), columns).unwrap();
    for group in [&first, &middle, &rows(0, 2000)] {
        writer.write(group).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    Given {
        source: "parquet: a.parquet",
        target: "parquet: b.parquet",
        rule: "key: [id]\n    repair: {authority: source}",
        rest: AUTO,
    }
    .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let told = applied(&tieout, &plan);
    assert_eq!(told["outcome"], "repaired", "{told:#}");
    let [(_, copy)] = &copies(&told)[..] else { panic!("{told:#}") };
    let (was, is) = (about(&tieout.path("b.parquet")), about(copy));
    assert_eq!(was.file_metadata().schema_descr(), is.file_metadata().schema_descr());
    assert_eq!(was.file_metadata().key_value_metadata(), is.file_metadata().key_value_metadata());
    assert_eq!(was.num_row_groups(), is.num_row_groups());
    for (was, is) in was.row_groups().iter().zip(is.row_groups()) {
        assert_eq!(was.num_rows(), is.num_rows());
        for (was, is) in was.columns().iter().zip(is.columns()) {
            assert_eq!(was.compression(), is.compression());
            assert_eq!(
                was.encodings().collect::<Vec<_>>(),
                is.encodings().collect::<Vec<_>>(),
                "{}",
                was.column_path()
            );
            assert_eq!(was.bloom_filter_offset().is_some(), is.bloom_filter_offset().is_some());
            assert_eq!(was.statistics().is_some(), is.statistics().is_some());
        }
    }
    assert!(is.column_index().is_some() && is.offset_index().is_some());
    // Row groups that hold no such row are the same bytes.
    let bytes = |path: &std::path::Path, about: &ParquetMetaData, group: usize| -> Vec<u8> {
        let all = std::fs::read(path).unwrap();
        about
            .row_group(group)
            .columns()
            .iter()
            .flat_map(|column| {
                let (start, length) = column.byte_range();
                all[start as usize..(start + length) as usize].to_vec()
            })
            .collect()
    };
    for group in [0, 2] {
        assert!(bytes(&tieout.path("b.parquet"), &was, group) == bytes(copy, &is, group), "row group {group}");
    }
    assert_eq!(rows_of(copy), rows_of(&tieout.path("a.parquet")));
}

fn rows_of(path: &std::path::Path) -> Vec<String> {
    rows(&read_parquet(path), &[])
}

#[test]
fn rows_of_partitions_go_to_their_partition_and_move_to_no_other() {
    let tieout = Tieout::new();
    tieout.parquet(
        "a.parquet",
        "id:int64, n:int64, region:utf8\n1 | 1 | eu\n2 | 2 | us\n3 | 3 | 'a/b'\n4 | 4 | NULL\n5 | 5 | us",
    );
    tieout.parquet("b/region=eu/x.parquet", "id:int64, n:int64\n1 | 9\n2 | 2");
    tieout.parquet("b/region=us/x.parquet", "id:int64, n:int64\n7 | 7");
    Given {
        source: "parquet: a.parquet",
        target: "parquet: b",
        rule: "key: [id]\n    repair: {authority: source}",
        rest: AUTO,
    }
    .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    let plan = told["plans"][0]["plan"].as_str().unwrap();
    let shown = tieout.run(["repair", "show", plan]).exits(0).stdout;
    assert!(shown.contains("it comes from the files' path: the row would have to move to another file"), "{shown}");
    let told = applied(&tieout, plan);
    assert_eq!(told["outcome"], "partly", "{told:#}");
    assert_eq!(told["rows"], serde_json::json!({"applied": 5, "refused": 1}), "{told:#}");
    let names: Vec<String> = copies(&told)
        .iter()
        .map(|(original, copy)| {
            let name = copy.to_str().unwrap().split("/files/").nth(1).unwrap();
            let name = if original.is_none() { name.split("repaired-").next().unwrap() } else { name };
            format!("{name}: {}", rows_of(copy).join("; "))
        })
        .collect();
    assert_eq!(
        names,
        [
            "region=eu/x.parquet: 1 | 1; 2 | 2",
            "region=us/x.parquet: 5 | 5",
            "region=a%2Fb/: 3 | 3",
            "region=__HIVE_DEFAULT_PARTITION__/: 4 | 4",
        ]
    );
    tieout.run(["repair", "apply", plan, "--in-place"]).exits(2);
    verified(&tieout);
}

#[test]
fn a_row_that_moved_on_is_left_alone() {
    let tieout = Tieout::new();
    let head = "id:int64, n:int64";
    tieout.parquet("a.parquet", &format!("{head}\n1 | 1\n2 | 2\n3 | 3\n4 | 4"));
    tieout.parquet("b.parquet", &format!("{head}\n1 | 10\n2 | 20\n3 | 30\n9 | 9"));
    Given {
        source: "parquet: a.parquet",
        target: "parquet: b.parquet",
        rule: "key: [id]\n    repair: {authority: source}",
        rest: AUTO,
    }
    .write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    // One was changed by somebody, one mended, one removed, one added.
    tieout.parquet("b.parquet", &format!("{head}\n1 | 11\n2 | 2\n3 | 30\n4 | 4"));
    let told = applied_in_place(&tieout, &plan);
    assert_eq!(told["outcome"], "partly", "{told:#}");
    assert_eq!(told["rows"], serde_json::json!({"applied": 1, "done": 3, "stale": 1}), "{told:#}");
    assert_eq!(rows_of(&tieout.path("b.parquet")), ["1 | 11", "2 | 2", "3 | 3", "4 | 4"]);
    // After somebody wrote to it, only what is as it was left is taken back.
    tieout.parquet("b.parquet", &format!("{head}\n1 | 11\n2 | 2\n3 | 3\n4 | 4\n5 | 5"));
    let told = reverted(&tieout, &plan);
    assert_eq!(told["outcome"], "reverted", "{told:#}");
    assert_eq!(rows_of(&tieout.path("b.parquet")), ["1 | 11", "2 | 2", "3 | 30", "4 | 4", "5 | 5"]);
    verified(&tieout);
}
