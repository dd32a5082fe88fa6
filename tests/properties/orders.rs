//! In which order rows come, and how they are cut into batches and files, changes nothing: for `merge`, which relies on
//! order, and for what it falls back to; and for `bytes`, which cancels what stands on both sides.

use datafusion::arrow::datatypes::DataType;
use proptest::prelude::*;
use tieout::engine::{Limits, Strategy as How};

use super::case::{Case, Column};
use super::check;
use super::oracle::expected;
use super::runner::{Tables, Way};
use super::value::Value;

/// How the rows of one side come.
#[derive(Debug, Clone, Copy)]
enum Order {
    Sorted,
    /// In key order, but for one row that comes late, in the second half.
    Late(u8),
    Descending,
    AsMade,
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![
        4 => Just(Order::Sorted),
        4 => any::<u8>().prop_map(Order::Late),
        1 => Just(Order::Descending),
        1 => Just(Order::AsMade),
    ]
}

/// A key of one or two columns, with NULLs, and a value; (row, column, cell) is changed in the target, (row) is left out.
#[derive(Debug, Clone)]
struct Made {
    rows: Vec<[u8; 3]>,
    edits: Vec<(u8, u8, u8)>,
    gone: [Vec<u8>; 2],
    keys: usize,
    texts: bool,
    /// How many keys there are to choose from.
    pool: u8,
    orders: [Order; 2],
    files: [usize; 2],
}

fn made() -> impl Strategy<Value = Made> {
    let rows = prop::collection::vec(any::<[u8; 3]>(), 0..60);
    let edits = prop::collection::vec(any::<(u8, u8, u8)>(), 0..4);
    let gone = prop::collection::vec(any::<u8>(), 0..4);
    let pool = prop_oneof![Just(1u8), Just(4u8), Just(30u8), Just(255u8)];
    let shape = (0..=2usize, any::<bool>(), pool, [orders(), orders()], [1..=3usize, 1..=3usize]);
    (rows, edits, [gone.clone(), gone], shape).prop_map(|(rows, edits, gone, (keys, texts, pool, orders, files))| {
        Made { rows, edits, gone, keys, texts, pool, orders, files }
    })
}

impl Made {
    fn case(&self) -> Case {
        let text = |name: &str| Column::plain(name, if self.texts { DataType::Utf8 } else { DataType::Int64 });
        let columns = vec![text("a"), Column::plain("b", DataType::Int32), Column::plain("v", DataType::Utf8)];
        let mut rows: [Vec<[u8; 3]>; 2] = [self.rows.clone(), self.rows.clone()];
        for (row, at, cell) in &self.edits {
            let length = rows[1].len().max(1);
            if let Some(row) = rows[1].get_mut(usize::from(*row) % length) {
                row[usize::from(*at) % 3] = *cell;
            }
        }
        let side = |side: usize| {
            let mut cells: Vec<Vec<Value>> = rows[side].iter().map(|row| self.row(*row)).collect();
            for gone in &self.gone[side] {
                if !cells.is_empty() {
                    let at = usize::from(*gone) % cells.len();
                    cells.remove(at);
                }
            }
            let key = |row: &Vec<Value>| {
                columns[..self.keys.max(1)].iter().zip(row).map(|(c, v)| c.canon(v)).collect::<Vec<_>>()
            };
            match self.orders[side] {
                Order::AsMade => {}
                Order::Sorted => cells.sort_by_key(key),
                Order::Descending => cells.sort_by_key(|row| std::cmp::Reverse(key(row))),
                Order::Late(at) => {
                    cells.sort_by_key(key);
                    if cells.len() > 1 {
                        let row = cells.remove(usize::from(at) % cells.len());
                        let half = cells.len() / 2;
                        cells.insert(half + usize::from(at / 3) % (cells.len() - half + 1), row);
                    }
                }
            }
            cells
        };
        Case { keys: self.keys, rows: [side(0), side(1)], files: self.files, reversed: false, columns: columns.clone() }
    }

    fn row(&self, [a, b, v]: [u8; 3]) -> Vec<Value> {
        let a = a % self.pool;
        let first = match (a, self.texts) {
            (0, _) => Value::Null,
            // In another order than their numbers.
            (_, true) => Value::Text(format!("{a}")),
            (_, false) => Value::Num(i128::from(a), 0),
        };
        let second = if b % 4 == 0 { Value::Null } else { Value::Num(i128::from(b % 3), 0) };
        let value = if v % 5 == 0 { Value::Null } else { Value::Text(format!("{}", v % 4)) };
        vec![first, second, value]
    }
}

fn limits(batch_rows: usize, bits: u32) -> Limits {
    let hash_mask = if bits == 0 { 0 } else { u64::MAX << (64 - bits) };
    Limits { memory: 64 << 20, threads: 2, batch_rows, hash_mask, range_rows: 1 }
}

/// Every strategy, over batches of one row, of a few and of all, with key hashes that collide all the time, says what the
/// oracle says, whatever order the rows are in.
#[test]
fn order_changes_nothing() {
    check(40, made(), |made| {
        let case = made.case();
        let expected = expected(&case);
        let tables = Tables::write(&case);
        let mut first: Option<String> = None;
        for strategy in [How::Merge, How::Digest, How::Bytes, How::Join] {
            for (batch_rows, bits) in [(1, 64), (3, 2), (8192, 0)] {
                let way = Way { strategy, limits: limits(batch_rows, bits), cache: None };
                let found = tables.reconcile(&way)?;
                prop_assert_eq!(&found.verdict, &expected, "{:?}", way);
                let told = format!("{:?} {:?}", found.ids, found.own);
                prop_assert_eq!(first.get_or_insert_with(|| told.clone()), &told, "{:?}", way);
            }
        }
        Ok(())
    });
}
