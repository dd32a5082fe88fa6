//! `checksum(digest)`: the order-independent sum, modulo 2^128, of the digests of many rows.

use std::mem::size_of_val;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue, not_impl_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

use super::row_digest::{DIGEST, SECTION, digest_array};

/// NULL digests are passed over; over no rows the checksum is 16 zero bytes, never NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Checksum {
    signature: Signature,
}

impl Checksum {
    pub fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Checksum {
    fn name(&self) -> &str {
        "checksum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Digests that come back from a file may be of another binary type.
    fn coerce_types(&self, arg_types: &[DataType]) -> DfResult<Vec<DataType>> {
        match arg_types {
            [
                DataType::FixedSizeBinary(16)
                | DataType::Null
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView,
            ] => Ok(vec![DIGEST]),
            _ => plan_err!("checksum() takes one digest of 16 bytes, e.g. checksum(row_digest(*))"),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Ok(DIGEST)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _data_type: &DataType) -> DfResult<ScalarValue> {
        Ok(scalar(0))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        if args.is_distinct {
            return not_impl_err!("checksum(DISTINCT ...)");
        }
        Ok(Box::new(Sum(0)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        Ok(vec![Field::new(format_state_name(args.name, "checksum"), DIGEST, true).into()])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs) -> DfResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(GroupSums(Vec::new())))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: std::sync::LazyLock<Documentation> = std::sync::LazyLock::new(documentation);
        Some(&DOCUMENTATION)
    }
}

fn scalar(sum: u128) -> ScalarValue {
    ScalarValue::FixedSizeBinary(16, Some(sum.to_be_bytes().to_vec()))
}

/// The digests of a column, with their rows; NULLs are passed over.
fn digests(values: &[ArrayRef]) -> impl Iterator<Item = (usize, u128)> {
    let array = values[0].as_fixed_size_binary();
    (0..array.len()).filter(|&row| array.is_valid(row)).map(|row| (row, number(array.value(row))))
}

/// A digest is 16 bytes, by its type.
fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u128::from(byte))
}

#[derive(Debug)]
struct Sum(u128);

impl Accumulator for Sum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.0 = digests(values).fold(self.0, |sum, (_, digest)| sum.wrapping_add(digest));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.0 = digests(values).fold(self.0, |sum, (_, digest)| sum.wrapping_sub(digest));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![scalar(self.0)])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(scalar(self.0))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// One sum a group.
struct GroupSums(Vec<u128>);

impl GroupsAccumulator for GroupSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DfResult<()> {
        self.0.resize(total_num_groups, 0);
        for (row, digest) in digests(values) {
            if passes(filter, row) {
                let sum = &mut self.0[group_indices[row]];
                *sum = sum.wrapping_add(digest);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> DfResult<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        Ok(digest_array(emit_to.take_needed(&mut self.0).into_iter())?)
    }

    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let mut states = vec![0; values[0].len()];
        for (row, digest) in digests(values) {
            if passes(filter, row) {
                states[row] = digest;
            }
        }
        Ok(vec![digest_array(states.into_iter())?])
    }

    fn size(&self) -> usize {
        self.0.capacity() * size_of::<u128>()
    }
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

fn documentation() -> Documentation {
    Documentation::builder(
        SECTION,
        "The checksum of many rows: the sum of their digests modulo 2^128. The order of rows makes no difference, a row \
         that repeats counts as often as it stands. NULL digests are passed over; over no rows it is 16 zero bytes.",
        "checksum(digest)",
    )
    .with_sql_example("```sql\n> select checksum(row_digest(*)) from orders;\n```")
    .with_argument("digest", "16 bytes, as row_digest() gives them")
    .build()
}
