//! What differs between two cells, character by character.

use serde::Serialize;

/// A part of a cell's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    pub text: String,
    /// It is not in the other cell.
    pub marked: bool,
}

/// Cells whose middles are longer, multiplied, are not searched for what they share there.
const SEARCHED: usize = 250_000;
/// What both share between two differences is shown as shared from so many characters on: less is chance.
const SHARED: usize = 3;

/// Both texts in pieces; what is not marked is the same on both sides.
pub fn marks(source: &str, target: &str) -> (Vec<Piece>, Vec<Piece>) {
    let (s, t): (Vec<char>, Vec<char>) = (source.chars().collect(), target.chars().collect());
    let before = s.iter().zip(&t).take_while(|(a, b)| a == b).count();
    let after = s[before..].iter().rev().zip(t[before..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&s[before..s.len() - after], &t[before..t.len() - after]);
    let (mut left, mut right) = (Pieces::default(), Pieces::default());
    left.push(&s[..before], false);
    right.push(&t[..before], false);
    let (mut i, mut j) = (0, 0);
    for (at, in_other, length) in shared(a, b).into_iter().filter(|(_, _, length)| *length >= SHARED) {
        left.push(&a[i..at], true);
        right.push(&b[j..in_other], true);
        left.push(&a[at..at + length], false);
        right.push(&b[in_other..in_other + length], false);
        (i, j) = (at + length, in_other + length);
    }
    left.push(&a[i..], true);
    right.push(&b[j..], true);
    left.push(&s[s.len() - after..], false);
    right.push(&t[t.len() - after..], false);
    (left.0, right.0)
}

/// A text without marks.
pub fn unmarked(text: String) -> Vec<Piece> {
    vec![Piece { text, marked: false }]
}

/// A text that has nothing in common with the other one.
pub fn marked(text: String) -> Vec<Piece> {
    vec![Piece { text, marked: true }]
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn push(&mut self, chars: &[char], marked: bool) {
        match self.0.last_mut() {
            _ if chars.is_empty() => {}
            Some(last) if last.marked == marked => last.text.extend(chars),
            _ => self.0.push(Piece { text: chars.iter().collect(), marked }),
        }
    }
}

/// The longest common subsequence, as runs: where in `a`, where in `b`, how long.
fn shared(a: &[char], b: &[char]) -> Vec<(usize, usize, usize)> {
    if a.is_empty() || b.is_empty() || a.len().saturating_mul(b.len()) > SEARCHED {
        return Vec::new();
    }
    let wide = b.len() + 1;
    // Of what begins at each pair of places.
    let mut longest = vec![0u32; (a.len() + 1) * wide];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * wide + j] = match a[i] == b[j] {
                true => longest[(i + 1) * wide + j + 1] + 1,
                false => longest[(i + 1) * wide + j].max(longest[i * wide + j + 1]),
            };
        }
    }
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            match runs.last_mut() {
                Some((at, other, length)) if *at + *length == i && *other + *length == j => *length += 1,
                _ => runs.push((i, j, 1)),
            }
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * wide + j] >= longest[i * wide + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12.5[0]`
    fn shown(source: &str, target: &str) -> (String, String) {
        let (s, t) = marks(source, target);
        let text = |pieces: Vec<Piece>| {
            pieces.into_iter().map(|p| if p.marked { format!("[{}]", p.text) } else { p.text }).collect::<String>()
        };
        (text(s), text(t))
    }

    #[rstest::rstest]
    #[case("12.50", "12.51", "12.5[0]", "12.5[1]")]
    #[case("'open'", "NULL", "['open']", "[NULL]")]
    #[case("'ab'", "'ab '", "'ab'", "'ab[ ]'")]
    #[case("'Petra Nováková'", "'PETRA NOVAK'", "'P[etra Nováková]'", "'P[ETRA NOVAK]'")]
    #[case(
        "'12 Main Street, Apt 4'",
        "'14 Main Street, Flat 4'",
        "'1[2] Main Street, [Ap]t 4'",
        "'1[4] Main Street, [Fla]t 4'"
    )]
    #[case("same", "same", "same", "same")]
    #[case("aaaa", "aaa", "aaa[a]", "aaa")]
    fn differences_are_marked(#[case] source: &str, #[case] target: &str, #[case] s: &str, #[case] t: &str) {
        assert_eq!(shown(source, target), (s.to_string(), t.to_string()));
    }

    /// Whatever is marked, nothing of a text is lost, and what is not marked is the same on both sides.
    #[test]
    fn nothing_is_lost() {
        let mut random = 7u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        for _ in 0..500 {
            let mut text = || (0..next(30)).map(|_| ['a', 'b', 'é', '東'][next(4) as usize]).collect::<String>();
            let (source, target) = (text(), text());
            let (s, t) = marks(&source, &target);
            let whole = |pieces: &[Piece]| pieces.iter().map(|p| p.text.as_str()).collect::<String>();
            let same =
                |pieces: &[Piece]| pieces.iter().filter(|p| !p.marked).map(|p| p.text.as_str()).collect::<String>();
            assert_eq!((whole(&s), whole(&t)), (source, target));
            assert_eq!(same(&s), same(&t));
        }
    }
}
