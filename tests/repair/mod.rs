//! Repair, against real servers.

mod postgres;
