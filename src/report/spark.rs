//! A few counts as a line of signs, each as high as its count.

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// Unicode's blocks of eight heights.
    Blocks,
    Ascii,
}

impl Signs {
    /// From nothing to the most.
    fn heights(self) -> [char; 8] {
        match self {
            Signs::Blocks => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Signs::Ascii => ['_', '.', ':', '-', '=', '+', '*', '#'],
        }
    }

    /// Stands for what is not known.
    fn gap(self) -> char {
        match self {
            Signs::Blocks => '·',
            Signs::Ascii => '?',
        }
    }
}

/// The lowest sign is nothing, and only nothing; the highest is the greatest count.
pub fn spark(counts: &[Option<u64>], signs: Signs) -> String {
    let heights = signs.heights();
    let most = counts.iter().flatten().copied().max().unwrap_or(0);
    let height = |n: u64| match n {
        0 => heights[0],
        // 1 to 7, by the share in the most, rounded up.
        n => heights[(u128::from(n) * 7).div_ceil(u128::from(most.max(1))) as usize],
    };
    counts.iter().map(|count| count.map_or(signs.gap(), height)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_heights() {
        let counts = [Some(0), Some(1), None, Some(3), Some(7), Some(4)];
        assert_eq!(spark(&counts, Signs::Blocks), "▁▂·▄█▅");
        assert_eq!(spark(&counts, Signs::Ascii), "_.?-#=");
        assert_eq!(spark(&[Some(0), Some(0)], Signs::Blocks), "▁▁");
        assert_eq!(spark(&[Some(1), Some(u64::MAX)], Signs::Blocks), "▂█");
        assert_eq!(spark(&[], Signs::Blocks), "");
    }
}
