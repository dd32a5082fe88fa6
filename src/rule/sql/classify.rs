//! The statement that classifies what has no identical twin on the other side: for the engine, and for people.

use minijinja::context;
use serde::Serialize;

use crate::error::Result;
use crate::project::model::Tolerance;
use crate::rule::common::is_nested;
use crate::rule::plan::{ColumnPlan, MatchPlan};
use crate::rule::portable;
use crate::rule::sql::side::side_sql;
use crate::rule::sql::{Dialect, Item, Parts, compared, field, ident, indented, literal, render};
use crate::side::{BySide, Side};

/// A column in the statement that classifies what is left over.
#[derive(Debug, Clone, Serialize)]
struct Compared {
    /// True where the cells of `s` and `t` differ, beyond a tolerance.
    differs: String,
    /// Its opposite.
    equal_or_near: String,
    tolerated: bool,
}

impl From<Compared> for minijinja::Value {
    fn from(column: Compared) -> Self {
        minijinja::Value::from(minijinja::value::Serde(column))
    }
}

fn same(column: &str) -> String {
    format!("(s.{column} IS NOT DISTINCT FROM t.{column})")
}

/// Cells are equal if what is compared and what could not be read agree.
fn equal(column: &ColumnPlan) -> String {
    let parts: Vec<String> = Parts::of(column).compared().iter().map(|part| same(part)).collect();
    parts.join(" AND ")
}

/// Cells differ, but within the tolerance. NULL and unreadable cells are never near.
fn near(column: &ColumnPlan, dialect: Dialect) -> Option<String> {
    let tolerance = column.tolerance.as_ref()?;
    let parts = Parts::of(column);
    let value = match (&parts.wide, column.common.by_value) {
        (Some(wide), _) => wide.clone(),
        (None, true) => parts.own.clone(),
        (None, false) => parts.cmp.clone(),
    };
    let (s, t) = (format!("s.{value}"), format!("t.{value}"));
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

/// The whole rule as one statement that a person reads: both sides, what diverges, under the rule's own names.
pub fn rule_sql(plan: &MatchPlan, dialect: Dialect) -> Result<String> {
    let sides = BySide::new(Side::Source, Side::Target).try_map(|side, _| side_sql(plan, side, dialect))?;
    classify(plan, dialect, sides, true)
}

fn classify(plan: &MatchPlan, dialect: Dialect, sql: BySide<String>, readable: bool) -> Result<String> {
    let keys = compared(&plan.key);
    let all: Vec<String> = keys.iter().cloned().chain(compared(&plan.values)).collect();
    let common = context! {
        readable, keys, all,
        source_sql => indented(&sql.source),
        target_sql => indented(&sql.target),
        tie => ties(plan),
        order => order(plan),
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
    let columns: Vec<Compared> = plan.values.iter().map(|column| compared_column(column, dialect)).collect();
    let slots = if readable || exact.is_empty() { Vec::new() } else { vec!["slot"] };
    render(
        "classify",
        context! {
            values => compared(&plan.values), exact, near => near_order, columns, slots,
            fields => fields(plan, dialect, readable, None), ..common
        },
    )
}

fn compared_column(column: &ColumnPlan, dialect: Dialect) -> Compared {
    let equal = equal(column);
    let equal_or_near = match near(column, dialect) {
        Some(near) => format!("(({equal}) OR {near})"),
        None => format!("({equal})"),
    };
    Compared { differs: format!("NOT {equal_or_near}"), equal_or_near, tolerated: column.tolerance.is_some() }
}

/// Own columns that tell identical rows apart, so that which of them is left over does not depend on chance.
fn ties(plan: &MatchPlan) -> Vec<String> {
    plan.key
        .iter()
        .chain(&plan.values)
        .filter(|column| column.has_cmp() && !is_nested(&column.common.data_type))
        .map(|column| ident(&column.name))
        .collect()
}

fn order(plan: &MatchPlan) -> Vec<String> {
    let keys = plan.key.iter().map(|column| format!("{} NULLS FIRST", ident(&column.name)));
    keys.chain(["\"kind\"".into(), "\"side\"".into(), "\"ordinal\"".into()]).collect()
}

/// The columns of the result. `only`: rows of one side alone, without a join.
fn fields(plan: &MatchPlan, dialect: Dialect, readable: bool, only: Option<Side>) -> Vec<Item> {
    match readable {
        false => engine_fields(plan, only),
        true => readable_fields(plan, dialect, only),
    }
}

fn alias(side: Side) -> &'static str {
    match side {
        Side::Source => "s",
        Side::Target => "t",
    }
}

fn engine_fields(plan: &MatchPlan, only: Option<Side>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut push = |sql: String, name: String| items.push(Item { sql, name: ident(&name) });
    let either = |column: &str| match only {
        Some(side) => format!("{}.{column}", alias(side)),
        None => format!("coalesce(s.{column}, t.{column})"),
    };
    let one = |side: Side, column: &str| match only {
        Some(present) if present != side => None,
        _ => Some(format!("{}.{column}", alias(side))),
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
            push(format!("{}.{}", alias(side), parts.own), field::own(side, i));
            if let Some(residue) = &parts.residue {
                push(format!("{}.{residue}", alias(side)), field::residue(side, 'v', i));
            }
        }
        push(compared_column(column, Dialect::Engine).differs, field::differs(i));
        if let Some(near) = near(column, Dialect::Engine) {
            push(format!("NOT ({}) AND {near}", equal(column)), field::near(i));
        }
    }
    items
}

fn readable_fields(plan: &MatchPlan, dialect: Dialect, only: Option<Side>) -> Vec<Item> {
    let mut items = Vec::new();
    for column in &plan.key {
        let name = ident(&column.name);
        let sql = match only {
            Some(side) => format!("{}.{name}", alias(side)),
            None => format!("coalesce(s.{name}, t.{name})"),
        };
        items.push(Item { sql, name });
    }
    if only.is_some() {
        return items;
    }
    let changed: Vec<String> = plan
        .values
        .iter()
        .map(|column| {
            let differs = compared_column(column, dialect).differs;
            format!(
                "CASE WHEN s.twin IS NOT NULL AND t.twin IS NOT NULL AND {differs} THEN {} END",
                literal(&column.name)
            )
        })
        .collect();
    if !changed.is_empty() {
        items.push(Item { sql: format!("concat_ws(', ', {})", changed.join(", ")), name: "changed_columns".into() });
    }
    for column in &plan.values {
        for side in Side::BOTH {
            let name = ident(&column.name);
            items
                .push(Item { sql: format!("{}.{name}", alias(side)), name: ident(&format!("{side}_{}", column.name)) });
        }
    }
    items
}
