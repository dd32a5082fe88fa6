//! `row_digest(col, ...)`: 128 bits of a row.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, FixedSizeBinaryArray};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{DocSection, Documentation, ScalarUDF};

use super::digest::row_digests;
use super::encode::check_encodable;
use super::function::{Call, Function, Planned};
use crate::error::Result;

pub(super) const NAME: &str = "row_digest";
pub(super) const DIGEST: DataType = DataType::FixedSizeBinary(16);

/// Where the vocabulary stands in the reference.
pub(super) const SECTION: DocSection =
    DocSection { include: true, label: "Reconciliation Functions", description: None };

pub(super) fn function() -> ScalarUDF {
    Function::new(NAME, 1..=usize::MAX, returns, compute).never_null().documented(documentation()).build()
}

fn returns(planned: &Planned) -> Result<DataType> {
    planned.data_types().try_for_each(check_encodable)?;
    Ok(DIGEST)
}

fn compute(call: &Call) -> Result<ArrayRef> {
    let digests = row_digests(&call.columns(call.len())?, call.rows)?;
    digest_array(digests.into_iter())
}

/// Digests as SQL sees them: 16 bytes each, big endian.
pub fn digest_array(digests: impl ExactSizeIterator<Item = u128>) -> Result<ArrayRef> {
    let mut bytes = Vec::with_capacity(16 * digests.len());
    for digest in digests {
        bytes.extend_from_slice(&digest.to_be_bytes());
    }
    Ok(Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(bytes), None)?))
}

fn documentation() -> Documentation {
    Documentation::builder(
        SECTION,
        "The digest of a row: 128 bits (XXH3) of its values and their types. NULL counts as a value, so the digest is \
         never NULL. How a value is stored makes no difference: an Int32 and an Int64 of one value agree; numbers of \
         different scale and times of different unit do not. `*` stands for all columns, in their order.",
        "row_digest(column, ...)",
    )
    .with_alternative_syntax("row_digest(*)")
    .with_sql_example(
        "```sql\n> select row_digest(1, 'a');\n2e491f6d3750d7e44e8841c64ea6c6e7\n```\nTwo tables hold the same rows if their checksums agree:\n```sql\n> \
         select checksum(row_digest(*)), count(*) from orders;\n```",
    )
    .with_argument("column", "Values of any type but unions")
    .build()
}
