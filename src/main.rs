//! Parse, run, exit code; all of it in `tieout::cli`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_memory();
    tieout::cli::main()
}

/// Memory that a batch leaves is the next one's: given back to the system in between, it would be cleared each time anew,
/// which took up to a sixth of a run over wide rows. The most that is held is the same.
fn keep_memory() {
    // `mi_option_purge_delay` of mimalloc.h, which the bindings leave out: the one before `mi_option_use_numa_nodes`.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_use_numa_nodes - 1;
    // SAFETY: it sets one number among the allocator's options, and may be called at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) }
}
