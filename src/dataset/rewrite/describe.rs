//! What is known of files as a table that can be changed, and the images of their rows: the cells as they are read, which for CSV
//! is their text.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::parquet::arrow::{ArrowSchemaConverter, parquet_to_arrow_schema};
use datafusion::parquet::basic::Type as Physical;
use datafusion::parquet::file::metadata::FileMetaData;
use datafusion::parquet::schema::types::ColumnDescriptor;

use crate::dataset::listing::Object;
use crate::dataset::{Opened, OpenedFiles, TEXT_OF, Writable, WritableColumn, image_name};
use crate::error::{Error, ErrorKind, Result};

impl Opened {
    /// What is known of the files as a table that can be changed; an error where they cannot be written anew, which says why.
    pub fn writable_files(&self) -> Result<Writable> {
        let found = self.rewritable().and_then(|files| self.describe(files));
        found.map_err(|error| error.context("dataset", &self.name))
    }

    fn describe(&self, files: &OpenedFiles) -> Result<Writable> {
        for (footer, object) in files.footers.iter().zip(files.store.objects()) {
            check_layout(footer.file_metadata(), &object.display)?;
        }
        let schema = self.table.schema();
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let data_type = field.data_type();
            if !RowConverter::supports_fields(&[SortField::new(data_type.clone())]) {
                return Err(unwritable(&format!("rows cannot be told by {:?}, which is {data_type}", field.name())));
            }
            let declared = field.metadata().get(TEXT_OF).filter(|declared| !declared.is_empty());
            let moved = "it comes from the files' path: the row would have to move to another file";
            columns.push(WritableColumn {
                name: field.name().clone(),
                native: declared.cloned().unwrap_or_else(|| match (self.connector, data_type) {
                    ("csv", _) => "text".to_string(),
                    (_, data_type) => data_type.to_string(),
                }),
                image: data_type.clone(),
                never_null: !field.is_nullable(),
                generated: None,
                fixed: files.table.is_partition(field.name()).then(|| moved.to_string()),
                has_default: false,
                touched: false,
            });
        }
        Ok(Writable {
            connector: self.connector,
            table: place(files.store.objects()),
            columns,
            uniques: Vec::new(),
            parents: Vec::new(),
            dependents: Vec::new(),
            triggers: Vec::new(),
        })
    }

    /// The table with the image of each column beside it.
    pub fn file_images(&self) -> Result<Arc<dyn TableProvider>> {
        self.rewritable()?;
        const FILES: &str = "files";
        let column = |name: &str| Expr::Column(Column::new(Some(FILES), name));
        let schema = self.table.schema();
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let images = names().map(|name| column(name).alias(image_name(name)));
        let both = names().map(column).chain(images);
        let source = provider_as_source(Arc::clone(&self.table));
        let plan = LogicalPlanBuilder::scan(FILES, source, None)?.project(both)?.build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// Where the files are: the file, or what stands before all of their paths.
fn place(objects: &[Object]) -> String {
    match objects {
        [only] => only.display.clone(),
        [first, ..] => first.display.strip_suffix(&first.relative).unwrap_or(&first.display).to_string(),
        [] => String::new(),
    }
}

/// What is written must lie in the file as all else does: in the same physical types, at the same levels.
pub(super) fn check_layout(file: &FileMetaData, display: &str) -> Result<()> {
    let stored = file.schema_descr();
    let arrow = parquet_to_arrow_schema(stored, file.key_value_metadata())
        .map_err(|error| unwritable(&format!("{display}: {error}")))?;
    let unlike = |what: &str| unwritable(&format!("{display} keeps {what}"));
    let written = ArrowSchemaConverter::new().convert(&arrow).map_err(|error| unwritable(&error.to_string()))?;
    if written.num_columns() != stored.num_columns() {
        return Err(unlike("its columns in a way that is not written here"));
    }
    for (stored, written) in stored.columns().iter().zip(written.columns()) {
        let levels = |column: &ColumnDescriptor| (column.max_def_level(), column.max_rep_level());
        let name = stored.path().string();
        if stored.physical_type() == Physical::INT96 {
            return Err(unlike(&format!("{name:?} as INT96, an old form of timestamps that is not written any more")));
        }
        let same_type = stored.physical_type() == written.physical_type()
            && (stored.physical_type() != Physical::FIXED_LEN_BYTE_ARRAY
                || stored.type_length() == written.type_length());
        if levels(stored) != levels(written) || !(same_type || is_plain_decimal(stored, written)) {
            return Err(unlike(&format!("{name:?} in a way that is not written here ({})", stored.physical_type())));
        }
    }
    Ok(())
}

/// A decimal in an integer, or in as few bytes as its digits take.
fn is_plain_decimal(stored: &ColumnDescriptor, written: &ColumnDescriptor) -> bool {
    let integers = [Physical::INT32, Physical::INT64];
    let fixed = Physical::FIXED_LEN_BYTE_ARRAY;
    if stored.type_precision() <= 0 || stored.type_precision() != written.type_precision() {
        return false;
    }
    let bits = (10.0_f64.powi(stored.type_precision()) + 1.0).log2() + 1.0;
    let bytes = (bits / 8.0).ceil() as i32;
    integers.contains(&stored.physical_type()) || stored.physical_type() == fixed && stored.type_length() == bytes
}

pub(super) fn unwritable(what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the files cannot be written anew: {what}"))
        .hint("write them with the same rows in a plain form, or repair them by your own means: `tieout repair export`")
}

/// The type that a cell has in the files: text, of CSV and of partitions.
pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
