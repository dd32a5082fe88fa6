//! Tables of PostgreSQL as ones that are changed: images, what values become in a column, and the statements of a writer.

mod catalog;
mod failures;
mod images;
mod odd;
mod spelling;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::prelude::SessionContext;
use tieout::dataset::{
    Change, Changes, Databases, Failure, Image, Opened, Spelled, Writable, WriteLimits, Writer, image_name, open,
};
use tieout::progress::Progress;
use tieout::project::dataset_from_path;
use tieout::project::model::{Connector, Database as From};
use tokio::runtime::Runtime;

use crate::support::postgres::{Database, Postgres};

const LIMITS: WriteLimits =
    WriteLimits { lock_timeout: Duration::from_millis(300), statement_timeout: Duration::from_secs(20) };

/// A table that is open, and what it takes to change it.
pub struct Target {
    pub runtime: Runtime,
    pub opened: Opened,
    pub writable: Writable,
    from: From,
}

/// A new database, in which the script was run.
#[track_caller]
pub fn database(script: &str) -> Database {
    let database = Postgres::shared().database();
    database.sql(script);
    database
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Target {
    #[track_caller]
    pub fn new(database: &Database, table: &str) -> Self {
        Self::at(&database.url(), table, &[]).unwrap()
    }

    /// `text`: columns that are read as text.
    pub fn at(url: &str, table: &str, text: &[&str]) -> tieout::Result<Self> {
        let runtime = runtime();
        let options: Vec<_> = text.iter().map(|name| (format!("columns.{name}"), "text".to_string())).collect();
        let path = format!("{url}?table={table}");
        let dataset = dataset_from_path("t", &path, &options, Path::new("/"))?;
        let opened = runtime.block_on(open(
            &SessionContext::new(),
            &dataset,
            &Databases::default(),
            &Arc::new(Progress::default()),
        ))?;
        let writable = runtime.block_on(opened.writable())?;
        let Connector::Database(from) = dataset.connector else { panic!("{path} is no database") };
        Ok(Self { runtime, opened, writable, from })
    }

    pub fn try_writer(&self) -> tieout::Result<Hand<'_>> {
        let table = self.opened.database().unwrap();
        let writer = self.runtime.block_on(table.writer(&self.from, &self.writable, LIMITS))?;
        Ok(Hand { target: self, writer })
    }

    #[track_caller]
    pub fn writer(&self) -> Hand<'_> {
        self.try_writer().unwrap()
    }

    /// The rows as the comparison reads them, with their images, in the order of the first column.
    pub fn read(&self) -> RecordBatch {
        let table = self.opened.images(&self.writable, None).unwrap();
        let context = SessionContext::new();
        self.runtime.block_on(async {
            let frame = context.read_table(table).unwrap();
            let schema = Arc::new(frame.schema().as_arrow().clone());
            let batches = frame.collect().await.unwrap();
            concat_batches(&schema, &batches).unwrap()
        })
    }

    /// The images that are read beside the typed columns.
    pub fn images_read(&self) -> Vec<Image> {
        let batch = self.read();
        let column = |name: &str| batch.column_by_name(&image_name(name)).unwrap().as_string::<i32>();
        let cell = |row: usize, name: &str| {
            let column = column(name);
            datafusion::arrow::array::Array::is_valid(column, row).then(|| column.value(row).to_string())
        };
        let row = |row| self.writable.columns.iter().map(|column| cell(row, &column.name)).collect();
        let mut rows: Vec<Image> = (0..batch.num_rows()).map(row).collect();
        rows.sort();
        rows
    }

    #[track_caller]
    pub fn column(&self, name: &str) -> usize {
        self.writable.column(name).unwrap_or_else(|| panic!("no column {name}"))
    }

    #[track_caller]
    pub fn columns(&self, names: &[&str]) -> Vec<usize> {
        names.iter().map(|name| self.column(name)).collect()
    }

    #[track_caller]
    pub fn spell(&self, column: &str, values: ArrayRef) -> Spelled {
        self.opened.spell(&self.writable, self.column(column), &values).unwrap()
    }
}

/// A writer at work, which waits for each answer.
pub struct Hand<'a> {
    pub target: &'a Target,
    pub writer: Box<dyn Writer>,
}

pub type Rows = Result<Vec<Image>, Failure>;

impl Hand<'_> {
    pub fn begin(&mut self) {
        self.target.runtime.block_on(self.writer.begin()).unwrap();
    }

    pub fn commit(&mut self) -> Result<(), Failure> {
        self.target.runtime.block_on(self.writer.commit())
    }

    pub fn rollback(&mut self) {
        self.target.runtime.block_on(self.writer.rollback()).unwrap();
    }

    pub fn check(&mut self) -> Result<(), Failure> {
        self.target.runtime.block_on(self.writer.check())
    }

    /// The rows whose `address` columns have these texts, sorted.
    pub fn try_rows(&mut self, address: &[&str], at: &[&[Option<&str>]]) -> Rows {
        let address = self.target.columns(address);
        let at: Vec<Vec<Option<String>>> =
            at.iter().map(|at| at.iter().map(|cell| cell.map(String::from)).collect()).collect();
        let mut rows = self.target.runtime.block_on(self.writer.rows(&address, &at))?;
        rows.sort();
        Ok(rows)
    }

    #[track_caller]
    pub fn rows(&mut self, address: &[&str], at: &[&[Option<&str>]]) -> Vec<Image> {
        self.try_rows(address, at).unwrap()
    }

    /// The row of this `id`.
    #[track_caller]
    pub fn row(&mut self, id: &str) -> Image {
        let rows = self.rows(&["id"], &[&[Some(id)]]);
        assert_eq!(rows.len(), 1, "{id}");
        rows.into_iter().next().unwrap()
    }

    pub fn change(
        &mut self,
        change: Change,
        address: &[&str],
        set: &[&str],
        rows: &[(Option<&Image>, Option<&Image>)],
    ) -> Result<u64, Failure> {
        let (address, set) = (self.target.columns(address), self.target.columns(set));
        let changes = Changes { change, address: &address, set: &set, rows: rows.to_vec() };
        self.target.runtime.block_on(self.writer.change(&changes))
    }

    /// Changes one row found by `id`, in these columns.
    pub fn update(&mut self, set: &[&str], before: &Image, after: &Image) -> Result<u64, Failure> {
        self.change(Change::Update, &["id"], set, &[(Some(before), Some(after))])
    }

    pub fn insert(&mut self, set: &[&str], after: &Image) -> Result<u64, Failure> {
        self.change(Change::Insert, &["id"], set, &[(None, Some(after))])
    }

    pub fn delete(&mut self, before: &Image) -> Result<u64, Failure> {
        self.change(Change::Delete, &["id"], &[], &[(Some(before), None)])
    }
}

/// The image with other cells in these columns.
#[track_caller]
pub fn with(target: &Target, image: &Image, cells: &[(&str, Option<&str>)]) -> Image {
    let mut image = image.clone();
    for (name, cell) in cells {
        image[target.column(name)] = cell.map(String::from);
    }
    image
}
