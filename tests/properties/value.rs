//! A cell in plain Rust: [`Value`], as it stands in a table, and [`Canon`], of which two are the same exactly when DESIGN
//! says that the cells are equal. Nothing of tieout is used here: this is the independent half of the properties.

/// One cell. Values describe themselves: no type is needed to compare them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// `.0 / 10^.1`: integers and decimals.
    Num(i128, i8),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Nanoseconds: since 1970, since midnight, or of a duration.
    Time(i128),
    List(Vec<Value>),
    /// Fields in the order of the type.
    Struct(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// What a column does to its values before they are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    Exact,
    /// Both sides as the nearest f32.
    F32,
    /// Both sides as the nearest f64.
    F64,
    /// Rounded down to this many nanoseconds.
    Floor(i128),
}

/// A comparable cell. The order is any, but for NULL, which comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Canon {
    Null,
    Bool(bool),
    /// Without trailing zeros.
    Num(i128, i8),
    /// Bits of the f64 whose order is that of the numbers; NaN last.
    Float(i64),
    Text(String),
    Bytes(Vec<u8>),
    Time(i128),
    List(Vec<Canon>),
    Struct(Vec<Canon>),
    /// By key.
    Map(Vec<(Canon, Canon)>),
}

impl Value {
    pub fn canon(&self, mode: Mode) -> Canon {
        match self {
            Value::Null => Canon::Null,
            Value::Bool(b) => Canon::Bool(*b),
            Value::Num(n, scale) => match mode {
                Mode::F64 => float(self.nearest()),
                Mode::F32 => float(f64::from(self.nearest() as f32)),
                _ => number(*n, *scale),
            },
            Value::Float(x) => match mode {
                Mode::F32 => float(f64::from(*x as f32)),
                _ => float(*x),
            },
            Value::Text(text) => Canon::Text(text.clone()),
            Value::Bytes(bytes) => Canon::Bytes(bytes.clone()),
            Value::Time(ns) => match mode {
                Mode::Floor(unit) => Canon::Time(ns.div_euclid(unit) * unit),
                _ => Canon::Time(*ns),
            },
            Value::List(items) => Canon::List(items.iter().map(|item| item.canon(mode)).collect()),
            Value::Struct(fields) => Canon::Struct(fields.iter().map(|field| field.canon(mode)).collect()),
            Value::Map(entries) => {
                let mut entries: Vec<_> = entries.iter().map(|(k, v)| (k.canon(mode), v.canon(mode))).collect();
                entries.sort();
                Canon::Map(entries)
            }
        }
    }

    /// The nearest f64 of a number, which reading its digits gives.
    pub fn nearest(&self) -> f64 {
        match self {
            Value::Num(n, scale) => format!("{n}e{}", -i32::from(*scale)).parse().expect("digits"),
            Value::Float(x) => *x,
            other => panic!("{other:?} is no number"),
        }
    }
}

fn number(mut n: i128, mut scale: i8) -> Canon {
    while n % 10 == 0 && n != 0 {
        n /= 10;
        scale -= 1;
    }
    Canon::Num(n, if n == 0 { 0 } else { scale })
}

fn float(x: f64) -> Canon {
    let x = if x.is_nan() { f64::NAN.abs() } else { x + 0.0 };
    let bits = x.to_bits() as i64;
    Canon::Float(if bits < 0 { i64::MIN - bits } else { bits })
}

impl Canon {
    pub fn float(bits: i64) -> f64 {
        f64::from_bits((if bits < 0 { i64::MIN - bits } else { bits }) as u64)
    }
}

#[test]
fn canonical_floats_keep_the_order_of_numbers() {
    let order = [f64::NEG_INFINITY, -1.5, -0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
    let canon: Vec<Canon> = order.iter().map(|x| float(*x)).collect();
    assert!(canon.is_sorted());
    assert_eq!((float(-0.0), float(-f64::NAN)), (float(0.0), float(f64::NAN)));
    assert!(
        order
            .iter()
            .zip(&canon)
            .all(|(x, c)| matches!(c, Canon::Float(b) if Canon::float(*b).total_cmp(&(x + 0.0)).is_eq()))
    );
    assert_eq!(number(1500, 2), number(15, 0));
    assert_ne!(number(150, 1), number(150, 0));
}
