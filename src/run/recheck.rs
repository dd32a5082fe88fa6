//! Systems that cannot be frozen together: when all rules are compared, keys that diverge are looked at again, in later
//! snapshots. What is gone by then has settled; what persists is told as it was last seen. -> [`Compared`], counted anew
//!
//! While it is waited, nothing is connected: no source has to hold a snapshot for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::{DataType, SchemaRef};

use crate::dataset::Input;
use crate::divergence::{Assembler, Written};
use crate::engine::classified::Counts;
use crate::engine::{Diverged, Diverging, Engine, unverified};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Recheck, Rule, RuleKind};
use crate::rule::plan::{ColumnPlan, MatchPlan};
use crate::run::execute::{Compared, Execution, of_dataset};
use crate::run::match_rule::{conclude, emit, no_choice, work_of};
use crate::run::of_rule;
use crate::run::planned::{Plan, Planned};
use crate::run::report::{Acknowledged, Work};
use crate::run::unavailable::patience;
use crate::side::Side;
use crate::verdict::{Outcome, RowCounts, SchemaDifferences};

pub const NOTHING_CHANGES: &str =
    "both sides are files, which are read as they were listed: what diverges is not looked at again";

pub fn recheck_of(rule: &Rule) -> Option<Recheck> {
    match &rule.kind {
        RuleKind::Match(rule) => rule.recheck,
        RuleKind::Totals(_) | RuleKind::Sql(_) => None,
    }
}

/// What is to be looked at again, and how it was seen last.
pub struct Again {
    recheck: Recheck,
    /// As it was planned at first. The plan itself would keep its databases connected.
    planned: Shape,
    diverged: Arc<Diverged>,
    /// So many of the report's notes hold whatever is counted.
    notes: usize,
    /// Taken so far, with the first one.
    looks: u32,
    settled: u64,
    /// When the last look ended.
    seen: Instant,
}

/// What must stay the same from look to look: else rows could not be told apart, nor their values compared.
#[derive(PartialEq)]
struct Shape {
    /// What is compared: name, common type, and whether by digits that fit no type.
    compared: Vec<(String, DataType, bool)>,
    differences: SchemaDifferences,
    /// The columns of the divergence table.
    table: SchemaRef,
}

impl Shape {
    fn of(plan: &MatchPlan, assembler: &Assembler) -> Self {
        let columns = plan.key.iter().chain(&plan.values);
        let column =
            |column: &ColumnPlan| (column.name.clone(), column.common.data_type.clone(), column.common.by_value);
        Self {
            compared: columns.map(column).collect(),
            differences: plan.schema.clone(),
            table: assembler.schema.schema.clone(),
        }
    }
}

/// What a look at some keys found.
struct Look {
    counts: Counts,
    diverged: Diverged,
    written: Written,
    work: Work,
    inputs: [Vec<Input>; 2],
}

impl Again {
    pub fn new(recheck: Recheck, plan: &MatchPlan, assembler: &Assembler, diverged: Diverged, notes: usize) -> Self {
        let (planned, diverged) = (Shape::of(plan, assembler), Arc::new(diverged));
        Self { recheck, planned, diverged, notes, looks: 1, settled: 0, seen: Instant::now() }
    }

    /// Where a note is to be put that holds whatever is counted.
    pub fn keep_note(&mut self) -> usize {
        self.notes += 1;
        self.notes - 1
    }

    fn due(&self) -> Instant {
        self.seen + self.recheck.after
    }

    fn note(&self) -> String {
        let settled = match self.settled {
            0 => "no divergence".to_string(),
            1 => "1 divergence".to_string(),
            n => format!("{n} divergences"),
        };
        format!("{settled} settled within {} ({} looks)", told(self.recheck.after * (self.looks - 1)), self.looks)
    }
}

/// 30 s, 1500 ms.
fn told(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

/// Waits, and looks at what diverges again, until all of it is settled or has been looked at as often as its rule says.
/// `goes_on`: a rule whose systems are away by then is a doubt, and no error.
pub async fn look_again(execution: &Execution<'_>, compared: &mut [Compared<'_>], goes_on: bool) -> Result<()> {
    let Engine { budget, catalog, .. } = execution.engine.as_ref();
    while let Some(due) = compared.iter().filter_map(|one| one.again.as_ref().map(Again::due)).min() {
        let wait = due.saturating_duration_since(Instant::now());
        let too_long = budget.time_left().is_some_and(|left| left <= wait).then_some("max_time");
        if let Some(by) = budget.without_divergences().reached().or(too_long) {
            compared.iter_mut().for_each(|one| one.stop(by));
            return Ok(());
        }
        catalog.begin_anew().await;
        tracing::info!(?wait, "waiting before what diverges is looked at again");
        tokio::time::sleep(wait).await;
        let now = Instant::now();
        for one in compared.iter_mut() {
            let Some(again) = one.again.take_if(|again| again.due() <= now) else { continue };
            match execution.look_patiently(one.rule, &again).await {
                Ok(look) => one.take(again, look).map_err(|error| of_rule(error, one.rule))?,
                Err(error) => {
                    let by = budget.without_divergences().reached();
                    one.again = Some(again);
                    match (error.kind(), by) {
                        (ErrorKind::Interrupted, Some(by)) => one.stop(by),
                        (ErrorKind::Unavailable, _) if goes_on => {
                            one.leave(format!("what diverges was not looked at again: {}", error.message()));
                        }
                        _ => return Err(of_rule(error, one.rule)),
                    }
                }
            }
        }
    }
    Ok(())
}

impl Execution<'_> {
    /// Whether what diverges may be gone later: files are read as they were listed.
    pub async fn may_settle(&self, planned: &Planned<'_>) -> Result<bool> {
        for name in planned.names(self.engine)? {
            if self.engine.catalog.reads_database(&name).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a network spoils is tried again, in a snapshot that is later still.
    async fn look_patiently(&self, rule: &Rule, again: &Again) -> Result<Look> {
        let mut patience = patience();
        loop {
            let error = match self.look(rule, again).await {
                Err(error) if error.kind() == ErrorKind::Unavailable && error.is_retryable() => error,
                result => return result,
            };
            let Some(wait) = patience.next() else { return Err(error) };
            tracing::info!(rule = rule.name, %error, "trying again");
            tokio::time::sleep(wait).await;
            self.engine.catalog.begin_anew().await;
        }
    }

    async fn look(&self, rule: &Rule, again: &Again) -> Result<Look> {
        let planned = Planned::of(self.engine, rule, self.started).await?;
        let Plan::Match(plan) = &planned.plan else { return Err(no_choice()) };
        let assembler = Arc::new(Assembler::new(self.run_id, plan.clone()));
        if Shape::of(plan, &assembler) != again.planned {
            let message = "the columns changed before what diverges was looked at again";
            return Err(Error::new(ErrorKind::Changed, message).hint("run it again"));
        }
        let progress = &self.engine.progress;
        let task = progress.begin(&rule.name, None, 0);
        // What diverges was counted already.
        let budget = self.engine.budget.without_divergences();
        let engine = Arc::new(Engine { budget, ..self.engine.as_ref().clone() });
        let diverging = Arc::new(Diverging::new(&engine, plan));
        let operator = engine.again(plan, &again.diverged, emit(assembler.clone(), Some(diverging.clone()))).await?;
        let carried = self.carry_out(plan, &assembler, &operator, false).await;
        let (counts, written) = carried.map_err(|error| of_dataset(error, &planned))?;
        let mut work = work_of(&operator, &counts, &written);
        work.finish(&task, progress.counters());
        Ok(Look { counts, diverged: diverging.finish()?, written, work, inputs: self.inputs(&planned).await? })
    }
}

impl Compared<'_> {
    /// Rows of the keys that were looked at count as they are now, all others as they were.
    fn take(&mut self, mut again: Again, look: Look) -> Result<()> {
        let Look { counts, diverged, written, work, inputs } = look;
        let report = &mut self.report;
        add_up(&report.rows, &again.diverged)?;
        add_up(&counts.rows, &diverged)?;
        let beside = report.rows.equal.checked_sub(again.diverged.equal).ok_or_else(broken)?;
        let mut rows = RowCounts { equal: beside + counts.rows.equal, ..counts.rows };
        for side in Side::BOTH {
            let all = match side {
                Side::Source => &mut rows.source,
                Side::Target => &mut rows.target,
            };
            *all += beside;
        }
        report.rows = rows;
        let near = counts.columns.iter().zip(&again.diverged.within_tolerance);
        for (told, (now, before)) in report.columns.iter_mut().zip(near) {
            told.value_mismatch = now.value_mismatch;
            let beside = told.within_tolerance.checked_sub(*before).ok_or_else(broken)?;
            told.within_tolerance = beside + now.within_tolerance;
        }
        again.settled += again.diverged.gone(&diverged)?;
        again.looks += 1;
        report.settled = Some(again.settled);
        let (outcome, allow, notes) = conclude(self.rule, &report.rows, &report.schema, Acknowledged::default());
        (report.outcome, report.allow) = (outcome, allow);
        report.notes.truncate(again.notes);
        report.notes.extend(notes.into_iter().chain([again.note()]));
        report.sample = written.sample;
        report.work.rows_read += work.rows_read;
        report.work.bytes_read += work.bytes_read;
        report.work.spilled_bytes += work.spilled_bytes;
        report.elapsed_ms += u64::try_from(again.seen.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(rule = self.rule.name, outcome = outcome.as_str(), settled = again.settled, "looked at again");
        for (all, more) in self.inputs.iter_mut().zip(inputs) {
            let new: Vec<Input> = more.into_iter().filter(|input| !all.contains(input)).collect();
            all.extend(new);
        }
        again.seen = Instant::now();
        if !diverged.is_empty() && again.looks <= again.recheck.times {
            again.diverged = Arc::new(diverged);
            self.again = Some(again);
        }
        Ok(())
    }

    /// A limit leaves no room for another look.
    fn stop(&mut self, by: &'static str) {
        if self.again.is_some() {
            let flag = by.replace('_', "-");
            self.leave(format!("stopped by --{flag} before what diverges was looked at again"));
            self.report.coverage = Some(unverified(by));
        }
    }

    /// It is not known whether what diverges persists. Columns that cannot be compared do.
    fn leave(&mut self, why: String) {
        self.again = None;
        let report = &mut self.report;
        if report.outcome == Outcome::Diverged && report.schema.is_empty() {
            report.outcome = Outcome::Inconclusive;
        }
        report.notes.push(why);
    }
}

/// What is counted of both sides must be what was found of their keys.
fn add_up(rows: &RowCounts, diverged: &Diverged) -> Result<()> {
    let pairs = rows.equal + rows.value_mismatch;
    let source = pairs + rows.missing_in_target + diverged.duplicates.source;
    let target = pairs + rows.missing_in_source + diverged.duplicates.target;
    if (source, target) == (rows.source, rows.target) { Ok(()) } else { Err(broken()) }
}

fn broken() -> Error {
    Error::new(ErrorKind::Internal, "conservation does not hold: rows that were looked at again do not add up")
        .hint("this is no verdict; please report it")
}
