//! What must be reported, by a plain implementation of DESIGN section 4's row matching over decoded values: maps and
//! loops, no SQL, no hashes, nothing of tieout.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Case, Column, Near};
use super::value::{Canon, Value};

pub const SIDES: [&str; 2] = ["source", "target"];

/// One row of the divergence table, in values that compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Divergence {
    pub kind: String,
    pub side: String,
    pub key: Vec<Canon>,
    /// Of a value mismatch.
    pub changed: Option<Vec<String>>,
    /// The compared columns of source and target; all NULL where the row does not stand.
    pub cells: [Vec<Canon>; 2],
}

/// What a reconciliation says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    pub rows: [u64; 2],
    pub equal: u64,
    /// By kind; kinds without divergences do not stand here.
    pub kinds: BTreeMap<String, u64>,
    /// By column: cells that differ, cells within tolerance.
    pub columns: Vec<(String, u64, u64)>,
    /// Sorted.
    pub divergences: Vec<Divergence>,
}

/// A row, split in what identifies it and what is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: Vec<Canon>,
    cells: Vec<Canon>,
}

pub fn expected(case: &Case) -> Verdict {
    let keyed = case.keys > 0;
    let (keys, columns) = case.columns.split_at(if keyed { case.keys } else { case.columns.len() });
    let mut verdict = Verdict {
        rows: [case.rows[0].len() as u64, case.rows[1].len() as u64],
        columns: columns.iter().map(|c| (c.name.clone(), 0, 0)).collect(),
        ..Verdict::default()
    };
    let mut by_key: BTreeMap<Vec<Canon>, [Vec<Row>; 2]> = BTreeMap::new();
    for side in 0..2 {
        for row in &case.rows[side] {
            let canon = |columns: &[Column], at: usize| -> Vec<Canon> {
                columns.iter().zip(&row[at..]).map(|(column, value)| column.canon(value)).collect()
            };
            let row = Row { key: canon(keys, 0), cells: canon(columns, keys.len()) };
            by_key.entry(row.key.clone()).or_default()[side].push(row);
        }
    }
    for sides in by_key.into_values() {
        match_key(columns, keyed, sides, &mut verdict);
    }
    verdict.divergences.sort();
    for divergence in &verdict.divergences {
        *verdict.kinds.entry(divergence.kind.clone()).or_default() += 1;
    }
    verdict
}

/// The rows of one key.
fn match_key(columns: &[Column], keyed: bool, mut sides: [Vec<Row>; 2], verdict: &mut Verdict) {
    let alone = sides.iter().any(Vec::is_empty);
    let single = sides.iter().all(|rows| rows.len() == 1);
    // Identical rows first, one by one.
    let source = std::mem::take(&mut sides[0]);
    for row in source {
        match sides[1].iter().position(|other| *other == row) {
            Some(twin) => {
                sides[1].swap_remove(twin);
                verdict.equal += 1;
            }
            None => sides[0].push(row),
        }
    }
    let pairs = if single && !sides[0].is_empty() {
        vec![(sides[0].remove(0), sides[1].remove(0))]
    } else {
        near_pairs(columns, &mut sides)
    };
    for (s, t) in pairs {
        judge_pair(columns, s, t, verdict);
    }
    for (side, rows) in sides.into_iter().enumerate() {
        for row in rows {
            let missing = ["missing_in_target", "missing_in_source"][side];
            let kind = if alone || !keyed { missing } else { "duplicate_key" };
            let nothing = vec![Canon::Null; columns.len()];
            let cells = if side == 0 { [row.cells, nothing] } else { [nothing, row.cells] };
            let (kind, side) = (kind.to_string(), SIDES[side].to_string());
            verdict.divergences.push(Divergence { kind, side, key: row.key, changed: None, cells });
        }
    }
}

/// One row a side: equal within tolerance, or a mismatch.
fn judge_pair(columns: &[Column], s: Row, t: Row, verdict: &mut Verdict) {
    let mut changed = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        if s.cells[i] == t.cells[i] {
            continue;
        }
        if column.near.is_some_and(|near| is_near(near, &s.cells[i], &t.cells[i])) {
            verdict.columns[i].2 += 1;
        } else {
            verdict.columns[i].1 += 1;
            changed.push(column.name.clone());
        }
    }
    if changed.is_empty() {
        verdict.equal += 1;
        return;
    }
    let (kind, side) = ("value_mismatch".to_string(), "both".to_string());
    verdict.divergences.push(Divergence { kind, side, key: s.key, changed: Some(changed), cells: [s.cells, t.cells] });
}

/// Of a key that repeats: among rows that agree in all columns without tolerance, those at the same place in the order of
/// the others, if all of these are near.
fn near_pairs(columns: &[Column], sides: &mut [Vec<Row>; 2]) -> Vec<(Row, Row)> {
    let with: Vec<usize> = (0..columns.len()).filter(|i| columns[*i].near.is_some()).collect();
    if with.is_empty() {
        return Vec::new();
    }
    let exact = |row: &Row| -> Vec<Canon> {
        (0..columns.len()).filter(|i| !with.contains(i)).map(|i| row.cells[i].clone()).collect()
    };
    let order = |row: &Row| -> Vec<(bool, i128, i64)> { with.iter().map(|i| place(&row.cells[*i])).collect() };
    let groups: BTreeSet<Vec<Canon>> = sides[0].iter().map(exact).collect();
    let mut pairs = Vec::new();
    for group in groups {
        let mut both = [Vec::new(), Vec::new()];
        for (rows, taken) in sides.iter_mut().zip(&mut both) {
            (*taken, *rows) = std::mem::take(rows).into_iter().partition(|row: &Row| exact(row) == group);
            taken.sort_by_key(|row: &Row| order(row));
        }
        let [source, target] = both;
        let (mut source, mut target) = (source.into_iter(), target.into_iter());
        loop {
            match (source.next(), target.next()) {
                (Some(s), Some(t)) => {
                    let near = |i: &usize| {
                        let (s, t) = (&s.cells[*i], &t.cells[*i]);
                        s == t || columns[*i].near.is_some_and(|near| is_near(near, s, t))
                    };
                    if with.iter().all(near) {
                        pairs.push((s, t));
                    } else {
                        sides[0].push(s);
                        sides[1].push(t);
                    }
                }
                (None, None) => break,
                (s, t) => {
                    sides[0].extend(s);
                    sides[1].extend(t);
                }
            }
        }
    }
    pairs
}

/// Where a cell with a tolerance stands: NULL last.
fn place(cell: &Canon) -> (bool, i128, i64) {
    match cell {
        Canon::Null => (true, 0, 0),
        Canon::Num(n, scale) => (false, scaled(*n, *scale), 0),
        Canon::Time(ns) => (false, *ns, 0),
        Canon::Float(bits) => (false, 0, *bits),
        other => panic!("{other:?} has no tolerance"),
    }
}

/// At six digits of scale, which all columns with a tolerance fit.
fn scaled(n: i128, scale: i8) -> i128 {
    n * 10i128.pow(u32::try_from(6 - i32::from(scale)).expect("at most six digits"))
}

fn is_near(near: Near, s: &Canon, t: &Canon) -> bool {
    match (s, t) {
        (Canon::Num(s, s_scale), Canon::Num(t, t_scale)) => {
            let (s, t) = (scaled(*s, *s_scale), scaled(*t, *t_scale));
            let bound = match near {
                Near::Absolute(millionths) => millionths,
                Near::Percent(percent) => return (s - t).abs() * 100 <= percent * s.abs().max(t.abs()),
            };
            (s - t).abs() <= bound
        }
        (Canon::Time(s), Canon::Time(t)) => match near {
            Near::Absolute(ns) => (s - t).abs() <= ns,
            Near::Percent(_) => panic!("times have no percents"),
        },
        (Canon::Float(s), Canon::Float(t)) => {
            let (s, t) = (Canon::float(*s), Canon::float(*t));
            let bound = match near {
                Near::Absolute(millionths) => millionths as f64 / 1e6,
                Near::Percent(percent) => percent as f64 / 100.0 * s.abs().max(t.abs()),
            };
            s.is_finite() && t.is_finite() && (s - t).abs() <= bound
        }
        _ => false,
    }
}

/// The same verdict, seen from the other side.
pub fn mirrored(verdict: &Verdict) -> Verdict {
    let mut mirror = verdict.clone();
    mirror.rows.swap(0, 1);
    mirror.kinds.clear();
    for divergence in &mut mirror.divergences {
        divergence.cells.swap(0, 1);
        divergence.kind = match divergence.kind.as_str() {
            "missing_in_target" => "missing_in_source".into(),
            "missing_in_source" => "missing_in_target".into(),
            other => other.to_string(),
        };
        divergence.side = match divergence.side.as_str() {
            "source" => "target".into(),
            "target" => "source".into(),
            other => other.to_string(),
        };
        *mirror.kinds.entry(divergence.kind.clone()).or_default() += 1;
    }
    mirror.divergences.sort();
    mirror
}

/// All cells of all rows, for a message.
pub fn show(rows: &[Vec<Value>]) -> String {
    rows.iter().map(|row| format!("  {row:?}\n")).collect()
}
