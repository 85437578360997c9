//! What a shortage cost means at a price: the newsvendor's critical ratio and its inverse.
//!
//! A unit is worth buying as long as shortage cost × P(needed) is at least its price, so cover ends at
//! the level 1 − price ÷ shortage cost. Exact integers; the level is rounded down and the cost up, so that
//! the cost that is named for a level carries it.
use crate::units::{Price, Share};

const WHOLE: i64 = 1_000_000;
/// No forecast is certain, so no level is 1, however cheap the unit.
const HIGHEST: i64 = WHOLE - 1;

/// The level up to which cover is worth its price.
pub fn implied_level(price: Price, shortage_cost: Price) -> Share {
    let (price, cost) = (i128::from(price.units()), i128::from(shortage_cost.units()));
    if cost <= 0 || price >= cost {
        return Share::ZERO;
    }
    let level = (cost - price.max(0)) * i128::from(WHOLE) / cost;
    Share::from_units(i64::try_from(level).unwrap_or(HIGHEST).min(HIGHEST))
}

/// The least shortage cost at which cover up to `level` is worth this price; `None` where no price can be
/// so high.
pub fn carrying_cost(price: Price, level: Share) -> Option<Price> {
    let missing = i128::from(WHOLE - level.units());
    if missing <= 0 {
        return None;
    }
    let price = i128::from(price.units().max(0)) * i128::from(WHOLE);
    i64::try_from((price + missing - 1) / missing).ok().map(Price::from_units)
}

/// Whether a level can be promised: more than never and less than always.
pub fn can_be_promised(level: Share) -> bool {
    level > Share::ZERO && level < Share::from_units(WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn level(price: i64, cost: i64) -> i64 {
        implied_level(Price::from_units(price), Price::from_units(cost)).units()
    }

    #[test]
    fn the_level_is_what_the_price_leaves_of_the_cost() {
        assert_eq!(level(1_000, 4_000), 750_000);
        assert_eq!(level(1_000, 3_000), 666_666, "rounded down");
        assert_eq!((level(4_000, 4_000), level(9_000, 4_000), level(0, 0)), (0, 0, 0));
        assert_eq!(level(0, 4_000), 999_999, "free cover is not certainty");
        let cost = |price, level| carrying_cost(Price::from_units(price), Share::from_units(level));
        assert_eq!(cost(1_000, 750_000), Some(Price::from_units(4_000)));
        assert_eq!(cost(1_000, 1_000_000), None);
        assert_eq!(cost(i64::MAX, 500_000), None);
    }

    proptest! {
        #[test]
        fn the_carrying_cost_carries_and_the_next_lower_one_does_not(
            price in 1_i64..1_000_000_000_000,
            wanted in 1_i64..WHOLE,
        ) {
            let wanted_level = Share::from_units(wanted);
            let cost = carrying_cost(Price::from_units(price), wanted_level).expect("far from overflow").units();
            prop_assert!(level(price, cost) >= wanted);
            prop_assert!(level(price, cost - 1) < wanted);
        }
    }
}
