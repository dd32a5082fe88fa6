//! tieout: a SQL-based data reconciliation engine on Apache Arrow and DataFusion.
//!
//! ARCHITECTURE.md walks through the rooms. The direction of imports is
//! `cli -> report -> causes, repair -> run, ack -> history -> ledger -> engine, divergence -> rule -> dataset -> project, sql -> verdict, progress -> error, side`:
//! a room may import what stands right of it, and rooms between commas do not know each other. A test reads this line.

// Futures of statements within plans within commands are nested deeply.
#![recursion_limit = "256"]

pub mod ack;
pub mod causes;
pub mod cli;
pub mod dataset;
pub mod divergence;
pub mod engine;
pub mod error;
pub mod history;
pub mod ledger;
pub mod progress;
pub mod project;
pub mod repair;
pub mod report;
pub mod rule;
pub mod run;
pub mod side;
pub mod sql;
pub mod verdict;

pub use error::{Error, ErrorKind, Result};
pub use side::{BySide, Side};
