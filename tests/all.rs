//! The one integration binary; each further one would link DataFusion again.

mod docs;
mod examples;
mod names;
mod support;
