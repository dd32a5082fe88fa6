//! How divergences are repaired, and by whom: `repair` of a rule and of the project.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::model::{Authority, Decide, Policy, Repair, RepairLimits, RuleRepair};
use super::quantity::{parse_rate, parse_rows};
use super::raw::{RawAuthority, RawPolicy, RawRepair, RawRuleRepair};
use super::rules::{SEVERITIES, Scope};
use super::source::Source;
use super::words::did_you_mean;
use super::yaml::{Given, OneOrMany, PathOr, Quantity, Short, Text};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Rule;
use crate::side::Side;
use crate::verdict::Kind;

const SIDES: [(&str, Side); 2] = [("source", Side::Source), ("target", Side::Target)];

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Auto,
    Approve,
    Never,
}

const DECISIONS: [(&str, Word); 3] = [("auto", Word::Auto), ("approve", Word::Approve), ("never", Word::Never)];

pub(crate) fn of_rule(scope: &Scope, raw: &RawRuleRepair) -> Result<RuleRepair> {
    let authority = raw.authority.0.as_ref().map(|raw| authority(scope, raw)).transpose()?;
    Ok(RuleRepair { authority, value: scope.source.optional(&raw.value, "repair.value")? })
}

fn authority(scope: &Scope, raw: &Short<RawAuthority>) -> Result<Authority> {
    let source = scope.source;
    match &raw.0.value {
        PathOr::Path(text) => {
            let text = Text(Spanned::new(text.clone(), raw.0.defined, raw.0.defined));
            let side = SIDES.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.raw().trim()));
            match side {
                Some((_, side)) => Ok(Authority::Side(*side)),
                None => Ok(Authority::Sql(source.expression(&text, "repair.authority", scope.params)?)),
            }
        }
        PathOr::Options(options) => {
            let side = |given: &Given<Text>| given.0.as_ref().map(|text| source.word(text, "side", &SIDES)).transpose();
            let (missing, otherwise) = (side(&options.missing)?, side(&options.otherwise)?);
            let place = || Text(Spanned::new(String::new(), raw.0.defined, raw.0.defined));
            match (source.optional(&options.newer, "repair.authority.newer")?, options.columns.0.is_empty()) {
                (Some(column), true) if otherwise.is_none() => Ok(Authority::Newer { column, missing }),
                (None, false) if missing.is_none() => {
                    let column = |(name, text): &(Text, Text)| Ok((name.raw().to_string(), source.word(text, "side", &SIDES)?));
                    let columns = options.columns.0.iter().map(column).collect::<Result<BTreeMap<_, _>>>()?;
                    Ok(Authority::Columns { otherwise, columns })
                }
                _ => Err(source.error(&place(), "`authority` has either `newer` (and `missing`), or `columns` (and `otherwise`)").hint(
                    "write authority: source, authority: {newer: updated_at, missing: source} or authority: {otherwise: source, columns: {phone: target}}",
                )),
            }
        }
    }
}

pub(crate) fn of_project(source: &Source, raw: &RawRepair, rules: &[Rule]) -> Result<Repair> {
    let mut approvers: BTreeMap<String, String> = BTreeMap::new();
    for (name, text) in &raw.approvers.0 {
        if name.raw().trim().is_empty() {
            return Err(source.error(name, "the name of an approver is empty").hint("name a person"));
        }
        let key = source.parsed(text, public_key)?;
        if let Some((other, _)) = approvers.iter().find(|(_, known)| **known == key) {
            return Err(source
                .error(text, format!("`{}` has the same key as `{other}`", name.raw()))
                .hint("each approver has a key of their own: `tieout keys new FILE` makes one"));
        }
        approvers.insert(name.raw().to_string(), key);
    }
    let policy = raw.policy.iter().map(|raw| policy(source, raw, approvers.len(), rules)).collect::<Result<_>>()?;
    let mut limits = RepairLimits::default();
    if let Some(given) = &raw.limits.0 {
        let rows =
            |given: &Given<Quantity>| given.0.as_ref().map(|text| source.parsed(&text.0, parse_rows)).transpose();
        limits.rows_per_run = rows(&given.rows_per_run)?.unwrap_or(limits.rows_per_run);
        limits.rows_per_day = rows(&given.rows_per_day)?.unwrap_or(limits.rows_per_day);
    }
    Ok(Repair { approvers, policy, limits })
}

/// `ed25519:` and 64 hexadecimal digits, in lower case.
fn public_key(text: &str) -> Result<String> {
    let text = text.trim().to_lowercase();
    let digits = text.strip_prefix("ed25519:").unwrap_or_default();
    match digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => Ok(text),
        false => Err(Error::new(ErrorKind::Config, "this is no public key")
            .hint("a public key is `ed25519:` and 64 hexadecimal digits; `tieout keys new FILE` makes a pair, and FILE.pub holds it")),
    }
}

fn policy(source: &Source, raw: &RawPolicy, approvers: usize, known: &[Rule]) -> Result<Policy> {
    let names = |given: &Given<OneOrMany<Text>>, what: &str| {
        Ok::<_, Error>(given.0.as_ref().map(|list| source.names(list, what)).transpose()?.unwrap_or_default())
    };
    let Some(text) = &raw.decide.0 else {
        return Err(Error::new(ErrorKind::Config, "an entry of `policy` has no `decide`")
            .hint("write decide: auto, approve or never"));
    };
    let word = source.word(text, "decision", &DECISIONS)?;
    let count = match &raw.approvals.0 {
        Some(count) if word != Word::Approve => {
            return Err(source
                .error(&count.0, "`approvals` belongs to `decide: approve`")
                .hint("remove one of the two"));
        }
        Some(count) => {
            let rows = source.parsed(&count.0, parse_rows)?;
            match u32::try_from(rows) {
                Ok(rows) if rows > 0 && rows as usize <= approvers => rows,
                _ => {
                    return Err(source
                        .error(&count.0, format!("{rows} approvals are asked for, and there are {approvers} approvers"))
                        .hint("name more of them under repair: approvers:, or ask for fewer"));
                }
            }
        }
        None => 1,
    };
    let mut kinds = Vec::new();
    if let Some(list) = &raw.kinds.0 {
        let words = Kind::ALL.map(|kind| (kind.as_str(), kind));
        for text in source.texts(list, "kinds")? {
            kinds.push(source.word(&text, "kind", &words)?);
        }
    }
    let rules = names(&raw.rules, "rules")?;
    let is_known = |name: &str| known.iter().any(|rule| rule.name == name);
    if let (Some(n), Some(list)) = (rules.iter().position(|name| !is_known(name)), &raw.rules.0) {
        let near = did_you_mean(&rules[n], known.iter().map(|rule| rule.name.as_str()), "the rules");
        let error = Error::new(ErrorKind::Config, format!("there is no rule `{}`", rules[n]));
        let place = source.texts(list, "rules")?.get(n).and_then(|text| source.at(text));
        return Err(super::source::located(error, place).hint(near));
    }
    Ok(Policy {
        rules,
        kinds,
        columns: names(&raw.columns, "columns")?,
        severity: raw.severity.0.as_ref().map(|text| source.word(text, "severity", &SEVERITIES)).transpose()?,
        max_rows: raw.max_rows.0.as_ref().map(|text| source.parsed(&text.0, parse_rows)).transpose()?,
        max_share: raw.max_share.0.as_ref().map(|text| source.parsed(&text.0, parse_rate)).transpose()?,
        max_value: raw.max_value.0.as_ref().map(|text| source.parsed(&text.0, parse_value)).transpose()?,
        decide: match word {
            Word::Auto => Decide::Auto,
            Word::Approve => Decide::Approve(count),
            Word::Never => Decide::Never,
        },
    })
}

fn parse_value(text: &str) -> Result<f64> {
    match text.trim().replace('_', "").parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => {
            Err(Error::new(ErrorKind::Config, format!("`{text}` is not an amount")).hint("write a number, such as 500"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::project::model::Project;

    const KEY: &str = "ed25519:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const OTHER: &str = "ed25519:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

    fn load(rule: &str, repair: &str) -> Result<Project> {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "datasets:\n  a: {{parquet: a.parquet}}\n  b: {{parquet: b.parquet}}\nrules:\n  orders:\n    source: a\n    target: b\n    key: [id]\n{rule}{repair}"
        );
        std::fs::write(dir.path().join("tieout.yaml"), text).unwrap();
        crate::project::load(Path::new(dir.path()), &|_| None, &[])
    }

    fn repair_of(authority: &str) -> Result<RuleRepair> {
        Ok(load(&format!("    repair: {{authority: {authority}, value: amount}}\n"), "")?.rules[0].repair.clone())
    }

    #[test]
    fn which_side_is_right() {
        assert!(matches!(repair_of("source").unwrap().authority, Some(Authority::Side(Side::Source))));
        assert_eq!(repair_of("target").unwrap().value.as_deref(), Some("amount"));
        let Some(Authority::Newer { column, missing }) = repair_of("{newer: at, missing: source}").unwrap().authority
        else {
            panic!("not newer")
        };
        assert_eq!((column.as_str(), missing), ("at", Some(Side::Source)));
        let columns = repair_of("{otherwise: source, columns: {phone: target}}").unwrap().authority;
        assert!(
            matches!(columns, Some(Authority::Columns { otherwise: Some(Side::Source), columns }) if columns["phone"] == Side::Target)
        );
        let sql = repair_of("\"CASE WHEN source_eu THEN 'source' ELSE 'target' END\"").unwrap().authority;
        assert!(matches!(sql, Some(Authority::Sql(_))));
    }

    #[test]
    fn what_is_compared_has_the_same_version_with_and_without_repair() {
        let version = |rule: &str| load(rule, "").unwrap().rules[0].version.clone();
        assert_eq!(version(""), version("    repair: {authority: source}\n"));
    }

    #[test]
    fn who_may_repair_what() {
        let text = format!(
            "repair:\n  approvers: {{anna: \"{KEY}\", omar: \"{OTHER}\"}}\n  limits: {{rows_per_day: 5_000}}\n  policy:\n    - {{columns: [iban], decide: never}}\n    - {{severity: critical, decide: approve, approvals: 2}}\n    - {{kinds: [missing_in_target, value_mismatch], max_rows: 1000, max_share: 5%, max_value: 500, decide: auto}}\n"
        );
        let repair = load("", &text).unwrap().repair;
        assert_eq!(repair.approvers["anna"], KEY);
        assert_eq!(repair.limits, RepairLimits { rows_per_run: 1000, rows_per_day: 5000 });
        let decided: Vec<Decide> = repair.policy.iter().map(|one| one.decide).collect();
        assert_eq!(decided, [Decide::Never, Decide::Approve(2), Decide::Auto]);
        assert_eq!(repair.policy[2].kinds, [Kind::MissingInTarget, Kind::ValueMismatch]);
        assert_eq!((repair.policy[2].max_share, repair.policy[2].max_value), (Some(0.05), Some(500.0)));
    }

    #[test]
    fn what_is_wrong_is_told_where_it_stands() {
        let approvers = format!("repair:\n  approvers: {{anna: \"{KEY}\", omar: \"{OTHER}\"}}\n");
        for (rule, repair, line, message) in [
            ("", "repair: {approvers: {anna: \"abc\"}}\n".to_string(), 9, "this is no public key"),
            (
                "",
                format!("repair: {{approvers: {{anna: \"{KEY}\", omar: \"{KEY}\"}}}}\n"),
                9,
                "`omar` has the same key as `anna`",
            ),
            ("", format!("{approvers}  policy: [{{decide: maybe}}]\n"), 11, "unknown decision `maybe`"),
            (
                "",
                format!("{approvers}  policy: [{{decide: approve, approvals: 3}}]\n"),
                11,
                "3 approvals are asked for, and there are 2 approvers",
            ),
            (
                "",
                format!("{approvers}  policy: [{{decide: auto, approvals: 1}}]\n"),
                11,
                "`approvals` belongs to `decide: approve`",
            ),
            ("", format!("{approvers}  policy: [{{kinds: [missing], decide: auto}}]\n"), 11, "unknown kind `missing`"),
            ("", format!("{approvers}  policy: [{{rules: [order], decide: auto}}]\n"), 11, "there is no rule `order`"),
            (
                "",
                format!("{approvers}  policy:\n    - rules:\n      - orders\n      - order\n      decide: auto\n"),
                14,
                "there is no rule `order`",
            ),
            (
                "    repair: {authority: {newer: at, columns: {a: source}}}\n",
                String::new(),
                9,
                "`authority` has either `newer`",
            ),
            ("    repair: {authority: \"SELECT 1\"}\n", String::new(), 9, ""),
        ] {
            let error = load(rule, &repair).unwrap_err();
            assert!(error.message().starts_with(message), "{error}");
            assert_eq!(error.location().map(|place| place.line), Some(line), "{error}");
        }
    }
}
