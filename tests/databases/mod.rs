//! Databases, against real servers.

mod away;
mod mysql;
mod postgres;
mod proxy;
mod pushdown;
mod servers;
mod sqlite;
mod tie;
mod types;
