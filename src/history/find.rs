//! Rules, runs and divergences by what a person typed of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::prelude::{col, levenshtein, lit, starts_with, substring};

use crate::divergence::Recorded;
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::history::rows::Rows;
use crate::project::nearest;

/// Letters of a run's id that are enough to name it.
const ENOUGH: usize = 8;

impl Past {
    /// The runs of the rule `name`, at least one. `known`: the project's rules, some of which may never have run.
    pub fn rule(&self, name: &str, known: &[&str]) -> Result<Vec<&Recorded>> {
        let runs = self.of_rule(name);
        if !runs.is_empty() {
            return Ok(runs);
        }
        let place = self.results.location();
        if known.contains(&name) {
            let error =
                Error::new(ErrorKind::NotFound, format!("the rule `{name}` never ran, as far as {place} knows"));
            return Err(error.hint("`tieout run` runs it; --out names another output"));
        }
        let names: BTreeSet<&str> =
            self.recorded.iter().map(|recorded| recorded.rule.as_str()).chain(known.iter().copied()).collect();
        let error = Error::new(ErrorKind::NotFound, format!("there is no run of a rule `{name}` in {place}"));
        Err(match nearest(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if names.is_empty() => error.hint("nothing ran yet: `tieout run` runs the project's rules"),
            None => error.hint(format!(
                "the rules are {}",
                names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )),
        })
    }

    /// Every run's, in their order.
    pub(super) fn run_ids(&self) -> BTreeSet<&str> {
        self.recorded.iter().map(|recorded| recorded.run_id.as_str()).collect()
    }

    /// The id of the one run that begins with `text`, which has at least 8 letters.
    pub fn run(&self, text: &str) -> Result<&str> {
        let wanted = text.to_lowercase();
        let all = self.run_ids();
        if let Some(exact) = all.get(wanted.as_str()) {
            return Ok(exact);
        }
        if wanted.chars().count() < ENOUGH {
            return Err(Error::new(ErrorKind::Usage, format!("`{text}` is too little of a run's id"))
                .hint(format!("give {ENOUGH} letters of it or more")));
        }
        let found: Vec<&str> = all.iter().copied().filter(|id| id.starts_with(&wanted)).collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(self.no_run(text, &wanted, &all)),
            several => {
                let error = Error::new(ErrorKind::Usage, format!("{} runs begin with `{text}`", several.len()));
                Err(error.hint(format!("say which one: {}", some(several))))
            }
        }
    }

    fn no_run(&self, text: &str, wanted: &str, all: &BTreeSet<&str>) -> Error {
        let place = self.results.location();
        let error = Error::new(ErrorKind::NotFound, format!("there is no run `{text}` in {place}"));
        // As much of each id as was typed.
        let begins = |id: &&'_ str| id.get(..wanted.len()).unwrap_or(id).to_string();
        let beginnings: Vec<String> = all.iter().map(begins).collect();
        let near = nearest(wanted, beginnings.iter().map(String::as_str));
        match (near.and_then(|near| all.iter().find(|id| id.starts_with(near))), all.last()) {
            (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
            (None, Some(last)) => error.hint(format!("the last run is `{last}`")),
            (None, None) => error.hint("nothing ran yet: `tieout run` runs the project's rules"),
        }
    }
}

/// A divergence among others of its rule, in a table with `divergence_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub rule: String,
    pub divergence_id: String,
}

/// Tables to look a divergence up in, each with its rule.
pub type Among = [(String, Arc<dyn TableProvider>)];

impl Past {
    /// The one divergence among these whose id begins with `text`, which has at least 8 letters. `what` they are, for an error.
    pub async fn divergence(&self, text: &str, among: &Among, what: &str) -> Result<Named> {
        let wanted = text.to_lowercase();
        if wanted.chars().count() < ENOUGH {
            return Err(Error::new(ErrorKind::Usage, format!("`{text}` is too little of a divergence's id"))
                .hint(format!("give {ENOUGH} letters of it or more")));
        }
        let found = self.beginning(&wanted, among).await?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => {
                let place = self.results.location();
                let error = Error::new(ErrorKind::NotFound, format!("there is no {what} `{text}` in {place}"));
                Err(match self.nearest_divergence(&wanted, among).await? {
                    Some(near) => error.hint(format!("did you mean `{}` of `{}`?", near.divergence_id, near.rule)),
                    None => error.hint("`tieout sql \"SELECT * FROM history.RULE\"` shows the ids of a rule"),
                })
            }
            several => {
                let error = Error::new(ErrorKind::Usage, format!("several divergences begin with `{text}`"));
                let ids: Vec<&str> = several.iter().map(|named| named.divergence_id.as_str()).collect();
                Err(error.hint(format!("say which one: {}", some(&ids))))
            }
        }
    }

    /// Some of those that begin so.
    pub async fn beginning(&self, text: &str, among: &Among) -> Result<Vec<Named>> {
        const SHOWN: usize = 10;
        let mut found = Vec::new();
        for (rule, table) in among {
            let rows = self.ctx.read_table(table.clone())?.filter(starts_with(col("divergence_id"), lit(text)))?;
            let rows = rows.aggregate(vec![col("divergence_id")], Vec::new())?;
            let rows =
                Rows::of(rows.sort(vec![col("divergence_id").sort(true, false)])?.limit(0, Some(SHOWN))?).await?;
            for row in 0..rows.len() {
                found.push(Named { rule: rule.clone(), divergence_id: rows.text("divergence_id", row)? });
            }
        }
        Ok(found)
    }

    /// The one that was probably meant.
    pub async fn nearest_divergence(&self, text: &str, among: &Among) -> Result<Option<Named>> {
        let letters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let mut near: Vec<Named> = Vec::new();
        for (rule, table) in among {
            let start = substring(col("divergence_id"), lit(1i64), lit(letters));
            let rows = self.ctx.read_table(table.clone())?;
            let rows = rows.select(vec![col("divergence_id"), levenshtein(start, lit(text)).alias("distance")])?;
            let order = vec![col("distance").sort(true, false), col("divergence_id").sort(true, false)];
            let rows = Rows::of(rows.sort(order)?.limit(0, Some(1))?).await?;
            if rows.len() > 0 {
                near.push(Named { rule: rule.clone(), divergence_id: rows.text("divergence_id", 0)? });
            }
        }
        let begins = |named: &Named| named.divergence_id.get(..text.len()).unwrap_or(&named.divergence_id).to_string();
        let beginnings: Vec<String> = near.iter().map(begins).collect();
        let best = nearest(text, beginnings.iter().map(String::as_str)).map(str::to_string);
        Ok(best.and_then(|best| near.into_iter().find(|named| named.divergence_id.starts_with(&best))))
    }
}

/// The last of them, which are the likeliest to be meant.
fn some(ids: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = ids.iter().rev().take(SHOWN).rev().map(|id| format!("`{id}`")).collect();
    match ids.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{}, or {more} before", shown.join(", ")),
        _ => shown.join(", "),
    }
}
