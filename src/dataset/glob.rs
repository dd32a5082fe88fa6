//! File patterns: `*` and `?` within one segment of a path, `**` for any number of segments, `[a-z]` and `[!a-z]`,
//! `{a,b}`. A Pattern knows which part of it is literal, so that only what lies below that is listed.

/// A parsed pattern; alternatives in braces are expanded.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// Each alternative, split into segments.
    alternatives: Vec<Vec<String>>,
    literal: String,
}

/// Whether a location is a pattern rather than a name.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut alternatives = Vec::new();
        for text in expand(text)? {
            let segments: Vec<String> = text.split('/').map(str::to_string).collect();
            for segment in &segments {
                check_brackets(segment)?;
            }
            alternatives.push(segments);
        }
        let literal: Vec<&str> = text.split('/').take_while(|segment| !is_pattern(segment)).collect();
        Ok(Self { alternatives, literal: literal.join("/") })
    }

    /// The folder in front of the first segment that is a pattern, without a slash at its end.
    pub(super) fn literal(&self) -> &str {
        &self.literal
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').collect();
        self.alternatives.iter().any(|pattern| match_segments(pattern, &segments))
    }

    /// Whether something below the folder can match: what cannot is never listed.
    pub(super) fn may_match_below(&self, folder: &str) -> bool {
        let segments: Vec<&str> = folder.split('/').collect();
        self.alternatives.iter().any(|pattern| match_folder(pattern, &segments))
    }
}

const MOST_ALTERNATIVES: usize = 1024;

/// `a{b,c{d,e}}` -> `ab`, `acd`, `ace`.
fn expand(text: &str) -> Result<Vec<String>, String> {
    let Some(open) = text.find('{') else {
        return if text.contains('}') { Err("`}` without `{`".to_string()) } else { Ok(vec![text.to_string()]) };
    };
    let mut depth = 0;
    let mut parts = vec![open + 1];
    let mut close = None;
    for (at, c) in text[open..].char_indices().map(|(at, c)| (at + open, c)) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => parts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            close = Some(at);
            break;
        }
    }
    let close = close.ok_or("`{` without `}`")?;
    let mut expanded = Vec::new();
    for (n, start) in parts.iter().enumerate() {
        let end = parts.get(n + 1).map_or(close, |next| next - 1);
        let one = format!("{}{}{}", &text[..open], &text[*start..end], &text[close + 1..]);
        expanded.extend(expand(&one)?);
        if expanded.len() > MOST_ALTERNATIVES {
            return Err(format!("more than {MOST_ALTERNATIVES} alternatives"));
        }
    }
    Ok(expanded)
}

fn check_brackets(segment: &str) -> Result<(), String> {
    let mut rest = segment;
    while let Some(open) = rest.find('[') {
        let inner = &rest[open + 1..];
        // A `]` right after the opening is a member of the class.
        let skip = usize::from(inner.starts_with(['!', '^']));
        let from = skip + inner[skip..].chars().next().map_or(0, char::len_utf8);
        let close = inner.get(from..).and_then(|tail| tail.find(']')).ok_or("`[` without `]`")?;
        rest = &inner[from + close + 1..];
    }
    Ok(())
}

fn match_segments(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => (0..=path.len()).any(|skip| match_segments(rest, &path[skip..])),
        Some((first, rest)) => path.split_first().is_some_and(|(segment, tail)| {
            let pattern: Vec<char> = first.chars().collect();
            let segment: Vec<char> = segment.chars().collect();
            match_segment(&pattern, &segment) && match_segments(rest, tail)
        }),
    }
}

fn match_folder(pattern: &[String], folder: &[&str]) -> bool {
    match (pattern.split_first(), folder.split_first()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((first, _)), _) if first == "**" => true,
        (Some((first, rest)), Some((segment, tail))) => {
            match_segments(std::slice::from_ref(first), &[segment]) && match_folder(rest, tail)
        }
    }
}

/// Iterative, with one point to come back to: linear in practice, never exponential.
fn match_segment(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                back = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => match_class(&pattern[p..], text[t]),
            Some(c) if *c == text[t] => Some(1),
            _ => None,
        };
        match (step, back) {
            (Some(width), _) => {
                p += width;
                t += 1;
            }
            (None, Some((star, from))) => {
                back = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The width of the class in the pattern if `c` is in it.
fn match_class(pattern: &[char], c: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let close = (first + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut at = first;
    let mut found = false;
    while at < close {
        if at + 2 < close && pattern[at + 1] == '-' {
            found |= (pattern[at]..=pattern[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= pattern[at] == c;
            at += 1;
        }
    }
    (found != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(path)
    }

    #[test]
    fn wildcards_stay_within_a_segment() {
        assert!(matches("/a/*.csv", "/a/b.csv"));
        assert!(!matches("/a/*.csv", "/a/b/c.csv"));
        assert!(matches("/a/?.csv", "/a/ü.csv"));
        assert!(!matches("/a/?.csv", "/a/.csv"));
        assert!(matches("/a/x*y*z", "/a/xyyz"));
        assert!(!matches("/a/x*y*z", "/a/xyy"));
    }

    #[test]
    fn two_stars_cross_segments() {
        assert!(matches("/a/**/*.csv", "/a/b.csv"));
        assert!(matches("/a/**/*.csv", "/a/b/c/d.csv"));
        assert!(matches("/a/**", "/a/b/c"));
        assert!(!matches("/a/**/x/*.csv", "/a/b/c.csv"));
    }

    #[test]
    fn folders_that_cannot_match_are_known() {
        let pattern = Pattern::new("/a/*/c/*.csv").unwrap();
        assert!(pattern.may_match_below("/a") && pattern.may_match_below("/a/x/c"));
        assert!(!pattern.may_match_below("/a/x/d") && !pattern.may_match_below("/a/x/c/e"));
        assert!(Pattern::new("/a/**").unwrap().may_match_below("/a/b/c"));
    }

    #[test]
    fn classes_and_braces() {
        assert!(matches("/a/[a-c]1.csv", "/a/b1.csv"));
        assert!(!matches("/a/[!a-c]1.csv", "/a/b1.csv"));
        assert!(matches("/a/[]x].csv", "/a/].csv"));
        assert!(matches("/a/{x,y/z}.csv", "/a/y/z.csv"));
        assert!(matches("/a/{1,2{3,4}}", "/a/24"));
        assert!(!matches("/a/{1,2{3,4}}", "/a/2"));
    }

    #[test]
    fn what_is_literal_is_known() {
        assert_eq!(Pattern::new("/a/b/*/c.csv").unwrap().literal(), "/a/b");
        assert_eq!(Pattern::new("*.csv").unwrap().literal(), "");
    }

    #[test]
    fn unbalanced_brackets_are_refused() {
        for pattern in ["/a/{b", "/a/b}", "/a/[b", "/a/[]"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
