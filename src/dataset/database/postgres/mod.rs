//! PostgreSQL, 10 and later: connections that share an exported snapshot; rows come by `COPY ... (FORMAT binary)`.

mod canonical;
pub(super) mod catalog;
mod connection;
mod decode;
mod describe;
mod failure;
pub(super) mod image;
mod numeric;
mod session;
pub(super) mod spell;
mod url;
pub(super) mod write;

use std::sync::Arc;

use super::session::Session;
use crate::error::Result;
use crate::project::model::Database;
pub(super) use canonical::{expression, row};
use session::PostgresSession;

/// Connects, and takes the snapshot that all statements of the run see.
pub(super) async fn connect(from: &Database) -> Result<Arc<dyn Session>> {
    let target = url::Target::parse(from.location.expose())?;
    Ok(Arc::new(PostgresSession::open(target, from.limits).await?))
}
