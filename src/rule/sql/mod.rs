//! MatchPlan -> SQL, through the templates of `queries/`. Here identifiers are quoted and expressions are put together;
//! the shape of each statement stands in its template.
//!
//! Two dialects: `Engine` uses tieout's SQL functions, which keep the meaning of equal to the letter; `Portable` plain SQL.

mod classify;
pub mod field;
mod indent;
mod readable;
mod side;

use minijinja::Environment;
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::ColumnPlan;

pub use classify::{aliases, classify_sql, pair_fields};
pub use readable::rule_sql;
pub use side::{
    digested_sql, from_clause, local_checksum_sql, repeated_sql, shown_keys_sql, side_sql, typed_from, zipped_sql,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Engine,
    Portable,
}

/// `"a ""quoted"" name"`.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'it''s'`.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A statement from a template of `queries/`.
pub fn render(template: &str, values: minijinja::Value) -> Result<String> {
    let source = match template {
        "side" => include_str!("../../../queries/side.sql"),
        "declared" => include_str!("../../../queries/declared.sql"),
        "digested" => include_str!("../../../queries/digested.sql"),
        "repeated" => include_str!("../../../queries/repeated.sql"),
        "violations" => include_str!("../../../queries/violations.sql"),
        "totals" => include_str!("../../../queries/totals.sql"),
        "classify" => include_str!("../../../queries/classify.sql"),
        "classify_rows" => include_str!("../../../queries/classify_rows.sql"),
        "history/sightings" => include_str!("../../../queries/history/sightings.sql"),
        "history/last_seen" => include_str!("../../../queries/history/last_seen.sql"),
        "history/open" => include_str!("../../../queries/history/open.sql"),
        "history/runs" => include_str!("../../../queries/history/runs.sql"),
        "history/compare" => include_str!("../../../queries/history/compare.sql"),
        "causes/consecutive" => include_str!("../../../queries/causes/consecutive.sql"),
        "causes/stretch" => include_str!("../../../queries/causes/stretch.sql"),
        "acks/acks" => include_str!("../../../queries/acks/acks.sql"),
        "acks/heeded" => include_str!("../../../queries/acks/heeded.sql"),
        "acks/open" => include_str!("../../../queries/acks/open.sql"),
        "acks/chosen" => include_str!("../../../queries/acks/chosen.sql"),
        "checksum/local" => include_str!("../../../queries/checksum/local.sql"),
        other => return Err(Error::new(ErrorKind::Internal, format!("there is no template {other}"))),
    };
    let mut environment = Environment::new();
    environment.add_filter("indented", |sql: &str, width: usize| indent::indented(sql, width));
    let rendered = environment.render_str(source, values);
    let text =
        rendered.map_err(|error| Error::new(ErrorKind::Internal, format!("template {template}")).source(error))?;
    Ok(text.trim_start().to_string())
}

/// `sql AS name` in a template.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    pub sql: String,
    pub name: String,
}

impl From<Item> for minijinja::Value {
    fn from(item: Item) -> Self {
        minijinja::Value::from(minijinja::value::Serde(item))
    }
}

/// The names that a column's parts go by inside the statements, quoted.
#[derive(Debug, Clone)]
pub struct Parts {
    /// As the side has it (of a key: as the common type).
    pub own: String,
    /// What is compared; `own` where that is the same.
    pub cmp: String,
    /// Text that could not be read.
    pub residue: Option<String>,
    /// At full width, for a tolerance.
    pub wide: Option<String>,
}

impl Parts {
    pub fn of(column: &ColumnPlan) -> Self {
        let name = &column.name;
        let own = ident(name);
        let cmp = if column.has_cmp() { ident(&format!("{name}#cmp")) } else { own.clone() };
        Self {
            own,
            cmp,
            residue: column.has_residue().then(|| ident(&format!("{name}#text"))),
            wide: column.wide().map(|_| ident(&format!("{name}#wide"))),
        }
    }

    /// What two cells must agree in to be equal.
    pub fn compared(&self) -> Vec<String> {
        std::iter::once(self.cmp.clone()).chain(self.residue.clone()).collect()
    }
}

/// The same as [`compared`], as the columns are named in a batch.
pub fn compared_names(columns: &[ColumnPlan]) -> Vec<String> {
    let plain = |quoted: &String| quoted[1..quoted.len() - 1].replace("\"\"", "\"");
    compared(columns).iter().map(plain).collect()
}

/// What is compared of all columns, in order.
pub fn compared(columns: &[ColumnPlan]) -> Vec<String> {
    columns.iter().flat_map(|column| Parts::of(column).compared()).collect()
}
