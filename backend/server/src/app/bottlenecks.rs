//! `identifyBottlenecks` of the concept: which pools will probably run short of what, and when.
//!
//! A pool's demand is the sum of its workloads' forecasts, taken as independent and close to normal.
//! It is held against two capacities: what the pool's nodes have in all (beyond that nobody can be
//! served), and what is in force for its workloads (beyond that somebody has to buy).
use crate::workers::forecasts::SeriesForecast;
use headroom_market::ids::InstanceId;
use headroom_market::pool::NodeState;
use headroom_market::state::State;
use headroom_market::time::Slot;
use headroom_market::units::{Resource, amount};
use headroom_market::workload::InstanceState;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A resource of a pool in one slot, with the chance that it will not suffice.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Bottleneck {
    pub pool: String,
    pub resource: Resource,
    pub slot: Slot,
    /// Chance that the demand exceeds what the pool's nodes have.
    pub probability: f64,
    /// Chance that it exceeds what its workloads have in force.
    pub probability_above_in_force: f64,
    /// Base units: mean and 90 % quantile of the demand.
    pub mean: f64,
    pub high: f64,
    /// Base units of all nodes that are up, and of the limits in force.
    pub capacity: i64,
    pub in_force: i64,
    /// What the 90 % quantile lacks of the capacity.
    pub short_by: i64,
    pub workloads: usize,
}

/// What the market has of each pool, to hold the forecasts against.
pub struct PoolSupply {
    capacity: BTreeMap<(String, Resource), i64>,
    /// Pool and limits in force of what runs.
    pub workloads: BTreeMap<InstanceId, (String, headroom_market::units::Amounts)>,
}

impl PoolSupply {
    pub fn of(state: &State) -> Self {
        let mut capacity = BTreeMap::new();
        for node in state.nodes.values().filter(|n| n.state == NodeState::Up) {
            for (resource, quantity) in &node.capacity {
                *capacity.entry((node.pool.clone(), *resource)).or_default() += quantity;
            }
        }
        let running = state.instances.values().filter(|i| i.state == InstanceState::Running);
        Self { capacity, workloads: running.map(|i| (i.id, (i.pool.clone(), i.in_force.clone()))).collect() }
    }
}

/// z of the 90 % quantile.
const HIGH: f64 = 1.282;

#[derive(Default)]
struct Sum {
    mean: f64,
    variance: f64,
    in_force: i64,
    workloads: usize,
}

/// All slots from `first` on that the forecasts speak of, the likeliest shortage first.
pub fn identify_bottlenecks(supply: &PoolSupply, forecasts: &[SeriesForecast], first: Slot) -> Vec<Bottleneck> {
    let mut sums: BTreeMap<(String, Resource, Slot), Sum> = BTreeMap::new();
    for series in forecasts {
        let Some((pool, in_force)) = supply.workloads.get(&series.instance) else { continue };
        for point in series.points.iter().filter(|p| p.slot >= first) {
            let sum = sums.entry((pool.clone(), series.resource, point.slot)).or_default();
            sum.mean += point.mean;
            sum.variance += point.variance;
            sum.in_force += amount(in_force, series.resource);
            sum.workloads += 1;
        }
    }
    let mut list: Vec<Bottleneck> = sums
        .into_iter()
        .map(|((pool, resource, slot), sum)| {
            let capacity = supply.capacity.get(&(pool.clone(), resource)).copied().unwrap_or(0);
            let deviation = sum.variance.sqrt();
            let high = (sum.mean + HIGH * deviation).max(0.0);
            Bottleneck {
                probability: chance_above(capacity, sum.mean, deviation),
                probability_above_in_force: chance_above(sum.in_force, sum.mean, deviation),
                mean: sum.mean,
                high,
                capacity,
                in_force: sum.in_force,
                short_by: (high.ceil() as i64 - capacity).max(0),
                workloads: sum.workloads,
                pool,
                resource,
                slot,
            }
        })
        .collect();
    list.sort_by(|a, b| {
        let likely = b.probability.total_cmp(&a.probability);
        let next = likely.then(b.probability_above_in_force.total_cmp(&a.probability_above_in_force));
        next.then_with(|| (a.slot, &a.pool, a.resource).cmp(&(b.slot, &b.pool, b.resource)))
    });
    list
}

/// P(N(mean, deviation) > capacity), to five digits.
fn chance_above(capacity: i64, mean: f64, deviation: f64) -> f64 {
    let beyond = capacity as f64 - mean;
    if deviation <= f64::EPSILON {
        return if beyond < 0.0 { 1.0 } else { 0.0 };
    }
    (upper_tail(beyond / deviation) * 1e5).round() / 1e5
}

/// Upper tail of the standard normal distribution: Abramowitz and Stegun 26.2.17, error below 1e-7.
fn upper_tail(z: f64) -> f64 {
    const PART: f64 = 0.231_641_9;
    const POLYNOMIAL: [f64; 5] = [0.319_381_53, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + PART * z.abs());
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let tail = density * POLYNOMIAL.iter().rev().fold(0.0, |sum, c| (sum + c) * t);
    if z >= 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::forecasts::Point;
    use headroom_market::time::Timestamp;

    #[test]
    fn tails_are_those_of_tables() {
        for (z, tail) in [(0.0, 0.5), (1.0, 0.158_655), (-1.0, 0.841_345), (1.96, 0.024_998), (3.0, 0.001_350)] {
            assert!((upper_tail(z) - tail).abs() < 1e-6, "{z}");
        }
        assert_eq!((chance_above(10, 11.0, 0.0), chance_above(10, 10.0, 0.0)), (1.0, 0.0));
    }

    #[test]
    fn the_likeliest_shortage_comes_first() {
        let (one, two) = (InstanceId::from_raw(1), InstanceId::from_raw(2));
        let cpu = Resource::CpuMilli;
        let supply = PoolSupply {
            capacity: [(("p".to_owned(), cpu), 100), (("q".to_owned(), cpu), 100)].into(),
            workloads: [(one, ("p".to_owned(), [(cpu, 50)].into())), (two, ("q".to_owned(), [(cpu, 80)].into()))]
                .into(),
        };
        let series = |instance, mean| SeriesForecast {
            instance,
            resource: cpu,
            model: String::new(),
            issued_at: Timestamp::from_seconds(0),
            samples: 1,
            rejected_samples: 0,
            points: [60, 120]
                .map(|slot| Point {
                    horizon_slots: 1,
                    slot: Slot::starting_at(slot),
                    mean,
                    variance: 100.0,
                    quantiles: BTreeMap::new(),
                })
                .into(),
            accuracy: Vec::new(),
        };
        let found = identify_bottlenecks(&supply, &[series(one, 70.0), series(two, 100.0)], Slot::starting_at(120));
        let pools: Vec<_> = found.iter().map(|b| (b.pool.as_str(), b.slot.seconds())).collect();
        assert_eq!(pools, [("q", 120), ("p", 120)], "slots before the first are over");
        assert_eq!((found[0].probability, found[0].short_by), (0.5, 13));
        assert_eq!((found[1].probability, found[1].short_by), (0.001_35, 0));
        assert!(found[1].probability_above_in_force > 0.97);
    }
}
