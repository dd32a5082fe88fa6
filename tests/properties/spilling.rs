//! Little memory: what is spilled to disk and taken in again changes nothing.

use tieout::engine::{Limits, Strategy};

use super::arrays::nanos;
use super::case::{Case, Column, Storage};
use super::oracle::expected;
use super::runner::{Tables, Way};
use super::value::{Mode, Value};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// 12,000 rows of wide text, all of which differ but for a few, under memory that holds a fraction of them: both strategies
/// report what the oracle says.
#[test]
fn little_memory_changes_nothing() {
    let case = wide_rows(12_000);
    let expected = expected(&case);
    let tables = Tables::write(&case);
    let roomy = tables.reconcile(&Way::default()).unwrap();
    assert!(roomy.verdict == expected, "with room: {:?} against {:?}", roomy.verdict.kinds, expected.kinds);
    for strategy in Strategy::ALL {
        let limits = Limits { memory: 24 << 20, threads: 2, ..Limits::default() };
        let tight = tables.reconcile(&Way { strategy, limits, cache: None }).unwrap();
        assert!(tight == roomy, "{strategy}: {:?} against {:?}", tight.verdict.kinds, roomy.verdict.kinds);
    }
}

/// The same where all keys fall under four hashes, in batches of a few rows: each of them is a suspect.
#[test]
fn little_memory_and_colliding_keys_change_nothing() {
    let case = wide_rows(4_000);
    let expected = expected(&case);
    let tables = Tables::write(&case);
    for strategy in Strategy::ALL {
        let limits = Limits { memory: 24 << 20, threads: 2, batch_rows: 7, hash_mask: u64::MAX << 62, range_rows: 20 };
        let tight = tables.reconcile(&Way { strategy, limits, cache: None }).unwrap();
        assert!(tight.verdict == expected, "{strategy}: {:?} against {:?}", tight.verdict.kinds, expected.kinds);
    }
}

pub fn wide_rows(rows: usize) -> Case {
    let column = |name: &str, data_type: DataType, mode: Mode| Column {
        name: name.into(),
        types: [data_type.clone(), data_type],
        storage: [Storage::Plain, Storage::View],
        mode,
        near: None,
    };
    let stamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    let columns = vec![
        column("id", DataType::Int64, Mode::Exact),
        column("text", DataType::Utf8, Mode::Exact),
        column("at", stamp, Mode::Floor(nanos(&TimeUnit::Microsecond))),
    ];
    let row = |id: usize, side: usize| {
        // Every 100th id repeats its predecessor's; every 10th row is the same on both sides.
        let key = if id % 100 == 99 { id - 1 } else { id };
        let text =
            format!("{}{}", "a long text that fills memory ".repeat(20), if id.is_multiple_of(10) { 0 } else { side });
        vec![Value::Num(key as i128, 0), Value::Text(text), Value::Time(id as i128 * 1_000)]
    };
    let table = |side: usize| (0..rows).filter(|id| id % 53 != side).map(|id| row(id, side)).collect();
    Case { columns, keys: 1, rows: [table(0), table(1)], files: [3, 2], reversed: false }
}
