//! The one integration binary; each further one would link DataFusion again.

mod architecture;
mod bad_input;
mod cli;
mod docs;
mod examples;
mod memory;
mod properties;
mod support;
