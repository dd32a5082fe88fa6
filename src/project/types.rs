//! SQL type names, as `columns:` and `params:` use them, to Arrow types.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, TimeUnit};

use super::words::did_you_mean;
use crate::error::{Error, ErrorKind, Result};

/// The names that a hint lists; synonyms are left out.
const NAMES: [&str; 21] = [
    "int",
    "integer",
    "bigint",
    "smallint",
    "tinyint",
    "unsigned int",
    "unsigned bigint",
    "decimal",
    "numeric",
    "float",
    "real",
    "double",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "boolean",
    "text",
    "varchar",
    "string",
    "binary",
];

/// `decimal(12,2)`, `timestamp(3)`, `text` ... in any case. Timestamps and times are in microseconds unless a precision says
/// otherwise: nanoseconds reach from 1677 to 2262 only.
pub fn parse_type(text: &str) -> Result<DataType> {
    let (name, arguments) = split(text)?;
    let plain = |data_type: DataType| match arguments.is_empty() {
        true => Ok(data_type),
        false => Err(bad(text, &format!("`{name}` takes no numbers in parentheses"))),
    };
    match name.as_str() {
        "tinyint" | "int8" => plain(DataType::Int8),
        "smallint" | "int16" => plain(DataType::Int16),
        "int" | "integer" | "int4" | "int32" => plain(DataType::Int32),
        "bigint" | "long" | "int64" => plain(DataType::Int64),
        "unsigned tinyint" | "tinyint unsigned" | "utinyint" | "uint8" => plain(DataType::UInt8),
        "unsigned smallint" | "smallint unsigned" | "usmallint" | "uint16" => plain(DataType::UInt16),
        "unsigned int" | "unsigned integer" | "int unsigned" | "integer unsigned" | "uinteger" | "uint" | "uint32" => {
            plain(DataType::UInt32)
        }
        "unsigned bigint" | "bigint unsigned" | "ubigint" | "uint64" => plain(DataType::UInt64),
        "float" | "real" | "float32" => plain(DataType::Float32),
        "double" | "double precision" | "float64" => plain(DataType::Float64),
        "decimal" | "numeric" | "dec" => decimal(text, &arguments),
        "date" => plain(DataType::Date32),
        "time" | "time without time zone" => match unit(text, &arguments)? {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => Ok(DataType::Time32(unit)),
            unit => Ok(DataType::Time64(unit)),
        },
        "timestamp" | "datetime" | "timestamp without time zone" => {
            Ok(DataType::Timestamp(unit(text, &arguments)?, None))
        }
        "timestamptz" | "timestamp with time zone" => {
            Ok(DataType::Timestamp(unit(text, &arguments)?, Some("UTC".into())))
        }
        "boolean" | "bool" => plain(DataType::Boolean),
        // A length is a promise of the other system, not a type: text is compared whole.
        "text" | "varchar" | "char" | "character varying" | "string" | "utf8" => Ok(DataType::Utf8),
        "binary" | "varbinary" | "bytea" | "blob" => Ok(DataType::Binary),
        _ => Err(Error::new(ErrorKind::Config, format!("unknown type `{text}`")).hint(did_you_mean(
            &name,
            NAMES.into_iter(),
            "types",
        ))),
    }
}

/// The name in lower case with single blanks, and the numbers in parentheses: `timestamp(3) with time zone` has its number
/// in the middle.
fn split(text: &str) -> Result<(String, Vec<u32>)> {
    let lower = text.to_lowercase();
    let (name, arguments) = match lower.split_once('(') {
        None => (lower, Vec::new()),
        Some((before, rest)) => {
            let (inside, after) = rest.split_once(')').ok_or_else(|| bad(text, "a parenthesis is not closed"))?;
            let numbers = inside.split(',').map(|number| number.trim().parse::<u32>()).collect::<Result<_, _>>();
            (format!("{before} {after}"), numbers.map_err(|_| bad(text, "numbers belong in the parentheses"))?)
        }
    };
    Ok((name.split_whitespace().collect::<Vec<_>>().join(" "), arguments))
}

fn decimal(text: &str, arguments: &[u32]) -> Result<DataType> {
    let (precision, scale) = match arguments {
        [precision] => (*precision, 0),
        [precision, scale] => (*precision, *scale),
        _ => return Err(bad(text, "write its digits and fraction digits: decimal(12,2)")),
    };
    if precision == 0 || precision > u32::from(DECIMAL256_MAX_PRECISION) || scale > precision {
        return Err(bad(text, "a decimal has 1 to 76 digits, and no more fraction digits than digits"));
    }
    // Both fit: they are at most 76.
    let (precision, scale) = (precision as u8, scale as i8);
    Ok(match precision <= DECIMAL128_MAX_PRECISION {
        true => DataType::Decimal128(precision, scale),
        false => DataType::Decimal256(precision, scale),
    })
}

fn unit(text: &str, arguments: &[u32]) -> Result<TimeUnit> {
    match arguments {
        [0] => Ok(TimeUnit::Second),
        [3] => Ok(TimeUnit::Millisecond),
        [] | [6] => Ok(TimeUnit::Microsecond),
        [9] => Ok(TimeUnit::Nanosecond),
        _ => Err(bad(text, "fraction digits of seconds are 0, 3, 6 or 9")),
    }
}

fn bad(text: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Config, format!("`{text}` is not a type")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("INT", DataType::Int32)]
    #[case("bigint unsigned", DataType::UInt64)]
    #[case("decimal(12,2)", DataType::Decimal128(12, 2))]
    #[case("NUMERIC( 38 , 0 )", DataType::Decimal128(38, 0))]
    #[case("decimal(39,2)", DataType::Decimal256(39, 2))]
    #[case("decimal(5)", DataType::Decimal128(5, 0))]
    #[case("real", DataType::Float32)]
    #[case("double  precision", DataType::Float64)]
    #[case("timestamp", DataType::Timestamp(TimeUnit::Microsecond, None))]
    #[case("timestamp(9)", DataType::Timestamp(TimeUnit::Nanosecond, None))]
    #[case("timestamp(3) with time zone", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))]
    #[case("timestamptz", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))]
    #[case("time(0)", DataType::Time32(TimeUnit::Second))]
    #[case("varchar(20)", DataType::Utf8)]
    #[case("bytea", DataType::Binary)]
    fn known_types(#[case] text: &str, #[case] expected: DataType) {
        assert_eq!(parse_type(text).unwrap(), expected);
    }

    #[rstest]
    #[case("integr", "unknown type `integr`", "did you mean `integer`?")]
    #[case("decimal", "`decimal` is not a type", "write its digits and fraction digits: decimal(12,2)")]
    #[case(
        "decimal(80,2)",
        "`decimal(80,2)` is not a type",
        "a decimal has 1 to 76 digits, and no more fraction digits than digits"
    )]
    #[case(
        "decimal(2,3)",
        "`decimal(2,3)` is not a type",
        "a decimal has 1 to 76 digits, and no more fraction digits than digits"
    )]
    #[case("timestamp(4)", "`timestamp(4)` is not a type", "fraction digits of seconds are 0, 3, 6 or 9")]
    #[case("decimal(1", "`decimal(1` is not a type", "a parenthesis is not closed")]
    #[case("date(3)", "`date(3)` is not a type", "`date` takes no numbers in parentheses")]
    fn no_types(#[case] text: &str, #[case] message: &str, #[case] hint: &str) {
        let error = parse_type(text).unwrap_err();
        assert_eq!((error.message(), error.hint_text()), (message, Some(hint)));
    }
}
