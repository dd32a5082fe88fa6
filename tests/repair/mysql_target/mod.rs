//! Tables of MariaDB as ones that are changed: images, the catalog, and the statements of a writer.

mod addresses;
mod catalog;
mod failures;
mod images;

use super::postgres_target::{Hand, Target, with};
use crate::support::mariadb::{Database, MariaDb};

/// A new database, in which the script was run.
#[track_caller]
fn database(script: &str) -> Database {
    let database = MariaDb::shared().database();
    database.sql(script);
    database
}

#[track_caller]
fn target(database: &Database, table: &str) -> Target {
    Target::at(&database.url(), table, &[]).unwrap()
}
