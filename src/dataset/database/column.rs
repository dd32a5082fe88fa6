//! A column as it is read from a database: how it is selected, and what its values become.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};

use super::{ANY_NUMBER, ANY_VALUE, IMAGE, TEXT_OF};

/// One column of a relation.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    /// The expression that is selected, in the database's dialect.
    pub select: String,
    pub kind: Kind,
    /// As Arrow has it: [`Kind::data_type`], and [`TEXT_OF`] for text that stands for something else.
    pub field: FieldRef,
    /// The type as the database names it.
    pub native: String,
    /// Of MySQL: its own text is what all systems write, without converting it.
    pub plain: bool,
}

/// What the values of a column are, whatever the protocol that brings them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    /// Precision 1 to 76, scale 0 to precision.
    Decimal(u8, i8),
    /// A number of any length: as text, without superfluous zeros, so that equal numbers are equal texts.
    Number,
    /// Days since 1970. PostgreSQL's infinities are the greatest number and its negative, as DuckDB has them.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970, of no zone or of UTC. Infinities as for dates.
    Timestamp {
        zoned: bool,
    },
    Text,
    /// JSON whose text is behind a byte of PostgreSQL's own.
    Jsonb,
    Binary,
    /// 16 bytes, shown as text in lower case.
    Uuid,
    List(Box<Kind>),
}

impl Kind {
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Kind::Bool => DataType::Boolean,
            Kind::Int8 => DataType::Int8,
            Kind::Int16 => DataType::Int16,
            Kind::Int32 => DataType::Int32,
            Kind::Int64 => DataType::Int64,
            Kind::UInt8 => DataType::UInt8,
            Kind::UInt16 => DataType::UInt16,
            Kind::UInt32 => DataType::UInt32,
            Kind::UInt64 => DataType::UInt64,
            Kind::Float32 => DataType::Float32,
            Kind::Float64 => DataType::Float64,
            Kind::Decimal(precision, scale) if *precision <= 38 => DataType::Decimal128(*precision, *scale),
            Kind::Decimal(precision, scale) => DataType::Decimal256(*precision, *scale),
            Kind::Number | Kind::Text | Kind::Jsonb | Kind::Uuid => DataType::Utf8,
            Kind::Date => DataType::Date32,
            Kind::Time => DataType::Time64(TimeUnit::Microsecond),
            Kind::Timestamp { zoned } => DataType::Timestamp(TimeUnit::Microsecond, zoned.then(|| Arc::from("UTC"))),
            Kind::Binary => DataType::Binary,
            Kind::List(element) => DataType::List(Arc::new(Field::new_list_field(element.data_type(), true))),
        }
    }
}

impl Column {
    pub(super) fn new(name: &str, select: String, kind: Kind, native: &str) -> Self {
        let field = Field::new(name, kind.data_type(), true);
        let field = match kind {
            Kind::Number => field.with_metadata(text_of(ANY_NUMBER)),
            _ => field,
        };
        Self { name: name.to_string(), select, kind, field: Arc::new(field), native: native.to_string(), plain: false }
    }

    /// Text that stands for something of another type; None: of the other side's type.
    pub(super) fn text_of(name: &str, select: String, declared: Option<&DataType>, native: &str) -> Self {
        let declared = declared.map_or_else(|| ANY_VALUE.to_string(), ToString::to_string);
        let field = Field::new(name, DataType::Utf8, true).with_metadata(text_of(&declared));
        Self {
            name: name.to_string(),
            select,
            kind: Kind::Text,
            field: Arc::new(field),
            native: native.to_string(),
            plain: false,
        }
    }
}

impl Column {
    /// The image of a column, under a name of its own.
    pub(super) fn image(name: &str, select: String) -> Self {
        let field =
            Field::new(name, DataType::Utf8, true).with_metadata(HashMap::from([(IMAGE.into(), String::new())]));
        let native = "image".to_string();
        Self { name: name.into(), select, kind: Kind::Text, field: Arc::new(field), native, plain: false }
    }
}

/// How a project, and `tieout diff`, say that a column is to be read as text.
pub(super) fn as_text(name: &str) -> String {
    declared(name, "text")
}

/// The same for text that is to be read as another type.
pub(super) fn declared(name: &str, kind: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let quoted = if plain { name.to_string() } else { format!("{name:?}") };
    let option = match name.contains(['"', '=', ',']) {
        true => format!("\"columns.{}\"", name.replace('"', "\"\"")),
        false => format!("columns.{name}"),
    };
    format!("columns: {{{quoted}: {kind}}} (--option {option}={kind})")
}

fn text_of(declared: &str) -> HashMap<String, String> {
    HashMap::from([(TEXT_OF.to_string(), declared.to_string())])
}
