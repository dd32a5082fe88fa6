//! Objects of a store: one by its name, or all below a prefix.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use super::{Kind, Listing, Object, Origin, Stat, is_hidden, parse_pattern, refuse_foreign};
use crate::dataset::store::{self, Place};
use crate::dataset::{glob, pin};
use crate::error::{Error, ErrorKind, Result};

pub(super) async fn list(place: &Place, display: &str, kind: Kind) -> Result<Listing> {
    let store = store::connect(place, display).await?;
    let objects = match place {
        Place::Http(url) => vec![single(&store, url, display).await?],
        Place::Bucket { scheme, authority, key } => {
            let bucket = Bucket { store: &store, root: format!("{scheme}://{authority}/") };
            bucket.list(key, display, kind).await?
        }
        Place::Local(_) => return Err(Error::new(ErrorKind::Internal, "a local path in a remote listing")),
    };
    Ok(Listing { objects, store: Some(store) })
}

async fn single(store: &Arc<dyn ObjectStore>, url: &url::Url, display: &str) -> Result<Object> {
    let path = Path::from_url_path(url.path());
    let path = path.map_err(|error| Error::new(ErrorKind::Config, format!("{display} cannot be used: {error}")))?;
    if url.path().ends_with('/') || url.path().contains('*') {
        return Err(Error::new(
            ErrorKind::Config,
            format!("{display}: folders and patterns cannot be listed over HTTP"),
        )
        .hint("name one file; for more of them, one dataset a file and a `sql` dataset that unites them"));
    }
    let meta = stat(store.as_ref(), &path, display).await?;
    let relative = path.filename().unwrap_or_default().to_string();
    Ok(Object { origin: Origin::Remote(path), display: display.to_string(), relative, meta })
}

/// Some servers refuse HEAD (a URL signed for GET): then the first byte is asked for.
pub(super) async fn stat(store: &dyn ObjectStore, path: &Path, display: &str) -> Result<Stat> {
    match store.head(path).await {
        Ok(meta) => Ok(meta.into()),
        Err(error @ object_store::Error::NotFound { .. }) => Err(pin::explain(&error, display)),
        Err(error) => {
            let first = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
            match store.get_opts(path, first).await {
                Ok(answer) => Ok(answer.meta.into()),
                Err(_) => Err(pin::explain(&error, display)),
            }
        }
    }
}

struct Bucket<'a> {
    store: &'a Arc<dyn ObjectStore>,
    /// With a slash at its end.
    root: String,
}

impl Bucket<'_> {
    /// A key that exists is that object; then it may be a pattern; else it is a prefix.
    async fn list(&self, key: &str, display: &str, kind: Kind) -> Result<Vec<Object>> {
        let is_name = !key.is_empty() && !key.ends_with('/') && !key.contains('*');
        if is_name {
            let path = store::parse_key(key, display)?;
            match self.store.head(&path).await {
                Ok(meta) => {
                    let relative = path.filename().unwrap_or_default().to_string();
                    return Ok(vec![self.object(meta, relative)]);
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(pin::explain(&error, display)),
            }
        }
        if glob::is_pattern(key) {
            return self.matching(key, display).await;
        }
        let objects = self.below(key, display).await?;
        let objects: Vec<Object> = objects.into_iter().filter(|object| !is_hidden(&object.relative)).collect();
        if objects.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no object at {display} or below it")).hint(
                "check the name: upper and lower case differ, and names starting with `_` or `.` are passed over",
            ));
        }
        refuse_foreign(&objects, kind)?;
        Ok(objects)
    }

    async fn matching(&self, key: &str, display: &str) -> Result<Vec<Object>> {
        let pattern = parse_pattern(key)?;
        let mut objects = self.below(pattern.literal(), display).await?;
        objects.retain(|object| match &object.origin {
            Origin::Remote(path) => pattern.matches(path.as_ref()) && !is_hidden(&object.relative),
            Origin::Local(_) => false,
        });
        if objects.is_empty() {
            let listed = format!("{}{}", self.root, pattern.literal());
            return Err(Error::new(ErrorKind::NotFound, format!("no object matches {display}"))
                .hint(format!("listed were the objects below {listed}")));
        }
        Ok(objects)
    }

    async fn below(&self, prefix: &str, display: &str) -> Result<Vec<Object>> {
        let prefix = store::parse_key(prefix, display)?;
        let listed: object_store::Result<Vec<_>> = self.store.list(Some(&prefix)).try_collect().await;
        let listed = listed.map_err(|error| pin::explain(&error, display))?;
        let above = if prefix.as_ref().is_empty() { 0 } else { prefix.as_ref().len() + 1 };
        let objects: Vec<Object> = listed
            .into_iter()
            .filter(|meta| meta.location.as_ref().len() > above)
            .map(|meta| {
                let relative = meta.location.as_ref()[above..].to_string();
                self.object(meta, relative)
            })
            .collect();
        Ok(without_folder_markers(objects))
    }

    fn object(&self, meta: object_store::ObjectMeta, relative: String) -> Object {
        let display = format!("{}{}", self.root, meta.location);
        Object { origin: Origin::Remote(meta.location.clone()), display, relative, meta: meta.into() }
    }
}

/// Consoles and Hadoop write empty objects where a file system has folders.
fn without_folder_markers(objects: Vec<Object>) -> Vec<Object> {
    let mut folders = std::collections::HashSet::new();
    for object in &objects {
        let mut path = object.relative.as_str();
        while let Some((folder, _)) = path.rsplit_once('/') {
            folders.insert(folder.to_string());
            path = folder;
        }
    }
    let is_marker =
        |o: &Object| o.meta.size == 0 && (folders.contains(&o.relative) || o.relative.ends_with("_$folder$"));
    objects.into_iter().filter(|object| !is_marker(object)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::PutPayload;
    use object_store::memory::InMemory;

    async fn bucket(keys: &[&str]) -> Arc<dyn ObjectStore> {
        let store = InMemory::new();
        for key in keys {
            let payload = if key.ends_with("marker") { PutPayload::new() } else { PutPayload::from_static(b"x") };
            store.put(&Path::parse(key.trim_end_matches(".marker")).unwrap(), payload).await.unwrap();
        }
        Arc::new(store)
    }

    async fn names(store: &Arc<dyn ObjectStore>, key: &str) -> Result<Vec<String>> {
        let bucket = Bucket { store, root: "s3://b/".into() };
        let objects = bucket.list(key, &format!("s3://b/{key}"), Kind::Csv).await?;
        Ok(objects.into_iter().map(|object| object.display).collect())
    }

    #[tokio::test]
    async fn a_key_a_prefix_and_a_pattern() {
        let store = bucket(&["d/a.csv", "d/s/b.csv", "d/s.marker", "d/_tmp/c.csv", "data.csv", "e/x.parquet"]).await;
        assert_eq!(names(&store, "d/a.csv").await.unwrap(), ["s3://b/d/a.csv"]);
        assert_eq!(names(&store, "d").await.unwrap(), ["s3://b/d/a.csv", "s3://b/d/s/b.csv"]);
        assert_eq!(names(&store, "d/").await.unwrap(), ["s3://b/d/a.csv", "s3://b/d/s/b.csv"]);
        assert_eq!(names(&store, "d/*.csv").await.unwrap(), ["s3://b/d/a.csv"]);
        assert_eq!(names(&store, "d/**/{b,c}.csv").await.unwrap(), ["s3://b/d/s/b.csv"]);
    }

    #[tokio::test]
    async fn nothing_found_says_what_was_listed() {
        let store = bucket(&["d/a.csv"]).await;
        let error = names(&store, "d/*.tsv").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.hint_text(), Some("listed were the objects below s3://b/d"));
        assert_eq!(names(&store, "x/").await.unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_foreign_object_is_named() {
        let error = names(&bucket(&["d/a.csv", "d/x.parquet"]).await, "d").await.unwrap_err();
        assert_eq!(error.message(), "s3://b/d/x.parquet does not look like CSV");
    }
}
