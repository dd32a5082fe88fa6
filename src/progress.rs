//! What a run has done so far: plain counters that the readers raise and a terminal may draw.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Counters of one run, which only grow, and the rule that is at work.
#[derive(Debug, Default)]
pub struct Progress {
    bytes_read: AtomicU64,
    bytes_expected: AtomicU64,
    rows_read: AtomicU64,
    spilled_bytes: AtomicU64,
    task: Mutex<Option<Arc<Task>>>,
    /// The run, and whether anything of it is kept already.
    run: OnceLock<String>,
    kept: AtomicBool,
}

/// The counters at one moment; or how far they came since another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// From files and object stores, as stored (compressed).
    pub bytes_read: u64,
    pub rows_read: u64,
    /// Written to temporary files.
    pub spilled_bytes: u64,
}

impl Counters {
    pub fn since(self, before: Counters) -> Counters {
        Counters {
            bytes_read: self.bytes_read.saturating_sub(before.bytes_read),
            rows_read: self.rows_read.saturating_sub(before.rows_read),
            spilled_bytes: self.spilled_bytes.saturating_sub(before.spilled_bytes),
        }
    }
}

/// One rule, from its start.
#[derive(Debug)]
pub struct Task {
    pub rule: String,
    /// Rows that it will read, where metadata tells.
    pub rows: Option<u64>,
    /// Bytes of all its inputs.
    pub bytes: u64,
    pub started: Instant,
    /// Where the counters stood.
    pub before: Counters,
}

impl Progress {
    pub fn add_bytes(&self, n: u64) {
        self.bytes_read.fetch_add(n, Relaxed);
    }

    pub fn expect_bytes(&self, n: u64) {
        self.bytes_expected.fetch_add(n, Relaxed);
    }

    pub fn add_rows(&self, n: u64) {
        self.rows_read.fetch_add(n, Relaxed);
    }

    pub fn add_spilled(&self, n: u64) {
        self.spilled_bytes.fetch_add(n, Relaxed);
    }

    /// The run that this is the progress of.
    pub fn name(&self, run_id: &str) {
        let _ = self.run.set(run_id.to_string());
    }

    /// What was done so far need not be done again, should the run be cut off.
    pub fn keep(&self) {
        self.kept.store(true, Relaxed);
    }

    /// The run, if there is something for it to go on from.
    pub fn resumable(&self) -> Option<&str> {
        self.run.get().filter(|_| self.kept.load(Relaxed)).map(String::as_str)
    }

    /// A rule starts, which is to read so much.
    pub fn begin(&self, rule: &str, rows: Option<u64>, bytes: u64) -> Arc<Task> {
        let (started, before) = (Instant::now(), self.counters());
        let task = Arc::new(Task { rule: rule.to_string(), rows, bytes, started, before });
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.clone());
        task
    }

    /// The rule at work; none before the first one, and where no rules are run.
    pub fn task(&self) -> Option<Arc<Task>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn counters(&self) -> Counters {
        Counters {
            bytes_read: self.bytes_read.load(Relaxed),
            rows_read: self.rows_read.load(Relaxed),
            spilled_bytes: self.spilled_bytes.load(Relaxed),
        }
    }

    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Relaxed)
    }

    pub fn bytes_expected(&self) -> u64 {
        self.bytes_expected.load(Relaxed)
    }
}

/// How much a second; what took no time at all took a microsecond.
pub fn per_second(n: u64, time: std::time::Duration) -> u64 {
    (n as f64 / time.as_secs_f64().max(1e-6)) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rule_counts_from_its_start() {
        let progress = Progress::default();
        progress.add_rows(7);
        assert!(progress.task().is_none());
        let task = progress.begin("orders", Some(20), 100);
        progress.add_rows(10);
        progress.add_bytes(50);
        progress.add_spilled(3);
        let done = progress.counters().since(task.before);
        assert_eq!(done, Counters { bytes_read: 50, rows_read: 10, spilled_bytes: 3 });
        assert_eq!(progress.task().map(|task| task.rule.clone()).as_deref(), Some("orders"));
    }

    #[test]
    fn rates() {
        assert_eq!(per_second(300, Duration::from_millis(1500)), 200);
        assert_eq!(per_second(0, Duration::ZERO), 0);
        assert_eq!(per_second(7, Duration::ZERO), 7_000_000);
    }
}
