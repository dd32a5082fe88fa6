//! A random pair of tables, and how proptest makes one: raw numbers that shrink well, then a plain function.

use std::fmt;

use datafusion::arrow::datatypes::DataType;
use proptest::collection::vec;
use proptest::prelude::*;

use super::kinds::kinds;
use super::oracle::{SIDES, show};
use super::value::{Canon, Mode, Value};

/// A tolerance.
#[derive(Debug, Clone, Copy)]
pub enum Near {
    /// Millionths of a number, nanoseconds of a time.
    Absolute(i128),
    Percent(i128),
}

/// How Arrow keeps a column; its meaning is the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Storage {
    Plain,
    Dictionary,
    View,
    Large,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub types: [DataType; 2],
    pub storage: [Storage; 2],
    pub mode: Mode,
    pub near: Option<Near>,
}

impl Column {
    /// Of one type on both sides, compared as it is.
    pub fn plain(name: &str, data_type: DataType) -> Self {
        Self {
            name: name.into(),
            types: [data_type.clone(), data_type],
            storage: [Storage::Plain; 2],
            mode: Mode::Exact,
            near: None,
        }
    }

    pub fn canon(&self, value: &Value) -> Canon {
        value.canon(self.mode)
    }
}

/// Two tables, and how they are to be compared and stored.
#[derive(Clone)]
pub struct Case {
    pub columns: Vec<Column>,
    /// That many leading columns are the key; none: rows as a multiset.
    pub keys: usize,
    pub rows: [Vec<Vec<Value>>; 2],
    /// Files a side.
    pub files: [usize; 2],
    /// Whether the target's columns stand in the reverse order.
    pub reversed: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} key columns, {:?} files, reversed: {}", self.keys, self.files, self.reversed)?;
        for column in &self.columns {
            writeln!(f, "  {column:?}")?;
        }
        for (side, rows) in SIDES.iter().zip(&self.rows) {
            write!(f, "{side}\n{}", show(rows))?;
        }
        Ok(())
    }
}

/// Names that need quotes, some in several ways.
const NAMES: [&str; 7] = ["id", "Amount", "we ird", "quo\"te'", "ü", "select", "a.b"];

/// What proptest chooses and shrinks.
#[derive(Debug, Clone)]
struct Raw {
    columns: Vec<(u8, [u8; 2], bool)>,
    keys: usize,
    cells: Vec<Vec<u8>>,
    /// (row, what to do, column, new cell)
    edits: Vec<(u8, u8, u8, u8)>,
    order: [u8; 2],
    files: [usize; 2],
    reversed: bool,
}

/// Random tables of up to `rows` rows before some are repeated.
pub fn cases(rows: usize) -> impl Strategy<Value = Case> {
    let column = (any::<u8>(), any::<[u8; 2]>(), any::<bool>());
    let cells = vec(vec(any::<u8>(), NAMES.len()), 0..=rows);
    (
        vec(column, 1..=NAMES.len()),
        0..=2usize,
        cells,
        vec(any::<(u8, u8, u8, u8)>(), 0..=10),
        any::<[u8; 2]>(),
        [1..=3usize, 1..=3usize],
        any::<bool>(),
    )
        .prop_map(|(columns, keys, cells, edits, order, files, reversed)| {
            build(&Raw { columns, keys, cells, edits, order, files, reversed })
        })
}

fn build(raw: &Raw) -> Case {
    let kinds = kinds();
    let chosen: Vec<_> = raw.columns.iter().map(|(kind, ..)| &kinds[usize::from(*kind) % kinds.len()]).collect();
    let keys = raw.keys.min(chosen.len());
    let columns: Vec<Column> = chosen
        .iter()
        .zip(&raw.columns)
        .enumerate()
        .map(|(i, (kind, (_, storage, near)))| Column {
            name: NAMES[i].to_string(),
            types: kind.types.clone(),
            storage: storage
                .map(|s| [Storage::Plain, Storage::Dictionary, Storage::View, Storage::Large][usize::from(s) % 4]),
            mode: kind.mode,
            near: kind.near.filter(|_| *near && keys > 0 && i >= keys),
        })
        .collect();
    // One in eight is NULL.
    let cell = |column: usize, raw: u8| match raw % 8 {
        7 => Value::Null,
        _ => chosen[column].pool[usize::from(raw / 8 * 7 + raw % 8) % chosen[column].pool.len()].clone(),
    };
    let row = |cells: &Vec<u8>| -> Vec<Value> { (0..columns.len()).map(|i| cell(i, cells[i])).collect() };
    let base: Vec<Vec<Value>> = raw.cells.iter().map(row).collect();
    let mut rows = [base.clone(), base];
    for (at, what, column, new) in &raw.edits {
        let side = usize::from(what / 16) % 2;
        if rows[side].is_empty() {
            continue;
        }
        let (at, column) = (usize::from(*at) % rows[side].len(), usize::from(*column) % columns.len());
        match what % 4 {
            0 => drop(rows[side].remove(at)),
            1 => {
                let row = rows[side][at].clone();
                rows[side].push(row);
            }
            _ => rows[side][at][column] = cell(column, *new),
        }
    }
    for (side, order) in raw.order.iter().enumerate() {
        shuffle(&mut rows[side], u64::from(*order));
    }
    Case { columns, keys, rows, files: raw.files, reversed: raw.reversed }
}

/// Another order; 0 keeps it.
pub fn shuffle<T>(rows: &mut [T], mut seed: u64) {
    if seed == 0 {
        return;
    }
    for i in (1..rows.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        rows.swap(i, (seed >> 33) as usize % (i + 1));
    }
}

impl Case {
    /// The target in the source's place.
    pub fn swapped(&self) -> Case {
        let mut case = self.clone();
        case.rows.swap(0, 1);
        case.files.swap(0, 1);
        for column in &mut case.columns {
            column.types.swap(0, 1);
            column.storage.swap(0, 1);
        }
        case
    }
}
