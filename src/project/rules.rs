//! Rules of the project file: their kind is told by their keys.

use std::collections::{BTreeMap, HashSet};

use super::columns;
use super::datasets::Resolved;
use super::model::{Allow, Fragment, MatchRule, Recheck, Rule, RuleKind, Settle, Severity, TotalsRule};
use super::quantity::{parse_duration, parse_looks, parse_rate, parse_rows, parse_tolerance};
use super::raw::{RawAllow, RawRecheck, RawRule, RawSettle};
use super::source::Source;
use super::words::did_you_mean;
use super::yaml::{Entries, Given, Text};
use crate::error::{Error, Result};
use crate::side::BySide;

pub(crate) const SEVERITIES: [(&str, Severity); 4] = [
    ("info", Severity::Info),
    ("warning", Severity::Warning),
    ("error", Severity::Error),
    ("critical", Severity::Critical),
];

/// What a rule is resolved against.
pub(crate) struct Scope<'a> {
    pub source: &'a Source<'a>,
    pub datasets: &'a [Resolved],
    /// Names of the declared parameters.
    pub params: &'a [String],
}

pub(crate) fn resolve(scope: &Scope, raw: &Entries<RawRule>) -> Result<Vec<Rule>> {
    raw.0.iter().map(|(name, raw)| rule(scope, name, raw).map_err(|error| error.context("rule", name.raw()))).collect()
}

fn rule(scope: &Scope, name: &Text, raw: &RawRule) -> Result<Rule> {
    let source = scope.source;
    check_name(name.raw()).map_err(|(message, hint)| source.error(name, message).hint(hint))?;
    let severity = raw.severity.0.as_ref().map(|text| source.word(text, "severity", &SEVERITIES)).transpose()?;
    let is_totals = !raw.totals.0.is_empty() || !raw.group_by.0.is_empty();
    let kind = match is_totals {
        true => RuleKind::Totals(totals(scope, name, raw)?),
        false => RuleKind::Match(matching(scope, name, raw)?),
    };
    Ok(Rule {
        name: name.raw().to_string(),
        kind,
        severity: severity.unwrap_or(Severity::Error),
        owner: source.optional(&raw.owner, "owner")?,
        description: source.optional(&raw.description, "description")?,
        allow: raw.allow.0.as_ref().map(|raw| allow(source, name, raw)).transpose()?.unwrap_or_default(),
        repair: raw.repair.0.as_ref().map(|raw| super::repair::of_rule(scope, raw)).transpose()?.unwrap_or_default(),
        location: source.at(name),
        version: version(&serde_json::to_string(raw).unwrap_or_default()),
    })
}

/// The name becomes a folder on any file system and object store.
pub(crate) fn check_name(name: &str) -> Result<(), (String, &'static str)> {
    let fits = name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'));
    match fits && !name.is_empty() && !name.starts_with(['.', '-']) && !name.ends_with('.') && name.len() <= 100 {
        true => Ok(()),
        false => Err((
            format!("`{name}` cannot be the name of a rule"),
            "it becomes a folder: use up to 100 letters, digits, `_`, `-` and `.`, beginning with a letter or digit",
        )),
    }
}

/// Of the rule's own words; comments, blanks and the way of quoting in YAML do not count.
pub(crate) fn version(text: &str) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
}

fn matching(scope: &Scope, name: &Text, raw: &RawRule) -> Result<MatchRule> {
    let source = scope.source;
    if let Some((total, _)) = raw.tolerance.0.first() {
        return Err(source
            .error(total, "`tolerance` of a rule belongs to `totals`")
            .hint(format!("for a column, write columns: {{{}: {{tolerance: ...}}}}", total.raw())));
    }
    let key = raw.key.0.as_ref().map(|list| source.names(list, "key")).transpose()?.unwrap_or_default();
    let only = raw.only.0.as_ref().map(|list| source.names(list, "only")).transpose()?;
    Ok(MatchRule {
        dataset: datasets(scope, name, raw)?,
        filter: filter(scope, &raw.filter, "where")?,
        side_filter: side_filter(scope, raw)?,
        columns: columns::resolve(scope, &raw.columns, &key, only.as_deref())?,
        map: map(source, &raw.map)?,
        settle: raw.settle.0.as_ref().map(|raw| settle(source, name, raw)).transpose()?,
        recheck: raw.recheck.0.as_ref().map(|raw| recheck(source, name, raw, &key)).transpose()?,
        key,
        only,
    })
}

fn totals(scope: &Scope, name: &Text, raw: &RawRule) -> Result<TotalsRule> {
    let source = scope.source;
    if raw.totals.0.is_empty() {
        return Err(source
            .error(name, "the rule groups, but has no `totals`")
            .hint("add totals: {rows: \"count(*)\"}"));
    }
    for (given, key) in [
        (raw.key.0.is_some(), "key"),
        (raw.only.0.is_some(), "only"),
        (!raw.columns.0.is_empty(), "columns"),
        (raw.recheck.0.is_some(), "recheck"),
        (raw.repair.0.is_some(), "repair"),
    ] {
        if given {
            return Err(source.error(name, format!("`{key}` does not belong to a totals rule")).hint(
                "a totals rule has group_by, totals and tolerance; make it two rules to compare row by row as well",
            ));
        }
    }
    let group_by = named_expressions(scope, &raw.group_by, "group_by")?;
    let totals = named_expressions(scope, &raw.totals, "totals")?;
    if let Some((twice, _)) =
        raw.totals.0.iter().find(|(total, _)| group_by.iter().any(|(name, _)| name == total.raw()))
    {
        return Err(source
            .error(twice, format!("`{}` stands in group_by and in totals", twice.raw()))
            .hint("rename one of the two"));
    }
    let mut tolerance = BTreeMap::new();
    for (total, text) in &raw.tolerance.0 {
        if !totals.iter().any(|(name, _)| name == total.raw()) {
            let names = totals.iter().map(|(name, _)| name.as_str());
            return Err(source
                .error(total, format!("there is no total `{}` to tolerate", total.raw()))
                .hint(did_you_mean(total.raw(), names, "the totals")));
        }
        tolerance.insert(total.raw().to_string(), source.parsed(&text.0, parse_tolerance)?);
    }
    Ok(TotalsRule {
        dataset: datasets(scope, name, raw)?,
        filter: filter(scope, &raw.filter, "where")?,
        side_filter: side_filter(scope, raw)?,
        map: map(source, &raw.map)?,
        group_by,
        totals,
        tolerance,
        settle: raw.settle.0.as_ref().map(|raw| settle(source, name, raw)).transpose()?,
    })
}

fn datasets(scope: &Scope, name: &Text, raw: &RawRule) -> Result<BySide<String>> {
    BySide::new(&raw.source, &raw.target).try_map(|side, given| {
        let Some(text) = &given.0 else {
            return Err(scope
                .source
                .error(name, format!("the rule has no `{side}`"))
                .hint(format!("add {side}: and the name of a dataset")));
        };
        let wanted = scope.source.filled(text, side.as_str())?;
        let names = || scope.datasets.iter().map(|resolved| resolved.dataset.name.as_str());
        names()
            .find(|known| *known == wanted)
            .or_else(|| names().find(|known| known.eq_ignore_ascii_case(&wanted)))
            .map(str::to_string)
            .ok_or_else(|| {
                unknown_dataset(scope.source.error(text, ""), text.raw(), names()).context("side", side.as_str())
            })
    })
}

/// `error` lends its kind and place.
pub(crate) fn unknown_dataset<'a>(error: Error, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    let unknown = Error::new(error.kind(), format!("there is no dataset `{name}`")).hint(did_you_mean(
        name,
        known,
        "the datasets",
    ));
    super::source::located(unknown, error.location().cloned())
}

fn filter(scope: &Scope, given: &Given<Text>, what: &str) -> Result<Option<Fragment>> {
    given.0.as_ref().map(|text| scope.source.expression(text, what, scope.params)).transpose()
}

fn side_filter(scope: &Scope, raw: &RawRule) -> Result<BySide<Option<Fragment>>> {
    Ok(BySide::new(
        filter(scope, &raw.source_where, "source_where")?,
        filter(scope, &raw.target_where, "target_where")?,
    ))
}

fn named_expressions(scope: &Scope, raw: &Entries<Text>, what: &str) -> Result<Vec<(String, Fragment)>> {
    let named = raw.0.iter().map(|(name, text)| {
        let what = format!("{what}.{}", name.raw());
        if name.raw().trim().is_empty() {
            return Err(scope.source.error(name, "a name is empty").hint("name the expression"));
        }
        Ok((name.raw().to_string(), scope.source.expression(text, &what, scope.params)?))
    });
    named.collect()
}

/// Target column -> source column, one to one.
fn map(source: &Source, raw: &Entries<Text>) -> Result<BTreeMap<String, String>> {
    let (mut map, mut seen) = (BTreeMap::new(), HashSet::new());
    for (target, text) in &raw.0 {
        let column = source.filled(text, "the source column")?;
        if !seen.insert(column.clone()) {
            return Err(source
                .error(text, format!("two target columns are mapped to `{column}`"))
                .hint("map is {target_column: source_column}, one to one"));
        }
        map.insert(target.raw().to_string(), column);
    }
    Ok(map)
}

fn settle(source: &Source, name: &Text, raw: &RawSettle) -> Result<Settle> {
    let missing = |key: &str| {
        source.error(name, format!("`settle` has no `{key}`")).hint("write settle: {column: updated_at, for: 15m}")
    };
    let column = raw.column.0.as_ref().ok_or_else(|| missing("column"))?;
    let wait = raw.wait.0.as_ref().ok_or_else(|| missing("for"))?;
    Ok(Settle { column: source.filled(column, "settle.column")?, wait: source.parsed(wait, parse_duration)? })
}

fn recheck(source: &Source, name: &Text, raw: &RawRecheck, key: &[String]) -> Result<Recheck> {
    if key.is_empty() {
        return Err(source
            .error(name, "`recheck` needs a key: it tells which rows to read again")
            .hint("add key: and the columns that identify a row"));
    }
    let Some(after) = &raw.after.0 else {
        return Err(source.error(name, "`recheck` has no `after`").hint("write recheck: {after: 30s, times: 3}"));
    };
    let times = raw.times.0.as_ref().map(|text| source.parsed(&text.0, parse_looks)).transpose()?;
    Ok(Recheck { after: source.parsed(after, parse_duration)?, times: times.unwrap_or(1) })
}

fn allow(source: &Source, name: &Text, raw: &RawAllow) -> Result<Allow> {
    if raw.rows.0.is_none() && raw.rate.0.is_none() && raw.age.0.is_none() {
        let hint = "write allow: {rows: 10}, allow: {rate: 0.01%} or allow: {age: 7d}";
        return Err(source.error(name, "`allow` is empty").hint(hint));
    }
    Ok(Allow {
        rows: raw.rows.0.as_ref().map(|text| source.parsed(&text.0, parse_rows)).transpose()?,
        rate: raw.rate.0.as_ref().map(|text| source.parsed(&text.0, parse_rate)).transpose()?,
        age: raw.age.0.as_ref().map(|text| source.parsed(text, parse_duration)).transpose()?,
    })
}
