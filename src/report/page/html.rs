//! The page as HTML: one file, with a policy under which only its own style and script are taken, and nothing is fetched.

use chrono::{DateTime, Utc};
use minijinja::value::Serde;
use minijinja::{AutoEscape, context};

use crate::error::Result;
use crate::history::Dossier;
use crate::ledger::sha256;
use crate::report::page::view::Page;
use crate::report::page::{Asides, MARK, environment, failed};

const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/script.js");
const TEMPLATES: [(&str, &str); 8] = [
    ("page.html", include_str!("templates/page.html")),
    ("rule.html", include_str!("templates/rule.html")),
    ("kinds.html", include_str!("templates/kinds.html")),
    ("said.html", include_str!("templates/said.html")),
    ("causes.html", include_str!("templates/causes.html")),
    ("trend.html", include_str!("templates/trend.html")),
    ("divergences.html", include_str!("templates/divergences.html")),
    ("evidence.html", include_str!("templates/evidence.html")),
];

pub fn html(dossier: &Dossier, asides: &Asides, now: DateTime<Utc>) -> Result<String> {
    render(&Page::of(dossier, asides, now)?)
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
    use std::collections::BTreeMap;

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

    /// The colours of the style, by name: of the light scheme, then of the dark one.
    fn palettes() -> [BTreeMap<String, [f64; 3]>; 2] {
        let mut light = BTreeMap::new();
        let (before, after) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        let colours = |text: &str, into: &mut BTreeMap<String, [f64; 3]>| {
            for part in text.split("--").skip(1) {
                let Some((name, value)) = part.split_once(": #") else { continue };
                let byte = |at: usize| f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
                into.insert(name.to_string(), [byte(0), byte(2), byte(4)]);
            }
        };
        colours(before, &mut light);
        let mut dark = light.clone();
        colours(after.split("\n}").next().unwrap(), &mut dark);
        [light, dark]
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let linear = |c: f64| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn everything_stands_out_from_its_ground_in_both_schemes() {
        assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
        let texts = ["ink", "faint", "link", "diverged", "inconclusive", "reconciled", "none"];
        let graphics = ["new", "reopened", "persisting", "resolved", "bar", "focus"];
        let mut pairs: Vec<(&str, &str, f64)> = Vec::new();
        for ground in ["ground", "raised"] {
            pairs.extend(texts.map(|text| (text, ground, 4.5)));
            pairs.extend(graphics.map(|graphic| (graphic, ground, 3.0)));
        }
        pairs.extend([("mark-ink", "source-mark", 4.5), ("mark-ink", "target-mark", 4.5)]);
        pairs.extend([("diverged", "diverged-ground", 4.5), ("inconclusive", "inconclusive-ground", 4.5)]);
        pairs.extend([("reconciled", "reconciled-ground", 4.5), ("none", "none-ground", 4.5)]);
        for (scheme, palette) in ["light", "dark"].iter().zip(palettes()) {
            assert!(palette.len() > 20, "{palette:?}");
            for (front, ground, wanted) in &pairs {
                let ratio = contrast(palette[*front], palette[*ground]);
                assert!(ratio >= *wanted, "{front} on {ground}, {scheme}: {ratio:.2}");
            }
        }
        let [light, dark] = palettes();
        assert_ne!(light["ground"], dark["ground"]);
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
