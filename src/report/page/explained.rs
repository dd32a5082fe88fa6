//! What explains the divergences of a rule, for a page.

use serde::Serialize;

use crate::causes::{Cause, Causes};
use crate::report::causes::left_over;
use crate::report::numbers::{count, counted};
use crate::report::page::view::bar;
use crate::report::value::escape;

#[derive(Debug, Serialize)]
pub struct Explained {
    pub causes: Vec<Line>,
    pub more: Option<String>,
    pub left: Vec<Left>,
    /// Why nothing is told.
    pub trouble: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Line {
    pub sentence: String,
    pub rows: String,
    /// Of all divergences.
    pub bar: String,
    pub predicate: String,
}

/// What no cause explains.
#[derive(Debug, Serialize)]
pub struct Left {
    pub what: String,
    pub rows: String,
    pub of: String,
}

impl Explained {
    /// `all`: the divergences of the run.
    pub fn of(causes: &Result<Causes, String>, all: u64) -> Self {
        let causes = match causes {
            Ok(causes) => causes,
            Err(why) => {
                let trouble = Some(format!("Causes cannot be told: {}.", escape(why)));
                return Self { causes: Vec::new(), more: None, left: Vec::new(), trouble };
            }
        };
        let line = |cause: &Cause| Line {
            sentence: escape(&cause.sentence),
            rows: count(cause.rows),
            bar: bar(cause.rows, all),
            predicate: escape(&cause.predicate),
        };
        let left = causes.unexplained.iter().map(|left| Left {
            what: left_over(left),
            rows: count(left.rows),
            of: count(left.of),
        });
        Self {
            causes: causes.causes.iter().map(line).collect(),
            more: (causes.more > 0).then(|| format!("{} not shown", counted(causes.more as u64, "smaller cause"))),
            left: left.collect(),
            trouble: None,
        }
    }
}
