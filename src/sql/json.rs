//! JSON as a value: one text for all that say the same.
//!
//! | In the text | In the canonical one |
//! |---|---|
//! | white space around | none |
//! | the order of an object's keys | that of their bytes |
//! | a key that repeats | the last one, as in PostgreSQL's `jsonb` and in MySQL |
//! | `1`, `1.0`, `10e-1` | `1`: exact, of any length, without a detour over floats |
//! | `"\u00e9"`, `"é"` | `"é"`: what stands behind an escape, but for quotes, backslashes and control characters |
//!
//! The canonical text is JSON itself, and its own canonical text. So a text that is not JSON, which stays as it is, never
//! equals that of a value. The grammar is that of RFC 8259, no more: no comments, no NaN.

use std::borrow::Cow;
use std::ops::Range;

use num_bigint::BigInt;

/// Values in values in values: deeper than this, a text is not taken for JSON, and compared as it is. It bounds how often a
/// text is put in order.
const DEPTH: usize = 1000;
/// Longer numbers have an exponent.
const PLAIN_DIGITS: i128 = 40;

/// The canonical text of JSON; any other text as it is.
pub fn canonical(text: &str) -> Cow<'_, str> {
    match (Reader { text, at: 0, out: String::with_capacity(text.len()) }).document() {
        Some(canonical) if canonical != text => canonical.into(),
        _ => text.into(),
    }
}

/// Writes what it reads. None: it is not JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    out: String,
}

/// A value whose end has not come yet.
enum Open {
    Array,
    Object {
        /// Where in `out` its members begin.
        start: usize,
        members: Vec<Member>,
    },
}

/// Where a member stands in `out`.
struct Member {
    start: usize,
    /// Behind its key.
    colon: usize,
    end: usize,
}

impl Reader<'_> {
    fn document(mut self) -> Option<String> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            self.blanks();
            match self.next()? {
                b'{' => {
                    self.out.push('{');
                    let (start, mut members) = (self.out.len(), Vec::new());
                    self.blanks();
                    if self.peek() != Some(b'}') {
                        members.push(self.key()?);
                        open.push(Open::Object { start, members });
                        if open.len() > DEPTH {
                            return None;
                        }
                        continue;
                    }
                    self.at += 1;
                    self.out.push('}');
                }
                b'[' => {
                    self.out.push('[');
                    self.blanks();
                    if self.peek() != Some(b']') {
                        open.push(Open::Array);
                        if open.len() > DEPTH {
                            return None;
                        }
                        continue;
                    }
                    self.at += 1;
                    self.out.push(']');
                }
                b'"' => self.string()?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => return None,
            }
            // A value has ended, and with it whatever is closed behind it.
            loop {
                self.blanks();
                let Some(last) = open.last_mut() else {
                    return (self.at == self.text.len()).then_some(self.out);
                };
                match (last, self.next()?) {
                    (Open::Array, b',') => {
                        self.out.push(',');
                        break;
                    }
                    (Open::Array, b']') => self.out.push(']'),
                    (Open::Object { members, .. }, b',') => {
                        members.last_mut()?.end = self.out.len();
                        self.out.push(',');
                        self.blanks();
                        let member = self.key()?;
                        members.push(member);
                        break;
                    }
                    (Open::Object { start, members }, b'}') => {
                        members.last_mut()?.end = self.out.len();
                        in_order(&mut self.out, *start, members);
                        self.out.push('}');
                    }
                    _ => return None,
                }
                open.pop();
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The rest of a word whose first letter is read.
    fn word(&mut self, word: &str) -> Option<()> {
        let start = self.at - 1;
        self.text.get(start..)?.starts_with(word).then(|| {
            self.at = start + word.len();
            self.out.push_str(word);
        })
    }

    /// A key and its colon.
    fn key(&mut self) -> Option<Member> {
        let start = self.out.len();
        (self.next()? == b'"').then_some(())?;
        self.string()?;
        let colon = self.out.len();
        self.blanks();
        (self.next()? == b':').then(|| self.out.push(':'))?;
        Some(Member { start, colon, end: colon })
    }

    /// The rest of a string whose quote is read.
    fn string(&mut self) -> Option<()> {
        self.out.push('"');
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            self.out.push_str(&self.text[start..self.at]);
            match self.next()? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
        self.out.push('"');
        Some(())
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Option<()> {
        let character = match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => match self.unit()? {
                high @ 0xd800..=0xdbff => match self.low_half() {
                    Some(low) => char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?,
                    None => return self.half(high),
                },
                low @ 0xdc00..=0xdfff => return self.half(low),
                unit => char::from_u32(unit)?,
            },
            _ => return None,
        };
        match character {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            '\0'..='\u{1f}' => self.out.push_str(&format!("\\u{:04x}", u32::from(character))),
            character => self.out.push(character),
        }
        Some(())
    }

    /// Half of a character, without the other one: no Unicode, but JSON.
    fn half(&mut self, unit: u32) -> Option<()> {
        self.out.push_str(&format!("\\u{unit:04x}"));
        Some(())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    }

    /// The second half of a character, if it follows.
    fn low_half(&mut self) -> Option<u32> {
        let before = self.at;
        let low = match (self.next(), self.next()) {
            (Some(b'\\'), Some(b'u')) => self.unit().filter(|unit| (0xdc00..=0xdfff).contains(unit)),
            _ => None,
        };
        if low.is_none() {
            self.at = before;
        }
        low
    }

    fn digits(&mut self) -> Range<usize> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        start..self.at
    }

    /// A number whose first character is read.
    fn number(&mut self) -> Option<()> {
        self.at -= 1;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let whole = self.digits();
        if whole.is_empty() || whole.len() > 1 && self.text[whole.clone()].starts_with('0') {
            return None;
        }
        let mut fraction = self.at..self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            fraction = self.digits();
            (!fraction.is_empty()).then_some(())?;
        }
        let mut exponent = (false, "");
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            let sign = self.peek().filter(|byte| matches!(byte, b'+' | b'-'));
            self.at += usize::from(sign.is_some());
            let written = self.digits();
            (!written.is_empty()).then_some(())?;
            exponent = (sign == Some(b'-'), &self.text[written]);
        }
        let (whole, fraction) = (&self.text[whole], &self.text[fraction]);
        write_number(&mut self.out, negative, whole, fraction, exponent);
        Some(())
    }
}

/// The number as its digits, without zeros at either end, and the exponent behind the last one: both are of one number alone.
fn write_number(out: &mut String, negative: bool, whole: &str, fraction: &str, (minus, exponent): (bool, &str)) {
    let all = [whole, fraction].concat();
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return out.push('0');
    }
    if negative {
        out.push('-');
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let shift = zeros as i128 - fraction.len() as i128;
    let exponent = exponent.trim_start_matches('0');
    // So many digits fit, whatever is added.
    if exponent.len() > 18 {
        let exponent: BigInt = exponent.parse().unwrap_or_default();
        let exponent = if minus { -exponent } else { exponent } + shift;
        return out.push_str(&format!("{digits}e{exponent}"));
    }
    let exponent: i128 = exponent.parse().unwrap_or(0);
    let exponent = if minus { -exponent } else { exponent } + shift;
    let length = digits.len() as i128;
    match exponent {
        0 => out.push_str(digits),
        1.. if length + exponent <= PLAIN_DIGITS => {
            out.push_str(digits);
            out.extend((0..exponent).map(|_| '0'));
        }
        _ if exponent < 0 && -exponent < length && length <= PLAIN_DIGITS => {
            let (whole, fraction) = digits.split_at((length + exponent) as usize);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        _ if exponent < 0 && -exponent <= PLAIN_DIGITS => {
            out.push_str("0.");
            out.extend((0..-exponent - length).map(|_| '0'));
            out.push_str(digits);
        }
        _ => out.push_str(&format!("{digits}e{exponent}")),
    }
}

/// Brings the members of an object, which stand at the end of `out`, in the order of their keys; of one key only the last stays.
fn in_order(out: &mut String, start: usize, members: &mut [Member]) {
    let key = |member: &Member| &out[member.start..member.colon];
    if members.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])) {
        return;
    }
    // Members of one key stay in their order.
    members.sort_by(|a, b| key(a).cmp(key(b)));
    let mut ordered = String::with_capacity(out.len() - start);
    for (n, member) in members.iter().enumerate() {
        if members.get(n + 1).is_some_and(|next| key(next) == key(member)) {
            continue;
        }
        if !ordered.is_empty() {
            ordered.push(',');
        }
        ordered.push_str(&out[member.start..member.end]);
    }
    out.truncate(start);
    out.push_str(&ordered);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[rstest::rstest]
    #[case(" { \"b\" : 1 , \"a\" : [ 1.0 , 2e0 ] }\n", "{\"a\":[1,2],\"b\":1}")]
    #[case("{}", "{}")]
    #[case("[ ]", "[]")]
    #[case("[[],{},[{}]]", "[[],{},[{}]]")]
    #[case("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}")]
    #[case("{\"\\u0061\":1,\"a\":{\"y\":0,\"x\":0}}", "{\"a\":{\"x\":0,\"y\":0}}")]
    #[case("{\"\":1,\" \":2}", "{\" \":2,\"\":1}")]
    #[case("\"\\u00e9\\/\\n\\u001F\\\\\\\"\"", "\"é/\\u000a\\u001f\\\\\\\"\"")]
    #[case("\"\\ud83d\\ude00\"", "\"😀\"")]
    #[case("\"\\uD83D\\ud83d\\ude00\\uDE00x\"", "\"\\ud83d😀\\ude00x\"")]
    #[case("\"\\u0000\"", "\"\\u0000\"")]
    #[case("\t\r\n true ", "true")]
    #[case("-0.00e5", "0")]
    #[case("1.0", "1")]
    #[case("10E-1", "1")]
    #[case("0.10", "0.1")]
    #[case("1e-3", "0.001")]
    #[case("-12345678901234567890.5", "-12345678901234567890.5")]
    #[case("1e39", "1000000000000000000000000000000000000000")]
    #[case("1e40", "1e40")]
    #[case("1e-41", "1e-41")]
    #[case("100e9999999999999999999999", "1e10000000000000000000001")]
    #[case("1e-0000000000000000000002", "0.01")]
    fn one_text_a_value(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(canonical(text), expected);
        assert!(matches!(canonical(expected), Cow::Borrowed(same) if same == expected));
    }

    #[rstest::rstest]
    #[case("")]
    #[case(" ")]
    #[case("abc")]
    #[case("'a'")]
    #[case("01")]
    #[case("1.")]
    #[case(".5")]
    #[case("+1")]
    #[case("-")]
    #[case("1e")]
    #[case("NaN")]
    #[case("tru")]
    #[case("nulll")]
    #[case("[1,]")]
    #[case("[1 2]")]
    #[case("{\"a\":1,}")]
    #[case("{a:1}")]
    #[case("{\"a\"}")]
    #[case("{\"a\":1]")]
    #[case("[1}")]
    #[case("]")]
    #[case("[1] [2]")]
    #[case("\"a\nb\"")]
    #[case("\"\\x\"")]
    #[case("\"\\u12g4\"")]
    #[case("\"\\ué\"")]
    #[case("\"a")]
    #[case("\u{feff}1")]
    #[case("\u{a0}1")]
    fn what_is_not_json_stays(#[case] text: &str) {
        assert!(matches!(canonical(text), Cow::Borrowed(same) if same == text));
        assert!((Reader { text, at: 0, out: String::new() }).document().is_none());
    }

    #[test]
    fn depth_has_an_end_and_the_stack_none() {
        let nested = |depth: usize| format!("{} 1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(canonical(&nested(DEPTH)), nested(DEPTH).replace(' ', ""));
        for depth in [DEPTH + 1, 1_000_000] {
            assert_eq!(canonical(&nested(depth)), nested(depth));
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-20i64..20).prop_map(Value::from),
            "[aé\"\\\\\u{0}\n😀]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[abé\"]{0,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same value in other words: members backwards, escapes for all characters, numbers with an exponent.
    fn otherwise(value: &Value) -> String {
        let string = |text: &str| {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            format!("\"{units}\"")
        };
        match value {
            Value::Number(number) => format!("{number}.000E+0"),
            Value::String(text) => string(text),
            Value::Array(values) => format!("[ {} ]", values.iter().map(otherwise).collect::<Vec<_>>().join("\n,")),
            Value::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .rev()
                    .map(|(key, value)| format!("{}\t: {}", string(key), otherwise(value)))
                    .collect();
                format!("{{{}}}", members.join(" , "))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn values_are_equal_exactly_if_their_texts_are(a in value(), b in value()) {
            let (one, two) = (a.to_string(), b.to_string());
            prop_assert_eq!(canonical(&one) == canonical(&two), a == b);
            let other_words = otherwise(&a);
            prop_assert_eq!(canonical(&one), canonical(&other_words));
            let read: Value = serde_json::from_str(&canonical(&other_words)).unwrap();
            prop_assert_eq!(read, a);
        }

        #[test]
        fn numbers_are_exact(digits in "[1-9][0-9]{0,49}", point in 0usize..50, exponent in -60i64..60) {
            // The same number with the point elsewhere.
            let moved = if point < digits.len() && point > 0 {
                format!("{}.{}e{}", &digits[..point], &digits[point..], exponent + (digits.len() - point) as i64)
            } else {
                format!("{digits}000e{}", exponent - 3)
            };
            let plain = format!("{digits}e{exponent}");
            prop_assert_eq!(canonical(&plain), canonical(&moved));
            let next = format!("{digits}1e{}", exponent - 1);
            prop_assert_ne!(canonical(&plain), canonical(&next));
        }
    }
}
