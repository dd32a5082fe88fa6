//! Values as PostgreSQL writes them in each [`Form`].

use datafusion::arrow::datatypes::TimeUnit;

use crate::dataset::database::column::{Column, Kind};
use crate::dataset::database::relation::quoted;
use crate::project::model::System;
use crate::sql::Form;

/// `concat_ws` takes a hundred arguments.
const ARGUMENTS: usize = 90;

/// The expression of a column in a form; NULL stays NULL. None: this kind of column cannot be written so.
pub(in crate::dataset::database) fn expression(column: &Column, form: Form) -> Option<String> {
    let x = quoted(System::Postgres, &column.name);
    Some(match (form, &column.kind) {
        (Form::Integer, Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::UInt32 | Kind::Decimal(_, 0)) => x,
        (Form::Decimal(_), Kind::Decimal(_, 0)) if form == Form::Decimal(0) => x,
        (Form::Decimal(scale), Kind::Decimal(_, own)) if *own == scale => x,
        // The common scale is never smaller than the column's own: rounding only adds zeros.
        (Form::Decimal(scale), Kind::Decimal(_, own)) if *own < scale => format!("round({x}, {scale})"),
        (Form::Decimal(scale), Kind::Int16 | Kind::Int32 | Kind::Int64) => format!("round({x}::numeric, {scale})"),
        (Form::Number, Kind::Int16 | Kind::Int32 | Kind::Int64) => x,
        (Form::Number, Kind::Decimal(..) | Kind::Number) => format!("trim_scale({})", column.select),
        (Form::Boolean, Kind::Bool) => format!("{x}::int"),
        (Form::Date, Kind::Date) => x,
        (Form::Time, Kind::Time) => x,
        (Form::Timestamp(unit), Kind::Timestamp { zoned }) => {
            let x = if *zoned { format!("({x} AT TIME ZONE 'UTC')") } else { x };
            match unit {
                TimeUnit::Second => format!("date_trunc('second', {x})"),
                TimeUnit::Millisecond => format!("date_trunc('milliseconds', {x})"),
                TimeUnit::Microsecond => x,
                TimeUnit::Nanosecond => return None,
            }
        }
        (Form::Timestamp(_), Kind::Date) => format!("{x}::timestamp"),
        (Form::Float32, Kind::Float32) => float(&x, 4),
        (Form::Float64, Kind::Float64) => float(&x, 8),
        (Form::Text, Kind::Number) => format!("trim_scale({})::text", column.select),
        (Form::Text, Kind::Text | Kind::Jsonb | Kind::Uuid) if column.select.ends_with("::text") => {
            column.select.clone()
        }
        (Form::Text, Kind::Text | Kind::Jsonb | Kind::Uuid) => format!("{x}::text"),
        (Form::Binary, Kind::Binary) => format!("encode({x}, 'hex')"),
        _ => return None,
    })
}

fn float(x: &str, bytes: u8) -> String {
    format!("CASE WHEN {x} = 'NaN' THEN 'nan' ELSE encode(float{bytes}send({x} + 0::float{bytes}), 'hex') END")
}

/// The text of a row. `never_null`: columns that cannot be NULL.
pub(in crate::dataset::database) fn row(values: &[(String, Form, bool)]) -> String {
    let mut arguments = Vec::new();
    for (x, form, never_null) in values {
        let or_empty = |x: &str| if *never_null { x.to_string() } else { format!("coalesce({x}::text, '')") };
        if form.has_length() {
            arguments.push(or_empty(&format!("octet_length({x})")));
        }
        arguments.push(or_empty(x));
    }
    while arguments.len() > ARGUMENTS {
        arguments = arguments.chunks(ARGUMENTS).map(|some| format!("concat_ws('|', {})", some.join(", "))).collect();
    }
    format!("concat_ws('|', {}) COLLATE \"C\"", arguments.join(", "))
}
