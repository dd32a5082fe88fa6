//! A copy put where its original is, and the original put back: only where that is one atomic step. The original is kept first,
//! and both ways what is replaced is looked at once more: a file that somebody else wrote stays.

use std::fs;
use std::path::Path as FsPath;

use aws_lc_rs::digest::{Context, SHA256};
use futures::TryStreamExt;
use object_store::{Error as StoreError, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::keep;
use crate::dataset::Opened;
use crate::dataset::listing::{self, Object, Origin};
use crate::dataset::pin::{self, PinnedStore};
use crate::dataset::source::SourceFile;
use crate::dataset::store::Located;
use crate::error::{Error, ErrorKind, Result};

/// An object is replaced in one request, which is held in memory.
const LARGEST: u64 = 1 << 30;

/// A file that is replaced: by what, and what is there before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replaced {
    /// The file, without secrets.
    pub file: String,
    /// SHA-256 of what comes, in hexadecimal digits, and where it lies below the output.
    pub sha256: String,
    pub from: String,
    /// Of what was there, and where it is kept.
    pub kept_sha256: String,
    pub kept: String,
    pub kept_bytes: u64,
}

impl Opened {
    /// Whether these files can be replaced by copies; an error that says why they cannot. None: a copy has no original.
    pub fn check_replaceable(&self, originals: &[Option<&str>]) -> Result<()> {
        let told = || {
            let original = match originals {
                [] => return Ok(()),
                [original] => original,
                several => {
                    let message = format!(
                        "replacing {} files is not atomic: readers could meet some old and some new",
                        several.len()
                    );
                    return Err(Error::new(ErrorKind::Config, message)
                        .hint("apply it without --in-place, and use the corrected copies; or plan for less: --where"));
                }
            };
            let Some(original) = original else {
                return Err(Error::new(ErrorKind::Config, "the new rows need a new file, which replaces none")
                    .hint("apply it without --in-place, and put the new file where it belongs"));
            };
            refuse_unreplaceable(self.object(original)?.0)
        };
        told().map_err(|error: Error| error.context("dataset", &self.name))
    }

    /// Keeps a file as it is, under `path` below `output`; what is to come is at `from` there.
    pub async fn keep(
        &self,
        file: &str,
        (from, sha256): (&str, &str),
        output: &Located,
        path: &str,
    ) -> Result<Replaced> {
        let told = async {
            let (object, _) = self.object(file)?;
            let draft = pinned_copy(&self.source(object)?, output, path).await?;
            let (kept_sha256, kept_bytes) = keep::publish(draft, output, path).await?;
            Ok(Replaced {
                file: file.to_string(),
                sha256: sha256.to_string(),
                from: from.to_string(),
                kept_sha256,
                kept: path.to_string(),
                kept_bytes,
            })
        };
        told.await.map_err(|error: Error| error.context("dataset", &self.name))
    }

    /// Puts what is to come where the file is, in one step, if that is still what was kept.
    pub async fn replace(&self, replaced: &Replaced, output: &Located) -> Result<()> {
        let told = async {
            let (object, store) = self.object(&replaced.file)?;
            swap(object, store, output, &replaced.from, &replaced.sha256).await
        };
        told.await.map_err(|error: Error| error.context("dataset", &self.name))
    }

    /// SHA-256 of a file as it was opened.
    pub async fn sha256_of(&self, file: &str) -> Result<String> {
        let told = async {
            let (object, _) = self.object(file)?;
            let mut context = Context::new(&SHA256);
            let mut pieces = self.source(object)?.bytes();
            while let Some(piece) = pieces.try_next().await? {
                context.update(&piece);
            }
            Ok(hex::encode(context.finish().as_ref()))
        };
        told.await.map_err(|error: Error| error.context("dataset", &self.name))
    }

    fn object(&self, display: &str) -> Result<(&Object, &PinnedStore)> {
        let files = self.rewritable()?;
        let object = files.store.objects().iter().find(|object| object.display == display);
        let object = object.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("{display} is not a file of the dataset any more"))
        })?;
        Ok((object, &files.store))
    }

    fn source(&self, object: &Object) -> Result<SourceFile> {
        Ok(SourceFile { store: self.rewritable()?.store.clone(), path: object.path() })
    }
}

/// Before anything is kept.
fn refuse_unreplaceable(object: &Object) -> Result<()> {
    let refused = |why: &str| {
        Err(Error::new(ErrorKind::Config, format!("{} cannot be replaced: {why}", object.display))
            .hint("use the corrected copy from where it is"))
    };
    match &object.origin {
        Origin::Local(path) => match links(path)? {
            0 | 1 => Ok(()),
            links => refused(&format!("it has {links} names (hard links), of which only one would change")),
        },
        Origin::Remote(_) if object.display.starts_with("http") => refused("a web server takes no files"),
        Origin::Remote(_) if object.meta.size > LARGEST => refused("it is too large for one request"),
        Origin::Remote(_) => match &object.meta.e_tag {
            Some(tag) if !tag.starts_with("W/") => Ok(()),
            _ => refused("its store gives no ETag to bind the change to"),
        },
    }
}

#[cfg(unix)]
fn links(path: &FsPath) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path);
    found.map(|found| found.nlink()).map_err(|error| disk(&path.display().to_string(), &error))
}

#[cfg(not(unix))]
fn links(_: &FsPath) -> Result<u64> {
    Ok(1)
}

/// The file as it was pinned, on its way to where it is kept.
async fn pinned_copy(file: &SourceFile, to: &Located, path: &str) -> Result<NamedTempFile> {
    filled(file, keep::draft(to, path)?).await
}

async fn filled(file: &SourceFile, draft: NamedTempFile) -> Result<NamedTempFile> {
    let display = file.display();
    let out = draft.reopen().map_err(|error| disk(&display, &error))?;
    let mut out = tokio::fs::File::from_std(out);
    let mut pieces = file.bytes();
    while let Some(piece) = pieces.try_next().await? {
        out.write_all(&piece).await.map_err(|error| disk(&display, &error))?;
    }
    out.flush().await.map_err(|error| disk(&display, &error))?;
    Ok(draft)
}

/// Puts what is kept below `from` where the object is, if that is still the version that was pinned.
async fn swap(object: &Object, store: &PinnedStore, from: &Located, path: &str, sha256: &str) -> Result<()> {
    match (&object.origin, store.remote()) {
        (Origin::Local(local), _) => {
            let real = fs::canonicalize(local).map_err(|error| disk(&object.display, &error))?;
            let folder = real.parent().unwrap_or(&real);
            let new = keep::fetch(from, path, sha256, folder).await?;
            rename(object, new, &real)
        }
        (Origin::Remote(key), Some(remote)) => {
            let new = keep::fetch(from, path, sha256, &std::env::temp_dir()).await?;
            let content = fs::read(new.path()).map_err(|error| disk(&object.display, &error))?;
            let version = UpdateVersion { e_tag: object.meta.e_tag.clone(), version: object.meta.version.clone() };
            let options = PutOptions { mode: PutMode::Update(version), ..PutOptions::default() };
            match remote.put_opts(key, content.into(), options).await {
                Ok(_) => Ok(()),
                // An answer that was lost is asked for again, and then finds our own copy there.
                Err(StoreError::Precondition { .. }) => match remote.get(key).await {
                    Ok(answer) => match answer.bytes().await {
                        Ok(now) if keep::hash_bytes(&now) == sha256 => Ok(()),
                        _ => Err(pin::changed(&object.display)),
                    },
                    Err(_) => Err(pin::changed(&object.display)),
                },
                Err(StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }) => {
                    let message =
                        format!("{} cannot be replaced: its store knows no conditional writes", object.display);
                    Err(Error::new(ErrorKind::Config, message).hint("use the corrected copy from where it is"))
                }
                Err(error) => Err(pin::explain(&error, &object.display)),
            }
        }
        (Origin::Remote(_), None) => Err(Error::new(ErrorKind::Internal, format!("{} has no store", object.display))),
    }
}

/// In one step, after everything else is on disk.
fn rename(object: &Object, new: NamedTempFile, real: &FsPath) -> Result<()> {
    let failed = |error: std::io::Error| disk(&object.display, &error);
    let was = fs::metadata(real).map_err(failed)?;
    own(&new, &was).map_err(failed)?;
    // After the owner: changing that takes rights away.
    fs::set_permissions(new.path(), was.permissions()).map_err(failed)?;
    new.as_file().sync_all().map_err(failed)?;
    let now = listing::local_stat(&fs::metadata(real).map_err(failed)?);
    if !now.is_some_and(|now| object.meta.is_same(&now)) {
        return Err(pin::changed(&object.display));
    }
    new.persist(real).map_err(|error| failed(error.error))?;
    keep::sync_folder(real).map_err(failed)
}

#[cfg(unix)]
fn own(new: &NamedTempFile, was: &fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let is = new.as_file().metadata()?;
    match (is.uid(), is.gid()) == (was.uid(), was.gid()) {
        true => Ok(()),
        false => std::os::unix::fs::chown(new.path(), Some(was.uid()), Some(was.gid())),
    }
}

#[cfg(not(unix))]
fn own(_: &NamedTempFile, _: &fs::Metadata) -> std::io::Result<()> {
    Ok(())
}

fn disk(display: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Output, format!("{display} cannot be replaced"))
        .hint("check the rights on the file and its folder; nothing was put in its place")
        .source(error.to_string())
}
