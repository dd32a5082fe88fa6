//! Checksums that a database computes itself: of the rows of a table, segment by segment.
//!
//! Rows are put into segments by a number `k`: the key, where it is one whole number, else 60 bits of a hash of the key. A
//! segment is a range of `k`, so all rows of a key are in one. The statement of each system stands in `queries/checksum/`.

use std::collections::BTreeMap;

use minijinja::context;

use super::column::Column;
use super::session::TextRows;
use super::table::DatabaseTable;
use super::{mysql, postgres, relation};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::System;
use crate::sql::{Form, Hash};

/// So many ranges of an indexed key are named one by one; of more, all rows are looked at.
const RANGES: usize = 300;

/// What is to be summed.
#[derive(Debug, Clone)]
pub struct Request {
    /// The compared columns, by their own names, the key's first.
    pub columns: Vec<(String, Form)>,
    pub by: SegmentBy,
    pub hash: Hash,
    /// The segments' numbers.
    pub grid: Grid,
    /// Only rows of these segments, of another grid.
    pub within: Option<(Grid, Segments)>,
}

/// What `k` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentBy {
    /// The first column, a whole number.
    Key,
    /// The hash of so many columns, the first ones.
    Hash(usize),
}

/// Segment n is `k` from `low + n * step` on, and less than `low + (n + 1) * step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub low: i64,
    /// At least 1.
    pub step: i64,
}

/// Some segments of a grid, by number; None stands for rows without a `k`, whose key is NULL.
pub type Segments = std::collections::BTreeSet<Option<i64>>;

/// Count and checksum of a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub rows: u64,
    /// Both halves of all digests, added up modulo 2^64.
    pub halves: [u64; 2],
}

impl Sum {
    pub fn add(&mut self, digest: u128) {
        self.rows += 1;
        self.halves[0] = self.halves[0].wrapping_add((digest >> 64) as u64);
        self.halves[1] = self.halves[1].wrapping_add(digest as u64);
    }
}

impl Grid {
    /// The segment of a row; None where it is before the first one.
    pub fn segment(self, k: i64) -> Option<i64> {
        k.checked_sub(self.low).filter(|offset| *offset >= 0).map(|offset| offset / self.step)
    }

    /// The condition that a row is in one of the segments, of an expression of `k`. `ranges`: an index serves it.
    pub fn condition(self, k: &str, segments: &Segments, ranges: bool) -> String {
        let numbers: Vec<i64> = segments.iter().copied().flatten().collect();
        let merged = self.ranges(&numbers);
        let mut parts: Vec<String> = match ranges && merged.len() <= RANGES {
            true => merged.iter().map(|(from, to)| format!("{k} BETWEEN {from} AND {to}")).collect(),
            false if numbers.is_empty() => Vec::new(),
            false => {
                let list: Vec<String> = numbers.iter().map(i64::to_string).collect();
                vec![format!("{k} >= {low} AND floor_div IN ({list})", low = self.low, list = list.join(", "))]
            }
        };
        if segments.contains(&None) {
            parts.push(format!("{k} IS NULL"));
        }
        if parts.is_empty() { "FALSE".to_string() } else { parts.join(" OR ") }
    }

    /// The first and last `k` of segments that lie side by side.
    fn ranges(self, numbers: &[i64]) -> Vec<(i64, i64)> {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for &number in numbers {
            let from = self.low.saturating_add(number.saturating_mul(self.step));
            let to = from.saturating_add(self.step - 1);
            match ranges.last_mut().filter(|(_, last)| last.checked_add(1) == Some(from)) {
                Some((_, last)) => *last = to,
                None => ranges.push((from, to)),
            }
        }
        ranges
    }
}

impl DatabaseTable {
    /// Why the database cannot write the column in that form; None: it can.
    pub fn refuses(&self, column: &str, form: Form) -> Option<String> {
        let Some(found) = self.column(column) else { return Some(format!("there is no column {column:?}")) };
        let written = expression(self.system(), found, form);
        match written {
            Some(_) => None,
            None => Some(format!(
                "{} cannot write {column:?} ({}) as other systems do",
                self.system().as_str(),
                found.native
            )),
        }
    }

    /// The least and the greatest value of a column of whole numbers; None where there are none.
    pub async fn bounds(&self, column: &str) -> Result<Option<(i64, i64)>> {
        let x = relation::quoted(self.system(), column);
        let sql = relation::select(&[&format!("min({x})"), &format!("max({x})")], self.from(), &[], None);
        let rows = self.ask(&sql).await?;
        let bound = |n: usize| rows.first().and_then(|row| row.get(n)?.as_deref()?.parse::<i64>().ok());
        Ok(bound(0).zip(bound(1)))
    }

    /// Counts and checksums of all segments that have rows.
    pub async fn sums(&self, request: &Request) -> Result<BTreeMap<Option<i64>, Sum>> {
        let rows = self.ask(&self.statement(request)?).await?;
        sums_of(rows)
    }

    /// What asks for them.
    pub fn statement(&self, request: &Request) -> Result<String> {
        let k = self.k(request)?;
        let conditions: Vec<String> = match &request.within {
            Some((grid, segments)) => vec![self.condition(request, *grid, segments)?],
            None => Vec::new(),
        };
        let template = match self.system() {
            System::Postgres => include_str!("../../../queries/checksum/postgres.sql"),
            System::Mysql => include_str!("../../../queries/checksum/mysql.sql"),
            System::Sqlite => return Err(unwritten("k")),
        };
        let values = context! {
            low => request.grid.low, step => request.grid.step, hash => request.hash.to_string(), k,
            row => self.row_text(&request.columns)?, from => self.from(), conditions,
        };
        relation::rendered(template, values)
    }

    /// The rows of some segments.
    pub fn within(&self, request: &Request, grid: Grid, segments: &Segments) -> Result<DatabaseTable> {
        Ok(self.restricted(self.condition(request, grid, segments)?))
    }

    fn condition(&self, request: &Request, grid: Grid, segments: &Segments) -> Result<String> {
        let key = matches!(request.by, SegmentBy::Key);
        let k = match key {
            // As it stands, so that an index serves it.
            true => relation::quoted(self.system(), &request.columns[0].0),
            false => self.k(request)?,
        };
        let condition = grid.condition(&k, segments, key);
        let wide = self.k(request)?;
        let divided = match self.system() {
            System::Mysql => format!("({wide} - {}) DIV {}", grid.low, grid.step),
            System::Postgres | System::Sqlite => format!("({wide} - {}) / {}", grid.low, grid.step),
        };
        Ok(condition.replace("floor_div", &divided))
    }

    /// The expression of `k`.
    fn k(&self, request: &Request) -> Result<String> {
        let key = |count: usize| self.row_text(&request.columns[..count]);
        let x = relation::quoted(self.system(), &request.columns[0].0);
        Ok(match (request.by, self.system(), request.hash) {
            (SegmentBy::Key, System::Mysql, _) => format!("CAST({x} AS SIGNED)"),
            (SegmentBy::Key, ..) => format!("{x}::bigint"),
            (SegmentBy::Hash(count), System::Mysql, _) => {
                format!("CAST(CONV(SUBSTRING(MD5({}), 1, 15), 16, 10) AS SIGNED)", key(count)?)
            }
            (SegmentBy::Hash(count), _, Hash::Lookup3) => {
                format!("hashtextextended({}, 3) & {}", key(count)?, (1i64 << 60) - 1)
            }
            (SegmentBy::Hash(count), _, Hash::Md5) => {
                format!("('x' || substr(md5({}), 1, 15))::bit(60)::bigint", key(count)?)
            }
        })
    }

    fn row_text(&self, columns: &[(String, Form)]) -> Result<String> {
        let written = columns.iter().map(|(name, form)| {
            let column = self.column(name).ok_or_else(|| unwritten(name))?;
            let written = expression(self.system(), column, *form);
            Ok((written.ok_or_else(|| unwritten(name))?, *form, self.never_null(name)))
        });
        let written: Vec<_> = written.collect::<Result<_>>()?;
        Ok(match self.system() {
            System::Mysql => mysql::row(&written),
            System::Postgres | System::Sqlite => postgres::row(&written),
        })
    }
}

/// A column in a form, in the words of its system; None: it cannot be written so.
fn expression(system: System, column: &Column, form: Form) -> Option<String> {
    match system {
        System::Postgres => postgres::expression(column, form),
        System::Mysql => mysql::expression(column, form),
        // It is read in this process: nothing is gained by asking it.
        System::Sqlite => None,
    }
}

fn unwritten(name: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("the column {name:?} has no form in the database"))
}

/// Segment, count, the sums of both halves, and whether the server's own check failed, where it has one. Sums are whole numbers of any length, with a sign or without.
fn sums_of(rows: TextRows) -> Result<BTreeMap<Option<i64>, Sum>> {
    let wrong = || Error::new(ErrorKind::Data, "the database gave a checksum that is none");
    let half = |text: &str| -> Option<u64> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let value: u128 = digits.parse().ok()?;
        let value = value as u64;
        Some(if negative { value.wrapping_neg() } else { value })
    };
    let mut sums = BTreeMap::new();
    for row in rows {
        let [segment, Some(count), Some(high), Some(low), doubt @ ..] = &row[..] else { return Err(wrong()) };
        if !matches!(doubt, [] | [None]) && doubt != [Some("0".to_string())] {
            return Err(Error::new(ErrorKind::Data, "the database evaluates expressions in an order of its own")
                .hint("compare with --strategy digest, and please report it with the server's version"));
        }
        let segment = segment.as_deref().map(|text| text.parse::<i64>().map_err(|_| wrong())).transpose()?;
        let halves = [half(high).ok_or_else(wrong)?, half(low).ok_or_else(wrong)?];
        let sum = Sum { rows: count.parse().map_err(|_| wrong())?, halves };
        if sums.insert(segment, sum).is_some() {
            return Err(Error::new(ErrorKind::Internal, "the database gave two checksums of one segment"));
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_ranges() {
        let grid = Grid { low: -10, step: 5 };
        assert_eq!(
            (grid.segment(-10), grid.segment(-6), grid.segment(-5), grid.segment(-11)),
            (Some(0), Some(0), Some(1), None)
        );
        assert_eq!(
            grid.condition("k", &[Some(0), Some(1), Some(3)].into(), true),
            "k BETWEEN -10 AND -1 OR k BETWEEN 5 AND 9"
        );
        assert_eq!(grid.condition("k", &[Some(2), None].into(), false), "k >= -10 AND floor_div IN (2) OR k IS NULL");
        assert_eq!(grid.condition("k", &Segments::new(), true), "FALSE");
    }

    #[test]
    fn sums_wrap_as_local_ones_do() {
        let row =
            |high: &str, low: &str| vec![vec![Some("3".into()), Some("2".into()), Some(high.into()), Some(low.into())]];
        let mut local = Sum::default();
        local.add(u128::MAX);
        local.add(5 << 64 | 7);
        // Signed: -1 + 5, -1 + 7. Unsigned: 2^64 - 1 + 5 ...
        assert_eq!(sums_of(row("4", "6")).unwrap()[&Some(3)], local);
        assert_eq!(sums_of(row("18446744073709551620", "18446744073709551622")).unwrap()[&Some(3)], local);
        assert_eq!(sums_of(row("-18446744073709551612", "6")).unwrap()[&Some(3)], local);
        assert!(sums_of(row("x", "6")).is_err());
        assert!(sums_of([row("1", "2"), row("3", "4")].concat()).is_err());
        let checked = |doubt: &str| sums_of(vec![[row("4", "6").remove(0), vec![Some(doubt.into())]].concat()]);
        assert_eq!(checked("0").unwrap()[&Some(3)], local);
        assert!(checked("1").is_err());
    }
}
