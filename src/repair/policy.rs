//! What the project's policy decides of a change.

use crate::project::model::{Decide, Policy, Severity};
use crate::verdict::Kind;

/// A plan as a whole.
pub struct Whole<'a> {
    pub rule: &'a str,
    pub severity: Severity,
    pub actions: u64,
    pub table_rows: Option<u64>,
    pub value: Option<f64>,
}

/// One change.
pub struct Weighed<'a> {
    pub kind: Kind,
    pub columns: Vec<&'a str>,
}

pub struct Decided {
    pub decide: Decide,
    pub why: String,
}

pub fn decide(_: &[Policy], _: &Whole, _: &Weighed) -> Decided {
    Decided { decide: Decide::Approve(1), why: "no policy fits: one approval".into() }
}
