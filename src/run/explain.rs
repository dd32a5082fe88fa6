//! `tieout run --explain`: how each rule would be compared, and why. Plans only: nothing is compared, nothing written.

use std::sync::Arc;

use chrono::Utc;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use serde::Serialize;

use crate::divergence::Assembler;
use crate::engine::{Choice, Engine, Estimate, Rejected};
use crate::error::Result;
use crate::project::model::{Project, SqlRule};
use crate::rule::plan::MatchPlan;
use crate::run::match_rule::{emit, no_choice};
use crate::run::planned::{Plan, Planned, QUERY};
use crate::run::{RunOptions, cache, chosen, engine, of_rule};
use crate::side::BySide;
use crate::verdict::Guarantee;

/// What stands in a plan's place where it cannot be made without the values of parameters.
const HIDDEN: &str = "not shown: it depends on the values of parameters";

/// What is planned for some rules. Its JSON is a contract (docs/reference, section "JSON summary").
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    pub rules: Vec<RuleExplanation>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RuleExplanation {
    pub rule: String,
    /// `match`, `totals` or `sql`.
    pub kind: &'static str,
    pub strategy: &'static str,
    pub guarantee: Guarantee,
    pub why: String,
    pub rejected: Vec<Rejected>,
    /// None for a `sql` rule.
    pub estimate: Option<BySide<Estimate>>,
    /// DataFusion's physical plan, one node a line; parameters stand in it by name.
    pub plan: String,
    /// The datasets' names (paths, for `diff`), secrets removed. None for a `sql` rule.
    #[serde(skip)]
    pub datasets: Option<BySide<String>>,
}

/// Plans the named rules, or all.
pub async fn explain(project: &Project, rules: &[String], options: &RunOptions) -> Result<Explanation> {
    let started = Utc::now();
    let exact = options.exact()?;
    let engine = engine(project, options, cache(project, options).await?)?;
    let mut explained = Vec::new();
    for rule in chosen(project, rules)? {
        let explanation = async {
            let planned = Planned::of(&engine, rule, started).await?;
            match &planned.plan {
                Plan::Match(plan) => of_match(&engine, &planned, plan, options, exact).await,
                Plan::Sql(sql) => of_query(&engine, &planned, sql).await,
            }
        };
        explained.push(explanation.await.map_err(|error| of_rule(error, rule))?);
    }
    Ok(Explanation { rules: explained })
}

async fn of_match(
    engine: &Arc<Engine>,
    planned: &Planned<'_>,
    plan: &Arc<MatchPlan>,
    options: &RunOptions,
    exact: bool,
) -> Result<RuleExplanation> {
    let choice = planned.choice(engine, options.strategy, exact).await?.ok_or_else(no_choice)?;
    let Choice { strategy, why, rejected, estimate } = choice;
    let why = engine.foreseen(plan, strategy).await?.unwrap_or(why);
    let assembler = Arc::new(Assembler::new("", plan.clone()));
    let shown = shown(engine, async |engine: Arc<Engine>| {
        let operator = engine.explained(plan, strategy, exact, emit(assembler.clone(), None)).await?;
        Ok(Arc::new(operator) as Arc<dyn ExecutionPlan>)
    });
    Ok(RuleExplanation {
        rule: planned.rule.name.clone(),
        kind: planned.kind(),
        strategy: strategy.as_str(),
        guarantee: strategy.guarantee(),
        why,
        rejected,
        estimate: Some(estimate),
        plan: shown.await?,
        datasets: planned.datasets.cloned(),
    })
}

async fn of_query(engine: &Arc<Engine>, planned: &Planned<'_>, sql: &SqlRule) -> Result<RuleExplanation> {
    let shown =
        shown(engine, async |engine: Arc<Engine>| Ok(engine.sql(&sql.query.sql).await?.create_physical_plan().await?));
    Ok(RuleExplanation {
        rule: planned.rule.name.clone(),
        kind: planned.kind(),
        strategy: "query",
        guarantee: Guarantee::Exact,
        why: QUERY.into(),
        rejected: Vec::new(),
        estimate: None,
        plan: shown.await?,
        datasets: None,
    })
}

/// A plan as text. It is made as a run makes it, so that its errors are those of a run, and then with the values of
/// parameters out of sight.
async fn shown(
    engine: &Arc<Engine>,
    make: impl AsyncFn(Arc<Engine>) -> Result<Arc<dyn ExecutionPlan>>,
) -> Result<String> {
    let text =
        |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(false).to_string().trim_end().to_string();
    let plan = make(engine.clone()).await?;
    if engine.params.is_empty() {
        return Ok(text(&plan));
    }
    let hiding = Arc::new(Engine { params: engine.params.hidden(), ..engine.as_ref().clone() });
    // A function may want to see a value while it is planned.
    Ok(make(hiding).await.map_or_else(|_| HIDDEN.to_string(), |plan| text(&plan)))
}
