//! A rule whose datasets are open and whose columns are known: nothing that a plan can find wrong is left.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::error::Result as DataFusionResult;
use datafusion::prelude::DataFrame;

use crate::engine::catalog::{TEXT_SUFFIX, table_name};
use crate::engine::{Choice, Engine, Strategy, choose};
use crate::error::{Error, Result};
use crate::project::model::{Rule, RuleKind, SqlRule};
use crate::rule::plan::{ColumnPlan, Filter, MatchPlan, ReadFrom, Relation};
use crate::rule::position::locate;
use crate::rule::resolve::{resolve, text_of};
use crate::rule::sql::{Dialect, from_clause, side_sql, typed_from};
use crate::rule::totals::resolve_totals;
use crate::run::sql_rule::check_columns;
use crate::side::{BySide, Side};

pub struct Planned<'a> {
    pub rule: &'a Rule,
    pub plan: Plan<'a>,
    /// Names of the datasets of both sides; none for a `sql` rule.
    pub datasets: Option<&'a BySide<String>>,
}

pub enum Plan<'a> {
    Match(Arc<MatchPlan>),
    Sql(&'a SqlRule),
}

/// Why a `sql` rule is run as it is.
pub const QUERY: &str = "every row that the query returns is a divergence";

impl<'a> Planned<'a> {
    pub async fn of(engine: &Engine, rule: &'a Rule, started: DateTime<Utc>) -> Result<Self> {
        let (plan, datasets) = match &rule.kind {
            RuleKind::Match(matching) => {
                let relations = relations(engine, &matching.dataset, true).await?;
                let plan = resolve(&engine.ctx, &rule.name, matching, relations, started).await?;
                (plan, &matching.dataset)
            }
            RuleKind::Totals(totals) => {
                let relations = relations(engine, &totals.dataset, false).await?;
                let plan = resolve_totals(&engine.ctx, &rule.name, totals, relations, started).await?;
                (plan, &totals.dataset)
            }
            RuleKind::Sql(sql) => {
                let frame = plans(engine, &sql.query.sql).await;
                let frame = frame.map_err(|error| locate(error, &sql.query, &sql.query.sql))?;
                check_columns(frame.schema().as_arrow().fields(), sql)?;
                return Ok(Self { rule, plan: Plan::Sql(sql), datasets: None });
            }
        };
        check_fragments(engine, &plan).await?;
        Ok(Self { rule, plan: Plan::Match(Arc::new(plan)), datasets: Some(datasets) })
    }

    pub fn kind(&self) -> &'static str {
        match self.rule.kind {
            RuleKind::Match(_) => "match",
            RuleKind::Totals(_) => "totals",
            RuleKind::Sql(_) => "sql",
        }
    }

    /// What the planner decides for a match; none for a `sql` rule. What the plan does not tell of its sides, their
    /// datasets do.
    pub async fn choice(&self, engine: &Engine, forced: Option<Strategy>, exact: bool) -> Result<Option<Choice>> {
        let (Plan::Match(plan), Some(datasets)) = (&self.plan, self.datasets) else { return Ok(None) };
        let mut choice = choose(plan, engine.wish(forced, exact));
        for side in Side::BOTH {
            let estimate = choice.estimate.get_mut(side);
            if estimate.files.is_none() {
                let name = datasets.get(side);
                let inputs = engine.catalog.inputs(name).await?;
                estimate.rows = engine.catalog.open(name).await?.and_then(|opened| opened.rows);
                estimate.bytes = Some(inputs.iter().map(|input| input.size).sum());
                estimate.files = Some(inputs.len());
            }
        }
        Ok(Some(choice))
    }

    /// Bytes of all files that the rule reads.
    pub async fn bytes(&self, engine: &Engine) -> Result<u64> {
        let mut bytes = 0;
        for name in self.names(engine)? {
            bytes += engine.catalog.inputs(&name).await?.iter().map(|input| input.size).sum::<u64>();
        }
        Ok(bytes)
    }

    pub fn names(&self, engine: &Engine) -> Result<Vec<String>> {
        match (&self.plan, self.datasets) {
            (Plan::Sql(sql), _) => engine.catalog.references(&sql.query.sql),
            (_, Some(datasets)) => Ok(vec![datasets.source.clone(), datasets.target.clone()]),
            (_, None) => Ok(Vec::new()),
        }
    }

    /// The datasets of the rule, and those that its expressions read besides.
    pub fn all_names(&self, engine: &Engine) -> Result<Vec<String>> {
        let mut names = self.names(engine)?;
        if let Plan::Match(plan) = &self.plan {
            for side in Side::BOTH {
                names.extend(engine.catalog.references(&side_sql(plan, side, Dialect::Engine)?)?);
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Rows that the engine will be handed, where metadata tells.
    pub fn rows(&self) -> Option<u64> {
        match &self.plan {
            Plan::Match(plan) => Some(plan.sides.source.exact_rows? + plan.sides.target.exact_rows?),
            Plan::Sql(_) => None,
        }
    }
}

/// What stands behind FROM for both sides. `text`: cells as they are, for rules to which an unreadable cell is a divergence.
pub async fn relations(engine: &Engine, names: &BySide<String>, text: bool) -> Result<BySide<Relation>> {
    let of_side = async |side: Side| {
        let relation = relation(engine, names.get(side), text).await;
        relation.map_err(|error: Error| error.context("side", side.as_str()))
    };
    // At once, for stores that are far away; of two errors, the source's is told.
    let (source, target) = futures::future::join(of_side(Side::Source), of_side(Side::Target)).await;
    Ok(BySide::new(source?, target?))
}

async fn relation(engine: &Engine, name: &str, text: bool) -> Result<Relation> {
    let opened = engine.catalog.open(name).await?;
    let exact_rows = opened.as_ref().and_then(|opened| opened.rows);
    let portable = match &opened {
        Some(opened) => typed_from(&table_name(name), &opened.table.schema())?,
        None => table_name(name),
    };
    if let Some(opened) = &opened {
        let schema = opened.table.schema();
        let declared = schema.fields().iter().any(|field| text_of(field).flatten().is_some());
        if text && declared {
            let (from, portable) = (table_name(&format!("{name}{TEXT_SUFFIX}")), table_name(name));
            let (schema, opened) = (schema.as_ref().clone(), Some(opened.clone()));
            return Ok(Relation { from, portable, schema, exact_rows, opened });
        }
    }
    let from = table_name(name);
    let frame = engine.ctx.sql(&format!("SELECT * FROM {from}")).await?;
    let schema = frame.schema().as_arrow().clone();
    // What `columns:` declares is read by a view over the files.
    let opened = opened.filter(|opened| schema.fields() == opened.table.schema().fields());
    Ok(Relation { from, portable, schema, exact_rows, opened })
}

/// Plans a query as far as its types are known to fit; reads nothing.
async fn plans(engine: &Engine, sql: &str) -> DataFusionResult<DataFrame> {
    let frame = engine.sql(sql).await?;
    engine.ctx.state().optimize(frame.logical_plan())?;
    Ok(frame)
}

/// Plans what an analyst wrote, so that an error names its place before anything is read.
async fn check_fragments(engine: &Engine, plan: &MatchPlan) -> Result<()> {
    let expression = |column: &ColumnPlan| {
        Side::BOTH.into_iter().any(|side| matches!(column.read.get(side).from, ReadFrom::Expression(_)))
    };
    let filtered = |side: Side| plan.sides.get(side).filter.is_some() || !plan.sides.get(side).filters.is_empty();
    if !Side::BOTH.into_iter().any(filtered) && !plan.key.iter().chain(&plan.values).any(expression) {
        return Ok(());
    }
    for side in Side::BOTH {
        let sql = side_sql(plan, side, Dialect::Engine)?;
        let Err(error) = plans(engine, &sql).await else { continue };
        let side_plan = plan.sides.get(side);
        if let Some(fragment) = &side_plan.filter {
            let from = from_clause(side_plan, Dialect::Engine);
            let sql = format!("SELECT 1 FROM {from} WHERE {}", fragment.inline());
            if let Err(error) = plans(engine, &sql).await {
                return Err(locate(error, fragment, &sql).context("side", side.as_str()));
            }
        }
        for filter in &side_plan.filters {
            if let Filter::Where(fragment) = filter {
                return Err(locate(error, fragment, &sql).context("side", side.as_str()));
            }
        }
        return Err(Error::from(error).context("side", side.as_str()));
    }
    Ok(())
}
