//! A real S3 server on this machine: SeaweedFS, one [`Weed`] a test process, gone when the process is.
//!
//! It honours `If-Match` and `If-None-Match`. Each test takes its own bucket with [`Weed::bucket`]. Names of buckets that were
//! not made here are not found (SeaweedFS would make them on the first upload; that is switched off).

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};

use super::daemon::Daemon;

/// Credentials of the server's two users: one who may do all, one who may only read.
const ADMIN: (&str, &str) = ("tieout-admin", "tieout-admin-secret");
const READER: (&str, &str) = ("tieout-reader", "tieout-reader-secret");
const STARTS: usize = 3;

/// The server of this test process, started on first use.
pub fn weed() -> &'static Weed {
    static WEED: OnceLock<Weed> = OnceLock::new();
    WEED.get_or_init(Weed::start)
}

pub struct Weed {
    ports: Ports,
    runtime: tokio::runtime::Runtime,
    buckets: AtomicU32,
    /// The server, once it answers.
    daemon: Option<Daemon>,
}

struct Ports {
    s3: u16,
    filer: u16,
    others: [u16; 6],
}

impl Ports {
    /// Free ones. Another process may take one before the server does; then it is started again with others.
    fn free() -> Self {
        let listeners: [TcpListener; 8] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [s3, filer, others @ ..] = listeners.map(|listener| listener.local_addr().unwrap().port());
        Self { s3, filer, others }
    }
}

impl Weed {
    fn start() -> Self {
        let program = super::venv("weed");
        let mut words = String::new();
        for _ in 0..STARTS {
            let mut daemon = Daemon::new("weed", None);
            let mut weed = Self {
                ports: Ports::free(),
                runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
                buckets: AtomicU32::new(0),
                daemon: None,
            };
            let command = command(&program, &daemon, &weed.ports);
            if daemon.serves(command, || weed.make_bucket("tieout-ready") && weed.works("tieout-ready")) {
                weed.daemon = Some(daemon);
                return weed;
            }
            words = daemon.last_words();
        }
        panic!("SeaweedFS did not start; its last words:\n{words}");
    }

    /// Whether it can be written to and read from.
    fn works(&self, bucket: &str) -> bool {
        let (store, key) = (self.store(bucket), Key::from("ready"));
        let read: object_store::Result<_> = self.runtime.block_on(async {
            store.put(&key, "yes".into()).await?;
            store.get(&key).await?.bytes().await
        });
        read.is_ok_and(|bytes| bytes == "yes")
    }

    /// A new, empty bucket.
    pub fn bucket(&self) -> String {
        let name = format!("tieout-{}", self.buckets.fetch_add(1, Relaxed));
        assert!(self.make_bucket(&name), "SeaweedFS made no bucket {name}");
        name
    }

    /// A bucket is a folder of SeaweedFS' own file server: no signature needed, unlike over S3.
    fn make_bucket(&self, name: &str) -> bool {
        let request = format!("POST /buckets/{name}/ HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let mut answer = String::new();
        let asked = TcpStream::connect(("127.0.0.1", self.ports.filer)).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(request.as_bytes())?;
            stream.read_to_string(&mut answer)
        });
        // "409 Conflict": it is there already.
        asked.is_ok() && [" 201 ", " 409 "].iter().any(|status| answer.lines().next().unwrap_or("").contains(status))
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.s3)
    }

    /// What the cloud's own tools need to find the server, as one who may do all.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        self.env_of(ADMIN)
    }

    /// The same as one who may read and list, but not write.
    pub fn reader_env(&self) -> Vec<(&'static str, String)> {
        self.env_of(READER)
    }

    fn env_of(&self, (id, secret): (&str, &str)) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", id.to_string()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_string()),
            ("AWS_REGION", "us-east-1".to_string()),
            ("AWS_ENDPOINT_URL", self.endpoint()),
        ]
    }

    pub fn store(&self, bucket: &str) -> AmazonS3 {
        let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..Default::default() };
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(ADMIN.0)
            .with_secret_access_key(ADMIN.1)
            .with_retry(retry)
            .build()
            .unwrap()
    }

    pub fn put(&self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) {
        let put = self.runtime.block_on(self.store(bucket).put(&Key::from(key), bytes.into().into()));
        put.unwrap_or_else(|e| panic!("{bucket}/{key}: {e}"));
    }

    pub fn get(&self, bucket: &str, key: &str) -> Vec<u8> {
        let get = async { self.store(bucket).get(&Key::from(key)).await?.bytes().await };
        self.runtime.block_on(get).unwrap_or_else(|e| panic!("{bucket}/{key}: {e}")).to_vec()
    }

    pub fn delete(&self, bucket: &str, key: &str) {
        self.runtime.block_on(self.store(bucket).delete(&Key::from(key))).unwrap();
    }

    /// The keys under a prefix (a folder; empty: all), by name.
    pub fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let prefix = Key::from(prefix);
        let objects: Vec<_> = self.runtime.block_on(self.store(bucket).list(Some(&prefix)).try_collect()).unwrap();
        let mut keys: Vec<String> = objects.into_iter().map(|object| object.location.to_string()).collect();
        keys.sort();
        keys
    }

    /// Puts all files of a folder under a prefix.
    pub fn upload(&self, dir: &Path, bucket: &str, prefix: &str) {
        for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let key = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            match path.is_dir() {
                true => self.upload(&path, bucket, &key),
                false => self.put(bucket, &key, fs::read(&path).unwrap()),
            }
        }
    }

    /// Writes all objects under a prefix into a folder, by their whole keys.
    pub fn download(&self, bucket: &str, prefix: &str, dir: &Path) {
        for key in self.list(bucket, prefix) {
            let path = dir.join(&key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, self.get(bucket, &key)).unwrap();
        }
    }
}

fn command(program: &Path, daemon: &Daemon, ports: &Ports) -> Command {
    let identity = |name: &str, (id, secret): (&str, &str), actions: &[&str]| {
        serde_json::json!({
            "name": name, "credentials": [{"accessKey": id, "secretKey": secret}], "actions": actions,
        })
    };
    let admin = identity("admin", ADMIN, &["Admin", "Read", "Write", "List", "Tagging"]);
    let reader = identity("reader", READER, &["Read", "List"]);
    let config = serde_json::json!({ "identities": [admin, reader] });
    fs::write(daemon.dir().join("s3.json"), config.to_string()).unwrap();
    fs::create_dir(daemon.dir().join("data")).unwrap();

    let [master, master_grpc, volume, volume_grpc, filer_grpc, s3_grpc] = ports.others;
    let mut command = daemon.command(program);
    command
        .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-dir=data", "-volume.max=100"])
        .args(["-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.minFreeSpace=100MiB"])
        .args([format!("-master.port={master}"), format!("-master.port.grpc={master_grpc}")])
        .args([format!("-volume.port={volume}"), format!("-volume.port.grpc={volume_grpc}")])
        .args([format!("-filer.port={}", ports.filer), format!("-filer.port.grpc={filer_grpc}"), "-filer".into()])
        .args([format!("-s3.port={}", ports.s3), format!("-s3.port.grpc={s3_grpc}"), "-s3".into()])
        .args(["-s3.config=s3.json", "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
        // One volume a bucket instead of seven, so that a hundred volumes are a hundred buckets.
        .env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1");
    command
}

mod tests {
    use object_store::{PutMode, PutOptions};

    use super::*;

    #[test]
    fn a_bucket_keeps_what_is_put() {
        let weed = weed();
        let bucket = weed.bucket();
        weed.put(&bucket, "a/b.txt", "hello");
        assert_eq!(weed.get(&bucket, "a/b.txt"), b"hello");
        assert_eq!(weed.list(&bucket, "a"), ["a/b.txt"]);
        assert!(weed.list(&weed.bucket(), "").is_empty());
    }

    #[test]
    fn the_server_refuses_as_s3_does() {
        let weed = weed();
        let bucket = weed.bucket();
        weed.put(&bucket, "x", "1");
        let create = PutOptions { mode: PutMode::Create, ..Default::default() };
        let again = weed.runtime.block_on(weed.store(&bucket).put_opts(&Key::from("x"), "2".into(), create));
        assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
        let elsewhere = weed.runtime.block_on(weed.store("tieout-nowhere").put(&Key::from("x"), "1".into()));
        assert!(elsewhere.is_err());
    }
}
