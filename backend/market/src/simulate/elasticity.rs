//! How much demand follows a price: (new ÷ old)^(−e), in integers.
//!
//! The power is floored to millionths by comparing whole numbers: k is the greatest with
//! k^100 × new^h ≤ old^h × 10^600, h being hundredths of e. No float, so the same on any machine.
use num_bigint::BigUint;

/// A whole, in millionths.
pub const WHOLE: i64 = 1_000_000;
/// Demand is taken to grow at most tenfold: a price near nothing would ask for everything else.
const MOST: i64 = 10 * WHOLE;
/// The largest elasticity that may be asked for, in hundredths.
pub const MOST_HUNDREDTHS: u32 = 300;

/// The factor on demand in millionths when the price goes from `old` to `new` (any common unit).
pub fn factor(old: i64, new: i64, hundredths: u32) -> i64 {
    if hundredths == 0 || old == new {
        return WHOLE;
    }
    let whole = |n: i64| BigUint::from(n.max(0).unsigned_abs());
    let right = whole(old).pow(hundredths) * whole(WHOLE).pow(100);
    let left = whole(new).pow(hundredths);
    let holds = |k: i64| whole(k).pow(100) * &left <= right;
    let (mut least, mut beyond) = (0, MOST + 1);
    while beyond - least > 1 {
        let middle = least + (beyond - least) / 2;
        if holds(middle) { least = middle } else { beyond = middle }
    }
    least
}

/// `quantity` × `factor`, rounded down.
pub fn scaled(quantity: i64, factor: i64) -> i64 {
    i64::try_from(i128::from(quantity) * i128::from(factor) / i128::from(WHOLE)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_falls_with_the_price_as_the_elasticity_says() {
        assert_eq!(factor(100, 100, 100), WHOLE);
        assert_eq!(factor(100, 200, 0), WHOLE);
        // Elasticity 1: what is spent stays the same.
        assert_eq!(factor(100, 200, 100), 500_000);
        assert_eq!(factor(200, 100, 100), 2_000_000);
        // 2^(-0.2) = 0.870550563…
        assert_eq!(factor(100, 200, 20), 870_550);
        assert_eq!(factor(1, 4, 50), 500_000);
        assert_eq!(factor(1, 0, 100), MOST);
        assert_eq!(factor(0, 1, 100), 0);
        assert_eq!(scaled(1001, 500_000), 500);
    }
}
