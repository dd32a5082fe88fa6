//! MatchRule + the columns that are really there -> MatchPlan. Every question of types is settled here, once.

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::prelude::SessionContext;

use crate::dataset::{ANY_NUMBER, ANY_VALUE, TEXT_OF};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{ColumnRule, Fragment, MatchRule, Settle, Tolerance};
use crate::rule::columns::{self, Pairing};
use crate::rule::common::{Common, NoCommon, common_type, is_number, is_text, is_time, show};
use crate::rule::plan::{ColumnPlan, Filter, MatchPlan, Normal, ReadFrom, Reading, Relation, SidePlan};
use crate::rule::position::locate;
use crate::rule::sql::{Dialect, from_clause};
use crate::side::{BySide, Side};
use crate::verdict::{SchemaDifferences, TypeDiffers};

/// What CSV numbers become where only a tolerance says that they are numbers.
const TOLERATED_TEXT: DataType = DataType::Decimal128(38, 18);
/// What numbers of any length are read as beside text, so that both are compared by value.
const ANY_NUMBER_TYPE: DataType = DataType::Decimal256(76, 38);

/// What is said of the type of a column's text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Untyped {
    /// It is no text of another type, or the type is declared.
    No,
    Anything,
    /// Anything but bytes.
    Value,
    /// A number of any length, written in its only form.
    Number,
}

/// `started` is the moment that `settle` counts back from.
pub async fn resolve(
    ctx: &SessionContext,
    name: &str,
    rule: &MatchRule,
    relations: BySide<Relation>,
    started: DateTime<Utc>,
) -> Result<MatchPlan> {
    Resolver { ctx, name, rule, relations, started }.plan().await
}

struct Resolver<'a> {
    ctx: &'a SessionContext,
    name: &'a str,
    rule: &'a MatchRule,
    relations: BySide<Relation>,
    started: DateTime<Utc>,
}

impl Resolver<'_> {
    async fn plan(self) -> Result<MatchPlan> {
        let pairing = self.pairing()?;
        self.check_names(&pairing)?;
        let mut plan = MatchPlan {
            rule: self.name.to_string(),
            sides: BySide::from_fn(|side| self.side(side)),
            key: Vec::new(),
            keyed: !self.rule.key.is_empty(),
            values: Vec::new(),
            schema: self.schema_differences(&pairing),
            notes: pairing.notes.clone(),
        };
        for (source, target) in pairing.pairs.iter().filter(|(source, _)| self.compared(source)) {
            let is_key = self.rule.key.contains(source);
            let read = self.readings(source, target, &plan.sides).await?;
            match self.column(source, read)? {
                Ok(column) if is_key || !plan.keyed => plan.key.push(column),
                Ok(column) => plan.values.push(column),
                Err(types) if is_key => return Err(incomparable_key(source, &types)),
                Err(types) => plan.schema.type_differs.push(TypeDiffers { column: source.clone(), types }),
            }
        }
        // The key in the order that the rule names it.
        plan.key.sort_by_key(|column| self.rule.key.iter().position(|k| *k == column.name));
        if plan.key.is_empty() {
            return Err(Error::new(ErrorKind::Schema, "the two sides have no column in common that can be compared")
                .hint("map columns by `map:` (--map target=source), or name other datasets"));
        }
        let said =
            plan.key.iter().chain(&plan.values).filter_map(|column| Some((&column.name, column.common.note.as_ref()?)));
        let said: Vec<String> = said.map(|(name, note)| format!("column `{name}`: {note}")).collect();
        plan.notes.extend(said);
        for side in Side::BOTH {
            self.filters(side, &pairing, &mut plan).await?;
        }
        Ok(plan)
    }

    /// Pairs by name, where a column that an expression gives counts as standing on its side.
    fn pairing(&self) -> Result<Pairing> {
        let schema = |side: Side| {
            let relation = self.relations.get(side);
            let mut fields: Vec<Field> = relation.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
            for (name, column) in &self.rule.columns {
                let mapped = side == Side::Target && self.rule.map.values().any(|source| source == name);
                if column.expression.get(side).is_some() && !mapped && fields.iter().all(|f| f.name() != name) {
                    fields.push(Field::new(name, DataType::Null, true));
                }
            }
            Schema::new(fields)
        };
        columns::pair(&schema(Side::Source), &schema(Side::Target), &self.rule.map)
    }

    /// Every column that the rule names must stand somewhere.
    fn check_names(&self, pairing: &Pairing) -> Result<()> {
        let paired: Vec<&str> = pairing.pairs.iter().map(|(source, _)| source.as_str()).collect();
        let anywhere: Vec<&str> = paired
            .iter()
            .copied()
            .chain(pairing.only_in_source.iter().map(String::as_str))
            .chain(pairing.only_in_target.iter().map(String::as_str))
            .collect();
        for key in &self.rule.key {
            for (side, missing) in [(Side::Target, &pairing.only_in_source), (Side::Source, &pairing.only_in_target)] {
                if missing.contains(key) {
                    let other: Vec<&str> =
                        self.relations.get(side).schema.fields().iter().map(|f| f.name().as_str()).collect();
                    let error = Error::new(ErrorKind::NotFound, format!("there is no key column `{key}`"));
                    let hint = match crate::project::nearest(key, other.iter().copied()) {
                        Some(near) => {
                            format!("if `{near}` is meant, say so by `map: {{{near}: {key}}}` (--map {near}={key})")
                        }
                        None => format!("the columns there are {}; map one by `map:` (--map)", columns::list(&other)),
                    };
                    return Err(error.context("side", side.as_str()).hint(hint));
                }
            }
            known(key, &paired, "key column")?;
        }
        for name in self.rule.only.iter().flatten() {
            known(name, &anywhere, "column")?;
        }
        for (name, column) in &self.rule.columns {
            known(name, &anywhere, "column").map_err(|error| match &column.location {
                Some(location) => error.at(location.clone()),
                None => error,
            })?;
        }
        Ok(())
    }

    fn side(&self, side: Side) -> SidePlan {
        let relation = self.relations.get(side);
        let filtered =
            self.rule.filter.is_some() || self.rule.settle.is_some() || self.rule.side_filter.get(side).is_some();
        SidePlan {
            segments: None,
            carried: Vec::new(),
            from: relation.from.clone(),
            portable: relation.portable.clone(),
            declared: relation.schema.fields().iter().filter_map(|f| Some((f.name().clone(), text_of(f)??))).collect(),
            columns: relation.schema.fields().iter().map(|f| f.name().clone()).collect(),
            filter: self.rule.side_filter.get(side).clone(),
            filters: Vec::new(),
            extra: Vec::new(),
            exact_rows: relation.exact_rows.filter(|_| !filtered),
            opened: relation.opened.clone(),
        }
    }

    fn options(&self, name: &str) -> ColumnRule {
        self.rule.columns.get(name).cloned().unwrap_or_default()
    }

    fn compared(&self, name: &str) -> bool {
        let named = self.rule.only.as_ref().is_none_or(|only| only.iter().any(|n| n == name));
        self.rule.key.iter().any(|k| k == name) || named && !self.options(name).ignore
    }

    fn schema_differences(&self, pairing: &Pairing) -> SchemaDifferences {
        let mattering = |names: &[String]| names.iter().filter(|name| self.compared(name)).cloned().collect();
        SchemaDifferences {
            only_in_source: mattering(&pairing.only_in_source),
            only_in_target: mattering(&pairing.only_in_target),
            type_differs: Vec::new(),
        }
    }

    /// Where each side's cells come from, and as what their text is read.
    async fn readings(&self, source: &str, target: &str, sides: &BySide<SidePlan>) -> Result<BySide<Reading>> {
        let options = self.options(source);
        let reading = |side: Side, column: &str| {
            let from = match options.expression.get(side) {
                Some(fragment) => ReadFrom::Expression(fragment.clone()),
                None => ReadFrom::Column(column.to_string()),
            };
            (side, from)
        };
        let mut found: Vec<(Reading, Untyped)> = Vec::with_capacity(2);
        for (side, from) in [reading(Side::Source, source), reading(Side::Target, target)] {
            found.push(self.stored(side, from, sides.get(side)).await?);
        }
        let (Some((mut t, t_text)), Some((mut s, s_text))) = (found.pop(), found.pop()) else {
            return Err(Error::new(ErrorKind::Internal, "a column without two sides"));
        };
        let tolerated = matches!(options.tolerance, Some(Tolerance::Absolute(_) | Tolerance::Relative(_)));
        let both = match (s_text, t_text) {
            (Untyped::No, _) | (_, Untyped::No) => None,
            (Untyped::Anything | Untyped::Value, Untyped::Anything | Untyped::Value) => {
                tolerated.then_some(TOLERATED_TEXT)
            }
            _ => tolerated.then_some(ANY_NUMBER_TYPE),
        };
        if let Some(both) = both.clone() {
            (s.text_as, t.text_as) = (Some(both.clone()), Some(both));
        }
        // Undeclared text is read as the other side's type.
        let as_other = |text, (other, of): (&Reading, Untyped)| match text {
            Untyped::Anything if !is_text(other.own()) => readable(other.own()),
            // The digits of a number are no bytes.
            Untyped::Value | Untyped::Number if !is_text(other.own()) => {
                readable(other.own()).filter(|of| !is_bytes(of))
            }
            // Text that is only text says no number.
            Untyped::Number if of == Untyped::No => Some(ANY_NUMBER_TYPE),
            _ => None,
        };
        if both.is_none() {
            // Numbers of any length are compared as text, each in the only form in which it is written.
            let texts = s_text != Untyped::No && t_text != Untyped::No;
            let number = texts && (s_text == Untyped::Number) != (t_text == Untyped::Number);
            (s.number, t.number) = (number, number);
            let (source, target) = (as_other(s_text, (&t, t_text)), as_other(t_text, (&s, s_text)));
            (s.text_as, t.text_as) = (source.or(s.text_as), target.or(t.text_as));
        }
        if let Some(zone) = &options.timezone {
            zoned_by(zone, &mut s, &mut t);
        }
        Ok(BySide::new(s, t))
    }

    /// The reading by itself, and whether it is untyped text.
    async fn stored(&self, side: Side, from: ReadFrom, plan: &SidePlan) -> Result<(Reading, Untyped)> {
        let relation = self.relations.get(side);
        let reading = |from, stored, text_as| Reading { from, stored, text_as, zone: None, number: false };
        match from {
            ReadFrom::Column(name) => {
                let field = relation.schema.field_with_name(&name)?;
                let text = text_of(field);
                let stored = field.data_type().clone();
                let declared = text.clone().flatten().filter(|declared| !is_text(declared));
                let untyped = match text {
                    Some(None) if is_any(field, ANY_NUMBER) => Untyped::Number,
                    Some(None) if is_any(field, ANY_VALUE) => Untyped::Value,
                    Some(None) => Untyped::Anything,
                    _ => Untyped::No,
                };
                Ok((reading(ReadFrom::Column(name), stored, declared), untyped))
            }
            ReadFrom::Expression(fragment) => {
                let stored = self.expression_type(side, &fragment, plan).await?;
                let untyped = is_text(&stored) && relation.schema.fields().iter().any(|f| text_of(f).is_some());
                let untyped = if untyped { Untyped::Anything } else { Untyped::No };
                Ok((reading(ReadFrom::Expression(fragment), stored, None), untyped))
            }
        }
    }

    async fn expression_type(&self, side: Side, fragment: &Fragment, plan: &SidePlan) -> Result<DataType> {
        let sql = format!("SELECT {} AS x FROM {}", fragment.inline(), from_clause(plan, Dialect::Engine));
        let frame =
            self.ctx.sql(&sql).await.map_err(|error| locate(error, fragment, &sql).context("side", side.as_str()))?;
        Ok(frame.schema().field(0).data_type().clone())
    }

    /// The column's plan, or both types where they cannot be compared.
    fn column(&self, name: &str, read: BySide<Reading>) -> Result<Result<ColumnPlan, BySide<String>>> {
        let options = self.options(name);
        let common = match common_type(&compared_as(&read, Side::Source), &compared_as(&read, Side::Target)) {
            Ok(common) => common,
            Err(NoCommon::ZonedAgainstZoneless) => return Err(zoned_against_zoneless(name, &read)),
            Err(NoCommon::Incomparable) => return Ok(Err(read.map(|reading| show(reading.own())))),
        };
        if let Some(tolerance) = &options.tolerance {
            check_tolerance(name, tolerance, &common, !self.rule.key.is_empty()).map_err(|error| {
                match &options.location {
                    Some(location) => error.at(location.clone()),
                    None => error,
                }
            })?;
        }
        if options.json && !(is_text(&common.data_type) && !common.by_value || common.data_type == DataType::Null) {
            return Err(not_json(name, &options, &read));
        }
        let text = is_text(&common.data_type) || read.source.text_as.is_some() || read.target.text_as.is_some();
        let normal = if text {
            let number = read.source.number && read.target.number;
            let ColumnRule { trim, ignore_case, nfc, json, .. } = options;
            Normal { trim, ignore_case, nfc, json, number }
        } else {
            Normal::default()
        };
        Ok(Ok(ColumnPlan { name: name.to_string(), read, common, normal, tolerance: options.tolerance }))
    }

    async fn filters(&self, side: Side, pairing: &Pairing, plan: &mut MatchPlan) -> Result<()> {
        let mut filters = Vec::new();
        let mut needed = String::new();
        if let Some(fragment) = &self.rule.filter {
            needed.push_str(&fragment.sql);
            filters.push(Filter::Where(fragment.clone()));
        }
        if let Some(settle) = &self.rule.settle {
            needed.push_str(&format!(" {}", settle.column));
        }
        let needed = needed.to_lowercase();
        let known: Vec<String> = plan.key.iter().chain(&plan.values).map(|c| c.name.clone()).collect();
        let mut extra = Vec::new();
        let wanted = |name: &String| needed.contains(&name.to_lowercase()) && !known.contains(name);
        for (source, target) in pairing.pairs.iter().filter(|(source, _)| wanted(source)) {
            let read = self.readings(source, target, &plan.sides).await?;
            extra.push((source.clone(), read.get(side).clone()));
        }
        let own = match side {
            Side::Source => &pairing.only_in_source,
            Side::Target => &pairing.only_in_target,
        };
        for name in own.iter().filter(|name| wanted(name)) {
            let (reading, _) = self.stored(side, ReadFrom::Column(name.clone()), plan.sides.get(side)).await?;
            extra.push((name.clone(), reading));
        }
        if let Some(settle) = &self.rule.settle {
            let reading =
                plan.key.iter().chain(&plan.values).find(|c| c.name == settle.column).map(|c| c.read.get(side));
            let reading = reading.or_else(|| extra.iter().find(|(name, _)| *name == settle.column).map(|(_, r)| r));
            filters.push(self.settled(settle, side, reading)?);
            if side == Side::Source {
                plan.notes.push(format!(
                    "rows whose `{}` is later than {} are left out on both sides",
                    settle.column,
                    self.cutoff(settle)
                ));
            }
        }
        let side_plan = plan.sides.get_mut(side);
        side_plan.filters = filters;
        side_plan.extra = extra;
        Ok(())
    }

    fn cutoff(&self, settle: &Settle) -> String {
        let cutoff = self.started - chrono::TimeDelta::from_std(settle.wait).unwrap_or(chrono::TimeDelta::MAX);
        cutoff.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }

    fn settled(&self, settle: &Settle, side: Side, reading: Option<&Reading>) -> Result<Filter> {
        let column = &settle.column;
        let Some(reading) = reading else {
            let error = Error::new(ErrorKind::NotFound, format!("there is no column `{column}` to settle by"));
            return Err(error.context("side", side.as_str()).hint("name a column that stands on both sides"));
        };
        let zoned = match reading.own() {
            DataType::Timestamp(_, zone) => zone.is_some(),
            DataType::Date32 | DataType::Date64 => false,
            other => {
                let error =
                    Error::new(ErrorKind::Schema, format!("`{column}` is {}, not a time to settle by", show(other)));
                return Err(error
                    .context("side", side.as_str())
                    .hint("declare its type under `columns:` of the dataset"));
            }
        };
        Ok(Filter::SettledBy { column: column.clone(), instant: self.cutoff(settle), zoned })
    }
}

fn known(name: &str, names: &[&str], what: &str) -> Result<()> {
    if names.contains(&name) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::NotFound, format!("there is no {what} `{name}`"));
    Err(match crate::project::nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("the columns are {}", columns::list(names))),
    })
}

/// None: not untyped text. Some(None): text of a format without types. Some(Some(t)): declared as `t`.
pub fn text_of(field: &Field) -> Option<Option<DataType>> {
    field.metadata().get(TEXT_OF).map(|declared| declared.parse().ok())
}

fn is_any(field: &Field, what: &str) -> bool {
    field.metadata().get(TEXT_OF).is_some_and(|of| of == what)
}

fn is_bytes(data_type: &DataType) -> bool {
    crate::rule::common::plain(data_type) == DataType::Binary
}

/// The type that text is read as beside `other`.
fn readable(other: &DataType) -> Option<DataType> {
    let other = crate::rule::common::plain(other);
    let ok = is_number(&other) || is_time(&other) || matches!(other, DataType::Boolean | DataType::Binary);
    let ok = ok && !matches!(other, DataType::Duration(_));
    ok.then_some(other)
}

/// Gives the zone to the side whose times are zoneless, if the other side's are zoned.
fn zoned_by(zone: &str, s: &mut Reading, t: &mut Reading) {
    let zoned = |r: &Reading| matches!(r.own(), DataType::Timestamp(_, Some(_)));
    let zoneless = |r: &Reading| matches!(r.own(), DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64);
    if s.text_as.is_some() && zoned(s) || zoneless(s) && zoned(t) {
        s.zone = Some(zone.to_string());
    }
    if t.text_as.is_some() && zoned(t) || zoneless(t) && zoned(s) {
        t.zone = Some(zone.to_string());
    }
}

fn zoned_against_zoneless(name: &str, read: &BySide<Reading>) -> Error {
    let side = Side::BOTH.into_iter().find(|s| !matches!(read.get(*s).own(), DataType::Timestamp(_, Some(_))));
    let side = side.unwrap_or(Side::Source);
    Error::new(
        ErrorKind::Schema,
        format!(
            "column `{name}` is {} in source and {} in target: an instant cannot be compared with a time without zone",
            show(read.source.own()),
            show(read.target.own())
        ),
    )
    .context("side", side.as_str())
    .hint(format!("say what the {side} means: `columns: {{{name}: {{timezone: Europe/Berlin}}}}` (--timezone {name}=Europe/Berlin)"))
}

fn not_json(name: &str, options: &ColumnRule, read: &BySide<Reading>) -> Error {
    let (source, target) = (show(read.source.own()), show(read.target.own()));
    let error = Error::new(
        ErrorKind::Schema,
        format!("`{name}` is {source} in source and {target} in target: only text is compared as JSON"),
    );
    let error = error.hint("remove `json`, or make it text by `source:` or `target:`");
    match &options.location {
        Some(location) => error.at(location.clone()),
        None => error,
    }
}

fn incomparable_key(name: &str, types: &BySide<String>) -> Error {
    Error::new(
        ErrorKind::Schema,
        format!(
            "the key column `{name}` is {} in source and {} in target, which cannot be compared",
            types.source, types.target
        ),
    )
    .hint(format!(
        "bring both to one type: `columns: {{{name}: {{target: \"cast({name} as ...)\"}}}}`, or choose another key"
    ))
}

/// The type that a side's times get by their zone; any other type as it is.
fn compared_as(read: &BySide<Reading>, side: Side) -> DataType {
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    match (&read.get(side).zone, read.get(side).own(), read.get(side.other()).own()) {
        (Some(_), DataType::Timestamp(unit, None), _) => utc(*unit),
        // A date is its midnight to the last digit that the other side has, never the whole second.
        (Some(_), DataType::Date32, DataType::Timestamp(unit, _)) => utc(*unit),
        (Some(_), DataType::Date64, _) => utc(TimeUnit::Millisecond),
        (_, own, _) => own.clone(),
    }
}

fn check_tolerance(name: &str, tolerance: &Tolerance, common: &Common, keyed: bool) -> Result<()> {
    let (by_value, common) = (common.by_value, &common.data_type);
    let error = |message: String, hint: &str| Err(Error::new(ErrorKind::Config, message).hint(hint));
    if !keyed {
        return error(format!("a tolerance for `{name}` needs a key"), "name the key by `key:` (--key)");
    }
    let shown = show(common);
    match tolerance {
        Tolerance::Absolute(_) | Tolerance::Relative(_) if is_number(common) || by_value => Ok(()),
        Tolerance::Duration(_) if is_time(common) => Ok(()),
        Tolerance::Absolute(_) if is_time(common) => {
            error(format!("`{name}` is {shown}: its tolerance must be a duration"), "write it with a unit, e.g. `2s`")
        }
        Tolerance::Relative(_) if is_time(common) => {
            error(format!("`{name}` is {shown}: a time has no relative tolerance"), "write a duration, e.g. `2s`")
        }
        Tolerance::Duration(_) if is_number(common) => {
            error(format!("`{name}` is {shown}: its tolerance cannot be a duration"), "write a number or a percentage")
        }
        _ => error(
            format!("`{name}` is {shown}: only numbers and times have a tolerance"),
            "give the column a type under `columns:` of the dataset, or remove the tolerance",
        ),
    }
}
