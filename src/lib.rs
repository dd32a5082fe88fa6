//! tieout: a SQL-based data reconciliation engine on Apache Arrow and DataFusion.
//!
//! ARCHITECTURE.md walks through the rooms. The direction of imports is
//! `cli -> run, repair, report, ledger -> rule, engine, dataset, divergence -> project, error`; a test holds it.

pub mod cli;
pub mod dataset;
pub mod divergence;
pub mod engine;
pub mod error;
pub mod progress;
pub mod project;
pub mod report;
pub mod rule;
pub mod run;
pub mod side;
pub mod sql;
pub mod verdict;

pub use error::{Error, ErrorKind, Result};
pub use side::{BySide, Side};
