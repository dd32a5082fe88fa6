//! Databases, against real servers.

mod postgres;
mod proxy;
mod servers;
mod tie;
mod types;
