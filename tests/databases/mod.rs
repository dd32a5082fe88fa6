//! Databases, against real servers.

mod proxy;
mod servers;
