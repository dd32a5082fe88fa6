//! The page as Markdown, for a pull request or a chat. All that is not ours stands in code, where no mark, tag, link or `@name` counts.

use chrono::{DateTime, Utc};
use minijinja::value::Serde;
use minijinja::{AutoEscape, context};

use crate::error::Result;
use crate::history::Dossier;
use crate::report::page::view::Page;
use crate::report::page::{Asides, MARK, environment, failed};

pub fn markdown(dossier: &Dossier, asides: &Asides, now: DateTime<Utc>) -> Result<String> {
    let page = Page::of(dossier, asides, now)?;
    let mut environment = environment(AutoEscape::None)?;
    environment.add_filter("code", |text: &str| code(text));
    environment.add_template("report.md", include_str!("templates/report.md")).map_err(failed)?;
    let template = environment.get_template("report.md").map_err(failed)?;
    let page = minijinja::Value::from(Serde(page));
    template.render(context! { page, mark => MARK }).map_err(failed)
}

/// A text as code, in a table too: between more back quotes than it has in a row; or where it has a bar, which would end a cell even
/// there, with each of its marks as an entity.
fn code(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let text = text.replace(['\n', '\r'], " ");
    if text.contains('|') {
        let entity = |c: char| match c.is_ascii_punctuation() {
            true => format!("&#{};", u32::from(c)),
            false => c.to_string(),
        };
        return format!("<code>{}</code>", text.chars().map(entity).collect::<String>());
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // One blank at each end is taken off again.
    let edge = |c: Option<char>| matches!(c, Some('`' | ' '));
    let blank = if edge(text.chars().next()) || edge(text.chars().last()) { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("amount", "`amount`")]
    #[case("", "")]
    #[case("a|b", "<code>a&#124;b</code>")]
    #[case("a\\|b", "<code>a&#92;&#124;b</code>")]
    #[case("``x", "``` ``x ```")]
    #[case("`a` is b", "`` `a` is b ``")]
    #[case(" a", "`  a `")]
    #[case("<b>@you [x](y)", "`<b>@you [x](y)`")]
    #[case("</code>|@you", "<code>&#60;&#47;code&#62;&#124;&#64;you</code>")]
    #[case("a\nb", "`a b`")]
    fn code_is_nothing_else(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(code(text), expected);
    }
}
