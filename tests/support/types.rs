//! The heads of literal tables: `id:int64, amount:decimal(12,2), tags:list(utf8)` read as a [`Schema`].
//!
//! Types carry Arrow's names in lower case, with what they need in parentheses: `decimal(p,s)` (256-bit above 38 digits, or
//! `decimal32`, `decimal64`, `decimal256`), `timestamp(s|ms|us|ns[,zone])`, `time32(s|ms)`, `time64(us|ns)`, `duration(unit)`,
//! `fixedbinary(n)`, `dictionary(type)`, `ree(type)`, `list(type)`, `largelist(type)`, `struct(name:type,...)`,
//! `map(key,value)`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};

pub fn schema(head: &str) -> Schema {
    Schema::new(fields(head))
}

fn fields(head: &str) -> Fields {
    let fields = split(head, ',').into_iter().map(|column| {
        // The last colon outside parentheses: names may hold one, types do not.
        let parts = split(column, ':');
        let (kind, name) = parts.split_last().expect("split gives at least one part");
        assert!(!name.is_empty(), "`{column}` is no `name:type`");
        let end = column.len() - kind.len() - 1;
        Field::new(column[..end].trim().trim_matches('"'), data_type(kind.trim()), true)
    });
    fields.collect()
}

pub fn data_type(text: &str) -> DataType {
    let (name, args) = match text.split_once('(') {
        Some((name, rest)) => {
            let args = rest.strip_suffix(')').unwrap_or_else(|| panic!("`{text}` lacks its closing parenthesis"));
            (name.trim(), args)
        }
        None => (text, ""),
    };
    let parts: Vec<&str> = split(args, ',').into_iter().map(str::trim).collect();
    let unit = || match parts[0] {
        "s" => TimeUnit::Second,
        "ms" => TimeUnit::Millisecond,
        "us" => TimeUnit::Microsecond,
        "ns" => TimeUnit::Nanosecond,
        other => panic!("`{other}` is no unit of time (in `{text}`)"),
    };
    let digits = || {
        let precision: u8 = parts[0].parse().unwrap_or_else(|_| panic!("the precision of `{text}`"));
        (precision, parts.get(1).map_or(0, |s| s.parse::<i8>().unwrap_or_else(|_| panic!("the scale of `{text}`"))))
    };
    let item = || Arc::new(Field::new("item", data_type(args), true));
    match name {
        "null" => DataType::Null,
        "bool" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float16" => DataType::Float16,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "decimal32" => DataType::Decimal32(digits().0, digits().1),
        "decimal64" => DataType::Decimal64(digits().0, digits().1),
        "decimal" if digits().0 <= 38 => DataType::Decimal128(digits().0, digits().1),
        "decimal" | "decimal256" => DataType::Decimal256(digits().0, digits().1),
        "utf8" => DataType::Utf8,
        "largeutf8" => DataType::LargeUtf8,
        "utf8view" => DataType::Utf8View,
        "binary" => DataType::Binary,
        "largebinary" => DataType::LargeBinary,
        "binaryview" => DataType::BinaryView,
        "fixedbinary" => DataType::FixedSizeBinary(args.parse().unwrap_or_else(|_| panic!("the width of `{text}`"))),
        "date32" => DataType::Date32,
        "date64" => DataType::Date64,
        "time32" => DataType::Time32(unit()),
        "time64" => DataType::Time64(unit()),
        "timestamp" => DataType::Timestamp(unit(), parts.get(1).map(|&zone| zone.into())),
        "duration" => DataType::Duration(unit()),
        "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
        "dictionary" => DataType::Dictionary(Box::new(DataType::Int32), Box::new(data_type(args))),
        "ree" => DataType::RunEndEncoded(
            Arc::new(Field::new("run_ends", DataType::Int32, false)),
            Arc::new(Field::new("values", data_type(args), true)),
        ),
        "list" => DataType::List(item()),
        "largelist" => DataType::LargeList(item()),
        "struct" => DataType::Struct(fields(args)),
        "map" => {
            let [key, value] = parts[..] else { panic!("`{text}` needs a key and a value") };
            let entries = [Field::new("keys", data_type(key), false), Field::new("values", data_type(value), true)];
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(Fields::from_iter(entries)), false)), false)
        }
        _ => panic!("`{text}` is no type that a literal table knows"),
    }
}

/// Splits at `separator` where no parenthesis and no double quote is open.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            c if c == separator && depth == 0 && !quoted => {
                parts.push(&text[start..i]);
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
