//! What a run may use up before it stops: time, divergences, bytes. It stops in order, and says what it had verified.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::progress::Progress;
use crate::verdict::{Coverage, Segment, Segments};

/// What was given; none: as much as it takes.
#[derive(Debug, Clone, Default)]
pub struct BudgetLimits {
    pub time: Option<Duration>,
    pub divergences: Option<u64>,
    /// As stored.
    pub bytes: Option<u64>,
}

/// The budget of one run, and what is used of it.
#[derive(Debug, Clone)]
pub struct Budget {
    limits: BudgetLimits,
    started: Instant,
    progress: Arc<Progress>,
    /// Read before the run.
    bytes_before: u64,
    divergences: Arc<AtomicU64>,
}

impl Budget {
    pub fn start(limits: BudgetLimits, progress: Arc<Progress>) -> Self {
        let bytes_before = progress.bytes_read();
        Self { limits, started: Instant::now(), progress, bytes_before, divergences: Arc::default() }
    }

    /// Whether anything may stop the run.
    pub fn is_limited(&self) -> bool {
        let BudgetLimits { time, divergences, bytes } = &self.limits;
        time.is_some() || divergences.is_some() || bytes.is_some()
    }

    /// For what was counted already, and is looked at again.
    pub fn without_divergences(&self) -> Self {
        let limits = BudgetLimits { divergences: None, ..self.limits.clone() };
        Self { limits, ..self.clone() }
    }

    /// None: any time.
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.limits.time?.saturating_sub(self.started.elapsed()))
    }

    pub fn add_divergences(&self, found: u64) {
        self.divergences.fetch_add(found, Relaxed);
    }

    /// How many more divergences may be found; None: any number.
    pub fn divergences_left(&self) -> Option<u64> {
        Some(self.limits.divergences?.saturating_sub(self.divergences.load(Relaxed)))
    }

    /// The flag of the limit that is reached.
    pub fn reached(&self) -> Option<&'static str> {
        let Self { limits, started, .. } = self;
        if self.divergences_left() == Some(0) {
            return Some("max_divergences");
        }
        if limits.time.is_some_and(|time| started.elapsed() >= time) {
            return Some("max_time");
        }
        let bytes = self.progress.bytes_read() - self.bytes_before;
        limits.bytes.is_some_and(|limit| bytes >= limit).then_some("max_bytes")
    }
}

/// Nothing was verified.
pub fn nothing(by: &'static str) -> Coverage {
    Coverage {
        stopped_by: by,
        segments: vec![Segment { by: Segments::KeyHash, from: None, to: None, verified: false }],
    }
}

/// More divergences were found than may be told, and those that were told do not lie side by side. `by_keys`: what was
/// compared ends at a key.
pub fn untold(by_keys: bool) -> Coverage {
    match by_keys {
        true => by_key("max_divergences", None),
        false => nothing("max_divergences"),
    }
}

/// Segments of key hashes, of which some are verified; `verified` by bucket, in order.
pub fn by_hash(by: &'static str, verified: &[bool]) -> Coverage {
    let bound = |bucket: usize| {
        let hash = (bucket as u128) << 64;
        // The first hash of the bucket: hashes are distributed by their share of 2^64.
        format!("{:016x}", hash.div_ceil(verified.len() as u128))
    };
    let mut segments: Vec<Segment> = Vec::new();
    let mut start = 0;
    for group in verified.chunk_by(|a, b| a == b) {
        let end = start + group.len();
        segments.push(Segment {
            by: Segments::KeyHash,
            from: (start > 0).then(|| bound(start)),
            to: (end < verified.len()).then(|| bound(end)),
            verified: group[0],
        });
        start = end;
    }
    Coverage { stopped_by: by, segments }
}

/// Keys up to `last` are verified, those behind it are not.
pub fn by_key(by: &'static str, last: Option<String>) -> Coverage {
    let Some(last) = last else {
        let all = Segment { by: Segments::Key, from: None, to: None, verified: false };
        return Coverage { stopped_by: by, segments: vec![all] };
    };
    let verified = Segment { by: Segments::Key, from: None, to: Some(last.clone()), verified: true };
    let open = Segment { by: Segments::Key, from: Some(last), to: None, verified: false };
    Coverage { stopped_by: by, segments: vec![verified, open] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_once_it_is_used_up() {
        let progress = Arc::new(Progress::default());
        let limits = BudgetLimits { divergences: Some(2), bytes: Some(10), ..BudgetLimits::default() };
        let budget = Budget::start(limits, progress.clone());
        assert_eq!(budget.reached(), None);
        progress.add_bytes(10);
        assert_eq!(budget.reached(), Some("max_bytes"));
        budget.add_divergences(2);
        assert_eq!((budget.reached(), budget.divergences_left()), (Some("max_divergences"), Some(0)));
        let late = BudgetLimits { time: Some(Duration::ZERO), ..BudgetLimits::default() };
        assert_eq!(Budget::start(late, progress).reached(), Some("max_time"));
    }

    #[test]
    fn segments_of_hashes_are_joined() {
        let coverage = by_hash("max_time", &[true, true, false, true]);
        let told: Vec<_> = coverage.segments.iter().map(|s| (s.from.as_deref(), s.to.as_deref(), s.verified)).collect();
        let (half, most) = ("8000000000000000", "c000000000000000");
        assert_eq!(told, [(None, Some(half), true), (Some(half), Some(most), false), (Some(most), None, true)]);
    }
}
