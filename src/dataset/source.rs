//! One pinned file as a stream of bytes: as stored, or decompressed; without a byte order mark.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use super::pin::{self, PinnedStore};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Compression;

/// What a decompressor hands on at once.
const PIECE: usize = 1 << 20;

/// A file of a dataset.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    pub store: Arc<PinnedStore>,
    pub path: Path,
}

impl SourceFile {
    pub(super) fn display(&self) -> String {
        self.store.display(&self.path)
    }

    /// Some of the bytes as stored.
    pub(super) async fn part(&self, range: Range<u64>) -> Result<Bytes> {
        let part = self.store.get_range(&self.path, range).await;
        part.map_err(|error| pin::explain(&error, &self.display()))
    }

    /// The bytes as stored.
    pub(super) fn bytes(&self) -> BoxStream<'static, Result<Bytes>> {
        let display = self.display();
        self.store.whole(&self.path).map_err(move |error| pin::explain(&error, &display)).boxed()
    }

    /// The content. A compressed file that is cut off, or is none, is an error.
    pub(super) fn content(&self, compression: Compression) -> BoxStream<'static, Result<Bytes>> {
        let display = self.display();
        match effective(compression, &display) {
            Packing::None => self.bytes(),
            Packing::Gzip => {
                let mut decoder = GzipDecoder::new(StreamReader::new(self.bytes().map_err(io::Error::other)));
                decoder.multiple_members(true);
                unpacked(decoder, display, "gzip")
            }
            Packing::Zstd => {
                let mut decoder = ZstdDecoder::new(StreamReader::new(self.bytes().map_err(io::Error::other)));
                decoder.multiple_members(true);
                unpacked(decoder, display, "zstd")
            }
        }
    }
}

/// How a file is compressed.
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

/// What a compression means for a file of this name.
pub(super) fn effective(compression: Compression, name: &str) -> Packing {
    let name = name.to_ascii_lowercase();
    // A query may follow the name in a URL.
    let name = if name.contains("://") { name.split('?').next().unwrap_or(&name) } else { &name };
    match compression {
        Compression::None => Packing::None,
        Compression::Gzip => Packing::Gzip,
        Compression::Zstd => Packing::Zstd,
        Compression::ByEnding if name.ends_with(".gz") => Packing::Gzip,
        Compression::ByEnding if name.ends_with(".zst") => Packing::Zstd,
        Compression::ByEnding => Packing::None,
    }
}

fn unpacked(
    decoder: impl AsyncRead + Send + 'static,
    display: String,
    packing: &'static str,
) -> BoxStream<'static, Result<Bytes>> {
    ReaderStream::with_capacity(decoder, PIECE).map_err(move |error| packed_error(error, &display, packing)).boxed()
}

/// Our own errors travel through the decompressor inside an I/O error.
fn packed_error(error: io::Error, display: &str, packing: &str) -> Error {
    let text = error.to_string();
    match error.into_inner().map(|inner| inner.downcast::<Error>()) {
        Some(Ok(ours)) => *ours,
        _ => Error::new(ErrorKind::Data, format!("{display} is not {packing}, or it is cut off"))
            .hint("check that the file was written to its end; `compression: none` reads it as it is")
            .source(text),
    }
}
