//! One schema for the files of a dataset: columns are matched by name; what differs in storage or width only is
//! widened, everything else is an error that names both files.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

use crate::error::{Error, ErrorKind, Result};

/// The schema of one file.
pub(super) struct FileSchema<'a> {
    pub display: &'a str,
    pub schema: &'a Schema,
}

/// Columns in the order of the first file, then those that later files add. A column that is missing in some file is
/// nullable. Metadata of the files is dropped: it describes storage.
pub(super) fn merge(files: &[FileSchema<'_>]) -> Result<Schema> {
    let mut order: Vec<Merged> = Vec::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for file in files {
        check_duplicates(file)?;
        for field in file.schema.fields() {
            match by_name.get(field.name().as_str()) {
                None => {
                    by_name.insert(field.name(), order.len());
                    order.push(Merged { field: bare(field), file: file.display, files: 1 });
                }
                Some(at) => order[*at].add(field, file.display)?,
            }
        }
    }
    let fields = order.into_iter().map(|merged| {
        let everywhere = merged.files == files.len();
        let nullable = merged.field.is_nullable() || !everywhere;
        merged.field.with_nullable(nullable)
    });
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

struct Merged<'a> {
    field: Field,
    /// The first file that has the column.
    file: &'a str,
    files: usize,
}

impl Merged<'_> {
    fn add(&mut self, field: &FieldRef, file: &str) -> Result<()> {
        let other = bare(field);
        let Some(common) = unify(self.field.data_type(), other.data_type()) else {
            let (name, first) = (field.name(), self.file);
            let (ours, theirs) = (self.field.data_type(), other.data_type());
            let message = format!("column {name:?} is {ours} in {first}, but {theirs} in {file}");
            return Err(Error::new(ErrorKind::Schema, message)
                .hint("make two datasets of them, or one `sql` dataset that casts the column and unites them"));
        };
        let nullable = self.field.is_nullable() || other.is_nullable();
        self.field = Field::new(field.name(), common, nullable);
        self.files += 1;
        Ok(())
    }
}

/// Which of the files have a column of this name.
pub(super) fn in_every_file(files: &[FileSchema<'_>], name: &str) -> bool {
    files.iter().all(|file| file.schema.column_with_name(name).is_some())
}

fn check_duplicates(file: &FileSchema<'_>) -> Result<()> {
    let fields = file.schema.fields();
    let mut seen = HashMap::new();
    for (at, field) in fields.iter().enumerate() {
        if let Some(before) = seen.insert(field.name().as_str(), at) {
            let message =
                format!("{} has two columns {:?}, the {}. and the {}.", file.display, field.name(), before + 1, at + 1);
            return Err(Error::new(ErrorKind::Data, message).hint("rename one of them; columns are compared by name"));
        }
    }
    Ok(())
}

/// The field without metadata, and its text and binary columns as views: what is cheapest to read and compare.
fn bare(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    };
    Field::new(field.name(), data_type, field.is_nullable())
}

/// The type that holds the values of both without loss, if they differ in storage or width only.
pub(super) fn unify(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    if a == b {
        return Some(a.clone());
    }
    match (a, b) {
        (Null, other) | (other, Null) => Some(other.clone()),
        (Dictionary(_, value), other) | (other, Dictionary(_, value)) => unify(value, other),
        (RunEndEncoded(_, value), other) | (other, RunEndEncoded(_, value)) => unify(value.data_type(), other),
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => Some(Utf8View),
        (Binary | LargeBinary | BinaryView, Binary | LargeBinary | BinaryView) => Some(BinaryView),
        (List(x) | LargeList(x) | FixedSizeList(x, _), List(y) | LargeList(y) | FixedSizeList(y, _)) => {
            let item = unify_field(x, y)?;
            Some(if matches!((a, b), (List(_), List(_))) { List(item) } else { LargeList(item) })
        }
        (Struct(x), Struct(y)) => unify_struct(x, y),
        (Map(x, ordered), Map(y, also)) => Some(Map(unify_field(x, y)?, *ordered && *also)),
        _ if a.is_integer() && b.is_integer() => unify_integers(a, b),
        _ => unify_decimals(a, b),
    }
}

fn unify_field(a: &FieldRef, b: &FieldRef) -> Option<FieldRef> {
    let common = unify(a.data_type(), b.data_type())?;
    Some(Arc::new(Field::new(a.name(), common, a.is_nullable() || b.is_nullable())))
}

/// Only structs of the same fields: a field on one side alone would have to be made up.
fn unify_struct(a: &Fields, b: &Fields) -> Option<DataType> {
    if a.len() != b.len() {
        return None;
    }
    let fields = a.iter().map(|x| unify_field(x, b.iter().find(|y| y.name() == x.name())?));
    Some(DataType::Struct(fields.collect::<Option<Fields>>()?))
}

fn unify_integers(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    let bits = |t: &DataType| t.primitive_width().map(|bytes| bytes * 8);
    let (x, y) = (bits(a)?, bits(b)?);
    if a.is_signed_integer() == b.is_signed_integer() {
        return Some(if x > y { a.clone() } else { b.clone() });
    }
    let (signed, unsigned) = if a.is_signed_integer() { (x, y) } else { (y, x) };
    match signed.max(unsigned * 2) {
        16 => Some(Int16),
        32 => Some(Int32),
        64 => Some(Int64),
        _ => None,
    }
}

/// Decimals of one scale, at the larger precision.
fn unify_decimals(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    let parts = |t: &DataType| match t {
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => Some((*p, *s, t.primitive_width()?)),
        _ => None,
    };
    let ((p, s, w), (q, t, v)) = (parts(a)?, parts(b)?);
    if s != t {
        return None;
    }
    let precision = p.max(q);
    Some(match w.max(v) {
        4 => Decimal32(precision, s),
        8 => Decimal64(precision, s),
        16 => Decimal128(precision, s),
        _ => Decimal256(precision, s),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        Schema::new(fields.iter().map(|(name, t)| Field::new(*name, t.clone(), false)).collect::<Vec<_>>())
    }

    fn merge_two(a: &Schema, b: &Schema) -> Result<Schema> {
        merge(&[FileSchema { display: "a", schema: a }, FileSchema { display: "b", schema: b }])
    }

    #[test]
    fn columns_are_merged_by_name() {
        let merged = merge_two(&schema(&[("x", Int32), ("y", Utf8)]), &schema(&[("z", Date32), ("x", Int64)])).unwrap();
        let shown: Vec<_> =
            merged.fields().iter().map(|f| (f.name().as_str(), f.data_type(), f.is_nullable())).collect();
        assert_eq!(shown, [("x", &Int64, false), ("y", &Utf8View, true), ("z", &Date32, true)]);
    }

    #[test]
    fn what_cannot_be_merged_names_both_files() {
        let error = merge_two(&schema(&[("x", Int32)]), &schema(&[("x", Utf8)])).unwrap_err();
        assert_eq!(error.message(), "column \"x\" is Int32 in a, but Utf8View in b");
        assert!(merge_two(&schema(&[("x", Float32)]), &schema(&[("x", Float64)])).is_err());
        assert!(merge_two(&schema(&[("x", Int64)]), &schema(&[("x", UInt64)])).is_err());
        assert!(merge_two(&schema(&[("x", Decimal128(9, 2))]), &schema(&[("x", Decimal128(9, 3))])).is_err());
    }

    #[test]
    fn width_and_storage_are_widened() {
        assert_eq!(unify(&Int32, &UInt32), Some(Int64));
        assert_eq!(unify(&Int64, &UInt8), Some(Int64));
        assert_eq!(unify(&Decimal32(5, 2), &Decimal128(12, 2)), Some(Decimal128(12, 2)));
        assert_eq!(unify(&Dictionary(Box::new(Int8), Box::new(Utf8)), &Utf8View), Some(Utf8View));
        assert_eq!(unify(&Null, &Date32), Some(Date32));
    }

    #[test]
    fn a_column_twice_is_refused() {
        let file = schema(&[("x", Int32), ("x", Int32)]);
        let error = merge(&[FileSchema { display: "f.parquet", schema: &file }]).unwrap_err();
        assert_eq!(error.message(), "f.parquet has two columns \"x\", the 1. and the 2.");
    }
}
