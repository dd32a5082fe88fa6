//! Puts a file where it is kept: below a folder or prefix, atomically, and never over something else.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path as FsPath, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStoreExt, PutMode, PutOptions, WriteMultipart};
use tempfile::NamedTempFile;

use crate::dataset::store::Located;
use crate::error::{Error, ErrorKind, Result};

/// Above, an object is uploaded in parts: then the store cannot be asked to create it only if there is none.
const AT_ONCE: u64 = 64 << 20;
const PART: usize = 8 << 20;

/// A file in the making. On disk it lies next to where it will be, so that it can be moved there in one step.
pub(super) fn draft(to: &Located, path: &str) -> Result<NamedTempFile> {
    let folder = match &to.local {
        Some(local) => {
            let target = local.join(path);
            let folder = target.parent().unwrap_or(local).to_path_buf();
            fs::create_dir_all(&folder).map_err(|error| failed(&to.display, path, &error.to_string()))?;
            folder
        }
        None => std::env::temp_dir(),
    };
    new_file(&folder).map_err(|error| failed(&to.display, path, &error.to_string()))
}

/// With the permissions that any new file gets.
pub(super) fn new_file(folder: &FsPath) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tieout-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Hash and length of a file, from its start.
pub(super) fn hash(mut file: &File) -> std::io::Result<(String, u64)> {
    file.seek(SeekFrom::Start(0))?;
    let (mut context, mut length) = (Context::new(&SHA256), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((hex::encode(context.finish().as_ref()), length));
        }
        context.update(&piece[..read]);
        length += read as u64;
    }
}

/// Puts the file in place. One of the same bytes may be there already; anything else is an error.
pub(super) async fn publish(draft: NamedTempFile, to: &Located, path: &str) -> Result<(String, u64)> {
    let (sha256, bytes) = hash(draft.as_file()).map_err(|error| failed(&to.display, path, &error.to_string()))?;
    match &to.local {
        Some(local) => on_disk(draft, local.join(path), &to.display, path, &sha256)?,
        None => in_store(draft, to, path, (&sha256, bytes)).await?,
    }
    Ok((sha256, bytes))
}

fn on_disk(draft: NamedTempFile, target: PathBuf, display: &str, path: &str, sha256: &str) -> Result<()> {
    let failed = |error: &std::io::Error| failed(display, path, &error.to_string());
    draft.as_file().sync_all().map_err(|error| failed(&error))?;
    match draft.persist_noclobber(&target) {
        Ok(_) => sync_folder(&target).map_err(|error| failed(&error)),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            let there = File::open(&target).and_then(|file| hash(&file)).map_err(|error| failed(&error))?;
            if there.0 == sha256 { Ok(()) } else { Err(taken(display, path)) }
        }
        Err(error) => Err(failed(&error.error)),
    }
}

/// So that the name is there after the power fails, too.
pub(super) fn sync_folder(target: &FsPath) -> std::io::Result<()> {
    match target.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

async fn in_store(draft: NamedTempFile, to: &Located, path: &str, (sha256, bytes): (&str, u64)) -> Result<()> {
    let target = object(to, path)?;
    let failed = |error: &StoreError| failed(&to.display, path, &crate::dataset::pin::explain(error, path).to_string());
    let mut file = draft.reopen().map_err(|error| self::failed(&to.display, path, &error.to_string()))?;
    if bytes <= AT_ONCE {
        let mut content = Vec::with_capacity(bytes as usize);
        file.read_to_end(&mut content).map_err(|error| self::failed(&to.display, path, &error.to_string()))?;
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match to.store.put_opts(&target, Bytes::from(content).into(), create).await {
            Ok(_) => return Ok(()),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {}
            Err(error) => return Err(failed(&error)),
        }
        return if is_there(to, path, sha256).await? { Ok(()) } else { Err(taken(&to.display, path)) };
    }
    match to.store.head(&target).await {
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(failed(&error)),
        Ok(_) => return if is_there(to, path, sha256).await? { Ok(()) } else { Err(taken(&to.display, path)) },
    }
    let mut upload = WriteMultipart::new(to.store.put_multipart(&target).await.map_err(|error| failed(&error))?);
    loop {
        let mut piece = Vec::with_capacity(PART);
        let read = (&mut file).take(PART as u64).read_to_end(&mut piece);
        if read.map_err(|error| self::failed(&to.display, path, &error.to_string()))? == 0 {
            break;
        }
        upload.wait_for_capacity(4).await.map_err(|error| failed(&error))?;
        upload.put(Bytes::from(piece));
    }
    upload.finish().await.map_err(|error| failed(&error))?;
    Ok(())
}

/// What is kept below a place, as a file of this machine that is gone when it is dropped; its hash is checked.
pub(super) async fn fetch(from: &Located, path: &str, sha256: &str, folder: &FsPath) -> Result<NamedTempFile> {
    let failed = |error: &dyn std::fmt::Display| failed(&from.display, path, &error.to_string());
    let mut file = new_file(folder).map_err(|error| failed(&error))?;
    match &from.local {
        Some(local) => {
            let mut kept = File::open(local.join(path)).map_err(|error| failed(&error))?;
            std::io::copy(&mut kept, file.as_file_mut()).map_err(|error| failed(&error))?;
        }
        None => {
            let answer = from.store.get(&object(from, path)?).await.map_err(|error| failed(&error))?;
            let mut pieces = answer.into_stream();
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(|error| failed(&error))?;
                std::io::Write::write_all(file.as_file_mut(), &piece).map_err(|error| failed(&error))?;
            }
        }
    }
    let found = hash(file.as_file()).map_err(|error| failed(&error))?;
    if found.0 != sha256 {
        return Err(Error::new(
            ErrorKind::Data,
            format!("{path} below {} is not what was written there", from.display),
        )
        .hint("somebody else changed it; nothing was put in its place"));
    }
    Ok(file)
}

async fn is_there(to: &Located, path: &str, sha256: &str) -> Result<bool> {
    match fetch(to, path, sha256, &std::env::temp_dir()).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Data => Ok(false),
        Err(error) => Err(error),
    }
}

fn object(to: &Located, path: &str) -> Result<Path> {
    let whole = if to.prefix.as_ref().is_empty() { path.to_string() } else { format!("{}/{path}", to.prefix) };
    Path::parse(&whole).map_err(|error| failed(&to.display, path, &error.to_string()))
}

pub(super) fn failed(display: &str, path: &str, why: &str) -> Error {
    Error::new(ErrorKind::Output, format!("{path} cannot be kept below {display}"))
        .hint("check that the place can be written to")
        .source(crate::dataset::redact::message(why))
}

fn taken(display: &str, path: &str) -> Error {
    Error::new(ErrorKind::Output, format!("there is another {path} below {display}"))
        .hint("name a place that nothing else writes to")
}

pub(super) fn hash_bytes(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref())
}
