//! MatchPlan -> SQL, through the templates of `queries/`. Here identifiers are quoted and expressions are put together;
//! the shape of each statement stands in its template.
//!
//! Two dialects: `Engine` uses tieout's SQL functions, which keep the meaning of equal to the letter; `Portable` plain SQL.

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use minijinja::{Environment, context};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Tolerance;
use crate::rule::common::{is_float, is_nested, is_number, is_text, plain};
use crate::rule::indent::indented;
use crate::rule::plan::{ColumnPlan, Filter, MatchPlan, ReadFrom, Reading, SidePlan};
use crate::rule::portable;
use crate::rule::readable;
use crate::rule::resolve::text_of;
use crate::side::{BySide, Side};
use crate::sql::type_text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Engine,
    Portable,
}

/// `"a ""quoted"" name"`.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'it''s'`.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A statement from a template of `queries/`.
pub fn render(template: &str, values: minijinja::Value) -> Result<String> {
    let source = match template {
        "side" => include_str!("../../queries/side.sql"),
        "declared" => include_str!("../../queries/declared.sql"),
        "digested" => include_str!("../../queries/digested.sql"),
        "repeated" => include_str!("../../queries/repeated.sql"),
        "violations" => include_str!("../../queries/violations.sql"),
        "totals" => include_str!("../../queries/totals.sql"),
        "classify" => include_str!("../../queries/classify.sql"),
        "classify_rows" => include_str!("../../queries/classify_rows.sql"),
        other => return Err(Error::new(ErrorKind::Internal, format!("there is no template {other}"))),
    };
    let mut environment = Environment::new();
    environment.add_filter("indented", |sql: &str, width: usize| indented(sql, width));
    let rendered = environment.render_str(source, values);
    let text =
        rendered.map_err(|error| Error::new(ErrorKind::Internal, format!("template {template}")).source(error))?;
    Ok(text.trim_start().to_string())
}

/// `sql AS name` in a template.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    pub sql: String,
    pub name: String,
}

impl From<Item> for minijinja::Value {
    fn from(item: Item) -> Self {
        minijinja::Value::from(minijinja::value::Serde(item))
    }
}

impl From<Compared> for minijinja::Value {
    fn from(column: Compared) -> Self {
        minijinja::Value::from(minijinja::value::Serde(column))
    }
}

/// The names that a column's parts go by inside the statements, quoted.
#[derive(Debug, Clone)]
pub struct Parts {
    /// As the side has it (of a key: as the common type).
    pub own: String,
    /// What is compared; `own` where that is the same.
    pub cmp: String,
    /// Text that could not be read.
    pub residue: Option<String>,
    /// At full width, for a tolerance.
    pub wide: Option<String>,
}

impl Parts {
    pub fn of(column: &ColumnPlan) -> Self {
        let name = &column.name;
        let own = ident(name);
        let cmp = if column.has_cmp() { ident(&format!("{name}#cmp")) } else { own.clone() };
        Self {
            own,
            cmp,
            residue: column.has_residue().then(|| ident(&format!("{name}#text"))),
            wide: column.wide().map(|_| ident(&format!("{name}#wide"))),
        }
    }

    /// What two cells must agree in to be equal.
    pub fn compared(&self) -> Vec<String> {
        std::iter::once(self.cmp.clone()).chain(self.residue.clone()).collect()
    }
}

/// What is compared of all columns, in order.
pub fn compared(columns: &[ColumnPlan]) -> Vec<String> {
    columns.iter().flat_map(|column| Parts::of(column).compared()).collect()
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
    for (name, reading) in &side_plan.extra {
        read.push(Item { sql: own(&base(reading, side_plan), reading, side_plan, dialect), name: ident(name) });
    }
    let filters: Vec<String> = side_plan.filters.iter().map(|filter| filter_sql(filter, dialect)).collect();
    render(
        "side",
        context! {
            compared => compared_items(plan, side, dialect),
            read,
            from => from_clause(side_plan, dialect),
            side_filter => side_plan.filter.as_ref().map(|f| f.inline()),
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
    render("digested", context! { rows, keys, all, side_sql })
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
    if let (Dialect::Portable, ReadFrom::Column(name), None) = (dialect, &reading.from, &reading.zone) {
        if *base == ident(&format!("{name}#raw")) && side.declared.contains(&(name.clone(), data_type.clone())) {
            return ident(name);
        }
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

fn filter_sql(filter: &Filter, dialect: Dialect) -> String {
    match filter {
        Filter::Where(fragment) => format!("({})", fragment.inline()),
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
fn compared_items(plan: &MatchPlan, side: Side, dialect: Dialect) -> Vec<Item> {
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
            items.push(Item { sql: cmp(&parts.own, column, reading, dialect), name: parts.cmp });
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
    if is_text(&column.common.data_type) && !column.common.by_value {
        sql = normalised(sql, column, dialect);
    }
    let common = &column.common;
    if common.by_value {
        return match dialect {
            Dialect::Engine => format!("CAST({sql} AS VARCHAR)"),
            Dialect::Portable => sql,
        };
    }
    let settled = reading.zone.is_none() && *reading.own() == common.data_type;
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

/// A column in the statement that classifies what is left over.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// True where the cells of `s` and `t` differ, beyond a tolerance.
    pub differs: String,
    /// Its opposite.
    equal_or_near: String,
    tolerated: bool,
}

/// Names of the engine's result columns, so that `engine` and this file agree.
pub mod field {
    use datafusion::arrow::array::ArrayRef;
    use datafusion::arrow::record_batch::RecordBatch;

    use crate::error::{Error, ErrorKind, Result};

    pub const KIND: &str = "kind";
    pub const SIDE: &str = "side";
    pub const ORDINAL: &str = "ordinal";
    pub const SOURCE_DIGEST: &str = "source_digest";
    pub const TARGET_DIGEST: &str = "target_digest";

    /// The column of that name.
    pub fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
        let missing = || Error::new(ErrorKind::Internal, format!("the classifying statement has no column {name}"));
        batch.column_by_name(name).ok_or_else(missing)
    }

    /// The i-th key column, in the common type.
    pub fn key(i: usize) -> String {
        format!("key{i}")
    }

    /// What orders the i-th key column.
    pub fn key_order(i: usize) -> String {
        format!("order{i}")
    }

    /// The unreadable text of the i-th key (`k`) or value (`v`) column.
    pub fn residue(side: crate::side::Side, role: char, i: usize) -> String {
        format!("{side}_text_{role}{i}")
    }

    pub fn own(side: crate::side::Side, i: usize) -> String {
        format!("{side}{i}")
    }

    pub fn differs(i: usize) -> String {
        format!("differs{i}")
    }

    pub fn near(i: usize) -> String {
        format!("near{i}")
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
    let common = context! {
        frame, s => rows.source.clone(), t => rows.target.clone(), k => unlike_columns(plan, "k"),
        readable, keys, all,
        source_sql => sql.source,
        target_sql => sql.target,
        tie => ties(plan),
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
            values => compared(&plan.values), exact, near => near_order, columns, slots,
            fields => fields(plan, dialect, readable, None), ..common
        },
    )
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
        .map(|column| ident(&column.name))
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
