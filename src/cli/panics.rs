//! A panic is a bug, told in one line, and never a verdict: it ends the program with an error, whichever thread it was in.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::cli::print;
use crate::error::{Error, ErrorKind, Result};
use crate::report::value::escape;

static SEEN: AtomicBool = AtomicBool::new(false);

/// Replaces the message and backtrace that Rust prints; with RUST_BACKTRACE set they are kept.
pub fn install() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        SEEN.store(true, SeqCst);
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            return default(panic);
        }
        let payload = panic.payload();
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map(|place| format!(" at {}:{}", file_name(place.file()), place.line()));
        print::note(&format!("panic{}: {}\n", place.unwrap_or_default(), escape(text.unwrap_or("no message"))));
    }));
}

/// Without the folders of the machine that built the program.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// An error if any thread has panicked, even if nobody waited for it.
pub fn check() -> Result<()> {
    if SEEN.load(SeqCst) { Err(error()) } else { Ok(()) }
}

pub fn error() -> Error {
    Error::new(ErrorKind::Internal, "tieout has a bug, and gives no verdict")
        .hint("run again with RUST_BACKTRACE=1 and report what it says")
}
