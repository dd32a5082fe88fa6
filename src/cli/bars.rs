//! A progress bar on the terminal: the rule at work, how far it is, its rates, and what it spilled. It goes when the work is
//! done.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Volume;
use crate::progress::{Counters, Progress, Task, per_second};
use crate::report::numbers::{self, bytes, rough};
use crate::report::value::escape;

/// Work that ends sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(100);

/// Draws from a thread of its own, because the runtime's threads are busy. Dropping it clears the bar.
#[derive(Debug)]
pub struct Bars {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bars {
    /// Nothing is drawn unless stderr is a terminal, and nothing between the lines of a log.
    pub fn start(progress: &Arc<Progress>, volume: Volume) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let shown = io::stderr().is_terminal() && !volume.quiet && volume.verbose == 0;
        let thread = shown.then(|| {
            let (progress, stop) = (progress.clone(), stop.clone());
            thread::Builder::new().name("progress".into()).spawn(move || draw(&progress, &stop)).ok()
        });
        Self { stop, thread: thread.flatten() }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread only draws: if it panicked, the hook has told.
            let _ = thread.join();
        }
    }
}

fn draw(progress: &Progress, stop: &AtomicBool) {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if stop.load(Relaxed) {
            return;
        }
        thread::park_timeout(TICK);
    }
    // Each setting draws: the first time, all of them are made before anything is shown.
    let bar = ProgressBar::hidden();
    let style =
        |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let (spinner, filling) = (style("{spinner} {prefix}{wide_msg}"), style("{prefix}{bar:12} {wide_msg}"));
    while !stop.load(Relaxed) {
        let Line { prefix, done, message } = Line::of(progress, started.elapsed());
        bar.set_prefix(prefix);
        bar.set_message(message);
        bar.set_style(if done.is_some() { filling.clone() } else { spinner.clone() });
        if let Some((position, length)) = done {
            bar.set_length(length);
            // What is read a second time must not push the bar past its end.
            bar.set_position(position.min(length));
        }
        if bar.is_hidden() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.tick();
        thread::park_timeout(TICK);
    }
    bar.finish_and_clear();
}

/// What is shown at one moment.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    prefix: String,
    /// How much of how much; none where the end is not known.
    done: Option<(u64, u64)>,
    message: String,
}

impl Line {
    fn of(progress: &Progress, elapsed: Duration) -> Self {
        match progress.task() {
            Some(task) => Self::of_rule(&task, progress.counters().since(task.before), task.started.elapsed()),
            None => Self::of_bytes(progress.bytes_read(), progress.bytes_expected(), elapsed),
        }
    }

    /// By rows where their number is known, else by bytes: of text, all of them are read.
    fn of_rule(task: &Task, done: Counters, elapsed: Duration) -> Self {
        let Counters { bytes_read, rows_read, spilled_bytes } = done;
        let mut parts = vec![match task.rows {
            Some(rows) => format!("{} of {} rows", rough(rows_read.min(rows)), rough(rows)),
            None => format!("{} rows", rough(rows_read)),
        }];
        parts.push(format!("{} rows/s", rough(per_second(rows_read, elapsed))));
        parts.push(format!("{}/s", bytes(per_second(bytes_read, elapsed))));
        if spilled_bytes > 0 {
            parts.push(format!("{} spilled", bytes(spilled_bytes)));
        }
        parts.push(whole_seconds(elapsed));
        let whole = task.rows.map(|rows| (rows_read, rows)).or(Some((bytes_read, task.bytes)));
        let done = whole.filter(|(_, whole)| *whole > 0);
        Self { prefix: format!("{} ", escape(&task.rule)), done, message: parts.join(", ") }
    }

    fn of_bytes(read: u64, expected: u64, elapsed: Duration) -> Self {
        let done = (expected > 0).then_some((read, expected));
        let read = match done {
            Some(_) => format!("{} of {}", bytes(read.min(expected)), bytes(expected)),
            None => bytes(read),
        };
        Self { prefix: String::new(), done, message: format!("{read}, {}", whole_seconds(elapsed)) }
    }
}

/// A time that does not flicker.
fn whole_seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => numbers::elapsed(seconds * 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Duration = Duration::from_secs(2);

    fn task(rows: Option<u64>, bytes: u64) -> Task {
        Task { rule: "orders".into(), rows, bytes, started: Instant::now(), before: Counters::default() }
    }

    #[test]
    fn rows_of_all_rows_or_bytes_of_all_bytes() {
        let done = Counters { bytes_read: 3 << 20, rows_read: 4000, spilled_bytes: 0 };
        let line = Line::of_rule(&task(Some(10_000), 8 << 20), done, SECONDS);
        assert_eq!((line.prefix.as_str(), line.done), ("orders ", Some((4000, 10_000))));
        assert_eq!(line.message, "4,000 of 10k rows, 2,000 rows/s, 1.5 MiB/s, 2 s");
        let line = Line::of_rule(&task(None, 8 << 20), Counters { spilled_bytes: 1 << 30, ..done }, SECONDS);
        assert_eq!(line.done, Some((3 << 20, 8 << 20)));
        assert_eq!(line.message, "4,000 rows, 2,000 rows/s, 1.5 MiB/s, 1.0 GiB spilled, 2 s");
        assert_eq!(Line::of_rule(&task(None, 0), done, SECONDS).done, None, "a view of nothing");
    }

    #[test]
    fn without_a_rule() {
        let line = |read, expected| Line::of_bytes(read, expected, 40 * SECONDS);
        assert_eq!(line(10, 1024).message, "10 B of 1.0 KiB, 1 min 20 s");
        assert_eq!((line(10, 0).message.as_str(), line(10, 0).done), ("10 B, 1 min 20 s", None));
    }
}
