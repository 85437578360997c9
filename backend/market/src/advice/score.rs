//! The Resource Optimization Score: does a workload pay for more than it gets where it is, and would
//! it get more for its money in another tier?
//!
//! ```text
//! ROS = predicted demand × current cost − current performance × weight
//! ```
//!
//! Units: demand and performance are base units, cost and weight nano-credits per base unit and slot,
//! the score nano-credits a slot, exact in 128 bits. Performance is what is there of the demand,
//! times the speed of the tier in thousandths. The weight is the home pool's price: a unit of
//! performance is worth what it costs at home. So a workload that has what it needs in a
//! general-purpose pool scores 0; above 0 it pays for what it does not get, and the lowest score is
//! the best place. Source: concept note 8694400.
use crate::pool::{Node, Pool, Tier};
use crate::units::{Credits, Price};

/// Scores above this ask for another tier.
pub const THRESHOLD_NANO: i128 = 0;
/// A node's own speed in thousandths of a general-purpose unit, where its admin has measured it.
pub const PERFORMANCE_PROPERTY: &str = "performance_millis";

/// ROS of one resource in nano-credits a slot.
pub fn resource_optimization_score(
    predicted_demand: i64,
    current_cost: Price,
    current_performance: i64,
    optimization_weight: Price,
) -> i128 {
    let product = |units: i64, price: Price| i128::from(units) * i128::from(price.units());
    product(predicted_demand, current_cost) - product(current_performance, optimization_weight)
}

/// What `available` base units do for a demand, at a speed in thousandths. More than the demand does
/// nothing.
pub fn performance(available: i64, predicted_demand: i64, speed_millis: i64) -> i64 {
    let useful = i128::from(available.min(predicted_demand).max(0));
    i64::try_from(useful * i128::from(speed_millis) / 1000).unwrap_or(i64::MAX)
}

/// The speed of a pool in thousandths: the slowest measured node, or what its tier stands for.
pub fn speed_millis<'a>(pool: &Pool, nodes: impl Iterator<Item = &'a Node>) -> i64 {
    let measured = nodes.filter(|n| n.pool == pool.slug).filter_map(|n| n.properties.get(PERFORMANCE_PROPERTY));
    measured.copied().filter(|speed| *speed > 0).min().unwrap_or(match pool.tier {
        Tier::HighPerformance => 1250,
        Tier::GeneralPurpose => 1000,
        Tier::LowPriority => 750,
    })
}

/// A score as money, rounded down.
pub fn as_credits(score_nano: i128) -> Credits {
    let micro = score_nano.div_euclid(1000);
    Credits::from_units(i64::try_from(micro).unwrap_or(if micro < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let price = Price::from_units;
        // 2,000 millicores at 900 nano-credits, all of them there, worth 900 each.
        assert_eq!(resource_optimization_score(2_000, price(900), 2_000, price(900)), 0);
        // Half of them are missing: it pays 1,800,000 in need and gets 900,000 of it.
        assert_eq!(resource_optimization_score(2_000, price(900), 1_000, price(900)), 900_000);
        // A faster tier: 2,000 × 1,440 − 2,500 × 900 = 630,000; a slower: 2,000 × 540 − 1,500 × 900.
        assert_eq!(performance(9_000, 2_000, 1_250), 2_500);
        assert_eq!(resource_optimization_score(2_000, price(1_440), 2_500, price(900)), 630_000);
        assert_eq!(performance(2_000, 2_000, 750), 1_500);
        assert_eq!(resource_optimization_score(2_000, price(540), 1_500, price(900)), -270_000);
        let large = resource_optimization_score(i64::MAX, price(i64::MAX), 0, price(1));
        assert_eq!(large, i128::from(i64::MAX) * i128::from(i64::MAX));
        assert_eq!(as_credits(large).units(), i64::MAX);
        assert_eq!(as_credits(-270_001).units(), -271);
    }

    #[test]
    fn what_is_not_needed_does_nothing() {
        assert_eq!(performance(500, 100, 1000), 100);
        assert_eq!(performance(-5, 100, 1000), 0);
    }
}
