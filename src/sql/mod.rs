//! The SQL vocabulary: what a query can say beyond DataFusion's own functions. Public and documented are `row_digest`,
//! `checksum` and `segment` (and `reconcile`, which `engine` adds); the rest serves the SQL that rules compile to.

mod checksum;
mod common;
mod digest;
mod encode;
mod function;
mod internal;
mod json;
mod misread;
mod normal;
mod row_digest;
mod segment;
mod segment_digest;
#[cfg(test)]
mod tests;
mod text;
mod type_text;
mod wildcard;
mod within;
mod zone;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

pub use self::common::check_common;
pub use self::digest::{IdBytes, digest_id, key_hashes, row_digests};
pub use self::encode::{Mode, Rows, check_encodable, encode_rows};
pub use self::normal::canonical;
pub use self::row_digest::digest_array;
pub use self::segment_digest::{Form, Hash};
pub use self::text::{check_readable, read_texts};
pub use self::type_text::{parse_type, plain_type, type_text};
pub use self::zone::Zone;
use crate::error::Result;
pub use json::canonical as canonical_json;

/// Makes the whole vocabulary known to a session.
pub fn register(ctx: &SessionContext) -> Result<()> {
    for function in scalar_functions() {
        ctx.register_udf(function);
    }
    for function in aggregate_functions() {
        ctx.register_udaf(function);
    }
    ctx.add_analyzer_rule(Arc::new(wildcard::ExpandWildcard));
    Ok(())
}

/// Every scalar function, for the session and for the reference.
pub fn scalar_functions() -> Vec<ScalarUDF> {
    let mut functions = vec![row_digest::function(), segment::function(), common::function(), within::function()];
    functions.extend(text::functions());
    functions.extend(normal::functions());
    functions.push(misread::function());
    functions.extend(zone::functions());
    functions.extend(internal::functions());
    functions.extend(segment_digest::functions());
    functions
}

/// Every aggregate function, likewise.
pub fn aggregate_functions() -> Vec<AggregateUDF> {
    vec![AggregateUDF::new_from_impl(checksum::Checksum::new())]
}
