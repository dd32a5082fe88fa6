//! One value as SQL that means exactly it, and as people read it.

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::scalar::ScalarValue;

use crate::rule::sql::literal;
use crate::sql::type_text;

/// None for a type that has no literal.
pub fn sql_literal(value: &ScalarValue) -> Option<String> {
    use DataType::*;
    let data_type = value.data_type();
    let text = said(value);
    Some(match &data_type {
        Utf8 | LargeUtf8 | Utf8View => literal(&text),
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => text,
        Decimal128(..) | Decimal256(..) => text,
        Float16 | Float32 | Float64 => format!("arrow_cast({}, {})", literal(&text), literal(&type_text(&data_type))),
        Date32 => format!("DATE {}", literal(&text)),
        Timestamp(..) | Time32(_) | Time64(_) | Date64 => {
            format!("arrow_cast({}, {})", literal(&text), literal(&type_text(&data_type)))
        }
        _ => return None,
    })
}

/// As text, without quotes.
pub fn said(value: &ScalarValue) -> String {
    let text = || {
        let array = value.to_array().ok()?;
        let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::new()).ok()?;
        Some(formatter.value(0).to_string())
    };
    text().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn a_literal_means_its_value() {
        let ctx = SessionContext::new();
        let utc = Some("UTC".into());
        let values = [
            ScalarValue::from("it's"),
            ScalarValue::from(-7i16),
            ScalarValue::from(u64::MAX),
            ScalarValue::Decimal128(Some(-1205), 12, 2),
            ScalarValue::from(0.1f64),
            ScalarValue::from(0.1f32),
            ScalarValue::from(f64::NAN),
            ScalarValue::Date32(Some(-1)),
            ScalarValue::TimestampMillisecond(Some(1_500), None),
            ScalarValue::TimestampMicrosecond(Some(-1), utc.clone()),
            ScalarValue::TimestampNanosecond(Some(1), utc),
            ScalarValue::Time64Microsecond(Some(1)),
            ScalarValue::Boolean(Some(true)),
        ];
        for value in values {
            let sql = format!("SELECT v = {} AS same FROM t", sql_literal(&value).unwrap());
            let batch =
                datafusion::arrow::array::RecordBatch::try_from_iter([("v", value.to_array().unwrap())]).unwrap();
            ctx.deregister_table("t").unwrap();
            ctx.register_batch("t", batch).unwrap();
            let rows = ctx.sql(&sql).await.unwrap().collect().await.unwrap();
            let same = ScalarValue::try_from_array(rows[0].column(0), 0).unwrap();
            assert_eq!(same, ScalarValue::from(true), "{sql}");
        }
    }
}
