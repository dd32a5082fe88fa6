//! A plan and its expressions in plain SQL, as DuckDB reads it, for what the engine's functions do.
//!
//! The statement reads tables that are named like the datasets; files of text (CSV, NDJSON) as tables of text, with NULL for
//! an empty cell. Where plain SQL cannot say it to the letter, it comes close and the differences are named in the
//! reference: numbers beyond 38 digits, times finer than microseconds, local times that a zone skips.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::project::model::Tolerance;
use crate::rule::common::{is_float, is_text, plain};
use crate::rule::plan::{MatchPlan, ReadFrom, SidePlan};
use crate::rule::sql::literal;
use crate::side::Side;

/// The plan without what only matters to the engine: how types are stored, and declared types that nothing but the
/// comparison itself reads.
pub fn simplified(plan: &MatchPlan) -> MatchPlan {
    let mut plan = plan.clone();
    for column in plan.key.iter_mut().chain(&mut plan.values) {
        for reading in [&mut column.read.source, &mut column.read.target] {
            reading.stored = plain(&reading.stored);
        }
        column.common.data_type = plain(&column.common.data_type);
    }
    for side in Side::BOTH {
        let columns = plan.key.iter().chain(&plan.values);
        let expressions = columns.filter(|c| matches!(c.read.get(side).from, ReadFrom::Expression(_))).count();
        let side_plan: &mut SidePlan = plan.sides.get_mut(side);
        if expressions == 0 && side_plan.filter.is_none() {
            side_plan.declared.clear();
        }
    }
    plan
}

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

const EXPONENT: &str = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)[eE][+-]?[0-9]+";
const NOT_FINITE: &str = "[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)";
const DATE: &str = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
const ZONE: &str = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)";

/// A number without an exponent, and with at most so many digits after the point, zeros apart.
fn number(scale: Option<i8>) -> String {
    match scale {
        Some(scale) => format!("[+-]?([0-9]+([.][0-9]{{0,{scale}}}0*)?|[.][0-9]{{0,{scale}}}0*)"),
        None => "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)".into(),
    }
}

/// A time of day that the unit holds.
fn time(unit: TimeUnit) -> String {
    let digits = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond | TimeUnit::Nanosecond => 6,
    };
    format!("[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]{{0,{digits}}}0*)?)?")
}

fn when(sql: &str, pattern: &str, value: String) -> String {
    format!("\n  WHEN {sql} SIMILAR TO {} THEN {value}", literal(pattern))
}

/// The text as the type, NULL where it cannot be read or has finer digits than the type.
pub fn read_text(sql: &str, data_type: &DataType, zone: Option<&str>) -> String {
    let name = type_name(data_type);
    let cast = || format!("TRY_CAST({sql} AS {name})");
    let cases = match plain(data_type) {
        t if is_text(&t) => return sql.to_string(),
        t if is_float(&t) => when(sql, &format!("{}([eE][+-]?[0-9]+)?|{NOT_FINITE}", number(None)), cast()),
        DataType::Boolean => format!(
            "\n  WHEN lower({sql}) IN ('true', 't', '1') THEN TRUE\n  WHEN lower({sql}) IN ('false', 'f', '0') THEN FALSE"
        ),
        t if t.is_integer() || t.is_decimal() => {
            let (_, scale) = digits(&t);
            let wide = format!("TRY_CAST({sql} AS {})", wide_type(&t, 0));
            format!(
                "{}\n  WHEN {sql} SIMILAR TO {} AND {wide} = {} THEN {}",
                when(sql, &number(Some(scale)), cast()),
                literal(EXPONENT),
                cast(),
                cast()
            )
        }
        DataType::Binary => when(sql, r"(\\x)?([0-9a-fA-F]{2})*", format!(r"unhex(regexp_replace({sql}, '^\\x', ''))")),
        DataType::Timestamp(unit, None) => when(sql, &format!("{DATE}([T ]{})?", time(unit)), cast()),
        DataType::Timestamp(unit, Some(_)) => {
            let zoned = when(sql, &format!("{DATE}[T ]{}{ZONE}", time(unit)), cast());
            let local = |zone| format!("TRY_CAST({sql} AS TIMESTAMP) AT TIME ZONE {}", literal(zone));
            let zoneless = |zone| when(sql, &format!("{DATE}([T ]{})?", time(unit)), local(zone));
            zone.map_or(zoned.clone(), |zone| format!("{zoned}{}", zoneless(zone)))
        }
        DataType::Time32(unit) | DataType::Time64(unit) => when(sql, &time(unit), cast()),
        DataType::Date32 | DataType::Date64 => when(sql, DATE, cast()),
        _ => return cast(),
    };
    format!("CASE{cases}\nEND")
}

/// Digits before and after the point.
fn digits(data_type: &DataType) -> (u8, i8) {
    use DataType::*;
    match data_type {
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => {
            let before = (i16::from(*p) - i16::from(*s)).clamp(1, 38);
            (u8::try_from(before).unwrap_or(38), (*s).clamp(0, 38))
        }
        _ => (20, 0),
    }
}

/// The decimal with the most digits after the point that holds the type's numbers and keeps `spare` digits free.
fn wide_type(data_type: &DataType, spare: usize) -> String {
    let (before, scale) = digits(data_type);
    let after = 38usize.saturating_sub(usize::from(before) + spare).max(usize::try_from(scale).unwrap_or(0));
    format!("DECIMAL(38, {})", after.min(38))
}

/// What a tolerance compares instead of text read as `common`: with the digits that are finer than the type.
pub fn read_wide(sql: &str, common: &DataType, zone: Option<&str>, tolerance: &Tolerance) -> String {
    match plain(common) {
        DataType::Timestamp(_, in_zone) => read_text(sql, &DataType::Timestamp(TimeUnit::Microsecond, in_zone), zone),
        DataType::Time32(_) | DataType::Time64(_) => read_text(sql, &DataType::Time64(TimeUnit::Microsecond), zone),
        number_type => {
            let pattern = format!("{}([eE][+-]?[0-9]+)?", number(None));
            let wide = wide_number(&number_type, tolerance);
            format!("CASE{}\nEND", when(sql, &pattern, format!("TRY_CAST({sql} AS {wide})")))
        }
    }
}

/// The type of numbers under a tolerance: one digit more for the difference, and those of the factor.
pub fn wide_number(common: &DataType, tolerance: &Tolerance) -> String {
    let factor = match tolerance {
        Tolerance::Relative(amount) => amount.split_once('.').map_or(1, |(_, digits)| digits.len() + 1),
        _ => 0,
    };
    wide_type(common, 1 + factor)
}

pub fn to_common(sql: &str, own: &DataType, common: &DataType) -> String {
    let (own, common) = (plain(own), plain(common));
    if own == common {
        return sql.to_string();
    }
    match (&own, &common) {
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) if to < from => {
            format!("date_trunc('{}', {sql})", unit_name(*to))
        }
        (DataType::Timestamp(..), DataType::Timestamp(..)) => sql.to_string(),
        (DataType::Time32(from) | DataType::Time64(from), DataType::Time32(to) | DataType::Time64(to)) if to < from => {
            format!("CAST(date_trunc('{}', DATE '2000-01-01' + {sql}) AS TIME)", unit_name(*to))
        }
        (DataType::List(_) | DataType::Struct(_) | DataType::Map(..), _) => sql.to_string(),
        // Some engines divide a decimal's digits as floats, which is not always the nearest.
        (t, DataType::Float64) if t.is_decimal() => format!("CAST(CAST({sql} AS VARCHAR) AS DOUBLE PRECISION)"),
        _ => format!("CAST({sql} AS {})", type_name(&common)),
    }
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "second",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond | TimeUnit::Nanosecond => "microseconds",
    }
}

pub fn within(s: &str, t: &str, tolerance: &Tolerance, common: &DataType) -> String {
    let common = plain(common);
    // Differences below zero, and of 32-bit floats, need another type than the columns'.
    let other = match &common {
        DataType::Float16 | DataType::Float32 => Some("DOUBLE PRECISION"),
        t if t.is_unsigned_integer() => Some("DECIMAL(38, 0)"),
        _ => None,
    };
    let value = |sql: &str| other.map_or(sql.to_string(), |name| format!("CAST({sql} AS {name})"));
    match tolerance {
        Tolerance::Absolute(amount) => format!("abs({} - {}) <= {amount}", value(s), value(t)),
        Tolerance::Relative(amount) => {
            let (s, t) = (value(s), value(t));
            format!("abs({s} - {t}) <= {amount} * greatest(abs({s}), abs({t}))")
        }
        Tolerance::Duration(amount) => {
            let micros = amount.as_micros();
            // A time of day begins anew at midnight, a timestamp does not.
            let of_day = matches!(common, DataType::Time32(_) | DataType::Time64(_));
            let moment = |sql: &str| if of_day { format!("DATE '2000-01-01' + {sql}") } else { sql.to_string() };
            let (s, t) = (moment(s), moment(t));
            match common {
                DataType::Date32 | DataType::Date64 => format!("abs({s} - {t}) <= {}", amount.as_secs() / 86_400),
                _ => format!(
                    "({s} <= {t} + INTERVAL '{micros} microseconds' AND {t} <= {s} + INTERVAL '{micros} microseconds')"
                ),
            }
        }
    }
}
