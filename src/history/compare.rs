//! Two runs side by side: what one of them found and the other did not.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use minijinja::context;
use serde::Serialize;

use crate::divergence::{Recorded, Width, value_columns};
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::history::rows::Rows;
use crate::rule::sql::{literal, render};
use crate::verdict::Outcome;

/// Two runs. Its JSON is a contract (docs/reference, page "History").
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub first: RunStart,
    pub second: RunStart,
    /// Every rule of either run, by name.
    pub rules: Vec<Compared>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RunStart {
    pub run_id: String,
    pub started_at: DateTime<Utc>,
}

/// One rule in both runs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Compared {
    pub rule: String,
    /// None where the run was not one of this rule.
    pub first_outcome: Option<Outcome>,
    pub second_outcome: Option<Outcome>,
    /// A limit stopped one of the two, or it is inconclusive: what it did not find may be there all the same.
    pub partial: bool,
    pub only_in_first: u64,
    pub only_in_second: u64,
    pub in_both: u64,
    /// Of those in both: another kind, other values, or either.
    pub kind_changed: u64,
    pub values_changed: u64,
    pub changed: u64,
}

impl Past {
    /// Compares the runs whose ids begin with these texts.
    pub async fn compare(&self, first: &str, second: &str) -> Result<Comparison> {
        let (first, second) = (self.run(first)?, self.run(second)?);
        if first == second {
            return Err(Error::new(ErrorKind::Usage, format!("both are the run {first}"))
                .hint("name two runs; `tieout history RULE` lists them"));
        }
        let of = |id: &str| -> Vec<&Recorded> { self.recorded.iter().filter(|one| one.run_id == id).collect() };
        let (in_first, in_second) = (of(first), of(second));
        let names: BTreeSet<&str> = in_first.iter().chain(&in_second).map(|recorded| recorded.rule.as_str()).collect();
        let mut rules = Vec::new();
        for name in names {
            let find = |recorded: &[&Recorded]| recorded.iter().find(|one| one.rule == name).copied().cloned();
            rules.push(self.compare_rule(name, [find(&in_first), find(&in_second)], [first, second]).await?);
        }
        let start = |recorded: &[&Recorded], id: &str| RunStart {
            run_id: id.to_string(),
            started_at: recorded.first().map_or(DateTime::UNIX_EPOCH, |one| one.started_at),
        };
        Ok(Comparison { first: start(&in_first, first), second: start(&in_second, second), rules })
    }

    async fn compare_rule(&self, rule: &str, runs: [Option<Recorded>; 2], ids: [&str; 2]) -> Result<Compared> {
        let [first_outcome, second_outcome] = [0, 1].map(|at| runs[at].as_ref().map(|run| run.outcome));
        let there = || runs.iter().flatten();
        let mut compared = Compared {
            rule: rule.to_string(),
            first_outcome,
            second_outcome,
            partial: there().any(|run| !run.is_whole()),
            ..Compared::default()
        };
        self.check_kept(rule, there()).await?;
        let found: Vec<&str> = there().filter(|run| run.divergences() > 0).map(|run| run.run_id.as_str()).collect();
        let Some(table) = self.table(rule, &found, Width::Full).await? else { return Ok(compared) };
        let keys = there().flat_map(|run| run.key.clone()).collect();
        let values = value_columns(&table.schema(), &keys);
        let sql = render("history/compare", context! { first => literal(ids[0]), values })?;
        self.ctx.deregister_table("divergences")?;
        self.ctx.register_table("divergences", table)?;
        let rows = Rows::of(self.ctx.sql(&sql).await?).await?;
        if rows.len() > 0 {
            compared.only_in_first = rows.count("only_in_first", 0)?;
            compared.only_in_second = rows.count("only_in_second", 0)?;
            compared.in_both = rows.count("in_both", 0)?;
            compared.kind_changed = rows.count("kind_changed", 0)?;
            compared.values_changed = rows.count("values_changed", 0)?;
            compared.changed = rows.count("changed", 0)?;
        }
        Ok(compared)
    }
}
