//! A dataset as it is with corrected copies in place of their originals: what is read to see whether both sides agree then.

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::prelude::SessionContext;

use super::Copied;
use crate::dataset::store::Located;
use crate::dataset::{Opened, listing, open_listed};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::project::model::Dataset;

impl Opened {
    /// `dataset` is the one that was opened, and `copies` lie below `at`.
    pub async fn corrected(
        &self,
        session: &SessionContext,
        dataset: &Dataset,
        copies: &[Copied],
        at: &Located,
    ) -> Result<Arc<dyn TableProvider>> {
        let told = async {
            let files = self.rewritable()?;
            let replaced = |display: &str| copies.iter().any(|copy| copy.original.as_deref() == Some(display));
            let objects = files.store.objects().iter().enumerate();
            let others: Vec<usize> = objects.filter(|(_, object)| !replaced(&object.display)).map(|(n, _)| n).collect();
            let schema = self.table.schema();
            let others =
                LogicalPlanBuilder::from(scan("others", Arc::new(files.table.of_files(&others, false)), &schema)?);
            if copies.is_empty() {
                return Ok(Arc::new(ViewTable::new(others.build()?, None)) as Arc<dyn TableProvider>);
            }
            let names: Vec<&str> = copies.iter().map(|copy| copy.path.as_str()).collect();
            let listing = listing::named(at, &names).await?;
            // What is read of them is no input of a run.
            let copies = open_listed(session, dataset, listing, &Arc::new(Progress::default()), Utc::now()).await?;
            let plan = others.union(scan("copies", copies.table, &schema)?)?.build()?;
            Ok(Arc::new(ViewTable::new(plan, None)) as Arc<dyn TableProvider>)
        };
        told.await.map_err(|error: Error| error.context("dataset", &self.name))
    }
}

/// All rows of some files, in the columns of the whole dataset: files may have fewer, in narrower types.
fn scan(name: &str, table: Arc<dyn TableProvider>, schema: &Schema) -> Result<LogicalPlan> {
    let own = table.schema();
    let column = |field: &Arc<datafusion::arrow::datatypes::Field>| match own.field_with_name(field.name()) {
        Ok(found) if found.data_type() == field.data_type() => Expr::Column(Column::new(Some(name), field.name())),
        Ok(_) => {
            cast(Expr::Column(Column::new(Some(name), field.name())), field.data_type().clone()).alias(field.name())
        }
        Err(_) => cast(Expr::Literal(ScalarValue::Null, None), field.data_type().clone()).alias(field.name()),
    };
    let columns: Vec<Expr> = schema.fields().iter().map(column).collect();
    Ok(LogicalPlanBuilder::scan(name, provider_as_source(table), None)?.project(columns)?.build()?)
}
