//! scratch
pub mod error;
pub mod side;
pub mod progress;
