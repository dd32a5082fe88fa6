//! The one integration binary; each further one would link DataFusion again.

mod bad_input;
mod cli;
mod architecture;
mod docs;
mod examples;
mod memory;
mod properties;
mod support;
