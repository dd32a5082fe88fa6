//! What is known of a dataset whose rows can be changed, and how values are written there. Only `repair` asks for it.
//!
//! A row as it is stored is an *image*: for each column of a database's table the text that tells its value from every other of its type, and
//! from which it can be made again; of files, the cell as it is read. Two images are equal only where the rows hold the same values, so a change can be bound to the image that it
//! was planned for.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;

use super::database::{Change, shortened};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::canonical_json;

/// A table whose rows can be changed.
#[derive(Debug, Clone)]
pub struct Writable {
    /// `postgres`, `mysql`, `sqlite`, `parquet` or `csv`.
    pub connector: &'static str,
    /// As statements name it, quoted.
    pub table: String,
    /// All columns, in the table's order.
    pub columns: Vec<WritableColumn>,
    /// By which one row can be told from all others, the best first: the primary key, then unique indexes over plain columns and all
    /// rows.
    pub uniques: Vec<Unique>,
    /// References to rows of the table itself.
    pub parents: Vec<Parent>,
    /// What changes with a row, in this table or another, though nobody asked for it.
    pub dependents: Vec<Dependent>,
    /// Triggers that people have made, by name.
    pub triggers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WritableColumn {
    pub name: String,
    /// The type as the system names it, in full: `numeric(12,2)`.
    pub native: String,
    /// As images have it.
    pub image: DataType,
    pub never_null: bool,
    /// Why no value can be given to it, neither to a new row nor to an old one: it is generated.
    pub generated: Option<String>,
    /// Why its value cannot be changed in a row that is there, though a new row may be given one: an identity `ALWAYS`.
    pub fixed: Option<String>,
    /// What is left out of a new row gets a value.
    pub has_default: bool,
    /// An update that gives it no value changes it: `ON UPDATE CURRENT_TIMESTAMP`.
    pub touched: bool,
}

/// A primary key, or a unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    pub name: String,
    /// Places in [`Writable::columns`].
    pub columns: Vec<usize>,
    pub primary: bool,
    /// No column of it can be NULL: so it tells every row.
    pub never_null: bool,
    /// Looked at when a transaction ends, if asked: two rows may exchange their values.
    pub deferrable: bool,
}

/// A foreign key to the table itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    pub columns: Vec<usize>,
    pub to: Vec<usize>,
}

/// Rows that go, or change, with a row: `ON DELETE CASCADE` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependent {
    /// Whose rows.
    pub table: String,
    pub constraint: String,
    /// Columns of this table that they refer to.
    pub columns: Vec<usize>,
    /// Other rows change when a row is deleted.
    pub on_delete: bool,
    /// Other rows change when these columns are.
    pub on_update: bool,
}

/// Values as images have them.
#[derive(Debug, Clone)]
pub struct Spelled {
    /// In [`WritableColumn::image`].
    pub values: ArrayRef,
    /// By row: why the value cannot be stored in the column as it is. There, `values` is NULL.
    pub refused: Vec<Option<String>>,
}

/// The name of the column that holds the image of another one.
pub fn image_name(column: &str) -> String {
    format!("#image {column}")
}

impl Writable {
    /// What changes with a row that is changed so, though nobody asked for it.
    pub fn changed_with(&self, change: Change, set: &[usize]) -> Option<&Dependent> {
        self.dependents.iter().find(|one| match change {
            Change::Insert => false,
            Change::Update => one.on_update && one.columns.iter().any(|n| set.contains(n)),
            Change::Delete => one.on_delete,
        })
    }

    /// Whether the stored text of a column holds the value that was wanted.
    pub fn same(&self, column: usize, wanted: Option<&str>, stored: Option<&str>) -> bool {
        if wanted == stored {
            return true;
        }
        let (Some(wanted), Some(stored)) = (wanted, stored) else { return false };
        match self.columns[column].native.as_str() {
            // It is kept as a value, not as the text that was given.
            "jsonb" => canonical_json(wanted) == canonical_json(stored),
            "json" if self.connector == "mysql" => canonical_json(wanted) == canonical_json(stored),
            // Its zeros have no sign.
            native if self.connector == "mysql" && (native.starts_with("double") || native.starts_with("float")) => {
                matches!((wanted.parse::<f64>(), stored.parse::<f64>()), (Ok(wanted), Ok(stored)) if wanted == stored)
            }
            "double precision" | "real" => match (wanted.parse::<f64>(), stored.parse::<f64>()) {
                (Ok(wanted), Ok(stored)) => wanted.total_cmp(&stored).is_eq(),
                _ => false,
            },
            native if native.starts_with("numeric") => shortened(wanted) == shortened(stored),
            _ => false,
        }
    }

    /// Whether its rows are in files: such a row is told by all of its cells, and several may be the same.
    pub fn in_files(&self) -> bool {
        matches!(self.connector, "parquet" | "csv")
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl super::Opened {
    /// The table of a database, whose rows are changed one by one.
    fn changeable(&self) -> Result<&Arc<super::DatabaseTable>> {
        self.database().ok_or_else(|| Error::new(ErrorKind::Internal, "files have no rows to change by statements"))
    }

    /// What is known of it as a table that can be changed; an error where it cannot, which says why.
    pub async fn writable(&self) -> Result<Writable> {
        if self.is_files() {
            return self.writable_files();
        }
        let writable = self.changeable()?.writable().await;
        writable.map_err(|error| error.context("dataset", self.name.clone()))
    }

    /// The dataset's table with the image of each column beside it, by [`image_name`], in the same snapshot. `restricted`: some of its
    /// rows, of a database.
    pub fn images(
        &self,
        writable: &Writable,
        restricted: Option<super::DatabaseTable>,
    ) -> Result<Arc<dyn TableProvider>> {
        if self.is_files() {
            return self.file_images();
        }
        let table = self.changeable()?;
        Ok(Arc::new(restricted.as_ref().unwrap_or(table).with_images(writable)?))
    }

    /// Values of any type as a column of the table stores them. What it would store as another value is refused.
    pub fn spell(&self, writable: &Writable, column: usize, values: &ArrayRef) -> Result<Spelled> {
        match self.is_files() {
            true => self.spell_in_files(writable, column, values),
            false => self.changeable()?.spell(writable, column, values),
        }
    }
}
