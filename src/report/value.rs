//! One cell of a batch, written so that two different values never look alike: text in quotes, NULL bare, what the eye
//! cannot see escaped.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, ArrayFormatterFactory, FormatOptions};
use unicode_normalization::UnicodeNormalization;

use super::calendar::Calendar;
use crate::error::Result;

pub const NULL: &str = "NULL";

/// Writes the cells of one column.
pub struct Values<'a> {
    formatter: ArrayFormatter<'a>,
    nulls: Option<NullBuffer>,
    data_type: &'a DataType,
}

impl<'a> Values<'a> {
    pub fn new(array: &'a ArrayRef) -> Result<Self> {
        // Text inside lists and structs is always quoted: [a, b] could be one item or two.
        let options = FormatOptions::new().with_null(NULL).with_quoted_strings(!is_text(array.data_type()));
        let options = options.with_formatter_factory(Some(&Calendar));
        let formatter = match Calendar.create_array_formatter(array.as_ref(), &options, None)? {
            Some(formatter) => formatter,
            None => ArrayFormatter::try_new(array.as_ref(), &options)?,
        };
        Ok(Self { formatter, nulls: array.logical_nulls(), data_type: array.data_type() })
    }

    pub fn data_type(&self) -> &'a DataType {
        self.data_type
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) || self.data_type == &DataType::Null
    }

    /// As a literal: text in quotes.
    pub fn literal(&self, row: usize) -> String {
        match (self.is_null(row), is_text(self.data_type)) {
            (true, _) => NULL.into(),
            (false, true) => quote(&self.formatter.value(row).to_string()),
            (false, false) => escape(&self.formatter.value(row).to_string()),
        }
    }

    /// As a cell of a table: text without quotes, on one line.
    pub fn cell(&self, row: usize) -> String {
        if self.is_null(row) { NULL.into() } else { escape(&self.formatter.value(row).to_string()) }
    }

    /// As it is, for a program to read; none for NULL.
    pub fn text(&self, row: usize) -> Option<String> {
        (!self.is_null(row)).then(|| self.formatter.value(row).to_string())
    }
}

/// Both cells of a mismatch. Where the two would read the same, what tells them apart is spelled out: the code points of
/// text that only differs in its Unicode form, or else the types.
pub fn pair(source: &Values<'_>, target: &Values<'_>, row: usize) -> (String, String) {
    let (s, t) = (source.literal(row), target.literal(row));
    if s != t && s.nfkc().eq(t.nfkc()) {
        return (spell(&s), spell(&t));
    }
    if s == t {
        return (format!("{s} ({})", source.data_type), format!("{t} ({})", target.data_type));
    }
    (s, t)
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        DataType::RunEndEncoded(_, values) => is_text(values.data_type()),
        _ => false,
    }
}

/// `'it''s'`; `E'a\nb'` where something in it cannot be seen, in the manner of PostgreSQL.
pub fn quote(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains(is_hidden) {
        format!("E'{}'", escape(&doubled.replace('\\', "\\\\")))
    } else {
        format!("'{doubled}'")
    }
}

/// `text` on one line, without characters that steer a terminal or cannot be seen.
pub fn escape(text: &str) -> String {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Everything beyond ASCII as code points.
fn spell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out
}

/// Controls, and what Unicode draws as nothing, as a plain blank, or as a change of direction.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Two texts, each in at most `width` columns, cut so that the first difference stays in sight.
pub fn cut_pair(source: &str, target: &str, width: usize) -> (String, String) {
    let (s, t): (Vec<char>, Vec<char>) = (source.chars().collect(), target.chars().collect());
    let same = s.iter().zip(&t).take_while(|(a, b)| a == b).count();
    // What both begin with is only context: a third of the room is enough for it.
    let start = same.saturating_sub(width / 3);
    (window(&s, start, width), window(&t, start, width))
}

/// `text` in at most `width` columns, cut in the middle.
pub fn cut(text: &str, width: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if columns(&chars) <= width {
        return text.into();
    }
    let room = width.saturating_sub(1);
    let head = take(chars.iter(), room.div_ceil(2));
    let tail = take(chars.iter().rev(), room / 2);
    let tail: String = tail.chars().rev().collect();
    format!("{head}…{tail}")
}

fn window(chars: &[char], start: usize, width: usize) -> String {
    if columns(chars) <= width {
        return chars.iter().collect();
    }
    let rest = &chars[start.min(chars.len())..];
    let (mark, room) = if start > 0 { ("…", width.saturating_sub(1)) } else { ("", width) };
    format!("{mark}{}", cut(&rest.iter().collect::<String>(), room))
}

fn take<'a>(chars: impl Iterator<Item = &'a char>, room: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += columns(&[**c]);
            used <= room
        })
        .collect()
}

fn columns(chars: &[char]) -> usize {
    console::measure_text_width(&chars.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{BinaryArray, DictionaryArray, Int64Array, NullArray, StringArray};
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    fn literals(array: ArrayRef) -> Vec<String> {
        let values = Values::new(&array).unwrap();
        (0..array.len()).map(|row| values.literal(row)).collect()
    }

    #[test]
    fn null_is_not_the_text_null() {
        assert_eq!(literals(Arc::new(StringArray::from(vec![None, Some("NULL"), Some("")]))), ["NULL", "'NULL'", "''"]);
        let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None].into_iter().collect();
        assert_eq!(literals(Arc::new(dictionary)), ["'x'", "NULL"]);
        assert_eq!(literals(Arc::new(NullArray::new(1))), ["NULL"]);
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let texts = vec!["it's", "a\nb", "a\\nb", "a\\\n", "\u{1b}[31m", "x\u{202e}y", "a\u{a0}"];
        assert_eq!(
            literals(Arc::new(StringArray::from(texts))),
            ["'it''s'", "E'a\\nb'", "'a\\nb'", "E'a\\\\\\n'", "E'\\u{1b}[31m'", "E'x\\u{202e}y'", "E'a\\u{a0}'"]
        );
        assert_eq!(literals(Arc::new(BinaryArray::from(vec![b"\x00\xff".as_ref()]))), ["00ff"]);
    }

    #[test]
    fn two_different_values_never_read_the_same() {
        let both = |s: ArrayRef, t: ArrayRef| pair(&Values::new(&s).unwrap(), &Values::new(&t).unwrap(), 0);
        let text = |t: &str| Arc::new(StringArray::from(vec![t])) as ArrayRef;
        assert_eq!(both(text("é"), text("e\u{301}")), ("'\\u{e9}'".into(), "'e\\u{301}'".into()));
        assert_eq!(
            both(Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))),
            ("1".into(), "2".into())
        );
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"\x07".as_ref()]));
        let (s, t) = both(Arc::new(datafusion::arrow::array::Int8Array::from(vec![7])), bytes);
        assert_ne!(s, t);
    }

    #[test]
    fn cuts_keep_the_difference_in_sight() {
        let (s, t) =
            (format!("{}A{}", "x".repeat(50), "y".repeat(50)), format!("{}B{}", "x".repeat(50), "y".repeat(50)));
        assert_eq!(cut_pair(&s, &t, 20), ("…xxxxxxAyy…yyyyyyyyy".into(), "…xxxxxxByy…yyyyyyyyy".into()));
        assert_eq!(cut_pair("short", "shorter", 20), ("short".into(), "shorter".into()));
        assert_eq!(cut("abcdefghij", 5), "ab…ij");
        assert_eq!(cut("東京都千代田区", 7), "東…区");
    }
}
