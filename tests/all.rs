//! The one integration binary; each further one would link DataFusion again.

mod bad_input;
mod cli;
mod architecture;
mod docs;
mod examples;
mod identity;
mod memory;
mod names;
mod object_storage;
mod portable;
mod properties;
mod readers;
mod stories;
mod support;
