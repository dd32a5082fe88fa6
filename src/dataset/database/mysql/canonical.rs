//! Values as MySQL and MariaDB write them in each [`Form`].

use datafusion::arrow::datatypes::TimeUnit;

use crate::dataset::database::column::{Column, Kind};
use crate::dataset::database::relation::quoted;
use crate::project::model::System;
use crate::sql::Form;

/// The most digits of a decimal.
const DIGITS: u8 = 65;

/// The expression of a column in a form; NULL stays NULL. None: this kind of column cannot be written so.
pub(in crate::dataset::database) fn expression(column: &Column, form: Form) -> Option<String> {
    use Kind::*;
    let x = quoted(System::Mysql, &column.name);
    // Zeros that fill a number up go.
    let number = if column.plain { x.clone() } else { format!("({x} + 0)") };
    let whole = matches!(column.kind, Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Decimal(_, 0));
    Some(match (form, &column.kind) {
        (Form::Integer | Form::Number | Form::Decimal(0), _) if whole => number,
        (Form::Decimal(scale), Decimal(_, own)) if *own == scale => number,
        // The common scale is never smaller than the column's own: the cast only adds zeros.
        (Form::Decimal(scale), Decimal(_, own)) if *own < scale => format!("CAST({x} AS DECIMAL({DIGITS}, {scale}))"),
        (Form::Decimal(scale), _) if whole => format!("CAST({x} AS DECIMAL({DIGITS}, {scale}))"),
        (Form::Number, Decimal(..)) => without_zeros(&number),
        (Form::Boolean, Bool) => number,
        (Form::Binary, Binary) => format!("LOWER(HEX({x}))"),
        (Form::Text, Text) if column.select == x && !is_temporal(column) => text(column, &x),
        // Zero dates keep their own text, which no date has.
        (Form::Date, Text) if column.native == "date" => x,
        (Form::Timestamp(_), Text) if column.native == "date" => format!("DATE_FORMAT({x}, '%Y-%m-%d 00:00:00')"),
        (Form::Timestamp(unit), Text) if matches!(column.native.as_str(), "datetime" | "timestamp") => {
            let full = format!("DATE_FORMAT({x}, '%Y-%m-%d %H:%i:%s.%f')");
            match unit {
                TimeUnit::Second => format!("LEFT({full}, 19)"),
                TimeUnit::Millisecond => without_zeros(&format!("LEFT({full}, 23)")),
                TimeUnit::Microsecond => without_zeros(&full),
                TimeUnit::Nanosecond => return None,
            }
        }
        (Form::Time, Text) if column.native == "time" => without_zeros(&format!("TIME_FORMAT({x}, '%H:%i:%s.%f')")),
        _ => return None,
    })
}

/// Whether it is compared by a collation.
pub(in crate::dataset::database) fn is_text(column: &Column) -> bool {
    column.kind == Kind::Text && !is_temporal(column)
}

/// The bytes of a text, in UTF-8: what they are equal to, no collation decides.
pub(in crate::dataset::database) fn bytes(column: &Column, x: &str) -> String {
    format!("CAST({} AS BINARY)", utf8(column, x))
}

fn utf8(column: &Column, x: &str) -> String {
    if column.plain { x.to_string() } else { format!("CONVERT({x} USING utf8mb4)") }
}

fn is_temporal(column: &Column) -> bool {
    matches!(column.native.as_str(), "date" | "datetime" | "timestamp" | "time")
}

/// The text of a row. `never_null`: columns that cannot be NULL.
pub(in crate::dataset::database) fn row(values: &[(String, Form, bool)]) -> String {
    let mut arguments = Vec::new();
    for (x, form, never_null) in values {
        let or_empty = |x: &str| if *never_null { x.to_string() } else { format!("COALESCE({x}, '')") };
        if form.has_length() {
            arguments.push(or_empty(&format!("LENGTH({x})")));
        }
        arguments.push(or_empty(x));
    }
    format!("CONCAT_WS('|', {})", arguments.join(", "))
}

/// As UTF-8, whatever the column's character set; texts of all columns go together.
fn text(column: &Column, x: &str) -> String {
    format!("{} COLLATE utf8mb4_bin", utf8(column, x))
}

/// Of a number with a point: without zeros at its end.
fn without_zeros(x: &str) -> String {
    format!("TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {x}))")
}
