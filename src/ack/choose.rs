//! From what a person typed to the rows that are meant.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::{col, lit};

use crate::ack::Choice;
use crate::divergence::Asker;
use crate::error::{Error, ErrorKind, Result};
use crate::history::{Life, Past};
use crate::project::check_condition;

/// What divergences are chosen from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Open,
    /// One row for each acknowledgement.
    InForce,
}

impl From {
    async fn of(self, past: &Past, rule: &str) -> Result<Option<Life>> {
        match self {
            From::Open => past.open_divergences(rule).await,
            From::InForce => past.acknowledgements_in_force(rule).await,
        }
    }

    fn what(self) -> &'static str {
        match self {
            From::Open => "open divergence",
            From::InForce => "acknowledged divergence",
        }
    }

    /// Nothing is what was meant.
    pub fn nothing(self, rule: &str) -> Error {
        let error = Error::new(ErrorKind::NotFound, format!("no {} of `{rule}` is meant", self.what()));
        match self {
            From::Open => error.hint(format!(
                "nothing was acknowledged; `tieout sql \"SELECT * FROM history.{rule} WHERE state <> 'resolved'\"` shows what is open"
            )),
            From::InForce => error.hint("nothing was taken back; `tieout ack --list` shows what is acknowledged"),
        }
    }
}

/// What is meant, by rule. `known`: the project's rules.
pub async fn chosen(past: &Past, choice: &Choice, from: From, known: &[&str]) -> Result<Vec<(String, Life)>> {
    match choice {
        Choice::Ids { ids, rule } => by_id(past, ids, rule.as_deref(), from, known).await,
        Choice::Where { rule, condition } => {
            check_condition(condition).map_err(|error| error.context("flag", "--where"))?;
            past.rule(rule, known)?;
            let candidates = from.of(past, rule).await?.ok_or_else(|| from.nothing(rule))?;
            let all = past.all_divergences(rule).await?.ok_or_else(|| from.nothing(rule))?;
            let asker = Asker::new(past.session())?;
            let meant =
                fulfilling(&asker, all, condition, from).await.map_err(|error| error.context("flag", "--where"))?;
            Ok(vec![(rule.clone(), asker.chosen(candidates, meant).await?)])
        }
    }
}

/// The ids of those that fulfil the condition.
async fn fulfilling(asker: &Asker, all: Life, condition: &str, from: From) -> Result<Life> {
    asker.ctx.register_table("history", all)?;
    // The line's end ends a comment in the condition.
    let value = asker.ctx.sql(&format!("SELECT ({condition}\n) AS value FROM history")).await?;
    if !matches!(value.schema().field(0).data_type(), DataType::Boolean | DataType::Null) {
        let error = Error::new(ErrorKind::Sql, "the condition is neither true nor false");
        return Err(error.hint("compare something: kind = 'missing_in_target'"));
    }
    let rows = asker.ctx.sql(&format!("SELECT divergence_id, state FROM history WHERE ({condition}\n)")).await?;
    let rows = match from {
        From::Open => rows.filter(col("state").not_eq(lit("resolved")))?,
        From::InForce => rows,
    };
    let ids = rows.select_columns(&["divergence_id"])?.into_view();
    Ok(ids)
}

async fn by_id(
    past: &Past,
    ids: &[String],
    rule: Option<&str>,
    from: From,
    known: &[&str],
) -> Result<Vec<(String, Life)>> {
    let rules: BTreeSet<&str> = match rule {
        Some(rule) => {
            past.rule(rule, known)?;
            BTreeSet::from([rule])
        }
        None => past.rules(),
    };
    let mut among = Vec::new();
    for rule in rules {
        if let Some(table) = from.of(past, rule).await? {
            among.push((rule.to_string(), table));
        }
    }
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for id in ids {
        let one = past.divergence(id, &among, from.what()).await?;
        named.entry(one.rule).or_default().insert(one.divergence_id);
    }
    let mut chosen = Vec::new();
    for (rule, table) in among {
        let Some(ids) = named.remove(&rule) else { continue };
        let ids = ids.into_iter().map(lit).collect();
        let rows = past.session().read_table(table)?.filter(col("divergence_id").in_list(ids, false))?;
        chosen.push((rule, rows.into_view()));
    }
    Ok(chosen)
}
