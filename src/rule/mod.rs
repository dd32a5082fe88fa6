//! A rule -> SQL, through the templates of `queries/`.
//!
//! `columns` pairs names, `common` settles types, `resolve` makes the MatchPlan of both, `sql` prints it.

pub mod columns;
pub mod common;
pub mod names;
pub mod plan;
mod portable;
pub mod position;
pub mod resolve;
pub mod sql;
pub mod totals;
