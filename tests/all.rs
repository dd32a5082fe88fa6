//! The one integration binary; each further one would link DataFusion again.

mod bad_input;
mod cli;
mod examples;
mod support;
