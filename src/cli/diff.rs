//! `tieout diff SOURCE TARGET`: two tables, no project. The flags become a project in memory with one `match` rule, `diff`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::{ArgAction, ValueHint};
use xxhash_rust::xxh3::xxh3_128;

use crate::cli::args::{EngineArgs, OutputArgs, duration, flag};
use crate::cli::run::end;
use crate::cli::{End, Volume};
use crate::error::{Error, ErrorKind, Result};
use crate::project;
use crate::project::model::{
    Allow, ColumnRule, Dataset, Fragment, MatchRule, Project, Recheck, Rule, RuleKind, Severity,
};
use crate::side::{BySide, Side};

/// The name of the only rule.
const RULE: &str = "diff";

/// Compare two tables, without a project
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What should be there: a file, a folder, a glob or a URL
    #[arg(value_hint = ValueHint::AnyPath)]
    source: String,
    /// What is compared with it
    #[arg(value_hint = ValueHint::AnyPath)]
    target: String,
    #[command(flatten)]
    rule: RuleArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

const EXAMPLES: &str = "\
Flags repeat, and lists take commas. A name with a comma or an equals sign in it is written in double quotes.

Examples:
  tieout diff old.parquet new.parquet --key id
  tieout diff erp.csv 's3://lake/orders/' --target-option format=parquet -k order_id
  tieout diff a.csv b.csv -k id,line --option 'delimiter=;' --map cust_no=customer_id
  tieout diff a.parquet b.parquet -k id --tolerance amount=0.01 --ignore loaded_at
  tieout diff a.parquet b.parquet -k id --where \"status <> 'draft'\" --format json";

/// What a rule says of rows and columns.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Comparison")]
struct RuleArgs {
    /// Columns that identify a row; without it, whole rows are compared
    #[arg(short, long, value_name = "COLUMNS", action = ArgAction::Append)]
    key: Vec<String>,
    /// The only columns to compare, besides the key
    #[arg(long, value_name = "COLUMNS", action = ArgAction::Append)]
    columns: Vec<String>,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMNS", action = ArgAction::Append)]
    ignore: Vec<String>,
    /// How far values may be apart: amount=0.01, amount=1% or placed_at=2s
    #[arg(long, value_name = "COLUMN=T", action = ArgAction::Append)]
    tolerance: Vec<String>,
    /// A target column that has another name in the source
    #[arg(long, value_name = "TARGET=SOURCE", action = ArgAction::Append)]
    map: Vec<String>,
    /// What the times of a column without a zone mean: shipped_at=Europe/Berlin
    #[arg(long, value_name = "COLUMN=ZONE", action = ArgAction::Append)]
    timezone: Vec<String>,
    /// Text columns to compare without the white space at their ends
    #[arg(long, value_name = "COLUMNS", action = ArgAction::Append)]
    trim: Vec<String>,
    /// Text columns to compare without regard to case
    #[arg(long, value_name = "COLUMNS", action = ArgAction::Append)]
    ignore_case: Vec<String>,
    /// Text columns to compare in Unicode's form NFC
    #[arg(long, value_name = "COLUMNS", action = ArgAction::Append)]
    nfc: Vec<String>,
    /// Text columns to compare as JSON, by value
    #[arg(long, value_name = "COLUMNS", action = ArgAction::Append)]
    json: Vec<String>,
    /// Only rows for which this SQL holds, on both sides, in the source's names
    #[arg(long = "where", value_name = "SQL")]
    filter: Option<String>,
    /// Only these rows of the source
    #[arg(long, value_name = "SQL")]
    source_where: Option<String>,
    /// Only these rows of the target, in its own names
    #[arg(long, value_name = "SQL")]
    target_where: Option<String>,
    /// Read keys that diverge again after this time, e.g. 30s; only what persists is a divergence
    #[arg(long, value_name = "TIME", value_parser = duration)]
    recheck: Option<Duration>,
    /// How often they are read again, as long as any diverges [default: 1]
    #[arg(long, value_name = "N", requires = "recheck", value_parser = clap::value_parser!(u32).range(1..))]
    recheck_times: Option<u32>,
}

/// How the data is read.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Reading")]
struct DataArgs {
    /// How to read both sides, as in YAML: delimiter=;, header=false, null=NA, columns.amount=decimal(12,2)
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append)]
    option: Vec<String>,
    /// How to read the source
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append)]
    source_option: Vec<String>,
    /// How to read the target
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append)]
    target_option: Vec<String>,
}

pub fn execute(args: &Args, volume: Volume) -> Result<End> {
    let options = args.output.options(&args.engine, None)?;
    let project = resolve(args)?;
    end(&project, &[], &options, &args.output, &args.engine, volume)
}

fn resolve(args: &Args) -> Result<Project> {
    let dir = std::env::current_dir()
        .map_err(|error| Error::new(ErrorKind::NotFound, "the current folder cannot be found").source(error))?;
    let dataset = names(&args.source, &args.target);
    let datasets = datasets(args, &dataset, &dir)?;
    let rule = args.rule.resolve(dataset)?;
    let version = format!("{:032x}", xxh3_128(format!("{rule:?}").as_bytes()));
    Ok(Project {
        dir,
        output: args.output.out.clone().unwrap_or_default(),
        cache: None,
        datasets,
        rules: vec![Rule {
            name: RULE.into(),
            kind: RuleKind::Match(rule),
            severity: Severity::Error,
            owner: None,
            description: None,
            allow: Allow::default(),
            repair: Default::default(),
            location: None,
            version,
        }],
        params: BTreeMap::new(),
        repair: Default::default(),
    })
}

/// The paths as they were typed, without secrets; told apart by their role where that leaves them the same.
fn names(source: &str, target: &str) -> BySide<String> {
    let names = BySide::new(project::redact(source), project::redact(target));
    // Dataset names are told apart without regard to case.
    if names.source.to_lowercase() != names.target.to_lowercase() {
        return names;
    }
    BySide::from_fn(|side| format!("{} ({side})", names.get(side)))
}

fn datasets(args: &Args, names: &BySide<String>, dir: &Path) -> Result<Vec<Dataset>> {
    let own = BySide::new(("--source-option", &args.data.source_option), ("--target-option", &args.data.target_option));
    let path = BySide::new(&args.source, &args.target);
    let mut datasets = Vec::with_capacity(2);
    for side in Side::BOTH {
        let mut options = options("--option", &args.data.option)?;
        let (name, texts) = own.get(side);
        let own = self::options(name, texts)?;
        // A side's own word goes before the word for both.
        options.retain(|(name, _)| !own.iter().any(|(own, _)| own == name));
        options.extend(own);
        let dataset = project::dataset_from_path(names.get(side), path.get(side), &options, dir);
        datasets.push(dataset.map_err(|error| error.context("side", side.as_str()))?);
    }
    Ok(datasets)
}

fn options(name: &'static str, texts: &[String]) -> Result<Vec<(String, String)>> {
    texts.iter().map(|text| flag(name, project::parse_pair(text))).collect()
}

impl RuleArgs {
    fn resolve(&self, dataset: BySide<String>) -> Result<MatchRule> {
        let key = list("--key", &self.key)?;
        let only = list("--columns", &self.columns)?;
        let rule = MatchRule {
            dataset,
            key,
            filter: fragment("--where", &self.filter)?,
            side_filter: BySide::new(
                fragment("--source-where", &self.source_where)?,
                fragment("--target-where", &self.target_where)?,
            ),
            columns: self.columns()?,
            only: (!only.is_empty()).then_some(only),
            map: map(pairs("--map", &self.map)?)?,
            settle: None,
            recheck: self.recheck.map(|after| Recheck { after, times: self.recheck_times.unwrap_or(1) }),
        };
        coherent(&rule)?;
        Ok(rule)
    }

    fn columns(&self) -> Result<BTreeMap<String, ColumnRule>> {
        let mut columns: BTreeMap<String, ColumnRule> = BTreeMap::new();
        let switches: [(_, _, fn(&mut ColumnRule)); 5] = [
            ("--ignore", &self.ignore, |column| column.ignore = true),
            ("--trim", &self.trim, |column| column.trim = true),
            ("--ignore-case", &self.ignore_case, |column| column.ignore_case = true),
            ("--nfc", &self.nfc, |column| column.nfc = true),
            ("--json", &self.json, |column| column.json = true),
        ];
        for (name, texts, set) in switches {
            for column in list(name, texts)? {
                set(columns.entry(column).or_default());
            }
        }
        for (column, text) in pairs("--tolerance", &self.tolerance)? {
            let tolerance = flag("--tolerance", project::parse_tolerance(&text))?;
            let slot = &mut columns.entry(column.clone()).or_default().tolerance;
            once("--tolerance", &column, slot.replace(tolerance).is_none())?;
        }
        for (column, zone) in pairs("--timezone", &self.timezone)? {
            check_zone(&zone)?;
            let slot = &mut columns.entry(column.clone()).or_default().timezone;
            once("--timezone", &column, slot.replace(zone).is_none())?;
        }
        Ok(columns)
    }
}

fn list(name: &'static str, texts: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for text in texts {
        for column in flag(name, project::parse_list(text))? {
            once(name, &column, !all.contains(&column))?;
            all.push(column);
        }
    }
    Ok(all)
}

/// `a=1,b=2`: a list of pairs.
fn pairs(name: &'static str, texts: &[String]) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for text in texts {
        for part in split_at_commas(text) {
            all.push(flag(name, project::parse_pair(part))?);
        }
    }
    Ok(all)
}

/// Splits at commas outside of double quotes; the quotes stay.
fn split_at_commas(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .collect()
}

/// By target column; no source column may be taken twice.
fn map(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (target, source) in pairs {
        once("--map", &source, !map.values().any(|taken| *taken == source))?;
        once("--map", &target, map.insert(target.clone(), source).is_none())?;
    }
    Ok(map)
}

fn fragment(name: &'static str, sql: &Option<String>) -> Result<Option<Fragment>> {
    match sql {
        Some(sql) if sql.trim().is_empty() => Err(usage(name, "the condition is empty".into())),
        Some(sql) => {
            flag(name, project::check_condition(sql))?;
            Ok(Some(Fragment { sql: sql.clone(), location: None }))
        }
        None => Ok(None),
    }
}

fn once(name: &'static str, column: &str, first: bool) -> Result<()> {
    if first { Ok(()) } else { Err(usage(name, format!("`{column}` is named twice"))) }
}

fn usage(name: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Usage, message).context("flag", name)
}

/// An IANA zone, or an offset such as +02:00.
fn check_zone(zone: &str) -> Result<()> {
    if zone.parse::<datafusion::arrow::array::timezone::Tz>().is_ok() {
        return Ok(());
    }
    let error = usage("--timezone", format!("there is no time zone `{zone}`"));
    Err(error.hint("name it as Europe/Berlin or +02:00"))
}

/// What contradicts itself, whatever the data.
fn coherent(rule: &MatchRule) -> Result<()> {
    if rule.recheck.is_some() && rule.key.is_empty() {
        let error = usage("--recheck", "it needs a key, which tells which rows to read again".into());
        return Err(error.hint("name the columns that identify a row with --key"));
    }
    for (name, column) in &rule.columns {
        let in_key = rule.key.contains(name);
        let compared = in_key || rule.only.as_ref().is_none_or(|only| only.contains(name));
        let text = column.trim || column.ignore_case || column.nfc || column.json;
        let asks = text || column.tolerance.is_some() || column.timezone.is_some();
        if column.json && (column.ignore_case || column.nfc) {
            let message = format!("`{name}` is compared as JSON, by value: --ignore-case and --nfc are for text");
            return Err(usage("--json", message).hint("leave out one of them"));
        }
        if column.tolerance.is_some() && rule.key.is_empty() {
            let error =
                usage("--tolerance", format!("a tolerance for `{name}` needs a key: it pairs the rows to compare"));
            return Err(error.hint("name the columns that identify a row with --key"));
        }
        if column.tolerance.is_some() && in_key {
            return Err(usage("--tolerance", format!("`{name}` is in the key, which is compared exactly")));
        }
        if column.ignore && in_key {
            return Err(usage("--ignore", format!("`{name}` is in the key")));
        }
        if column.ignore && rule.only.as_ref().is_some_and(|only| only.contains(name)) {
            return Err(usage("--ignore", format!("`{name}` is in --columns as well")));
        }
        if asks && (column.ignore || !compared) {
            let message = format!("`{name}` is not compared, but a flag says how to compare it");
            return Err(Error::new(ErrorKind::Usage, message).hint("take it out of --ignore, or into --columns"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Just {
        #[command(flatten)]
        args: Args,
    }

    fn rule(flags: &[&str]) -> Result<MatchRule> {
        let args =
            Just::try_parse_from(["diff", "a.parquet", "b.parquet"].iter().chain(flags)).expect("arguments").args;
        match resolve(&args)?.rules.remove(0).kind {
            RuleKind::Match(rule) => Ok(rule),
            kind => panic!("{kind:?}"),
        }
    }

    #[test]
    fn flags_become_a_rule() {
        let rule = rule(&[
            "--key",
            "id,\"a,b\"",
            "-k",
            "line",
            "--tolerance",
            "amount=0.01,\"x=y\"=1",
            "--ignore",
            "loaded_at",
            "--map",
            "cust=customer",
            "--timezone",
            "at=Europe/Berlin",
            "--trim",
            "name",
            "--ignore-case",
            "name",
            "--where",
            "x > 1",
            "--target-where",
            "y > 1",
            "--columns",
            "amount,name",
            "--columns",
            "at,x=y",
        ]);
        let rule = rule.expect("a rule");
        assert_eq!(rule.key, ["id", "a,b", "line"]);
        assert_eq!(rule.only.as_deref(), Some(["amount", "name", "at", "x=y"].map(String::from).as_slice()));
        assert_eq!(rule.map, BTreeMap::from([("cust".to_string(), "customer".to_string())]));
        assert!(rule.columns["name"].trim && rule.columns["name"].ignore_case && !rule.columns["name"].nfc);
        assert!(rule.columns["amount"].tolerance.is_some() && rule.columns["x=y"].tolerance.is_some());
        assert_eq!(rule.columns["at"].timezone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(rule.filter.map(|f| f.sql).as_deref(), Some("x > 1"));
        assert!(rule.side_filter.source.is_none() && rule.side_filter.target.is_some());
    }

    #[rstest::rstest]
    #[case(&["--key", "a,a"], "`a` is named twice")]
    #[case(&["--tolerance", "x=1"], "a tolerance for `x` needs a key: it pairs the rows to compare")]
    #[case(&["--key", "x", "--tolerance", "x=1"], "`x` is in the key, which is compared exactly")]
    #[case(&["--key", "x", "--tolerance", "y=1", "--tolerance", "y=2"], "`y` is named twice")]
    #[case(&["--key", "x", "--tolerance", "y=much"], "`much` is not a tolerance")]
    #[case(&["--key", "x", "--ignore", "x"], "`x` is in the key")]
    #[case(&["--columns", "x", "--ignore", "x"], "`x` is in --columns as well")]
    #[case(&["--columns", "x", "--trim", "y"], "`y` is not compared, but a flag says how to compare it")]
    #[case(&["--timezone", "x=Mars/Base"], "there is no time zone `Mars/Base`")]
    #[case(&["--map", "a=x,b=x"], "`x` is named twice")]
    #[case(&["--json", "x", "--nfc", "x"], "`x` is compared as JSON, by value: --ignore-case and --nfc are for text")]
    #[case(&["--where", " "], "the condition is empty")]
    fn contradictions(#[case] flags: &[&str], #[case] message: &str) {
        let error = rule(flags).expect_err("a contradiction");
        assert_eq!((error.kind(), error.message()), (ErrorKind::Usage, message));
    }

    #[test]
    fn the_same_path_twice_is_told_apart() {
        assert_eq!(names("a.csv", "b.csv"), BySide::new("a.csv".into(), "b.csv".into()));
        assert_eq!(names("a.csv", "a.csv"), BySide::new("a.csv (source)".into(), "a.csv (target)".into()));
    }
}
