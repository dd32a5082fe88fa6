//! Logs, for those who ask: to stderr, off by default.

use std::io;

use tracing_subscriber::EnvFilter;

/// `-v` tells what tieout does, `-vv` also what DataFusion does; RUST_LOG says it exactly. The clients of object stores
/// are left out: they log addresses that may hold a signature.
pub fn start(verbose: u8) {
    let default = match verbose {
        0 => "off",
        1 => "tieout=info",
        2 => "tieout=debug,datafusion=info",
        _ => "tieout=trace,datafusion=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // Fails only where a subscriber is already set, as in a test that calls this twice.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(console::colors_enabled_stderr())
        .with_target(false)
        .try_init();
}
