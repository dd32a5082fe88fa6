//! A progress bar on the terminal: bytes of what is expected, rows, and the rate. It goes when the work is done.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Volume;
use crate::progress::Progress;
use crate::report::numbers::count;

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
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style =
        |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style("{spinner} {bytes}, {msg}, {elapsed}"));
    let mut expected = 0;
    while !stop.load(Relaxed) {
        if progress.bytes_expected() != expected {
            expected = progress.bytes_expected();
            bar.set_length(expected);
            bar.set_style(style("{bar:30} {bytes} of {total_bytes}, {msg}, {bytes_per_sec}, {elapsed}"));
        }
        // Rows that are read a second time must not push the bar past its end.
        bar.set_position(progress.bytes_read().min(if expected == 0 { u64::MAX } else { expected }));
        bar.set_message(format!("{} rows", count(progress.rows_read())));
        bar.tick();
        thread::park_timeout(TICK);
    }
    bar.finish_and_clear();
}
