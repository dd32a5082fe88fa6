//! From a [`RunReport`](crate::run::report::RunReport), an [`Explanation`](crate::run::explain::Explanation), or what [`history`](crate::history)
//! and [`causes`](crate::causes) tell, to what people and programs read. Nothing here prints.

mod calendar;
mod causes;
mod columns;
mod expired;
mod explain;
mod json;
pub mod numbers;
pub mod palette;
mod past;
mod rule;
mod sample;
mod spark;
pub mod table;
mod text;
pub mod value;

pub use causes::causes;
pub use expired::expired;
pub use explain::{explanation, explanation_in_brief};
pub use json::json;
pub use palette::Palette;
pub use past::{comparison, history, status};
pub use spark::Signs;
pub use text::{Layout, brief, text};

#[cfg(test)]
mod fixture;
