//! How much of a relation between cells is chance, and how much more makes a cause: the one threshold that all causes pass.
//!
//! A relation that holds in `rows` of `of` cells is a cause only if, where chance alone would give `expected` rows,
//! `rows >= 2 * expected + 5 * sqrt(expected)`: twice as many, and five standard deviations of a count beyond that.

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
        rows >= self.rows && rows_found >= self.share * of && rows_found >= 2.0 * expected + 5.0 * expected.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_chance_and_five_deviations_more() {
        assert!(Bar::EVIDENT.is_passed(3, 1_000_000));
        assert!(!Bar::EVIDENT.is_passed(2, 2));
        assert!(Bar::FITTED.is_passed(10, 1000) && !Bar::FITTED.is_passed(9, 1000) && !Bar::FITTED.is_passed(4, 4));
        // Of 10,000, chance gives 100: 200 and five times ten.
        let bar = Bar::FITTED.above(0.01);
        assert!(bar.is_passed(250, 10_000) && !bar.is_passed(249, 10_000));
        assert_eq!(bar.above(0.001), bar);
    }
}
