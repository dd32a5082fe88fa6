//! The schema of a divergence table, from the plan of its rule.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};

use crate::rule::common::plain;
use crate::rule::names::key_names;
use crate::rule::plan::MatchPlan;
use crate::side::Side;

/// The columns of a divergence table.
#[derive(Debug, Clone)]
pub struct DivergenceSchema {
    pub schema: SchemaRef,
    /// Names of the key columns in the table, in the plan's order.
    pub keys: Vec<String>,
    /// What a reader should know: key columns that were renamed.
    pub notes: Vec<String>,
}

impl DivergenceSchema {
    pub fn of_match(plan: &MatchPlan) -> Self {
        let values: Vec<Arc<Field>> = plan
            .values
            .iter()
            .flat_map(|column| {
                Side::BOTH.map(|side| {
                    let own = stored_type(column.read.get(side).own());
                    Arc::new(Field::new(format!("{side}_{}", column.name), own, true))
                })
            })
            .collect();
        let taken: Vec<&str> = values.iter().map(|field| field.name().as_str()).collect();
        let (keys, notes) = key_names(plan.key.iter().map(|c| c.name.as_str()), &taken);
        let mut fields = head();
        for (name, column) in keys.iter().zip(&plan.key) {
            fields.push(Arc::new(Field::new(name, stored_type(&column.common.data_type), true)));
        }
        fields.push(Arc::new(Field::new("changed_columns", text_list(), true)));
        fields.extend(values);
        fields.push(Arc::new(Field::new("unreadable", DataType::List(unreadable_item()), true)));
        Self { schema: Arc::new(Schema::new(fields)), keys, notes }
    }

    /// Of a `sql` rule: the columns of its own query.
    pub fn of_query(columns: &Fields, key: &[String]) -> Self {
        let (names, notes) = key_names(columns.iter().map(|f| f.name().as_str()), &[]);
        let mut fields = head();
        for (name, column) in names.iter().zip(columns) {
            fields.push(Arc::new(Field::new(name, stored_type(column.data_type()), true)));
        }
        let renamed = |key: &String| columns.iter().position(|f| f.name() == key).map(|i| names[i].clone());
        let keys = key.iter().filter_map(renamed).collect();
        Self { schema: Arc::new(Schema::new(fields)), keys, notes }
    }
}

/// What every divergence table begins with.
pub fn head() -> Vec<Arc<Field>> {
    ["run_id", "divergence_id", "kind", "side"].map(|name| Arc::new(Field::new(name, DataType::Utf8, false))).to_vec()
}

pub fn text_list() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
}

pub fn unreadable_fields() -> Fields {
    ["side", "column", "text"].into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect()
}

pub fn unreadable_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Struct(unreadable_fields()), true))
}

/// The type that a column is written as: of equal meaning, and read alike by every reader of Parquet.
pub fn stored_type(data_type: &DataType) -> DataType {
    stored(&plain(data_type))
}

fn stored(data_type: &DataType) -> DataType {
    use DataType::*;
    let field = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_data_type(stored(field.data_type())));
    match data_type {
        // Parquet knows no seconds: they would come back as bare integers.
        Timestamp(TimeUnit::Second, zone) => Timestamp(TimeUnit::Millisecond, zone.clone()),
        Time32(TimeUnit::Second) => Time32(TimeUnit::Millisecond),
        Float16 => Float32,
        Null | Interval(IntervalUnit::MonthDayNano | IntervalUnit::DayTime | IntervalUnit::YearMonth) => Utf8,
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) if *s < 0 => whole(*p, *s),
        Decimal32(p, s) | Decimal64(p, s) => Decimal128(*p, *s),
        List(item) => List(field(item)),
        Struct(fields) => Struct(fields.iter().map(field).collect()),
        Map(entries, sorted) => Map(field(entries), *sorted),
        other => other.clone(),
    }
}

/// Parquet knows no negative scale: its zeros are written out.
fn whole(precision: u8, scale: i8) -> DataType {
    match u16::from(precision) + u16::from(scale.unsigned_abs()) {
        digits @ ..=38 => DataType::Decimal128(digits as u8, 0),
        digits @ ..=76 => DataType::Decimal256(digits as u8, 0),
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parquet_cannot_say_is_written_as_what_it_can() {
        use DataType::*;
        assert_eq!(stored_type(&Decimal32(5, -2)), Decimal128(7, 0));
        assert_eq!(stored_type(&Decimal128(38, -2)), Decimal256(40, 0));
        assert_eq!(stored_type(&Decimal256(76, -2)), Utf8);
        let list = |item| List(Arc::new(Field::new("item", item, true)));
        assert_eq!(stored_type(&list(Timestamp(TimeUnit::Second, None))), list(Timestamp(TimeUnit::Millisecond, None)));
    }
}
