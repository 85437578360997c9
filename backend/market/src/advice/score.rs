//! The Resource Optimization Score: does a workload's need cost more than what it gets is worth, where
//! it is and in another tier?
//!
//! ```text
//! ROS = predicted demand × current cost − current performance × weight
//! ```
//!
//! Units: demand and performance are base units, cost and weight nano-credits per base unit and slot,
//! the score nano-credits a slot, exact in 128 bits. Performance is what is there of the demand, times
//! the measured speed of the place relative to home's. The weight is the home pool's price: a unit of
//! performance is worth what it costs at home. So a workload that has what it needs in its own pool
//! scores 0, whatever its tier; above 0 the need costs more than what it gets is worth, and the lowest
//! score is the best place. Where a speed is not measured there is no score: a tier's name is not
//! taken for a speed. Source: concept note 8694400.
use crate::records::pool::{Node, Pool};
use crate::units::{Credits, Price};

/// Scores above this ask for another tier.
pub const THRESHOLD_NANO: i128 = 0;
/// A node's own speed, in thousandths of any unit that all nodes of the market are measured in.
pub const PERFORMANCE_PROPERTY: &str = "performance_millis";

/// How fast a place is beside home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    pub there: i64,
    pub at_home: i64,
}

impl Speed {
    /// At home nothing has to be measured.
    pub const HOME: Self = Self { there: 1, at_home: 1 };
}

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

/// What `available` base units do for a demand, in units at home. More than the demand does nothing.
pub fn performance(available: i64, predicted_demand: i64, speed: Speed) -> i64 {
    let useful = i128::from(available.min(predicted_demand).max(0));
    i64::try_from(useful * i128::from(speed.there) / i128::from(speed.at_home)).unwrap_or(i64::MAX)
}

/// The measured speed of a pool: that of its slowest node. `None` unless each of its nodes is measured.
pub fn measured_speed<'a>(pool: &Pool, nodes: impl Iterator<Item = &'a Node>) -> Option<i64> {
    let speed = |node: &Node| node.properties.get(PERFORMANCE_PROPERTY).copied().filter(|speed| *speed > 0);
    let speeds: Option<Vec<i64>> = nodes.filter(|n| n.pool == pool.slug).map(speed).collect();
    speeds?.into_iter().min()
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
        // A faster place: 2,000 × 1,440 − 2,500 × 900 = 630,000; a slower: 2,000 × 540 − 1,500 × 900.
        let at = |there: i64| Speed { there, at_home: 1_000 };
        assert_eq!(performance(9_000, 2_000, at(1_250)), 2_500);
        assert_eq!(resource_optimization_score(2_000, price(1_440), 2_500, price(900)), 630_000);
        assert_eq!(performance(2_000, 2_000, at(750)), 1_500);
        assert_eq!(resource_optimization_score(2_000, price(540), 1_500, price(900)), -270_000);
        let large = resource_optimization_score(i64::MAX, price(i64::MAX), 0, price(1));
        assert_eq!(large, i128::from(i64::MAX) * i128::from(i64::MAX));
        assert_eq!(as_credits(large).units(), i64::MAX);
        assert_eq!(as_credits(-270_001).units(), -271);
    }

    #[test]
    fn what_is_not_needed_does_nothing() {
        assert_eq!(performance(500, 100, Speed::HOME), 100);
        assert_eq!(performance(-5, 100, Speed::HOME), 0);
    }
}
