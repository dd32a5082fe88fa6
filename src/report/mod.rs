//! From a [`RunReport`](crate::run::report::RunReport), or an [`Explanation`](crate::run::explain::Explanation), to what
//! people and programs read. Nothing here prints.

mod calendar;
mod columns;
mod explain;
mod json;
pub mod numbers;
pub mod palette;
mod rule;
mod sample;
pub mod table;
mod text;
pub mod value;

pub use explain::{explanation, explanation_in_brief};
pub use json::json;
pub use palette::Palette;
pub use text::{Layout, brief, text};

#[cfg(test)]
mod fixture;
