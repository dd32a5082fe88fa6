//! The one integration binary; each further one would link DataFusion again.

mod examples;
mod identity;
mod object_storage;
mod portable;
mod readers;
mod support;
