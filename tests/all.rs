//! The one integration binary; each further one would link DataFusion again.

mod examples;
mod stories;
mod support;
