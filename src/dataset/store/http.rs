//! Single objects behind `http://` and `https://`. User info becomes an `Authorization` header; a query (a signed
//! URL) stays with every request.

use std::sync::Arc;

use object_store::http::HttpBuilder;
use object_store::{ClientOptions, HeaderMap, HeaderValue, ObjectStore};
use url::Url;

use super::{client_options, retries, unusable};
use crate::dataset::percent;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn connect(url: &Url, display: &str) -> Result<Arc<dyn ObjectStore>> {
    let mut options = ClientOptions::new().with_allow_http(url.scheme() == "http");
    for (key, value) in client_options() {
        options = options.with_config(key, value);
    }
    if let Some(header) = authorization(url) {
        let value = HeaderValue::from_str(&header);
        let mut value =
            value.map_err(|_| Error::new(ErrorKind::Config, format!("{display}: the user info cannot be used")))?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("authorization", value);
        options = options.with_default_headers(headers);
    }
    let mut root = url.clone();
    root.set_path("/");
    root.set_fragment(None);
    // Both can only fail for URLs without a host, which no http URL is.
    let _ = root.set_username("");
    let _ = root.set_password(None);
    let builder = HttpBuilder::new().with_url(root).with_retry(retries()).with_client_options(options);
    Ok(Arc::new(builder.build().map_err(|error| unusable(display, &error))?))
}

fn authorization(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain = [percent::decode(url.username()), percent::decode(url.password().unwrap_or(""))].join(&b':');
    Some(format!("Basic {}", base64(&plain)))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for n in 0..4 {
            let index = (word >> (18 - 6 * n)) & 63;
            out.push(if n <= chunk.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_rfc() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in pairs {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn user_info_becomes_a_header() {
        let url = Url::parse("https://Aladdin:open%20sesame@h/a").unwrap();
        assert_eq!(authorization(&url).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
