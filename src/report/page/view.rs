//! What a page says, as texts and figures for the templates. Everything that is not ours is escaped here once, so that nothing in it is
//! hidden; the templates see to their own markup.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::dataset::Input;
use crate::error::Result;
use crate::history::{Dossier, Listed, RuleDossier, RunLine, Subject};
use crate::report::acks::until;
use crate::report::numbers::{age, bytes, count, counted, elapsed, rough, share};
use crate::report::page::explained::Explained;
use crate::report::page::rows::{Shown, shown};
use crate::report::page::trend::{Trend, is_whole, trend};
use crate::report::page::{Aside, Asides, words};
use crate::report::palette::Palette;
use crate::report::past::used_share;
use crate::report::rule;
use crate::report::spark::{Signs, spark};
use crate::report::value::escape;
use crate::side::Side;
use crate::verdict::{Outcome, RowCounts};

/// Columns and inputs that are listed one by one; the others are counted.
const COLUMNS: usize = 60;
const INPUTS: usize = 100;

#[derive(Debug, Serialize)]
pub struct Page {
    pub title: String,
    pub verdict: Verdict,
    pub headline: String,
    pub lede: String,
    pub facts: Vec<Fact>,
    pub rules: Vec<Rule>,
    pub never_ran: Vec<String>,
    pub others: Vec<String>,
    pub made: String,
    pub version: &'static str,
}

/// An outcome by its word, with a sign for those who see no colours.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Verdict {
    pub word: &'static str,
    pub sign: &'static str,
    pub class: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Fact {
    pub name: &'static str,
    pub text: String,
    /// It is to be read letter by letter.
    pub code: bool,
}

#[derive(Debug, Serialize)]
pub struct Rule {
    /// Of the section: names are no anchors.
    pub anchor: String,
    pub name: String,
    pub kind: String,
    pub verdict: Verdict,
    pub stopped: Option<String>,
    pub sentence: String,
    pub guarantee: String,
    pub severity: String,
    pub owner: Option<String>,
    pub facts: Vec<Fact>,
    pub divergences: String,
    pub open: String,
    pub oldest: String,
    pub last: String,
    pub spark: String,
    pub sparks: Vec<Spark>,
    pub spark_words: String,
    pub kinds: Vec<Kind>,
    pub trend: Option<Trend>,
    pub runs: Vec<Run>,
    pub earlier_runs: Option<String>,
    pub columns: Vec<Column>,
    pub tolerated: bool,
    pub columns_more: Option<String>,
    pub causes: Option<Explained>,
    /// How many of the run's divergences did not count, and what was said; none of nothing.
    pub acknowledged: Option<String>,
    pub said: Vec<Said>,
    pub schema: Vec<Fact2>,
    pub notes: Vec<String>,
    pub shown: Shown,
    pub heading: String,
    /// The table is no longer there, or cannot be shown.
    pub trouble: Option<String>,
    pub query: Option<String>,
    pub opening: String,
    pub inputs: Vec<InputLine>,
    pub inputs_more: Vec<String>,
    pub sql: Option<String>,
    pub sql_note: Option<String>,
    pub ledger: Vec<String>,
    pub versions: String,
}

/// A run in a line of runs; `gap`: it did not look at everything.
#[derive(Debug, Serialize)]
pub struct Spark {
    pub y: String,
    pub height: String,
    pub gap: bool,
}

/// A name that is not ours, and what is said of it.
#[derive(Debug, Serialize)]
pub struct Fact2 {
    pub name: String,
    pub text: &'static str,
}

/// One acknowledgement.
#[derive(Debug, Serialize)]
pub struct Said {
    pub note: String,
    pub by: String,
    pub at: String,
    pub until: String,
    pub n: String,
    pub in_force: String,
    pub ends: String,
}

#[derive(Debug, Serialize)]
pub struct Kind {
    pub name: &'static str,
    pub n: String,
    pub meaning: &'static str,
    pub bar: String,
}

#[derive(Debug, Serialize)]
pub struct Run {
    pub number: String,
    pub id: String,
    pub at: String,
    pub verdict: Verdict,
    pub partial: bool,
    pub figures: [String; 5],
}

#[derive(Debug, Serialize)]
pub struct Column {
    pub name: String,
    pub n: String,
    pub share: String,
    pub within: String,
    pub bar: String,
}

#[derive(Debug, Serialize)]
pub struct InputLine {
    pub side: &'static str,
    pub url: String,
    pub size: String,
    pub modified: String,
    pub e_tag: String,
    pub version: String,
}

impl Page {
    pub fn of(dossier: &Dossier, asides: &Asides, now: DateTime<Utc>) -> Result<Self> {
        let rules = dossier.rules.iter().enumerate();
        let rules: Vec<Rule> =
            rules.map(|(at, one)| rule_of(at, one, asides.get(&one.record.rule), now)).collect::<Result<_>>()?;
        let worst = dossier.rules.iter().map(outcome).max();
        let verdict = worst.map_or(Verdict { word: "nothing ran", sign: "–", class: "none" }, verdict);
        let headline = words::headline(dossier);
        Ok(Page {
            title: format!("tieout: {headline}"),
            verdict,
            lede: words::lede(dossier, now),
            facts: facts(dossier, now),
            never_ran: dossier.never_ran.iter().map(|name| escape(name)).collect(),
            others: dossier.others.iter().map(|name| escape(name)).collect(),
            made: moment(now),
            version: env!("CARGO_PKG_VERSION"),
            headline,
            rules,
        })
    }
}

fn facts(dossier: &Dossier, now: DateTime<Utc>) -> Vec<Fact> {
    let what = match &dossier.subject {
        Subject::All => "the last run of each rule".into(),
        Subject::Rule(_) => "the last run of this rule".into(),
        Subject::Run(id) => format!("the run {}, as things were when it had ended", escape(id)),
    };
    let mut facts = vec![fact("shown", what)];
    facts.push(fact("made", format!("{} by tieout {}", moment(now), env!("CARGO_PKG_VERSION"))));
    facts.push(code("output", escape(&dossier.location)));
    match dossier.head.number {
        0 => facts.push(fact("ledger", "there is none".into())),
        n => facts.push(code("ledger", format!("{n}:{}", dossier.head.hash))),
    }
    facts
}

fn fact(name: &'static str, text: String) -> Fact {
    Fact { name, text, code: false }
}

fn code(name: &'static str, text: String) -> Fact {
    Fact { name, text, code: true }
}

/// A record says no other; else it would not have been read.
pub fn outcome(rule: &RuleDossier) -> Outcome {
    match rule.record.outcome.as_str() {
        "reconciled" => Outcome::Reconciled,
        "inconclusive" => Outcome::Inconclusive,
        _ => Outcome::Diverged,
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    let (sign, class) = match outcome {
        Outcome::Reconciled => ("✓", "reconciled"),
        Outcome::Inconclusive => ("?", "inconclusive"),
        Outcome::Diverged => ("≠", "diverged"),
    };
    Verdict { word: Palette::word(outcome), sign, class }
}

fn rule_of(at: usize, one: &RuleDossier, aside: Option<&Aside>, now: DateTime<Utc>) -> Result<Rule> {
    let record = &one.record;
    let rows: RowCounts = record.rows.into();
    let table = shown(&one.sample, &record.kind, now);
    let (shown, trouble) = match table {
        Ok(shown) if one.sample.gone => (shown, Some("The table of the run is no longer there.".into())),
        Ok(shown) => (shown, None),
        // The verdict stands without its illustration.
        Err(error) => (Shown::default(), Some(format!("They cannot be shown: {}.", escape(&error.to_string())))),
    };
    let all = rows.divergences() + record.schema_mismatch;
    let history = &one.history;
    let totals: Vec<Option<u64>> =
        history.runs.iter().rev().take(10).rev().map(|run| is_whole(run).then_some(run.divergences)).collect();
    let inputs = Side::BOTH.map(|side| match side {
        Side::Source => ("source", &record.source_inputs),
        Side::Target => ("target", &record.target_inputs),
    });
    let (columns, tolerated, columns_more) = columns(one);
    Ok(Rule {
        anchor: format!("rule-{}", at + 1),
        name: escape(&record.rule),
        kind: escape(&record.kind),
        verdict: verdict(outcome(one)),
        stopped: record.stopped_by.as_deref().map(escape),
        sentence: words::sentence(one),
        guarantee: words::guarantee(record),
        severity: escape(&record.severity),
        owner: record.owner.as_deref().map(escape),
        facts: rule_facts(one),
        divergences: count(all),
        open: rough(one.open()),
        oldest: one.oldest().map_or(String::new(), |oldest| age(oldest, now)),
        last: format!("{} ago", age(record.started_at, now)),
        spark: spark(&totals, Signs::Blocks),
        sparks: sparks(&totals),
        spark_words: spark_words(&totals),
        acknowledged: (record.acknowledged > 0).then(|| count(record.acknowledged)),
        said: one.acknowledged.iter().rev().map(said).collect(),
        kinds: kinds(&rows, record.schema_mismatch),
        trend: trend(history),
        runs: runs(&history.runs, history.earlier_runs),
        earlier_runs: (history.earlier_runs > 0).then(|| counted(history.earlier_runs as u64, "earlier run")),
        columns,
        tolerated,
        columns_more,
        schema: schema(one),
        notes: record.notes.iter().map(|note| escape(note)).collect(),
        heading: words::heading(shown.rows.len() as u64, shown.of),
        query: (all > 0).then(|| words::query(record)),
        opening: rule::opening(&one.place),
        inputs: inputs
            .iter()
            .flat_map(|(side, inputs)| inputs.iter().take(INPUTS).map(|one| input(side, one)))
            .collect(),
        inputs_more: inputs.iter().filter_map(|(side, inputs)| more_inputs(side, inputs)).collect(),
        sql: aside.and_then(|aside| aside.statement.sql.clone()),
        sql_note: aside.and_then(|aside| aside.statement.note.as_deref()).map(escape),
        causes: aside.and_then(|aside| aside.causes.as_ref()).map(|causes| Explained::of(causes, all)),
        ledger: one.mentions.iter().map(words::mention).collect(),
        versions: words::versions(record),
        shown,
        trouble,
    })
}

/// As high as 16; what is there is seen.
fn sparks(totals: &[Option<u64>]) -> Vec<Spark> {
    let most = totals.iter().flatten().copied().max().unwrap_or(0).max(1);
    let one = |total: &Option<u64>| {
        let height = match total {
            Some(0) => 0.5,
            Some(n) => (*n as f64 / most as f64 * 16.0).max(2.0),
            None => 1.0,
        };
        Spark { y: format!("{:.1}", 16.0 - height), height: format!("{height:.1}"), gap: total.is_none() }
    };
    totals.iter().map(one).collect()
}

fn spark_words(totals: &[Option<u64>]) -> String {
    let told: Vec<String> = totals.iter().map(|total| total.map_or("not all".into(), count)).collect();
    format!("divergences of the last runs: {}", told.join(", "))
}

fn rule_facts(one: &RuleDossier) -> Vec<Fact> {
    let record = &one.record;
    let noun = rule::noun(&record.kind);
    let mut facts = Vec::new();
    for (name, dataset, rows) in
        [("source", &record.source, record.rows.source_rows), ("target", &record.target, record.rows.target_rows)]
    {
        if let Some(dataset) = dataset {
            facts.push(fact(name, format!("{}, {}", escape(dataset), counted(rows, noun))));
        }
    }
    let key: Vec<String> = record.key.iter().map(|name| escape(name)).collect();
    match (key.is_empty(), record.kind.as_str()) {
        (false, _) => facts.push(fact("key", key.join(", "))),
        (true, "match") => facts.push(fact("key", "none: whole rows are compared".into())),
        (true, _) => {}
    }
    if let Some(budget) = &one.budget {
        facts.push(fact("budget", format!("{} used", used_share(budget))));
    }
    if let Some(settled) = record.settled {
        facts.push(fact("settled", format!("{} gone when read again", counted(settled, "divergence"))));
    }
    if let Some(owner) = &record.owner {
        facts.push(fact("owner", escape(owner)));
    }
    facts.push(fact("severity", escape(&record.severity)));
    facts.push(fact("began", moment(record.started_at)));
    let how = if record.kind == "sql" { String::new() } else { format!(", by {}", escape(&record.strategy)) };
    facts.push(fact("took", format!("{}{how}", elapsed(record.elapsed_ms))));
    facts.push(code("run", escape(&record.run_id)));
    facts
}

fn said(one: &Listed) -> Said {
    let ends = one.ends().into_iter().filter(|(_, n)| *n > 0);
    Said {
        note: escape(&one.note),
        by: escape(&one.by),
        at: moment(one.at),
        until: one.until.map_or(String::new(), until),
        n: count(one.divergences),
        in_force: count(one.in_force),
        ends: ends.map(|(end, n)| format!("{} {end}", count(n))).collect::<Vec<_>>().join(", "),
    }
}

fn kinds(rows: &RowCounts, schema_mismatch: u64) -> Vec<Kind> {
    let most = rule::kinds_of(rows, schema_mismatch).map(|(_, n, _)| n).max().unwrap_or(0);
    let kind = |(name, n, meaning)| Kind { name, n: count(n), meaning, bar: bar(n, most) };
    rule::kinds_of(rows, schema_mismatch).map(kind).collect()
}

/// In percent of the longest; what is there is seen.
pub fn bar(n: u64, most: u64) -> String {
    match n {
        0 => "0".into(),
        n => format!("{:.1}", (n as f64 / most.max(1) as f64 * 100.0).max(1.0)),
    }
}

fn runs(runs: &[RunLine], earlier: usize) -> Vec<Run> {
    let one = |(at, run): (usize, &RunLine)| Run {
        number: count((earlier + at + 1) as u64),
        id: escape(&run.run_id),
        at: moment(run.started_at),
        verdict: verdict(run.outcome),
        partial: !is_whole(run),
        figures: match run.expired {
            false => [run.divergences, run.new, run.reopened, run.persisting, run.resolved].map(count),
            true => [count(run.divergences), "expired".into(), String::new(), String::new(), count(run.resolved)],
        },
    };
    runs.iter().enumerate().rev().map(one).collect()
}

/// Those that differ, worst first; whether any is within a tolerance; and the rest in words.
fn columns(one: &RuleDossier) -> (Vec<Column>, bool, Option<String>) {
    let all = &one.record.columns;
    let mut differ: Vec<_> = all.iter().filter(|column| column.value_mismatch + column.within_tolerance > 0).collect();
    differ.sort_by_key(|column| std::cmp::Reverse((column.value_mismatch, column.within_tolerance)));
    let most = differ.first().map_or(0, |column| column.value_mismatch);
    let pairs = one.record.rows.equal + one.record.rows.value_mismatch;
    let column = |column: &&crate::verdict::ColumnCounts| Column {
        name: escape(&column.column),
        n: count(column.value_mismatch),
        share: share(column.value_mismatch, pairs),
        within: count(column.within_tolerance),
        bar: bar(column.value_mismatch, most),
    };
    let tolerated = differ.iter().any(|column| column.within_tolerance > 0);
    let (less, agree) = (differ.len().saturating_sub(COLUMNS) as u64, (all.len() - differ.len()) as u64);
    let mut rest = Vec::new();
    if less > 0 {
        rest.push(format!("{} {} less", counted(less, "column"), if less == 1 { "differs" } else { "differ" }));
    }
    if agree > 0 {
        rest.push(format!(
            "{} {} in every pair",
            counted(agree, "column"),
            if agree == 1 { "agrees" } else { "agree" }
        ));
    }
    let shown = differ.iter().take(COLUMNS).map(column).collect();
    (shown, tolerated, (!rest.is_empty()).then(|| rest.join(", ")))
}

fn schema(one: &RuleDossier) -> Vec<Fact2> {
    let record = &one.record;
    let lists = [
        (&record.only_in_source, "only in the source"),
        (&record.only_in_target, "only in the target"),
        (&record.type_differs, "of types that cannot be compared"),
    ];
    lists.iter().flat_map(|(names, text)| names.iter().map(|name| Fact2 { name: escape(name), text })).collect()
}

fn input(side: &'static str, input: &Input) -> InputLine {
    InputLine {
        side,
        url: escape(&input.url),
        size: bytes(input.size),
        modified: moment(input.last_modified),
        e_tag: input.e_tag.as_deref().map(escape).unwrap_or_default(),
        version: input.version.as_deref().map(escape).unwrap_or_default(),
    }
}

fn more_inputs(side: &str, inputs: &[Input]) -> Option<String> {
    let more = inputs.get(INPUTS..).filter(|more| !more.is_empty())?;
    let size = more.iter().map(|input| input.size).sum();
    Some(format!("{} of the {side}, {}, in the run's record", counted(more.len() as u64, "more input"), bytes(size)))
}

pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
