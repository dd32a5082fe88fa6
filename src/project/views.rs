//! What reads what: every table in a view or query is a dataset, and no view reads itself.

use super::datasets::Resolved;
use super::rules::unknown_dataset;
use super::source::located;
use super::sql::TableUse;
use crate::error::{Error, ErrorKind, Result};

/// The tables of one view or query are datasets.
pub(crate) fn check_tables(reads: &[TableUse], datasets: &[Resolved]) -> Result<()> {
    for table in reads {
        // The catalog of DataFusion itself.
        if table.name.starts_with("information_schema.") || find(&table.name, datasets).is_some() {
            continue;
        }
        let names = datasets.iter().map(|resolved| resolved.dataset.name.as_str());
        let error = located(Error::new(ErrorKind::Config, ""), table.location.clone());
        return Err(unknown_dataset(error, &table.name, names));
    }
    Ok(())
}

/// Views that read each other in a circle can never be planned.
pub(crate) fn check_cycles(datasets: &[Resolved]) -> Result<()> {
    let mut done = vec![false; datasets.len()];
    for start in 0..datasets.len() {
        visit(start, datasets, &mut done, &mut Vec::new())?;
    }
    Ok(())
}

fn visit(at: usize, datasets: &[Resolved], done: &mut [bool], path: &mut Vec<usize>) -> Result<()> {
    if let Some(first) = path.iter().position(|seen| *seen == at) {
        return Err(cycle(&path[first..], datasets));
    }
    if done[at] {
        return Ok(());
    }
    path.push(at);
    for table in &datasets[at].reads {
        if let Some(next) = find(&table.name, datasets) {
            visit(next, datasets, done, path)?;
        }
    }
    path.pop();
    done[at] = true;
    Ok(())
}

fn cycle(members: &[usize], datasets: &[Resolved]) -> Error {
    let names: Vec<&str> = members.iter().chain(&members[..1]).map(|at| datasets[*at].dataset.name.as_str()).collect();
    let message = match names.as_slice() {
        [name, _] => format!("the view `{name}` reads itself"),
        _ => format!("views read each other in a circle: {}", names.join(" -> ")),
    };
    let error = Error::new(ErrorKind::Config, message).hint("let one of them read a dataset of files instead");
    located(error, datasets[members[0]].dataset.location.clone()).context("dataset", names[0])
}

fn find(name: &str, datasets: &[Resolved]) -> Option<usize> {
    datasets.iter().position(|resolved| resolved.dataset.name.eq_ignore_ascii_case(name))
}
