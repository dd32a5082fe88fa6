//! How much of a relation between cells is chance, and how much more makes a cause: the one threshold that all causes pass.
//!
//! A relation that holds in `rows` of `of` cells is a cause only if chance alone would hardly give as many. Where `e` are expected, the
//! count is about Poisson's, and by Chernoff's bound `k` rows or more come about with a probability of at most
//! `exp(-(k ln(k / e) - k + e))`: it must be below [`ODDS`]. And it must be twice as many as expected.

/// One in a billion: so many relations of so many columns are tried, in so many runs, that one in a million would be met.
pub const ODDS: f64 = 1e9;

/// What is expected of a group, to be believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The share of the cells that chance alone gives.
    pub chance: f64,
    /// Rows that it has at least.
    pub rows: u64,
    /// The share of the cells that it has at least.
    pub share: f64,
}

impl Bar {
    /// For relations that two unrelated values do not have, like the same text in other case.
    pub const EVIDENT: Bar = Bar { chance: 0.0, rows: 3, share: 0.0 };
    /// For those with a constant that was looked for, which some value always fits best.
    pub const FITTED: Bar = Bar { chance: 0.0, rows: 5, share: 0.01 };

    /// The same where chance gives as much as this, or more.
    pub fn above(self, chance: f64) -> Self {
        Self { chance: self.chance.max(chance), ..self }
    }

    /// Whether `rows` of `of` are more than chance gives.
    pub fn is_passed(&self, rows: u64, of: u64) -> bool {
        let (rows_found, of) = (rows as f64, of as f64);
        let expected = self.chance * of;
        rows >= self.rows
            && rows_found >= self.share * of
            && rows_found >= 2.0 * expected
            && (expected == 0.0 || rows_found * (rows_found / expected).ln() - rows_found + expected >= ODDS.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_chance_gives() {
        assert!(Bar::EVIDENT.is_passed(3, 1_000_000));
        assert!(!Bar::EVIDENT.is_passed(2, 2));
        assert!(Bar::FITTED.is_passed(10, 1000) && !Bar::FITTED.is_passed(9, 1000) && !Bar::FITTED.is_passed(4, 4));
        // Where one is expected, 13 are one in a billion; where 1000 are, twice as many is the greater demand.
        let bar = |expected: f64| Bar::FITTED.above(expected / 10_000.0);
        assert!(!bar(1.0).is_passed(12, 10_000));
        assert!((1..100).filter(|rows| Bar { share: 0.0, ..bar(1.0) }.is_passed(*rows, 10_000)).min() == Some(13));
        assert!(bar(1000.0).is_passed(2000, 10_000) && !bar(1000.0).is_passed(1999, 10_000));
        assert_eq!(bar(5.0).above(0.0001), bar(5.0));
    }
}
