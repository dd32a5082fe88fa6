//! A read-only object store that knows exactly the objects of one dataset, each in the version that was listed: a
//! read of another version fails with `Changed`. It counts what it delivers, and reads large objects in pieces.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::listing::{self, Listing, Object, Origin, Stat};
use super::redact;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// Pieces that a whole object is read in, and how many of them are on their way at once (from a remote store).
const PIECE: u64 = 4 << 20;
/// Of a file of this machine: what was read should still be in the processor's cache when it is looked at.
const LOCAL_PIECE: u64 = 1 << 20;
/// The first piece is smaller: often only the header is wanted.
const FIRST_PIECE: u64 = 256 << 10;
const PIECES_AHEAD: usize = 3;
/// The largest object of which a part is worth reading the whole.
const WITHOUT_RANGES: u64 = 64 << 20;

pub(super) struct PinnedStore {
    url: ObjectStoreUrl,
    objects: Vec<Object>,
    by_path: HashMap<Path, usize>,
    store: Option<Arc<dyn ObjectStore>>,
    progress: Arc<Progress>,
    counting: AtomicBool,
}

/// A store of the cloud would show its keys.
impl fmt::Debug for PinnedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedStore({}, {} objects)", self.url.as_str(), self.objects.len())
    }
}

impl PinnedStore {
    pub(super) fn new(listing: Listing, progress: Arc<Progress>) -> Result<Self> {
        let Listing { objects, store } = listing;
        let by_path = objects.iter().enumerate().map(|(at, object)| (object.path(), at)).collect();
        Ok(Self { url: next_url()?, objects, by_path, store, progress, counting: AtomicBool::new(false) })
    }

    /// Unique in the process, so that the pins of two datasets never mix.
    pub(super) fn url(&self) -> &ObjectStoreUrl {
        &self.url
    }

    pub(super) fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The store behind remote objects.
    pub(super) fn remote(&self) -> Option<&Arc<dyn ObjectStore>> {
        self.store.as_ref()
    }

    /// From now on, what is read counts as progress; headers and footers before do not.
    pub(super) fn start_counting(&self) {
        self.progress.expect_bytes(self.objects.iter().map(|object| object.meta.size).sum());
        self.counting.store(true, Relaxed);
    }

    fn count(&self, bytes: u64) {
        if self.counting.load(Relaxed) {
            self.progress.add_bytes(bytes);
        }
    }

    /// How an object is shown to people.
    pub(super) fn display(&self, path: &Path) -> String {
        self.by_path.get(path).map_or_else(|| path.to_string(), |at| self.objects[*at].display.clone())
    }

    /// Whether reading any of the objects waits for a network.
    pub(super) fn is_remote(&self) -> bool {
        self.objects.iter().any(|object| matches!(object.origin, Origin::Remote(_)))
    }

    pub(super) async fn verify_unchanged(&self) -> Result<()> {
        let checks: Vec<_> = self
            .objects
            .iter()
            .map(|object| async move {
                match listing::stat(&object.origin, self.store.as_ref(), &object.display).await {
                    Ok(now) if object.meta.is_same(&now) => Ok(()),
                    Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                    _ => Err(changed(&object.display)),
                }
            })
            .collect();
        stream::iter(checks).buffer_unordered(32).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    fn find(&self, path: &Path) -> object_store::Result<&Object> {
        let at = self.by_path.get(path).ok_or_else(|| StoreError::NotFound {
            path: path.to_string(),
            source: "it is not one of the dataset's inputs".into(),
        })?;
        Ok(&self.objects[*at])
    }

    /// A part of an object, in one piece.
    async fn part(&self, object: &Object, range: Range<u64>) -> object_store::Result<Bytes> {
        let bytes = match (&object.origin, &self.store) {
            (Origin::Local(path), _) => read_local(path.clone(), object.clone(), vec![range]).await?.remove(0),
            (Origin::Remote(path), Some(store)) => {
                // Not every HTTP server knows ranges.
                let all = range == (0..object.meta.size);
                let range = (!all).then_some(GetRange::Bounded(range));
                let options = GetOptions { range, ..pinned(object) };
                let answer = store.get_opts(path, options).await?;
                check(object, &answer.meta.clone().into())?;
                answer.bytes().await?
            }
            (Origin::Remote(path), None) => return Err(no_store(path)),
        };
        self.count(bytes.len() as u64);
        Ok(bytes)
    }

    /// The same from a server that knows no ranges: then the whole object comes, which is right for small ones only.
    async fn part_of_any(&self, object: &Object, range: Range<u64>) -> object_store::Result<Bytes> {
        match self.part(object, range.clone()).await {
            Err(StoreError::NotSupported { .. }) if object.meta.size <= WITHOUT_RANGES => {
                let whole = self.part(object, 0..object.meta.size).await?;
                let end = (range.end as usize).min(whole.len());
                Ok(whole.slice((range.start as usize).min(end)..end))
            }
            part => part,
        }
    }

    /// The whole object, piece after piece.
    pub(super) fn whole(self: &Arc<Self>, path: &Path) -> BoxStream<'static, object_store::Result<Bytes>> {
        let object = match self.find(path) {
            Ok(object) => object.clone(),
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let size = object.meta.size;
        let this = Arc::clone(self);
        stream::once(async move {
            let first = this.part(&object, 0..size.min(FIRST_PIECE)).await;
            match first {
                Err(StoreError::NotSupported { .. }) => this.at_once(object).await,
                first => Ok(stream::once(async { first }).chain(this.pieces(object, FIRST_PIECE)).boxed()),
            }
        })
        .try_flatten()
        .boxed()
    }

    fn pieces(self: Arc<Self>, object: Object, from: u64) -> BoxStream<'static, object_store::Result<Bytes>> {
        let size = object.meta.size;
        let (ahead, piece) = match object.origin {
            Origin::Local(_) => (1, LOCAL_PIECE),
            Origin::Remote(_) => (PIECES_AHEAD, PIECE),
        };
        let pieces = (from..size).step_by(piece as usize).map(move |start| {
            let (this, object) = (Arc::clone(&self), object.clone());
            async move { this.part(&object, start..size.min(start + piece)).await }
        });
        stream::iter(pieces).buffered(ahead).boxed()
    }

    /// In one request: for HTTP servers that do not know ranges.
    async fn at_once(
        self: Arc<Self>,
        object: Object,
    ) -> object_store::Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let (Origin::Remote(path), Some(store)) = (&object.origin, &self.store) else {
            return Err(no_store(&object.path()));
        };
        let answer = store.get_opts(path, pinned(&object)).await?;
        check(&object, &answer.meta.clone().into())?;
        Ok(answer.into_stream().inspect_ok(move |bytes| self.count(bytes.len() as u64)).boxed())
    }
}

fn next_url() -> Result<ObjectStoreUrl> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let n = NEXT.fetch_add(1, Relaxed);
    Ok(ObjectStoreUrl::parse(format!("tieout://dataset-{n}/"))?)
}

/// Weak ETags never match by the rules of HTTP: then the time is the condition. The answer is checked anyway.
fn pinned(object: &Object) -> GetOptions {
    let Stat { last_modified, e_tag, .. } = &object.meta;
    match e_tag {
        Some(tag) if !tag.starts_with("W/") => {
            // Some listings leave out the quotes.
            let quoted = if tag.starts_with('"') { tag.clone() } else { format!("\"{tag}\"") };
            GetOptions { if_match: Some(quoted), ..GetOptions::default() }
        }
        _ if last_modified.timestamp() > 0 => {
            GetOptions { if_unmodified_since: Some(*last_modified), ..GetOptions::default() }
        }
        _ => GetOptions::default(),
    }
}

fn check(object: &Object, now: &Stat) -> object_store::Result<()> {
    if object.meta.is_same(now) {
        return Ok(());
    }
    Err(StoreError::Precondition { path: object.display.clone(), source: "another version was answered".into() })
}

fn no_store(path: &Path) -> StoreError {
    StoreError::Generic { store: "tieout", source: format!("{path} has no store").into() }
}

/// Reads parts of a file that is still the one that was listed.
async fn read_local(path: PathBuf, object: Object, ranges: Vec<Range<u64>>) -> object_store::Result<Vec<Bytes>> {
    let read = move || {
        let failed = |error: std::io::Error| local_error(error, &object.display);
        let mut file = File::open(&path).map_err(failed)?;
        let now = listing::local_stat(&file.metadata().map_err(failed)?);
        let gone =
            || StoreError::Precondition { path: object.display.clone(), source: "it is no file any more".into() };
        check(&object, &now.ok_or_else(gone)?)?;
        let mut parts = Vec::with_capacity(ranges.len());
        for range in ranges {
            let size = range.end.saturating_sub(range.start);
            // One byte more than is read: else it would grow to see that nothing follows.
            let mut part = Vec::with_capacity(size as usize + 1);
            file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
            let read = (&file).take(size).read_to_end(&mut part).map_err(failed)?;
            if read as u64 != size {
                return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
            }
            parts.push(Bytes::from(part));
        }
        Ok(parts)
    };
    tokio::task::spawn_blocking(read).await?
}

fn local_error(error: std::io::Error, display: &str) -> StoreError {
    let path = display.to_string();
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof => {
            StoreError::Precondition { path, source: Box::new(error) }
        }
        std::io::ErrorKind::PermissionDenied => StoreError::PermissionDenied { path, source: Box::new(error) },
        _ => StoreError::Generic { store: "file", source: Box::new(error) },
    }
}

pub(super) fn changed(display: &str) -> Error {
    Error::new(ErrorKind::Changed, format!("{display} changed while it was read"))
        .hint("run again once the input is no longer written to")
}

/// An object store's error, in words, without secrets.
pub(super) fn explain(error: &StoreError, display: &str) -> Error {
    let why = redact::message(&error.to_string());
    let has = |marks: &[&str]| marks.iter().any(|mark| why.contains(mark));
    match error {
        StoreError::Precondition { .. } => changed(display),
        _ if has(&["NoSuchBucket", "ContainerNotFound", "Bucket not found"]) => {
            Error::new(ErrorKind::NotFound, format!("there is no bucket behind {display}"))
                .hint("check the bucket's name, and the endpoint or account in the environment")
        }
        StoreError::NotFound { .. } => Error::new(ErrorKind::NotFound, format!("there is no object at {display}"))
            .hint("check the name; large and small letters differ"),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            refused(display).source(brief(&why))
        }
        _ if has(&[
            "AccessDenied",
            "403 Forbidden",
            "401 Unauthorized",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
        ]) =>
        {
            refused(display).source(brief(&why))
        }
        StoreError::NotSupported { .. } => {
            Error::new(ErrorKind::Data, format!("{display} cannot be read in parts, for its server answers no ranges"))
                .hint("download the file, and compare the copy")
        }
        _ => Error::new(ErrorKind::Data, format!("{display} cannot be read"))
            .hint("check that the host can be reached from here")
            .source(brief(&why))
            .retryable(),
    }
}

/// Without the XML of the answer, which holds what was signed.
fn brief(why: &str) -> String {
    let end = ["<?xml", "<Error"].iter().filter_map(|mark| why.find(mark)).min().unwrap_or(why.len());
    why[..end].trim_end_matches([' ', ':', '\n']).to_string()
}

fn refused(display: &str) -> Error {
    Error::new(ErrorKind::Permission, format!("access to {display} is refused"))
        .hint("check the credentials in the environment and the rights on this path")
}

impl fmt::Display for PinnedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pinned objects", self.objects.len())
    }
}

fn read_only<T>() -> object_store::Result<T> {
    Err(StoreError::NotSupported { source: "inputs are only read".into() })
}

#[async_trait]
impl ObjectStore for PinnedStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let object = self.find(location)?;
        let size = object.meta.size;
        let range = match &options.range {
            None => 0..size,
            Some(range) => range
                .as_range(size)
                .map_err(|error| StoreError::Generic { store: "tieout", source: Box::new(error) })?,
        };
        let bytes = if options.head { Bytes::new() } else { self.part_of_any(object, range.clone()).await? };
        let meta = meta(location, object);
        let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    /// Files are opened once for all ranges; remote ranges that lie near each other become one request.
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        let object = self.find(location)?;
        if let Origin::Local(path) = &object.origin {
            let parts = read_local(path.clone(), object.clone(), ranges.to_vec()).await?;
            self.count(parts.iter().map(|part| part.len() as u64).sum());
            return Ok(parts);
        }
        let near = object_store::OBJECT_STORE_COALESCE_DEFAULT;
        object_store::coalesce_ranges(ranges, |range| self.part_of_any(object, range), near).await
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let metas: Vec<_> = self.objects.iter().map(|object| Ok(meta(&object.path(), object))).collect();
        stream::iter(metas).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> object_store::Result<ListResult> {
        read_only()
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        read_only()
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        stream::once(async { read_only() }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> object_store::Result<()> {
        read_only()
    }
}

pub(super) fn meta(path: &Path, object: &Object) -> ObjectMeta {
    let Stat { size, last_modified, e_tag, version } = object.meta.clone();
    ObjectMeta { location: path.clone(), last_modified, size, e_tag, version }
}
