//! What a row's digest costs, by the type of its columns: four columns of one type, and lineitem's mixture, in batches of
//! 8,192 rows. `cargo bench --bench row_digest` prints rows a second.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray,
    StringArray, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tieout::sql::{key_hashes, row_digests};

const ROWS: usize = 8192;

fn main() {
    divan::main();
}

fn text(row: usize, length: usize) -> String {
    format!("{row:x}").chars().cycle().take(length).collect()
}

/// A column of the type, without NULLs unless it says so.
fn column(name: &str) -> ArrayRef {
    let rows = 0..ROWS as i64;
    match name {
        "boolean" => Arc::new(rows.map(|row| Some(row % 3 == 0)).collect::<BooleanArray>()),
        "int64" => Arc::new(Int64Array::from_iter_values(rows.map(|row| row * 7919))),
        "int64 with nulls" => Arc::new(rows.map(|row| (row % 5 != 0).then_some(row)).collect::<Int64Array>()),
        "float64" => Arc::new(Float64Array::from_iter_values(rows.map(|row| row as f64 / 3.0))),
        "decimal(15,2)" => {
            let values = Decimal128Array::from_iter_values(rows.map(|row| i128::from(row) * 101));
            Arc::new(values.with_precision_and_scale(15, 2).expect("15 digits are enough"))
        }
        "date" => Arc::new(Date32Array::from_iter_values(rows.map(|row| row as i32))),
        "timestamp" => Arc::new(TimestampMicrosecondArray::from_iter_values(rows.map(|row| row * 1_000_003))),
        "text of 10" => Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| text(row, 10)))),
        "view of 10" => Arc::new(StringViewArray::from_iter_values((0..ROWS).map(|row| text(row, 10)))),
        "view of 40" => Arc::new(StringViewArray::from_iter_values((0..ROWS).map(|row| text(row, 40)))),
        "view of 300" => Arc::new(StringViewArray::from_iter_values((0..ROWS).map(|row| text(row, 300)))),
        "dictionary" => {
            let texts: Vec<String> = (0..ROWS).map(|row| text(row % 50, 12)).collect();
            Arc::new(texts.iter().map(String::as_str).collect::<DictionaryArray<Int32Type>>())
        }
        "list of int64" => {
            let lists = rows.map(|row| Some((0..row % 5).map(Some).collect::<Vec<_>>()));
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))
        }
        other => unreachable!("there is no column {other}"),
    }
}

#[divan::bench(args = [
    "boolean", "int64", "int64 with nulls", "float64", "decimal(15,2)", "date", "timestamp", "text of 10", "view of 10",
    "view of 40", "view of 300", "dictionary", "list of int64",
])]
fn four_columns(bencher: Bencher, name: &str) {
    let columns: Vec<ArrayRef> = (0..4).map(|_| column(name)).collect();
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench(|| row_digests(black_box(&columns), ROWS).expect("they are encodable"));
}

fn lineitem() -> Vec<ArrayRef> {
    let names = [("int64", 4), ("decimal(15,2)", 4), ("view of 10", 4), ("date", 3), ("view of 40", 1)];
    names.into_iter().flat_map(|(name, count)| (0..count).map(move |_| column(name))).collect()
}

#[divan::bench]
fn sixteen_columns_like_lineitem(bencher: Bencher) {
    let columns = lineitem();
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench(|| row_digests(black_box(&columns), ROWS).expect("they are encodable"));
}

#[divan::bench]
fn key_hash_of_two_integers(bencher: Bencher) {
    let columns = [column("int64"), column("int64")];
    bencher.counter(ItemsCount::new(ROWS)).bench(|| key_hashes(black_box(&columns), ROWS).expect("they are encodable"));
}
