//! `misread(text, 'windows-1252')`: what UTF-8 looks like to a program that takes it for another encoding.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

use super::function::Function;
use super::text::text_column;
use crate::error::{Error, ErrorKind, Result};

/// 0x80 to 0x9f of windows-1252, as the WHATWG's Encoding Standard has them: the five that are not assigned stay as they are.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[derive(Clone, Copy)]
enum Encoding {
    Latin1,
    Windows1252,
}

pub(super) fn function() -> ScalarUDF {
    Function::new(
        "misread",
        2..=2,
        |planned| encoding(planned.text(1)?).map(|_| DataType::Utf8View),
        |call| {
            let encoding = encoding(call.text(1)?)?;
            let texts = text_column(&call.column(0)?)?;
            let mut misread = StringViewBuilder::with_capacity(texts.len());
            for text in texts.iter() {
                misread.append_option(
                    text.map(|text| text.bytes().map(|byte| character(byte, encoding)).collect::<String>()),
                );
            }
            Ok(Arc::new(misread.finish()) as ArrayRef)
        },
    )
    .build()
}

fn encoding(name: &str) -> Result<Encoding> {
    match name {
        "latin1" => Ok(Encoding::Latin1),
        "windows-1252" => Ok(Encoding::Windows1252),
        other => Err(Error::new(ErrorKind::Sql, format!("misread() knows latin1 and windows-1252, not `{other}`"))),
    }
}

fn character(byte: u8, encoding: Encoding) -> char {
    match (byte, encoding) {
        (0x80..=0x9f, Encoding::Windows1252) => WINDOWS_1252[usize::from(byte - 0x80)],
        (byte, _) => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_as_others_read_it() {
        let misread = |text: &str, encoding| text.bytes().map(|byte| character(byte, encoding)).collect::<String>();
        assert_eq!(misread("Müller", Encoding::Latin1), "MÃ¼ller");
        assert_eq!(misread("5 €", Encoding::Windows1252), "5 â‚¬");
        assert_eq!(misread("5 €", Encoding::Latin1), "5 â\u{82}¬");
        assert_eq!(misread("à", Encoding::Windows1252), "Ã\u{a0}");
    }
}
