//! Ctrl-C: the first one stops the work, which cleans up after itself; a second one ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use futures::FutureExt;
use tokio::runtime::Builder;
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};

/// A thread of its own listens, so that a second Ctrl-C is heard even while the runtime shuts down.
#[derive(Debug, Clone)]
pub struct Interrupt {
    signal: Arc<Notify>,
    /// One was heard and not yet dealt with.
    pending: Arc<AtomicBool>,
}

impl Interrupt {
    pub fn listen() -> Result<Self> {
        let interrupt = Self { signal: Arc::new(Notify::new()), pending: Arc::new(AtomicBool::new(false)) };
        let failed = |error| Error::new(ErrorKind::Resources, "a thread cannot be started").source(error);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        // Registered before this returns: from here on Ctrl-C no longer kills the process.
        let mut signals = runtime.block_on(async { Signals::listen() }).map_err(failed)?;
        let heard = interrupt.clone();
        let listen = move || {
            runtime.block_on(async {
                while signals.next().await.is_some() {
                    if heard.pending.swap(true, SeqCst) {
                        std::process::exit(130);
                    }
                    heard.signal.notify_one();
                }
            });
        };
        thread::Builder::new().name("interrupt".into()).spawn(listen).map_err(failed)?;
        Ok(interrupt)
    }

    /// The next Ctrl-C.
    pub async fn heard(&self) {
        self.signal.notified().await;
    }

    /// The work has stopped: the next Ctrl-C is a first one again.
    pub fn dealt_with(&self) {
        // One that came in the last moment of the work must not stop the next.
        let _ = self.signal.notified().now_or_never();
        self.pending.store(false, SeqCst);
    }

    pub fn error() -> Error {
        Error::new(ErrorKind::Interrupted, "interrupted")
    }
}

/// Ctrl-C, and the request of a scheduler to end. Listening never pauses, so that none is missed.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// None when no more can come.
    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            signal = self.interrupt.recv() => signal,
            signal = self.terminate.recv() => signal,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<()> {
        tokio::signal::ctrl_c().await.ok()
    }
}
