//! Sides that are cut in ranges of keys, which are zipped beside each other, say what they say when they are zipped as one:
//! wherever row groups begin, however often keys repeat at a cut, and if rows are not in the order that statistics tell.

use datafusion::arrow::datatypes::DataType;
use proptest::prelude::*;
use tieout::engine::{Limits, Strategy as How};

use super::case::{Case, Column};
use super::check;
use super::oracle::expected;
use super::runner::{Tables, Way};
use super::value::Value;

/// Keys in order, each so often; (place, cell) is changed, or left out, on a side; (place) is swapped with the next row.
#[derive(Debug, Clone)]
struct Made {
    repeats: Vec<u8>,
    changed: [Vec<(u16, u8)>; 2],
    gone: [Vec<u16>; 2],
    swapped: [Vec<u16>; 2],
    group_rows: [usize; 2],
    texts: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let repeats = prop::collection::vec(prop_oneof![6 => Just(1u8), 2 => Just(2u8), 1 => 0..9u8], 20..160);
    let places = || prop::collection::vec(any::<u16>(), 0..5);
    let changed = || prop::collection::vec(any::<(u16, u8)>(), 0..5);
    let swapped = || prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(any::<u16>(), 1..3)];
    let sizes = [2..20usize, 2..20usize];
    (repeats, [changed(), changed()], [places(), places()], [swapped(), swapped()], sizes, any::<bool>()).prop_map(
        |(repeats, changed, gone, swapped, group_rows, texts)| Made {
            repeats,
            changed,
            gone,
            swapped,
            group_rows,
            texts,
        },
    )
}

impl Made {
    fn case(&self) -> Case {
        let key = if self.texts { DataType::Utf8 } else { DataType::Int64 };
        let columns =
            vec![Column::plain("k", key), Column::plain("n", DataType::Int32), Column::plain("v", DataType::Int32)];
        let keys = (0i128..).zip(&self.repeats).flat_map(|(key, times)| (0..*times).map(move |n| (key, n)));
        // Rows of one key come with the numbers 0, 0, 1, 1 ...: whole keys repeat, too.
        let rows: Vec<[i128; 3]> = keys.map(|(key, n)| [key, i128::from(n / 2), i128::from(n % 3)]).collect();
        let side = |side: usize| {
            let mut rows = rows.clone();
            for (place, value) in &self.changed[side] {
                let length = rows.len().max(1);
                if let Some(row) = rows.get_mut(usize::from(*place) % length) {
                    row[2] = i128::from(*value);
                }
            }
            for place in &self.gone[side] {
                if !rows.is_empty() {
                    rows.remove(usize::from(*place) % rows.len());
                }
            }
            for place in &self.swapped[side] {
                if rows.len() > 1 {
                    let place = usize::from(*place) % (rows.len() - 1);
                    rows.swap(place, place + 1);
                }
            }
            rows.iter().map(|row| self.row(*row)).collect()
        };
        Case { keys: 2, rows: [side(0), side(1)], files: [1, 1], reversed: false, columns }
    }

    fn row(&self, [key, n, v]: [i128; 3]) -> Vec<Value> {
        let key = match self.texts {
            true => Value::Text(format!("{key:04}")),
            false => Value::Num(key, 0),
        };
        vec![key, Value::Num(n, 0), Value::Num(v, 0)]
    }
}

#[test]
fn ranges_zipped_apart_change_nothing() {
    check(30, made(), |made| {
        let case = made.case();
        let expected = expected(&case);
        let tables = Tables::write_groups(&case, made.group_rows);
        let mut first: Option<String> = None;
        for (strategy, threads, range_rows) in
            [(How::Join, 2, 1), (How::Merge, 1, 1), (How::Merge, 2, 1), (How::Merge, 5, 1)]
        {
            for (batch_rows, bits) in [(3, 2), (8192, 64)] {
                let hash_mask = u64::MAX << (64 - bits);
                let limits = Limits { memory: 64 << 20, threads, batch_rows, hash_mask, range_rows };
                let way = Way { strategy, limits, cache: None };
                let found = tables.reconcile(&way)?;
                prop_assert_eq!(&found.verdict, &expected, "{:?}", way);
                let told = format!("{:?} {:?}", found.ids, found.own);
                prop_assert_eq!(first.get_or_insert_with(|| told.clone()), &told, "{:?}", way);
            }
        }
        Ok(())
    });
}

/// Statistics are hearsay: here those of one file stand in the footer of another, whose halves have changed places. Every
/// range is in order then, but holds another one's keys.
#[test]
fn statistics_that_lie_are_seen() {
    const KEYS: i128 = 1000;
    let made = Made {
        repeats: vec![1; KEYS as usize],
        changed: [vec![(333, 9)], vec![]],
        gone: [vec![], vec![]],
        swapped: [vec![], vec![]],
        group_rows: [50, 50],
        texts: false,
    };
    let mut honest = made.case();
    let mut lying = honest.clone();
    for rows in [&mut honest.rows[1], &mut lying.rows[1]] {
        rows.iter_mut().for_each(|row| row[2] = Value::Num(0, 0));
    }
    for (place, row) in lying.rows[1].iter_mut().enumerate() {
        let key = (place as i128 + KEYS / 2) % KEYS;
        row[0] = Value::Num(key, 0);
    }
    let tables = [&honest, &lying].map(|case| Tables::write_groups(case, made.group_rows));
    let files = [&tables[0], &tables[1]].map(|tables| tables.path().join("target/0.parquet"));
    let [honest_bytes, mut bytes] = files.clone().map(|file| std::fs::read(file).unwrap());
    let footer = |bytes: &[u8]| {
        let end = bytes.len() - 8;
        end - u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize
    };
    assert_eq!(footer(&bytes), footer(&honest_bytes), "the files are laid out alike");
    bytes.truncate(footer(&honest_bytes));
    bytes.extend_from_slice(&honest_bytes[footer(&honest_bytes)..]);
    std::fs::write(&files[1], bytes).unwrap();
    let expected = expected(&lying);
    for (strategy, threads) in [(How::Join, 2), (How::Digest, 2), (How::Merge, 1), (How::Merge, 2), (How::Merge, 6)] {
        let limits = Limits { threads, range_rows: 1, memory: 64 << 20, ..Limits::default() };
        let found = tables[1].reconcile(&Way { strategy, limits, cache: None }).unwrap();
        assert_eq!(found.verdict, expected, "{strategy} on {threads} threads");
    }
}
