//! A table of a database as one whose rows can be changed: each system in its own folder says how.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::Schema;

use super::{WriteLimits, Writer};
use crate::dataset::database::column::Column;
use crate::dataset::database::table::DatabaseTable;
use crate::dataset::database::{mysql, postgres, sqlite};
use crate::dataset::{Spelled, Writable, image_name};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Database, System};

impl DatabaseTable {
    /// What is known of it as a table that can be changed; an error that says why it cannot.
    pub(in crate::dataset) async fn writable(&self) -> Result<Writable> {
        let session = self.session.as_ref();
        match self.system() {
            System::Postgres => postgres::catalog::writable(session, &self.relation).await,
            System::Mysql => mysql::catalog::writable(session, &self.relation).await,
            System::Sqlite => sqlite::catalog::writable(session, &self.relation).await,
        }
    }

    /// With the image of each column beside it.
    pub(in crate::dataset) fn with_images(&self, writable: &Writable) -> Result<Self> {
        let mut described = self.described.as_ref().clone();
        for column in &writable.columns {
            let select = match self.system() {
                System::Postgres => postgres::image::select(column),
                System::Mysql => mysql::image::select(column),
                System::Sqlite => sqlite::image::select(column),
            };
            described.columns.push(Column::image(&image_name(&column.name), select));
        }
        let fields: Vec<_> = described.columns.iter().map(|column| column.field.clone()).collect();
        let mut images = self.clone();
        (images.schema, images.described) = (Arc::new(Schema::new(fields)), Arc::new(described));
        Ok(images)
    }

    /// Values as a column stores them.
    pub(in crate::dataset) fn spell(&self, writable: &Writable, column: usize, values: &ArrayRef) -> Result<Spelled> {
        let native = &writable.columns[column].native;
        match self.system() {
            System::Postgres => postgres::spell::spell(native, values),
            System::Mysql => mysql::spell::spell(native, values),
            System::Sqlite => sqlite::image::spell(native, values),
        }
    }

    /// A connection of its own that changes this table.
    pub async fn writer(&self, from: &Database, writable: &Writable, limits: WriteLimits) -> Result<Box<dyn Writer>> {
        let (columns, schema) = (self.described.columns.clone(), self.schema.clone());
        let from_clause = self.described.from.clone();
        let location = from.location.expose();
        if from.system != self.system() {
            return Err(Error::new(ErrorKind::Internal, "a table of one system is written by another"));
        }
        Ok(match from.system {
            System::Postgres => Box::new(postgres::write::open(location, writable, columns, schema, limits).await?),
            System::Mysql => {
                Box::new(mysql::write::open(location, writable, columns, schema, from_clause, limits).await?)
            }
            System::Sqlite => {
                let path = Path::new(location).to_path_buf();
                Box::new(sqlite::write::SqliteWriter::open(path, writable, columns, schema, from_clause, limits).await?)
            }
        })
    }
}
