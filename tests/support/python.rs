//! Python's readers and peers (DuckDB, Polars, pandas, pyarrow): [`run`] a script in the tests' environment.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the text of a script (indented as the test likes) with arguments (`sys.argv[1:]`); gives what it printed, less the
/// last line's end. A script that fails, fails the test with its traceback.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = A>) -> String {
    let mut command = python();
    command.arg("-c").arg(super::data::dedent(script)).args(args);
    output(command)
}

/// Runs a script of the repository.
#[track_caller]
pub fn run_file<A: AsRef<OsStr>>(script: &Path, args: impl IntoIterator<Item = A>) -> String {
    let mut command = python();
    command.arg(script).args(args);
    output(command)
}

/// The interpreter, with time zone and locale that do not depend on the machine.
pub fn python() -> Command {
    let mut command = Command::new(super::venv("python"));
    command.stdin(Stdio::null()).env("TZ", "UTC").env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[track_caller]
fn output(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("could not start Python: {e}"));
    let stdout = String::from_utf8(output.stdout).expect("Python prints UTF-8");
    assert!(output.status.success(), "{}\n--- stdout\n{stdout}", String::from_utf8_lossy(&output.stderr));
    stdout.strip_suffix('\n').map(str::to_string).unwrap_or(stdout)
}
