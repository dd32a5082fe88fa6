//! Expressions in plain SQL (standard SQL as DuckDB and PostgreSQL read it) for what the engine's functions do.
//!
//! Where plain SQL cannot say it to the letter, it comes close and the differences are named in the reference:
//! numbers beyond 38 digits, and times finer than microseconds.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::project::model::Tolerance;
use crate::rule::common::{is_text, plain};
use crate::rule::sql::literal;

/// The SQL name of a type.
pub fn type_name(data_type: &DataType) -> String {
    use DataType::*;
    match plain(data_type) {
        Boolean => "BOOLEAN".into(),
        Int8 => "TINYINT".into(),
        Int16 | UInt8 => "SMALLINT".into(),
        Int32 | UInt16 => "INTEGER".into(),
        Int64 | UInt32 => "BIGINT".into(),
        UInt64 => "DECIMAL(20, 0)".into(),
        Float16 | Float32 => "REAL".into(),
        Float64 => "DOUBLE PRECISION".into(),
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) => format!("DECIMAL({p}, {s})"),
        Decimal256(_, s) => format!("DECIMAL(38, {})", s.min(19)),
        Date32 | Date64 => "DATE".into(),
        Time32(_) | Time64(_) => "TIME".into(),
        Timestamp(_, None) => "TIMESTAMP".into(),
        Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".into(),
        Binary => "BYTEA".into(),
        _ => "VARCHAR".into(),
    }
}

/// White space at both ends, also beyond ASCII.
pub fn trim(sql: &str) -> String {
    format!(r"regexp_replace({sql}, '^[\s\p{{Z}}]+|[\s\p{{Z}}]+$', '', 'g')")
}

const NUMBER: &str = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?";

/// The text as the type, NULL where it cannot be read or has finer digits than the type.
pub fn read_text(sql: &str, data_type: &DataType, zone: Option<&str>) -> String {
    let name = type_name(data_type);
    let guarded = |pattern: &str, value: String| {
        format!("CASE WHEN {sql} SIMILAR TO {} THEN {value} END", literal(&pattern.replace("(?:", "(")))
    };
    match plain(data_type) {
        t if is_text(&t) => sql.to_string(),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => guarded(
            &format!("{NUMBER}|[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)"),
            format!("TRY_CAST({sql} AS {name})"),
        ),
        DataType::Boolean => format!(
            "CASE WHEN lower({sql}) IN ('true', 't', '1') THEN TRUE WHEN lower({sql}) IN ('false', 'f', '0') THEN FALSE END"
        ),
        t if t.is_integer() || t.is_decimal() => {
            let wide = format!("TRY_CAST({sql} AS DECIMAL(38, 19))");
            guarded(
                NUMBER,
                format!("CASE WHEN TRY_CAST({wide} AS {name}) = {wide} THEN TRY_CAST({wide} AS {name}) END"),
            )
        }
        DataType::Timestamp(_, Some(_)) => match zone {
            Some(zone) => format!("TRY_CAST({sql} AS TIMESTAMP) AT TIME ZONE {}", literal(zone)),
            None => format!("TRY_CAST({sql} AS {name})"),
        },
        _ => format!("TRY_CAST({sql} AS {name})"),
    }
}

/// The text where it is there and could not be read.
pub fn residue(sql: &str, data_type: &DataType, zone: Option<&str>) -> String {
    format!("CASE WHEN ({}) IS NULL THEN {sql} END", read_text(sql, data_type, zone))
}

pub fn to_common(sql: &str, own: &DataType, common: &DataType) -> String {
    let (own, common) = (plain(own), plain(common));
    if own == common {
        return sql.to_string();
    }
    match (&own, &common) {
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) if to < from => {
            let unit = match to {
                TimeUnit::Second => "second",
                TimeUnit::Millisecond => "milliseconds",
                _ => "microseconds",
            };
            format!("date_trunc('{unit}', {sql})")
        }
        (DataType::Timestamp(..), DataType::Timestamp(..)) => sql.to_string(),
        (DataType::List(_) | DataType::Struct(_) | DataType::Map(..), _) => sql.to_string(),
        _ => format!("CAST({sql} AS {})", type_name(&common)),
    }
}

pub fn within(s: &str, t: &str, tolerance: &Tolerance, common: &DataType) -> String {
    match tolerance {
        Tolerance::Absolute(amount) => format!("abs({s} - {t}) <= {amount}"),
        Tolerance::Relative(amount) => format!("abs({s} - {t}) <= {amount} * greatest(abs({s}), abs({t}))"),
        Tolerance::Duration(amount) => {
            let micros = amount.as_micros();
            match plain(common) {
                DataType::Date32 | DataType::Date64 => {
                    format!("abs({s} - {t}) <= {}", amount.as_secs() / 86_400)
                }
                _ => format!(
                    "({s} <= {t} + INTERVAL '{micros} microseconds' AND {t} <= {s} + INTERVAL '{micros} microseconds')"
                ),
            }
        }
    }
}
