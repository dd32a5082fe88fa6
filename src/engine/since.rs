//! The strategy `digest` where it is remembered what some files left over: only the files that came since are looked at,
//! and what they hold is compared together with that.
//!
//! A key hash whose rows agreed before agrees still exactly if its new rows agree among themselves. All rows of the others
//! are in the residue. So suspects are found without the old files. What is fetched of a suspect is all of its rows: from
//! the residue or, where its old rows agreed, from the old files that hold any, by their remembered digests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_fixed_size_binary_array, as_uint64_array};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::ExecutionPlan;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::engine::Strategy;
use crate::engine::agreed::{Agreed, Part};
use crate::engine::digests::{Digests, ENTRY_BYTES, Entry, Found, Group, Tally, digest_of, groups, walk};
use crate::engine::open::Waiting;
use crate::engine::reconcile::{Comparison, DIGEST, HASH, Scanned, add_digests};
use crate::engine::remembered::{Remembered, files_with_suspects};
use crate::engine::residue::{Residue, reservation};
use crate::engine::spool::Spool;
use crate::engine::suspects::{Known, Suspects};
use crate::engine::tasks::worker_failed;
use crate::error::{Error, ErrorKind, Result};
use crate::side::{BySide, Side};

/// What may be left over is not kept if it is more than this part of all rows, and not a few; nor if it takes more bytes.
const SHARE: u64 = 10;
const FEW: u64 = 10_000;
const MOST_BYTES: usize = 256 << 20;
/// About what is held of a key hash beside its rows.
const HELD_BYTES: usize = 128;

/// Digests of files, by number.
type OfFiles = Vec<(usize, Digests)>;
/// The old rows of some key hashes, and the numbers of the files that they are in.
type OldRows = BTreeMap<u64, BySide<(Vec<Entry>, BTreeSet<usize>)>>;

/// What the groups of some key hashes came to.
#[derive(Debug, Default)]
struct News {
    /// Those that do not agree, and their rows.
    suspects: Vec<u64>,
    rows: BySide<u64>,
    /// Those that agree, in order.
    agreed: Vec<u64>,
    /// Key hashes that repeat now, less those that did before.
    repeated: i64,
    /// Those that rows may stand of among what agreed before.
    unsure: Vec<Unsure>,
}

#[derive(Debug, Clone, Copy)]
struct Unsure {
    hash: u64,
    rows: BySide<u64>,
    agrees: bool,
}

impl News {
    /// `before`: rows of the key hash in the residue, if any; `may_stand`: there may be others, which agreed.
    fn take(&mut self, group: Group<'_>, before: Option<BySide<u64>>, may_stand: bool) {
        let rows = BySide::new(group.source.len() as u64, group.target.len() as u64);
        if before.is_none() && may_stand {
            return self.unsure.push(Unsure { hash: group.hash, rows, agrees: group.agrees() });
        }
        self.repeated += i64::from(group.repeats()) - i64::from(before.is_some_and(repeats));
        match group.agrees() {
            true => self.agreed.push(group.hash),
            false => self.suspect(group.hash, rows),
        }
    }

    fn suspect(&mut self, hash: u64, rows: BySide<u64>) {
        self.suspects.push(hash);
        self.rows.source += rows.source;
        self.rows.target += rows.target;
    }

    /// Whatever stands of them among the old rows is known now.
    fn settle(&mut self, old: &OldRows) {
        for Unsure { hash, rows, agrees } in std::mem::take(&mut self.unsure) {
            // They agreed: as many on one side as on the other.
            let before = old.get(&hash).map_or(0, |old| old.source.0.len() as u64);
            let rows = rows.map(|rows| rows + before);
            self.repeated += i64::from(repeats(rows)) - i64::from(before > 1);
            if !agrees {
                self.suspect(hash, rows);
            }
        }
    }

    fn merge(&mut self, mut other: News) {
        self.suspects.append(&mut other.suspects);
        self.rows.source += other.rows.source;
        self.rows.target += other.rows.target;
        self.agreed.append(&mut other.agreed);
        self.repeated += other.repeated;
        self.unsure.append(&mut other.unsure);
    }
}

fn repeats(rows: BySide<u64>) -> bool {
    rows.source > 1 || rows.target > 1
}

/// The same as `compare`, and the key hashes that agree; None if there are too many of them for the memory.
pub fn compare_keeping(
    runtime: &RuntimeEnv,
    sides: &BySide<Vec<&Digests>>,
    suspects: &Suspects,
) -> Result<(Found, Option<Agreed>)> {
    let rows = |digests: &[&Digests]| digests.iter().map(|digests| digests.tally.rows).sum::<u64>();
    let most = rows(&sides.source).min(rows(&sides.target));
    let reservation = reservation(runtime);
    let fits = usize::try_from(most).is_ok_and(|most| reservation.try_grow(most.saturating_mul(Agreed::WIDTH)).is_ok());
    let fits = fits && Agreed::bytes_of(most).is_some();
    if !fits {
        tracing::debug!(rows = most, "what agrees does not fit in memory; what is left over is not kept");
    }
    let walked = walk(runtime, sides, |(found, part): &mut (Found, Part), group| {
        found.take(&group, suspects);
        if fits && group.agrees() {
            part.push(group.hash);
        }
    });
    let mut total = Found::default();
    let (founds, parts): (Vec<Found>, Vec<Part>) = walked?.into_iter().unzip();
    founds.into_iter().for_each(|found| total.merge(found));
    Ok((total, fits.then(|| Agreed::of_parts(parts))))
}

impl Remembered {
    /// The old rows of these key hashes, which must be the same on both sides. None: what is kept of a file cannot be had, is
    /// not what it was, or does not fit in memory.
    async fn old_rows(
        &self,
        residue: &Residue,
        hashes: &Arc<Suspects>,
        tasks: usize,
        held: &MemoryReservation,
    ) -> Result<Option<OldRows>> {
        let slots = Arc::new(Semaphore::new(tasks.max(1)));
        let mut loads = JoinSet::new();
        for side in Side::BOTH {
            for (number, name) in self.sides.get(side).names.iter().enumerate() {
                let Some(name) = name.clone().filter(|name| residue.files.get(side).contains(name)) else { continue };
                let (cache, hashes, slots) = (self.cache.clone(), hashes.clone(), slots.clone());
                loads.spawn(async move {
                    let _slot = slots.acquire().await.ok()?;
                    Some((side, number, cache.find(&name, &hashes).await?))
                });
            }
        }
        let mut old = OldRows::new();
        while let Some(loaded) = loads.join_next().await {
            let Some((side, number, entries)) = loaded.map_err(worker_failed)? else { return Ok(None) };
            if held.try_grow(entries.len() * ENTRY_BYTES).is_err() {
                return Ok(None);
            }
            for entry in entries {
                let (rows, files) = old.entry(entry[0]).or_default().get_mut(side);
                rows.push(entry);
                files.insert(number);
            }
        }
        let agree = old.values_mut().all(|BySide { source: (source, _), target: (target, _) }| {
            source.sort_unstable();
            target.sort_unstable();
            source == target
        });
        if !agree {
            tracing::warn!("what was left over does not fit the remembered digests, and is not believed");
        }
        Ok(agree.then_some(old))
    }
}

impl Comparison {
    /// The digests of all files that are not known by what they left over, compared.
    pub(super) async fn compare_files(
        &self,
        remembered: &Remembered,
        inputs: &BySide<Arc<dyn ExecutionPlan>>,
        context: &Arc<TaskContext>,
    ) -> Result<Scanned> {
        let files = self.scan_files(remembered, inputs).await?;
        let Some(residue) = &remembered.residue else { return self.compare_digests(files, true).await };
        if let Some(scanned) = self.compare_since(remembered, residue, files, context).await? {
            return Ok(scanned);
        }
        let all = self.engine.remembered(&self.plan, &remembered.cache, false).await?;
        let (all, inputs) =
            all.ok_or_else(|| Error::new(ErrorKind::Internal, "files cannot be told apart any more"))?;
        let files = self.scan_files(&all, &inputs).await?;
        self.compare_digests(files, true).await
    }

    /// Compares what came since with what was left over. None: what is kept does not suffice for that.
    async fn compare_since(
        &self,
        remembered: &Remembered,
        residue: &Arc<Residue>,
        files: BySide<OfFiles>,
        context: &Arc<TaskContext>,
    ) -> Result<Option<Scanned>> {
        let mut tally = residue.tally;
        for side in Side::BOTH {
            files.get(side).iter().for_each(|(_, digests)| tally.get_mut(side).merge(digests.tally));
        }
        if let Some(stopped) = self.stopped_scan(&files, tally) {
            return Ok(Some(stopped));
        }
        let count = files.source.len() + files.target.len();
        let spilled_bytes = files.source.iter().chain(&files.target).map(|(_, digests)| digests.spilled_bytes()).sum();
        let Some((files, mut news, _held)) = self.news(residue.clone(), files).await? else { return Ok(None) };
        let mut old = OldRows::new();
        // Of the old rows that are in question; where they are many, their digests are compared with all others.
        let held = reservation(&self.engine.ctx.runtime_env());
        if !news.unsure.is_empty() {
            let in_question = news.unsure.len();
            if many(in_question as u64, residue.tally) || held.try_grow(in_question * HELD_BYTES).is_err() {
                return Ok(None);
            }
            let hashes = Arc::new(Suspects::exactly(news.unsure.iter().map(|unsure| unsure.hash).collect()));
            match remembered.old_rows(residue, &hashes, self.engine.threads, &held).await? {
                Some(found) => old = found,
                None => return Ok(None),
            }
            news.settle(&old);
        }
        let News { suspects, rows, agreed, repeated, .. } = news;
        let suspects = (!suspects.is_empty()).then(|| Arc::new(Suspects::exactly(suspects)));
        let open = match &suspects {
            Some(suspects) => match self.open_since(residue, &files, &old, suspects, context).await? {
                Some(open) => Some(open),
                None => return Ok(None),
            },
            None => None,
        };
        let changed = remembered.files().is_some_and(|files| files != residue.files);
        Ok(Some(Scanned {
            tally,
            open: open.map(|(spool, tally)| (Waiting::Spool(Box::new(spool)), tally)),
            suspects,
            agreed: changed.then(|| residue.agreed.with(&agreed)),
            repeated_keys: residue.repeated.saturating_add_signed(repeated),
            spilled_bytes,
            equal: tally.source.rows.saturating_sub(rows.source),
            strategy: Strategy::Digest,
            why: Some(why(residue.files.source.len() + residue.files.target.len(), count)),
            ..Scanned::default()
        }))
    }

    /// Compares the digests of new files and of the residue; returns what is held of them, too. None: there are too many of
    /// them for the memory.
    async fn news(
        &self,
        residue: Arc<Residue>,
        files: BySide<OfFiles>,
    ) -> Result<Option<(BySide<OfFiles>, News, MemoryReservation)>> {
        let runtime = self.engine.ctx.runtime_env();
        let new_rows: u64 = files.source.iter().chain(&files.target).map(|(_, digests)| digests.tally.rows).sum();
        let reservation = reservation(&runtime);
        let new_rows = usize::try_from(new_rows).unwrap_or(usize::MAX).saturating_mul(size_of::<Unsure>());
        let old_rows = residue.rows.source.iter().chain(&residue.rows.target).map(RecordBatch::num_rows).sum::<usize>();
        if reservation.try_grow(new_rows.saturating_add(old_rows * HELD_BYTES)).is_err() {
            return Ok(None);
        }
        let mask = self.engine.hash_mask;
        let kept = BySide::new(self.digests(2), self.digests(2));
        tokio::task::spawn_blocking(move || {
            let mut before = HashMap::<u64, BySide<u64>>::new();
            let kept = kept.try_map(|side, mut digests| {
                for [hash, high, low] in entries(residue.rows.get(side), mask)? {
                    *before.entry(hash).or_default().get_mut(side) += 1;
                    digests.push(&runtime, hash, u128::from(high) << 64 | u128::from(low))?;
                }
                Ok::<_, Error>(digests)
            })?;
            let refs = BySide::from_fn(|side| {
                files.get(side).iter().map(|(_, digests)| digests).chain([kept.get(side)]).collect::<Vec<_>>()
            });
            let take = |news: &mut News, group: Group<'_>| {
                news.take(group, before.get(&group.hash).copied(), residue.agreed.may_contain(group.hash));
            };
            let mut news = News::default();
            walk(&runtime, &refs, take)?.into_iter().for_each(|part| news.merge(part));
            Ok(Some((files, news, reservation)))
        })
        .await
        .map_err(worker_failed)?
    }

    /// All rows of the suspects: what was left over of them, what is new, and what agreed before. None: what was left over
    /// has other columns.
    async fn open_since(
        &self,
        residue: &Residue,
        files: &BySide<OfFiles>,
        old: &OldRows,
        suspects: &Arc<Suspects>,
        context: &Arc<TaskContext>,
    ) -> Result<Option<(Spool, BySide<Tally>)>> {
        self.suspects.set(suspects.clone());
        let new_files = files.as_ref().try_map(|_, files| files_with_suspects(files, suspects))?;
        let fetch = self.fetch_from(new_files).await?;
        let mut spool = self.new_spool(fetch.as_ref().map(|plan| plan.schema()));
        let mut passed = self.fill(&mut spool, &fetch, context, false).await?;
        for side in Side::BOTH {
            for batch in residue.rows.get(side) {
                if !same_columns(&batch.schema(), spool.schema(side)) {
                    tracing::warn!(rule = self.plan.rule, "what was left over has other columns, and is not believed");
                    return Ok(None);
                }
                let rows = only(batch, suspects, self.engine.hash_mask)?;
                let rows = RecordBatch::try_new(spool.schema(side).clone(), rows.columns().to_vec())?;
                add_digests(&rows, passed.get_mut(side))?;
                spool.push(side, rows)?;
            }
        }
        let again: BTreeMap<&u64, _> = old.iter().filter(|(hash, _)| suspects.may_contain(**hash)).collect();
        if !again.is_empty() {
            let known = Arc::new(Known::default());
            known.set(Arc::new(Suspects::exactly(again.keys().map(|hash| **hash).collect())));
            let numbers = |side: Side| -> Vec<usize> {
                let of = again.values().flat_map(|rows| &rows.get(side).1);
                of.copied().collect::<BTreeSet<_>>().into_iter().collect()
            };
            let source = self.fetch_side(Side::Source, &numbers(Side::Source), &known).await?;
            let target = self.fetch_side(Side::Target, &numbers(Side::Target), &known).await?;
            let fetched = self.fill(&mut spool, &BySide::new(source, target), context, false).await?;
            passed.source.merge(fetched.source);
            passed.target.merge(fetched.target);
        }
        Ok(Some((spool, passed)))
    }

    /// What the run leaves over, should it come to its end; None if it is not to be kept. `spool`: at least all rows of key
    /// hashes that do not agree.
    pub(super) fn left_over(
        &self,
        agreed: Agreed,
        spool: Option<&Spool>,
        tally: BySide<Tally>,
        repeated: u64,
    ) -> Option<Result<Residue>> {
        let files = self.remembered.as_ref()?.files()?;
        let rows = match spool {
            Some(spool) => spool.in_memory()?,
            None => BySide::default(),
        };
        let all = || rows.source.iter().chain(rows.target);
        let count = all().map(RecordBatch::num_rows).sum::<usize>();
        let bytes = all().map(RecordBatch::get_array_memory_size).sum::<usize>();
        let reservation = reservation(&self.engine.ctx.runtime_env());
        // Rows as they are, and as they are written.
        let whole = 2 * bytes + count * ENTRY_BYTES + agreed.len() * Agreed::WIDTH;
        if many(count as u64, tally) || bytes > MOST_BYTES || reservation.try_grow(whole).is_err() {
            tracing::debug!(rule = self.plan.rule, rows = count, bytes, "too much is left over to be remembered");
            return None;
        }
        let rows = disagreeing(rows, self.engine.hash_mask);
        Some(rows.map(|rows| Residue { files, tally, repeated, agreed, rows, reservation }))
    }

    pub(super) async fn keep(&self, residue: Residue) {
        if let Some(remembered) = &self.remembered {
            remembered.cache.save_residue(&remembered.statement, &residue, &remembered.shelf).await;
        }
    }
}

fn many(rows: u64, all: BySide<Tally>) -> bool {
    rows > FEW && rows > (all.source.rows + all.target.rows) / SHARE
}

/// `old`: files that are known by what they left over; `new`: the others.
pub fn why(old: usize, new: usize) -> String {
    let files = |count: usize| if count == 1 { "1 file is".to_string() } else { format!("{count} files are") };
    let new = match new {
        0 => "none is new".to_string(),
        1 => "1 is compared with that".to_string(),
        _ => format!("{new} are compared with that"),
    };
    format!("{} remembered with what they left over; {new}", files(old))
}

/// Key hash and digest of each row.
fn entries(batches: &[RecordBatch], mask: u64) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum::<usize>());
    for batch in batches {
        let missing = || Error::new(ErrorKind::Internal, "rows that are left over have no digest");
        let hashes = as_uint64_array(batch.column_by_name(HASH).ok_or_else(missing)?)?;
        let digests = as_fixed_size_binary_array(batch.column_by_name(DIGEST).ok_or_else(missing)?)?;
        for (hash, digest) in hashes.values().iter().zip(digests.iter()) {
            let digest = digest_of(digest)?;
            entries.push([hash & mask, (digest >> 64) as u64, digest as u64]);
        }
    }
    Ok(entries)
}

/// The rows of these key hashes.
fn only(batch: &RecordBatch, hashes: &Suspects, mask: u64) -> Result<RecordBatch> {
    let own = entries(std::slice::from_ref(batch), mask)?;
    let keep: BooleanArray = own.iter().map(|entry| Some(hashes.may_contain(entry[0]))).collect();
    Ok(filter_record_batch(batch, &keep)?)
}

/// The rows of key hashes that do not agree; one batch a side, or none.
fn disagreeing(rows: BySide<&[RecordBatch]>, mask: u64) -> Result<BySide<Vec<RecordBatch>>> {
    let sorted = rows.try_map(|_, batches| {
        let mut entries = entries(batches, mask)?;
        entries.sort_unstable();
        Ok::<_, Error>(entries)
    })?;
    let mut hashes = Vec::new();
    groups(&sorted.source, &sorted.target, |group| {
        if !group.agrees() {
            hashes.push(group.hash);
        }
    });
    let hashes = Suspects::exactly(hashes);
    rows.try_map(|_, batches| {
        let Some(first) = batches.first() else { return Ok(Vec::new()) };
        let left: Vec<RecordBatch> = batches.iter().map(|batch| only(batch, &hashes, mask)).collect::<Result<_>>()?;
        let left = concat_batches(&first.schema(), &left)?;
        Ok(if left.num_rows() == 0 { Vec::new() } else { vec![left] })
    })
}

fn same_columns(a: &SchemaRef, b: &SchemaRef) -> bool {
    let columns = |schema: &SchemaRef| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    columns(a) == columns(b)
}
