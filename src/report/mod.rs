//! From a [`RunReport`](crate::run::report::RunReport), an [`Explanation`](crate::run::explain::Explanation), or what [`history`](crate::history)
//! and [`causes`](crate::causes) tell, to what people and programs read. Nothing here prints.

mod acks;
mod calendar;
mod causes;
mod columns;
mod divergences;
mod expired;
mod explain;
mod json;
mod ledger;
pub mod numbers;
mod page;
pub mod palette;
mod past;
pub mod repair;
mod rule;
mod sample;
mod show;
mod shown;
mod spark;
pub mod table;
mod text;
pub mod value;

pub use acks::{acks, given};
pub use causes::causes;
pub use expired::expired;
pub use explain::{explanation, explanation_in_brief};
pub use json::json;
pub use ledger::entry_line;
pub use page::{Aside, Asides, Statement, html, is_report, markdown};
pub use palette::Palette;
pub use past::{comparison, history, status};
pub use show::show;
pub use shown::ShownTold;
pub use spark::Signs;
pub use text::{Layout, brief, text};

#[cfg(test)]
mod fixture;
