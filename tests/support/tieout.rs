//! The built binary in a folder of its own: [`Tieout`], and what it said: [`Finished`].

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// No test waits longer than this for one command.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A temporary folder, which is the working directory, and a clean environment: nothing of the developer's own
/// credentials, colours or time zone gets in.
pub struct Tieout {
    dir: TempDir,
    env: Vec<(OsString, OsString)>,
}

impl Tieout {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("tieout-test-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".home")).unwrap();
        Self { dir, env: Vec::new() }
    }

    /// In a copy of `examples/<name>`, so that tests neither meet nor leave results.
    pub fn in_example(name: &str) -> Self {
        let this = Self::new();
        super::copy_dir(&super::root().join("examples").join(name), this.dir());
        this
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(self, env: impl IntoIterator<Item = (N, V)>) -> Self {
        env.into_iter().fold(self, |this, (name, value)| this.env(name, value))
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Whether anything of a run is left in `out`, but for what the ledger tells of it.
    pub fn has_results(&self) -> bool {
        ["runs", "divergences", "unfinished"].iter().any(|folder| self.path("out").join(folder).exists())
    }

    /// Writes a text file, with the folders above it. The indentation of the first line is taken off every line, so that
    /// files can stand indented in a test.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        super::data::text(&path, text);
        path
    }

    /// Writes a Parquet file from a literal table (see [`super::data`]).
    pub fn parquet(&self, name: &str, table: &str) -> PathBuf {
        let path = self.path(name);
        super::data::parquet(&path, table);
        path
    }

    /// A command with the clean environment that a test can still change, e.g. to spawn and kill it.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.program(env!("CARGO_BIN_EXE_tieout").as_ref(), args)
    }

    /// Any other program, in the same folder and environment; `TIEOUT` names the binary for scripts.
    pub fn program<A: AsRef<OsStr>>(&self, program: &Path, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir()).stdin(Stdio::null()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path(".home")).env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
        // Without credentials the cloud's own address for them would be asked, which no test machine has.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("TIEOUT", env!("CARGO_BIN_EXE_tieout"));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Finished {
        Finished::of(self.command(args), None)
    }

    pub fn run_with_input<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &str) -> Finished {
        Finished::of(self.command(args), Some(input))
    }
}

/// What a command left behind.
#[derive(Debug)]
pub struct Finished {
    /// None for one that was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn of(command: Command, input: Option<&str>) -> Self {
        let mut command = assert_cmd::Command::from_std(command);
        if let Some(input) = input {
            command.write_stdin(input);
        }
        let output = command.timeout(TIMEOUT).output().unwrap_or_else(|e| panic!("could not start {command:?}: {e}"));
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// What a command that was spawned leaves behind, once it ends.
    pub fn of_child(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Fails with all that was said if the exit code is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// The one document on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr))
    }

    /// The report of one rule in the JSON summary.
    #[track_caller]
    pub fn rule(&self, name: &str) -> serde_json::Value {
        let summary = self.json();
        let rules = summary["rules"].as_array().unwrap_or_else(|| panic!("no rules in {summary}"));
        rules.iter().find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no rule {name} in {summary}")).clone()
    }
}
