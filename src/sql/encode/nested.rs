//! Encoders of values that hold others: lists, structs, maps, and the encodings that point at values.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, MapArray, RunArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type, RunEndIndexType};

use super::Mode;
use super::column::{Encode, encoder, tag};
use super::text::{length_field, put_bytes};
use super::validity::Validity;
use crate::error::{Error, ErrorKind, Result};

/// Any of Arrow's five lists: where each row's elements stand among the values.
pub(super) struct ListEncoder {
    nulls: Validity,
    ranges: Vec<Range<usize>>,
    values: Box<dyn Encode>,
}

impl ListEncoder {
    pub fn new(array: &ArrayRef, mode: Mode) -> Result<Self> {
        let (ranges, values) = list_ranges(array)?;
        length_field(values.len())?;
        Ok(Self { nulls: Validity::of(array), ranges, values: encoder(&values, mode)? })
    }
}

/// Where each row of a list stands among the values, and the values. NULL rows may have any range.
pub(in crate::sql) fn list_ranges(array: &ArrayRef) -> Result<(Vec<Range<usize>>, ArrayRef)> {
    fn by_offsets<O: Copy + TryInto<usize>>(offsets: &[O]) -> Vec<Range<usize>> {
        offsets.windows(2).map(|pair| index(pair[0])..index(pair[1])).collect()
    }
    fn by_sizes<O: Copy + TryInto<usize>>(offsets: &[O], sizes: &[O]) -> Vec<Range<usize>> {
        offsets.iter().zip(sizes).map(|(&start, &size)| index(start)..index(start) + index(size)).collect()
    }
    // Arrow's arrays hold offsets that are not negative.
    fn index<O: TryInto<usize>>(offset: O) -> usize {
        offset.try_into().unwrap_or(0)
    }
    Ok(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (by_offsets(list.value_offsets()), list.values().clone())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (by_offsets(list.value_offsets()), list.values().clone())
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            (by_sizes(list.value_offsets(), list.value_sizes()), list.values().clone())
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            (by_sizes(list.value_offsets(), list.value_sizes()), list.values().clone())
        }
        DataType::FixedSizeList(..) => {
            let list = array.as_fixed_size_list();
            let size = index(list.value_length());
            ((0..list.len()).map(|row| row * size..(row + 1) * size).collect(), list.values().clone())
        }
        other => return Err(Error::new(ErrorKind::Internal, format!("{other} is not a list"))),
    })
}

impl Encode for ListEncoder {
    fn length(&self, row: usize) -> usize {
        if self.nulls.is_null(row) {
            return 1;
        }
        5 + self.values.lengths(self.ranges[row].clone())
    }

    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if self.nulls.is_null(row) {
            out[0] = tag::NULL;
            return 1;
        }
        let range = self.ranges[row].clone();
        let end = put_count(tag::LIST, range.len(), out);
        end + self.values.write_all(range, &mut out[end..])
    }
}

/// Fits: the number of all elements was checked when the encoder was made.
fn put_count(tag: u8, count: usize, out: &mut [u8]) -> usize {
    out[0] = tag;
    out[1..5].copy_from_slice(&(count as u32).to_le_bytes());
    5
}

pub(super) struct StructEncoder {
    nulls: Validity,
    /// Each field's name as it is encoded, and its values; sorted by name.
    fields: Vec<(Vec<u8>, Box<dyn Encode>)>,
}

impl StructEncoder {
    pub fn new(array: &StructArray, mode: Mode) -> Result<Self> {
        let mut fields: Vec<_> = array.fields().iter().zip(array.columns()).collect();
        fields.sort_by(|a, b| a.0.name().cmp(b.0.name()));
        let fields = fields.into_iter().map(|(field, column)| {
            let mut name = vec![0; 5 + field.name().len()];
            put_bytes(tag::TEXT, field.name().as_bytes(), &mut name);
            Ok((name, encoder(column, mode)?))
        });
        Ok(Self { nulls: Validity::of(array), fields: fields.collect::<Result<_>>()? })
    }
}

impl Encode for StructEncoder {
    fn length(&self, row: usize) -> usize {
        if self.nulls.is_null(row) {
            return 1;
        }
        5 + self.fields.iter().map(|(name, values)| name.len() + values.length(row)).sum::<usize>()
    }

    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if self.nulls.is_null(row) {
            out[0] = tag::NULL;
            return 1;
        }
        let mut end = put_count(tag::STRUCT, self.fields.len(), out);
        for (name, values) in &self.fields {
            out[end..end + name.len()].copy_from_slice(name);
            end += name.len();
            end += values.write(row, &mut out[end..]);
        }
        end
    }
}

pub(super) struct MapEncoder {
    nulls: Validity,
    offsets: Vec<usize>,
    keys: Box<dyn Encode>,
    values: Box<dyn Encode>,
}

impl MapEncoder {
    pub fn new(array: &MapArray, mode: Mode) -> Result<Self> {
        length_field(array.entries().len())?;
        Ok(Self {
            nulls: Validity::of(array),
            // Arrow's arrays hold offsets that are not negative.
            offsets: array.value_offsets().iter().map(|&offset| usize::try_from(offset).unwrap_or(0)).collect(),
            keys: encoder(array.keys(), mode)?,
            values: encoder(array.values(), mode)?,
        })
    }
}

impl Encode for MapEncoder {
    fn length(&self, row: usize) -> usize {
        if self.nulls.is_null(row) {
            return 1;
        }
        let entries = self.offsets[row]..self.offsets[row + 1];
        5 + self.keys.lengths(entries.clone()) + self.values.lengths(entries)
    }

    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        if self.nulls.is_null(row) {
            out[0] = tag::NULL;
            return 1;
        }
        let range = self.offsets[row]..self.offsets[row + 1];
        let mut entries: Vec<Vec<u8>> = range
            .clone()
            .map(|entry| {
                let mut bytes = vec![0; self.keys.length(entry) + self.values.length(entry)];
                let end = self.keys.write(entry, &mut bytes);
                self.values.write(entry, &mut bytes[end..]);
                bytes
            })
            .collect();
        // No key's encoding is the beginning of another's, so this sorts by key; and by value should a key repeat.
        entries.sort_unstable();
        let mut end = put_count(tag::MAP, range.len(), out);
        for entry in entries {
            out[end..end + entry.len()].copy_from_slice(&entry);
            end += entry.len();
        }
        end
    }
}

/// Values that rows point at: dictionaries and runs.
pub(super) struct Picked {
    /// None where the row itself is NULL; the value that it points at may be NULL too.
    picks: Vec<Option<usize>>,
    values: Box<dyn Encode>,
}

impl Picked {
    pub fn new(picks: Vec<Option<usize>>, values: Box<dyn Encode>) -> Self {
        Self { picks, values }
    }
}

impl Encode for Picked {
    fn length(&self, row: usize) -> usize {
        self.picks[row].map_or(1, |pick| self.values.length(pick))
    }

    fn write(&self, row: usize, out: &mut [u8]) -> usize {
        match self.picks[row] {
            Some(pick) => self.values.write(pick, out),
            None => {
                out[0] = tag::NULL;
                1
            }
        }
    }
}

/// Of a run-end encoded array: which value each row has, and the values.
pub(in crate::sql) fn run_picks(array: &ArrayRef, ends: &DataType) -> Result<(Vec<usize>, ArrayRef)> {
    fn picks<R: RunEndIndexType>(array: &ArrayRef) -> Result<(Vec<usize>, ArrayRef)> {
        let Some(runs) = array.as_any().downcast_ref::<RunArray<R>>() else {
            return Err(Error::new(ErrorKind::Internal, format!("{} is not run-end encoded", array.data_type())));
        };
        Ok(((0..runs.len()).map(|row| runs.get_physical_index(row)).collect(), runs.values().clone()))
    }
    match ends {
        DataType::Int16 => picks::<Int16Type>(array),
        DataType::Int32 => picks::<Int32Type>(array),
        DataType::Int64 => picks::<Int64Type>(array),
        other => Err(Error::new(ErrorKind::Internal, format!("{other} does not count run ends"))),
    }
}
