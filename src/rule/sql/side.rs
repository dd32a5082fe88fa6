//! The statements that read one side: named as the source names it, filtered, each column brought to the common type.

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use minijinja::context;

use crate::error::Result;
use crate::project::model::Fragment;
use crate::rule::common::{is_float, is_nested, is_number, is_text, plain};
use crate::rule::plan::{ColumnPlan, Filter, MatchPlan, ReadFrom, Reading, SidePlan};
use crate::rule::portable;
use crate::rule::resolve::text_of;
use crate::rule::sql::{Dialect, Item, Parts, compared, ident, literal, render};
use crate::side::{BySide, Side};
use crate::sql::type_text;

/// Columns that come along as they are stored.
fn carried(side: &SidePlan) -> impl Iterator<Item = Item> {
    let stored = |name: &String| match side.declared.iter().any(|(declared, _)| declared == name) {
        true => ident(&format!("{name}#raw")),
        false => ident(name),
    };
    side.carried.iter().map(move |(name, alias)| Item { sql: stored(name), name: ident(alias) })
}

/// What stands behind FROM: where columns are declared and an analyst's SQL reads them, a subquery that types them.
pub fn from_clause(side: &SidePlan, dialect: Dialect) -> String {
    let from = match dialect {
        Dialect::Engine => &side.from,
        Dialect::Portable => &side.portable,
    };
    if side.declared.is_empty() {
        return from.clone();
    }
    let beside = side.carried.iter().filter(|(name, _)| !side.columns.contains(name));
    let columns: Vec<Item> = side
        .columns
        .iter()
        .flat_map(|name| match side.declared.iter().find(|(declared, _)| declared == name) {
            Some((_, data_type)) => vec![
                Item { sql: read_text(&ident(name), data_type, None, dialect), name: ident(name) },
                Item { sql: ident(name), name: ident(&format!("{name}#raw")) },
            ],
            None => vec![Item { sql: ident(name), name: ident(name) }],
        })
        .chain(beside.map(|(name, _)| Item { sql: ident(name), name: ident(name) }))
        .collect();
    render("declared", context! { columns, from => from.clone() }).unwrap_or_else(|_| from.clone())
}

/// A table of text in plain SQL, each column as the type that is declared for it; other tables as they are.
pub fn typed_from(table: &str, schema: &Schema) -> Result<String> {
    let declared = |field: &Field| text_of(field).flatten().filter(|declared| !is_text(declared));
    if schema.fields().iter().all(|field| declared(field).is_none()) {
        return Ok(table.to_string());
    }
    let column = |field: &std::sync::Arc<Field>| {
        let name = ident(field.name());
        let sql = declared(field).map_or(name.clone(), |declared| portable::read_text(&name, &declared, None));
        Item { sql, name }
    };
    let columns: Vec<Item> = schema.fields().iter().map(column).collect();
    render("declared", context! { columns, from => table })
}

/// The statement that reads one side: keys, values and what is compared of them; in the engine with the row's digest.
pub fn side_sql(plan: &MatchPlan, side: Side, dialect: Dialect) -> Result<String> {
    statement(plan, side, dialect, true)
}

/// The same for the engine, where rows are zipped: nested values that are no key stand as they are where their canonical
/// encoding is compared, and whoever needs that makes it.
pub fn zipped_sql(plan: &MatchPlan, side: Side) -> Result<String> {
    statement(plan, side, Dialect::Engine, false)
}

fn statement(plan: &MatchPlan, side: Side, dialect: Dialect, encoded: bool) -> Result<String> {
    let side_plan = plan.sides.get(side);
    let mut read = Vec::new();
    for column in plan.key.iter().chain(&plan.values) {
        let reading = column.read.get(side);
        let base = base(reading, side_plan);
        let base = match (column.normal.trim && is_text(&reading.stored) && reading.text_as.is_some(), dialect) {
            (true, Dialect::Engine) => format!("trim_unicode({base})"),
            (true, Dialect::Portable) => portable::trim(&base),
            _ => base,
        };
        read.push(Item { sql: own(&base, reading, side_plan, dialect), name: ident(&column.name) });
        let parts = Parts::of(column);
        if let Some(residue) = parts.residue {
            read.push(Item { sql: residue_of(&base, reading, dialect), name: residue });
        }
        if let Some(wide) = parts.wide {
            read.push(Item { sql: wide_of(&base, reading, column, dialect), name: wide });
        }
    }
    read.extend(carried(side_plan));
    for (name, reading) in &side_plan.extra {
        let base = base(reading, side_plan);
        read.push(Item { sql: own(&base, reading, side_plan, dialect), name: ident(name) });
        if reading.has_residue() {
            read.push(Item { sql: residue_of(&base, reading, dialect), name: ident(&format!("{name}#text")) });
        }
    }
    let unreadable: Vec<(&str, String)> = (plan.key.iter().chain(&plan.values))
        .map(|column| (column.name.as_str(), column.read.get(side)))
        .chain(side_plan.extra.iter().map(|(name, reading)| (name.as_str(), reading)))
        .filter(|(_, reading)| reading.has_residue())
        .map(|(name, _)| (name, format!("{} IS NOT NULL", ident(&format!("{name}#text")))))
        .collect();
    let filters: Vec<String> =
        side_plan.filters.iter().map(|filter| filter_sql(filter, &unreadable, dialect)).collect();
    render(
        "side",
        context! {
            compared => compared_items(plan, side, dialect, encoded),
            read,
            from => from_clause(side_plan, dialect),
            side_filter => side_plan.filter.as_ref().map(|fragment| side_filter(fragment, side_plan)),
            side => side.as_str(),
            filters,
        },
    )
}

/// One side for the engine: hash of the key and digest of each row; `rows`: with the row itself.
pub fn digested_sql(plan: &MatchPlan, side: Side, rows: bool) -> Result<String> {
    let keys = compared(&plan.key);
    let all: Vec<String> = keys.iter().cloned().chain(compared(&plan.values)).collect();
    let side_sql = side_sql(plan, side, Dialect::Engine)?;
    render("digested", context! { rows, keys, all, side_sql, segments => plan.sides.get(side).segments.clone() })
}

/// What rows are put into segments by, and their digests as databases compute them.
pub fn local_checksum_sql(plan: &MatchPlan, side: Side, k: &str, hash: &str, forms: &str) -> Result<String> {
    let all: Vec<String> = compared(&plan.key).into_iter().chain(compared(&plan.values)).collect();
    let side_sql = side_sql(plan, side, Dialect::Engine)?;
    render("checksum/local", context! { k, hash, forms, all, side_sql })
}

/// The digest of the key of each row of a table whose columns `names` hold keys as they are shown: in the common type. As
/// [`digested_sql`] gives it for the rows of a side whose keys could all be read. None where it cannot be told from that.
pub fn shown_keys_sql(plan: &MatchPlan, table: &str, names: &[String]) -> Result<Option<String>> {
    if plan.key.iter().any(|column| column.common.by_value) {
        return Ok(None);
    }
    let digested = plan.key.iter().zip(names).flat_map(|(column, name)| {
        let shown = Reading {
            from: ReadFrom::Column(name.clone()),
            stored: column.common.data_type.clone(),
            text_as: None,
            zone: None,
            number: false,
        };
        let read = BySide::new(shown.clone(), shown.clone());
        let settled = ColumnPlan { read, ..column.clone() };
        let none = column.has_residue().then(|| "CAST(NULL AS VARCHAR)".to_string());
        [Some(cmp(&ident(name), &settled, &shown, Dialect::Engine)), none].into_iter().flatten()
    });
    let keys: Vec<String> = digested.collect();
    Ok(Some(format!("SELECT row_digest({}) AS \"#digest\" FROM {table}", keys.join(", "))))
}

/// Counts the keys that stand more than once in `source_rows` or `target_rows`.
pub fn repeated_sql(plan: &MatchPlan) -> Result<String> {
    render("repeated", context! { keys => compared(&plan.key) })
}

fn base(reading: &Reading, side: &SidePlan) -> String {
    match &reading.from {
        ReadFrom::Column(name) if side.declared.iter().any(|(declared, _)| declared == name) => {
            ident(&format!("{name}#raw"))
        }
        ReadFrom::Column(name) => ident(name),
        ReadFrom::Expression(fragment) => fragment.inline(),
    }
}

fn own(base: &str, reading: &Reading, side: &SidePlan, dialect: Dialect) -> String {
    let Some(data_type) = &reading.text_as else { return base.to_string() };
    // The subquery has read it already.
    if let (Dialect::Portable, ReadFrom::Column(name), None) = (dialect, &reading.from, &reading.zone)
        && *base == ident(&format!("{name}#raw"))
        && side.declared.contains(&(name.clone(), data_type.clone()))
    {
        return ident(name);
    }
    read_text(base, data_type, reading.zone.as_deref(), dialect)
}

fn read_text(base: &str, data_type: &DataType, zone: Option<&str>, dialect: Dialect) -> String {
    match dialect {
        Dialect::Portable => portable::read_text(base, data_type, zone),
        Dialect::Engine => format!("read_text({base}, {}{})", literal(&type_text(data_type)), zone_argument(zone)),
    }
}

fn zone_argument(zone: Option<&str>) -> String {
    zone.map(|zone| format!(", {}", literal(zone))).unwrap_or_default()
}

fn residue_of(base: &str, reading: &Reading, dialect: Dialect) -> String {
    match (&reading.text_as, &reading.zone, dialect) {
        (Some(data_type), zone, Dialect::Engine) => {
            format!("text_residue({base}, {}{})", literal(&type_text(data_type)), zone_argument(zone.as_deref()))
        }
        // The text itself: the statement around drops it where it could be read.
        (Some(_), _, Dialect::Portable) => base.to_string(),
        (None, Some(zone), Dialect::Engine) => format!("timezone_residue({base}, {})", literal(zone)),
        _ => "CAST(NULL AS VARCHAR)".to_string(),
    }
}

fn wide_of(base: &str, reading: &Reading, column: &ColumnPlan, dialect: Dialect) -> String {
    let zone = reading.zone.as_deref();
    match (dialect, column.wide(), &column.tolerance) {
        (Dialect::Engine, Some(data_type), _) if reading.text_as.is_some() => {
            read_text(base, &data_type, zone, dialect)
        }
        (Dialect::Engine, Some(data_type), _) => format!("to_common({base}, {})", literal(&type_text(&data_type))),
        (Dialect::Portable, _, Some(tolerance)) if reading.text_as.is_some() => {
            portable::read_wide(base, &column.common.data_type, zone, tolerance)
        }
        (Dialect::Portable, _, Some(tolerance)) if is_number(&column.common.data_type) => {
            format!("CAST({base} AS {})", portable::wide_number(&column.common.data_type, tolerance))
        }
        _ => base.to_string(),
    }
}

/// A condition that a cell leaves open because it cannot be read must not drop the row unseen: the row stays, and
/// diverges. `unreadable`: by column, what says that its cell could not be read.
fn undropped(fragment: &Fragment, unreadable: &[(&str, String)]) -> String {
    let said = fragment.sql.to_lowercase();
    let doubts: Vec<&str> = unreadable
        .iter()
        .filter(|(name, _)| said.contains(&name.to_lowercase()))
        .map(|(_, sql)| sql.as_str())
        .collect();
    match doubts.is_empty() {
        true => format!("({})", fragment.inline()),
        false => format!("coalesce(({}), {})", fragment.inline(), doubts.join(" OR ")),
    }
}

/// The side's own filter, over columns as they are declared.
fn side_filter(fragment: &Fragment, side: &SidePlan) -> String {
    let open = |name: &String| format!("({} IS NULL AND {} IS NOT NULL)", ident(name), ident(&format!("{name}#raw")));
    let unreadable: Vec<(&str, String)> = side.declared.iter().map(|(name, _)| (name.as_str(), open(name))).collect();
    undropped(fragment, &unreadable)
}

fn filter_sql(filter: &Filter, unreadable: &[(&str, String)], dialect: Dialect) -> String {
    match filter {
        Filter::Where(fragment) => undropped(fragment, unreadable),
        Filter::SettledBy { column, instant, zoned } => {
            let cutoff = match (zoned, dialect) {
                (true, Dialect::Engine) => {
                    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
                    read_text(&literal(instant), &utc, None, dialect)
                }
                (true, Dialect::Portable) => format!("TIMESTAMP WITH TIME ZONE {}", literal(instant)),
                (false, _) => format!("TIMESTAMP {}", literal(instant.trim_end_matches('Z'))),
            };
            format!("({} <= {cutoff}) IS NOT FALSE", ident(column))
        }
    }
}

/// The outer SELECT list of a side.
fn compared_items(plan: &MatchPlan, side: Side, dialect: Dialect, encoded: bool) -> Vec<Item> {
    let mut items = Vec::new();
    for (column, is_key) in plan.key.iter().map(|c| (c, true)).chain(plan.values.iter().map(|c| (c, false))) {
        let parts = Parts::of(column);
        let reading = column.read.get(side);
        // A key is shown as what both sides have in common.
        let shown = match is_key {
            true => common_value(&parts.own, column, reading, dialect),
            false => parts.own.clone(),
        };
        items.push(Item { sql: shown, name: parts.own.clone() });
        if parts.cmp != parts.own {
            let sql = match encoded || is_key || !column.is_encoded() {
                true => cmp(&parts.own, column, reading, dialect),
                false => common_value(&parts.own, column, reading, dialect),
            };
            items.push(Item { sql, name: parts.cmp });
        }
        if let Some(residue) = parts.residue {
            let sql = match dialect {
                Dialect::Portable if reading.text_as.is_some() => {
                    format!("CASE WHEN {} IS NULL THEN {residue} END", parts.own)
                }
                _ => residue.clone(),
            };
            items.push(Item { sql, name: residue });
        }
        if let Some(wide) = parts.wide {
            items.push(Item { sql: wide.clone(), name: wide });
        }
    }
    let carried = plan.sides.get(side).carried.iter().map(|(_, alias)| ident(alias));
    items.extend(carried.map(|alias| Item { sql: alias.clone(), name: alias }));
    items
}

/// The cell brought to the common type; text normalised where asked.
fn common_value(own: &str, column: &ColumnPlan, reading: &Reading, dialect: Dialect) -> String {
    let mut sql = own.to_string();
    if let (Some(zone), None) = (&reading.zone, &reading.text_as) {
        sql = match dialect {
            Dialect::Engine => format!("in_timezone({sql}, {})", literal(zone)),
            Dialect::Portable => format!("(CAST({sql} AS TIMESTAMP) AT TIME ZONE {})", literal(zone)),
        };
    }
    let mut settled = reading.zone.is_none() && *reading.own() == column.common.data_type;
    if is_text(&column.common.data_type) && !column.common.by_value {
        sql = normalised(sql, column, dialect);
        // Normalised text is a view, whatever text it was made of.
        settled |= column.normal.any();
    }
    let common = &column.common;
    if common.by_value {
        return match dialect {
            Dialect::Engine => format!("CAST({sql} AS VARCHAR)"),
            Dialect::Portable => sql,
        };
    }
    match dialect {
        Dialect::Engine if settled => sql,
        Dialect::Engine if column.read.source.own() == column.read.target.own() && reading.zone.is_none() => sql,
        Dialect::Engine => format!("to_common({sql}, {})", literal(&type_text(&common.data_type))),
        Dialect::Portable => portable::to_common(&sql, reading.own(), &common.data_type),
    }
}

fn normalised(mut sql: String, column: &ColumnPlan, dialect: Dialect) -> String {
    if column.normal.trim {
        sql = match dialect {
            Dialect::Engine => format!("trim_unicode({sql})"),
            Dialect::Portable => portable::trim(&sql),
        };
    }
    if column.normal.ignore_case {
        sql = match dialect {
            Dialect::Engine => format!("lower_unicode({sql})"),
            Dialect::Portable => format!("lower({sql})"),
        };
    }
    if column.normal.nfc {
        sql = match dialect {
            Dialect::Engine => format!("nfc({sql})"),
            Dialect::Portable => format!("nfc_normalize({sql})"),
        };
    }
    if column.normal.number && dialect == Dialect::Engine {
        sql = format!("plain_number({sql})");
    }
    if column.normal.json {
        // `compile` refuses it in plain SQL.
        sql = format!("json_value({sql})");
    }
    sql
}

/// What of the cell is compared.
fn cmp(own: &str, column: &ColumnPlan, reading: &Reading, dialect: Dialect) -> String {
    let value = common_value(own, column, reading, dialect);
    let data_type = &column.common.data_type;
    match dialect {
        Dialect::Engine if column.common.by_value => format!("value_bytes({own})"),
        Dialect::Engine if is_nested(data_type) => format!("canonical_value({value})"),
        Dialect::Engine if is_float(data_type) => format!("plain_float({value})"),
        Dialect::Portable if matches!(plain(data_type), DataType::Map(..)) => {
            format!("list_sort(map_entries({value}))")
        }
        _ => value,
    }
}
