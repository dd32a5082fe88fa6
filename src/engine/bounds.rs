//! The range of keys that one of several merges zips. Ranges are cut where statistics say that keys go from one row group
//! to the next; since sides are cut at different rows, a few keys at each cut are in two ranges: they are left open.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Scalar};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;

use crate::dataset::Seam;
use crate::engine::open::At;
use crate::error::Result;

/// None at an end: all keys to that end.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    from: Option<Cut>,
    to: Option<Cut>,
}

#[derive(Debug, Clone)]
struct Cut {
    low: Scalar<ArrayRef>,
    high: Scalar<ArrayRef>,
}

/// A batch, as its rows lie to the bounds.
pub enum Placed {
    Inside(RecordBatch),
    /// Rows to zip, and rows of keys that the range before or after may hold as well.
    Split(RecordBatch, [(At, RecordBatch); 2]),
    /// A row does not belong here: what the cuts were made by is not true.
    Outside(RecordBatch),
}

impl Cut {
    fn new(seam: &Seam, data_type: &DataType) -> Result<Self> {
        let scalar = |value: &ArrayRef| Ok::<_, crate::error::Error>(Scalar::new(cast(value, data_type)?));
        Ok(Self { low: scalar(&seam.low)?, high: scalar(&seam.high)? })
    }

    /// Where keys are from `low` on, and where they are greater than `high`.
    fn sides(&self, keys: &ArrayRef) -> Result<(BooleanBuffer, BooleanBuffer)> {
        let low = cmp::gt_eq(keys, &self.low)?.into_parts().0;
        let high = cmp::gt(keys, &self.high)?.into_parts().0;
        Ok((low, high))
    }
}

impl Bounds {
    /// The ranges between the seams, one more than there are of them. `data_type`: of the key's first column, as it is
    /// compared.
    pub fn between(seams: &[Seam], data_type: &DataType) -> Result<Vec<Self>> {
        let cuts = seams.iter().map(|seam| Cut::new(seam, data_type)).collect::<Result<Vec<_>>>()?;
        let bounds = |piece: usize| Self {
            from: piece.checked_sub(1).and_then(|before| cuts.get(before).cloned()),
            to: cuts.get(piece).cloned(),
        };
        Ok((0..=cuts.len()).map(bounds).collect())
    }

    /// `keys`: the first column of the batch's key.
    ///
    /// A key is zipped in a range only if no other range can hold a row of it: what would be there is outside.
    pub fn place(&self, keys: &ArrayRef, batch: RecordBatch) -> Result<Placed> {
        if self.from.is_none() && self.to.is_none() {
            return Ok(Placed::Inside(batch));
        }
        let rows = batch.num_rows();
        if keys.null_count() > 0 {
            return Ok(Placed::Outside(batch));
        }
        let (mut within, none) = (BooleanBuffer::new_set(rows), BooleanBuffer::new_unset(rows));
        let (mut front, mut back) = (none.clone(), none);
        if let Some(from) = &self.from {
            let (from_low, past_high) = from.sides(keys)?;
            front = &from_low & &!&past_high;
            within = from_low;
        }
        if let Some(to) = &self.to {
            let (from_low, past_high) = to.sides(keys)?;
            back = &from_low & &!&past_high;
            within = &within & &!&(&from_low & &past_high);
        }
        if within.count_set_bits() < rows {
            return Ok(Placed::Outside(batch));
        }
        let open = &front | &back;
        if open.count_set_bits() == 0 {
            return Ok(Placed::Inside(batch));
        }
        let pick = |rows: BooleanBuffer| filter_record_batch(&batch, &BooleanArray::new(rows, None));
        Ok(Placed::Split(pick(!&open)?, [(At::Front, pick(front)?), (At::Back, pick(back)?)]))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;

    fn bounds(seams: &[(i64, i64)]) -> Vec<Bounds> {
        let one = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
        let seams: Vec<Seam> = seams.iter().map(|&(low, high)| Seam { low: one(low), high: one(high) }).collect();
        Bounds::between(&seams, &DataType::Int64).unwrap()
    }

    /// Rows to zip and rows that stay open; None: some are outside.
    fn place(bounds: &Bounds, keys: &[i64]) -> Option<(Vec<i64>, Vec<i64>)> {
        let keys = Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("k", keys.clone())]).unwrap();
        let values = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        match bounds.place(&keys, batch).unwrap() {
            Placed::Inside(batch) => Some((values(&batch), vec![])),
            Placed::Split(inside, [(_, front), (_, back)]) => {
                Some((values(&inside), [values(&front), values(&back)].concat()))
            }
            Placed::Outside(_) => None,
        }
    }

    #[test]
    fn a_key_is_zipped_in_no_more_than_one_range() {
        for seams in [vec![(10, 12), (20, 25)], vec![(10, 9), (20, 19)], vec![(10, 3), (20, 10)], vec![(10, 10)]] {
            let ranges = bounds(&seams);
            for key in -1..40 {
                let found: Vec<_> = ranges.iter().map(|range| place(range, &[key])).collect();
                let zipped = found.iter().flatten().filter(|(inside, _)| !inside.is_empty()).count();
                let holds = found.iter().flatten().count();
                assert!(zipped == 0 || holds == 1, "{key} in {seams:?}: {found:?}");
            }
        }
    }

    #[test]
    fn rows_at_a_cut_stay_open_and_rows_beyond_it_are_seen() {
        let ranges = bounds(&[(10, 12)]);
        assert_eq!(place(&ranges[0], &[1, 9]), Some((vec![1, 9], vec![])));
        assert_eq!(place(&ranges[0], &[9, 10, 12]), Some((vec![9], vec![10, 12])));
        assert_eq!(place(&ranges[0], &[9, 13]), None);
        assert_eq!(place(&ranges[1], &[10, 12, 13]), Some((vec![13], vec![10, 12])));
        assert_eq!(place(&ranges[1], &[9, 13]), None);
        // No key is in both: one that lies between is in neither.
        let ranges = bounds(&[(10, 5)]);
        assert_eq!(place(&ranges[0], &[5, 9]), Some((vec![5, 9], vec![])));
        assert_eq!(place(&ranges[1], &[10, 11]), Some((vec![10, 11], vec![])));
        assert_eq!(place(&ranges[1], &[7]), None);
        assert_eq!(place(&Bounds::default(), &[7]), Some((vec![7], vec![])));
    }
}
