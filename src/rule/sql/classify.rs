//! The statement that classifies what has no identical twin on the other side: for the engine, and for people.

use minijinja::context;
use serde::Serialize;

use crate::error::Result;
use crate::project::model::Tolerance;
use crate::rule::common::{is_float, is_nested};
use crate::rule::plan::{ColumnPlan, MatchPlan};
use crate::rule::portable;
use crate::rule::sql::{Dialect, Item, Parts, compared, field, ident, literal, readable, render};
use crate::side::{BySide, Side};

/// A column in the statement that classifies what is left over.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// True where the cells of `s` and `t` differ, beyond a tolerance.
    pub differs: String,
    /// Its opposite.
    equal_or_near: String,
    tolerated: bool,
}

impl From<Compared> for minijinja::Value {
    fn from(column: Compared) -> Self {
        minijinja::Value::from(minijinja::value::Serde(column))
    }
}

/// What the rows of both sides go by: never by a column's name, or `s.id` might be the field of a struct `s`.
pub fn aliases(plan: &MatchPlan) -> BySide<String> {
    BySide::new(unlike_columns(plan, "s"), unlike_columns(plan, "t"))
}

fn unlike_columns(plan: &MatchPlan, name: &str) -> String {
    let mut name = name.to_string();
    while plan.key.iter().chain(&plan.values).any(|column| column.name.eq_ignore_ascii_case(&name)) {
        name.push('_');
    }
    name
}

fn same(column: &str, rows: &BySide<String>) -> String {
    format!("({}.{column} IS NOT DISTINCT FROM {}.{column})", rows.source, rows.target)
}

/// Cells are equal if what is compared and what could not be read agree.
fn equal(column: &ColumnPlan, rows: &BySide<String>) -> String {
    let parts: Vec<String> = Parts::of(column).compared().iter().map(|part| same(part, rows)).collect();
    parts.join(" AND ")
}

/// Cells differ, but within the tolerance. NULL and unreadable cells are never near.
fn near(column: &ColumnPlan, dialect: Dialect, rows: &BySide<String>) -> Option<String> {
    let tolerance = column.tolerance.as_ref()?;
    let parts = Parts::of(column);
    let value = match (&parts.wide, column.common.by_value) {
        (Some(wide), _) => wide.clone(),
        (None, true) => parts.own.clone(),
        (None, false) => parts.cmp.clone(),
    };
    let (s, t) = (format!("{}.{value}", rows.source), format!("{}.{value}", rows.target));
    let within = match dialect {
        Dialect::Portable => portable::within(&s, &t, tolerance, &column.common.data_type),
        Dialect::Engine => {
            let (kind, amount) = match tolerance {
                Tolerance::Absolute(amount) => ("absolute", amount.clone()),
                Tolerance::Relative(amount) => ("relative", amount.clone()),
                Tolerance::Duration(amount) => ("duration", amount.as_nanos().to_string()),
            };
            format!("within({s}, {t}, {}, {})", literal(kind), literal(&amount))
        }
    };
    Some(format!("({s} IS NOT NULL AND {t} IS NOT NULL AND {within})"))
}

/// The statement that finds what has no identical twin in `source_rows` and `target_rows`, for the engine: columns by
/// position (`field`), and pairs that may be equal within a tolerance.
pub fn classify_sql(plan: &MatchPlan) -> Result<String> {
    classify(plan, Dialect::Engine, BySide::default(), false)
}

/// `readable`: the whole rule as one statement, see `readable`.
pub fn classify(plan: &MatchPlan, dialect: Dialect, sql: BySide<String>, readable: bool) -> Result<String> {
    let keys = compared(&plan.key);
    let all: Vec<String> = keys.iter().cloned().chain(compared(&plan.values)).collect();
    let rows = aliases(plan);
    // DataFusion knows no range over bytes, which is what a window has by default.
    let frame = if dialect == Dialect::Engine { " ROWS UNBOUNDED PRECEDING" } else { "" };
    // In the engine, rows have their digest: it numbers and orders them, for a window over a thousand columns takes
    // DataFusion minutes to plan. What is equal is decided by comparing all columns, never by the digest.
    let digest = || vec!["\"#digest\"".to_string()];
    let identity = if readable { all.clone() } else { digest() };
    let tie = match (readable, ties(plan)) {
        (false, ties) if !ties.is_empty() => vec![format!("row_digest({})", ties.join(", "))],
        (_, ties) => ties,
    };
    let common = context! {
        frame, identity, tie, s => rows.source.clone(), t => rows.target.clone(), k => unlike_columns(plan, "k"),
        readable, keys, all,
        source_sql => sql.source,
        target_sql => sql.target,
        order => readable::order(plan),
        shown => readable::keys(plan),
        flagged => readable::flagged(plan),
        cells => readable::cells(plan).into_iter().map(|(_, name)| ident(&name)).collect::<Vec<_>>(),
    };
    if !plan.keyed {
        let fields = |side| fields(plan, dialect, readable, Some(side));
        let more = context! { source_fields => fields(Side::Source), target_fields => fields(Side::Target), ..common };
        return render("classify_rows", more);
    }
    let (exact, toleranced): (Vec<&ColumnPlan>, Vec<&ColumnPlan>) =
        plan.values.iter().partition(|column| column.tolerance.is_none());
    let exact: Vec<String> = exact.iter().flat_map(|column| Parts::of(column).compared()).collect();
    let near_order: Vec<String> =
        toleranced.iter().map(|column| Parts::of(column)).map(|p| p.wide.unwrap_or(p.cmp)).collect();
    let columns: Vec<Compared> = plan.values.iter().map(|column| compared_column(column, dialect, &rows)).collect();
    let slots = if readable || exact.is_empty() { Vec::new() } else { vec!["\"#slot\""] };
    render(
        "classify",
        context! {
            sorting => if readable { compared(&plan.values) } else { digest() }, exact, near => near_order, columns, slots,
            fields => fields(plan, dialect, readable, None), ..common
        },
    )
}

/// The columns of the result but kind, side and ordinal, as expressions over a row of each side (`aliases`); one of them
/// may be missing, all NULL.
pub fn pair_fields(plan: &MatchPlan) -> Vec<Item> {
    engine_fields(plan, None)
}

pub fn compared_column(column: &ColumnPlan, dialect: Dialect, rows: &BySide<String>) -> Compared {
    let (equal, near) = (equal(column, rows), near(column, dialect, rows));
    let equal_or_near = match &near {
        Some(near) => format!("(\n  {equal}\n  OR {near}\n)"),
        None => format!("({equal})"),
    };
    let differs = match (Parts::of(column).compared().as_slice(), near) {
        ([cell], None) => format!("({}.{cell} IS DISTINCT FROM {}.{cell})", rows.source, rows.target),
        _ => format!("NOT {equal_or_near}"),
    };
    Compared { differs, equal_or_near, tolerated: column.tolerance.is_some() }
}

/// Own columns that tell identical rows apart, so that which of them is left over does not depend on chance.
fn ties(plan: &MatchPlan) -> Vec<String> {
    plan.key
        .iter()
        .chain(&plan.values)
        .filter(|column| column.has_cmp() && !is_nested(&column.common.data_type))
        .map(|column| match is_float(&column.common.data_type) {
            // A digest takes -0.0 for 0.0; their texts differ.
            true => format!("CAST({} AS VARCHAR)", ident(&column.name)),
            false => ident(&column.name),
        })
        .collect()
}

/// The columns of the result. `only`: rows of one side alone, without a join.
fn fields(plan: &MatchPlan, dialect: Dialect, readable: bool, only: Option<Side>) -> Vec<Item> {
    match readable {
        false => engine_fields(plan, only),
        true => readable::fields(plan, dialect, only),
    }
}

fn engine_fields(plan: &MatchPlan, only: Option<Side>) -> Vec<Item> {
    let rows = aliases(plan);
    let mut items = Vec::new();
    let mut push = |sql: String, name: String| items.push(Item { sql, name: ident(&name) });
    let either = |column: &str| match only {
        Some(side) => format!("{}.{column}", rows.get(side)),
        None => format!("coalesce({}.{column}, {}.{column})", rows.source, rows.target),
    };
    let one = |side: Side, column: &str| match only {
        Some(present) if present != side => None,
        _ => Some(format!("{}.{column}", rows.get(side))),
    };
    for (side, name) in [(Side::Source, field::SOURCE_DIGEST), (Side::Target, field::TARGET_DIGEST)] {
        let digest = one(side, "\"#digest\"").unwrap_or_else(|| "arrow_cast(NULL, 'FixedSizeBinary(16)')".into());
        push(digest, name.to_string());
    }
    let text_null = || "CAST(NULL AS VARCHAR)".to_string();
    for (i, column) in plan.key.iter().enumerate() {
        let parts = Parts::of(column);
        push(either(&parts.own), field::key(i));
        push(either(&parts.cmp), field::key_order(i));
        if let Some(residue) = &parts.residue {
            for side in Side::BOTH {
                push(one(side, residue).unwrap_or_else(text_null), field::residue(side, 'k', i));
            }
        }
    }
    for (i, column) in plan.values.iter().enumerate() {
        let parts = Parts::of(column);
        for side in Side::BOTH {
            push(format!("{}.{}", rows.get(side), parts.own), field::own(side, i));
            if let Some(residue) = &parts.residue {
                push(format!("{}.{residue}", rows.get(side)), field::residue(side, 'v', i));
            }
        }
        push(compared_column(column, Dialect::Engine, &rows).differs, field::differs(i));
        if let Some(near) = near(column, Dialect::Engine, &rows) {
            push(format!("NOT ({}) AND {near}", equal(column, &rows)), field::near(i));
        }
    }
    items
}
