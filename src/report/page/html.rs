//! The page as HTML: one file, with a policy under which only its own style and script are taken, and nothing is fetched.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use minijinja::value::Serde;
use minijinja::{AutoEscape, context};

use crate::error::Result;
use crate::history::Dossier;
use crate::ledger::sha256;
use crate::report::page::view::Page;
use crate::report::page::{MARK, Statement, environment, failed};

const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/script.js");
const TEMPLATES: [(&str, &str); 5] = [
    ("page.html", include_str!("templates/page.html")),
    ("rule.html", include_str!("templates/rule.html")),
    ("trend.html", include_str!("templates/trend.html")),
    ("divergences.html", include_str!("templates/divergences.html")),
    ("evidence.html", include_str!("templates/evidence.html")),
];

/// `statements`: the SQL of rules, by name.
pub fn html(dossier: &Dossier, statements: &BTreeMap<String, Statement>, now: DateTime<Utc>) -> Result<String> {
    render(&Page::of(dossier, statements, now)?)
}

fn render(page: &Page) -> Result<String> {
    let mut environment = environment(AutoEscape::Html)?;
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).map_err(failed)?;
    }
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    let page = minijinja::Value::from(Serde(page));
    let template = environment.get_template("page.html").map_err(failed)?;
    template.render(context! { page, policy, mark => MARK, style => STYLE, script => SCRIPT }).map_err(failed)
}

/// What a policy calls a text that is allowed: its hash.
fn source(text: &str) -> String {
    let digits = sha256(text.as_bytes());
    let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(0);
    let hash: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    format!("sha256-{}", base64(&hash))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_rfc_has_it() {
        let all = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    /// As Chromium tells of a script that it refuses.
    #[test]
    fn the_hash_of_a_policy() {
        assert_eq!(source("alert(1)"), "sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=");
    }

    /// Nothing of it may end the element that it stands in.
    #[test]
    fn style_and_script_stay_where_they_are() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</"), "{text}");
            assert!(!text.contains("<!--"), "{text}");
        }
    }
}
