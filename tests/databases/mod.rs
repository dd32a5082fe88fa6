//! Databases, against real servers.

mod servers;
