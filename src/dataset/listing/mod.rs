//! What lies behind a location: one object, all objects of a folder or prefix, or those that match a pattern. Each
//! comes with the size, time and ETag that it is pinned to.
//!
//! Below a folder, every object is read whose name, and whose folders' names, do not start with `_` or `.`. One whose
//! ending says that it is of another kind is an error rather than passed over: silence would lose data.

mod local;
mod remote;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::path::Path;

use super::store::{self, Located, Place};
use super::{Input, glob, redact};
use crate::error::{Error, ErrorKind, Result};

/// What the objects should hold: decides which endings are foreign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Parquet,
    Csv,
    Ndjson,
    Arrow,
}

/// The objects of a dataset, in the order of their paths; never empty.
pub(super) struct Listing {
    pub objects: Vec<Object>,
    /// None for local files, which are read directly.
    pub store: Option<Arc<dyn ObjectStore>>,
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub origin: Origin,
    /// The full path or URL, without secrets.
    pub display: String,
    /// Below the folder (or the literal part of the pattern), with `/`.
    pub relative: String,
    pub meta: Stat,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Local(PathBuf),
    Remote(Path),
}

/// What tells one version of an object from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    pub size: u64,
    pub last_modified: DateTime<Utc>,
    pub e_tag: Option<String>,
    pub version: Option<String>,
}

impl From<object_store::ObjectMeta> for Stat {
    fn from(meta: object_store::ObjectMeta) -> Self {
        Self { size: meta.size, last_modified: meta.last_modified, e_tag: meta.e_tag, version: meta.version }
    }
}

impl Stat {
    /// Whether `now` is the same version. An answer may leave out the ETag; it must not name another one.
    pub(super) fn is_same(&self, now: &Stat) -> bool {
        let tags = self.e_tag.as_deref().zip(now.e_tag.as_deref());
        match tags {
            // Times of listings and of single answers differ in their digits on some servers; the ETag decides.
            Some((pinned, now_tag)) => weak(pinned) == weak(now_tag) && self.size == now.size,
            None => self.size == now.size && self.last_modified.timestamp() == now.last_modified.timestamp(),
        }
    }
}

/// `W/"x"` and `"x"` name the same content for this purpose.
fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

impl Object {
    pub(super) fn input(&self) -> Input {
        let Stat { size, last_modified, e_tag, version } = self.meta.clone();
        Input { url: self.display.clone(), size, last_modified, e_tag, version }
    }

    /// The path under which plans know the object: unique within a dataset.
    pub(super) fn path(&self) -> Path {
        match &self.origin {
            // Escapes what the store's paths may not have; different names stay different.
            Origin::Local(_) => Path::from(self.display.as_str()),
            Origin::Remote(path) => path.clone(),
        }
    }

    #[cfg(test)]
    pub(super) fn for_tests(relative: &str) -> Self {
        let meta = Stat { size: 0, last_modified: DateTime::UNIX_EPOCH, e_tag: None, version: None };
        Self { origin: Origin::Local(relative.into()), display: relative.into(), relative: relative.into(), meta }
    }
}

/// Lists a location. Zero objects are an error of kind `NotFound` that says what was listed.
pub(super) async fn list(location: &str, kind: Kind) -> Result<Listing> {
    let display = redact::location(location);
    let mut listing = match store::parse(location)? {
        Place::Local(path) => {
            let name = path.to_str().ok_or_else(|| local::not_unicode(&path))?;
            // A slash at the end says "a folder".
            let folder = name.len() > 1 && name.ends_with('/');
            let name = if folder { name.trim_end_matches('/').to_string() } else { name.to_string() };
            let listed = tokio::task::spawn_blocking(move || local::list(&name, folder, kind)).await;
            let objects = listed.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))??;
            Listing { objects, store: None }
        }
        place => remote::list(&place, &display, kind).await?,
    };
    listing.objects.sort_by(|a, b| a.relative.cmp(&b.relative));
    if let Some(pair) = listing.objects.windows(2).find(|pair| pair[0].path() == pair[1].path()) {
        return Err(Error::new(ErrorKind::Data, format!("{} is listed twice", pair[0].display)));
    }
    Ok(listing)
}

/// Files of these names below a place, each as it is now.
pub(super) async fn named(below: &Located, names: &[&str]) -> Result<Listing> {
    let store = below.local.is_none().then(|| Arc::clone(&below.store));
    let mut objects = Vec::with_capacity(names.len());
    for name in names {
        let display = format!("{}/{name}", below.display);
        let origin = match &below.local {
            Some(local) => Origin::Local(local.join(name)),
            None => Origin::Remote(store::parse_key(&format!("{}/{name}", below.prefix), &display)?),
        };
        let meta = stat(&origin, store.as_ref(), &display).await?;
        objects.push(Object { origin, display, relative: name.to_string(), meta });
    }
    Ok(Listing { objects, store })
}

/// Looks at one object as it is now.
pub(super) async fn stat(origin: &Origin, store: Option<&Arc<dyn ObjectStore>>, display: &str) -> Result<Stat> {
    match (origin, store) {
        (Origin::Local(path), _) => local::stat(path, display),
        (Origin::Remote(path), Some(store)) => remote::stat(store.as_ref(), path, display).await,
        (Origin::Remote(_), None) => Err(Error::new(ErrorKind::Internal, format!("{display} has no store"))),
    }
}

/// A local file as it is now; None for what is not a regular file.
pub(super) use local::inode as local_inode;

pub(super) fn local_stat(found: &std::fs::Metadata) -> Option<Stat> {
    local::of(found)
}

fn parse_pattern(text: &str) -> Result<glob::Pattern> {
    glob::Pattern::new(text)
        .map_err(|why| Error::new(ErrorKind::Config, format!("the pattern {text} cannot be read: {why}")))
}

fn is_hidden(relative: &str) -> bool {
    relative.split('/').any(|segment| segment.starts_with(['_', '.']))
}

/// Refuses objects in a folder whose ending says that they are of another kind.
fn refuse_foreign(objects: &[Object], kind: Kind) -> Result<()> {
    let Some(foreign) = objects.iter().find(|object| is_foreign(&object.relative, kind)) else { return Ok(()) };
    let glob = kind.pattern();
    Err(Error::new(ErrorKind::Data, format!("{} does not look like {}", foreign.display, kind.name()))
        .hint(format!("name the files with a pattern such as {glob}; names starting with `_` or `.` are passed over")))
}

fn is_foreign(relative: &str, kind: Kind) -> bool {
    const OTHERS: [&str; 22] = [
        "avro", "orc", "xlsx", "xls", "ods", "zip", "tar", "pdf", "md", "html", "xml", "yaml", "yml", "toml", "sql",
        "py", "ipynb", "log", "crc", "db", "duckdb", "sqlite",
    ];
    let name = relative.rsplit('/').next().unwrap_or(relative).to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    let of_another = [Kind::Parquet, Kind::Csv, Kind::Ndjson, Kind::Arrow]
        .into_iter()
        .any(|other| other != kind && other.endings().contains(&ending));
    !kind.endings().contains(&ending) && (of_another || OTHERS.contains(&ending))
}

impl Kind {
    fn endings(self) -> &'static [&'static str] {
        match self {
            Kind::Parquet => &["parquet", "parq", "pq"],
            Kind::Csv => &["csv", "tsv", "tab", "psv"],
            Kind::Ndjson => &["ndjson", "jsonl", "json"],
            Kind::Arrow => &["arrow", "arrows", "ipc", "feather"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Parquet => "Parquet",
            Kind::Csv => "CSV",
            Kind::Ndjson => "newline-delimited JSON",
            Kind::Arrow => "Arrow IPC",
        }
    }

    fn pattern(self) -> String {
        format!("`**/*.{}`", self.endings()[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_endings_are_known() {
        assert!(is_foreign("a/b.parquet", Kind::Csv));
        assert!(is_foreign("README.md", Kind::Csv));
        assert!(is_foreign("a.json.gz", Kind::Csv));
        assert!(!is_foreign("a.csv.gz", Kind::Csv));
        assert!(!is_foreign("a.txt", Kind::Csv));
        assert!(!is_foreign("part-0000", Kind::Parquet));
    }

    #[test]
    fn hidden_at_every_level() {
        assert!(is_hidden("_delta_log/0.json"));
        assert!(is_hidden("a/.b/c"));
        assert!(!is_hidden("a/b_c.csv"));
    }

    #[test]
    fn an_etag_decides() {
        let stat = |tag: Option<&str>, seconds| Stat {
            size: 1,
            last_modified: DateTime::from_timestamp(seconds, 0).unwrap(),
            e_tag: tag.map(str::to_string),
            version: None,
        };
        assert!(stat(Some("\"a\""), 1).is_same(&stat(Some("\"a\""), 2)));
        assert!(!stat(Some("\"a\""), 1).is_same(&stat(Some("\"b\""), 1)));
        assert!(stat(Some("\"a\""), 1).is_same(&stat(None, 1)));
        assert!(!stat(None, 1).is_same(&stat(None, 2)));
    }
}
