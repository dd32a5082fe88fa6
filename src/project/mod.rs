//! From `tieout.yaml` and `queries/*.sql` to a validated [`Project`], without opening any dataset.
//!
//! raw file --`yaml`--> `raw` --`datasets`, `rules`, `queries`--> [`model`]. Unknown keys are refused, and every error
//! points at file, line and column.

pub mod model;

mod columns;
mod database;
mod datasets;
mod diff;
mod init;
mod params;
mod quantity;
mod queries;
mod raw;
mod repair;
mod rules;
mod source;
mod sql;
mod types;
mod views;
mod words;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use columns::parse_timezone;
pub use diff::dataset_from_path;
pub use init::init;
pub use model::Project;
pub use quantity::{duration_text, parse_duration, parse_tolerance};
pub use raw::json_schema;
pub use sql::check_condition;
pub use types::parse_type;
pub use words::{nearest, parse_list, parse_pair, redact};

use crate::error::{Error, ErrorKind, Location, Result};
use model::Rule;
use raw::RawProject;
use rules::Scope;
use source::{Env, Source};
use sql::TableUse;

const FILES: [&str; 2] = ["tieout.yaml", "tieout.yml"];

/// Reads the project in `dir`. `env` gives the variables for `${VAR}`; `params` are values from the command line that go before
/// those of the file.
pub fn load(dir: &Path, env: Env, params: &[(String, String)]) -> Result<Project> {
    let file = project_file(dir)?;
    let shown = if dir == Path::new(".") { PathBuf::new() } else { dir.to_path_buf() };
    let place = shown.join(&file);
    let read = std::fs::read_to_string(dir.join(&file));
    let text = read
        .map_err(|error| Error::new(ErrorKind::Config, format!("{} cannot be read", place.display())).source(error))?;
    let raw: RawProject = yaml::parse(&text).map_err(|(error, found)| {
        let (line, column) = found.unwrap_or((1, 1));
        error.at(Location { file: place.clone(), line, column })
    })?;
    let source = Source { file: Some(place), text: &text, env: Some(env) };
    let absolute = std::path::absolute(dir).map_err(|error| {
        Error::new(ErrorKind::Config, format!("the folder {} cannot be found", dir.display())).source(error)
    })?;
    resolve(&source, raw, absolute, &shown, params)
}

fn project_file(dir: &Path) -> Result<String> {
    let found: Vec<&str> = FILES.into_iter().filter(|file| dir.join(file).is_file()).collect();
    match found.as_slice() {
        [file] => Ok(file.to_string()),
        [] => Err(Error::new(ErrorKind::NotFound, format!("there is no tieout.yaml in {}", dir.display()))
            .hint("`tieout init` writes one; --project names another folder")),
        _ => Err(Error::new(
            ErrorKind::Config,
            format!("there is both a tieout.yaml and a tieout.yml in {}", dir.display()),
        )
        .hint("remove one of the two")),
    }
}

fn resolve(
    source: &Source,
    raw: RawProject,
    dir: PathBuf,
    shown: &Path,
    overrides: &[(String, String)],
) -> Result<Project> {
    source.optional(&raw.output, "output")?;
    let output = match &raw.output.0 {
        Some(text) => source.parsed(text, |value| datasets::absolute(value, &dir))?,
        None => datasets::absolute("./out", &dir)?,
    };
    source.optional(&raw.cache, "cache")?;
    let cache = match &raw.cache.0 {
        Some(text) => Some(source.parsed(text, |value| datasets::absolute(value, &dir))?),
        None => None,
    };
    let params = params::resolve(source, &raw.params, overrides)?;
    let names: Vec<String> = params.keys().cloned().collect();
    let datasets = datasets::resolve(source, &dir, raw.datasets, &names)?;
    for view in &datasets {
        views::check_tables(&view.reads, &datasets)
            .map_err(|error| error.context("dataset", view.dataset.name.as_str()))?;
    }
    views::check_cycles(&datasets)?;
    let mut rules = rules::resolve(&Scope { source, datasets: &datasets, params: &names }, &raw.rules)?;
    let queries = queries::load(&dir.join("queries"), &shown.join("queries"), &names)?;
    for (rule, reads) in &queries {
        let reads: &[TableUse] = reads;
        views::check_tables(reads, &datasets).map_err(|error| error.context("rule", rule.name.as_str()))?;
    }
    rules.extend(queries.into_iter().map(|(rule, _)| rule));
    check_unique(&rules)?;
    let repair = match &raw.repair.0 {
        Some(raw) => repair::of_project(source, raw, &rules)?,
        None => model::Repair::default(),
    };
    Ok(Project {
        dir,
        output,
        cache,
        datasets: datasets.into_iter().map(|resolved| resolved.dataset).collect(),
        rules,
        params,
        repair,
    })
}

/// Rules write into folders of their names, and not every file system tells upper from lower case.
fn check_unique(rules: &[Rule]) -> Result<()> {
    let mut seen: HashMap<String, &Rule> = HashMap::new();
    for rule in rules {
        let Some(first) = seen.insert(rule.name.to_lowercase(), rule) else { continue };
        let place = first.location.as_ref().map_or(String::new(), |place| format!(" at {place}"));
        let error = Error::new(ErrorKind::Config, format!("the rule `{}` is named like the one{place}", rule.name));
        return Err(source::located(error, rule.location.clone())
            .hint("rename one of the two; upper and lower case count as the same"));
    }
    Ok(())
}
