//! Lists, structs and maps in the common type: their values are converted; fields are matched by name, entries sorted by
//! key. What stands under a NULL is never converted, so it can neither fail nor differ.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, GenericListArray, MapArray, OffsetSizeTrait, StructArray, UInt64Array, make_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};

use super::{convert, map_types, overflow, unpack};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::encode::{Mode, encode_rows, list_ranges};

/// Any list as a list of 32- or 64-bit offsets.
pub(super) fn list(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match to {
        DataType::List(field) => list_of::<i32>(array, field, to),
        DataType::LargeList(field) => list_of::<i64>(array, field, to),
        other => Err(Error::new(ErrorKind::Internal, format!("{other} is not a list"))),
    }
}

fn list_of<O: OffsetSizeTrait>(array: &ArrayRef, field: &FieldRef, to: &DataType) -> Result<ArrayRef> {
    let (ranges, values) = list_ranges(array)?;
    let nulls = array.nulls().cloned();
    let rows = (0..array.len()).map(|row| if is_null(&nulls, row) { 0..0 } else { ranges[row].clone() });
    let lengths: Vec<usize> = rows.clone().map(|range| range.len()).collect();
    let total: usize = lengths.iter().sum();
    if O::from_usize(total).is_none() {
        return Err(overflow(format!("{total} elements"), array.data_type(), to));
    }
    let elements: UInt64Array = rows.flatten().map(|element| element as u64).collect();
    let values = convert(&take(&values, &elements, None)?, field.data_type())?;
    let offsets = OffsetBuffer::<O>::from_lengths(lengths);
    Ok(Arc::new(GenericListArray::<O>::try_new(field.clone(), offsets, values, nulls)?))
}

fn is_null(nulls: &Option<NullBuffer>, row: usize) -> bool {
    nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
}

pub(super) fn structs(array: &StructArray, fields: &Fields) -> Result<ArrayRef> {
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(array.len(), array.nulls().cloned())));
    }
    let columns = fields.iter().map(|field| {
        let column = array.column_by_name(field.name()).ok_or_else(|| {
            Error::new(ErrorKind::Schema, format!("the struct {} has no field {}", array.data_type(), field.name()))
        })?;
        convert(&masked(column, array.nulls())?, field.data_type())
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, array.nulls().cloned())?))
}

/// A struct's column, NULL wherever the struct is.
fn masked(column: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else { return Ok(column.clone()) };
    let column = unpack(column)?;
    if column.data_type().is_null() {
        return Ok(column);
    }
    let nulls = NullBuffer::union(Some(nulls), column.nulls());
    Ok(make_array(column.to_data().into_builder().nulls(nulls).build()?))
}

/// A map's entries, converted, and sorted by the encoding of their keys.
pub(super) fn map(array: &MapArray, to: &DataType) -> Result<ArrayRef> {
    let DataType::Map(entries_field, _) = to else {
        return Err(Error::new(ErrorKind::Internal, format!("{to} is not a map")));
    };
    let (Some((key, value)), DataType::Struct(fields)) = (map_types(entries_field), entries_field.data_type()) else {
        return Err(Error::new(ErrorKind::Internal, format!("{to} is not a map")));
    };
    let encoded = encode_rows(&[convert(array.keys(), key)?], array.keys().len(), Mode::AsTyped)?;
    let mut lengths = Vec::with_capacity(array.len());
    let mut order: Vec<u64> = Vec::with_capacity(array.keys().len());
    for (row, pair) in array.value_offsets().windows(2).enumerate() {
        let start = order.len();
        if array.is_valid(row) {
            // Arrow's offsets are not negative.
            order.extend(pair[0] as u64..pair[1] as u64);
            order[start..].sort_by(|&a, &b| encoded.row(a as usize).cmp(encoded.row(b as usize)));
        }
        lengths.push(order.len() - start);
    }
    let order = UInt64Array::from(order);
    let keys = convert(&take(array.keys(), &order, None)?, key)?;
    let values = convert(&take(array.values(), &order, None)?, value)?;
    let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let field: Arc<Field> = entries_field.clone();
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, array.nulls().cloned(), false)?))
}
