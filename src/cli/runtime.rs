//! The runtime that a command's asynchronous work runs on, and that Ctrl-C stops.

use std::future::Future;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::cli::interrupt::Interrupt;
use crate::cli::panics;
use crate::dataset::Databases;
use crate::error::{Error, ErrorKind, Result};

/// Deeply nested SQL is planned recursively; the default of 2 MiB a thread is little for it.
const STACK: usize = 8 << 20;

/// Tasks that are in the middle of a file get this long to let go of it.
const GRACE: Duration = Duration::from_secs(5);

/// Runs `work` to its end, or until Ctrl-C drops it; in either case nothing of it goes on in the databases.
pub fn block_on<T>(
    threads: Option<NonZeroUsize>,
    databases: &Databases,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    block_on_or(threads, databases, work, std::future::ready(()))
}

/// The same; `interrupted` is done after a Ctrl-C has dropped `work`.
pub fn block_on_or<T>(
    threads: Option<NonZeroUsize>,
    databases: &Databases,
    work: impl Future<Output = Result<T>>,
    interrupted: impl Future<Output = ()>,
) -> Result<T> {
    let interrupt = Interrupt::listen()?;
    let runtime = build(threads)?;
    let result = runtime.block_on(until_interrupted(&interrupt, work));
    if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
        runtime.block_on(interrupted);
    }
    runtime.block_on(databases.close());
    runtime.shutdown_timeout(GRACE);
    panics::check()?;
    result
}

pub fn build(threads: Option<NonZeroUsize>) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads.get());
    }
    let runtime = builder.thread_stack_size(STACK).enable_all().build();
    runtime.map_err(|error| Error::new(ErrorKind::Resources, "the threads cannot be started").source(error))
}

/// `work`, or the error that says it was interrupted.
pub async fn until_interrupted<T>(interrupt: &Interrupt, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        result = work => result,
        () = interrupt.heard() => Err(Interrupt::error()),
    }
}
