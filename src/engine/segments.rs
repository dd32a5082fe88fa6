//! A file of byte segments by bucket: what does not fit in memory waits here. Appended in any order, read bucket by bucket.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use std::sync::Arc;

use datafusion::execution::SpillFile;
use datafusion::execution::runtime_env::RuntimeEnv;

use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// One temporary file, deleted when dropped.
pub struct SegmentFile {
    // Keeps the file alive; removed on drop.
    _temporary: Arc<dyn SpillFile>,
    file: File,
    end: u64,
    /// (offset, length) in bytes, by bucket.
    segments: Vec<Vec<(u64, u64)>>,
    progress: Arc<Progress>,
}

impl SegmentFile {
    pub fn create(runtime: &RuntimeEnv, progress: &Arc<Progress>, buckets: usize, what: &str) -> Result<Self> {
        let temporary = runtime.disk_manager.create_tmp_file(what)?;
        let path = temporary.path().ok_or_else(|| Error::new(ErrorKind::Internal, "temporary files are not local"))?;
        let file = File::options().read(true).write(true).open(path).map_err(spill_error)?;
        let segments = vec![Vec::new(); buckets];
        Ok(Self { _temporary: temporary, file, end: 0, segments, progress: progress.clone() })
    }

    pub fn append(&mut self, bucket: usize, bytes: &[u8]) -> Result<()> {
        self.file.seek(SeekFrom::Start(self.end)).map_err(spill_error)?;
        self.file.write_all(bytes).map_err(spill_error)?;
        let length = bytes.len() as u64;
        self.segments[bucket].push((self.end, length));
        self.end += length;
        self.progress.add_spilled(length);
        Ok(())
    }

    /// Bytes of a bucket.
    pub fn bucket_len(&self, bucket: usize) -> u64 {
        self.segments[bucket].iter().map(|(_, length)| length).sum()
    }

    /// The segments of a bucket, in the order in which they were appended.
    pub fn read(&self, bucket: usize) -> impl Iterator<Item = Result<Vec<u8>>> + '_ {
        self.segments[bucket].iter().map(|&segment| self.read_at(segment))
    }

    /// One segment of a bucket.
    pub fn segment(&self, bucket: usize, number: usize) -> Result<Vec<u8>> {
        let missing = || Error::new(ErrorKind::Internal, "a temporary file lacks a segment");
        self.read_at(*self.segments[bucket].get(number).ok_or_else(missing)?)
    }

    fn read_at(&self, (offset, length): (u64, u64)) -> Result<Vec<u8>> {
        let length = usize::try_from(length).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(spill_error)?;
        Ok(bytes)
    }

    /// All bytes written so far.
    pub fn len(&self) -> u64 {
        self.end
    }
}

fn spill_error(error: std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull => "free some disk space, or point TMPDIR to a larger disk",
        _ => "check the folder for temporary files (TMPDIR)",
    };
    Error::new(ErrorKind::Resources, "a temporary file could not be written or read").hint(hint).source(error)
}
