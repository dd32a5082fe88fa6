//! Where words leave the program: data to stdout, everything else to stderr. A reader that has gone away is no error.

use std::io::{self, ErrorKind as Io, IsTerminal, Write};

use console::Term;

use crate::error::{Error, ErrorKind, Result};
use crate::report::{Layout, Palette};

/// Whether anybody still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    There,
    /// As in `tieout sql ... | head`.
    Gone,
}

/// Writes data to stdout.
pub fn out(text: &str) -> Result<Reader> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// The same for what is no text.
pub fn bytes(bytes: &[u8]) -> Result<Reader> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// What the outcome of a write to stdout means.
pub fn written(result: io::Result<()>) -> Result<Reader> {
    match result {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == Io::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Error::new(ErrorKind::Output, "standard output cannot be written").source(error)),
    }
}

/// Says something to the person at the terminal. When nobody listens there is nothing to be done about it.
pub fn note(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// How text on stdout is laid out: for a terminal, or for a file.
pub fn layout() -> Layout {
    let palette = Palette::new(console::colors_enabled());
    let width = io::stdout().is_terminal().then(|| Term::stdout().size_checked()).flatten();
    Layout { palette, width: width.map(|(_, columns)| usize::from(columns).max(40)) }
}
