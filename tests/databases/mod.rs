//! Databases, against real servers.

mod away;
mod bad_input;
mod faults;
mod mysql;
mod postgres;
mod proxy;
mod pushdown;
mod recheck;
mod relations;
mod servers;
mod sessions;
mod sqlite;
mod standby;
mod tie;
mod tls;
pub mod types;
