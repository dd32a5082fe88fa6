//! Indents SQL without touching what stands in quotes: a line break inside a literal is part of its value.

/// Puts `width` blanks before every line but the first, unless it begins inside quotes.
pub fn indented(sql: &str, width: usize) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut inside = Inside::Code;
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        inside = match (inside, c, chars.peek()) {
            (Inside::Code, '\'' | '"', _) => Inside::Quotes(c),
            (Inside::Code, '-', Some('-')) => Inside::Line,
            (Inside::Code, '/', Some('*')) => Inside::Block,
            // A doubled quote closes and opens again.
            (Inside::Quotes(quote), c, _) if c == quote => Inside::Code,
            (Inside::Line, '\n', _) => Inside::Code,
            (Inside::Block, '*', Some('/')) => Inside::Code,
            (inside, ..) => inside,
        };
        let blank = chars.peek().is_none_or(|next| *next == '\n');
        if c == '\n' && !blank && !matches!(inside, Inside::Quotes(_)) {
            out.extend(std::iter::repeat_n(' ', width));
        }
    }
    out
}

#[derive(Clone, Copy)]
enum Inside {
    Code,
    Quotes(char),
    Line,
    Block,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_keep_their_lines() {
        assert_eq!(indented("a\nb\n\nc", 2), "a\n  b\n\n  c");
        assert_eq!(indented("'it''s\nb'\nc", 2), "'it''s\nb'\n  c");
        assert_eq!(indented("\"x\ny\",\nz", 1), "\"x\ny\",\n z");
        assert_eq!(indented("a -- don't\nb /* ' */\nc", 2), "a -- don't\n  b /* ' */\n  c");
    }
}
