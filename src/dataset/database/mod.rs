//! Databases as datasets: a table or a query of PostgreSQL, MySQL, MariaDB or SQLite. [`Databases`] holds what is open in a
//! run: of each database one [`Session`], whose connections all see the same snapshot.
//!
//! The walk: a system's own folder connects, says which columns a relation has (`describe`) and reads them (`read`);
//! [`DatabaseTable`] is what DataFusion's plans scan. Values are read in the widest type that holds each of them exactly;
//! what has no such type comes as text, which is read as the other side's type (see [`TEXT_OF`]).

mod antijoin;
mod checksum;
mod column;
mod exec;
mod mysql;
mod pace;
mod postgres;
mod relation;
mod session;
mod sqlite;
mod table;
mod tls;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::{ANY_NUMBER, ANY_VALUE, TEXT_OF};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Database, Secret, System};
pub use checksum::{Grid, Request, SegmentBy, Segments, Sum};
use session::Session;
pub use table::DatabaseTable;
pub use write::plain::shortened;
pub use write::spoken::spoken;
pub use write::{Change, Changes, Failure, Image, WriteLimits, Writer, ended};

/// Key in a field's metadata: its cells are images (see [`crate::dataset::Writable`]).
const IMAGE: &str = "tieout.image";

/// A session that is open, or on its way.
type Opening = Arc<OnceCell<Arc<dyn Session>>>;

/// The databases that a run has asked for.
#[derive(Default)]
pub struct Databases {
    sessions: Mutex<HashMap<(System, Secret), Opening>>,
    /// What did not answer in time is not asked again in this run.
    away: Mutex<HashMap<(System, Secret), String>>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Databases({open} open)")
    }
}

impl Databases {
    /// The session of a database; connects where it is the first to ask.
    async fn session(&self, from: &Database) -> Result<Arc<dyn Session>> {
        let key = (from.system, place(from));
        let cell = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default().clone();
        let already = self.away.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(message) = already {
            return Err(Error::new(ErrorKind::Unavailable, format!("{message}; it is not tried again in this run")));
        }
        // Boxed: whoever waits for it has much else to keep.
        let connect = || async {
            match from.system {
                System::Postgres => Box::pin(postgres::connect(from)).await,
                System::Mysql => Box::pin(mysql::connect(from)).await,
                System::Sqlite => Box::pin(sqlite::connect(from)).await,
            }
        };
        let session = cell.get_or_try_init(connect).await.cloned();
        if let Err(error) = &session
            && error.kind() == ErrorKind::Unavailable
        {
            self.away.lock().unwrap_or_else(PoisonError::into_inner).insert(key, error.message().to_string());
        }
        session
    }

    /// A session that is lost: who asks next connects anew.
    pub fn forget(&self, from: &Database) {
        let key = (from.system, place(from));
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// A database that keeps failing is not asked again in this run.
    pub fn give_up(&self, from: &Database, message: &str) {
        self.forget(from);
        let key = (from.system, place(from));
        self.away.lock().unwrap_or_else(PoisonError::into_inner).insert(key, message.to_string());
    }

    /// Ends what is still running on the servers, and closes all connections.
    pub async fn close(&self) {
        let sessions: Vec<_> = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.drain().filter_map(|(_, cell)| cell.get().cloned()).collect()
        };
        futures::future::join_all(sessions.iter().map(|session| session.close())).await;
    }
}

/// Where a database is, in one spelling: two sides that name one file by two paths are read in one snapshot.
fn place(from: &Database) -> Secret {
    match from.system {
        System::Sqlite => match std::fs::canonicalize(from.location.expose()) {
            Ok(path) => Secret::new(path.to_string_lossy()),
            Err(_) => from.location.clone(),
        },
        System::Postgres | System::Mysql => from.location.clone(),
    }
}
