//! The one integration binary; each further one would link DataFusion again.

mod architecture;
mod bad_input;
mod budgets;
mod bytes;
mod cache;
mod causes;
mod cli;
mod databases;
mod docs;
mod examples;
mod expire;
mod filters;
mod history;
mod identity;
mod ledger;
mod memory;
mod names;
mod object_storage;
mod portable;
mod properties;
mod readers;
mod residue;
mod resume;
mod settle;
mod stories;
mod support;
