//! Chains, one by one: what is refused, what is ours, and how far the newest entry may be.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};

use super::*;

/// How a store fails those who create.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// What is there is replaced.
    Replaces,
    /// Says "already exists" after having stored, as after a lost answer.
    Lost,
    /// Says "already exists" where nothing is, as S3 does of two that come at once.
    Conflict,
    /// Stores, and says that it failed.
    Fails,
}

#[derive(Debug)]
struct Faulty {
    inner: InMemory,
    fault: Fault,
    /// The creations that the fault is still to befall; the first `after` are well.
    after: AtomicUsize,
    times: AtomicUsize,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?})", self.fault)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        let one_less = |n: &AtomicUsize| n.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok();
        if opts.mode != PutMode::Create || one_less(&self.after) || !one_less(&self.times) {
            return self.inner.put_opts(path, payload, opts).await;
        }
        let exists = || object_store::Error::AlreadyExists { path: path.to_string(), source: "lost".into() };
        match self.fault {
            Fault::None => self.inner.put_opts(path, payload, opts).await,
            Fault::Replaces => self.inner.put_opts(path, payload, PutOptions::default()).await,
            Fault::Lost => {
                self.inner.put_opts(path, payload, opts).await?;
                Err(exists())
            }
            Fault::Conflict => Err(exists()),
            Fault::Fails => {
                self.inner.put_opts(path, payload, opts).await?;
                Err(object_store::Error::Generic { store: "faulty", source: "timed out".into() })
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, opts).await
    }

    async fn get_opts(&self, path: &Path, opts: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(path, opts).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, opts: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, opts).await
    }
}

fn ledger(fault: Fault, after: usize, times: usize) -> Ledger {
    let (after, times) = (AtomicUsize::new(after), AtomicUsize::new(times));
    let store = Arc::new(Faulty { inner: InMemory::new(), fault, after, times });
    Ledger { located: Located { store, prefix: Path::from("out"), display: "mem://out".into(), local: None } }
}

fn started(run_id: &str) -> Event {
    Event::RunStarted { run_id: run_id.into(), rules: Vec::new() }
}

async fn append(ledger: &Ledger, head: &mut Head, run_id: &str) -> Appended {
    ledger.append(head, started(run_id), |_| Ok(())).await
}

async fn runs(ledger: &Ledger) -> Vec<String> {
    let entries = ledger.last(usize::MAX).await.unwrap();
    let entries = entries.iter().map(|(number, bytes)| {
        let entry = Entry::decode(bytes).unwrap();
        assert_eq!(entry.number, *number);
        entry.event.run_id().unwrap_or("-").to_string()
    });
    entries.collect()
}

async fn wrong(ledger: &Ledger) -> Vec<Finding> {
    verify(ledger, &Expected::default()).await.unwrap().wrong
}

#[tokio::test]
async fn entries_follow_on_each_other() {
    let ledger = ledger(Fault::None, 0, 0);
    let mut head = ledger.begin("unfinished/x").await.unwrap();
    assert_eq!(head.number, 1);
    assert_eq!(ledger.begin("unfinished/y").await.unwrap(), head);
    // One that knows an old head comes to the end all the same.
    let mut old = head.clone();
    for run in ["a", "b", "c"] {
        append(&ledger, &mut head, run).await.unwrap();
    }
    let mut passed = Vec::new();
    let pass = |entry: &Entry| {
        passed.push(entry.number);
        Ok(())
    };
    ledger.append(&mut old, started("d"), pass).await.unwrap();
    assert_eq!(passed, [2, 3, 4]);
    assert_eq!(old.number, 5);
    assert_eq!(runs(&ledger).await, ["-", "a", "b", "c", "d"]);
    assert_eq!(wrong(&ledger).await, []);
    let bytes = ledger.read(5).await.unwrap().unwrap();
    assert_eq!(old.hash, sha256(&bytes));
    let entry: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(entry["previous"], serde_json::json!(sha256(&ledger.read(4).await.unwrap().unwrap())));
    // Nothing is left of the probe.
    assert_eq!(ledger.objects("unfinished").await.unwrap(), []);
}

/// Of a lost answer, one of a conflict and an error after all was well: the entry is there once.
#[tokio::test]
async fn an_answer_that_is_lost() {
    for fault in [Fault::Lost, Fault::Conflict, Fault::Fails] {
        // Probe (twice), first entry, and one more are well.
        for times in [1, 3] {
            let ledger = ledger(fault, 4, times);
            let mut head = ledger.begin("unfinished/x").await.unwrap();
            append(&ledger, &mut head, "a").await.unwrap();
            append(&ledger, &mut head, "b").await.unwrap();
            append(&ledger, &mut head, "c").await.unwrap();
            assert_eq!(runs(&ledger).await, ["-", "a", "b", "c"], "{fault:?}");
            assert_eq!(wrong(&ledger).await, []);
        }
        // In the first entry, and in the probe.
        for after in 0..3 {
            let ledger = ledger(fault, after, 1);
            let begun = ledger.begin("unfinished/x").await;
            match (fault, begun) {
                (_, Ok(head)) => assert_eq!(head.number, 1),
                // It says that it failed, and is believed.
                (Fault::Fails, Err(error)) => assert!(error.message().contains("cannot be written to"), "{error}"),
                (fault, Err(error)) => panic!("{fault:?} after {after}: {error}"),
            }
        }
    }
}

/// An answer that never comes is told as a doubt.
#[tokio::test]
async fn a_conflict_that_does_not_end() {
    let ledger = ledger(Fault::Conflict, 3, usize::MAX);
    let mut head = ledger.begin("unfinished/x").await.unwrap();
    let failed = append(&ledger, &mut head, "a").await.unwrap_err();
    assert!(failed.in_doubt && failed.error.message().contains("cannot be written to"), "{failed:?}");
    assert_eq!(runs(&ledger).await, ["-"]);
}

#[tokio::test]
async fn a_store_that_replaces_is_refused() {
    let ledger = ledger(Fault::Replaces, 0, usize::MAX);
    let error = ledger.begin("unfinished/x").await.unwrap_err();
    assert_eq!(
        error.message(),
        "the output mem://out cannot hold a ledger: it replaces an object that was to be created only if there was none"
    );
    assert_eq!(ledger.newest(0).await.unwrap(), 0);
}

#[tokio::test]
async fn many_at_once() {
    let ledger = ledger(Fault::None, 0, 0);
    let many = (0..20).map(|task| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let mut head = ledger.begin("unfinished/x").await.unwrap();
            for n in 0..10 {
                append(&ledger, &mut head, &format!("{task}-{n}")).await.unwrap();
            }
        })
    });
    for task in many.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut told = runs(&ledger).await;
    assert_eq!(told.len(), 201);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 201);
    assert_eq!(wrong(&ledger).await, []);
}

/// A page of keys is asked for at a time; whatever the number, the newest is found.
#[tokio::test]
async fn the_newest_of_many() {
    for newest in [1, 2, 999, 1000, 1001, 1999, 2000, 2001, 4000, 7777, 12_345] {
        let ledger = ledger(Fault::None, 0, 0);
        for number in 1..=newest {
            ledger.store().put(&ledger.path(number), PutPayload::from_static(b"x")).await.unwrap();
        }
        assert_eq!(ledger.newest(0).await.unwrap(), newest);
        assert_eq!(ledger.newest(newest).await.unwrap(), newest);
    }
}

#[tokio::test]
async fn a_newer_version_is_named() {
    for (from, to, words) in [
        ("\"version\":1", "\"version\":2", "ledger/000000000002.json is of version 2, which tieout"),
        ("run_started", "run_blessed", "ledger/000000000002.json tells of `run_blessed`, which tieout"),
    ] {
        let ledger = ledger(Fault::None, 0, 0);
        let mut head = ledger.begin("unfinished/x").await.unwrap();
        let entry = String::from_utf8(Entry::after(&head, started("a")).encode().unwrap().to_vec()).unwrap();
        let body = entry.replace(from, to).replace(env!("CARGO_PKG_VERSION"), "9.9.9");
        let body = format!("{}}}", &body[..body.len() - 75]);
        let newer = format!("{},\"sum\":\"{}\"}}\n", &body[..body.len() - 1], sha256(body.as_bytes()));
        ledger.store().put(&ledger.path(2), PutPayload::from(newer)).await.unwrap();
        for error in [
            ledger.head().await.unwrap_err(),
            verify(&ledger, &Expected::default()).await.unwrap_err(),
            Error::from(append(&ledger, &mut head, "b").await.unwrap_err()),
        ] {
            assert!(error.message().starts_with(words), "{error}");
            assert!(error.hint_text().unwrap().contains("tieout 9.9.9"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_is_noted() {
    let ledger = ledger(Fault::None, 0, 0);
    let mut head = ledger.begin("unfinished/x").await.unwrap();
    let mut late = Entry::after(&head, started("a"));
    late.at += chrono::TimeDelta::days(400);
    let bytes = late.encode().unwrap();
    ledger.put_new(2, &bytes).await.unwrap();
    append(&ledger, &mut head, "b").await.unwrap();
    let verified = verify(&ledger, &Expected::default()).await.unwrap();
    assert_eq!(verified.wrong, []);
    assert!(verified.notes.iter().any(|note| note.contains("jumped back")), "{:?}", verified.notes);
}

#[test]
fn names() {
    assert_eq!(name(17), "000000000017.json");
    assert_eq!(number("000000000017.json"), Some(17));
    for foreign in ["17.json", "000000000000.json", "0000000000017.json", "00000000001x.json", "000000000017.json.bak"]
    {
        assert_eq!(number(foreign), None, "{foreign}");
    }
}
