//! Files of this machine, listed and looked at without an object store in between: every name that the file system
//! allows (and that is Unicode) works.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use chrono::{DateTime, Utc};

use super::{Kind, Object, Origin, Stat, is_hidden, parse_pattern, refuse_foreign};
use crate::dataset::glob;
use crate::error::{Error, ErrorKind, Result};

/// A name that exists is that file or folder, even if it looks like a pattern.
pub(super) fn list(name: &str, must_be_folder: bool, kind: Kind) -> Result<Vec<Object>> {
    match fs::metadata(name) {
        Ok(found) if found.is_dir() => folder(name, kind),
        Ok(_) if must_be_folder => Err(Error::new(ErrorKind::NotFound, format!("{name} is a file, not a folder"))),
        Ok(_) => {
            let relative = Path::new(name).file_name().and_then(|last| last.to_str()).unwrap_or(name);
            Ok(vec![object(Path::new(name), relative.to_string())?])
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && glob::is_pattern(name) => pattern(name),
        Err(error) => Err(explain(&error, name)),
    }
}

fn folder(name: &str, kind: Kind) -> Result<Vec<Object>> {
    let seen = |relative: &str, _: &str| !is_hidden(relative);
    let objects = Walk { keep: &seen, descend: &seen, trail: Vec::new(), objects: Vec::new() }.run(name)?;
    if objects.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no file in the folder {name}"))
            .hint("names starting with `_` or `.` are passed over"));
    }
    refuse_foreign(&objects, kind)?;
    Ok(objects)
}

fn pattern(name: &str) -> Result<Vec<Object>> {
    let pattern = parse_pattern(name)?;
    let base = if pattern.literal().is_empty() { "/" } else { pattern.literal() };
    if let Err(error) = fs::metadata(base) {
        return Err(explain(&error, base).hint(format!("the pattern is {name}")));
    }
    let keep = |relative: &str, full: &str| pattern.matches(full) && !is_hidden(relative);
    let descend = |relative: &str, full: &str| pattern.may_match_below(full) && !is_hidden(relative);
    let objects = Walk { keep: &keep, descend: &descend, trail: Vec::new(), objects: Vec::new() }.run(base)?;
    if objects.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("no file matches {name}"))
            .hint(format!("listed were the files below {base}; names starting with `_` or `.` are passed over")));
    }
    Ok(objects)
}

/// A walk through folders; both tests are asked with the path below the start and the full path.
struct Walk<'a> {
    keep: &'a dyn Fn(&str, &str) -> bool,
    descend: &'a dyn Fn(&str, &str) -> bool,
    /// The real folders above, so that a link in a circle ends.
    trail: Vec<PathBuf>,
    objects: Vec<Object>,
}

impl Walk<'_> {
    fn run(mut self, folder: &str) -> Result<Vec<Object>> {
        self.enter(Path::new(folder), "")?;
        Ok(self.objects)
    }

    fn enter(&mut self, folder: &Path, relative: &str) -> Result<()> {
        let failed = |error: io::Error| explain(&error, &folder.display().to_string());
        let real = fs::canonicalize(folder).map_err(failed)?;
        if self.trail.contains(&real) {
            return Ok(());
        }
        self.trail.push(real);
        for entry in fs::read_dir(folder).map_err(failed)? {
            self.visit(&entry.map_err(failed)?.path(), relative)?;
        }
        self.trail.pop();
        Ok(())
    }

    fn visit(&mut self, path: &Path, relative: &str) -> Result<()> {
        let full = path.to_str().ok_or_else(|| not_unicode(path))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(full);
        let below = if relative.is_empty() { name.to_string() } else { format!("{relative}/{name}") };
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return if (self.descend)(&below, full) { self.enter(path, &below) } else { Ok(()) };
            }
            Ok(_) if (self.keep)(&below, full) => self.objects.push(object(path, below)?),
            Err(error) if (self.keep)(&below, full) => return Err(explain(&error, full)),
            _ => {}
        }
        Ok(())
    }
}

fn object(path: &Path, relative: String) -> Result<Object> {
    let display = path.to_str().ok_or_else(|| not_unicode(path))?.to_string();
    let meta = stat(path, &display)?;
    Ok(Object { origin: Origin::Local(path.to_path_buf()), display, relative, meta })
}

/// The ETag is made of inode, times and size, so that a file replaced within one tick of the clock is noticed. One of the times is that of
/// the inode's last change, which no program can set back: a file that was rewritten in place and given its old time again is another one.
pub(super) fn stat(path: &Path, display: &str) -> Result<Stat> {
    let found = fs::metadata(path).map_err(|error| explain(&error, display))?;
    of(&found).ok_or_else(|| {
        Error::new(ErrorKind::Data, format!("{display} is not a regular file"))
            .hint("an input is read more than once: write a pipe to a file first")
    })
}

/// None for what is not a regular file.
pub(super) fn of(found: &fs::Metadata) -> Option<Stat> {
    if !found.is_file() {
        return None;
    }
    let modified = found.modified().unwrap_or(UNIX_EPOCH);
    let nanos = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (inode, changed) = inode(found);
    let e_tag = Some(format!("{inode:x}-{nanos:x}-{changed:x}-{:x}", found.len()));
    Some(Stat { size: found.len(), last_modified: DateTime::<Utc>::from(modified), e_tag, version: None })
}

/// Its number, and when it changed last, in nanoseconds.
#[cfg(unix)]
pub(in crate::dataset) fn inode(found: &fs::Metadata) -> (u64, i128) {
    use std::os::unix::fs::MetadataExt;
    (found.ino(), i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()))
}

#[cfg(not(unix))]
pub(in crate::dataset) fn inode(_: &fs::Metadata) -> (u64, i128) {
    (0, 0)
}

pub(super) fn not_unicode(path: &Path) -> Error {
    Error::new(ErrorKind::Data, format!("the name of {} is not Unicode", path.display())).hint("rename the file")
}

/// The error of the file system, in words. For a missing file: the nearest name next to it.
fn explain(error: &io::Error, path: &str) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let missing = Error::new(ErrorKind::NotFound, format!("there is no file or folder {path}"));
            match nearby(Path::new(path)) {
                Some(hint) => missing.hint(hint),
                None => missing,
            }
        }
        io::ErrorKind::PermissionDenied => {
            Error::new(ErrorKind::Permission, format!("{path} may not be read")).hint("check the rights on this path")
        }
        _ => Error::new(ErrorKind::Data, format!("{path} cannot be read: {error}")),
    }
}

fn nearby(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let parent = path.parent()?;
    if !parent.is_dir() {
        let there = parent.ancestors().find(|folder| folder.is_dir())?;
        return Some(format!("the folder {} exists, what is named below it does not", there.display()));
    }
    let entries = fs::read_dir(parent).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let near = |other: &String| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let (score, best) = entries.take(10_000).map(|other| (near(&other), other)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.8).then(|| format!("did you mean {}?", parent.join(best).display()))
}
