//! Which of 64 bytes are equal to a given one, as one bit a byte. Written so that the compiler makes vector instructions
//! of it on every processor, without `unsafe`.

pub(super) const LANES: usize = 64;

pub(super) type Chunk = [u8; LANES];

/// Which bit marks a byte: the number of its eight.
const MARKS: Chunk = {
    let mut marks = [0; LANES];
    let mut n = 0;
    while n < LANES {
        marks[n] = 1 << (n / 8);
        n += 1;
    }
    marks
};

/// Bit `n` is set where byte `n` is `byte`.
#[inline(always)]
pub(super) fn equal(chunk: &Chunk, byte: u8) -> u64 {
    let mut marked = [0; LANES];
    for ((flag, other), mark) in marked.iter_mut().zip(chunk).zip(&MARKS) {
        *flag = if *other == byte { *mark } else { 0 };
    }
    transposed(words(&marked).iter().fold(0, |all, word| all | word))
}

/// Bit `n` of byte `m` becomes bit `m` of byte `n` (Hacker's Delight, 7-3).
#[inline(always)]
fn transposed(bits: u64) -> u64 {
    let swap = |bits: u64, shift: u32, mask: u64| {
        let differ = (bits ^ (bits >> shift)) & mask;
        bits ^ differ ^ (differ << shift)
    };
    let bits = swap(bits, 7, 0x00aa_00aa_00aa_00aa);
    let bits = swap(bits, 14, 0x0000_cccc_0000_cccc);
    swap(bits, 28, 0x0000_0000_f0f0_f0f0)
}

/// Whether any of the bytes is one of the two.
#[inline(always)]
pub(super) fn holds(chunk: &Chunk, one: u8, two: u8) -> bool {
    let mut flags = [0; LANES];
    for (flag, other) in flags.iter_mut().zip(chunk) {
        *flag = u8::from(*other == one) | u8::from(*other == two);
    }
    words(&flags).iter().fold(0, |any, word| any | word) != 0
}

/// Bit `n` is set where an odd number of the bits up to and with `n` are.
#[inline]
pub(super) fn odd(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[inline(always)]
fn words(bytes: &Chunk) -> [u64; 8] {
    let (eights, _) = bytes.as_chunks::<8>();
    let mut words = [0; 8];
    for (word, eight) in words.iter_mut().zip(eights) {
        *word = u64::from_le_bytes(*eight);
    }
    words
}

/// The positions of the bits that are set, from one on.
pub(super) struct Bits<'a> {
    words: &'a [u64],
    word: usize,
    left: u64,
}

impl<'a> Bits<'a> {
    #[inline]
    pub(super) fn from(words: &'a [u64], position: usize) -> Self {
        let word = position / LANES;
        Self { words, word, left: words.get(word).map_or(0, |bits| bits & (!0 << (position % LANES))) }
    }
}

impl Iterator for Bits<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            self.word += 1;
            self.left = *self.words.get(self.word)?;
        }
        let bit = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(self.word * LANES + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_those_of_a_plain_loop() {
        let mut state = 1u64;
        for _ in 0..500 {
            let chunk: Chunk = std::array::from_fn(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                b",;\n\xac"[(state >> 60) as usize % 4]
            });
            let plain: u64 = (0..LANES).filter(|n| chunk[*n] == b',').map(|n| 1 << n).sum();
            assert_eq!(equal(&chunk, b','), plain);
            assert_eq!(holds(&chunk, b',', b'x'), plain != 0);
            let odds: u64 = (0..LANES).filter(|n| (plain << (63 - n)).count_ones() % 2 == 1).map(|n| 1 << n).sum();
            assert_eq!(odd(plain), odds);
            let bits: Vec<usize> = (70..192).filter(|n| plain >> (n % 64) & 1 == 1).collect();
            assert_eq!(Bits::from(&[plain; 3], 70).collect::<Vec<_>>(), bits);
        }
        assert!(!holds(&[b'a'; LANES], b',', b'x'));
    }
}
