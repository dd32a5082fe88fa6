//! How fast a database may be asked: rows a second, over all connections.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Lets so many rows pass in a second.
#[derive(Debug)]
pub(super) struct Pace {
    rows_per_second: Option<u64>,
    /// When the rows that have passed are due.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(rows_per_second: Option<u64>) -> Self {
        Self { rows_per_second, due: Mutex::new(None) }
    }

    /// Rows that are worth taking at once: what passes in a quarter of a second.
    pub(super) fn batch_rows(&self, wanted: usize) -> usize {
        match self.rows_per_second {
            Some(rows) => wanted.min(usize::try_from(rows / 4).unwrap_or(usize::MAX).max(1)),
            None => wanted,
        }
    }

    /// Waits until so many rows are due.
    pub(super) async fn pass(&self, rows: usize) {
        let Some(most) = self.rows_per_second else { return };
        let wait = {
            let mut due = self.due.lock().await;
            let now = Instant::now();
            let start = due.map_or(now, |due| due.max(now));
            let end = start + Duration::from_secs_f64(rows as f64 / most as f64);
            *due = Some(end);
            end
        };
        tokio::time::sleep_until(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_pass_no_faster() {
        let (pace, start) = (Pace::new(Some(1000)), Instant::now());
        for _ in 0..5 {
            pace.pass(50).await;
        }
        assert!(start.elapsed() >= Duration::from_millis(250));
        assert_eq!((Pace::new(Some(100)).batch_rows(8192), Pace::new(None).batch_rows(8192)), (25, 8192));
    }
}
