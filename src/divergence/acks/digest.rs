//! What "the values are the same" means between an acknowledgement and a run: a digest that covers everything of a divergence but its
//! key. Whatever is not known to be the same is another digest.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::Schema;

use crate::divergence::lives::value_columns;
use crate::rule::common::plain;
use crate::rule::sql::{ident, literal};

/// Of the form of what is digested.
const VERSION: &str = "tieout.acknowledged.2";

/// The SQL of the digest of a divergence's values. The names and types of all columns are in it: where a column came or went, or has
/// another type, no digest is as before; nor where other datasets are compared. In which order they stand is no matter.
pub fn values_digest(schema: &Schema, keys: &BTreeSet<String>, datasets: &[Option<String>; 2]) -> String {
    let values: BTreeSet<String> = value_columns(schema, keys).into_iter().collect();
    let mut columns: Vec<(&str, String)> = (schema.fields().iter())
        .filter(|field| values.contains(&ident(field.name())))
        .map(|field| (field.name().as_str(), plain(field.data_type()).to_string()))
        .collect();
    columns.sort();
    let mut parts = vec![literal(&format!("{VERSION} {columns:?} {datasets:?}")), ident("side")];
    parts.extend(columns.iter().map(|(name, _)| ident(name)));
    format!("row_digest({})", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    fn digest(columns: &[(&str, DataType)]) -> String {
        let head = [("divergence_id", DataType::Utf8), ("side", DataType::Utf8), ("id", DataType::Int64)];
        let head = head.into_iter().chain([("changed_columns", DataType::Utf8)]);
        let fields: Vec<Field> =
            head.chain(columns.iter().cloned()).map(|(name, kind)| Field::new(name, kind, true)).collect();
        values_digest(&Schema::new(fields), &BTreeSet::from(["id".to_string()]), &[Some("a".into()), None])
    }

    #[test]
    fn names_and_types_are_digested_and_order_is_not() {
        use DataType::*;
        let (v, w) = (("source_v", Int64), ("target_v", Utf8));
        let both = digest(&[v.clone(), w.clone()]);
        assert_eq!(
            both,
            "row_digest('tieout.acknowledged.2 [(\"source_v\", \"Int64\"), (\"target_v\", \"Utf8\")] [Some(\"a\"), None]', \"side\", \"source_v\", \"target_v\")"
        );
        assert_eq!(digest(&[w.clone(), v.clone()]), both);
        assert_eq!(digest(&[v.clone(), ("target_v", Utf8View)]), both, "storage is no matter");
        for other in [vec![v.clone()], vec![v.clone(), ("target_v", Int32)], vec![v, w, ("source_x", Utf8)]] {
            assert_ne!(digest(&other), both);
        }
    }
}
