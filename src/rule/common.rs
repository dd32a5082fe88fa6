//! The common type of two columns: what both sides are brought to before they are compared (DESIGN: "What equal means").

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, Fields, TimeUnit,
};

/// How two columns are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    pub data_type: DataType,
    /// By the canonical bytes of the value instead of by `data_type`: for numbers that no decimal type holds both of.
    pub by_value: bool,
    /// What a reader should know, e.g. "Float32 against Float64 is compared as Float32".
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NoCommon {
    /// There is no agreed meaning: `schema_mismatch`.
    Incomparable,
    /// An instant against a wall clock: needs `timezone:`.
    ZonedAgainstZoneless,
}

/// Storage apart: dictionary, run-end and view encodings and 32/64-bit offsets carry no meaning.
pub fn plain(data_type: &DataType) -> DataType {
    use DataType::*;
    match data_type {
        Dictionary(_, value) => plain(value),
        RunEndEncoded(_, values) => plain(values.data_type()),
        LargeUtf8 | Utf8View => Utf8,
        LargeBinary | BinaryView | FixedSizeBinary(_) => Binary,
        LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) | List(item) => {
            List(plain_field(item, item.name()))
        }
        Struct(fields) => Struct(fields.iter().map(|f| plain_field(f, f.name())).collect()),
        Map(entries, _) => Map(plain_field(entries, "entries"), false),
        other => other.clone(),
    }
}

fn plain_field(field: &Field, name: &str) -> std::sync::Arc<Field> {
    std::sync::Arc::new(Field::new(name, plain(field.data_type()), field.is_nullable()))
}

pub fn is_text(data_type: &DataType) -> bool {
    plain(data_type) == DataType::Utf8
}

pub fn is_nested(data_type: &DataType) -> bool {
    matches!(plain(data_type), DataType::List(_) | DataType::Struct(_) | DataType::Map(..))
}

pub fn is_float(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float16 | DataType::Float32 | DataType::Float64)
}

pub fn is_number(data_type: &DataType) -> bool {
    is_float(data_type) || digits(data_type).is_some()
}

pub fn is_time(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Timestamp(..) | Date32 | Date64 | Time32(_) | Time64(_) | Duration(_))
}

/// The common type of two types, or why there is none.
pub fn common_type(source: &DataType, target: &DataType) -> Result<Common, NoCommon> {
    let (s, t) = (plain(source), plain(target));
    if s == t {
        return Ok(quietly(s));
    }
    use DataType::*;
    match (&s, &t) {
        (Null, other) | (other, Null) => Ok(quietly(other.clone())),
        _ if is_float(&s) && is_float(&t) => Ok(floats(&s, &t)),
        _ if is_float(&s) && digits(&t).is_some() || is_float(&t) && digits(&s).is_some() => {
            Ok(noted(Float64, format!("{} against {} is compared as the nearest Float64", show(&s), show(&t))))
        }
        _ if digits(&s).is_some() && digits(&t).is_some() => Ok(exact_numbers(&s, &t)),
        (Timestamp(a, Some(_)), Timestamp(b, Some(_))) => Ok(coarser(&s, &t, *a, *b, utc)),
        (Timestamp(a, None), Timestamp(b, None)) => Ok(coarser(&s, &t, *a, *b, |unit| Timestamp(unit, None))),
        (Timestamp(_, Some(_)), Timestamp(_, None) | Date32 | Date64)
        | (Timestamp(_, None) | Date32 | Date64, Timestamp(_, Some(_))) => Err(NoCommon::ZonedAgainstZoneless),
        (Timestamp(unit, None), Date32) | (Date32, Timestamp(unit, None)) => Ok(midnight(*unit)),
        (Timestamp(unit, None), Date64) | (Date64, Timestamp(unit, None)) => {
            Ok(midnight(coarser_unit(*unit, TimeUnit::Millisecond)))
        }
        (Date32, Date64) | (Date64, Date32) => Ok(quietly(Timestamp(TimeUnit::Millisecond, None))),
        (Time32(a) | Time64(a), Time32(b) | Time64(b)) => Ok(coarser(&s, &t, *a, *b, time)),
        (Duration(a), Duration(b)) => Ok(coarser(&s, &t, *a, *b, Duration)),
        (List(a), List(b)) => nested(a, b).map(|(item, note)| Common { data_type: List(item), by_value: false, note }),
        (Struct(a), Struct(b)) => structs(a, b),
        (Map(a, _), Map(b, _)) => maps(a, b),
        _ => Err(NoCommon::Incomparable),
    }
}

fn quietly(data_type: DataType) -> Common {
    Common { data_type, by_value: false, note: None }
}

fn noted(data_type: DataType, note: String) -> Common {
    Common { data_type, by_value: false, note: Some(note) }
}

/// A type's name for people: without what is storage only.
pub fn show(data_type: &DataType) -> String {
    plain(data_type).to_string()
}

/// Integer digits and scale of an exact number; None for anything else.
fn digits(data_type: &DataType) -> Option<(u8, u8)> {
    use DataType::*;
    Some(match data_type {
        Int8 | UInt8 => (3, 0),
        Int16 | UInt16 => (5, 0),
        Int32 | UInt32 => (10, 0),
        Int64 => (19, 0),
        UInt64 => (20, 0),
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => {
            let integer = (i16::from(*p) - i16::from(*s)).max(0);
            (u8::try_from(integer).unwrap_or(u8::MAX), u8::try_from(*s).unwrap_or(0))
        }
        _ => return None,
    })
}

fn floats(s: &DataType, t: &DataType) -> Common {
    if ![s, t].contains(&&DataType::Float64) {
        // Every Float16 is a Float32.
        return quietly(DataType::Float32);
    }
    noted(DataType::Float32, format!("{s} against {t} is compared as Float32"))
}

fn exact_numbers(s: &DataType, t: &DataType) -> Common {
    use DataType::*;
    if s.is_integer()
        && t.is_integer()
        && !(*s == UInt64 && t.is_signed_integer() || *t == UInt64 && s.is_signed_integer())
    {
        return quietly(if *s == UInt64 || *t == UInt64 { UInt64 } else { Int64 });
    }
    let ((s_digits, s_scale), (t_digits, t_scale)) = (digits(s).unwrap_or_default(), digits(t).unwrap_or_default());
    let scale = s_scale.max(t_scale);
    let precision = u16::from(s_digits.max(t_digits)) + u16::from(scale);
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(p), Ok(scale)) if p <= DECIMAL128_MAX_PRECISION => quietly(Decimal128(p.max(1), scale)),
        (Ok(p), Ok(scale)) if p <= DECIMAL256_MAX_PRECISION => quietly(Decimal256(p, scale)),
        _ => Common { data_type: Utf8, by_value: true, note: None },
    }
}

fn utc(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

fn time(unit: TimeUnit) -> DataType {
    match unit {
        TimeUnit::Second | TimeUnit::Millisecond => DataType::Time32(unit),
        TimeUnit::Microsecond | TimeUnit::Nanosecond => DataType::Time64(unit),
    }
}

fn coarser_unit(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    // TimeUnit is ordered from seconds to nanoseconds.
    a.min(b)
}

fn coarser(s: &DataType, t: &DataType, a: TimeUnit, b: TimeUnit, make: impl Fn(TimeUnit) -> DataType) -> Common {
    let unit = coarser_unit(a, b);
    if a == b {
        return quietly(make(unit));
    }
    noted(make(unit), format!("{s} against {t} is compared in {}, rounded down", unit_name(unit)))
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}

fn midnight(unit: TimeUnit) -> Common {
    noted(DataType::Timestamp(unit, None), "a date is compared with a timestamp as its midnight".into())
}

fn nested(a: &Field, b: &Field) -> Result<(std::sync::Arc<Field>, Option<String>), NoCommon> {
    let inner = common_type(a.data_type(), b.data_type())?;
    if inner.by_value {
        return Err(NoCommon::Incomparable);
    }
    let field = Field::new(a.name(), inner.data_type, a.is_nullable() || b.is_nullable());
    Ok((std::sync::Arc::new(field), inner.note))
}

fn structs(a: &Fields, b: &Fields) -> Result<Common, NoCommon> {
    if a.len() != b.len() {
        return Err(NoCommon::Incomparable);
    }
    let mut fields = Vec::with_capacity(a.len());
    let mut notes: Vec<String> = Vec::new();
    for field in a {
        let mut others = b.iter().filter(|other| other.name() == field.name());
        let (Some(other), None) = (others.next(), others.next()) else { return Err(NoCommon::Incomparable) };
        let (common, note) = nested(field, other)?;
        fields.push(common);
        notes.extend(note);
    }
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(Common { data_type: DataType::Struct(fields.into()), by_value: false, note })
}

fn maps(a: &Field, b: &Field) -> Result<Common, NoCommon> {
    let (DataType::Struct(a_entries), DataType::Struct(b_entries)) = (a.data_type(), b.data_type()) else {
        return Err(NoCommon::Incomparable);
    };
    let ([a_key, a_value], [b_key, b_value]) = (a_entries.as_ref(), b_entries.as_ref()) else {
        return Err(NoCommon::Incomparable);
    };
    let (key, key_note) = nested(a_key, b_key)?;
    let (value, value_note) = nested(a_value, b_value)?;
    // Key and value go by position: their names differ from writer to writer.
    let entries = DataType::Struct(Fields::from(vec![
        Field::new("keys", key.data_type().clone(), false),
        Field::new("values", value.data_type().clone(), true),
    ]));
    let note = key_note.or(value_note);
    Ok(Common {
        data_type: DataType::Map(std::sync::Arc::new(Field::new("entries", entries, false)), false),
        by_value: false,
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;
    use rstest::rstest;

    #[rstest]
    #[case(Int32, Int64, Int64)]
    #[case(UInt32, Int64, Int64)]
    #[case(UInt64, Int64, Decimal128(20, 0))]
    #[case(Int64, Decimal128(12, 2), Decimal128(21, 2))]
    #[case(Decimal128(38, 0), Decimal128(38, 38), Decimal256(76, 38))]
    #[case(Decimal128(5, -2), Int8, Decimal128(7, 0))]
    #[case(Float32, Float64, Float32)]
    #[case(Float64, Decimal128(12, 2), Float64)]
    #[case(Utf8View, LargeUtf8, Utf8)]
    #[case(Dictionary(Box::new(Int32), Box::new(Utf8)), Utf8View, Utf8)]
    #[case(Timestamp(TimeUnit::Second, None), Timestamp(TimeUnit::Nanosecond, None), Timestamp(TimeUnit::Second, None))]
    #[case(Date32, Timestamp(TimeUnit::Microsecond, None), Timestamp(TimeUnit::Microsecond, None))]
    #[case(Null, Int8, Int8)]
    fn common_types_are_symmetric(#[case] source: DataType, #[case] target: DataType, #[case] expected: DataType) {
        assert_eq!(common_type(&source, &target).unwrap().data_type, expected);
        assert_eq!(common_type(&target, &source).unwrap().data_type, expected);
    }

    #[rstest]
    #[case(Boolean, Int8, NoCommon::Incomparable)]
    #[case(Utf8, Binary, NoCommon::Incomparable)]
    #[case(Utf8, Int64, NoCommon::Incomparable)]
    #[case(Timestamp(TimeUnit::Second, None), Timestamp(TimeUnit::Second, Some("UTC".into())), NoCommon::ZonedAgainstZoneless)]
    #[case(Date32, Timestamp(TimeUnit::Second, Some("UTC".into())), NoCommon::ZonedAgainstZoneless)]
    fn some_have_none(#[case] source: DataType, #[case] target: DataType, #[case] expected: NoCommon) {
        assert_eq!(common_type(&source, &target), Err(expected.clone()));
        assert_eq!(common_type(&target, &source), Err(expected));
    }

    #[test]
    fn numbers_that_no_decimal_holds_are_compared_by_value() {
        let common = common_type(&Decimal256(76, 0), &Decimal128(38, 38)).unwrap();
        assert!(common.by_value);
    }
}
