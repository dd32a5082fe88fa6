//! What the classifying statement returned, and the counts that are folded from it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, StringArray};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_fixed_size_binary_array;

use crate::engine::Strategy;
use crate::engine::digests::{Tally, digest_of};
use crate::error::{Error, ErrorKind, Result};
use crate::rule::plan::MatchPlan;
use crate::rule::sql::field::{self, column};
use crate::side::{BySide, Side};
use crate::verdict::{ColumnCounts, Coverage, Guarantee, Kind, RowCounts};

/// A batch of the classifying statement, its columns found.
pub struct Classified {
    pub(super) batch: RecordBatch,
    pub(super) kind: StringArray,
    /// By value column.
    pub(super) differs: Vec<BooleanArray>,
    pub(super) near: Vec<Option<BooleanArray>>,
}

impl Classified {
    pub fn new(plan: &MatchPlan, batch: RecordBatch) -> Result<Self> {
        let boolean = |name: String| -> Result<BooleanArray> { Ok(column(&batch, &name)?.as_boolean().clone()) };
        let kind = cast(column(&batch, field::KIND)?, &DataType::Utf8)?.as_string::<i32>().clone();
        let differs = (0..plan.values.len()).map(|i| boolean(field::differs(i))).collect::<Result<_>>()?;
        let near = (plan.values.iter().enumerate())
            .map(|(i, value)| value.tolerance.as_ref().map(|_| boolean(field::near(i))).transpose())
            .collect::<Result<_>>()?;
        Ok(Self { kind, differs, near, batch })
    }
}

/// Counts of one match, exact; and the tallies that guard them.
#[derive(Debug, Clone)]
pub struct Counts {
    pub rows: RowCounts,
    pub columns: Vec<ColumnCounts>,
    pub spilled_bytes: u64,
    /// All rows of each side.
    scanned: BySide<Tally>,
    /// Rows that have no identical twin.
    rest: BySide<Tally>,
    /// Pairs that are equal within a tolerance.
    near_pairs: u64,
    /// Keys that stand more than once on a side; of rows without a key, rows that do.
    pub repeated_keys: u64,
    /// The strategy that came to the end: another than the one that began, where rows are not in order.
    pub strategy: Strategy,
    pub guarantee: Guarantee,
    /// Set where a limit stopped the comparison: then only a part is counted.
    pub coverage: Option<Coverage>,
    /// Why it is another.
    pub why: Option<String>,
    /// More may disagree than was counted and sent on: no more was to be found.
    pub untold: bool,
}

impl Counts {
    pub fn new(plan: &MatchPlan, scanned: BySide<Tally>, strategy: Strategy) -> Self {
        let column = |name: &String| ColumnCounts { column: name.clone(), value_mismatch: 0, within_tolerance: 0 };
        Self {
            rows: RowCounts { source: scanned.source.rows, target: scanned.target.rows, ..RowCounts::default() },
            columns: plan.values.iter().map(|c| column(&c.name)).collect(),
            spilled_bytes: 0,
            scanned,
            rest: BySide::default(),
            near_pairs: 0,
            repeated_keys: 0,
            strategy,
            guarantee: strategy.guarantee(),
            coverage: None,
            why: None,
            untold: false,
        }
    }

    /// Of a part of the rows: nothing yet.
    pub fn of_part(&self, plan: &MatchPlan) -> Self {
        Self::new(plan, BySide::default(), self.strategy)
    }

    /// Takes in what was counted of a part.
    pub fn merge(&mut self, part: &Counts) {
        self.rows.value_mismatch += part.rows.value_mismatch;
        self.rows.missing_in_target += part.rows.missing_in_target;
        self.rows.missing_in_source += part.rows.missing_in_source;
        self.rows.duplicate_key += part.rows.duplicate_key;
        for (mine, theirs) in self.columns.iter_mut().zip(&part.columns) {
            mine.value_mismatch += theirs.value_mismatch;
            mine.within_tolerance += theirs.within_tolerance;
        }
        self.rest.source.merge(part.rest.source);
        self.rest.target.merge(part.rest.target);
        self.near_pairs += part.near_pairs;
        self.repeated_keys += part.repeated_keys;
        self.untold |= part.untold;
    }

    /// Counts a batch; returns its rows that are divergences, their kind decided.
    pub fn take(&mut self, classified: &Classified) -> Result<RecordBatch> {
        let batch = &classified.batch;
        let digests = BySide::new(column(batch, field::SOURCE_DIGEST)?, column(batch, field::TARGET_DIGEST)?);
        let digests = digests.try_map(|_, digests| as_fixed_size_binary_array(digests))?;
        let mut keep = Vec::with_capacity(batch.num_rows());
        let mut kinds = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            for side in Side::BOTH {
                let digests = digests.get(side);
                if digests.is_valid(row) {
                    self.rest.get_mut(side).add(digest_of(Some(digests.value(row)))?);
                }
            }
            let kind = self.count(classified, row)?;
            keep.push(kind.is_some());
            kinds.push(kind.map_or("equal", Kind::as_str));
        }
        let mut columns = batch.columns().to_vec();
        let mut fields: Vec<Arc<Field>> = batch.schema().fields().to_vec();
        let at = batch.schema().index_of(field::KIND)?;
        columns[at] = Arc::new(StringArray::from(kinds));
        fields[at] = Arc::new(Field::new(field::KIND, DataType::Utf8, false));
        let decided = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        Ok(filter_record_batch(&decided, &BooleanArray::from(keep))?)
    }

    /// None: equal within a tolerance.
    fn count(&mut self, classified: &Classified, row: usize) -> Result<Option<Kind>> {
        let kind = match classified.kind.value(row) {
            "missing_in_target" => Kind::MissingInTarget,
            "missing_in_source" => Kind::MissingInSource,
            "duplicate_key" => Kind::DuplicateKey,
            "pair" => return Ok(self.count_pair(classified, row)),
            other => return Err(Error::new(ErrorKind::Internal, format!("`{other}` is no kind"))),
        };
        match kind {
            Kind::MissingInTarget => self.rows.missing_in_target += 1,
            Kind::MissingInSource => self.rows.missing_in_source += 1,
            _ => self.rows.duplicate_key += 1,
        }
        Ok(Some(kind))
    }

    fn count_pair(&mut self, classified: &Classified, row: usize) -> Option<Kind> {
        let set = |flags: &BooleanArray| flags.is_valid(row) && flags.value(row);
        let mut differs = false;
        for (counts, (flags, near)) in self.columns.iter_mut().zip(classified.differs.iter().zip(&classified.near)) {
            differs |= set(flags);
            counts.value_mismatch += u64::from(set(flags));
            counts.within_tolerance += u64::from(near.as_ref().is_some_and(set));
        }
        if differs {
            self.rows.value_mismatch += 1;
            return Some(Kind::ValueMismatch);
        }
        self.near_pairs += 1;
        None
    }

    /// Of a comparison that stopped: `equal` rows of the source were proven equal.
    pub fn stopped(&mut self, coverage: Coverage, equal: u64) {
        self.coverage = Some(coverage);
        self.rows.equal = equal + self.near_pairs;
    }

    /// Conservation: what is not left over must be the same multiset of rows on both sides, by number and by checksum.
    /// `passed`: the tally of rows that were spooled.
    pub fn conserved(&mut self, passed: BySide<Tally>) -> Result<()> {
        let identical = self.scanned.try_map(|side, scanned| {
            scanned
                .less(*self.rest.get(side))
                .ok_or_else(|| broken(&format!("more {side} rows were classified than read")))
        })?;
        if identical.source != identical.target {
            return Err(broken(&format!(
                "{} source and {} target rows were taken for identical, but their checksums differ",
                identical.source.rows, identical.target.rows
            )));
        }
        if self.strategy != Strategy::Join {
            let skipped = self.scanned.try_map(|side, scanned| {
                scanned
                    .less(*passed.get(side))
                    .ok_or_else(|| broken(&format!("more rows of the {side} were left open than read")))
            })?;
            if skipped.source != skipped.target {
                return Err(broken("rows that do not agree were left out"));
            }
        }
        self.rows.equal = identical.source.rows + self.near_pairs;
        Ok(())
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("conservation does not hold: {what}")).hint(
        "this is no verdict; if an expression or view gives other values each time (random(), now()), make it fixed, else please report it",
    )
}
