//! What became of each divergence of a rule: views over its tables of all runs, from the templates of `queries/history/`.
//!
//! Runs are ordered by their start. Only a whole run, one that no limit stopped and that is not inconclusive, resolves what it did not
//! find.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::datasource::ViewTable;
use datafusion::prelude::SessionContext;
use minijinja::context;

use crate::divergence::reader::Sightings;
use crate::divergence::schema::head;
use crate::error::Result;
use crate::rule::sql::{Item, ident, literal, render};

/// Columns of the view that no divergence table has.
const OURS: [&str; 6] = ["state", "first_seen", "last_seen", "open_since", "runs_seen", "values_changed"];

/// The sightings of a rule's divergences, as a view that others are made of.
pub struct Lives {
    /// Plans, and never executes: names in it are no names of a user's session.
    planner: SessionContext,
    columns: Vec<Item>,
    /// Runs that found something, and whose tables are expired.
    pub expired: BTreeSet<String>,
    /// Whether it is known what was open after them.
    base: bool,
    /// What the names begin with that no column of the rule has.
    mark: String,
}

impl Lives {
    /// `runs`: the records of all runs; `keys`: the names of the key columns in the divergence tables.
    pub async fn of(
        rule: &str,
        keys: BTreeSet<String>,
        runs: Arc<dyn TableProvider>,
        tables: Sightings,
    ) -> Result<Self> {
        let Sightings { table: divergences, base, expired } = tables;
        let planner = SessionContext::new();
        crate::sql::register(&planner)?;
        let schema = divergences.schema();
        let columns = other_columns(&schema);
        planner.register_table("runs", runs)?;
        planner.register_table("divergences", divergences)?;
        let after = match base {
            Some((run_id, open)) => {
                planner.register_table("base", open)?;
                Some(literal(&run_id))
            }
            None => None,
        };
        let mut mark = "#".to_string();
        while schema.fields().iter().any(|field| field.name().starts_with(&mark)) {
            mark.push('#');
        }
        let this = Self { planner, columns, expired, base: after.is_some(), mark };
        let values = value_columns(&schema, &keys);
        let all: Vec<String> = schema.fields().iter().map(|field| ident(field.name())).collect();
        let sightings = context! { rule => literal(rule), values, all, base => after };
        let sightings = this.view("history/sightings", sightings).await?;
        this.planner.register_table("sightings", sightings)?;
        Ok(this)
    }

    /// One row a divergence, as it was last seen: `history.<rule>`.
    pub async fn last_seen(&self) -> Result<Arc<dyn TableProvider>> {
        self.view("history/last_seen", context! { columns => self.columns.clone(), base => self.base }).await
    }

    /// How many divergences each run found, by state and by the run that resolved them.
    pub async fn by_run(&self) -> Result<Arc<dyn TableProvider>> {
        self.view("history/runs", context! { base => self.base }).await
    }

    async fn view(&self, template: &str, values: minijinja::Value) -> Result<Arc<dyn TableProvider>> {
        let mark = self.mark.as_str();
        let sql = render(template, context! { mark, ..values })?;
        let plan = self.planner.state().create_logical_plan(&sql).await?;
        Ok(Arc::new(ViewTable::new(plan, Some(sql))))
    }
}

/// What may change while a divergence stays the same, quoted: the cells of both sides; of a `sql` rule all columns but the key.
pub fn value_columns(schema: &Schema, keys: &BTreeSet<String>) -> Vec<String> {
    let head = head();
    let of_sql = schema.column_with_name("changed_columns").is_none();
    let is_value = |name: &str| match of_sql {
        true => !head.iter().any(|field| field.name() == name),
        false => name.starts_with("source_") || name.starts_with("target_") || name == "unreadable",
    };
    let names = schema.fields().iter().map(|field| field.name());
    names.filter(|name| is_value(name) && !keys.contains(*name)).map(|name| ident(name)).collect()
}

/// All columns but those that the view begins with. One that is called like one of the view's own becomes `key_<name>`.
fn other_columns(schema: &Schema) -> Vec<Item> {
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let mut used: BTreeSet<String> = OURS.iter().map(|name| name.to_string()).collect();
    let others: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let mut columns = Vec::new();
    for name in names.into_iter().filter(|name| !["divergence_id", "kind"].contains(&name.as_str())) {
        let mut written = name.clone();
        while used.contains(&written.to_lowercase()) || written != *name && others.contains(&written.to_lowercase()) {
            written = format!("key_{written}");
        }
        used.insert(written.to_lowercase());
        columns.push(Item { sql: ident(name), name: ident(&written) });
    }
    columns
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    fn schema(names: &[&str]) -> Schema {
        Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>())
    }

    #[test]
    fn names_of_ours_are_left_to_us() {
        let columns = other_columns(&schema(&["run_id", "divergence_id", "kind", "State", "key_state", "n"]));
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["\"run_id\"", "\"key_key_State\"", "\"key_state\"", "\"n\""]);
    }

    #[test]
    fn values_are_what_is_neither_identity_nor_key() {
        let keys = BTreeSet::from(["source_id".to_string()]);
        let of_match =
            schema(&["run_id", "kind", "source_id", "changed_columns", "source_v", "target_v", "unreadable"]);
        assert_eq!(value_columns(&of_match, &keys), ["\"source_v\"", "\"target_v\"", "\"unreadable\""]);
        let of_sql = schema(&["run_id", "divergence_id", "kind", "side", "source_id", "v"]);
        assert_eq!(value_columns(&of_sql, &keys), ["\"v\""]);
    }
}
