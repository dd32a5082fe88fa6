//! Where one SQL statement ends and the next begins: at a `;` that stands in no quotes and no comment.

/// The statements that are finished, and what is left after the last `;`. Blanks and comments alone are no statement.
pub fn split(text: &str) -> (Vec<&str>, Option<&str>) {
    let mut statements = Vec::new();
    let (mut start, mut said) = (0, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let at = text.len() - rest.len();
        let length = token(rest);
        rest = &rest[length..];
        if c == ';' {
            if said {
                statements.push(text[start..at].trim());
            }
            (start, said) = (at + 1, false);
        } else {
            let comment = text[at..].starts_with("--") || closed_comment(&text[at..at + length]);
            said |= !c.is_whitespace() && !comment;
        }
    }
    (statements, said.then(|| text[start..].trim()))
}

/// The length of what `text` begins with: a quoted text or name, a comment, or one character.
fn token(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |i| from + i + end.len());
    match first {
        // A doubled quote closes one text and opens the next: the same for our purpose.
        '\'' | '"' | '`' => until(&text[..1], 1),
        '-' if text.starts_with("--") => until("\n", 2),
        '/' if text.starts_with("/*") => block_comment(text),
        _ => first.len_utf8(),
    }
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// One that is still open waits for its end, so it counts as something said.
fn closed_comment(token: &str) -> bool {
    token.starts_with("/*") && token.len() >= 4 && token.ends_with("*/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("SELECT 1; SELECT 2", &["SELECT 1"], Some("SELECT 2"))]
    #[case("SELECT ';'; ", &["SELECT ';'"], None)]
    #[case("SELECT 'it''s;' ;;", &["SELECT 'it''s;'"], None)]
    #[case("SELECT \"a;b\" FROM t;", &["SELECT \"a;b\" FROM t"], None)]
    #[case("SELECT 1 -- no; end\n, 2;", &["SELECT 1 -- no; end\n, 2"], None)]
    #[case("/* a; /* b; */ c; */ SELECT 1;", &["/* a; /* b; */ c; */ SELECT 1"], None)]
    #[case("SELECT 1; -- done", &["SELECT 1"], None)]
    #[case("SELECT 'open;", &[], Some("SELECT 'open;"))]
    #[case("SELECT 1 /* open; ", &[], Some("SELECT 1 /* open;"))]
    #[case("SELECT 1; /* open", &["SELECT 1"], Some("/* open"))]
    #[case("SELECT 'é;東京', 5-3/2;", &["SELECT 'é;東京', 5-3/2"], None)]
    #[case(" \n", &[], None)]
    fn statements(#[case] text: &str, #[case] finished: &[&str], #[case] left: Option<&str>) {
        assert_eq!(split(text), (finished.to_vec(), left));
    }
}
