//! From divergences to agreement, with proof: a plan of changes to one side's rows, people's word on it, carrying it out by compare-and-swap,
//! looking again, and the way back. Only `apply` changes a user's data.
//!
//! `<output>/repairs/plan=<digest>/plan.json` is a plan's manifest, whose SHA-256 is the plan's name; `actions.parquet` beside it says what is done
//! to each row. What became of a plan is told by the ledger alone.

mod action;
mod apply;
mod approve;
mod auto;
mod export;
mod manifest;
mod plan;
mod plans;
mod policy;
mod revert;
mod told;

pub use action::{Action, Actions};
pub use apply::{Applied, Fate, FileWritten, Manner, Work, apply, of_rule};
pub use approve::{Approved, allowed, approve};
pub use auto::{Automatic, automatic};
pub use export::{Form, export};
pub use manifest::{AtStake, Counts, Manifest, Stored};
pub use plan::{Ask, Named, Part, Proposed, propose};
pub use plans::{Attempt, Found, Plans};
pub use revert::revert;
pub use told::{ActionShown, CellShown, PlanLine, PlanShown, Story, Told, list, show, story};

/// Where plans are, below the output.
pub const FOLDER: &str = "repairs";
/// Changes that one plan has at most: they are held in memory.
pub const MOST: usize = 1_000_000;
