//! MySQL, 5.7 and later, and MariaDB, 10.2 and later: connections whose snapshots are taken together; rows come by the binary
//! protocol, in which no number is rounded for a reader.

mod canonical;
pub(super) mod catalog;
mod connection;
mod decimal;
mod decode;
mod describe;
mod failure;
pub(super) mod image;
mod pool;
mod session;
mod snapshot;
pub(super) mod spell;
mod url;
pub(super) mod write;

use std::sync::Arc;

use super::session::Session;
use crate::error::Result;
use crate::project::model::Database;
pub(super) use canonical::{bytes, expression, is_text, row};
use session::MysqlSession;

/// Connects, and takes the snapshot that all statements of the run see.
pub(super) async fn connect(from: &Database) -> Result<Arc<dyn Session>> {
    let target = url::Target::parse(from.location.expose())?;
    Ok(Arc::new(MysqlSession::open(target, from.limits).await?))
}
