//! What a column's declared type means for its cells.
//!
//! SQLite keeps any value in any column. A declared type only says what it tries to turn a value into (its affinity:
//! <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>). So cells come as text that is read as the declared
//! type: one that holds something else is a divergence that shows it, and no error. Only where SQLite itself sees to the
//! type (STRICT tables, rowids) does a column have it.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::dataset::database::column::{Column, Kind};

/// The column's cells as they can be relied upon.
pub(super) fn column(name: &str, select: String, declared: &str, kept: bool) -> Column {
    let upper = declared.to_ascii_uppercase();
    if kept {
        let kind = match upper.as_str() {
            "INT" | "INTEGER" => Some(Kind::Int64),
            "REAL" => Some(Kind::Float64),
            "TEXT" => Some(Kind::Text),
            "BLOB" => Some(Kind::Binary),
            _ => None,
        };
        if let Some(kind) = kind {
            return Column::new(name, select, kind, declared);
        }
    }
    match meaning(&upper) {
        Meaning::Text => Column::new(name, select, Kind::Text, declared),
        Meaning::Typed(data_type) => Column::text_of(name, select, Some(&data_type), declared),
        Meaning::Nothing => Column::text_of(name, select, None, declared),
    }
}

#[derive(Debug, PartialEq)]
enum Meaning {
    Text,
    Typed(DataType),
    /// What the cells are depends on each of them.
    Nothing,
}

/// `declared` in capitals.
fn meaning(declared: &str) -> Meaning {
    let head = declared.split('(').next().unwrap_or(declared).trim();
    let first = head.split_whitespace().next().unwrap_or("");
    let has = |part: &str| declared.contains(part);
    let zoned = has("TIME ZONE") && !has("WITHOUT") || matches!(first, "TIMESTAMPTZ" | "DATETIMEOFFSET");
    match first {
        // By name: the letters INT in them say nothing.
        "INTERVAL" | "POINT" | "" | "ANY" => return Meaning::Nothing,
        "DATE" => return Meaning::Typed(DataType::Date32),
        "TIME" if !zoned => return Meaning::Typed(DataType::Time64(TimeUnit::Microsecond)),
        "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" | "DATETIMEOFFSET" => {
            let zone = zoned.then(|| "UTC".into());
            return Meaning::Typed(DataType::Timestamp(TimeUnit::Microsecond, zone));
        }
        "BOOL" | "BOOLEAN" => return Meaning::Typed(DataType::Boolean),
        "DECIMAL" | "DEC" | "NUMERIC" | "NUMBER" => return decimal(declared).map_or(Meaning::Nothing, Meaning::Typed),
        _ => {}
    }
    // SQLite's own rules, in their order.
    if has("INT") {
        Meaning::Typed(DataType::Int64)
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Meaning::Text
    } else if has("BLOB") {
        Meaning::Typed(DataType::Binary)
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Meaning::Typed(DataType::Float64)
    } else {
        Meaning::Nothing
    }
}

/// `DECIMAL(12, 2)`, `NUMERIC(12)`, where Arrow has it.
fn decimal(declared: &str) -> Option<DataType> {
    let (_, rest) = declared.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    let mut parts = inside.split(',').map(|part| part.trim().parse::<u8>().ok());
    let (precision, scale) = (parts.next()??, parts.next().unwrap_or(Some(0))?);
    let fits = (1..=76).contains(&precision) && scale <= precision;
    fits.then(|| Kind::Decimal(precision, scale as i8).data_type())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_declared_types_mean() {
        use DataType as T;
        use Meaning::{Nothing, Text, Typed};
        let at = |zone: Option<&str>| T::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        for (declared, expected) in [
            ("INTEGER", Typed(T::Int64)),
            ("UNSIGNED BIG INT", Typed(T::Int64)),
            ("INT(11)", Typed(T::Int64)),
            ("CHARINT", Typed(T::Int64)),
            ("INTERVAL", Nothing),
            ("POINT", Nothing),
            ("VARCHAR(20)", Text),
            ("CLOB", Text),
            ("BLOB", Typed(T::Binary)),
            ("DOUBLE PRECISION", Typed(T::Float64)),
            ("FLOAT4", Typed(T::Float64)),
            ("DECIMAL(12, 2)", Typed(T::Decimal128(12, 2))),
            ("NUMERIC(50,10)", Typed(T::Decimal256(50, 10))),
            ("DECIMAL(9)", Typed(T::Decimal128(9, 0))),
            ("NUMERIC", Nothing),
            ("NUMERIC(100,2)", Nothing),
            ("NUMERIC(2,4)", Nothing),
            ("DECIMAL(4,-2)", Nothing),
            ("BOOLEAN", Typed(T::Boolean)),
            ("DATE", Typed(T::Date32)),
            ("TIME", Typed(T::Time64(TimeUnit::Microsecond))),
            ("TIME WITH TIME ZONE", Nothing),
            ("DATETIME", Typed(at(None))),
            ("TIMESTAMP(3) WITHOUT TIME ZONE", Typed(at(None))),
            ("TIMESTAMP WITH TIME ZONE", Typed(at(Some("UTC")))),
            ("JSON", Nothing),
            ("UUID", Nothing),
            ("STRING", Nothing),
            ("ANY", Nothing),
            ("", Nothing),
        ] {
            assert_eq!(meaning(declared), expected, "{declared}");
        }
    }
}
