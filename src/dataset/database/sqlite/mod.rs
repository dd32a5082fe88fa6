//! SQLite files: a few connections that read the same state of one file, each on a thread of its own while it reads.

pub(super) mod catalog;
mod decode;
mod describe;
mod failure;
mod file;
pub(super) mod image;
mod session;
mod snapshot;
mod types;
pub(super) mod write;

use std::path::Path;
use std::sync::Arc;

use super::session::Session;
use crate::error::Result;
use crate::project::model::Database;
use session::SqliteSession;

/// Opens the file, and holds the state that all statements of the run see.
pub(super) async fn connect(from: &Database) -> Result<Arc<dyn Session>> {
    let path = Path::new(from.location.expose()).to_path_buf();
    Ok(Arc::new(SqliteSession::open(path, from.limits).await?))
}
