//! Money and prices as the API writes them, without floats.

/// A decimal text in units of its last of `digits` digits: `"1.5"` with 6 is 1,500,000.
pub fn units(text: &str, digits: usize) -> Option<i128> {
    let (negative, plain) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let padded = format!("{fraction:0<digits$}");
    if whole.is_empty() || padded.len() > digits {
        return None;
    }
    let value: i128 = format!("{whole}{padded}").parse().ok()?;
    Some(if negative { -value } else { value })
}

/// Micro-credits of a JSON member.
pub fn micro(value: &serde_json::Value) -> i128 {
    value.as_str().and_then(|text| units(text, 6)).unwrap_or(i128::MIN / 2)
}

/// Nano-credits of a price in a JSON member.
pub fn nano(value: &serde_json::Value) -> i128 {
    value.as_str().and_then(|text| units(text, 9)).unwrap_or(i128::MIN / 2)
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn decimal_texts_are_exact() {
        assert_eq!(units("12.500000", 6), Some(12_500_000));
        assert_eq!(units("-0.000001", 6), Some(-1));
        assert_eq!(units("7", 6), Some(7_000_000));
        assert_eq!(units("0.0000001", 6), None);
    }
}
