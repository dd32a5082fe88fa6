//! The one integration binary; each further one would link DataFusion again.

mod architecture;
mod docs;
mod examples;
mod memory;
mod names;
mod properties;
mod stories;
mod support;
