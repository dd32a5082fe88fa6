//! How a value is written so that every system writes it alike: the text of which a row's digest is taken where databases
//! compute it themselves.
//!
//! A row is its columns, joined by `|`. A value of most forms is one text without `|`, and NULL is the empty text; a text or
//! binary value is two: its length in bytes, and itself; NULL is two empty ones. So no two rows are written alike.

use std::fmt;

use datafusion::arrow::datatypes::TimeUnit;

/// The form of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Digits, and a minus.
    Integer,
    /// With so many digits behind the point.
    Decimal(i8),
    /// Without superfluous zeros: for numbers whose scale is not known.
    Number,
    /// 1 or 0.
    Boolean,
    /// `2026-03-01`.
    Date,
    /// `10:00:00.5`: no superfluous zeros. In microseconds.
    Time,
    /// `2026-03-01 10:00:00.5`, in UTC where there is a zone; rounded down to the unit (not nanoseconds).
    Timestamp(TimeUnit),
    /// The bits in hexadecimal; `nan`; zero without a sign.
    Float32,
    Float64,
    /// As UTF-8.
    Text,
    /// In hexadecimal.
    Binary,
}

impl Form {
    /// Whether it is written as length and value.
    pub fn has_length(self) -> bool {
        matches!(self, Form::Text | Form::Binary)
    }

    /// What [`Form::parse`] reads.
    pub fn word(self) -> String {
        match self {
            Form::Decimal(scale) => format!("decimal{scale}"),
            Form::Timestamp(TimeUnit::Second) => "timestamp0".into(),
            Form::Timestamp(TimeUnit::Millisecond) => "timestamp3".into(),
            other => format!("{other:?}").to_lowercase().split('(').next().unwrap_or_default().to_string(),
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "integer" => Form::Integer,
            "number" => Form::Number,
            "boolean" => Form::Boolean,
            "date" => Form::Date,
            "time" => Form::Time,
            "timestamp" => Form::Timestamp(TimeUnit::Microsecond),
            "timestamp3" => Form::Timestamp(TimeUnit::Millisecond),
            "timestamp0" => Form::Timestamp(TimeUnit::Second),
            "float32" => Form::Float32,
            "float64" => Form::Float64,
            "text" => Form::Text,
            "binary" => Form::Binary,
            other => Form::Decimal(other.strip_prefix("decimal")?.parse().ok()?),
        })
    }
}

/// What is taken of that text. Both give two times 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// MD5, which every system has.
    Md5,
    /// PostgreSQL's `hashtextextended` with the seeds 1 and 2, of which one pass costs a fifth.
    Lookup3,
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hash::Md5 => "md5",
            Hash::Lookup3 => "lookup3",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        use Form::*;
        let forms = [
            Integer,
            Decimal(0),
            Decimal(12),
            Number,
            Boolean,
            Date,
            Time,
            Float32,
            Float64,
            Text,
            Binary,
            Timestamp(TimeUnit::Second),
            Timestamp(TimeUnit::Millisecond),
            Timestamp(TimeUnit::Microsecond),
        ];
        assert!(forms.iter().all(|form| Form::parse(&form.word()) == Some(*form)), "{:?}", forms.map(Form::word));
    }
}
