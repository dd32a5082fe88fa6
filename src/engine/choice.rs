//! Which strategy compares a match, and why: told by metadata alone, before any row is read.

use std::time::Duration;

use serde::Serialize;

use crate::dataset::KeyOrder;
use crate::engine::Strategy;
use crate::engine::pushdown::{in_one_database, pushed};
use crate::rule::plan::{ColumnPlan, MatchPlan, ReadFrom};
use crate::side::{BySide, Side};

/// What the planner decided.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    #[serde(serialize_with = "as_text")]
    pub strategy: Strategy,
    pub why: String,
    /// The other strategies that were considered, and why they were not chosen.
    pub rejected: Vec<Rejected>,
    pub estimate: BySide<Estimate>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Rejected {
    #[serde(serialize_with = "as_text")]
    pub strategy: Strategy,
    pub why: String,
}

/// What is to be read of one side, as far as metadata tells.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Estimate {
    /// Before filters.
    pub rows: Option<u64>,
    /// As stored.
    pub bytes: Option<u64>,
    pub files: Option<usize>,
}

fn as_text<S: serde::Serializer>(strategy: &Strategy, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(strategy.as_str())
}

/// What is asked of the planner.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Asked for by the user.
    pub strategy: Option<Strategy>,
    /// Equality must be proven by value.
    pub exact: bool,
    /// Digests are remembered.
    pub cache: bool,
    /// It is to stop at a number of divergences.
    pub stops: bool,
    pub threads: usize,
}

pub fn choose(plan: &MatchPlan, wish: Wish) -> Choice {
    let Wish { strategy: forced, exact, cache, stops, threads } = wish;
    let estimate = BySide::new(estimate(plan, Side::Source), estimate(plan, Side::Target));
    let chosen = |strategy, why: &str, rejected| Choice { strategy, why: why.to_string(), rejected, estimate };
    if let Some(strategy) = forced {
        return chosen(strategy, "asked for by --strategy", Vec::new());
    }
    if cache
        && !exact
        && Side::BOTH
            .into_iter()
            .all(|side| plan.sides.get(side).opened.as_ref().is_some_and(|opened| opened.is_files()))
    {
        let rejected = [Strategy::Bytes, Strategy::Merge]
            .map(|strategy| Rejected { strategy, why: "it leaves nothing behind that could be remembered".into() });
        return chosen(Strategy::Digest, "--cache remembers the digests of files", rejected.into());
    }
    if in_one_database(plan).is_ok() {
        let rejected = [Strategy::Merge, Strategy::Digest]
            .map(|strategy| Rejected { strategy, why: "it fetches rows that agree".into() });
        let why = "both sides are in one database, which compares them by value";
        return chosen(Strategy::Pushdown, why, rejected.into());
    }
    let pushed = if exact { Err("it proves equality by digests".to_string()) } else { worth_pushing(plan) };
    if let Ok(why) = &pushed {
        let rejected = [Strategy::Merge, Strategy::Digest]
            .map(|strategy| Rejected { strategy, why: "it fetches rows that agree".into() });
        return chosen(Strategy::Pushdown, why, rejected.into());
    }
    if let Some(why) = may_be_identical(plan).filter(|_| !exact) {
        let rejected = [Strategy::Merge, Strategy::Digest]
            .map(|strategy| Rejected { strategy, why: "it decodes what need not be decoded".into() });
        return chosen(Strategy::Bytes, &why, rejected.into());
    }
    let mergeable = match stops && !exact {
        true => Err("what is found on the way is proven only at its end, and --max-divergences stops before".into()),
        false => mergeable(plan, threads),
    };
    match mergeable {
        Ok(why) => {
            let rejected = vec![Rejected {
                strategy: Strategy::Digest,
                why: "zipping in key order needs neither digests nor a second read".into(),
            }];
            chosen(Strategy::Merge, &why, rejected)
        }
        Err(why) if exact => {
            let rejected = vec![Rejected {
                strategy: Strategy::Digest,
                why: "--guarantee exact asks for a comparison by value".into(),
            }];
            chosen(Strategy::Join, &format!("all rows are compared by value: {why}"), rejected)
        }
        Err(why) => {
            let rejected = vec![Rejected { strategy: Strategy::Merge, why }];
            chosen(Strategy::Digest, "24 bytes a row tell which rows may differ, in whatever order they come", rejected)
        }
    }
}

/// Why databases are better asked for checksums than for rows, or why not.
fn worth_pushing(plan: &MatchPlan) -> Result<String, String> {
    /// What a row costs more when it is fetched than when it is digested where it is.
    const SAVED: Duration = Duration::from_nanos(700);
    /// Statements that checksums take beyond a plain scan.
    const STATEMENTS: u32 = 3;
    pushed(plan)?;
    let tables = Side::BOTH.into_iter().filter_map(|side| plan.sides.get(side).opened.as_ref()?.database());
    let (mut rows, mut latency) = (0, Duration::from_millis(1));
    for table in tables {
        rows = rows.max(table.estimated_rows().unwrap_or(0));
        latency = latency.max(table.latency());
    }
    let saved = SAVED.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX));
    match saved > latency * STATEMENTS {
        true => Ok(format!("about {rows} rows in a database, which tells checksums of them")),
        false => Err(format!("about {rows} rows are fetched faster than asked about")),
    }
}

fn estimate(plan: &MatchPlan, side: Side) -> Estimate {
    let Some(opened) = &plan.sides.get(side).opened else { return Estimate::default() };
    Estimate { rows: opened.rows, bytes: Some(opened.bytes()), files: Some(opened.inputs.len()) }
}

/// Why parts of both sides may hold the same bytes.
fn may_be_identical(plan: &MatchPlan) -> Option<String> {
    let opened = BySide::new(plan.sides.source.opened.as_ref()?, plan.sides.target.opened.as_ref()?);
    opened.source.may_be_identical(opened.target, &same_columns(plan)?)
}

/// The compared columns as both sides name them, where each is read alike on both sides: then equal bytes are equal rows.
/// None where they are not, or where a filter leaves rows out, which only reading tells.
pub(super) fn same_columns(plan: &MatchPlan) -> Option<Vec<(&str, &str)>> {
    let filtered = |side: Side| plan.sides.get(side).filter.is_some() || !plan.sides.get(side).filters.is_empty();
    if Side::BOTH.into_iter().any(filtered) {
        return None;
    }
    fn pair(column: &ColumnPlan) -> Option<(&str, &str)> {
        let BySide { source, target } = &column.read;
        match (&source.from, &target.from) {
            (ReadFrom::Column(s), ReadFrom::Column(t))
                if source.stored == target.stored && source.text_as == target.text_as && source.zone == target.zone =>
            {
                Some((s.as_str(), t.as_str()))
            }
            _ => None,
        }
    }
    plan.key.iter().chain(&plan.values).map(pair).collect()
}

/// Why both sides may be zipped in key order, or why not.
fn mergeable(plan: &MatchPlan, threads: usize) -> Result<String, String> {
    if !plan.keyed {
        return Err("there is no key that rows could be in order of".into());
    }
    let orders = BySide::new(order(plan, Side::Source), order(plan, Side::Target));
    for side in Side::BOTH {
        if *orders.get(side) == KeyOrder::Unordered {
            return Err(format!("the {side} is not stored in key order: its Parquet row groups overlap"));
        }
    }
    let known = |side: Side| format!("the {side} {}", orders.get(side).as_str());
    if orders.source.is_likely() && orders.target.is_likely() {
        return Ok(format!("both sides are stored in key order: {}, {}", known(Side::Source), known(Side::Target)));
    }
    for side in Side::BOTH {
        let opened = plan.sides.get(side).opened.as_ref();
        let Some(opened) = opened else { return Err(format!("the order of the {side}'s rows is not known")) };
        // Where only one task can read a side at a time, nothing is lost by looking whether it comes in order.
        let alone = opened.is_files() && (threads <= 2 || opened.inputs.len() == 1 && opened.connector != "parquet");
        if !orders.get(side).is_likely() && !alone {
            return Err(format!("the order of the {side}'s rows is not known"));
        }
    }
    Ok("rows are taken to be in key order, until one is seen that is not".into())
}

/// What is known of the order of one side by the key, in which it is compared.
fn order(plan: &MatchPlan, side: Side) -> KeyOrder {
    let Some(opened) = &plan.sides.get(side).opened else { return KeyOrder::Unknown };
    let columns: Option<Vec<&str>> = plan
        .key
        .iter()
        .map(|column| match &column.read.get(side).from {
            ReadFrom::Column(name) if !column.normal.any() => Some(name.as_str()),
            _ => None,
        })
        .collect();
    columns.map_or(KeyOrder::Unknown, |columns| opened.order(&columns))
}
