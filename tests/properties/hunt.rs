//! Odd data.
