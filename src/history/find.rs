//! Rules and runs by what a person typed of them.

use std::collections::BTreeSet;

use crate::divergence::Recorded;
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
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

    /// The id of the one run that begins with `text`, which has at least 8 letters.
    pub fn run(&self, text: &str) -> Result<&str> {
        let wanted = text.to_lowercase();
        let all: BTreeSet<&str> = self.recorded.iter().map(|recorded| recorded.run_id.as_str()).collect();
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

/// The last of them, which are the likeliest to be meant.
fn some(ids: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = ids.iter().rev().take(SHOWN).rev().map(|id| format!("`{id}`")).collect();
    match ids.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{}, or {more} before", shown.join(", ")),
        _ => shown.join(", "),
    }
}
