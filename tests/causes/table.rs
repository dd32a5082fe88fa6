//! Random tables with two sides, whose disagreements are planted, and what tieout makes of them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use crate::support::data::write_parquet;
use crate::support::tieout::Tieout;

/// xorshift: the same numbers for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % below.unsigned_abs()) as i64
    }

    pub fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as i64) as usize]
    }

    /// Between 0 and 1.
    pub fn part(&mut self) -> f64 {
        self.below(1 << 40) as f64 / (1u64 << 40) as f64
    }

    /// Median 60, and a long tail.
    pub fn lognormal(&mut self) -> f64 {
        let normal: f64 = (0..12).map(|_| self.part()).sum::<f64>() - 6.0;
        (4.1 + normal).exp()
    }

    pub fn word(&mut self) -> String {
        const LETTERS: [char; 20] =
            ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'k', 'l', 'm', 'n', 'o', 'r', 's', 't', 'u', 'é', 'ü'];
        let length = 5 + self.below(6);
        let mut word: String = (0..length).map(|_| self.pick(&LETTERS)).collect();
        let first: String = word.remove(0).to_uppercase().collect();
        first + &word
    }
}

pub type Cells = (ScalarValue, ScalarValue);

/// One column of both sides.
pub struct Column {
    pub name: String,
    pub cells: Vec<Cells>,
}

/// Which rows stand on one side only, or twice: by row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    OnBoth,
    InSource,
    InTarget,
    TwiceInTarget,
}

/// Writes both sides of a rule; the key is `id`, which counts from 1.
pub fn write(tieout: &Tieout, rule: &str, columns: &[Column], stands: &[Stands]) {
    let side = |source: bool| {
        let mut ids = Vec::new();
        let mut rows = Vec::new();
        for (row, stands) in stands.iter().enumerate() {
            let times = match (stands, source) {
                (Stands::InSource, false) | (Stands::InTarget, true) => 0,
                (Stands::TwiceInTarget, false) => 2,
                _ => 1,
            };
            for _ in 0..times {
                ids.push(row as i64 + 1);
                rows.push(row);
            }
        }
        let mut arrays: Vec<(String, ArrayRef)> = vec![("id".into(), Arc::new(Int64Array::from(ids)))];
        for Column { name, cells } in columns {
            let cell = |row: &usize| if source { cells[*row].0.clone() } else { cells[*row].1.clone() };
            arrays.push((name.clone(), ScalarValue::iter_to_array(rows.iter().map(cell)).unwrap()));
        }
        RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    };
    write_parquet(&tieout.path(&format!("{rule}-s.parquet")), &[side(true)]);
    write_parquet(&tieout.path(&format!("{rule}-t.parquet")), &[side(false)]);
}

/// A project of these rules, which is run.
pub fn run(tieout: &Tieout, rules: &[String]) {
    let dataset =
        |rule: &String, side: &str| format!("  {rule}_{side}: {{parquet: {{path: {rule}-{side}.parquet}}}}\n");
    let datasets: String = rules.iter().flat_map(|rule| ["s", "t"].map(|side| dataset(rule, side))).collect();
    let rule = |rule: &String| format!("  {rule}: {{source: {rule}_s, target: {rule}_t, key: id}}\n");
    let text: String = rules.iter().map(rule).collect();
    tieout.file("tieout.yaml", &format!("datasets:\n{datasets}rules:\n{text}"));
    tieout.run(["run", "-q"]).exits(1);
}

/// What `tieout causes` says, in JSON.
pub fn causes(tieout: &Tieout, rule: &str) -> Value {
    tieout.run(["causes", rule, "--format", "json", "--limit", "1000"]).exits(0).json()
}

/// How many rows of `divergences.RULE` each predicate selects, in `tieout sql`.
pub fn selected(tieout: &Tieout, rule: &str, predicates: &[&str]) -> Vec<u64> {
    let count = |predicate: &&str| format!("SELECT count(*) AS n FROM divergences.\"{rule}\" WHERE {predicate};\n");
    let query: String = predicates.iter().map(count).collect();
    let out = tieout.run(["sql", "--format", "csv", &query]).exits(0).stdout;
    out.lines().filter(|line| *line != "n").map(|line| line.parse().unwrap()).collect()
}

/// The predicate of every cause selects as many rows as it says.
pub fn check_predicates(tieout: &Tieout, rule: &str, causes: &Value) {
    let causes = causes["causes"].as_array().unwrap();
    let predicates: Vec<&str> = causes.iter().map(|cause| cause["predicate"].as_str().unwrap()).collect();
    let rows: Vec<u64> = causes.iter().map(|cause| cause["rows"].as_u64().unwrap()).collect();
    assert_eq!(selected(tieout, rule, &predicates), rows, "{causes:#?}");
}

/// No cell is in two groups: what is explained and what is not are all mismatches of each column.
pub fn check_sums(causes: &Value, rows: usize, columns: &[Column], stands: &[Stands]) {
    for Column { name, cells } in columns {
        let mismatches =
            (0..rows).filter(|row| stands[*row] == Stands::OnBoth && cells[*row].0 != cells[*row].1).count();
        let in_column = |cause: &&Value| {
            cause["kind"] == "value_mismatch" && cause["columns"].as_array().unwrap().contains(&name.as_str().into())
        };
        let explained: u64 = causes["causes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(in_column)
            .map(|cause| cause["rows"].as_u64().unwrap())
            .sum();
        let of_column = |left: &&Value| left["column"] == name.as_str();
        let left = causes["unexplained"]
            .as_array()
            .unwrap()
            .iter()
            .find(of_column)
            .map_or(0, |left| left["rows"].as_u64().unwrap());
        assert_eq!(explained + left, mismatches as u64, "{name}: {causes:#}");
    }
}
