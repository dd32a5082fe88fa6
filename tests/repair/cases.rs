//! Random tables that differ, in SQL that SQLite and PostgreSQL both read: every kind of divergence, keys of one column and of two,
//! nullable ones, repeated ones, and rows whose key the database gives.

use super::next;

/// How the table is keyed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Key {
    /// The rule's key is the primary key.
    Primary,
    /// Two columns, the primary key.
    Composite,
    /// Two columns, one of them nullable; the primary key is another column, which the database gives.
    Surrogate,
    /// The same, and keys repeat.
    Repeated,
}

pub const KEYS: [Key; 4] = [Key::Primary, Key::Composite, Key::Surrogate, Key::Repeated];

pub struct Case {
    pub key: Key,
    /// Of the source and of the target.
    pub rows: [Vec<Vec<String>>; 2],
}

impl Key {
    pub fn rule(self) -> &'static str {
        match self {
            Key::Primary => "key: [id]\n    repair: {authority: source}",
            Key::Composite => "key: [a, b]\n    repair: {authority: source}",
            Key::Surrogate | Key::Repeated => {
                "key: [a, b]\n    columns: {id: {ignore: true}}\n    repair: {authority: source}"
            }
        }
    }
}

/// `value`: a random value of the n-th column after the key, as a literal.
pub fn case(seed: u64, columns: usize, value: &dyn Fn(usize, &mut u64) -> String) -> Case {
    let mut seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let key = KEYS[(next(&mut seed) % 4) as usize];
    let size = 5 + next(&mut seed) % 60;
    let row = |n: u64, seed: &mut u64| -> Vec<String> {
        let b = match key {
            Key::Surrogate | Key::Repeated if n.is_multiple_of(5) => "NULL".to_string(),
            _ => format!("'k{}'", n % 3),
        };
        let mut row = vec![n.to_string(), (n / 2).to_string(), b];
        row.extend((0..columns).map(|column| value(column, seed)));
        row
    };
    let (mut source, mut target) = (Vec::new(), Vec::new());
    for n in 0..size {
        let common = row(n, &mut seed);
        // Rows of one key are rows that differ in nothing but the id, or in values.
        let unique = key == Key::Repeated
            || !source.iter().chain(&target).any(|other: &Vec<String>| other[1..3] == common[1..3]);
        if !unique {
            continue;
        }
        match next(&mut seed) % 10 {
            0 => source.push(common),
            1 => target.push(common),
            2 | 3 => {
                let mut other = common.clone();
                let changed = (next(&mut seed) as usize) % columns;
                other[3 + changed] = value(changed, &mut seed);
                source.push(common);
                target.push(other);
            }
            4 if key == Key::Repeated => {
                let mut twin = common.clone();
                twin[0] = (n + 1000).to_string();
                source.push(common.clone());
                let side = if next(&mut seed).is_multiple_of(2) { &mut source } else { &mut target };
                side.push(twin);
                target.push(common);
            }
            _ => {
                source.push(common.clone());
                target.push(common);
            }
        }
    }
    Case { key, rows: [source, target] }
}

impl Case {
    pub fn inserts(&self, side: usize, table: &str) -> String {
        let row = |row: &Vec<String>| format!("INSERT INTO {table} VALUES ({});\n", row.join(", "));
        self.rows[side].iter().map(row).collect()
    }
}
