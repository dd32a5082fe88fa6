//! A real MariaDB on this machine: one shared [`MariaDb`] a test process, gone when the process is. Each test takes its own
//! database with [`MariaDb::database`]; a test that stops a server in the middle takes its own [`MariaDb::own`].
//!
//! It listens on 127.0.0.1, with TLS for those who ask for it, and on a socket in its folder. Text is UTF-8 (`utf8mb4`), sorted
//! as MariaDB does by default, without regard to case; the time zone is UTC. Changes of rows are logged as rows.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::daemon::{Daemon, free_port, program};
use super::tieout::Finished;

/// A user who may do all.
pub const USER: &str = "tieout_test";
pub const PASSWORD: &str = "tieout_test_secret";

const STARTS: usize = 3;

pub struct MariaDb {
    daemon: Daemon,
    port: u16,
    databases: AtomicU32,
    options: &'static [&'static str],
}

impl MariaDb {
    /// The server of this test process, started on first use.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// A further server, which can be stopped.
    pub fn own() -> Self {
        Self::own_with(&[])
    }

    /// The same, with options of its own: the last of two that contradict each other holds.
    pub fn own_with(options: &'static [&'static str]) -> Self {
        let mut words = String::new();
        for _ in 0..STARTS {
            let mut server = Self::prepare(options);
            if server.start() {
                return server;
            }
            words = server.daemon.last_words();
        }
        panic!("MariaDB did not start; its last words:\n{words}");
    }

    fn prepare(options: &'static [&'static str]) -> Self {
        let install = program("mariadb-install-db");
        let daemon = Daemon::new("mariadb", None);
        daemon.certify();
        let everyone = format!("'{USER}'@'%'");
        let script = format!(
            "CREATE USER IF NOT EXISTS {everyone} IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON *.* TO {everyone} WITH GRANT OPTION;\n"
        );
        std::fs::write(daemon.dir().join("init.sql"), script).unwrap();
        let mut command = daemon.command(install);
        command.args(["--no-defaults", &format!("--datadir={}", daemon.path("data")), "--innodb-log-file-size=16M"]);
        command.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
        // Two at once would meet in /tmp.
        command.arg(format!("--tmpdir={}", daemon.path("")));
        // Whoever runs it; root has to be told.
        command.arg(format!("--user={}", daemon.owner()));
        daemon.prepare(command);
        Self { daemon, port: free_port(), databases: AtomicU32::new(0), options }
    }

    fn start(&mut self) -> bool {
        let file = |name| self.daemon.path(name);
        let mut command = self.daemon.command(program("mariadbd"));
        command.args(["--no-defaults", &format!("--user={}", self.daemon.owner())]);
        command.args(["--datadir", &file("data"), "--init-file", &file("init.sql"), "--tmpdir", &file("")]);
        command.args(["--socket", &file("socket"), "--pid-file", &file("pid")]);
        command.args(["--ssl-cert", &file("server.crt"), "--ssl-key", &file("server.key")]);
        command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", &format!("--port={}", self.port)]);
        command.args(["--server-id=1", "--log-bin=binlog", "--binlog-format=ROW"]);
        command.args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]);
        command.args(["--default-time-zone=+00:00", "--local-infile=1", "--max-connections=200"]);
        command.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]);
        command.args(["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M"]).args(self.options);
        let server = self.named("");
        let answers = || server.client().args(["-e", "SELECT 1"]).output().is_ok_and(|output| output.status.success());
        self.daemon.serves(command, answers)
    }

    /// Ends the server: what is connected is cut, what was committed is kept.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    /// Starts the server that was stopped, with all its data, on the same port.
    pub fn restart(&mut self) {
        assert!(self.start(), "MariaDB did not start again; its last words:\n{}", self.daemon.last_words());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        self.daemon.dir().join("socket")
    }

    /// The certificate, which signs itself, for `localhost` and 127.0.0.1.
    pub fn certificate(&self) -> PathBuf {
        self.daemon.dir().join("server.crt")
    }

    /// A new, empty database, which is dropped when the value is.
    pub fn database(&self) -> Database {
        let name = format!("tieout_{}", self.databases.fetch_add(1, Relaxed));
        self.named("").sql(&format!("CREATE DATABASE {name}"));
        Database(self.named(&name))
    }

    fn named(&self, name: &str) -> Named {
        Named { port: self.port, name: name.into() }
    }
}

/// A database by its name (empty: none), and how to get there.
struct Named {
    port: u16,
    name: String,
}

impl Named {
    fn client(&self) -> Command {
        client(self.port, &self.name)
    }

    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        Finished::of(self.client(), Some(sql)).exits(0).stdout
    }
}

/// The client, with nothing of the developer's environment. It stops at the first error, and prints values as they are.
pub fn client(port: u16, database: &str) -> Command {
    let mut command = Command::new(program("mariadb"));
    command.args(["--no-defaults", "--host=127.0.0.1", &format!("--port={port}")]);
    command.args([format!("--user={USER}"), format!("--password={PASSWORD}"), format!("--database={database}")]);
    command.args(["--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4", "--local-infile=1"]);
    command.args(["--connect-timeout=30"]);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command
}

pub struct Database(Named);

impl Database {
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub fn url(&self) -> String {
        self.url_at(self.0.port)
    }

    /// The same database by way of another port, which is a proxy's.
    pub fn url_at(&self, port: u16) -> String {
        format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{port}/{}", self.0.name)
    }

    /// Runs a script. An error fails the test with the server's words.
    #[track_caller]
    pub fn sql(&self, sql: &str) {
        self.0.sql(sql);
    }

    /// What a query returns: a line a row, values with tabs between them, `NULL`; without the blanks around all.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.0.sql(sql).trim().to_string()
    }
}

impl Drop for Database {
    /// A client that still holds a lock there is ended first. A server that was stopped keeps the database.
    fn drop(&mut self) {
        let Named { port, name } = &self.0;
        let others =
            format!("SELECT id FROM information_schema.processlist WHERE db = '{name}' AND id <> connection_id()");
        let kill = format!("BEGIN NOT ATOMIC FOR client IN ({others}) DO KILL client.id; END FOR; END");
        let script = format!("DELIMITER //\n{kill}//\nDROP DATABASE {name}//\n");
        let mut client = client(*port, "");
        client.arg("--force");
        let _ = Finished::of(client, Some(&script));
    }
}
