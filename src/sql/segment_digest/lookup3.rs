//! Bob Jenkins' lookup3 as PostgreSQL has it: `hash_bytes_extended` of src/common/hashfn.c, behind `hashtextextended`. It reads
//! words little endian.

/// 64 bits of `bytes`.
pub fn hash(bytes: &[u8], seed: u64) -> u64 {
    let start = 0x9e37_79b9_u32.wrapping_add(bytes.len() as u32).wrapping_add(3_923_095);
    let mut state = [start; 3];
    if seed != 0 {
        state[0] = state[0].wrapping_add((seed >> 32) as u32);
        state[1] = state[1].wrapping_add(seed as u32);
        mix(&mut state);
    }
    let mut blocks = bytes.chunks_exact(12);
    for block in &mut blocks {
        add(&mut state, block, 0);
        mix(&mut state);
    }
    // The lowest byte of the last word is kept for the length.
    add(&mut state, blocks.remainder(), 8);
    end(&mut state);
    u64::from(state[1]) << 32 | u64::from(state[2])
}

/// Adds up to twelve bytes, four to a word; those of the last word begin at bit `last`.
fn add(state: &mut [u32; 3], bytes: &[u8], last: u32) {
    for (word, bytes) in bytes.chunks(4).enumerate() {
        let mut four = [0; 4];
        four[..bytes.len()].copy_from_slice(bytes);
        let value = u32::from_le_bytes(four);
        let value = if word == 2 { value << last } else { value };
        state[word] = state[word].wrapping_add(value);
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    macro_rules! step {
        ($x:ident, $y:ident, $z:ident, $rotate:literal) => {
            *$x = $x.wrapping_sub(*$z) ^ $z.rotate_left($rotate);
            *$z = $z.wrapping_add(*$y);
        };
    }
    step!(a, b, c, 4);
    step!(b, c, a, 6);
    step!(c, a, b, 8);
    step!(a, b, c, 16);
    step!(b, c, a, 19);
    step!(c, a, b, 4);
}

fn end([a, b, c]: &mut [u32; 3]) {
    macro_rules! step {
        ($x:ident, $y:ident, $rotate:literal) => {
            *$x = (*$x ^ *$y).wrapping_sub($y.rotate_left($rotate));
        };
    }
    step!(c, b, 14);
    step!(a, c, 11);
    step!(b, a, 25);
    step!(c, b, 16);
    step!(a, c, 4);
    step!(b, a, 14);
    step!(c, b, 24);
}

#[cfg(test)]
mod tests {
    use super::*;
    #[rstest::rstest]
    #[case("", 0, -6939563903564495251)]
    #[case("", 1, -150071773020461347)]
    #[case("a", 0, 3591986179850072241)]
    #[case("a", 1, 3325245193489759299)]
    #[case("abcd", 2, -3206633111849292621)]
    #[case("abcdefg", 1, 8893296306369806751)]
    #[case("abcdefgh", 1, -996835456672934620)]
    #[case("abcdefghi", 1, 5773402991589158274)]
    #[case("abcdefghijk", 2, 8131472318715735770)]
    #[case("abcdefghijkl", 1, -6429754808531195817)]
    #[case("abcdefghijklm", 1, 3808842878744369845)]
    #[case("The quick brown fox jumps over the lazy dog", 1, 6385648752505156361)]
    #[case("The quick brown fox jumps over the lazy dog", -5000000000, 2940380362292595240)]
    fn as_postgresql_computes_it(#[case] text: &str, #[case] seed: i64, #[case] expected: i64) {
        assert_eq!(hash(text.as_bytes(), seed as u64) as i64, expected);
    }
}
