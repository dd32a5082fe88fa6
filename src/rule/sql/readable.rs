//! A whole rule as one statement that a person reads: both sides, what diverges, and the columns of the divergence table.

use serde::Serialize;

use crate::error::Result;
use crate::rule::names::key_names;
use crate::rule::plan::{ColumnPlan, MatchPlan};
use crate::rule::portable;
use crate::rule::sql::classify::{aliases, classify, compared_column};
use crate::rule::sql::{Dialect, Item, ident, literal, side_sql};
use crate::side::{BySide, Side};

/// The rule as one statement.
pub fn rule_sql(plan: &MatchPlan, dialect: Dialect) -> Result<String> {
    let simplified;
    let plan = match dialect {
        Dialect::Engine => plan,
        Dialect::Portable => {
            simplified = portable::simplified(plan);
            &simplified
        }
    };
    let sides = BySide::new(Side::Source, Side::Target).try_map(|side, _| side_sql(plan, side, dialect))?;
    classify(plan, dialect, sides, true)
}

/// A value column, in the SELECT list around the join.
#[derive(Debug, Clone, Serialize)]
pub struct Flagged {
    /// The name of "the cells differ".
    flag: String,
    /// The column's name as text.
    label: String,
}

impl From<Flagged> for minijinja::Value {
    fn from(column: Flagged) -> Self {
        minijinja::Value::from(minijinja::value::Serde(column))
    }
}

pub fn flagged(plan: &MatchPlan) -> Vec<Flagged> {
    plan.values.iter().map(|c| Flagged { flag: flag(c), label: literal(&c.name) }).collect()
}

fn flag(column: &ColumnPlan) -> String {
    ident(&format!("{}#differs", column.name))
}

/// As the divergence table is sorted.
pub fn order(plan: &MatchPlan) -> Vec<String> {
    let keys = keys(plan).into_iter().map(|key| format!("{key} NULLS FIRST"));
    keys.chain(["kind", "side", "\"#ordinal\""].map(String::from)).collect()
}

/// The key columns as the divergence table names them.
pub fn keys(plan: &MatchPlan) -> Vec<String> {
    let cells = cells(plan);
    let taken: Vec<&str> = cells.iter().map(|(_, name)| name.as_str()).collect();
    let (keys, _) = key_names(plan.key.iter().map(|column| column.name.as_str()), &taken);
    keys.iter().map(|key| ident(key)).collect()
}

/// Both sides' cells, and their names in the divergence table.
pub fn cells(plan: &MatchPlan) -> Vec<(String, String)> {
    let rows = aliases(plan);
    let both = |column: &ColumnPlan| {
        let name = column.name.clone();
        Side::BOTH.map(|side| (format!("{}.{}", rows.get(side), ident(&name)), format!("{side}_{name}")))
    };
    plan.values.iter().flat_map(both).collect()
}

/// The SELECT list of the join; `only`: of one side alone, without a join.
pub fn fields(plan: &MatchPlan, dialect: Dialect, only: Option<Side>) -> Vec<Item> {
    let rows = aliases(plan);
    let key = |(column, name): (&ColumnPlan, String)| {
        let own = ident(&column.name);
        let sql = match only {
            Some(side) => format!("{}.{own}", rows.get(side)),
            None => format!("coalesce({}.{own}, {}.{own})", rows.source, rows.target),
        };
        Item { sql, name }
    };
    let mut items: Vec<Item> = plan.key.iter().zip(keys(plan)).map(key).collect();
    if only.is_none() {
        let differs = |column: &ColumnPlan| compared_column(column, dialect, &rows).differs;
        items.extend(plan.values.iter().map(|column| Item { sql: differs(column), name: flag(column) }));
        items.extend(cells(plan).into_iter().map(|(sql, name)| Item { sql, name: ident(&name) }));
    }
    items
}
