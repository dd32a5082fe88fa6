//! What a run has read so far: plain counters that the readers raise and a terminal may draw.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one run. All only grow.
#[derive(Debug, Default)]
pub struct Progress {
    bytes_read: AtomicU64,
    bytes_expected: AtomicU64,
    rows_read: AtomicU64,
}

impl Progress {
    /// Bytes that came from files and object stores, as stored (compressed).
    pub fn add_bytes(&self, n: u64) {
        self.bytes_read.fetch_add(n, Relaxed);
    }

    pub fn expect_bytes(&self, n: u64) {
        self.bytes_expected.fetch_add(n, Relaxed);
    }

    pub fn add_rows(&self, n: u64) {
        self.rows_read.fetch_add(n, Relaxed);
    }

    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Relaxed)
    }

    pub fn bytes_expected(&self) -> u64 {
        self.bytes_expected.load(Relaxed)
    }

    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Relaxed)
    }
}
