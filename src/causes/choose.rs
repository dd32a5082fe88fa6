//! Which candidates are causes: in the order of what they say, then of what they explain, each by the rows that none before it has.

use crate::causes::candidate::Candidate;
use crate::causes::tally::{Mask, Tally};

/// A candidate that is a cause.
pub struct Chosen {
    pub at: usize,
    pub rows: u64,
    /// Candidates that went before it, and hold for some of the same cells.
    pub before: Vec<usize>,
}

/// `of`: how many divergences a candidate could explain. A candidate belongs to one group, or, if it is of several columns, to all of
/// theirs, and to the group of all such: the first.
pub fn choose(candidates: &[Candidate], tally: &Tally, of: impl Fn(&Candidate) -> u64) -> Vec<Chosen> {
    let mut chosen: Vec<Chosen> = Vec::new();
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    while let Some(rank) = left.iter().map(|at| candidates[*at].rank).min() {
        let standing = left.iter().filter(|at| candidates[**at].rank == rank);
        let counted = standing.map(|at| (rows_left(*at, candidates, tally, &chosen), *at));
        // Of those that explain as much, the first.
        let Some((rows, at)) = counted.max_by_key(|(rows, at)| (*rows, std::cmp::Reverse(*at))) else { break };
        left.retain(|other| *other != at);
        if !candidates[at].bar.is_passed(rows, of(&candidates[at])) {
            continue;
        }
        let before = before(at, candidates, tally, &chosen);
        chosen.push(Chosen { at, rows, before });
    }
    chosen
}

/// The group in which a candidate meets all that it could share cells with.
fn group_of(at: usize, tally: &Tally) -> Option<(usize, Mask)> {
    let place = |group: &Vec<usize>| group.iter().position(|other| *other == at);
    tally.groups.iter().enumerate().find_map(|(group, members)| Some((group, 1 << place(members)?)))
}

/// Of the chosen ones, those that are in this group and share a column with the candidate.
fn rivals(at: usize, group: usize, candidates: &[Candidate], tally: &Tally, chosen: &[Chosen]) -> Vec<(usize, Mask)> {
    let shares = |other: &usize| {
        let (one, other) = (&candidates[at], &candidates[*other]);
        one.pairs.is_empty() || one.pairs.iter().any(|pair| other.pairs.contains(pair))
    };
    let members = tally.groups[group].iter().enumerate();
    members
        .filter(|(_, other)| chosen.iter().any(|one| one.at == **other) && shares(other))
        .map(|(bit, other)| (*other, 1 << bit))
        .collect()
}

fn rows_left(at: usize, candidates: &[Candidate], tally: &Tally, chosen: &[Chosen]) -> u64 {
    let Some((group, own)) = group_of(at, tally) else { return 0 };
    let taken = rivals(at, group, candidates, tally, chosen).into_iter().fold(0, |taken, (_, mask)| taken | mask);
    tally.count(group, own, taken)
}

fn before(at: usize, candidates: &[Candidate], tally: &Tally, chosen: &[Chosen]) -> Vec<usize> {
    let Some((group, own)) = group_of(at, tally) else { return Vec::new() };
    let rivals = rivals(at, group, candidates, tally, chosen);
    rivals.into_iter().filter(|(_, mask)| tally.count(group, own | mask, 0) > 0).map(|(other, _)| other).collect()
}
