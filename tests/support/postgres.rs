//! A real PostgreSQL on this machine: one shared [`Postgres`] a test process, gone when the process is. Each test takes its
//! own database with [`Postgres::database`]; a test that stops a server in the middle takes its own [`Postgres::own`].
//!
//! It listens on 127.0.0.1, with TLS for those who ask for it, and on a socket in its folder; everyone needs the password.
//! Text is UTF-8, sorted by code points (`C.UTF-8`); the time zone is UTC. Rows are not analyzed unless a test says so.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::daemon::{Daemon, free_port, program};
use super::tieout::Finished;

/// The only user, who may do all.
pub const USER: &str = "tieout_test";
pub const PASSWORD: &str = "tieout_test_secret";

const STARTS: usize = 3;

pub struct Postgres {
    daemon: Daemon,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// The server of this test process, started on first use.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// A further server, which can be stopped.
    pub fn own() -> Self {
        let mut words = String::new();
        for _ in 0..STARTS {
            let mut server = Self::prepare();
            if server.start() {
                return server;
            }
            words = server.daemon.last_words();
        }
        panic!("PostgreSQL did not start; its last words:\n{words}");
    }

    /// A replica of this server, which streams from it.
    pub fn standby(&self) -> Self {
        let daemon = Self::daemon();
        let mut command = daemon.command(program("pg_basebackup"));
        let primary = format!("host=127.0.0.1 port={} user={USER} password={PASSWORD}", self.port);
        command.args([
            "--pgdata=data",
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
        ]);
        command.args(["--dbname", &primary]);
        daemon.prepare(command);
        let mut standby = Self { daemon, port: free_port(), databases: AtomicU32::new(0) };
        standby.restart();
        standby
    }

    fn daemon() -> Daemon {
        // It refuses to be run by root.
        let daemon = Daemon::new("postgres", Some("postgres"));
        daemon.certify();
        daemon
    }

    fn prepare() -> Self {
        let initdb = program("initdb");
        let daemon = Self::daemon();
        std::fs::write(daemon.dir().join("password"), PASSWORD).unwrap();
        let mut command = daemon.command(initdb);
        command.args(["--pgdata=data", "--auth=scram-sha-256", "--pwfile=password", "--username", USER]);
        command.args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]);
        daemon.prepare(command);
        Self { daemon, port: free_port(), databases: AtomicU32::new(0) }
    }

    fn start(&mut self) -> bool {
        let mut command = self.daemon.command(program("postgres"));
        command.args(["-D", "data", "-p", &self.port.to_string()]);
        let folder = format!("unix_socket_directories={}", self.daemon.dir().display());
        let (cert, key) = (self.daemon.path("server.crt"), self.daemon.path("server.key"));
        let tls = ["ssl=on".into(), format!("ssl_cert_file={cert}"), format!("ssl_key_file={key}")];
        let settings = [
            "listen_addresses=127.0.0.1",
            "timezone=UTC",
            "log_timezone=UTC",
            "fsync=off",
            "full_page_writes=off",
            "shared_buffers=32MB",
            "dynamic_shared_memory_type=mmap",
            "max_connections=200",
            "wal_level=logical",
            "max_wal_senders=50",
            "max_replication_slots=50",
            // Statistics do not change under a test.
            "autovacuum=off",
        ];
        for setting in settings.into_iter().map(String::from).chain(tls).chain([folder]) {
            command.args(["-c", &setting]);
        }
        let server = self.named("postgres");
        let answers = || server.client().args(["-c", "SELECT 1"]).output().is_ok_and(|output| output.status.success());
        self.daemon.serves(command, answers)
    }

    /// Ends the server at once: what is connected is cut, what was committed is kept.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    /// Starts the server that was stopped, with all its data, on the same port.
    pub fn restart(&mut self) {
        assert!(self.start(), "PostgreSQL did not start again; its last words:\n{}", self.daemon.last_words());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the socket.
    pub fn folder(&self) -> PathBuf {
        self.daemon.dir().to_path_buf()
    }

    /// The certificate, which signs itself, for `localhost` and 127.0.0.1.
    pub fn certificate(&self) -> PathBuf {
        self.daemon.dir().join("server.crt")
    }

    /// A new, empty database, which is dropped when the value is.
    pub fn database(&self) -> Database {
        let name = format!("tieout_{}", self.databases.fetch_add(1, Relaxed));
        self.named("postgres").sql(&format!("CREATE DATABASE {name}"));
        Database(self.named(&name))
    }

    /// What a query returns in the database that every server has.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.named("postgres").sql(sql).trim().to_string()
    }

    fn named(&self, name: &str) -> Named {
        Named { port: self.port, name: name.into() }
    }
}

/// A database by its name, and how to get there.
struct Named {
    port: u16,
    name: String,
}

impl Named {
    fn url(&self, port: u16) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{}", self.name)
    }

    fn client(&self) -> Command {
        psql(&self.url(self.port))
    }

    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        Finished::of(self.client(), Some(sql)).exits(0).stdout
    }
}

/// The client, with nothing of the developer's environment. It stops at the first error, and prints values without a frame.
pub fn psql(url: &str) -> Command {
    let mut command = Command::new(program("psql"));
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", url]);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("PGCLIENTENCODING", "UTF8");
    // Certificates of the developer's would be found in HOME.
    command.env("HOME", "/nonexistent").env("PGCONNECT_TIMEOUT", "30");
    command
}

pub struct Database(Named);

impl Database {
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub fn url(&self) -> String {
        self.0.url(self.0.port)
    }

    /// The same database by way of another port, which is a proxy's.
    pub fn url_at(&self, port: u16) -> String {
        self.0.url(port)
    }

    /// Runs a script, which may hold `COPY ... FROM STDIN` with its rows. An error fails the test with the server's words.
    #[track_caller]
    pub fn sql(&self, sql: &str) {
        self.0.sql(sql);
    }

    /// What a query returns: a line a row, values with `|` between them, NULL empty; without the blanks around all.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.0.sql(sql).trim().to_string()
    }
}

impl Drop for Database {
    /// Also where a client is still connected, or replicates from it. A server that was stopped keeps it.
    fn drop(&mut self) {
        let Named { port, name } = &self.0;
        let others = format!("FROM pg_stat_activity WHERE datname = '{name}'");
        let slots = format!("FROM pg_replication_slots WHERE database = '{name}'");
        let mut client = Named { port: *port, name: "postgres".into() }.client();
        client.arg("--set=ON_ERROR_STOP=0");
        client.args(["-c", &format!("SELECT pg_terminate_backend(pid, 5000) {others}")]);
        client.args(["-c", &format!("SELECT pg_drop_replication_slot(slot_name) {slots}")]);
        client.args(["-c", &format!("DROP DATABASE {name} WITH (FORCE)")]);
        let _ = client.output();
    }
}
