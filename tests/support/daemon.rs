//! A server that belongs to this test process: [`Daemon`]. It has a folder of its own, and ends with the process however that
//! ends.
//!
//! Its folder lies in /tmp: there the path of a socket is short enough, and users other than root get there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long a server may take to end in order.
const GRACE: Duration = Duration::from_secs(10);

/// Waits for the end of its input, which is the end of the process that wrote it, even if that was killed. Each line is a
/// signal and the group of processes that then has to be ended with it, or empty.
const WATCHDOG: &str = r#"
    while read -r signal group; do last=$signal end=$group; done
    if [ -n "$end" ]; then
        kill "-$last" "-$end"
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do kill -0 "-$end" || break; sleep 0.1; done
        kill -KILL "-$end"
    fi
    rm -rf "$1"
"#;

pub struct Daemon {
    dir: PathBuf,
    /// Who runs the programs, if not oneself.
    user: Option<&'static str>,
    server: Option<Child>,
    watchdog: ChildStdin,
}

impl Daemon {
    /// A folder for a server that is yet to be spawned. Root hands it to `user`, and runs all programs as that one.
    pub fn new(name: &str, user: Option<&'static str>) -> Self {
        let dir = tempfile::Builder::new().prefix(&format!("tieout-{name}-")).tempdir_in("/tmp").unwrap().keep();
        let is_root = fs::metadata(&dir).unwrap().uid() == 0;
        let daemon = Self { watchdog: watch(&dir), user: user.filter(|_| is_root), server: None, dir };
        if let Some(user) = daemon.user {
            let chown = Command::new("chown").arg(format!("{user}:")).arg(&daemon.dir).output().expect("chown");
            assert!(chown.status.success(), "{}: run scripts/setup-tests", String::from_utf8_lossy(&chown.stderr));
        }
        daemon
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().expect("a path of /tmp").to_string()
    }

    /// The user who runs the programs, by name or number.
    pub fn owner(&self) -> String {
        self.user.map_or_else(|| fs::metadata(&self.dir).unwrap().uid().to_string(), String::from)
    }

    /// A program in the folder, with nothing of the developer's environment, and nothing to read.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        let mut command = match self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups", "--"]);
                command.arg(program);
                command
            }
        };
        command.env_clear().env("PATH", path()).env("HOME", &self.dir).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        command.current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    /// Runs a program that prepares the server. One that fails, fails the test with all that it said.
    pub fn prepare(&self, mut command: Command) {
        // By another signal PostgreSQL's would leave shared memory behind.
        let program = self.spawn(&mut command, "INT", Stdio::piped(), Stdio::piped());
        let output = program.wait_with_output().unwrap();
        let _ = writeln!(&self.watchdog);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{command:?}\n{}{}", said(&output.stdout), said(&output.stderr));
    }

    /// Starts the server, and waits until it answers; false if it ended or time ran out. What it says goes to the log.
    pub fn serves(&mut self, mut command: Command, answers: impl Fn() -> bool) -> bool {
        self.stop();
        let log = File::options().create(true).append(true).open(self.dir.join("log")).unwrap();
        let errors = log.try_clone().unwrap();
        self.server = Some(self.spawn(&mut command, "QUIT", log.into(), errors.into()));
        let start = Instant::now();
        while start.elapsed() < PATIENCE && self.runs() {
            if answers() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// In a group of its own: an interrupt at the terminal does not reach it, and the watchdog ends all that it started.
    fn spawn(&self, command: &mut Command, signal: &str, out: Stdio, errors: Stdio) -> Child {
        let child = command.process_group(0).stdout(out).stderr(errors).spawn();
        let child = child.unwrap_or_else(|e| panic!("could not start {command:?}: {e}"));
        writeln!(&self.watchdog, "{signal} {}", child.id()).expect("the watchdog listens");
        child
    }

    fn runs(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// Ends the server, whoever is connected. Its folder stays, so that it can be started again.
    pub fn stop(&mut self) {
        let start = Instant::now();
        if let (true, Some(server)) = (self.runs(), &self.server) {
            let _ = Command::new("sh").args(["-c", &format!("kill -QUIT {}", server.id())]).status();
        }
        while self.runs() && start.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(10));
        }
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
            let _ = writeln!(&self.watchdog);
        }
    }

    /// The last words of the server.
    pub fn last_words(&self) -> String {
        let log = fs::read(self.dir.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Makes a certificate for localhost that signs itself (`server.crt`), and its key (`server.key`).
    pub fn certify(&self) {
        // Not an authority: as the end of a chain some clients would refuse that.
        let request = "[req]\ndistinguished_name = name\nx509_extensions = extensions\nprompt = no\n\
            [name]\nCN = localhost\n\
            [extensions]\nsubjectAltName = DNS:localhost, IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n";
        fs::write(self.dir.join("request"), request).unwrap();
        let mut openssl = self.command("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-days", "30", "-config", "request", "-keyout", "server.key", "-out", "server.crt"]);
        self.prepare(openssl);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A program of a server. One that is missing fails the test.
pub fn program(name: &str) -> PathBuf {
    let found = std::env::split_paths(&path()).map(|dir| dir.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: run scripts/setup-tests first"))
}

/// Where programs are: in the newest PostgreSQL that Debian has, in PATH, and where programs for root are.
fn path() -> OsString {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.max_by_key(|version| version.file_name().to_str().and_then(|v| v.parse::<u32>().ok()));
    let mut folders: Vec<PathBuf> = newest.map(|version| version.path().join("bin")).into_iter().collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.push("/usr/sbin".into());
    std::env::join_paths(folders).expect("no folder of PATH has a colon in its name")
}

/// A port that is free now. Another process may take it before the server does; then one starts again, with another.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[expect(clippy::zombie_processes, reason = "it outlives this process, which is what it is for")]
fn watch(dir: &Path) -> ChildStdin {
    let mut watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(dir)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    watchdog.stdin.take().expect("it was piped")
}
