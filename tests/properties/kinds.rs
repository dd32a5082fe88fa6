//! The kinds of columns that random tables are made of: two types, how their values compare, and a small pool of values, so
//! that random rows meet: limits, NaN, -0.0, empty and odd text, times before 1970, nested NULLs.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use super::arrays::nanos;
use super::case::Near;
use super::value::{Mode, Value};

pub struct Kind {
    pub types: [DataType; 2],
    pub mode: Mode,
    /// Without NULL, which every column may hold.
    pub pool: Vec<Value>,
    /// A tolerance that the column may have.
    pub near: Option<Near>,
}

pub fn kinds() -> Vec<Kind> {
    [numbers(), texts(), times(), nested()].into_iter().flatten().collect()
}

fn kind(source: DataType, target: DataType, mode: Mode, pool: Vec<Value>) -> Kind {
    Kind { types: [source, target], mode, pool, near: None }
}

fn near(kind: Kind, near: Near) -> Kind {
    Kind { near: Some(near), ..kind }
}

fn ints(values: &[i128]) -> Vec<Value> {
    values.iter().map(|v| Value::Num(*v, 0)).collect()
}

fn cents(values: &[i128]) -> Vec<Value> {
    values.iter().map(|v| Value::Num(*v, 2)).collect()
}

fn numbers() -> Vec<Kind> {
    use DataType::*;
    let small = || ints(&[0, 1, 2, 3, 7, 100, 127]);
    let floats = || [0.0, -0.0, f64::NAN, 1.0, 1.5, -2.25, 100.0, f64::INFINITY].map(Value::Float).to_vec();
    let (max, odd) = (i128::from(i64::MAX), (1i128 << 53) + 1);
    vec![
        // Many values: keys that are mostly unique.
        kind(Int64, Int64, Mode::Exact, ints(&(0..97).collect::<Vec<_>>())),
        near(kind(Int64, Int32, Mode::Exact, small()), Near::Absolute(1_000_000)),
        kind(Int64, Int64, Mode::Exact, ints(&[0, -1, max, max - 1, -max - 1, odd, odd - 1])),
        kind(UInt64, UInt64, Mode::Exact, ints(&[0, 1, 2 * max + 1, max, max + 1])),
        kind(UInt64, Int64, Mode::Exact, ints(&[0, 1, max, max - 1])),
        kind(Int8, UInt16, Mode::Exact, small()),
        kind(Int16, Int8, Mode::Exact, ints(&[-128, -1, 0, 127])),
        kind(UInt8, UInt32, Mode::Exact, small()),
        kind(Boolean, Boolean, Mode::Exact, vec![Value::Bool(true), Value::Bool(false)]),
        kind(
            Decimal128(38, 2),
            Decimal128(38, 2),
            Mode::Exact,
            cents(&[0, 10i128.pow(38) - 1, 1 - 10i128.pow(38), 150]),
        ),
        near(
            kind(Decimal128(12, 2), Decimal128(14, 4), Mode::Exact, cents(&[0, 1, 2, 5, 100, 150, 151, -150])),
            Near::Absolute(20_000),
        ),
        near(
            kind(Decimal64(12, 2), Decimal128(12, 2), Mode::Exact, cents(&[100, 105, 111, -100, 0])),
            Near::Percent(5),
        ),
        kind(Decimal256(50, 2), Decimal128(12, 3), Mode::Exact, cents(&[0, 1, 100, 150, -99])),
        kind(Int32, Decimal128(12, 2), Mode::Exact, small()),
        near(kind(Float64, Float64, Mode::F64, floats()), Near::Absolute(500_000)),
        kind(Float32, Float64, Mode::F32, floats()),
        kind(Float16, Float32, Mode::F32, floats()),
        kind(Int64, Float64, Mode::F64, ints(&[0, 1, -1, 1 << 53, 3])),
    ]
}

fn text(values: &[&str]) -> Vec<Value> {
    values.iter().map(|v| Value::Text(v.to_string())).collect()
}

fn texts() -> Vec<Kind> {
    use DataType::*;
    let odd = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "é",
        "e\u{301}",
        "NULL",
        "a'b",
        "\u{0}",
        "日本語",
        "a text longer than a view holds inline",
    ];
    let bytes = [&b""[..], b"\x00", b"\x00\x00", b"\xff", b"a"].map(|b| Value::Bytes(b.to_vec())).to_vec();
    vec![
        kind(Utf8, Utf8, Mode::Exact, text(&odd)),
        kind(Utf8, Utf8, Mode::Exact, text(&["x", "y"])),
        kind(Binary, Binary, Mode::Exact, bytes),
    ]
}

fn times() -> Vec<Kind> {
    use DataType::*;
    use TimeUnit::*;
    let stamp = |unit, zone: Option<&str>| Timestamp(unit, zone.map(Into::into));
    let pool = |unit: i128, counts: &[i128]| -> Vec<Value> { counts.iter().map(|c| Value::Time(c * unit)).collect() };
    let floor = |unit: TimeUnit| Mode::Floor(nanos(&unit));
    let (ms, us, day) = (nanos(&Millisecond), nanos(&Microsecond), 86_400 * nanos(&Second));
    let fine = [0, 1, -1, 999, 1_000, 1_999, 2_000_000, -1_500, 1_700_000_000_000_001];
    vec![
        kind(Date32, Date32, Mode::Exact, pool(day, &[0, 1, -1, 19_000, -20_000])),
        kind(Date32, stamp(Microsecond, None), Mode::Exact, pool(day, &[0, 1, -1, 19_000])),
        kind(Date32, Date64, Mode::Exact, pool(day, &[0, 1, -1, 19_000])),
        near(
            kind(stamp(Microsecond, None), stamp(Millisecond, None), floor(Millisecond), pool(us, &fine)),
            Near::Absolute(2_000_000),
        ),
        kind(stamp(Second, Some("UTC")), stamp(Nanosecond, Some("+02:00")), floor(Second), pool(ms, &fine[..8])),
        kind(stamp(Nanosecond, None), stamp(Nanosecond, None), floor(Nanosecond), pool(1, &fine)),
        kind(Time32(Second), Time64(Nanosecond), floor(Second), pool(ms, &[0, 1, 999, 1_000, 86_399_999])),
        kind(Time64(Microsecond), Time64(Microsecond), floor(Microsecond), pool(us, &[0, 1, 2, 86_399_999_999])),
        kind(Duration(Millisecond), Duration(Millisecond), floor(Millisecond), pool(ms, &[0, 1, -1, 3_600_000])),
    ]
}

fn nested() -> Vec<Kind> {
    use DataType::*;
    use Value::{List as L, Map as M, Null as N, Struct as S};
    let item = |t: DataType| List(Arc::new(Field::new("item", t, true)));
    let int = |v: i128| Value::Num(v, 0);
    let word = |t: &str| Value::Text(t.into());
    let fields = Struct(Fields::from(vec![Field::new("x", Int32, true), Field::new("y", Utf8, true)]));
    let entries = Fields::from(vec![Field::new("keys", Utf8, false), Field::new("values", Float64, true)]);
    let map = Map(Arc::new(Field::new("entries", Struct(entries), false)), false);
    let lists = vec![
        L(vec![]),
        L(vec![N]),
        L(vec![int(1)]),
        L(vec![int(1), N]),
        L(vec![int(1), int(2)]),
        L(vec![int(2), int(1)]),
    ];
    let of_lists = vec![
        L(vec![]),
        L(vec![N]),
        L(vec![L(vec![])]),
        L(vec![L(vec![word("a")]), L(vec![])]),
        L(vec![L(vec![word("a"), word("")])]),
    ];
    let structs = vec![S(vec![N, N]), S(vec![int(1), N]), S(vec![int(1), word("")]), S(vec![int(2), word("a")])];
    let of_structs = vec![L(vec![]), L(vec![N]), L(vec![S(vec![N, N])]), L(vec![S(vec![int(1), word("a")]), N])];
    let pair = |k: &str, v: f64| (word(k), Value::Float(v));
    let maps = vec![
        M(vec![]),
        M(vec![(word("a"), N)]),
        M(vec![pair("a", 1.0), pair("b", -0.0)]),
        M(vec![pair("b", 0.0), pair("a", 1.0)]),
        M(vec![pair("a", f64::NAN)]),
    ];
    vec![
        kind(item(Int32), item(Int64), Mode::Exact, lists),
        kind(item(item(Utf8)), item(item(Utf8)), Mode::Exact, of_lists),
        kind(fields.clone(), fields.clone(), Mode::Exact, structs),
        kind(item(fields.clone()), item(fields), Mode::Exact, of_structs),
        kind(map.clone(), map, Mode::F64, maps),
    ]
}
