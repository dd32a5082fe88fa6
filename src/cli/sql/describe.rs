//! `\d`: which tables there are, and what columns one of them has.

use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;

use crate::error::{Error, ErrorKind, Result};
use crate::report::table::{Align, Cell, Table};
use crate::report::value::escape;

/// DataFusion's own tables about tables.
const INFORMATION: &str = "information_schema";

/// All tables, by name.
pub fn tables(context: &SessionContext) -> String {
    let names = names(context);
    if names.is_empty() {
        return "There are no tables here. Start in a folder with a tieout.yaml, or give --project.\n".into();
    }
    names.iter().map(|name| escape(&name.to_quoted_string()) + "\n").collect()
}

/// Names as short as they can be said: without the default catalog and schema.
fn names(context: &SessionContext) -> Vec<TableReference> {
    let options = context.copied_config().options().catalog.clone();
    let mut names = Vec::new();
    for catalog_name in context.catalog_names() {
        let Some(catalog) = context.catalog(&catalog_name) else { continue };
        for schema_name in catalog.schema_names().into_iter().filter(|name| name != INFORMATION) {
            let Some(schema) = catalog.schema(&schema_name) else { continue };
            for table in schema.table_names() {
                let default = (catalog_name == options.default_catalog, schema_name == options.default_schema);
                names.push(match default {
                    (true, true) => TableReference::bare(table),
                    (true, false) => TableReference::partial(schema_name.as_str(), table),
                    (false, _) => TableReference::full(catalog_name.as_str(), schema_name.as_str(), table),
                });
            }
        }
    }
    names.sort_by_key(ToString::to_string);
    names
}

/// The columns of the table `name`, which may be written as in SQL or exactly as it is called.
pub async fn columns(context: &SessionContext, name: &str) -> Result<String> {
    let name = name.trim().trim_end_matches(';');
    let known = names(context);
    let exact = known.iter().find(|table| table.to_string() == name).cloned();
    let table = exact.unwrap_or_else(|| TableReference::parse_str(name));
    if !context.table_exist(table.clone())? {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no table `{name}`")).hint("\\d lists the tables"));
    }
    let provider = context.table_provider(table).await?;
    let mut columns = Table::new([Align::Left, Align::Left, Align::Left]);
    columns.row(["column", "type", "null"].map(Cell::from)).rule();
    for field in provider.schema().fields() {
        let null = if field.is_nullable() { "" } else { "never" };
        columns.row([escape(field.name()).into(), escape(&field.data_type().to_string()).into(), null.into()]);
    }
    Ok(columns.render(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tables_and_columns() {
        let context = SessionContext::new();
        assert!(tables(&context).starts_with("There are no tables"));
        context.sql("CREATE VIEW orders AS SELECT 1 AS id, 'x' AS status").await.unwrap();
        context.sql("CREATE VIEW \"Bank.Lines\" AS SELECT NULL AS nothing").await.unwrap();
        assert_eq!(tables(&context), "\"Bank.Lines\"\norders\n");
        insta::assert_snapshot!(columns(&context, "orders;").await.unwrap(), @"
        column  type   null
        ------  -----  -----
        id      Int64  never
        status  Utf8   never
        ");
        assert!(columns(&context, "Bank.Lines").await.is_ok());
        assert!(columns(&context, "\"Bank.Lines\"").await.is_ok());
        assert_eq!(columns(&context, "ordres").await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
