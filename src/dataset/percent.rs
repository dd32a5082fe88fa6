//! Percent escapes, as paths of Hive partitions and user info of URLs have them: `%41` is `A`.

/// What is no escape stays as it is.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match pair.and_then(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(super::decode("a%2Fb%zz%4"), b"a/b%zz%4");
    }
}
