//! `tieout compile`: a rule as one statement, with what a reader must know of it in comments above.

use chrono::Utc;

use crate::engine::Engine;
use crate::engine::catalog::table_name;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Project;
use crate::rule::plan::MatchPlan;
use crate::rule::resolve::text_of;
use crate::rule::sql::{Dialect, rule_sql};
use crate::run::planned::{Plan, Planned};
use crate::run::{RunOptions, chosen, engine, of_rule};
use crate::side::{BySide, Side};

/// The SQL of a rule. `portable`: plain SQL over tables that are named like the datasets.
pub async fn compile(project: &Project, rule: &str, portable: bool, options: &RunOptions) -> Result<String> {
    let engine = engine(project, options, None)?;
    let rule = chosen(project, &[rule.to_string()])?.remove(0);
    let planned = Planned::of(&engine, rule, Utc::now()).await.map_err(|error| of_rule(error, rule))?;
    let plan = match &planned.plan {
        Plan::Match(plan) => plan,
        Plan::Sql(sql) => return Ok(format!("{}\n", sql.query.sql.trim_end())),
    };
    if let (true, Some(column)) = (portable, plan.key.iter().chain(&plan.values).find(|column| column.normal.json)) {
        let message = format!("`{}` is compared as JSON, by value, for which plain SQL has no words", column.name);
        let error = Error::new(ErrorKind::Config, message);
        return Err(of_rule(error.hint("leave out --portable, or `json` of the column"), rule));
    }
    let mut comments = vec![format!("rule {}: every row is a divergence", rule.name)];
    if let (true, Some(datasets)) = (portable, planned.datasets) {
        comments.extend(tables(&engine, datasets).await?);
    }
    comments.extend(plan.notes.iter().cloned());
    comments.extend(schema(plan));
    let sql = rule_sql(plan, if portable { Dialect::Portable } else { Dialect::Engine })?;
    let comments: String = comments.iter().flat_map(|text| text.lines()).map(|line| format!("-- {line}\n")).collect();
    Ok(format!("{comments}{}\n", sql.trim_end()))
}

/// What another engine must have for the statement to run there.
async fn tables(engine: &Engine, datasets: &BySide<String>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for side in Side::BOTH {
        let name = datasets.get(side);
        let opened = engine.catalog.open(name).await?;
        let text = opened.is_some_and(|opened| opened.table.schema().fields().iter().any(|f| text_of(f).is_some()));
        let how = if text { ", its untyped columns as text, with NULL for an empty cell" } else { "" };
        lines.push(format!("{side}: the table {}{how}", table_name(name)));
    }
    Ok(lines)
}

/// Columns that the statement cannot compare: they are divergences too.
fn schema(plan: &MatchPlan) -> Vec<String> {
    let only = |columns: &[String], side: Side| -> Vec<String> {
        columns.iter().map(|column| format!("schema_mismatch: column `{column}` stands only in the {side}")).collect()
    };
    let types = plan.schema.type_differs.iter().map(|differs| {
        let BySide { source, target } = &differs.types;
        format!("schema_mismatch: column `{}` is {source} in the source and {target} in the target", differs.column)
    });
    let mut lines = only(&plan.schema.only_in_source, Side::Source);
    lines.extend(only(&plan.schema.only_in_target, Side::Target));
    lines.extend(types);
    lines
}
