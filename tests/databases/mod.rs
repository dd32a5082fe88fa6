//! Databases, against real servers.

mod away;
mod postgres;
mod proxy;
mod pushdown;
mod servers;
mod sqlite;
mod tie;
mod types;
