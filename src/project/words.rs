//! Words that a person typed: the nearest known name for a hint, lists on the command line, and URLs without their secrets.

use crate::error::{Error, ErrorKind, Result};

/// The candidate that `name` was probably meant to be; none when nothing is close.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    candidates
        .map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = strsim::damerau_levenshtein(&wanted, &lower);
            // A short name said in full ("orders" for "erp.orders") is near as well, but after every spelling mistake.
            let contained = length >= 3 && lower.split(['.', '_']).any(|part| part == wanted);
            (if contained { distance.min(length / 3 + 1) } else { distance }, candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= length.max(candidate.chars().count()) / 3 || *distance <= length / 3 + 1 && length > 3
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint that names the nearest candidate, or lists all of them.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl Iterator<Item = &'a str> + Clone, what: &str) -> String {
    if let Some(near) = nearest(name, candidates.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<String> = candidates.map(|candidate| format!("`{candidate}`")).collect();
    match all.len() {
        0 => format!("there are no {what} yet"),
        _ if all.len() > 20 => format!("{what} are {} and {} more", all[..20].join(", "), all.len() - 20),
        _ => format!("{what} are {}", all.join(", ")),
    }
}

/// A list on the command line: `a,b` or `"a,b",c`; `""` inside quotes is one quote. Blanks around a name are dropped,
/// quoted ones stay.
pub fn parse_list(text: &str) -> Result<Vec<String>> {
    split_unquoted(text, ',', usize::MAX)?.into_iter().map(|part| unquote(part, text)).collect()
}

/// `name=value`, split at the first `=` outside of quotes. Only the name loses its quotes: the value is taken as it stands,
/// unless it is quoted as a whole.
pub fn parse_pair(text: &str) -> Result<(String, String)> {
    match split_unquoted(text, '=', 2)?.as_slice() {
        [name, value] => {
            let value = unquote(value, text).unwrap_or_else(|_| value.to_string());
            Ok((unquote(name, text)?, value))
        }
        _ => Err(Error::new(ErrorKind::Usage, format!("`{text}` has no `=`")).hint("write it as name=value")),
    }
}

fn split_unquoted(text: &str, separator: char, limit: usize) -> Result<Vec<&str>> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (position, letter) in text.char_indices() {
        match letter {
            // After the last part has begun, quotes are the value's own.
            _ if parts.len() + 1 == limit => break,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                parts.push(&text[start..position]);
                start = position + letter.len_utf8();
            }
            _ => {}
        }
    }
    if quoted {
        return Err(Error::new(ErrorKind::Usage, format!("a double quote in `{text}` is not closed")));
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn unquote(part: &str, whole: &str) -> Result<String> {
    let part = part.trim();
    let wrong = |hint: &str| Err(Error::new(ErrorKind::Usage, format!("`{whole}` cannot be read as names")).hint(hint));
    let Some(inside) = part.strip_prefix('"') else {
        if part.is_empty() {
            return wrong("a name is empty; is there a comma or an `=` too many?");
        }
        return match part.contains('"') {
            true => wrong("put the whole name in double quotes, and write \"\" for a quote inside it"),
            false => Ok(part.to_string()),
        };
    };
    match inside.strip_suffix('"') {
        Some(inside) if !inside.replace("\"\"", "").contains('"') => Ok(inside.replace("\"\"", "\"")),
        _ => wrong("put the whole name in double quotes, and write \"\" for a quote inside it"),
    }
}

/// A URL without what may be secret: user information, and the values of the query string. Anything else comes back as it is.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_string() };
    let (rest, fragment) = rest.split_once('#').map_or((rest, ""), |(rest, _)| (rest, "#***"));
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, query.split('&').map(redact_parameter).collect::<Vec<_>>().join("&")),
        None => (rest, String::new()),
    };
    // The last `@`: a password may hold one, unescaped. Such a password may hold a `/` as well, so the search is not
    // limited to what stands before the first one, except for object stores, whose paths may hold an `@`.
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let at = match rest[..authority_end].rfind('@') {
        Some(at) => Some(at),
        None if rest[..authority_end].contains(':') => rest.rfind('@'),
        None => None,
    };
    let rest = at.map_or_else(|| rest.to_string(), |at| format!("***@{}", &rest[at + 1..]));
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{scheme}://{rest}{mark}{query}{fragment}")
}

fn redact_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        // The name of a table is none.
        Some(("table", _)) => parameter.to_string(),
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("colums", Some("columns"))]
    #[case("ordres", Some("orders"))]
    #[case("ORDER_ID", Some("order_id"))]
    #[case("keys", Some("key"))]
    #[case("zzz", None)]
    #[case("id", None)]
    fn the_nearest_name(#[case] name: &str, #[case] expected: Option<&str>) {
        let known = ["columns", "orders", "order_id", "key", "where"];
        assert_eq!(nearest(name, known.into_iter()), expected);
    }

    #[test]
    fn a_part_of_a_dotted_name_is_near() {
        assert_eq!(nearest("orders", ["erp.orders", "bank.lines"].into_iter()), Some("erp.orders"));
    }

    #[rstest]
    #[case("a,b", &["a", "b"])]
    #[case(" a , b ", &["a", "b"])]
    #[case("\"a,b\",c", &["a,b", "c"])]
    #[case("\"say \"\"hi\"\"\"", &["say \"hi\""])]
    #[case("\" a \"", &[" a "])]
    fn lists(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(parse_list(text).unwrap(), expected);
    }

    #[rstest]
    #[case("a,,b")]
    #[case("")]
    #[case("\"a")]
    #[case("a\"b\"")]
    fn broken_lists(#[case] text: &str) {
        assert_eq!(parse_list(text).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[rstest]
    #[case("amount=0.01", "amount", "0.01")]
    #[case("\"a=b\"=1%", "a=b", "1%")]
    #[case("x=a=b", "x", "a=b")]
    #[case("x=say \"a", "x", "say \"a")]
    #[case("quote=\"", "quote", "\"")]
    #[case("x=\"a=b\"", "x", "a=b")]
    #[case("null=", "null", "")]
    fn pairs(#[case] text: &str, #[case] name: &str, #[case] value: &str) {
        assert_eq!(parse_pair(text).unwrap(), (name.to_string(), value.to_string()));
    }

    #[rstest]
    #[case("postgres://me:secret@db:5432/x", "postgres://***@db:5432/x")]
    #[case("postgres://me:se/cr@et@db/x", "postgres://***@db/x")]
    #[case("https://h/a.csv?sig=abc&v=1", "https://h/a.csv?sig=***&v=***")]
    #[case("https://h/a.csv?abc", "https://h/a.csv?***")]
    #[case("s3://bucket/a@b/c", "s3://bucket/a@b/c")]
    #[case("data/a.csv", "data/a.csv")]
    fn no_secret_is_shown(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(redact(url), expected);
    }
}
