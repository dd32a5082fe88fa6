//! A cause that may be one: the relation that it stands for, and what it takes to be believed.

use crate::causes::chance::Bar;
use crate::causes::kind::CauseKind;
use crate::causes::sample::Standing;
use crate::rule::sql::literal;
use crate::side::Side;
use crate::verdict::Kind;

#[derive(Debug, Clone)]
pub struct Candidate {
    pub cause: CauseKind,
    pub standing: Standing,
    /// Of mismatches: positions of the columns in [`Shape::pairs`](crate::causes::shape::Shape).
    pub pairs: Vec<usize>,
    pub columns: Vec<String>,
    /// SQL over the divergence table.
    pub relation: String,
    /// A lower rank goes first, however few rows it explains: it says more.
    pub rank: u8,
    pub bar: Bar,
}

impl Candidate {
    /// What selects its rows, in a table of one run.
    pub fn predicate(&self) -> String {
        let (kind, side) = self.standing;
        let mut all = vec![format!("kind = {}", literal(kind.as_str()))];
        match kind {
            Kind::ValueMismatch => {
                let changed = |name: &String| format!("array_has(changed_columns, {})", literal(name));
                all.extend(self.columns.iter().map(changed));
            }
            Kind::DuplicateKey => all.push(format!("side = {}", literal(side.as_str()))),
            _ => {}
        }
        all.push(self.relation.clone());
        all.join(" AND ")
    }
}

/// A relation between the two cells of a column, before it is tried.
#[derive(Debug, Clone)]
pub struct Idea {
    pub cause: CauseKind,
    pub relation: String,
    pub rank: u8,
    pub bar: Bar,
    pub nulls: &'static [super::trial::Null],
}

/// Ranks of what explains mismatches.
pub mod rank {
    pub const SWAPPED: u8 = 0;
    pub const NULL: u8 = 1;
    /// Relations of text, from this one on.
    pub const TEXT: u8 = 2;
    pub const NUMBER: u8 = 20;
    pub const STALE: u8 = 30;
    /// Of what explains rows.
    pub const SAME_VALUE: u8 = 40;
    pub const RANGE: u8 = 41;
}

/// Every mismatch stands on both sides; it goes by this one.
pub const MISMATCH: Standing = (Kind::ValueMismatch, Side::Source);
