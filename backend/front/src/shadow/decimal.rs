//! Numbers of JSON as decimals: exact at any length, without a float.
use num_bigint::BigUint;

/// `digits × 10^exponent`, negated if `negative`. The digits have no zero at either end; zero has none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// Numbers with more digits are near only what they are equal to: to subtract them takes too long.
const MOST_DIGITS: usize = 1_000;
/// Numbers whose sizes are further apart, in powers of ten, differ by more than any tolerance below 1,000,000 parts.
const MOST_ORDERS: i64 = 7;

impl Decimal {
    /// Reads a number by the grammar of JSON; nothing where it is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
        if !is_digits(whole) || leads_with_zero || !fraction.is_none_or(is_digits) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let short = digits.trim_end_matches('0');
        if short.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let zeros = i64::try_from(digits.len() - short.len()).ok()?;
        let exponent = exponent.checked_add(zeros)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        Some(Self { negative, digits: short.to_owned(), exponent })
    }

    /// Whether this differs from `original` by at most so many millionths of it.
    pub(crate) fn is_near(&self, original: &Self, parts_per_million: u32) -> bool {
        if self == original {
            return true;
        }
        let apart = self.order().saturating_sub(original.order()).saturating_abs();
        let is_long = self.digits.len().max(original.digits.len()) > MOST_DIGITS;
        if self.negative != original.negative || self.is_zero() || original.is_zero() || is_long || apart > MOST_ORDERS
        {
            return false;
        }
        let least = self.exponent.min(original.exponent);
        let (Some(here), Some(there)) = (self.units(least), original.units(least)) else {
            return false;
        };
        let difference = if here > there { here - &there } else { &there - here };
        difference * 1_000_000u32 <= there * parts_per_million
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// The power of ten just above the number.
    fn order(&self) -> i64 {
        self.exponent.saturating_add(i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
    }

    /// The size in units of `10^least`.
    fn units(&self, least: i64) -> Option<BigUint> {
        let zeros = u32::try_from(self.exponent.checked_sub(least)?).ok()?;
        let digits = BigUint::parse_bytes(self.digits.as_bytes(), 10)?;
        Some(digits * BigUint::from(10u32).pow(zeros))
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_digits(digits) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(copy: &str, original: &str, parts: u32) -> Option<bool> {
        Some(Decimal::read(copy)?.is_near(&Decimal::read(original)?, parts))
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        for (one, other) in [("1", "1.0"), ("100", "1e2"), ("-0", "0.00"), ("0.5", "5E-1"), ("10e-1", "1e+0")] {
            assert_eq!(near(one, other, 0), Some(true), "{one} {other}");
        }
        let long = ["123456789012345678901234567890", "123456789012345678901234567891"];
        assert_eq!(near(long[0], long[1], 0), Some(false));
        assert_eq!(near(long[0], long[1], 1), Some(true));
        assert_eq!(near("1", "-1", 999_999), Some(false));
    }

    #[test]
    fn a_number_at_the_bound_is_near_and_beyond_is_not() {
        assert_eq!(near("1000001", "1000000", 1), Some(true));
        assert_eq!(near("1000001.0001", "1000000", 1), Some(false));
        assert_eq!(near("0.99", "1", 10_000), Some(true));
        assert_eq!(near("0.9899", "1", 10_000), Some(false));
        assert_eq!(near("0", "1", 999_999), Some(false));
        assert_eq!(near("1e-9", "0", 999_999), Some(false));
    }

    #[test]
    fn numbers_of_immense_size_take_no_time() {
        assert_eq!(near("1e999999999999", "1", 10), Some(false));
        assert_eq!(near("2e999999999999", "2000000e999999999993", 0), Some(true));
        assert_eq!(near("1", "1e99999999999999999999", 0), None);
        assert_eq!(near(&"7".repeat(2_000), &"7".repeat(2_001), 999_999), Some(false));
    }

    #[test]
    fn text_that_is_no_number_is_refused() {
        for text in ["", "-", "01", "1.", ".5", "+1", "1e", "1e+", "0x1", "1_0", "NaN", "1e5.0", "--1"] {
            assert_eq!(Decimal::read(text), None, "{text}");
        }
    }
}
